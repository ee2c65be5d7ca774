"""Text dumps of LAMMPS: which bytes are whole frames is found here, each is then read by OVITO."""

from __future__ import annotations

import mmap
import os
import re
from typing import BinaryIO

import numpy as np

from pyiron_nbed.errors import LammpsError, StructureError
from pyiron_nbed.structures.dump_frames import Place, Scan, box_of, coordinates_of
from pyiron_nbed.structures.file_frame import FileFrame
from pyiron_nbed.structures.ovito_file import check_words, ovito_frame

FIRST_WORDS = b"ITEM:"
_MARK = b"ITEM: TIMESTEP"
_BEFORE = re.compile(rb"(?:ITEM: UNITS[ \t\r]*\n[^\n]*\n)?(?:ITEM: TIME[ \t\r]*\n[^\n]*\n)?\Z")
_HEAD = re.compile(
    rb"(?:ITEM: UNITS[ \t\r]*\n(?P<unit>[^\n]*)\n)?(?:ITEM: TIME[ \t\r]*\n[^\n]*\n)?"
    rb"ITEM: TIMESTEP[ \t\r]*\n[ \t]*(?P<step>-?\d+)[ \t\r]*\n"
    rb"ITEM: NUMBER OF ATOMS[ \t\r]*\n[ \t]*(?P<atoms>\d+)[ \t\r]*\n"
    rb"ITEM: BOX BOUNDS(?P<flags>[^\n]*)\n(?P<box>(?:[^\n]*\n){3})"
    rb"ITEM: ATOMS(?P<columns>[^\n]*)(?:\n|\Z)"
)
_BLOCK = 1 << 20
_BOUNDARY = re.compile(r"[pfsm]{2}\Z")


def scan_text(file: BinaryIO, path: str | os.PathLike) -> Scan:
    """The frames of a text dump: joined and torn ones are told apart, comments between them passed over.

    Raises:
        LammpsError: no whole frame, or text that belongs to no frame.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        starts = _starts(text)
        if not starts:
            raise LammpsError(
                f"{path} is truncated at its byte 0, or is no dump of LAMMPS: it has no line ITEM: TIMESTEP."
            )
        _check_between(text, 0, starts[0], path)
        places: list[Place] = []
        torn: list[int] = []
        tail = None
        unit = None
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            last = end == len(text)
            head = _HEAD.match(text, start, end)
            if head is not None and head["unit"] is not None:
                unit = head["unit"].decode("ascii", "replace").strip()
            stop = None if head is None else _end_of_rows(text, head, end, last)
            if head is None or stop is None:
                torn.append(start)
                tail = start if last else None
                continue
            places.append(Place(int(head["step"]), start, stop, unit))
            if last and text[stop : stop + 5] and FIRST_WORDS.startswith(text[stop : stop + 5]):
                tail = stop  # cut off within the first line of the next one
            else:
                _check_between(text, stop, end, path)
    if not places:
        raise LammpsError(
            f"{path} is truncated at its byte {torn[-1]}, or is no dump of LAMMPS: it holds no whole frame "
            "with "
            "the lines TIMESTEP, NUMBER OF ATOMS, BOX BOUNDS and ATOMS and one line for each atom."
        )
    return Scan(tuple(places), tuple(place for place in torn if place != tail), tail)


def text_frame(file: BinaryIO, place: Place, where: str, by_type: bool) -> FileFrame:
    """One frame of a text dump, whose place a scan has found.

    Args:
        file: the dump.
        place: of the frame.
        where: file and frame, for messages.
        by_type: take the numbers of the types where there are some, else the names where there are some.

    Raises:
        LammpsError, StructureError: other columns, or what is no number.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        damage = whole.find(b"\0", place.start, place.end)
        head = _HEAD.match(whole[place.start : place.start + _BLOCK])
        alone = place.start == 0 and place.end == len(whole)
        source = file.name if alone else whole[place.start : place.end]
    if damage >= 0:
        raise StructureError(f"{where} holds no text at its byte {damage}: the file is damaged.")
    assert head is not None  # the scan has seen it
    first_row = head.string[head.end() :].split(b"\n", 1)[0].split()
    columns = head["columns"].decode("utf-8", "replace").split()
    names = coordinates_of(columns)
    kind = _kind_column(columns, by_type)
    if names is None or kind is None or "id" not in columns:
        raise LammpsError(
            f"{where} has the columns {' '.join(columns)!r}: a dump with id, type (or element) and x y z "
            "(or xu, xs, xsu) is needed."
        )
    mapping: list[str | None] = [None] * len(columns)
    mapping[columns.index("id")], mapping[columns.index(kind)] = "Particle Identifier", "Particle Type"
    for name, axis in zip(names, "XYZ", strict=True):
        mapping[columns.index(name)] = f"Position.{axis}"
    n_atoms = int(head["atoms"])
    cell, origin, pbc = _box(head, where)
    if n_atoms == 0:
        raise StructureError(f"{where} holds no atoms: choose another frame.")
    used = {column for column, name in enumerate(mapping) if name}
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        check_words(whole, place.start + head.end(), place.end, where, used)
    frame = ovito_frame(source, where, ".dump", input_format="lammps/dump", columns=mapping)
    if len(frame.types) != n_atoms or frame.ids is None or not _is_near(frame.cell, cell):
        raise StructureError(
            f"{where} was not read as it was written ({len(frame.types)} of {n_atoms} atoms)."
        )
    frame.cell, frame.origin, frame.pbc = cell, origin, pbc
    frame.unit, frame.step = place.unit, place.step
    frame.named = bool(frame.names) and not (kind == "type" and _is_numbered(first_row, columns))
    return frame


