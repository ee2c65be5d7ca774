"""SSRO: structural short-range order of a structure, of another job's frames or of a LAMMPS file."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.neighbors import harmonic_coefficients
from pyiron_nbed.jobs.base import NBEDJob, builtin
from pyiron_nbed.jobs.source import FrameSource
from pyiron_nbed.jobs.ssro_results import SSROResults
from pyiron_nbed.ssro.disorder import DISORDER_NAMES, disorder_name, disorder_of
from pyiron_nbed.ssro.motifs import species_mask
from pyiron_nbed.ssro.summary import check_analyses, short_range_order, time_series
from pyiron_nbed.structures.file import ATOMS_FILE, read_atoms, write_atoms

_OPTIONS = {
    "l": 6,
    "n_neighbors": 12,
    "bond_orders": [],
    "analyses": None,
    "edge_threshold": 0.6,
    "species": "Cu",
    "axis": 0,
    "window": 2.0,
    "step": 1.0,
    "top_motifs": 20,
    "region_options": {},
    "rdf_cutoff": 10.0,
    "rdf_bin_width": 0.05,
    "modulus": False,
}


class SSRO(FrameSource, SSROResults, NBEDJob):
    """d_i, Q_l, motifs, common neighbours, regions, profiles and RDFs.

    The source is ``structure``, a finished job as ``reference``, or ``input.file``: a LAMMPS dump, data or
    restart file, with ``input.elements`` the element of each type. ``input.frame`` picks a frame by
    number or name; a list or "all" makes a time series. The other inputs are the arguments of
    :func:`pyiron_nbed.ssro.summary.short_range_order`. ``output`` holds the summary of the last frame and
    ``output.time_series``; values per atom are in files, see :meth:`get_structure`.
    """

    def defaults(self):
        """Source and parameters."""
        return {
            "structure": None,
            "reference": None,
            "file": None,
            "elements": None,
            "frame": -1,
            **_OPTIONS,
        }

    def check_input(self):
        """Exactly one source, usable, and parameters in range."""
        options = self._values(_OPTIONS)
        for degree in (options["l"], *options["bond_orders"]):
            harmonic_coefficients(degree)
        disorder_name(options["modulus"])
        analyses = check_analyses(options["analyses"], options["region_options"])
        atoms = self.check_source()
        if atoms is not None:
            species_mask(atoms, options["species"] if "voronoi" in analyses else None)

    def compute(self):
        """Per-atom values go to files in the working directory, summaries to the output."""
        options = self._values(_OPTIONS)
        summaries, files = [], []
        several = self.has_several_frames
        for number, atoms in enumerate(self.source_frames()):
            result, summary = short_range_order(atoms, cores=self.server.cores, **options)
            files.append(ATOMS_FILE.replace(".h5", f"_{number:05d}.h5") if several else ATOMS_FILE)
            write_atoms(self.folder / files[-1], result)
            summaries.append({**summary, "step": atoms.info.get("step", number)})
        if not summaries:
            raise InputError("The source holds no frame: give a file or job with at least one.")
        return {**summaries[-1], "file": files[-1], "files": files, "time_series": time_series(summaries)}

    def get_structure(self, frame: int = -1) -> Atoms:
        """The structure of a frame with its values as arrays: "disorder_parameter", "q6", "cna", ...

        With ``input.modulus`` the first is "disorder_modulus".
        """
        files = builtin(self.output.files)
        if not -len(files) <= frame < len(files):
            raise InputError(f"There is no frame {frame!r}: the job has {len(files)}, counted from 0.")
        return read_atoms(self.folder / files[frame])

    @property
    def disorder_parameter(self) -> np.ndarray:
        """(N,) d_i of the last frame, by the modulus of the sum where ``input.modulus`` says so."""
        return disorder_of(self.get_structure().arrays)[1]

    def stored_defaults(self):
        """Before there was a choice, d_i was the modulus."""
        return {**self.defaults(), "modulus": True}

    def from_hdf(self, hdf=None, group_name=None):
        """Read the job; the output of one that was stored before there was a choice gets the right names."""
        super().from_hdf(hdf=hdf, group_name=group_name)
        signed, modulus = DISORDER_NAMES
        if self.input.modulus:
            for part in (self.output, self.output.get("profiles", {})):
                if signed in part:
                    part[modulus] = part.pop(signed)
