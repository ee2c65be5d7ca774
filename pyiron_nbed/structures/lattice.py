"""Perfect fcc crystals, built fast enough for millions of atoms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import memory, number, real_array, whole
from pyiron_nbed.units import quantities

LATTICE_CONSTANT_CU = 3.639  # Å, fcc Cu of the Cu-Zr potentials at 0 K

_BYTES_PER_ATOM = 200  # while a structure is built

_BASIS = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@quantities(lattice_constant="angstrom")
def fcc_copper(repeat: Sequence[int], lattice_constant: float = LATTICE_CONSTANT_CU) -> Atoms:
    """Periodic fcc Cu in an orthogonal cell.

    Args:
        repeat: cubic cells along x, y, z.
        lattice_constant: 1 to 20 Å.

    Returns:
        ``ase.Atoms`` with 4 atoms per cubic cell.

    Raises:
        InputError: a value out of range, or more atoms than fit the memory.

    Example:
        >>> len(fcc_copper((2, 3, 4)))
        96
    """
    check_lattice_constant(lattice_constant)
    repeat = [whole(n, "repeat", 1) for n in real_array(repeat, "repeat", (3,), "three whole numbers")]
    check_atoms_fit(4 * math.prod(repeat))
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeat), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    positions = ((corners + _BASIS) * lattice_constant).reshape(-1, 3)
    cell = np.array(repeat) * lattice_constant
    return Atoms(numbers=np.full(len(positions), 29), positions=positions, cell=cell, pbc=True)


@quantities(lattice_constant="angstrom")
def check_lattice_constant(lattice_constant: float) -> float:
    """A lattice constant in Å.

    Raises:
        InputError: not a length from 1 to 20 Å.

    Example:
        >>> check_lattice_constant(3.6)
        3.6
    """
    return number(lattice_constant, "lattice_constant", 1, 20, unit="Å", hint="3.639 for Cu")


def check_atoms_fit(n_atoms: float) -> None:
    """Refuse to build more atoms than the memory of this machine takes.

    Raises:
        InputError: it is more.

    Example:
        >>> check_atoms_fit(10_000)
    """
    memory(_BYTES_PER_ATOM * n_atoms, f"A structure of {n_atoms:.3g} atoms", "build a smaller one")
