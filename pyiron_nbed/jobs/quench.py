"""GlassQuench and CompositeQuench: melt and quench with LAMMPS."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np

from pyiron_nbed.errors import StructureError
from pyiron_nbed.jobs.lammps import LammpsJob
from pyiron_nbed.lammps.melt_quench import prepare_melt_quench, simulate_melt_quench
from pyiron_nbed.lammps.protocol import MeltQuench
from pyiron_nbed.potentials import DEFAULT_POTENTIAL
from pyiron_nbed.units import units_of


class GlassQuench(LammpsJob):
    """Melt a structure and quench it to a glass with LAMMPS.

    Set ``structure`` (orthogonal, periodic), or a job or file as ``sources``, optionally ``potential`` (a
    name of ``list_potentials()`` or a one-row DataFrame) and the fields of
    :class:`pyiron_nbed.lammps.protocol.MeltQuench` as ``input``; ``server.cores`` are MPI ranks.
    """

    example = "pyiron_nbed.composite(cells=12, seed=0)"
    units = units_of(MeltQuench)

    def defaults(self):
        """Fields of the protocol, the structure and the potential."""
        return {**super().defaults(), **asdict(MeltQuench()), "potential": DEFAULT_POTENTIAL}

    @property
    def protocol(self) -> MeltQuench:
        """The protocol made of the input."""
        return MeltQuench(**self._values(field.name for field in fields(MeltQuench)))

    @property
    def total_steps(self) -> int:
        """Time steps of all stages."""
        return sum(self.protocol.steps("frozen" in self.start_structure().arrays).values())

    def check_start(self, atoms, potential):
        """Structure, protocol and elements."""
        frozen = np.asarray(atoms.arrays.get("frozen", np.zeros(len(atoms))), bool)
        if not frozen.all():  # else the class says it better
            prepare_melt_quench(atoms, self.protocol, potential)
        self._check_frozen(frozen)

    def _check_frozen(self, frozen: np.ndarray) -> None:
        if frozen.any():
            raise StructureError(
                "The structure has frozen atoms, which GlassQuench would melt: use CompositeQuench, or "
                "remove its array 'frozen'."
            )

    def simulate(self, atoms, potential, command):
        """Energies, rates and what the run did."""
        return simulate_melt_quench(self.folder, atoms, self.protocol, potential, command, self.job_name)


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
