"""Neighbour lists against direct search; ties; bad input."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.neighbors import cutoff_neighbors, nearest_neighbors
from pyiron_nbed.ssro import (
    bond_order,
    common_neighbors,
    disorder_and_bond_order,
    disorder_parameter,
    voronoi_index,
)


def random_structure(seed, pbc, n=40):
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(4, 15, 3)) + random.uniform(-2, 2, (3, 3))
    atoms = Atoms("Cu" * n, scaled_positions=random.uniform(-1, 2, (n, 3)), cell=cell)
    atoms.pbc = pbc
    return atoms


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(*[st.booleans()] * 3), cutoff=st.floats(0.5, 9.0))
def test_cutoff_neighbours_against_direct_search(seed, pbc, cutoff):
    atoms = random_structure(seed, pbc)
    offsets, indices, distances = cutoff_neighbors(atoms, cutoff, minimum_distance=0.0)
    i, j, r = neighbor_list("ijd", atoms, cutoff)
    assert np.array_equal(np.diff(offsets), np.bincount(i, minlength=len(atoms)))
    for a in range(len(atoms)):
        mine = slice(offsets[a], offsets[a + 1])
        assert np.array_equal(np.sort(indices[mine]), np.sort(j[i == a]))
        assert np.allclose(distances[mine], np.sort(r[i == a]), atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    pbc=st.tuples(*[st.booleans()] * 3),
    n=st.sampled_from([1, 12, 14, 39]),
)
def test_nearest_neighbours_against_direct_search(seed, pbc, n):
    atoms = random_structure(seed, pbc)
    indices, distances = nearest_neighbors(atoms, n, minimum_distance=0.0)
    i, j, r = neighbor_list("ijd", atoms, float(distances.max()) + 1e-6)
    for a in range(len(atoms)):
        mine = np.flatnonzero(i == a)
        mine = mine[np.argsort(r[mine])[:n]]
        assert np.allclose(distances[a], r[mine], atol=1e-7)
        assert np.array_equal(indices[a], j[mine])


def test_vacuum_costs_no_neighbours():
    """A slab and a wire in much vacuum: the boxes follow the atoms, not the cell."""
    slab = bulk("Cu", "fcc", a=3.6, cubic=True) * (6, 6, 4)
    slab.rattle(0.1, seed=2)
    expected = nearest_neighbors(slab[:])[1]
    slab.pbc = (True, True, False)
    surface = nearest_neighbors(slab)[1]
    slab.cell[2, 2] = 400.0
    slab.pbc = True
    assert np.allclose(nearest_neighbors(slab)[1], surface)
    assert (surface >= expected - 1e-9).all()
    assert (surface > expected + 0.5).any()


def test_neighbours_in_a_cell_thinner_than_a_bond():
    primitive = nearest_neighbors(bulk("Cu", "fcc", a=3.6), 18)
    assert (primitive[0] == 0).all()
    assert np.allclose(primitive[1], [3.6 / 2**0.5] * 12 + [3.6] * 6)
    chain = Atoms("Cu", cell=[2.0, 50, 50], pbc=(True, False, False))
    assert np.allclose(nearest_neighbors(chain, 4)[1], [2, 2, 4, 4])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ties_do_not_depend_on_order_origin_images_or_threads(seed):
    """12 neighbours in bcc: which 4 of the 6 second neighbours is a choice, and the same everywhere."""
    random = np.random.default_rng(seed)
    atoms = bulk("Fe", "bcc", a=2.87, cubic=True) * (4, 4, 4)
    rotation = Rotation.random(random_state=seed).as_matrix()
    atoms.positions = atoms.positions @ rotation.T
    atoms.set_cell(atoms.cell.array @ rotation.T)
    d, q = disorder_and_bond_order(atoms)
    assert np.abs(d).max() < 1e-12  # every atom makes the same choice
    assert np.ptp(q) < 1e-12
    other = (atoms * (1, 2, 1))[random.permutation(256)]
    other.translate(random.uniform(-9, 9, 3))
    for cores in (1, 2):
        assert np.abs(bond_order(other, cores=cores) - q[0]).max() < 1e-12


def test_choice_among_equal_distances_is_by_x_then_y_then_z():
    simple = bulk("Po", "sc", a=3.0) * (4, 4, 4)
    for n, expected in ((1, [[-1, 0, 0]]), (3, [[-1, 0, 0], [0, -1, 0], [0, 0, -1]])):
        indices, _ = nearest_neighbors(simple, n)
        center = 21
        vectors = simple.positions[indices[center]] - simple.positions[center]
        assert np.allclose(vectors / 3.0, expected)


@pytest.mark.parametrize(
    "function", [disorder_parameter, bond_order, nearest_neighbors, lambda a: cutoff_neighbors(a, 4.0)]
)
def test_unusable_structures(function):
    good = bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3)
    close = good.copy()
    close.positions[40] = close.positions[7] + [0, 0, 0.4]
    with pytest.raises(StructureError, match=r"Atoms 7 and 40 are 0.400 Å apart, closer than the 0.5 Å"):
        function(close)
    across = Atoms("Cu20", np.random.default_rng(1).random((20, 3)) * 30, cell=[30] * 3, pbc=True)
    across.positions[[3, 5]] = [[0.1, 5, 5], [29.8, 5, 5]]
    with pytest.raises(StructureError, match=r"Atoms 3 and 5 are 0.300"):
        function(across)
    same = good.copy()
    same.positions[1] = same.positions[0]
    with pytest.raises(StructureError, match=r"Atoms 0 and 1 are 0.000"):
        function(same)
    nan = good.copy()
    nan.positions[11, 2] = np.nan
    with pytest.raises(StructureError, match="first: atom 11"):
        function(nan)
    flat = good.copy()
    flat.set_cell([[10, 0, 0], [20, 0, 0], [0, 0, 10]])
    with pytest.raises(StructureError, match="no volume"):
        function(flat)
    with pytest.raises(StructureError, match="no atoms"):
        function(Atoms())


def test_minimum_distance_is_an_argument():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True) * (3, 3, 3)
    with pytest.raises(StructureError, match=r"closer than the 2\.6 Å"):
        disorder_parameter(atoms, minimum_distance=2.6)
    atoms.positions[40] = atoms.positions[7] + [0, 0, 0.4]
    assert np.isfinite(disorder_parameter(atoms, minimum_distance=0.3)).all()
    assert cutoff_neighbors(atoms, 4.0, minimum_distance=0.3)[2].min() == pytest.approx(0.4)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_few_atoms_in_open_boundaries(n):
    atoms = Atoms("Cu" * n, np.random.default_rng(0).random((n, 3)) * 9)
    for function in (disorder_parameter, bond_order, nearest_neighbors):
        with pytest.raises(StructureError, match="at least 13 atoms"):
            function(atoms)
    enough = Atoms("Cu13", np.random.default_rng(0).random((13, 3)) * 20)
    assert nearest_neighbors(enough)[0].shape == (13, 12)


def test_one_atom_in_a_periodic_cell_has_its_images_as_neighbours():
    atoms = bulk("Cu", "fcc", a=3.6)
    assert abs(disorder_parameter(atoms)[0]) < 1e-12
    assert voronoi_index(bulk("Cu", "fcc", a=3.6, cubic=True) * (4, 4, 4))[0].tolist() == [0, 12, 0, 0]
    assert (common_neighbors(bulk("Cu", "fcc", a=3.6, cubic=True) * (4, 4, 4)) == 1).all()


@pytest.mark.parametrize("cutoff", [0, -1, np.nan, np.inf])
def test_bad_cutoff(cutoff):
    with pytest.raises(InputError, match="above 0 Å"):
        cutoff_neighbors(bulk("Cu"), cutoff)


@pytest.mark.parametrize("height", [8.0, 3.0])
def test_a_slab_in_a_periodic_cell_with_vacuum(rattled, height):
    """Vacuum says nothing about how far the neighbours are; the answer is that of the slab alone."""
    slab = rattled[rattled.positions[:, 2] < height]
    indices, distances = nearest_neighbors(slab)
    slab.pbc = (True, True, False)
    expected = nearest_neighbors(slab)
    assert np.array_equal(indices, expected[0])
    assert np.allclose(distances, expected[1])
