"""Binary dumps of LAMMPS, as our own runs write them: a million atoms in a tenth of a second."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from pyiron_nbed.errors import LammpsError
from pyiron_nbed.structures.dump_frames import Place, Scan, box_of, coordinates_of
from pyiron_nbed.structures.file_frame import FileFrame

_MAGIC = (b"DUMPCUSTOM", b"DUMPATOM")
_GENERAL = 2  # mark of a box of any three vectors


class _TornError(Exception):
    """The file ends within a frame, or this is none."""


@dataclass(frozen=True)
class _Head:
    step: int
    n_atoms: int
    cell: np.ndarray
    origin: np.ndarray
    periodic: np.ndarray
    columns: list[str]
    unit: str | None


def is_binary_dump(head: bytes) -> bool:
    """Whether a file that begins so is one.

    Example:
        >>> is_binary_dump(b"ITEM: TIMESTEP")
        False
    """
    length = -int.from_bytes(head[:8], "little", signed=True)
    return head[8 : 8 + max(length, 0)] in _MAGIC


def scan_binary(file: BinaryIO, path: str | os.PathLike) -> Scan:
    """The frames of a binary dump; one that was cut off ends it.

    Raises:
        LammpsError: no frame at all.
    """
    size = os.fstat(file.fileno()).st_size
    places: list[Place] = []
    unit = None
    while (start := file.tell()) < size:
        try:
            head = _head(file)
            for _ in range(_count(file)):
                file.seek(8 * _count(file), os.SEEK_CUR)
            if file.tell() > size:
                raise _TornError("the end of the file")
        except _TornError as error:
            if not places:
                raise LammpsError(
                    f"{path} is truncated at its byte {start}, or is no dump of LAMMPS ({error}): write it "
                    "again with `dump custom` of LAMMPS from 2021 or later."
                ) from None
            return Scan(tuple(places), tail=start)
        unit = head.unit or unit
        places.append(Place(head.step, start, file.tell(), unit))
    return Scan(tuple(places))


def binary_frame(file: BinaryIO, place: Place, where: str) -> FileFrame:
    """One frame of a binary dump, whose place a scan has found.

    Raises:
        LammpsError: other columns, or numbers that contradict each other.
    """
    file.seek(place.start)
    try:
        head = _head(file)
        chunks = [_numbers(file, "<f8", _count(file)) for _ in range(_count(file))]
    except _TornError as error:
        raise LammpsError(f"{where} is truncated ({error}): the run was interrupted.") from None
    flat = chunks[0] if len(chunks) == 1 else np.concatenate([np.empty(0), *chunks])
    if len(flat) != head.n_atoms * len(head.columns):
        raise LammpsError(
            f"{where} holds {len(flat)} numbers where {head.n_atoms} atoms have {len(head.columns)} each: "
            "it is "
            "damaged."
        )
    names = coordinates_of(head.columns)
    if names is None or not {"id", "type"} <= set(head.columns):
        raise LammpsError(
            f"{where} has the columns {' '.join(head.columns)}: a dump with id, type and x y z (or xu, xs, "
            "xsu) "
            "is needed."
        )
    rows = flat.reshape(head.n_atoms, len(head.columns))
    first = head.columns.index(names[0])
    if head.columns[first : first + 3] == list(names):
        positions = rows[:, first : first + 3]
    else:
        positions = rows[:, [head.columns.index(name) for name in names]]
    if "s" in names[0]:  # fractions of the cell
        positions = positions @ head.cell + head.origin
    return FileFrame(
        where=where,
        types=rows[:, head.columns.index("type")].astype(np.int64),
        positions=positions,
        cell=head.cell, origin=head.origin, pbc=head.periodic,
        ids=rows[:, head.columns.index("id")].astype(np.int64),
        unit=place.unit, step=head.step,
    )  # fmt: skip


def _head(file: BinaryIO) -> _Head:
    length = -int(_numbers(file, "<i8", 1)[0])
    if not 0 < length < 20 or file.read(length) not in _MAGIC:
        raise _TornError("it does not begin with DUMPCUSTOM")
    endian, revision = _numbers(file, "<i4", 2)
    if endian != 1 or revision < 2:
        raise _TornError(f"byte order {endian}, revision {revision}")
    step, n_atoms = (int(v) for v in _numbers(file, "<i8", 2))
    tilted = int(_numbers(file, "<i4", 1)[0])
    periodic = (_numbers(file, "<i4", 6).reshape(3, 2) == 0).all(1)
    if tilted == _GENERAL:
        vectors = _numbers(file, "<f8", 12).reshape(4, 3)
        cell, origin = vectors[:3], vectors[3]
    else:
        bounds = _numbers(file, "<f8", 6).reshape(3, 2)
        xy, xz, yz = _numbers(file, "<f8", 3) if tilted else np.zeros(3)
        cell, origin = box_of(bounds, (xy, xz, yz))
    n_columns = _count(file)
    unit = file.read(_count(file)).decode("ascii", "replace") or None
    if file.read(1) == b"\1":
        file.seek(8, os.SEEK_CUR)  # the time
    columns = file.read(_count(file)).decode("ascii", "replace").split()
    if len(columns) != n_columns:
        raise _TornError(f"{len(columns)} of {n_columns} columns")
    return _Head(step, n_atoms, cell, origin, periodic, columns, unit)


def _count(file: BinaryIO) -> int:
    count = int(_numbers(file, "<i4", 1)[0])
    if count < 0:
        raise _TornError(f"a count of {count}")
    return count


def _numbers(file: BinaryIO, kind: str, count: int) -> np.ndarray:
    values = np.fromfile(file, kind, count)
    if len(values) != count:
        raise _TornError("the end of the file")
    return values
