"""Structures from files: LAMMPS dumps, data and restart files, and those of other programs.

OVITO [Stukowski2010] and ASE read them, LAMMPS itself converts restart files, and only the binary dumps
that our own runs write are read here. What they give is checked against what the file says: the number of
atoms, ids that stand once, whole frames, units. Whatever the file, lengths are in Å, positions are counted
from the corner of the cell (the point xlo, ylo, zlo, or the origin that the file states), atoms outside of
the cell stay there, and atoms are in the order of their ids where the file has ids.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import is_whole
from pyiron_nbed.errors import InputError, NBEDError, StructureError
from pyiron_nbed.structures.binary_dump import is_binary_dump
from pyiron_nbed.structures.data_file import check_atom_style, check_data, data_frame, is_data_file
from pyiron_nbed.structures.dump import check_tail, dump_frame, frame_number, names_types, scan_dump
from pyiron_nbed.structures.file_frame import (
    FileFrame,
    check_count,
    check_periodic,
    check_species,
    to_atoms,
)
from pyiron_nbed.structures.other_files import other_kind, single_frame, xyz_frame, xyz_places
from pyiron_nbed.structures.restart_file import FIRST_WORDS, restart_frame

_KINDS = "a LAMMPS dump, data or restart file, xyz, POSCAR, cif, cfg or npz"
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open,
}  # fmt: skip
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_FIRST = 8192


def read_structures(
    path: str | os.PathLike,
    species: Sequence[str] | None = None,
    frames: int | Sequence[int] | str = -1,
    pbc: bool | Sequence[bool] | None = None,
    atom_style: str | None = None,
    cores: int = 1,
) -> Iterator[Atoms]:
    """Structures of a file: what it is, is told from its content, not from its name.

    Read are LAMMPS dumps (text and binary, ``dump custom`` and ``dump atom``), data and restart files, xyz
    and extended xyz with its values per atom, POSCAR, cif, cfg (AtomEye) and ``.npz`` with species, positions
    and cell, each also packed with gzip, bzip2, xz or, where the program ``zstd`` is there, Zstandard.

    Units that a file states are converted to Å, positions are counted from the corner of the cell, and atoms
    are sorted by their ids where there are ids. A frame that was cut off and is followed by a whole one (a
    run that was killed and went on) is left out with a warning; where the last frame is cut off, it can
    neither be asked for as −1 nor with "all", while the whole ones before it can be by their numbers.

    Args:
        path: the file.
        species: element of each type, one for each. Needed unless the file names its elements or holds their
            masses.
        frames: number of a frame (−1 the last), several numbers, or "all".
        pbc: what is periodic, one flag or three; None takes what the file says. Data files do not say it
            and are taken as periodic, xyz files without a cell as not periodic.
        atom_style: of a LAMMPS data file, such as "charge" or "hybrid sphere charge"; None takes what the
            file says or its columns tell.
        cores: MPI ranks for a restart file.

    Returns:
        Iterator over ``ase.Atoms`` (Å) in the order of the frames asked for, read when they are taken;
        ``info["step"]`` is the time step where the file has one.

    Raises:
        InputError: no such file or frame, species that are needed and not given or do not fit, units
            without Å.
        LammpsError, StructureError: a damaged file, one of another kind, a frame without atoms.

    Example:
        >>> _ = Path("cluster.xyz").write_text("2\\n\\nCu 0 0 0\\nZr 0 0 2.7\\n")
        >>> [atoms.get_chemical_formula() for atoms in read_structures("cluster.xyz")]
        ['CuZr']
    """
    _check_path(path)
    elements, periodic, numbers = check_species(species), check_periodic(pbc), _frame_numbers(frames)
    style = check_atom_style(atom_style)
    torn = _check(path, elements, numbers)
    if torn:
        warnings.warn(
            f"{path} has {len(torn)} frames that were cut off (at byte {', '.join(map(str, torn[:5]))}): "
            "they are left out, and frames are counted without them.",
            stacklevel=2,
        )
    return _read(path, elements, numbers, periodic, style, cores)


def check_file(
    path: str | os.PathLike, species: Sequence[str] | None = None, frames: int | Sequence[int] | str = -1
) -> Atoms:
    """Raise for a file that :func:`read_structures` would refuse; one frame of several is read.

    Returns:
        The last of the frames asked for.

    Raises:
        InputError, LammpsError, StructureError: as :func:`read_structures`.

    Example:
        >>> _ = Path("copper.xyz").write_text("1\\n\\nCu 0 0 0\\n")
        >>> len(check_file("copper.xyz"))
        1
    """
    _check_path(path)
    elements, numbers = check_species(species), _frame_numbers(frames)
    _check(path, elements, numbers)
    return next(_read(path, elements, [-1] if numbers is None else numbers[-1:], None, None, 1))


def file_kind(path: str | os.PathLike) -> str:
    """What a file is, told from its first bytes.

    Returns:
        "dump", "binary dump", "data", "restart", "xyz", "poscar", "cif", "cfg", "npz", or "packed".

    Raises:
        InputError: no such file, or an empty one.
        StructureError: of no known kind.

    Example:
        >>> _ = Path("copper.xyz").write_text("1\\n\\nCu 0 0 0\\n")
        >>> file_kind("copper.xyz")
        'xyz'
    """
    _check_path(path)
    with open(path, "rb") as file:
        head = file.read(_FIRST)
    if not head:
        raise InputError(f"The file {path} is empty: give {_KINDS}.")
    if head.startswith((*_PACKED, _ZSTANDARD)):
        return "packed"
    if head.startswith(FIRST_WORDS):
        return "restart"
    if is_binary_dump(head):
        return "binary dump"
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    kind = None
    if b"\0" not in head[:64]:
        if b"ITEM: TIMESTEP" in head or head.startswith(b"ITEM:"):
            return "dump"
        kind = "data" if is_data_file(head) else other_kind(head)
    if kind is None:
        raise StructureError(f"{path} is none of the files that can be read: give {_KINDS}.")
    return kind


def _check_path(path: Any) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"The path is {path!r}: give the path of a file as text, {_KINDS}.")
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder: give the path of a file in it, {_KINDS}.")
    if not Path(path).is_file():
        raise InputError(f"The file {path} does not exist: give the path of {_KINDS}.")


def _check(path: str | os.PathLike, species: list[str] | None, numbers: list[int] | None) -> tuple[int, ...]:
    """Raise for what the head of a file, or the places of its frames, tell; bytes of torn frames."""
    torn: tuple[int, ...] = ()
    with _unpacked(path) as plain:
        kind = file_kind(plain)
        if kind in ("dump", "binary dump"):
            scan = scan_dump(plain)
            torn = scan.torn
            if numbers is None:
                check_tail(path, scan)
            for number in numbers or []:
                frame_number(path, scan, number)
            if species is None and not names_types(plain):
                raise InputError(
                    f"The file {path} numbers its atom types but does not name them: give species, the "
                    "element "
                    "of each type, for example ['Cu', 'Zr']."
                )
        elif kind == "xyz":
            for number in numbers or []:
                _xyz_number(path, xyz_places(plain), number)
        else:
            if numbers is not None and any(number not in (0, -1) for number in numbers):
                given = numbers[0] if len(numbers) == 1 else numbers
                raise InputError(
                    f"The file {path} holds one frame, and frames is {given}: ask for frame 0 or -1."
                )
            if kind == "data":
                check_data(plain, species)
    return torn


def _read(path, species, numbers, pbc, atom_style, cores) -> Iterator[Atoms]:
    with _unpacked(path) as plain:
        kind = file_kind(plain)
        if kind in ("dump", "binary dump", "xyz"):
            read, count = _frames_of(plain, kind, species is not None)
            found = range(count) if numbers is None else [number % count for number in numbers]
            fits = species is None
            for number in found:
                frame = read(number)
                fits = fits or frame.named or _names_each(path, frame, read, count, species)
                yield to_atoms(frame, species, pbc)
            return
        if kind == "data":
            frame = data_frame(plain, atom_style)
        elif kind == "restart":
            frame = restart_frame(plain, cores)
        else:
            frame = single_frame(plain, kind, species)
        atoms = to_atoms(frame, species, pbc)
        for _ in numbers or [0]:
            yield atoms.copy()


def _frames_of(path: Path, kind: str, by_type: bool) -> tuple[Callable[[int], FileFrame], int]:
    if kind == "xyz":
        places = xyz_places(path)
        return lambda number: xyz_frame(path, places[number], number), len(places)
    scan = scan_dump(path)
    return lambda number: dump_frame(path, scan, number, by_type), len(scan.places)


def _names_each(path, frame: FileFrame, read, count: int, species: list[str]) -> bool:
    """Whether the highest type of a file is that of the last species; an InputError if not.

    A frame may lack a type that others have, so those are looked at before this is said.
    """
    highest = int(frame.types.max(initial=0))
    for number in reversed(range(count)):
        if highest >= len(species):
            break
        highest = max(highest, int(read(number).types.max(initial=0)))
    if highest:
        check_count(species, highest, None, f"The file {path}")
    return True


def _xyz_number(path: str | os.PathLike, places: list[tuple[int, int]], number: int) -> None:
    count = len(places)
    if not -count <= number < count:
        raise InputError(
            f"{path} holds {count} whole frames, so there is no frame {number}: choose {-count} to "
            f"{count - 1}."
        )


def _frame_numbers(frames: Any) -> list[int] | None:
    """Numbers of frames; None for all."""
    if isinstance(frames, str) and frames == "all":
        return None
    numbers = [frames] if not isinstance(frames, (list, tuple, range, np.ndarray)) else list(frames)
    if not numbers or not all(map(is_whole, numbers)):
        raise InputError(f"frames is {frames!r}: give whole numbers (-1 is the last), or 'all'.")
    return [int(n) for n in numbers]


@contextmanager
def _unpacked(path: str | os.PathLike) -> Iterator[Path]:
    """The file itself, or a temporary one with what is packed in it."""
    path = Path(path)
    if file_kind(path) != "packed":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        with open(path, "rb") as file:
            head = file.read(8)
        try:
            with open(plain, "wb") as target:
                if head.startswith(_ZSTANDARD):
                    _unpack_zstandard(path, target)
                else:
                    unpack = next(function for first, function in _PACKED.items() if head.startswith(first))
                    with unpack(path, "rb") as source:
                        shutil.copyfileobj(source, target, 1 << 22)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise StructureError(
                f"{path} cannot be unpacked ({error}): it is damaged or truncated."
            ) from error
        try:
            if file_kind(plain) == "packed":
                raise StructureError(f"{path} is packed twice: unpack it once.")
            yield plain
        except NBEDError as error:  # the file is known by its own name
            raise type(error)(str(error).replace(str(plain), str(path))) from error


def _unpack_zstandard(path: Path, target: Any) -> None:
    program = shutil.which("zstd")
    if program is None:
        raise InputError(
            f"{path} is packed with Zstandard, and there is no program zstd: install it, or unpack the file."
        )
    done = subprocess.run(
        [program, "-dcq", str(path.resolve())], stdout=target, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise OSError(" ".join(done.stderr.split())[-100:])
