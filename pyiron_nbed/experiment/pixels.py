"""Pixels of a frame that are marked: behind a beam stop, hot, dead."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from pyiron_nbed.checks import shown, whole
from pyiron_nbed.containers import read_only
from pyiron_nbed.errors import InputError


def two_sides(value: Any, name: str) -> tuple[int, int]:
    """Rows and columns.

    Args:
        value: what was given.
        name: of the parameter, for the error.

    Raises:
        InputError: no two whole numbers from 1.

    Example:
        >>> two_sides([64, 64], "frame_shape")
        (64, 64)
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise InputError(f"{name} is {shown(value)}: give two whole numbers, rows and columns.")
    rows, columns = (whole(side, name, 1) for side in value)
    return rows, columns


def marked(value: Any, name: str, shape: tuple[int, int]) -> np.ndarray | None:
    """(H, W) bool, read only, or None.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        shape: (H, W).

    Raises:
        InputError: another shape or type.
    """
    if value is None:
        return None
    pixels = np.asarray(value)
    if pixels.dtype != bool or pixels.shape != shape:
        raise InputError(
            f"{name} has shape {pixels.shape} and type {pixels.dtype}: give {shape} of True and False, or "
            "None."
        )
    return read_only(pixels)


def packed(pixels: np.ndarray) -> str:
    """Marked pixels as text: packed bits in base 64."""
    return base64.b64encode(np.packbits(pixels).tobytes()).decode("ascii")


def unpacked(text: Any, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Inverse of :func:`packed`.

    Raises:
        InputError: text that holds other pixels.

    Example:
        >>> unpacked(packed(np.eye(3, dtype=bool)), "Calibration: hot", (3, 3)).sum()
        np.int64(3)
    """
    try:
        bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
        return np.unpackbits(bits)[: shape[0] * shape[1]].astype(bool).reshape(shape)
    except (ValueError, TypeError):
        raise InputError(
            f"{name} holds no packed pixels of {shape}: give a file or dict that was written by this package."
        ) from None
