"""Wrong input of pattern files: writing, reading, joining, splitting, scans of a file, exports."""

import os

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Cylinder, Mesh, OneLayerCluster, VolumeRange
from pyiron_nbed.dataset import (
    PatternDataset,
    Split,
    build_dataset,
    concatenate_datasets,
    find_scan,
    load_split,
    split_dataset,
)
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem
from pyiron_nbed.dataset.labels import atom_values, check_labels
from pyiron_nbed.dataset.plan import plan_scans, views_of
from pyiron_nbed.dataset.stack import dataset_stack

ATOMS = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
MESH = Mesh(1.0, 0.1)
SMALL = Cylinder(4, 12)
ONES = np.ones((2, 3, *MESH.shape), np.float32)


def build(path="new.h5", structures=(ATOMS,), volumes=(SMALL,), mesh=MESH, **options):
    options.setdefault("step", 10)
    options.setdefault("labels", ["disorder_parameter"])
    return build_dataset(path, structures, volumes, mesh, **options)


def foreign(name):
    """A file of something else that must stay as it is; its name."""
    with open(name, "w") as file:
        file.write("measured for a year")
    return name


def foreign_h5(name):
    with h5py.File(name, "w") as file:
        file["measured"] = np.arange(5)
    return name


# each takes the pattern file of the tests as a PatternDataset
ROWS = {
    "build path None": (lambda d: build(None), "path is None"),
    "build path number": (lambda d: build(5), "path is 5"),
    "build path empty": (lambda d: build(""), "which is a folder"),
    "build into a missing folder": (lambda d: build("absent/new.h5"), "its folder does not exist"),
    "build into a file": (lambda d: build("measured.h5/new.h5"), "its folder does not exist"),
    "build over a foreign file": (lambda d: build("measured.h5"), "overwrite=True"),
    "build over a folder": (lambda d: build("."), "path|folder"),
    "build of one structure": (lambda d: build(structures=ATOMS), "structures is Atoms.*list"),
    "build of text": (lambda d: build(structures="cu.xyz"), "structures is 'cu.xyz'"),
    "build of list of text": (lambda d: build(structures=["cu.xyz"]), "ase.Atoms"),
    "build of none": (lambda d: build(structures=[]), "at least one"),
    "build of None": (lambda d: build(structures=None), "structures is None"),
    "build of no atoms": (lambda d: build(structures=[Atoms()]), "no atoms"),
    "build of one volume": (lambda d: build(volumes=SMALL), "volumes is Cylinder.*list"),
    "build of volume text": (lambda d: build(volumes=["cylinder"]), "volume is 'cylinder'"),
    "build of volume text alone": (lambda d: build(volumes="cylinder"), "volumes is 'cylinder'"),
    "build of no volume": (lambda d: build(volumes=[]), "at least one"),
    "build of a range": (lambda d: build(volumes=[VolumeRange(Cylinder, (3, 4), (9, 12))]), "VolumeRange"),
    "build mesh tuple": (lambda d: build(mesh=(1.0, 0.1)), "give a Mesh"),
    "build zone axis one": (lambda d: build(zone_axes=(0, 0, 1)), r"zone_axes is \(0, 0, 1\).*list"),
    "build zone axis empty": (lambda d: build(zone_axes=[]), "at least one"),
    "build zone axis None": (lambda d: build(zone_axes=None), "zone_axes is None"),
    "build zone axis text": (lambda d: build(zone_axes=["z"]), "zone axis is 'z'"),
    "build zone axis twice": (lambda d: build(zone_axes=[(0, 0, 1), (0, 0, 2)]), r"\(0, 0, 2\).*twice|once"),
    "build structure twice": (lambda d: build(structures=[ATOMS, ATOMS.copy()]), "twice|once"),
    "build volume twice": (lambda d: build(volumes=[SMALL, SMALL]), "twice|once"),
    "build engine": (lambda d: build(engine="gpu"), "engine is 'gpu'"),
    "build dtype": (lambda d: build(dtype="float64"), "dtype is 'float64'"),
    "build dtype class": (lambda d: build(dtype=np.float32), "dtype is"),
    "build labels text": (lambda d: build(labels="q6"), "labels are 'q6'"),
    "build labels unknown": (lambda d: build(labels=["q5"]), "'q5'"),
    "build labels twice": (lambda d: build(labels=["q6", "q6"]), "once"),
    "build labels lists": (lambda d: build(labels=[["q6"]]), "labels are"),
    "build labels numbers": (lambda d: build(labels=[6]), "labels are"),
    "build labels none": (lambda d: build(labels=[]), "labels are"),
    "build origins text": (lambda d: build(origins="run"), "origins are 'run'"),
    "build origins of others": (lambda d: build(origins=["a", "b"]), "origins are"),
    "build origins numbers": (lambda d: build(origins=[1]), "origins are"),
    "build cores": (lambda d: build(cores=-1), "cores is -1"),
    "build cores text": (lambda d: build(cores="all"), "cores is 'all'"),
    "build provenance text": (lambda d: build(provenance="me"), "provenance is 'me'"),
    "build provenance array": (lambda d: build(provenance={"a": np.ones(3)}), "provenance"),
    "build multislice of cpu": (lambda d: build(multislice={"semiangle": 1}), "engine is 'cpu'"),
    "build option": (lambda d: build(stepp=1), "no option stepp"),
    "build step tiny": (lambda d: build(step=1e-3), "8,000,000,000,000"),
    "build step huge": (lambda d: build(step=1e9), "longer than"),
    "build step text": (lambda d: build(step="fine"), "step is 'fine'"),
    "build points text": (lambda d: build(step=2.5, points="middle"), "points are 'middle'"),
    "build points and step": (lambda d: build(step=4, points=[[0, 0, 0]]), "points and a step"),
    "build points of others": (
        lambda d: build(step=2.5, points=[np.eye(3), np.eye(3)]),
        "2 arrays of points",
    ),
    "build margin without open axis": (lambda d: build(margin=1e6), "periodic along all"),
    "build margin negative": (lambda d: build(margin=-1), "margin is -1"),
    "build clusters on a grid": (lambda d: build(volumes=[OneLayerCluster()], order="serpentine"), "grid"),
    "build clusters of places": (
        lambda d: build(volumes=[OneLayerCluster()], step=2.5, points=[[1, 1, 1]]),
        "no atoms",
    ),
    "build volume too large": (lambda d: build(volumes=[Cylinder(30, 10)]), "counted twice"),
    "build points outside": (
        lambda d: build(
            structures=[Atoms("Cu20", np.arange(60).reshape(20, 3))], step=2.5, points=[[999, 0, 0]]
        ),
        "hold no atoms",
    ),
    "plan of text": (lambda d: plan_scans("cu", [SMALL]), "structures is 'cu'"),
    "plan cores": (lambda d: plan_scans([ATOMS], [SMALL], cores=0, step=10), "cores is 0"),
    "views of nothing": (lambda d: views_of([]), "scans"),
    "labels number": (lambda d: check_labels(5), "labels are 5"),
    "values of text": (lambda d: atom_values("cu", ["q6"]), "ase.Atoms"),
    "values unknown": (lambda d: atom_values(ATOMS, ["q5"]), "'q5'"),
    "open None": (lambda d: PatternDataset(None), "None"),
    "open number": (lambda d: PatternDataset(5), "5"),
    "open absent": (lambda d: PatternDataset("absent.h5"), "does not exist"),
    "open folder": (lambda d: PatternDataset("."), "is a folder"),
    "open text file": (lambda d: PatternDataset("measured.h5"), "cannot be read"),
    "open other": (lambda d: PatternDataset("measured_array.h5"), "not a pattern file"),
    "open a dataset": (lambda d: PatternDataset(d), "PatternDataset"),
    "label unknown": (lambda d: d.label("q5"), "'q5'"),
    "label number": (lambda d: d.label(6), "6"),
    "label list": (lambda d: d.label(["q6"]), "q6"),
    "images beyond": (lambda d: d.images([10**6]), "rows"),
    "images text": (lambda d: d.images("all"), "rows"),
    "images half": (lambda d: d.images([0.5]), "rows"),
    "images of two axes": (lambda d: d.images([[0, 1]]), "rows"),
    "split kind": (lambda d: d.split("blocks"), "'block', 'structure'"),
    "split kind None": (lambda d: d.split(None), "split is None"),
    "split fraction": (lambda d: d.split(test_fraction=1.5), "test_fraction is 1.5"),
    "split fraction percent": (lambda d: d.split(test_fraction="20%"), "test_fraction is '20%'"),
    "split seed": (lambda d: d.split(seed=-1), "seed is -1"),
    "split seed text": (lambda d: d.split(seed="a"), "seed is 'a'"),
    "split of one structure": (lambda d: d.split("structure"), "at least two structures"),
    "split of one job": (lambda d: d.split("job"), "at least two origins"),
    "split of a path": (lambda d: split_dataset("a.h5"), "PatternDataset"),
    "split of paths": (lambda d: split_dataset(["a.h5"]), "PatternDataset"),
    "split of number": (lambda d: split_dataset(5), "datasets"),
    "split of none": (lambda d: split_dataset([]), "at least one"),
    "split rows beyond": (lambda d: split_dataset([d], "random", rows=[10**6]), "rows"),
    "split rows text": (lambda d: split_dataset([d], "random", rows="all"), "rows"),
    "split of the same file twice": (lambda d: split_dataset([d, d], "random"), "twice|once"),
    "split saved nowhere": (lambda d: d.split("random").save("absent/s.h5"), "its folder does not exist"),
    "split saved over a foreign file": (lambda d: d.split("random").save("measured.h5"), "overwrite=True"),
    "split saved over patterns": (lambda d: d.split("random").save("measured_array.h5"), "overwrite=True"),
    "split of nothing saved": (
        lambda d: Split(np.array([0]), np.array([1]), "random", 0, 0.5).save("s.h5"),
        "which datasets",
    ),
    "split loaded from nowhere": (lambda d: load_split("absent.h5", [d]), "does not exist"),
    "split loaded from None": (lambda d: load_split(None, [d]), "None"),
    "split loaded from text": (lambda d: load_split("measured.h5", [d]), "cannot be read"),
    "split loaded from other": (lambda d: load_split("measured_array.h5", [d]), "not a split"),
    "split loaded from patterns": (lambda d: load_split(d.path, [d]), "not a split"),
    "split loaded for text": (lambda d: load_split("split.h5", "a.h5"), "PatternDataset"),
    "split loaded for others": (lambda d: load_split("split.h5", [d]), "made of the datasets"),
    "join text": (lambda d: concatenate_datasets("c.h5", "z.h5"), "z.h5 does not exist"),
    "join none": (lambda d: concatenate_datasets("c.h5", []), "at least one"),
    "join None": (lambda d: concatenate_datasets("c.h5", None), "dataset is None"),
    "join numbers": (lambda d: concatenate_datasets("c.h5", [1]), "1"),
    "join other": (lambda d: concatenate_datasets("c.h5", [d, "measured_array.h5"]), "not a pattern file"),
    "join nowhere": (lambda d: concatenate_datasets("absent/c.h5", [d]), "its folder does not exist"),
    "join over a foreign file": (lambda d: concatenate_datasets("measured.h5", [d]), "overwrite=True"),
    "join exchanged": (lambda d: concatenate_datasets([d], "c.h5"), "path is"),
    "scan of text": (lambda d: find_scan("a.h5"), "a.h5 does not exist"),
    "scan of array": (lambda d: find_scan(ONES), "dataset"),
    "scan structure": (lambda d: find_scan(d, 3), "1 structures"),
    "scan volume text": (lambda d: find_scan(d, 0, "cylinder"), "volume is 'cylinder'"),
    "scan zone axis": (lambda d: find_scan(d, zone_axis=1), "zone axis 1"),
    "scan zone axis direction": (lambda d: find_scan(d, zone_axis=(0, 0, 1)), "zone_axis"),
    "stack of text": (lambda d: dataset_stack("a.h5"), "a.h5 does not exist"),
    "stack rows text": (lambda d: dataset_stack(d, "all"), "rows"),
    "stack rows beyond": (lambda d: dataset_stack(d, np.array([10**6])), "rows"),
    "stack rows no scan": (lambda d: dataset_stack(d, np.array([[0, 1], [2, 9]])), "no regular scan"),
    "hyperspy of text": (lambda d: write_hyperspy("a.hspy", "a.h5"), "a.h5 does not exist"),
    "hyperspy exchanged": (lambda d: write_hyperspy(d, "a.hspy"), "path is"),
    "hyperspy of number": (lambda d: write_hyperspy("a.hspy", 5), "patterns"),
    "hyperspy of None": (lambda d: write_hyperspy("a.hspy", None), "patterns"),
    "hyperspy suffix": (lambda d: write_hyperspy("a.h5", d), r"\.hspy"),
    "hyperspy without mesh": (lambda d: write_hyperspy("a.hspy", ONES), "needs a mesh"),
    "hyperspy mesh of a file": (lambda d: write_hyperspy("a.hspy", d, MESH), "of its own"),
    "hyperspy rows of an array": (lambda d: write_hyperspy("a.hspy", ONES, MESH, rows=[0]), "no rows"),
    "hyperspy nowhere": (lambda d: write_hyperspy("absent/a.hspy", d), "its folder does not exist"),
    "hyperspy over a foreign file": (lambda d: write_hyperspy("measured.hspy", d), "overwrite=True"),
    "hyperspy over a folder": (lambda d: write_hyperspy("folder.hspy", d), "which is a folder"),
    "hyperspy path None": (lambda d: write_hyperspy(None, d), "path is None"),
    "hyperspy labels": (lambda d: write_hyperspy("a.hspy", ONES, MESH, labels={"a": [1]}), "label 'a'"),
    "hyperspy metadata text": (lambda d: write_hyperspy("a.hspy", d, metadata="mine"), "metadata is 'mine'"),
    "hyperspy metadata object": (lambda d: write_hyperspy("a.hspy", d, metadata={"a": object()}), "metadata"),
    "hyperspy title": (lambda d: write_hyperspy("a.hspy", d, title=5), "title is 5"),
    "hyperspy step": (lambda d: write_hyperspy("a.hspy", ONES, MESH, step="2"), "step is '2'"),
    "py4dstem of text": (lambda d: write_py4dstem("a.h5", "b.h5"), "b.h5 does not exist"),
    "py4dstem nowhere": (lambda d: write_py4dstem("absent/a.h5", ONES, MESH), "its folder does not exist"),
    "py4dstem over a foreign file": (
        lambda d: write_py4dstem("measured_array.h5", ONES, MESH),
        "overwrite=True",
    ),
    "py4dstem over patterns": (lambda d: write_py4dstem("patterns.h5", ONES, MESH), "overwrite=True"),
    "py4dstem of three dimensions": (lambda d: write_py4dstem("a.h5", d), "plane"),
    "py4dstem metadata object": (
        lambda d: write_py4dstem("a.h5", ONES, MESH, metadata={"a": object()}),
        "metadata",
    ),
    "py4dstem metadata None": (
        lambda d: write_py4dstem("a.h5", ONES, MESH, metadata={"a": None}),
        "metadata",
    ),
    "py4dstem of complex": (lambda d: write_py4dstem("a.h5", ONES * 1j, MESH), "real numbers"),
    "py4dstem of another mesh": (lambda d: write_py4dstem("a.h5", ONES, Mesh(1.0, 0.2)), "pixels"),
}


@pytest.fixture
def prepared(in_folder, pattern_file):
    """A folder with files of something else, of patterns, and a split of other patterns."""
    foreign("measured.h5")
    foreign("measured.hspy")
    foreign_h5("measured_array.h5")
    os.mkdir("folder.hspy")
    (in_folder / "patterns.h5").write_bytes(pattern_file.read_bytes())
    Split(np.array([0]), np.array([1]), "random", 0, 0.5, (("4ac2", 2),)).save("split.h5")
    return in_folder


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, prepared, pattern_file):
    action, part = row
    data = PatternDataset(pattern_file)
    assert_refused(lambda: action(data), part, prepared)


def test_a_foreign_file_is_replaced_where_that_is_asked_for(prepared):
    write_py4dstem("measured_array.h5", ONES, MESH, overwrite=True)
    write_py4dstem("measured_array.h5", ONES, MESH)  # now it is one of ours
    assert build("measured.h5", overwrite=True) == 8
    assert build("measured.h5") == 8


def test_the_limits_of_a_folder(in_folder):
    folder = in_folder / "shut"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write anywhere")
    assert_refused(lambda: build("shut/new.h5"), "cannot be written", in_folder)
