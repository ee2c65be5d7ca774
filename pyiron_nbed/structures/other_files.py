"""Structures of other programs: xyz and extended xyz, POSCAR, cif, cfg (AtomEye) and NumPy's npz."""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import iread

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.structures.file_frame import FileFrame
from pyiron_nbed.structures.ovito_file import check_words, ovito_frame

_CFG = b"Number of particles"
_PROPERTIES = re.compile(rb"[Pp]roperties=\"?([^\s\"]+)")


def other_kind(head: bytes) -> str | None:
    """ "xyz", "poscar", "cif" or "cfg", told from the first bytes of a text file; None for another.

    Example:
        >>> other_kind(b"2\\n\\nCu 0 0 0\\n")
        'xyz'
    """
    lines = [line.strip() for line in head.splitlines()[:7]]
    if any(line.startswith(_CFG) for line in lines):
        return "cfg"
    if re.search(rb"^\s*_cell_length_a\b", head, re.MULTILINE) and re.search(
        rb"^\s*data_", head, re.MULTILINE
    ):
        return "cif"
    if len(lines) > 1 and lines[0].isdigit() and not lines[1].isdigit():
        return "xyz"
    if len(lines) > 5 and _numbers(lines[1]) in (1, 3) and all(_numbers(line) == 3 for line in lines[2:5]):
        return "poscar"
    return None


def xyz_places(path: str | os.PathLike) -> list[tuple[int, int]]:
    """(first byte, byte after the last) of the frames of an xyz file.

    Raises:
        StructureError: a frame that is not whole, or text that belongs to none.
    """
    places: list[tuple[int, int]] = []
    with open(path, "rb") as file:
        while True:
            start = file.tell()
            line = file.readline()
            if not line:
                return places
            if not line.strip():
                continue
            if not line.strip().isdigit():
                raise StructureError(
                    f"{path} has no number of atoms at its byte {start} "
                    f"({line.strip()[:40].decode('utf-8', 'replace')!r})"
                    ": a frame is torn, or something was joined to it."
                )
            file.readline()
            for _ in range(int(line)):
                if len(file.readline().split()) < 4:
                    raise StructureError(
                        f"{path} is truncated: its frame at byte {start} has fewer than {int(line)} lines "
                        "of atoms."
                    )
            places.append((start, file.tell()))


def xyz_frame(path: str | os.PathLike, place: tuple[int, int], number: int) -> FileFrame:
    """One frame of an xyz file, with the numeric values per atom of an extended one.

    Raises:
        StructureError: it cannot be read.
    """
    where = f"{path}, frame {number} (byte {place[0]})"
    with open(path, "rb") as file:
        file.seek(place[0])
        text = file.read(place[1] - place[0])
    _check_text(text, where)
    comment = text.split(b"\n", 2)[1]
    found = _PROPERTIES.search(comment)
    words = found[1].decode("utf-8", "replace").split(":") if found else []
    kinds = dict(zip(words[::3], words[1::3], strict=False))
    keep = [
        name for name, kind in kinds.items() if kind in "RIL" and name.lower() not in ("pos", "species", "id")
    ]
    check_words(text, _third_line(text), len(text), where, _number_columns(words))
    frame = ovito_frame(text, where, ".xyz", keep, input_format="xyz")
    frame.arrays = {n: v.astype(bool) if kinds[n] == "L" else v for n, v in frame.arrays.items()}
    frame.ids = None  # the order of the file is the order of the atoms
    if int(text.split(b"\n", 1)[0]) != len(frame.types):
        raise StructureError(f"{where} was not read as it was written ({len(frame.types)} atoms).")
    return frame


def _third_line(text: bytes) -> int:
    return text.find(b"\n", text.find(b"\n") + 1) + 1


def _number_columns(properties: list[str]) -> set[int]:
    """Columns of whole and real numbers in an xyz file."""
    if not properties:
        return {1, 2, 3}
    kinds = "".join(
        k * int(n) for k, n in zip(properties[1::3], properties[2::3], strict=False) if n.isdigit()
    )
    return {column for column, kind in enumerate(kinds) if kind in "RI"}


def single_frame(path: str | os.PathLike, kind: str, species: Sequence[str] | None) -> FileFrame:
    """The structure of a "poscar", "cif", "cfg" or "npz" file.

    Raises:
        StructureError: it cannot be read, or holds several.
        InputError: its elements are not named.
    """
    where = str(path)
    if kind == "npz":
        return _from_npz(path)
    text = Path(path).read_bytes()
    _check_text(text, where)
    if kind == "cfg":
        if text.count(_CFG) != 1:
            raise StructureError(f"{where} holds {text.count(_CFG)} frames joined: write one frame a file.")
        check_words(text, 0, len(text), where)
        return ovito_frame(text, where, ".cfg")
    if kind == "poscar":
        text = _named_poscar(text, where, species)
    return _by_ase(text, where, {"poscar": "vasp"}.get(kind, kind))


