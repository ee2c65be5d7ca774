import contextlib
import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster, simulate_patterns
from pyiron_nbed.dataset import PatternDataset, build_dataset, concatenate_datasets, schema, split_dataset
from pyiron_nbed.dataset.labels import ATOM_LABELS
from pyiron_nbed.diffraction import VolumeSearch, WeightedVolume
from pyiron_nbed.diffraction.multislice import MultisliceOptions, multislice_patterns
from pyiron_nbed.errors import DatasetError, InputError, VolumeError
from pyiron_nbed.patterns.plan import ScanPlan
from pyiron_nbed.patterns.scan import scan_grid
from pyiron_nbed.ssro import disorder_and_bond_order
from pyiron_nbed.ssro.summary import short_range_order

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


def test_multislice_engine_and_what_it_cannot_weigh(in_folder, rattled):
    pytest.importorskip("abtem")
    mesh = Mesh(1.0, 0.2)
    build_dataset("m.h5", [rattled], [Cylinder(4, 4)], mesh=mesh, step=31, engine="multislice", labels=["q6"])
    dataset = PatternDataset("m.h5")
    kinematic = simulate_patterns(rattled, dataset.centers, Cylinder(4, 4), mesh)
    for pattern, other in zip(dataset.patterns, kinematic, strict=True):
        assert 0 < np.abs(pattern - other).sum() < 0.2 * other.sum()
    with pytest.raises(InputError, match="cannot weigh atoms"):
        build_dataset("w.h5", [rattled], [WeightedVolume(4, 12)], mesh=mesh, step=31, engine="multislice")
    assert not list(in_folder.glob("w.h5*"))


def test_options_of_the_multislice_engine_decide_the_patterns_and_are_kept(in_folder, rattled):
    pytest.importorskip("abtem")
    mesh, volume, chosen = Mesh(1.0, 0.2), Cylinder(4, 4), {"semiangle": 3.0, "frozen_phonons": 2, "seed": 7}
    common = {"mesh": mesh, "step": 31, "engine": "multislice", "labels": ["q6"], "dtype": "float32"}
    build_dataset("plain.h5", [rattled], [volume], **common)
    build_dataset("probe.h5", [rattled], [volume], **common, multislice=chosen)
    plain, probe = PatternDataset("plain.h5"), PatternDataset("probe.h5")
    assert probe.provenance["multislice"] == asdict(MultisliceOptions(**chosen))
    assert plain.provenance["multislice"] == asdict(MultisliceOptions())
    assert plain.input_hash != probe.input_hash
    found = VolumeSearch(rattled, volume)(probe.centers)
    expected = multislice_patterns(found, rattled.numbers, mesh, MultisliceOptions(**chosen))
    assert probe.patterns[:] == pytest.approx(expected, rel=1e-5)
    again = simulate_patterns(rattled, probe.centers, volume, mesh, engine="multislice", multislice=chosen)
    assert (again == probe.patterns[:]).all()
    assert np.abs(plain.patterns[:] - probe.patterns[:]).sum() > 0.05 * plain.patterns[:].sum()


