"""Kernels that go once through the frames of a scan."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.kernels import njit


@njit(error_model="numpy")
def add_frames(frames, tile, first, last, reference, sums, squares, maximum, minimum, totals):
    """Add frames to the sums of a range of pixels.

    Args:
        frames: (n, P) of any real type.
        tile: (n,) int, the part of the scan that a frame belongs to.
        first, last: range of the pixels.
        reference: (P,) float64, subtracted first, so that a large offset costs no digits.
        sums: (T, P) float64, of each part of the scan; added to.
        squares, maximum, minimum: (P,) float64; added to.
        totals: (n,) float64, sum of each frame over these pixels; set.
    """
    for n in range(len(frames)):
        t = tile[n]
        total = 0.0
        for p in range(first, last):
            value = np.float64(frames[n, p])
            total += value
            apart = value - reference[p]
            sums[t, p] += apart
            squares[p] += apart * apart
            maximum[p] = max(maximum[p], value)
            minimum[p] = min(minimum[p], value)
        totals[n] = total


@njit(error_model="numpy")
def sum_pixels(frames, pixels, totals):
    """Sum some pixels of each frame.

    Args:
        frames: (n, P) of any real type.
        pixels: (M,) int, which of them.
        totals: (n,) float64; set.
    """
    for n in range(len(frames)):
        total = 0.0
        for p in pixels:
            total += np.float64(frames[n, p])
        totals[n] = total


@njit(error_model="numpy")
def sum_frames(frames, chosen, first, last, sums):
    """Add chosen frames over a range of pixels.

    Args:
        frames: (n, P) of any real type.
        chosen: (n,) bool.
        first, last: range of the pixels.
        sums: (P,) float64; added to.
    """
    for n in range(len(frames)):
        if chosen[n]:
            for p in range(first, last):
                sums[p] += np.float64(frames[n, p])
