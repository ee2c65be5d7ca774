"""Scans: where the interaction volumes of a structure lie, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import direction, shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import as_centers, check_atoms
from pyiron_nbed.patterns.grid import Grid, NavigationAxis
from pyiron_nbed.patterns.plan import ScanPlan, scan_plan
from pyiron_nbed.units import quantities

MAX_POSITIONS = 100_000_000  # of a scan: 10 GB of centres while it is laid out


@dataclass(frozen=True)
class Scan:
    """Positions of the interaction volumes of one structure, and their rows in a pattern file.

    A map of any values of the patterns is ``scan.grid.map(values)``.

    Attributes:
        centers: (P, 3) in Å, in the order of the scan, P = product of ``shape`` (less where some are left
            out).
        shape: number of positions along each cell axis; (P,) for points that are no grid.
        step: distance between positions along each cell axis in Å, 0 along an axis with one position; empty
            for points.
        origin: of the first place along each cell axis in Å, counted as ``limits``; empty for points.
        zone_axis: beam direction (Cartesian).
        order: see :class:`ScanPlan`.
        kept: (P,) place of each centre in the order of the whole scan where some were left out, None where
            none was.
        structure, volume: rows in the lists of the file.
        first: row of the first centre.
        zone_axes: (P, 3) beam direction at each centre in place of the one of the scan, or None.
    """

    centers: np.ndarray
    shape: tuple[int, ...]
    step: tuple[float, ...]
    origin: tuple[float, ...]
    zone_axis: tuple[float, float, float]
    order: str = "raster"
    kept: np.ndarray | None = None
    structure: int = 0
    volume: int = 0
    first: int = 0
    zone_axes: np.ndarray | None = None

    @property
    def rows(self) -> slice:
        """Its patterns in the file, in the order of the scan."""
        return slice(self.first, self.first + len(self.centers))

    @property
    def grid(self) -> Grid:
        """Rows of the file over the cell axes a, b, c, whatever the order of the scan; points only count.

        Example:
            >>> from ase.build import bulk
            >>> atoms = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
            >>> scan = scan_grid(atoms, step=(10, 5, None), order="serpentine")
            >>> scan.grid.map(scan.centers[:, 1])[..., 0].tolist()
            [[0.0, 5.0, 10.0, 15.0], [0.0, 5.0, 10.0, 15.0]]
        """
        places = _sequence(self.shape, self.order)
        rows = np.full(len(places), -1)
        rows[places if self.kept is None else places[self.kept]] = np.arange(self.rows.start, self.rows.stop)
        if not self.step:
            return Grid(rows, (NavigationAxis("point", units=None),))
        axes = map(NavigationAxis, "abc", self.step, self.origin)
        return Grid(rows.reshape(self.shape), tuple(axes))

    def as_dict(self) -> dict:
        """JSON form, see ``scans`` in :mod:`pyiron_nbed.dataset.schema`."""
        names = ("structure", "volume", "zone_axis", "shape", "step", "origin", "order", "first")
        return {**{name: getattr(self, name) for name in names}, "n": len(self.centers)}


def scan_grid(
    atoms: Atoms,
    scan: ScanPlan | float | Sequence[float | None] | None = None,
    zone_axis: Sequence[float] = (0, 0, 1),
    **options: Any,
) -> Scan:
    """Regular grid of centres through the structure, in one, two or three dimensions.

    Along a periodic axis the step is lowered to the nearest value that divides the cell, so that
    neighbours across the boundary are as far apart as any others; along an open axis the grid is
    centred between the outermost atoms. Of this grid the positions inside the limits are taken.

    Args:
        atoms: the structure; lengths in Å.
        scan: the plan, or the step in Å and other options one by one: ``scan_grid(atoms, step=4.0)``.
        zone_axis: beam direction; stored with the scan.

    Returns:
        The :class:`Scan`.

    Raises:
        InputError: options that are not allowed, or a margin or limits that leave nothing.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> scan_grid(bulk("Cu", cubic=True, a=3.6) * (5, 5, 5), step=2.5).shape
        (8, 8, 8)
    """
    check_atoms(atoms)
    plan = scan_plan(scan, **options)
    if plan.points is not None:
        raise InputError(
            "scan_grid makes a grid, and the plan has points: use scan_points, or leave them out."
        )
    axis = _axis(zone_axis)
    steps = plan.step if isinstance(plan.step, tuple) else (plan.step,) * 3
    limits = [(-np.inf, np.inf) if r is None else tuple(r) for r in plan.limits or [None] * 3]
    cell = _whole_cell(atoms.cell.array, atoms.pbc)
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    scaled = atoms.positions @ inverse
    fractions, real_steps, extents = [], [], []
    for a, (height, wanted, (lowest, highest)) in enumerate(zip(heights, steps, limits, strict=True)):
        if atoms.pbc[a]:
            low, high = 0.0, 1.0
        else:
            low = scaled[:, a].min() + plan.margin / height
            high = scaled[:, a].max() - plan.margin / height
            if high < low:
                raise InputError(
                    f"A margin of {plan.margin} Å leaves nothing of the structure along cell axis {a}: lower "
                    "it."
                )
        extents.append((high - low) * height)
        if wanted is not None and extents[-1] / wanted > MAX_POSITIONS:
            raise _too_many(wanted, extents[-1] / wanted)
        real = 0.0
        if wanted is None:
            points = np.array([0.5 * (max(low, lowest / height) + min(high, highest / height))])
        elif atoms.pbc[a]:
            count = max(1, int(np.ceil(height / wanted - 1e-9)))
            points, real = np.arange(count) / count, float(height / count)
        else:
            count = int((high - low) * height / wanted + 1e-9) + 1
            points = 0.5 * (low + high) + (np.arange(count) - (count - 1) / 2) * wanted / height
            real = float(wanted)
        points = points[(points * height >= lowest - 1e-9) & (points * height <= highest + 1e-9)]
        if not len(points):
            raise InputError(
                f"The limits {(lowest, highest)} Å along cell axis {a} hold no position of the scan: the "
                f"structure lies between {low * height:.1f} and {high * height:.1f} Å there."
            )
        fractions.append(points)
        real_steps.append(real)
    given = [(step, extent) for step, extent in zip(steps, extents, strict=True) if step is not None]
    if given and all(step > extent + 1e-9 for step, extent in given) and max(extents) > 0:
        raise InputError(
            f"The step of {shown(plan.step)} Å is longer than the structure, "
            f"{max(e for _, e in given):.1f} Å: "
            "lower it, or give None along an axis with one position."
        )
    if (total := float(np.prod([len(points) for points in fractions], dtype=float))) > MAX_POSITIONS:
        raise _too_many(plan.step, total)
    places = np.stack(np.meshgrid(*fractions, indexing="ij"), axis=-1).reshape(-1, 3)
    shape = tuple(len(points) for points in fractions)
    origin = tuple(float(points[0] * height) for points, height in zip(fractions, heights, strict=True))
    centers = (places @ cell)[_sequence(shape, plan.order)]
    return Scan(centers, shape, tuple(real_steps), origin, axis, plan.order)


@quantities(centers="angstrom")
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
    return Scan(positions, (len(positions),), (), (), _axis(zone_axis))


def first_place(
    centers: np.ndarray,
    places: np.ndarray,
    shape: Sequence[int],
    step: Sequence[float],
    order: str,
    cell: np.ndarray,
    pbc: Sequence[bool],
) -> tuple[float, ...]:
    """``origin`` of a :class:`Scan` of which only the centres are known.

    Args:
        centers: (P, 3) in Å.
        places: (P,) of each centre in the order of the scan.
        shape, step, order: of the scan.
        cell: (3, 3) of the structure in Å.
        pbc: (3,) its periodic axes.

    Returns:
        Position along each cell axis in Å; empty for points, 0 where there are no centres.

    Example:
        >>> cell = np.eye(3) * 20
        >>> first = np.array([[7.0, 3, 2]])
        >>> place = first_place(first, [1], (3, 1, 1), (5, 0, 0), "raster", cell, [True] * 3)
        >>> np.round(place, 9).tolist()
        [2.0, 3.0, 2.0]
    """
    if not len(step) or not len(centers):
        return (0.0,) * len(step)
    inverse = np.linalg.inv(_whole_cell(cell, pbc))
    at = (centers[0] @ inverse) / np.linalg.norm(inverse, axis=0)
    number = np.unravel_index(_sequence(tuple(shape), order)[places[0]], shape)
    return tuple((at - np.array(number) * step).tolist())


def _too_many(step: Any, count: float) -> InputError:
    return InputError(
        f"A step of {shown(step)} Å gives {count:,.0f} positions, and {MAX_POSITIONS:,} are the limit: "
        "raise it, "
        "or set limits."
    )


def _whole_cell(cell: np.ndarray, pbc: Sequence[bool]) -> np.ndarray:
    # with unit vectors along open axes where it spans no volume
    cell = np.array(cell, float)
    is_open = ~np.array(pbc, bool)
    if is_open.any() and np.abs(np.linalg.det(cell)) < 1e-9:
        cell = np.where(is_open[:, None], np.eye(3), cell)
    return cell


def _sequence(shape: tuple[int, ...], order: str) -> np.ndarray:
    # (P,) place on the grid (last axis fastest) of each position in the order of the scan
    places = np.arange(int(np.prod(shape))).reshape(shape)
    if order == "serpentine":
        for a in range(1, len(shape)):
            # the first axis first, so that the lines of the last one alternate in time
            lines = places.reshape(-1, *shape[a:])
            lines[1::2] = lines[1::2, ::-1].copy()
    return places.ravel()


def _axis(zone_axis: Sequence[float]) -> tuple[float, float, float]:
    direction(zone_axis, "The zone axis")
    if np.ndim(zone_axis) != 1:
        raise InputError(f"The zone axis is {shown(zone_axis)}: give three numbers.")
    x, y, z = map(float, zone_axis)
    return x, y, z
