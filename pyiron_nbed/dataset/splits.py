"""Splits into training and test patterns that do not share atoms."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from ase.cell import Cell
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pyiron_nbed.checks import number, one_of, seed_number, shown
from pyiron_nbed.containers import row_numbers
from pyiron_nbed.dataset.storage import is_written_as
from pyiron_nbed.diffraction import OneLayerCluster
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.files import as_path, check_target, replaced

if TYPE_CHECKING:  # it opens datasets that are given, and makes none
    from pyiron_nbed.dataset.reader import PatternDataset

KINDS = ("block", "structure", "job", "random")
FORMAT = "pyiron_nbed split"


@dataclass(frozen=True)
class Split:
    """Rows of the concatenated datasets.

    Attributes:
        train, test: sorted row numbers; rows in neither are left out (the gap).
        validation: sorted row numbers of patterns that choose the learning rate or the epoch in a training;
            none, some that are in neither of the others, or those of the test.
        kind: "block", "structure", "job" or "random".
        seed: of the draw.
        test_fraction: as asked for.
        datasets: (input_hash, number of patterns) of each dataset.
    """

    train: np.ndarray
    test: np.ndarray
    kind: str
    seed: int
    test_fraction: float
    datasets: tuple[tuple[str, int], ...] = ()
    validation: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write the split to an HDF5 file (under a temporary name first); read it by :func:`load_split`.

        Args:
            path: of the file; another split there is replaced.
            overwrite: replace a file of something else too.

        Raises:
            InputError: a split that does not know its datasets, or a path that cannot be written to.

        Example:
            >>> Split(np.array([0]), np.array([1]), "random", 0, 0.5, (("4ac2", 2),)).save("split.h5")
            >>> sorted(os.listdir())
            ['split.h5']
        """
        if not self.datasets:
            raise InputError("The split does not say which datasets it belongs to: make it by split_dataset.")
        check_target(path, overwrite, is_ours=lambda old: is_written_as(old, format=FORMAT))
        with replaced(path) as partial, h5py.File(partial, "w") as file:
            file["train"], file["test"] = self.train.astype("<i8"), self.test.astype("<i8")
            file["validation"] = self.validation.astype("<i8")
            file.attrs.update(
                format=FORMAT, version=1, kind=self.kind, seed=self.seed, test_fraction=self.test_fraction
            )
            file.attrs["dataset_hashes"] = [name for name, _ in self.datasets]
            file.attrs["dataset_lengths"] = [length for _, length in self.datasets]


def load_split(path: str | os.PathLike, datasets: Sequence[PatternDataset]) -> Split:
    """Read a split that was saved, for the same datasets.

    Args:
        path: written by :meth:`Split.save`.
        datasets: those the split was made of, in the same order.

    Returns:
        The :class:`Split`.

    Raises:
        InputError: no path, or no datasets.
        DatasetError: absent, damaged or foreign file, or a split of other datasets.

    Example:
        >>> load_split("absent.h5", [])
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.DatasetError: The split absent.h5 does not exist.
    """
    if not as_path(path, "The split").is_file():
        raise DatasetError(f"The split {path} does not exist.")
    datasets = _given(datasets)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise DatasetError(f"{path} is an HDF5 file but not a split of pyiron_nbed.")
            if int(file.attrs["version"]) > 1:
                raise DatasetError(f"{path} was written by a newer version: update pyiron_nbed.")
            lengths = map(int, file.attrs["dataset_lengths"])
            made_of = tuple(zip(map(str, file.attrs["dataset_hashes"]), lengths, strict=True))
            values = {name: file.attrs[name].item() for name in ("seed", "test_fraction")}
            if "validation" in file:  # splits of before have none
                values["validation"] = file["validation"][:]
            split = Split(
                file["train"][:], file["test"][:], str(file.attrs["kind"]), datasets=made_of, **values
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} cannot be read as a split ({error}): make it again.") from error
    given = tuple((d.input_hash, len(d)) for d in datasets)
    if given != made_of:
        raise DatasetError(
            f"The split {path} was made of the datasets {made_of} (hash, number of patterns), and {given} "
            "are given: give the same in the same order, or make a new split."
        )
    return split


