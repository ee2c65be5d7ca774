"""A project in one archive, unpacked by another user whose machine has nothing else of it."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from pyiron_base import Project

from pyiron_nbed import Cylinder, Mesh, random_alloy
from pyiron_nbed.errors import InputError

ATOMS = random_alloy(864, 0.36, seed=1)


def chain(project):
    quench = project.create.job.GlassQuench("quench")
    quench.structure = ATOMS
    quench.input.update({"melt_time": 0.02, "cooling_rate": 1e17, "timestep": 2.5, "minimize": False})
    quench.run()
    sub = project.open("analysis")
    ssro = sub.create.job.SSRO("ssro")
    ssro.sources, ssro.input.analyses = quench, []
    ssro.run()
    data = sub.create.job.NBEDDataset("data")
    data.sources = ssro
    data.input.update({"volume": Cylinder(4, 12), "mesh": Mesh(1.0, 0.1), "step": 8, "labels": ["q6"]})
    data.run()
    fit = sub.create.job.NBEDRegressor("fit")
    fit.datasets = data
    fit.input.update({"network": "cnn", "weights": None, "epochs": 1, "split": "random", "label": "q6"})
    fit.input.baselines = False
    fit.run()
    return fit.predict(data).mean


ELSEWHERE = """
import sys
import numpy as np
from pyiron_base import Project
import pyiron_nbed
archive, wanted = sys.argv[1:]
pr = Project("unpacked")
assert sorted(pr.nbed.unpack(archive)) == ["data", "fit", "quench", "ssro"]
assert (pr.job_table()["status"] == "finished").all()
sub = pr.open("analysis")
table = sub.nbed.compare()
assert table["job"].tolist() == ["fit"] and not table["stale"].any()
fit, data, ssro = (sub.load(name) for name in ("fit", "data", "ssro"))
assert np.allclose(fit.predict(data).mean, np.load(wanted), atol=1e-6)
assert ssro.reference.project.path == pr.path and data.reference.project.path == sub.path
assert len(pr.load("quench").get_thermo())
ids = pr.job_table(all_columns=True).set_index("job")
assert [ids["parentid"][name] for name in ("fit", "data", "ssro")] == [
    ids["id"][name] for name in ("data", "ssro", "quench")
]
fit.plot_parity(), data.plot_gallery(label="q6"), data.plot_scan(label="q6"), fit.plot_history()
before = data.dataset.input_hash
data.run(delete_existing_job=True)
assert data.dataset.input_hash == before
fit.run(delete_existing_job=True)
pr.load("quench").run(delete_existing_job=True)
assert not sub.nbed.compare()["stale"].any()  # all the same again
"""


@pytest.fixture
def packed(project, in_folder):
    """The archive of a chain of jobs that is gone, and the predictions of its model."""
    import numpy as np

    np.save(in_folder / "wanted.npy", chain(project))
    assert sorted(project.nbed.pack(in_folder / "all").parent.glob("all*")) == [in_folder / "all.tar.gz"]
    shutil.rmtree(project.path)
    return in_folder / "all.tar.gz"


def test_another_home_without_the_old_folder(packed, in_folder):
    home = in_folder / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE, packed, in_folder / "wanted.npy"], cwd=home,
        env={**os.environ, "HOME": str(home), "NBED_SILENT": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (in_folder / "project").exists()


def described(project, name="described"):
    job = project.create.job.SSRO(name)
    job.sources, job.input.analyses = ATOMS, []
    job.run()
    return job


def test_unpacked_beside_the_original(project, in_folder):
    described(project.open("inner"))  # all jobs in a sub-project
    (Path(project.path) / "notes.txt").write_text("mine")
    path = project.nbed.pack(in_folder / "a.tar.gz")
    beside = Project(str(in_folder / "beside"))
    assert beside.nbed.unpack(path) == ["described"]
    assert (Path(beside.path) / "notes.txt").read_text() == "mine"
    assert beside.open("inner").load("described").folder.parent.parent.parent == Path(beside.path)
    with pytest.raises(InputError, match=r"holds inner, notes\.txt already: unpack into another project"):
        beside.nbed.unpack(path)
    assert len(beside.job_table()) == 1


def test_pyiron_reads_the_archive_too(project, in_folder):
    described(project)
    path = project.nbed.pack(in_folder / "a")
    other = Project(str(in_folder / "other"))
    other.unpack(str(path))
    assert len(other.load("described").disorder_parameter) == len(ATOMS)


def test_what_cannot_be_packed_or_unpacked(project, in_folder):
    described(project)
    inside = Path(project.path) / "a"
    for path, match in (
        (inside, "lies in the project"),
        (in_folder / "absent" / "a", r"folder .*absent does not exist"),
    ):
        with pytest.raises(InputError, match=match):
            project.nbed.pack(path)
    path = project.nbed.pack(in_folder / "a")
    with pytest.raises(InputError, match="exists: give another path, or overwrite=True"):
        project.nbed.pack(in_folder / "a")
    assert project.nbed.pack(in_folder / "a", overwrite=True) == path
    other = Project(str(in_folder / "other"))
    with pytest.raises(InputError, match="does not exist: give the path"):
        other.nbed.unpack(in_folder / "b.tar.gz")
    (in_folder / "torn.tar.gz").write_bytes(path.read_bytes()[:3000])
    with tarfile.open(in_folder / "foreign.tar.gz", "w:gz") as archive:
        archive.add(Path(project.path) / "described.h5", "x/described.h5")
    for name in ("torn", "foreign"):
        with pytest.raises(InputError, match=r"cannot be unpacked .* damaged or was not written by"):
            other.nbed.unpack(in_folder / f"{name}.tar.gz")
    assert not os.listdir(other.path)
    assert not list(in_folder.glob("*.partial*"))
