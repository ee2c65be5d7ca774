"""Which atoms lie in cylinders and ellipsoids, from the cell list of the structure."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.geometry.cells import CellList
from pyiron_nbed.kernels import njit
from pyiron_nbed.parallel import run_in_threads

_CHUNK = 512  # centres per call of a thread


def atoms_inside(
    boxes: CellList,
    centers: np.ndarray,
    frames: np.ndarray,
    half: np.ndarray,
    radius: float | np.ndarray,
    height: float | np.ndarray,
    ellipsoid: bool | np.ndarray,
    cores: int | None = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms inside cylinders and ellipsoids, which may all be different.

    Args:
        boxes: the atoms in their cell list.
        centers: (P, 3) float64 in Å.
        frames: (1, 3, 3) or (P, 3, 3) axes of the images.
        half: (1, 3) or (P, 3) half widths of the volumes in fractional coordinates of the boxes.
        radius, height: in Å, one or (P,).
        ellipsoid: True where the volume is an ellipsoid, one or (P,).
        cores: threads; None takes all.

    Returns:
        (P,) number of atoms in each volume, (M,) their indices, (M, 3) their positions relative to
        the centre in Å along image x, image y and zone axis.
    """
    radii, half_heights, ellipsoids = (
        np.ascontiguousarray(np.broadcast_to(values, (len(centers),)), kind)
        for values, kind in ((radius, float), (0.5 * np.asarray(height), float), (ellipsoid, bool))
    )
    counts = np.zeros(len(centers), np.int64)
    parts: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def collect(start: int, stop: int) -> None:
        parts[start] = _collect(
            start, stop, centers, boxes.positions, boxes.order, boxes.cell, boxes.inverse, boxes.origin,
            boxes.n_boxes, boxes.periodic, boxes.start, half, np.ascontiguousarray(frames),
            radii, half_heights, ellipsoids, counts,
        )  # fmt: skip

    run_in_threads(collect, len(centers), cores, _CHUNK)
    found = [parts[start] for start in sorted(parts)]
    if len(found) == 1:
        return counts, *found[0]
    return counts, np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


@njit(inline="always")
def _along(frame, vector):
    u = frame[0, 0] * vector[0] + frame[0, 1] * vector[1] + frame[0, 2] * vector[2]
    v = frame[1, 0] * vector[0] + frame[1, 1] * vector[1] + frame[1, 2] * vector[2]
    w = frame[2, 0] * vector[0] + frame[2, 1] * vector[1] + frame[2, 2] * vector[2]
    return u, v, w


@njit(error_model="numpy")
def _overlap(cu, cv, cw, au, av, aw, wide, long, first, last):
    # whole numbers b in first … last where c + t a, b ≤ t ≤ b + 1, comes into u² + v² ≤ wide, |w| ≤ long
    start, stop = float(first), float(last) + 1.0
    a, b, c = au * au + av * av, cu * au + cv * av, cu * cu + cv * cv - wide
    if a > 1e-12:
        root = b * b - a * c
        if root < 0:
            return first, first - 1
        root = np.sqrt(root)
        start, stop = max(start, (-b - root) / a), min(stop, (root - b) / a)
    elif c > 0:
        return first, first - 1
    if abs(aw) > 1e-6:
        one, other = (-long - cw) / aw, (long - cw) / aw
        start, stop = max(start, min(one, other)), min(stop, max(one, other))
    elif abs(cw) > long:
        return first, first - 1
    if stop < start:
        return first, first - 1
    return max(first, np.int64(np.floor(start - 1e-6))), min(last, np.int64(np.floor(stop + 1e-6)))


