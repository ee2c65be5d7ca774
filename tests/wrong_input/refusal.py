"""What every refusal of wrong input has in common; the tables of this folder list the inputs.

A row is ``(what to do, part of the message)``. The first is a callable without arguments, run in an
empty folder. It must raise an error of the package (no raw traceback), say in one sentence what was given and
what to do, and leave the folder as it was.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pyiron_nbed.errors import NBEDError


def snapshot(folder: Path) -> dict[str, int]:
    """Relative path and size of everything in a folder, without pyiron's log and database."""
    return {
        str(path.relative_to(folder)): path.stat().st_size if path.is_file() else -1
        for path in sorted(folder.rglob("*"))
        if path.name not in ("pyiron.log", "pyiron.db")
    }


def assert_one_sentence(message: str) -> None:
    """One line that ends with a full stop, with no second sentence, not longer than a person reads."""
    assert "\n" not in message, f"more than one line: {message!r}"
    assert message.endswith("."), f"no full stop: {message!r}"
    assert len(message) < 600, f"{len(message)} characters: {message!r}"
    # a full stop within the sentence is one of a number, a path, an abbreviation or a Python name
    assert not re.search(r"[a-z0-9)'\"]\. [A-Z]", message), f"more than one sentence: {message!r}"


def assert_refused(action: Callable[[], object], part: str, folder: Path) -> None:
    """The action is refused as this folder's head says; ``part`` (a regular expression) is in the message."""
    before = snapshot(folder)
    with pytest.raises(NBEDError) as caught:
        action()
    message = str(caught.value)
    assert re.search(part, message), f"{part!r} is not in {message!r}"
    assert_one_sentence(message)
    assert snapshot(folder) == before, "something was written"
