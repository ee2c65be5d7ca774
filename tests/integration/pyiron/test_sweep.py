"""GeometrySweep and the comparison of regressors: real jobs, a kill, a child that fails."""

import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.build import bulk

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.errors import InputError, NBEDError, VolumeError
from pyiron_nbed.jobs.compare import compare
from pyiron_nbed.jobs.sweep import same


def structure(seed):
    """A disordered crystal, 864 atoms in 24 Å, one half as a region of its own."""
    atoms = bulk("Cu", "fcc", a=4.0, cubic=True) * (6, 6, 6)
    atoms.rattle(0.35, seed=seed)
    atoms.set_array("region", np.where(atoms.positions[:, 0] < 12, 1, 3))
    return atoms


def sweep_job(project, **inputs):
    job = project.create.job.GeometrySweep("sweep")
    if job.status.initialized:
        job.sources = structure(1)
        job.test_sources = structure(2)
        job.input.update(
            {"radii": [3, 4.5], "heights": [8, 12], "networks": ["cnn"], "mesh": Mesh(1.0, 0.05), "step": 4.0,
             "training": {"epochs": 2}, **inputs}
        )  # fmt: skip
        job.server.cores = 1
    return job


WORKER = """
import sys, time
sys.path.insert(0, sys.argv[2])
import test_sweep as t
from pyiron_base import Project
from pyiron_nbed.jobs import sweep
make = sweep._child
def slow(sweep, kind, name, *rest, **more):
    job = make(sweep, kind, name, *rest, **more)
    if name == "train_r3_h12":
        job.save()
        time.sleep(600)
    return job
sweep._child = slow
t.sweep_job(Project(sys.argv[1])).run()
"""


def set_open_flag(path):
    """Make a file look as if it were open for writing, so that HDF5 refuses it."""
    content = bytearray(path.read_bytes())
    content[11] = 1
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"open|read"):
        h5py.File(path)


def finished(project):
    table = project.job_table()
    return table[table["status"] == "finished"] if len(table) else table


