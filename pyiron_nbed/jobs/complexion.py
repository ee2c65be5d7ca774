"""ComplexionMDMC: an amorphous grain-boundary complexion by hybrid MD/MC with LAMMPS."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

import pandas as pd

from pyiron_nbed.errors import NBEDError
from pyiron_nbed.jobs.lammps import LammpsJob
from pyiron_nbed.lammps.complexion import FIELDS, Complexion
from pyiron_nbed.lammps.complexion_run import prepare_complexion, simulate_complexion
from pyiron_nbed.lammps.protocol import HISTORY_FILE
from pyiron_nbed.lammps.vcsgc import read_history
from pyiron_nbed.potentials import COMPLEXION_POTENTIAL
from pyiron_nbed.units import units_of


class ComplexionMDMC(LammpsJob):
    """Segregate Zr to the boundaries of a Cu bicrystal until they are amorphous films.

    Set ``structure`` (:func:`pyiron_nbed.bicrystal`) or ``sources``, ``input.preset`` ("seeded" for small
    machines, "published" for the study's protocol) and any field of
    :class:`pyiron_nbed.lammps.complexion.Complexion`; a field that is None has the preset's value.
    ``accelerator`` keeps the pair style on the CPU here, where the MC reads its tables.
    """

    example = "pyiron_nbed.bicrystal(length=130, height=31)"
    units = units_of(Complexion)

    def defaults(self):
        """Preset, fields of the protocol, structure and potential."""
        own = {"preset": "seeded", **dict.fromkeys(FIELDS), "potential": COMPLEXION_POTENTIAL}
        return {**super().defaults(), **own}

    @property
    def protocol(self) -> Complexion:
        """The protocol made of the input."""
        given = self._values(FIELDS)
        changes = {name: value for name, value in given.items() if value is not None}
        return Complexion.preset(self.input.preset, **changes)

    def effective_input(self):
        """With the values of the preset."""
        found = super().effective_input()
        with contextlib.suppress(NBEDError):
            found |= {name: value for name, value in asdict(self.protocol).items() if found.get(name) is None}
        return found

    @property
    def total_steps(self) -> int:
        """Time steps of all stages."""
        return self.protocol.total_steps

    def check_start(self, atoms, potential):
        """Structure, protocol, potential and ranks."""
        prepare_complexion(atoms, self.protocol, potential, int(self.server.cores))

    def simulate(self, atoms, potential, command):
        """History of the control, profile and segments, and the protocol."""
        result = simulate_complexion(
            self.folder, atoms, self.protocol, potential, command, self.job_name, int(self.server.cores),
            self.input.accelerator,
        )  # fmt: skip
        return {**result, "protocol": asdict(self.protocol)}

    def get_history(self) -> pd.DataFrame:
        """Chemical potential (eV), composition and acceptance, one row per adjustment; live."""
        return read_history(self.folder / HISTORY_FILE)
