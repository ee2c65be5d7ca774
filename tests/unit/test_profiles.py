"""Sliding windows, motifs and thresholds against brute force and known answers."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.ssro import (
    motif_class,
    motif_density,
    motif_statistics,
    population_threshold,
    sliding_profile,
    voronoi_index,
)
from pyiron_nbed.ssro.motifs import frequent_motifs, is_motif
from pyiron_nbed.ssro.profiles import make_windows, runs


def gas(n=3000, seed=0, pbc=True, cell=(31.3, 12.0, 9.0)):
    random = np.random.default_rng(seed)
    return Atoms(np.full(n, 29), random.random((n, 3)) * cell, cell=cell, pbc=pbc)


@pytest.mark.parametrize(("axis", "pbc"), [(0, True), (1, True), (0, False)])
def test_profile_agrees_with_brute_force(axis, pbc):
    atoms = gas(pbc=pbc)
    values = np.random.default_rng(1).random(len(atoms))
    profile = sliding_profile(atoms, values, axis=axis, window=2.0, step=0.7)
    x, length = atoms.positions[:, axis], atoms.cell.lengths()[axis]
    for number in (0, 1, len(profile["position"]) // 2, -1):
        offset = x - profile["position"][number]
        if pbc:
            offset -= length * np.round(offset / length)
        inside = values[np.abs(offset) <= 1.0]
        assert profile["n_atoms"][number] == len(inside) > 50
        assert profile["mean"][number] == pytest.approx(inside.mean())
        expected = np.percentile(inside, [5, 95])
        assert [profile["percentile_5"][number], profile["percentile_95"][number]] == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(-40, 40), seed=st.integers(0, 99))
def test_profile_moves_with_the_structure_and_ignores_the_order_of_atoms(steps, seed):
    atoms = gas(800)
    values = atoms.positions[:, 1].copy()
    before = sliding_profile(atoms, values, step=1.0)
    step = 31.3 / len(before["mean"])
    new = np.random.default_rng(seed).permutation(len(atoms))
    moved = atoms[new]
    moved.positions[:, 0] += steps * step
    after = sliding_profile(moved, values[new], step=1.0)
    assert np.array_equal(after["n_atoms"], np.roll(before["n_atoms"], steps))
    assert after["mean"] == pytest.approx(np.roll(before["mean"], steps))


def test_triclinic_cell_and_supercell():
    atoms = bulk("Cu", a=3.6) * (6, 6, 6)
    profile = sliding_profile(atoms, np.arange(len(atoms)), window=2.0)
    assert len(profile["position"]) == round(6 * 3.6 / np.sqrt(3))  # distance between (111) planes
    small, large = gas(500), gas(500) * (2, 1, 3)
    one = sliding_profile(small, small.positions[:, 1], step=3.13)
    two = sliding_profile(large, np.tile(small.positions[:, 1], 6), step=3.13)
    size = len(one["mean"])
    assert np.array_equal(two["n_atoms"][:size], 3 * one["n_atoms"])
    assert two["mean"][size:] == pytest.approx(one["mean"])


def test_empty_windows_are_nan():
    atoms = Atoms("Cu2", [[1, 1, 1], [2, 1, 1]], cell=[20, 5, 5], pbc=True)
    profile = sliding_profile(atoms, [1.0, 3.0])
    assert profile["n_atoms"].sum() == 4
    assert np.isnan(profile["mean"][10])
    assert profile["mean"][1] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1.0]}, "each of the 3000 atoms"),
        ({"values": np.full(3000, np.nan)}, "3000 of 3000 values are NaN"),
        ({"values": ["a"] * 3000}, "type <U1: give one number"),
        ({"window": 0}, "window is 0"),
        ({"window": 40.0}, "window is 40.0: give a length at most 31.3"),
        ({"step": -1}, "step is -1"),
        ({"axis": 3}, "axis is 3"),
    ],
)
def test_bad_profiles(arguments, message):
    with pytest.raises(InputError, match=message):
        sliding_profile(gas(), **{"values": np.zeros(3000), **arguments})


def test_open_axis_without_extent():
    with pytest.raises(StructureError, match="one plane"):
        make_windows(Atoms("Cu3", [[0, 0, 0], [0, 3, 0], [0, 0, 3]], cell=[9, 9, 9]), axis=0)


def test_runs():
    marked = np.array([1, 1, 0, 1, 0, 0, 1], bool)
    assert runs(marked) == [(3, 4), (6, 9)]
    assert runs(marked, ring=False) == [(0, 2), (3, 4), (6, 7)]
    assert runs(np.ones(3, bool)) == [(0, 3)]
    assert runs(np.zeros(3, bool)) == []


def test_motif_classes_follow_their_definition():
    random = np.random.default_rng(0).integers(0, 14, (5000, 4))
    random[:, [0, 3]] //= 8
    known = [[0, 12, 0, 0], [0, 8, 4, 0], [1, 8, 4, 0], [0, 8, 4, 1], [0, 8, 5, 0], [0, 2, 10, 0],
             [0, 0, 12, 0], [0, 2, 9, 0], [0, 3, 10, 0], [0, 1, 10, 2]]  # fmt: skip
    assert motif_class(np.array(known)).tolist() == [0, 1, 1, 3, 3, 2, 2, 3, 3, 3]
    for (n3, n4, n5, n6), found in zip(random, motif_class(random), strict=True):
        if (n3, n4, n5, n6) == (0, 12, 0, 0):
            expected = 0
        elif n4 >= 8 and n5 <= 4 and n6 == 0:
            expected = 1
        elif n4 <= 2 and n5 >= 10 and n6 == 0:
            expected = 2
        else:
            expected = 3
        assert found == expected


def test_frequent_motifs_and_statistics():
    index = np.array([[0, 12, 0, 0]] * 5 + [[0, 0, 12, 0]] * 3 + [[1, 2, 10, 3]] * 3 + [[0, 10, 2, 0]])
    atoms = Atoms(np.array([29] * 8 + [40] * 4))
    motifs, counts = frequent_motifs(index, None)
    assert motifs.tolist() == [[0, 12, 0, 0], [0, 0, 12, 0], [1, 2, 10, 3], [0, 10, 2, 0]]
    assert counts.tolist() == [5, 3, 3, 1]
    copper = motif_statistics(atoms, index)
    assert copper["motif"] == ["<0,12,0,0>", "<0,0,12,0>"]
    assert copper["fraction"].tolist() == [5 / 8, 3 / 8]
    assert copper["class_count"] == {"FCC": 5, "ordered": 0, "disordered": 3, "intermediate": 0}
    assert motif_statistics(atoms, index, "Zr", top=1)["count"].tolist() == [3]
    everything = motif_statistics(atoms, index, None)
    assert everything["n_atoms"] == 12
    assert sum(everything["class_fraction"].values()) == pytest.approx(1)
    with pytest.raises(InputError, match=r"'Al', of which .* choose one of 'Cu', 'Zr'"):
        motif_statistics(atoms, index, "Al")
    with pytest.raises(InputError, match="4 rows but there are 12"):
        motif_statistics(atoms, index[:4])
    with pytest.raises(InputError, match="shape"):
        motif_class(np.zeros((3, 3), int))
    with pytest.raises(InputError, match="top is 0"):
        frequent_motifs(index, 0)


def test_densities_of_motifs_count_every_atom(rattled):
    index = voronoi_index(rattled)
    windows = make_windows(rattled, 0, 2.0, 2.0)
    profile = motif_density(rattled, index, window=2.0, step=2.0, motif_species="all", top=5)
    width = rattled.cell.lengths()[0] / len(windows.position)
    total = (profile["density"] * rattled.cell.volume * width / rattled.cell.lengths()[0]).sum(axis=1)
    expected = [is_motif(index, motif).sum() for motif in profile["index"]]
    assert total == pytest.approx(expected)
    assert np.nanmax(profile["share"]) <= 1


def test_threshold_of_known_populations():
    result = population_threshold([0.1, 0.2, 0.3, 0.35, 0.8], [0.25, 0.7, 0.9])
    assert result["threshold"] == pytest.approx(0.525)
    assert (result["low_below"], result["high_above"]) == (0.8, pytest.approx(2 / 3))
    # nine low members against one high one: counted by heads the high one is given up
    assert population_threshold([0.5, 0.6], [0.4], "counts")["threshold"] > 0.6


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_other_threshold_is_better(data):
    numbers = st.lists(st.integers(0, 20), min_size=1, max_size=15)
    low, high = np.array(data.draw(numbers)), np.array(data.draw(numbers))
    for weights, scale in (("rates", (len(low), len(high))), ("counts", (1, 1))):
        result = population_threshold(low, high, weights)

        def error(threshold, scale=scale):
            return (low >= threshold).sum() / scale[0] + (high < threshold).sum() / scale[1]

        best = min(error(t) for t in np.arange(-0.5, 22))
        assert error(result["threshold"]) == pytest.approx(best)
        assert result["low_below"] == pytest.approx((low < result["threshold"]).mean())
        assert result["high_above"] == pytest.approx((high >= result["threshold"]).mean())


@pytest.mark.parametrize(
    ("low", "high", "weights", "message"),
    [
        ([], [1.0], "rates", "low population has 0 values"),
        ([1.0], [np.nan], "rates", "high population"),
        ([1.0], [2.0], "both", "weights is 'both'"),
    ],
)
def test_bad_populations(low, high, weights, message):
    with pytest.raises(InputError, match=message):
        population_threshold(low, high, weights)
