"""What a model says about patterns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Prediction(NamedTuple):
    """Predicted labels of P patterns.

    Attributes:
        mean: (P,) float64 in the unit of the label; (P, L) for L > 1 labels.
        std: standard uncertainty, the same shape: calibrated so that ±1.645 of it held 90 % of the test
            patterns (one number for all patterns where the model is neither an ensemble nor trained with
            the loss "gaussian").

    Example:
        >>> Prediction(np.array([0.5, 0.7]), np.array([0.1, 0.1]))
        Prediction of 2 patterns: 0.5 to 0.7, on average 0.6 ± 0.1 (standard uncertainty)
    """

    mean: np.ndarray
    std: np.ndarray

    def __repr__(self) -> str:
        count, dark = len(self.mean), int(np.isnan(self.mean).reshape(len(self.mean), -1).any(axis=1).sum())
        text = f"Prediction of {count:,} patterns"
        if dark < count:
            low, middle, high = (
                np.array2string(np.asarray(f(self.mean, axis=0)), precision=4)
                for f in (np.nanmin, np.nanmean, np.nanmax)
            )
            spread = np.array2string(np.asarray(np.nanmean(self.std, axis=0)), precision=4)
            text += f": {low} to {high}, on average {middle} ± {spread} (standard uncertainty)"
        return f"{text}; {dark:,} are NaN" if dark else text


class Description(NamedTuple):
    """What a model says about patterns, and how far they are from those that it was trained on.

    Attributes:
        prediction: the :class:`Prediction`.
        features: {"pattern": (P, F), "network": (P, F')}, see
            :class:`pyiron_nbed.learning.distrust.Distrust`.
        distrust: (P,), above 1 for patterns unlike those of the training; None: the model has no measure.
    """

    prediction: Prediction
    features: dict[str, np.ndarray]
    distrust: np.ndarray | None
