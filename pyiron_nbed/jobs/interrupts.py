"""Signals that end a job: what is written about it, the exit code, and who listens afterwards."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

_LISTENED_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGABRT)


def exit_code(number: int) -> int:
    """Exit code of a process that a signal ended, as shells and queues count.

    Example:
        >>> exit_code(signal.SIGTERM)
        143
    """
    return 128 + number


def reason_of(error: BaseException) -> str:
    """Why a job ended early, in one line.

    Example:
        >>> reason_of(SystemExit(143))
        'ended by signal 15 (SIGTERM); run() goes on'
        >>> reason_of(ValueError("no atoms"))
        'ValueError: no atoms'
    """
    if isinstance(error, KeyboardInterrupt):
        return "ended by signal 2 (SIGINT, Ctrl-C); run() goes on"
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > exit_code(0):
        number = error.code - exit_code(0)
        with contextlib.suppress(ValueError):
            return f"ended by signal {number} ({signal.Signals(number).name}); run() goes on"
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Who listens to a signal before listens afterwards; pyiron leaves none, and Ctrl-C then ends Python."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _LISTENED_TO}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it is not one of Python's
                signal.signal(number, handler)
