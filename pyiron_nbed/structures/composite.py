"""Amorphous-crystalline composites: fcc nanocrystals in a random alloy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pyiron_nbed.checks import number, real_array, seed_number, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.structures.lattice import (
    LATTICE_CONSTANT_CU,
    check_atoms_fit,
    check_lattice_constant,
    fcc_copper,
)
from pyiron_nbed.structures.random_alloy import substitute
from pyiron_nbed.units import quantities


@quantities(radius="angstrom", lattice_constant="angstrom", minimum_distance="angstrom")
def composite(
    cells: int | Sequence[int] = 12,
    radius: float | Sequence[float] | None = None,
    n_crystals: int = 1,
    positions: Sequence[Sequence[float]] | str = "grid",
    zr_fraction: float = 0.36,
    rotated: bool | Rotation = False,
    seed: int = 0,
    lattice_constant: float = LATTICE_CONSTANT_CU,
    minimum_distance: float = 2.0,
) -> Atoms:
    """fcc Cu with spherical nanocrystals kept as they are and Zr dissolved in the rest, as in [WuRupert2026].

    The nanocrystals carry the array ``frozen`` (True): ``CompositeQuench`` melts and quenches the rest
    around them.

    Args:
        cells: fcc cells along each axis, one number or three.
        radius: of the nanocrystals in Å, one number or one each; the default is four lattice constants.
        n_crystals: number of nanocrystals (not needed where positions are given).
        positions: "grid" (evenly in the cell; one sits in the middle), "random" (seeded, without overlap)
            or (n, 3) centres in fractions of the cell.
        zr_fraction: atomic fraction of Zr outside the nanocrystals.
        rotated: True rotates each nanocrystal at random (seeded), False leaves all aligned; or a
            ``scipy`` Rotation of n rotations.
        seed: of the positions, Zr sites and rotations.
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
    repeat = _cells(cells)
    check_lattice_constant(lattice_constant)
    check_atoms_fit(4 * math.prod(repeat.tolist()))
    nearest = lattice_constant / math.sqrt(2)
    hint = "the nearest-neighbour distance"
    number(minimum_distance, "minimum_distance", 0, below=nearest, unit="Å", hint=hint)
    number(zr_fraction, "zr_fraction", 0, 1)
    cell = repeat * lattice_constant
    random = np.random.default_rng(seed_number(seed))
    if isinstance(positions, str):
        count = whole(n_crystals, "n_crystals", 1, 4 * math.prod(repeat.tolist()), "one per atom")
    else:
        what = "'grid', 'random' or centres in fractions of the cell, shape (n, 3)"
        fractions = real_array(positions, "positions", (None, 3), what)
        count = whole(len(fractions), "The number of positions", 1)
    radii = _radii(4 * lattice_constant if radius is None else radius, count)
    centers = _centers(positions, radii, cell, random)
    _check_room(centers, cell, radii)
    atoms = fcc_copper(repeat.tolist(), lattice_constant)
    crystal = np.full(len(atoms), -1)
    tree = cKDTree(atoms.positions, boxsize=cell, balanced_tree=False, compact_nodes=False)
    for row, (center, r) in enumerate(zip(centers, radii, strict=True)):
        crystal[tree.query_ball_point(center, r)] = row
    atoms.arrays["crystal"] = crystal
    if isinstance(rotated, Rotation) or rotated:
        rotations = Rotation.random(count, random_state=random) if rotated is True else rotated
        if not isinstance(rotations, Rotation) or len(np.atleast_2d(rotations.as_quat())) != count:
            raise InputError(
                f"rotated is {shown(rotated)}: give True, False or a scipy Rotation of {count} rotations."
            )
        matrices = np.atleast_3d(rotations.as_matrix()).reshape(-1, 3, 3)
        shell = [tree.query_ball_point(c, r + minimum_distance) for c, r in zip(centers, radii, strict=True)]
        atoms = _rotate(atoms, centers, cell, matrices, np.unique(np.concatenate(shell)), minimum_distance)
    substitute(atoms, atoms.arrays["crystal"] < 0, zr_fraction, random)
    atoms.arrays["frozen"] = atoms.arrays["crystal"] >= 0
    return atoms


