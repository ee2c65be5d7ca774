import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import pyiron_nbed
from pyiron_nbed import composite, random_alloy
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.cells import build_cell_list, check_atoms, closest_pair
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro import disorder_parameter


def test_glass_has_the_composition_asked_for_and_is_reproducible():
    atoms = random_alloy(4000, 0.36, seed=7)
    assert len(atoms) == 4000
    assert (atoms.numbers == 40).sum() == 1440
    assert structure_id(atoms) == structure_id(random_alloy(4000, 0.36, seed=7))
    assert structure_id(atoms) != structure_id(random_alloy(4000, 0.36, seed=8))


@pytest.mark.parametrize("rotated", [False, True])
def test_composite_keeps_crystals_of_copper_and_dissolves_zr_in_the_rest(rotated):
    atoms = composite(cells=12, radius=9.0, positions=[[0.25] * 3, [0.75] * 3], rotated=rotated, seed=3)
    frozen = atoms.arrays["frozen"]
    assert set(atoms.arrays["crystal"]) == {-1, 0, 1}
    assert (atoms.numbers[frozen] == 29).all()
    assert abs((atoms.numbers[~frozen] == 40).mean() - 0.36) < 1e-3
    centre = np.array([0.25] * 3) * atoms.cell.lengths()
    inner = np.linalg.norm(atoms.positions - centre, axis=1) < 4
    assert disorder_parameter(atoms)[inner].max() < 1e-10  # whole fcc neighbourhoods
    assert closest_pair(atoms, 1.9) is None


@pytest.mark.parametrize("positions", ["grid", "random"])
def test_many_crystals_of_several_radii(positions):
    radii = [6.0, 5.0, 4.0, 6.0, 5.0, 4.0, 6.0, 5.0]
    atoms = composite(cells=12, radius=radii, n_crystals=8, positions=positions, seed=5)
    counts = [int((atoms.arrays["crystal"] == k).sum()) for k in range(8)]
    volume = 4 / 3 * np.pi * np.array(radii) ** 3 * 4 / 3.639**3
    assert np.allclose(counts, volume, rtol=0.25)
    again = composite(cells=12, radius=radii, n_crystals=8, positions=positions, seed=5)
    assert structure_id(atoms) == structure_id(again)


def test_given_rotation():
    turn = Rotation.from_euler("z", 45, degrees=True)
    atoms = composite(cells=12, radius=9.0, rotated=turn, seed=3)
    straight = composite(cells=12, radius=9.0, seed=3)
    centre = straight.cell.lengths() / 2
    expected = (straight.positions[straight.arrays["frozen"]] - centre) @ turn.as_matrix().T + centre
    found = atoms.positions[atoms.arrays["frozen"]]
    distances = np.linalg.norm(found[:, None] - expected[None], axis=2).min(axis=1)
    assert distances.max() < 1e-9


def test_rotated_crystals_differ():
    a = composite(cells=12, radius=9.0, rotated=True, seed=3)
    b = composite(cells=12, radius=9.0, rotated=True, seed=4)
    assert structure_id(a) != structure_id(b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": 100.0}, "does not fit"),
        ({"radius": 12.0, "positions": [[0, 0, 0], [0.2, 0, 0]]}, "less than their two radii"),
        ({"zr_fraction": 1.5}, "from 0 to 1"),
        ({"cells": 2.5}, "whole number"),
        ({"radius": -1.0}, "length above 0 Å"),
        ({"positions": [[0.1, 0.2]]}, "shape"),
        ({"lattice_constant": float("nan")}, "length from 1 to 20 Å"),
        ({"radius": 14.0, "n_crystals": 9, "positions": "random"}, "fit at random"),
        ({"radius": 5.0, "n_crystals": 2, "positions": "hexagonal"}, "'grid', 'random'"),
        ({"n_crystals": 0}, "n_crystals"),
        ({"radius": 5.0, "rotated": "yes"}, "Rotation of 1"),
        ({"radius": 5.0, "rotated": Rotation.identity(2)}, "Rotation of 1"),
    ],
)
def test_composite_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        composite(**{"cells": 10, **arguments})