def split_dataset(
    datasets: Sequence[PatternDataset],
    kind: str = "block",
    test_fraction: float = 0.2,
    seed: int = 0,
    rows: np.ndarray | None = None,
) -> Split:
    """Split the patterns of datasets.

    * ``"block"``: inside each structure, the centres of a slab across one cell axis are the test
      set; a gap as wide as the volume on both sides (periodic images counted) is left out, so that
      no atom is in both.
    * ``"structure"``: whole structures are held out.
    * ``"job"``: whole origins (the job or simulation that structures come from) are held out, all their
      frames together.
    * ``"random"``: by volume, as published; overlapping volumes leak from training into test.

    All views of one volume, along whatever zone axes and in whatever files, are in the same part.

    Args:
        datasets: D datasets; rows are counted through all of them.
        kind: see above.
        test_fraction: share held out, above 0 and below 1 (at least one structure or origin).
        seed: of the draw.
        rows: (P,) rows to split, for example the training rows of another split; None takes all.

    Returns:
        The :class:`Split`.

    Raises:
        InputError: no datasets or one twice, unknown kind, fraction, seed or rows out of range, one structure
            only for "structure" (one origin for "job"), a volume too wide for "block", or no centres, which
            "block" needs.

    Example:
        >>> split_dataset([], "random")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: There are no datasets to split: give at least one.
    """
    kind = one_of(kind, "The split", KINDS)
    test_fraction = number(test_fraction, "test_fraction", above=0, below=1)
    datasets = _given(datasets)
    if not datasets:
        raise InputError("There are no datasets to split: give at least one.")
    check_different([dataset.input_hash for dataset in datasets], "patterns")
    random = np.random.default_rng(seed_number(seed))
    rows = np.unique(row_numbers(rows, sum(map(len, datasets))))
    ids = _column(datasets, "structure_id")[rows]
    if kind == "random":
        volume = _volumes(datasets)[rows]
        drawn = random.permutation(n := len(np.unique(volume)))[: max(1, round(test_fraction * n))]
        test = np.isin(np.unique(volume, return_inverse=True)[1], drawn)
        train = ~test
    elif kind == "block":
        train, test = _block(datasets, rows, ids, test_fraction, random)
    else:
        groups = ids if kind == "structure" else _origins(ids, _column(datasets, "origin")[rows])
        names = np.unique(groups)
        if len(names) < 2:
            what = "structures" if kind == "structure" else "origins (jobs)"
            raise InputError(
                f"The split {kind!r} needs patterns of at least two {what}, there is one: add a "
                "dataset or use split = 'block'."
            )
        count = min(max(1, round(test_fraction * len(names))), len(names) - 1)
        test = np.isin(groups, random.permutation(names)[:count])
        train = ~test
    if not train.any() or not test.any():
        raise InputError(
            f"The split {kind!r} leaves {train.sum()} patterns for training and {test.sum()} for testing: "
            "take more patterns, a larger structure or a smaller volume, or use split = 'structure'."
        )
    made_of = tuple((d.input_hash, len(d)) for d in datasets)
    return Split(rows[train], rows[test], kind, seed, float(test_fraction), made_of)


def check_different(hashes: Sequence[str], what: str) -> None:
    """Raise InputError where the same thing is given twice: it would be trained on and tested with.

    Example:
        >>> check_different(["4ac2", "4ac2"], "patterns")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The same patterns (4ac2) are given 2 times: give them once.
    """
    for name, times in Counter(hashes).items():
        if times > 1:
            raise InputError(f"The same {what} ({name}) are given {times} times: give them once.")


def _given(datasets: Any) -> list[PatternDataset]:
    items = list(datasets) if isinstance(datasets, (list, tuple)) else [datasets]
    for item in items:
        if not hasattr(item, "input_hash"):
            raise InputError(
                f"The datasets hold {shown(item)}: give PatternDatasets, for example "
                "PatternDataset('patterns.h5')."
            )
    return items


def _volumes(datasets: Sequence[PatternDataset]) -> np.ndarray:
    # (rows of all datasets,) number of the interaction volume, in the order of its first view; there may be
    # further views of it in other files
    columns = []
    kinds: dict[tuple[str, str, int | None], int] = {}
    for d, dataset in enumerate(datasets):
        ids = [item["structure_id"] for item in dataset.structures]
        shapes = [json.dumps(volume.as_dict()) for volume in dataset.volumes]
        known = np.isfinite(dataset.centers).all(axis=1)
        place = np.where(known[:, None], np.round(dataset.centers * 1e3), dataset.sample[:, None])
        pair = np.array([[kinds.setdefault((i, v, None), len(kinds)) for v in shapes] for i in ids])
        alone = np.array([[kinds.setdefault((i, v, d), len(kinds)) for v in shapes] for i in ids])
        kind = np.where(
            known, pair[dataset.structure, dataset.volume], alone[dataset.structure, dataset.volume]
        )
        columns.append(np.column_stack([kind, place]).astype(np.int64))
    _, first, number = np.unique(np.concatenate(columns), axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number.ravel()]


