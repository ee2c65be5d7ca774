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

    Raises:
        DatasetError: absent, truncated or foreign file.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise DatasetError(f"{path} is not a structure file of pyiron_nbed.")
            arrays = {name: values[:] for name, values in file.items()}
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
