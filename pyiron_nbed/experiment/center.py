"""Where a pattern has its centre, without any hint: a search over the frame, and the unscattered disc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyiron_nbed.experiment.radial_fit import Pixels, Shape, fit_shape
from pyiron_nbed.kernels import njit

_COARSE = 64  # pixels along the longer side for the search
_LEVELS = 64  # of intensity
_MARGIN = 0.04  # of the frame where no centre is looked for
_FRIEDEL = 0.5  # weight of I(k) = I(−k) against the rings


def find_center(frame: np.ndarray, valid: np.ndarray) -> Shape:
    """Centre of a pattern anywhere in the frame, to about a pixel.

    On a coarse grid, every place is tried: the sum of absolute deviations of log intensity from the median of
    its ring, which half of a ring behind a stop leaves as it is, and the correlation of the pattern with
    itself turned by 180° about the place (Friedel). The best is refined by least angular variance.

    Args:
        frame: (H, W) mean intensity.
        valid: (H, W) bool, pixels that count.

    Returns:
        Centre in pixels; the ellipse is a circle.

    Example:
        >>> y, x = np.mgrid[:48, :48]
        >>> ring = 1 + np.exp(-((np.hypot(x - 27, y - 20) - 12) ** 2) / 8)
        >>> found = find_center(ring, ring > 0)
        >>> round(float(found.x), 1), round(float(found.y), 1)
        (27.0, 20.0)
    """
    side = int(np.ceil(max(frame.shape) / _COARSE))
    values, seen = _binned(frame, valid, side)
    good = values[seen]
    unit = 0.3 * max(float(np.median(good)), 0.1 * float(np.mean(np.maximum(good, 0))), 1e-300)
    tone = np.where(seen, np.log1p(np.maximum(values, 0) / unit), 0.0)
    low, high = np.percentile(tone[seen], (0, 99.8))
    levels = np.clip((tone - low) / max(high - low, 1e-300) * (_LEVELS - 1), 0, _LEVELS - 1)
    rings = _ring_cost(np.rint(levels).astype(np.int64), seen, _MARGIN)
    friedel = _friedel(np.where(seen, levels / _LEVELS, 0), seen)
    cost = rings + _FRIEDEL * (1 - friedel)
    cost[~np.isfinite(rings)] = np.inf
    y, x = np.unravel_index(int(np.argmin(cost)), cost.shape)
    start = Shape((x + 0.5) * side - 0.5, (y + 0.5) * side - 0.5)
    if side == 1:
        return start
    # coarse pixels in camera pixels
    pixels = Pixels.of_frame(np.log1p(np.maximum(values, 0) / unit), seen, bin=side)
    scaled = Pixels(pixels.x / side, pixels.y / side, pixels.values, pixels.weights)
    found = fit_shape(scaled, Shape(start.x / side, start.y / side), 3.0, ellipse=False, steps=8).shape
    moved = Shape(found.x * side, found.y * side)
    return moved if np.hypot(moved.x - start.x, moved.y - start.y) < 3 * side else start


@dataclass(frozen=True)
class Disc:
    """The unscattered disc: centre and radius (half height) in pixels, and its height over the rest."""

    x: float
    y: float
    radius: float
    contrast: float


def find_disc(frame: np.ndarray, valid: np.ndarray, near: Shape) -> Disc | None:
    """The unscattered disc of a convergent beam, where it is visible.

    Args:
        frame: (H, W) mean intensity.
        valid: (H, W) bool, pixels that count.
        near: centre of the pattern to a few pixels.

    Returns:
        The disc, whose edge is where the profile has half its height; None: no bright disc is seen.
    """
    rows, columns = frame.shape
    y, x = np.mgrid[:rows, :columns]
    place = near
    radius = 0.0
    for _ in range(6):
        rho = place.radius(x, y)
        reach = np.floor(rho).astype(int)
        inside = reach < min(rows, columns) // 3
        ring = reach[inside]
        good = valid[inside]
        counts = np.bincount(ring, good)
        if (counts[:3] < 0.75 * np.bincount(ring)[:3]).any():
            return None  # behind a stop
        means = np.bincount(ring, np.where(good, frame[inside], 0)) / np.maximum(counts, 1)
        top = means[:2].max()
        below = np.flatnonzero(means < 0.5 * top)
        if not len(below) or below[0] < 1:
            return None
        edge = int(below[0])
        outer = min(2 * edge + 4, len(means) - 1)
        base = means[outer]
        half = 0.5 * (top + base)
        edge = int(np.flatnonzero(means < half)[0])
        share = (means[edge - 1] - half) / max(means[edge - 1] - means[edge], 1e-300)
        radius = edge - 0.5 + float(share)
        core = valid & (rho < 2 * radius + 2)
        weight = np.where(core, np.clip(frame - half, 0, half), 0)  # flat top: the edge tells, not the inside
        if weight.sum() <= 0 or core.sum() < 0.9 * (rho < 2 * radius + 2).sum():
            return None
        moved = Shape(float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum()))
        done = np.hypot(moved.x - place.x, moved.y - place.y) < 0.01
        place = moved
        if done:
            break
    contrast = float(top / max(base, 1e-12 * top))
    if contrast < 4 or radius > 0.25 * min(rows, columns):
        return None
    return Disc(place.x, place.y, radius, contrast)


def _binned(frame: np.ndarray, valid: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = (n // side for n in frame.shape)
    cut = np.s_[: rows * side, : columns * side]
    shape = (rows, side, columns, side)
    number = valid[cut].reshape(shape).sum(axis=(1, 3))
    total = np.where(valid, frame, 0)[cut].reshape(shape).sum(axis=(1, 3))
    seen = number > 0.5 * side * side
    return np.where(seen, total / np.maximum(number, 1), 0), seen


def _friedel(tone: np.ndarray, seen: np.ndarray) -> np.ndarray:
    # masked normalised correlation of the pattern with itself turned by 180°, at each whole pixel
    rows, columns = tone.shape
    size = (2 * rows, 2 * columns)
    smooth = np.where(seen, tone, 0)
    f, m, q = (np.fft.rfft2(a, size) for a in (smooth, seen.astype(float), smooth**2))
    pairs, sums, squares, products = (
        np.fft.irfft2(a, size)[::2, ::2][:rows, :columns] for a in (m * m, f * m, q * m, f * f)
    )
    pairs = np.maximum(pairs, 1)
    mean = sums / pairs
    variance = squares / pairs - mean**2
    value = (products / pairs - mean**2) / np.maximum(variance, 1e-9)
    share = np.minimum(1, pairs / (0.4 * seen.sum()))
    return np.clip(value, 0, 1) * share


@njit(error_model="numpy")
def _ring_cost(levels, seen, margin):
    # Σ |level − median of its ring| over the pattern, for each place as centre, against that without rings
    rows, columns = levels.shape
    n_levels, n_rings = levels.max() + 1, int(np.hypot(rows, columns)) + 2
    overall = np.zeros(n_levels, np.int64)
    total = 0
    for y in range(rows):
        for x in range(columns):
            if seen[y, x]:
                overall[levels[y, x]] += 1
                total += 1
    alone = _absolute(overall, total) / max(total, 1)
    cost = np.full((rows, columns), np.inf)
    counts = np.zeros((n_rings, n_levels), np.int64)
    sizes = np.zeros(n_rings, np.int64)
    for cy in range(int(margin * rows), rows - int(margin * rows)):
        for cx in range(int(margin * columns), columns - int(margin * columns)):
            counts[:] = 0
            sizes[:] = 0
            for y in range(rows):
                for x in range(columns):
                    if seen[y, x]:
                        ring = int(np.sqrt((y - cy) ** 2 + (x - cx) ** 2) + 0.5)
                        counts[ring, levels[y, x]] += 1
                        sizes[ring] += 1
            found = 0.0
            for ring in range(n_rings):
                n = sizes[ring]
                if n == 1:
                    found += alone
                elif n > 1:
                    found += _absolute(counts[ring], n) * n / (n - 1.0)
            cost[cy, cx] = found / max(alone * total, 1e-300)
    return cost


@njit(error_model="numpy")
def _absolute(counts, total):
    # Σ |level − median| of a histogram
    below, median = 0, 0
    for level in range(len(counts)):
        below += counts[level]
        if 2 * below >= total:
            median = level
            break
    found = 0.0
    for level in range(len(counts)):
        found += counts[level] * abs(level - median)
    return found