def _cells(cells: int | Sequence[int]) -> np.ndarray:
    try:
        repeat = np.broadcast_to(np.asarray(cells), (3,))
        valid = repeat.dtype.kind in "iu" and bool((repeat >= 1).all())
    except ValueError:
        valid = False
    if not valid:
        raise InputError(f"cells is {shown(cells)}: give one whole number of fcc cells, or three.")
    return repeat


def _radii(radius: float | Sequence[float], count: int) -> np.ndarray:
    try:
        given = np.asarray(radius)
        radii = np.broadcast_to(given, (count,)).astype(float)
        valid = given.dtype.kind in "iuf" and bool(np.isfinite(radii).all() and (radii > 0).all())
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(f"radius is {shown(radius)}: give a length above 0 Å, or {count} of them.")
    return radii


def _centers(
    positions: Sequence[Sequence[float]] | str, radii: np.ndarray, cell: np.ndarray, random
) -> np.ndarray:
    """(n, 3) centres in Å inside the cell."""
    count = len(radii)
    if not isinstance(positions, str):
        return (np.asarray(positions) % 1.0) * cell
    if positions == "grid":
        side = int(np.ceil(count ** (1 / 3) - 1e-9))
        grid = (np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3) + 0.5) / side
        return (
            grid[np.linspace(0, len(grid) - 1, count).round().astype(int)] * cell
            if count > 1
            else cell[None] / 2
        )
    if positions != "random":
        allowed = "'grid', 'random' or centres of shape (n, 3)"
        raise InputError(f"positions is {shown(positions)}: give {allowed}.")
    centers: list[np.ndarray] = []
    for _ in range(2000 * count):
        trial = random.random(3) * cell
        offset = np.array(centers).reshape(-1, 3) - trial
        offset -= np.round(offset / cell) * cell
        if (np.linalg.norm(offset, axis=1) >= radii[: len(centers)] + radii[len(centers)]).all():
            centers.append(trial)
            if len(centers) == count:
                return np.array(centers)
    raise InputError(
        f"Only {len(centers)} of {count} nanocrystals of radius {radii.max():.1f} Å fit at random into "
        f"{' × '.join(f'{side:.0f}' for side in cell)} Å: take fewer or smaller ones, more cells, or 'grid'."
    )


def _check_room(centers: np.ndarray, cell: np.ndarray, radii: np.ndarray) -> None:
    if (2 * radii.max() > cell).any():
        raise InputError(
            f"A nanocrystal of radius {radii.max():.1f} Å does not fit a cell of "
            f"{' × '.join(f'{side:.1f}' for side in cell)} Å: take more cells or a smaller radius."
        )
    for i in range(1, len(centers)):
        offset = centers[:i] - centers[i]
        offset -= np.round(offset / cell) * cell
        distances = np.linalg.norm(offset, axis=1)
        gap = distances - radii[:i] - radii[i]
        j = int(gap.argmin())
        if gap[j] < -1e-9:
            raise InputError(
                f"Nanocrystals {j} and {i} are {distances[j]:.1f} Å apart, less than their two radii "
                f"({radii[i] + radii[j]:.1f} Å): move them apart or take smaller radii."
            )


def _rotate(
    atoms: Atoms,
    centers: np.ndarray,
    cell: np.ndarray,
    matrices: np.ndarray,
    shell: np.ndarray,
    minimum_distance: float,
) -> Atoms:
    """Turn the crystals; atoms of the rest among ``shell`` (indices) that come too close are removed."""
    positions = atoms.positions.copy()
    crystal = atoms.arrays["crystal"]
    for row, center in enumerate(centers):
        inside = np.flatnonzero(crystal == row)
        offset = positions[inside] - center
        offset -= np.round(offset / cell) * cell
        positions[inside] = center + offset @ matrices[row].T
    positions %= cell
    atoms.positions = positions
    rest = shell[crystal[shell] < 0]
    tree = cKDTree(positions[crystal >= 0] % cell, boxsize=cell)
    near = tree.query(positions[rest] % cell, distance_upper_bound=minimum_distance)[0]
    keep = np.ones(len(atoms), bool)
    keep[rest[np.isfinite(near)]] = False
    return atoms[keep]
