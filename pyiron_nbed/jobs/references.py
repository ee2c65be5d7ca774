"""References between jobs: found again after a copy, a move or a rename.

A reference is a dict with the ``job_name``, the ``project`` it was in (absolute path), that path ``relative``
to the project of the job that refers to it, the ``hash`` of the result that was used, and the ``id`` in the
job table of then. One that was stored by an older version holds the first two only. Nothing here makes a
folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ase import Atoms
from h5io_browser.base import _read_hdf
from pyiron_base import Project, state
from pyiron_base.jobs.job.extension.jobstatus import JobStatus

from pyiron_nbed.errors import InputError
from pyiron_nbed.provenance import structure_id

Reference = dict[str, Any]


def is_job(thing: Any) -> bool:
    """Whether this is a pyiron job."""
    return hasattr(thing, "job_name") and hasattr(thing, "status")


def is_reference(thing: Any) -> bool:
    """Whether this is a reference in its stored form.

    Example:
        >>> is_reference({"project": "/data", "job_name": "quench"}), is_reference({"file": "a.dump"})
        (True, False)
    """
    return isinstance(thing, dict) and "job_name" in thing


def to_reference(job: Any) -> Reference:
    """The stored form of a reference to a job.

    Raises:
        InputError: it is no job.
    """
    if not is_job(job):
        raise InputError(
            f"A reference must be a job, not {type(job).__name__}: assign for example pr.load('my_quench')."
        )
    return {
        "job_name": job.job_name, "project": os.path.abspath(job.project.path), "hash": result_hash(job),
        "id": job.job_id,
    }  # fmt: skip


def result_hash(job: Any) -> str | None:
    """Hash of the result of a job: another one where it was run again with another result.

    None where it has not finished, or is of a kind that holds neither structures nor patterns.
    """
    if str(job.status) != "finished":
        return None
    if hasattr(job, "result_hash"):
        return job.result_hash()
    atoms = job.get_structure() if hasattr(job, "get_structure") else None
    return structure_id(atoms) if isinstance(atoms, Atoms) else None


def find(reference: Reference, home: str | os.PathLike) -> Reference:
    """A reference with the place where its job is now.

    It is looked for at its path relative to ``home``, then at its absolute path, by its name; then by the
    hash of its result, in these places and under its number in the job table, for one that was renamed or
    moved.

    Args:
        reference: stored form.
        home: path of the project of the job that holds it.

    Raises:
        InputError: it is in none of these places.
    """
    name, places = reference["job_name"], _places(reference["project"], reference.get("relative"), home)
    for place in places:
        if os.path.isfile(os.path.join(place, f"{name}.h5")):
            return _moved(reference, place, name, home)
    for place in places:
        renamed = [job.job_name for job in _jobs_of_result(place, reference.get("hash"))]
        if len(renamed) == 1:
            return _moved(reference, place, renamed[0], home)
    if (moved := _under_number(reference)) is not None:
        return _moved(reference, *moved, home)
    raise InputError(
        f"The job {name!r} does not exist in {' or in '.join(places)}: run it before this one, or assign it "
        "again where it was moved or renamed."
    )


def find_file(file: str, relative: str | None, home: str | os.PathLike) -> str:
    """Path of a file where it is now; its absolute path where it is in neither place.

    Args:
        file: absolute path.
        relative: path to it from ``home``, which is looked at first; None: not known.
        home: path of the project of the job that names it.

    Example:
        >>> find_file("/absent/a.dump", "a.dump", "/elsewhere")
        '/absent/a.dump'
    """
    return next((place for place in _places(file, relative, home) if os.path.exists(place)), file)


def load_job(reference: Reference) -> Any:
    """The finished job of a reference.

    Args:
        reference: as :func:`find` returns it.

    Raises:
        InputError: it does not exist or has not finished.
    """
    name, place = reference["job_name"], reference["project"]
    path = os.path.join(place, f"{name}.h5")
    if not os.path.isfile(path):
        raise InputError(f"The job {name!r} does not exist in {place}: run it before this one.")
    project = Project(place)
    known = name in project.list_nodes()
    # the folder was moved by other means than pyiron where its table does not know the job
    status = project.get_job_status(name) if known else _read_hdf(path, f"/{name}/status")
    if status != "finished":
        raise InputError(
            f"The job {name!r} has the status {status!r}, but only a finished job can be used: run it to "
            "the end first."
        )
    if known:
        return project.load(name)
    job = project.load_from_jobpath_string(f"{path}/{name}")
    job._status = JobStatus(initial_status=status)
    return job


def job_id_of(reference: Reference) -> int | None:
    """Number in the job table of the job of a reference; None where it is not there."""
    if not os.path.isdir(reference["project"]):
        return None
    project = Project(reference["project"])
    known = reference["job_name"] in project.list_nodes()
    return project.get_job_id(reference["job_name"]) if known else None


def _places(absolute: str, relative: str | None, home: str | os.PathLike) -> list[str]:
    """Where to look, in this order."""
    if relative is None:
        return [absolute]
    places = [os.path.normpath(os.path.join(home, relative)), absolute]
    return list(dict.fromkeys(places))


def _moved(reference: Reference, place: str, name: str, home: str | os.PathLike) -> Reference:
    return {**reference, "job_name": name, "project": place, "relative": os.path.relpath(place, home)}


def _jobs_of_result(place: str, wanted: str | None) -> Iterator[Any]:
    """Finished jobs in a folder whose result has this hash."""
    if wanted is None or not os.path.isdir(place):
        return
    project = Project(place)
    for name in project.list_nodes():
        if project.get_job_status(name) == "finished":
            job = project.load(name)
            if result_hash(job) == wanted:
                yield job


def _under_number(reference: Reference) -> tuple[str, str] | None:
    """Project and name of the job that has the number of a reference, where it has its result."""
    if reference.get("id") is None or reference.get("hash") is None or state.database.database_is_disabled:
        return None
    try:
        entry = state.database.database.get_item_by_id(int(reference["id"]))
    except IndexError:  # no such number
        return None
    place, name = os.path.abspath(f"{entry['projectpath'] or ''}{entry['project']}"), entry["job"]
    try:
        found = result_hash(load_job({"project": place, "job_name": name}))
    except InputError:
        return None
    return (place, name) if found == reference["hash"] else None
