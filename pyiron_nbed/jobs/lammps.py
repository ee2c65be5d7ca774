"""What the jobs that run LAMMPS share: an executable, a structure and a potential."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from ase import Atoms
from pyiron_base import state

from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import NBEDJob
from pyiron_nbed.jobs.source import StructureSource
from pyiron_nbed.lammps.protocol import frame_temperature
from pyiron_nbed.lammps.resume import named_frame, read_trajectory, thermo_of
from pyiron_nbed.potentials import Potential, find_potential, list_potentials


class LammpsJob(StructureSource, NBEDJob):
    """A job with ``structure`` and ``potential``.

    ``server.cores`` are MPI ranks, ``server.threads`` OpenMP threads of each. With
    ``input.accelerator = "kokkos"``, ``server.gpus`` and ``executable`` set to a LAMMPS that has
    KOKKOS it runs on GPUs. A job that was killed goes on from its last restart file when it is
    run again.
    """

    def __init__(self, project, job_name):
        super().__init__(project, job_name)
        self._executable_activate(enforce=True, codename="lammps")

    protocol: Any
    resumable = True

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

    def get_structure(self, frame: int | str = -1) -> Atoms:
        """A frame by name (of ``output.frames``) or number (−1: the last, the minimised one)."""
        name = frame if isinstance(frame, str) else self.protocol.frames[frame]
        atoms = named_frame(self.folder, name, self._find_potential().species)
        atoms.info["temperature"] = frame_temperature(self.protocol, name)
        return atoms

    def get_trajectory(self) -> Iterator[Atoms]:
        """Frames of the trajectory one at a time, where ``input.trajectory_every`` asked for one."""
        return read_trajectory(self.folder, self._find_potential().species)

    def get_thermo(self) -> pd.DataFrame:
        """Thermodynamic log (metal units: K, eV, bar, Å); live."""
        return thermo_of(self.folder)

    def _need_structure(self, example: str):
        if self.structure is None:
            raise InputError(f"There is no structure: assign job.structure, for example {example}.")
        return self.structure

    def _find_potential(self) -> Potential:
        given = self.potential
        if isinstance(given, str) and given not in list_potentials():
            own = _potential_of_user(given)
            given = own if own is not None else given
        return find_potential(given, state.settings.resource_paths)


def _potential_of_user(name: str) -> pd.DataFrame | None:
    """A potential of the user's own pyiron resources."""
    try:
        from pyiron_atomistics.lammps.potential import LammpsPotentialFile

        table = LammpsPotentialFile().list()
    except (ImportError, ValueError):
        return None
    rows = table[table["Name"] == name]
    return rows if len(rows) == 1 else None
