"""Melt and quench: writes the input, runs LAMMPS, summarises its output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import LammpsError
from pyiron_nbed.lammps.files import read_frames, read_thermo, write_data
from pyiron_nbed.lammps.protocol import DATA_FILE, FRAMES_FILE, INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.run import run_lammps
from pyiron_nbed.potentials import Potential


def simulate_melt_quench(
    folder: Path,
    atoms: Atoms,
    protocol: MeltQuench,
    potential: Potential,
    command: Sequence[str],
    description: str = "melt-quench",
) -> dict:
    """Melt and quench a structure with LAMMPS in a folder.

    Atoms with ``arrays["frozen"]`` stay where they are until the release temperature.

    Args:
        folder: existing folder; gets ``structure.data``, ``control.inp``, ``log.lammps``,
            ``frames.dump`` (instantaneous, then minimised structure).
        atoms: N atoms, orthogonal and periodic (Å).
        protocol: temperatures, times, rate.
        potential: knows all elements of ``atoms``.
        command: command line of LAMMPS that reads ``control.inp``.
        description: text of the progress bar.

    Returns:
        {"cooling_rate" K/s, "energy_per_atom" eV, "volume_per_atom" Å³, "n_atoms", "n_frames",
        "steps"}.

    Raises:
        LammpsError: LAMMPS stopped, or left positions that are not numbers.
        StructureError, PotentialError: unusable structure or potential.
    """
    potential.check_elements(atoms.get_chemical_symbols())
    frozen = np.asarray(atoms.arrays.get("frozen", np.zeros(len(atoms))), bool)
    held = bool(frozen.any())
    write_data(folder / DATA_FILE, atoms, potential.species, frozen if held else None)
    (folder / INPUT_FILE).write_text(protocol.render(potential.config, held))
    (folder / FRAMES_FILE).unlink(missing_ok=True)
    steps = protocol.steps(held)
    run_lammps(folder, command, sum(steps.values()), description)
    frames = list(read_frames(folder / FRAMES_FILE, potential.species))
    if len(frames) != 1 + protocol.minimize or len(frames[-1]) != len(atoms):
        raise LammpsError(
            f"LAMMPS ended without an error but left {len(frames)} frames of "
            f"{len(frames[-1]) if frames else 0} atoms instead of {1 + protocol.minimize} of {len(atoms)}: "
            f"see {folder / 'log.lammps'}."
        )
    if not np.isfinite(frames[-1].positions).all():
        raise LammpsError(
            "The simulation blew up (positions are not numbers): lower the time step, "
            f"now {protocol.timestep} fs."
        )
    thermo = read_thermo(folder / "log.lammps")
    return {
        "cooling_rate": protocol.cooling_rate,
        "energy_per_atom": float(thermo["PotEng"].iloc[-1]) / len(atoms),
        "volume_per_atom": float(frames[-1].get_volume()) / len(atoms),
        "n_atoms": len(atoms),
        "n_frames": len(frames),
        "steps": steps,
    }
