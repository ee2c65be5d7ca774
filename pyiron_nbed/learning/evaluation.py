"""How well predictions agree with the truth, with intervals that know that volumes overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from ase.cell import Cell

from pyiron_nbed.checks import seed_number, whole
from pyiron_nbed.containers import columns, instance
from pyiron_nbed.dataset.schema import COMPOSITION_PREFIX
from pyiron_nbed.dataset.splits import volume_widths
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro.regions import OUTSIDE, REGION_TYPES

if TYPE_CHECKING:
    from pyiron_nbed.dataset import PatternDataset

GROUPS = ("region", "volume", "structure", "temperature", "composition")
INTERVALS = ("rmse", "mae", "bias", "correlation", "skill")
_UNKNOWN = "unknown"
_MOMENTS = ("n", "t", "p", "tt", "pp", "tp", "abs")


def metrics(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """R², RMSE, MAE, bias, correlation, skill and number of patterns.

    R² = 1 − Σ(p − t)² / Σ(t − mean t)²; bias = mean(p − t); correlation is Pearson's. The skill
    1 − MSE / variance of the label is R² under the name that counts inside a region: 0 for a network that
    predicts no more than the mean label there, below 0 for one that is worse.

    Args:
        true: (P,) labels.
        predicted: (P,) predictions.

    Returns:
        {"rmse", "mae", "r2", "bias", "correlation", "skill", "n_patterns"}; r2 and skill are NaN where all
        labels are equal, the correlation also where all predictions are.

    Raises:
        InputError: no numbers, different lengths or none.

    Example:
        >>> metrics(np.array([0.0, 1.0]), np.array([0.0, 1.0]))["r2"]
        1.0
    """
    true, predicted = _pairs(true, predicted)
    values = _from_moments(_moments(true, predicted).sum(axis=0))
    return {**{name: float(value) for name, value in values.items()}, "n_patterns": len(true)}


def metrics_table(
    true: np.ndarray,
    predicted: np.ndarray,
    groups: pd.DataFrame,
    blocks: np.ndarray,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Metrics overall and inside groups, with 95 % bootstrap intervals.

    Volumes overlap, so that patterns are not independent: whole blocks, as wide as a volume, are drawn with
    replacement (block bootstrap [Kunsch1989]), not single patterns.

    Args:
        true, predicted: (P,).
        groups: P rows; a group is made for each value of each column ("region": "interior", …).
        blocks: (P,) name or number of the block of each pattern.
        n_bootstrap: draws.
        seed: of the draws.

    Returns:
        One row per group, "all" first: by, group, n_patterns, n_blocks, r2, rmse, mae, bias, correlation,
        skill, label_std (standard deviation of the label), and rmse_low, rmse_high, … for {rmse, mae, bias,
        correlation, skill}; NaN intervals where there is one block only.

    Raises:
        InputError: no numbers, different lengths, no table of groups, or draws out of range.

    Example:
        >>> t = np.linspace(0, 1, 40)
        >>> table = metrics_table(t, t + 0.1, pd.DataFrame({"half": np.arange(40) // 20}), np.arange(40) // 4)
        >>> table[["by", "group", "n_patterns"]].values.tolist()
        [['all', 'all', 40], ['half', '0', 20], ['half', '1', 20]]
    """
    true, predicted = _pairs(true, predicted)
    instance(groups, "groups", pd.DataFrame, "a pandas.DataFrame with a row for each pattern")
    n_bootstrap, seed = whole(n_bootstrap, "n_bootstrap", 1), seed_number(seed)
    if len(groups) != len(true) or np.shape(blocks) != (len(true),):
        raise InputError(
            f"There are {len(true)} labels, {len(groups)} groups and {np.size(blocks)} blocks: give as "
            "many of each."
        )
    everywhere = [("all", "all", np.ones(len(true), bool))]
    for by in groups.columns:
        values = groups[by].to_numpy()
        everywhere += [(by, str(name), values == name) for name in pd.unique(groups[by].sort_values())]
    rows = []
    for by, group, own in everywhere:
        _, block = np.unique(np.asarray(blocks)[own], return_inverse=True)
        sums = np.zeros((block.max() + 1, len(_MOMENTS)))
        np.add.at(sums, block, _moments(true[own], predicted[own]))
        row = {"by": by, "group": group, "n_patterns": int(own.sum()), "n_blocks": len(sums)}
        row |= {k: float(v) for k, v in _from_moments(sums.sum(axis=0)).items()}
        row["label_std"] = float(true[own].std())
        random = np.random.default_rng(seed)
        drawn = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_bootstrap) @ sums
        spread = _from_moments(drawn)
        for name in INTERVALS:
            low, high = (np.nan, np.nan)
            if len(sums) > 1 and np.isfinite(spread[name]).any():  # a constant correlates with nothing
                low, high = np.nanpercentile(spread[name], [2.5, 97.5])
            row |= {f"{name}_low": float(low), f"{name}_high": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)


