"""Radial distribution functions against exact counts, sum rules and invariances."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.ssro import radial_distribution


def gas(n, seed, cell, pbc=True):
    """Random Cu and Zr atoms."""
    random = np.random.default_rng(seed)
    atoms = Atoms(random.choice([29, 40], n, p=[0.7, 0.3]), scaled_positions=random.random((n, 3)), cell=cell)
    atoms.pbc = pbc
    return atoms


def test_shells_of_fcc():
    rdf = radial_distribution(bulk("Cu", "fcc", a=3.61) * (5, 5, 5), cutoff=6.0, bin_width=0.1)
    shells = {3.61 * (k / 2) ** 0.5: n for k, n in enumerate([12, 6, 24, 12, 24], 1)}
    expected = np.histogram(list(shells), 60, (0, 6.0), weights=list(shells.values()))[0]
    assert (rdf.counts[0, 0] == expected * 125).all()
    assert rdf.first_peak == pytest.approx(2.55)
    assert rdf.n_centers == 125
    assert rdf.species == ("Cu",)


def test_ideal_gas_is_one():
    atoms = gas(20_000, 1, [40.0] * 3)
    for normalize in ("cell", "local"):
        rdf = radial_distribution(atoms, 8.0, 0.5, normalize=normalize, minimum_distance=0.0)
        assert np.abs(rdf.total[4:] - 1).max() < 0.01
        for g in rdf.partial.values():
            assert np.abs(g[8:] - 1).max() < 0.02


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    pbc=st.tuples(*[st.booleans()] * 3),
    cutoff=st.floats(1.0, 14.0),
)
def test_counts_against_direct_search(seed, pbc, cutoff):
    """Tilted cells, mixed periodicity, cutoffs beyond the cell, random central atoms."""
    random = np.random.default_rng(seed)
    atoms = gas(40, seed, np.diag(random.uniform(5, 12, 3)) + random.uniform(-2, 2, (3, 3)), pbc)
    mask = random.random(40) < 0.5
    mask[0] = True
    i, j, r = neighbor_list("ijd", atoms, cutoff)
    for central in (np.ones(40, bool), mask):
        rdf = radial_distribution(atoms, cutoff, cutoff / 20, mask=central, minimum_distance=0.0)
        for a, z in enumerate(sorted(set(atoms.numbers))):
            for b, y in enumerate(sorted(set(atoms.numbers))):
                some = central[i] & (atoms.numbers[i] == z) & (atoms.numbers[j] == y)
                assert np.array_equal(rdf.counts[a, b], np.histogram(r[some], 20, (0, cutoff))[0])


def test_sum_rules(rattled):
    """Counts add up over species and over regions; g of the parts gives g of the whole."""
    mask = rattled.positions[:, 0] < 11
    whole = radial_distribution(rattled, minimum_distance=0.1)
    parts = [radial_distribution(rattled, mask=m, minimum_distance=0.1) for m in (mask, ~mask)]
    assert (whole.counts == parts[0].counts + parts[1].counts).all()
    mean = sum(p.n_centers * p.total for p in parts) / len(rattled)
    assert np.abs(mean - whole.total).max() < 1e-12
    assert np.abs(whole.partial["Cu", "Zr"] - whole.partial["Zr", "Cu"]).max() < 1e-12
    # N - 1 partners in the volume: g integrates to the number of neighbours
    shells = 4 / 3 * np.pi * np.diff(np.linspace(0, 10, 201) ** 3)
    density = (len(rattled) - 1) / rattled.get_volume()
    assert (whole.total * shells).sum() * density == pytest.approx(whole.counts.sum() / len(rattled))


def test_local_density_of_a_region():
    """Half of the cell is twice as dense: locally normalised, both halves are ideal gases."""
    random = np.random.default_rng(4)
    positions = random.random((30_000, 3)) * [30, 40, 40]
    positions[20_000:, 0] += 30
    positions[:20_000, 0] *= 1.0
    atoms = Atoms("Cu30000", positions, cell=[60, 40, 40], pbc=True)
    for low, high, density in ((8, 22, 4 / 3), (38, 52, 2 / 3)):
        mask = (positions[:, 0] > low) & (positions[:, 0] < high)
        cell = radial_distribution(atoms, 6.0, 0.5, mask=mask, minimum_distance=0.0)
        local = radial_distribution(atoms, 6.0, 0.5, mask=mask, normalize="local", minimum_distance=0.0)
        assert np.abs(cell.total[3:] - density).max() < 0.03
        assert np.abs(local.total[3:] - 1).max() < 0.03


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_invariances(rattled, seed):
    random = np.random.default_rng(seed)
    atoms = rattled[random.permutation(len(rattled))[:500]]
    expected = radial_distribution(atoms, 7.0, minimum_distance=0.0).counts
    moved = atoms[random.permutation(500)]
    moved.translate(random.uniform(-50, 50, 3))
    assert np.abs(radial_distribution(moved, 7.0, minimum_distance=0.0).counts - expected).sum() <= 8
    twice = radial_distribution(atoms * (1, 2, 1), 7.0, minimum_distance=0.0)
    assert np.abs(twice.counts - 2 * expected).sum() <= 16
    one, two = (radial_distribution(atoms, 7.0, cores=c, minimum_distance=0.0).counts for c in (1, 2))
    assert (one == two).all()


def test_cluster_without_a_cell():
    atoms = Atoms("Cu3", [[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0]])
    with pytest.raises(StructureError, match="normalize='local'"):
        radial_distribution(atoms)
    rdf = radial_distribution(atoms, 3.0, 0.1, normalize="local")
    assert rdf.counts.sum() == 4
    assert rdf.total.sum() > 0
    alone = radial_distribution(Atoms("Cu", [[0, 0, 0]]), 3.0, normalize="local")
    assert not alone.total.any()
    assert np.isnan(alone.first_peak)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cutoff": 0}, "length above 0 Å"),
        ({"cutoff": np.nan}, "above 0 Å"),
        ({"bin_width": -1}, "bin_width is -1"),
        ({"bin_width": 11}, "to 10 Å, the cutoff"),
        ({"normalize": "none"}, "'cell', 'local'"),
        ({"mask": np.zeros(32, bool)}, "selects no atom"),
        ({"mask": np.zeros(3, bool)}, "32 booleans"),
        ({"mask": np.arange(32)}, "32 booleans"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        radial_distribution(bulk("Cu", cubic=True) * (2, 2, 2), **arguments)


def test_atoms_too_close_are_named():
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.positions[9] = atoms.positions[2] + [0.3, 0, 0]
    with pytest.raises(StructureError, match=r"Atoms 2 and 9 are 0.300 Å apart"):
        radial_distribution(atoms)
    assert radial_distribution(atoms, minimum_distance=0.2).counts.sum() > 0
