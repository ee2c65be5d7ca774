"""Writes a scan frame by frame; a run that was killed goes on."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pyiron_nbed.checks import number, shown, whole
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset.storage import reserve
from pyiron_nbed.errors import DatasetError, InputError, NBEDError
from pyiron_nbed.experiment.frames import frame_type
from pyiron_nbed.experiment.writing.formats import format_of, layout_of
from pyiron_nbed.experiment.writing.layout import Layout, Target
from pyiron_nbed.experiment.writing.pixels import exactly
from pyiron_nbed.files import as_path, check_target, partial_path, replaced
from pyiron_nbed.provenance import hash_of, versions
from pyiron_nbed.units import MINIMUM_ENERGY, quantities

_PART = 1 << 24  # bytes of frames that are checked and written at once
_RECORD = 64  # bytes after the last frame that say how many are written, while they are
_MAGIC = b"scan of pyiron_nbed"


class ScanWriter:
    """Writes the frames of a scan to a file of a microscope, in order; use as a context.

    The file grows under a temporary name beside the target and takes its place when it is closed. Where the
    process is killed, the same call finds it again and ``done`` says how many frames are whole. The bytes
    depend
    on the frames and the arguments only: not on blocks, interruptions or the time. Leaving the context by an
    error of this package (a pixel that the file cannot hold) removes what was written; by any other error
    keeps it.

    Args:
        path: of the file; its suffix says the format: ``.mib`` (with a ``.hdr``), EMPAD ``.raw`` (with an
            ``.xml``), ``.hspy``, ``.h5`` of py4DSTEM, or ``.npy``.
        shape: (Ny, Nx, H, W).
        dtype: of the pixels. ``.mib``: uint8, uint16 or uint32; ``.raw``: float32; the others whole and real
            numbers of up to 64 bits (float16 becomes float32 in HDF5).
        format: "mib", "empad", "hspy", "py4dstem" or "npy", where it is to be said.
        step: Å between positions, or None.
        delta_k: Å⁻¹ per pixel, or None.
        facts: what else is known, JSON values: "beam_energy" (eV), "exposure" (s) and "time" (ISO 8601 text,
            of the first frame; 1970 without it) go where the format has them.
        overwrite: replace files of these names.
        source: what tells the frames from others, such as a hash of the input of a simulation: a partial file
            of another source is begun anew. Where it is None, who calls sees to it that the frames are the
        same.

    Attributes:
        path, shape, dtype, format: as above.
        done: frames that are written completely, in the order of the scan.
        count: frames of the scan.

    Raises:
        InputError: arguments that the format cannot hold, a file that would be lost, or another writer at
            work on it.
        DatasetError: no room on the disc.

    Example:
        >>> frames = np.arange(6 * 4 * 4, dtype=np.uint16).reshape(6, 4, 4)
        >>> with ScanWriter("scan.mib", (2, 3, 4, 4), np.uint16) as writer:
        ...     writer.write(0, frames[:4])
        ...     writer.write(4, frames[4:])
        >>> from pyiron_nbed.experiment import read_scan
        >>> read_scan("scan.mib")
        MeasuredScan(2 × 3 positions, 4 × 4 px, uint16, Merlin, scan.mib)
    """

    @quantities(step="angstrom", delta_k="1/angstrom")
    def __init__(
        self,
        path: str | os.PathLike,
        shape: tuple[int, int, int, int],
        dtype: Any,
        format: str | None = None,
        step: float | None = None,
        delta_k: float | None = None,
        facts: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        source: str | None = None,
    ) -> None:
        self.path = as_path(path)
        self.format = format_of(self.path, format)
        self.shape = _shape(shape)
        self.dtype = _dtype(dtype)
        hint = "or None where it is not known"
        if step is not None:
            step = float(number(step, "step", above=0, unit="Å", hint=hint))
        if delta_k is not None:
            delta_k = float(number(delta_k, "delta_k", above=0, unit="Å⁻¹", hint=hint))
        facts = checked_facts(facts)
        if source is not None:
            instance(source, "source", str, "text, or None")
        target = Target(self.path, self.shape, self.dtype, step, delta_k, facts)
        self._layout: Layout = layout_of(target, self.format)
        check_target(self.path, overwrite)
        self._partial = partial_path(self.path)
        self._beside = {self.path.with_suffix(s): text for s, text in self._layout.beside.items()}
        for (
            other,
            text,
        ) in self._beside.items():  # one of an earlier run, which was killed when it was complete
            check_target(other, overwrite, is_ours=lambda old, text=text: _holds(old, text))  # type: ignore[misc]
        self.count = target.count
        frame = self.shape[2] * self.shape[3] * self._layout.dtype.itemsize
        self._size = self._layout.header_size + frame + self._layout.footer_size
        self._identity = hash_of(
            [versions(["pyiron_nbed", "h5py"]), self.format, self.path.name, self.shape, self.dtype.str, step,
             delta_k, facts, source]
        )  # fmt: skip
        self._descriptor = -1
        self._offset = self._end = self.done = 0
        self._open()

    def __enter__(self) -> ScanWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor < 0:
            return
        if error is None:
            try:
                self.close()
            finally:
                self._release()
        elif isinstance(error, NBEDError) and not isinstance(error.__cause__, OSError):
            self.discard()  # not what can be written
        else:
            self._release()

    def write(self, start: int, frames: np.ndarray) -> None:
        """Write consecutive frames; those that are written already are passed over.

        Args:
            start: number of the first, iy Nx + ix, at most ``done``.
            frames: (n, H, W), or (H, W) of one; every pixel must be a number that the type of the file holds.

        Raises:
            InputError: frames of another shape, too many, or that leave a gap; a pixel that the type of the
                file does not hold, that is NaN or infinite.
            DatasetError: no room on the disc.
        """
        if self._descriptor < 0:
            raise InputError(f"The file {self.path} is closed: make another ScanWriter.")
        frames = np.asarray(frames)
        frames = frames[None] if frames.ndim == 2 else frames
        start = whole(start, "start", 0, self.done, hint="the frames that are written so far")
        if frames.ndim != 3 or frames.shape[1:] != self.shape[2:] or frames.dtype.kind not in "uifb":
            raise InputError(
                f"The frames are {shown(frames)} of {frames.dtype}: give real numbers (n, {self.shape[2]}, "
                f"{self.shape[3]})."
            )
        if start + len(frames) > self.count:
            raise InputError(
                f"The frames {start} to {start + len(frames) - 1} were given, and a scan of "
                f"{self.shape[0]} × {self.shape[1]} has {self.count}, counted from 0."
            )
        many = max(
            1, _PART // (self.shape[2] * self.shape[3] * max(frames.dtype.itemsize, self.dtype.itemsize))
        )
        for first in range(self.done, start + len(frames), many):
            part = frames[first - start : first - start + many]
            records = self._layout.records(exactly(part, self.dtype, first, self.shape[1]), first)
            self._put(records, self._offset + first * self._size)
            self._put_record(first + len(part))
            self.done = first + len(part)

    def close(self) -> None:
        """Give the file its name; the files that belong to it are written beside it.

        Raises:
            InputError: frames are missing; they can still be written.
            DatasetError: no room on the disc.
        """
        if self._descriptor < 0:
            return
        if self.done < self.count:
            raise InputError(
                f"The file {self.path} has {self.done} of its {self.count} frames: write the others before "
                "it is closed."
            )
        try:
            for other, text in self._beside.items():
                with replaced(other) as partial:
                    partial.write_bytes(text)
            os.ftruncate(self._descriptor, self._end)
            os.fsync(self._descriptor)
            os.replace(self._partial, self.path)
        except OSError as error:
            raise self._no_room(error) from error
        self._release()

    def discard(self) -> None:
        """Remove what was written under the temporary name."""
        if self._descriptor >= 0:
            self._partial.unlink(missing_ok=True)
            self._release()

    def _open(self) -> None:
        """Go on with the partial file, or begin one."""
        try:
            self._descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise self._no_room(error) from error
        try:
            self._lock()
            if not self._resume():
                os.ftruncate(self._descriptor, 0)
                self._begin()
        except OSError as error:
            self.discard()
            raise self._no_room(error) from error
        except BaseException:
            self._release()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise InputError(
                    f"Another process writes {self.path}: wait for it, or end it first."
                ) from None  # else a file system without locks

    def _resume(self) -> bool:
        size = os.fstat(self._descriptor).st_size
        if size <= _RECORD:
            return False
        found = os.pread(self._descriptor, _RECORD, size - _RECORD)
        words = found.partition(b"\n")[0].split(b"|")
        if len(words) != 4 or words[0] != _MAGIC or words[1].decode(errors="replace") != self._identity:
            return False
        self._offset, self.done, self._end = int(words[2]), int(words[3]), size - _RECORD
        return self._offset + self.count * self._size <= self._end

    def _begin(self) -> None:
        self.done = 0
        self._offset = self._layout.create(self._partial)
        written = os.fstat(self._descriptor).st_size
        self._end = max(written, self._offset + self.count * self._size)
        reserve(self._descriptor, self._end + _RECORD)
        # last: a file without it is begun anew
        self._put_record(0)

    def _put_record(self, done: int) -> None:
        text = b"|".join([_MAGIC, self._identity.encode(), b"%d" % self._offset, b"%d" % done]) + b"\n"
        self._put(np.frombuffer(text.ljust(_RECORD, b"\0"), np.uint8), self._end)

    def _put(self, data: np.ndarray, at: int) -> None:
        view = data.reshape(-1).view(np.uint8).data
        try:
            while len(view):
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> DatasetError:
        size = (self.count * self._size) / 1e9
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self.path.absolute().parent).free / 1e9
            return DatasetError(
                f"The file {self.path} could not be written ({error.strerror or error}): it needs "
                f"{size:.2f} GB and {free:.2f} GB are free there, make room or take another disc."
            )
        return DatasetError(f"The file {self.path} could not be written ({error.strerror or error}).")

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def checked_facts(facts: Any) -> dict[str, Any]:
    """What is known of a scan, as files hold it.

    Args:
        facts: JSON values by name, or None.

    Raises:
        InputError: no dict, what JSON cannot hold, or a known entry out of range.

    Example:
        >>> checked_facts({"exposure": -1})
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: facts['exposure'] is -1: give a number above 0 and at most 1000 s.
    """
    import json

    facts = dict(instance(facts or {}, "facts", Mapping, "a dict"))
    try:
        json.dumps(facts, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"The facts cannot be stored ({error}): give what JSON can hold.") from None
    if "exposure" in facts:
        facts["exposure"] = float(
            number(facts["exposure"], "facts['exposure']", above=0, high=1000, unit="s")
        )
    if "beam_energy" in facts:
        energy = number(facts["beam_energy"], "facts['beam_energy']", MINIMUM_ENERGY, unit="eV")
        facts["beam_energy"] = float(energy)
    if "time" in facts:
        try:
            datetime.fromisoformat(facts["time"])
        except (TypeError, ValueError):
            raise InputError(
                f"facts['time'] is {shown(facts['time'])}: give ISO 8601 text, such as '2026-03-25T16:47:52'."
            ) from None
    return facts


def _shape(shape: Any) -> tuple[int, int, int, int]:
    try:
        sides = tuple(whole(side, "shape", 1) for side in shape)
    except TypeError:
        sides = ()
    if len(sides) != 4:
        raise InputError(f"shape is {shown(shape)}: give (Ny, Nx, H, W), four whole numbers from 1.")
    return sides


def _dtype(dtype: Any) -> np.dtype:
    try:
        found = frame_type(dtype, "The scan")
    except (TypeError, DatasetError):
        raise InputError(
            f"dtype is {shown(dtype)}: give a type of whole or real numbers of up to 64 bits, such as "
            "'uint16'."
        ) from None
    return np.dtype(np.uint8) if found.kind == "b" else found.newbyteorder("=")


def _holds(path: Path, text: bytes) -> bool:
    with contextlib.suppress(OSError):
        return path.read_bytes() == text
    return False
