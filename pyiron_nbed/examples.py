"""Example structures that the project has made itself, with their provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import InputError
from pyiron_nbed.resources import resource_folder

FOLDER = "example_data"


def names() -> list[str]:
    """Names that :func:`load` knows, sorted.

    Example:
        >>> all(isinstance(name, str) for name in names())
        True
    """
    return sorted(path.stem for path in resource_folder(FOLDER).glob("*.npz"))


def overview() -> str:
    """Names of the minimised structures in one line; of those that are counted the first and the last.

    Example:
        >>> isinstance(overview(), str)
        True
    """
    counted: dict[str, set[int]] = {}
    for name in names():
        start, _, end = name.rpartition("_")
        if end.isdigit():
            counted.setdefault(start, set()).add(int(end))
    counted = {start: found for start, found in counted.items() if found == set(range(1, len(found) + 1))}
    shown = [f"{start}_1 … {len(found)}" for start, found in counted.items()]
    shown += [name for name in names() if not name.endswith("K") and name.rpartition("_")[0] not in counted]
    return ", ".join(sorted(shown))


def load(name: str) -> Atoms:
    """An example structure.

    Names as "complexion_a" are minimised structures; "complexion_a_300K" and
    "complexion_a_1000K" are instantaneous frames of the same run.

    Args:
        name: one of :func:`names`.

    Returns:
        Periodic ``ase.Atoms`` (Å; positions were stored as float32, about 1e-5 Å), with
        ``info["name"]``, ``info["temperature"]`` (K of the frame, 0 where minimised) and
        ``info["provenance"]``: protocol, rates, seeds, versions, potential.

    Raises:
        InputError: unknown name.

    Example:
        >>> load(names()[0]).pbc.tolist() if names() else [True, True, True]
        [True, True, True]
    """
    path = _file(name, ".npz")
    with np.load(path) as data:
        atoms = Atoms(data["numbers"], positions=data["positions"].astype(float), cell=data["cell"], pbc=True)
    record = provenance(name)
    atoms.info.update(name=name, provenance=record)
    if "frame" in record:
        frame = record["frame"]
        atoms.info["temperature"] = float(frame.removesuffix("K")) if frame.endswith("K") else 0.0
    return atoms


def provenance(name: str) -> dict[str, Any]:
    """How an example was made: protocol, rates in K/s, seeds, versions, hash of the potential.

    Raises:
        InputError: unknown name.
    """
    return json.loads(_file(name, ".json").read_text())


def _file(name: str, suffix: str) -> Path:
    known = names()
    if name not in known:
        raise InputError(
            f"There is no example {name!r}: choose one of {overview()}, or a frame such as "
            "complexion_a_300K (pyiron_nbed.examples.names() lists all)."
        )
    return resource_folder(FOLDER) / f"{name}{suffix}"


def save(folder: Path, name: str, atoms: Atoms, record: dict[str, Any]) -> None:
    """Write an example: ``<name>.npz`` (float32, compressed) and ``<name>.json``.

    Args:
        folder: where to.
        name: of the example.
        atoms: N atoms in an orthogonal cell (Å).
        record: its provenance.
    """
    cell = atoms.cell.lengths()
    # float32 may round a coordinate up to the cell's side: it is the same place as 0
    positions = atoms.get_positions(wrap=True).astype(np.float32)
    positions[positions >= cell.astype(np.float32)] = 0.0
    np.savez_compressed(
        folder / f"{name}.npz", numbers=atoms.numbers.astype(np.uint8), positions=positions, cell=cell
    )
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1, default=str) + "\n")
