"""NBEDMap: a scan's file becomes a map, in a pyiron project."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pyiron_nbed import Mesh
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.experiment import Calibration, calibrate, map_scan, read_scan
from pyiron_nbed.learning import build_network, load_model
from pyiron_nbed.learning.model import Model
from pyiron_nbed.patterns import Recipe

RECIPE = Recipe.experiment(Mesh(0.9, 0.06, integrate=3), k_min=0.15)
LEVEL = {"half_width": 0.03, "difference_factor": 1.5, "n_structures": 20, "n_maps": 80, "errors": []}


@pytest.fixture
def files(in_folder):
    """A scan of 5 × 6 frames and a model of random weights."""
    y, x = np.indices((72, 70))
    radius = 0.031 * np.hypot(x - 34.3, y - 35.6)
    ring = 60 * np.exp(-(((radius - 0.42) / 0.06) ** 2)) + 900 * np.exp(-((radius / 0.07) ** 2)) + 1
    random = np.random.default_rng(4)
    frames = random.poisson(ring * random.gamma(9, 1 / 9, (5, 6, 72, 70))).astype(np.uint16)
    np.save("scan.npy", frames)
    torch.manual_seed(0)
    model = Model([build_network("polar", None, 2)], {
        "recipe": RECIPE.as_dict(), "labels": ["disorder_parameter"], "n_parameters": 2, "network": "polar",
        "members": 1, "scale": {"mean": [0.9], "standard_deviation": [0.05]}, "elements": ["Cu", "Zr"],
        "training": {"detector": {"dose": [1000, 1e7]}}, "level": LEVEL, "mesh": RECIPE.mesh.as_dict(),
        "calibration": {"disorder_parameter": {"factor": 1.0, "coverage": None, "n": 0}},
    })  # fmt: skip
    model.save(in_folder / "model")
    return in_folder


def new(project, name="map", **inputs):
    job = project.create.job.NBEDMap(name)
    job.input.file = "scan.npy"
    job.model = "model"
    job.input.delta_k = 0.031
    for key, value in inputs.items():
        job.input[key] = value
    return job


def test_a_job_gives_what_the_functions_give(project, files):
    job = new(project, step=4.0)
    job.run()
    assert job.status.finished
    found = job.get_map()
    scan = read_scan("scan.npy", step=4.0)
    cal = calibrate(scan, delta_k=0.031)
    assert np.hypot(cal.center[0] - 34.3, cal.center[1] - 35.6) < 0.3
    expected = map_scan(scan, load_model("model"), cal)
    np.testing.assert_array_equal(found.mean, expected.mean)
    assert found.level == expected.level == job.output.level
    assert found.calibration == cal
    assert job.output.center_spread < 0.5
    again = project.load("map")
    np.testing.assert_array_equal(again.get_map().std, expected.std)
    table = project.nbed.maps()
    assert table.loc[0, ["job", "file", "model", "n_patterns"]].tolist() == ["map", "scan.npy", "polar", 30]
    assert table["level_error"][0] == pytest.approx(found.level_error)
    assert len(job.plot().axes) >= 4
    assert job.plot_calibration().axes
    assert job.plot_observables().axes


def test_calibrations_are_given_or_taken_over(project, files):
    first = new(project, "gold")
    first.run()
    given = new(project, "given", delta_k=None)
    given.calibration = first.calibration
    given.run()
    np.testing.assert_array_equal(given.get_map().mean, first.get_map().mean)
    other = new(project, "other", delta_k=None)
    other.calibrated_by = first
    other.run()
    own = other.get_map().calibration
    assert own.delta_k == first.calibration.delta_k
    assert own.ellipticity == first.calibration.ellipticity
    assert project.load("other").calibrated_by.job_name == "gold"
    assert [t.get_text().split("\n")[0] for t in other.plot_box([first]).axes[0].get_xticklabels()] == [
        "other", "gold",
    ]  # fmt: skip
    assert sorted(project.nbed.maps()["job"]) == ["given", "gold", "other"]


def test_what_cannot_work_is_refused_before_anything_is_written(project, files):
    cal = Calibration((34.3, 35.6), 0.031, (72, 70), (5, 6))
    for wrong, kind, part in [
        ({"file": None}, InputError, "no file"),
        ({"file": 3}, InputError, "path of a scan"),
        ({"shape": (4, 7)}, InputError, "shapes that fit"),
        ({"model": None}, InputError, "assign job.model"),
        ({"model": "nothing"}, ModelError, "no model in"),
        ({"delta_k": 0.07}, InputError, "0.07 Å⁻¹ per pixel"),
        ({"elements": "Cu"}, InputError, "list of symbols"),
        ({"calibration": cal.replaced(delta_k=0.02)}, InputError, "up to k_max"),
        ({"calibration": cal.replaced(frame_shape=(8, 8), scan_shape=(5, 6))}, InputError, "frames of"),
        ({"skip_frist": 2}, InputError, "did you mean 'skip_first'"),
    ]:
        job = new(project, "wrong")
        for name, value in wrong.items():
            if name in ("calibration", "model"):
                setattr(job, name, value)
            else:
                job.input[name] = value
        with pytest.raises(kind, match=part):
            job.run()
        assert not (Path(project.path) / "wrong_hdf5").exists(), wrong


def test_a_project_that_was_moved_finds_its_scan(project, files):
    job = new(project)
    job.run()
    before = job.get_map()
    os.makedirs(files / "elsewhere")
    os.rename("scan.npy", files / "elsewhere" / "scan.npy")
    os.rename(files / "project", files / "elsewhere" / "project")
    from pyiron_base import Project

    moved = Project(str(files / "elsewhere" / "project"))
    moved.nbed.adopt()
    again = moved.load("map")
    assert again.get_scan().fingerprint
    np.testing.assert_array_equal(again.get_map().mean, before.mean)


KILLED = """
import os, signal, sys
from pyiron_base import Project
import pyiron_nbed
from pyiron_nbed.experiment import mapping
write = mapping._Parts.write
def and_die(self, rows, values, collected):
    write(self, rows, values, collected)
    os.kill(os.getpid(), signal.SIGKILL)
mapping._Parts.write = and_die
job = Project(sys.argv[1]).create.job.NBEDMap("map")
job.input.file, job.model, job.input.delta_k = "scan.npy", "model", 0.031
job.run()
"""


@pytest.mark.slow
def test_a_killed_job_goes_on(project, files):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, project.path], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    job = project.load("map")
    job.run()
    assert job.status.finished
    other = new(project, "whole")
    other.run()
    assert (job.folder / "map.h5").read_bytes() == (other.folder / "map.h5").read_bytes()
    assert not (job.folder / "map.h5.parts").exists()
