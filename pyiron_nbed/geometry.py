"""Atoms sorted into a grid of boxes: the search structure shared by neighbours and volumes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numba import njit

from pyiron_nbed.errors import StructureError


class CellList(NamedTuple):
    """Atoms sorted by box; N atoms, B boxes. Lengths in Å.

    Attributes:
        positions: (N, 3) positions in box order, wrapped into the cell along periodic axes.
        order: (N,) original index of each sorted atom.
        cell: (3, 3) rows span the region of the boxes (the bounding box along open axes).
        inverse: (3, 3) inverse of ``cell``: fractional = (position − origin) @ inverse.
        origin: (3,) corner of the region.
        n_boxes: (3,) number of boxes along each axis.
        periodic: (3,) True along periodic axes.
        start: (B + 1,) first sorted atom of each box.
    """

    positions: np.ndarray
    order: np.ndarray
    cell: np.ndarray
    inverse: np.ndarray
    origin: np.ndarray
    n_boxes: np.ndarray
    periodic: np.ndarray
    start: np.ndarray

    @property
    def heights(self) -> np.ndarray:
        """(3,) distances between opposite faces of the region in Å."""
        return 1.0 / np.linalg.norm(self.inverse, axis=0)

    @property
    def density(self) -> float:
        """Atoms per Å³ of the region."""
        return len(self.order) / abs(np.linalg.det(self.cell))


def check_atoms(atoms: Atoms, minimum_distance: float | None = None) -> None:
    """Refuse structures that no stage can use.

    Args:
        atoms: the structure; lengths in Å.
        minimum_distance: two atoms closer than this many Å are an error (None: not checked).

    Raises:
        StructureError: not an ``ase.Atoms``, no atoms, NaN or infinite positions, a periodic
            axis without length, or overlapping atoms (named).

    Example:
        >>> from ase.build import bulk
        >>> check_atoms(bulk("Cu", cubic=True), minimum_distance=0.5)
    """
    if not isinstance(atoms, Atoms):
        raise StructureError(
            f"A structure must be an ase.Atoms, not {type(atoms).__name__}: assign one, for example "
            "pyiron_nbed.glass(n_atoms=4000, zr_fraction=0.36, seed=0)."
        )
    if len(atoms) == 0:
        raise StructureError("The structure has no atoms: assign a structure with at least one atom.")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(bad):
        raise StructureError(
            f"The positions of {len(bad)} of {len(atoms)} atoms are NaN or infinite (first: atom "
            f"{bad[0]}): repair or remove these atoms."
        )
    if not np.isfinite(atoms.cell.array).all():
        raise StructureError("The cell holds NaN or infinite numbers: set atoms.cell in Å.")
    for axis in np.flatnonzero(atoms.pbc):
        if np.linalg.norm(atoms.cell.array[axis]) < 1e-6:
            raise StructureError(
                f"The structure is periodic along axis {axis} but its cell vector there is zero: set "
                "atoms.cell, or atoms.pbc[axis] = False."
            )
    if abs(np.linalg.det(complete_cell(atoms.cell.array))) < 1e-9:
        raise StructureError("The cell has no volume: its vectors lie in a plane; set atoms.cell in Å.")
    if minimum_distance is not None:
        pair = closest_pair(atoms, minimum_distance)
        if pair is not None:
            i, j, distance = pair
            raise StructureError(
                f"Atoms {i} and {j} are {distance:.3f} Å apart, closer than the {minimum_distance} Å "
                "allowed: remove one of them or repair the positions."
            )


def build_cell_list(atoms: Atoms, box_width: float) -> CellList:
    """Sort atoms into boxes of about ``box_width``.

    Args:
        atoms: any cell (triclinic too), any mix of periodic and open axes; lengths in Å.
        box_width: smallest distance between opposite faces of a box in Å (a thinner cell is
            one box).

    Returns:
        The :class:`CellList`.

    Raises:
        StructureError: see :func:`check_atoms`.

    Example:
        >>> from ase.build import bulk
        >>> boxes = build_cell_list(bulk("Cu", cubic=True) * (4, 4, 4), box_width=3.0)
        >>> boxes.n_boxes.tolist()
        [4, 4, 4]
    """
    check_atoms(atoms)
    cell = complete_cell(atoms.cell.array)
    periodic = np.array(atoms.pbc, dtype=bool)
    scaled = atoms.positions @ np.linalg.inv(cell)
    low = np.where(periodic, 0.0, scaled.min(axis=0))
    extent = np.where(periodic, 1.0, scaled.max(axis=0) - low + 1e-9)
    origin = low @ cell
    cell = extent[:, None] * cell
    scaled = (scaled - low) / extent
    scaled[:, periodic] -= np.floor(scaled[:, periodic])
    scaled[scaled >= 1.0] = 0.0  # −1e-17 wraps to exactly 1
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    # no more boxes than atoms: a long empty cell must not take memory
    limit = max(1, int(np.ceil(len(atoms) ** (1 / 3))) * 4)
    n_boxes = np.clip((heights / box_width).astype(np.int64), 1, max(limit, 1))
    order, start = _sort_into_boxes(scaled, n_boxes)
    positions = (scaled @ cell + origin)[order]
    return CellList(positions, order, cell, inverse, origin, n_boxes, periodic, start)


@njit(cache=True, nogil=True)
def _sort_into_boxes(scaled, n_boxes):
    n_atoms = scaled.shape[0]
    n_total = n_boxes[0] * n_boxes[1] * n_boxes[2]
    box = np.empty(n_atoms, np.int64)
    start = np.zeros(n_total + 1, np.int64)
    for i in range(n_atoms):
        index = np.int64(0)
        for axis in range(3):
            index = index * n_boxes[axis] + min(np.int64(scaled[i, axis] * n_boxes[axis]), n_boxes[axis] - 1)
        box[i] = index
        start[index + 1] += 1
    for b in range(n_total):
        start[b + 1] += start[b]
    fill = start[:-1].copy()
    order = np.empty(n_atoms, np.int64)
    for i in range(n_atoms):
        order[fill[box[i]]] = i
        fill[box[i]] += 1
    return order, start


def closest_pair(atoms: Atoms, within: float) -> tuple[int, int, float] | None:
    """The closest two atoms (periodic images included) nearer than ``within`` Å.

    Args:
        atoms: N atoms; lengths in Å.
        within: search radius in Å.

    Returns:
        (index i, index j, distance in Å), or None where no pair is that close.

    Example:
        >>> from ase import Atoms
        >>> closest_pair(Atoms("Cu2", [[0, 0, 0], [0, 0, 0.3]]), 0.5)
        (0, 1, 0.3)
    """
    boxes = build_cell_list(atoms, max(within, 3.0))
    reach = np.where(
        boxes.periodic,
        np.ceil(within * boxes.n_boxes / boxes.heights),
        np.minimum(np.ceil(within * boxes.n_boxes / boxes.heights), boxes.n_boxes),
    ).astype(np.int64)
    i, j, r2 = _closest_pair(
        boxes.positions, boxes.order, boxes.cell, boxes.n_boxes, boxes.periodic, boxes.start,
        reach, within,
    )  # fmt: skip
    if i < 0:
        return None
    return min(int(i), int(j)), max(int(i), int(j)), float(np.sqrt(r2))


@njit(cache=True, nogil=True)
def _closest_pair(positions, order, cell, n_boxes, periodic, start, reach, within):
    best = within * within
    best_i, best_j = np.int64(-1), np.int64(-1)
    shift = np.zeros(3)
    for bx in range(n_boxes[0]):
        for by in range(n_boxes[1]):
            for bz in range(n_boxes[2]):
                here = (bx * n_boxes[1] + by) * n_boxes[2] + bz
                for dx in range(-reach[0], reach[0] + 1):
                    x, wx, okx = wrap_box(bx + dx, n_boxes[0], periodic[0])
                    if not okx:
                        continue
                    for dy in range(-reach[1], reach[1] + 1):
                        y, wy, oky = wrap_box(by + dy, n_boxes[1], periodic[1])
                        if not oky:
                            continue
                        for dz in range(-reach[2], reach[2] + 1):
                            z, wz, okz = wrap_box(bz + dz, n_boxes[2], periodic[2])
                            if not okz:
                                continue
                            for c in range(3):
                                shift[c] = wx * cell[0, c] + wy * cell[1, c] + wz * cell[2, c]
                            home = wx == 0 and wy == 0 and wz == 0
                            there = (x * n_boxes[1] + y) * n_boxes[2] + z
                            for i in range(start[here], start[here + 1]):
                                for j in range(start[there], start[there + 1]):
                                    if home and i == j:
                                        continue
                                    r2 = 0.0
                                    for c in range(3):
                                        d = positions[j, c] + shift[c] - positions[i, c]
                                        r2 += d * d
                                    if r2 < best:
                                        best = r2
                                        best_i, best_j = order[i], order[j]
    return best_i, best_j, best


@njit(cache=True, nogil=True, inline="always")
def wrap_box(index, n_boxes, periodic):
    """(box inside the cell, periodic image it was taken from, False beyond an open face)."""
    if 0 <= index < n_boxes:
        return index, 0, True
    if not periodic:
        return 0, 0, False
    image = index // n_boxes
    return index - image * n_boxes, image, True


def available_cores() -> int:
    """Number of CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def run_in_threads(function: Callable[[int, int], None], n_items: int, cores: int | None, chunk: int) -> None:
    """Call ``function(start, stop)`` over chunks of ``n_items`` in threads.

    The functions called are numba kernels that release the interpreter lock, so threads give
    real parallel work without copies and without a choice of threading layer.

    Args:
        function: called with (start, stop); must write its result itself.
        n_items: number of items.
        cores: number of threads; None takes every core this process may use.
        chunk: items per call.
    """
    cores = available_cores() if cores is None else cores
    starts = range(0, n_items, chunk)
    if cores <= 1 or len(starts) <= 1:
        for start in starts:
            function(start, min(start + chunk, n_items))
        return
    with ThreadPoolExecutor(cores) as pool:
        for _ in pool.map(lambda start: function(start, min(start + chunk, n_items)), starts):
            pass
