import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Cylinder, Mesh, simulate_patterns
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.diffraction.scattering import scattering_factor
from pyiron_nbed.errors import InputError


@settings(max_examples=25, deadline=None)
@given(delta_k=st.floats(0.03, 0.3), factor=st.floats(1.0, 3.0), seed=st.integers(0, 99))
def test_rings_hold_the_whole_disc(delta_k, factor, seed):
    mesh = Mesh(1.0, delta_k)
    patterns = np.random.default_rng(seed).exponential(10, (3, *mesh.shape))
    profile = radial_profile(patterns, mesh, min(factor * delta_k, 1.0))
    assert profile.counts.sum() == mesh.disc.sum()
    assert (profile.counts > 0).all()
    assert (profile.mean * profile.counts).sum(axis=1) == pytest.approx(patterns[:, mesh.disc].sum(axis=1))
    # each ring by itself
    for b, k in enumerate(profile.k):
        ring = mesh.disc & (np.rint(mesh.k / profile.k[1]) == b) if len(profile.k) > 1 else mesh.disc
        values = patterns[:, ring]
        assert ring.sum() == profile.counts[b]
        assert profile.mean[:, b] == pytest.approx(values.mean(axis=1))
        assert profile.variance[:, b] == pytest.approx(
            values.var(axis=1) / values.mean(axis=1) ** 2, abs=1e-9
        )
        assert k == pytest.approx(b * profile.k[min(1, b)])


def test_one_atom_gives_its_scattering_factor():
    mesh = Mesh()
    patterns = simulate_patterns(Atoms("Cu", positions=[[1, 2, 3]]), [[1, 2, 3]], Cylinder(5, 20), mesh)
    profile = radial_profile(patterns, mesh)
    expected = scattering_factor("Cu", profile.k) ** 2
    assert profile.counts[0] == 1
    assert profile.mean[0] == pytest.approx(expected, rel=0.02)
    assert profile.mean[0, 0] == pytest.approx(expected[0], rel=1e-5)
    assert profile.variance.max() < 1e-3


def test_speckle_has_variance_one():
    mesh = Mesh(1.0, 0.01)
    patterns = np.random.default_rng(0).exponential(7, (1, *mesh.shape))  # intensity of random phases
    profile = radial_profile(patterns, mesh, 0.1)
    assert profile.mean[0, 3:] == pytest.approx(7, rel=0.1)
    assert profile.variance[0, 3:] == pytest.approx(1, abs=0.15)
    dark = radial_profile(np.zeros((1, *mesh.shape)), mesh)
    assert (dark.variance == 0).all()


def test_patterns_on_disc(pattern_file):
    dataset = PatternDataset(pattern_file)
    lazy = radial_profile(dataset.patterns, dataset.mesh)
    assert np.array_equal(lazy.mean, radial_profile(dataset.patterns[:], dataset.mesh).mean)
    assert lazy.mean.shape == (512, len(lazy.k))


@pytest.mark.parametrize(
    ("shape", "width", "message"),
    [((2, 9, 9), None, r"give \(P, 39, 39\)"), ((39, 39), None, "give"),
     ((2, 39, 39), 0.01, "bin_width is 0.01"), ((2, 39, 39), 2.0, "from 0.05 to 1 Å⁻¹, the mesh")],
)  # fmt: skip
def test_bad_profiles(shape, width, message):
    with pytest.raises(InputError, match=message):
        radial_profile(np.ones(shape), Mesh(1.0, 0.05), width)
