"""Nearest neighbours of every atom and the bond-order sums over them, in numba."""

from __future__ import annotations

import math

import numpy as np
from ase import Atoms
from numba import njit

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry import CellList, build_cell_list, run_in_threads, wrap_box

_CHUNK = 20_000


def harmonic_coefficients(l: int) -> np.ndarray:  # noqa: E741  (the field's own name)
    """Coefficients of the real spherical harmonics of degree l as polynomials in z.

    With unit vector (x, y, z): R_lm = Σ_p c[m, p] z^p · Re or Im (x + iy)^m, normalised so
    that Σ_m R_lm(u) R_lm(v) = (2l+1)/4π P_l(u·v).

    Args:
        l: even degree, 2 to 12.

    Returns:
        (l + 1, l + 1) float64, row m, column power of z.

    Raises:
        InputError: l is odd or out of range.
    """
    if isinstance(l, bool) or int(l) != l or l % 2 or not 2 <= l <= 12:
        raise InputError(f"The degree l is {l!r}: give an even number from 2 to 12 (the method uses 6).")
    legendre = np.polynomial.legendre.Legendre.basis(l).convert(kind=np.polynomial.Polynomial)
    table = np.zeros((l + 1, l + 1))
    for m in range(l + 1):
        coefficients = np.asarray(legendre.deriv(m).coef if m else legendre.coef, float)
        norm = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - m) / math.factorial(l + m))
        table[m, : len(coefficients)] = coefficients * norm * (math.sqrt(2.0) if m else 1.0)
    return table


def nearest_neighbors(
    atoms: Atoms, n_neighbors: int = 12, cores: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The n nearest neighbours of every atom, periodic images included.

    In a cell thinner than the neighbour shell the same atom may appear several times, once for
    each image. Among equal distances (to 1e-8 Å²) the choice is reproducible for the same input.

    Args:
        atoms: N atoms; lengths in Å.
        n_neighbors: neighbours per atom (12 in the method).
        cores: threads; None takes all.

    Returns:
        indices (N, n) int32 by increasing distance, distances (N, n) float64 in Å.

    Raises:
        StructureError: unusable structure, or an open structure with too few atoms.
        InputError: n_neighbors below 1.

    Example:
        >>> from ase.build import bulk
        >>> i, r = nearest_neighbors(bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3))
        >>> bool(abs(r.max() - 3.6 / 2**0.5) < 1e-9)
        True
    """
    _, indices, distances, _ = _search(atoms, n_neighbors, None, cores)
    return indices, distances


def nearest_harmonics(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours and mean real spherical harmonics q̄_lm of every atom, in box order.

    Args:
        atoms: N atoms; lengths in Å.
        l: even degree.
        n_neighbors: neighbours per atom.
        cores: threads; None takes all.

    Returns:
        order (N,): original index of each row; neighbours (N, n) int32 as row numbers;
        q̄ (N, 2l + 1) float64.
    """
    boxes, indices, _, harmonics = _search(atoms, n_neighbors, l, cores)
    return boxes.order, indices, harmonics


def _search(atoms: Atoms, n_neighbors: int, l: int | None, cores: int | None):  # noqa: E741
    if isinstance(n_neighbors, bool) or int(n_neighbors) != n_neighbors or n_neighbors < 1:
        raise InputError(f"n_neighbors is {n_neighbors!r}: give a whole number of at least 1.")
    coefficients = harmonic_coefficients(l) if l is not None else np.zeros((1, 1))
    # A sphere that holds 2.2 n atoms at the mean density finds all n for nearly every atom at once
    probe = build_cell_list(atoms, 1e9)
    if not probe.periodic.any() and len(atoms) <= n_neighbors:
        raise StructureError(
            f"The structure has {len(atoms)} atoms and open boundaries, but {n_neighbors} neighbours "
            f"of each are needed: give at least {n_neighbors + 1} atoms or a periodic cell."
        )
    radius = (2.2 * (n_neighbors + 1) / (4 / 3 * np.pi * max(probe.density, 1e-6))) ** (1 / 3)
    boxes: CellList = build_cell_list(atoms, radius / 2)
    n_atoms = len(boxes.order)
    indices = np.empty((n_atoms, n_neighbors), np.int32)
    store_distances = l is None
    distances = np.empty((n_atoms if store_distances else 1, n_neighbors))
    harmonics = np.empty((1 if store_distances else n_atoms, 2 * (l or 0) + 1))

    def work(start: int, stop: int) -> None:
        _nearest(
            start, stop, boxes.positions, boxes.cell, boxes.inverse, boxes.origin, boxes.n_boxes,
            boxes.periodic, boxes.start, boxes.heights, radius, n_neighbors, coefficients,
            store_distances, indices, distances, harmonics,
        )  # fmt: skip

    run_in_threads(work, n_atoms, cores, _CHUNK)
    if store_distances:
        by_atom_i = np.empty_like(indices)
        by_atom_r = np.empty_like(distances)
        by_atom_i[boxes.order] = boxes.order[indices]
        by_atom_r[boxes.order] = distances
        return boxes, by_atom_i, by_atom_r, None
    return boxes, indices, distances, harmonics


