"""Splits: no atom in both parts, whole structures and jobs, stored splits."""

import contextlib

import h5py
import numpy as np
import pytest
from ase import Atoms
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster
from pyiron_nbed.dataset import PatternDataset, build_dataset, load_split, split_dataset
from pyiron_nbed.diffraction import VolumeSearch, WeightedVolume
from pyiron_nbed.errors import DatasetError, InputError

TINY = {"mesh": Mesh(0.2, 0.1), "labels": ["disorder_parameter"]}


def shared_atoms(dataset, atoms, split):
    """Atoms that are in a training volume and in a test volume."""
    return np.intersect1d(*(atoms_of([dataset], atoms, rows) for rows in (split.train, split.test)))


def atoms_of(datasets, atoms, rows):
    """Atoms in the volumes of some rows of datasets of one structure."""
    found = [np.array([], int)]
    starts = np.cumsum([0, *map(len, datasets)])
    for dataset, start in zip(datasets, starts[:-1], strict=True):
        own = rows[(rows >= start) & (rows < start + len(dataset))] - start
        for v, volume in enumerate(dataset.volumes):
            some = own[dataset.volume[own] == v]
            if len(some):
                search = VolumeSearch(atoms, volume)
                found.append(search(dataset.centers[some], zone_axes=dataset.zone_axes[some]).indices)
    return np.unique(np.concatenate(found))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), fraction=st.floats(0.1, 0.35))
def test_block_split_shares_no_atom(pattern_file, rattled, seed, fraction):
    dataset = PatternDataset(pattern_file)
    split = split_dataset([dataset], "block", fraction, seed)
    assert len(split.train)
    assert len(split.test)
    assert len(shared_atoms(dataset, rattled, split)) == 0
    again = split_dataset([dataset], "block", fraction, seed)
    assert (again.test == split.test).all()


@pytest.mark.parametrize(
    "volumes",
    [
        [Cylinder(3, 8)],
        [Ellipsoid(5, 9)],
        [WeightedVolume(2, 8)],
        [OneLayerCluster(max_distance=5)],
        [Cylinder(2, 10), Ellipsoid(5, 6)],
        [Cylinder(2, 4), OneLayerCluster(max_distance=5)],
    ],
    ids=lambda volumes: "+".join(type(v).__name__ for v in volumes),
)
@pytest.mark.parametrize("open_axes", [False, True])
def test_block_split_of_each_volume(in_folder, rattled, volumes, open_axes):
    atoms = rattled.copy()
    if open_axes:
        atoms.pbc = (False, False, True)
        inside = (np.abs(atoms.positions - 16) < 12).all(axis=1)  # clusters need neighbours
    arguments = {"step": 4.0, "zone_axes": [(0, 0, 1), (1, 1, 0), (1, 2, 3)]}
    if open_axes and any(isinstance(v, OneLayerCluster) for v in volumes):
        arguments |= {"step": 2.5, "points": atoms.positions[inside]}
    build_dataset("a.h5", [atoms], volumes, **arguments, **TINY)
    dataset = PatternDataset("a.h5")
    for seed in range(3):
        split = split_dataset([dataset], "block", 0.2, seed)
        assert len(split.train) > 0.1 * len(dataset)
        assert 0.1 < len(split.test) / len(dataset) < 0.35
        assert len(shared_atoms(dataset, atoms, split)) == 0


@pytest.mark.filterwarnings("ignore:.*hold no atoms")
@settings(max_examples=25, deadline=None)
@given(
    cell=st.tuples(*[st.floats(14, 45)] * 3),
    skew=st.floats(-5, 5),
    periodic=st.tuples(*[st.booleans()] * 3),
    step=st.floats(2.5, 6),
    axis=st.sampled_from([(0, 0, 1), (1, 1, 0), (2, -1, 3)]),
    kind=st.sampled_from([Cylinder, Ellipsoid]),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 99),
)
def test_block_split_of_any_cell(tmp_path_factory, cell, skew, periodic, step, axis, kind, fraction, seed):
    box = np.diag(cell)
    box[1, 0] = skew
    random = np.random.default_rng(seed)
    positions = random.random((int(0.05 * np.prod(cell)), 3)) @ box
    atoms = Atoms(numbers=[29] * len(positions), positions=positions, cell=box, pbc=periodic)
    for name in ("q6", "disorder_parameter"):  # not needed here
        atoms.set_array(name, np.zeros(len(atoms)))
    path = tmp_path_factory.mktemp("any") / "a.h5"
    build_dataset(path, [atoms], [kind(2.5, 8)], step=step, zone_axes=[axis], empty="skip", cores=1, **TINY)
    dataset = PatternDataset(path)
    split = None
    with contextlib.suppress(InputError):  # too small a cell
        split = split_dataset([dataset], "block", fraction, seed)
    assume(split is not None)
    assert len(shared_atoms(dataset, atoms, split)) == 0
    assert len(split.test) >= fraction * len(dataset) - 1


