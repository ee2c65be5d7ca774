"""Real, short hybrid MD/MC runs: ranks, warnings, kill and resume."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from pyiron_nbed import bicrystal
from pyiron_nbed.errors import InputError, NBEDError, PotentialError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps import complexion_run
from pyiron_nbed.lammps.complexion import Complexion
from pyiron_nbed.lammps.complexion_run import (
    ComplexionWarning,
    find_warnings,
    live_state,
    prepare_complexion,
    simulate_complexion,
)
from pyiron_nbed.lammps.files import read_thermo
from pyiron_nbed.lammps.protocol import INPUT_FILE
from pyiron_nbed.lammps.resume import begin_segment, named_frame, newest_restart, read_trajectory, thermo_of
from pyiron_nbed.lammps.run import PROCESS_FILE
from pyiron_nbed.lammps.vcsgc import cutoff_of, kappa_of_log, rank_grid, read_history, variance_note
from pyiron_nbed.locking import is_locked, locked
from pyiron_nbed.potentials import find_potential
from pyiron_nbed.provenance import hash_of, structure_id

SMALL = {"length": 70.0, "width": 40.0, "height": 31.0}  # 7,900 atoms; sides above 4 × 7.6 Å for 2 ranks
SHORT = {
    "melt_time": 0.1, "cool_film_time": 0.1, "equilibration_time": 0.1, "mc_time": 0.4,
    "mc_every": 10, "adjust_every": 50, "restart_every": 50, "cooling_rate": 7e15, "minimize": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def potential():
    return find_potential()  # the 2007 one, which comes with LAMMPS


def _run(folder, potential, ranks=1, **changes):
    folder.mkdir(exist_ok=True)
    command = [*lammps_command(ranks), "-in", INPUT_FILE]
    protocol = Complexion(**{**SHORT, **changes})
    return simulate_complexion(folder, bicrystal(**SMALL), protocol, potential, command, ranks=ranks)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyiron_nbed.lammps.complexion_run.ComplexionWarning")
def test_two_ranks_reach_the_composition_and_keep_full_precision(tmp_path, potential):
    result = _run(tmp_path, potential, ranks=2, minimize=True, trajectory_every=200)
    assert result["n_atoms"] == len(bicrystal(**SMALL))
    assert result["composition"] == pytest.approx(0.10, abs=0.003)
    assert result["acceptance"] > 0.001
    assert result["segregation"] > 3  # the seeded film holds it after so short a run
    assert result["frames"] == ["hot", "cold", "minimized"]
    assert result["history"]["step"].tolist() == [200, 250, 300, 350]
    assert result["segments"] == 1
    hot, cold = (named_frame(tmp_path, name, potential.species) for name in ("hot", "cold"))
    assert (hot.numbers == cold.numbers).all()
    frames = list(read_trajectory(tmp_path, potential.species))
    assert [atoms.info["step"] for atoms in frames] == [0, 200, 400]
    # the same step in full precision; an atom at the border may be written on either side of it
    apart = (frames[-1].positions - cold.positions) / cold.cell.lengths()
    assert np.abs(apart - np.round(apart)).max() < 1e-14
    thermo = thermo_of(tmp_path)
    assert thermo["Step"].is_monotonic_increasing
    assert thermo["c_minority"].iloc[-1] == pytest.approx(result["composition"], abs=1e-9)
    # run again: nothing is recomputed
    written = (tmp_path / "frame_hot.bin").stat().st_mtime_ns
    again = _run(tmp_path, potential, ranks=2, minimize=True, trajectory_every=200)
    assert (tmp_path / "frame_hot.bin").stat().st_mtime_ns == written
    assert again["segments"] == 1
    assert again["energy_per_atom"] == result["energy_per_atom"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyiron_nbed.lammps.complexion_run.ComplexionWarning")
def test_published_start_and_the_control(tmp_path, potential):
    """Far above its equilibrium value, the chemical potential keeps Zr out and is lowered."""
    result = _run(
        tmp_path, potential, start="published", zr_fraction=0.02, chemical_potential=6.0, max_change=0.5,
        final_temperature=1000.0,
    )  # fmt: skip
    mu = result["history"]["chemical_potential"]
    assert mu[0] == 6.0
    assert np.allclose(np.diff(mu), -0.5)
    assert result["composition"] < 0.001
    assert any("composition" in text for text in result["warnings"])
    assert any("accepted" in text for text in result["warnings"])
    # a handful of Zr atoms may all sit in the boundary: the sentence comes where the ratio is low or NaN
    segregates = result["segregation"] >= 1.5
    assert any("segregate" in text for text in result["warnings"]) == (not segregates)


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_complexion as t
from pyiron_nbed.potentials import find_potential
t._run(Path(sys.argv[1]), find_potential())
"""


