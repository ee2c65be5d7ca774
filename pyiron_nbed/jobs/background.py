"""Several jobs at once on this machine, with a progress bar each."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyiron_nbed.errors import InputError, NBEDError
from pyiron_nbed.jobs.base import ERROR_FILE
from pyiron_nbed.lammps.run import LOG_FILE, last_step, stop_group
from pyiron_nbed.progress import SILENCE_VARIABLE, progress_bar

OUTPUT_FILE = "background.out"


def run_in_background(jobs: Sequence[Any]) -> None:
    """Run LAMMPS jobs side by side, each in a Python process of its own, and wait for all.

    Finished jobs are left as they are. Ctrl-C ends all of them (status aborted).

    Args:
        jobs: GlassQuench, CompositeQuench or ComplexionMDMC jobs that are new or finished.

    Raises:
        InputError: a job is neither new nor finished.
        NBEDError: a job aborted; its reason is in the message. The others run to their end.
    """
    for job in jobs:
        if job.status.string not in ("initialized", "finished"):
            raise InputError(
                f"The job {job.job_name!r} has the status {job.status.string!r}: only new and finished "
                "jobs can be given; create it again with delete_existing_job=True."
            )
    running = []
    try:
        for position, job in enumerate(job for job in jobs if job.status.initialized):
            process = _start(job)
            bar = progress_bar(job.total_steps, job.job_name, "step", position)
            running.append((job, process, bar))
        active = list(running)
        while active:
            time.sleep(0.2)
            for entry in list(active):
                job, process, bar = entry
                over = process.poll() is not None
                step = last_step(Path(job.working_directory) / LOG_FILE)
                bar.update(max(0, step - bar.n))
                if over:
                    active.remove(entry)
    finally:
        for _, process, bar in running:
            if process.poll() is None:
                stop_group(process)
            bar.close()
    failed = []
    for job, _, _ in running:
        job.refresh_job_status()
        if job.status.finished:
            job.from_hdf()
        else:
            failed.append(f"{job.job_name}: {_reason(Path(job.working_directory))}")
    if failed:
        raise NBEDError(f"{len(failed)} of {len(running)} jobs did not finish; {'; '.join(failed)}")


def _start(job: Any) -> subprocess.Popen:
    job.server.run_mode.manual = True
    with contextlib.redirect_stdout(io.StringIO()):  # pyiron's advice how to start it by hand
        job.run()
    which = (
        ["-j", str(job.job_id)]
        if job.job_id is not None
        else ["-f", job.project_hdf5.file_name + job.project_hdf5.h5_path]
    )
    job.project_hdf5.create_working_directory()
    with open(Path(job.working_directory) / OUTPUT_FILE, "w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pyiron_base.cli", "wrapper", "-p", job.working_directory, *which],
            cwd=job.working_directory, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, SILENCE_VARIABLE: "1"},
        )  # fmt: skip


def _reason(folder: Path) -> str:
    for name in (ERROR_FILE, OUTPUT_FILE):
        path = folder / name
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        if lines:
            return lines[-1]
    return "no reason was recorded"
