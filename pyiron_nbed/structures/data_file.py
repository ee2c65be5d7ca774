"""Data files of LAMMPS: the head is checked here, the atoms are read by OVITO."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.structures.file_frame import FileFrame, check_count
from pyiron_nbed.structures.ovito_file import check_words, ovito_frame

# number of columns, column of the type and first column of the position (from 0), where a file does not say
_LAYOUTS = {
    "atomic": (5, 1, 2), "charge": (6, 1, 3), "molecular": (6, 2, 3), "full": (7, 2, 4), "sphere": (7, 1, 4),
    "dipole": (9, 1, 3), "spin": (9, 1, 2),
}  # fmt: skip
ATOM_STYLES = (
    "angle", "atomic", "body", "bond", "bpm/sphere", "charge", "dipole", "dpd", "edpd", "electron",
    "ellipsoid", "full", "hybrid", "line", "mdpd", "molecular", "oxdna", "peri", "rheo", "sph", "sphere",
    "spin", "template", "tri", "wavepacket",
)  # fmt: skip
_SECTION = re.compile(rb"^[ \t]*([A-Z][A-Za-z/ ]*[A-Za-z/])[ \t]*(?:#[ \t]*([^\r\n]*))?\r?$", re.MULTILINE)
_TYPES = re.compile(rb"^[ \t]*(\d+)[ \t]+atom[ \t]+types\b", re.MULTILINE)
_ATOMS = re.compile(rb"^[ \t]*(\d+)[ \t]+atoms\b", re.MULTILINE)
_UNITS = re.compile(rb"\bunits[ \t]*=[ \t]*([A-Za-z]+)")
_STEP = re.compile(rb"\btimestep[ \t]*=[ \t]*(\d+)")
_SUFFIX = re.compile(r"/(kk|omp|opt|gpu|intel)(/(host|device))?\Z")
_ROWS = 1000


@dataclass
class _Data:
    """Head and sections of a data file."""

    text: bytes
    n_atoms: int
    n_types: int
    unit: str | None
    step: int | None
    hint: str
    rows: bytes
    labels: dict[int, str]
    masses: dict[int, float]


def is_data_file(head: bytes) -> bool:
    """Whether a file that begins so is one.

    Example:
        >>> is_data_file(b"copper\\n\\n4 atoms\\n1  atom types\\n")
        True
    """
    return _ATOMS.search(head) is not None and _TYPES.search(head) is not None


def check_atom_style(atom_style: str | None) -> str | None:
    """The name of an atom style as data files have it, or None.

    Raises:
        InputError: unknown.

    Example:
        >>> check_atom_style("hybrid sphere charge")
        'hybrid sphere charge'
    """
    if atom_style is None:
        return None
    words = atom_style.split() if isinstance(atom_style, str) else []
    if len(words) > 1 and words[0] == "hybrid":
        return " ".join(["hybrid", *(one_of(word, "atom_style", ATOM_STYLES) for word in words[1:])])
    return one_of(words[0] if len(words) == 1 else atom_style, "atom_style", ATOM_STYLES)


def check_data(path: str | os.PathLike, species: Sequence[str] | None) -> None:
    """Raise for a data file whose head :func:`data_frame` would refuse.

    Raises:
        StructureError: a damaged head.
        InputError: the elements are not named, or not those of all types.
    """
    data = _parse(path)
    if species is not None:
        check_count(species, len(species), data.n_types, str(path))
    elif not data.labels and not data.masses:
        raise InputError(
            f"The file {path} numbers its atom types but gives neither names nor masses: give the element "
            "of each type, for example ['Cu', 'Zr']."
        )


def data_frame(path: str | os.PathLike, atom_style: str | None = None) -> FileFrame:
    """The structure of a data file. It does not say what is periodic: taken as periodic along all axes.

    Args:
        path: the file.
        atom_style: in place of what the file says or its columns tell.

    Raises:
        StructureError: a damaged file, or an atom style that is not known.
    """
    data = _parse(path)
    if data.n_atoms == 0:
        raise StructureError(f"{path} holds no atoms: give another file.")
    style = atom_style or _style_of(data, path)
    words = _SUFFIX.sub("", style).split()
    options: dict[str, str | tuple[str, ...]] = {"atom_style": words[0]}
    if words == ["hybrid"]:
        raise StructureError(
            f"{path} has the atom style hybrid and does not say of which styles: give atom_style, for "
            "example 'hybrid sphere charge'."
        )
    if words[0] == "hybrid":
        options["atom_substyles"] = tuple(_SUFFIX.sub("", word) for word in words[1:])
    frame = ovito_frame(data.text, str(path), ".data", input_format="lammps/data", **options)
    n_rows = sum(1 for line in data.rows.splitlines() if line.split(b"#")[0].strip())
    if not len(frame.types) == n_rows == data.n_atoms:
        raise StructureError(
            f"{path} has {data.n_atoms} atoms in its head and {n_rows} lines of atoms: the file is damaged."
        )
    frame.names, frame.named = data.labels, False
    frame.masses, frame.n_types = data.masses, data.n_types
    frame.unit, frame.step, frame.pbc = data.unit, data.step, np.ones(3, bool)
    return frame


def head_of_data(path: str | os.PathLike) -> tuple[int, dict[int, str], dict[int, float]]:
    """(number of types, their labels, their masses) of a data file, which may hold no atoms.

    Raises:
        StructureError: a damaged head.
    """
    data = _parse(path)
    return data.n_types, data.labels, data.masses


def _parse(path: str | os.PathLike) -> _Data:
    with open(path, "rb") as file:
        text = file.read()
    if b"\0" in text:
        raise StructureError(f"{path} holds no text at its byte {text.index(0)}: the file is damaged.")
    sections = _sections(text)
    head = text[: sections[0][1]] if sections else text
    first, _, rest = head.partition(b"\n")
    atoms, types = _ATOMS.search(rest), _TYPES.search(rest)
    if atoms is None or types is None:
        raise StructureError(
            f"{path} is no LAMMPS dump, data or restart file: its header was not recognised."
        )
    bodies = {name: (hint, text[start:stop]) for name, hint, start, stop in _bodies(sections, len(text))}
    if "Atoms" not in bodies and int(atoms[1]):
        raise StructureError(f"{path} has no section Atoms: the data file is damaged, or ends early.")
    if [name for name, *_ in sections].count("Atoms") > 1:
        raise StructureError(f"{path} has the section Atoms more than once: give one structure a file.")
    check_words(head, len(first), len(head), str(path))
    rows = bodies.get("Atoms", ("", b""))[1]
    check_words(rows, 0, len(rows), str(path))
    unit, step = _UNITS.search(first), _STEP.search(first)
    try:
        labels = {int(key): name.decode() for key, name in _pairs(bodies.get("Atom Type Labels"))}
        masses = {
            next((k for k, name in labels.items() if name == key.decode()), None) or int(key): float(value)
            for key, value in _pairs(bodies.get("Masses"))
        }
    except ValueError as error:
        raise StructureError(
            f"{path} has masses or labels that cannot be read ({error}): mend them."
        ) from None
    # OVITO knows "abc origin" with one blank only
    plain = b"\n".join(b" ".join(line.split()) for line in head.splitlines()) + b"\n" + text[len(head) :]
    return _Data(
        plain, int(atoms[1]), int(types[1]),
        None if unit is None else unit[1].decode(), None if step is None else int(step[1]),
        *bodies.get("Atoms", ("", b"")), labels, masses,
    )  # fmt: skip


def _sections(text: bytes) -> list[tuple[str, int, int, str]]:
    """(name, first byte, byte after its line, hint) of sections: lines that begin with a capital letter."""
    found = []
    buffer = np.frombuffer(text, np.uint8)
    newlines = np.flatnonzero(buffer == 10)
    after = newlines[newlines + 1 < len(buffer)] + 1
    letters = ((buffer[after] >= 65) & (buffer[after] <= 90)) | np.isin(buffer[after], (9, 32))
    for start in after[letters].tolist():  # the first line of the file is a title
        match = _SECTION.match(text, start)
        if match:
            name = " ".join(match[1].decode("ascii", "replace").split())
            found.append((name, start, match.end() + 1, (match[2] or b"").decode("ascii", "replace").strip()))
    return found


def _bodies(sections: list[tuple[str, int, int, str]], size: int):
    for number, (name, _, begin, hint) in enumerate(sections):
        yield name, hint, begin, sections[number + 1][1] if number + 1 < len(sections) else size


def _pairs(section: tuple[str, bytes] | None) -> list[tuple[bytes, bytes]]:
    rows = [] if section is None else [line.split(b"#")[0].split() for line in section[1].splitlines()]
    return [(row[0], row[1]) for row in rows if len(row) >= 2]


def _style_of(data: _Data, path: str | os.PathLike) -> str:
    """The atom style from the hint behind "Atoms", or the one that the columns allow."""
    if data.hint:
        style = _SUFFIX.sub("", data.hint)
        if style.split()[0] not in ATOM_STYLES:
            raise StructureError(
                f"{path} has the atom style {style!r}, which is not known here: write a dump of it instead."
            )
        return data.hint
    rows = [line.split(b"#")[0].split() for line in data.rows[: 100 * _ROWS].splitlines()[: _ROWS + 1]]
    rows = [row for row in rows[:_ROWS] if row][:-1] or [row for row in rows if row]  # the last may be cut
    fitting = {layout[1:]: name for name, layout in reversed(_LAYOUTS.items()) if _fits(rows, layout, data)}
    if len(fitting) != 1:
        widths = sorted({len(row) for row in rows})
        raise StructureError(
            f"{path} does not say its atom style, and its {widths[0] if widths else 0} columns can be those "
            "of "
            "several or none: give atom_style, for example 'charge'."
        )
    return next(iter(fitting.values()))


def _fits(rows: list[list[bytes]], layout: tuple[int, int, int], data: _Data) -> bool:
    width, kind, place = layout
    if not rows or any(len(row) not in (width, width + 3) or len(row) != len(rows[0]) for row in rows):
        return False
    whole = [0, *([1] if kind == 2 else []), *(range(width, width + 3) if len(rows[0]) > width else [])]
    labels = {name.encode() for name in data.labels.values()}
    return all(
        all(_is_whole(row[column]) for column in whole)
        and (row[kind] in labels or (row[kind].isdigit() and 1 <= int(row[kind]) <= data.n_types))
        and all(_is_number(word) for word in row[place : place + 3])
        for row in rows
    )


def _is_whole(word: bytes) -> bool:
    return word.lstrip(b"-+").isdigit()


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
