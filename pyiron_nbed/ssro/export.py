"""Structures with values per atom, for OVITO and for other programs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.lammps import Prism
from ase.io import write

from pyiron_nbed.checks import flag, whole
from pyiron_nbed.errors import StructureError
from pyiron_nbed.files import check_target, replaced
from pyiron_nbed.geometry.cells import MINIMUM_DISTANCE, check_atoms
from pyiron_nbed.ssro.colors import COLOR_MAP, DISORDER_RANGE, atom_colors, color_name
from pyiron_nbed.ssro.disorder import DISORDER_NAMES
from pyiron_nbed.ssro.motifs import MOTIF_CLASSES
from pyiron_nbed.ssro.ovito import CNA_TYPES
from pyiron_nbed.ssro.regions import REGION_TYPES

_COLUMNS = {"voronoi_index": ("n3", "n4", "n5", "n6")}


def write_dump(
    path: str | os.PathLike,
    atoms: Atoms,
    color_by: str | None = None,
    step: int = 0,
    overwrite: bool = False,
) -> None:
    """LAMMPS text dump of a structure with its values per atom; OVITO opens it coloured.

    Columns: id, type, element, x, y, z, every numeric array of the structure (a Voronoi index as
    n3, n4, n5, n6) and Color.R, Color.G, Color.B. Types are numbered by the alphabet of the elements.

    Args:
        path: file to write.
        atoms: N atoms (Å).
        color_by: "disorder_parameter", "disorder_modulus", "cna" or "species"; None takes d_i as the
            structure holds it.
        step: time step written into the file.
        overwrite: replace a file of this name.

    Raises:
        InputError: the array for the colours is absent, the folder of the path is, or the file exists.
        StructureError: unusable structure, or a cell without volume.
    """
    path, step = check_target(path, flag(overwrite, "overwrite")), whole(step, "step")
    check_atoms(atoms)
    colors = atom_colors(atoms, color_by)
    cell = atoms.cell.array
    if abs(np.linalg.det(cell)) < 1e-9:
        raise StructureError("A dump needs a cell with a volume: set atoms.cell in Å.")
    positions = atoms.positions
    if np.abs(cell - np.diag(cell.diagonal())).max() > 1e-9 or cell.diagonal().min() < 0:
        prism = Prism(cell, pbc=atoms.pbc)
        positions = prism.vector_to_lammps(positions, wrap=False)
        cell = prism.vector_to_lammps(cell, wrap=False)
    columns = _columns(atoms, positions)
    columns.update(zip(("Color.R", "Color.G", "Color.B"), np.round(colors, 4).T, strict=True))
    ends = " ".join("pp" if periodic else "ff" for periodic in atoms.pbc)
    with replaced(path) as partial, open(partial, "w") as file:
        file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\n")
        file.write(_box(cell, ends))
        file.write("ITEM: ATOMS " + " ".join(columns) + "\n")
        pd.DataFrame(columns).to_csv(file, sep=" ", header=False, index=False, float_format="%.11g")


def atom_table(atoms: Atoms) -> pd.DataFrame:
    """Values of every atom as a table, with classes, common-neighbour types and regions by name.

    Args:
        atoms: N atoms (Å), as :func:`pyiron_nbed.ssro.summary.short_range_order` gives them.

    Returns:
        N rows: id, type, element, x, y, z (Å) and every numeric array, a Voronoi index as n3, n4, n5, n6.

    Example:
        >>> atoms = Atoms("Cu")
        >>> atoms.set_array("motif_class", np.array([2]))
        >>> atom_table(atoms)["motif_class"].tolist()
        ['disordered']
    """
    columns = _columns(atoms, atoms.positions)
    for name, texts in (("motif_class", MOTIF_CLASSES), ("cna", CNA_TYPES), ("region", REGION_TYPES)):
        if name in columns:
            columns[name] = np.array(texts)[columns[name]]
    return pd.DataFrame(columns)


def _columns(atoms: Atoms, positions: np.ndarray) -> dict[str, Any]:
    symbols = np.array(atoms.get_chemical_symbols())
    types = np.unique(symbols, return_inverse=True)[1]
    columns: dict[str, Any] = {"id": np.arange(1, len(atoms) + 1), "type": types + 1, "element": symbols}
    columns.update(zip("xyz", np.round(positions, 8).T, strict=True))
    for name, values in atoms.arrays.items():
        if name in ("numbers", "positions") or values.dtype.kind not in "bif":
            continue
        values = values.astype(int) if values.dtype.kind == "b" else values
        if values.ndim == 1:
            columns[name] = values
        elif values.ndim == 2:
            parts = _COLUMNS.get(name, [f"{name}_{k}" for k in range(values.shape[1])])
            columns.update(zip(parts, values.T, strict=True))
    return columns


def _box(cell: np.ndarray, ends: str) -> str:
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    if not np.any([xy, xz, yz]):
        lines = [f"0 {length:.12g}" for length in cell.diagonal()]
        return f"ITEM: BOX BOUNDS {ends}\n" + "\n".join(lines) + "\n"
    x = (min(0.0, xy, xz, xy + xz), cell[0, 0] + max(0.0, xy, xz, xy + xz))
    y = (min(0.0, yz), cell[1, 1] + max(0.0, yz))
    rows = ((*x, xy), (*y, xz), (0.0, cell[2, 2], yz))
    lines = [" ".join(f"{value:.12g}" for value in row) for row in rows]
    return f"ITEM: BOX BOUNDS xy xz yz {ends}\n" + "\n".join(lines) + "\n"


def write_extxyz(path: str | os.PathLike, atoms: Atoms, overwrite: bool = False) -> None:
    """Extended XYZ file with all values per atom (readable by ASE, OVITO, VMD).

    Args:
        path: file to write.
        atoms: N atoms (Å) with arrays.
        overwrite: replace a file of this name.

    Raises:
        InputError: the folder of the path is absent, or the file exists.
        StructureError: unusable structure.
    """
    path = check_target(path, flag(overwrite, "overwrite"))
    check_atoms(atoms)
    plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    for name, values in atoms.arrays.items():
        if name not in ("numbers", "positions") and values.dtype.kind in "bif":
            plain.set_array(name, values)
    with replaced(path) as partial:
        write(os.fspath(partial), plain, format="extxyz")


def to_ovito(atoms: Atoms, color_by: str | None = None) -> Any:
    """OVITO pipeline of a structure with its values per atom, coloured.

    ``pipeline.compute()`` gives the DataCollection, ``pipeline.add_to_scene()`` shows it; colours of
    d_i run from 0 to 1.3.

    Args:
        atoms: N atoms (Å) with arrays.
        color_by: "disorder_parameter", "disorder_modulus", "cna" or "species"; None takes d_i as the
            structure holds it.

    Returns:
        ``ovito.pipeline.Pipeline`` with a static source.

    Raises:
        InputError: OVITO is not installed, or the array for the colours is absent.

    Example:
        >>> from ase.build import bulk
        >>> to_ovito(bulk("Cu", cubic=True), "species").compute().particles.count
        4
    """
    from pyiron_nbed.ssro.ovito import ovito_data, ovito_modifiers

    modifiers = ovito_modifiers()
    check_atoms(atoms)
    from ovito.pipeline import Pipeline, StaticSource

    color_by = color_name(atoms, color_by)
    colors = atom_colors(atoms, color_by)
    data = ovito_data(atoms, MINIMUM_DISTANCE)
    if abs(np.linalg.det(atoms.cell.array)) > 1e-9:  # shown as it is, not with the room for an analysis
        data.cell_[:, :3], data.cell_[:, 3] = atoms.cell.array.T, 0.0
    particles = data.particles_
    kinds = particles.particle_types_
    for number, symbol in zip(*_elements(atoms), strict=True):
        kinds.add_type_id(int(number), particles, name=symbol)
    for name, values in atoms.arrays.items():
        if name in ("numbers", "positions") or values.dtype.kind not in "bif":
            continue
        kind = np.float64 if values.dtype.kind == "f" else np.int32
        data_array = np.ascontiguousarray(values, kind)
        if values.ndim == 2:
            parts = _COLUMNS.get(name, tuple(f"{name}_{k}" for k in range(values.shape[1])))
            particles.create_property(name, data=data_array, components=list(parts))
        else:
            particles.create_property(name, data=data_array)
    particles.create_property("Color", data=colors)
    pipeline = Pipeline(source=StaticSource(data=data))
    if color_by in DISORDER_NAMES:
        coding = modifiers.ColorCodingModifier
        gradient = getattr(coding, COLOR_MAP.capitalize())()
        low, high = DISORDER_RANGE
        pipeline.modifiers.append(
            coding(property=color_by, start_value=low, end_value=high, gradient=gradient)
        )
    return pipeline


def _elements(atoms: Atoms) -> tuple[np.ndarray, list[str]]:
    numbers = np.unique(atoms.numbers)
    return numbers, Atoms(numbers).get_chemical_symbols()
