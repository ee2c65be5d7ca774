"""ComplexionMDMC: an amorphous grain-boundary complexion by hybrid MD/MC with LAMMPS."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from pyiron_nbed.executable import lammps_version
from pyiron_nbed.jobs.executable import command_of_job
from pyiron_nbed.jobs.lammps import LammpsJob
from pyiron_nbed.jobs.source import structure_from_dict
from pyiron_nbed.lammps.complexion import FIELDS, Complexion
from pyiron_nbed.lammps.complexion_run import prepare_complexion, simulate_complexion
from pyiron_nbed.lammps.protocol import HISTORY_FILE
from pyiron_nbed.lammps.vcsgc import read_history
from pyiron_nbed.provenance import structure_id

DEFAULT_POTENTIAL = "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"


class ComplexionMDMC(LammpsJob):
    """Segregate Zr to the boundaries of a Cu bicrystal until they are amorphous films.

    Set ``structure`` (:func:`pyiron_nbed.bicrystal`), ``input.preset`` ("seeded" for small
    machines, "published" for the study's protocol) and any field of
    :class:`pyiron_nbed.lammps.complexion.Complexion`; a field that is None has the preset's value.
    ``accelerator`` keeps the pair style on the CPU here, where the MC reads its tables.
    """

    def defaults(self):
        """Preset, fields of the protocol, structure and potential."""
        return {
            "preset": "seeded",
            **dict.fromkeys(FIELDS),
            "accelerator": None,
            "structure": None,
            "potential": DEFAULT_POTENTIAL,
        }

    @property
    def protocol(self) -> Complexion:
        """The protocol made of the input."""
        given = self._values(FIELDS)
        changes = {name: value for name, value in given.items() if value is not None}
        return Complexion.preset(self.input.preset, **changes)

    @property
    def total_steps(self) -> int:
        """Time steps of all stages."""
        return self.protocol.total_steps

    def check_input(self):
        """Structure, protocol, potential, ranks and LAMMPS."""
        atoms = self._need_structure("pyiron_nbed.bicrystal(length=130, height=31)")
        prepare_complexion(atoms, self.protocol, self._find_potential(), int(self.server.cores))
        if not self.server.run_mode.queue:  # LAMMPS may be on the compute node only
            command_of_job(self)

    def compute(self):
        """Run LAMMPS; the output holds the control's history, profile, segments and provenance."""
        command = command_of_job(self)
        atoms, potential = structure_from_dict(self.input.structure), self._find_potential()
        result = simulate_complexion(
            self.folder, atoms, self.protocol, potential, command, self.job_name, int(self.server.cores),
            self.input.accelerator,
        )  # fmt: skip
        return {
            **result,
            "protocol": asdict(self.protocol),
            "potential": asdict(potential),
            "structure_id": {"start": structure_id(atoms), "final": structure_id(self.get_structure())},
            "lammps_version": lammps_version(tuple(command)),
            "command": list(command),
        }

    def get_history(self) -> pd.DataFrame:
        """Chemical potential (eV), composition and acceptance, one row per adjustment; live."""
        return read_history(self.folder / HISTORY_FILE)
