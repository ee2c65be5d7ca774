"""d_i and Q_l against known values, a direct evaluation and invariances."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.neighbors import nearest_neighbors
from pyiron_nbed.ssro import bond_order, disorder_and_bond_order, disorder_parameter


def direct(atoms, l=6, n=12):  # noqa: E741
    """Definition of method and textbook, with scipy's spherical harmonics."""
    i, j, r, vector = neighbor_list("ijdD", atoms, 9.0)
    m = np.arange(-l, l + 1)
    q = np.zeros((len(atoms), 2 * l + 1), complex)
    neighbors = np.zeros((len(atoms), n), int)
    for a in range(len(atoms)):
        mine = np.flatnonzero(i == a)
        mine = mine[np.argsort(r[mine])[:n]]
        x, y, z = vector[mine].T / r[mine]
        theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
        q[a] = sph_harm_y(l, m[None, :], theta[:, None], phi[:, None]).mean(axis=0)
        neighbors[a] = j[mine]
    unit = q / np.linalg.norm(q, axis=1, keepdims=True)
    s = np.einsum("im,ijm->ij", unit, unit[neighbors].conj()).real
    return 1 - np.abs(s.sum(axis=1)) / n, np.sqrt(4 * np.pi / (2 * l + 1)) * np.linalg.norm(q, axis=1)


@pytest.mark.parametrize("repeat", [(1, 1, 1), (3, 3, 3), (1, 2, 6)])
def test_perfect_fcc(repeat):
    d, q6 = disorder_and_bond_order(bulk("Cu", "fcc", a=3.6, cubic=True) * repeat)
    assert np.abs(d).max() < 1e-12
    assert np.abs(1 - q6 - 0.4255).max() < 1e-4


@pytest.mark.parametrize(
    ("atoms", "n", "q4", "q6"),
    [
        (bulk("Cu", "fcc", a=3.6), 12, 0.1909, 0.5745),
        (bulk("Mg", "hcp", a=3.2, c=3.2 * np.sqrt(8 / 3)), 12, 0.0972, 0.4848),
        (bulk("Fe", "bcc", a=2.87), 14, 0.0364, 0.5107),
        (bulk("Po", "sc", a=3.3), 6, 0.7638, 0.3536),
    ],
)
def test_crystals(atoms, n, q4, q6):
    assert bond_order(atoms, 4, n) == pytest.approx(q4, abs=1e-4)
    assert bond_order(atoms, 6, n) == pytest.approx(q6, abs=1e-4)
    assert np.abs(disorder_parameter(atoms, 6, n)).max() < 1e-12


def test_icosahedron():
    phi = (1 + 5**0.5) / 2
    corners = [[0, s, t * phi] for s in (-1, 1) for t in (-1, 1)]
    points = np.array([np.roll(c, k) for c in corners for k in range(3)] + [[0, 0, 0]], float)
    q6 = bond_order(Atoms("Cu13", positions=points), 6)
    assert q6[12] == pytest.approx(0.66332, abs=1e-5)
    assert bond_order(Atoms("Cu13", positions=points), 4)[12] < 1e-12


@pytest.mark.parametrize(("sigma", "median"), [(0.1, 0.016), (0.2, 0.102)])
def test_thermal_noise_in_copper(sigma, median):
    atoms = bulk("Cu", "fcc", a=3.61, cubic=True) * (12, 12, 12)
    atoms.rattle(sigma, seed=1)
    assert np.median(disorder_parameter(atoms)) == pytest.approx(median, abs=0.002)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    l=st.sampled_from([2, 4, 6, 8, 10, 16, 20]),
    n=st.sampled_from([6, 12, 14]),
    pbc=st.tuples(*[st.booleans()] * 3),
)
def test_against_direct_evaluation(seed, l, n, pbc):  # noqa: E741
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(6, 9, 3)) + random.uniform(-1.5, 1.5, (3, 3))
    atoms = Atoms("Cu30", scaled_positions=random.random((30, 3)), cell=cell, pbc=pbc)
    d, q = disorder_and_bond_order(atoms, l, n, minimum_distance=0.0)
    if all(pbc):  # the direct search reaches 9 Å only
        expected_d, expected_q = direct(atoms, l, n)
        # the polynomials of the degrees above 12 lose digits
        bound = 1e-10 if l <= 12 else 1e-9
        assert np.abs(q - expected_q).max() < bound
        assert np.abs(d - expected_d).max() < bound
    assert ((d >= -1e-12) & (d <= 1 + 1e-12)).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_invariances(rattled, seed):
    random = np.random.default_rng(seed)
    atoms = rattled[random.permutation(len(rattled))[:600]]
    d = disorder_parameter(atoms)
    order = random.permutation(len(atoms))
    assert np.abs(disorder_parameter(atoms[order]) - d[order]).max() < 1e-9
    moved = atoms.copy()
    moved.translate(random.uniform(-50, 50, 3))
    assert np.abs(disorder_parameter(moved) - d).max() < 1e-9
    turned = atoms.copy()
    rotation = Rotation.random(random_state=seed).as_matrix()
    turned.positions = turned.positions @ rotation.T
    turned.set_cell(turned.cell.array @ rotation.T)
    assert np.abs(disorder_parameter(turned) - d).max() < 1e-8
    assert np.abs(disorder_parameter(atoms * (2, 1, 1)) - np.tile(d, 2)).max() < 1e-9


def test_one_core_and_two_cores_give_the_same_bits(rattled):
    big = rattled * (3, 3, 3)
    assert (disorder_parameter(big, cores=1) == disorder_parameter(big, cores=2)).all()


def test_neighbours_are_the_nearest(rattled):
    indices, distances = nearest_neighbors(rattled, 12)
    i, _, r = neighbor_list("ijd", rattled, 7.0)
    for a in (0, 77, 2047):
        assert np.allclose(distances[a], np.sort(r[i == a])[:12])
    assert (np.diff(distances, axis=1) > -1e-8).all()
    assert indices.shape == (2048, 12)


def test_too_few_atoms_and_bad_parameters():
    with pytest.raises(StructureError, match="at least 13 atoms"):
        disorder_parameter(Atoms("Cu12", positions=np.random.default_rng(0).random((12, 3)) * 9))
    for l in (5, 0, 22, 6.5, True):  # noqa: E741
        with pytest.raises(InputError, match="even number from 2 to 20"):
            disorder_parameter(bulk("Cu"), l=l)
    with pytest.raises(InputError, match="at least 1"):
        disorder_parameter(bulk("Cu"), n_neighbors=0)
