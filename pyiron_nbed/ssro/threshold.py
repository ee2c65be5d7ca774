"""The value that best tells two populations apart."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.checks import one_of, real_array
from pyiron_nbed.errors import InputError


def population_threshold(low: np.ndarray, high: np.ndarray, weights: str = "rates") -> dict[str, float]:
    """Threshold with the least total error between a low and a high population, as in [WuRupert2026].

    A member of the low population at or above the threshold is an error, and a member of the high one
    below it. Between two equally good places the lower one is taken; the threshold lies
    halfway between the two neighbouring values.

    Args:
        low: (A,) values of the population expected below, such as d_i of ordered motifs.
        high: (B,) values of the population expected above.
        weights: "rates" adds the two error rates, so that both populations count alike; "counts"
            adds the numbers of wrong members.

    Returns:
        {"threshold", "low_below" fraction of the low population below it, "high_above" fraction of
        the high population at or above it, "n_low", "n_high"}.

    Raises:
        InputError: an empty population, NaN, or unknown weights.

    Example:
        >>> population_threshold([0.1, 0.2, 0.3], [0.7, 0.9])["threshold"]
        0.5
    """
    one_of(weights, "weights", ("rates", "counts"))
    populations = []
    for name, values in (("low", low), ("high", high)):
        what = "an array (n,) of numbers"
        array = np.sort(real_array(values, name, (None,), what, finite=False))
        if len(array) == 0 or not np.isfinite(array).all():
            raise InputError(
                f"The {name} population has {len(array)} values, or some are NaN: give at least one "
                "finite number."
            )
        populations.append(array)
    below, above = populations
    values = np.unique(np.concatenate(populations))
    edges = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2, [np.nextafter(values[-1], np.inf)]])
    low_below = np.searchsorted(below, edges, "left")
    high_below = np.searchsorted(above, edges, "left")
    scale = (len(below), len(above)) if weights == "rates" else (1, 1)
    error = (len(below) - low_below) / scale[0] + high_below / scale[1]
    best = int(np.argmin(error))
    return {
        "threshold": float(edges[best]),
        "low_below": float(low_below[best] / len(below)),
        "high_above": float(1 - high_below[best] / len(above)),
        "n_low": len(below),
        "n_high": len(above),
    }
