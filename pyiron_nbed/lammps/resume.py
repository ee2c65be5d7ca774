"""Going on after an interruption: which restart file is whole, and does it belong to this input."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiron_nbed.errors import LammpsError
from pyiron_nbed.lammps.complexion import DONE_FILE, HISTORY_FILE
from pyiron_nbed.lammps.vcsgc import read_history, write_history

RUN_FILE = "run.json"
LOCK_FILE = "lock"
_STATE = re.compile(r"^variable mu equal (\S+) # step (\d+)\s*$")
_OWN = ("restart.*", "frame_*.dump", "log*.lammps", HISTORY_FILE, DONE_FILE, RUN_FILE)


def newest_restart(folder: Path) -> tuple[str, int] | None:
    """The latest restart file that is whole.

    Args:
        folder: holds ``restart.<slot>`` and ``restart.<slot>.state``.

    Returns:
        (slot, time step), or None where there is none.
    """
    found = []
    for slot in ("0", "1"):
        state, data = folder / f"restart.{slot}.state", folder / f"restart.{slot}"
        match = _STATE.match(state.read_text()) if state.exists() else None
        if match and data.exists():
            found.append((int(match.group(2)), slot))
    return (max(found)[1], max(found)[0]) if found else None


def begin_segment(folder: Path, input_hash: str) -> tuple[str | None, int]:
    """Prepare a folder for the next run of the same input, or clear it for another one.

    Args:
        folder: working directory.
        input_hash: of structure, protocol and potential.

    Returns:
        (slot of the restart file to go on from, or None for a fresh start; number of this segment).
    """
    record = read_record(folder)
    if record.get("input_hash") != input_hash:
        for pattern in _OWN:
            for path in folder.glob(pattern):
                path.unlink()
        record = {"input_hash": input_hash, "segments": 0}
    restart = newest_restart(folder)
    log = folder / "log.lammps"
    if log.exists():
        log.replace(folder / f"log.segment_{record['segments']}.lammps")
    history = folder / HISTORY_FILE
    if history.exists():
        table = read_history(history)
        kept = table[table["step"] <= (restart[1] if restart else -1)]
        # a run that goes on before its first adjustment writes the header itself
        if len(kept):
            write_history(history, kept)
        else:
            history.unlink()
    record["segments"] += 1
    (folder / RUN_FILE).write_text(json.dumps(record) + "\n")
    return (restart[0] if restart else None), int(record["segments"])


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Work in a folder alone; the lock ends with the process, however it ends.

    Raises:
        LammpsError: another process works there.
    """
    with open(folder / LOCK_FILE, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LammpsError(
                f"Another process runs LAMMPS in {folder}: wait for it, or end it first."
            ) from None
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process works in the folder."""
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        with locked(folder):
            return False
    except LammpsError:
        return True


def read_record(folder: Path) -> dict:
    """{"input_hash", "segments"} of the run in a folder; {} where there is none."""
    try:
        return json.loads((folder / RUN_FILE).read_text())
    except (OSError, ValueError):
        return {}


def log_files(folder: Path) -> list[Path]:
    """Logs of all segments, in order."""
    earlier = sorted(
        folder.glob("log.segment_*.lammps"), key=lambda p: int(p.name.split("_")[1].split(".")[0])
    )
    return [*earlier, *(p for p in [folder / "log.lammps"] if p.exists())]
