"""Patterns straight from structures: the same as one by one, evenly drawn, the same on every run."""

import json
import pickle
import threading
import time

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster, VolumeRange, WeightedVolume, random_alloy
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.dataset.labels import atom_values, volume_labels, volume_regions
from pyiron_nbed.diffraction import VolumeSearch, simulate_patterns
from pyiron_nbed.diffraction.random_volumes import RandomVolumes
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.learning import PatternSource, Training, train
from pyiron_nbed.learning.augmentation import rotate
from pyiron_nbed.patterns import Recipe

MESH = Mesh(1.0, 0.05)
VOLUMES = [
    Cylinder(4, 12),
    VolumeRange(Ellipsoid, radius=(3, 6), height=(8, 16)),
    OneLayerCluster(12),
    WeightedVolume(4, 12),
    VolumeRange(Cylinder, radius=(3, 5), height=(6, 14)),
]
LABELS = ("q6", "disorder_parameter", "fraction_Zr")


@pytest.fixture(scope="module")
def structures(rattled):
    marked = rattled.copy()
    marked.set_array("region", (np.arange(len(marked)) % 7 > 2) * 2)
    return [marked, random_alloy(1372, 0.3, seed=1)]


@pytest.fixture(scope="module")
def source(structures):
    return PatternSource(structures, VOLUMES, MESH, LABELS, seed=5, batch_size=48, cores=2)


def same(one, other, tolerance=0.0):
    for name, left, right in zip(one._fields, one, other, strict=True):
        left, right = np.asarray(left), np.asarray(right)
        scale = np.nanmax(np.abs(right)) if name == "patterns" else 1.0
        assert left.dtype == right.dtype
        assert np.allclose(left, right, rtol=0, atol=tolerance * scale, equal_nan=True), name


def volume_of(source, batch, row):
    kind = source.volumes[batch.volume[row]]
    return kind.kind(*batch.size[row]) if isinstance(kind, VolumeRange) else kind


def test_patterns_and_labels_are_those_of_each_volume_alone(source, structures):
    seen = set()
    for number in (0, 7):
        batch = source.batch(number)
        assert batch.patterns.dtype == batch.labels.dtype == torch.float32
        assert (np.diff(batch.structure) >= 0).all()
        for row in range(len(batch.centers)):
            atoms, volume = structures[batch.structure[row]], volume_of(source, batch, row)
            axis, center = batch.zone_axes[row], batch.centers[row : row + 1]
            found = VolumeSearch(atoms, volume, axis)(center)
            symbols = np.array(atoms.get_chemical_symbols())
            values = atom_values(atoms, ["q6", "disorder_parameter"])
            labels = volume_labels(found, values, symbols, ["Zr"], volume)
            assert batch.labels[row].tolist() == pytest.approx([labels[name][0] for name in LABELS], rel=1e-6)
            assert batch.n_atoms[row] == found.counts[0]
            assert batch.region[row] == volume_regions(found, atoms)[0]
            alone = simulate_patterns(atoms, center, volume, MESH, axis)[0]
            assert np.abs(batch.patterns[row].numpy() - alone).max() < 1e-6 * alone.max()
            seen.add((int(batch.structure[row]), int(batch.volume[row])))
    assert len(seen) == len(structures) * len(VOLUMES)


def test_number_density(structures):
    volumes = [v for v in VOLUMES if not isinstance(v, OneLayerCluster)]
    source = PatternSource(structures, volumes, MESH, ["number_density"], batch_size=32, cores=1)
    batch = source.batch(0)
    for row in range(32):
        atoms, volume = structures[batch.structure[row]], volume_of(source, batch, row)
        found = VolumeSearch(atoms, volume, batch.zone_axes[row])(batch.centers[row : row + 1])
        assert float(batch.labels[row, 0]) == pytest.approx(found.norms[0] / volume.size, rel=1e-6)


