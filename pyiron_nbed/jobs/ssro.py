"""SSRO: local disorder parameter and bond order of a structure."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry import check_atoms
from pyiron_nbed.jobs.base import (
    NBEDJob,
    load_reference,
    plain_atoms,
    structure_from_dict,
    structure_to_dict,
    to_reference,
)
from pyiron_nbed.ssro.file import ATOMS_FILE, read_atoms, write_atoms
from pyiron_nbed.ssro.neighbors import harmonic_coefficients
from pyiron_nbed.ssro.summary import with_order_parameters


class SSRO(NBEDJob):
    """d_i and 1 − Q_l of every atom of ``structure``, or of the last frame of ``reference``.

    ``input.l`` and ``input.n_neighbors`` are 6 and 12 in the method. ``output`` holds medians and
    percentiles; :meth:`get_structure` returns the structure with both as arrays.
    """

    def defaults(self):
        """Source and parameters."""
        return {"structure": None, "reference": None, "l": 6, "n_neighbors": 12}

    @property
    def structure(self) -> Atoms | None:
        """Structure to analyse (Å), where no reference is given."""
        stored = self.input.structure
        return None if stored is None else structure_from_dict(stored)

    @structure.setter
    def structure(self, atoms: Atoms) -> None:
        self.input.structure = structure_to_dict(plain_atoms(atoms))

    @property
    def reference(self) -> Any:
        """Finished job whose last frame is analysed."""
        stored = self.input.reference
        return None if stored is None else load_reference(stored)

    @reference.setter
    def reference(self, job: Any) -> None:
        self.input.reference = to_reference(job)

    def check_input(self):
        """Exactly one source, usable, and parameters in range."""
        if (self.input.structure is None) == (self.input.reference is None):
            raise InputError(
                "SSRO needs either job.structure or job.reference: assign one of the two, for example "
                "job.reference = pr.load('my_quench')."
            )
        harmonic_coefficients(self.input.l)
        check_atoms(self._source())

    def compute(self):
        """Per-atom values go to a file in the working directory, summaries to the output."""
        atoms, summary = with_order_parameters(
            self._source(), self.input.l, self.input.n_neighbors, self.server.cores
        )
        write_atoms(self.folder / ATOMS_FILE, atoms)
        return {**summary, "file": ATOMS_FILE}

    def get_structure(self, frame: int = -1) -> Atoms:
        """The structure with ``arrays["disorder_parameter"]`` and ``arrays["q6"]`` (N,)."""
        return read_atoms(self.folder / ATOMS_FILE)

    @property
    def disorder_parameter(self) -> np.ndarray:
        """(N,) d_i."""
        return self.get_structure().arrays["disorder_parameter"]

    def _source(self) -> Atoms:
        if self.structure is not None:
            return self.structure
        return plain_atoms(self.reference.get_structure(-1))
