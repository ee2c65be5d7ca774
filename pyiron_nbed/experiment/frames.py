"""Where the frames of a scan lie: in memory, in a plain file; the readers of formats add theirs."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.provenance import hash_of

_HEAD = 1 << 16  # bytes of a file that its fingerprint looks at


class Frames(ABC):
    """Frames of a camera by number: what a reader of a format implements.

    Args:
        count: of frames.
        shape: (H, W) of a frame.
        dtype: of a frame; what is read has it in native byte order, flags are read as uint8.
        paths: files that hold them.
        run: frames that are best read at once, from a multiple of it on (those of one chunk of a file).

    Example:
        >>> ArrayFrames(np.zeros((5, 4, 3), ">u2")).read(1, 3).dtype
        dtype('uint16')
    """

    def __init__(
        self, count: int, shape: tuple[int, int], dtype: Any, paths: Sequence[Path] = (), run: int = 1
    ) -> None:
        self.count = int(count)
        self.shape = (int(shape[0]), int(shape[1]))
        dtype = np.dtype(dtype)
        self.dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
        self.paths = list(paths)
        self.run = max(1, int(run))

    @abstractmethod
    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""

    @contextmanager
    def in_order(self, line: int) -> Iterator[None]:
        """All frames are read in order within this: a compressed file keeps what the next lines need.

        Args:
            line: frames of one line of the scan.
        """
        yield

    def identity(self) -> Any:
        """What tells these frames from others: size, time and head of each file."""
        return [_identity(path) for path in self.paths]


class ArrayFrames(Frames):
    """Frames of an array (N, H, W) or (Ny, Nx, H, W), in memory or mapped from a file."""

    def __init__(self, array: np.ndarray, paths: Sequence[Path] = ()) -> None:
        self.array = array
        super().__init__(int(np.prod(array.shape[:-2])), array.shape[-2:], array.dtype, paths)
        self._columns = array.shape[-3]

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames, a copy."""
        if self.array.ndim == 3:
            return np.array(self.array[start:stop], self.dtype)
        frames = np.empty((stop - start, *self.shape), self.dtype)
        for number, count, row, column in lines(start, stop, self._columns):
            frames[number : number + count] = self.array[row, column : column + count]
        return frames

    def identity(self) -> Any:
        """What the array holds, or size, time and head of its file."""
        if self.paths:
            return super().identity()
        digest = hashlib.sha256(f"{self.array.shape} {self.array.dtype.str}".encode())
        for number in range(self.count):
            digest.update(self.read(number, number + 1).tobytes())
        return digest.hexdigest()


