"""Frames of HDF5 files: chunks, filters and linked files; the layouts are read by other modules."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.frames import Frames, frame_type, lines, unreadable
from pyiron_nbed.experiment.reading.found import Found, named

_CACHE = 1 << 26  # bytes of chunks that are kept while frames are read one by one
_CACHE_IN_ORDER = 640 << 20  # at most, while all frames are read
_SLOTS = 100_003


class HDF5Frames(Frames):
    """Frames of datasets of three or four axes, one after the other, read chunk by chunk.

    A compressed chunk may hold parts of many frames: while all frames are read in order, the chunks that the
    next lines need are kept, so that each is unpacked once.

    Args:
        path: of the file; it may link to others.
        names: of the datasets, (N, H, W) each or one (Ny, Nx, H, W); also one (H, W).
        file: opened.
        linked: further files that hold the frames.
    """

    def __init__(
        self, path: Path, names: Sequence[str], file: h5py.File, linked: Sequence[Path] = ()
    ) -> None:
        self._names = list(names)
        first = file[self._names[0]]
        what = f"The dataset {names[0]!r} of the file {path}"
        dtype = frame_type(first.dtype, what)
        if not 2 <= first.ndim <= 4 or 0 in first.shape:
            raise DatasetError(f"{what} has shape {first.shape}: a scan is (Ny, Nx, H, W) or (N, H, W).")
        counts = []
        for name in self._names:
            found = file[name]
            if found.shape[-2:] != first.shape[-2:] or found.dtype != first.dtype:
                raise DatasetError(
                    f"The datasets {names[0]!r} and {name!r} of the file {path} differ in type."
                )
            _check_filters(found, path)
            counts.append(int(np.prod(found.shape[:-2])))
        self._starts = np.cumsum([0, *counts])
        self._ndim = first.ndim
        self._columns = first.shape[-3] if first.ndim > 2 else 1
        run, self._chunk_size, self._line_size = 1, 0, 0
        if first.chunks is not None and first.ndim > 2:
            rows, columns = (1, *first.chunks)[-4:-2] if first.ndim == 3 else first.chunks[:2]
            padded = [-(-n // c) * c for n, c in zip(first.shape[-2:], first.chunks[-2:], strict=True)]
            frame = int(np.prod(padded)) * first.dtype.itemsize
            across = (
                -(-self._columns // columns) * columns
            )  # positions of a line, with those of its last chunk
            run = rows * self._columns if first.ndim == 4 and rows * columns > 1 else columns
            self._chunk_size, self._line_size = rows * columns * frame, rows * across * frame
            if first.ndim == 3:
                self._line_size = columns * frame
        super().__init__(self._starts[-1], first.shape[-2:], dtype, [path, *linked], run)
        self._file: h5py.File | None = None
        self._lock = threading.RLock()

    def note(self) -> str | None:
        """What makes the file slow to read, or None."""
        if self._line_size <= _CACHE_IN_ORDER:
            return None
        return (
            f"chunks of the file span {self._line_size / 1e9:.1f} GB of lines of the scan, more than is "
            "kept in "
            "memory, so that they are unpacked several times"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frames = np.empty((stop - start, *self.shape), self.dtype)
        with self._lock:
            if self._file is None:
                self._open(min(_CACHE, max(1 << 20, 2 * self._chunk_size)))
            assert self._file is not None
            try:
                for i, name in enumerate(self._names):
                    first, last = (
                        int(np.clip(n, self._starts[i], self._starts[i + 1])) for n in (start, stop)
                    )
                    if first < last:
                        begin = int(self._starts[i])
                        part = frames[first - start : last - start]
                        self._fill(self._file[name], first - begin, last - begin, part)
            except (OSError, KeyError, ValueError, RuntimeError) as error:
                raise unreadable(self.paths[0], error) from None
        return frames

    @contextmanager
    def in_order(self, line: int) -> Iterator[None]:
        """All frames are read in order within this."""
        with self._lock:
            self.close()
            self._open(min(_CACHE_IN_ORDER, max(_CACHE, int(1.1 * self._line_size) + self._chunk_size)))
        try:
            yield
        finally:
            with self._lock:
                self.close()

    def close(self) -> None:
        """Close the file; it is opened again where something is read."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, cache: int) -> None:
        load_filters()
        try:
            self._file = h5py.File(self.paths[0], "r", rdcc_nbytes=cache, rdcc_nslots=_SLOTS, rdcc_w0=1.0)
        except OSError as error:
            raise unreadable(self.paths[0], error) from None

    def _fill(self, source: h5py.Dataset, start: int, stop: int, frames: np.ndarray) -> None:
        if self._ndim == 2:
            frames[0] = source[()]
        elif self._ndim == 3:
            frames[:] = source[start:stop]
        elif start % self._columns == 0 and stop % self._columns == 0:
            whole = source[start // self._columns : stop // self._columns]
            frames[:] = whole.reshape(frames.shape)
        else:
            for number, count, row, column in lines(start, stop, self._columns):
                frames[number : number + count] = source[row, column : column + count]


def load_filters() -> None:
    """Filters of other compressions, where the package with them is installed."""
    with contextlib.suppress(ImportError):
        importlib.import_module("hdf5plugin")


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file; what cannot be read is a DatasetError."""
    load_filters()
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        raise unreadable(path, error) from None


def text(value: Any) -> str:
    """Text of an attribute or a dataset, however it is stored.

    Example:
        >>> text(np.bytes_(b"nm")), text(np.array(["nm"]))
        ('nm', 'nm')
    """
    value = np.asarray(value).ravel()[0] if np.size(value) else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def number(group: Any, name: str) -> float | None:
    """A number of a dataset in a group, above 0; None where there is none."""
    try:
        value = float(np.asarray(group[name]).ravel()[0])
    except (KeyError, TypeError, ValueError, IndexError, OSError):
        return None
    return value if np.isfinite(value) and value > 0 else None


def datasets(file: h5py.File, *ndims: int) -> list[str]:
    """Names of all datasets of numbers with these numbers of axes, links within the file followed once."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim in ndims and item.dtype.kind in "uifbc":
            found.append(name)

    file.visititems(visit)
    return found


def read_plain(path: Path, dataset: str | None) -> Found:
    """Any HDF5 file: its one dataset of four axes, or the one that is named, of two to four axes."""
    with opened(path) as file:
        names = datasets(file, 4)
        if dataset is not None:
            names = datasets(file, 2, 3, 4)
        elif not names and (others := datasets(file, 2, 3)):
            shapes = ", ".join(f"{name!r} {file[name].shape}" for name in others[:6])
            raise DatasetError(
                f"The file {path} holds no dataset of four axes (Ny, Nx, H, W): give one of these as "
                "dataset, "
                f"{shapes}."
            )
        name = named(path, names, dataset, "4-D dataset", "4-D datasets")
        return found_in(path, file, name, "HDF5")


def found_in(path: Path, file: h5py.File, name: str, format: str) -> Found:
    """Frames and shape of one dataset."""
    frames = HDF5Frames(path, [name], file)
    item = file[name]
    shape = item.shape[:2] if item.ndim == 4 else None
    found = Found(frames, shape, stack=item.ndim < 4, facts={"format": format, "dataset": name})
    found.note(frames.note())
    return found


def _check_filters(source: h5py.Dataset, path: Path) -> None:
    properties = source.id.get_create_plist()
    for i in range(properties.get_nfilters()):
        code = properties.get_filter(i)[0]
        if not h5py.h5z.filter_avail(code):
            known = {32008: "bitshuffle", 32004: "LZ4", 32001: "Blosc", 32015: "Zstandard"}
            raise DatasetError(
                f"The file {path} is compressed with {known.get(code, f'the filter {code}')}, which "
                "h5py lacks: "
                "install hdf5plugin (pip install hdf5plugin)."
            )