def _start_and_kill(folder, beyond, everything):
    """kill -9 of the Python process alone, or of LAMMPS as well."""
    environment = {**os.environ, "NBED_SILENT": "1"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, str(folder), str(Path(__file__).parent)],
        env=environment,
    )
    try:
        limit = time.monotonic() + 300
        while time.monotonic() < limit and process.poll() is None:
            restart = newest_restart(folder)
            if restart and restart[1] >= beyond and is_locked(folder):
                break
            time.sleep(0.05)
        else:
            pytest.fail("the run ended before it could be killed")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if everything:
            os.killpg(int((folder / PROCESS_FILE).read_text().split()[0]), signal.SIGKILL)
    return newest_restart(folder)[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyiron_nbed.lammps.complexion_run.ComplexionWarning")
def test_three_segments_after_kill_9(tmp_path, potential):
    whole = _run(tmp_path / "whole", potential)
    folder = tmp_path / "killed"
    folder.mkdir()
    first = _start_and_kill(folder, 100, everything=True)
    second = _start_and_kill(folder, max(first + 50, 250), everything=False)
    assert not is_locked(folder)  # but LAMMPS works on alone until the next run ends it
    result = _run(folder, potential)
    assert result["segments"] == 3
    starts = [read_thermo(folder / f"log.segment_{n}.lammps")["Step"].iloc[0] for n in (1, 2)]
    starts.append(read_thermo(folder / "log.lammps")["Step"].iloc[0])
    assert starts[:2] == [0, first]
    assert starts[2] >= second
    assert result["history"]["step"].tolist() == whole["history"]["step"].tolist()
    # until the first interruption nothing differs; later only the order of sums does
    before = whole["history"]["step"] <= first
    for name in ("chemical_potential", "zr_fraction", "acceptance"):
        assert np.array_equal(result["history"][name][before], whole["history"][name][before])
    assert result["composition"] == pytest.approx(whole["composition"], abs=0.003)
    assert result["input_hash"] == whole["input_hash"]


def test_another_input_does_not_resume(tmp_path):
    (tmp_path / "restart.0").write_text("x")
    (tmp_path / "restart.0.state").write_text("variable mu equal 3.4 # step 100\n")
    (tmp_path / "run.json").write_text(json.dumps({"input_hash": "a", "segments": 1}))
    assert begin_segment(tmp_path, "a") == ("0", 2)
    assert begin_segment(tmp_path, "b") == (None, 1)
    assert not (tmp_path / "restart.0").exists()


def test_half_written_restart_is_not_used(tmp_path):
    for slot, text in (("0", "variable mu equal 3.4 # step 100\n"), ("1", "# not whole\n")):
        (tmp_path / f"restart.{slot}").write_text("x")
        (tmp_path / f"restart.{slot}.state").write_text(text)
    assert newest_restart(tmp_path) == ("0", 100)
    (tmp_path / "restart.1.state").write_text("variable mu equal 3.4 # step 150\n")
    assert newest_restart(tmp_path) == ("1", 150)


def test_history_keeps_the_last_of_repeated_steps(tmp_path):
    path = tmp_path / "history.txt"
    path.write_text("step chemical_potential\n100 1 2 3 4 5 6\n200 1 2 3 4 5 6\n200 9 2 3 4 5 6\n300 1 2")
    table = read_history(path)
    assert table["step"].tolist() == [100, 200]
    assert table["chemical_potential"].tolist() == [1, 9]
    assert len(read_history(tmp_path / "absent.txt")) == 0


def test_one_process_per_folder(tmp_path, potential):
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(NBEDError, match="Another process"):
            _run(tmp_path, potential)
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zr_fraction": 0.9}, "zr_fraction is 0.9: give a number from 0.001 to 0.5"),
        ({"temperature": -5}, "temperature is -5"),
        ({"final_temperature": 2000.0}, "above the temperature of the run"),
        ({"melt_temperature": 500.0}, "below the temperature of the run"),
        ({"mc_every": 30}, "must be a multiple"),
        ({"restart_every": 1500}, "must be a multiple"),
        ({"seed": 1.5}, "whole number"),
        ({"start": "other"}, "choose one of 'published', 'seeded'"),
        ({"film_boundaries": "third"}, "choose one of 'both'"),
        ({"kappa": float("nan")}, "kappa is nan"),
        ({"timestep": "1"}, "timestep is '1'"),
        ({"minimize": "yes"}, "minimize is 'yes'"),
        ({"mc_time": 0.0, "final_temperature": 1000.0, "minimize": False}, "no frame"),
    ],
)
def test_protocol_refuses(changes, message):
    with pytest.raises(InputError, match=message):
        Complexion(**changes)