def test_a_batch_depends_on_seed_and_number_only(structures, source):
    batches = list(source.batches(0, 5))
    for cores, start, prefetch in ((1, 0, None), (3, 2, 1), (2, 4, 9)):
        other = PatternSource(structures, VOLUMES, MESH, LABELS, seed=5, batch_size=48, cores=cores)
        for number, batch in enumerate(other.batches(start, 5, prefetch), start):
            same(batch, batches[number])
    same(source.batch(3), batches[3])
    with pytest.raises(AssertionError):
        same(batches[0], batches[1])
    shifted = PatternSource(structures, VOLUMES, MESH, LABELS, seed=6, batch_size=48, cores=1).batch(0)
    assert not np.array_equal(shifted.centers, batches[0].centers)
    endless = iter(source)
    for expected in batches:
        same(next(endless), expected)
    endless.close()


@pytest.mark.parametrize("mesh", [MESH, Mesh(1.0, 0.05, beam_energy=1e5)])
def test_the_torch_engine_gives_the_same(structures, mesh):
    one, other = (
        PatternSource(structures, VOLUMES, mesh, LABELS, batch_size=32, engine=engine, device="cpu", cores=2)
        for engine in ("cpu", "torch")
    )
    for left, right in zip(one.batches(0, 3), other.batches(0, 3), strict=True):
        same(left, right, 1e-5)


def test_centres_and_directions_are_drawn_evenly(structures):
    draw = RandomVolumes(structures, VOLUMES, weights=[1, 3])
    drawn = draw(np.random.default_rng(2), 20000)
    counts = np.bincount(drawn.structure)
    assert counts / counts.sum() == pytest.approx([0.25, 0.75], abs=0.02)
    assert np.bincount(drawn.volume) / 20000 == pytest.approx([0.2] * 5, abs=0.015)
    for s, atoms in enumerate(structures):
        rows = (drawn.structure == s) & (drawn.volume != 2)
        places = (drawn.centers[rows] @ np.linalg.inv(atoms.cell.array)) % 1
        for axis in range(3):
            shares = np.histogram(places[:, axis], 8, (0, 1))[0]
            expected = rows.sum() / 8
            assert ((shares - expected) ** 2 / expected).sum() < 30  # 7 degrees of freedom: p = 1e-4
    z = drawn.zone_axes
    assert np.linalg.norm(z, axis=1) == pytest.approx(np.ones(20000))
    assert z.T @ z / 20000 == pytest.approx(np.eye(3) / 3, abs=0.02)
    assert z.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.02)
    size = drawn.size[drawn.volume == 1]
    assert size.min(axis=0) == pytest.approx([3, 8], abs=0.05)
    assert size.max(axis=0) == pytest.approx([6, 16], abs=0.05)
    assert size.mean(axis=0) == pytest.approx([4.5, 12], abs=0.1)
    assert np.isnan(drawn.size[drawn.volume == 2]).all()
    first = drawn.found.indices[drawn.found.offsets[:-1]][(drawn.volume == 2) & (drawn.structure == 0)]
    assert len(np.unique(first)) > 0.3 * len(structures[0])  # 1000 draws of 2048 atoms


def test_given_directions_and_open_axes(rattled):
    slab = rattled.copy()
    slab.pbc = (True, True, False)
    low, high = slab.positions[:, 2].min(), slab.positions[:, 2].max()
    draw = RandomVolumes([slab], [Cylinder(4, 12)], [(0, 0, 2), (1, 0, 1)])
    drawn = draw(np.random.default_rng(0), 500)
    tilted = drawn.zone_axes[:, 0] > 0.1
    assert 150 < tilted.sum() < 350
    assert np.unique(drawn.zone_axes.round(6), axis=0).tolist() == [[0, 0, 1], [0.707107, 0, 0.707107]]
    for rows, half in ((~tilted, 6.0), (tilted, 10 / np.sqrt(2))):
        z = drawn.centers[rows, 2]
        assert low + half - 1e-6 <= z.min() < low + half + 1
        assert high - half - 1 < z.max() <= high - half + 1e-6
    thin = RandomVolumes([slab], [Cylinder(4, 50)], [(0, 0, 1)])(np.random.default_rng(0), 20)
    assert thin.centers[:, 2] == pytest.approx(np.full(20, 0.5 * (low + high)))


