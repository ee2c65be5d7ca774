"""Writes a pattern file while the patterns are computed; a run that was killed goes on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms

import pyiron_nbed
from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.labels import atom_values, check_labels, volume_labels, volume_regions
from pyiron_nbed.dataset.storage import COMPLETE, RowWriter, create_file
from pyiron_nbed.diffraction import (
    Mesh,
    OneLayerCluster,
    Volume,
    VolumeSearch,
    as_volume,
    check_engine,
    patterns_of_volumes,
    random_zone_axes,
    scan_grid,
)
from pyiron_nbed.errors import InputError, NBEDError
from pyiron_nbed.images import RECIPE
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of, structure_id, versions
from pyiron_nbed.ssro.regions import REGION_TYPES

_BATCH = 256  # patterns in memory at a time
DTYPES = ("float16", "float32")


@dataclass(frozen=True)
class _Part:
    """One structure seen with one volume: rows ``first`` to ``first + len(centers)``.

    The zone axis is one for all (3,), or one for each centre (P, 3).
    """

    structure: int
    volume: int
    zone_axis: np.ndarray
    centers: np.ndarray
    first: int


def build_dataset(
    path: str | os.PathLike,
    structures: Sequence[Atoms],
    volumes: Sequence[Volume],
    mesh: Mesh | None = None,
    step: float | Sequence[float] = 2.5,
    zone_axes: Sequence[Sequence[float]] = ((0, 0, 1),),
    engine: str = "cpu",
    dtype: str = "float16",
    labels: Sequence[str] | None = None,
    axes_per_cluster: int = 1,
    seed: int = 0,
    cores: int | None = None,
    provenance: dict | None = None,
) -> int:
    """Simulate the patterns of a scan over structures and write them with labels to one file.

    Every combination of structure, volume and zone axis is scanned on a regular grid; one-layer clusters are
    taken around every atom and seen along random zone axes. The file is
    written as ``<path>.partial`` and renamed when it is complete. Called again with the same input
    after an interruption, it goes on after the last complete row, and the finished file is the same to the
    last bit; a finished file of the same input is left as it is.

    Args:
        path: HDF5 file to write (replaced if it holds something else); see
            :mod:`pyiron_nbed.dataset.schema`.
        structures: ``ase.Atoms``; per-atom values are taken from arrays such as
            ``disorder_parameter`` where they exist, else computed.
        volumes: interaction volumes (Å).
        mesh: nodes of the pattern; default Mesh().
        step: scan step in Å, one number or one per cell axis.
        zone_axes: beam directions (Cartesian).
        engine: one of :data:`pyiron_nbed.diffraction.ENGINES`.
        dtype: "float16" (half the size, 0.05 % of the intensity) or "float32".
        labels: some of :data:`pyiron_nbed.dataset.labels.ATOM_LABELS`; None takes all.
        axes_per_cluster: random zone axes of each one-layer cluster.
        seed: of these axes.
        cores: threads; None takes all.
        provenance: stored with the file.

    Returns:
        Number of patterns in the file.

    Raises:
        InputError, VolumeError, StructureError: before anything is written.
        InputError: an intensity that does not fit float16.
        DatasetError: no room on the disc.

    Example:
        >>> import tempfile
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     build_dataset(folder + "/cu.h5", [bulk("Cu", cubic=True) * (6, 6, 6)],
        ...                   [Cylinder(5, 20)], step=7, labels=["disorder_parameter"])
        64
    """
    mesh = Mesh() if mesh is None else mesh
    volumes = [as_volume(volume) for volume in volumes]
    check_engine(engine, volumes)
    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}: choose one of {', '.join(map(repr, DTYPES))}.")
    if not (structures and volumes and len(zone_axes)):
        raise InputError(
            f"There are {len(structures)} structures, {len(volumes)} volumes and {len(zone_axes)} zone axes: "
            "give at least one of each."
        )
    names = check_labels(labels)
    parts = _plan(structures, volumes, zone_axes, step, axes_per_cluster, seed)
    values = [atom_values(atoms, names, cores) for atoms in structures]
    attributes = _attributes(structures, volumes, mesh, engine, step, seed, provenance)
    attributes["input_hash"] = _input_hash(structures, values, parts, attributes, dtype)
    total = sum(len(part.centers) for part in parts)
    path = Path(path)
    if _rows_of(path, attributes["input_hash"]) == total:
        return total
    partial = path.with_name(path.name + ".partial")
    try:
        if _rows_of(partial, attributes["input_hash"]) is None:
            _create(partial, parts, mesh, names, _elements(structures), dtype, attributes)
        with RowWriter(partial) as writer, progress_bar(total, "patterns", "pattern") as bar:
            bar.update(writer.n_complete)
            for part in parts:
                if part.first + len(part.centers) > writer.n_complete:
                    _write_part(writer, part, structures, volumes, mesh, engine, dtype, values, cores, bar)
        os.replace(partial, path)
    except BaseException as error:
        # worth keeping: patterns of an input that was in order, when the disc was full or the run was stopped
        in_order = not isinstance(error, NBEDError) or isinstance(error.__cause__, OSError)
        if not (in_order and _rows_of(partial, attributes["input_hash"])):
            partial.unlink(missing_ok=True)
        raise
    return total


def _plan(structures, volumes, zone_axes, step, axes_per_cluster, seed) -> list[_Part]:
    parts: list[_Part] = []
    first = 0
    for s, atoms in enumerate(structures):
        for v, volume in enumerate(volumes):
            if isinstance(volume, OneLayerCluster):
                VolumeSearch(atoms, volume)(atoms.positions)  # raises what does not fit
                centers = np.tile(atoms.positions, (axes_per_cluster, 1))
                views = [(random_zone_axes(len(centers), seed + first), centers)]
            else:
                views = []
                for zone_axis in zone_axes:
                    VolumeSearch(atoms, volume, zone_axis)
                    axis = np.asarray(zone_axis, float)
                    views.append((axis, scan_grid(atoms, step, zone_axis).centers))
            for axes, centers in views:
                parts.append(_Part(s, v, axes, centers, first))
                first += len(centers)
    return parts


def _write_part(
    writer: RowWriter, part: _Part, structures, volumes, mesh, engine, dtype, values, cores, bar
) -> None:
    atoms, volume = structures[part.structure], volumes[part.volume]
    symbols = np.array(atoms.get_chemical_symbols())
    elements = _elements(structures)
    each = part.zone_axis.ndim == 2
    search = VolumeSearch(atoms, volume, part.zone_axis[0] if each else part.zone_axis)
    buffer = np.empty((min(_BATCH, len(part.centers)), *mesh.shape), dtype)  # reused: fresh pages cost time
    # batches begin where they would have begun without an interruption
    done = max(0, writer.n_complete - part.first)
    for start in range(done - done % _BATCH, len(part.centers), _BATCH):
        centers = part.centers[start : start + _BATCH]
        axes = part.zone_axis[start : start + _BATCH] if each else None
        found = search(centers, cores, axes)
        row = part.first + start
        out = buffer[: len(centers)]
        patterns_of_volumes(found, atoms.numbers, mesh, engine, out.dtype.type, cores, out)
        writer.write("patterns", row, out)
        writer.write("n_atoms", row, found.counts)
        writer.write("region", row, volume_regions(found, atoms))
        labels = volume_labels(found, values[part.structure], symbols, elements, volume)
        for name, column in labels.items():
            writer.write(f"labels/{name}", row, column)
        before = writer.n_complete
        writer.complete(row + len(centers))
        bar.update(writer.n_complete - before)


def _elements(structures: Sequence[Atoms]) -> list[str]:
    return sorted({str(s) for atoms in structures for s in set(atoms.symbols)})


def _create(partial: Path, parts, mesh, names, elements, dtype, attributes) -> None:
    total = sum(len(part.centers) for part in parts)
    n = mesh.shape[0]
    arrays: dict[str, tuple[tuple[int, ...], str]] = {
        "patterns": ((total, n, n), dtype),
        "centers": ((total, 3), "<f8"),
        "zone_axes": ((total, 3), "<f8"),
        **dict.fromkeys(("n_atoms", "structure", "volume", "region"), ((total,), "<i4")),
    }
    columns = [*names, "number_density", *(schema.COMPOSITION_PREFIX + e for e in elements)]
    arrays |= {f"labels/{name}": ((total,), "<f8") for name in columns}
    create_file(partial, arrays, attributes)
    with RowWriter(partial) as writer:
        for part in parts:
            many = len(part.centers)
            writer.write("centers", part.first, part.centers)
            writer.write("zone_axes", part.first, np.broadcast_to(part.zone_axis, (many, 3)))
            writer.write("structure", part.first, np.full(many, part.structure))
            writer.write("volume", part.first, np.full(many, part.volume))


def _attributes(structures, volumes, mesh, engine, step, seed, provenance) -> dict[str, Any]:
    return {
        "format": schema.FORMAT,
        "schema_version": schema.SCHEMA_VERSION,
        "mesh": json.dumps(mesh.as_dict()),
        "volumes": json.dumps([volume.as_dict() for volume in volumes]),
        "recipe": RECIPE,
        "region_types": json.dumps(REGION_TYPES),
        "structures": json.dumps(
            [
                {
                    "structure_id": structure_id(atoms),
                    "cell": atoms.cell.array.tolist(),
                    "pbc": np.asarray(atoms.pbc).tolist(),
                }
                for atoms in structures
            ]
        ),
        "provenance": json.dumps(
            {
                "versions": versions(),
                "engine": engine,
                "step": np.asarray(step).tolist(),
                "seed": seed,
                **(provenance or {}),
            }
        ),
    }


def _input_hash(structures, values, parts, attributes, dtype) -> str:
    per_atom = [hash_of({name: hash_of(v.tobytes().hex()) for name, v in table.items()}) for table in values]
    regions = [
        hash_of(a.arrays["region"].tobytes().hex()) if "region" in a.arrays else "" for a in structures
    ]
    centers = [
        (hash_of(part.zone_axis.tobytes().hex()), hash_of(part.centers.tobytes().hex())) for part in parts
    ]
    return hash_of([pyiron_nbed.__version__, attributes, per_atom, regions, centers, dtype])


def _rows_of(path: Path, input_hash: str) -> int | None:
    """Complete rows of a file of the same input; None where there is no such file."""
    with contextlib.suppress(OSError, KeyError), h5py.File(path, "r") as file:
        if file.attrs.get("input_hash") == input_hash:
            return int(file[COMPLETE][0])
    return None
