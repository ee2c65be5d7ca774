"""What calibration needs of a scan, gathered in one pass over its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.kernels import njit
from pyiron_nbed.progress import progress_bar

_MOST_BLOCKS = 12  # along each side of the scan
_BLOCK_PIXELS = 512 * 512  # of the mean frame of a block; larger frames are binned for it
_BLOCK_BYTES = 96e6  # of all blocks together


@dataclass(frozen=True)
class Sums:
    """Sums over the frames of a scan.

    Attributes:
        mean, variance: (H, W) over the frames; the variance is 0 where there is one frame.
        maximum, minimum: (H, W) over the frames, float64.
        blocks: (B, h, w) float32, mean frame of each block of neighbouring positions, binned.
        bin: camera pixels along each side of a pixel of ``blocks``.
        counts: (B,) frames of each block.
        terms: (B, 5) mean of u, v, u², u v, v² over the positions of each block, with u and v as in
            :class:`pyiron_nbed.experiment.calibration.Descan`.
        places: (B, 2) row and column of the block.
        frames: number of frames.
        integer: the frames hold whole numbers.
        top: largest number the type of the frames can hold; inf for floats.
    """

    mean: np.ndarray
    variance: np.ndarray
    maximum: np.ndarray
    minimum: np.ndarray
    blocks: np.ndarray
    bin: int
    counts: np.ndarray
    terms: np.ndarray
    places: np.ndarray
    frames: int
    integer: bool
    top: float


def sums_of_scan(scan: Any, progress: bool = True) -> Sums:
    """Mean, variance, extremes and the mean frames of blocks of positions, from one pass over a scan.

    Args:
        scan: MeasuredScan, or what has its ``shape``, ``dtype`` and ``blocks()``.
        progress: show a bar.

    Returns:
        The sums.

    Example:
        >>> class Frames:
        ...     shape, dtype = (1, 3, 4, 4), np.dtype("u2")
        ...     def blocks(self):
        ...         yield 0, np.arange(48, dtype="u2").reshape(3, 4, 4)
        >>> sums_of_scan(Frames()).mean[0].tolist()
        [16.0, 17.0, 18.0, 19.0]
    """
    ny, nx, rows, columns = scan.shape
    side = 1
    while (rows // side) * (columns // side) > _BLOCK_PIXELS:
        side += 1
    small = (rows // side, columns // side)
    per_side = min(_MOST_BLOCKS, int(np.sqrt(_BLOCK_BYTES / (4 * small[0] * small[1]))))
    of_row, of_column = (np.arange(n) * min(n, max(per_side, 3)) // n for n in (ny, nx))
    across = int(of_column[-1]) + 1
    block = (of_row[:, None] * across + of_column[None, :]).ravel()
    count = int(block[-1]) + 1
    state = _State(np.zeros((count, *small), np.float32), rows * columns, (rows, columns), side)
    counts = np.bincount(block, minlength=count)
    with progress_bar(ny * nx, "calibration: frames", "frame") as bar:
        bar.disable = bar.disable or not progress
        for start, frames in scan.blocks():
            state.add(np.asarray(frames), block[start : start + len(frames)])
            bar.update(len(frames))
    state.flush()
    n = ny * nx
    mean = state.total / n
    variance = np.maximum(state.square / n - mean**2, 0)
    v, u = np.meshgrid(np.arange(ny) - (ny - 1) / 2, np.arange(nx) - (nx - 1) / 2, indexing="ij")
    terms = np.stack([u, v, u * u, u * v, v * v], axis=-1).reshape(-1, 5)
    means = np.stack([np.bincount(block, t, count) for t in terms.T], axis=-1) / counts[:, None]
    kind = np.dtype(scan.dtype)
    shape = (rows, columns)
    return Sums(
        mean.reshape(shape), variance.reshape(shape), state.highest.reshape(shape),
        state.lowest.reshape(shape), state.blocks / counts[:, None, None].astype(np.float32), side, counts,
        means, np.stack(np.divmod(np.arange(count), across), axis=-1), n, kind.kind in "iub",
        float(np.iinfo(kind).max) if kind.kind in "iu" else np.inf,
    )  # fmt: skip


class _State:
    """Running sums; those of the block of positions at hand are added up apart."""

    def __init__(self, blocks: np.ndarray, pixels: int, shape: tuple[int, int], side: int) -> None:
        self.blocks, self.shape, self.side = blocks, shape, side
        self.total, self.square, self.part = np.zeros(pixels), np.zeros(pixels), np.zeros(pixels)
        self.highest, self.lowest = np.full(pixels, -np.inf), np.full(pixels, np.inf)
        self.block = -1

    def add(self, frames: np.ndarray, block: np.ndarray) -> None:
        """Frames that follow each other, and the block of each."""
        frames = frames.reshape(len(frames), -1)
        frames = np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
        edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(block)]
        for first, last in zip(edges[:-1], edges[1:], strict=True):
            if block[first] != self.block:
                self.flush()
                self.block = int(block[first])
            _add(frames[first:last], self.part, self.square, self.highest, self.lowest)

    def flush(self) -> None:
        """Hand the sum of the block at hand on."""
        if self.block < 0:
            return
        self.total += self.part
        (h, w), side = self.blocks.shape[1:], self.side
        frame = self.part.reshape(self.shape)[: h * side, : w * side]
        if side > 1:
            frame = frame.reshape(h, side, w, side).mean(axis=(1, 3))
        self.blocks[self.block] += frame
        self.part[:] = 0


@njit(fastmath={"reassoc", "contract", "nsz"})
def _add(frames, total, square, highest, lowest):
    # a piece of the frame at a time, so that its sums stay in the cache
    n_frames, n_pixels = frames.shape
    for first in range(0, n_pixels, 1024):
        last = min(first + 1024, n_pixels)
        for f in range(n_frames):
            for p in range(first, last):
                value = np.float64(frames[f, p])
                total[p] += value
                square[p] += value * value
                highest[p] = value if value > highest[p] else highest[p]
                lowest[p] = value if value < lowest[p] else lowest[p]