@pytest.mark.parametrize(
    ("engine", "options", "match"),
    [
        ("cpu", {"semiangle": 1.0}, "engine is 'cpu': set engine = 'multislice'"),
        ("multislice", {"semi_angle": 1.0}, "fields are semiangle, slice_thickness"),
        ("multislice", 3, "multislice is 3: give a MultisliceOptions"),
        ("multislice", {"semiangle": -1}, "semiangle is -1"),
        ("multislice", {"direct_beam": "yes"}, "give True or False"),
        ("multislice", {"sampling": 0.5}, "needs at most 0.167 Å"),
    ],
)
def test_multislice_options_that_cannot_be(in_folder, rattled, engine, options, match):
    if engine == "multislice":
        pytest.importorskip("abtem")
    with pytest.raises(InputError, match=match):
        build_dataset("x.h5", [rattled], [Cylinder(4, 12)], Mesh(1.0, 0.2), engine=engine, multislice=options)
    assert not list(in_folder.glob("x.h5*"))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("mesh", "{"), ("mesh", '{"k": 1}'), ("volumes", "[5]"), ("recipe", "{}"), ("structures", "5")],
)
def test_a_damaged_head_is_named(in_folder, rattled, attribute, value):
    build_dataset("x.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=16, labels=["q6"])
    with h5py.File("x.h5", "a") as file:
        file.attrs[attribute] = value
    with pytest.raises(DatasetError, match=r"x\.h5 cannot be read"):
        PatternDataset("x.h5")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"labels": "q6"}, "labels are 'q6': give a list"),
        ({"labels": 5}, "labels are 5: give a list"),
        ({"origins": 5}, "origins are 5"),
        ({"mesh": 5}, "mesh is 5: give a Mesh"),
        ({"mesh": {"kmax": 1.0}}, "fields are k_max, delta_k"),
        ({"zone_axes": (0, 0, 1)}, "give a list of directions"),
    ],
)
def test_arguments_that_cannot_be(in_folder, rattled, options, match):
    with pytest.raises(InputError, match=match):
        build_dataset("x.h5", [rattled], [Cylinder(4, 12)], **{"mesh": MESH, "step": 16, **options})
    assert not list(in_folder.glob("x.h5*"))


