"""Several pattern files in one."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np

from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.reader import PatternDataset, as_datasets
from pyiron_nbed.dataset.storage import RowWriter, create_file, is_written_as
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import check_target, replaced
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of, versions

_ROWS = 1024


def concatenate_datasets(
    path: str | os.PathLike,
    datasets: Sequence[PatternDataset | str | os.PathLike],
    overwrite: bool = False,
) -> int:
    """Write the patterns of several files into a new one, in their order.

    To append to a file, concatenate it with the addition and replace it. Structures and volumes that
    several files share are kept once, so that a split by structure holds them out together.

    Args:
        path: HDF5 file to write (under a temporary name first); another pattern file there is replaced.
        datasets: files with the same mesh, kind of numbers and labels.
        overwrite: replace a file of something else too.

    Returns:
        Number of patterns written.

    Raises:
        InputError: none given, they do not match, or a path that cannot be written to.
        DatasetError: a file that cannot be read, or no room on the disc.

    Example:
        >>> concatenate_datasets("all.h5", [])
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: There are no datasets to concatenate: give at least one.
    """
    check_target(path, overwrite, is_ours=lambda old: is_written_as(old, format=schema.FORMAT))
    opened = as_datasets(datasets)
    if not opened:
        raise InputError("There are no datasets to concatenate: give at least one.")
    first = opened[0]
    for other in opened[1:]:
        for what, one, two in (
            ("mesh", first.mesh, other.mesh),
            ("kind of numbers", first.patterns.dtype, other.patterns.dtype),
            ("labels", sorted(first.labels), sorted(other.labels)),
            ("regions", first.region_types, other.region_types),
        ):
            if one != two:
                raise InputError(
                    f"{first.path} and {other.path} differ in their {what}: {one} and {two}; only files that "
                    "agree can be concatenated."
                )
    structures: list[dict] = []
    volumes: list[dict] = []
    numbers = []
    for dataset in opened:
        of_structure = [_place(structures, item) for item in dataset.structures]
        of_volume = [_place(volumes, volume.as_dict()) for volume in dataset.volumes]
        numbers.append((np.array(of_structure, int), np.array(of_volume, int)))
    total = sum(len(dataset) for dataset in opened)
    arrays = schema.row_arrays(total, first.patterns.shape[1:], first.patterns.dtype.str, list(first.labels))
    attributes = _attributes(opened, structures, volumes, _scans(opened, numbers))
    samples = 0
    with replaced(path) as partial:
        create_file(partial, arrays, attributes)
        with RowWriter(partial) as writer, progress_bar(total, "concatenate", "pattern") as bar:
            for dataset, (s, v) in zip(opened, numbers, strict=True):
                row = writer.n_complete
                same = ("centers", "zone_axes", "n_atoms", "region", "position", "view")
                writer.write(row, {
                    **{name: getattr(dataset, name) for name in same},
                    **{f"labels/{name}": dataset.label(name) for name in dataset.labels},
                    "structure": s[dataset.structure], "volume": v[dataset.volume],
                    "sample": samples + dataset.sample,
                })  # fmt: skip
                samples += int(dataset.sample.max(initial=-1)) + 1
                for start in range(0, len(dataset), _ROWS):
                    patterns = dataset.patterns[start : start + _ROWS]
                    writer.write(row + start, {"patterns": patterns})
                    bar.update(len(patterns))
                writer.complete(row + len(dataset))
    return total


def _place(items: list[dict], item: dict) -> int:
    if item not in items:
        items.append(item)
    return items.index(item)


def _scans(opened: list[PatternDataset], numbers: list[tuple[np.ndarray, np.ndarray]]) -> list[dict]:
    scans, row = [], 0
    for dataset, (s, v) in zip(opened, numbers, strict=True):
        for scan in dataset.scans:
            of_file = {"structure": int(s[scan.structure]), "volume": int(v[scan.volume])}
            scans.append({**scan.as_dict(), **of_file, "first": scan.first + row})
        row += len(dataset)
    return scans


def _attributes(
    opened: list[PatternDataset], structures: list[dict], volumes: list[dict], scans: list[dict]
) -> dict:
    parents = [{"input_hash": d.input_hash, "provenance": d.provenance, "n": len(d)} for d in opened]
    return {
        "mesh": json.dumps(opened[0].mesh.as_dict()),
        "recipe": json.dumps(opened[0].recipe.as_dict()),
        "region_types": json.dumps(opened[0].region_types),
        "format": schema.FORMAT,
        "schema_version": schema.SCHEMA_VERSION,
        "volumes": json.dumps(volumes),
        "structures": json.dumps(structures),
        "scans": json.dumps(scans),
        "provenance": json.dumps({"versions": versions(), "parents": parents}),
        "input_hash": hash_of([[d.input_hash, len(d)] for d in opened]),
    }