def test_block_of_one_structure_in_several_files(in_folder, rattled):
    """The block is the same in all files, or their volumes would share atoms."""
    other = rattled.copy()
    other.rattle(0.1, seed=9)
    build_dataset("a.h5", [other, rattled], [Cylinder(4, 12)], step=8, **TINY)
    build_dataset("b.h5", [rattled], [Ellipsoid(5, 9)], step=5, **TINY)
    build_dataset("c.h5", [rattled, other], [Cylinder(2, 9)], step=5, origins=["x", "y"], **TINY)
    datasets = [PatternDataset(name) for name in ("a.h5", "b.h5", "c.h5")]
    ids = np.concatenate([[d.structures[s]["structure_id"] for s in d.structure] for d in datasets])
    for seed in range(3):
        split = split_dataset(datasets, "block", 0.2, seed)
        for atoms, name in ((rattled, datasets[1].structures[0]["structure_id"]), (other, ids[0])):
            parts = [rows[ids[rows] == name] for rows in (split.train, split.test)]
            assert min(map(len, parts)) > 20
            one, two = (atoms_of(datasets, atoms, rows) for rows in parts)
            assert len(np.intersect1d(one, two)) == 0


@pytest.mark.parametrize("where", ["plane", "region", "line"])
def test_block_split_of_a_part_of_the_cell(in_folder, rattled, where):
    """The block is across an axis along which there are positions."""
    wide = rattled * (1, 1, 3)  # the widest axis has one position only
    if where == "line":
        scan = {"points": np.array([16.0, 0, 40]) + np.arange(0, 64)[:, None] * [0, 0.5, 0]}
    else:
        region = [None, None, (20, 40)] if where == "region" else None
        scan = {"step": (4, 4, None), "limits": region}
    build_dataset("a.h5", [wide], [Cylinder(3, 9)], **scan, **TINY)
    dataset = PatternDataset("a.h5")
    split = split_dataset([dataset], "block", 0.25, 1)
    assert len(split.train) >= 0.2 * len(dataset)
    assert 0.2 < len(split.test) / len(dataset) < 0.35
    assert len(shared_atoms(dataset, wide, split)) == 0


def test_block_split_without_a_cell(in_folder, rattled):
    atoms = rattled.copy()
    atoms.cell, atoms.pbc = None, False
    build_dataset("a.h5", [atoms], [Cylinder(3, 9)], step=4, **TINY)
    dataset = PatternDataset("a.h5")
    assert len(shared_atoms(dataset, atoms, split_dataset([dataset], "block", 0.2))) == 0


def test_job_split_holds_out_whole_sources(in_folder, rattled):
    frames = []
    for seed in range(5):
        frames.append(rattled.copy())
        frames[-1].rattle(0.03, seed=seed)
    names = ["run a", "run a", "run b", "run b", "c"]
    build_dataset("a.h5", frames, [Cylinder(4, 12)], step=16, origins=names, **TINY)
    build_dataset("b.h5", frames[4:], [Ellipsoid(4, 12)], step=16, origins=["d"], **TINY)  # c and d are one
    build_dataset("c.h5", frames[2:3], [Ellipsoid(4, 12)], step=16, **TINY)  # unnamed: that of run b
    datasets = [PatternDataset(name) for name in ("a.h5", "b.h5", "c.h5")]
    group = np.concatenate([np.array([0, 0, 1, 1, 2])[datasets[0].structure], np.full(8, 2), np.full(8, 1)])
    seen = set()
    for seed in range(12):
        split = split_dataset(datasets, "job", 0.3, seed)
        held = set(group[split.test])
        assert len(held) == 1
        assert held.isdisjoint(group[split.train])
        assert len(split.train) + len(split.test) == len(group)
        seen |= held
    assert seen == {0, 1, 2}
    build_dataset("d.h5", frames[:2], [Cylinder(4, 12)], step=16, origins=["a", "a"], **TINY)
    with pytest.raises(InputError, match="at least two origins"):
        split_dataset([PatternDataset("d.h5")], "job")
    with pytest.raises(InputError, match="a name for each"):
        build_dataset("e.h5", frames[:2], [Cylinder(4, 12)], step=16, origins="ab", **TINY)