def test_every_label_is_the_mean_over_the_atoms(in_folder, rattled):
    atoms, _ = short_range_order(rattled, bond_orders=[4])
    build_dataset("a.h5", [atoms], [Cylinder(4, 12)], mesh=MESH, step=16)
    build_dataset("b.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=16)
    a, b = PatternDataset("a.h5"), PatternDataset("b.h5")
    assert set(a.labels) >= {*ATOM_LABELS, "number_density", "fraction_Cu", "fraction_Zr"}
    assert np.allclose(a.labels, b.labels[a.labels.columns], atol=1e-12)  # computed or taken: the same
    found = VolumeSearch(rattled, Cylinder(4, 12))(a.centers)
    assert np.allclose(a.label("q4"), found.mean(atoms.arrays["q4"]))
    motifs = a.labels[[name for name in a.labels if name.startswith("motif_")]]
    assert np.allclose(motifs.sum(axis=1), 1.0)
    build_dataset("c.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=16, labels=["q6"])
    assert set(PatternDataset("c.h5").labels) == {"q6", "number_density", "fraction_Cu", "fraction_Zr"}
    with pytest.raises(InputError, match="choose some of disorder_parameter"):
        build_dataset("d.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=16, labels=["dissorder"])


def test_clusters_have_the_label_of_their_atom_and_a_zone_axis_each(in_folder, rattled):
    volume = OneLayerCluster()
    n = build_dataset(
        "a.h5", [rattled], [volume], mesh=MESH, labels=["disorder_parameter"], axes_per_cluster=2, seed=4
    )
    dataset = PatternDataset("a.h5")
    assert n == 2 * len(rattled)
    d = disorder_and_bond_order(rattled)[0]
    assert np.allclose(dataset.label(), np.tile(d, 2))
    assert (dataset.n_atoms == 13).all()
    assert np.abs(np.linalg.norm(dataset.zone_axes, axis=1) - 1).max() < 1e-12
    assert np.abs(dataset.zone_axes.mean(axis=0)).max() < 0.05
    row = 3000
    expected = simulate_patterns(rattled, dataset.centers[row], volume, MESH, dataset.zone_axes[row])
    assert np.allclose(dataset.patterns[row], expected[0], rtol=2e-3, atol=1e-3)
    split = split_dataset([dataset], "block", 0.2, seed=1)
    assert len(split.train)
    assert len(split.test)


def test_region_is_that_of_most_atoms(in_folder, rattled):
    atoms = rattled.copy()
    atoms.set_array("region", np.where(atoms.positions[:, 0] < 16, 1, 3))
    build_dataset("a.h5", [atoms], [Cylinder(4, 12)], mesh=MESH, step=8)
    dataset = PatternDataset("a.h5")
    x = dataset.centers[:, 0] % 32
    inside = (np.abs(x - 16) > 5) & (x > 5) & (x < 27)
    assert inside.any()
    assert (dataset.region[inside] == np.where(x[inside] < 16, 1, 3)).all()
    assert dataset.region_types[3] == "interior"


def test_rows_as_an_array_would_give_them(pattern_file):
    dataset = PatternDataset(pattern_file)
    with h5py.File(pattern_file) as file:
        whole = file["patterns"][:]
    assert (dataset.patterns[:] == whole).all()
    assert (np.asarray(dataset.patterns) == whole).all()
    mask = np.arange(len(whole)) % 7 == 0
    for key in (5, -1, slice(3, 40, 4), slice(None, None, -1), [4, 2, 2, 9], mask, np.array([], int)):
        assert np.array_equal(dataset.patterns[key], whole[key])
    assert np.array_equal(dataset.patterns[3:9, 20], whole[3:9, 20])
    assert np.array_equal(dataset.patterns[2, 20:30, 4], whole[2, 20:30, 4])
    with pytest.raises(IndexError):
        dataset.patterns[len(whole)]
    with pytest.raises(IndexError):
        dataset.patterns[[len(whole)]]


RUN = """
import sys, time
from ase.build import bulk
from pyiron_nbed import Cylinder, Ellipsoid, Mesh
from pyiron_nbed.dataset import build_dataset, writer
writer._BATCH = 32
slow = float(sys.argv[2])
engine = writer.patterns_of_volumes
writer.patterns_of_volumes = lambda *a: (time.sleep(slow), engine(*a))[1]
atoms = bulk("Cu", cubic=True) * (8, 8, 8)
atoms.rattle(0.3, seed=1)
build_dataset(sys.argv[1], [atoms, atoms * (1, 1, 2)], [Cylinder(4, 12), Ellipsoid(5, 12)], Mesh(1.0, 0.05),
              step=5, labels=["q6"], cores=1)
"""


def _start(path, slow):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(path), str(slow)], env={**os.environ, "NBED_SILENT": "1"},
        stderr=subprocess.PIPE,
    )  # fmt: skip


def test_killed_twice_it_ends_with_the_same_bytes(in_folder):
    whole, killed = in_folder / "whole.h5", in_folder / "killed.h5"
    assert _start(whole, 0).wait() == 0
    partial = in_folder / "killed.h5.partial"
    for beyond in (64, 600):
        process = _start(killed, 0.05)
        rows = 0
        while rows < beyond:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
            with contextlib.suppress(DatasetError):  # not there yet
                rows = len(PatternDataset(partial))
        process.kill()
        process.wait()
        dataset = PatternDataset(partial)  # readable, up to the last complete row
        assert not dataset.complete
        assert rows <= len(dataset) < 1500
        assert (dataset.patterns[:] == PatternDataset(whole).patterns[: len(dataset)]).all()
        assert len(dataset.labels) == len(dataset.centers) == len(dataset)
    assert _start(killed, 0).wait() == 0
    assert not partial.exists()
    assert killed.read_bytes() == whole.read_bytes()
    assert PatternDataset(killed).complete
    # a finished file of the same input is left alone
    written = killed.stat().st_mtime_ns
    assert _start(killed, 0).wait() == 0
    assert killed.stat().st_mtime_ns == written


def test_concatenation(in_folder, rattled):
    other = rattled.copy()
    other.rattle(0.1, seed=9)
    for name, atoms, volume in (
        ("a", rattled, Cylinder(4, 12)),
        ("b", other, Cylinder(4, 12)),
        ("c", rattled, Ellipsoid(5, 12)),
    ):
        build_dataset(f"{name}.h5", [atoms], [volume], mesh=MESH, step=16, labels=["q6"])
    assert concatenate_datasets("all.h5", ["a.h5", PatternDataset("b.h5"), "c.h5"]) == 24
    whole = PatternDataset("all.h5")
    parts = [PatternDataset(f"{name}.h5") for name in "abc"]
    assert whole.structure.tolist() == [0] * 8 + [1] * 8 + [0] * 8
    assert whole.volume.tolist() == [0] * 16 + [1] * 8
    assert (whole.patterns[:] == np.concatenate([p.patterns[:] for p in parts])).all()
    assert (whole.label("q6") == np.concatenate([p.label("q6") for p in parts])).all()
    assert (whole.centers == np.concatenate([p.centers for p in parts])).all()
    assert len(whole.provenance["parents"]) == 3
    split = split_dataset([whole], "structure", 0.5)
    assert set(whole.structure[split.train]).isdisjoint(whole.structure[split.test])
    build_dataset("d.h5", [rattled], [Cylinder(4, 12)], mesh=Mesh(1.0, 0.1), step=16, labels=["q6"])
    with pytest.raises(InputError, match="differ in their mesh"):
        concatenate_datasets("x.h5", ["a.h5", "d.h5"])
    assert not list(in_folder.glob("x*"))


def test_no_room_on_the_disc(in_folder):
    """A file-size limit stops the reservation of the space, before anything is computed."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
    process = subprocess.run(
        [sys.executable, "-c", limit + RUN, str(in_folder / "a.h5"), "0"], capture_output=True, text=True,
        env={**os.environ, "NBED_SILENT": "1", "NUMBA_CACHE_DIR": str(in_folder / "numba")},
    )  # fmt: skip
    assert process.returncode == 1
    assert "GB are free in" in process.stderr
    assert "make room" in process.stderr
    assert not list(in_folder.glob("a.h5*"))


def test_scans_of_a_file_give_maps(in_folder, rattled):
    open_slab = rattled.copy()
    open_slab.pbc = (True, True, False)
    arguments = {"mesh": MESH, "labels": ["q6"], "order": "serpentine", "step": (8, 4, 6), "margin": 2}
    arguments |= {"limits": [(8, 24), None, None], "zone_axes": [(0, 0, 1), (0, 1, 0)]}
    build_dataset("a.h5", [rattled, open_slab], [Cylinder(4, 12), Ellipsoid(4, 12)], **arguments)
    dataset = PatternDataset("a.h5")
    assert len(dataset.scans) == 8
    assert sum(len(scan.centers) for scan in dataset.scans) == len(dataset)
    number = np.arange(len(dataset))
    for scan in dataset.scans:
        plan = ScanPlan(step=(8, 4, 6), margin=2, limits=[(8, 24), None, None])
        grid = scan_grid([rattled, open_slab][scan.structure], plan, scan.zone_axis)
        assert (scan.shape, scan.step, scan.zone_axis) == (grid.shape, grid.step, grid.zone_axis)
        assert scan.origin == grid.origin
        rows = scan.grid.map(number).ravel()
        assert rows.dtype == int
        assert (dataset.centers[rows] == grid.centers).all()
        assert (dataset.volume[rows] == scan.volume).all()
        assert (dataset.structure[rows] == scan.structure).all()
        assert (dataset.zone_axes[rows] == scan.zone_axis).all()
    clusters = {"mesh": MESH, "labels": ["q6"], "points": rattled.positions[:5]}
    build_dataset("b.h5", [rattled], [OneLayerCluster(), Cylinder(4, 12)], **clusters)
    (scan,) = PatternDataset("b.h5").scans  # clusters are no scan
    assert (scan.rows, scan.shape, scan.step) == (slice(5, 10), (5,), ())
    assert PatternDataset("b.h5").provenance["scan"]["step"] is None


def test_volumes_without_atoms_leave_a_hole_in_the_map(in_folder, rattled):
    slab = rattled[(rattled.positions[:, 0] > 4) & (rattled.positions[:, 0] < 14)]
    arguments = {"mesh": MESH, "labels": ["q6"], "step": 4}
    volumes = [Cylinder(3, 8), Ellipsoid(3, 8)]
    with pytest.raises(VolumeError, match=r"of 512 volumes hold no atoms; centres in Å: \[.*'skip'"):
        build_dataset("a.h5", [slab], volumes, **arguments)
    assert not list(in_folder.iterdir())
    with pytest.warns(UserWarning, match="of 1024 volumes hold no atoms and were left out") as warned:
        n = build_dataset("a.h5", [slab], volumes, empty="skip", order="serpentine", **arguments)
    assert len(warned) == 1
    dataset = PatternDataset("a.h5")
    assert len(dataset) == n == 1024 - dataset.provenance["n_skipped"] < 900
    for scan in dataset.scans:
        found = VolumeSearch(slab, volumes[scan.volume])(scan_grid(slab, step=4).centers, empty="skip")
        counts = scan.grid.map(dataset.n_atoms).ravel()
        assert (np.flatnonzero(~np.isnan(counts)) == found.kept).all()
        assert (counts[found.kept] == found.counts).all()
    with pytest.raises(VolumeError, match="No volume holds atoms"):
        build_dataset("b.h5", [slab], volumes, points=[[24.0, 16, 16]], empty="skip", mesh=MESH)
    assert not list(in_folder.glob("b*"))


def test_occupied_agrees_with_the_search(rattled):
    random = np.random.default_rng(1)
    sparse = rattled[random.random(len(rattled)) < 0.03]
    centers = random.uniform(-10, 40, (3000, 3))
    for volume in (Cylinder(5, 8), Ellipsoid(5, 10), Ellipsoid(2, 20), WeightedVolume(2, 9), Cylinder(1, 2)):
        search = VolumeSearch(sparse, volume, (1, 2, 3))
        full = search.occupied(centers)
        assert 0 < full.sum() < len(full)
        assert (np.flatnonzero(full) == search(centers, empty="skip").kept).all()


def test_file_of_schema_1():
    """Written by the version before scans were stored: 2 volumes, 8 patterns each."""
    dataset = PatternDataset(Path(__file__).parent / "data" / "patterns_v1.h5")
    assert len(dataset) == 16
    assert dataset.scans == []
    assert (dataset.position == -1).all()
    assert dataset.structures[0]["origin"] == dataset.structures[0]["structure_id"]
    atoms = bulk("Cu", cubic=True) * (4, 4, 4)
    atoms.rattle(0.2, seed=1)
    expected = simulate_patterns(atoms, dataset.centers[8:], Ellipsoid(3, 8), dataset.mesh)
    assert np.allclose(dataset.patterns[8:], expected, rtol=1e-3)


def write_old_file(path, version):
    """A file as schema 1 or 2 had it: a grid of 2 × 3 × 1 of which one volume was empty."""
    places = [0, 1, 2, 3, 5]  # serpentine, one volume was empty
    cell = np.diag([20.0, 30, 10])
    at = np.array([(x, y, 5.0) for x, ys in ((0, (0, 10, 20)), (10, (20, 10, 0))) for y in ys])[places]
    random = np.random.default_rng(0)
    structure = {"structure_id": "ab", "cell": cell.tolist(), "pbc": [True] * 3}
    scan = {"structure": 0, "volume": 0, "zone_axis": [0, 0, 1], "order": "serpentine", "first": 0, "n": 5}
    scan |= {"shape": [2, 3, 1], "step": [10.0, 10.0, 0.0]}
    with h5py.File(path, "w") as file:
        file["patterns"] = random.random((5, 39, 39)).astype("<f2")
        file["centers"], file["zone_axes"] = at, np.tile([0.0, 0, 1], (5, 1))
        for name in ("n_atoms", "structure", "volume", "region"):
            file[name] = np.zeros(5, "<i4")
        file["n_complete"] = np.array([5])
        file["labels/disorder_parameter"], file["labels/q6"] = random.random(5), random.random(5)
        if version == 2:
            file["position"] = np.array(places, "<i4")
            file.attrs["scans"] = json.dumps([scan])
            structure |= {"source": "quench 7", "temperature": 300.0}
        file.attrs.update(
            format=schema.FORMAT, schema_version=version, recipe="log", input_hash="0123", region_types="[]",
            mesh=json.dumps({"k_max": 1.0, "delta_k": 0.05, "beam_energy": None}), provenance="{}",
            volumes=json.dumps([Cylinder(4, 12).as_dict()]), structures=json.dumps([structure]),
        )  # fmt: skip


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_earlier_schemas_are_read(in_folder, version):
    write_old_file("old.h5", version)
    dataset = PatternDataset("old.h5")
    with h5py.File("old.h5") as file:
        assert (dataset.patterns[:] == file["patterns"][:]).all()
        assert (dataset.label("disorder_modulus") == file["labels/disorder_parameter"][:]).all()
    assert set(dataset.labels) == {"disorder_modulus", "q6"}
    with pytest.raises(InputError, match="'disorder_parameter' is not in the file"):
        dataset.label()
    assert dataset.sample.tolist() == [0, 1, 2, 3, 4]
    assert dataset.view.tolist() == [0] * 5
    (structure,) = dataset.structures
    assert "source" not in structure
    if version == 1:
        assert (structure["origin"], structure["temperature"], dataset.scans) == ("ab", None, [])
        assert (dataset.position == -1).all()
        return
    assert (structure["origin"], structure["temperature"]) == ("quench 7", 300)
    (scan,) = dataset.scans
    assert scan.origin == pytest.approx((0, 0, 5))
    assert scan.grid.rows[..., 0].tolist() == [[0, 1, 2], [4, -1, 3]]
    rows, y = scan.grid.line(axis=1, through=[9.0, None])
    assert (rows.tolist(), y.tolist()) == ([4, 3], [0, 20])
    concatenate_datasets("two.h5", ["old.h5", "old.h5"])
    two = PatternDataset("two.h5")
    assert two.sample.tolist() == list(range(10))
    assert two.scans[1].grid.rows[..., 0].tolist() == [[5, 6, 7], [9, -1, 8]]
    assert (two.scans[1].origin, two.structures) == (scan.origin, dataset.structures)


def test_views_of_the_same_volume_are_found_together(in_folder, rattled):
    slab = rattled[(rattled.positions[:, 0] > 4) & (rattled.positions[:, 0] < 14)]
    axes = [(0, 0, 1), (1, 0, 0), (1, 1, 0)]
    with pytest.warns(UserWarning, match="hold no atoms"):
        build_dataset(
            "a.h5", [slab, rattled], [Cylinder(3, 8), Ellipsoid(4, 9)], Mesh(0.2, 0.1), step=(4, 16, 16),
            zone_axes=axes, empty="skip", labels=["q6"], order="serpentine",
        )  # fmt: skip
    a = PatternDataset("a.h5")
    for dataset in (a, None):
        if dataset is None:
            concatenate_datasets("two.h5", ["a.h5", "a.h5"])
            dataset = PatternDataset("two.h5")
        copies = np.arange(len(dataset)) // len(a)
        # the same volume: file, structure, kind and centre
        where = np.column_stack([copies, dataset.structure, dataset.volume, dataset.centers.round(6)])
        expected = np.unique(where, axis=0, return_inverse=True)[1].ravel()
        assert (
            len(set(zip(expected, dataset.sample, strict=True)))
            == len(set(expected))
            == len(set(dataset.sample))
        )
        assert (np.array(axes)[dataset.view] == dataset.zone_axes).all()
    assert a.sample.max() + 1 == len(set(a.sample)) < len(a)


def test_one_direction_makes_every_pattern_a_volume_of_its_own(pattern_file, in_folder, rattled):
    dataset = PatternDataset(pattern_file)
    assert (dataset.sample == np.arange(len(dataset))).all()
    assert (dataset.view == 0).all()
    # and the axes of a cluster are views of it
    build_dataset("c.h5", [rattled], [OneLayerCluster()], Mesh(0.2, 0.1), points=rattled.positions[:7],
                  axes_per_cluster=3, labels=["q6"])  # fmt: skip
    clusters = PatternDataset("c.h5")
    assert clusters.sample.tolist() == [*range(7)] * 3
    assert clusters.view.tolist() == [0] * 7 + [1] * 7 + [2] * 7


def test_a_file_of_schema_1_joins_newer_ones(in_folder):
    old = Path(__file__).parent / "data" / "patterns_v1.h5"
    atoms = bulk("Cu", cubic=True) * (4, 4, 4)
    atoms.rattle(0.2, seed=1)
    build_dataset("new.h5", [atoms], [Ellipsoid(3, 8)], PatternDataset(old).mesh, step=8, labels=["q6"])
    concatenate_datasets("all.h5", [old, "new.h5", "new.h5"])
    whole, new = PatternDataset("all.h5"), PatternDataset("new.h5")
    assert len(whole.structures) == 1
    assert [scan.rows for scan in whole.scans] == [slice(16, 24), slice(24, 32)]
    for scan in whole.scans:
        assert scan.volume == 1
        own = scan.grid.map(whole.label("q6"))
        assert (own == new.scans[0].grid.map(new.label("q6"))).all()


def test_input_hash_tells_what_differs(in_folder, rattled):
    """Another atom, label value, centre, order or origin: another hash."""
    other = rattled.copy()
    other.positions[-1] += 0.01
    labelled = rattled.copy()
    labelled.set_array("q6", np.linspace(0.3, 0.6, len(rattled))[::-1].copy())
    points = np.tile([16.0, 16, 16], (300, 1)) + np.linspace(0, 1, 300)[:, None]
    moved = points.copy()
    moved[-1] += 1e-6
    base = {"points": points}
    cases = [
        (rattled, base), (other, base), (labelled, base), (rattled, {"points": moved}),
        (rattled, {**base, "origins": ["x"]}), (rattled, {"step": 16}),
        (rattled, {"step": 16, "order": "serpentine"}),
    ]  # fmt: skip
    hashes = set()
    for atoms, arguments in cases:
        build_dataset("a.h5", [atoms], [Cylinder(4, 12)], mesh=Mesh(0.2, 0.1), labels=["q6"], **arguments)
        hashes.add(PatternDataset("a.h5").input_hash)
    assert len(hashes) == len(cases)


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
    assert a.input_hash == b.input_hash


def test_failure_leaves_nothing_behind(in_folder, rattled):
    atoms = rattled[rattled.positions[:, 2] < 8]
    with pytest.raises(VolumeError, match="no atoms"):
        build_dataset("x.h5", [atoms], [Cylinder(3, 3)], mesh=MESH, step=4)
    assert list(in_folder.iterdir()) == []


def test_intensity_beyond_float16_is_refused(in_folder):
    atoms = Atoms("Zr3000", positions=np.random.default_rng(0).uniform(-1, 1, (3000, 3)), cell=[30] * 3)
    atoms.pbc = True
    atoms.set_array("disorder_parameter", np.zeros(3000))
    arguments = {"mesh": MESH, "step": 30, "labels": ["disorder_parameter"]}
    with pytest.raises(InputError, match="float32"):
        build_dataset("x.h5", [atoms], [Cylinder(14, 29)], **arguments)
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