def report(models: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The metrics of models on the same test patterns as a short table to print.

    Args:
        models: {name: metrics with "groups"}, such as {"network": card["metrics"], **card["baselines"]}.

    Returns:
        Rows for all patterns and each region of several (for each of several labels): model, patterns, n,
        rmse with its 95 % interval as text, mae, r2 (inside a region the skill) and bias; rounded to what
        can be read.

    Example:
        >>> t = np.linspace(0, 1, 40)
        >>> table = metrics_table(t, t + 0.1, pd.DataFrame({"region": ["crystal"] * 40}), np.arange(40) // 4)
        >>> print(report({"network": {"groups": table.to_dict("records")}}).iloc[0].to_dict()["interval"])
        0.1000 to 0.1000
    """
    rows = []
    for model, found in models.items():
        several = found.get("labels", {})
        for label, own in several.items() if several else [("", found)]:
            for row in own["groups"]:
                whole = row["n_patterns"] == own["groups"][0]["n_patterns"]
                if row["by"] not in ("all", "region") or (row["by"] == "region" and whole):
                    continue  # of one region all has been said
                interval = f"{row['rmse_low']:.4f} to {row['rmse_high']:.4f}"
                numbers = {name: round(row[name], 4) for name in ("mae", "r2", "bias")}
                group = OUTSIDE if row["group"] == REGION_TYPES[0] else row["group"]
                rows.append(
                    {"model": model, **({"label": label} if several else {}), "patterns": group,
                     "n": row["n_patterns"], "rmse": round(row["rmse"], 4),
                     "interval": interval if np.isfinite(row["rmse_low"]) else "unknown", **numbers}
                )  # fmt: skip
    return pd.DataFrame(rows)


def pattern_groups(dataset: PatternDataset, rows: np.ndarray) -> pd.DataFrame:
    """What patterns can be grouped by, and the blocks of the bootstrap.

    Args:
        dataset: the dataset.
        rows: (P,) row numbers.

    Returns:
        P rows: region, structure (id), volume (text), temperature (text: K of the frame, or "minimized"),
        composition (text: ten-percent class of the fraction of the rarest element in the volume), n_atoms,
        block (structure and number of the box, at least as wide as the volumes, that the centre is in).
    """
    ids = np.array([item["structure_id"] for item in dataset.structures])[dataset.structure[rows]]
    block = np.empty(len(rows), object)
    for s in np.unique(dataset.structure[rows]):
        own = np.flatnonzero(dataset.structure[rows] == s)
        if not np.isfinite(dataset.centers[rows[own]]).all():
            block[own] = f"{ids[own[0]]}:{_UNKNOWN}"  # nobody knows which of them overlap
            continue
        cell = Cell(dataset.structures[s]["cell"]).complete().array
        widths = volume_widths(dataset, rows[own], np.linalg.inv(cell))
        boxes = np.maximum(1, (1 / widths).astype(int))
        scaled = (dataset.centers[rows[own]] @ np.linalg.inv(cell)) % 1.0
        place = np.minimum((scaled * boxes).astype(int), boxes - 1)
        block[own] = [f"{ids[own[0]]}:{x}.{y}.{z}" for x, y, z in place]
    degrees = [item.get("temperature") for item in dataset.structures]
    names = np.array([_UNKNOWN if t is None else f"{t:.0f} K" if t else "minimized" for t in degrees], object)
    return pd.DataFrame(
        {
            "region": np.array(dataset.region_types)[dataset.region[rows]],
            "structure": ids,
            "volume": np.array([str(v) for v in dataset.volumes])[dataset.volume[rows]],
            "temperature": names[dataset.structure[rows]],
            "composition": _composition_class(dataset.labels.iloc[rows]),
            "n_atoms": dataset.n_atoms[rows],
            "block": block,
        }
    )


def _composition_class(labels: pd.DataFrame) -> np.ndarray:
    fractions = labels.filter(like=COMPOSITION_PREFIX)
    if fractions.shape[1] < 2:
        return np.full(len(labels), _UNKNOWN, object)
    rarest = fractions.mean().idxmin()
    low = np.minimum(np.floor(10 * fractions[rarest].to_numpy() + 1e-9), 9).astype(int) * 10
    symbol = rarest.removeprefix(COMPOSITION_PREFIX)
    return np.array([f"{symbol} {x} to {x + 10} %" for x in low], object)


def _pairs(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = columns(finite=False, true=true, predicted=predicted)
    return true, predicted


def _moments(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    # (P, 7): what sums of which give all metrics; about the mean label, so that squares stay exact
    t, p = true - true.mean(), predicted - true.mean()
    return np.column_stack([np.ones(len(t)), t, p, t * t, p * p, t * p, np.abs(p - t)])


def _from_moments(sums: np.ndarray) -> dict[str, np.ndarray]:
    n, t, p, tt, pp, tp, absolute = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.maximum(tt - 2 * tp + pp, 0.0)
        spread, spread_p = tt - t * t / n, pp - p * p / n
        # below rounding all values are equal
        spread = np.where(spread > 1e-12 * (tt + 1e-300), spread, np.nan)
        spread_p = np.where(spread_p > 1e-12 * (pp + 1e-300), spread_p, np.nan)
        r2 = 1 - squares / spread
        return {
            "rmse": np.sqrt(squares / n), "mae": absolute / n, "r2": r2, "bias": (p - t) / n,
            "correlation": (tp - t * p / n) / np.sqrt(spread * spread_p), "skill": r2,
        }  # fmt: skip