def test_saved_split_is_read_for_the_same_datasets_only(in_folder, rattled, pattern_file):
    build_dataset("a.h5", [rattled], [Cylinder(4, 12)], step=8, **TINY)
    one, two = PatternDataset("a.h5"), PatternDataset(pattern_file)
    split = split_dataset([one, two], "block", 0.25, 7)
    split.save("split.h5")
    assert sorted(p.name for p in in_folder.iterdir()) == ["a.h5", "split.h5"]
    again = load_split("split.h5", [one, two])
    assert (again.train == split.train).all()
    assert (again.test == split.test).all()
    for name in ("kind", "seed", "test_fraction", "datasets"):
        assert getattr(again, name) == getattr(split, name)
    for others in ([two, one], [one], [one, one]):
        with pytest.raises(DatasetError, match="give the same in the same order"):
            load_split("split.h5", others)


def test_files_that_are_no_split(in_folder, pattern_file):
    dataset = PatternDataset(pattern_file)
    with pytest.raises(DatasetError, match="not a split"):
        load_split(pattern_file, [dataset])
    split_dataset([dataset], "random").save("split.h5")
    (in_folder / "cut.h5").write_bytes((in_folder / "split.h5").read_bytes()[:500])
    with pytest.raises(DatasetError, match="cannot be read as a split"):
        load_split("cut.h5", [dataset])
    with h5py.File("split.h5", "a") as file:
        del file["test"]
    with pytest.raises(DatasetError, match="cannot be read as a split"):
        load_split("split.h5", [dataset])
    with h5py.File("split.h5", "a") as file:
        file.attrs["version"] = 2
    with pytest.raises(DatasetError, match="newer version"):
        load_split("split.h5", [dataset])


def test_random_split_leaks_as_published(pattern_file, rattled):
    dataset = PatternDataset(pattern_file)
    split = split_dataset([dataset], "random", 0.2, 1)
    assert len(split.test) == round(0.2 * len(dataset))
    assert len(np.intersect1d(split.train, split.test)) == 0
    assert len(shared_atoms(dataset, rattled, split)) > 1000


def test_structure_split_holds_out_whole_structures(in_folder, rattled):
    other = rattled.copy()
    other.rattle(0.1, seed=9)
    build_dataset("two.h5", [rattled, other], [Cylinder(4, 12)], step=8, **TINY)
    dataset = PatternDataset("two.h5")
    split = split_dataset([dataset], "structure", 0.3, 0)
    assert len(set(dataset.structure[split.test])) == 1
    assert not set(dataset.structure[split.test]) & set(dataset.structure[split.train])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cube", 0.2), "'block', 'structure', 'job', 'random'"),
        (("block", 1.5), "above 0 and below 1"),
        (("structure", 0.2), "at least two structures"),
        (("job", 0.2), "at least two origins"),
        (("block", 0.9), "not possible"),
    ],
)
def test_splits_that_cannot_be(pattern_file, arguments, message):
    with pytest.raises(InputError, match=message):
        PatternDataset(pattern_file).split(*arguments)


def test_views_of_a_volume_stay_together(rattled, tmp_path):
    axes = [(0, 0, 1), (1, 0, 0), (0, 1, 1)]
    together, apart = tmp_path / "all.h5", [tmp_path / f"{number}.h5" for number in range(3)]
    build_dataset(together, [rattled], [Cylinder(3, 8)], zone_axes=axes, step=12, **TINY)
    for path, axis in zip(apart, axes, strict=True):
        build_dataset(path, [rattled], [Cylinder(3, 8)], zone_axes=[axis], step=12, **TINY)
    for datasets in ([PatternDataset(together)], [PatternDataset(path) for path in apart]):
        places = np.concatenate([dataset.centers for dataset in datasets]).round(6)
        split = split_dataset(datasets, "random", 0.3, seed=1)
        train, test = ({tuple(place) for place in places[rows]} for rows in (split.train, split.test))
        assert len(train) == round(0.7 * 27)
        assert len(test) == round(0.3 * 27)
        assert not train & test


def test_a_random_split_of_single_views_is_drawn_by_pattern(pattern_file):
    dataset = PatternDataset(pattern_file)
    split = split_dataset([dataset], "random", 0.25, seed=4)
    drawn = np.random.default_rng(4).permutation(len(dataset))[: round(0.25 * len(dataset))]
    assert split.test.tolist() == sorted(drawn)
