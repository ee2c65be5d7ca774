"""Profiles along an axis of the cell: sliding windows that wrap around periodic boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell

from pyiron_nbed.checks import memory, number, one_of, real_array
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.units import quantities

_LEAST_WINDOW = 0.01  # Å


@dataclass(frozen=True)
class Windows:
    """Overlapping windows along an axis and the atoms inside each; N atoms, B windows, lengths in Å.

    Attributes:
        position: (B,) middle of each window.
        order: (M,) atom indices sorted along the axis; atoms near a periodic boundary occur twice.
        first: (B,) first entry of ``order`` inside each window.
        last: (B,) first entry behind each window.
        volume: (B,) Å³ of the part of each window that lies in the structure.
        length: extent of the structure along the axis.
        periodic: whether the axis is periodic.
    """

    position: np.ndarray
    order: np.ndarray
    first: np.ndarray
    last: np.ndarray
    volume: np.ndarray
    length: float
    periodic: bool

    @property
    def n_atoms(self) -> np.ndarray:
        """(B,) atoms in each window."""
        return self.last - self.first

    def count(self, selected: np.ndarray) -> np.ndarray:
        """(B,) selected atoms in each window; ``selected`` is (N,) bool."""
        total = np.concatenate([[0], np.cumsum(np.asarray(selected, bool)[self.order])])
        return total[self.last] - total[self.first]

    def share(self, selected: np.ndarray) -> np.ndarray:
        """(B,) selected atoms as a share of all atoms in each window; NaN in an empty one."""
        count = self.n_atoms
        return np.where(count > 0, self.count(selected) / np.maximum(count, 1), np.nan)


def axis_coordinate(atoms: Atoms, axis: int = 0) -> tuple[np.ndarray, float, bool]:
    """Where the atoms are along the normal of the plane of the two other cell vectors.

    In an orthogonal cell this is x, y or z.

    Args:
        atoms: N atoms (Å).
        axis: 0, 1 or 2.

    Returns:
        (N,) coordinate in Å, from 0 to the length along a periodic axis; the length in Å (of the
        atoms along an open axis); whether the axis is periodic.

    Raises:
        InputError: another axis.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> x, length, periodic = axis_coordinate(bulk("Cu", a=3.6, cubic=True) * (4, 1, 1))
        >>> length, periodic, round(float(x.max()), 6)
        (14.4, True, 12.6)
    """
    one_of(axis, "axis", (0, 1, 2))
    check_atoms(atoms)
    cell = complete_cell(atoms.cell.array)
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse[:, axis]
    height = 1.0 / float(np.linalg.norm(inverse[:, axis]))
    periodic = bool(atoms.pbc[axis])
    if not periodic:
        coordinate = scaled * height
        return coordinate, float(np.ptp(coordinate)), False
    scaled -= np.floor(scaled)
    scaled[scaled >= 1.0] = 0.0  # −1e-17 wraps to exactly 1
    return scaled * height, round(height, 12), True


@quantities(window="angstrom", step="angstrom")
def check_windows(axis: int, window: float, step: float) -> None:
    """What can be said of windows without a structure.

    Args:
        axis: 0, 1 or 2.
        window: width in Å.
        step: distance between windows in Å.

    Raises:
        InputError: another axis, or a width or step below 0.01 Å.

    Example:
        >>> check_windows(0, 2.0, 1.0)
    """
    one_of(axis, "axis", (0, 1, 2), "for x, y, z")
    for name, value in (("window", window), ("step", step)):
        number(value, name, _LEAST_WINDOW, unit="Å")


@quantities(window="angstrom", step="angstrom")
def make_windows(atoms: Atoms, axis: int = 0, window: float = 2.0, step: float = 1.0) -> Windows:
    """Windows of one width at equal steps along an axis.

    Args:
        atoms: N atoms (Å).
        axis: 0, 1 or 2.
        window: width of a window in Å (2 Å: ±1 Å about its middle).
        step: wanted distance between neighbouring windows in Å; along a periodic axis it is
            adjusted so that the windows divide the cell evenly.

    Returns:
        The :class:`Windows`.

    Raises:
        InputError: width or step below 0.01 Å or beyond the extent of the structure.
        StructureError: unusable structure, or all atoms in one plane of an open axis.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", a=3.6, cubic=True) * (4, 1, 1)
        >>> atoms.translate([0.9, 0, 0])
        >>> windows = make_windows(atoms, window=3.6, step=3.6)
        >>> windows.n_atoms.tolist()
        [4, 4, 4, 4]
    """
    check_windows(axis, window, step)
    coordinate, length, periodic = axis_coordinate(atoms, axis)
    if length <= 0:
        raise StructureError(
            "All atoms lie in one plane, so there is no profile along this axis: choose another axis."
        )
    for name, value in (("window", window), ("step", step)):
        number(value, name, high=length, unit="Å", hint="the extent of the structure along this axis")
    memory(300 * length / step, f"A profile of {length / step:.2g} windows", "take a larger step")
    n_windows = max(1, round(length / step))
    low = 0.0 if periodic else float(coordinate.min())
    position = low + (np.arange(n_windows) + 0.5) * length / n_windows
    order = np.argsort(coordinate, kind="stable")
    place = coordinate[order]
    half = window / 2
    if periodic:
        head = np.searchsorted(place, half, "right")
        tail = np.searchsorted(place, length - half, "left")
        order = np.concatenate([order[tail:], order, order[:head]])
        place = np.concatenate([place[tail:] - length, place, place[:head] + length])
        inside = np.full(n_windows, float(window))
    else:
        inside = np.minimum(position + half, low + length) - np.maximum(position - half, low)
    return Windows(
        position=position,
        order=order,
        first=np.searchsorted(place, position - half, "left"),
        last=np.searchsorted(place, position + half, "left" if periodic else "right"),
        volume=inside * _area(atoms, axis),
        length=length,
        periodic=periodic,
    )


def _area(atoms: Atoms, axis: int) -> float:
    """Å² of the cross-section; along open axes of the region that holds the atoms."""
    cell = complete_cell(atoms.cell.array)
    sides = []
    for other in (a for a in range(3) if a != axis):
        extent = 1.0
        if not atoms.pbc[other]:
            extent = max(float(np.ptp(atoms.positions @ np.linalg.inv(cell)[:, other])), 1e-9)
        sides.append(cell[other] * extent)
    return float(np.linalg.norm(np.cross(*sides)))


@quantities(window="angstrom", step="angstrom")
def sliding_profile(
    atoms: Atoms,
    values: np.ndarray,
    axis: int = 0,
    window: float = 2.0,
    step: float = 1.0,
) -> dict[str, np.ndarray]:
    """Mean, 5th and 95th percentile of a per-atom value in a window that slides along an axis.

    Args:
        atoms: N atoms (Å).
        values: (N,) numbers.
        axis: 0, 1 or 2.
        window: width in Å (2 Å: ±1 Å).
        step: distance between windows in Å.

    Returns:
        {"position" (B,) Å, "n_atoms" (B,), "mean" (B,), "percentile_5" (B,), "percentile_95"
        (B,)}; NaN in an empty window.

    Raises:
        InputError: values of another shape, not numbers or NaN; window or step not above 0.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", a=3.6, cubic=True) * (8, 2, 2)
        >>> atoms.translate([0.9, 0, 0])
        >>> profile = sliding_profile(atoms, atoms.positions[:, 0], window=1.8, step=1.8)
        >>> [round(float(x), 2) for x in profile["mean"][:3]]
        [0.9, 2.7, 4.5]
    """
    return profile_in_windows(make_windows(atoms, axis, window, step), per_atom(atoms, values))


def profile_in_windows(windows: Windows, values: np.ndarray) -> dict[str, np.ndarray]:
    """:func:`sliding_profile` in windows that several values share.

    Args:
        windows: of N atoms.
        values: (N,) numbers; NaN, as the d_i of isolated atoms, is left out.

    Returns:
        As :func:`sliding_profile`.

    Example:
        >>> from ase.build import bulk
        >>> windows = make_windows(bulk("Cu", cubic=True) * (4, 4, 4))
        >>> float(profile_in_windows(windows, np.ones(256))["percentile_95"][0])
        1.0
    """
    ordered = values[windows.order]
    result = np.full((3, len(windows.position)), np.nan)
    for row, (first, last) in enumerate(zip(windows.first, windows.last, strict=True)):
        if last > first:
            inside = ordered[first:last]
            inside = inside[~np.isnan(inside)]  # isolated atoms have no d_i
            if len(inside):
                result[0, row] = inside.mean()
                result[1:, row] = np.percentile(inside, (5, 95))
    return {
        "position": windows.position,
        "n_atoms": windows.n_atoms,
        "mean": result[0],
        "percentile_5": result[1],
        "percentile_95": result[2],
    }


def per_atom(atoms: Atoms, values: np.ndarray) -> np.ndarray:
    """(N,) float64 of a value per atom.

    Raises:
        InputError: another shape, not numbers, or NaN.

    Example:
        >>> per_atom(Atoms("Cu2"), [1, 2]).tolist()
        [1.0, 2.0]
    """
    what = f"one number for each of the {len(atoms)} atoms"
    numbers = real_array(values, "The array of values", (len(atoms),), what, finite=False)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(
            f"{len(bad)} of {len(atoms)} values are NaN or infinite (first: atom {bad[0]}): repair them or "
            "leave these atoms out."
        )
    return numbers


def runs(marked: np.ndarray, ring: bool = True) -> list[tuple[int, int]]:
    """Runs of True as (first, one behind the last), on a ring or on a line.

    On a ring a run that crosses the end is one run whose second number exceeds the length.

    Args:
        marked: (B,) bool.
        ring: whether the end joins the beginning.

    Example:
        >>> runs(np.array([True, False, True, True]))
        [(2, 5)]
    """
    marked = np.asarray(marked, bool)
    if marked.all():
        return [(0, len(marked))] if len(marked) else []
    turn = int(np.flatnonzero(~marked)[0]) if ring else 0
    turned = np.roll(marked, -turn).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], turned, [0]]))) + turn
    found = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return sorted((a % len(marked), b - a + a % len(marked)) for a, b in found)
