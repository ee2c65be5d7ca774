"""Regular grids of patterns: rows of a file or an array over named axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pyiron_nbed.checks import is_number, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import as_centers
from pyiron_nbed.geometry.frames import beam_frame
from pyiron_nbed.units import quantities

TOLERANCE = 1e-3  # Å; positions closer than this are one


@dataclass(frozen=True)
class NavigationAxis:
    """An axis of a scan: the position of number i is offset + i·step.

    Attributes:
        name: "x", "y", "z" in the frame of the image, "a", "b", "c" along the cell, or what is counted.
        step: in ``units``, 0 along an axis of one position; 1 where only numbers are counted.
        offset: of the first position.
        units: "Å", or None where only numbers are counted.
    """

    name: str
    step: float = 1.0
    offset: float = 0.0
    units: str | None = "Å"


class Plane(NamedTuple):
    """A map in the plane of two axes, as images and figures take it.

    Attributes:
        values: (rows = second axis, columns = first axis).
        extent: edges of the map in Å: low and high along the columns, low and high along the rows.
        names: of the axes along the columns and along the rows.
    """

    values: np.ndarray
    extent: tuple[float, float, float, float]
    names: tuple[str, str]


@dataclass(frozen=True)
class Grid:
    """Patterns on a regular grid.

    Attributes:
        rows: (n_0, …) int, row of the pattern at each place; −1 where there is none.
        axes: one for each dimension of ``rows``.
    """

    rows: np.ndarray
    axes: tuple[NavigationAxis, ...]

    @property
    def step(self) -> tuple[float, ...]:
        """Distance between neighbours along each axis in Å, 0 along an axis of one position."""
        return tuple(axis.step for axis in self.axes)

    @property
    def origin(self) -> tuple[float, ...]:
        """Position of the first place along each axis in Å."""
        return tuple(axis.offset for axis in self.axes)

    def map(self, values: np.ndarray) -> np.ndarray:
        """Values of the patterns as an array over the grid.

        Args:
            values: (P, ...) of all patterns, in the order of the file.

        Returns:
            (n_0, …, ...), NaN (and then floating point) where there is no pattern.

        Raises:
            InputError: fewer values than the grid has rows.

        Example:
            >>> Grid(np.array([[1, 0], [-1, 2]]), ()).map([0.5, 0.6, 0.7]).tolist()
            [[0.6, 0.5], [nan, 0.7]]
        """
        values = np.asarray(values)
        if not values.ndim:
            raise InputError(f"The values are {shown(values)}: give one for each pattern of the file.")
        if len(values) <= self.rows.max():
            raise InputError(
                f"There are {len(values)} values and the grid has rows up to {self.rows.max()}: give one for "
                "each pattern of the file."
            )
        grid = values[self.rows]
        absent = self.rows < 0
        if absent.any():
            grid = grid.astype(np.result_type(values.dtype, np.float16))
            grid[absent] = np.nan
        return grid

    def plane(self, values: np.ndarray, across: int = -1) -> Plane:
        """Values of the patterns on the middle plane across an axis of a grid of three axes.

        Args:
            values: (P,) of all patterns, in the order of the file.
            across: number of the axis that the plane is cut across: that along the beam for a map of a scan.

        Returns:
            The :class:`Plane`; NaN where there is no pattern.

        Raises:
            InputError: a grid of fewer axes, a line, no such axis, or fewer values than the grid has rows.

        Example:
            >>> axes = NavigationAxis("a", 2.0), NavigationAxis("b", 5.0), NavigationAxis("c", 1.0)
            >>> Grid(np.arange(8).reshape(2, 2, 2), axes).plane(np.arange(8.0)).extent
            (-1.0, 3.0, -2.5, 7.5)
        """
        n = self.rows.ndim
        across = whole(across, "across", -n, n - 1) % n
        kept = [a for a in range(n) if a != across]
        if n != 3 or min(self.rows.shape[a] for a in kept) < 2:
            raise InputError(
                f"The patterns lie on a grid of {' × '.join(map(str, self.rows.shape))}, which has no plane "
                f"across axis {across}: scan at least two positions along two axes."
            )
        cut = np.take(self.map(values), self.rows.shape[across] // 2, axis=across).T
        ends: list[float] = []
        for a in kept:
            axis = self.axes[a]
            ends += [axis.offset - axis.step / 2, axis.offset + (self.rows.shape[a] - 0.5) * axis.step]
        first, second = (self.axes[a].name for a in kept)
        return Plane(cut, (ends[0], ends[1], ends[2], ends[3]), (first, second))

    @quantities(through="angstrom")
    def line(
        self, axis: int = -1, through: Sequence[float | None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Patterns along one axis.

        Args:
            axis: number of the axis that the line runs along.
            through: place of the line in Å along the other axes, in their order (the nearest line is taken);
                None, of one or of all, takes the middle.

        Returns:
            ((M,) rows, (M,) positions along the axis in Å); places without a pattern are missing.

        Raises:
            InputError: no such axis, another number of places, or a line without patterns.

        Example:
            >>> axes = NavigationAxis("y", 2.0), NavigationAxis("x", 5.0, 1.0)
            >>> rows, x = Grid(np.arange(6).reshape(2, 3), axes).line(axis=1, through=[2.2])
            >>> rows.tolist(), x.tolist()
            ([3, 4, 5], [1.0, 6.0, 11.0])
        """
        n = self.rows.ndim
        axis = whole(axis, "The axis", -n, n - 1) % n
        others = [a for a in range(n) if a != axis]
        several = isinstance(through, (list, tuple, np.ndarray))
        places: list = [None] * len(others) if through is None else list(through) if several else []
        if len(places) != len(others) or not all(p is None or is_number(p) for p in places):
            raise InputError(
                f"through is {shown(through)}: give a list with a place in Å, or None for the middle, on "
                "each "
                f"of the {len(others)} other axes."
            )
        place: list = [slice(None)] * n
        for a, wanted in zip(others, places, strict=True):
            last = self.rows.shape[a] - 1
            own = self.axes[a]
            number = last // 2 if wanted is None or not own.step else round((wanted - own.offset) / own.step)
            place[a] = min(max(number, 0), last)
        rows = self.rows[tuple(place)]
        along = self.axes[axis]
        there = np.flatnonzero(rows >= 0)
        if not len(there):
            raise InputError(f"There is no pattern on the line along {along.name} through {through!r}.")
        return rows[there], along.offset + there * along.step


