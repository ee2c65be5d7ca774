"""SSRO: local disorder parameter and bond order of a structure."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.geometry import check_atoms
from pyiron_nbed.jobs.base import NBEDJob
from pyiron_nbed.jobs.source import StructureOrJobSource
from pyiron_nbed.ssro.file import ATOMS_FILE, read_atoms, write_atoms
from pyiron_nbed.ssro.neighbors import harmonic_coefficients
from pyiron_nbed.ssro.summary import with_order_parameters


class SSRO(StructureOrJobSource, NBEDJob):
    """d_i and 1 − Q_l of every atom of ``structure``, or of the last frame of ``reference``.

    ``input.l`` and ``input.n_neighbors`` are 6 and 12 in the method. ``output`` holds medians and
    percentiles; :meth:`get_structure` returns the structure with both as arrays.
    """

    def defaults(self):
        """Source and parameters."""
        return {"structure": None, "reference": None, "l": 6, "n_neighbors": 12}

    def check_input(self):
        """Exactly one source, usable, and parameters in range."""
        harmonic_coefficients(self.input.l)
        check_atoms(self.source_atoms())

    def compute(self):
        """Per-atom values go to a file in the working directory, summaries to the output."""
        atoms, summary = with_order_parameters(
            self.source_atoms(), self.input.l, self.input.n_neighbors, self.server.cores
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
