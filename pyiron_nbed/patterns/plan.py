"""What a scan is asked for: a grid or points, checked when the plan is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pyiron_nbed.checks import is_number, number, one_of, seed_number, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import as_centers
from pyiron_nbed.units import quantities

STEP = 2.5  # Å, unless another is asked for
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
        InputError: a value that is not allowed, or step, order, margin or limits beside points.

    Example:
        >>> ScanPlan(step=(2.5, 2.5, None), limits=[(10, 60), None, None]).as_dict()["limits"]
        [[10.0, 60.0], None, None]
    """

    step: float | Sequence[float | None] = STEP
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
            "margin": number(self.margin, "The margin", 0, unit="Å"),
            "axes_per_cluster": whole(self.axes_per_cluster, "axes_per_cluster", 1),
            "seed": seed_number(self.seed),
            "step": _steps(self.step),
            "limits": _limits(self.limits),
            "points": _points(self.points),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.points is not None:
            self.check_no_grid("points take its place: leave them out")
            if self.step != STEP:
                raise InputError(f"There are points and a step of {shown(self.step)} Å: give one of the two.")

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
            f"The scan is {shown(scan)} with the options {sorted(options)}: give either scan = "
            "ScanPlan(…), or "
            "its options."
        )
    return scan


def _steps(step: Any) -> float | tuple[float | None, ...]:
    several = isinstance(step, (Sequence, np.ndarray)) and not isinstance(step, str)
    given = list(step) if several else [step]
    allowed = [(value is None and several) or (is_number(value) and value > 0) for value in given]
    if not all(allowed) or len(given) != (3 if several else 1):
        raise InputError(
            f"The scan step is {shown(step)}: give a positive length in Å, for example 2.5, or three of "
            "them, "
            "None for an axis with one position."
        )
    return tuple(None if v is None else float(v) for v in given) if several else float(step)


def _limits(limits: Any) -> tuple[tuple[float, float] | None, ...] | None:
    if limits is None:
        return None
    try:
        given = [None if r is None else np.array(r) for r in limits]
        valid = len(given) == 3 and all(
            r is None or (r.shape == (2,) and r.dtype.kind in "fiu" and r[0] <= r[1]) for r in given
        )
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"The limits are {shown(limits)}: give (lowest, highest) in Å or None for each of the three "
            "cell axes."
        )
    return tuple(None if r is None else (float(r[0]), float(r[1])) for r in given)


def _points(points: Any) -> np.ndarray | tuple[np.ndarray, ...] | None:
    if points is None:
        return None
    if isinstance(points, (list, tuple)) and points and all(_dimensions(array) == 2 for array in points):
        return tuple(as_centers(array, "The points") for array in points)
    if _dimensions(points) != 2:
        raise InputError(
            f"The points are {shown(points)}: give positions in Å of shape (P, 3), or a list with an "
            "array for "
            "each structure."
        )
    return as_centers(points, "The points")


def _dimensions(values: Any) -> int | None:
    try:
        return np.ndim(values)
    except ValueError:  # rows of several lengths
        return None
