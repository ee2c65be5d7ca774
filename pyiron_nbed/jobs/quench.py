"""GlassQuench and CompositeQuench: melt and quench with LAMMPS."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np
import pandas as pd
from ase import Atoms
from pyiron_base import state

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry import check_atoms
from pyiron_nbed.jobs.base import NBEDJob
from pyiron_nbed.jobs.executable import command_of_job
from pyiron_nbed.jobs.source import StructureSource, structure_from_dict
from pyiron_nbed.lammps.executable import lammps_version
from pyiron_nbed.lammps.files import check_orthogonal, read_frames, read_thermo
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import FRAMES_FILE, MeltQuench
from pyiron_nbed.potentials import DEFAULT_POTENTIAL, Potential, find_potential, list_potentials
from pyiron_nbed.provenance import structure_id


class GlassQuench(StructureSource, NBEDJob):
    """Melt a structure and quench it to a glass with LAMMPS.

    Set ``structure`` (orthogonal, periodic), optionally ``potential`` (a name of
    ``list_potentials()`` or a one-row DataFrame) and the fields of
    :class:`pyiron_nbed.lammps.protocol.MeltQuench` as ``input``; ``server.cores`` are MPI ranks.
    """

    def __init__(self, project, job_name):
        super().__init__(project, job_name)
        self._executable_activate(enforce=True, codename="lammps")

    def defaults(self):
        """Fields of the protocol, the structure and the potential."""
        return {**asdict(MeltQuench()), "structure": None, "potential": DEFAULT_POTENTIAL}

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

    @property
    def protocol(self) -> MeltQuench:
        """The protocol made of the input."""
        return MeltQuench(**self._values(field.name for field in fields(MeltQuench)))

    def check_input(self):
        """Structure, protocol, potential and LAMMPS."""
        atoms = self.structure
        if atoms is None:
            raise InputError(
                "There is no structure: assign job.structure, for example "
                "pyiron_nbed.composite(cells=12, seed=0)."
            )
        check_atoms(atoms, minimum_distance=0.5)
        check_orthogonal(atoms)
        self._check_frozen(np.asarray(atoms.arrays.get("frozen", np.zeros(len(atoms))), bool))
        _ = self.protocol
        self._find_potential().check_elements(atoms.get_chemical_symbols())
        if not self.server.run_mode.queue:  # LAMMPS may be on the compute node only
            command_of_job(self)

    def _check_frozen(self, frozen: np.ndarray) -> None:
        if frozen.any():
            raise StructureError(
                "The structure has frozen atoms, which GlassQuench would melt: use CompositeQuench, or "
                "remove its array 'frozen'."
            )

    def compute(self):
        """Run LAMMPS; the output holds energies, rates, potential and provenance."""
        command = command_of_job(self)
        atoms, potential = structure_from_dict(self.input.structure), self._find_potential()
        result = simulate_melt_quench(self.folder, atoms, self.protocol, potential, command, self.job_name)
        return {
            **result,
            "potential": asdict(potential),
            "structure_id": {"start": structure_id(atoms), "final": structure_id(self.get_structure())},
            "lammps_version": lammps_version(tuple(command)),
            "command": list(command),
        }

    def get_structure(self, frame: int = -1) -> Atoms:
        """A stored frame: 0 the instantaneous end of the quench, −1 the last (minimised) one."""
        frames = list(read_frames(self.folder / FRAMES_FILE, self._find_potential().species))
        return frames[frame]

    def get_thermo(self) -> pd.DataFrame:
        """Thermodynamic log (metal units: K, eV, bar, Å)."""
        return read_thermo(self.folder / "log.lammps")

    def _find_potential(self) -> Potential:
        given = self.potential
        if isinstance(given, str) and given not in list_potentials():
            own = _potential_of_user(given)
            given = own if own is not None else given
        return find_potential(given, state.settings.resource_paths)


class CompositeQuench(GlassQuench):
    """Melt and quench around frozen nanocrystals, which are released on the way.

    As :class:`GlassQuench`; the structure carries ``arrays["frozen"]`` (N,) bool, as
    :func:`pyiron_nbed.composite` makes it.
    """

    def _check_frozen(self, frozen: np.ndarray) -> None:
        if not frozen.any() or frozen.all():
            raise StructureError(
                f"CompositeQuench needs some frozen and some free atoms, but {int(frozen.sum())} of "
                f"{len(frozen)} are frozen: set structure.arrays['frozen'], use "
                "pyiron_nbed.composite(...), or use GlassQuench."
            )


def _potential_of_user(name: str) -> pd.DataFrame | None:
    """A potential of the user's own pyiron resources."""
    try:
        from pyiron_atomistics.lammps.potential import LammpsPotentialFile

        table = LammpsPotentialFile().list()
    except (ImportError, ValueError):
        return None
    rows = table[table["Name"] == name]
    return rows if len(rows) == 1 else None
