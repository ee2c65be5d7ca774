"""Files read by OVITO [Stukowski2010]."""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.structures.file_frame import FileFrame

_BLOCK = 1 << 20
_NUMBER = re.compile(rb"[+-]?\.?\d")
_DIGIT, _ODD = 1, 2
_KINDS = np.full(256, _ODD, np.uint8)
_KINDS[list(b"0123456789.")] = _DIGIT
_KINDS[list(b" \t\r\n\v\feE#")] = 0
_OF_NUMBERS = b"0123456789.eE+- \t\r\n\v\f"


def ovito_frame(
    source: str | os.PathLike | bytes, where: str, suffix: str, keep: Sequence[str] = (), **options: Any
) -> FileFrame:
    """The structure in a file of one frame, as OVITO reads it.

    Args:
        source: path, or the text of the file.
        where: the file, for messages.
        suffix: end of the file's name, of which OVITO takes a hint.
        keep: names of values per atom that are taken as well.
        options: of ``ovito.io.import_file``.

    Returns:
        What the file holds.

    Raises:
        StructureError: OVITO cannot read it, or finds several frames.
        InputError: OVITO is not installed.

    Example:
        >>> ovito_frame(b"1\\n\\nCu 1 2 3\\n", "a.xyz", ".xyz").names
        {1: 'Cu'}
    """
    try:
        from ovito.io import import_file
    except ImportError as error:
        raise InputError(
            f"{where} cannot be read, since OVITO is not installed: `pip install ovito`."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        # a name of our own: OVITO takes * in a name for several files
        path = Path(folder) / f"structure{suffix}"
        if isinstance(source, bytes):
            path.write_bytes(source)
        else:
            path.symlink_to(Path(source).resolve())
        try:
            pipeline = import_file(str(path), **options)
            assert pipeline.source is not None
            n_frames = pipeline.source.num_frames
            data = pipeline.compute(0)
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            raise StructureError(
                f"{where} cannot be read ({_reason(error)}): the file is damaged, or of another kind."
            ) from error
    if n_frames != 1:
        raise StructureError(
            f"{where} holds {n_frames} frames where one was expected: write one frame a file."
        )
    particles = data.particles
    if particles is None or particles.particle_types is None or "Position" not in particles:
        raise StructureError(f"{where} holds no types and positions of atoms: write it with both.")
    cell, origin, pbc = None, np.zeros(3), np.zeros(3, bool)
    if data.cell is not None:
        matrix = np.array(data.cell[...])
        cell, origin, pbc = matrix[:, :3].T.copy(), matrix[:, 3].copy(), np.array(data.cell.pbc, bool)
    ids = particles.identifiers
    names = {kind.id: kind.name for kind in particles.particle_types.types if kind.name}
    arrays = {name: np.array(particles[name]) for name in keep if name in particles}
    return FileFrame(
        where=where,
        types=np.asarray(particles.particle_types),
        positions=np.asarray(particles.positions),
        cell=cell, origin=origin, pbc=pbc,
        ids=None if ids is None else np.asarray(ids),
        names=names, named=bool(names),
        arrays=arrays,
    )  # fmt: skip


def check_words(
    text: bytes | mmap.mmap, start: int, end: int, where: str, columns: Collection[int] | None = None
) -> None:
    """Raise for a number with something behind it, of which OVITO would take the first digits: 1,5 or 1.5D3.

    Args:
        text: whole text.
        start, end: first byte of the lines to look at, and the byte after their last.
        where: the file, for messages.
        columns: numbers, from 0, of the columns that hold numbers; None for all words.

    Raises:
        StructureError: such a word.

    Example:
        >>> check_words(b"Cu 1.5 2e-3 H2O", 0, 15, "a.xyz")
    """
    word = _broken_number(text, start, end, columns)
    if word is not None:
        raise StructureError(f"{where} holds {word!r}, which is no number: write numbers as 1.5 or 1.5e3.")


def _broken_number(
    text: bytes | mmap.mmap, start: int, end: int, columns: Collection[int] | None
) -> str | None:
    if not text[start:end].translate(None, _OF_NUMBERS):  # ten times as fast as to look at each word
        return None
    letters = np.frombuffer(text, np.uint8)
    for block in range(start, end, _BLOCK):
        kinds = _KINDS[letters[block : min(end, block + _BLOCK + 1)]]
        for hit in (np.flatnonzero((kinds[:-1] & _DIGIT) & (kinds[1:] >> 1)) + block).tolist():
            begin = max(start, text.rfind(b"\n", start, hit) + 1)
            before = text[begin : hit + 1].split()
            if b"#" in text[begin:hit] or (columns is not None and len(before) - 1 not in columns):
                continue
            if _NUMBER.match(before[-1]):
                rest = text[hit + 1 : min(end, hit + 33)].split(maxsplit=1)
                return (before[-1] + rest[0]).decode("utf-8", "replace")
    return None


def _reason(error: Exception) -> str:
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return re.sub(r"\.\s+(?=[A-Z])", "; ", "; ".join(lines))[:200]
