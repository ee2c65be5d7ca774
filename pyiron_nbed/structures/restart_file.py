"""Restart files, which only LAMMPS [Thompson2022] itself can read."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from pyiron_nbed.errors import LammpsError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.structures.data_file import head_of_data
from pyiron_nbed.structures.dump import dump_frame, scan_dump
from pyiron_nbed.structures.file_frame import FileFrame

FIRST_WORDS = b"LammpS RestartT"
# the atoms as a dump, which keeps what is periodic and all digits; types, labels and masses as a data file;
# without a skin, which is wider than a million boxes in si and cgs units by default
_SCRIPT = """\
read_restart structure.restart
neighbor 0 bin
write_dump all custom structure.bin id type x y z modify units yes
group none empty
delete_atoms group all
write_data head.data nocoeff
"""


def restart_frame(path: str | os.PathLike, cores: int = 1) -> FileFrame:
    """The structure of a restart file, converted by LAMMPS in a temporary folder.

    Args:
        path: the file.
        cores: MPI ranks.

    Raises:
        LammpsError: LAMMPS is missing, or cannot read the file.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "structure.restart").symlink_to(Path(path).resolve())  # LAMMPS expands % and * in a name
        (folder / "convert.lmp").write_text(_SCRIPT)
        done = subprocess.run(
            [*lammps_command(cores), "-in", "convert.lmp", "-log", "none"], cwd=folder, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if done.returncode or not (folder / "head.data").is_file():
            lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
            reason = " ".join((lines[0] if lines else done.stderr[-200:]).split()).rstrip(".")
            raise LammpsError(
                f"LAMMPS could not convert the restart file {path} ({reason}): it must come from the same "
                "release of LAMMPS with the same packages; write a data file or a dump instead."
            )
        dump = folder / "structure.bin"
        frame = dump_frame(dump, scan_dump(dump), 0, by_type=True)
        frame.where = str(path)
        frame.n_types, frame.names, frame.masses = head_of_data(folder / "head.data")
        return frame
