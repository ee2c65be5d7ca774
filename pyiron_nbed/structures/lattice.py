"""Perfect fcc crystals, built fast enough for millions of atoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from pyiron_nbed.units import quantities

LATTICE_CONSTANT_CU = 3.639  # Å, fcc Cu of the Cu-Zr potentials at 0 K

_BASIS = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@quantities(lattice_constant="angstrom")
def fcc_copper(repeat: Sequence[int], lattice_constant: float = LATTICE_CONSTANT_CU) -> Atoms:
    """Periodic fcc Cu in an orthogonal cell.

    Args:
        repeat: cubic cells along x, y, z.
        lattice_constant: in Å.

    Returns:
        ``ase.Atoms`` with 4 atoms per cubic cell.

    Example:
        >>> len(fcc_copper((2, 3, 4)))
        96
    """
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in repeat), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    positions = ((corners + _BASIS) * lattice_constant).reshape(-1, 3)
    cell = np.array(repeat) * lattice_constant
    return Atoms(numbers=np.full(len(positions), 29), positions=positions, cell=cell, pbc=True)
