"""LAMMPS dump files, binary and text, read frame by frame."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers

from pyiron_nbed.errors import InputError, LammpsError

_MAGIC = b"DUMPCUSTOM"
_COORDINATES = (("x", "y", "z"), ("xu", "yu", "zu"), ("xs", "ys", "zs"), ("xsu", "ysu", "zsu"))


class _TornError(Exception):
    """The file ends within a frame."""


@dataclass(frozen=True)
class _Head:
    step: int
    n_atoms: int
    bounds: np.ndarray  # (3, 2) of the box or, where tilted, of the box around it
    tilt: tuple[float, float, float]
    periodic: tuple[bool, bool, bool]
    columns: list[str]
    text: bool


def read_frames(path: str | os.PathLike, species: Sequence[str] | None = None) -> Iterator[Atoms]:
    """Frames of a LAMMPS dump (``dump custom``; text or binary), one at a time.

    Args:
        path: dump file with the columns id, type (or element) and x y z (or xu, xs, xsu and so on);
            atoms in any order.
        species: element of each LAMMPS type; None where the dump has a column ``element``.

    Yields:
        ``ase.Atoms`` sorted by id, positions in Å from the lower corner of the box,
        ``info["step"]`` = time step.

    Raises:
        LammpsError: the file is absent, truncated or holds other columns.
        InputError: a type without species.
    """
    with _open(path) as file:
        while (head := _head(file, path)) is not None:
            try:
                values = _table(file, head)
            except _TornError:
                raise LammpsError(
                    f"{path} is truncated at step {head.step}: the run was interrupted."
                ) from None
            yield _atoms(path, head, values, species)


def read_frame(path: str | os.PathLike, species: Sequence[str] | None = None, frame: int = -1) -> Atoms:
    """One frame of a dump; the others are skipped, not read into memory.

    Args:
        path: dump file, as in :func:`read_frames`.
        species: element of each LAMMPS type.
        frame: its number; −1 is the last.

    Returns:
        The atoms, as :func:`read_frames` gives them.

    Raises:
        LammpsError: as :func:`read_frames`.
        InputError: there is no such frame.
    """
    places = frame_places(path)
    try:
        start = places[frame][1]
    except IndexError:
        raise InputError(
            f"{path} holds {len(places)} whole frames, so there is no frame {frame}: choose "
            f"{-len(places)} to {len(places) - 1}."
        ) from None
    with _open(path) as file:
        file.seek(start)
        head = _head(file, path)
        assert head is not None  # it was read a moment ago
        return _atoms(path, head, _table(file, head), species)


def frame_places(path: str | os.PathLike) -> list[tuple[int, int, int]]:
    """Where the whole frames of a dump lie.

    Args:
        path: dump file.

    Returns:
        (time step, first byte, byte after the last) of every frame that is whole.

    Raises:
        LammpsError: the file is absent or no dump.
    """
    places: list[tuple[int, int, int]] = []
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        while True:
            start = file.tell()
            try:
                head = _head(file, path)
                if head is None:
                    return places
                _skip(file, head)
            except (_TornError, LammpsError):
                if not places and start == 0 and size > 4096:
                    raise
                return places
            if file.tell() > size:
                return places
            places.append((head.step, start, file.tell()))


def cut_frames(path: Path, step: int) -> None:
    """Remove from a dump every frame of this time step or later, and a torn one.

    Args:
        path: dump file; nothing happens where there is none.
        step: the run goes on from here and will write this frame again.
    """
    if not path.exists():
        return
    kept = [end for number, _, end in frame_places(path) if number < step]
    if kept:
        os.truncate(path, max(kept))
    else:
        path.unlink()


def _open(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise LammpsError(f"LAMMPS left no frames: {path} does not exist.") from None


def _is_text(file: BinaryIO) -> bool:
    start = file.tell()
    text = file.read(5) == b"ITEM:"
    file.seek(start)
    return text


def _head(file: BinaryIO, path: str | os.PathLike) -> _Head | None:
    """Header of the next frame; None at the end of the file."""
    start = file.tell()
    if not file.read(1):
        return None
    file.seek(start)
    try:
        return _text_head(file) if _is_text(file) else _binary_head(file)
    except (_TornError, ValueError, IndexError) as error:
        raise LammpsError(
            f"{path} is truncated at its byte {start}, or is no dump of LAMMPS ({error}): a `dump custom` of "
            "LAMMPS from 2021 or later is needed, as text or binary (.bin), not compressed."
        ) from None


def _text_head(file: BinaryIO) -> _Head:
    lines = [file.readline().decode("ascii", "replace") for _ in range(9)]
    if lines[0].startswith("ITEM: UNITS"):  # two more lines in the first frame
        lines = lines[2:] + [file.readline().decode("ascii", "replace") for _ in range(2)]
    if lines[0].startswith("ITEM: TIME\n"):
        lines = lines[2:] + [file.readline().decode("ascii", "replace") for _ in range(2)]
    if not lines[8].endswith("\n") or not lines[8].startswith("ITEM: ATOMS"):
        raise _TornError("no atoms")
    box = np.array([[float(word) for word in line.split()] for line in lines[5:8]])
    flags = [word for word in lines[4].split()[3:] if len(word) == 2 and word != "xy" and word[1] not in "yz"]
    tilt = tuple(box[:, 2]) if box.shape[1] == 3 else (0.0, 0.0, 0.0)
    periodic = tuple(flag == "pp" for flag in flags) if len(flags) == 3 else (True, True, True)
    columns = lines[8].split()[2:]
    return _Head(int(lines[1]), int(lines[3]), box[:, :2], tilt, periodic, columns, True)  # type: ignore[arg-type]


def _binary_head(file: BinaryIO) -> _Head:
    length = -int(_numbers(file, "<i8", 1)[0])
    if length != len(_MAGIC) or file.read(length) != _MAGIC:
        raise _TornError("it does not begin with ITEM: or DUMPCUSTOM")
    endian, revision = _numbers(file, "<i4", 2)
    if endian != 1 or revision < 2:
        raise _TornError(f"byte order {endian}, revision {revision}")
    step, n_atoms = (int(v) for v in _numbers(file, "<i8", 2))
    tilted = int(_numbers(file, "<i4", 1)[0])
    periodic = tuple(bool(v) for v in (_numbers(file, "<i4", 6).reshape(3, 2) == 0).all(1))
    bounds = _numbers(file, "<f8", 6).reshape(3, 2)
    tilt = tuple(_numbers(file, "<f8", 3)) if tilted else (0.0, 0.0, 0.0)
    n_columns = int(_numbers(file, "<i4", 1)[0])
    file.seek(int(_numbers(file, "<i4", 1)[0]), os.SEEK_CUR)  # the unit style
    if file.read(1) == b"\1":
        file.seek(8, os.SEEK_CUR)  # the time
    columns = file.read(int(_numbers(file, "<i4", 1)[0])).decode("ascii", "replace").split()
    if len(columns) != n_columns:
        raise _TornError(f"{n_columns} columns")
    return _Head(step, n_atoms, bounds, tilt, periodic, columns, False)  # type: ignore[arg-type]


def _numbers(file: BinaryIO, kind: str, count: int) -> np.ndarray:
    values = np.fromfile(file, kind, count)
    if len(values) != count:
        raise _TornError("the end of the file")
    return values


def _skip(file: BinaryIO, head: _Head) -> None:
    if head.text:
        if sum(1 for _ in islice(file, head.n_atoms)) != head.n_atoms:
            raise _TornError("the end of the file")
        file.seek(-1, os.SEEK_CUR)
        if head.n_atoms and file.read(1) != b"\n":
            raise _TornError("half a line")
        return
    for _ in range(int(_numbers(file, "<i4", 1)[0])):
        file.seek(8 * int(_numbers(file, "<i4", 1)[0]), os.SEEK_CUR)


def _table(file: BinaryIO, head: _Head) -> dict[str, np.ndarray]:
    """Columns of the atoms of one frame."""
    if not head.text:
        chunks = []
        for _ in range(int(_numbers(file, "<i4", 1)[0])):
            chunks.append(_numbers(file, "<f8", int(_numbers(file, "<i4", 1)[0])))
        flat = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
        if len(flat) != head.n_atoms * len(head.columns):
            raise _TornError("atoms are missing")
        rows = flat.reshape(head.n_atoms, len(head.columns))
        return {name: rows[:, column] for column, name in enumerate(head.columns)}
    lines = list(islice(file, head.n_atoms))
    if len(lines) != head.n_atoms or (lines and not lines[-1].endswith(b"\n")):
        raise _TornError("atoms are missing")
    if not lines:
        return {name: np.empty(0) for name in head.columns}
    table = pd.read_csv(
        io.BytesIO(b"".join(lines)), sep=r"\s+", names=head.columns, index_col=False,
        float_precision="round_trip",
    )  # fmt: skip
    return {name: table[name].to_numpy() for name in head.columns}


def _atoms(path, head: _Head, values: dict[str, np.ndarray], species: Sequence[str] | None) -> Atoms:
    names = next((names for names in _COORDINATES if set(names) <= set(values)), None)
    if names is None or "id" not in values or not {"type", "element"} & set(values):
        raise LammpsError(
            f"{path} has columns {head.columns}: a dump with id, type (or element) and x y z is needed."
        )
    xy, xz, yz = head.tilt
    low = head.bounds[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = head.bounds[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz

    ids = values["id"].astype(np.int64)
    place = ids - 1
    if len(ids) and (ids.min() != 1 or ids.max() != len(ids)):  # of a group: any numbers, still in order
        place = np.empty(len(ids), np.int64)
        place[np.argsort(ids)] = np.arange(len(ids))
    positions = np.empty((len(ids), 3))
    for axis, name in enumerate(names):
        # scaled coordinates are fractions of the cell already
        positions[place, axis] = values[name] if "s" in name else values[name] - low[axis]
    if "s" in names[0]:
        positions = positions @ cell
    numbers = np.empty(len(ids), np.int64)
    numbers[place] = _atomic_numbers(path, values, species)
    return Atoms(numbers=numbers, positions=positions, cell=cell, pbc=head.periodic, info={"step": head.step})


def _atomic_numbers(path, values: dict[str, np.ndarray], species: Sequence[str] | None) -> np.ndarray:
    if species is None:
        if "element" not in values:
            raise InputError(
                f"{path} names its atoms by type only: give species, the element of each type, for example "
                '["Cu", "Zr"].'
            )
        symbols, which = np.unique(values["element"].astype(str), return_inverse=True)
        return np.array([atomic_numbers[s] for s in symbols])[which]
    if "type" not in values:
        raise LammpsError(f"{path} has no column type: leave out species, its elements are named.")
    types = values["type"].astype(np.int64)
    if len(types) and not (types.min() >= 1 and types.max() <= len(species)):
        raise InputError(
            f"{path} has types {types.min()} to {types.max()}, but {len(species)} species are given "
            f"({', '.join(species)}): give the element of each type."
        )
    return np.array([atomic_numbers[s] for s in species])[types - 1]