class FileFrames(Frames):
    """Frames of one size in a row of a file, each between bytes of a header and of a footer.

    They are read, not mapped: pages of a mapped file count as memory of the process.

    Args:
        path: of the file.
        offset: bytes before the first header.
        header, footer: bytes before and after each frame.
        count: of frames.
        shape: (H, W).
        dtype: as it stands in the file.
    """

    def __init__(
        self, path: Path, count: int, shape: tuple[int, int], dtype: Any, offset: int = 0,
        header: int = 0, footer: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(count, shape, dtype, [path])
        self._offset = offset
        self._record = np.dtype(
            [("header", f"V{header}"), ("frame", np.dtype(dtype), shape), ("footer", f"V{footer}")]
            if header or footer
            else [("frame", np.dtype(dtype), shape)]
        )

    def records(self, start: int, stop: int) -> np.ndarray:
        """(stop − start,) records with the fields header, frame and footer."""
        path, size = self.paths[0], self._record.itemsize
        try:
            found = np.fromfile(path, self._record, stop - start, offset=self._offset + start * size)
        except OSError as error:
            raise unreadable(path, error) from None
        if len(found) < stop - start:
            raise DatasetError(
                f"The file {path} ends within frame {start + len(found)} of {self.count}: it has become "
                "shorter since it was opened."
            )
        return found

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        return np.ascontiguousarray(self.records(start, stop)["frame"], self.dtype)


class ChosenFrames(Frames):
    """Frames of a scan where the file holds more: some before it, and some at the end of each line.

    Args:
        frames: of the file.
        shape: (Ny, Nx).
        skip: frames before the scan.
        flyback: frames after each line.
    """

    def __init__(self, frames: Frames, shape: tuple[int, int], skip: int = 0, flyback: int = 0) -> None:
        rows, columns = shape
        run = frames.run if not skip and not flyback else 1
        super().__init__(rows * columns, frames.shape, frames.dtype, frames.paths, run)
        self._frames, self._columns, self._skip, self._flyback = frames, columns, skip, flyback

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        if stop <= start:
            return np.empty((0, *self.shape), self.dtype)
        numbers = np.arange(start, stop)
        numbers += self._skip + self._flyback * (numbers // self._columns)
        found = self._frames.read(int(numbers[0]), int(numbers[-1]) + 1)
        return found if len(found) == len(numbers) else found[numbers - numbers[0]]

    @contextmanager
    def in_order(self, line: int) -> Iterator[None]:
        """All frames are read in order within this."""
        with self._frames.in_order(line + self._flyback):
            yield

    def identity(self) -> Any:
        """That of the file, and which frames are taken."""
        return [self._frames.identity(), self._skip, self._flyback]


class FilledFrames(Frames):
    """Frames with a number in place of NaN and infinite pixels."""

    def __init__(self, frames: Frames, fill: float) -> None:
        super().__init__(frames.count, frames.shape, frames.dtype, frames.paths, frames.run)
        self._frames, self._fill = frames, fill

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frames = self._frames.read(start, stop)
        frames[~np.isfinite(frames)] = self._fill
        return frames

    @contextmanager
    def in_order(self, line: int) -> Iterator[None]:
        """All frames are read in order within this."""
        with self._frames.in_order(line):
            yield

    def identity(self) -> Any:
        """That of the file, and the number."""
        return [self._frames.identity(), self._fill]


def lines(start: int, stop: int, columns: int) -> Iterator[tuple[int, int, int, int]]:
    """Parts of lines that frames ``start`` to ``stop`` fill.

    Args:
        start, stop: numbers of frames.
        columns: frames of a line.

    Yields:
        Place of the part in the result, its length, line, and first column.

    Example:
        >>> list(lines(2, 7, 4))
        [(0, 2, 0, 2), (2, 3, 1, 0)]
    """
    number = start
    while number < stop:
        row, column = divmod(number, columns)
        count = min(stop - number, columns - column)
        yield number - start, count, row, column
        number += count


def frame_type(dtype: Any, what: str) -> np.dtype:
    """A type of pixels that can be used.

    Args:
        dtype: of the pixels.
        what: has them, for the error: "The file a.npy".

    Raises:
        DatasetError: another type than whole and real numbers of up to 64 bits, and flags.

    Example:
        >>> frame_type(complex, "The file a.npy")
        Traceback (most recent call last):
        pyiron_nbed.errors.DatasetError: The file a.npy holds pixels of the type complex128: intensity is of \
whole or real numbers of up to 64 bits.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "uifb" or dtype.itemsize > 8:
        raise DatasetError(
            f"{what} holds pixels of the type {dtype.name if dtype.names is None else 'record'}: intensity "
            "is of whole or real numbers of up to 64 bits."
        )
    return dtype


def unreadable(path: str | os.PathLike, error: Exception) -> DatasetError:
    """The error that says why a file cannot be read."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()).rstrip(".")
    # a sentence of a library may hold several
    reason = reason.replace(". ", "; ") or type(error).__name__
    return DatasetError(f"The file {path} cannot be read ({reason[:200]}): give the file of a scan.")


def _identity(path: Path) -> Any:
    try:
        stat = path.stat()
        with open(path, "rb") as file:
            head = hashlib.sha256(file.read(_HEAD)).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None
    return [path.name, stat.st_size, stat.st_mtime_ns, hash_of(head)]
