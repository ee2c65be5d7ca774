"""Runs a complexion: checks, writes the input, runs or resumes LAMMPS, summarises its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import warn
from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.files import check_folder
from pyiron_nbed.geometry.cells import check_atoms, check_orthogonal
from pyiron_nbed.lammps.complexion import Complexion
from pyiron_nbed.lammps.files import write_data
from pyiron_nbed.lammps.protocol import DATA_FILE, HISTORY_FILE, INPUT_FILE
from pyiron_nbed.lammps.resume import log_files, named_frame, read_record, run_or_resume, thermo_of
from pyiron_nbed.lammps.run import LOG_FILE, last_row
from pyiron_nbed.lammps.vcsgc import (
    check_species,
    cutoff_of,
    kappa_of_log,
    rank_grid,
    read_history,
    variance_note,
)
from pyiron_nbed.locking import locked
from pyiron_nbed.potentials import Potential
from pyiron_nbed.provenance import hash_of, structure_id
from pyiron_nbed.ssro.film import film_summary
from pyiron_nbed.structures.seeded_film import seed_film

LOWEST_ACCEPTANCE = 0.001
LARGEST_ERROR = 0.003  # of the composition
LOWEST_SEGREGATION = 1.5


class ComplexionWarning(UserWarning):
    """A run that finished, but whose result is probably not what was wanted."""


def prepare_complexion(
    atoms: Atoms, protocol: Complexion, potential: Potential, ranks: int = 1
) -> tuple[Atoms, tuple[int, int, int]]:
    """Check everything that can be checked before LAMMPS starts, and make the starting structure.

    Args:
        atoms: N atoms, orthogonal and periodic (Å), boundaries normal to x.
        protocol: the stages.
        potential: two species, the majority first.
        ranks: MPI ranks.

    Returns:
        The starting structure (with its film where the protocol seeds one) and the grid of ranks.

    Raises:
        StructureError, PotentialError, InputError: what does not fit, in one sentence.
    """
    if not isinstance(protocol, Complexion):
        raise InputError(f"protocol is {protocol!r}: give a Complexion.")
    check_atoms(atoms, minimum_distance=0.5)
    check_orthogonal(atoms)
    check_species(atoms, potential, protocol.seeded)
    if protocol.seeded:
        atoms = seed_film(
            atoms, protocol.zr_fraction, protocol.film_fraction, protocol.film_boundaries, protocol.seed
        )
    return atoms, rank_grid(atoms.cell.lengths(), cutoff_of(potential), ranks)


def simulate_complexion(
    folder: Path,
    atoms: Atoms,
    protocol: Complexion,
    potential: Potential,
    command: Sequence[str],
    description: str = "complexion",
    ranks: int = 1,
    accelerator: str | None = None,
) -> dict[str, Any]:
    """Run a complexion in a folder, or go on with the run of the same input that is there.

    A run that was killed goes on from its last restart file; one that had finished is only
    read. Anything else of an earlier run in the folder is removed.

    Args:
        folder: existing folder; gets ``structure.data``, ``control.inp``, ``log.lammps``,
            ``history.txt``, ``restart.0``, ``restart.1``, ``frame_<name>.bin`` and, on request,
            ``trajectory.<first step>.bin``.
        atoms: bicrystal, N atoms (Å); pure Cu where the protocol seeds a film.
        protocol: the stages.
        potential: two species, the majority first.
        command: command line of LAMMPS that reads ``control.inp``.
        description: text of the progress bar.
        ranks: MPI ranks in the command.
        accelerator: of the command, see :func:`pyiron_nbed.executable.lammps_command`.

    Returns:
        {"chemical_potential" eV, "acceptance", "zr_fraction" (last values), "composition" of the
        last frame, "lammps_kappa" that LAMMPS was given (κ, or κ kT in eV: see
        :class:`pyiron_nbed.lammps.complexion.Complexion`; NaN without MC), "history" {column: (n,)},
        "disorder_name", "profile", "film", "grains", "film_thickness" Å,
        "segregation" (:func:`pyiron_nbed.ssro.film.film_summary`), "segments", "warnings",
        "energy_per_atom" eV, "n_atoms", "frames", "steps", "cooling_rate" K/s, "input_hash"}.

    Raises:
        LammpsError: LAMMPS stopped or left no usable frame.
        StructureError, PotentialError, InputError: see :func:`prepare_complexion`.
    """
    start, grid = prepare_complexion(atoms, protocol, potential, ranks)
    folder = check_folder(folder)
    identity = [structure_id(start), asdict(protocol), potential.species, potential.sha256]
    # stages were once rounded up to multiples of adjust_every: no run that began so goes on otherwise
    if any(steps % protocol.adjust_every for steps in protocol.stages.values()):
        identity.append(protocol.stages)
    input_hash = hash_of(identity)

    def write_input(slot: str | None) -> None:
        slab = start.arrays["slab"] if protocol.seeded else None
        write_data(folder / DATA_FILE, start, potential.species, slab, "Slab")
        text = protocol.render(potential.config, grid, slot, accelerator)
        (folder / INPUT_FILE).write_text(text)

    with locked(folder):
        run_or_resume(
            folder, protocol, protocol.total_steps, len(start), input_hash, write_input, command,
            description, lambda: live_state(folder),
        )  # fmt: skip
        return summarise(folder, protocol, potential)


def live_state(folder: Path) -> str:
    """Temperature, composition and acceptance of a run in progress, in a few words."""
    row, words = last_row(folder / LOG_FILE), []
    if len(row) > 2:
        words += [f"{row[1]:.0f} K", f"{100 * row[-1]:.2f} at.%"]
    history = read_history(folder / HISTORY_FILE)
    if len(history):
        words.append(f"{100 * history['acceptance'].iloc[-1]:.2f} % accepted")
    return ", ".join(words)


def summarise(folder: Path, protocol: Complexion, potential: Potential) -> dict[str, Any]:
    """Output of a finished run; see :func:`simulate_complexion`."""
    atoms = named_frame(folder, protocol.frames[-1], potential.species)
    if not np.isfinite(atoms.positions).all():
        raise LammpsError(
            f"The simulation blew up (positions are not numbers): lower the time step, now "
            f"{protocol.timestep} fs."
        )
    minority = potential.species[1]
    history, thermo = read_history(folder / HISTORY_FILE), thermo_of(folder)
    composition = float((np.array(atoms.get_chemical_symbols()) == minority).mean())
    film = film_summary(atoms, minority)
    later = history.iloc[len(history) // 2 :]
    acceptance = float(later["acceptance"].mean()) if len(later) else float("nan")
    logs = [path.read_text(errors="replace") for path in log_files(folder)]
    texts = find_warnings(acceptance, composition, film["segregation"], protocol.zr_fraction)
    texts += [*protocol.notes, *filter(None, [variance_note(logs[-1].partition("\n")[0])])]
    for text in texts:
        warn(text, ComplexionWarning)
    record = read_record(folder)
    return {
        "chemical_potential": float(history["chemical_potential"].iloc[-1]) if len(history) else float("nan"),
        "acceptance": acceptance,
        "composition": composition,
        "lammps_kappa": next((k for k in map(kappa_of_log, logs) if k == k), float("nan")),
        "history": {name: history[name].to_numpy() for name in history},
        **film,
        "segments": int(record["segments"]),
        "warnings": texts,
        "energy_per_atom": float(thermo["PotEng"].iloc[-1]) / len(atoms),
        "n_atoms": len(atoms),
        "frames": list(protocol.frames),
        "steps": protocol.stages,
        "cooling_rate": protocol.actual_cooling_rate,
        "input_hash": record["input_hash"],
    }


def find_warnings(acceptance: float, composition: float, segregation: float, target: float) -> list[str]:
    """Sentences about a finished run that is probably useless.

    Args:
        acceptance: mean accepted / tried over the second half of the MC.
        composition: fraction of the minority species in the last frame.
        segregation: its fraction in the film over that in the grains; NaN without film.
        target: composition asked for.

    Returns:
        One sentence per finding, [] for a good run.

    Example:
        >>> find_warnings(0.02, 0.1001, 5.0, 0.1)
        []
    """
    texts = []
    if acceptance < LOWEST_ACCEPTANCE:
        texts.append(
            f"Only {100 * acceptance:.3f} % of the MC trials were accepted (less than 0.1 %), so the species "
            "are not in equilibrium: change input.chemical_potential, or run longer."
        )
    if abs(composition - target) > LARGEST_ERROR:
        texts.append(
            f"The composition is {100 * composition:.2f} at.% instead of {100 * target:.2f} at.%: raise "
            "input.mc_time or input.kappa, or begin closer with input.chemical_potential."
        )
    if not segregation >= LOWEST_SEGREGATION:  # NaN too
        texts.append(
            "The minority species does not segregate: its fraction in the boundary film is "
            f"{segregation:.2f} times that in the grains (NaN: there is no film); run longer, or begin "
            "from the preset 'seeded'."
        )
    return texts
