"""Kernels: camera pixels averaged over the pixels of a mesh.

A camera pixel is taken as constant over its area. The integral of a frame I over a pixel of the mesh, whose
image on the camera is a parallelogram, is by Green's theorem the line integral ∮ P dy around it, with
P(x, y) = ∫₀ˣ I(x', y) dx'. P is piecewise linear, so that the integral is exact for every centre, ellipse,
rotation and scale: no weights are tabulated, and neighbours in the mesh share their edges.
"""

from __future__ import annotations

import numpy as np

from pyiron_nbed.kernels import njit

_FLAT = 1e-13  # camera pixels; an edge that rises less holds nothing
SEEN, FRIEDEL, RING, HIDDEN = 0, 1, 2, 3  # where the value of a pixel of the mesh comes from
_ROUNDING = 4e-14  # of the largest sum of a row, what differences of sums leave
_HALF = 0.5 - 1e-9  # share of the area of a pixel that must be seen
# of a pixel that is seen better at −k: beside a stop intensity is steep, so that the mean of a part is biased
_MOST = 0.75 - 1e-9


@njit(error_model="numpy")
def running_sums(frame, counts, first, last, zero, sums):
    """Sums of the counting pixels of each row from its start up to each column.

    Args:
        frame: (H, W) of any real dtype.
        counts: (H, W) uint8, 0 for pixels that are left out, whatever they hold.
        first, last: rows from ``first`` up to ``last`` (excluded) are needed.
        zero: 0 as int64 or float64, in which the sums are made.
        sums: (H, W + 1) float64, written.

    Returns:
        A row that holds NaN or infinite values, or −1.

    Example:
        >>> sums = np.zeros((1, 4))
        >>> running_sums(np.array([[1, 2, 3]]), np.array([[1, 0, 1]], np.uint8), 0, 1, 0, sums)
        -1
        >>> sums[0].tolist()
        [0.0, 1.0, 1.0, 4.0]
    """
    for i in range(first, last):
        total = zero
        sums[i, 0] = 0.0
        for j in range(frame.shape[1]):
            if counts[i, j]:
                total += frame[i, j]
            sums[i, j + 1] = total
        if not np.isfinite(sums[i, frame.shape[1]]):
            return i
    return -1


@njit(error_model="numpy")
def _edge(sums, x0, y0, x1, y1):
    # ∫ P dy from (x0, y0) to (x1, y1); pixel (row i, column j) is j ≤ x < j + 1, i ≤ y < i + 1
    rows, columns = sums.shape[0], sums.shape[1] - 1
    rise = y1 - y0
    if abs(rise) < _FLAT:
        return 0.0
    slope = (x1 - x0) / rise
    low, high = min(y0, y1), max(y0, y1)
    total = 0.0
    for i in range(max(int(np.floor(low)), 0), min(int(np.ceil(high)), rows)):
        start, stop = max(low, i), min(high, i + 1)
        height = stop - start
        if height <= 0:
            continue
        a, b = x0 + (start - y0) * slope, x0 + (stop - y0) * slope
        left, right = min(a, b), max(a, b)
        j, last = int(np.floor(left)), int(np.floor(right))
        share = height / (right - left) if last > j else 0.0
        while j <= last:
            if share:
                begin, end = max(left, j), min(right, j + 1)
                step = (end - begin) * share
                middle = 0.5 * (begin + end)
            else:
                step, middle = height, 0.5 * (left + right)
            if j >= columns:
                total += step * sums[i, columns]
            elif j >= 0:
                total += step * (sums[i, j] + (middle - j) * (sums[i, j + 1] - sums[i, j]))
            j += 1
    return total if rise > 0 else -total


