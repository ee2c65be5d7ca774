"""Files read by OVITO [Stukowski2010]."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.structures.file_frame import FileFrame


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


def _reason(error: Exception) -> str:
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return re.sub(r"\.\s+(?=[A-Z])", "; ", "; ".join(lines))[:200]
