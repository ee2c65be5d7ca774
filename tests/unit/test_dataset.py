import json
import pickle

import h5py
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, simulate_patterns
from pyiron_nbed.dataset import PatternDataset, build_dataset, schema, split_dataset
from pyiron_nbed.diffraction import VolumeSearch
from pyiron_nbed.errors import DatasetError, InputError, VolumeError
from pyiron_nbed.images import network_images
from pyiron_nbed.ssro import disorder_and_bond_order

MESH = Mesh(1.0, 0.05)


def test_file_holds_patterns_and_labels(pattern_file, rattled):
    dataset = PatternDataset(pattern_file)
    assert len(dataset) == 512
    rows = [0, 100, 511]
    centers = dataset.centers[rows]
    expected = simulate_patterns(rattled, centers, Cylinder(4, 12), MESH)
    assert np.allclose(dataset.patterns[rows], expected, rtol=1e-3)  # stored as float16
    d, q6 = disorder_and_bond_order(rattled)
    for row, center in zip(rows, centers, strict=True):
        found = VolumeSearch(rattled, Cylinder(4, 12))(center)
        assert dataset.n_atoms[row] == len(found.indices)
        assert dataset.labels["disorder_parameter"][row] == pytest.approx(d[found.indices].mean())
        assert dataset.labels["q6"][row] == pytest.approx(q6[found.indices].mean())
        zr = (rattled.numbers[found.indices] == 40).mean()
        assert dataset.labels["fraction_Zr"][row] == pytest.approx(zr)
        assert dataset.labels["fraction_Cu"][row] == pytest.approx(1 - zr)
        density = len(found.indices) / (np.pi * 16 * 12)
        assert dataset.labels["number_density"][row] == pytest.approx(density)
    pattern, label = dataset[511]
    assert pattern.dtype == np.float32
    assert label == dataset.label()[511]
    assert dataset[-1][1] == label
    with pytest.raises(IndexError):
        dataset[512]


def test_every_key_is_in_the_schema(pattern_file):
    with h5py.File(pattern_file) as file:
        assert set(file) == set(schema.KEYS) | {"labels"}
        assert set(file.attrs) == set(schema.ATTRIBUTES)
        for name in file["labels"]:
            assert name in schema.LABELS or name.startswith(schema.COMPOSITION_PREFIX)
        json.loads(file.attrs["provenance"])["versions"]["pyiron_nbed"]


def test_survives_pickling_with_an_open_file(pattern_file):
    dataset = PatternDataset(pattern_file)
    first = dataset[3][0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy[3][0] == first).all()


def test_mixed_volumes_and_zone_axes(in_folder, rattled):
    n = build_dataset(
        "mixed.h5",
        [rattled],
        [Cylinder(4, 12), Ellipsoid(5, 14)],
        mesh=MESH,
        step=8,
        zone_axes=[(0, 0, 1), (1, 1, 0)],
        dtype="float32",
    )
    dataset = PatternDataset("mixed.h5")
    assert n == len(dataset) == 4 * 64
    assert set(dataset.volume) == {0, 1}
    row = int(np.flatnonzero((dataset.volume == 1) & (dataset.zone_axes[:, 0] == 1))[5])
    expected = simulate_patterns(rattled, dataset.centers[row], Ellipsoid(5, 14), MESH, (1, 1, 0))
    assert (dataset.patterns[row] == expected[0]).all()


def test_labels_come_from_the_structure_where_it_has_them(in_folder, rattled):
    atoms = rattled.copy()
    atoms.set_array("disorder_parameter", np.full(len(atoms), 0.25))
    atoms.set_array("q6", np.full(len(atoms), 0.5))
    build_dataset("own.h5", [atoms], [Cylinder(4, 12)], mesh=MESH, step=16)
    assert PatternDataset("own.h5").label() == pytest.approx(0.25)


def test_the_same_input_gives_the_same_bytes_of_data(in_folder, rattled):
    for name, cores in (("a.h5", 1), ("b.h5", 2)):
        build_dataset(name, [rattled], [Cylinder(4, 12)], mesh=MESH, step=8, cores=cores)
    a, b = PatternDataset("a.h5"), PatternDataset("b.h5")
    assert (a.patterns[:] == b.patterns[:]).all()
    assert a.dataset_hash == b.dataset_hash


def test_failure_leaves_nothing_behind(in_folder, rattled):
    atoms = rattled[rattled.positions[:, 2] < 8]
    with pytest.raises(VolumeError, match="no atoms"):
        build_dataset("x.h5", [atoms], [Cylinder(3, 3)], mesh=MESH, step=4)
    assert list(in_folder.iterdir()) == []


