"""Scan grids: the centres of the interaction volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry import check_atoms


@dataclass(frozen=True)
class Scan:
    """Positions of the interaction volumes on a grid.

    Attributes:
        centers: (P, 3) in Å, P = product of ``shape``, last grid axis fastest.
        shape: number of positions along each cell axis.
        step: (3,) distance between positions along each cell axis in Å.
        zone_axis: beam direction (Cartesian).
    """

    centers: np.ndarray
    shape: tuple[int, int, int]
    step: tuple[float, float, float]
    zone_axis: tuple[float, float, float]


def scan_grid(
    atoms: Atoms,
    step: float | Sequence[float] = 2.5,
    zone_axis: Sequence[float] = (0, 0, 1),
    margin: float = 0.0,
) -> Scan:
    """Regular grid of centres through the whole structure.

    Along a periodic axis the step is lowered to the nearest value that divides the cell, so that
    neighbours across the boundary are as far apart as any others; along an open axis the grid is
    centred between the outermost atoms.

    Args:
        atoms: the structure; lengths in Å.
        step: wanted distance between positions in Å, one number or one per cell axis.
        zone_axis: beam direction; stored with the scan.
        margin: distance in Å kept from the outermost atoms along open axes.

    Returns:
        The :class:`Scan`.

    Raises:
        InputError: a step that is not positive or a margin that leaves nothing.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> scan_grid(bulk("Cu", cubic=True, a=3.6) * (5, 5, 5), step=2.5).shape
        (8, 8, 8)
    """
    check_atoms(atoms)
    try:
        steps = np.broadcast_to(np.asarray(step, dtype=float), (3,))
    except (TypeError, ValueError):
        steps = np.zeros(3)
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        raise InputError(f"The scan step is {step!r}: give a positive length in Å, for example 2.5.")
    axis = tuple(float(x) for x in zone_axis)
    if len(axis) != 3:
        raise InputError(f"The zone axis is {zone_axis!r}: give three numbers.")
    fractions, shape, real_steps = [], [], []
    cell = np.array(atoms.cell.array)
    open_axes = ~np.array(atoms.pbc)
    if open_axes.any() and np.abs(np.linalg.det(cell)) < 1e-9:
        cell = np.where(open_axes[:, None], np.eye(3), cell)
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse
    for a in range(3):
        height = 1.0 / np.linalg.norm(inverse[:, a])
        if atoms.pbc[a]:
            count = max(1, int(np.ceil(height / steps[a] - 1e-9)))
            fractions.append(np.arange(count) / count)
            real_steps.append(float(height / count))
        else:
            low, high = scaled[:, a].min() + margin / height, scaled[:, a].max() - margin / height
            if high < low:
                raise InputError(
                    f"A margin of {margin} Å leaves nothing of the structure along cell axis {a}: lower it."
                )
            count = int((high - low) * height / steps[a] + 1e-9) + 1
            middle = 0.5 * (low + high)
            fractions.append(middle + (np.arange(count) - (count - 1) / 2) * steps[a] / height)
            real_steps.append(float(steps[a]))
        shape.append(count)
    grid = np.stack(np.meshgrid(*fractions, indexing="ij"), axis=-1).reshape(-1, 3)
    return Scan(grid @ cell, tuple(shape), tuple(real_steps), axis)  # type: ignore[arg-type]