def test_presets():
    published = Complexion.preset("published")
    assert published.stages == {"equilibrate": 100_000, "mc": 3_000_000, "cool": 0, "hold": 0}
    assert (published.temperature, published.mc_every, published.adjust_every) == (1000, 100, 1000)
    assert (published.zr_fraction, published.timestep) == (0.02, 1.0)
    assert published.frames == ["hot", "minimized"]
    assert published.actual_cooling_rate == 0
    assert Complexion.preset("seeded", mc_time=1.0).stages["mc"] == 500
    with pytest.raises(InputError, match="choose one of 'published', 'seeded'"):
        Complexion.preset("fast")


def test_stages_last_as_long_as_given():
    short = Complexion(
        melt_time=0.4, cool_film_time=0.402, equilibration_time=0.0, cooling_rate=1e15, mc_time=0.3
    )
    assert short.stages == {
        "melt": 200,
        "cool_film": 201,
        "equilibrate": 0,
        "mc": 150,
        "cool": 350,
        "hold": 0,
    }
    assert short.actual_cooling_rate == pytest.approx(1e15)
    assert short.notes == []
    longer = Complexion(mc_time=0.33)
    assert longer.stages["mc"] == 200  # whole cycles of 50 steps
    assert longer.notes == ["The MC lasts 0.4 ps instead of 0.33 ps, whole cycles of mc_every = 50 steps."]
    assert Complexion(cooling_rate=1e17, temperature=301.0).stages["cool"] == 1  # never left out


def test_what_the_variance_constraint_was():
    text = Complexion(kappa=500.0).render(["pair_style eam/fs"], (1, 1, 1))
    assert "500.0*((version<20260909)+(version>=20260909)*0.08617333262)" in text
    assert kappa_of_log("LAMMPS\n  SGC - Kappa: 500\n") == 500
    assert np.isnan(kappa_of_log("LAMMPS"))
    sure = ("22 Jul 2025 - Update 4", "29 Aug 2024 - Update 9", "10 Sep 2025", "1 Jan 2027 - Development")
    assert [variance_note(f"LAMMPS ({version})") for version in sure] == [""] * len(sure)
    for version in ("22 Jul 2025 - Update 5", "30 Mar 2026 - Development - patch_30Mar2026-99-gab"):
        assert "does not tell" in variance_note(f"LAMMPS ({version})\n")


def test_a_run_begun_with_other_stages_does_not_go_on(tmp_path, potential, monkeypatch):
    """Stages that are multiples of adjust_every are those of before, and have the same hash."""
    seen = []
    monkeypatch.setattr(complexion_run, "run_or_resume", lambda *given, **_: seen.append(given[4]))
    monkeypatch.setattr(complexion_run, "summarise", lambda *_: {})
    for changes in ({}, {"mc_time": 0.4, "melt_time": 0.12}):
        protocol = Complexion(**{**SHORT, **changes})
        complexion_run.simulate_complexion(tmp_path, bicrystal(**SMALL), protocol, potential, ["lmp"])
        start, _ = prepare_complexion(bicrystal(**SMALL), protocol, potential)
        old = hash_of([structure_id(start), asdict(protocol), potential.species, potential.sha256])
        seen.append(old)
    assert seen[0] == seen[1]
    assert seen[2] != seen[3]


