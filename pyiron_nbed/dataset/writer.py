"""Writes a pattern file while the patterns are computed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms

from pyiron_nbed.dataset import schema
from pyiron_nbed.diffraction import (
    Mesh,
    Volume,
    VolumeAtoms,
    VolumeSearch,
    as_volume,
    check_engine,
    patterns_of_volumes,
    scan_grid,
)
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.images import RECIPE
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import structure_id, versions
from pyiron_nbed.ssro import disorder_and_bond_order

_BATCH = 256  # patterns in memory at a time
DTYPES = ("float16", "float32")


def build_dataset(
    path: str | os.PathLike,
    structures: Sequence[Atoms],
    volumes: Sequence[Volume],
    mesh: Mesh | None = None,
    step: float | Sequence[float] = 2.5,
    zone_axes: Sequence[Sequence[float]] = ((0, 0, 1),),
    engine: str = "cpu",
    dtype: str = "float16",
    cores: int | None = None,
    provenance: dict | None = None,
) -> int:
    """Simulate the patterns of a scan over structures and write them with labels to one file.

    Every combination of structure, volume and zone axis is scanned on a regular grid. The file is
    written under a temporary name and renamed when it is complete.

    Args:
        path: HDF5 file to write (replaced if it exists); see :mod:`pyiron_nbed.dataset.schema`.
        structures: ``ase.Atoms``; d_i and Q_6 are taken from the arrays ``disorder_parameter`` and
            ``q6`` where both exist, else computed.
        volumes: interaction volumes (Å).
        mesh: nodes of the pattern; default Mesh().
        step: scan step in Å, one number or one per cell axis.
        zone_axes: beam directions (Cartesian).
        engine: "cpu" or "lammps".
        dtype: "float16" (half the size, 0.05 % of the intensity) or "float32".
        cores: threads; None takes all.
        provenance: stored with the file.

    Returns:
        Number of patterns written.

    Raises:
        InputError, VolumeError, StructureError: before anything is written.
        DatasetError: the intensity does not fit float16.

    Example:
        >>> import tempfile
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     build_dataset(folder + "/cu.h5", [bulk("Cu", cubic=True) * (6, 6, 6)],
        ...                   [Cylinder(5, 20)], step=7)
        64
    """
    mesh = Mesh() if mesh is None else mesh
    volumes = [as_volume(volume) for volume in volumes]
    check_engine(engine)
    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}: choose one of {', '.join(map(repr, DTYPES))}.")
    if not (structures and volumes and len(zone_axes)):
        raise InputError(
            f"There are {len(structures)} structures, {len(volumes)} volumes and {len(zone_axes)} zone axes: "
            "give at least one of each."
        )
    symbols = [np.array(atoms.get_chemical_symbols()) for atoms in structures]
    elements = sorted({str(s) for names in symbols for s in np.unique(names)})
    parts = []  # validated in full before anything is written
    for s, atoms in enumerate(structures):
        per_atom = _per_atom(atoms, cores)
        for v, volume in enumerate(volumes):
            for zone_axis in zone_axes:
                search = VolumeSearch(atoms, volume, zone_axis)
                parts.append((s, v, zone_axis, search, scan_grid(atoms, step, zone_axis), per_atom))
    total = sum(len(part[4].centers) for part in parts)
    path = Path(path)
    temporary = path.with_name(path.name + ".partial")
    try:
        with (
            h5py.File(temporary, "w", libver="latest") as file,
            progress_bar(total, "patterns", "pattern") as bar,
        ):
            _create(file, total, mesh, volumes, structures, elements, dtype)
            file.attrs["provenance"] = json.dumps(
                {"versions": versions(), "engine": engine, "step": np.asarray(step).tolist(),
                 **(provenance or {})}
            )  # fmt: skip
            row = 0
            for s, v, zone_axis, search, scan, per_atom in parts:
                file["zone_axes"][row : row + len(scan.centers)] = np.asarray(zone_axis, float)
                file["structure"][row : row + len(scan.centers)] = s
                file["volume"][row : row + len(scan.centers)] = v
                for start in range(0, len(scan.centers), _BATCH):
                    centers = scan.centers[start : start + _BATCH]
                    found = search(centers, cores)
                    stop = row + len(centers)
                    intensity = patterns_of_volumes(found, symbols[s], mesh, engine, np.float32, cores)
                    file["patterns"][row:stop] = _cast(intensity, dtype)
                    file["centers"][row:stop] = centers
                    file["n_atoms"][row:stop] = found.counts
                    labels = _labels(found, per_atom, symbols[s], elements, volumes[v])
                    for name, values in labels.items():
                        file["labels"][name][row:stop] = values
                    row = stop
                    bar.update(len(centers))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return total


def _per_atom(atoms: Atoms, cores: int | None) -> dict[str, np.ndarray]:
    names = ("disorder_parameter", "q6")
    if all(name in atoms.arrays for name in names):
        return {name: np.asarray(atoms.arrays[name], float) for name in names}
    return dict(zip(names, disorder_and_bond_order(atoms, cores=cores), strict=True))


def _labels(
    found: VolumeAtoms,
    per_atom: dict[str, np.ndarray],
    symbols: np.ndarray,
    elements: Sequence[str],
    volume: Volume,
) -> dict[str, np.ndarray]:
    labels = {name: found.mean(values) for name, values in per_atom.items()}
    labels["number_density"] = found.counts / volume.size
    for element in elements:
        labels[schema.COMPOSITION_PREFIX + element] = found.mean((symbols == element).astype(float))
    return labels


def _create(file, total, mesh, volumes, structures, elements, dtype) -> None:
    n = mesh.shape[0]
    chunk = (min(schema.PATTERNS_PER_CHUNK, total), n, n)
    file.create_dataset("patterns", (total, n, n), dtype, chunks=chunk)
    file.create_dataset("centers", (total, 3), "f8")
    file.create_dataset("zone_axes", (total, 3), "f8")
    for name in ("n_atoms", "structure", "volume"):
        file.create_dataset(name, (total,), "i4")
    labels = file.create_group("labels")
    for name in [*schema.LABELS, *(schema.COMPOSITION_PREFIX + e for e in elements)]:
        labels.create_dataset(name, (total,), "f8")
    file.attrs["format"] = schema.FORMAT
    file.attrs["schema_version"] = schema.SCHEMA_VERSION
    file.attrs["mesh"] = json.dumps(mesh.as_dict())
    file.attrs["volumes"] = json.dumps([volume.as_dict() for volume in volumes])
    file.attrs["recipe"] = RECIPE
    file.attrs["structures"] = json.dumps(
        [
            {
                "structure_id": structure_id(atoms),
                "cell": atoms.cell.array.tolist(),
                "pbc": np.asarray(atoms.pbc).tolist(),
            }
            for atoms in structures
        ]
    )


def _cast(intensity: np.ndarray, dtype: str) -> np.ndarray:
    top = float(intensity.max(initial=0.0))
    if dtype == "float16" and top > float(np.finfo(np.float16).max):
        raise DatasetError(
            f"An intensity of {top:.0f} Å² does not fit float16 (up to 65504): set dtype = 'float32'."
        )
    return intensity.astype(dtype)
