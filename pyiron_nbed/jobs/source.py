"""Where a job takes its atoms from: a structure of its own, or another job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from pyiron_base import Project

from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.jobs.base import NBEDJob, builtin
from pyiron_nbed.provenance import hash_of
from pyiron_nbed.structures.reading import check_file, read_structures


class StructureSource:
    """A job with ``input.structure``."""

    input: Any

    @property
    def structure(self) -> Atoms | None:
        """The structure (Å), or None where none is set."""
        stored = self.input.structure
        return None if stored is None else structure_from_dict(stored)

    @structure.setter
    def structure(self, atoms: Atoms) -> None:
        self.input.structure = structure_to_dict(plain_atoms(atoms))


class StructureOrJobSource(StructureSource):
    """A job with ``input.structure`` or ``input.reference``."""

    @property
    def reference(self) -> Any:
        """Finished job whose last frame is used, or None where none is set."""
        stored = self.input.reference
        return None if stored is None else load_reference(stored)

    @reference.setter
    def reference(self, job: Any) -> None:
        self.input.reference = to_reference(job)

    def source_atoms(self) -> Atoms:
        """The atoms to work on.

        Raises:
            InputError: not exactly one of structure and reference, or a job that has not finished.
        """
        if (self.input.structure is None) == (self.input.reference is None):
            given = "neither" if self.input.structure is None else "both"
            raise InputError(
                f"{type(self).__name__} needs either job.structure or job.reference, and {given} is set: "
                "assign one of the two, for example job.reference = pr.load('my_quench')."
            )
        if self.input.structure is not None:
            return structure_from_dict(self.input.structure)
        return plain_atoms(self.reference.get_structure(-1))


class ManyStructuresSource(StructureOrJobSource):
    """A job with ``input.structure(s)`` or ``input.reference(s)``: one, or many at once."""

    @property
    def structures(self) -> list[Atoms] | None:
        """Several structures (Å), or None where none are set."""
        stored = builtin(self.input.structures)
        return None if stored is None else [structure_from_dict(item) for item in stored]

    @structures.setter
    def structures(self, structures: Sequence[Atoms]) -> None:
        self.input.structures = [structure_to_dict(plain_atoms(atoms)) for atoms in structures]

    @property
    def references(self) -> list[Any] | None:
        """Several finished jobs whose last frames are used, or None where none are set."""
        stored = builtin(self.input.references)
        return None if stored is None else [load_reference(item) for item in stored]

    @references.setter
    def references(self, jobs: Sequence[Any]) -> None:
        self.input.references = [to_reference(job) for job in jobs]

    def source_structures(self) -> list[Atoms]:
        """All structures to work on.

        Raises:
            InputError: not exactly one source, an empty list, or a job that has not finished.
        """
        given = [name for name in ("structures", "references") if self.input[name] is not None]
        one = [name for name in ("structure", "reference") if self.input[name] is not None]
        if not given:
            return [self.source_atoms()]
        if len(given + one) > 1 or not len(self.input[given[0]]):
            raise InputError(
                f"{type(self).__name__} needs one of job.structure, job.structures, job.reference and "
                f"job.references, and {' and '.join(given + one)} "
                f"{'are set' if len(given + one) > 1 else 'is empty'}: assign one that is not empty."
            )
        if given[0] == "structures":
            return self.structures or []
        return [plain_atoms(job.get_structure(-1)) for job in self.references or []]

    def source_names(self) -> list[str] | None:
        """What each structure comes from: the job (or file) at the start of its chain of references."""
        stored = builtin(self.input.references)
        one = builtin(self.input.reference)
        if stored is None and one is None:
            return None
        return [root_of(reference) for reference in (stored or [one])]


class FrameSource(StructureOrJobSource):
    """A job with ``input.structure``, ``input.reference`` or ``input.file``, and ``input.frame``."""

    server: Any

    def check_source(self) -> Atoms | None:
        """Raise for a source that cannot be used; returns the structure where one is set.

        Raises:
            InputError: not exactly one source, an absent file or job, a frame that cannot be.
            StructureError: an unusable structure.
        """
        given = [name for name in ("structure", "reference", "file") if self.input[name] is not None]
        if len(given) != 1:
            said = "neither is set" if not given else f"{' and '.join(given)} are set"
            raise InputError(
                f"{type(self).__name__} needs one of job.structure, job.reference and job.input.file, and "
                f"{said}: assign one, for example job.reference = pr.load('my_quench')."
            )
        frame = builtin(self.input.frame)
        frames = frame if isinstance(frame, list) and frame else [frame]
        for item in frames:
            if isinstance(item, bool) or not isinstance(item, (int, str)):
                raise InputError(f"The frame is {frame!r}: give a number, a name, a list of them, or 'all'.")
        if given[0] == "file":
            if any(isinstance(item, str) for item in frames) and frame != "all":
                raise InputError(
                    f"The frames of a file have no names, and {frame!r} was given: give numbers."
                )
            check_file(self.input.file, builtin(self.input.elements))
        if given[0] == "reference":
            job = self.reference
            if frame == "all":
                next(trajectory_of(job))
        if given[0] == "structure":
            if frame not in (0, -1, [0], [-1]):
                raise InputError(f"A structure has one frame, and {frame!r} was given: give -1.")
            atoms = structure_from_dict(self.input.structure)
            check_atoms(atoms)
            return atoms
        return None

    @property
    def has_several_frames(self) -> bool:
        """Whether a time series was asked for."""
        return isinstance(builtin(self.input.frame), list) or self.input.frame == "all"

    def source_frames(self) -> Iterator[Atoms]:
        """The frames to work on, one at a time."""
        frame = builtin(self.input.frame)
        if self.input.file is not None:
            elements = builtin(self.input.elements)
            yield from read_structures(self.input.file, elements, frame, int(self.server.cores))
        elif self.input.structure is not None:
            yield structure_from_dict(self.input.structure)
        else:
            job = self.reference
            items = frame if isinstance(frame, list) else [frame]
            found = trajectory_of(job) if frame == "all" else (job.get_structure(item) for item in items)
            for atoms in found:
                plain = plain_atoms(atoms)
                plain.info["step"] = atoms.info.get("step", -1)
                yield plain


def structure_to_dict(atoms: Atoms) -> dict[str, Any]:
    """Arrays of a structure for the HDF5 file of a job."""
    extra: dict[str, Any] = {
        f"array_{name}": values
        for name, values in atoms.arrays.items()
        if name not in ("numbers", "positions") and values.dtype.kind in "bif"
    }
    if atoms.info.get("temperature") is not None:  # of the frame, K
        extra["temperature"] = float(atoms.info["temperature"])
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
        numbers=values["numbers"],
        positions=values["positions"],
        cell=values["cell"],
        pbc=np.asarray(values["pbc"], bool),
    )
    for name, array in values.items():
        if name.startswith("array_"):
            atoms.set_array(name[len("array_") :], np.asarray(array))
    if "temperature" in values:
        atoms.info["temperature"] = float(values["temperature"])
    return atoms


def plain_atoms(structure: Any) -> Atoms:
    """``ase.Atoms`` with numeric arrays from ASE's or pyiron's class; anything else is an InputError."""
    if not isinstance(structure, Atoms):
        raise InputError(
            f"A structure must be an ase.Atoms, not {type(structure).__name__}: assign for example "
            "pyiron_nbed.glass(n_atoms=4000, zr_fraction=0.36, seed=0)."
        )
    return structure_from_dict(structure_to_dict(structure))


def to_reference(job: Any) -> dict[str, str]:
    """Where another job is stored."""
    if not (hasattr(job, "job_name") and hasattr(job, "status")):
        raise InputError(
            f"A reference must be a job, not {type(job).__name__}: assign for example pr.load('my_quench')."
        )
    return {"project": os.path.abspath(job.project.path), "job_name": job.job_name}


def root_of(reference: dict[str, str]) -> str:
    """Name of the job, or of the file, at the start of a chain of references.

    Two frames of one LAMMPS run have the same, whatever jobs lie between: hash of the project and job name.
    """
    earlier = {}
    with contextlib.suppress(InputError):  # a job that is gone has a name all the same
        job = load_reference(reference)
        earlier = job._values(set(job.defaults()) & {"file", "reference"}) if isinstance(job, NBEDJob) else {}
    if earlier.get("file") is not None:
        return os.path.abspath(earlier["file"])
    if earlier.get("reference") is not None:
        return root_of(earlier["reference"])
    return f"{hash_of(reference['project'])}/{reference['job_name']}"


def trajectory_of(job: Any) -> Iterator[Atoms]:
    """All frames of the trajectory of a LAMMPS job.

    Raises:
        InputError: another kind of job, or (with the first frame) one that kept no trajectory.
    """
    if not hasattr(job, "get_trajectory"):
        raise InputError(
            f"The frames of a {type(job).__name__} cannot be listed: give their numbers or names."
        )
    return job.get_trajectory()


def load_reference(reference: dict[str, str]) -> Any:
    """The finished job of a reference.

    Raises:
        InputError: it does not exist or has not finished.
    """
    project = Project(reference["project"])
    name = reference["job_name"]
    if name not in project.list_nodes():
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
