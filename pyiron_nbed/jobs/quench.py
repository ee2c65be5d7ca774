"""GlassQuench and CompositeQuench: melt and quench with LAMMPS."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np

from pyiron_nbed.errors import StructureError
from pyiron_nbed.executable import lammps_version
from pyiron_nbed.geometry.cells import check_atoms, check_orthogonal
from pyiron_nbed.jobs.executable import command_of_job
from pyiron_nbed.jobs.lammps import LammpsJob
from pyiron_nbed.jobs.source import structure_from_dict
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import MeltQuench
from pyiron_nbed.potentials import DEFAULT_POTENTIAL
from pyiron_nbed.provenance import structure_id


class GlassQuench(LammpsJob):
    """Melt a structure and quench it to a glass with LAMMPS.

    Set ``structure`` (orthogonal, periodic), optionally ``potential`` (a name of
    ``list_potentials()`` or a one-row DataFrame) and the fields of
    :class:`pyiron_nbed.lammps.protocol.MeltQuench` as ``input``; ``server.cores`` are MPI ranks.
    """

    def defaults(self):
        """Fields of the protocol, the structure and the potential."""
        return {
            **asdict(MeltQuench()),
            "accelerator": None,
            "structure": None,
            "potential": DEFAULT_POTENTIAL,
        }

    @property
    def protocol(self) -> MeltQuench:
        """The protocol made of the input."""
        return MeltQuench(**self._values(field.name for field in fields(MeltQuench)))

    @property
    def total_steps(self) -> int:
        """Time steps of all stages."""
        return sum(self.protocol.steps("array_frozen" in self.input.structure).values())

    def check_input(self):
        """Structure, protocol, potential and LAMMPS."""
        atoms = self._need_structure("pyiron_nbed.composite(cells=12, seed=0)")
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
