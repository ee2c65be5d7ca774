"""What a writer of a format says: where in its file each frame lies, and what lies around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.errors import InputError


@dataclass(frozen=True)
class Target:
    """What is to be written.

    Attributes:
        path: of the file in the end.
        shape: (Ny, Nx, H, W).
        dtype: of the pixels, in native byte order.
        step: Å between positions, or None.
        delta_k: Å⁻¹ per pixel, or None.
        facts: what else is known, JSON values.
    """

    path: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype
    step: float | None = None
    delta_k: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class Layout:
    """A file whose size is known before the first frame is written.

    Attributes:
        dtype: of the pixels in the file, with its byte order.
        create: writes to a file of this name what lies before the frames (and, in HDF5, all around them), and
            returns at which byte the first frame begins.
        header: bytes before a frame, by its number; None where there are none.
        header_size, footer_size: bytes before and after each frame; those after it are zero.
        beside: text of further files by their suffix.
    """

    dtype: np.dtype
    create: Callable[[Path], int]
    header: Callable[[int], bytes] | None = None
    header_size: int = 0
    footer_size: int = 0
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def records(self, frames: np.ndarray, first: int) -> np.ndarray:
        """Bytes of consecutive frames as they lie in the file.

        Args:
            frames: (n, H, W) of the type of the file, in any byte order.
            first: number of the first.

        Returns:
            (n, …) contiguous array.
        """
        if not self.header_size and not self.footer_size:
            return np.ascontiguousarray(frames, self.dtype)
        parts = [("frame", self.dtype, frames.shape[1:])]
        if self.header_size:
            parts.insert(0, ("header", f"V{self.header_size}"))  # type: ignore[arg-type]
        if self.footer_size:
            parts.append(("footer", f"V{self.footer_size}"))  # type: ignore[arg-type]
        records = np.zeros(len(frames), np.dtype(parts))
        records["frame"] = frames
        if self.header is not None:
            records["header"] = [self.header(first + i) for i in range(len(frames))]
        return records


def whole_counts(dtype: np.dtype, allowed: tuple[str, ...], what: str) -> np.dtype:
    """The type of counts that a format holds.

    Args:
        dtype: of the frames, native.
        allowed: names of the types that the format holds.
        what: the format, for the error.

    Raises:
        InputError: another type.

    Example:
        >>> whole_counts(np.dtype("u2"), ("uint8", "uint16"), "a .mib file").name
        'uint16'
    """
    if dtype.name not in allowed:
        raise InputError(
            f"The frames are {dtype.name}, and {what} holds {', '.join(allowed)}: give dtype, one of these "
            "that holds all counts, or another format."
        )
    return dtype
