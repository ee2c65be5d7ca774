"""Pixels that a beam stop or the edge of the field of view hides."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import (
    binary_closing,
    binary_dilation,
    binary_opening,
    label,
    minimum_filter1d,
    uniform_filter,
)

from pyiron_nbed.experiment.radial_fit import Shape

_DARK = 0.5  # of its ring: hidden
_PALE = 0.8  # of its ring and beside a hidden one: at the edge of what hides
_RISES = 0.3  # least part of an outer ring that a ring has, unless it is hidden
_COVERED = 0.06  # of the brightest ring: covered all around
_SIZES = (1, 3, 5, 9, 15)  # of windows in pixels, the larger the fewer electrons
_QUANTILE = 0.7  # of a ring that stands for what is not hidden
_FALL_IN = 0.93  # by which a profile may fall within a pixel inwards, where nothing of a ring is seen
_FALL_OUT = 5.0  # power of the radius by which it may fall outwards there
_STEEP = 2  # pixels
_BEAM = 0.06  # of the frame: within this distance from the centre lies the direct beam
_LEAST = 12  # pixels of a part


def find_hidden(frame: np.ndarray, valid: np.ndarray, shape: Shape, edge: int = 1) -> np.ndarray:
    """Pixels far darker than their ring: a beam stop of any shape, and what lies outside the field of view.

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
    total = np.where(valid, frame, 0)
    gain = _gain(total, valid, ring)
    hidden = np.zeros(frame.shape, bool)
    counts = np.maximum(np.bincount(ring.ravel()), 1)
    number = np.maximum(np.bincount(ring[valid], minlength=len(counts)), 1)
    means = np.bincount(ring[valid], total[valid], len(counts)) / number
    # a pattern rises towards its centre: windows need not be larger where rings are hidden all around
    risen = _RISES * np.maximum.accumulate(means[::-1])[::-1]
    smooth, window, known = _smooth(total, valid, ring, np.maximum(means, risen), gain)
    lowest = _levels(smooth, ring, valid, 0.2)
    for _ in range(5):
        level = _levels(smooth, ring, valid & ~hidden, _QUANTILE if hidden.any() else 0.8)
        share = np.bincount(ring.ravel(), hidden.ravel()) / counts
        inner, outer = _carried(level, share, bool(hidden.any()), lowest, smooth, ring)
        # where the profile is steep, a centre that is off by a pixel or two makes no shadow
        reference = minimum_filter1d(np.maximum(np.maximum(level, inner), outer), 2 * _STEEP + 1)
        smooth, window, known = _smooth(total, valid, ring, np.maximum(reference, risen), gain)
        dark = _filled(_parts((smooth < _DARK * reference[ring]) & known), ring)
        if np.array_equal(dark, hidden):
            break
        hidden = dark
    if not hidden.any():
        return hidden
    # the edge of a shadow is seen where there are electrons enough, else it may lie a pixel further
    beside = binary_dilation(hidden, iterations=3) & (window == 1)
    found = binary_opening(hidden | ((smooth < _PALE * reference[ring]) & beside)) | hidden
    if edge:
        found = binary_dilation(found, iterations=edge) | (
            binary_dilation(found, iterations=edge + 1) & (window > 1)
        )
    return found


def _gain(total: np.ndarray, valid: np.ndarray, ring: np.ndarray) -> float:
    """Square of the noise over the mean: from differences of neighbours, in the median over rings."""
    steps = np.zeros(total.shape)
    for axis in (0, 1):
        both = valid & np.roll(valid, 1, axis)
        steps += np.where(both, (total - np.roll(total, 1, axis)) ** 2, 0) / 4
    squares, means = (np.bincount(ring.ravel(), v.ravel()) for v in (steps, np.maximum(total, 0)))
    seen = means > 0
    return float(np.median(squares[seen] / means[seen])) if seen.any() else 0.0


def _smooth(
    total: np.ndarray, valid: np.ndarray, ring: np.ndarray, reference: np.ndarray, gain: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over windows where the noise is below an eighth of what should be seen, and their sides; and where
    the largest window is large enough for that."""
    least = np.maximum(reference, 1e-12 * max(float(reference.max()), 1e-300))
    needed = 64 * (gain / least)[ring]  # pixels
    # a pixel alone may be noisier, since a part of a shadow has several
    alone = valid & (needed <= 6.4)
    out, window, seen = total.copy(), np.ones(total.shape, int), valid.astype(float)
    for size in _SIZES[1:]:
        larger = ((needed > seen) & ~alone) | ~valid & (window == 1)
        if not larger.any():
            break
        # beyond the frame is nothing, so a window at its edge holds fewer pixels
        weight = uniform_filter(valid.astype(float), size, mode="constant")
        mean = uniform_filter(total, size, mode="constant") / np.maximum(weight, 1e-9)
        larger &= weight > 1e-6
        out[larger], window[larger], seen[larger] = mean[larger], size, (weight * size**2)[larger]
    return out, window, (needed <= seen) | alone


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
    level: np.ndarray, share: np.ndarray, some: bool, lowest: np.ndarray, smooth: np.ndarray, ring: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels that rings hidden all around would have at least: carried inwards, and carried outwards."""
    inner, outer = np.zeros_like(level), np.zeros_like(level)
    middle = float(np.mean(smooth[ring <= 2]))
    # a pattern rises towards its centre: one that is dark there is covered, all around perhaps; the direct
    # beam may shine through the middle of what covers it
    reach = min(len(level), int(np.bincount(ring.ravel()).argmax()) + 1)
    peak = int(np.argmax(level[:reach]))
    dark = min(middle / _DARK**2, float(lowest[1 : peak + 1].min(initial=np.inf)) / _COVERED)
    if peak > 3 and dark < level[peak]:
        steps = np.arange(peak, -1, -1)
        inner[: peak + 1] = level[peak] * _FALL_IN**steps
        inner[: peak + 1] = np.where(level[: peak + 1] > inner[: peak + 1], 0, inner[: peak + 1])
    if some:
        mixed = np.flatnonzero((share > 0.6) & (np.arange(len(share)) > reach // 2))
        if len(mixed):
            start = int(mixed[0])
            outer[start:] = level[start] * (start / np.arange(start, len(level))) ** _FALL_OUT
    return inner, outer


def _filled(dark: np.ndarray, ring: np.ndarray) -> np.ndarray:
    # the direct beam shines through a stop: at the centre, what lies between hidden pixels is hidden too
    reach = round(_BEAM * max(dark.shape))
    square = np.ones((2 * reach + 1, 2 * reach + 1), bool)
    return dark | (binary_closing(np.pad(dark, reach), square)[reach:-reach, reach:-reach] & (ring <= reach))


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
