"""How well predictions agree with the truth."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.errors import InputError


def metrics(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """R², RMSE, MAE, bias and number of patterns.

    R² = 1 − Σ(p − t)² / Σ(t − mean t)²; bias = mean(p − t).

    Args:
        true: (P,) labels.
        predicted: (P,) predictions.

    Returns:
        {"rmse", "mae", "r2", "bias", "n_patterns"}; r2 is NaN where all labels are equal.

    Raises:
        InputError: different lengths or none.

    Example:
        >>> metrics(np.array([0.0, 1.0]), np.array([0.0, 1.0]))["r2"]
        1.0
    """
    true, predicted = np.asarray(true, float).ravel(), np.asarray(predicted, float).ravel()
    if true.shape != predicted.shape or not len(true):
        raise InputError(
            f"There are {len(true)} labels and {len(predicted)} predictions: give one prediction per label."
        )
    error = predicted - true
    spread = float(((true - true.mean()) ** 2).sum())
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1.0 - float((error**2).sum()) / spread if spread > 0 else float("nan"),
        "bias": float(error.mean()),
        "n_patterns": len(true),
    }