def test_a_centre_in_empty_space_is_drawn_again(rattled):
    gap = rattled.copy()
    gap.cell[2] *= 2
    drawn = RandomVolumes([gap], [Cylinder(3, 4)])(np.random.default_rng(0), 400)
    assert (drawn.found.counts > 0).all()
    assert np.abs((drawn.centers[:, 2] - 16 + 32) % 64 - 32).max() < 16 + 5  # from the middle of the slab
    lonely = Atoms("Cu", [[50, 50, 50]], cell=[400] * 3, pbc=True)
    with pytest.raises(VolumeError, match="no atoms at 100 random places"):
        RandomVolumes([lonely], [Cylinder(1, 1)])(np.random.default_rng(0), 4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_any_number_of_patterns(source, number, count):
    drawn = source._draw(np.random.default_rng(number), count)
    assert len(drawn.found.counts) == len(drawn.centers) == count
    assert (drawn.found.counts > 0).all()
    assert len(drawn.found.positions) == drawn.found.offsets[-1]


def source_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetched")]


def test_leaving_the_loop_ends_the_threads(source):
    with threadpool_limits(2, "blas"):  # side by side, the threads of the source change it and take it back
        before = threadpool_info()
        for number, _ in enumerate(source.batches(prefetch=4)):
            assert source_threads()
            if number == 20:
                break
        assert not source_threads()
        assert threadpool_info() == before


def test_no_more_batches_are_computed_than_asked_for(rattled):
    asked = []

    class Counting(PatternSource):
        def batch(self, number):
            asked.append(number)
            return super().batch(number)

    batches = Counting([rattled], [Cylinder(4, 12)], MESH, batch_size=4, cores=2).batches(prefetch=3)
    next(batches)
    time.sleep(0.3)
    assert sorted(asked) == [0, 1, 2, 3]
    batches.close()


def test_members_of_an_ensemble_see_patterns_of_their_own(rattled, pattern_file):
    asked = []

    class Counting(PatternSource):
        def batch(self, number):
            asked.append(number)
            return super().batch(number)

    source = Counting([rattled], [Cylinder(4, 12)], PatternDataset(pattern_file).mesh, batch_size=4, cores=1)
    training = Training(
        network="cnn", weights=None, epochs=2, steps_per_epoch=3, members=2, baselines=False, cores=1
    )
    train(source, training, test_datasets=[PatternDataset(pattern_file)])
    # the first three twice: the mean and the spread of the labels come from them
    assert sorted(asked) == sorted([*range(12), 0, 1, 2])


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_an_error_in_a_thread_reaches_the_consumer(rattled, engine):
    lonely = Atoms("Cu", [[50, 50, 50]], cell=[400] * 3, pbc=True)
    lonely.set_array("q6", np.zeros(1))
    lonely.set_array("disorder_parameter", np.zeros(1))
    source = PatternSource([rattled, lonely], [Cylinder(1, 1)], MESH, batch_size=16, cores=2, engine=engine,
                           device="cpu")  # fmt: skip
    with pytest.raises(VolumeError, match="no atoms") as caught:
        list(source.batches(0, 3))
    assert any("_inside" in str(entry.name) for entry in caught.traceback)
    assert not source_threads()


def test_provenance_is_json(source):
    values = json.loads(json.dumps(source.as_dict()))
    assert values["volumes"][1] == VOLUMES[1].as_dict()
    assert len(values["structures"]) == 2
    assert values["seed"] == 5
    assert "numpy" in values["versions"]
    same(pickle.loads(pickle.dumps(source)).batch(1), source.batch(1))  # for the workers of a data loader


CUBE = random_alloy(500, 0.3, seed=2)  # about 20 Å


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"structures": []}, InputError, "structures"),
        ({"structures": CUBE}, InputError, "list"),
        ({"volumes": []}, InputError, "volumes"),
        ({"volumes": [Cylinder(5, 25)]}, VolumeError, "structure 0"),
        ({"volumes": [Cylinder(8, 16)]}, VolumeError, "random"),  # its diagonal
        ({"volumes": [Cylinder(5, 25)], "zone_axes": [(0, 0, 1), (1, 1, 1)]}, VolumeError, "given"),
        ({"volumes": [VolumeRange(Ellipsoid, (3, 20), (5, 6))]}, VolumeError, "wide"),
        ({"labels": ["disorder"]}, InputError, "disorder_parameter"),
        ({"labels": []}, InputError, "labels"),
        ({"labels": ["q6", "q6"]}, InputError, "once"),
        ({"labels": ["fraction_Au"]}, InputError, "fraction_Zr"),
        ({"labels": ["number_density"], "volumes": [OneLayerCluster()]}, InputError, "not defined"),
        ({"zone_axes": "all"}, InputError, "random"),
        ({"zone_axes": [(0, 0, 0)]}, InputError, "zone axis"),
        ({"seed": -1}, InputError, "seed"),
        ({"seed": True}, InputError, "seed"),
        ({"batch_size": 0}, InputError, "batch_size"),
        ({"mesh": Recipe.simulation(MESH)}, InputError, "give a Mesh"),
        ({"cores": 1.5}, InputError, "cores"),
        ({"engine": "lammps"}, InputError, "engine"),
        ({"device": "cuda:99"}, InputError, "device"),
        ({"weights": [1, 2]}, InputError, "weights"),
        ({"weights": [0]}, InputError, "weights"),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"structures": [CUBE], "volumes": [Cylinder(4, 10)], "mesh": MESH, **change}
    with pytest.raises(error, match=message):
        PatternSource(**arguments)