@njit(cache=True, nogil=True, error_model="numpy")
def _nearest(
    first, last, positions, cell, inverse, origin, n_boxes, periodic, start, heights, radius,
    n_neighbors, coefficients, store_distances, indices, distances, harmonics,
):  # fmt: skip
    best_r2 = np.empty(n_neighbors)
    best_j = np.empty(n_neighbors, np.int64)
    best_d = np.empty((n_neighbors, 3))
    box = np.empty(3, np.int64)
    reach = np.empty(3, np.int64)
    shift = np.empty(3)
    for i in range(first, last):
        for a in range(3):
            s = 0.0
            for c in range(3):
                s += (positions[i, c] - origin[c]) * inverse[c, a]
            box[a] = min(max(np.int64(s * n_boxes[a]), 0), n_boxes[a] - 1)
        cutoff = radius
        while True:
            cutoff2 = cutoff * cutoff
            count = 0
            for a in range(3):
                reach[a] = np.int64(np.ceil(cutoff * n_boxes[a] / heights[a]))
                if not periodic[a]:
                    reach[a] = min(reach[a], n_boxes[a])
            for dx in range(-reach[0], reach[0] + 1):
                x, wx, inside = wrap_box(box[0] + dx, n_boxes[0], periodic[0])
                if not inside:
                    continue
                for dy in range(-reach[1], reach[1] + 1):
                    y, wy, inside = wrap_box(box[1] + dy, n_boxes[1], periodic[1])
                    if not inside:
                        continue
                    for dz in range(-reach[2], reach[2] + 1):
                        z, wz, inside = wrap_box(box[2] + dz, n_boxes[2], periodic[2])
                        if not inside:
                            continue
                        home = wx == 0 and wy == 0 and wz == 0
                        for c in range(3):
                            shift[c] = wx * cell[0, c] + wy * cell[1, c] + wz * cell[2, c] - positions[i, c]
                        there = (x * n_boxes[1] + y) * n_boxes[2] + z
                        for j in range(start[there], start[there + 1]):
                            d0 = positions[j, 0] + shift[0]
                            d1 = positions[j, 1] + shift[1]
                            d2 = positions[j, 2] + shift[2]
                            r2 = d0 * d0 + d1 * d1 + d2 * d2
                            if r2 > cutoff2 or (home and j == i):
                                continue
                            if count == n_neighbors and r2 >= best_r2[count - 1] - 1e-8:
                                continue
                            slot = count if count < n_neighbors else n_neighbors - 1
                            while slot > 0 and best_r2[slot - 1] > r2 + 1e-8:
                                best_r2[slot] = best_r2[slot - 1]
                                best_j[slot] = best_j[slot - 1]
                                for c in range(3):
                                    best_d[slot, c] = best_d[slot - 1, c]
                                slot -= 1
                            best_r2[slot] = r2
                            best_j[slot] = j
                            best_d[slot, 0] = d0
                            best_d[slot, 1] = d1
                            best_d[slot, 2] = d2
                            if count < n_neighbors:
                                count += 1
            if count == n_neighbors:  # always in the end: the caller has checked the number of atoms
                break
            cutoff *= 1.3
        for k in range(n_neighbors):
            indices[i, k] = best_j[k]
        if store_distances:
            for k in range(n_neighbors):
                distances[i, k] = np.sqrt(best_r2[k])
        else:
            _mean_harmonics(best_d, best_r2, coefficients, harmonics[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_harmonics(vectors, squares, coefficients, out):
    l = coefficients.shape[0] - 1  # noqa: E741
    n = vectors.shape[0]
    out[:] = 0.0
    for k in range(n):
        inverse = 1.0 / np.sqrt(squares[k])
        x, y, z = vectors[k, 0] * inverse, vectors[k, 1] * inverse, vectors[k, 2] * inverse
        z2 = z * z
        real, imag = 1.0, 0.0
        for m in range(l + 1):
            top = l - m  # highest power of z; lower ones go in steps of two
            value = coefficients[m, top]
            for p in range(top - 2, -1, -2):
                value = value * z2 + coefficients[m, p]
            if top % 2:
                value *= z
            if m == 0:
                out[0] += value
            else:
                real, imag = real * x - imag * y, real * y + imag * x
                out[2 * m - 1] += value * real
                out[2 * m] += value * imag
    for m in range(2 * l + 1):
        out[m] /= n
