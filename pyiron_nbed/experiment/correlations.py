"""How the observables of a scan go with a map of d_i."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pyiron_nbed.checks import real_array, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.observables_result import Observables
from pyiron_nbed.learning.evaluation import metrics_table

KINDS = ("pearson", "spearman")


def correlation_table(
    observables: Observables | Mapping[str, np.ndarray],
    disorder: np.ndarray,
    block: int = 8,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Pearson's and Spearman's correlation of each observable with a map, with 95 % intervals.

    Neighbouring positions see overlapping volumes: squares of positions are drawn with replacement (block
    bootstrap [Kunsch1989]), not single positions. Spearman's is Pearson's of the ranks, which are
    those of the whole map. An angle goes round, so that a direction correlates with nothing and is left out.

    Args:
        observables: :class:`Observables`, or maps by name, (Ny, Nx) each.
        disorder: (Ny, Nx) map of d_i; NaN where there is none.
        block: positions along each side of a square, at least as many as a probe is wide.
        n_bootstrap: draws.
        seed: of the draws.

    Returns:
        One row for each observable: observable, n_positions (where both are known), n_blocks, pearson,
        pearson_low, pearson_high, spearman, spearman_low, spearman_high; NaN where one of the two is
        constant, and intervals where there is one block only.

    Raises:
        InputError: maps that are no numbers or differ in shape, or a number out of range.

    Example:
        >>> d = np.arange(64.0).reshape(8, 8)
        >>> table = correlation_table({"total": d**2, "noise": np.cos(9 * d)}, d, block=2)
        >>> table["observable"].tolist(), float(table["spearman"][0].round(3)), int(table["n_blocks"][0])
        (['total', 'noise'], 1.0, 16)
    """
    if isinstance(observables, Observables):
        observables = {k: v for k, v in observables.maps().items() if k != "strain_angle"}
    elif not isinstance(observables, Mapping) or not observables:
        raise InputError(
            f"observables is {shown(observables)}: give Observables, or {{name: (Ny, Nx) numbers}}."
        )
    d = real_array(disorder, "disorder", (None, None), "a map (Ny, Nx) of numbers", finite=False)
    block = whole(block, "block", 1)
    iy, ix = np.indices(d.shape)
    blocks = (iy // block) * (d.shape[1] // block + 1) + ix // block
    rows = []
    for name, values in observables.items():
        map_ = real_array(
            values, f"The map {name!r}", d.shape, f"{d.shape} numbers, as disorder", finite=False
        )
        both = np.isfinite(map_) & np.isfinite(d)
        row: dict[str, Any] = {"observable": name, "n_positions": int(both.sum())}
        row["n_blocks"] = len(np.unique(blocks[both]))
        for kind in KINDS:
            pair = [d[both], map_[both]]
            if kind == "spearman":
                pair = [rankdata(side) for side in pair]
            row |= _correlation(kind, pair[0], pair[1], blocks[both], n_bootstrap, seed)
        rows.append(row)
    return pd.DataFrame(rows)


def _correlation(
    kind: str, d: np.ndarray, values: np.ndarray, blocks: np.ndarray, n_bootstrap: int, seed: int
) -> dict[str, float]:
    names = (kind, f"{kind}_low", f"{kind}_high")
    if len(d) < 2:
        whole(n_bootstrap, "n_bootstrap", 1)
        return dict.fromkeys(names, np.nan)
    # in units of its own spread: the metrics compare the two by their difference as well
    spread = np.ptp(values)
    values = (values - values.mean()) / spread * np.ptp(d) if spread > 0 else values
    table = metrics_table(d, values, pd.DataFrame(index=range(len(d))), blocks, n_bootstrap, seed)
    found = table.loc[0, ["correlation", "correlation_low", "correlation_high"]]
    return dict(zip(names, map(float, found), strict=True))
