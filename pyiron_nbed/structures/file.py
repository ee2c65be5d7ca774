"""Structure and per-atom values in one chunked HDF5 file."""

from __future__ import annotations

import os

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
        file.attrs["cell"] = atoms.cell.array
        file.attrs["pbc"] = np.asarray(atoms.pbc, int)
        if atoms.info.get("temperature") is not None:
            file.attrs["temperature"] = float(atoms.info["temperature"])
        for name, values in atoms.arrays.items():
            if values.dtype.kind in "bif":
                chunk = (min(len(values), _CHUNK), *values.shape[1:])
                file.create_dataset(name, data=values, chunks=chunk)


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
            arrays = {name: values[:] for name, values in file.items()}
            if version == 1 and "disorder_parameter" in arrays:
                arrays["disorder_modulus"] = arrays.pop("disorder_parameter")
            atoms = Atoms(
                numbers=arrays.pop("numbers"), positions=arrays.pop("positions"),
                cell=file.attrs["cell"], pbc=np.asarray(file.attrs["pbc"], bool),
            )  # fmt: skip
            if "temperature" in file.attrs:
                atoms.info["temperature"] = float(file.attrs["temperature"])
    except (OSError, KeyError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}): it is absent or truncated; run the SSRO job again."
        ) from error
    for name, values in arrays.items():
        atoms.set_array(name, values)
    return atoms
