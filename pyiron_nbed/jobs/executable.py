"""Which LAMMPS a job runs: the user's own choice first, else that of the environment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pyiron_nbed.errors import InputError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.protocol import INPUT_FILE


def command_of_job(job: Any) -> list[str]:
    """Command line of a LAMMPS job.

    In this order: ``job.executable`` (a binary, or a whole command line), the scripts
    ``lammps/bin/run_lammps_*.sh`` of the user's pyiron resource paths (called with cores and threads,
    as pyiron does), the ``lmp`` of the environment.

    Args:
        job: its ``server.cores`` are the MPI ranks, ``server.threads`` the OpenMP threads of each,
            ``input.accelerator`` and ``server.gpus`` as in
            :func:`pyiron_nbed.executable.lammps_command`.

    Returns:
        The command as words.

    Raises:
        LammpsError: there is no such executable, or it lacks a package.
        InputError: an accelerator that does not fit.
    """
    settings = {
        "threads": int(job.server.threads),
        "accelerator": job.input.accelerator,
        "gpus": int(job.server.gpus or 0),
    }
    own = shlex.split(str(job.executable.executable_path or ""))
    cores = int(job.server.cores)
    scripted = len(own) > 1 or (own and Path(own[0]).name.startswith("run_lammps_"))
    if scripted and settings["accelerator"] is not None:
        raise InputError(
            f"accelerator is {settings['accelerator']!r}, but job.executable is a command line or script of "
            "your own: put the switches there, or give the LAMMPS binary alone."
        )
    if not own:
        return [*lammps_command(cores, **settings), "-in", INPUT_FILE]
    if len(own) > 1:
        return own if "-in" in own else [*own, "-in", INPUT_FILE]
    if Path(own[0]).name.startswith("run_lammps_"):  # these read control.inp by themselves
        scripts = job.executable.executable_lst
        script = scripts.get(f"{job.executable.version}_mpi", own[0]) if cores > 1 else own[0]
        return [script, str(cores), str(job.server.threads)]
    return [*lammps_command(cores, own[0], **settings), "-in", INPUT_FILE]
