"""Regions along a boundary normal, on structures whose regions are known."""

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import bicrystal, examples
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.ssro import (
    REGION_TYPES,
    actr_asymmetry,
    common_neighbors,
    disorder_parameter,
    find_regions,
    region_table,
    voronoi_index,
)

FILMS = ((30.0, 36.0, 60.0, 65.0), (90.0, 98.0, 120.0, 130.0))  # ACTR, interior, ACTR, grain
LENGTH = 150.0


def marked_gas(films=FILMS, pbc=True, seed=0, n=30_000, background=0.0):
    """Atoms at random places whose motif and CNA type are set by the region they lie in."""
    random = np.random.default_rng(seed)
    atoms = Atoms(np.full(n, 29), random.random((n, 3)) * (LENGTH, 50, 40), cell=(LENGTH, 50, 40), pbc=pbc)
    x = atoms.positions[:, 0]
    index, cna, true = np.tile([0, 12, 0, 0], (n, 1)), np.ones(n, int), np.ones(n, int)
    chance = random.random(n)
    index[chance < background] = (0, 10, 2, 0)
    for start, inside, outside, end in films:
        transition = (x >= start) & (x < end)
        interior = (x >= inside) & (x < outside)
        index[transition & (chance < 0.3)] = (0, 10, 2, 0)
        cna[transition & (random.random(n) < 0.4)] = 0
        index[interior] = np.where((chance < 0.06)[interior, None], (0, 2, 10, 0), (0, 4, 8, 1))
        cna[interior] = 0
        true[transition], true[interior] = 2, 3
    return atoms, index, cna, true


def ends(regions):
    return {row["name"]: (row["start"], row["end"]) for row in regions.table}


def test_two_films_are_found_where_they_are():
    atoms, index, cna, true = marked_gas()
    regions = find_regions(atoms, index, cna)
    assert regions.films == 2
    assert regions.start_by == ["motif"] * 4
    names = ["ACTR 1a", "interior 1", "ACTR 1b", "grain 2", "ACTR 2a", "interior 2", "ACTR 2b", "grain 1"]
    assert [row["name"] for row in regions.table] == names
    found = ends(regions)
    for number, (start, inside, outside, end) in enumerate(FILMS, 1):
        assert found[f"ACTR {number}a"] == pytest.approx((start, inside), abs=0.8)
        assert found[f"interior {number}"] == pytest.approx((inside, outside), abs=0.8)
        assert found[f"ACTR {number}b"] == pytest.approx((outside, end), abs=0.8)
    assert found["grain 1"] == pytest.approx((130, 180), abs=0.8)
    assert (regions.region == true).mean() > 0.97
    assert sum(row["thickness"] for row in regions.table) == pytest.approx(LENGTH)
    assert (regions.number >= 0).all()
    types = np.array([REGION_TYPES.index(row["type"]) for row in regions.table])
    assert np.array_equal(types[regions.number], regions.region)


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-300, 300), flip=st.booleans(), seed=st.integers(0, 99))
def test_regions_move_with_the_structure(shift, flip, seed):
    """Translation (films across the boundary of the cell among them), mirror image, order of atoms."""
    atoms, index, cna, true = marked_gas(n=8000)
    atoms.positions[:, 0] = (-1 if flip else 1) * atoms.positions[:, 0] + shift
    new = np.random.default_rng(seed).permutation(len(atoms))
    regions = find_regions(atoms[new], index[new], cna[new])
    assert regions.films == 2
    assert len(regions.table) == 8
    assert (regions.region == true[new]).mean() > 0.94
    assert all(0 <= row["start"] < LENGTH for row in regions.table)
    starts = sorted(row["start"] for row in regions.table)
    assert [row["start"] for row in regions.table] == starts


def test_one_film_has_one_grain_on_both_sides():
    atoms, index, cna, _ = marked_gas(FILMS[:1])
    found = ends(find_regions(atoms, index, cna))
    assert sorted(found) == ["ACTR 1a", "ACTR 1b", "grain 1", "interior 1"]
    assert found["grain 1"] == pytest.approx((65, 180), abs=0.8)


def test_film_that_fills_nearly_the_whole_cell():
    atoms, index, cna, true = marked_gas(((6.0, 12.0, 138.0, 144.0),))
    regions = find_regions(atoms, index, cna)
    assert ends(regions)["interior 1"] == pytest.approx((12, 138), abs=0.8)
    assert (regions.region == true).mean() > 0.97


@pytest.mark.parametrize("films", [FILMS, FILMS[:1], ((0.0, 0.0, 30.0, 36.0),)])
def test_open_ends(films):
    atoms, index, cna, true = marked_gas(films, pbc=(False, True, True))
    regions = find_regions(atoms, index, cna)
    assert regions.films == len(films)
    assert (regions.region == true).mean() > 0.97
    assert sum(row["type"] == "crystal" for row in regions.table) == len(films) + (films[0][0] > 0)
    if films[0][0] == 0:  # a film at the surface touches one crystal
        assert [row["name"] for row in regions.table] == ["interior 1", "ACTR 1b", "grain 1"]
        disorder = np.zeros(len(atoms))
        assert actr_asymmetry(region_table(atoms, regions, disorder)) == []


