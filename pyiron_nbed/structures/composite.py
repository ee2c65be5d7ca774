"""Amorphous-crystalline composites: fcc nanocrystals in a random alloy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pyiron_nbed.errors import InputError
from pyiron_nbed.structures.glass import LATTICE_CONSTANT_CU, substitute


def composite(
    cells: int | Sequence[int] = 12,
    radius: float | None = None,
    positions: Sequence[Sequence[float]] | None = None,
    zr_fraction: float = 0.36,
    rotated: bool = False,
    seed: int = 0,
    lattice_constant: float = LATTICE_CONSTANT_CU,
    minimum_distance: float = 2.0,
) -> Atoms:
    """fcc Cu with spherical nanocrystals kept as they are and Zr dissolved in the rest.

    The nanocrystals carry the array ``frozen`` (True): :class:`CompositeQuench` melts and quenches
    the rest around them.

    Args:
        cells: fcc cells along each axis, one number or three.
        radius: of the nanocrystals in Å; the default is four lattice constants.
        positions: (n, 3) centres in fractions of the cell; the default is one in the middle.
        zr_fraction: atomic fraction of Zr outside the nanocrystals.
        rotated: rotate each nanocrystal at random (seeded) instead of leaving all aligned.
        seed: of the Zr sites and rotations.
        lattice_constant: of fcc Cu in Å.
        minimum_distance: atoms of the rest closer than this to a rotated nanocrystal are removed, Å.

    Returns:
        Periodic ``ase.Atoms`` with ``arrays["frozen"]`` (N,) bool and ``arrays["crystal"]`` (N,)
        int: number of the nanocrystal, −1 outside.

    Raises:
        InputError: a value out of range, nanocrystals that overlap each other or their images.

    Example:
        >>> atoms = composite(cells=10, radius=10.0, seed=1)
        >>> len(atoms), int(atoms.arrays["frozen"].sum())
        (4000, 369)
    """
    try:
        repeat = np.broadcast_to(np.asarray(cells), (3,))
        valid = repeat.dtype.kind in "iu" and bool((repeat >= 1).all())
    except ValueError:
        valid = False
    if not valid:
        raise InputError(f"cells is {cells!r}: give one whole number of fcc cells, or three.")
    if not math.isfinite(lattice_constant) or lattice_constant <= 0:
        raise InputError(f"lattice_constant is {lattice_constant!r}: give a positive length in Å.")
    radius = 4 * lattice_constant if radius is None else radius
    if not isinstance(radius, (int, float)) or not math.isfinite(radius) or radius <= 0:
        raise InputError(f"radius is {radius!r}: give a positive length in Å.")
    cell = repeat * lattice_constant
    centers = np.atleast_2d(np.asarray([[0.5] * 3] if positions is None else positions, float))
    if centers.ndim != 2 or centers.shape[1] != 3 or not np.isfinite(centers).all():
        raise InputError(
            f"positions has shape {centers.shape}: give centres in fractions of the cell, shape (n, 3)."
        )
    centers = (centers % 1.0) * cell
    _check_room(centers, cell, float(radius))
    random = np.random.default_rng(seed)
    atoms = bulk("Cu", "fcc", a=lattice_constant, cubic=True) * tuple(int(n) for n in repeat)
    crystal = np.full(len(atoms), -1)
    for number, center in enumerate(centers):
        offset = atoms.positions - center
        offset -= np.round(offset / cell) * cell
        crystal[(offset**2).sum(axis=1) <= radius**2] = number
    atoms.arrays["crystal"] = crystal
    if rotated:
        atoms = _rotate(atoms, centers, cell, minimum_distance, random)
    substitute(atoms, atoms.arrays["crystal"] < 0, zr_fraction, random)
    atoms.arrays["frozen"] = atoms.arrays["crystal"] >= 0
    return atoms


def _check_room(centers: np.ndarray, cell: np.ndarray, radius: float) -> None:
    if (2 * radius > cell).any():
        raise InputError(
            f"A nanocrystal of radius {radius:.1f} Å does not fit a cell of "
            f"{' × '.join(f'{side:.1f}' for side in cell)} Å: take more cells or a smaller radius."
        )
    for i in range(len(centers)):
        for j in range(i):
            offset = centers[i] - centers[j]
            offset -= np.round(offset / cell) * cell
            distance = float(np.linalg.norm(offset))
            if distance < 2 * radius:
                raise InputError(
                    f"Nanocrystals {j} and {i} are {distance:.1f} Å apart, less than two radii "
                    f"({2 * radius:.1f} Å): move them apart or take a smaller radius."
                )


def _rotate(atoms: Atoms, centers: np.ndarray, cell: np.ndarray, minimum_distance: float, random) -> Atoms:
    positions = atoms.positions.copy()
    crystal = atoms.arrays["crystal"]
    for number, center in enumerate(centers):
        inside = crystal == number
        offset = positions[inside] - center
        offset -= np.round(offset / cell) * cell
        positions[inside] = center + offset @ Rotation.random(random_state=random).as_matrix().T
    atoms.positions = positions
    atoms.wrap()
    wrapped = atoms.positions % cell
    rest = np.flatnonzero(crystal < 0)
    tree = cKDTree(wrapped[crystal >= 0], boxsize=cell)
    near = tree.query(wrapped[rest], distance_upper_bound=minimum_distance)[0]
    return atoms[np.setdiff1d(np.arange(len(atoms)), rest[np.isfinite(near)])]