def test_checks_before_the_run(potential):
    atoms = bicrystal(**SMALL)
    assert prepare_complexion(atoms, Complexion(), potential, 2)[1] == (2, 1, 1)
    with pytest.raises(InputError, match=r"set server.cores to one of 1, 2\."):
        prepare_complexion(atoms, Complexion(), potential, 3)
    with pytest.raises(InputError, match=r"25\.7 Å along z.*30\.4 Å"):
        prepare_complexion(bicrystal(length=70, width=40, height=26), Complexion(), potential)
    swapped = atoms.copy()
    swapped.numbers[:] = 40
    with pytest.raises(InputError, match="majority"):
        prepare_complexion(swapped, Complexion(start="published"), potential)
    doped = atoms.copy()
    doped.numbers[5] = 40
    with pytest.raises(InputError, match="1 atoms that are not Cu"):
        prepare_complexion(doped, Complexion(), potential)
    prepare_complexion(doped, Complexion(start="published"), potential)
    alloy = atoms.copy()
    alloy.numbers[5] = 13
    with pytest.raises(PotentialError, match="Al"):
        prepare_complexion(alloy, Complexion(start="published"), potential)
    with pytest.raises(InputError, match="of a grain"):
        prepare_complexion(atoms, Complexion(zr_fraction=0.25), potential)


def test_seeded_film_has_the_composition_in_the_slab_only(potential):
    atoms = bicrystal(**SMALL)
    start, _ = prepare_complexion(atoms, Complexion(seed=3), potential)
    assert (start.numbers == 40).sum() == round(0.1 * len(atoms))
    assert set(start.arrays["slab"][start.numbers == 40]) == {True}
    assert (start.numbers[start.arrays["slab"]] == 40).mean() == pytest.approx(0.30, abs=0.02)  # whole planes
    assert start.cell.lengths()[0] > atoms.cell.lengths()[0]
    assert structure_id(start) == structure_id(prepare_complexion(atoms, Complexion(seed=3), potential)[0])
    assert structure_id(start) != structure_id(prepare_complexion(atoms, Complexion(seed=4), potential)[0])
    marked = bicrystal(**SMALL, slab=20.0, slab_boundaries="first")
    one, _ = prepare_complexion(marked, Complexion(), potential)
    assert (one.arrays["slab"] == marked.arrays["slab"]).all()


def test_grid_and_cutoff(potential):
    assert cutoff_of(potential) == 7.6
    assert rank_grid((1040.0, 62.8, 417.0), 7.6, 64) in {(16, 1, 4), (8, 2, 4), (32, 1, 2), (16, 2, 2)}
    with pytest.raises(InputError, match="longer along y"):
        rank_grid((100, 30, 40), 7.6, 1)


def test_findings():
    assert find_warnings(0.02, 0.1, 5.0, 0.1) == []
    assert "0.050 %" in find_warnings(0.0005, 0.1, 5.0, 0.1)[0]
    assert "9.50 at.%" in find_warnings(0.02, 0.095, 5.0, 0.1)[0]
    assert "does not segregate" in find_warnings(0.02, 0.1, float("nan"), 0.1)[0]
    assert issubclass(ComplexionWarning, UserWarning)


def test_live_state(tmp_path):
    assert live_state(tmp_path) == ""
    (tmp_path / "log.lammps").write_text("   Step Temp c_minority\n  100  998.6  0.1002\n  200  10")
    assert live_state(tmp_path) == "999 K, 10.02 at.%"
    (tmp_path / "history.txt").write_text("100 3.7 0.1 0.0123 1000 -1 1\n")
    assert live_state(tmp_path) == "999 K, 10.02 at.%, 1.23 % accepted"