@pytest.mark.slow
def test_killed_with_kill_9_it_goes_on_and_keeps_what_was_done(project):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, project.path, str(Path(__file__).parent)],
        env={**os.environ, "NBED_SILENT": "1"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    second = Path(project.path) / "sweep_jobs" / "train_r3_h12.h5"
    limit = time.monotonic() + 120
    while not second.is_file() or len(project.job_table()) < 5:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    process.wait()
    set_open_flag(second)  # as left by a kill while pyiron writes the file
    before = finished(project).set_index("job")["timestop"].to_dict()
    assert set(before) == {"train_r3_h8", "test_r3_h8", "fit_cnn_r3_h8_s0"}
    job = sweep_job(project)
    assert job.status.running  # pyiron does not know yet
    job.run()
    assert job.status.finished
    after = finished(project).set_index("job")["timestop"].to_dict()
    assert len(after) == 4 * 3 + 1
    assert {name: after[name] for name in before} == before

    loaded = project.load("sweep")
    table = loaded.get_table()
    assert table["job"].tolist() == [f"fit_cnn_r{r}_h{h}_s0" for r in ("3", "4d5") for h in (8, 12)]
    assert table[["radius", "height"]].values.tolist() == [[3, 8], [3, 12], [4.5, 8], [4.5, 12]]
    assert (table["split"] == "given").all()
    assert (table["epochs"] == 2).all()
    assert not len(loaded.output.failed)
    fit = loaded.children.load("fit_cnn_r3_h12_s0")
    row = table.iloc[1]
    assert row["rmse"] == pytest.approx(fit.output.metrics["rmse"])
    assert row["rmse_low"] < row["rmse"] < row["rmse_high"]
    assert row["coverage"] == fit.output.card["calibration"]["disorder_parameter"]["coverage"]
    inside = fit.get_test().query("region == 'interior'")
    error = inside["predicted"] - inside["true"]
    assert row["rmse_interior"] == pytest.approx(np.sqrt((error**2).mean()))
    assert row["skill_interior"] == pytest.approx(1 - (error**2).mean() / inside["true"].var(ddof=0))
    assert "skill_ACTR" not in table
    assert loaded.plot_rmse().get_suptitle() == "RMSE, all test patterns"
    assert loaded.plot_skill().get_suptitle() == "skill, interior only"
    assert loaded.plot_skill("ACTR").get_suptitle() == "skill, all test patterns"

    # the same table from the jobs and from the project
    again = project.nbed.compare()
    assert again.drop(columns="seconds").equals(
        compare([loaded.children.load(n) for n in again["job"]]).drop(columns="seconds")
    )
    assert again["rmse"].tolist() == table["rmse"].tolist()
    assert again["seconds"].min() >= 0
    assert len(project.nbed.compare(recursive=False)) == 0
    with pytest.raises(InputError, match="'sweep' is a GeometrySweep"):
        compare([loaded])

    # figures of one of the regressors
    assert fit.plot_parity().axes[0].get_legend() is not None
    assert len(fit.plot_history().axes) == 3
    assert "90%" in fit.plot_calibration().axes[0].texts[0].get_text()
    data = loaded.children.load("test_r3_h12")
    line = fit.plot_profile(data, axis=0, through=(4.0, 8.0)).axes[0]
    at = data.dataset.centers
    own = np.isclose(at[:, 1], 4) & np.isclose(at[:, 2], 8)
    assert line.lines[0].get_xdata() == pytest.approx(np.arange(0, 24, 4))
    assert line.lines[0].get_ydata() == pytest.approx(data.dataset.label()[own])
    assert len(line.patches) == 2
    with pytest.raises(InputError, match="label is 'q6': choose one of"):
        fit.plot_parity(label="q6")

    # another training: the datasets are kept, the networks are not
    other = project.create.job.GeometrySweep("sweep", delete_existing_job=True)
    other = sweep_job(project, training={"epochs": 1}, radii=[3])
    other.run()
    assert other.get_table()["epochs"].tolist() == [1, 1]
    stop = finished(project).set_index("job")["timestop"].to_dict()
    assert stop["train_r3_h8"] == after["train_r3_h8"]


def test_a_child_that_fails_does_not_lose_the_others(project):
    # without test structures, and too wide for the split into blocks
    job = sweep_job(project, radii=[3, 6.5], heights=[8], training={"epochs": 1, "test_fraction": 0.4})
    job.test_sources = None
    with pytest.raises(
        NBEDError, match=r"1 jobs of the sweep did not finish; fit_cnn_r6d5_h8_s0: InputError"
    ):
        job.run()
    loaded = project.load("sweep")
    assert loaded.status.aborted
    assert "'block' is not possible" in loaded.output.failed["fit_cnn_r6d5_h8_s0"]
    assert loaded.get_table()["radius"].tolist() == [3]
    assert loaded.get_table()["split"].tolist() == ["block"]


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ({"heights": [8, 30]}, VolumeError, "cell is only 24.0 Å"),
        ({"radii": []}, InputError, "radii is"),
        ({"mesh": {"kmax": 1.0}}, InputError, "fields are k_max, delta_k"),
        ({"seeds": [0, 0]}, InputError, "each value once"),
        ({"kind": "Cone"}, InputError, "'Cylinder', 'Ellipsoid'"),
        ({"networks": ["vgg"]}, InputError, "'resnet18', 'cnn'"),
        ({"label": "hardness"}, InputError, "hardness"),
        ({"training": {"epoch": 3}}, InputError, "training holds epoch"),
        ({"training": {"split": "blocks"}}, InputError, "'blocks'"),
        ({"training": {"epochs": 0}}, InputError, "epochs is 0"),
        ({"training": {"seed": 3}}, InputError, "training holds seed"),
        ({"test_sources": []}, InputError, "empty list of test_sources"),
        ({"height": [8]}, InputError, "did you mean 'heights'"),
    ],
)
def test_sweeps_that_cannot_be(project, inputs, error, match):
    job = sweep_job(project, **inputs)
    with pytest.raises(error, match=match):
        job.run()
    assert job.status.initialized
    assert len(project.job_table()) == 0
    assert not list(Path(project.path).rglob("*.h5"))


def test_several_labels_and_volumes_are_rows_and_text(project, pattern_file):
    fit = project.create.job.NBEDRegressor("fit")
    fit.datasets = pattern_file
    fit.input.update({"network": "cnn", "weights": None, "epochs": 4, "early_stop": 1, "learning_rate": 1e-6})
    fit.input.label, fit.input.split = ["q6", "disorder_parameter"], "random"
    fit.run()
    table = project.nbed.compare()
    assert table["label"].tolist() == ["q6", "disorder_parameter"]
    # summed block by block in the one, at once in the other
    expected = [fit.output.metrics["labels"][n]["rmse"] for n in table["label"]]
    assert table["rmse"].tolist() == pytest.approx(expected, rel=1e-12)
    assert table["volume"].tolist() == [str(Cylinder(4.0, 12.0))] * 2
    assert table["epochs"].tolist() == [fit.get_history()["epoch"].max()] * 2
    assert fit.plot_calibration("q6").axes[1].get_xlabel() == "standard uncertainty of q6"
    (fit.folder / "model.json").unlink()  # the HDF5 file of the job has the card too
    assert project.nbed.compare()["rmse"].tolist() == table["rmse"].tolist()


def test_an_empty_project_has_an_empty_table(project):
    assert project.nbed.compare().empty


def test_inputs_are_compared_by_value():
    assert same({"a": (1, 2.0), "b": np.arange(3)}, {"a": [1, 2], "b": [0, 1, 2]})
    assert not same({"a": [1, 2]}, {"a": [1, 2, 3]})
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same([None], [0])


def test_a_preset_gives_its_values_to_every_regressor(project):
    job = sweep_job(project, training={"preset": "study", "epochs": 2})
    (own,) = job.regressors().values()
    assert "preset" not in own
    assert (own["patience"], own["epochs"], own["weights"], own["validation"]) == (20, 2, None, "test")