def shared_volumes(train: Sequence[PatternDataset], test: Sequence[PatternDataset]) -> int:
    """Number of test patterns whose interaction volume is also that of a training pattern, in whatever view.

    Example:
        >>> shared_volumes([], [])
        0
    """
    if not train or not test:
        return 0
    volume = _volumes([*train, *test])
    n_train = sum(map(len, train))
    return int(np.isin(volume[n_train:], volume[:n_train]).sum())


def _column(datasets: Sequence[PatternDataset], name: str) -> np.ndarray:
    # (rows of all datasets,) one entry of the structure of each pattern
    return np.concatenate([np.array([s[name] for s in d.structures])[d.structure] for d in datasets])


def _origins(ids: np.ndarray, origins: np.ndarray) -> np.ndarray:
    # (rows,) number of the group: origins that share a structure are one
    names, of_id = np.unique(ids, return_inverse=True)
    others, of_origin = np.unique(origins, return_inverse=True)
    size = len(names) + len(others)
    links = coo_array((np.ones(len(ids)), (of_id, len(names) + of_origin)), (size, size))
    return connected_components(links, directed=False)[1][of_id]


def _block(
    datasets: Sequence[PatternDataset],
    chosen: np.ndarray,
    ids: np.ndarray,
    test_fraction: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    # for the chosen rows, whose structures are ids
    train, test = np.zeros(len(ids), bool), np.zeros(len(ids), bool)
    centers = np.concatenate([d.centers for d in datasets])[chosen]
    if not np.isfinite(centers).all():
        raise InputError(
            "The split 'block' needs the centres of the volumes, and a pattern file does not know them: use "
            "split = 'random', or 'structure' with further files."
        )
    starts = np.cumsum([0, *map(len, datasets)])
    # one block for each structure, in whatever files its patterns are
    for name in dict.fromkeys(ids.tolist()):
        rows = np.flatnonzero(ids == name)
        parts = np.split(chosen[rows], np.searchsorted(chosen[rows], starts[1:-1]))
        own = [(d, p - start) for d, start, p in zip(datasets, starts[:-1], parts, strict=True) if len(p)]
        structure = next(s for s in own[0][0].structures if s["structure_id"] == name)
        periodic = np.array(structure["pbc"])
        inverse = np.linalg.inv(Cell(structure["cell"]).complete().array)
        scaled = centers[rows] @ inverse
        width = np.max(
            [volume_widths(d, part, inverse) for d, part in own], axis=0
        )  # of the volumes, fractional
        first = int(random.integers(len(rows)))
        # the axis that leaves most for training; the block begins at a centre, so that it is never empty
        found = [_slab(scaled[:, a], bool(periodic[a]), width[a], test_fraction, first) for a in range(3)]
        axis = int(np.argmax([free.sum() for free, _ in found]))
        train[rows], test[rows] = found[axis]
        if not train[rows].any():
            heights = 1.0 / np.linalg.norm(inverse, axis=0)
            raise InputError(
                f"The split 'block' is not possible: the volume is {width[axis] * heights[axis]:.1f} Å wide "
                f"in a cell of {heights[axis]:.1f} Å, so that no pattern is free of the test block: use "
                "split = 'structure', a larger structure or a smaller volume."
            )
    return train, test


def _slab(
    scaled: np.ndarray, periodic: bool, width: float, test_fraction: float, first: int
) -> tuple[np.ndarray, np.ndarray]:
    # (free of the slab and its gaps, inside the slab) for positions along one axis
    at = (scaled - scaled[first] + 1e-9) % 1.0 if periodic else scaled - scaled.min()
    end = np.sort(at)[int(np.ceil(test_fraction * len(at))) - 1] + 2e-9
    distance = at - end
    if periodic:
        distance = np.minimum(distance, 1.0 - at)
    return (at > end) & (distance > width), at <= end


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
