"""Maps side by side: what a box plot shows, and whether two differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pyiron_nbed.checks import shown, whole
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.disorder_map import DisorderMap

_WHISKER = 1.5
_LOW, _HIGH = 2.5, 97.5


def trusted_values(found: DisorderMap) -> np.ndarray:
    """Values of the positions without a flag, in the order of the scan.

    Args:
        found: the map.

    Returns:
        (P,) numbers, of all positions with a prediction where every one has a flag.
    """
    known = np.isfinite(found.mean)
    own = known & ~found.flagged
    return found.mean[own if own.any() else known]


def compare_maps(
    maps: Sequence[DisorderMap],
    names: Sequence[str] | None = None,
    block: int = 8,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a box plot shows of maps, and whether their means differ.

    Neighbouring positions see overlapping volumes: squares of positions are drawn with replacement (block
    bootstrap [Kunsch1989]), not single positions. Positions with a flag take no part.

    Two means may differ by the error of the level, which another structure, or another calibration, brings:
    ``differ`` counts sampling alone, ``differ_with_level`` adds the 90 % intervals of both levels in squares.

    Args:
        maps: of the same label.
        names: of the maps; None numbers them.
        block: positions along each side of a square, at least as many as a probe is wide.
        n_bootstrap: draws.
        seed: of the draws.

    Returns:
        One row for each map: map, n_positions, mean, mean_low, mean_high (95 %), median, quartile_low,
        quartile_high, whisker_low, whisker_high, n_outliers, level, level_error, share_flagged; and one for
        each pair: first, second, difference (second − first), difference_low, difference_high (95 %),
        differ, differ_with_level (None where a level has no interval). NaN where there is no position.

    Raises:
        InputError: no maps, another number of names, maps of different labels, or a number out of range.
    """
    maps = listed(maps, "maps", "DisorderMaps")
    for one in maps:
        instance(one, "A map", DisorderMap, "a DisorderMap, as map_scan gives it")
    labels = sorted({one.label for one in maps})
    if len(labels) > 1:
        raise InputError(f"The maps are of {' and '.join(labels)}: compare maps of one label.")
    given = [str(n + 1) for n in range(len(maps))] if names is None else listed(names, "names", "names")
    if len(given) != len(maps) or len(set(map(str, given))) != len(maps):
        raise InputError(
            f"names is {shown(names)}: give {len(maps)} names, a different one for each map, or None."
        )
    block, n_bootstrap = whole(block, "block", 1), whole(n_bootstrap, "n_bootstrap", 1)
    random = np.random.default_rng(whole(seed, "seed", 0))
    means = [_block_means(one, block, n_bootstrap, random) for one in maps]
    table = pd.DataFrame([_row(str(n), one, own) for n, one, own in zip(given, maps, means, strict=True)])
    pairs = []
    for i, j in combinations(range(len(maps)), 2):
        difference = table["mean"][j] - table["mean"][i]
        low, high = np.percentile(means[j] - means[i], (_LOW, _HIGH))
        levels = np.hypot(maps[i].level_error, maps[j].level_error)
        sure = np.hypot((high - low) / 2, levels)
        pairs.append({
            "first": str(given[i]), "second": str(given[j]), "difference": difference,
            "difference_low": low, "difference_high": high, "differ": bool(low > 0 or high < 0),
            "differ_with_level": None if np.isnan(sure) else bool(abs(difference) > sure),
        })  # fmt: skip
    return table, pd.DataFrame(pairs)


def _row(name: str, found: DisorderMap, means: np.ndarray) -> dict[str, Any]:
    values = trusted_values(found)
    row: dict[str, Any] = {"map": name, "n_positions": len(values)}
    nothing = not len(values)
    low, middle, high = (np.nan,) * 3 if nothing else np.percentile(values, (25, 50, 75))
    reach = _WHISKER * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    row |= {
        "mean": np.nan if nothing else values.mean(), "mean_low": np.percentile(means, _LOW),
        "mean_high": np.percentile(means, _HIGH), "median": middle, "quartile_low": low,
        "quartile_high": high, "whisker_low": np.nan if nothing else inside.min(),
        "whisker_high": np.nan if nothing else inside.max(), "n_outliers": len(values) - len(inside),
        "level": found.level, "level_error": found.level_error, "share_flagged": found.flagged.mean(),
    }  # fmt: skip
    return row


def _block_means(found: DisorderMap, block: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """Means of drawn squares of positions, (draws,)."""
    known = np.isfinite(found.mean)
    own = known & ~found.flagged
    own = own if own.any() else known
    if not own.any():
        return np.full(draws, np.nan)
    iy, ix = np.nonzero(own)
    numbers = (iy // block) * (found.shape[1] // block + 1) + ix // block
    _, place = np.unique(numbers, return_inverse=True)
    sums, counts = np.bincount(place, found.mean[own]), np.bincount(place)
    drawn = random.integers(len(sums), size=(draws, len(sums)))
    return sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
