"""LAMMPS data files out, dump frames and thermodynamic logs in."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from pyiron_nbed.errors import LammpsError, StructureError


def write_data(
    path: Path,
    atoms: Atoms,
    species: Sequence[str],
    frozen: np.ndarray | None = None,
    section: str = "Frozen",
) -> None:
    """LAMMPS data file (atom_style atomic) of a periodic structure in an orthogonal cell.

    Args:
        path: file to write.
        atoms: N atoms in Å.
        species: element of each LAMMPS type, in order; all elements of ``atoms`` among them.
        frozen: (N,) bool, written as a section of its own for ``fix property/atom``.
        section: name of that section.

    Raises:
        StructureError: the cell is not orthogonal and aligned with the axes.
    """
    check_orthogonal(atoms)
    lengths = atoms.cell.array.diagonal()
    types = np.array([list(species).index(s) for s in atoms.get_chemical_symbols()]) + 1
    ids = np.arange(1, len(atoms) + 1)
    wrapped = atoms.get_positions(wrap=True)
    table = pd.DataFrame({"id": ids, "type": types, **dict(zip("xyz", wrapped.T, strict=True))})
    lines = [f"{len(atoms)} atoms\n{len(species)} atom types\n"]
    lines += [f"0 {length:.17g} {x}lo {x}hi" for x, length in zip("xyz", lengths, strict=True)]
    with open(path, "w") as file:
        file.write("LAMMPS data file: " + " ".join(species) + "\n\n")
        file.write("\n".join(lines) + "\n\nAtoms # atomic\n\n")
        table.to_csv(file, sep=" ", header=False, index=False, float_format="%.17g")
        if frozen is not None:
            file.write(f"\n{section}\n\n")
            pd.DataFrame({"id": ids, "mark": np.asarray(frozen, int)}).to_csv(
                file, sep=" ", header=False, index=False
            )


def check_orthogonal(atoms: Atoms) -> None:
    """Raise StructureError unless the cell is periodic, orthogonal and along x, y, z."""
    cell = atoms.cell.array
    if not np.all(atoms.pbc):
        raise StructureError(
            f"The structure has periodicity {np.array(atoms.pbc).tolist()}, but the protocol needs a "
            "bulk that is periodic along x, y and z: set atoms.pbc = True."
        )
    if np.abs(cell - np.diag(cell.diagonal())).max() > 1e-8 * np.abs(cell).max():
        raise StructureError(
            f"The cell {np.array2string(cell, precision=3).replace(chr(10), '')} is not orthogonal along "
            "x, y, z, which this protocol needs: build the structure in an orthogonal cell, for example "
            "with cubic=True."
        )


def read_frames(path: Path, species: Sequence[str]) -> Iterator[Atoms]:
    """Frames of a LAMMPS text dump (columns id type x y z), one at a time.

    Args:
        path: dump file; atoms in any order.
        species: element of each LAMMPS type.

    Yields:
        ``ase.Atoms`` sorted by id, positions in Å, ``info["step"]`` = time step.

    Raises:
        LammpsError: the file is absent, truncated or holds other columns.
    """
    try:
        file = open(path)  # noqa: SIM115  (closed by the with below)
    except FileNotFoundError:
        raise LammpsError(f"LAMMPS left no frames: {path} does not exist.") from None
    with file:
        while file.readline():
            step = int(file.readline())
            file.readline()
            n_atoms = int(file.readline())
            bounds_header = file.readline().split()
            bounds = np.array([[float(x) for x in file.readline().split()] for _ in range(3)])
            columns = file.readline().split()[2:]
            if bounds.shape != (3, 2) or not {"id", "type", "x", "y", "z"} <= set(columns):
                raise LammpsError(
                    f"{path} has columns {columns} and box {bounds_header[3:]}: an orthogonal dump "
                    "with columns id type x y z is needed."
                )
            rows = [file.readline() for _ in range(n_atoms)]
            if rows and not rows[-1].endswith("\n"):
                raise LammpsError(f"{path} is truncated at step {step}: the run was interrupted.")
            table = pd.read_csv(io.StringIO("".join(rows)), sep=" ", names=columns, index_col=False)
            table = table.sort_values("id")
            atoms = Atoms(
                [species[t - 1] for t in table["type"]],
                positions=table[["x", "y", "z"]].to_numpy() - bounds[:, 0],
                cell=bounds[:, 1] - bounds[:, 0],
                pbc=True,
                info={"step": step},
            )
            yield atoms


_HEADER = re.compile(r"^\s*Step\s")


def read_thermo(log: Path) -> pd.DataFrame:
    """Thermodynamic output of a LAMMPS log as one table (all runs, in order).

    Args:
        log: ``log.lammps``.

    Returns:
        One row per printed step; columns as named by LAMMPS (metal units).
    """
    tables: list[pd.DataFrame] = []
    rows: list[list[float]] = []
    columns: list[str] | None = None
    with open(log, errors="replace") as file:
        for line in file:
            if _HEADER.match(line):
                columns, rows = line.split(), []
            elif columns is not None:
                words = line.split()
                try:
                    values = [float(word) for word in words]
                except ValueError:
                    values = []
                if len(values) == len(columns):
                    rows.append(values)
                elif line.startswith("Loop time"):
                    tables.append(pd.DataFrame(rows, columns=columns))
                    columns = None
    if not tables:
        return pd.DataFrame()
    return pd.concat(tables, ignore_index=True)
