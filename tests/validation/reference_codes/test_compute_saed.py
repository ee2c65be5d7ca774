import numpy as np
import pytest

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, simulate_patterns
from pyiron_nbed.diffraction import scattering_factor


@pytest.mark.parametrize(
    ("volume", "zone_axis", "mesh"),
    [
        (Cylinder(5, 20), (0, 0, 1), Mesh(1.0, 0.015)),
        (Ellipsoid(6, 18), (1, 2, 3), Mesh(1.0, 0.05)),
        (Cylinder(4, 12), (1, 1, 0), Mesh(1.5, 0.06)),
    ],
)
def test_patterns_agree_with_compute_saed(rattled, volume, zone_axis, mesh):
    centers = [[16.0, 16.0, 16.0], [1.0, 30.0, 9.0]]
    if mesh.half > 50:
        centers = centers[:1]  # 1.2 million nodes, of which one slice is used
    reference = simulate_patterns(rattled, centers, volume, mesh, zone_axis, "lammps", np.float64)
    for dtype in (np.float32, np.float64):
        patterns = simulate_patterns(rattled, centers, volume, mesh, zone_axis, "cpu", dtype)
        assert patterns.shape == reference.shape
        assert np.abs(patterns - reference).max() < 1e-5 * reference.max()


def test_scattering_factors_of_many_elements_agree(in_folder):
    from ase import Atoms

    mesh = Mesh(1.0, 0.1)
    for symbol in ("H", "Al", "Cu", "Zr", "Ag", "Au"):
        atom = Atoms(symbol, positions=[[5, 5, 5]], cell=[10] * 3, pbc=True)
        pattern = simulate_patterns(
            atom, [[5, 5, 5]], Cylinder(2, 4), mesh, engine="lammps", dtype=np.float64
        )
        expected = np.where(mesh.disc, scattering_factor(symbol, np.minimum(mesh.k, 1.0)) ** 2, 0)
        assert np.abs(pattern[0] - expected).max() < 1e-9 * expected.max()
