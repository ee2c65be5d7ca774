"""Split-conformal calibration of predicted uncertainties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pyiron_nbed.checks import number, real_array
from pyiron_nbed.errors import InputError

COVERAGE = 0.9
NORMAL_QUANTILE = 1.6448536269514722  # ±1.645 standard deviations hold 90 % of a normal distribution


def conformal_quantile(
    scores: np.ndarray, coverage: float = COVERAGE, weights: np.ndarray | None = None
) -> float:
    """Split-conformal quantile: the ⌈(n + 1)·coverage⌉-th smallest score [Vovk2005], [Lei2018].

    An interval mean ± quantile·u holds the label of a new pattern, exchangeable with the n of the scores
    |label − mean| / u, with a probability of at least ``coverage``.

    Args:
        scores: (n,) ≥ 0.
        coverage: between 0 and 1.
        weights: (n,) > 0, how often what it stands for is met; None: all alike. One more has their mean.

    Returns:
        The quantile; the largest score where n is too small for the coverage.

    Raises:
        InputError: no scores, or a coverage beyond 0 to 1.

    Example:
        >>> conformal_quantile(np.arange(1, 100), 0.9)
        90.0
    """
    coverage = number(coverage, "coverage", above=0, below=1)
    scores = real_array(scores, "scores", (None,), "an array of numbers (n,)", finite=False)
    if not len(scores):
        raise InputError("There are no scores: give at least one.")
    if weights is not None:
        weights = real_array(weights, "weights", scores.shape, "a number for each score")
        order = np.argsort(scores, kind="stable")
        share = np.cumsum(weights[order]) / (weights.sum() + weights.mean())
        place = int(np.searchsorted(share, coverage - 1e-12))
        return float(scores[order[min(place, len(scores) - 1)]])
    scores = np.sort(scores)
    return float(scores[min(int(np.ceil((len(scores) + 1) * coverage)), len(scores)) - 1])


def calibrate(test: pd.DataFrame, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Factor by which the standard uncertainties of a model must be multiplied, and how well that works.

    The factor makes ±1.645 standard uncertainties the 90 % interval of :func:`conformal_quantile` over all
    test patterns. The coverage reported is measured on other patterns than those that gave the factor: the
    test patterns are divided into two halves (whole structures where there are several, else two sides of the
    structure) and each half is judged with the factor of the other.

    Args:
        test: table of :func:`pyiron_nbed.learning.training.prediction_table`.
        labels: names of the labels.

    Returns:
        {label: {"factor", "coverage" (of the 90 % interval), "n"}}.
    """
    first = halves(test)
    result = {}
    for name in labels:
        tail = "" if len(labels) == 1 else f"/{name}"
        error = np.abs(test["predicted" + tail] - test["true" + tail]).to_numpy()
        scores = error / test["standard_uncertainty" + tail].to_numpy()
        inside = np.zeros(len(scores), bool)
        for own in (first, ~first):
            if own.any() and (~own).any():
                inside[own] = scores[own] <= conformal_quantile(scores[~own])
        result[name] = {
            "factor": conformal_quantile(scores) / NORMAL_QUANTILE,
            "coverage": float(inside.mean()) if first.any() and (~first).any() else None,
            "n": len(scores),
        }
    return result


def halves(test: pd.DataFrame) -> np.ndarray:
    """(P,) bool: the first of two halves of test patterns that share as little as can be.

    Args:
        test: with "structure" and "block".
    """
    structures, sizes = np.unique(test["structure"], return_counts=True)
    if len(structures) > 1:
        chosen: list = []
        for structure in structures[np.argsort(sizes)[::-1]]:  # largest first, into the emptier half
            if 2 * test["structure"].isin(chosen).sum() < len(test):
                chosen.append(structure)
        if len(chosen) < len(structures):
            return test["structure"].isin(chosen).to_numpy()
    blocks = test["block"].to_numpy()
    names = np.unique(blocks)
    return np.isin(blocks, names[: len(names) // 2])
