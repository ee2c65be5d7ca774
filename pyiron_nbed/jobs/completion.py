"""Tab completion in IPython and notebooks.

IPython evaluates what stands before the dot only where that is known to do nothing else, and takes
properties of classes that it does not know for unsafe: ``pr.create.job.<Tab>`` and ``job.input.<Tab>`` then
find nothing.
"""

from __future__ import annotations

import sys
from typing import Any

from pyiron_base.interfaces.factory import PyironFactory
from pyiron_base.jobs.job.generic import GenericJob
from pyiron_base.project.generic import Creator, Project
from pyiron_base.storage.datacontainer import DataContainer

_ROOTS = (Project, Creator, PyironFactory, GenericJob, DataContainer)


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


class _Allow:
    def __init__(self, completer: Any) -> None:
        self._completer = completer

    def __call__(self, *_: Any) -> None:
        policies = sys.modules["IPython.core.guarded_eval"].EVALUATION_POLICIES
        policy = policies[self._completer.evaluation]
        if not hasattr(policy, "allowed_getattr"):  # everything or nothing is allowed
            return
        own = self._completer.policy_overrides.get("allowed_getattr", policy.allowed_getattr)
        allowed = set(own).union(*map(_with_subclasses, _ROOTS))
        if allowed != own:
            overrides = {**self._completer.policy_overrides, "allowed_getattr": allowed}
            self._completer.policy_overrides = overrides


def _with_subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))
