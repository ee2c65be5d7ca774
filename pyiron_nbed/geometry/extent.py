"""How far atoms reach: in fractions of their cell, as a volume, and as a box with room around them."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell

from pyiron_nbed.kernels import njit
from pyiron_nbed.units import quantities


@quantities(padding="angstrom")
def padded_cell(atoms: Atoms, padding: float) -> np.ndarray:
    """The cell, along open axes replaced by the extent of the atoms and some room on both sides.

    Args:
        atoms: N atoms (Å); vectors of open axes may be zero, and atoms may lie outside.
        padding: room beyond the outermost atoms along open axes, Å.

    Returns:
        (3, 4) float64: the three cell vectors and the origin as columns, in Å.

    Example:
        >>> padded_cell(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]]), 5.0)[:, 2:].tolist()
        [[0.0, -5.0], [0.0, -5.0], [12.5, -5.0]]
    """
    cell = complete_cell(atoms.cell.array)
    inverse = np.linalg.inv(cell)
    low, high = fractional_range(np.ascontiguousarray(atoms.positions), inverse)
    room = padding * np.linalg.norm(inverse, axis=0)
    low = np.where(atoms.pbc, 0.0, low - room)
    high = np.where(atoms.pbc, 1.0, high + room)
    return np.column_stack([((high - low)[:, None] * cell).T, low @ cell])


def boxed_volume(atoms: Atoms) -> float:
    """Volume (Å³) of the cell, cut to the extent of the atoms along open axes."""
    cell = complete_cell(atoms.cell.array)
    low, high = fractional_range(np.ascontiguousarray(atoms.positions), np.linalg.inv(cell))
    extent = np.where(atoms.pbc, 1.0, high - low)
    return float(np.prod(extent) * abs(np.linalg.det(cell)))


@njit()
def fractional_range(positions, inverse):
    """Least and largest fractional coordinates (3,) of positions (N, 3) by the inverse of the cell (3, 3)."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for i in range(positions.shape[0]):
        for a in range(3):
            s = 0.0
            for c in range(3):
                s += positions[i, c] * inverse[c, a]
            low[a] = min(low[a], s)
            high[a] = max(high[a], s)
    return low, high
