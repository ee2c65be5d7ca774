"""d_i and Q_l against known values, a direct evaluation and invariances."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre, sph_harm_y

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.examples import load
from pyiron_nbed.geometry.neighbors import nearest_neighbors
from pyiron_nbed.ssro import bond_order, disorder_and_bond_order, disorder_modulus, disorder_parameter


def direct(atoms, l=6, n=12, images=3):  # noqa: E741
    """Signed d_i and Q_l by their definition: all images written out, scipy's spherical harmonics."""
    shifts = itertools.product(*(range(-images, images + 1) if p else (0,) for p in atoms.pbc))
    shifts = np.array(list(shifts)) @ atoms.cell.array
    points = (atoms.positions + shifts[:, None]).reshape(-1, 3)
    m = np.arange(-l, l + 1)
    q = np.zeros((len(atoms), 2 * l + 1), complex)
    neighbors = np.zeros((len(atoms), n), int)
    farthest = 0.0
    for a, place in enumerate(atoms.positions):
        vectors = points - place
        r = np.linalg.norm(vectors, axis=1)
        mine = np.argsort(r)[1 : n + 1]  # the first is the atom itself
        assert np.sort(r)[0] == 0
        x, y, z = vectors[mine].T / r[mine]
        theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
        q[a] = sph_harm_y(l, m[None, :], theta[:, None], phi[:, None]).mean(axis=0)
        neighbors[a] = mine % len(atoms)
        farthest = max(farthest, r[mine[-1]])
    # images that were not written out are farther than all neighbours
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    assert not atoms.pbc.any() or farthest < (images * heights[atoms.pbc]).min()
    unit = q / np.linalg.norm(q, axis=1, keepdims=True)
    s = np.einsum("im,ijm->ij", unit, unit[neighbors].conj()).real
    return 1 - s.sum(axis=1) / n, np.sqrt(4 * np.pi / (2 * l + 1)) * np.linalg.norm(q, axis=1)


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


@settings(max_examples=25, deadline=None)
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
    expected_d, expected_q = direct(atoms, l, n)
    # the polynomials of the degrees above 12 lose digits
    bound = 1e-10 if l <= 12 else 1e-9
    assert np.abs(q - expected_q).max() < bound
    assert np.abs(d - expected_d).max() < bound
    assert ((d >= -1e-12) & (d <= 2 + 1e-12)).all()
    modulus = disorder_parameter(atoms, l, n, minimum_distance=0.0, modulus=True)
    assert np.abs(modulus - np.minimum(expected_d, 2 - expected_d)).max() < bound


def trimer(cosine):
    """Atoms i, j, k: the nearest of i is j, those of j and k are each other, at an angle to i-j."""
    along = np.array([cosine, np.sqrt(1 - cosine**2), 0.0])
    return np.array([[0.0, 0, 0], [3, 0, 0], [3 + 2 * along[0], 2 * along[1], 0]])


@settings(max_examples=40, deadline=None)
@given(cosine=st.floats(0, 1), l=st.sampled_from([2, 4, 6, 8, 12]))
def test_one_bond_at_an_angle(cosine, l):  # noqa: E741
    """With one neighbour s_ij is the Legendre polynomial of the angle between two bonds."""
    d = disorder_parameter(Atoms("Cu3", positions=trimer(cosine)), l, 1)
    assert d == pytest.approx([1 - eval_legendre(l, cosine), 0, 0], abs=1e-12)


def test_right_angle_is_above_one():
    atoms = Atoms("Cu3", positions=trimer(0.0))
    assert disorder_parameter(atoms, 6, 1) == pytest.approx([1 + 5 / 16, 0, 0], abs=1e-12)
    assert disorder_parameter(atoms, 2, 1) == pytest.approx([1.5, 0, 0], abs=1e-12)
    assert disorder_parameter(atoms, 6, 1, modulus=True) == pytest.approx([1 - 5 / 16, 0, 0], abs=1e-12)


@pytest.mark.parametrize("l", [2, 6, 10])
def test_uncorrelated_neighbours_have_one(l):  # noqa: E741
    """Trimers at random angles: mean 1, variance 1 / (2 l + 1), and half of them near it above 1."""
    n = 20_000
    cosines = np.random.default_rng(l).random(n)  # of directions that are even on a hemisphere
    places = np.stack([np.arange(n) * 20.0, np.zeros(n), np.zeros(n)], axis=1)
    positions = np.concatenate([trimer(c) + p for c, p in zip(cosines, places, strict=True)])
    d = disorder_parameter(Atoms(f"Cu{3 * n}", positions=positions), l, 1)[::3]
    spread = 1 / np.sqrt(2 * l + 1)
    assert d.mean() == pytest.approx(1, abs=4 * spread / np.sqrt(n))
    assert d.std() == pytest.approx(spread, rel=0.05)


def test_gas_of_random_points():
    """Below 1, since two neighbours share the bond between them: d rises to 1 with their number."""
    random = np.random.default_rng(0)
    atoms = Atoms("Cu8000", scaled_positions=random.random((8000, 3)), cell=[45.0] * 3, pbc=True)
    means = [disorder_parameter(atoms, 6, n, minimum_distance=0.0).mean() for n in (2, 6, 12, 50, 200)]
    assert means[2] == pytest.approx(0.924, abs=0.005)
    assert (np.diff(means) > 0).all()
    assert 0.98 < means[-1] < 1


@pytest.mark.parametrize("name", ["glass_slow", "glass_fast"])
def test_a_glass_has_atoms_above_one(name):
    atoms = load(name)
    d = disorder_parameter(atoms)
    assert 0.1 < (d > 1).mean() < 0.2
    assert 1.2 < d.max() < 1.4
    modulus = disorder_parameter(atoms, modulus=True)
    assert modulus.max() <= 1
    assert np.array_equal(modulus, disorder_modulus(d))
    assert d - modulus == pytest.approx(2 * np.maximum(d - 1, 0), abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_invariances(rattled, seed):
    random = np.random.default_rng(seed)
    atoms = rattled[random.permutation(len(rattled))[:600]]
    d = disorder_parameter(atoms)
    assert (d > 1).any()
    other = atoms.copy()
    other.numbers = random.integers(1, 90, len(atoms))
    assert (disorder_parameter(other) == d).all()
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
    with pytest.raises(InputError, match="from 1 to 500"):
        disorder_parameter(bulk("Cu"), n_neighbors=0)
