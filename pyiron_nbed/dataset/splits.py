"""Splits into training and test patterns that do not share atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pyiron_nbed.diffraction import OneLayerCluster
from pyiron_nbed.errors import InputError

if TYPE_CHECKING:
    from pyiron_nbed.dataset.reader import PatternDataset

KINDS = ("block", "structure", "random")


@dataclass(frozen=True)
class Split:
    """Rows of the concatenated datasets.

    Attributes:
        train, test: sorted row numbers; rows in neither are left out (the gap).
        kind: "block", "structure" or "random".
        seed: of the draw.
        test_fraction: as asked for.
    """

    train: np.ndarray
    test: np.ndarray
    kind: str
    seed: int
    test_fraction: float


def split_dataset(
    datasets: Sequence[PatternDataset], kind: str = "block", test_fraction: float = 0.2, seed: int = 0
) -> Split:
    """Split the patterns of datasets.

    * ``"block"``: inside each structure, the centres of a slab across one cell axis are the test
      set; a gap as wide as the volume on both sides (periodic images counted) is left out, so that
      no atom is in both.
    * ``"structure"``: whole structures are held out.
    * ``"random"``: by pattern, as published; overlapping volumes leak from training into test.

    Args:
        datasets: D datasets; rows are counted through all of them.
        kind: see above.
        test_fraction: share held out, above 0 and below 1 (at least one structure).
        seed: of the draw.

    Returns:
        The :class:`Split`.

    Raises:
        InputError: unknown kind, fraction out of range, one structure only for "structure", or a
            volume too wide for "block".

    Example:
        >>> split_dataset([], "random")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: There are no datasets to split: give at least one.
    """
    if kind not in KINDS:
        raise InputError(f"The split is {kind!r}: choose one of {', '.join(map(repr, KINDS))}.")
    if not isinstance(test_fraction, (int, float)) or not 0 < test_fraction < 1:
        raise InputError(f"test_fraction is {test_fraction!r}: give a number between 0 and 1.")
    if not datasets:
        raise InputError("There are no datasets to split: give at least one.")
    random = np.random.default_rng(seed)
    ids = np.concatenate([np.array([s["structure_id"] for s in d.structures])[d.structure] for d in datasets])
    test = np.zeros(len(ids), bool)
    train = np.zeros(len(ids), bool)
    if kind == "random":
        chosen = random.permutation(len(ids))[: max(1, round(test_fraction * len(ids)))]
        test[chosen] = True
        train = ~test
    elif kind == "structure":
        names = np.unique(ids)
        if len(names) < 2:
            raise InputError(
                "The split 'structure' needs patterns of at least two structures, there is one: add a "
                "dataset or use split = 'block'."
            )
        count = min(max(1, round(test_fraction * len(names))), len(names) - 1)
        test = np.isin(ids, random.permutation(names)[:count])
        train = ~test
    else:
        row = 0
        for dataset in datasets:
            block = slice(row, row + len(dataset))
            train[block], test[block] = _block(dataset, test_fraction, random)
            row += len(dataset)
    if not train.any() or not test.any():
        raise InputError(
            f"The split {kind!r} leaves {train.sum()} patterns for training and {test.sum()} for testing: "
            "take more patterns, a larger structure or a smaller volume, or use split = 'structure'."
        )
    return Split(np.flatnonzero(train), np.flatnonzero(test), kind, seed, float(test_fraction))


def _block(
    dataset: PatternDataset, test_fraction: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    train = np.zeros(len(dataset), bool)
    test = np.zeros(len(dataset), bool)
    for index, structure in enumerate(dataset.structures):
        rows = np.flatnonzero(dataset.structure == index)
        if not len(rows):
            continue
        cell, periodic = np.array(structure["cell"]), np.array(structure["pbc"])
        inverse = np.linalg.inv(cell)
        scaled = dataset.centers[rows] @ inverse
        width = volume_widths(dataset, rows, inverse)  # full width of the volumes, fractional
        low = np.where(periodic, 0.0, scaled.min(axis=0))
        length = np.where(periodic, 1.0, np.maximum(scaled.max(axis=0) - low, 1e-12))
        # what remains for training: two gaps in a periodic cell, one beside a block at an open end
        remains = 1 - test_fraction - np.where(periodic, 2, 1) * width / length
        axis = int(np.argmax(remains))
        if remains[axis] <= 0:
            height = 1.0 / np.linalg.norm(inverse[:, axis])
            raise InputError(
                f"The split 'block' is not possible: the volume is {width[axis] * height:.1f} Å wide in a "
                f"cell of {length[axis] * height:.1f} Å, so that no pattern is free of the test block: use "
                "split = 'structure', a larger structure or a smaller volume."
            )
        at = (scaled[:, axis] - low[axis]) / length[axis]
        gap = width[axis] / length[axis]
        if periodic[axis]:
            # the block begins at a centre drawn at random, so that it is never empty
            at = (at - at[random.integers(len(at))] + 1e-9) % 1.0
            distance = np.where(at < test_fraction, 0.0, np.minimum(at - test_fraction, 1.0 - at))
        else:
            distance = np.maximum(at - test_fraction, 0.0)
        test[rows] = distance <= 0
        train[rows] = distance > gap
    return train, test


def volume_widths(dataset: PatternDataset, rows: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Full width of the widest volume of some patterns along each cell axis.

    Args:
        dataset: the dataset.
        rows: (P,) row numbers, of one structure.
        inverse: (3, 3) inverse of its cell in Å⁻¹.

    Returns:
        (3,) in fractional coordinates.
    """
    width = np.zeros(3)
    for v in np.unique(dataset.volume[rows]):
        axes = dataset.zone_axes[rows][dataset.volume[rows] == v]
        if isinstance(dataset.volumes[v], OneLayerCluster):
            axes = axes[:1]  # as wide along any
        for axis in np.unique(axes, axis=0):
            unit = axis / np.linalg.norm(axis)
            width = np.maximum(width, 2 * dataset.volumes[v].half_extent(inverse.T, unit))
    return width
