"""LAMMPS data files out, thermodynamic logs in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers

from pyiron_nbed.checks import symbol
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms, check_orthogonal

_ROWS = 100_000


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
        StructureError: unusable structure, or a cell that is not orthogonal and aligned with the axes.
        InputError: the species lack an element, or are no symbols.
    """
    check_atoms(atoms)
    check_orthogonal(atoms)
    missing = set(atoms.get_chemical_symbols()) - {symbol(name, "species") for name in species}
    if missing:
        raise InputError(f"species is {list(species)}, which lacks {', '.join(sorted(missing))}: add it.")
    lengths = atoms.cell.array.diagonal()
    type_of = {atomic_numbers[s]: number for number, s in enumerate(species, start=1)}
    elements, which = np.unique(atoms.numbers, return_inverse=True)
    types = np.array([type_of[z] for z in elements])[which]
    wrapped = atoms.get_positions(wrap=True)
    lines = [f"{len(atoms)} atoms\n{len(species)} atom types\n"]
    lines += [f"0 {length:.17g} {x}lo {x}hi" for x, length in zip("xyz", lengths, strict=True)]
    with open(path, "w") as file:
        file.write("LAMMPS data file: " + " ".join(species) + "\n\n")
        file.write("\n".join(lines) + "\n\nAtoms # atomic\n\n")
        # twice as fast as the text writer of a table library
        for start in range(0, len(atoms), _ROWS):
            part = slice(start, start + _ROWS)
            rows = zip(types[part].tolist(), wrapped[part].tolist(), strict=True)
            file.writelines(
                "%d %d %.17g %.17g %.17g\n" % (i, t, x, y, z)  # noqa: UP031  (faster than an f-string)
                for i, (t, (x, y, z)) in enumerate(rows, start + 1)
            )
        if frozen is not None:
            file.write(f"\n{section}\n\n")
            file.writelines(f"{i} {mark}\n" for i, mark in enumerate(np.asarray(frozen, int).tolist(), 1))


_HEADER = re.compile(r"^\s*Step\s")


# lammps.formats.LogFile gives the same for finished runs, but nothing of a run that goes on or was killed,
# and it leaves out the lines in which LAMMPS printed nan
def read_thermo(log: Path) -> pd.DataFrame:
    """Thermodynamic output of a LAMMPS log as one table (all runs, in order).

    Args:
        log: ``log.lammps``, also of a run that goes on or was interrupted.

    Returns:
        One row per printed step (warnings between them and a line cut off by the end of the file are left
        out); columns as named by LAMMPS (metal units).
    """
    tables: list[tuple[list[str], list[list[float]]]] = []
    columns: list[str] | None = None
    rows: list[list[float]] = []
    with open(log, errors="replace") as file:
        for line in file:
            if _HEADER.match(line):
                columns, rows = line.split(), []
                tables.append((columns, rows))
            elif columns is not None and line.startswith("Loop time"):
                columns = None
            elif columns is not None and line.endswith("\n"):  # else the last number may be cut off
                try:
                    values = [float(word) for word in line.split()]
                except ValueError:
                    continue
                if len(values) == len(columns):
                    rows.append(values)
    filled = [pd.DataFrame(rows, columns=columns) for columns, rows in tables if rows]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
