"""Writes a pattern file while the patterns are computed; a run that was killed goes on."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms

import pyiron_nbed
from pyiron_nbed.checks import one_of, shown
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.labels import (
    atom_values,
    check_labels,
    columns_beside,
    volume_labels,
    volume_regions,
)
from pyiron_nbed.dataset.plan import check_combination, plan_scans, views_of
from pyiron_nbed.dataset.storage import COMPLETE, RowWriter, create_file, is_written_as
from pyiron_nbed.diffraction import Volume, VolumeSearch, check_engine, patterns_of_volumes
from pyiron_nbed.diffraction.multislice import MultisliceOptions, multislice_options
from pyiron_nbed.errors import InputError, NBEDError
from pyiron_nbed.files import check_target, partial_path, replaced
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.patterns.plan import ScanPlan, scan_plan
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.patterns.scan import Scan
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of, structure_id, versions
from pyiron_nbed.ssro.regions import REGION_TYPES

_BATCH = 256  # patterns in memory at a time
DTYPES = ("float16", "float32")


def build_dataset(
    path: str | os.PathLike,
    structures: Sequence[Atoms],
    volumes: Sequence[Volume],
    mesh: Mesh | None = None,
    scan: ScanPlan | float | Sequence[float | None] | None = None,
    zone_axes: Sequence[Sequence[float]] = ((0, 0, 1),),
    engine: str = "cpu",
    dtype: str = "float16",
    labels: Sequence[str] | None = None,
    origins: Sequence[str] | None = None,
    cores: int | None = None,
    provenance: dict | None = None,
    multislice: MultisliceOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> int:
    """Simulate the patterns of a scan over structures and write them with labels to one file.

    Every combination of structure, volume and zone axis is scanned on a regular grid or over given points;
    one-layer clusters are taken around every atom (or the atoms at the points) and seen along random zone
    axes. The file is written as ``<path>.partial`` and renamed when it is complete. Called again with the
    same input after an interruption, it goes on after the last complete row, and the finished file is the
    same to the last bit; a finished file of the same input is left as it is.

    Args:
        path: HDF5 file to write (another pattern file there is replaced); see
            :mod:`pyiron_nbed.dataset.schema`.
        structures: ``ase.Atoms``; per-atom values are taken from arrays such as
            ``disorder_parameter`` where they exist, else computed.
        volumes: interaction volumes (Å).
        mesh: nodes of the pattern; default Mesh().
        scan: where the volumes lie, a :class:`pyiron_nbed.patterns.plan.ScanPlan`, or its options one by one
            (step, order, margin, limits, points, empty, axes_per_cluster, seed).
        zone_axes: beam directions (Cartesian).
        engine: one of :data:`pyiron_nbed.diffraction.ENGINES`.
        dtype: "float16" (half the size, 0.05 % of the intensity) or "float32".
        labels: some of :data:`pyiron_nbed.dataset.labels.ATOM_LABELS`; None takes all.
        origins: name of what each structure comes from, the same for all frames of one simulation, so that
            the split "job" holds them out together; None takes the ``structure_id``.
        cores: threads; None takes all.
        provenance: stored with the file.
        multislice: of the engine "multislice": its options
            (:class:`pyiron_nbed.diffraction.multislice.MultisliceOptions`) or a dict of some of them.
        overwrite: replace a file of something else too.

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
    mesh = Mesh() if mesh is None else as_mesh(mesh)
    check_target(path, overwrite, is_ours=lambda old: is_written_as(old, format=schema.FORMAT))
    structures, volumes, zone_axes = check_combination(structures, volumes, zone_axes)
    check_engine(engine, volumes)
    multislice_settings = multislice_options(multislice, engine, mesh)
    dtype = one_of(dtype, "dtype", DTYPES)
    names = check_labels(labels)
    check_origins(origins, structures)
    _check_provenance(provenance)
    plan = scan_plan(scan, **options)
    parts = plan_scans(structures, volumes, zone_axes, plan, cores)
    total = parts[-1].rows.stop
    skipped = sum(int(np.prod(part.shape)) - len(part.centers) for part in parts)
    if skipped:
        text = f"{skipped} of {total + skipped} volumes hold no atoms and were left out."
        warnings.warn(text, stacklevel=2)
    values = [atom_values(atoms, names, cores) for atoms in structures]
    made: dict[str, Any] = {"engine": engine, "scan": plan.as_dict(), "n_skipped": skipped}
    if plan.points is not None:
        made["scan"] |= {"step": None, "points": "the centres"}
    if multislice_settings is not None:
        made["multislice"] = asdict(multislice_settings)
    attributes = _attributes(structures, origins, volumes, mesh, parts, {**made, **(provenance or {})})
    attributes["input_hash"] = _input_hash(structures, values, parts, attributes, dtype)
    if _rows_of(path, attributes["input_hash"]) == total:
        return total

    def keep(error: BaseException) -> bool:
        # patterns of an input that was in order, when the disc was full or the run was stopped
        in_order = not isinstance(error, NBEDError) or isinstance(error.__cause__, OSError)
        return bool(in_order and _rows_of(partial_path(path), attributes["input_hash"]))

    with replaced(path, keep) as partial:
        if _rows_of(partial, attributes["input_hash"]) is None:
            _create(partial, parts, views_of(parts, plan.axes_per_cluster), mesh, values, structures, dtype,
                    attributes)  # fmt: skip
        with RowWriter(partial) as writer, progress_bar(total, "patterns", "pattern") as bar:
            bar.update(writer.n_complete)
            for part in parts:
                if part.rows.stop > writer.n_complete:
                    _write_part(
                        writer, part, structures, volumes, mesh, engine, dtype, values, cores, bar,
                        multislice_settings,
                    )  # fmt: skip
    return total


