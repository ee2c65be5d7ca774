"""Structure and per-atom values as a dict of arrays, and in one chunked HDF5 file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from ase import Atoms

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.files import replaced

ATOMS_FILE = "atoms.h5"
_FORMAT = "pyiron_nbed atoms"
# 2: d_i is the signed sum, or its modulus under the name "disorder_modulus"; in files without a version it is
# the modulus and called "disorder_parameter"
_VERSION = 2
_CHUNK = 65_536
_OWN = ("numbers", "positions")
_WHOLE = ("cell", "pbc", "temperature")  # of the structure, not of each atom
_PREFIX = "array_"


def atoms_to_dict(atoms: Atoms) -> dict[str, Any]:
    """Everything of a structure that is stored: the one form for jobs and files.

    Args:
        atoms: N atoms (Å).

    Returns:
        "numbers" (N,), "positions" (N, 3) in Å, "cell" (3, 3) in Å, "pbc" (3,) int, "array_<name>" for each
        other numeric per-atom array (N,) or (N, m), and "temperature" in K where ``atoms.info`` has it.

    Example:
        >>> sorted(atoms_to_dict(Atoms("Cu", pbc=True)))
        ['cell', 'numbers', 'pbc', 'positions']
    """
    values: dict[str, Any] = {
        name if name in _OWN else _PREFIX + name: np.asarray(array)
        for name, array in atoms.arrays.items()
        if array.dtype.kind in "bif"
    }
    values |= {"cell": np.asarray(atoms.cell.array), "pbc": np.asarray(atoms.pbc, dtype=int)}
    if atoms.info.get("temperature") is not None:  # of the frame, K
        values["temperature"] = float(atoms.info["temperature"])
    return values


def modulus_named(values: dict[str, Any]) -> dict[str, Any]:
    """The stored form of a structure whose "disorder_parameter" is the modulus, as it was before version 2.

    Example:
        >>> modulus_named({"array_disorder_parameter": 0, "cell": 1})
        {'array_disorder_modulus': 0, 'cell': 1}
    """
    names = {_PREFIX + "disorder_parameter": _PREFIX + "disorder_modulus"}
    return {names.get(name, name): value for name, value in values.items()}


def atoms_from_dict(values: Mapping[str, Any]) -> Atoms:
    """Inverse of :func:`atoms_to_dict`.

    Example:
        >>> atoms_from_dict(atoms_to_dict(Atoms("CuZr", [[0, 0, 0], [0, 0, 2.5]])))
        Atoms(symbols='CuZr', pbc=False)
    """
    atoms = Atoms(
        numbers=values["numbers"],
        positions=values["positions"],
        cell=values["cell"],
        pbc=np.asarray(values["pbc"], bool),
    )
    for name, array in values.items():
        if name.startswith(_PREFIX):
            atoms.set_array(name.removeprefix(_PREFIX), np.asarray(array))
    if "temperature" in values:
        atoms.info["temperature"] = float(values["temperature"])
    return atoms


def write_atoms(path: str | os.PathLike, atoms: Atoms) -> None:
    """Write positions, numbers, cell, numeric per-atom arrays and ``info["temperature"]`` in K where known.

    The file gets a temporary name first and is then renamed.

    Args:
        path: file to write.
        atoms: N atoms (Å) with arrays (N,) or (N, m).
    """
    with replaced(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["format"] = _FORMAT
        file.attrs["version"] = _VERSION
        for name, values in atoms_to_dict(atoms).items():
            if name in _WHOLE:
                file.attrs[name] = values
            else:
                chunk = (min(len(values), _CHUNK), *values.shape[1:])
                file.create_dataset(name.removeprefix(_PREFIX), data=values, chunks=chunk)


def read_atoms(path: str | os.PathLike) -> Atoms:
    """Inverse of :func:`write_atoms`.

    Files written before d_i was the signed sum hold its modulus, read as ``arrays["disorder_modulus"]``.

    Args:
        path: file of :func:`write_atoms`.

    Returns:
        The atoms (Å) with their arrays.

    Raises:
        DatasetError: absent, truncated or foreign file, or one of a later version.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise DatasetError(f"{path} is not a structure file of pyiron_nbed.")
            version = int(file.attrs.get("version", 1))
            if version > _VERSION:
                raise DatasetError(
                    f"{path} is a structure file of version {version} and this pyiron_nbed reads up to "
                    f"{_VERSION}: update pyiron_nbed."
                )
            arrays = {name if name in _OWN else _PREFIX + name: values[:] for name, values in file.items()}
            if version == 1:
                arrays = modulus_named(arrays)
            return atoms_from_dict({**arrays, **{n: file.attrs[n] for n in _WHOLE if n in file.attrs}})
    except (OSError, KeyError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}): it is absent or truncated; run the SSRO job again."
        ) from error
