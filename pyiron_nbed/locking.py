"""One process at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiron_nbed.errors import NBEDError

LOCK_FILE = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Work in a folder alone; the lock ends with the process, however it ends.

    Raises:
        NBEDError: another process works there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder)):
        ...     is_locked(Path(folder))
        True
    """
    with open(folder / LOCK_FILE, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NBEDError(f"Another process works in {folder}: wait for it, or end it first.") from None
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process works in the folder."""
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        with locked(folder):
            return False
    except NBEDError:
        return True
