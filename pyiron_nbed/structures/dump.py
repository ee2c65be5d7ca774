"""LAMMPS dump files, binary and text, read frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from ase import Atoms

from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.structures.binary_dump import binary_frame, is_binary_dump, scan_binary
from pyiron_nbed.structures.dump_frames import Scan
from pyiron_nbed.structures.file_frame import FileFrame, check_species, to_atoms
from pyiron_nbed.structures.text_dump import named_types, scan_text, text_frame


def read_frames(path: str | os.PathLike, species: Sequence[str] | None = None) -> Iterator[Atoms]:
    """Frames of a LAMMPS dump (``dump custom``; text or binary), one at a time.

    A frame that was cut off and is followed by a whole one (a run that was killed and went on) is left out.

    Args:
        path: dump file with the columns id, type (or element) and x y z (or xu, xs, xsu and so on);
            atoms in any order.
        species: element of each LAMMPS type; None where the dump has a column ``element``.

    Yields:
        ``ase.Atoms`` sorted by id, positions in Å from the lower corner of the box,
        ``info["step"]`` = time step.

    Raises:
        LammpsError: the file is absent, holds other columns, or (behind the whole frames) its end is cut off.
        StructureError: a frame without atoms, or an id that stands twice.
        InputError: a type without species.
    """
    species = check_species(species)
    scan = scan_dump(path)
    for number in range(len(scan.places)):
        yield to_atoms(dump_frame(path, scan, number, species is not None), species)
    check_tail(path, scan)


def read_frame(path: str | os.PathLike, species: Sequence[str] | None = None, frame: int = -1) -> Atoms:
    """One frame of a dump; the others are skipped, not read into memory.

    Args:
        path: dump file, as in :func:`read_frames`.
        species: element of each LAMMPS type.
        frame: its number among the whole frames; −1 is the last.

    Returns:
        The atoms, as :func:`read_frames` gives them.

    Raises:
        LammpsError: as :func:`read_frames`; a dump whose end is cut off has no last frame.
        InputError: there is no such frame.
    """
    species = check_species(species)
    scan = scan_dump(path)
    number = frame_number(path, scan, frame)
    return to_atoms(dump_frame(path, scan, number, species is not None), species)


def frame_places(path: str | os.PathLike) -> list[tuple[int, int, int]]:
    """Where the whole frames of a dump lie.

    Args:
        path: dump file.

    Returns:
        (time step, first byte, byte after the last) of every frame that is whole.

    Raises:
        LammpsError: the file is absent or no dump.
    """
    return [(place.step, place.start, place.end) for place in scan_dump(path).places]


def cut_frames(path: Path, step: int) -> None:
    """Remove from a dump every frame of this time step or later, and a torn one.

    Args:
        path: dump file; nothing happens where there is none.
        step: the run goes on from here and will write this frame again.
    """
    if not path.exists():
        return
    try:
        places = frame_places(path)
    except LammpsError:  # killed within its first frame
        places = []
    kept = [end for number, _, end in places if number < step]
    if kept:
        os.truncate(path, max(kept))
    else:
        path.unlink()


def scan_dump(path: str | os.PathLike) -> Scan:
    """Where the whole frames lie, and where others were cut off.

    Raises:
        LammpsError: the file is absent or no dump.
    """
    try:
        state = os.stat(path)
    except OSError:
        raise LammpsError(f"LAMMPS left no frames: {path} does not exist.") from None
    return _scan(os.fspath(path), state.st_size, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=16)
def _scan(path: str, size: int, *_state: int) -> Scan:
    """Remembered as long as the file stays the same: jobs check before they read."""
    if size == 0:
        raise LammpsError(f"{path} is empty: the run was interrupted.")
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(0)
        return scan_binary(file, path) if is_binary_dump(head) else scan_text(file, path)


def check_tail(path: str | os.PathLike, scan: Scan) -> None:
    """Raise LammpsError where the last frame is not whole: the one before must not be taken for it."""
    if scan.tail is not None:
        last = len(scan.places) - 1
        raise LammpsError(
            f"{path} is truncated at its byte {scan.tail}, within its last frame: the run goes on or was "
            f"interrupted; the last whole frame is number {last} (step {scan.places[last].step})."
        )


def frame_number(path: str | os.PathLike, scan: Scan, frame: int) -> int:
    """The number of a frame counted from 0; negative numbers count from the end.

    Raises:
        LammpsError: counted from an end that is cut off.
        InputError: there is no such frame.
    """
    n_frames = len(scan.places)
    if not -n_frames <= frame < n_frames:
        raise InputError(
            f"{path} holds {n_frames} whole frames, so there is no frame {frame}: choose {-n_frames} to "
            f"{n_frames - 1}."
        )
    if frame < 0:
        check_tail(path, scan)
    return frame % n_frames


def dump_frame(path: str | os.PathLike, scan: Scan, number: int, by_type: bool) -> FileFrame:
    """One frame as the dump holds it.

    Args:
        path: the dump.
        scan: of it.
        number: of the frame, from 0.
        by_type: the numbers of the types are wanted, not their names.

    Raises:
        LammpsError, StructureError: it cannot be read.
    """
    place = scan.places[number]
    where = f"{path}, frame {number} (step {place.step}, byte {place.start})"
    with open(path, "rb") as file:
        binary = is_binary_dump(file.read(64))
        return binary_frame(file, place, where) if binary else text_frame(file, place, where, by_type)


def names_types(path: str | os.PathLike) -> bool:
    """Whether a dump names the elements of its atoms, as far as its first whole frame tells."""
    with open(path, "rb") as file:
        if is_binary_dump(file.read(64)):
            return False
    return named_types(path, scan_dump(path).places[0])
