import numpy as np
import pytest
from ase.build import bulk
from ase.data import chemical_symbols

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, WeightedVolume, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch, electron_wavelength, scattering_factor
from pyiron_nbed.errors import InputError
from pyiron_nbed.examples import load
from pyiron_nbed.geometry.frames import random_zone_axes


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


def random_volumes(count, seed):
    """Structures with random centres, zone axes and volumes: glass, grains and both elements."""
    random = np.random.default_rng(seed)
    atoms = load("complexion_a")
    for axis in random_zone_axes(count, seed):
        kind = (Cylinder, Ellipsoid)[random.integers(2)]
        yield (
            atoms,
            random.random(3) @ atoms.cell.array,
            kind(random.uniform(3, 6), random.uniform(8, 24)),
            axis,
        )


@pytest.mark.parametrize(
    ("count", "seed"), [(6, 0), pytest.param(200, 1, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_random_volumes_of_glass_and_crystal(count, seed):
    mesh = Mesh(1.0, 0.05)
    worst, zirconium = 0.0, []
    for atoms, center, volume, axis in random_volumes(count, seed):
        reference = simulate_patterns(atoms, [center], volume, mesh, axis, "lammps", np.float64)
        pattern = simulate_patterns(atoms, [center], volume, mesh, axis)
        worst = max(worst, np.abs(pattern - reference).max() / reference.max())
        found = VolumeSearch(atoms, volume, axis)(center)
        zirconium.append(found.mean((atoms.numbers == 40).astype(float))[0])
    print(f"largest deviation over {count} volumes: {worst:.1e} of the maximum")
    assert worst < 1e-5
    assert min(zirconium) < 0.03
    assert max(zirconium) > 0.1


def test_triclinic_structure():
    atoms = bulk("Cu", "fcc", a=3.6) * (9, 9, 9)
    atoms.numbers[::3] = 40
    center = atoms.cell.array.sum(axis=0) / 2
    reference = simulate_patterns(
        atoms, [center], Cylinder(4, 12), Mesh(1, 0.1), engine="lammps", dtype=np.float64
    )
    pattern = simulate_patterns(atoms, [center], Cylinder(4, 12), Mesh(1, 0.1))
    assert np.abs(pattern - reference).max() < 1e-5 * reference.max()


def on_the_sphere(found, numbers, mesh):
    """|Σ f exp(2πi k·r)|²/N in double precision on the exact Ewald sphere."""
    radius = 1 / electron_wavelength(mesh.beam_energy)
    disc = mesh.disc
    rows, columns = np.nonzero(disc)
    k = np.array([mesh.axis[columns], mesh.axis[rows], radius - np.sqrt(radius**2 - mesh.k[disc] ** 2)]).T
    names = [chemical_symbols[z] for z in numbers[found.indices]]
    factors = {s: scattering_factor(s, np.linalg.norm(k, axis=1)) for s in set(names)}
    total = sum(factors[s] * np.exp(2j * np.pi * k @ r) for s, r in zip(names, found.positions, strict=True))
    pattern = np.zeros(mesh.shape)
    pattern[disc] = np.abs(total) ** 2 / len(names)
    return pattern


@pytest.mark.parametrize(
    ("volume", "zone_axis", "mesh", "paraxial"),
    [
        (Cylinder(5, 20), (0, 0, 1), Mesh(1.0, 0.03, 200e3), 1e-6),
        (Ellipsoid(5, 30), (1, 2, 3), Mesh(1.0, 0.05, 80e3), 1e-5),
        (Cylinder(4, 12), (1, 1, 0), Mesh(2.0, 0.1, 20e3), 2e-4),
    ],
)
def test_exact_ewald_sphere(rattled, volume, zone_axis, mesh, paraxial):
    """LAMMPS on the exact sphere; how far the cpu engine's paraxial form is from it, of the maximum."""
    center = [[16.0, 16.0, 16.0]]
    expected = on_the_sphere(VolumeSearch(rattled, volume, zone_axis)(center), rattled.numbers, mesh)
    lammps = simulate_patterns(rattled, center, volume, mesh, zone_axis, "lammps", np.float64)[0]
    cpu = simulate_patterns(rattled, center, volume, mesh, zone_axis, "cpu", np.float64)[0]
    flat = simulate_patterns(rattled, center, volume, Mesh(mesh.k_max, mesh.delta_k), zone_axis)[0]
    assert np.abs(lammps - expected).max() < 1e-7 * expected.max()
    assert np.abs(cpu - expected).max() < paraxial * expected.max()
    assert np.abs(flat - expected).max() > 10 * np.abs(cpu - expected).max()


def test_ewald_sphere_of_a_triclinic_structure_and_of_one_layer():
    atoms = bulk("Cu", "fcc", a=3.6) * (9, 9, 9)
    center = [atoms.cell.array.sum(axis=0) / 2]
    mesh = Mesh(1, 0.1, 200e3)
    for height in (12, 0.5):  # the second holds atoms of one height only
        found = VolumeSearch(atoms, Cylinder(4, height))(center)
        lammps = simulate_patterns(
            atoms, center, Cylinder(4, height), mesh, engine="lammps", dtype=np.float64
        )
        expected = on_the_sphere(found, atoms.numbers, mesh)
        assert np.abs(lammps[0] - expected).max() < 1e-7 * expected.max()


def test_what_compute_saed_cannot_do_is_refused(rattled):
    for volume, mesh in ((WeightedVolume(4, 12), Mesh(1, 0.1)), (Cylinder(4, 12), Mesh(4, 0.5, 200e3))):
        with pytest.raises(InputError, match=r"lammps engine|Ewald sphere reaches"):
            simulate_patterns(rattled, [[9, 9, 9]], volume, mesh, engine="lammps")


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