@njit(error_model="numpy")
def _collect(
    first, last, centers, positions, order, cell, inverse, origin, n_boxes, periodic, start, half,
    frames, radii, half_heights, ellipsoids, counts,
):  # fmt: skip
    low = np.empty(3, np.int64)
    high = np.empty(3, np.int64)
    room = 160 * (last - first)
    indices = np.empty(room, np.int64)
    found = np.empty((room, 3))
    at = np.int64(0)
    ex, ey, ez = cell[0] / n_boxes[0], cell[1] / n_boxes[1], cell[2] / n_boxes[2]  # edges of a box
    diagonal = 0.5 * np.sqrt(max(np.sum((ex + ey) ** 2), np.sum((ex - ey) ** 2)))
    for p in range(first, last):
        own = p if frames.shape[0] > 1 else 0
        each = p if half.shape[0] > 1 else 0
        half_height = half_heights[p]
        inverse_r2 = 1.0 / (radii[p] * radii[p])
        inverse_h2 = 1.0 / (half_height * half_height) if ellipsoids[p] else 0.0
        for a in range(3):
            s = 0.0
            for c in range(3):
                s += (centers[p, c] - origin[c]) * inverse[c, a]
            low[a] = np.int64(np.floor((s - half[each, a] - 1e-9) * n_boxes[a]))
            high[a] = np.int64(np.floor((s + half[each, a] + 1e-9) * n_boxes[a]))
            if not periodic[a]:
                low[a] = max(low[a], 0)
                high[a] = min(high[a], n_boxes[a] - 1)
        x0, x1, x2 = frames[own, 0, 0], frames[own, 0, 1], frames[own, 0, 2]
        y0, y1, y2 = frames[own, 1, 0], frames[own, 1, 1], frames[own, 1, 2]
        z0, z1, z2 = frames[own, 2, 0], frames[own, 2, 1], frames[own, 2, 2]
        ux, vx, px = _along(frames[own], ex)
        uy, vy, py = _along(frames[own], ey)
        au, av, aw = _along(frames[own], ez)
        cu, cv, cw = _along(frames[own], origin - centers[p])
        wide = (radii[p] + diagonal) ** 2
        long = half_height + 0.5 * (abs(px) + abs(py))
        begin = at
        for bx in range(low[0], high[0] + 1):
            wx = bx // n_boxes[0]
            x = bx - wx * n_boxes[0]
            for by in range(low[1], high[1] + 1):
                wy = by // n_boxes[1]
                column = (x * n_boxes[1] + by - wy * n_boxes[1]) * n_boxes[2]
                # the part of this column of boxes that can meet the volume: its middle line against the
                # volume's cylinder, widened by half the column
                i, j = bx + 0.5, by + 0.5
                bz, final = _overlap(
                    cu + i * ux + j * uy, cv + i * vx + j * vy, cw + i * px + j * py,
                    au, av, aw, wide, long, low[2], high[2],
                )  # fmt: skip
                # boxes along the third axis lie one after the other in memory: one run per image
                while bz <= final:
                    wz = bz // n_boxes[2]
                    end = min(final, (wz + 1) * n_boxes[2] - 1)
                    shift0 = wx * cell[0, 0] + wy * cell[1, 0] + wz * cell[2, 0] - centers[p, 0]
                    shift1 = wx * cell[0, 1] + wy * cell[1, 1] + wz * cell[2, 1] - centers[p, 1]
                    shift2 = wx * cell[0, 2] + wy * cell[1, 2] + wz * cell[2, 2] - centers[p, 2]
                    run = start[column + bz - wz * n_boxes[2]]
                    stop = start[column + end - wz * n_boxes[2] + 1]
                    if at + stop - run > room:
                        room = 2 * room + stop - run
                        more_i, more_x = np.empty(room, np.int64), np.empty((room, 3))
                        more_i[:at], more_x[:at] = indices[:at], found[:at]
                        indices, found = more_i, more_x
                    for j in range(run, stop):
                        d0 = positions[j, 0] + shift0
                        d1 = positions[j, 1] + shift1
                        d2 = positions[j, 2] + shift2
                        w = z0 * d0 + z1 * d1 + z2 * d2
                        u = x0 * d0 + x1 * d1 + x2 * d2
                        v = y0 * d0 + y1 * d1 + y2 * d2
                        rho = (u * u + v * v) * inverse_r2 + w * w * inverse_h2
                        # written in any case and kept by moving on: no branch to predict
                        indices[at] = order[j]
                        found[at, 0] = u
                        found[at, 1] = v
                        found[at, 2] = w
                        at += np.int64((rho <= 1.0) & (abs(w) <= half_height))
                    bz = end + 1
        counts[p] = at - begin
    return indices[:at].copy(), found[:at].copy()
