"""SSRO: structural short-range order of structures, of other jobs' frames or of LAMMPS files."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import is_whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs import ssro_results
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.sources import builtin, check_sources, each_source
from pyiron_nbed.locking import locked
from pyiron_nbed.provenance import hash_of
from pyiron_nbed.ssro.disorder import DISORDER_NAMES, disorder_of
from pyiron_nbed.ssro.motifs import species_mask
from pyiron_nbed.ssro.options import check_options
from pyiron_nbed.ssro.regions import find_regions
from pyiron_nbed.ssro.summary import short_range_order, time_series
from pyiron_nbed.structures.file import ATOMS_FILE, read_atoms, write_atoms
from pyiron_nbed.units import plain_values, units_of

_OPTIONS = {
    "l": 6,
    "n_neighbors": 12,
    "bond_orders": [],
    "analyses": None,
    "edge_threshold": 0.6,
    "motif_species": "Cu",
    "axis": 0,
    "window": 2.0,
    "step": 1.0,
    "top_motifs": 20,
    "region_options": {},
    "rdf_cutoff": 10.0,
    "rdf_bin_width": 0.05,
    "modulus": False,
}


class SSRO(AtomsJob):
    """d_i, Q_l, motifs, common neighbours, regions, profiles and RDFs.

    ``sources``: atoms, finished jobs, or files (:mod:`pyiron_nbed.structures.reading`), with
    ``input.species`` the element of each type where a file does not name them. ``input.frame`` picks a frame
    by number or name; a list or "all" makes a time series. The other inputs are the arguments of
    :func:`pyiron_nbed.ssro.summary.short_range_order`. ``output`` holds the summary of the last frame and
    ``output.time_series``; values per atom are in files, see :meth:`get_structure`.
    """

    passes_structures_on = True
    units = units_of(short_range_order)

    def defaults(self):
        """Sources and parameters."""
        return {**super().defaults(), "frame": -1, **_OPTIONS}

    def take_old_inputs(self, stored):
        """``species`` was the element of the motifs' centres, and ``elements`` what is species now."""
        super().take_old_inputs(stored)
        names = list(self.input.keys())
        if stored and "motif_species" not in names and "species" in names:
            self.input["motif_species"] = self.input.pop("species")
        if "elements" in names:
            self.input["species"] = self.input.pop("elements")

    def plain_input(self):
        """Quantities as numbers, sources as a list of dicts."""
        super().plain_input()
        self.input.region_options = plain_values(builtin(self.input.region_options) or {}, find_regions)

    def check_input(self):
        """Sources that can be used, and parameters in range."""
        self.plain_input()
        options = self._values(_OPTIONS)
        motif_species = options.pop("motif_species")
        analyses = check_options(**options)
        frame, species = builtin(self.input.frame), builtin(self.input.species)
        for atoms in check_sources(self.located("sources"), "SSRO", frame, species):
            species_mask(atoms, motif_species if "voronoi" in analyses else None)

    def compute(self):
        """Per-atom values go to files in the working directory, summaries to the output."""
        options, cores = self._values(_OPTIONS), int(self.server.cores)
        given = {"sources": self.located("sources"), **self._values(("frame", "species"))}
        several = len(given["sources"]) > 1 or isinstance(given["frame"], list) or given["frame"] == "all"
        summaries: list[dict[str, Any]] = []
        files: list[str] = []
        source_numbers: list[int] = []
        with locked(self.folder):
            for number, frames in enumerate(each_source(**given, cores=cores)):
                for atoms in frames:
                    step = atoms.info.get("step", len(files))
                    result, summary = short_range_order(atoms, cores=cores, **options)
                    files.append(
                        ATOMS_FILE.replace(".h5", f"_{len(files):05d}.h5") if several else ATOMS_FILE
                    )
                    write_atoms(self.folder / files[-1], result)
                    summaries.append({**summary, "step": step})
                    source_numbers.append(number)
        if not summaries:
            raise InputError("The source holds no frame: give a file or job with at least one.")
        series = {"source": source_numbers, **time_series(summaries)}
        # of a job that passes it on as well: one that was run again may end with the same atoms
        before = [source.get("hash") if "job_name" in source else None for source in given["sources"]]
        content = hash_of([before, [summary["structure_id"] for summary in summaries], options])
        return {
            **summaries[-1], "file": files[-1], "files": files, "time_series": series, "hash": content,
        }  # fmt: skip

    def get_structure(self, frame: int = -1) -> Atoms:
        """The structure of a frame with its values as arrays: "disorder_parameter", "q6", "cna", ...

        With ``input.modulus`` the first is "disorder_modulus".
        """
        self.check_finished()
        files = builtin(self.output.files)
        if not is_whole(frame) or not -len(files) <= frame < len(files):
            raise InputError(f"There is no frame {frame!r}: the job has {len(files)}, counted from 0.")
        return read_atoms(self.folder / files[int(frame)])

    def get_structures(self) -> list[Atoms]:
        """The structure of the last frame of each source, as :meth:`get_structure`."""
        numbers = self.get_time_series().get("source", np.zeros(len(self.output.files), int))
        last = {int(number): frame for frame, number in enumerate(numbers)}
        return [self.get_structure(frame) for frame in last.values()]

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

    get_regions = ssro_results.get_regions
    get_motifs = ssro_results.get_motifs
    get_time_series = ssro_results.get_time_series
    plot_profile = ssro_results.plot_profile
    plot_motifs = ssro_results.plot_motifs
    plot_rdf = ssro_results.plot_rdf
    plot_boxes = ssro_results.plot_boxes
    plot_slice = ssro_results.plot_slice
    write_dump = ssro_results.write_dump
    write_extxyz = ssro_results.write_extxyz
    to_ovito = ssro_results.to_ovito
