"""Pixels that a beam stop or the edge of the field of view hides."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, binary_opening, label, uniform_filter

from pyiron_nbed.experiment.radial_fit import Shape

_DARK = 0.5  # of its ring: hidden
_PALE = 0.8  # of its ring and beside a hidden one: at the edge of what hides
_SIZES = (1, 3, 5, 9, 15)  # of windows in pixels, the larger the fewer electrons
_QUANTILE = 0.7  # of a ring that stands for what is not hidden
_FALL_IN, _FALL_OUT = 0.93, 0.95  # by which a profile may fall within a pixel, where nothing of a ring is seen
_LEAST = 12  # pixels of a part


def find_hidden(frame: np.ndarray, valid: np.ndarray, shape: Shape, edge: int = 2) -> np.ndarray:
    """Pixels far darker than their ring: a beam stop of any shape, its holder, and what lies outside the field.

    Each ring is compared with its brighter part, in windows so large that counting noise does not matter; a
    single pixel or line is no stop. Where a ring is hidden all around, the profile goes on from the next one
    that is seen.

    Args:
        frame: (H, W) mean intensity.
        valid: (H, W) bool, pixels that are neither hot nor dead.
        shape: centre and ellipse of the pattern.
        edge: pixels added around what is found, where the shadow has its edge.

    Returns:
        (H, W) bool.

    Example:
        >>> frame = np.full((64, 64), 100.0)
        >>> frame[:34, 29:36] = 1.0
        >>> found = find_hidden(frame, frame > 0, Shape(32, 32), edge=0)
        >>> np.array_equal(found, frame < 50)
        True
    """
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    ring = np.rint(shape.radius(x, y)).astype(int)
    smooth = _smooth(frame, valid, ring)
    hidden = np.zeros(frame.shape, bool)
    for _ in range(4):
        level = _levels(smooth, ring, valid & ~hidden, _QUANTILE if hidden.any() else 0.8)
        share = np.bincount(ring.ravel(), hidden.ravel()) / np.bincount(ring.ravel())
        inner, outer = _carried(level, share, hidden.any(), smooth, ring)
        dark = smooth < _DARK * np.maximum(np.maximum(level, inner), outer)[ring]
        dark = _parts(dark)
        if np.array_equal(dark, hidden):
            break
        hidden = dark
    if not hidden.any():
        return hidden
    pale = (smooth < _PALE * level[ring]) & binary_dilation(hidden, iterations=3)
    hidden |= binary_opening(pale | hidden, iterations=1)
    return binary_dilation(hidden, iterations=edge) if edge else hidden


def _smooth(frame: np.ndarray, valid: np.ndarray, ring: np.ndarray) -> np.ndarray:
    # the smallest window in which the noise of a ring is below an eighth of it
    number = ring[valid]
    counts = np.maximum(np.bincount(number, minlength=ring.max() + 1), 1)
    total = np.where(valid, frame, 0)
    steps = []
    for axis in (0, 1):  # differences of neighbours are noise and little else
        both = valid & np.roll(valid, 1, axis)
        steps.append(np.where(both, np.abs(total - np.roll(total, 1, axis)), 0) ** 2 / 2)
    noise = np.sqrt(np.bincount(ring.ravel(), (0.5 * (steps[0] + steps[1])).ravel()) / counts)
    mean = np.bincount(number, total[valid], minlength=len(counts)) / counts
    noise, mean = (np.convolve(np.pad(v, 3, "edge"), np.ones(7) / 7, "valid") for v in (noise, mean))
    needed = noise / np.maximum(mean, 1e-300) * 8
    out = np.where(valid, frame, np.nan)
    for size in _SIZES:
        weight = uniform_filter(valid.astype(float), size, mode="nearest")
        window = uniform_filter(total, size, mode="nearest") / np.maximum(weight, 1e-9)
        larger = (needed[ring] > size / 3) | ~valid if size > 1 else np.zeros(frame.shape, bool)
        out = np.where(larger & (weight > 1e-6), window, out)
    return np.where(np.isfinite(out), out, 0)


def _levels(smooth: np.ndarray, ring: np.ndarray, seen: np.ndarray, quantile: float) -> np.ndarray:
    numbers, values = ring[seen], smooth[seen]
    order = np.lexsort((values, numbers))
    numbers, values = numbers[order], values[order]
    counts = np.bincount(numbers, minlength=ring.max() + 1)
    first = np.cumsum(counts) - counts
    level = np.zeros(len(counts))
    filled = counts > 0
    level[filled] = values[(first + (counts - 1) * quantile).astype(int)[filled]]
    return level


def _carried(
    level: np.ndarray, share: np.ndarray, some: bool, smooth: np.ndarray, ring: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels that rings hidden all around would have at least: from outside inwards, and from inside outwards."""
    inner, outer = np.zeros_like(level), np.zeros_like(level)
    middle = float(np.mean(smooth[ring <= 2]))
    # a pattern rises towards its centre: one that is dark there is covered, all around perhaps
    reach = min(len(level), int(np.bincount(ring.ravel()).argmax()) + 1)
    peak = int(np.argmax(level[:reach]))
    if peak > 3 and middle < _DARK * _DARK * level[peak]:
        steps = np.arange(peak, -1, -1)
        inner[: peak + 1] = level[peak] * _FALL_IN ** steps
        inner[: peak + 1] = np.where(level[: peak + 1] > inner[: peak + 1], 0, inner[: peak + 1])
    if some:
        mixed = np.flatnonzero((share > 0.3) & (np.arange(len(share)) > reach // 2))
        if len(mixed):
            start = int(mixed[0])
            steps = np.arange(len(level) - start)
            outer[start:] = level[start] * _FALL_OUT**steps
    return inner, outer


def _parts(dark: np.ndarray) -> np.ndarray:
    # no lines and single pixels, but all of a part that holds more
    core = binary_opening(dark, np.ones((3, 3), bool))
    numbers, count = label(dark)
    if not count:
        return dark
    kept = np.bincount(numbers.ravel(), core.ravel(), minlength=count + 1) >= _LEAST
    kept[0] = False
    part = kept[numbers]
    opened = binary_opening(part, np.ones((2, 2), bool))  # a dead line that leads into a stop is none of it
    return opened
