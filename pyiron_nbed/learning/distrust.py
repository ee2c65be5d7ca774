"""How far a pattern is from all that a model was trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyiron_nbed.checks import number, real_array, shown
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.files import replaced
from pyiron_nbed.learning.uncertainty import conformal_quantile

FAMILIES = ("pattern", "network")
SHARE = 0.99  # of patterns of structures that were held out lie below the threshold of each family
_PARTS = ("mean", "factor", "threshold")


@dataclass(frozen=True, eq=False)
class Distrust:
    """Distance of a pattern to the training patterns, in units of what held-out structures reach.

    Two families of features describe a pattern: "pattern", rotation-invariant numbers of its image, and
    "network", the input of the last layer of the network, of length 1. For each the Mahalanobis distance
    D = |L (f − m)| to the training patterns is taken, with their mean m and LᵀL the inverse of their
    covariance, shrunk after [LedoitWolf2004], and divided by the distance below which a share of 0.99 of the
    patterns of held-out structures lie. The larger of the two is the distrust: above 1 a pattern is unlike
    what the model has seen.

    Args:
        mean: {family: (F,)}.
        factor: {family: (F, F)}, L.
        threshold: {family: D of held-out structures}.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> seen, held_out = ({name: rng.normal(size=(500, 3)) for name in FAMILIES} for _ in range(2))
        >>> distrust = Distrust.fitted(seen, held_out)
        >>> distrust.score({name: np.full((1, 3), 9.0) for name in FAMILIES}).round() > 1
        array([ True])
    """

    mean: dict[str, np.ndarray]
    factor: dict[str, np.ndarray]
    threshold: dict[str, float]

    @classmethod
    def fitted(
        cls,
        seen: Mapping[str, np.ndarray],
        held_out: Mapping[str, np.ndarray],
        share: float = SHARE,
        weights: np.ndarray | None = None,
    ) -> Distrust:
        """Mean and covariance of training patterns, thresholds from others.

        Args:
            seen: {family: (P, F) features of training patterns}.
            held_out: the same of patterns of structures that were not trained on.
            share: of the latter that lies below the threshold of each family.
            weights: of the latter, (P,) > 0. None: all alike.

        Raises:
            InputError: missing families, other numbers of features, or too few patterns.
        """
        from sklearn.covariance import LedoitWolf

        share = number(share, "share", above=0, below=1)
        mean, factor, threshold = {}, {}, {}
        for name in FAMILIES:
            own, others = (_table(given, name) for given in (seen, held_out))
            if own.shape[1] != others.shape[1] or len(own) < 2:
                raise InputError(
                    f"The features {name!r} have shapes {own.shape} and {others.shape}: give at least 2 "
                    "patterns, and as many features of both."
                )
            estimate = LedoitWolf().fit(own)
            values, vectors = np.linalg.eigh(estimate.covariance_)
            floor = max(values[-1] * 1e-10, np.finfo(float).tiny)
            mean[name] = estimate.location_
            factor[name] = (vectors / np.sqrt(np.maximum(values, floor))).T
            far = np.linalg.norm((others - mean[name]) @ factor[name].T, axis=1)
            threshold[name] = conformal_quantile(far, share, weights)
        return cls(mean, factor, threshold)

    def score(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The distrust of patterns.

        Args:
            features: {family: (P, F)}, as :meth:`pyiron_nbed.learning.Model.describe` gives them.

        Returns:
            (P,) ≥ 0; NaN where a feature is NaN.

        Raises:
            InputError: missing families or another number of features.
        """
        scores = []
        for name in FAMILIES:
            own = _table(features, name)
            if own.shape[1] != len(self.mean[name]):
                raise InputError(
                    f"The features {name!r} are {own.shape[1]} for each pattern, and the model has "
                    f"{len(self.mean[name])}: take those of the same model."
                )
            far = np.linalg.norm((own - self.mean[name]) @ self.factor[name].T, axis=1)
            scores.append(far / self.threshold[name])
        return np.maximum(*scores)

    def save(self, path: str | os.PathLike) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        tables = {
            f"{part}.{name}": np.ascontiguousarray(getattr(self, part)[name], np.float32)
            for part in _PARTS
            for name in FAMILIES
        }
        with replaced(path) as partial:
            save_file(tables, partial)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Distrust:
        """Read a file that :meth:`save` wrote.

        Raises:
            ModelError: absent, damaged, or another file.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            tables = load_file(path)
            parts = {part: {name: tables[f"{part}.{name}"] for name in FAMILIES} for part in _PARTS}
        except (OSError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"The distrust of a model cannot be read from {Path(path)} ({error}): train it again."
            ) from None
        threshold = {name: float(np.squeeze(value)) for name, value in parts["threshold"].items()}
        return cls(parts["mean"], parts["factor"], threshold)


def _table(features: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if not isinstance(features, Mapping) or name not in features:
        raise InputError(f"The features are {shown(features)}: give those of Model.describe.")
    return real_array(features[name], f"The features {name!r}", (None, None), "(P, F) numbers", finite=False)