def named_types(path: str | os.PathLike, place: Place) -> bool:
    """Whether the atoms of a frame have names."""
    with open(path, "rb") as file:
        file.seek(place.start)
        text = file.read(min(place.end - place.start, _BLOCK))
    head = _HEAD.match(text)
    columns = [] if head is None else head["columns"].decode("utf-8", "replace").split()
    kind = _kind_column(columns, by_type=False)
    if head is None or kind != "type":
        return kind is not None
    return not _is_numbered(text[head.end() :].split(b"\n", 1)[0].split(), columns)


def _is_numbered(row: list[bytes], columns: list[str]) -> bool:
    """Whether the column "type" holds numbers, not labels."""
    return len(row) != len(columns) or row[columns.index("type")].lstrip(b"-").isdigit()


def _kind_column(columns: list[str], by_type: bool) -> str | None:
    order = ("type", "element", "typelabel") if by_type else ("element", "typelabel", "type")
    return next((name for name in order if name in columns), None)


def _starts(text: mmap.mmap) -> list[int]:
    """Where frames begin: at TIMESTEP, or at UNITS and TIME just before it."""
    starts = []
    colon = text.find(b":")  # one letter that rows do not have is found twenty times faster than the words
    while colon >= 0:
        found = colon - _MARK.index(b":")
        if found >= 0 and text[found : found + len(_MARK)] == _MARK:
            before = _BEFORE.search(text[max(0, found - 200) : found])
            starts.append(found - (len(before.group()) if before else 0))
        colon = text.find(b":", colon + 1)
    return starts


def _end_of_rows(text: mmap.mmap, head: re.Match, end: int, last: bool) -> int | None:
    """The byte after the last row of a frame, or None where rows are missing."""
    wanted = int(head["atoms"])
    begin = head.end()
    if wanted == 0:
        return begin
    counted = 0
    letters = np.frombuffer(text, np.uint8)
    for block in range(begin, end, _BLOCK):
        part = letters[block : min(end, block + _BLOCK)] == 10
        more = int(np.count_nonzero(part))
        if counted + more >= wanted:
            return block + int(np.flatnonzero(part)[wanted - counted - 1]) + 1
        counted += more
    if not last or counted != wanted - 1:
        return None
    # the last line of the file may lack its newline, but none of its digits
    newline = text.rfind(b"\n", 0, end)
    row = text[newline + 1 : end].split()
    if len(row) != len(head["columns"].split()):
        return None
    before = [line.split()[-1:] for line in text[max(begin, newline - 65_536) : newline].splitlines()[-1000:]]
    usual = np.median([_decimals(word[0]) for word in before if word] or [0])
    return end if _decimals(row[-1]) >= usual else None


def _is_near(found: np.ndarray | None, cell: np.ndarray) -> bool:
    return found is not None and np.allclose(found, cell, rtol=1e-9, equal_nan=True)


def _decimals(word: bytes) -> int:
    return len(word.partition(b".")[2])


def _check_between(text: mmap.mmap, start: int, end: int, path: str | os.PathLike) -> None:
    place = start
    for line in text[start : min(end, start + _BLOCK)].splitlines(keepends=True):
        if line.strip() and not line.lstrip().startswith(b"#"):
            raise LammpsError(
                f"{path} holds text that belongs to no frame at its byte {place} "
                f"({line.strip()[:40].decode('utf-8', 'replace')!r}): remove what is not part of the dump."
            )
        place += len(line)


def _box(head: re.Match, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flags = head["flags"].decode("ascii", "replace").split()
    ends = [word for word in flags if _BOUNDARY.match(word)][-3:]
    pbc = np.array([word == "pp" for word in ends]) if len(ends) == 3 else np.ones(3, bool)
    try:
        rows = np.array([[float(word) for word in line.split()] for line in head["box"].splitlines()])
        if flags[:2] == ["abc", "origin"]:
            return rows[:, :3].reshape(3, 3), rows[:, 3].copy(), pbc
        tilt = rows[:, 2] if rows.shape[1] == 3 else np.zeros(3)
        cell, origin = box_of(rows[:, :2].reshape(3, 2), (tilt[0], tilt[1], tilt[2]))
    except (ValueError, IndexError):
        raise LammpsError(f"{where} has box bounds that are no numbers: the file is damaged.") from None
    return cell, origin, pbc
