"""What a job used, compared with what is there now: jobs that were run again since, files that were changed.

A source that was used holds the ``hash`` of what it was: of the result of a job, of the patterns in a pattern
file, of the content of any other file. A file holds its ``size`` (bytes) and ``mtime`` (ns) too, so that it
is read again only where one of them is another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyiron_nbed.checks import warn
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.jobs.references import load_job, result_hash
from pyiron_nbed.provenance import file_hash

Source = dict[str, Any]
Known = dict[str, tuple[str | None, list[tuple[Source, str]]]]

NOTED = ("hash", "size", "mtime")  # names of what is noted about a source when it is used


def used(source: Source) -> Source:
    """A source with the hash of what it holds now, where that has one.

    Args:
        source: as :func:`pyiron_nbed.jobs.sources.located` returns it.

    Raises:
        InputError: a job that does not exist or has not finished.
    """
    if "job_name" in source:
        return {**source, "hash": result_hash(load_job(source))}
    if "file" not in source:
        return source
    plain = {name: value for name, value in source.items() if name not in NOTED}
    with contextlib.suppress(OSError):
        now = Path(source["file"]).stat()
        stamp = {"size": now.st_size, "mtime": now.st_mtime_ns}
        return {**plain, "hash": _file_hash(plain), **stamp}
    return plain


def was_made_again(sources: Sequence[Source], known: Known | None = None) -> bool:
    """Whether any job or file, or what a job goes back to, holds something else than what was used.

    Args:
        sources: as :func:`pyiron_nbed.jobs.sources.located` returns them; those without a hash, and what is
            gone, are passed over.
        known: what was looked up before, added to; for calls with the same sources.
    """
    return bool(_made_again(sources, "", {} if known is None else known))


def check_used(sources: Sequence[Source], owner: str) -> None:
    """Raise InputError where a job was run again, or a file changed, since it was used.

    Args:
        sources: as of :func:`was_made_again`.
        owner: name of the job that used them.
    """
    for source, user in _made_again(sources, owner, {})[:1]:
        raise InputError(
            f"{_what_happened(source)} since {user!r} used it: run {user!r} again with "
            "delete_existing_job=True, or set allow_stale=True of the job to go on with the old result."
        )


def warn_of_used(sources: Sequence[Source], owner: str) -> None:
    """As :func:`check_used`, a warning: for results that are shown as they were."""
    for source, user in _made_again(sources, owner, {})[:1]:
        warn(f"{_what_happened(source)} since {user!r} used it: what {owner!r} shows is the old result.")


def check_chain(job: Any) -> None:
    """Raise InputError where something that a job goes back to was made again since it was used.

    Args:
        job: one about to run; what it refers to itself it uses anew. What is gone by now is passed over.
    """
    for reference in job.held_references():
        with contextlib.suppress(_Gone):
            upstream = _load(reference)
            check_used(_held_by(upstream), upstream.job_name)


class _Gone(Exception):
    """A job that is not there, or has not finished."""


def _load(reference: Source) -> Any:
    try:
        return load_job(reference)
    except InputError as error:
        raise _Gone from error


def _held_by(job: Any) -> list[Source]:
    """What a job holds, which may be one of another package."""
    return job.held_sources() if hasattr(job, "held_sources") else []


def _made_again(sources: Sequence[Source], owner: str, known: Known) -> list[tuple[Source, str]]:
    """What was made again since it was used, and the name of the job that used it."""
    found = []
    for source in sources:
        if "atoms" in source or _is_untouched(source):
            continue
        place = f"{source.get('project')}/{source.get('job_name')}/{source.get('file')}"
        if place not in known:
            known[place] = _now(source, known)
        content, earlier = known[place]
        if content is not None and source.get("hash") not in (None, content):
            found.append((source, owner))
        found += earlier
    return found


def _what_happened(source: Source) -> str:
    if "job_name" in source:
        return f"The job {source['job_name']!r} in {source['project']} was run again"
    return f"The file {source['file']} was changed"


def _is_untouched(source: Source) -> bool:
    """Whether a file has the size and the time that it had when it was used."""
    if source.get("mtime") is None:
        return False
    with contextlib.suppress(OSError):
        now = Path(source["file"]).stat()
        return (now.st_size, now.st_mtime_ns) == (source["size"], source["mtime"])
    return False


def _now(source: Source, known: Known) -> tuple[str | None, list[tuple[Source, str]]]:
    """Hash of what a source holds now, None where it is gone; and what was made again behind it."""
    if "job_name" not in source:
        return _file_hash(source), []
    with contextlib.suppress(_Gone):
        job = _load(source)
        return result_hash(job), _made_again(_held_by(job), job.job_name, known)
    return None, []


def _file_hash(source: Source) -> str | None:
    with contextlib.suppress(DatasetError):
        return PatternDataset(source["file"]).input_hash
    with contextlib.suppress(OSError):
        return file_hash(Path(source["file"]))
    return None
