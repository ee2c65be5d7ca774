"""NBEDDataset as a job: going on after a kill, labels, faults."""

import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from pyiron_nbed import Cylinder, Mesh, random_alloy
from pyiron_nbed.dataset import PatternDataset, split_dataset
from pyiron_nbed.diffraction.multislice import MultisliceOptions
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.jobs.base import NBEDJob


def dataset_job(project, name="patterns"):
    job = project.create.job.NBEDDataset(name)
    if job.status.initialized:
        job.structure = random_alloy(2000, 0.36, seed=1)
        job.input.volume = Cylinder(4, 12)
        job.input.mesh = Mesh(1.0, 0.05)
        job.input.step = 2.5
        job.input.labels = ["q6"]
        job.server.cores = 1
    return job


WORKER = """
import sys, time
sys.path.insert(0, sys.argv[2])
import test_dataset_job as t
from pyiron_base import Project
import pyiron_nbed
from pyiron_nbed.dataset import writer
writer._BATCH = 64
engine = writer.patterns_of_volumes
writer.patterns_of_volumes = lambda *a: (time.sleep(0.1), engine(*a))[1]
t.dataset_job(Project(sys.argv[1])).run()
"""


def test_options_of_the_multislice_engine(project):
    pytest.importorskip("abtem")
    chosen = {"semiangle": 2.0, "direct_beam": True}
    for name, options in (("a", chosen), ("b", MultisliceOptions(**chosen))):
        job = dataset_job(project, name)
        job.input.volume, job.input.mesh, job.input.step = Cylinder(4, 4), Mesh(1.0, 0.2), 29
        job.input.engine, job.input.dtype = "multislice", "float32"  # the direct beam exceeds float16
        job.input.multislice = options
        job.run()
    one, other = (project.load(name).dataset for name in ("a", "b"))
    assert one.provenance["multislice"] == asdict(MultisliceOptions(**chosen))
    assert one.input_hash == other.input_hash
    assert (one.patterns[:] == other.patterns[:]).all()


def test_a_job_that_was_stored_before_an_input_existed(project):
    job = dataset_job(project)
    job.input.step = 15
    job.run()
    del job.input["multislice"]
    super(NBEDJob, job).to_hdf()  # what a version without this input wrote
    loaded = project.load("patterns")
    assert loaded.input.multislice is None
    assert loaded.input.step == 15
    loaded.to_hdf()
    assert len(project.load("patterns").dataset) == len(job.dataset)


def rows(path):
    """Complete rows of a file that may not be there yet."""
    try:
        return len(PatternDataset(path))
    except DatasetError:
        return 0


def test_killed_with_kill_9_it_goes_on_when_it_is_run_again(project):
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, project.path, str(Path(__file__).parent)],
        env={**os.environ, "NBED_SILENT": "1"},
    )
    partial = Path(project.path) / "patterns_hdf5" / "patterns" / "patterns.h5.partial"
    limit = time.monotonic() + 120
    while rows(partial) < 192:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = len(PatternDataset(partial))
    before = PatternDataset(partial).patterns[:done]
    job = dataset_job(project)
    assert job.status.running  # pyiron does not know yet
    job.run()
    assert job.status.finished
    dataset = project.load("patterns").dataset
    assert dataset.complete
    assert len(dataset) == job.output.n_patterns > done
    assert (dataset.patterns[:done] == before).all()
    assert set(dataset.labels) == {"q6", "number_density", "fraction_Cu", "fraction_Zr"}


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"zone_axis": 5}, "zone axis is 5"),
        ({"zone_axis": []}, "three numbers"),
        ({"zone_axis": "001"}, "zone axis is '001'"),
        ({"mesh": 5}, "mesh is 5"),
        ({"mesh": {"kmax": 1.0}}, "fields are k_max, delta_k"),
        ({"volume": None, "volumes": 5}, "volume is 5"),
    ],
)
def test_geometry_that_cannot_be_is_refused_before_anything_is_written(project, values, match):
    job = dataset_job(project)
    job.input.update(values)
    with pytest.raises(InputError, match=match):
        job.run()
    assert not job.folder.exists()


def test_unknown_label_is_refused_before_anything_is_written(project):
    job = dataset_job(project)
    job.input.labels = ["order"]
    with pytest.raises(InputError, match="choose some of disorder_parameter"):
        job.run()
    assert project.list_nodes() == []


def test_many_structures_in_one_file(project):
    job = dataset_job(project)
    first = job.structure
    second = random_alloy(1500, 0.36, seed=2)
    job.sources = []
    with pytest.raises(InputError, match="NBEDDataset has an empty list of sources"):
        job.run()
    job.sources = [first, second]
    job.input.step = 8
    job.run()
    dataset = project.load("patterns").dataset
    assert len(dataset.structures) == 2
    assert set(dataset.structure) == {0, 1}
    split = split_dataset([dataset], "structure", 0.5)
    assert len(np.unique(dataset.structure[split.train])) == 1

    ssro = []
    for number, atoms in enumerate((first, second)):
        ssro.append(project.create.job.SSRO(f"ssro_{number}"))
        ssro[-1].structure = atoms
        ssro[-1].input.analyses = []
        ssro[-1].run()
    other = project.create.job.NBEDDataset("other")
    other.sources = ssro
    other.input.update({"volume": Cylinder(4, 12), "mesh": Mesh(1.0, 0.05), "step": 8, "labels": ["q6"]})
    other.run()
    assert np.allclose(other.dataset.label("q6"), dataset.label("q6"))


def test_figures_and_exports_of_a_job(project):
    job = dataset_job(project)
    job.input.step = 8
    job.input.zone_axis = [[0, 1, 0], [0, 0, 1]]
    job.run()
    loaded = project.load("patterns")
    n = round((len(loaded.dataset) / 2) ** (1 / 3))
    assert len(loaded.plot_gallery(4, "q6").axes) == 4
    assert loaded.plot_regions().axes[0].get_title().startswith("outside")
    assert len(loaded.plot_radial("q6", 2).axes[0].lines) == 2
    figure = loaded.plot_scan(label="q6", shown=3)
    assert figure.axes[0].get_xlabel() == "x (Å)"
    assert figure.axes[1].get_ylabel() == "z (Å)"
    path = loaded.write_py4dstem(zone_axis=1)
    with h5py.File(path) as file:
        assert file["datacube_root/datacube/data"].shape == (n, n, 39, 39)
    with pytest.raises(InputError, match="There is no plane 99"):
        loaded.write_py4dstem(plane=99)
    pytest.importorskip("rsciio")
    assert Path(loaded.write_hyperspy()).name == "patterns.hspy"
