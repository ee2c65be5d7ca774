"""The whole chain as pyiron jobs, small but real."""

import numpy as np
import pytest

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, random_alloy
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.jobs import run_in_background
from pyiron_nbed.patterns.scan import scan_grid
from pyiron_nbed.ssro import disorder_parameter


def quench(project, name="quench", seed=1, n_atoms=500):
    job = project.create.job.GlassQuench(name)
    job.structure = random_alloy(n_atoms, 0.36, seed=seed)
    job.input.melt_time = 0.1
    job.input.cooling_rate = 1e16
    job.input.timestep = 2.5
    job.input.minimize = False
    return job


def mean_inside(atoms, center, volume):
    """Mean d_i of the atoms whose nearest image lies in a volume along z, found by looking at every atom."""
    side = atoms.cell.lengths()
    x, y, z = ((atoms.positions - center + side / 2) % side - side / 2).T
    radial, axial = np.hypot(x, y) / volume.radius, 2 * np.abs(z) / volume.height
    inside = np.maximum(radial, axial) if isinstance(volume, Cylinder) else np.hypot(radial, axial)
    return atoms.arrays["disorder_parameter"][inside <= 1].mean()


@pytest.mark.parametrize("kind", ["pyiron_base", "pyiron_atomistics"])
def test_chain(in_folder, kind):
    module = pytest.importorskip(kind)
    project = module.Project(str(in_folder / "project"))
    assert {"GlassQuench", "CompositeQuench", "SSRO", "NBEDDataset", "NBEDRegressor"} <= set(
        dir(project.create.job)
    )
    first = quench(project, n_atoms=1372)
    first.run()
    assert first.status.finished
    assert first.output.cooling_rate == 1e16
    assert first.output.potential["name"].startswith("2007--Mendelev")
    assert len(first.output.potential["sha256"][0]) == 64
    assert first.output.versions["lammps"]
    assert len(first.get_thermo()) > 3

    ssro = project.create.job.SSRO("ssro")
    ssro.reference = first
    ssro.run()
    atoms = ssro.get_structure()
    assert (ssro.disorder_parameter == disorder_parameter(first.get_structure())).all()
    assert ssro.output.disorder_parameter["median"] == pytest.approx(np.median(ssro.disorder_parameter))
    assert ssro.output.structure_id == first.output.structure_id["final"]

    dataset = project.create.job.NBEDDataset("dataset")
    dataset.reference = ssro
    dataset.input.volumes = [Cylinder(4, 12), Ellipsoid(4, 14)]
    dataset.input.mesh = Mesh(1.0, 0.05)
    dataset.input.step = 5
    dataset.run()
    loaded = project.load("dataset")
    assert isinstance(loaded.dataset, PatternDataset)
    expected = 2 * len(scan_grid(atoms, step=5).centers)
    assert len(loaded.dataset) == loaded.output.n_patterns == expected
    assert loaded.dataset.structures[0]["structure_id"] == ssro.output.structure_id
    temperature = first.get_structure().info["temperature"]
    assert (
        loaded.dataset.structures[0]["temperature"]
        == temperature
        == first.input.final_temperature * ("minimized" not in first.protocol.frames)
    )
    volumes = [loaded.dataset.volumes[number] for number in loaded.dataset.volume]
    expected_labels = [
        mean_inside(atoms, center, volume)
        for center, volume in zip(loaded.dataset.centers, volumes, strict=True)
    ]
    assert loaded.dataset.label() == pytest.approx(np.array(expected_labels), abs=1e-6)

    fit = project.create.job.NBEDRegressor("fit")
    fit.datasets = [loaded]
    fit.input.network, fit.input.weights, fit.input.epochs, fit.input.split = "cnn", None, 2, "random"
    fit.input.compare_splits = ["block", "random"]
    fit.run()
    fit = project.load("fit")
    assert set(fit.output.metrics.keys()) == {
        "rmse", "mae", "r2", "bias", "correlation", "skill", "n_patterns", "groups",
    }  # fmt: skip
    predicted = fit.predict(loaded)
    assert predicted.mean.shape == predicted.std.shape == (expected,)
    assert fit.predict(loaded.dataset.patterns[:3]).mean == pytest.approx(predicted.mean[:3], abs=1e-5)
    metrics = fit.get_metrics()
    assert metrics["group"].tolist()[0] == "all"
    assert metrics["model"].unique().tolist() == ["network", "constant", "ridge", "boosting"]
    assert metrics["rmse"][0] == pytest.approx(fit.output.metrics["rmse"])
    classes = metrics[(metrics["by"] == "composition") & (metrics["model"] == "network")]
    assert classes["group"].str.fullmatch(r"Zr \d+ to \d+ %").all()
    assert classes["n_patterns"].sum() == metrics["n_patterns"][0]
    assert set(metrics["group"][metrics["by"] == "temperature"]) == {
        f"{temperature:.0f} K" if temperature else "minimized"
    }
    splits = fit.get_splits()
    assert splits["split"].tolist() == ["random", "block"]
    assert splits["leak"][1] == pytest.approx(splits["rmse"][1] - fit.output.metrics["rmse"])
    assert (fit.folder / "split_block" / "model.json").exists()
    assert not list(fit.folder.rglob("checkpoint.pt"))
    assert len(fit.get_history()) == 2
    test = fit.get_test()
    error = test["predicted"] - test["true"]
    assert np.sqrt((error**2).mean()) == pytest.approx(fit.output.metrics["rmse"], rel=1e-6)
    assert (project.job_table()["status"] == "finished").all()


def test_structure_source_and_own_parameters(project, rattled):
    ssro = project.create.job.SSRO("ssro")
    ssro.structure = rattled
    ssro.input.l = 4
    ssro.run()
    assert (ssro.disorder_parameter == disorder_parameter(rattled, l=4)).all()
    dataset = project.create.job.NBEDDataset("dataset")
    dataset.structure = rattled
    dataset.input.volume = Cylinder(4, 12)
    dataset.input.mesh = Mesh(1.0, 0.05)
    dataset.input.step = 10
    dataset.input.zone_axis = [[0, 0, 1], [1, 1, 0]]
    dataset.run()
    assert dataset.output.n_patterns == 2 * 4**3


def test_background_jobs_run_side_by_side_and_are_reused(project):
    jobs = [quench(project, f"quench_{n}", n) for n in (1, 2)]
    run_in_background(jobs)
    assert all(job.status.finished for job in jobs)
    assert jobs[0].output.structure_id["final"] != jobs[1].output.structure_id["final"]
    before = project.job_table()["timestop"].tolist()
    run_in_background([project.load("quench_1"), project.load("quench_2")])
    assert project.job_table()["timestop"].tolist() == before


def test_two_mpi_ranks(project):
    job = quench(project)
    job.server.cores = 2
    job.run()
    assert "on 2 procs" in (job.folder / "log.lammps").read_text()


def test_the_same_input_gives_the_same_structure(project):
    jobs = [quench(project, name) for name in ("a", "b")]
    for job in jobs:
        job.run()
    a, b = (job.get_structure().positions for job in jobs)
    assert (a == b).all()
