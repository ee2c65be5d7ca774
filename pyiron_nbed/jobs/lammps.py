"""What the jobs that run LAMMPS share: an executable, one structure to start from and a potential."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from ase import Atoms
from pyiron_base import state

from pyiron_nbed.checks import is_whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.executable import lammps_command, lammps_version
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.sources import builtin
from pyiron_nbed.lammps.protocol import INPUT_FILE, frame_temperature
from pyiron_nbed.lammps.resume import named_frame, read_trajectory, thermo_of
from pyiron_nbed.potentials import Potential, find_potential, list_potentials
from pyiron_nbed.provenance import hash_of, structure_id


class LammpsJob(AtomsJob):
    """A job with one structure (``structure``, or any of ``sources``) and a ``potential``.

    ``server.cores`` are MPI ranks, ``server.threads`` OpenMP threads of each. With
    ``input.accelerator = "kokkos"``, ``server.gpus`` and ``executable`` set to a LAMMPS that has
    KOKKOS it runs on GPUs. A job that was killed goes on from its last restart file when it is
    run again. A subclass gives ``protocol``, ``check_start`` and ``simulate``.
    """

    example = "pyiron_nbed.random_alloy(n_atoms=4000)"

    def __init__(self, project, job_name):
        super().__init__(project, job_name)
        self._executable_activate(enforce=True, codename="lammps")

    def defaults(self):
        """Source and accelerator."""
        return {**super().defaults(), "accelerator": None}

    @property
    def protocol(self) -> Any:
        """The protocol made of the input."""
        raise NotImplementedError

    def check_start(self, atoms: Atoms, potential: Potential) -> None:
        """Raise a named error for a structure or a protocol that cannot work."""
        raise NotImplementedError

    def simulate(self, atoms: Atoms, potential: Potential, command: list[str]) -> dict[str, Any]:
        """Call the function that runs LAMMPS; returns its result."""
        raise NotImplementedError

    def check_input(self):
        """Structure, protocol, potential and LAMMPS."""
        _ = self.protocol  # before a potential is looked for, maybe in the network
        self.check_start(self.start_structure(), self._find_potential())
        if not self.server.run_mode.queue:  # LAMMPS may be on the compute node only
            command_of_job(self)

    def compute(self):
        """Run LAMMPS; the output holds what the function returns, potential and provenance."""
        command = command_of_job(self)
        atoms, potential = self.start_structure(), self._find_potential()
        result = self.simulate(atoms, potential, command)
        return {
            **result,
            "potential": asdict(potential),
            "structure_id": {"start": structure_id(atoms), "final": structure_id(self.get_structure())},
            "lammps_version": lammps_version(tuple(command)),
            "command": list(command),
        }

    def result_hash(self):
        """Hash of the structure it started from and of the one it ended with."""
        found = self.output.get("structure_id")
        return None if found is None else hash_of(builtin(found))

    @property
    def potential(self) -> str | pd.DataFrame:
        """Name of a potential, or a one-row DataFrame in pyiron's form."""
        return self.input.potential

    @potential.setter
    def potential(self, potential: str | pd.DataFrame) -> None:
        self.input.potential = potential

    def list_potentials(self) -> list[str]:
        """Names that ``potential`` may take."""
        return list_potentials()

    def start_structure(self) -> Atoms:
        """The one structure (Å) to start from.

        Raises:
            InputError: none, or several.
        """
        if self.input.sources is None:
            raise InputError(f"There is no structure: assign job.structure, for example {self.example}.")
        found = self.source_structures()
        if len(found) != 1:
            raise InputError(
                f"{type(self).__name__} starts from one structure, and its sources hold {len(found)}: make a "
                "job for each."
            )
        return found[0]

    def get_structure(self, frame: int | str = -1) -> Atoms:
        """A frame by name (of ``output.frames``) or number (−1: the last, the minimised one)."""
        names = self.protocol.frames
        if not isinstance(frame, str) and not (is_whole(frame) and -len(names) <= frame < len(names)):
            raise InputError(
                f"The job {self.job_name!r} has no frame {frame!r}: choose a number from 0 to "
                f"{len(names) - 1}, -1 for the last, or one of {', '.join(map(repr, names))}."
            )
        name = frame if isinstance(frame, str) else names[int(frame)]
        atoms = named_frame(self.folder, name, self._find_potential().species)
        atoms.info["temperature"] = frame_temperature(self.protocol, name)
        return atoms

    def get_trajectory(self) -> Iterator[Atoms]:
        """Frames of the trajectory one at a time, where ``input.trajectory_every`` asked for one."""
        return read_trajectory(self.folder, self._find_potential().species)

    def get_thermo(self) -> pd.DataFrame:
        """Thermodynamic log (metal units: K, eV, bar, Å); live."""
        return thermo_of(self.folder)

    def _find_potential(self) -> Potential:
        given = self.potential
        if isinstance(given, str) and given not in list_potentials():
            own = _potential_of_user(given)
            given = own if own is not None else given
        return find_potential(given, state.settings.resource_paths)


def command_of_job(job: Any) -> list[str]:
    """Command line of a LAMMPS job.

    In this order: ``job.executable`` (a binary, or a whole command line), the scripts
    ``lammps/bin/run_lammps_*.sh`` of the user's pyiron resource paths (called with cores and threads,
    as pyiron does), the ``lmp`` of the environment.

    Args:
        job: its ``server.cores`` are the MPI ranks, ``server.threads`` the OpenMP threads of each,
            ``input.accelerator`` and ``server.gpus`` as in
            :func:`pyiron_nbed.executable.lammps_command`.

    Returns:
        The command as words.

    Raises:
        LammpsError: there is no such executable, or it lacks a package.
        InputError: an accelerator that does not fit.
    """
    settings = {
        "threads": int(job.server.threads),
        "accelerator": job.input.accelerator,
        "gpus": int(job.server.gpus or 0),
    }
    own = shlex.split(str(job.executable.executable_path or ""))
    cores = int(job.server.cores)
    scripted = len(own) > 1 or (own and Path(own[0]).name.startswith("run_lammps_"))
    if scripted and settings["accelerator"] is not None:
        raise InputError(
            f"accelerator is {settings['accelerator']!r}, but job.executable is a command line or script of "
            "your own: put the switches there, or give the LAMMPS binary alone."
        )
    if not own:
        return [*lammps_command(cores, **settings), "-in", INPUT_FILE]
    if len(own) > 1:
        return own if "-in" in own else [*own, "-in", INPUT_FILE]
    if Path(own[0]).name.startswith("run_lammps_"):  # these read control.inp by themselves
        scripts = job.executable.executable_lst
        script = scripts.get(f"{job.executable.version}_mpi", own[0]) if cores > 1 else own[0]
        return [script, str(cores), str(job.server.threads)]
    return [*lammps_command(cores, own[0], **settings), "-in", INPUT_FILE]


def _potential_of_user(name: str) -> pd.DataFrame | None:
    """A potential of the user's own pyiron resources."""
    try:
        from pyiron_atomistics.lammps.potential import LammpsPotentialFile

        table = LammpsPotentialFile().list()
    except (ImportError, ValueError):
        return None
    rows = table[table["Name"] == name]
    return rows if len(rows) == 1 else None