def test_intensity_beyond_float16_is_refused(in_folder):
    atoms = Atoms("Zr3000", positions=np.random.default_rng(0).uniform(-1, 1, (3000, 3)), cell=[30] * 3)
    atoms.pbc = True
    with pytest.raises(DatasetError, match="float32"):
        build_dataset("x.h5", [atoms], [Cylinder(14, 29)], mesh=MESH, step=30, cores=1)
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.__setitem__("format", "other"), "not a pattern file"),
        (lambda f: f.attrs.__setitem__("schema_version", 99), "update pyiron_nbed"),
        (lambda f: f.__delitem__("centers"), "truncated"),
    ],
)
def test_foreign_newer_and_damaged_files(pattern_file, in_folder, change, message):
    path = in_folder / "copy.h5"
    path.write_bytes(pattern_file.read_bytes())
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DatasetError, match=message):
        PatternDataset(path)


def test_truncated_and_absent_files(pattern_file, in_folder):
    path = in_folder / "copy.h5"
    path.write_bytes(pattern_file.read_bytes()[:5000])
    with pytest.raises(DatasetError, match="truncated"):
        PatternDataset(path)
    with pytest.raises(DatasetError, match="does not exist"):
        PatternDataset("nowhere.h5")


def test_unknown_label(pattern_file):
    with pytest.raises(InputError, match="disorder_parameter"):
        PatternDataset(pattern_file).label("hardness")


def shared_atoms(dataset, atoms, split):
    """Atoms that are in a training volume and in a test volume."""
    search = VolumeSearch(atoms, dataset.volumes[0])
    train = search(dataset.centers[split.train]).indices
    test = search(dataset.centers[split.test]).indices
    return np.intersect1d(train, test)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), fraction=st.floats(0.1, 0.35))
def test_block_split_shares_no_atom(pattern_file, rattled, seed, fraction):
    dataset = PatternDataset(pattern_file)
    split = dataset.split("block", fraction, seed)
    assert len(split.train)
    assert len(split.test)
    assert len(shared_atoms(dataset, rattled, split)) == 0
    again = dataset.split("block", fraction, seed)
    assert (again.test == split.test).all()


def test_random_split_leaks_as_published(pattern_file, rattled):
    dataset = PatternDataset(pattern_file)
    split = dataset.split("random", 0.2, 1)
    assert len(split.test) == round(0.2 * len(dataset))
    assert len(np.intersect1d(split.train, split.test)) == 0
    assert len(shared_atoms(dataset, rattled, split)) > 1000


def test_structure_split_holds_out_whole_structures(in_folder, rattled):
    other = rattled.copy()
    other.rattle(0.1, seed=9)
    build_dataset("two.h5", [rattled, other], [Cylinder(4, 12)], mesh=MESH, step=8)
    dataset = PatternDataset("two.h5")
    split = split_dataset([dataset], "structure", 0.3, 0)
    assert len(set(dataset.structure[split.test])) == 1
    assert not set(dataset.structure[split.test]) & set(dataset.structure[split.train])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cube", 0.2), "'block', 'structure', 'random'"),
        (("block", 1.5), "between 0 and 1"),
        (("structure", 0.2), "at least two structures"),
        (("block", 0.9), "not possible"),
    ],
)
def test_splits_that_cannot_be(pattern_file, arguments, message):
    with pytest.raises(InputError, match=message):
        PatternDataset(pattern_file).split(*arguments)


def test_images_are_scaled_inside_the_disc():
    random = np.random.default_rng(0)
    patterns = random.exponential(50, (5, *MESH.shape))
    images = network_images(patterns, MESH)
    assert images.dtype == np.float32
    assert (images[:, ~MESH.disc] == 0).all()
    inside = images[:, MESH.disc]
    assert inside.min(axis=1) == pytest.approx(0, abs=1e-7)
    assert inside.max(axis=1) == pytest.approx(1)
    expected = np.log1p(patterns[0])
    low, high = expected[MESH.disc].min(), expected[MESH.disc].max()
    assert images[0][MESH.disc] == pytest.approx(((expected - low) / (high - low))[MESH.disc], abs=1e-6)
    flat = network_images(np.full((1, *MESH.shape), 7.0), MESH)
    assert (flat == 0).all()


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_images_refuse_bad_intensity(bad):
    patterns = np.ones((2, *MESH.shape))
    patterns[1, MESH.half, MESH.half] = bad
    with pytest.raises(DatasetError, match="bad pixels"):
        network_images(patterns, MESH)
    with pytest.raises(DatasetError, match="expected"):
        network_images(np.ones((2, 7, 7)), MESH)
