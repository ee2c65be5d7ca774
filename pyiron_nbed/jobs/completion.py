"""Tab completion in IPython and notebooks.

IPython evaluates what stands before the dot only where that is known to do nothing else, and takes properties
of classes that it does not know for unsafe; jedi, which it asks first where it is installed, reads the source
of pyiron, where the job classes are not. ``pr.create.job.<Tab>`` and ``job.input.<Tab>`` then find nothing.
"""

from __future__ import annotations

import re
from typing import Any

from pyiron_base.interfaces.factory import PyironFactory
from pyiron_base.jobs.job.generic import GenericJob
from pyiron_base.project.generic import Creator, Project
from pyiron_base.storage.datacontainer import DataContainer

_ROOTS = (Project, Creator, PyironFactory, GenericJob, DataContainer)
_NAMES = re.compile(r"([^\W\d]\w*(?:\.\w+)*)\.(\w*)$")


def complete_in(shell: Any) -> None:
    """Let the completer of an IPython shell look into projects and jobs, also of classes that come later.

    Args:
        shell: as of ``IPython.get_ipython()``; one of IPython before 9.3, or None, is left as it is.
    """
    completer = getattr(shell, "Completer", None)
    if completer is None or not hasattr(completer, "policy_overrides"):
        return
    allow = _Allow(completer)
    allow()
    shell.events.register("post_run_cell", allow)
    completer.custom_matchers.append(_matcher_of(shell))


class _Allow:
    def __init__(self, completer: Any) -> None:
        self._completer = completer

    def __call__(self, *_: Any) -> None:
        from IPython.core.guarded_eval import EVALUATION_POLICIES

        policy = EVALUATION_POLICIES[self._completer.evaluation]
        if not hasattr(policy, "allowed_getattr"):  # everything or nothing is allowed
            return
        own = self._completer.policy_overrides.get("allowed_getattr", policy.allowed_getattr)
        allowed = set(own).union(*map(_with_subclasses, _ROOTS))
        if allowed != own:
            overrides = {**self._completer.policy_overrides, "allowed_getattr": allowed}
            self._completer.policy_overrides = overrides


def _with_subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))


def _matcher_of(shell: Any) -> Any:
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher()
    def job_classes(context: Any) -> dict[str, Any]:
        found = _NAMES.search(context.text_until_cursor)
        names: list[str] = []
        if found is not None and shell.Completer.use_jedi:
            names = [
                name for name in _listed(shell.user_ns, found[1].split(".")) if name.startswith(found[2])
            ]
        head = context.token[: len(context.token) - len(found[2])] if found is not None else ""
        return {"completions": [SimpleCompletion(head + name, type="class") for name in names]}

    return job_classes


def _listed(namespace: dict[str, Any], path: list[str]) -> list[str]:
    """What the factory at a path like ["pr", "create", "job"] makes; nothing of other objects."""
    thing = namespace.get(path[0])
    for name in path[1:]:
        if not isinstance(thing, Project | Creator) or not hasattr(type(thing), name):
            return []
        thing = getattr(thing, name)
    return sorted(dir(thing)) if isinstance(thing, PyironFactory) else []
