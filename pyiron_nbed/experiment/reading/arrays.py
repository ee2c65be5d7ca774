"""Files of numpy: ``.npy`` read frame by frame, ``.npz`` as a stream; never pickled objects."""

from __future__ import annotations

import threading
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.frames import ArrayFrames, FileFrames, Frames, frame_type, unreadable
from pyiron_nbed.experiment.reading.found import Found, named

Head = tuple[tuple[int, ...], bool, np.dtype]  # shape, column-major, type


class StreamFrames(Frames):
    """Frames of a compressed member of a ``.npz``: cheap forwards, from the beginning again backwards.

    Args:
        path: of the ``.npz``.
        member: its name in it.
        offset: bytes before the first frame.
        shape: of the array, (…, H, W).
        dtype: as it stands in the file.
    """

    def __init__(self, path: Path, member: str, offset: int, shape: Sequence[int], dtype: np.dtype) -> None:
        super().__init__(int(np.prod(shape[:-2])), (shape[-2], shape[-1]), dtype, [path])
        self._member, self._offset, self._stored = member, offset, np.dtype(dtype)
        self._stream: IO[bytes] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stream": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frame = self._stored.itemsize * self.shape[0] * self.shape[1]
        try:
            with self._lock:
                if self._stream is None:
                    self._stream = zipfile.ZipFile(self.paths[0]).open(self._member)  # noqa: SIM115
                self._stream.seek(self._offset + start * frame)  # backwards it begins anew
                found = self._stream.read((stop - start) * frame)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise unreadable(self.paths[0], error) from None
        if len(found) < (stop - start) * frame:
            raise DatasetError(f"The file {self.paths[0]} ends within its frames: it is truncated.")
        return np.frombuffer(found, self._stored).reshape(-1, *self.shape).astype(self.dtype)


def read_npy(path: Path) -> Found:
    """A ``.npy`` file of (Ny, Nx, H, W), (N, H, W) or (H, W)."""
    try:
        with open(path, "rb") as file:
            head = _head(file, path)
            offset, size = file.tell(), file.seek(0, 2)
    except OSError as error:
        raise unreadable(path, error) from None
    shape, column_major, dtype = _checked(head, f"The file {path}")
    if size < offset + dtype.itemsize * int(np.prod(shape)):
        raise DatasetError(
            f"The file {path} ends within its {int(np.prod(shape[:-2]))} frames: it is truncated."
        )
    if column_major:
        frames: Frames = _array(np.load(path, mmap_mode="r", allow_pickle=False), path)
    else:
        frames = FileFrames(path, int(np.prod(shape[:-2])), (shape[-2], shape[-1]), dtype, offset)
    return _found(frames, shape, {"format": "npy"})


def read_npz(path: Path, dataset: str | None) -> Found:
    """One array of a ``.npz`` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            heads: dict[str, Head] = {}
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    with archive.open(info) as file:
                        heads[info.filename.removesuffix(".npy")] = _head(file, path)
            wanted = (4,) if dataset is None else (2, 3, 4)
            names = [name for name, head in heads.items() if len(head[0]) in wanted]
            if dataset is None and not names:
                names = [name for name, head in heads.items() if len(head[0]) in (2, 3)]
            name = named(path, names, dataset, "array of a scan", "arrays")
            shape, column_major, dtype = _checked(heads[name], f"The array {name!r} of the file {path}")
            member = name + ".npy"
            with archive.open(member) as file:
                _head(file, path)
                offset = file.tell()
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise unreadable(path, error) from None
    if column_major:
        with np.load(path, allow_pickle=False) as arrays:
            frames: Frames = _array(arrays[name], path)
    else:
        frames = StreamFrames(path, member, offset, shape, dtype)
    return _found(frames, shape, {"format": "npz", "dataset": name})


def _found(frames: Frames, shape: tuple[int, ...], facts: dict[str, Any]) -> Found:
    known = (shape[0], shape[1]) if len(shape) == 4 else None
    return Found(frames, known, stack=len(shape) < 4, facts=facts)


def _array(array: np.ndarray, path: Path) -> ArrayFrames:
    return ArrayFrames(array[None] if array.ndim == 2 else array, [path])


def _head(file: IO[bytes], path: Path) -> Head:
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        return read(file)
    except (ValueError, EOFError) as error:
        raise unreadable(path, error) from None


def _checked(head: Head, what: str) -> Head:
    shape, column_major, dtype = head
    frame_type(dtype, what)
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise DatasetError(f"{what} holds an array of shape {shape}: a scan is (Ny, Nx, H, W) or (N, H, W).")
    return shape, column_major, dtype