@quantities(centers="angstrom")
def find_grid(centers: np.ndarray, zone_axis: Sequence[float] | np.ndarray = (0, 0, 1)) -> Grid | None:
    """The regular grid that positions form, in whatever order they come, along the axes of the image.

    Args:
        centers: (P, 3) in Å.
        zone_axis: (3,) direction of the beam.

    Returns:
        The :class:`Grid` with axes z (along the beam), y and x (as k_y and k_x, see
        :func:`pyiron_nbed.geometry.frames.beam_frame`), or None where the positions are no complete grid with
        one step along each axis.

    Raises:
        InputError: unusable positions or zone axis.

    Example:
        >>> find_grid([[5, 0, 0], [0, 0, 0], [0, 2, 0], [5, 2, 0]]).rows.tolist()
        [[[1, 0], [2, 3]]]
    """
    positions = as_centers(centers) @ beam_frame(zone_axis)[::-1].T
    places, shape = [], []
    for column in positions.T:
        order = np.argsort(column, kind="stable")
        first = np.diff(column[order], prepend=-np.inf) > TOLERANCE
        place = np.empty(len(order), int)
        place[order] = np.cumsum(first) - 1
        places.append(place)
        shape.append(int(first.sum()))
    if np.prod(shape, dtype=float) != len(positions):
        return None
    rows = np.full(len(positions), -1)
    rows[np.ravel_multi_index(tuple(places), shape)] = np.arange(len(positions))
    if (rows < 0).any():
        return None
    rows = rows.reshape(shape)
    axes = grid_axes(positions[rows][..., ::-1], ("z", "y", "x"))
    return None if axes is None else Grid(rows, axes)


def grid_axes(positions: np.ndarray, names: Sequence[str] | None = None) -> tuple[NavigationAxis, ...] | None:
    """The axis that each dimension of an array of positions runs along.

    Args:
        positions: (n_0, …, 3) x, y, z in Å.
        names: of the axes where they are known ("x", "y" or "z"); else a dimension of one position takes a
            name that is free.

    Returns:
        The axes, or None where a dimension does not run along x, y or z in equal steps.

    Example:
        >>> grid_axes(np.array([[0.0, 0, 0], [0, -2, 0]]))
        (NavigationAxis(name='y', step=-2.0, offset=0.0, units='Å'),)
    """
    found: list[str | None] = []
    steps = []
    for a in range(positions.ndim - 1):
        jumps = np.diff(positions, axis=a).reshape(-1, 3)
        if not len(jumps):
            found.append(None)
            steps.append(0.0)
            continue
        mean = jumps.mean(axis=0)
        along = int(np.argmax(np.abs(mean)))
        wanted = np.where(np.arange(3) == along, mean, 0)
        if abs(mean[along]) < TOLERANCE or np.abs(jumps - wanted).max() > 2 * TOLERANCE:
            return None
        found.append("xyz"[along])
        steps.append(float(mean[along]))
    used = [name for name in found if name is not None]
    free = iter([name for name in "yzx" if name not in used])
    if names is None:
        names = [next(free) if name is None else name for name in found]
    fits = all(name in (None, given) for name, given in zip(found, names, strict=True))
    if not fits or len(set(names)) < len(names):
        return None
    first = positions[(0,) * (positions.ndim - 1)]
    return tuple(
        NavigationAxis(name, step, float(first["xyz".index(name)]))
        for name, step in zip(names, steps, strict=True)
    )
