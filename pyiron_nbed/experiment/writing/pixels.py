"""Pixels in the type of a file: the same numbers, or an error that says which one it does not hold."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.errors import InputError

_WHOLE = {2: 2**11, 4: 2**24, 8: 2**53}  # up to which a real number of so many bytes holds all whole ones


def exactly(frames: np.ndarray, dtype: np.dtype, first: int, columns: int) -> np.ndarray:
    """Frames in another type, without a change of any pixel.

    Args:
        frames: (n, H, W) whole or real numbers, or flags.
        dtype: that is wanted, native.
        first: number of the first frame in the scan, for the error.
        columns: positions of a line, for the error.

    Returns:
        (n, H, W) of that type; the same array where it has it.

    Raises:
        InputError: a pixel that the type does not hold, or that is NaN or infinite.

    Example:
        >>> exactly(np.array([[[1.0, 2.0]]]), np.dtype("u1"), 0, 1).tolist()
        [[[1, 2]]]
        >>> exactly(np.array([[[1.0, 300.0]]]), np.dtype("u1"), 8, 3)
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The frame of row 2, column 2 holds 300.0, and the file is of uint8, \
whole numbers from 0 to 255: give a dtype that holds it, or round the frames.
    """
    if frames.dtype.kind == "f":
        words = "the file is to hold finite numbers: set them to one and mask them in the calibration"
        _refuse(~np.isfinite(frames), frames, first, columns, words)
    if frames.dtype == dtype or not frames.size:
        return frames.astype(dtype, copy=False)
    if dtype.kind in "ui":
        return _as_whole(frames, dtype, first, columns)
    with np.errstate(over="ignore"):
        found = frames.astype(dtype)
    if frames.dtype.kind == "f":
        words = f"the file is of {dtype}, which holds another number there: round the frames to {dtype} first"
        _refuse(found != frames, frames, first, columns, words)
    elif frames.dtype.kind != "b":
        most = _WHOLE[dtype.itemsize]
        words = (
            f"the file is of {dtype}, which holds whole numbers up to {most}: give another dtype or format"
        )
        _refuse(frames > most, frames, first, columns, words)
        if frames.dtype.kind == "i":
            _refuse(frames < -most, frames, first, columns, words)
    return found


def _as_whole(frames: np.ndarray, dtype: np.dtype, first: int, columns: int) -> np.ndarray:
    if frames.dtype.kind == "b":
        return frames.astype(dtype)
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    words = f"the file is of {dtype}, whole numbers from {low} to {high}: give a dtype that holds it"
    words += ", or round the frames" if frames.dtype.kind == "f" else ""
    # the lowest and highest pixel as Python's numbers, which are compared without rounding
    if int(np.floor(frames.min())) < low:
        _refuse(frames == frames.min(), frames, first, columns, words)
    if int(np.ceil(frames.max())) > high:
        _refuse(frames == frames.max(), frames, first, columns, words)
    found = frames.astype(dtype)
    if frames.dtype.kind == "f":
        _refuse(found.astype(frames.dtype) != frames, frames, first, columns, words)
    return found


def _refuse(bad: np.ndarray, frames: np.ndarray, first: int, columns: int, words: str) -> None:
    if not bad.any():
        return
    which = int(np.flatnonzero(bad.any(axis=(1, 2)))[0])
    value = frames[which][bad[which]][0]
    row, column = divmod(first + which, columns)
    raise InputError(f"The frame of row {row}, column {column} holds {value.item()}, and {words}.")
