"""What all jobs share: checked input, a status that never stays ``running``, stored provenance."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from pyiron_base.jobs.job.template import TemplateJob

import pyiron_nbed
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.inputs import references_input, sources_input, structures_input, take_old_sources
from pyiron_nbed.jobs.sources import builtin, last_structures, to_sources
from pyiron_nbed.locking import is_locked
from pyiron_nbed.provenance import versions
from pyiron_nbed.units import to_unit

ERROR_FILE = "error.txt"


class NBEDJob(TemplateJob):
    """Base of the jobs: a subclass gives ``defaults``, ``check_input`` and ``compute``.

    A ``resumable`` one finds in its folder what an interrupted run of the same input left. One that
    ``passes_structures_on`` has the structures of its own sources, one for each by ``get_structures``.
    ``units`` are those of its inputs, by name: these take quantities of pint, stored as plain numbers.
    """

    resumable = False
    passes_structures_on = False
    units: Mapping[str, str] = {}

    def __init__(self, project, job_name):
        super().__init__(project, job_name)
        self.__version__ = pyiron_nbed.__version__
        self._write_work_dir_warnings = False
        self._compress_by_default = False
        self.input.update(self.defaults())

    def defaults(self) -> dict[str, Any]:
        """Names and default values of the input."""
        raise NotImplementedError

    def check_input(self) -> None:
        """Raise a named error for input that cannot work; called before anything is written."""
        raise NotImplementedError

    def compute(self) -> dict[str, Any]:
        """Call the function of this stage; returns the output to store."""
        raise NotImplementedError

    def stored_defaults(self) -> dict[str, Any]:
        """Values of inputs that a job stored before they came lacks: those with which it was run."""
        return self.defaults()

    def plain_input(self) -> None:
        """Bring input objects into a form that HDF5 can hold: quantities as numbers in our units."""
        for name in self.units:
            given = builtin(self.input[name])
            plain = to_unit(given, self.units[name], name)
            if plain is not given:
                self.input[name] = plain

    def take_old_inputs(self, stored: bool) -> None:
        """Move inputs that go by an older name; ``stored``: read from the HDF5 file of an older version."""

    @property
    def folder(self) -> Path:
        """Working directory of the job."""
        return Path(self.working_directory)

    def run(self, delete_existing_job=False, repair=False, debug=False, run_mode=None, **kwargs):
        """Check the input, then run, or go on where a job that can was interrupted.

        See pyiron's ``GenericJob.run`` for the arguments.
        """
        interrupted = self.status.string in ("aborted", "running")
        # killed before the result was stored
        interrupted |= self.status.string == "collect" and not len(self.output)
        stopped = interrupted and not is_locked(self.folder)
        if self.resumable and stopped and not delete_existing_job:
            repair = True
        if delete_existing_job or self.status.initialized:
            self.take_old_inputs(stored=False)
            self._check_names()
            self.check_input()
        super().run(
            delete_existing_job=delete_existing_job, repair=repair, debug=debug, run_mode=run_mode,
            **kwargs,
        )  # fmt: skip

    def run_static(self):
        """Compute and store; an error leaves the job aborted with the reason in its folder."""
        try:
            self.status.running = True
            self.project_hdf5.create_working_directory()
            (self.folder / ERROR_FILE).unlink(missing_ok=True)
            self.output.clear()
            begin = time.perf_counter()
            result = self.compute()
            seconds = time.perf_counter() - begin
            self.output.update({**result, "seconds": seconds, "versions": versions()})
            self.status.collect = True
            self.run()
        except BaseException as error:
            if self.folder.is_dir():
                (self.folder / ERROR_FILE).write_text(f"{type(error).__name__}: {error}\n")
            self.drop_status_to_aborted()
            raise

    def collect_output(self):
        """Write input and output to the HDF5 file of the job."""
        self.to_hdf()

    def to_hdf(self, hdf=None, group_name=None):
        """Store the job."""
        self.plain_input()
        super().to_hdf(hdf=hdf, group_name=group_name)

    def from_hdf(self, hdf=None, group_name=None):
        """Read the job; inputs that came after it was stored get the value with which it was run."""
        super().from_hdf(hdf=hdf, group_name=group_name)
        self.take_old_inputs(stored=True)
        known = list(self.input.keys())
        self.input.update(
            {name: value for name, value in self.stored_defaults().items() if name not in known}
        )

    def validate_ready_to_run(self):
        """Nothing: :meth:`run` has checked before anything was written."""

    def _check_names(self) -> None:
        allowed = list(self.defaults())
        for name in list(self.input.keys()):
            if name not in allowed:
                close = difflib.get_close_matches(str(name), allowed, 1)
                hint = f", did you mean {close[0]!r}?" if close else ":"
                raise InputError(
                    f"{type(self).__name__} has no input {name!r}{hint} its inputs are {', '.join(allowed)}."
                )

    def _values(self, names) -> dict[str, Any]:
        """Plain values of some inputs."""
        return {name: builtin(self.input[name]) for name in names}


class AtomsJob(NBEDJob):
    """Base of the jobs that take atoms: ``job.sources =`` atoms, a job, a path, or a list of any of these.

    A job stands for its last frame, a path for the last frame of a LAMMPS dump, data or restart file, whose
    atom types ``input.species`` names where the file does not. Earlier names of the one input are
    ``structure`` and ``structures``, ``reference`` and ``references``.
    """

    sources = sources_input()
    structure = structures_input(several=False)
    structures = structures_input()
    reference = references_input(several=False)
    references = references_input()

    def defaults(self):
        """No sources, and files that name their atom types."""
        return {"sources": None, "species": None}

    def take_old_inputs(self, stored):
        """The sources had five names, one for each kind."""
        take_old_sources(self.input, stored=stored)

    def plain_input(self):
        """Quantities as numbers, sources as a list of dicts."""
        super().plain_input()
        if self.input.sources is not None:
            self.input.sources = to_sources(self.input.sources)

    def source_structures(self) -> list[Atoms]:
        """The last frame (Å) of every source.

        Raises:
            InputError: no sources, or one that cannot be used.
            StructureError: an unusable structure.
        """
        self.plain_input()
        species = builtin(self.input.species)
        return last_structures(builtin(self.input.sources), type(self).__name__, species)
