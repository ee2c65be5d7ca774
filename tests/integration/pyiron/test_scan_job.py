"""NBEDScan: every format is read back and agrees with the truth; a job that was killed goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.experiment import Camera, Descan, prepare, simulate_scan
from pyiron_nbed.patterns import Recipe


def scan_job(project, atoms, name="scan", **camera):
    job = project.create.job.NBEDScan(name)
    if job.status.initialized:
        job.sources = atoms
        job.input.volume = Cylinder(4, 12)
        job.input.step = 6.0
        settings = {"frame_shape": (128, 128), "delta_k": 0.018, "dose": 1e5, "seed": 3, **camera}
        job.input.camera = Camera(**settings)
        job.server.cores = 1
    return job


@pytest.mark.parametrize("suffix", [".mib", ".raw", ".hspy", ".h5", ".npy"])
def test_a_scan_is_read_back_and_agrees_with_its_truth(project, rattled, suffix):
    descan = Descan("plane", [[0.5, 0.1], [0.0, 0.4]])
    given = {"descan": descan, "stop": "bar", "stop_width": 9.0, "hot": 3, "dead": 2, "rotation": 20.0}
    job = scan_job(project, rattled, **given)
    job.input.format = suffix
    job.run()
    job = project.load("scan")
    scan, truth = job.get_scan(), job.get_truth()
    assert scan.shape == (5, 5, 128, 128)
    assert (scan.step, scan.delta_k) == (6.0, 0.018)
    assert scan.dtype == (np.float32 if suffix == ".raw" else np.uint32)
    assert truth.camera == Camera((128, 128), 0.018, dose=1e5, seed=3, **given)
    assert truth.calibration == truth.camera.calibration((5, 5))
    frames = scan.read(0, 25)
    # the truth says how to make the frames again
    again = simulate_scan(rattled, Cylinder(4, 12), truth.camera, positions=truth.positions)
    assert (frames == again.read(0, 25)).all()
    hidden, hot, dead = truth.camera.hidden, truth.camera.hot_pixels, truth.camera.dead_pixels
    assert (frames[:, (hidden & ~hot) | dead] == 0).all()
    assert (frames[:, hot] == 100).all()
    # labels as those of a pattern file
    build_dataset("patterns.h5", [rattled], [Cylinder(4, 12)], points=truth.positions.reshape(-1, 3))
    labels = PatternDataset("patterns.h5").label("disorder_parameter")
    assert np.allclose(truth["disorder_parameter"].ravel(), labels, atol=1e-6)
    recipe = Recipe.experiment(Mesh(0.9, 0.045, integrate=3))
    assert prepare(scan, truth.calibration, recipe)[1, 2].max() > 0
    assert job.plot("number_density") is not None


WORKER = """
import sys, time
sys.path.insert(0, sys.argv[2])
import numpy as np
import test_scan_job as t
from ase.io import read
from pyiron_base import Project
import pyiron_nbed
from pyiron_nbed.experiment import simulated_file, simulation
simulated_file._BLOCK = 4 * 128 * 128 * 2
see = simulation.patterns_of_volumes
simulation.patterns_of_volumes = lambda *a, **k: (time.sleep(0.2), see(*a, **k))[1]
t.scan_job(Project(sys.argv[1]), read(sys.argv[3])).run()
"""


def files_of(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name.startswith("scan")}


def test_a_killed_job_goes_on_with_the_same_bytes(project, rattled, in_folder):
    rattled.write(in_folder / "atoms.extxyz")
    atoms = str(in_folder / "atoms.extxyz")
    whole = scan_job(project.open("whole"), read(atoms))  # in other blocks than the one that is killed
    whole.run()
    wanted = files_of(whole.folder)
    assert set(wanted) == {"scan.mib", "scan.hdr", "scan.truth.h5"}
    arguments = [sys.executable, "-c", WORKER, project.path, str(Path(__file__).parent), atoms]
    process = subprocess.Popen(arguments, env=dict(os.environ))
    partial = Path(project.path) / "scan_hdf5" / "scan" / "scan.mib.partial"
    for _ in range(600):
        if partial.exists() and b"|" in (tail := partial.read_bytes()[-64:]):
            done = int(tail.split(b"|")[3].split(b"\n")[0])
            if 4 <= done < 20:
                break
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert partial.exists()
    job = project.load("scan")
    job.run()
    assert project.load("scan").status.finished
    assert files_of(project.load("scan").folder) == wanted
