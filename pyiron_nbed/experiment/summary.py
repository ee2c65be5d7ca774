"""What one pass over all frames of a scan tells."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.experiment.measured_kernels import add_frames
from pyiron_nbed.parallel import run_in_threads

_TILES = 8  # parts of a scan along each axis, at most
_TILES_SIZE = 1 << 25  # bytes of their sums


@dataclass(frozen=True)
class Summary:
    """What one pass over all frames tells.

    Attributes:
        mean, maximum, minimum: (H, W) float64, of each pixel over the scan.
        variance: (H, W) float64, mean of the squared deviation from the mean.
        total: (Ny, Nx) float64, sum of each frame.
        tiles: (Ty, Tx, H, W) float64, mean frame of each part of the scan.
        rows, columns: (Ty + 1,) and (Tx + 1,) int, where the parts begin and end.
    """

    mean: np.ndarray
    variance: np.ndarray
    maximum: np.ndarray
    minimum: np.ndarray
    total: np.ndarray
    tiles: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def summarise(scan: Any) -> Summary:
    """One pass over all frames of a scan.

    Args:
        scan: a :class:`pyiron_nbed.experiment.MeasuredScan`.

    Returns:
        The summary.
    """
    ny, nx, height, width = scan.shape
    n_pixels = height * width
    along = min(_TILES, max(1, int(np.sqrt(_TILES_SIZE / (8 * n_pixels)))))
    rows, columns = (np.linspace(0, side, min(along, side) + 1).round().astype(int) for side in (ny, nx))
    shape = len(rows) - 1, len(columns) - 1
    row, column = (
        np.searchsorted(edges, np.arange(side), "right") - 1 for edges, side in ((rows, ny), (columns, nx))
    )
    tile = (row[:, None] * shape[1] + column[None, :]).ravel()
    sums, squares = np.zeros((shape[0] * shape[1], n_pixels)), np.zeros(n_pixels)
    maximum, minimum = np.full(n_pixels, -np.inf), np.full(n_pixels, np.inf)
    total = np.zeros(ny * nx)
    reference = scan.read(0, 1).reshape(-1).astype(float)
    chunk = pixel_chunk(n_pixels)
    with closing(scan.blocks(progress="mean frame")) as blocks:
        for start, frames in blocks:
            flat = flat_frames(frames)
            parts = np.zeros((-(-n_pixels // chunk), len(flat)))

            def add(first: int, last: int, flat=flat, parts=parts, start=start) -> None:
                add_frames(
                    flat, tile[start : start + len(flat)], first, last, reference, sums, squares,
                    maximum, minimum, parts[first // chunk],
                )  # fmt: skip

            run_in_threads(add, n_pixels, None, chunk)
            total[start : start + len(flat)] = parts.sum(axis=0)
    apart = sums.sum(axis=0) / total.size
    variance = np.maximum(squares / total.size - apart**2, 0)
    sums /= np.bincount(tile)[:, None]
    sums += reference
    mean, spread, highest, lowest = (
        image.reshape(height, width) for image in (reference + apart, variance, maximum, minimum)
    )
    tiles = sums.reshape(*shape, height, width)
    return Summary(mean, spread, highest, lowest, total.reshape(ny, nx), tiles, rows, columns)


def flat_frames(frames: np.ndarray) -> np.ndarray:
    """(n, H W) frames of a type that kernels know."""
    flat = frames.reshape(len(frames), -1)
    return flat.astype(np.float32) if flat.dtype == np.float16 else flat  # numba knows no float16


def pixel_chunk(n_pixels: int) -> int:
    """Pixels that one thread takes at a time."""
    return max(1024, -(-n_pixels // 16))
