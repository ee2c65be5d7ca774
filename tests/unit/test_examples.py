"""Example data: written and read back, and what the committed structures must be."""

import numpy as np
import pytest

from pyiron_nbed import bicrystal, examples
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.resources import resource_folder
from pyiron_nbed.ssro import disorder_parameter
from pyiron_nbed.ssro.film import film_summary

NAMES = examples.names()
COMPLEXIONS = [n for n in NAMES if n.startswith("complexion_") and not n.endswith("K")]
COMPOSITES = [n for n in NAMES if n.startswith("composite_")]
BOUNDARIES = [n for n in NAMES if n.startswith("boundary_") and not n.endswith("K")]
SMALL_GLASSES = [n for n in NAMES if n.startswith("small_glass_") and not n.endswith("K")]
GLASSES = [n for n in NAMES if n.startswith("glass_") and not n.endswith("K")]


def test_round_trip(tmp_path, monkeypatch):
    atoms = bicrystal()
    examples.save(tmp_path, "test", atoms, {"seed": 1})
    monkeypatch.setattr(examples, "resource_folder", lambda name: tmp_path)
    back = examples.load("test")
    assert (back.numbers == atoms.numbers).all()
    side = atoms.cell.lengths()
    moved = back.positions - atoms.positions
    assert np.abs(moved - np.round(moved / side) * side).max() < 1e-5
    assert back.info["provenance"] == {"seed": 1}
    with pytest.raises(InputError, match="choose one of test"):
        examples.load("other")
    with pytest.raises(InputError, match="choose one of test"):
        examples.provenance("other")


def test_all_together_are_small():
    assert sum(path.stat().st_size for path in resource_folder("example_data").iterdir()) < 14e6


@pytest.mark.parametrize("name", NAMES)
def test_example_is_sound_and_says_where_it_comes_from(name):
    atoms = examples.load(name)
    check_atoms(atoms, minimum_distance=1.5)
    record = atoms.info["provenance"]
    assert len(record["potential"]["sha256"]) == 64
    assert record["n_atoms"] == len(atoms)
    assert record["zr_fraction"] == pytest.approx((atoms.numbers == 40).mean())
    assert record["protocol"]["cooling_rate"] > 0
    assert record["protocol"]["seed"] >= 1
    assert record["lammps"]
    assert len(structure_id(atoms)) == 16


@pytest.mark.parametrize("name", COMPLEXIONS)
def test_complexion_is_an_amorphous_film_between_crystals(name):
    atoms = examples.load(name)
    record = atoms.info["provenance"]
    result = film_summary(atoms)
    assert len(atoms) > 15_000
    assert result["film"]["median_disorder"] > 0.75
    assert result["grains"]["median_disorder"] < 0.05
    assert result["segregation"] >= 3
    target = record["protocol"]["zr_fraction"]
    assert (atoms.numbers == 40).mean() == pytest.approx(target, abs=0.003)
    assert record["result"]["acceptance"] > 0.001
    assert max(result["film_thickness"]) > 20


@pytest.mark.parametrize("name", BOUNDARIES)
def test_small_boundary_is_an_amorphous_film_between_crystals(name):
    atoms = examples.load(name)
    result = film_summary(atoms)
    assert result["film"]["median_disorder"] > 0.75
    assert result["grains"]["median_disorder"] < 0.05
    assert result["segregation"] >= (2.5 if name == "boundary_judge_2" else 3)  # of 15 at.% Zr
    assert examples.load(f"{name}_300K").info["temperature"] == 300
    assert atoms.info["temperature"] == 0


@pytest.mark.parametrize("name", COMPLEXIONS)
def test_film_has_no_long_range_order_and_its_first_peak_near_2_7(name):
    atoms = examples.load(name)
    distances, g = _film_rdf(atoms)
    peak = distances[g.argmax()]
    assert 2.5 < peak < 2.9
    beyond = g[(distances > 9) & (distances < 12)]
    assert np.abs(beyond - beyond.mean()).max() < 0.12 * beyond.mean()


def _film_rdf(atoms, width=0.1, reach=12.0):
    """Pairs whose first atom is well inside a film; normalised by what an even density would give."""
    from scipy.spatial import cKDTree

    profile = film_summary(atoms)["profile"]
    disordered = profile["disorder"] > 0.7
    inner = disordered & np.roll(disordered, 1) & np.roll(disordered, -1)
    number = (atoms.positions[:, 0] / atoms.cell.lengths()[0] * len(inner)).astype(int) % len(inner)
    members = np.flatnonzero(disordered[number])
    centres = np.flatnonzero(inner[number])[::4]
    cell = atoms.cell.lengths()
    tree = cKDTree(atoms.positions[members] % cell, boxsize=cell)
    even = np.random.default_rng(0).random((4 * len(members), 3)) * cell
    even_number = (even[:, 0] / cell[0] * len(inner)).astype(int) % len(inner)
    even_tree = cKDTree(even[disordered[even_number]], boxsize=cell)
    edges = np.arange(0, reach + width, width)
    probe = cKDTree(atoms.positions[centres] % cell, boxsize=cell)
    found = np.diff(probe.count_neighbors(tree, edges)).astype(float)
    expected = np.diff(probe.count_neighbors(even_tree, edges)).astype(float)
    return (edges[1:] + edges[:-1]) / 2, np.where(expected > 50, found / np.maximum(expected, 1), 0)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composite_is_a_glass_around_nanocrystals(name):
    atoms = examples.load(name)
    disorder = disorder_parameter(atoms)
    record = atoms.info["provenance"]
    cell = atoms.cell.lengths()
    nearest = np.full(len(atoms), np.inf)
    for centre in np.array(record["structure"]["positions"]):
        offset = atoms.positions - centre * cell
        offset -= np.round(offset / cell) * cell
        nearest = np.minimum(nearest, np.linalg.norm(offset, axis=1))
    radius = record["structure"]["radius"]
    assert np.median(disorder[nearest < 4]) < 0.2
    assert np.median(disorder[nearest > radius + 3]) > 0.8


@pytest.mark.parametrize("name", GLASSES)
def test_glass_is_a_glass(name):
    atoms = examples.load(name)
    assert np.median(disorder_parameter(atoms)) > 0.8


def test_small_glasses_are_glasses_of_three_sets_that_share_none():
    seeds = {}
    for name in SMALL_GLASSES:
        atoms = examples.load(name)
        record = atoms.info["provenance"]
        seeds.setdefault(name.split("_")[2], set()).add(record["protocol"]["seed"])
        assert record["structure"]["zr_fraction"] == pytest.approx(record["zr_fraction"], abs=1e-3)
        assert examples.load(f"{name}_300K").info["temperature"] == 300
        assert min(atoms.cell.lengths()) > 2 * np.hypot(
            5, 10
        )  # the published volume fits along any direction
    assert {kind: len(own) for kind, own in seeds.items()} == {"learn": 24, "calibrate": 14, "judge": 20}
    assert len(set.union(*seeds.values())) == len(SMALL_GLASSES)


@pytest.mark.parametrize("name", SMALL_GLASSES[::8])
def test_a_small_glass_is_disordered(name):
    assert np.median(disorder_parameter(examples.load(name))) > 0.8


def test_the_overview_is_short():
    assert "small_glass_learn_1 … 24" in examples.overview()
    assert "composite_2009" in examples.overview()
    assert len(examples.overview()) < 500