@pytest.mark.parametrize("arguments", [{"n_atoms": 0}, {"zr_fraction": -0.1}, {"lattice_constant": 0.0}])
def test_glass_refuses(arguments):
    with pytest.raises(InputError):
        random_alloy(**arguments)


def test_the_earlier_name_of_the_builder_warns():
    with pytest.warns(FutureWarning, match="random_alloy") as caught:
        atoms = pyiron_nbed.glass(500, seed=3)
    assert caught[0].filename == __file__
    assert structure_id(atoms) == structure_id(random_alloy(500, seed=3))
    assert "glass" not in pyiron_nbed.__all__


def _cu():
    return bulk("Cu", cubic=True) * (2, 2, 2)


def _broken(kind):
    atoms = _cu()
    if kind == "none":
        return Atoms()
    if kind == "nan":
        atoms.positions[3, 1] = np.nan
    elif kind == "overlap":
        atoms.positions[5] = atoms.positions[9] + [0.1, 0, 0]
    elif kind == "image":
        atoms.positions[5] = atoms.positions[9] + atoms.cell.array[0] + [0.1, 0, 0]
    elif kind == "flat":
        atoms.set_cell([[5, 0, 0], [5, 0, 0], [0, 0, 5]])
    elif kind == "no cell":
        atoms.set_cell(np.zeros((3, 3)))
    return atoms


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("none", "no atoms"),
        ("nan", "atom 3"),
        ("overlap", "Atoms 5 and 9 are 0.100"),
        ("image", "Atoms 5 and 9 are 0.100"),
        ("flat", "no volume"),
        ("no cell", "is zero"),
    ],
)
def test_broken_structures_are_named(kind, message):
    with pytest.raises(StructureError, match=message):
        check_atoms(_broken(kind), minimum_distance=0.5)


def test_not_a_structure():
    with pytest.raises(StructureError, match="not str"):
        check_atoms("Cu")


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 60),
    pbc=st.tuples(*[st.booleans()] * 3),
    width=st.floats(0.7, 6.0),
)
def test_cell_list_holds_every_atom_in_its_box(seed, n, pbc, width):
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(3, 12, 3)) + random.uniform(-1.5, 1.5, (3, 3))
    atoms = Atoms("Cu" * n, positions=random.uniform(-15, 15, (n, 3)), cell=cell, pbc=pbc)
    boxes = build_cell_list(atoms, width)
    assert sorted(boxes.order) == list(range(n))
    scaled = (boxes.positions - boxes.origin) @ boxes.inverse
    where = np.minimum((scaled * boxes.n_boxes).astype(int), boxes.n_boxes - 1)
    index = (where[:, 0] * boxes.n_boxes[1] + where[:, 1]) * boxes.n_boxes[2] + where[:, 2]
    expected = np.repeat(np.arange(len(boxes.start) - 1), np.diff(boxes.start))
    near_edge = np.abs(scaled * boxes.n_boxes - np.round(scaled * boxes.n_boxes)).min(axis=1) < 1e-6
    assert ((index == expected) | near_edge).all()
    moved = boxes.positions - atoms.positions[boxes.order]
    images = moved @ np.linalg.inv(cell)
    assert np.allclose(images, np.round(images), atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(*[st.booleans()] * 3))
def test_closest_pair_against_direct_search(seed, pbc):
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(3, 9, 3)) + random.uniform(-1, 1, (3, 3))
    atoms = Atoms("Cu12", scaled_positions=random.random((12, 3)), cell=cell, pbc=pbc)
    distances = np.full((12, 12), np.inf)
    for shift in np.ndindex(5, 5, 5):
        image = np.array(shift) - 2
        if any(i and not p for i, p in zip(image, pbc, strict=True)):
            continue
        d = np.linalg.norm(atoms.positions[None] + image @ cell - atoms.positions[:, None], axis=2)
        d[d < 1e-12] = np.inf
        distances = np.minimum(distances, d)
    found = closest_pair(atoms, 2.5)
    if distances.min() >= 2.5:
        assert found is None
    else:
        assert found[2] == pytest.approx(distances.min(), abs=1e-9)
