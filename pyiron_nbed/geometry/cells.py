"""Atoms sorted into a grid of boxes: the search structure shared by neighbours and volumes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atom, Atoms
from ase.geometry import complete_cell

from pyiron_nbed.checks import number, shown
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.extent import fractional_range
from pyiron_nbed.kernels import njit
from pyiron_nbed.units import quantities

MINIMUM_DISTANCE = 0.5  # Å; no two atoms of a real structure come closer
LARGEST_LENGTH = (
    1e7  # Å; beyond, coordinates of double precision are too coarse, and some codes end the process
)


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


@quantities(centers="angstrom")
def as_centers(centers: np.ndarray, name: str = "The centres") -> np.ndarray:
    """Positions as a (P, 3) float64 array.

    Args:
        centers: (P, 3) or (3,) in Å.
        name: of the parameter, for the error.

    Raises:
        InputError: another shape, none, text, or NaN.

    Example:
        >>> as_centers([0, 0, 2.5]).shape
        (1, 3)
    """
    try:
        array = np.asarray(centers)
        array = array.astype(float) if array.dtype.kind in "fiu" else np.empty(0)
    except ValueError:  # rows of several lengths
        array = np.empty(0)
    if array.ndim == 1 and array.size == 3:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all() or not len(array):
        raise InputError(f"{name} are {shown(centers)}: give finite positions in Å of shape (P, 3), P ≥ 1.")
    return np.ascontiguousarray(array)


@quantities(minimum_distance="angstrom")
def check_atoms(atoms: Atoms, minimum_distance: float | None = None) -> None:
    """Refuse structures that no stage can use.

    Args:
        atoms: the structure; lengths in Å.
        minimum_distance: two atoms closer than this many Å are an error (None: not checked).

    Raises:
        StructureError: not an ``ase.Atoms``, no atoms, NaN or infinite positions, a periodic
            axis without length, overlapping atoms (named), or lengths beyond 1 mm.
        InputError: ``minimum_distance`` is no length.

    Example:
        >>> from ase.build import bulk
        >>> check_atoms(bulk("Cu", cubic=True), minimum_distance=0.5)
    """
    if isinstance(atoms, Atom):
        raise StructureError(
            "A structure must be an ase.Atoms, not one Atom of it: where a list of structures is wanted, "
            "give [atoms]."
        )
    if not isinstance(atoms, Atoms):
        raise StructureError(
            f"A structure must be an ase.Atoms, not {type(atoms).__name__}: assign one, for example "
            "pyiron_nbed.random_alloy(n_atoms=4000, zr_fraction=0.36, seed=0)."
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
    for name, values in (("positions", atoms.positions), ("cell vectors", atoms.cell.array)):
        if np.abs(values).max() > LARGEST_LENGTH:
            raise StructureError(
                f"The {name} reach to {np.abs(values).max():.3g} Å from the origin, more than the "
                f"{LARGEST_LENGTH:g} Å allowed: move the structure to the origin, for example with "
                "atoms.wrap(), or repair it."
            )
    for axis in np.flatnonzero(atoms.pbc):
        if np.linalg.norm(atoms.cell.array[axis]) < 1e-6:
            raise StructureError(
                f"The structure is periodic along axis {axis} but its cell vector there is zero: set "
                "atoms.cell, or atoms.pbc[axis] = False."
            )
    if abs(np.linalg.det(complete_cell(atoms.cell.array))) < 1e-9:
        raise StructureError("The cell has no volume: its vectors lie in a plane; set atoms.cell in Å.")
    if minimum_distance is not None:
        number(minimum_distance, "minimum_distance", 0, unit="Å")
        pair = closest_pair(atoms, minimum_distance) if minimum_distance > 0 else None
        if pair is not None:
            raise too_close(*pair, minimum_distance)


def too_close(i: int, j: int, distance: float, allowed: float) -> StructureError:
    """The error that names two overlapping atoms, by their numbers and distance in Å."""
    return StructureError(
        f"Atoms {min(i, j)} and {max(i, j)} are {distance:.3f} Å apart, closer than the {allowed} Å "
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
    positions = np.ascontiguousarray(atoms.positions)
    low, high = fractional_range(positions, np.linalg.inv(cell))
    low = np.where(periodic, 0.0, low)
    extent = np.where(periodic, 1.0, high - low + 1e-9)
    origin = low @ cell
    cell = extent[:, None] * cell
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    # no more boxes than atoms: a long empty cell must not take memory
    limit = max(1, int(np.ceil(len(atoms) ** (1 / 3))) * 4)
    n_boxes = np.clip((heights / box_width).astype(np.int64), 1, limit)
    # allocated here and not in the kernels: numpy asks the system for large pages
    box = np.empty(len(positions), np.int32 if np.prod(n_boxes) < 2**31 else np.int64)
    start = np.zeros(int(np.prod(n_boxes)) + 1, np.int64)
    order = np.empty(len(positions), np.int64)
    ordered = np.empty_like(positions)
    _sort_into_boxes(positions, cell, inverse, origin, n_boxes, periodic, box, start, order, ordered)
    return CellList(ordered, order, cell, inverse, origin, n_boxes, periodic, start)


@njit()
def _sort_into_boxes(positions, cell, inverse, origin, n_boxes, periodic, box, start, order, ordered):
    image = np.zeros(3)
    for i in range(positions.shape[0]):
        index = _box_of(positions, i, inverse, origin, n_boxes, periodic, image)
        box[i] = index
        start[index + 1] += 1
    for b in range(start.shape[0] - 1):
        start[b + 1] += start[b]
    # each box is filled from its first place on; afterwards the places are moved back by one box
    for i in range(positions.shape[0]):
        place = start[box[i]]
        start[box[i]] += 1
        order[place] = i
        _box_of(positions, i, inverse, origin, n_boxes, periodic, image)
        for c in range(3):
            shift = image[0] * cell[0, c] + image[1] * cell[1, c] + image[2] * cell[2, c]
            ordered[place, c] = positions[i, c] - shift
    for b in range(start.shape[0] - 1, 0, -1):
        start[b] = start[b - 1]
    start[0] = 0


@njit(inline="always")
def _box_of(positions, i, inverse, origin, n_boxes, periodic, image):
    """Box of an atom; ``image`` becomes the periods to take off so that it lies in the cell."""
    index = np.int64(0)
    for a in range(3):
        s = 0.0
        for c in range(3):
            s += (positions[i, c] - origin[c]) * inverse[c, a]
        if periodic[a]:
            image[a] = np.floor(s)
            s -= image[a]
            if s >= 1.0:  # −1e-17 wraps to exactly 1
                image[a] += 1.0
                s = 0.0
        index = index * n_boxes[a] + min(max(np.int64(s * n_boxes[a]), 0), n_boxes[a] - 1)
    return index


@quantities(within="angstrom")
def closest_pair(atoms: Atoms, within: float) -> tuple[int, int, float] | None:
    """The closest two atoms (periodic images included) nearer than ``within`` Å.

    Args:
        atoms: N atoms; lengths in Å.
        within: search radius in Å.

    Returns:
        (index i, index j, distance in Å), or None where no pair is that close.

    Example:
        >>> from ase import Atom, Atoms
        >>> closest_pair(Atoms("Cu2", [[0, 0, 0], [0, 0, 0.3]]), 0.5)
        (0, 1, 0.3)
    """
    number(within, "within", above=0, unit="Å")
    boxes = build_cell_list(atoms, max(within, 3.0))
    i, j, r2 = _closest_pair(
        boxes.positions, boxes.order, boxes.cell, boxes.n_boxes, boxes.periodic, boxes.start,
        box_reach(within, boxes.heights, boxes.n_boxes, boxes.periodic), within,
    )  # fmt: skip
    if i < 0:
        return None
    return min(int(i), int(j)), max(int(i), int(j)), float(np.sqrt(r2))


@njit()
def _closest_pair(positions, order, cell, n_boxes, periodic, start, reach, within):
    # not a list of all pairs within the distance (cutoff_neighbors): on a million atoms that takes five
    # times as long and memory for every pair
    best = within * within
    best_i, best_j = np.int64(-1), np.int64(-1)
    xyz, index = np.empty((3, 256)), np.empty(256, np.int64)
    for b in range(start.shape[0] - 1):
        if start[b] == start[b + 1]:
            continue
        xyz, index, m, home = gather_images(
            b, reach, positions, cell, n_boxes, periodic, start, xyz, index, True
        )
        for i in range(start[b], start[b + 1]):
            for k in range(home + i - start[b] + 1, m):
                r2 = 0.0
                for c in range(3):
                    d = xyz[c, k] - positions[i, c]
                    r2 += d * d
                if r2 < best:
                    best, best_i, best_j = r2, order[i], order[index[k]]
    return best_i, best_j, best


@njit()
def box_reach(distance, heights, n_boxes, periodic):
    """(3,) how many boxes away, along each axis, an atom within ``distance`` Å can be."""
    reach = np.empty(3, np.int64)
    for a in range(3):
        reach[a] = np.int64(np.ceil(distance * n_boxes[a] / heights[a]))
        if not periodic[a]:
            reach[a] = min(reach[a], n_boxes[a])
    return reach


@njit()
def gather_images(box, reach, positions, cell, n_boxes, periodic, start, xyz, index, half=False):
    """Atoms of all boxes within reach of a box, periodic images included, in one row.

    ``xyz`` (3, capacity) and ``index`` (capacity,) are filled, or replaced by larger arrays. Returns
    them, how many images they hold, and the place of the first atom of the box itself. ``half`` leaves out
    the boxes before this one, so that every pair of boxes is met once; the box itself then comes first.
    """
    bz = box % n_boxes[2]
    by = (box // n_boxes[2]) % n_boxes[1]
    bx = box // (n_boxes[1] * n_boxes[2])
    low, high = bz - reach[2], bz + reach[2]
    if not periodic[2]:
        low, high = max(low, 0), min(high, n_boxes[2] - 1)
    count, home = 0, 0
    for dx in range(0 if half else -reach[0], reach[0] + 1):
        x, wx, inside = wrap_box(bx + dx, n_boxes[0], periodic[0])
        if not inside:
            continue
        for dy in range(0 if half and dx == 0 else -reach[1], reach[1] + 1):
            y, wy, inside = wrap_box(by + dy, n_boxes[1], periodic[1])
            if not inside:
                continue
            row = (x * n_boxes[1] + y) * n_boxes[2]
            z = bz if half and dx == 0 and dy == 0 else low
            while z <= high:  # boxes of one image follow each other along z, and so do their atoms
                wz = z // n_boxes[2]
                end = min(high, (wz + 1) * n_boxes[2] - 1)
                first = start[row + z - wz * n_boxes[2]]
                last = start[row + end - wz * n_boxes[2] + 1]
                needed = count + last - first
                if needed > index.shape[0]:
                    larger_xyz, larger_index = np.empty((3, 2 * needed)), np.empty(2 * needed, np.int64)
                    larger_xyz[:, :count] = xyz[:, :count]
                    larger_index[:count] = index[:count]
                    xyz, index = larger_xyz, larger_index
                if dx == 0 and dy == 0 and wz == 0:
                    home = count + start[box] - first
                for c in range(3):
                    shift = wx * cell[0, c] + wy * cell[1, c] + wz * cell[2, c]
                    for j in range(last - first):
                        xyz[c, count + j] = positions[first + j, c] + shift
                for j in range(last - first):
                    index[count + j] = first + j
                count += last - first
                z = end + 1
    return xyz, index, count, home


@njit(inline="always")
def wrap_box(index, n_boxes, periodic):
    """(box inside the cell, periodic image it was taken from, False beyond an open face)."""
    if 0 <= index < n_boxes:
        return index, 0, True
    if not periodic:
        return 0, 0, False
    image = index // n_boxes
    return index - image * n_boxes, image, True


def check_orthogonal(atoms: Atoms) -> None:
    """Raise StructureError unless the cell is periodic, orthogonal and along x, y, z."""
    check_atoms(atoms)
    cell = atoms.cell.array
    if not np.all(atoms.pbc):
        raise StructureError(
            f"The structure has periodicity {np.array(atoms.pbc).tolist()}, but the protocol needs a "
            "bulk that is periodic along x, y and z: set atoms.pbc = True."
        )
    if np.abs(cell - np.diag(cell.diagonal())).max() > 1e-8 * np.abs(cell).max():
        raise StructureError(
            f"The cell {np.array2string(cell, precision=3).replace(chr(10), '')} is not orthogonal along "
            "x, y, z, which this protocol needs: build the structure in an orthogonal cell, for example "
            "with cubic=True."
        )