@njit(error_model="numpy")
def mesh_integrals(sums, x, y, matrix, disc, out):
    """Integrals of a frame over the pixels of a mesh.

    Args:
        sums: (H, W + 1) of :func:`running_sums`.
        x, y: where k = 0 is, from the outer corner of the first pixel.
        matrix: (2, 2), camera pixels along x and y for one pixel of the mesh along k_x and k_y.
        disc: (n, n) bool, the pixels that are wanted.
        out: (n, n) float64, written: integrals in counts times camera pixels, 0 elsewhere.

    Example:
        >>> out, sums = np.zeros((1, 1)), np.array([[0.0, 1.0, 3.0, 6.0]])
        >>> mesh_integrals(sums, 1.5, 0.5, np.eye(2), np.ones((1, 1), bool), out)
        >>> out.tolist()
        [[2.0]]
    """
    n = disc.shape[0]
    mxx, mxy, myx, myy = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    sign = 1.0 if mxx * myy - mxy * myx > 0 else -1.0
    out[:] = 0.0
    for b in range(n + 1):
        v = b - 0.5 * n
        for a in range(n + 1):
            u = a - 0.5 * n
            x0, y0 = x + mxx * u + mxy * v, y + myx * u + myy * v
            right = a < n and b < n and disc[b, a]  # the pixel beyond both edges that begin here
            below = a < n and b > 0 and disc[b - 1, a]
            before = a > 0 and b < n and disc[b, a - 1]
            if right or below:  # the edge along k_x
                value = sign * _edge(sums, x0, y0, x + mxx * (u + 1) + mxy * v, y + myx * (u + 1) + myy * v)
                if right:
                    out[b, a] += value
                if below:
                    out[b - 1, a] -= value
            if right or before:  # the edge along k_y
                value = sign * _edge(sums, x0, y0, x + mxx * u + mxy * (v + 1), y + myx * u + myy * (v + 1))
                if right:
                    out[b, a] -= value
                if before:
                    out[b, a - 1] += value


@njit(error_model="numpy")
def repair(values, share, wanted, ring, n_rings, source):
    """Give hidden pixels the value of I(−k), else the mean of the seen pixels of their ring.

    A pixel that is hidden by more than a quarter takes I(−k) too where less of that is hidden.

    Args:
        values: (n, n) float64, mean intensity over what is seen; changed in place, 0 where nothing is known.
        share: (n, n) float64, seen share of the area of each pixel; less than half is hidden.
        wanted: (n, n) bool, the pixels that must have a value.
        ring: (n, n) int, number of the ring of each pixel.
        n_rings: how many there are.
        source: (n, n) uint8, written: SEEN, FRIEDEL, RING or HIDDEN.

    Returns:
        How many wanted pixels have no value: their whole ring is hidden.

    Example:
        >>> values, share = np.array([[0.0, 2.0, 4.0]] * 3), np.ones((3, 3))
        >>> share[1, 0] = 0.2
        >>> ring, source = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]), np.zeros((3, 3), np.uint8)
        >>> repair(values, share, np.ones((3, 3), bool), ring, 2, source)
        0
        >>> values[1].tolist()
        [4.0, 2.0, 4.0]
    """
    n = values.shape[0]
    total, count, lost = np.zeros(n_rings), np.zeros(n_rings), 0
    for i in range(n):
        for j in range(n):
            if share[i, j] >= _HALF:
                source[i, j] = SEEN
                if wanted[i, j]:
                    total[ring[i, j]] += values[i, j]
                    count[ring[i, j]] += 1
            else:
                source[i, j] = HIDDEN
                values[i, j] = 0.0
    for i in range(n):
        for j in range(n):
            opposite = share[n - 1 - i, n - 1 - j]
            if not wanted[i, j] or share[i, j] >= _MOST or (source[i, j] == SEEN and opposite < _MOST):
                continue
            if opposite >= _HALF:
                values[i, j] = values[n - 1 - i, n - 1 - j]
                source[i, j] = FRIEDEL
            elif count[ring[i, j]] > 0:
                values[i, j] = total[ring[i, j]] / count[ring[i, j]]
                source[i, j] = RING
            else:
                lost += 1
    return lost


