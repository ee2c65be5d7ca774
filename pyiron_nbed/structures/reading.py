"""Structures from LAMMPS files: dumps, data files and restart files."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import read_lammps_data

from pyiron_nbed.checks import is_whole
from pyiron_nbed.errors import InputError, LammpsError, StructureError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.structures.dump import read_frame, read_frames

_RESTART = b"LammpS RestartT"


def file_kind(path: str | os.PathLike) -> str:
    """What a LAMMPS file is, told from its first bytes: "dump", "binary dump", "data" or "restart".

    Raises:
        InputError: no such file, an empty or a compressed one.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"The file {path} does not exist: give the path of a LAMMPS dump, data or restart file."
        )
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        raise InputError(f"The file {path} is empty: give a LAMMPS dump, data or restart file.")
    if head[:2] == b"\x1f\x8b" or head[:4] == b"\x28\xb5\x2f\xfd":
        raise InputError(f"The file {path} is compressed: decompress it first.")
    if head.startswith(b"ITEM:"):
        return "dump"
    if head.startswith(_RESTART):
        return "restart"
    return "binary dump" if b"\x00" in head else "data"


def read_structures(
    path: str | os.PathLike,
    species: Sequence[str] | None = None,
    frames: int | Sequence[int] | str = -1,
    cores: int = 1,
) -> Iterator[Atoms]:
    """Structures of a LAMMPS dump (text or binary), data file or restart file.

    LAMMPS itself converts a restart file, in a temporary folder.

    Args:
        path: the file.
        species: element of each LAMMPS type. Needed unless a text dump has the column ``element``
            or a data or restart file holds masses, from which the elements are told.
        frames: number of a frame (−1 the last), several numbers, or "all"; data and restart files hold
            one frame.
        cores: MPI ranks for a restart file.

    Yields:
        ``ase.Atoms`` (Å) in the order of the frames asked for.

    Raises:
        InputError: no such file or frame, or the species are needed and not given.
        LammpsError, StructureError: a damaged file, or one that is no LAMMPS file.
    """
    kind = file_kind(path)
    path = Path(path)
    numbers = _frame_numbers(frames)
    if kind in ("dump", "binary dump"):
        elements = _species_of_dump(path, kind, _check_species(species))
        if numbers is None:
            yield from read_frames(path, elements)
        else:
            yield from (read_frame(path, elements, number) for number in numbers)
        return
    if numbers is not None and any(number not in (0, -1) for number in numbers):
        raise InputError(f"The file {path} holds one frame, and frames is {frames!r}: ask for frame 0 or -1.")
    atoms = _read_data(path, species) if kind == "data" else _read_restart(path, species, cores)
    for _ in numbers or [0]:
        yield atoms


def check_file(path: str | os.PathLike, species: Sequence[str] | None = None) -> None:
    """Raise for a file that :func:`read_structures` would refuse at its first look.

    Raises:
        InputError: no such file, an empty or compressed one, or species that are needed and absent.
    """
    kind, elements = file_kind(path), _check_species(species)
    if kind in ("dump", "binary dump"):
        _species_of_dump(Path(path), kind, elements)
    elif kind == "data":
        _check_data(Path(path), elements)


def _species_of_dump(path: Path, kind: str, elements: list[str] | None) -> list[str]:
    elements = elements or (_elements_of_dump(path) if kind == "dump" else None)
    if elements is None:
        raise InputError(
            f"The file {path} numbers its atom types but does not name them: give the element of each "
            "type, for example ['Cu', 'Zr']."
        )
    return elements


def _frame_numbers(frames: Any) -> list[int] | None:
    """Numbers of frames; None for all."""
    if isinstance(frames, str) and frames == "all":
        return None
    numbers = [frames] if not isinstance(frames, (list, tuple, np.ndarray)) else list(frames)
    if not numbers or not all(map(is_whole, numbers)):
        raise InputError(f"The frame of a file is {frames!r}: give whole numbers (-1 is the last), or 'all'.")
    return [int(n) for n in numbers]


def _check_species(species: Sequence[str] | None) -> list[str] | None:
    if species is None:
        return None
    if isinstance(species, str) or not len(species):
        raise InputError(f"species is {species!r}: give a list with the element of each LAMMPS type.")
    try:
        Atoms(list(species))
    except (KeyError, ValueError, TypeError):
        raise InputError(f"species is {list(species)}: not all of these are chemical symbols.") from None
    return list(species)


def _elements_of_dump(path: Path) -> list[str] | None:
    """Elements by type from the column ``element`` of the first frame, or None without one."""
    with open(path) as file:
        header = list(islice(file, 9))
        columns = header[-1].split()[2:]
        if len(header) < 9 or not {"element", "type"} <= set(columns):
            return None
        of_type: dict[int, str] = {}
        kind, name = columns.index("type"), columns.index("element")
        for line in islice(file, int(header[3])):
            words = line.split()
            if len(words) == len(columns):  # a truncated line is found by the reader
                of_type[int(words[kind])] = words[name]
    return [of_type.get(number, "X") for number in range(1, max(of_type, default=0) + 1)] or None


def _check_data(path: Path, elements: list[str] | None) -> None:
    with open(path, errors="replace") as file:
        head = file.read(20_000)
    types = re.search(r"^\s*(\d+)\s+atom types", head, re.MULTILINE)
    if types is None:
        raise StructureError(
            f"{path} is no LAMMPS dump, data or restart file: its header was not recognised."
        )
    if elements is None and not re.search(r"^\s*Masses", head, re.MULTILINE):
        raise InputError(
            f"The file {path} numbers its atom types but gives neither names nor masses: give the element "
            "of each type, for example ['Cu', 'Zr']."
        )
    if elements is not None and len(elements) < int(types.group(1)):
        raise InputError(
            f"The file {path} has {types.group(1)} atom types and the species given are {elements}: name "
            "each type."
        )


def _read_data(path: Path, species: Sequence[str] | None) -> Atoms:
    elements = _check_species(species)
    _check_data(path, elements)
    z_of_type = None
    if elements is not None:
        z_of_type = dict(enumerate(Atoms(elements).numbers.tolist(), 1))
    try:
        atoms = read_lammps_data(str(path), Z_of_type=z_of_type, read_image_flags=False)
    except (ValueError, KeyError, IndexError, RuntimeError, TypeError, StopIteration) as error:
        raise StructureError(
            f"The data file {path} cannot be read ({error or 'it ends early'}): it is damaged."
        ) from error
    origin = np.asarray(atoms.get_celldisp()).ravel()
    return Atoms(atoms.numbers, atoms.positions - origin, cell=atoms.cell, pbc=True)


def _read_restart(path: Path, species: Sequence[str] | None, cores: int) -> Atoms:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "structure.data"
        script = Path(folder) / "convert.lmp"
        script.write_text(f'read_restart "{path.resolve()}"\nwrite_data {data.name} nocoeff\n')
        done = subprocess.run(
            [*lammps_command(cores), "-in", script.name], cwd=folder, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if done.returncode or not data.is_file():
            lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
            reason = lines[0] if lines else done.stderr[-300:]
            raise LammpsError(
                f"LAMMPS could not convert the restart file {path} ({reason}): it must come from the same "
                "release of LAMMPS with the same packages; write a data file or a dump instead."
            )
        return _read_data(data, species)
