"""Neighbours of every atom: the n nearest, or all within a cutoff; numba kernels on a cell list."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import memory, number
from pyiron_nbed.geometry import search
from pyiron_nbed.geometry.cells import (
    MINIMUM_DISTANCE,
    CellList,
    box_reach,
    build_cell_list,
    gather_images,
    too_close,
)
from pyiron_nbed.geometry.extent import boxed_volume
from pyiron_nbed.geometry.harmonics import harmonic_coefficients, mean_harmonics
from pyiron_nbed.kernels import njit
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.units import quantities

BOXES_PER_CALL = 4_000
_COMPANY2 = search.ISOLATED_BEYOND**2
_SPARE = 1.7  # the first search sphere holds this many times the atoms wanted, at the mean density
_LEAST_VOLUME = 1.0  # Å³ per atom, denser than any matter met here: the search never starts below it
_TIE = 1e-8  # squared distances closer than this (Å²) are equal
_SAME = 1e-6  # components closer than this (Å) are equal


@quantities(minimum_distance="angstrom")
def nearest_neighbors(
    atoms: Atoms,
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> tuple[np.ndarray, np.ndarray]:
    """The n nearest neighbours of every atom, periodic images included.

    In a cell thinner than the neighbour shell the same atom may appear several times, once for
    each image. Among neighbours at equal distance (squares equal to 1e-8 Å², as in bcc, where
    12 neighbours are the 8 nearest and 4 of the 6 next) those with the smaller x, then y, then z
    component of the vector to the neighbour come first: the choice depends neither on the order
    of the atoms nor on the origin, the number of images or the number of threads, only on the orientation.

    Args:
        atoms: N atoms; lengths in Å; any cell (triclinic too), any mix of periodic and open axes.
        n_neighbors: neighbours per atom (12 in the method).
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error; 0 allows all but the same place.

    Returns:
        indices (N, n) int32 by increasing distance, distances (N, n) float64 in Å.

    Raises:
        StructureError: unusable structure, atoms too close (named), or too few between open boundaries.
        InputError: n_neighbors below 1 or above 500, no number of threads or no length.

    Example:
        >>> from ase.build import bulk
        >>> i, r = nearest_neighbors(bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3))
        >>> bool(abs(r.max() - 3.6 / 2**0.5) < 1e-9)
        True
    """
    n_neighbors = search.check_n_neighbors(n_neighbors)
    search.check_search(cores, minimum_distance)
    boxes, radius = _boxes_for(atoms, n_neighbors)
    indices = np.empty((len(atoms), n_neighbors), np.int32)
    distances = np.empty((len(atoms), n_neighbors))
    none = np.empty((0, 0))
    arrays = none, indices, none, distances, np.empty(0, np.int64)
    _run(boxes, radius, n_neighbors, cores, minimum_distance, *arrays)
    return indices, distances


@quantities(cutoff="angstrom", minimum_distance="angstrom")
def cutoff_neighbors(
    atoms: Atoms, cutoff: float, cores: int | None = None, minimum_distance: float = MINIMUM_DISTANCE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All neighbours within a cutoff of every atom, periodic images included.

    The neighbours of atom i are ``indices[offsets[i]:offsets[i + 1]]``, by increasing distance; equal
    distances as in :func:`nearest_neighbors`. The cutoff may exceed the cell: the same atom then
    appears once for each image, an atom's own images too.

    Args:
        atoms: N atoms; lengths in Å; any cell (triclinic too), any mix of periodic and open axes.
        cutoff: largest distance in Å (a pair exactly at it counts).
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error; 0 allows all but the same place.

    Returns:
        offsets (N + 1,) int64, indices (P,) int32, distances (P,) float64 in Å, for P ordered pairs.

    Raises:
        StructureError: unusable structure, or atoms too close (named).
        InputError: a cutoff that is not a positive length, or one with too many atoms within.

    Example:
        >>> from ase.build import bulk
        >>> offsets, j, r = cutoff_neighbors(bulk("Cu", "fcc", a=3.6, cubic=True), 3.0)
        >>> offsets.tolist()
        [0, 12, 24, 36, 48]
    """
    number(cutoff, "cutoff", above=0, unit="Å")
    search.check_search(cores, minimum_distance)
    boxes = build_cell_list(atoms, cutoff / 2)
    search.check_room(boxes, cutoff)
    reach = box_reach(cutoff, boxes.heights, boxes.n_boxes, boxes.periodic)
    grid = (
        boxes.positions, boxes.order, boxes.cell, boxes.n_boxes, boxes.periodic, boxes.start, reach, cutoff,
    )  # fmt: skip
    offsets = np.zeros(len(atoms) + 1, np.int64)
    nothing = np.empty(0, np.int32), np.empty(0)

    def count(first: int, last: int) -> None:
        _within(first, last, *grid, offsets, False, *nothing)

    run_in_threads(count, len(boxes.start) - 1, cores, BOXES_PER_CALL)
    np.cumsum(offsets, out=offsets)
    memory(12 * float(offsets[-1]), f"{offsets[-1]:.3g} pairs within {cutoff:g} Å", "lower the cutoff")
    indices, distances = np.empty(offsets[-1], np.int32), np.empty(offsets[-1])
    closest = []

    def fill(first: int, last: int) -> None:
        closest.append(_within(first, last, *grid, offsets, True, indices, distances))

    run_in_threads(fill, len(boxes.start) - 1, cores, BOXES_PER_CALL)
    _check_closest(closest, minimum_distance)
    return offsets, indices, distances


