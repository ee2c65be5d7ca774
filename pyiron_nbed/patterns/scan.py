"""Scans: where the interaction volumes of a structure lie, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import direction, is_number, number, one_of, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import as_centers, check_atoms
from pyiron_nbed.patterns.grid import Grid, NavigationAxis
from pyiron_nbed.units import quantities

ORDERS = ("raster", "serpentine")
EMPTY = ("error", "skip")


@quantities(step="angstrom", margin="angstrom", limits="angstrom", points="angstrom")
@dataclass(frozen=True, eq=False)
class ScanPlan:
    """Where the volumes lie in each structure: a regular grid or given points; checked when it is made.

    Attributes:
        step: wanted distance between positions in Å, one number or one per cell axis; None along an axis puts
            all positions in the middle of it: (2.5, 2.5, None) is a two-dimensional scan.
        order: of the positions: "raster" (every line starts at the same side) or "serpentine" (every second
            line runs backwards, so that neighbours in time are neighbours in space); the last axis runs
            fastest.
        margin: distance in Å kept from the outermost atoms along open axes.
        limits: (lowest, highest) position in Å along each cell axis, counted from the origin perpendicular to
            the cell's faces, None for the whole axis: [(10, 60), None, None].
        points: positions in Å in place of the grid, (P, 3) for all structures or a list with an array for
            each.
        empty: volumes without atoms are an "error", or left out with a warning that counts them ("skip").
        axes_per_cluster: random zone axes of each one-layer cluster.
        seed: of these axes.

    Raises:
        InputError: a value that is not allowed, or order, margin or limits beside points.

    Example:
        >>> ScanPlan(step=(2.5, 2.5, None), limits=[(10, 60), None, None]).as_dict()["limits"]
        [[10.0, 60.0], None, None]
    """

    step: float | Sequence[float | None] = 2.5
    order: str = "raster"
    margin: float = 0.0
    limits: Sequence[Sequence[float] | None] | None = None
    points: np.ndarray | Sequence[np.ndarray] | None = None
    empty: str = "error"
    axes_per_cluster: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        plain = {
            "order": one_of(self.order, "The scan's order", ORDERS),
            "empty": one_of(self.empty, "empty", EMPTY),
            "margin": number(self.margin, "The margin", hint="in Å"),
            "axes_per_cluster": whole(self.axes_per_cluster, "axes_per_cluster", 1),
            "seed": whole(self.seed, "seed"),
            "step": _steps(self.step),
            "limits": _limits(self.limits),
            "points": _points(self.points),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.points is not None:
            self.check_no_grid("points take its place: leave them out")

    def check_no_grid(self, why: str) -> None:
        """Raise InputError where order, margin or limits are set; ``why`` ends the sentence."""
        if self.order != "raster" or self.margin or self.limits is not None:
            raise InputError(f"order, margin and limits belong to a grid, and {why}.")

    def points_in(self, n: int) -> list[np.ndarray] | None:
        """Points in each of n structures, (P, 3) in Å; None for a grid.

        Raises:
            InputError: arrays of points for another number of structures.
        """
        if self.points is None or isinstance(self.points, np.ndarray):
            return None if self.points is None else [self.points] * n
        if len(self.points) != n:
            raise InputError(
                f"There are {len(self.points)} arrays of points for {n} structures: give one (P, 3) array "
                "for all, or a list with one for each."
            )
        return list(self.points)

    def as_dict(self) -> dict[str, Any]:
        """JSON form; ``ScanPlan(**plan.as_dict())`` is the same plan."""
        values: dict[str, Any] = {own.name: getattr(self, own.name) for own in fields(self)}
        for name in ("step", "limits"):
            if isinstance(values[name], tuple):
                values[name] = [list(v) if isinstance(v, tuple) else v for v in values[name]]
        if isinstance(self.points, np.ndarray):
            values["points"] = self.points.tolist()
        elif self.points is not None:
            values["points"] = [array.tolist() for array in self.points]
        return values


def scan_plan(scan: ScanPlan | float | Sequence[float | None] | None = None, **options: Any) -> ScanPlan:
    """The plan, or one of a step in Å, or one of these options (those of :class:`ScanPlan`).

    Raises:
        InputError: both, an unknown option, or a value that is not allowed.

    Example:
        >>> scan_plan(step=4).step, scan_plan(4, margin=2).step
        (4.0, 4.0)
    """
    names = [own.name for own in fields(ScanPlan)]
    if unknown := sorted(set(options) - set(names)):
        raise InputError(f"A scan has no option {', '.join(unknown)}: choose some of {', '.join(names)}.")
    if scan is None:
        return ScanPlan(**options)
    if not isinstance(scan, ScanPlan) and "step" not in options:
        return ScanPlan(step=scan, **options)
    if options or not isinstance(scan, ScanPlan):
        raise InputError(
            f"The scan is {scan!r} with the options {sorted(options)}: give either scan = ScanPlan(…), or "
            "its options."
        )
    return scan


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
    axis = _axis(zone_axis)
    steps = plan.step if isinstance(plan.step, tuple) else (plan.step,) * 3
    limits = [(-np.inf, np.inf) if r is None else tuple(r) for r in plan.limits or [None] * 3]
    cell = _whole_cell(atoms.cell.array, atoms.pbc)
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    scaled = atoms.positions @ inverse
    fractions, real_steps = [], []
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


def _steps(step: Any) -> float | tuple[float | None, ...]:
    several = isinstance(step, (Sequence, np.ndarray)) and not isinstance(step, str)
    given = list(step) if several else [step]
    allowed = [(value is None and several) or (is_number(value) and value > 0) for value in given]
    if not all(allowed) or len(given) != (3 if several else 1):
        raise InputError(
            f"The scan step is {step!r}: give a positive length in Å, for example 2.5, or three of them, "
            "None for an axis with one position."
        )
    return tuple(None if v is None else float(v) for v in given) if several else float(step)


def _limits(limits: Any) -> tuple[tuple[float, float] | None, ...] | None:
    if limits is None:
        return None
    try:
        given = [None if r is None else np.array(r, float) for r in limits]
        valid = len(given) == 3 and all(r is None or (r.shape == (2,) and r[0] <= r[1]) for r in given)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"The limits are {limits!r}: give (lowest, highest) in Å or None for each of the three cell axes."
        )
    return tuple(None if r is None else (float(r[0]), float(r[1])) for r in given)


def _points(points: Any) -> np.ndarray | tuple[np.ndarray, ...] | None:
    if points is None:
        return None
    try:
        if np.ndim(points[0]) == 1:
            return as_centers(points)
        return tuple(as_centers(array) for array in points)
    except (TypeError, IndexError, KeyError):
        raise InputError(f"The points are {points!r}: give positions in Å of shape (P, 3).") from None


def _axis(zone_axis: Sequence[float]) -> tuple[float, float, float]:
    direction(zone_axis, "The zone axis")
    if np.ndim(zone_axis) != 1:
        raise InputError(f"The zone axis is {zone_axis!r}: give three numbers.")
    x, y, z = map(float, zone_axis)
    return x, y, z
