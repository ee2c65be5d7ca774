"""Hot and dead pixels of a camera, found from the mean and the spread over a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter, rank_filter

_FAR = 6.0  # standard deviations
_SHARE = 0.05  # what a point spread puts into neighbours at least, against the middle of a spot
_LINE = 0.35  # a line with less than this of its neighbours is dead
_AROUND = np.ones((3, 3), bool)
_AROUND[1, 1] = False
_WIDE = np.ones((5, 5), bool)
_WIDE[2, 2] = False


@dataclass(frozen=True)
class Defects:
    """Pixels that do not count what falls on them.

    Attributes:
        hot, dead: (H, W) bool.
        rows, columns: numbers of the lines that are dead over most of their length.
    """

    hot: np.ndarray
    dead: np.ndarray
    rows: list[int]
    columns: list[int]


def find_defects(
    mean: np.ndarray,
    variance: np.ndarray | None = None,
    frames: int = 1,
    blocks: np.ndarray | None = None,
    integer: bool = True,
) -> Defects:
    """Hot, dead and stuck pixels and dead lines.

    A pixel is compared with the median of the 24 around it, in standard deviations of counted electrons
    (the gain is that of the frames) and in those of its surroundings. A hot one stands out alone: the point
    spread of a camera gives each side of a real spot a share, so that of eight neighbours of a spot at least
    three rise with it. It also stands out everywhere in the scan, and not at a few positions. A dead one lies
    far below where its neighbours do not, or shows the same in every frame while they change.

    Args:
        mean: (H, W) over the frames.
        variance: (H, W) over the frames; None: one frame.
        frames: number of them.
        blocks: (B, H, W) means of parts of the scan; None: not looked at.
        integer: frames of whole numbers, counted electrons if there is one frame only.

    Returns:
        The defects.

    Example:
        >>> frame = np.random.default_rng(0).poisson(50.0, (32, 32)).astype(float)
        >>> frame[5, 7], frame[20, 9] = 900, 0
        >>> found = find_defects(frame)
        >>> np.argwhere(found.hot).tolist(), np.argwhere(found.dead).tolist()
        ([[5, 7]], [[20, 9]])
    """
    lost = ~np.isfinite(mean)
    mean = np.where(lost, 0.0, mean)
    rows, columns = (_dead_lines(m) for m in (mean, mean.T))
    lines = np.zeros(mean.shape, bool)
    lines[rows] = True
    lines[:, columns] = True
    filled = _without_lines(mean, rows, columns)
    middle = median_filter(filled, footprint=_WIDE, mode="nearest")
    spread = 1.4826 * median_filter(np.abs(filled - middle), footprint=_WIDE, mode="nearest")
    gain = _gain(filled, middle, spread, variance, frames, integer)
    counted = filled * frames / gain if gain > 0 else np.zeros_like(filled)
    expected = middle * frames / gain if gain > 0 else np.zeros_like(filled)
    z = 2 * (np.sqrt(np.maximum(counted, 0) + 0.375) - np.sqrt(np.maximum(expected, 0) + 0.375))
    off = filled - middle
    if gain == 0:
        z = off / np.maximum(spread, 1e-12 * np.abs(filled).max() + 1e-300)
    # neighbours sorted: the third largest and the third least of eight
    third = rank_filter(filled, -3, footprint=_AROUND, mode="nearest") - middle
    # spots widen the spread around them, so texture is that of the calmer parts of the frame
    seen = middle > 0
    excess = np.maximum(spread[seen] ** 2 - middle[seen] * gain / frames, 0) / middle[seen] ** 2
    texture = np.sqrt(float(np.percentile(excess, 25))) * middle if seen.any() else spread
    alone = third < _SHARE * off + 2 * np.sqrt(np.maximum(middle, 0) * gain / frames + texture**2)
    hot = (z > _FAR) & (off > _FAR * spread) & (off > 0.5 * np.abs(middle)) & alone & ~lines
    if blocks is not None and len(blocks) >= 4 and blocks.shape[1:] == mean.shape:
        hot &= _everywhere(hot, blocks, off, middle)
    low = rank_filter(np.where(hot, middle, filled), 2, footprint=_AROUND, mode="nearest")
    dead = (z < -_FAR) & (filled < 0.4 * middle) & (-off > 2 * spread) & (low > 0.5 * middle)
    if variance is not None and frames > 3:
        change = median_filter(variance, footprint=_WIDE, mode="nearest")
        busy = rank_filter(variance, 2, footprint=_AROUND, mode="nearest") > 0
        counts = np.maximum(middle, 0) * frames / gain if gain > 0 else np.zeros_like(mean)
        dead |= (variance == 0) & (change > 0) & busy & (counts > 30) & ~hot
    return Defects(hot, (dead | lines | lost) & ~hot, rows, columns)


def _everywhere(hot: np.ndarray, blocks: np.ndarray, off: np.ndarray, middle: np.ndarray) -> np.ndarray:
    # a spot of a crystal shows up in few blocks, a hot pixel in more than half of them
    places = np.nonzero(hot)
    above = blocks[:, places[0], places[1]] > (middle + 0.25 * off)[places]
    kept = np.zeros_like(hot)
    kept[places] = above.mean(axis=0) > 0.5
    return kept


def _gain(
    mean: np.ndarray,
    middle: np.ndarray,
    spread: np.ndarray,
    variance: np.ndarray | None,
    frames: int,
    integer: bool,
) -> float:
    """Variance over mean of what a frame counts; 0: no counting noise to be seen."""
    if integer and (variance is None or frames <= 3):
        return 1.0
    seen = middle > 0
    if not seen.any():
        return 0.0
    squares = spread**2 if variance is None or frames <= 3 else variance
    return float(np.median(squares[seen] / middle[seen]))


def _dead_lines(mean: np.ndarray) -> list[int]:
    # each line against the median of two lines on either side, over the pixels where those see something
    count = len(mean)
    if count < 8:
        return []
    numbers = np.arange(count)
    found = np.zeros(count, bool)
    for _ in range(2):  # lines found first are no neighbours any more
        good = numbers[~found]
        for line in numbers[~found]:
            place = np.searchsorted(good, line)
            near = [good[place + step] for step in (-2, -1, 1, 2) if 0 <= place + step < len(good)]
            if len(near) < 4:
                continue
            sides = np.sort(mean[near], axis=0)
            low = sides[1]  # the second least of four
            if low.sum() <= 0:
                continue
            share = np.minimum(mean[line], sides[2]).sum() / low.sum()
            counted = low > 0
            below = (mean[line][counted] < 0.5 * low[counted]).mean()
            if share < _LINE and below > 0.6 and counted.mean() > 0.3:
                found[line] = True
    return numbers[found].tolist()


def _without_lines(mean: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
    filled = mean.copy()
    for values, lines in ((filled, rows), (filled.T, columns)):
        good = np.setdiff1d(np.arange(len(values)), lines)
        for line in lines:
            place = int(np.searchsorted(good, line))
            near = [good[i] for i in (place - 1, place) if 0 <= i < len(good)]
            values[line] = np.mean(values[near], axis=0)
    return filled
