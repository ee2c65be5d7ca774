"""Film and grains told apart, on a structure with a known answer."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from pyiron_nbed import bicrystal, examples
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro import disorder_parameter
from pyiron_nbed.ssro.film import film_summary
from pyiron_nbed.structures.seeded_film import seed_film


def _with_random_film(first=50.0, second=80.0, zr=0.4):
    """fcc Cu with a slab of heavily displaced atoms, part of them Zr."""
    atoms = bicrystal(length=130, width=40, height=31, orientation_2=((1, 1, 0), (1, -1, 0)))
    random = np.random.default_rng(1)
    inside = (atoms.positions[:, 0] > first) & (atoms.positions[:, 0] < second)
    atoms.positions[inside] += random.normal(0, 0.7, (inside.sum(), 3))
    numbers = atoms.numbers.copy()
    numbers[inside & (random.random(len(atoms)) < zr)] = 40
    numbers[~inside & (random.random(len(atoms)) < 0.05)] = 40
    atoms.numbers = numbers
    overlap = neighbor_list("ij", atoms, 0.6)
    apart = ~np.isin(np.arange(len(atoms)), overlap[0][overlap[0] > overlap[1]])
    return atoms[apart], inside[apart]


def test_film_is_found_where_it_is():
    atoms, inside = _with_random_film()
    result = film_summary(atoms)
    assert len(result["film_thickness"]) == 1
    assert result["film_thickness"][0] == pytest.approx(30, abs=5)
    assert result["film"]["minority_fraction"] == pytest.approx(0.4, abs=0.03)
    assert result["grains"]["minority_fraction"] == pytest.approx(0.05, abs=0.01)
    assert result["segregation"] == pytest.approx(8, rel=0.15)
    assert result["film"]["median_disorder"] > 0.75
    assert result["grains"]["median_disorder"] < 1e-6
    assert result["film"]["n_atoms"] == pytest.approx(inside.sum(), rel=0.2)
    profile = result["profile"]
    assert profile["n_atoms"].sum() == len(atoms)
    total = (profile["minority_fraction"] * profile["n_atoms"]).sum()
    assert total == pytest.approx((atoms.numbers == 40).sum())


def test_film_across_the_periodic_boundary_is_one():
    atoms, _ = _with_random_film()
    atoms.positions[:, 0] += 65.0
    atoms.wrap()
    assert len(film_summary(atoms)["film_thickness"]) == 1


def test_disorder_of_the_structure_is_taken():
    atoms = examples.load("boundary_4")
    result = film_summary(atoms)
    held = atoms.copy()
    held.set_array("disorder_parameter", disorder_parameter(atoms))
    assert film_summary(held)["film"] == result["film"]
    modulus = atoms.copy()
    modulus.set_array("disorder_modulus", disorder_parameter(atoms, modulus=True))
    other = film_summary(modulus)
    assert other["film_thickness"] == result["film_thickness"]  # both choices find the same films
    assert other["grains"] == result["grains"]
    assert (result["disorder_name"], other["disorder_name"]) == ("disorder_parameter", "disorder_modulus")
    assert 0.002 < result["film"]["median_disorder"] - other["film"]["median_disorder"] < 0.01


def test_no_film():
    result = film_summary(bicrystal())
    assert result["film_thickness"] == []
    assert np.isnan(result["film"]["minority_fraction"])


def test_seeded_slab_is_stretched_to_the_volume_of_its_melt():
    atoms = bicrystal()
    film = seed_film(atoms, 0.1, 0.3, seed=1)
    area = np.prod(atoms.cell.lengths()[1:])
    slab = film.arrays["slab"]
    grown = film.cell.lengths()[0] - atoms.cell.lengths()[0]
    fraction = (film.numbers[slab] == 40).mean()
    expected = slab.sum() * ((1 - fraction) * 12.6 + fraction * 22.4)
    # atoms of the slab before: their share of planes, less what was removed at the boundaries
    before = slab.sum() * 3.639**3 / 4
    assert grown * area == pytest.approx(expected - before, rel=0.08)
    # the grains keep their planes
    for grain in (1, 2):
        same = ~slab & (atoms.arrays["grain"] == grain)
        moved = film.positions[same, 0] - atoms.positions[same, 0]
        assert len(np.unique(np.round(moved, 9))) <= 2
        assert np.array_equal(film.positions[same, 1:], atoms.positions[same, 1:])
    for place in film.info["boundaries"]:
        near = slab & (np.abs(film.positions[:, 0] - place) < 20)
        assert film.positions[near, 0].mean() == pytest.approx(place, abs=1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zr_fraction": 0.0}, "above 0 and below 1"),
        ({"film_fraction": 1.5}, "above 0 and below 1"),
        ({"film_fraction": 0.02, "zr_fraction": 0.001}, "film of 0.02 Zr"),
        ({"film_fraction": 0.05}, "leaves no grains"),
        ({"film_fraction": 0.12}, "less than 15"),
        ({"boundaries": "none"}, "choose one of .both., .first., .second."),
    ],
)
def test_seed_film_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        seed_film(bicrystal(), **arguments)


def test_seed_film_needs_boundaries_and_copper():
    atoms = bicrystal()
    with pytest.raises(InputError, match="does not say"):
        seed_film(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
    atoms.numbers[3] = 40
    with pytest.raises(InputError, match="not Cu"):
        seed_film(atoms)
