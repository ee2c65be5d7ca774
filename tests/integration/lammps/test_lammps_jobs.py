"""The jobs that run LAMMPS: input, output, errors, going on after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pyiron_nbed import bicrystal, random_alloy
from pyiron_nbed.errors import InputError, LammpsError, StructureError
from pyiron_nbed.jobs.complexion import ComplexionMDMC
from pyiron_nbed.lammps.resume import newest_restart
from pyiron_nbed.lammps.run import end_leftover
from pyiron_nbed.potentials import DEFAULT_POTENTIAL

SMALL = {"length": 70.0, "width": 40.0, "height": 31.0}
SHORT = {
    "melt_time": 0.1, "cool_film_time": 0.1, "equilibration_time": 0.1, "mc_time": 0.2,
    "mc_every": 10, "adjust_every": 50, "restart_every": 50, "cooling_rate": 7e15, "minimize": False,
}  # fmt: skip


def _job(project, **changes):
    job = project.create.job.ComplexionMDMC("gb")
    if job.status.initialized:
        job.structure = bicrystal(**SMALL)
        job.potential = DEFAULT_POTENTIAL
        job.input.update({**SHORT, **changes})
    return job


def test_defaults_are_those_of_the_preset(project):
    job = _job(project, mc_time=1.0)
    assert job.protocol.start == "seeded"
    assert job.protocol.mc_time == 1.0
    job.input.preset = "published"
    assert job.protocol.start == "published"
    assert job.protocol.zr_fraction == 0.02
    assert "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1" in job.list_potentials()
    assert ComplexionMDMC.__module__ == "pyiron_nbed.jobs.complexion"


def test_errors_come_before_anything_is_written(project):
    for changes, cores, error, message in (
        ({"zr_fraction": 2.0}, 1, InputError, "zr_fraction is 2.0"),
        ({"preset": "fast"}, 1, InputError, "choose one of 'published', 'seeded'"),
        ({}, 3, InputError, "MPI ranks do not fit"),
        ({"mc_evry": 10}, 1, InputError, "did you mean 'mc_every'"),
    ):
        job = _job(project, **changes)
        job.server.cores = cores
        with pytest.raises(error, match=message):
            job.run()
        assert project.list_nodes() == []
    job = project.create.job.ComplexionMDMC("gb")
    with pytest.raises(InputError, match="no structure"):
        job.run()
    atoms = bicrystal(**SMALL)
    atoms.cell[0, 1] = 3.0
    job.structure = atoms
    job.potential = DEFAULT_POTENTIAL
    with pytest.raises(StructureError, match="not orthogonal"):
        job.run()


def _glass_job(project):
    job = project.create.job.GlassQuench("glass")
    if job.status.initialized:
        job.structure = random_alloy(864, seed=1)
        job.input.update({"melt_time": 1.0, "cooling_rate": 2e15, "restart_every": 50, "minimize": False})
        job.input.trajectory_every = 200
    return job


GLASS_WORKER = """
import sys
sys.path.insert(0, sys.argv[2])
import test_lammps_jobs as t
from pyiron_base import Project
import pyiron_nbed
t._glass_job(Project(sys.argv[1])).run()
"""


def test_glass_killed_with_kill_9_goes_on_when_it_is_run_again(project):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", GLASS_WORKER, project.path, str(Path(__file__).parent)],
        env={**os.environ, "NBED_SILENT": "1"},
    )
    folder = Path(project.path) / "glass_hdf5" / "glass"
    limit = time.monotonic() + 120
    while not folder.is_dir() or (newest_restart(folder) or ("", 0))[1] < 100:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.kill()
    process.wait()
    job = _glass_job(project)
    assert job.status.running  # pyiron does not know yet, and LAMMPS works on alone
    job.run()
    assert job.status.finished
    assert job.output.segments == 2
    thermo = job.get_thermo()["Step"]
    assert thermo.iloc[0] == 0
    assert (thermo.diff()[1:] > 0).all()
    assert len(job.get_structure("cold")) == 864
    steps = [atoms.info["step"] for atoms in project.load("glass").get_trajectory()]
    assert steps == list(range(0, sum(job.output.steps.values()) + 1, 200))


def test_accelerators_are_checked_before_anything_is_written(project):
    job = _glass_job(project)
    job.input.accelerator = "kokkos"
    with pytest.raises(LammpsError, match="without its package KOKKOS"):
        job.run()
    job.input.accelerator = "warp"
    with pytest.raises(InputError, match="choose one of 'opt', 'omp', 'kokkos', 'none'"):
        job.run()
    job.input.accelerator = None
    job.server.threads = 2
    job.run()
    assert "-sf omp -pk omp 2" in " ".join(job.output.command)


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_lammps_jobs as t
from pyiron_base import Project
import pyiron_nbed
t._job(Project(sys.argv[1])).run()
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pyiron_nbed.lammps.complexion_run.ComplexionWarning")
def test_complexion_killed_with_kill_9_goes_on_when_it_is_run_again(project):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, project.path, str(Path(__file__).parent)],
        env={**os.environ, "NBED_SILENT": "1"},
    )
    folder = Path(project.path) / "gb_hdf5" / "gb"
    try:
        limit = time.monotonic() + 300
        while time.monotonic() < limit and process.poll() is None:
            if folder.is_dir() and (newest_restart(folder) or ("", 0))[1] >= 150:
                break
            time.sleep(0.1)
        else:
            pytest.fail("the run ended before it could be killed")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    end_leftover(folder)
    step = newest_restart(folder)[1]

    job = _job(project)
    assert job.status.running  # pyiron does not know yet
    job.run()
    assert job.status.finished
    assert job.output.segments == 2
    assert job.get_thermo()["Step"].iloc[0] == 0
    history = job.get_history()
    assert history["step"].tolist() == [200, 250]
    assert np.array_equal(history["acceptance"], job.output.history["acceptance"])
    assert step >= 150

    loaded = project.load("gb")
    assert loaded.output.composition == pytest.approx(0.1, abs=0.003)
    assert len(loaded.output.profile["position"]) == len(loaded.output.profile["minority_fraction"])
    assert len(loaded.get_structure()) == loaded.output.n_atoms
    assert (loaded.get_structure("hot").numbers == loaded.get_structure(0).numbers).all()
    assert loaded.output.lammps_version
    with pytest.raises(InputError, match="no frame 'minimized'"):
        loaded.get_structure("minimized")
