"""Names that a user may have mistyped: attributes of jobs and inputs."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection
from typing import Any

from pyiron_nbed.errors import InputError


def close_name(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like another one, None where none is.

    Example:
        >>> close_name("refrence", ["reference", "references", "sources"])
        'reference'
    """
    return next(iter(difflib.get_close_matches(str(name), sorted(known), 1)), None)


def check_attribute(job: Any, name: str) -> None:
    """Raise InputError for an attribute that a job does not have; Python would take it in silence.

    What pyiron sets, and what the methods of a job set, is theirs.

    Args:
        job: the job.
        name: of the attribute that is assigned to.
    """
    if name.startswith("_") or hasattr(type(job), name) or name in vars(job):
        return
    caller: Any = sys._getframe(2)
    module = str(caller.f_globals.get("__name__", ""))
    if module.split(".")[0] in ("pyiron_base", "pyiron_atomistics") or caller.f_locals.get("self") is job:
        return
    kind, inputs = type(job).__name__, job.defaults()
    if name in inputs:
        raise InputError(f"{kind} has no attribute {name!r}, which is an input: set job.input.{name}.")
    settable = [
        known for known in dir(type(job))
        if not known.startswith("_") and getattr(getattr(type(job), known), "fset", None) is not None
    ]  # fmt: skip
    places = {
        **{known: f"job.input.{known}" for known in inputs},
        **{known: f"job.{known}" for known in settable},
    }
    near = close_name(name, places)
    hint = f", did you mean {places[near]}?" if near else ": the inputs of a job are set as job.input.name."
    raise InputError(f"{kind} has no attribute {name!r}{hint}")