def _by_ase(text: bytes, where: str, kind: str) -> FileFrame:
    with tempfile.TemporaryDirectory() as folder:  # ASE looks for other files beside a POSCAR
        path = Path(folder) / "structure"
        path.write_bytes(text)
        try:
            found = list(iread(path, index=":", format=kind))
        except Exception as error:  # ASE raises whatever its parsers raise
            reason = (
                " ".join(str(error).split()).rstrip(".")[:200].replace(folder, "") or type(error).__name__
            )
            raise StructureError(f"{where} cannot be read ({reason}): the file is damaged.") from error
    if len(found) != 1:
        raise StructureError(f"{where} holds {len(found)} structures: write one a file.")
    atoms = found[0]
    shares = atoms.info.get("occupancy") or {}
    if any(share != 1 for site in shares.values() for share in site.values()):
        raise StructureError(
            f"{where} has sites that are only partly occupied: write a structure with one whole atom on each."
        )
    if not atoms.cell.rank == 3:
        raise StructureError(f"{where} has no cell of three vectors: the file is damaged.")
    return _frame_of(atoms, where)


def _named_poscar(text: bytes, where: str, species: Sequence[str] | None) -> bytes:
    """With the line of names that POSCARs of VASP 4 lack."""
    lines = text.splitlines()
    if b"onfiguration=" in text:
        raise StructureError(f"{where} is an XDATCAR, a series of frames: write one of them as a POSCAR.")
    if len(lines) > 5 and all(word.isdigit() for word in lines[5].split()):
        if species is None:
            raise InputError(
                f"{where} counts its atoms by type but does not name them: give species, the element of each "
                "type, for example ['Cu', 'Zr']."
            )
        if len(species) != len(lines[5].split()):
            raise InputError(
                f"{where} has {len(lines[5].split())} atom types and the species given are {list(species)}: "
                "name "
                "each type once."
            )
        lines.insert(5, " ".join(species).encode())
    return b"\n".join(lines) + b"\n"


def _from_npz(path: str | os.PathLike) -> FileFrame:
    try:
        with np.load(path, allow_pickle=False) as values:
            given = {
                name: np.asarray(values[name])
                for name in ("species", "positions", "cell", "pbc")
                if name in values
            }
    except (ValueError, OSError, zipfile.BadZipFile, KeyError) as error:
        raise StructureError(
            f"{path} cannot be read ({error}): the file is damaged.".replace("\n", " ")
        ) from error
    if not {"species", "positions", "cell"} <= set(given):
        raise StructureError(
            f"{path} has no arrays {', '.join(sorted({'species', 'positions', 'cell'} - set(given)))}: an "
            "npz file "
            "needs species (N,), positions (N, 3) and cell (3, 3) in Å."
        )
    kinds, positions, cell = given["species"], given["positions"], given["cell"]
    cell = np.diag(cell) if cell.shape == (3,) else cell
    numeric = all(values.dtype.kind in "iuf" for values in (positions, cell)) and kinds.dtype.kind in "iuUS"
    if not numeric or positions.shape != (len(kinds), 3) or cell.shape != (3, 3) or kinds.ndim != 1:
        raise StructureError(
            f"{path} has species {kinds.shape}, positions {positions.shape} and cell {cell.shape}: species "
            "(N,), "
            "positions (N, 3) and cell (3, 3) are needed, as numbers and symbols."
        )
    pbc = np.ones(3, bool) if "pbc" not in given else np.broadcast_to(given["pbc"].astype(bool), 3)
    symbols, types = np.unique(kinds.astype(str) if kinds.dtype.kind in "US" else kinds, return_inverse=True)
    # 1, 2, ... are types of LAMMPS, other numbers those of elements
    is_type = kinds.dtype.kind in "iu" and symbols.tolist() == list(range(1, len(symbols) + 1))
    names = (
        {}
        if is_type
        else {n: s if isinstance(s, str) else _symbol(s) for n, s in enumerate(symbols.tolist(), 1)}
    )
    return FileFrame(
        str(path), types + 1, positions.astype(float),
        cell.astype(float), np.zeros(3), pbc,
        names=names, named=bool(names),
    )  # fmt: skip


def _frame_of(atoms: Atoms, where: str) -> FileFrame:
    numbers = np.asarray(atoms.numbers, np.int64)
    names = {int(z): _symbol(int(z)) for z in np.unique(numbers) if z > 0}
    return FileFrame(
        where, numbers, atoms.positions, atoms.cell.array, np.zeros(3), np.asarray(atoms.pbc, bool),
        names=names, named=True,
    )  # fmt: skip


def _symbol(number: int) -> str:
    try:
        return Atoms([number]).get_chemical_symbols()[0]
    except (KeyError, IndexError):
        return str(number)


def _check_text(text: bytes, where: str) -> None:
    if b"\0" in text:
        raise StructureError(f"{where} holds no text at its byte {text.index(0)}: the file is damaged.")


def _numbers(line: bytes) -> int:
    """How many numbers a line holds, 0 if anything else is in it."""
    try:
        return len([float(word) for word in line.split()])
    except ValueError:
        return 0