def test_patterns_need_a_mesh():
    with pytest.raises(InputError, match="give a Mesh"):
        simulate_patterns(CUBE, [[5, 5, 5]], Cylinder(4, 10), 0.05)


@pytest.mark.parametrize(
    ("kind", "radius"), [("Cube", (1, 2)), (Cylinder, (2, 1)), (Cylinder, 3), (Cylinder, (0, 1))]
)
def test_bad_range(kind, radius):
    with pytest.raises(InputError, match="VolumeRange"):
        VolumeRange(kind, radius, (1, 2))


def test_bad_numbers_of_batches(source):
    for call in (lambda: source.batch(-1), lambda: source.batches(-1), lambda: source.batches(0, 2, 0)):
        with pytest.raises(InputError, match="whole number"):
            call()


def test_turned_patterns_are_those_of_turned_atoms(rattled):
    """Rings keep their mean whatever the angle, the same volumes are drawn, and the angle is seeded."""
    from pyiron_nbed.diffraction.radial import radial_profile

    mesh = Mesh(1.0, 0.02)
    still = PatternSource([rattled], [Cylinder(4, 12)], mesh, batch_size=12, cores=1).batch(3)
    sources = [
        PatternSource([rattled], [Cylinder(4, 12)], mesh, batch_size=12, cores=1, turned=True)
        for _ in range(2)
    ]
    turned, again = (source.batch(3) for source in sources)
    assert torch.equal(turned.patterns, again.patterns)
    assert (turned.centers == still.centers).all()
    assert torch.equal(turned.labels, still.labels)
    assert not torch.allclose(turned.patterns, still.patterns, rtol=1e-2)
    means = [radial_profile(batch.patterns.numpy(), mesh).mean for batch in (still, turned)]
    assert np.abs(means[1] - means[0]).mean() < 0.02 * means[0].mean()
    assert torch.allclose(
        turned.patterns[:, mesh.half, mesh.half], still.patterns[:, mesh.half, mesh.half], rtol=1e-4
    )
    assert sources[0].as_dict()["turned"]


def test_about_half_of_the_turned_patterns_are_mirrored(rattled):
    """Each is the still pattern, or its mirror image, at some angle."""
    mesh = Mesh(1.0, 0.02)
    still, turned = (
        PatternSource([rattled], [Cylinder(4, 12)], mesh, batch_size=24, cores=1, turned=turned).batch(0)
        for turned in (False, True)
    )
    angles = torch.arange(0, 180, 2.5).deg2rad()  # I(−k) = I(k)
    inside = torch.from_numpy(np.hypot(*np.meshgrid(*[mesh.axis] * 2)) < 0.9)
    mirrored = []
    for one, other in zip(still.patterns, turned.patterns, strict=True):
        target = torch.log1p(other)[inside]
        errors = []
        for image in (torch.log1p(one), torch.log1p(one).flip(0)):
            candidates = rotate(image.expand(len(angles), 1, -1, -1), angles)[:, 0, inside]
            errors.append(float((candidates - target).square().mean(dim=1).min() / target.var()))
        assert min(errors) < 0.1 < max(errors)
        mirrored.append(errors[1] < errors[0])
    assert 4 < sum(mirrored) < 20