def test_hot_crystals_are_bounded_by_their_fcc_atoms():
    atoms, index, cna, true = marked_gas(background=0.4)
    regions = find_regions(atoms, index, cna)
    assert regions.start_by == ["CNA"] * 4
    # the fcc share falls at the start by less than the half that the default asks for
    regions = find_regions(atoms, index, cna, emergence=0.2)
    assert (regions.region == true).mean() > 0.93


def test_single_atoms_of_the_outer_motif_in_the_crystal_change_nothing():
    atoms, index, cna, _ = marked_gas()
    expected = find_regions(atoms, index, cna).table
    x = atoms.positions[:, 0]
    index[np.argsort(np.abs(x - 75))[:8]] = (0, 10, 2, 0)
    assert find_regions(atoms, index, cna).table == expected


def test_no_film_and_no_crystal():
    atoms, index, cna, _ = marked_gas(())
    regions = find_regions(atoms, index, cna)
    assert (regions.films, regions.table) == (0, [])
    assert (regions.region == 0).all()
    assert (regions.number == -1).all()
    assert regions.note.startswith("No film was found along axis 0")
    with pytest.raises(StructureError, match="touch no crystal"):
        find_regions(atoms, np.tile([0, 2, 10, 0], (len(atoms), 1)), np.zeros_like(cna))
    boundaries = bicrystal()
    regions = find_regions(boundaries, voronoi_index(boundaries), common_neighbors(boundaries))
    assert regions.films == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"emergence": 0}, "emergence is 0"),
        ({"crystal_share": 1.5}, "crystal_share is 1.5"),
        ({"minimum_thickness": -1}, "minimum_thickness"),
        ({"motif_species": "Al"}, "'Al', of which the structure has no atoms"),
        ({"cna": np.zeros(3)}, r"cna has the shape \(3,\)"),
        ({"outer": (1, 2)}, "shape"),
        ({"axis": 5}, "axis is 5"),
    ],
)
def test_bad_input(arguments, message):
    atoms, index, cna, _ = marked_gas(n=2000)
    with pytest.raises(InputError, match=message):
        find_regions(atoms, **{"voronoi_index": index, "cna": cna, **arguments})


def film_between_crystals(shift=0.0):
    """The interior of an example's film between crystals: (structure, first, last end of the film)."""
    glass = examples.load("complexion_a")
    x = glass.positions[:, 0]
    glass = glass[(x > 22) & (x < 48)]
    atoms = bicrystal(length=130, width=62, height=31, orientation_2=((1, 1, 0), (1, -1, 0)))
    sides = atoms.cell.lengths()
    glass.positions[:, 1:] *= sides[1:] / glass.cell.lengths()[1:]
    first, last = 50.0, 78.0
    glass.positions[:, 0] += first + 1 - 22
    x = atoms.positions[:, 0]
    keep = atoms[(x < first) | (x > last)]
    both = Atoms(
        np.concatenate([keep.numbers, glass.numbers]), np.concatenate([keep.positions, glass.positions]),
        cell=sides, pbc=True,
    )  # fmt: skip
    both.positions[:, 0] += shift
    both.wrap()
    return both, first, last


@pytest.mark.parametrize("shift", [0.0, 65.0])
def test_glass_slab_between_crystals(shift):
    atoms, first, last = film_between_crystals(shift)
    disorder = disorder_parameter(atoms)
    regions = find_regions(atoms, voronoi_index(atoms), common_neighbors(atoms))
    assert regions.films == 1
    table = {row["name"]: row for row in region_table(atoms, regions, disorder)}
    interior = table["interior 1"]
    assert (interior["start"] - first - shift) % atoms.cell.lengths()[0] == pytest.approx(2, abs=2)
    assert interior["thickness"] == pytest.approx(last - first - 3, abs=3.5)
    assert interior["median_disorder"] > 0.8
    assert table["grain 1"]["median_disorder"] < 1e-6
    assert interior["composition"]["Zr"] == pytest.approx(0.165, abs=0.03)
    # the crystal's last planes, beside the gap, have lost their fcc neighbours
    assert (first + shift - table["ACTR 1a"]["start"]) % atoms.cell.lengths()[0] < 5
    asymmetry = actr_asymmetry(list(table.values()))
    expected = table["ACTR 1b"]["mean_disorder"] - table["ACTR 1a"]["mean_disorder"]
    assert asymmetry[0]["difference"] == pytest.approx(expected)


def test_example_does_not_depend_much_on_the_window():
    atoms = examples.load("complexion_a")
    index, cna = voronoi_index(atoms), common_neighbors(atoms)
    thickness = []
    for window in (2.0, 3.0, 4.0, 6.0):
        regions = find_regions(atoms, index, cna, window=window)
        thickness.append([row["thickness"] for row in regions.table])
    assert np.ptp(thickness, axis=0).max() < 2.0
    assert len(thickness[0]) == 8


def test_table_needs_matching_arrays():
    atoms, index, cna, _ = marked_gas(n=2000)
    with pytest.raises(InputError, match="give arrays of one structure"):
        region_table(atoms, find_regions(atoms, index, cna), np.zeros(3))
