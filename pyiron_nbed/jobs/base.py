"""What all jobs share: checked input, a status that never stays ``running``, stored provenance."""

from __future__ import annotations

import difflib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from pyiron_base import Project
from pyiron_base.jobs.job.template import TemplateJob

import pyiron_nbed
from pyiron_nbed.errors import InputError
from pyiron_nbed.provenance import versions

ERROR_FILE = "error.txt"


class NBEDJob(TemplateJob):
    """Base of the jobs: a subclass gives ``defaults``, ``check_input`` and ``compute``."""

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

    def plain_input(self) -> None:
        """Bring input objects into a form that HDF5 can hold."""

    @property
    def folder(self) -> Path:
        """Working directory of the job."""
        return Path(self.working_directory)

    def run(self, delete_existing_job=False, repair=False, debug=False, run_mode=None, **kwargs):
        """Check the input, then run; see pyiron's ``GenericJob.run`` for the arguments."""
        if delete_existing_job or self.status.initialized:
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

    def validate_ready_to_run(self):
        """Nothing: :meth:`run` has checked before anything was written."""

    def _check_names(self) -> None:
        allowed = list(self.defaults())
        for name in self.input.keys():
            if name not in allowed:
                close = difflib.get_close_matches(str(name), allowed, 1)
                hint = f", did you mean {close[0]!r}?" if close else ":"
                raise InputError(
                    f"{type(self).__name__} has no input {name!r}{hint} its inputs are "
                    f"{', '.join(allowed)}."
                )

    def _values(self, names) -> dict[str, Any]:
        """Plain values of some inputs."""
        return {name: builtin(self.input[name]) for name in names}


def builtin(value: Any) -> Any:
    """Lists and dicts instead of pyiron's containers, Python numbers instead of NumPy's."""
    if hasattr(value, "to_builtin"):
        return value.to_builtin()
    return value.item() if isinstance(value, np.generic) else value


def structure_to_dict(atoms: Atoms) -> dict[str, Any]:
    """Arrays of a structure for the HDF5 file of a job."""
    extra = {
        f"array_{name}": values
        for name, values in atoms.arrays.items()
        if name not in ("numbers", "positions") and values.dtype.kind in "bif"
    }
    return {
        "numbers": np.asarray(atoms.numbers),
        "positions": np.asarray(atoms.positions),
        "cell": np.asarray(atoms.cell.array),
        "pbc": np.asarray(atoms.pbc, dtype=int),
        **extra,
    }


def structure_from_dict(values: dict[str, Any]) -> Atoms:
    """Inverse of :func:`structure_to_dict`."""
    atoms = Atoms(
        numbers=values["numbers"], positions=values["positions"], cell=values["cell"],
        pbc=np.asarray(values["pbc"], bool),
    )  # fmt: skip
    for name, array in values.items():
        if name.startswith("array_"):
            atoms.set_array(name[len("array_") :], np.asarray(array))
    return atoms


def plain_atoms(structure: Any) -> Atoms:
    """``ase.Atoms`` from ASE's or pyiron's class; anything else is an InputError."""
    if not isinstance(structure, Atoms):
        raise InputError(
            f"job.structure must be an ase.Atoms, not {type(structure).__name__}: assign for example "
            "pyiron_nbed.glass(n_atoms=4000, zr_fraction=0.36, seed=0)."
        )
    atoms = Atoms(
        numbers=structure.numbers, positions=structure.positions, cell=structure.cell.array,
        pbc=structure.pbc,
    )  # fmt: skip
    for name, values in structure.arrays.items():
        if name not in ("numbers", "positions") and np.asarray(values).dtype.kind in "bif":
            atoms.set_array(name, np.asarray(values))
    return atoms


def to_reference(job: Any) -> dict[str, str]:
    """Where another job is stored."""
    if not (hasattr(job, "job_name") and hasattr(job, "status")):
        raise InputError(
            f"A reference must be a job, not {type(job).__name__}: assign for example "
            "pr.load('my_quench')."
        )
    return {"project": os.path.abspath(job.project.path), "job_name": job.job_name}


def load_reference(reference: dict[str, str]) -> Any:
    """The finished job of a reference.

    Raises:
        InputError: it does not exist or has not finished.
    """
    project = Project(reference["project"])
    name = reference["job_name"]
    if project.get_job_id(name) is None and name not in project.list_nodes():
        raise InputError(
            f"The job {name!r} does not exist in {reference['project']}: run it before this one."
        )
    status = project.get_job_status(name)
    if status != "finished":
        raise InputError(
            f"The job {name!r} has the status {status!r}, but only a finished job can be used: run it to "
            "the end first."
        )
    return project.load(name)
