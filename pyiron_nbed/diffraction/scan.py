"""Scans: the centres of the interaction volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from pyiron_nbed.diffraction.search import as_centers
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms

ORDERS = ("raster", "serpentine")


@dataclass(frozen=True)
class Scan:
    """Positions of the interaction volumes.

    Attributes:
        centers: (P, 3) in Å, in the order of the scan, P = product of ``shape`` (less where some are left
            out).
        shape: number of positions along each cell axis; (P,) for points that are no grid.
        step: distance between positions along each cell axis in Å, 0 along an axis with one
            position; empty for points.
        zone_axis: beam direction (Cartesian).
        order: "raster" (every line starts at the same side) or "serpentine" (every second line runs
            backwards, so that neighbours in time are neighbours in space).
        kept: (P,) place of each centre in the order of the whole scan where some were left out, None where
            none was.
    """

    centers: np.ndarray
    shape: tuple[int, ...]
    step: tuple[float, ...]
    zone_axis: tuple[float, float, float]
    order: str = "raster"
    kept: np.ndarray | None = None

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """Values of the positions as an array over the grid, whatever the order of the scan.

        Args:
            values: (P, ...) in the order of ``centers``.

        Returns:
            (*shape, ...), NaN (and then floating point) where a position was left out.

        Raises:
            InputError: another number of values than positions.

        Example:
            >>> from ase.build import bulk
            >>> atoms = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
            >>> scan = scan_grid(atoms, step=(10, 5, None), order="serpentine")
            >>> scan.on_grid(scan.centers[:, 1])[..., 0].tolist()
            [[0.0, 5.0, 10.0, 15.0], [0.0, 5.0, 10.0, 15.0]]
        """
        values = np.asarray(values)
        if len(values) != len(self.centers):
            raise InputError(f"There are {len(values)} values for {len(self.centers)} positions of the scan.")
        places = _sequence(self.shape, self.order)
        if self.kept is None or len(self.kept) == len(places):
            grid = np.empty_like(values)
        else:
            places = places[self.kept]
            size = (int(np.prod(self.shape)), *values.shape[1:])
            grid = np.full(size, np.nan, np.result_type(values.dtype, np.float16))
        grid[places] = values
        return grid.reshape(*self.shape, *values.shape[1:])


def scan_grid(
    atoms: Atoms,
    step: float | Sequence[float | None] = 2.5,
    zone_axis: Sequence[float] = (0, 0, 1),
    margin: float = 0.0,
    order: str = "raster",
    region: Sequence[Sequence[float] | None] | None = None,
) -> Scan:
    """Regular grid of centres through the structure, in one, two or three dimensions.

    Along a periodic axis the step is lowered to the nearest value that divides the cell, so that
    neighbours across the boundary are as far apart as any others; along an open axis the grid is
    centred between the outermost atoms. Of this grid the positions inside the region are taken.

    Args:
        atoms: the structure; lengths in Å.
        step: wanted distance between positions in Å, one number or one per cell axis; None along an
            axis puts all positions in the middle of it: (2.5, 2.5, None) is a two-dimensional scan.
        zone_axis: beam direction; stored with the scan.
        margin: distance in Å kept from the outermost atoms along open axes.
        order: "raster" or "serpentine"; the last axis runs fastest.
        region: (lowest, highest) position in Å along each cell axis, counted from the origin
            perpendicular to the cell's faces, None for the whole axis: [(10, 60), None, None].

    Returns:
        The :class:`Scan`.

    Raises:
        InputError: a step that is not positive, an unknown order, a margin that is no number, or a margin or
            region that leaves nothing.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> scan_grid(bulk("Cu", cubic=True, a=3.6) * (5, 5, 5), step=2.5).shape
        (8, 8, 8)
    """
    check_atoms(atoms)
    steps = _steps(step)
    axis = _axis(zone_axis)
    limits = _limits(region)
    if order not in ORDERS:
        raise InputError(f"The scan order is {order!r}: choose one of {', '.join(map(repr, ORDERS))}.")
    if isinstance(margin, bool) or not isinstance(margin, (int, float, np.number)) or not np.isfinite(margin):
        raise InputError(f"The margin is {margin!r}: give a distance in Å.")
    fractions, real_steps = [], []
    cell = np.array(atoms.cell.array)
    open_axes = ~np.array(atoms.pbc)
    if open_axes.any() and np.abs(np.linalg.det(cell)) < 1e-9:
        cell = np.where(open_axes[:, None], np.eye(3), cell)
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse
    for a in range(3):
        height = 1.0 / np.linalg.norm(inverse[:, a])
        wanted = steps[a]
        if atoms.pbc[a]:
            low, high = 0.0, 1.0
        else:
            low, high = scaled[:, a].min() + margin / height, scaled[:, a].max() - margin / height
            if high < low:
                raise InputError(
                    f"A margin of {margin} Å leaves nothing of the structure along cell axis {a}: lower it."
                )
        if wanted is None:
            inside = limits[a] / height
            points = np.array([0.5 * (max(low, inside[0]) + min(high, inside[1]))])
            real = 0.0
        elif atoms.pbc[a]:
            count = max(1, int(np.ceil(height / wanted - 1e-9)))
            points, real = np.arange(count) / count, float(height / count)
        else:
            count = int((high - low) * height / wanted + 1e-9) + 1
            points = 0.5 * (low + high) + (np.arange(count) - (count - 1) / 2) * wanted / height
            real = float(wanted)
        points = points[(points * height >= limits[a][0] - 1e-9) & (points * height <= limits[a][1] + 1e-9)]
        if not len(points):
            raise InputError(
                f"The region {tuple(limits[a].tolist())} Å along cell axis {a} holds no position of the "
                f"scan: the structure lies between {low * height:.1f} and {high * height:.1f} Å there."
            )
        fractions.append(points)
        real_steps.append(real)
    grid = np.stack(np.meshgrid(*fractions, indexing="ij"), axis=-1).reshape(-1, 3)
    shape = tuple(len(points) for points in fractions)
    return Scan((grid @ cell)[_sequence(shape, order)], shape, tuple(real_steps), axis, order)


def scan_points(centers: np.ndarray, zone_axis: Sequence[float] = (0, 0, 1)) -> Scan:
    """Scan over given positions, for example a line or positions of atoms.

    Args:
        centers: (P, 3) in Å.
        zone_axis: beam direction.

    Returns:
        The :class:`Scan` with shape (P,).

    Raises:
        InputError: positions of another shape, or NaN.

    Example:
        >>> scan_points([[0, 0, 0], [0, 0, 2.5]]).shape
        (2,)
    """
    positions = as_centers(centers)
    return Scan(positions, (len(positions),), (), _axis(zone_axis))


def _sequence(shape: tuple[int, ...], order: str) -> np.ndarray:
    # (P,) place on the grid (last axis fastest) of each position in the order of the scan
    places = np.arange(int(np.prod(shape))).reshape(shape)
    if order == "serpentine":
        for a in range(1, len(shape)):
            # the first axis first, so that the lines of the last one alternate in time
            lines = places.reshape(-1, *shape[a:])
            lines[1::2] = lines[1::2, ::-1].copy()
    return places.ravel()


def _steps(step: float | Sequence[float | None]) -> list[float | None]:
    given = (
        list(step) if isinstance(step, (Sequence, np.ndarray)) and not isinstance(step, str) else [step] * 3
    )
    valid = len(given) == 3 and all(
        value is None
        or (isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 < value < np.inf)
        for value in given
    )
    if not valid:
        raise InputError(
            f"The scan step is {step!r}: give a positive length in Å, for example 2.5, or three of them, "
            "None for an axis with one position."
        )
    return [None if value is None else float(value) for value in given]


def _axis(zone_axis: Sequence[float]) -> tuple[float, float, float]:
    axis = tuple(float(x) for x in zone_axis)
    if len(axis) != 3:
        raise InputError(f"The zone axis is {zone_axis!r}: give three numbers.")
    return axis


def _limits(region: Sequence[Sequence[float] | None] | None) -> list[np.ndarray]:
    everything = np.array([-np.inf, np.inf])
    try:
        limits = [
            everything if r is None else np.array(r, float)
            for r in ([None] * 3 if region is None else region)
        ]
        valid = len(limits) == 3 and all(r.shape == (2,) and r[0] <= r[1] for r in limits)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"The region is {region!r}: give (lowest, highest) in Å or None for each of the three cell axes."
        )
    return limits