@quantities(minimum_distance="angstrom")
def nearest_harmonics(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours and mean real spherical harmonics q̄_lm of every atom [Steinhardt1983], in box order.

    Args:
        atoms: N atoms; lengths in Å.
        l: even degree.
        n_neighbors: neighbours per atom.
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        order (N,): original index of each row; neighbours (N, n) int32 as row numbers, in no
        particular order; q̄ (N, 2l + 1) float64; how many of the neighbours are within 12 Å (N,).

    Example:
        >>> from ase.build import bulk
        >>> nearest_harmonics(bulk("Cu", cubic=True), l=4)[2].shape
        (4, 9)
    """
    coefficients, n_neighbors = harmonic_coefficients(l), search.check_n_neighbors(n_neighbors)
    search.check_search(cores, minimum_distance)
    boxes, radius = _boxes_for(atoms, n_neighbors)
    indices = np.empty((len(atoms), n_neighbors), np.int32)
    harmonics = np.empty((len(atoms), 2 * len(coefficients) - 1))
    arrays = coefficients, indices, harmonics, np.empty((0, 0)), np.empty(len(atoms), np.int64)
    _run(boxes, radius, n_neighbors, cores, minimum_distance, *arrays)
    return boxes.order, *arrays[1:3], arrays[-1]


def _boxes_for(atoms: Atoms, n_neighbors: int) -> tuple[CellList, float]:
    """Boxes as wide as a sphere that holds the neighbours of nearly every atom."""
    search.check_enough(atoms, n_neighbors)
    box = volume = boxed_volume(atoms)
    while True:
        per_atom = max(volume / len(atoms), _LEAST_VOLUME)
        radius = (_SPARE * (n_neighbors + 1) * per_atom / (4 / 3 * np.pi)) ** (1 / 3)
        boxes = build_cell_list(atoms, radius)
        # empty boxes are vacuum: there the mean density says little about the neighbours
        filled = np.count_nonzero(np.diff(boxes.start)) / (len(boxes.start) - 1)
        if box * filled > 0.5 * volume or per_atom == _LEAST_VOLUME:
            return boxes, radius
        volume = box * filled


def _run(boxes, radius, n_neighbors, cores, minimum_distance, *arrays):
    reach = box_reach(radius, boxes.heights, boxes.n_boxes, boxes.periodic)
    closest = []

    def work(first: int, last: int) -> None:
        closest.append(
            _nearest(
                first, last, boxes.positions, boxes.order, boxes.cell, boxes.heights, boxes.n_boxes,
                boxes.periodic, boxes.start, reach, radius, n_neighbors, *arrays,
            )
        )  # fmt: skip

    run_in_threads(work, len(boxes.start) - 1, cores, BOXES_PER_CALL)
    _check_closest(closest, minimum_distance)


def _check_closest(closest, minimum_distance: float) -> None:
    r2, i, j = min(closest)
    if r2 < max(minimum_distance, 1e-6) ** 2:
        raise too_close(i, j, r2**0.5, minimum_distance)


@njit(error_model="numpy")
def _within(
    first, last, positions, order, cell, n_boxes, periodic, start, reach, cutoff, offsets, fill,
    indices, distances,
):  # fmt: skip
    """Count, then fill in, the neighbours of the atoms of some boxes; returns the closest pair met."""
    closest, closest_i, closest_j = np.inf, np.int64(-1), np.int64(-1)
    xyz, index = np.empty((3, 256)), np.empty(256, np.int64)
    r2, near, near_r2 = _work(256)
    for b in range(first, last):
        if start[b] == start[b + 1]:
            continue
        xyz, index, m, home = gather_images(b, reach, positions, cell, n_boxes, periodic, start, xyz, index)
        if m > r2.shape[0] - 1:
            r2, near, near_r2 = _work(2 * m)
        for i in range(start[b], start[b + 1]):
            itself = home + i - start[b]
            count = near_images(positions[i], xyz, 0, m, itself, cutoff * cutoff, r2, near, near_r2)
            if not fill:
                offsets[order[i] + 1] = count
                continue
            # insertion alone is quick for a few neighbours and quadratic for many
            pick = np.arange(count) if count < 50 else np.argsort(near_r2[:count])
            _sort_by_distance(near_r2, near, xyz, pick)
            for k in range(count):
                j = order[index[near[pick[k]]]]
                indices[offsets[order[i]] + k] = j
                distances[offsets[order[i]] + k] = np.sqrt(near_r2[pick[k]])
            if count > 0 and near_r2[pick[0]] < closest:
                closest, closest_i, closest_j = near_r2[pick[0]], order[i], order[index[near[pick[0]]]]
    return closest, closest_i, closest_j


@njit(error_model="numpy")
def _nearest(
    first, last, positions, order, cell, heights, n_boxes, periodic, start, reach, radius, n_neighbors,
    coefficients, indices, harmonics, distances, within,
):  # fmt: skip
    """Neighbours of the atoms of some boxes; returns the closest pair met: (r², i, j)."""
    closest, closest_i, closest_j = np.inf, np.int64(-1), np.int64(-1)
    xyz, index = np.empty((3, 256)), np.empty(256, np.int64)
    far_xyz, far_index = np.empty((3, 256)), np.empty(256, np.int64)
    r2, near, near_r2 = _work(256)
    pick = np.empty(n_neighbors, np.int64)
    vectors, work = np.empty((3, n_neighbors)), np.empty((4, n_neighbors))
    sort = distances.shape[0] > 0  # else harmonics are wanted
    for b in range(first, last):
        if start[b] == start[b + 1]:
            continue
        xyz, index, m, home = gather_images(b, reach, positions, cell, n_boxes, periodic, start, xyz, index)
        for i in range(start[b], start[b + 1]):
            this_xyz, this_index, this_m, this_home = xyz, index, m, home
            cutoff = radius
            while True:
                if this_m > r2.shape[0] - 1:
                    r2, near, near_r2 = _work(2 * this_m)
                itself = this_home + i - start[b]
                cutoff2 = cutoff * cutoff
                count = near_images(positions[i], this_xyz, 0, this_m, itself, cutoff2, r2, near, near_r2)
                if _choose(near_r2, near, count, n_neighbors, cutoff2, this_xyz, pick):
                    break
                cutoff *= 1.3  # always enough in the end: the caller has checked the number of atoms
                far_reach = box_reach(cutoff, heights, n_boxes, periodic)
                far_xyz, far_index, far_m, far_home = gather_images(
                    b, far_reach, positions, cell, n_boxes, periodic, start, far_xyz, far_index
                )
                this_xyz, this_index, this_m, this_home = far_xyz, far_index, far_m, far_home
            if sort:
                _sort_by_distance(near_r2, near, this_xyz, pick)
            row = order[i] if sort else i
            companions = 0
            for k in range(n_neighbors):
                j = near[pick[k]]
                square = near_r2[pick[k]]
                companions += square <= _COMPANY2
                if square < closest:
                    closest, closest_i, closest_j = square, order[i], order[this_index[j]]
                if sort:
                    indices[row, k] = order[this_index[j]]
                    distances[row, k] = np.sqrt(square)
                else:
                    indices[row, k] = this_index[j]
                    for c in range(3):
                        vectors[c, k] = this_xyz[c, j] - positions[i, c]
            if not sort:
                mean_harmonics(vectors, coefficients, work, harmonics[i])
                within[i] = companions
    return closest, closest_i, closest_j


@njit()
def _work(capacity):
    # one place more: the place after the last near image is written before it is known to be near
    return np.empty(capacity + 1), np.empty(capacity + 1, np.int64), np.empty(capacity + 1)


@njit()
def near_images(center, xyz, begin, m, itself, cutoff2, r2, near, near_r2):
    """Which of the images begin to m lie within a cutoff of a point: number, places, squared distances."""
    # rows cut to length: with indices that start at 0 the compiler can use vector instructions
    x, y, z = xyz[0, begin:m], xyz[1, begin:m], xyz[2, begin:m]
    cx, cy, cz = center[0], center[1], center[2]
    n = m - begin
    for k in range(n):
        dx, dy, dz = x[k] - cx, y[k] - cy, z[k] - cz
        r2[k] = dx * dx + dy * dy + dz * dz
    if itself >= begin:
        r2[itself - begin] = np.inf
    count = 0
    for k in range(n):  # without a branch: the processor cannot guess which atoms are near
        near[count] = k
        count += r2[k] <= cutoff2
    for k in range(count):
        near_r2[k] = r2[near[k]]
        near[k] += begin
    return count


@njit()
def _choose(near_r2, near, count, n, cutoff2, xyz, pick):
    """Put the n nearest into ``pick``; False where the sphere is too small to be sure of them."""
    if count < n:
        return False
    last = _nth_smallest(near_r2, count, n)
    if last + _TIE > cutoff2:
        return False
    got = 0
    for k in range(count):
        if near_r2[k] <= last + _TIE:
            if got < n:
                pick[got] = k
            got += 1
    if got > n:
        _choose_among_equal(near_r2, near, count, n, last, xyz, pick)
    return True


@njit()
def _nth_smallest(values, count, n):
    nth = -1.0
    for k in range(count):
        rank = 0
        for q in range(count):
            rank += values[q] < values[k]
        if rank < n:
            nth = max(nth, values[k])
    return nth


@njit()
def _choose_among_equal(near_r2, near, count, n, last, xyz, pick):
    """All nearer than the last; of those as far as it, the first by x, y, z."""
    got = 0
    for k in range(count):
        if near_r2[k] < last - _TIE:
            pick[got] = k
            got += 1
    sure = got
    while got < n:
        best = -1
        for k in range(count):
            if abs(near_r2[k] - last) > _TIE:
                continue
            taken = False
            for p in range(sure, got):
                taken = taken or pick[p] == k
            if not taken and (best < 0 or _comes_first(xyz, near[k], near[best])):
                best = k
        pick[got] = best
        got += 1


@njit()
def _comes_first(xyz, j, k):
    for c in range(3):
        if abs(xyz[c, j] - xyz[c, k]) > _SAME:
            return xyz[c, j] < xyz[c, k]
    return False


@njit()
def _sort_by_distance(near_r2, near, xyz, pick):
    for a in range(1, len(pick)):
        k = pick[a]
        slot = a
        while slot > 0:
            other = pick[slot - 1]
            difference = near_r2[k] - near_r2[other]
            first = difference < -_TIE or (difference <= _TIE and _comes_first(xyz, near[k], near[other]))
            if not first:
                break
            pick[slot] = other
            slot -= 1
        pick[slot] = k
