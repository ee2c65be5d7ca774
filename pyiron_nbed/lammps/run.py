"""Renders a LAMMPS input and runs it, with live progress and LAMMPS's own error in ours."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2

from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.files import check_folder
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.resources import resource_folder

LOG_FILE = "log.lammps"  # LAMMPS chooses the name
PROCESS_FILE = "lammps.pid"


def render(template: str, **values: object) -> str:
    """Fill a template of ``templates/``.

    Args:
        template: file name, for example "melt_quench.lmp.j2".
        values: names used by the template; a missing one is an error.

    Returns:
        The text of the LAMMPS input.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # the output is a LAMMPS input, not HTML
    )
    return environment.get_template(template).render(**values)


def run_lammps(
    folder: Path,
    command: Sequence[str],
    total_steps: int | None = None,
    description: str = "LAMMPS",
    state: Callable[[], str] | None = None,
) -> None:
    """Run LAMMPS in a folder and wait for it.

    Whatever ends the wait (Ctrl-C, SIGTERM, an error) also ends LAMMPS and its MPI ranks.

    Args:
        folder: working directory; ``log.lammps`` and ``lammps.out`` are written there.
        command: the whole command line as words, for example
            ``[*lammps_command(), "-in", "control.inp"]``.
        total_steps: shows a progress bar up to this time step.
        description: text of the bar.
        state: gives a few words shown behind the bar, for example temperature and composition.

    Raises:
        LammpsError: LAMMPS is missing or stopped; its own error line is in the message.
    """
    if not command or isinstance(command, str) or not all(isinstance(word, str) for word in command):
        raise InputError(
            f"command is {command!r}: give the words of a command line, such as ['lmp', '-in', 'in']."
        )
    folder = check_folder(folder)
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    with open(folder / "lammps.out", "w") as output:
        try:
            process = subprocess.Popen(
                list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, env=environment,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise LammpsError(f"LAMMPS could not be started with {command[0]!r}: {error}.") from error
        (folder / PROCESS_FILE).write_text(f"{process.pid} {socket.gethostname()}\n")
        try:
            _wait(process, folder, total_steps, description, state)
        except BaseException:
            stop_group(process)
            raise
    if process.returncode != 0:
        raise LammpsError(_explain(folder, process.returncode))


def stop_group(process: subprocess.Popen) -> None:
    """End a process and everything it started: politely, after 5 s by force."""
    for signal_number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
    process.poll()


def end_leftover(folder: Path) -> bool:
    """End a LAMMPS that still works in a folder because only its Python process was killed.

    Args:
        folder: where :func:`run_lammps` was called; looked at on this machine only.

    Returns:
        Whether there was one.
    """
    try:
        number, host = (folder / PROCESS_FILE).read_text().split()
        group = int(number)
    except (OSError, ValueError):
        return False
    (folder / PROCESS_FILE).unlink()
    if host != socket.gethostname() or group not in _groups_working_in(folder):
        return False
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal_number)
        for _ in range(50):
            if group not in _groups_working_in(folder):
                return True
            time.sleep(0.1)
    return True


def _groups_working_in(folder: Path) -> set[int]:
    """Process groups with a process whose working directory is the folder (Linux)."""
    groups = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ProcessLookupError):
            if os.path.samefile(entry / "cwd", folder):
                groups.add(os.getpgid(int(entry.name)))
    return groups


def _wait(
    process: subprocess.Popen,
    folder: Path,
    total_steps: int | None,
    description: str,
    state: Callable[[], str] | None,
) -> None:
    if total_steps is None:
        process.wait()
        return
    with progress_bar(total_steps, description, "step") as bar:
        while process.poll() is None:
            time.sleep(0.2)
            bar.update(max(0, last_step(folder / LOG_FILE) - bar.n))
            if state is not None and not bar.disable:
                bar.set_postfix_str(state())
        if process.returncode == 0:
            bar.update(total_steps - bar.n)


_THERMO_LINE = re.compile(rb"^\s*(\d+)(?:\s+-?[\d.][\d.eE+-]*)+\s*$")


def last_step(log: Path) -> int:
    """Newest time step in a LAMMPS log; 0 where there is none yet."""
    row = last_row(log)
    return int(row[0]) if row else 0


def last_row(log: Path) -> list[float]:
    """Newest line of thermodynamic output in a LAMMPS log, step first; [] where there is none yet."""
    try:
        with open(log, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().split(b"\n")[:-1]  # the last one may be half written
    except OSError:
        return []
    for line in reversed(lines):
        if _THERMO_LINE.match(line):
            return [float(word) for word in line.split()]
    return []


def _explain(folder: Path, code: int) -> str:
    texts = []
    for name in ("lammps.out", "log.lammps"):
        path = folder / name
        if path.exists():
            texts.append(path.read_text(errors="replace"))
    for text in texts:
        lines = text.splitlines()
        errors = [line.strip() for line in lines if line.lstrip().startswith("ERROR")]
        if errors:
            last = [line.strip() for line in lines if line.startswith("Last ")]
            where = f" ({last[-1]})" if last else ""
            return f"LAMMPS stopped with: {errors[0]}{where}. Its log is {folder / 'log.lammps'}."
    tail = " | ".join(line for line in (texts[0].splitlines()[-3:] if texts else []) if line.strip())
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"LAMMPS ended with {how} and no error line; its last output: {tail or 'none'}."
