"""Progress of work that takes a while: a bar on a terminal and in a notebook, else a line for each tenth."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from tqdm.std import tqdm

SILENCE_VARIABLE = "NBED_SILENT"  # set: no progress and no word about compilation
_LINES_AFTER = 3.0  # s; work that is over by then writes no line


def progress_bar(total: float, description: str, unit: str = "it", position: int | None = None) -> tqdm:
    """A bar on standard error; where that is no terminal (a log file, a queue), one line per 10 %.

    Args:
        total: number of units.
        description: what is being done.
        unit: name of one unit.
        position: line of the bar when several run at once.

    Returns:
        A ``tqdm`` bar (context manager).

    Example:
        >>> with progress_bar(2, "patterns", "pattern") as bar:
        ...     _ = bar.update(2)
    """
    kind = _kind()
    return kind(
        total=total, desc=description, unit=unit, position=position,
        delay=_LINES_AFTER if kind is _Lines else 0.5,
        disable=bool(os.environ.get(SILENCE_VARIABLE)), unit_scale=total >= 1e5,
    )  # fmt: skip


def _kind() -> type[tqdm]:
    if sys.stderr.isatty():
        return tqdm
    # without ipywidgets tqdm's bar for notebooks would warn
    if "ipykernel.zmqshell" in sys.modules and importlib.util.find_spec("ipywidgets") is not None:
        return importlib.import_module("tqdm.notebook").tqdm
    return _Lines


class _Lines(tqdm):
    """A line of its own for each tenth, with the time that is left."""

    disable: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, file=sys.stderr, miniters=options["total"] / 10, mininterval=0)
        self._before = 0.0  # done by an earlier run that this one goes on from

    def update(self, n: float = 1) -> bool | None:
        """Count ``n`` units more, and write a line where another tenth is done."""
        if not self.disable and self._time() - self.start_t < 0.05:
            self._before += n
        due = super().update(n)
        if due:
            self._write()
        return due

    def refresh(self, *_: Any, **__: Any) -> None:
        """Nothing: lines are written by :meth:`update` alone."""

    def close(self) -> None:
        """End; nothing is drawn again."""
        if not self.disable:
            self.disable = True
            self._decr_instances(self)

    def _write(self) -> None:
        passed, done = self._time() - self.start_t, self.n - self._before
        words = [f"{self.desc.removesuffix(': ')}: {100 * self.n / self.total:.0f} %"]
        words.append(f"{self.format_interval(passed)} so far")
        if done > 0 and self.n < self.total:
            words.append(f"{self.format_interval(passed * (self.total - self.n) / done)} left")
        if self.postfix:
            words.append(str(self.postfix))
        print(", ".join(words), file=sys.stderr, flush=True)
