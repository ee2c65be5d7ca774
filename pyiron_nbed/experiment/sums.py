"""What calibration takes from the one pass over a scan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyiron_nbed.experiment.measured import MeasuredScan

_PART_PIXELS = 160 * 160  # of the mean frame of a part of the scan; larger ones are binned


@dataclass(frozen=True)
class Sums:
    """Sums over the frames of a scan.

    Attributes:
        mean, variance, maximum: (H, W) over the frames; the variance is 0 where there is one frame.
        parts: (B, H, W) mean frame of each part of the scan.
        binned: (B, h, w) the same with fewer pixels.
        bin: camera pixels along each side of a pixel of ``binned``.
        counts: (B,) frames of each part.
        terms: (B, 5) mean of u, v, u², u v, v² over the positions of each part, with u and v as in
            :class:`pyiron_nbed.experiment.calibration.Descan`.
        grid: (Ty, Tx) parts along the scan.
        integer: the frames hold whole numbers.
        top: largest number the type of the frames can hold; inf for floats.
    """

    mean: np.ndarray
    variance: np.ndarray
    maximum: np.ndarray
    parts: np.ndarray = field(repr=False)
    binned: np.ndarray = field(repr=False)
    bin: int
    counts: np.ndarray
    terms: np.ndarray
    grid: tuple[int, int]
    integer: bool
    top: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.counts.sum())


def sums_of_scan(scan: MeasuredScan) -> Sums:
    """Mean, spread and the mean frames of the parts of a scan, from its one pass (``MeasuredScan.summary``).

    Args:
        scan: the scan.

    Returns:
        The sums.

    Example:
        >>> scan = MeasuredScan.from_array(np.arange(144, dtype="u2").reshape(3, 3, 4, 4))
        >>> sums_of_scan(scan).mean[0].tolist()
        [64.0, 65.0, 66.0, 67.0]
    """
    summary = scan.summary()
    ny, nx, rows, columns = scan.shape
    v, u = np.meshgrid(np.arange(ny) - (ny - 1) / 2, np.arange(nx) - (nx - 1) / 2, indexing="ij")
    terms = np.stack([u, v, u * u, u * v, v * v], axis=-1)
    spans = [
        np.s_[y0:y1, x0:x1]
        for y0, y1 in zip(summary.rows[:-1], summary.rows[1:], strict=True)
        for x0, x1 in zip(summary.columns[:-1], summary.columns[1:], strict=True)
    ]
    means = np.stack([terms[span].reshape(-1, 5).mean(axis=0) for span in spans])
    counts = np.array([terms[span].shape[0] * terms[span].shape[1] for span in spans])
    side = 1
    while (rows // side) * (columns // side) > _PART_PIXELS:
        side += 1
    parts = summary.tiles.reshape(-1, rows, columns)
    kind = np.dtype(scan.dtype)
    return Sums(
        summary.mean, summary.variance, summary.maximum, parts, binned(parts, side), side, counts, means,
        (len(summary.rows) - 1, len(summary.columns) - 1), kind.kind in "iub",
        float(np.iinfo(kind).max) if kind.kind in "iu" else np.inf,
    )  # fmt: skip


def binned(frames: np.ndarray, side: int) -> np.ndarray:
    """Means of side × side pixels of frames (…, H, W); pixels left over at the far edges are cut off.

    Example:
        >>> binned(np.arange(16.0).reshape(4, 4), 2).tolist()
        [[2.5, 4.5], [10.5, 12.5]]
    """
    if side == 1:
        return frames
    rows, columns = (n // side for n in frames.shape[-2:])
    cut = frames[..., : rows * side, : columns * side]
    return cut.reshape(*frames.shape[:-2], rows, side, columns, side).mean(axis=(-3, -1))