def check_origins(origins: Sequence[str] | None, structures: Sequence[Atoms]) -> None:
    """Raise InputError for another number of origins than structures."""
    if origins is not None and (
        not isinstance(origins, (list, tuple)) or len(origins) != len(structures)
        or not all(isinstance(origin, str) for origin in origins)
    ):  # fmt: skip
        raise InputError(
            f"The origins are {shown(origins)} for {len(structures)} structures: give a list with a name "
            "for each."
        )


def _check_provenance(provenance: Any) -> None:
    if provenance is None:
        return
    instance(provenance, "provenance", dict, "a dict that JSON can hold")
    try:
        json.dumps(provenance)
    except (TypeError, ValueError) as error:
        raise InputError(f"The provenance cannot be stored ({error}): give what JSON can hold.") from None


def _write_part(
    writer: RowWriter, part: Scan, structures, volumes, mesh, engine, dtype, values, cores, bar, options
) -> None:
    atoms, volume = structures[part.structure], volumes[part.volume]
    symbols = np.array(atoms.get_chemical_symbols())
    elements = _elements(structures)
    axes = part.zone_axes
    search = VolumeSearch(atoms, volume, part.zone_axis)
    buffer = np.empty((min(_BATCH, len(part.centers)), *mesh.shape), dtype)  # reused: fresh pages cost time
    # batches begin where they would have begun without an interruption
    done = max(0, writer.n_complete - part.first)
    for start in range(done - done % _BATCH, len(part.centers), _BATCH):
        centers = part.centers[start : start + _BATCH]
        found = search(centers, cores, None if axes is None else axes[start : start + _BATCH])
        row = part.first + start
        out = buffer[: len(centers)]
        kind = out.dtype.type
        patterns_of_volumes(found, atoms.numbers, mesh, engine, kind, cores, out, None, options)
        labels = volume_labels(found, values[part.structure], symbols, elements, volume)
        writer.write(row, {
            "patterns": out, "n_atoms": found.counts, "region": volume_regions(found, atoms),
            **{f"labels/{name}": column for name, column in labels.items()},
        })  # fmt: skip
        before = writer.n_complete
        writer.complete(row + len(centers))
        bar.update(writer.n_complete - before)


def _elements(structures: Sequence[Atoms]) -> list[str]:
    return sorted({str(s) for atoms in structures for s in set(atoms.symbols)})


def _create(partial: Path, parts, views, mesh, values, structures, dtype, attributes) -> None:
    names = [*values[0], *columns_beside(_elements(structures))]
    create_file(partial, schema.row_arrays(parts[-1].rows.stop, mesh.shape, dtype, names), attributes)
    with RowWriter(partial) as writer:
        writer.write(0, dict(zip(("sample", "view"), views, strict=True)))
        for part in parts:
            many = len(part.centers)
            axes = np.broadcast_to(part.zone_axis, (many, 3)) if part.zone_axes is None else part.zone_axes
            writer.write(part.first, {
                "centers": part.centers, "zone_axes": axes,
                "structure": np.full(many, part.structure), "volume": np.full(many, part.volume),
                "position": np.arange(many) if part.kept is None else part.kept,
            })  # fmt: skip


def _attributes(structures, origins, volumes, mesh, parts, provenance) -> dict[str, Any]:
    ids = [structure_id(atoms) for atoms in structures]
    origins = ids if origins is None else map(str, origins)
    return {
        "format": schema.FORMAT,
        "schema_version": schema.SCHEMA_VERSION,
        "mesh": json.dumps(mesh.as_dict()),
        "volumes": json.dumps([volume.as_dict() for volume in volumes]),
        "recipe": json.dumps(Recipe.simulation(mesh).as_dict()),
        "region_types": json.dumps(REGION_TYPES),
        "structures": json.dumps(
            [
                {
                    "structure_id": own,
                    "origin": origin,
                    "temperature": atoms.info.get("temperature"),
                    "cell": atoms.cell.array.tolist(),
                    "pbc": np.asarray(atoms.pbc).tolist(),
                }
                for own, origin, atoms in zip(ids, origins, structures, strict=True)
            ]
        ),
        "scans": json.dumps([part.as_dict() for part in parts if part.zone_axes is None]),
        "provenance": json.dumps({"versions": versions(), **provenance}),
    }


def _input_hash(structures, values, parts, attributes, dtype) -> str:
    per_atom = [hash_of({name: hash_of(v.tobytes().hex()) for name, v in table.items()}) for table in values]
    regions = [
        hash_of(a.arrays["region"].tobytes().hex()) if "region" in a.arrays else "" for a in structures
    ]
    arrays = [
        [hash_of(a.tobytes().hex()) for a in (part.centers, part.zone_axes) if a is not None]
        for part in parts
    ]
    return hash_of([pyiron_nbed.__version__, attributes, per_atom, regions, arrays, dtype])


def _rows_of(path: str | os.PathLike, input_hash: str) -> int | None:
    """Complete rows of a file of the same input; None where there is no such file."""
    with contextlib.suppress(OSError, KeyError), h5py.File(path, "r") as file:
        if file.attrs.get("input_hash") == input_hash:
            return int(file[COMPLETE][0])
    return None
