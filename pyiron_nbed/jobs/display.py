"""How input and metrics of a job are shown: a line for each name, with what is in force; a short table."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pyiron_base.storage.datacontainer import DataContainer

from pyiron_nbed.jobs.freshness import NOTED
from pyiron_nbed.jobs.inputs import same
from pyiron_nbed.learning.evaluation import report

_WIDTH = 90  # characters of a value


class _Shown(DataContainer):
    """A DataContainer of pyiron that is shown in another way, and stored as what it is."""

    def _type_to_dict(self) -> dict[str, Any]:
        name = DataContainer.__name__
        return {**super()._type_to_dict(), "NAME": name, "TYPE": str(DataContainer), "OBJECT": name}

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


class JobInput(_Shown):
    """The input of a job."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_job"}

    def __repr__(self) -> str:
        job = self.__dict__.get("_job")
        if job is None:  # an input that is itself a dict or list
            return short(self.to_builtin())
        stored = {str(name): value for name, value in self.to_builtin().items()}
        lines = [f"Input of the {type(job).__name__} {job.job_name!r}:"]
        width = max(map(len, stored), default=0)
        effective = job.effective_input()
        for name, value in stored.items():
            shown = effective.get(name, value)
            mark = "" if same(shown, value) else f"   (preset {stored['preset']!r})"
            lines.append(f"  {name:<{width}}  {short(shown)}{mark}")
        return "\n".join(lines)


class Metrics(_Shown):
    """The metrics of a trained network."""

    def __repr__(self) -> str:
        found = self.to_builtin()
        if "groups" not in found and "labels" not in found:  # a part of them
            return short(found)
        return report({"network": found}).to_string(index=False)


def shown_input(job: Any, container: DataContainer) -> DataContainer:
    """The input of a job, the same object, which is shown line by line from now on."""
    if type(container) is DataContainer:
        object.__setattr__(container, "__class__", JobInput)
    if "_job" not in container.__dict__:
        object.__setattr__(container, "_job", job)  # not weakly: pr.load("a").input outlives its job
    return container


def shown_metrics(container: Any) -> Any:
    """The metrics of a job, the same object, which is shown as a short table from now on."""
    if type(container) is DataContainer:
        object.__setattr__(container, "__class__", Metrics)
    return container


def short(value: Any) -> str:
    """A value in one line of at most about 90 characters.

    Example:
        >>> short(np.zeros((2048, 3))), short({"job_name": "quench", "project": "/data/p"})
        ('array of shape (2048, 3)', "job 'quench' in /data/p")
        >>> short([1, 2.5, "a"]), short({"file": "/data/a.dump"})
        ("[1, 2.5, 'a']", "file '/data/a.dump'")
    """
    if isinstance(value, np.ndarray) and value.size > 9:
        return f"array of shape {value.shape}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return _short_dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _joined([short(item) for item in value[:20]], len(value))
    text = repr(value).replace("\n", " ")
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _short_dict(value: Mapping[str, Any]) -> str:
    if "job_name" in value:
        return f"job {value['job_name']!r} in {value.get('project')}"
    if "atoms" in value and isinstance(value["atoms"], Mapping):
        return f"{len(value['atoms'].get('positions', ()))} atoms"
    if set(value) <= {"file", "relative", *NOTED} and "file" in value:
        return f"file {value['file']!r}"
    return _joined([f"{name}: {short(item)}" for name, item in value.items()], len(value), "{}")


def _joined(parts: Sequence[str], total: int, brackets: str = "[]") -> str:
    kept: list[str] = []
    for part in parts:
        if kept and sum(map(len, kept)) + len(part) > _WIDTH:
            break
        kept.append(part)
    left = total - len(kept)
    text = ", ".join(kept) + (f", … {left} more" if left else "")
    return f"{brackets[0]}{text}{brackets[1]}"
