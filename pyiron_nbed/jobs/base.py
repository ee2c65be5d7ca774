"""What all jobs share: checked input, a status that never stays ``running``, stored provenance."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from pyiron_base import state
from pyiron_base.jobs.job.template import TemplateJob

import pyiron_nbed
from pyiron_nbed.checks import flag
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.display import short, shown_input
from pyiron_nbed.jobs.freshness import check_chain, check_used, used, warn_of_used
from pyiron_nbed.jobs.inputs import (
    references_input,
    same,
    sources_input,
    structures_input,
    take_old_sources,
)
from pyiron_nbed.jobs.interrupts import exit_code, handlers_kept, reason_of
from pyiron_nbed.jobs.logger import QuietLogger
from pyiron_nbed.jobs.names import check_attribute, close_name
from pyiron_nbed.jobs.references import Reference, job_id_of
from pyiron_nbed.jobs.sources import (
    Source,
    anchored,
    as_list,
    builtin,
    last_structures,
    located,
    to_sources,
)
from pyiron_nbed.locking import is_locked
from pyiron_nbed.provenance import versions
from pyiron_nbed.units import to_unit

ERROR_FILE = "error.txt"
SOURCES_FILE = "sources.json"  # what was used, for tables of many jobs


class NBEDJob(TemplateJob):
    """Base of the jobs: a subclass gives ``defaults``, ``check_input`` and ``compute``.

    A job that was interrupted goes on by ``run()``: it may find in its folder what a run of the same input
    left. One that ``passes_structures_on`` has the structures of its own sources, one for each by
    ``get_structures``. ``units`` are those of its inputs, by name: these take quantities of pint, stored as
    plain numbers. ``source_inputs`` are the names of the inputs that hold other jobs and files.

    What was used is compared with what is there now: where it was run again since, an InputError says so,
    unless :attr:`allow_stale` is True.
    """

    passes_structures_on = False
    units: Mapping[str, str] = {}
    source_inputs: tuple[str, ...] = ()

    def __init__(self, project, job_name):
        super().__init__(project, job_name)
        self.__version__ = pyiron_nbed.__version__
        self._write_work_dir_warnings = False
        self._compress_by_default = False
        self._allow_stale = self._renewing = False
        self.input.update(self.defaults())

    def __setattr__(self, name, value):
        check_attribute(self, name)
        super().__setattr__(name, value)

    @property
    def input(self):
        """The input; shows one line for each name."""
        return shown_input(self, self.storage.input)

    @property
    def logger(self):
        """The logger of pyiron, without advice that does not hold for these jobs."""
        return QuietLogger(self._logger, {})

    @property
    def allow_stale(self) -> bool:
        """Whether the job goes on where something that it used was run again since; False at first."""
        return self._allow_stale

    @allow_stale.setter
    def allow_stale(self, allow: bool) -> None:
        self._allow_stale = flag(allow, "allow_stale")

    def defaults(self) -> dict[str, Any]:
        """Names and default values of the input."""
        raise NotImplementedError

    def check_input(self) -> None:
        """Raise a named error for input that cannot work; called before anything is written."""
        raise NotImplementedError

    def compute(self) -> dict[str, Any]:
        """Call the function of this stage; returns the output to store."""
        raise NotImplementedError

    def result_hash(self) -> str | None:
        """Hash of the result that others use; None where it has none."""
        found = self.output.get("hash")
        return None if found is None else str(found)

    def stored_defaults(self) -> dict[str, Any]:
        """Values of inputs that a job stored before they came lacks: those with which it was run."""
        return self.defaults()

    def effective_input(self) -> dict[str, Any]:
        """Values of the inputs that are in force, those of a preset among them."""
        return {str(name): builtin(value) for name, value in self.input.items()}

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

    def check_finished(self) -> None:
        """Raise InputError where there is no result yet."""
        if not self.status.finished:
            raise InputError(
                f"The job {self.job_name!r} has the status {self.status.string!r} and no result: run it to "
                "the end first."
            )

    def check_shown(self) -> None:
        """As :meth:`check_finished`; warn where what was used was made again, see :attr:`allow_stale`."""
        self.check_finished()
        if not self.allow_stale:
            warn_of_used(self.held_sources(), self.job_name)

    def anchored(self, sources: list[Source]) -> list[Source]:
        """Sources in stored form with their paths from the project of this job."""
        return anchored(sources, self.project.path)

    def located(self, name: str) -> list[Source] | None:
        """Sources of an input with the places where they are now; None where none are set.

        Raises:
            InputError: a job that is nowhere to be found; this job has finished, and one was run again since.
        """
        stored = builtin(self.input[name])
        if stored is None:
            return None
        found = [located(source, self.project.path) for source in stored]
        if self.status.finished and not (self.allow_stale or self._renewing):
            check_used(found, self.job_name)
        return found

    def held_sources(self) -> list[Source]:
        """Files and jobs that this job refers to, where they are now; what is gone is as it was stored."""
        stored = [builtin(self.input[name]) for name in self.source_inputs]
        given = [item for value in stored if value is not None for item in as_list(value)]
        return self.anchored([item for item in given if isinstance(item, dict) and "atoms" not in item])

    def held_references(self) -> list[Reference]:
        """The jobs among :meth:`held_sources`."""
        return [source for source in self.held_sources() if "job_name" in source]

    def check_fresh(self) -> None:
        """Raise InputError where what this job used was run again since; see :attr:`allow_stale`."""
        if not self.allow_stale:
            check_used(self.held_sources(), self.job_name)

    def run(self, delete_existing_job=False, repair=False, debug=False, run_mode=None, **kwargs):
        """Check the input, then run, or go on where a job was interrupted.

        A finished job is loaded, where it had the same input.

        Args:
            delete_existing_job, repair, debug, run_mode, kwargs: see pyiron's ``GenericJob.run``.

        Raises:
            InputError: the job has finished with another input, or with what was run again since.
        """
        interrupted = self.status.string in ("aborted", "running")
        # killed before the result was stored
        interrupted |= self.status.string == "collect" and not len(self.output)
        goes_on = interrupted and not is_locked(self.folder) and not delete_existing_job
        if delete_existing_job or self.status.initialized or goes_on:
            self._prepare()
        elif self.status.finished:
            self._check_same_input()
        if goes_on:
            self.to_hdf()  # the input may be another one
            self.status.created = True
        with handlers_kept():
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
            self._note_what_is_used()
            result = self.compute()
            seconds = time.perf_counter() - begin
            self.output.update({**result, "seconds": seconds, "versions": versions()})
            self.status.collect = True
            self.run()
        except BaseException as error:
            if self.folder.is_dir():
                (self.folder / ERROR_FILE).write_text(reason_of(error) + "\n")
            self.drop_status_to_aborted()
            raise

    def signal_intercept(self, sig):
        """Abort the job; pyiron would then end Python with the exit code 0."""
        super().signal_intercept(sig)
        if sig != signal.SIGINT:  # that is a KeyboardInterrupt
            raise SystemExit(exit_code(sig))

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

    def _prepare(self) -> None:
        # all checks of a run that is about to begin
        self._renewing = True
        try:
            self.take_old_inputs(stored=False)
            self._check_names()
            self.check_input()
            if not self.allow_stale:
                check_chain(self)
            self._set_parent()
        finally:
            self._renewing = False

    def _check_same_input(self) -> None:
        # a finished job is loaded by run(): say so where that is not what was asked for
        self.take_old_inputs(stored=False)
        self._check_names()
        self.plain_input()
        stored = self.project.load(self.job_name)
        if stored is None:  # its folder was moved by other means than pyiron
            return
        stored.plain_input()
        changed = [
            f"{name} is {short(now)} and was {short(then)}"
            for name in self.defaults()
            if not same(now := builtin(self.input[name]), then := builtin(stored.input[name]))
        ]
        if changed:
            raise InputError(
                f"The job {self.job_name!r} has finished with another input ({'; '.join(changed)}): run it "
                "again with run(delete_existing_job=True), or give the new one another name."
            )
        stored.allow_stale = self.allow_stale
        stored.check_fresh()

    def _note_what_is_used(self) -> None:
        for name in self.source_inputs:
            value = builtin(self.input[name])
            if isinstance(value, list):
                self.input[name] = [used(source) for source in self.anchored(value)]
            elif isinstance(value, dict):
                self.input[name] = used(located(value, self.project.path))
        (self.folder / SOURCES_FILE).write_text(json.dumps(self.held_sources()))

    def _set_parent(self) -> None:
        # so that the job table shows the chain
        if state.database.database_is_disabled:
            return
        found = next(
            (job_id for job_id in map(job_id_of, self.held_references()) if job_id is not None), None
        )
        if found is not None and found != self.parent_id:  # type: ignore[has-type]  # of pyiron
            self.parent_id = found

    def _after_generic_copy_to(self, original, new_database_entry, reloaded):
        if self.status.initialized:  # pyiron keeps the old one
            self.output.clear()
        if new_database_entry and not reloaded:
            self._set_parent()

    def _check_names(self) -> None:
        allowed = list(self.defaults())
        for name in list(self.input.keys()):
            if name not in allowed:
                close = close_name(name, allowed)
                hint = f", did you mean {close!r}?" if close else ":"
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

    source_inputs: tuple[str, ...] = ("sources",)
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
            self.input.sources = self.anchored(to_sources(self.input.sources))

    def source_structures(self) -> list[Atoms]:
        """The last frame (Å) of every source.

        Raises:
            InputError: no sources, or one that cannot be used.
            StructureError: an unusable structure.
        """
        self.plain_input()
        species = builtin(self.input.species)
        return last_structures(self.located("sources"), type(self).__name__, species)
