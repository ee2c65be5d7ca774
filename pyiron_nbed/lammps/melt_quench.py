"""Melt and quench: writes the input, runs or resumes LAMMPS, summarises its output."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import InputError, LammpsError, StructureError
from pyiron_nbed.files import check_folder
from pyiron_nbed.geometry.cells import check_atoms, check_orthogonal
from pyiron_nbed.lammps.files import write_data
from pyiron_nbed.lammps.protocol import DATA_FILE, INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import named_frame, read_record, run_or_resume, thermo_of
from pyiron_nbed.lammps.run import LOG_FILE
from pyiron_nbed.locking import locked
from pyiron_nbed.potentials import Potential
from pyiron_nbed.provenance import hash_of, structure_id

LEAST_ATOMS = 16  # that move; fewer have neither a temperature nor a structure of a melt


def prepare_melt_quench(atoms: Atoms, protocol: MeltQuench, potential: Potential) -> np.ndarray:
    """Check everything that can be checked before LAMMPS starts.

    Args:
        atoms: N atoms, orthogonal and periodic (Å), with or without ``arrays["frozen"]``.
        protocol: the stages.
        potential: knows all elements of ``atoms``.

    Returns:
        (N,) bool, the atoms that are frozen.

    Raises:
        StructureError, PotentialError, InputError: what does not fit, in one sentence.

    Example:
        >>> from pyiron_nbed import random_alloy
        >>> from pyiron_nbed.potentials import find_potential
        >>> bool(prepare_melt_quench(random_alloy(108), MeltQuench(), find_potential()).any())
        False
    """
    if not isinstance(protocol, MeltQuench):
        raise InputError(f"protocol is {protocol!r}: give a MeltQuench.")
    check_atoms(atoms, minimum_distance=0.5)
    check_orthogonal(atoms)
    potential.check_elements(atoms.get_chemical_symbols())
    frozen = np.asarray(atoms.arrays.get("frozen", np.zeros(len(atoms), bool)))
    if frozen.shape != (len(atoms),) or frozen.dtype.kind not in "biu":
        raise StructureError(
            f"arrays['frozen'] has the shape {frozen.shape} and type {frozen.dtype}: give one boolean "
            "for each of "
            f"the {len(atoms)} atoms."
        )
    frozen = frozen.astype(bool)
    if (~frozen).sum() < LEAST_ATOMS:
        raise StructureError(
            f"Only {int((~frozen).sum())} atoms move, and a melt needs at least {LEAST_ATOMS}: repeat "
            "the structure, "
            "for example by atoms * (4, 4, 4)."
        )
    return frozen


def simulate_melt_quench(
    folder: Path,
    atoms: Atoms,
    protocol: MeltQuench,
    potential: Potential,
    command: Sequence[str],
    description: str = "melt-quench",
) -> dict:
    """Melt and quench a structure with LAMMPS in a folder.

    Atoms with ``arrays["frozen"]`` stay where they are until the release temperature. A run of the
    same input that was killed goes on from its last restart file; one that had finished is only
    read. Anything else of an earlier run in the folder is removed.

    Args:
        folder: existing folder; gets ``structure.data``, ``control.inp``, ``log.lammps``,
            ``restart.0``, ``restart.1``, ``frame_cold.bin`` (instantaneous),
            ``frame_minimized.bin`` and, on request, ``trajectory.<first step>.bin``.
        atoms: N atoms, orthogonal and periodic (Å).
        protocol: temperatures, times, rate.
        potential: knows all elements of ``atoms``.
        command: command line of LAMMPS that reads ``control.inp``.
        description: text of the progress bar.

    Returns:
        {"cooling_rate" K/s, "energy_per_atom" eV, "volume_per_atom" Å³, "n_atoms", "frames",
        "steps", "segments", "input_hash"}.

    Raises:
        LammpsError: LAMMPS stopped, or left positions that are not numbers.
        StructureError, PotentialError, InputError: see :func:`prepare_melt_quench`; no such folder.
    """
    frozen, folder = prepare_melt_quench(atoms, protocol, potential), check_folder(folder)
    held = bool(frozen.any())
    marks = hashlib.sha256(frozen.tobytes()).hexdigest()
    input_hash = hash_of([structure_id(atoms), marks, asdict(protocol), potential.species, potential.sha256])

    def write_input(slot: str | None) -> None:
        write_data(folder / DATA_FILE, atoms, potential.species, frozen if held else None)
        (folder / INPUT_FILE).write_text(protocol.render(potential.config, held, slot))

    steps = protocol.steps(held)
    with locked(folder):
        run_or_resume(
            folder, protocol, sum(steps.values()), len(atoms), input_hash, write_input, command, description
        )
        return _summarise(folder, atoms, protocol, potential, steps)


def _summarise(folder, atoms, protocol, potential, steps) -> dict:
    final = named_frame(folder, protocol.frames[-1], potential.species)
    if len(final) != len(atoms):
        raise LammpsError(
            f"LAMMPS ended without an error but left {len(final)} atoms of {len(atoms)}: see "
            f"{folder / LOG_FILE}."
        )
    if not np.isfinite(final.positions).all():
        raise LammpsError(
            "The simulation blew up (positions are not numbers): lower the time step, "
            f"now {protocol.timestep} fs."
        )
    record = read_record(folder)
    return {
        "cooling_rate": protocol.cooling_rate,
        "energy_per_atom": float(thermo_of(folder)["PotEng"].iloc[-1]) / len(atoms),
        "volume_per_atom": float(final.get_volume()) / len(atoms),
        "n_atoms": len(atoms),
        "frames": list(protocol.frames),
        "steps": steps,
        "segments": int(record["segments"]),
        "input_hash": record["input_hash"],
    }