@njit(error_model="numpy")
def without_negatives(values, wanted, ring, n_rings):
    """Set negative values to 0 so that the mean of each ring stays.

    The positive values of a ring are multiplied by what remains of their sum: a mean over a ring is not
    raised by noise around 0. A ring whose sum is negative becomes 0.

    Args:
        values: (n, n) float64, changed in place.
        wanted: (n, n) bool, the pixels that rings are made of; others only become 0 where they are negative.
        ring, n_rings: as of :func:`repair`.

    Example:
        >>> values = np.array([[-1.0, 2.0, 3.0]])
        >>> without_negatives(values, np.ones((1, 3), bool), np.zeros((1, 3), int), 1)
        >>> values.round(3).tolist()
        [[0.0, 1.6, 2.4]]
    """
    above, below = np.zeros(n_rings), np.zeros(n_rings)
    lowest = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = values[i, j]
            lowest = min(lowest, value)
            if wanted[i, j]:
                above[ring[i, j]] += max(value, 0.0)
                below[ring[i, j]] += min(value, 0.0)
    if lowest == 0:
        return
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            r = ring[i, j]
            if values[i, j] <= 0:
                values[i, j] = 0.0
            elif wanted[i, j] and below[r] < 0:
                values[i, j] *= max(above[r] + below[r], 0.0) / above[r]


@njit(error_model="numpy")
def seen_shares(counted, absent, x, y, matrix, disc, out):
    """Share of the area of each pixel of the mesh that is seen.

    Args:
        counted: (H, W + 1) of :func:`running_sums` of a frame of ones.
        absent: (H + 1, W + 1), how many pixels do not count above and left of each corner.
        x, y, matrix, disc: as of :func:`mesh_integrals`.
        out: (n, n) float64, written: 1 where nothing is hidden, 0 outside the disc.
    """
    n, (height, width) = disc.shape[0], (absent.shape[0] - 1, absent.shape[1] - 1)
    (mxx, mxy), (myx, myy) = matrix[0], matrix[1]
    area = abs(mxx * myy - mxy * myx)
    reach_x, reach_y = 0.5 * (abs(mxx) + abs(mxy)), 0.5 * (abs(myx) + abs(myy))
    touched = np.zeros((n, n), np.bool_)
    for i in range(n):
        v = i - 0.5 * (n - 1)
        for j in range(n):
            if not disc[i, j]:
                continue
            u = j - 0.5 * (n - 1)
            middle_x, middle_y = x + mxx * u + mxy * v, y + myx * u + myy * v
            left, right = int(np.floor(middle_x - reach_x)), int(np.ceil(middle_x + reach_x))
            top, bottom = int(np.floor(middle_y - reach_y)), int(np.ceil(middle_y + reach_y))
            if left < 0 or top < 0 or right > width or bottom > height:
                touched[i, j] = True
            else:
                near = absent[bottom, right] - absent[top, right] - absent[bottom, left] + absent[top, left]
                touched[i, j] = near > 0
    mesh_integrals(counted, x, y, matrix, touched, out)
    for i in range(n):
        for j in range(n):
            whole = 1.0 if disc[i, j] else 0.0
            out[i, j] = out[i, j] / area if touched[i, j] else whole


@njit(error_model="numpy")
def average_frame(
    sums, first, last, x, y, matrix, disc, share, wanted, ring, n_rings, background, values, source, out
):
    """Mean intensity of a frame over the pixels of a mesh, with hidden pixels repaired.

    Args:
        sums: (H, W + 1) of :func:`running_sums` from row ``first`` up to row ``last`` (excluded).
        first, last: rows that the mesh reaches.
        x, y, matrix, disc: as of :func:`mesh_integrals`.
        share: (n, n) float64 of :func:`seen_shares`.
        wanted, ring, n_rings: as of :func:`repair`.
        background: (n, n) float64, subtracted from the means; then as :func:`without_negatives`.
        values, source: (n, n) float64 and uint8, room to work in.
        out: (n, n) float32, written.

    Returns:
        False where a whole ring is hidden.
    """
    n = disc.shape[0]
    mesh_integrals(sums, x, y, matrix, disc, values)
    area = abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])
    largest = 0.0
    for i in range(first, last):
        largest = max(largest, abs(sums[i, sums.shape[1] - 1]))
    rounding = _ROUNDING * largest / area
    for i in range(n):
        for j in range(n):
            mean = values[i, j] / area
            if abs(mean) <= rounding:
                mean = 0.0
            seen = share[i, j] if share[i, j] >= _HALF else 1.0
            values[i, j] = mean / seen - background[i, j]
    if repair(values, share, wanted, ring, n_rings, source):
        return False
    without_negatives(values, wanted, ring, n_rings)
    for i in range(n):
        for j in range(n):
            out[i, j] = values[i, j] if disc[i, j] else 0.0
    return True
