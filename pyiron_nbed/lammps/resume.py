"""Going on after an interruption: which restart file is whole, and does it belong to this input."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from pyiron_nbed.errors import InputError
from pyiron_nbed.lammps.files import read_thermo
from pyiron_nbed.lammps.protocol import DONE_FILE, HISTORY_FILE
from pyiron_nbed.lammps.run import LOG_FILE, end_leftover, run_lammps
from pyiron_nbed.lammps.vcsgc import read_history, write_history
from pyiron_nbed.structures.dump import cut_frames, read_frame, read_frames

RUN_FILE = "run.json"
_STATE = re.compile(r"# step (\d+)\s*$")
_OWN = ("restart.*", "frame_*.bin", "trajectory.*.bin", "log*.lammps", HISTORY_FILE, DONE_FILE, RUN_FILE)
_BYTES_PER_ATOM = {"frame": 40, "restart": 160, "data": 70}


def run_or_resume(
    folder: Path,
    protocol: Any,
    total_steps: int,
    n_atoms: int,
    input_hash: str,
    write_input: Callable[[str | None], None],
    command: Sequence[str],
    description: str,
    state: Callable[[], str] | None = None,
) -> None:
    """Run LAMMPS to the end of a protocol, from the last restart file of the same input if there is one.

    Nothing runs where the same input has finished before. Call it inside :func:`pyiron_nbed.locking.locked`.

    Args:
        folder: working directory.
        protocol: its ``frames`` and ``trajectory_every`` tell the disc space.
        total_steps: time steps of all stages.
        n_atoms: number of atoms.
        input_hash: of structure, protocol and potential.
        write_input: writes data file and input for a start from a restart slot, or from the beginning (None).
        command: command line of LAMMPS.
        description: text of the progress bar.
        state: a few words shown behind the bar.

    Raises:
        LammpsError: LAMMPS stopped.
        InputError: not enough disc space.
    """
    end_leftover(folder)
    if (folder / DONE_FILE).exists() and read_record(folder).get("input_hash") == input_hash:
        return
    n_frames = len(protocol.frames)
    if protocol.trajectory_every:
        n_frames += total_steps // protocol.trajectory_every + 1
    check_space(folder, n_atoms, n_frames)
    slot, _ = begin_segment(folder, input_hash)
    write_input(slot)
    run_lammps(folder, command, total_steps, description, state)


def check_space(folder: Path, n_atoms: int, n_frames: int) -> None:
    """Raise InputError where the planned files do not fit on the disc."""
    planned = n_atoms * (
        n_frames * _BYTES_PER_ATOM["frame"] + 2 * _BYTES_PER_ATOM["restart"] + _BYTES_PER_ATOM["data"]
    )
    free = shutil.disk_usage(folder).free
    if planned > free:
        raise InputError(
            f"The run will write about {planned / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free in "
            f"{folder}: make room, work on another disc, or raise input.trajectory_every."
        )


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
        match = _STATE.search(state.read_text()) if state.exists() else None
        if match and data.exists():
            found.append((int(match.group(1)), slot))
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
    log = folder / LOG_FILE
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
    for path in trajectory_files(folder):
        cut_frames(path, restart[1] if restart else 0)
    record["segments"] += 1
    (folder / RUN_FILE).write_text(json.dumps(record) + "\n")
    return (restart[0] if restart else None), int(record["segments"])


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
    return [*earlier, *(p for p in [folder / LOG_FILE] if p.exists())]


def named_frame(folder: Path, name: str, species: Sequence[str]) -> Atoms:
    """One frame of a run by its name, for example "minimized".

    Raises:
        InputError: no such frame was planned or written.
    """
    path = folder / f"frame_{name}.bin"
    if not path.exists():
        have = sorted(p.name[6:-4] for p in folder.glob("frame_*.bin"))
        raise InputError(f"There is no frame {name!r}: the run left {', '.join(have) or 'none'}.")
    return read_frame(path, species)


def trajectory_files(folder: Path) -> list[Path]:
    """Dump files of all segments, in order."""
    return sorted(folder.glob("trajectory.*.bin"), key=lambda path: int(path.name.split(".")[1]))


def read_trajectory(folder: Path, species: Sequence[str]) -> Iterator[Atoms]:
    """Frames of the trajectory of all segments, one at a time.

    Raises:
        InputError: the run kept none.
    """
    files = trajectory_files(folder)
    if not files:
        raise InputError(f"There is no trajectory in {folder}: set input.trajectory_every before the run.")
    for path in files:
        yield from read_frames(path, species)


def thermo_of(folder: Path) -> pd.DataFrame:
    """Thermodynamic log of all segments.

    Where the count begins again (after an interruption, or after the first minimisation) the later
    rows hold: Step rises throughout. Empty where nothing was printed yet.
    """
    tables = [table for table in map(read_thermo, log_files(folder)) if len(table)]
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    lowest_from_here = table["Step"][::-1].cummin()[::-1]
    later = lowest_from_here.shift(-1, fill_value=np.inf)
    return table[table["Step"] < later].reset_index(drop=True)
