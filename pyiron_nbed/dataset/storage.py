"""A pattern file whose layout is complete before the first pattern is computed.

All arrays are contiguous and allocated when the file is made; afterwards rows are written at known
bytes of the file and HDF5 is not involved any more. So no interruption can damage the file: the
number ``n_complete`` in it says up to which row it holds patterns, and a run that goes on starts there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.errors import DatasetError

COMPLETE = "n_complete"
_HEAD = 1 << 16  # bytes for names and attributes, more than they take


def is_written_as(path: str | os.PathLike, **attributes: str) -> bool:
    """Whether a file is an HDF5 file with these attributes: written by who writes them.

    Example:
        >>> is_written_as("absent.h5", format="pyiron_nbed patterns")
        False
    """
    with contextlib.suppress(OSError), h5py.File(path, "r") as file:
        return all(file.attrs.get(name) == value for name, value in attributes.items())
    return False


def create_file(
    path: Path,
    arrays: Mapping[str, tuple[tuple[int, ...], str]],
    attributes: Mapping[str, Any],
) -> None:
    """Make an HDF5 file with contiguous arrays, its space on disc reserved, ``n_complete`` = 0.

    Args:
        path: file to write; replaced if it exists.
        arrays: {name (with "/" for groups): (shape, dtype)}.
        attributes: of the file.

    Raises:
        DatasetError: not enough disc space (nothing is left behind).
    """
    size = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in arrays.values())
    try:
        # another file, not the old one cut short: someone may be reading that
        Path(path).unlink(missing_ok=True)
        # before HDF5 has the file open: it does not survive a full disc at closing
        with open(path, "wb") as raw:
            reserve(raw.fileno(), size + _HEAD)
        # without a lock: one who only looks at the file at this moment must not stop the run
        with h5py.File(path, "w", locking=False) as file:
            for name, (shape, kind) in {**arrays, COMPLETE: ((1,), "<i8")}.items():
                _allocate(file, name, shape, kind)
            file[COMPLETE][0] = 0
            file.attrs.update(attributes)
        with open(path, "r+b") as raw:
            reserve(raw.fileno(), os.fstat(raw.fileno()).st_size)
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise DatasetError(_no_space(path, size, error)) from error


def _allocate(file: h5py.File, name: str, shape: tuple[int, ...], kind: str) -> None:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_obj_track_times(False)  # the same input gives the same bytes
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # nobody reads a row before it is written
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    h5py.h5d.create(
        file.id, name.encode(), h5py.h5t.py_create(np.dtype(kind)), h5py.h5s.create_simple(shape),
        dcpl=settings, lcpl=links,
    )  # fmt: skip


def reserve(descriptor: int, size: int) -> None:
    """Space on disc for a file of ``size`` bytes.

    Args:
        descriptor: of the open file.
        size: in bytes.

    Raises:
        OSError: there is not so much.
    """
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):  # a file system without it
            raise
    except AttributeError:  # not on macOS
        os.truncate(descriptor, size)


def _no_space(path: Path, size: int, error: OSError) -> str:
    folder = Path(path).absolute().parent
    return (
        f"{path} could not be written ({error.strerror or error}): it needs {size / 1e9:.2f} GB and "
        f"{shutil.disk_usage(folder).free / 1e9:.2f} GB are free in {folder}: make room, take another disc, "
        "a larger step or dtype = 'float16'."
    )


class RowWriter:
    """Writes rows of the arrays of a file made by :func:`create_file`; use as a context.

    They are written and not mapped: a disc that is full is then an error, and not the end of the process.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with h5py.File(path, "r") as file:
            self._places = _places(file)
            self.n_complete = int(file[COMPLETE][0])
        self._descriptor = os.open(path, os.O_RDWR)

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def write(self, row: int, columns: Mapping[str, np.ndarray]) -> None:
        """Put values into consecutive rows of arrays.

        Args:
            row: the first.
            columns: {name: (rows, ...)}.

        Raises:
            DatasetError: the disc is full; what was complete stays readable.
        """
        for name, values in columns.items():
            offset, kind, shape = self._places[name]
            data = np.ascontiguousarray(values, kind)
            if data.shape[1:] != shape[1:] or row + len(data) > shape[0]:
                raise ValueError(f"{name}: rows of shape {data.shape} do not fit {shape} at {row}")
            self._put(data, offset + row * (data.nbytes // max(len(data), 1)))

    def complete(self, rows: int) -> None:
        """Say that all arrays are written up to this row.

        Raises:
            DatasetError: the disc is full; what was complete before stays readable.
        """
        self._put(np.array([rows], "<i8"), self._places[COMPLETE][0])
        self.n_complete = rows

    def _put(self, data: np.ndarray, at: int) -> None:
        view = data.reshape(-1).view(np.uint8).data
        try:
            while len(view):
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise DatasetError(
                f"{_no_space(self.path, data.nbytes, error)[:-1]}; the first {self.n_complete} patterns are "
                "whole, and the run goes on from there when it is started again."
            ) from error


def _places(file: h5py.File) -> dict[str, tuple[int, np.dtype, tuple[int, ...]]]:
    places = {}

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            places[name] = (item.id.get_offset(), item.dtype, item.shape)

    file.visititems(look)
    return places


def mapped_rows(path: str | os.PathLike, name: str = "patterns", length: int | None = None) -> np.ndarray:
    """Rows of one array of a pattern file, read from disc where they are looked at; not to be written to.

    Args:
        path: the file.
        name: of the array.
        length: rows that may be read; None for all.

    Returns:
        (length, ...) array mapped onto the file; any number of processes may hold one.

    Raises:
        DatasetError: a file that was not written here, or is truncated.
    """
    with h5py.File(path, "r") as file:
        item = file[name]
        offset, kind, shape = item.id.get_offset(), item.dtype, item.shape
    if offset is None:
        raise DatasetError(f"{path} has no contiguous array {name!r}: it was not written here.")
    try:
        return np.memmap(path, kind, "r", offset, shape).view(np.ndarray)[:length]
    except ValueError as error:
        raise DatasetError(f"{path} is truncated: make it again.") from error
