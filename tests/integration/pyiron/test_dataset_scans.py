"""NBEDDataset: volumes, scans, several sources, a disc that fills up."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import write

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster, random_alloy
from pyiron_nbed.dataset import PatternDataset, split_dataset
from pyiron_nbed.diffraction import VolumeSearch, WeightedVolume, simulate_patterns
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.patterns.scan import scan_grid

MESH = Mesh(1.0, 0.1)


def dataset_job(project, structure=None, **inputs):
    job = project.create.job.NBEDDataset("patterns")
    if structure is not None:
        job.structure = structure
    values = {"volume": Cylinder(4, 12), "mesh": MESH, "step": 8, "labels": ["q6"], "dtype": "float32"}
    for name, value in {**values, **inputs}.items():
        job.input[name] = value
    return job


def finished(project, job):
    job.run()
    assert job.status.finished
    return project.load(job.job_name).dataset


@pytest.mark.parametrize(
    "volume", [WeightedVolume(4, 12), WeightedVolume(3, 12, "airy"), OneLayerCluster(), Ellipsoid(4, 12)]
)
def test_each_kind_of_volume(project, rattled, volume):
    dataset = finished(project, dataset_job(project, rattled, volume=volume))
    assert dataset.volumes == [volume]
    rows = [0, 40]
    expected = simulate_patterns(rattled, dataset.centers[rows], volume, MESH, dataset.zone_axes[rows])
    assert np.allclose(dataset.patterns[rows], expected, rtol=1e-4, atol=1e-3)


def test_mixed_volumes_in_a_part_of_a_plane(project, rattled):
    volumes = [Cylinder(4, 12), Ellipsoid(4, 14), WeightedVolume(4, 12)]
    inputs = {"step": (4, 4, None), "order": "serpentine", "limits": [(4, 20), None, None]}
    inputs["zone_axis"] = [[0, 0, 1], [1, 0, 0]]
    job = dataset_job(project, rattled, volume=None, volumes=volumes, **inputs)
    dataset = finished(project, job)
    scan = scan_grid(rattled, step=(4, 4, None), order="serpentine", limits=[(4, 20), None, None])
    assert scan.shape == (5, 8, 1)
    assert len(dataset) == 6 * 40
    assert [s.zone_axis for s in dataset.scans[:2]] == [(0, 0, 1), (1, 0, 0)]
    assert [s.volume for s in dataset.scans] == [0, 0, 1, 1, 2, 2]
    for own in dataset.scans:
        assert (own.centers == scan.centers).all()
        x, y = np.moveaxis(own.grid.map(dataset.centers)[:, :, 0, :2], -1, 0)
        assert (x == 4.0 * np.arange(1, 6)[:, None]).all()
        assert (y == 4.0 * np.arange(8)).all()


def test_points_of_each_structure(project, rattled):
    other = random_alloy(2000, 0.36, seed=2)
    points = [np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[9.0, 9, 9]])]
    job = dataset_job(project, step=2.5, points=points)
    job.structures = [rattled, other]
    dataset = finished(project, job)
    assert (dataset.centers == np.concatenate(points)).all()
    assert dataset.structure.tolist() == [0, 0, 1]
    assert [s.shape for s in dataset.scans] == [(2,), (1,)]
    again = project.create.job.NBEDDataset("atoms")
    again.structure = rattled
    again.input.update({"volume": OneLayerCluster(), "mesh": MESH, "labels": ["q6"]})
    again.input.points = rattled.positions[[5, 9]]
    assert (finished(project, again).centers == rattled.positions[[5, 9]]).all()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"order": "spiral"}, "'raster', 'serpentine'"),
        ({"margin": "wide"}, "The margin is 'wide'"),
        ({"limits": [(50, 60), None, None]}, "hold no position"),
        ({"points": [[1, 2]]}, r"points are \[\[1, 2\]\]"),
        ({"points": []}, r"shape \(P, 3\)"),
        ({"step": 2.5, "points": [[[1, 2, 3]], [[1, 2, 3]]]}, "2 arrays of points for 1 structures"),
        ({"points": [[1, 2, 3]], "order": "serpentine"}, "points take its place"),
        ({"volume": OneLayerCluster(), "limits": [(1, 5), None, None]}, "give the atoms to take as points"),
        ({"empty": "ignore"}, "'error', 'skip'"),
        ({"origins": ["a", "b"]}, "a name for each"),
        ({"axes_per_cluster": 0}, "at least 1"),
    ],
)
def test_scans_that_cannot_be(project, rattled, inputs, message):
    with pytest.raises(InputError, match=message):
        dataset_job(project, rattled, **inputs).run()
    assert project.list_nodes() == []


def test_volumes_without_atoms_are_refused_or_left_out(project, rattled):
    slab = rattled[rattled.positions[:, 0] < 14]
    job = dataset_job(project, slab, step=4)
    with pytest.raises(VolumeError, match=r"hold no atoms; centres in Å: \[.*empty = 'skip'"):
        job.run()
    assert project.list_nodes() == []
    job.input.empty = "skip"
    found = VolumeSearch(slab, Cylinder(4, 12))(scan_grid(slab, step=4).centers, empty="skip")
    skipped = 512 - len(found.kept)
    assert skipped > 100
    with pytest.warns(UserWarning, match=f"{skipped} of 512 volumes hold no atoms"):
        dataset = finished(project, job)
    assert job.output.n_skipped == skipped
    assert len(dataset) == job.output.n_patterns == len(found.kept)
    scan = dataset.scans[0]
    counts = scan.grid.map(dataset.n_atoms)
    assert counts.shape == (8, 8, 8)
    assert (counts.ravel()[found.kept] == found.counts).all()
    assert np.isnan(np.delete(counts.ravel(), found.kept)).all()


def test_frames_of_one_simulation_have_one_origin(project, rattled):
    """Two SSRO jobs on two frames of one file; one on a structure of its own, by way of another job."""
    later = rattled.copy()
    later.rattle(0.1, seed=0)
    write("run.xyz", [rattled, later], columns=["symbols", "positions"])
    root = project.create.job.SSRO("root")
    root.structure = random_alloy(1500, seed=4)
    root.input.analyses = []
    root.run()
    jobs = []
    for name in ("one", "two", "own"):
        job = project.create.job.SSRO(name)
        job.sources = root if name == "own" else "run.xyz"
        job.input.frame = 0 if name == "one" else -1
        job.input.analyses = []
        job.run()
        jobs.append(job)
    job = dataset_job(project)
    job.sources = jobs
    dataset = finished(project, job)
    one, two, own = (structure["origin"] for structure in dataset.structures)
    assert one == two != own
    assert one == os.path.abspath("run.xyz")
    assert own.endswith("/root")
    split = split_dataset([dataset], "job", 0.3, seed=1)
    held = set(dataset.structure[split.test])
    assert held in ({0, 1}, {2})
    assert held.isdisjoint(dataset.structure[split.train])


FULL = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
import test_dataset_scans as t
from pyiron_base import Project
import pyiron_nbed
from pyiron_nbed.dataset import writer
writer._BATCH = 64
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
engine, calls = writer.patterns_of_volumes, []
def until_full(*a):
    calls.append(1)
    if len(calls) == 4:  # from here on the file can be written only up to row 210
        with __import__("h5py").File(sys.argv[3]) as file:
            item = file["patterns"]
            limit = item.id.get_offset() + 210 * item[0].nbytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    return engine(*a)
writer.patterns_of_volumes = until_full
try:
    t.crystal_job(Project(sys.argv[1])).run()
finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""


def crystal_job(project):
    # a mesh with which the files of pyiron stay below the limit: they are not what is tested
    return dataset_job(project, random_alloy(2000, 0.36, seed=1), step=4, mesh=Mesh(1.0, 0.02))


def test_disc_that_fills_up_keeps_the_complete_rows(project):
    """A limit on the size of files, set while the run writes, is what a quota or a full disc does."""
    partial = Path(project.path) / "patterns_hdf5" / "patterns" / "patterns.h5.partial"
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, project.path, str(Path(__file__).parent), str(partial)],
        env={**os.environ, "NBED_SILENT": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == 1
    assert "DatasetError" in process.stderr
    job = crystal_job(project)
    assert job.status.aborted
    reason = (job.folder / "error.txt").read_text()
    assert "could not be written" in reason
    assert "the first 192 patterns are whole" in reason
    dataset = PatternDataset(partial)
    assert len(dataset) == 192
    assert not dataset.complete
    before = dataset.patterns[:]
    scan = dataset.scans[0]
    assert np.isnan(scan.grid.map(dataset.label("q6"))).sum() == 512 - 192
    job.run()  # there is room again: it goes on
    whole = project.load("patterns").dataset
    assert whole.complete
    assert (whole.patterns[:192] == before).all()
    fresh = simulate_patterns(job.structure, whole.centers[[200, 511]], Cylinder(4, 12), Mesh(1.0, 0.02))
    assert np.allclose(whole.patterns[[200, 511]], fresh, rtol=1e-4, atol=1e-3)
