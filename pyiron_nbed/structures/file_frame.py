"""One structure as a file holds it, and what is checked and converted before it becomes ``ase.Atoms``.

All formats go through :func:`to_atoms`, so that one convention holds for all: lengths in Å, positions counted
from the corner of the cell, atoms in the order of their ids where the file has ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.units import LAMMPS_LENGTHS

# elements of nature: bismuth has the mass of polonium to 1e-5
_NATURAL = [z for z in (*range(1, 84), 90, 92) if z not in (43, 61)]
_MASS_TOLERANCE = 3e-3  # "63.5" is copper; 1.0 is a mass of lj units and no hydrogen
_LISTED = 8


@dataclass
class FileFrame:
    """One structure in the units of its file.

    Attributes:
        where: file and frame, for messages.
        types: (N,) int, numbers of the types.
        positions: (N, 3), not counted from the corner of the cell.
        cell, origin: (3, 3) rows, or None where the file has no cell, and (3,) its corner.
        pbc: (3,) bool.
        ids: (N,) int, or None where the order of the file is the order of the atoms.
        names: of some or all types, as the file gives them.
        named: the file has names only, the numbers of the types are not its own.
        masses: of the types, where they may tell the element.
        n_types: number of types that the file states.
        unit: unit style of LAMMPS that the file states.
        step: time step.
        arrays: values per atom.
    """

    where: str
    types: np.ndarray
    positions: np.ndarray
    cell: np.ndarray | None
    origin: np.ndarray
    pbc: np.ndarray
    ids: np.ndarray | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    named: bool = False
    masses: Mapping[int, float] = field(default_factory=dict)
    n_types: int | None = None
    unit: str | None = None
    step: int | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def check_species(species: Any) -> list[str] | None:
    """Chemical symbols as a list, or None.

    Raises:
        InputError: something else.

    Example:
        >>> check_species(("Cu", "Zr"))
        ['Cu', 'Zr']
    """
    if species is None:
        return None
    if isinstance(species, np.ndarray):
        species = species.tolist()
    if not isinstance(species, Sequence) or isinstance(species, (str, bytes)) or not len(species):
        raise InputError(
            f"species is {species!r}: give a list with the element of each type, for example ['Cu', 'Zr']."
        )
    wrong = [name for name in species if not isinstance(name, str) or name not in atomic_numbers]
    if wrong or "X" in species:
        raise InputError(
            f"species is {list(species)!r}: not all of these are chemical symbols, as ['Cu', 'Zr'] are."
        )
    return [str(name) for name in species]


def check_periodic(pbc: Any) -> np.ndarray | None:
    """(3,) bool from one flag or three, or None.

    Raises:
        InputError: something else.

    Example:
        >>> check_periodic(True).tolist()
        [True, True, True]
    """
    if pbc is None:
        return None
    flags = np.asarray(pbc, dtype=object) if not isinstance(pbc, np.ndarray) else pbc
    flat = flags.ravel().tolist()
    if flags.shape not in ((), (3,)) or not all(isinstance(flag, (bool, np.bool_)) for flag in flat):
        shown = f"an array of shape {pbc.shape}" if isinstance(pbc, np.ndarray) else repr(pbc)
        raise InputError(
            f"pbc is {shown}: give True, False, or three of them, for example (True, True, False)."
        )
    return np.array(flat * (3 if flags.shape == () else 1), bool)


def check_count(species: Sequence[str], highest: int, n_types: int | None, where: str) -> None:
    """Raise InputError where the number of species is not the number of types.

    Args:
        species: one name for each type.
        highest: number of the highest type that occurs.
        n_types: number of types that the file states, or None.
        where: the file.
    """
    count = len(species)
    if n_types is not None and count != n_types:
        kinds = "1 atom type" if n_types == 1 else f"{n_types} atom types"
        raise InputError(
            f"{where} has {kinds} and the species given are {list(species)}: name each type once."
        )
    if highest != count:
        kinds = "type 1" if highest == 1 else f"types 1 to {highest}"
        raise InputError(
            f"{where} has {kinds}, but {count} species are given ({', '.join(species)}): give the element of "
            "each type."
        )


def to_atoms(frame: FileFrame, species: Sequence[str] | None = None, pbc: np.ndarray | None = None) -> Atoms:
    """The atoms of a frame.

    Args:
        frame: as the file holds it.
        species: element of each type, checked; None to take the names or masses of the file.
        pbc: (3,) bool in place of what the file says.

    Returns:
        The atoms (Å), from the corner of the cell, in the order of the ids; ``info["step"]`` where the file
        has a time step.

    Raises:
        StructureError: no atoms, an id that stands twice, a position that is no number, a cell without
            volume.
        InputError: elements that are not named, or units without Å.
    """
    _check_numbers(frame)
    if frame.cell is None and pbc is not None and pbc.any():
        raise InputError(f"{frame.where} has no cell, so nothing is periodic: leave out pbc.")
    scale = length_of_unit(frame.unit, frame.where)
    numbers = _atomic_numbers(frame, species)
    positions = frame.positions - frame.origin if np.any(frame.origin) else frame.positions
    cell = frame.cell
    if scale != 1.0:
        positions, cell = positions * scale, None if cell is None else cell * scale
    order = None if frame.ids is None else order_of(frame.ids, frame.where)
    if order is not None:
        numbers, positions = numbers[order], positions[order]
    atoms = Atoms(numbers=numbers, positions=positions, cell=cell, pbc=frame.pbc if pbc is None else pbc)
    for name, values in frame.arrays.items():
        atoms.set_array(name, values if order is None else values[order])
    if frame.step is not None:
        atoms.info["step"] = frame.step
    return atoms


def order_of(ids: np.ndarray, where: str) -> np.ndarray | None:
    """Places of the atoms in the order of their ids; None where they are in order already.

    Raises:
        StructureError: an id stands twice.

    Example:
        >>> order_of(np.array([7, 3, 5]), "a.dump").tolist()
        [1, 2, 0]
    """
    if (np.diff(ids) > 0).all():
        return None
    if ids.min() == 1 and ids.max() == len(ids):  # all atoms of a run: no sorting needed
        order = np.full(len(ids), -1)
        order[ids - 1] = np.arange(len(ids))
        if order.min() >= 0:
            return order
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(twice):
        raise StructureError(
            f"{where} holds the atom id {ids[order][twice[0]]} more than once: write it again, one line for "
            "each atom."
        )
    return order


def length_of_unit(unit: str | None, where: str) -> float:
    """Å of the unit of length of a unit style of LAMMPS; 1 where none is stated.

    Raises:
        InputError: an unknown style, or lj.

    Example:
        >>> length_of_unit("nano", "a.dump")
        10.0
    """
    if unit is None:
        return 1.0
    if unit not in LAMMPS_LENGTHS:
        extra = "whose lengths have no value in Å" if unit == "lj" else "which are none of LAMMPS"
        raise InputError(
            f"{where} states the units {unit!r}, {extra}: scale the structure to Å and write it without "
            "units."
        )
    return LAMMPS_LENGTHS[unit]


def element_of_mass(mass: float) -> str | None:
    """Chemical symbol of a mass in g/mol, or None where no element of nature has it.

    Example:
        >>> element_of_mass(63.5), element_of_mass(1.0)
        ('Cu', None)
    """
    natural = atomic_masses[_NATURAL]
    nearest = int(np.abs(natural - mass).argmin())
    if not np.isfinite(mass) or abs(natural[nearest] - mass) > _MASS_TOLERANCE * natural[nearest]:
        return None
    return Atoms([_NATURAL[nearest]]).get_chemical_symbols()[0]


def _check_numbers(frame: FileFrame) -> None:
    if not len(frame.types):
        raise StructureError(f"{frame.where} holds no atoms: choose another frame.")
    if not np.isfinite(frame.positions).all():
        place = int((~np.isfinite(frame.positions).all(1)).argmax())
        which = f"atom id {frame.ids[place]}" if frame.ids is not None else f"atom {place}, counted from 0,"
        raise StructureError(
            f"{frame.where} holds a position that is no finite number ({which}): the run went wrong, or the "
            "file is damaged."
        )
    cell = frame.cell
    if cell is None:
        return
    if not np.isfinite(cell).all() or not np.isfinite(frame.origin).all():
        raise StructureError(f"{frame.where} holds a box that is no finite number: the file is damaged.")
    if (cell.diagonal() < 0).any() and np.allclose(cell, np.diag(cell.diagonal())):
        raise StructureError(
            f"{frame.where} holds a box whose upper bound is below its lower one: mend the file."
        )
    if abs(np.linalg.det(cell)) <= 1e-9 * np.abs(cell).max() ** 3:
        raise StructureError(f"{frame.where} holds a box without volume: give three sides above 0.")


def _atomic_numbers(frame: FileFrame, species: Sequence[str] | None) -> np.ndarray:
    """(N,) from the species given, the names in the file, or its masses."""
    low, high = int(frame.types.min()), int(frame.types.max())
    if low < 1 or (frame.n_types is not None and high > frame.n_types):
        raise StructureError(
            f"{frame.where} holds an atom of type {low if low < 1 else high}, which it does not have: the "
            "file "
            "is damaged."
        )
    if species is not None and not frame.named:
        if frame.n_types is not None:
            check_count(species, len(species), frame.n_types, frame.where)
        elif high > len(species):
            check_count(species, high, None, frame.where)
        return np.array([0, *(atomic_numbers[s] for s in species)])[frame.types]
    if high > 10_000_000:
        raise StructureError(f"{frame.where} holds an atom of type {high}: the file is damaged.")
    kinds = np.flatnonzero(np.bincount(frame.types)).tolist()
    table = np.zeros(high + 1, int)
    for kind in kinds:
        table[kind] = atomic_numbers[_element(frame, kind)]
    if species is not None:
        symbols = sorted(_element(frame, kind) for kind in kinds)
        if not set(symbols) <= set(species):
            raise InputError(
                f"{frame.where} names its elements ({_list(symbols)}) and the species given are "
                f"{list(species)}: leave out species."
            )
    return table[frame.types]


def _element(frame: FileFrame, kind: int) -> str:
    if kind in frame.names:
        name = frame.names[kind]
        if name in atomic_numbers and name != "X":
            return name
        if kind not in frame.masses:
            raise InputError(
                f"{frame.where} names its atoms {name!r}, which is no chemical symbol: write the file "
                "with chemical symbols, or give species, as ['Cu', 'Zr'], where it numbers its types too."
            )
    if kind not in frame.masses:
        raise InputError(
            f"{frame.where} numbers its atom types but gives neither names nor masses of them: give "
            "species, the "
            "element of each type, for example ['Cu', 'Zr']."
        )
    found = element_of_mass(frame.masses[kind])
    if found is None:
        raise InputError(
            f"{frame.where} gives type {kind} the mass {frame.masses[kind]:g}, which is that of no element: "
            "give species, the element of each type, for example ['Cu', 'Zr']."
        )
    return found


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
