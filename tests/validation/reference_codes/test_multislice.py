"""Multislice against analytic limits, the kinematic engine and abTEM's own potential.

Deviation means Σ|I − I₀|/Σ I₀ over the disc without k = 0.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from scipy import constants
from scipy.special import j0

from pyiron_nbed import Cylinder, Mesh, WeightedVolume, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch, electron_wavelength, scattering_factor
from pyiron_nbed.diffraction.multislice import MultisliceOptions, multislice_patterns
from pyiron_nbed.errors import InputError

MESH = Mesh(1.0, 0.05, 200e3)
CENTER = [[16.0, 16.0, 16.0]]


@pytest.fixture(scope="module")
def abtem():
    return pytest.importorskip("abtem")


@pytest.fixture
def hydrogen(rattled):
    """Atoms in disorder that scatter so weakly that the kinematic theory holds."""
    atoms = rattled.copy()
    atoms.numbers[:] = 1
    return atoms


def multislice(atoms, volume, mesh=MESH, zone_axis=(0, 0, 1), centers=CENTER, dtype=np.float64, **options):
    found = VolumeSearch(atoms, volume, zone_axis)(centers)
    return multislice_patterns(found, atoms.numbers, mesh, MultisliceOptions(**options), dtype)


def deviation(pattern, reference, mesh=MESH):
    inside = mesh.disc & (mesh.k > 0)
    return np.abs(pattern - reference)[inside].sum() / reference[inside].sum()


def single_atom(symbol):
    return Atoms(symbol, positions=[[16.33, 16.21, 16.4]])


@pytest.mark.parametrize("energy", [80e3, 200e3, 300e3])
@pytest.mark.parametrize("delta_k", [0.015, 0.05])
def test_light_atom_gives_f_squared(abtem, energy, delta_k):
    """First Born limit, so that the factors γλ and the areas are right for every energy and super cell."""
    mesh = Mesh(1.0, delta_k, energy)
    pattern = multislice(single_atom("H"), Cylinder(5, 20), mesh)[0]
    expected = np.where(mesh.disc, scattering_factor("H", np.minimum(mesh.k, 1.0)) ** 2, 0)
    assert np.abs(pattern / np.where(mesh.disc, expected, 1) - 1)[mesh.disc].max() < 2e-3
    assert (pattern[~mesh.disc] == 0).all()


@pytest.mark.parametrize("symbol", ["Cu", "Zr"])
def test_single_atom_beyond_the_born_limit(abtem, symbol):
    """|2π ∫ (exp(iσV(r)) − 1) J0(2πkr) r dr|²/(γλ)², σV(r) = γλ 2π ∫ f(q) J0(2πqr) q dq up to 4 Å⁻¹."""
    wavelength = electron_wavelength(200e3)
    gamma = 1 + 200e3 * constants.e / (constants.m_e * constants.c**2)
    edges = np.concatenate([[0], np.geomspace(1e-4, 12, 4000)])
    r, dr = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    q = (np.arange(2000) + 0.5) / 500  # the end of the table
    phase = (
        gamma
        * wavelength
        * 2
        * np.pi
        * j0(2 * np.pi * np.outer(r, q))
        @ (scattering_factor(symbol, q) * q / 500)
    )
    k = MESH.axis[MESH.half :]
    kernel = j0(2 * np.pi * np.outer(k, r)) * 2 * np.pi * r * dr
    expected = np.abs(kernel @ (np.exp(1j * phase) - 1)) ** 2 / (gamma * wavelength) ** 2
    pattern = multislice(single_atom(symbol), Cylinder(5, 20), sampling=0.05)[0]
    assert np.abs(pattern[MESH.half, MESH.half :] / expected - 1).max() < 2e-3
    born = scattering_factor(symbol, k) ** 2
    assert 0.01 < np.abs(expected / born - 1).max() < 0.06  # what a single atom scatters twice


@pytest.mark.parametrize(("zone_axis", "energy"), [((0, 0, 1), 200e3), ((1, 2, 3), 80e3)])
def test_weak_volume_is_kinematic_on_the_ewald_sphere(abtem, hydrogen, zone_axis, energy):
    mesh = Mesh(1.0, 0.05, energy)
    pattern = multislice(hydrogen, Cylinder(5, 28), mesh, zone_axis, slice_thickness=0.5)[0]
    cpu, mirrored = (
        simulate_patterns(hydrogen, CENTER, Cylinder(5, 28), mesh, zone_axis, dtype=np.float64)[0][::s, ::s]
        for s in (1, -1)
    )
    assert deviation(pattern, cpu, mesh) < 0.01
    assert deviation(pattern, mirrored, mesh) > 5 * deviation(pattern, cpu, mesh)


def test_one_layer_of_atoms_agrees_with_the_kinematic_pattern(abtem, rattled):
    for height, most in ((1.5, 0.05), (20, 0.12)):
        cpu = simulate_patterns(rattled, CENTER, Cylinder(5, height), MESH)[0]
        assert deviation(multislice(rattled, Cylinder(5, height))[0], cpu) < most


def test_agrees_with_abtems_own_potential(abtem, rattled):
    """abTEM alone: its table, its projection onto the points, its plane wave."""
    volume, side, depth, points = Cylinder(5, 10), 40.0, 10.0, 800
    found = VolumeSearch(rattled, volume)(CENTER)
    positions = found.positions * (1, 1, -1) + (side / 2, side / 2, depth / 2)
    atoms = Atoms(rattled.numbers[found.indices], positions, cell=[side, side, depth])
    settings = {
        "precision": "float64",
        "fftw.planning_effort": "FFTW_ESTIMATE",
        "diagnostics.progress_bar": False,
    }
    with abtem.config.set(settings):
        potential = abtem.Potential(atoms, gpts=points, slice_thickness=1.0, parametrization="peng")
        wave = abtem.PlaneWave(energy=200e3).multislice(potential, lazy=False).array
    nodes = np.arange(-MESH.half, MESH.half + 1) * 2  # 1/Δk is 20 Å
    amplitude = np.fft.fft2(wave - 1)[np.ix_(nodes, nodes)].T * (side / points) ** 2
    gamma = 1 + 200e3 * constants.e / (constants.m_e * constants.c**2)
    expected = np.abs(amplitude) ** 2 / (gamma * electron_wavelength(200e3)) ** 2 / len(atoms)
    assert deviation(multislice(rattled, volume)[0], expected) < 0.02


def test_frozen_phonons(abtem, rattled):
    volume, mesh = Cylinder(4, 8), Mesh(1.0, 0.1)
    some = {"centers": [[16, 16, 16], [9, 20, 5]], "mesh": mesh, "frozen_phonons": 2, "displacement": 0.1}
    first = multislice(rattled, volume, seed=1, **some)
    assert np.array_equal(first, multislice(rattled, volume, seed=1, **some))
    assert deviation(multislice(rattled, volume, seed=2, **some)[0], first[0], mesh) > 0.05
    alone = multislice(rattled, volume, seed=1, **some | {"centers": [[9, 20, 5]]})
    assert np.array_equal(alone[0], first[1])
    still = multislice(rattled, volume, seed=1, **some | {"displacement": 0.0})
    assert np.allclose(still, multislice(rattled, volume, mesh=mesh, centers=some["centers"]))


def test_direct_beam(abtem, rattled):
    volume, middle = Cylinder(4, 8), (0, MESH.half, MESH.half)
    scattered, everything = (multislice(rattled, volume, direct_beam=keep) for keep in (False, True))
    assert everything[middle] > 100 * scattered[middle]
    everything[middle] = scattered[middle]
    assert np.allclose(everything, scattered, rtol=1e-6, atol=1e-9)


def test_convergent_probe(abtem, hydrogen):
    """A probe of small angle is a plane wave; a wider one weighs atoms by its amplitude."""
    volume, mesh = Cylinder(3, 10), MESH
    plane = multislice(hydrogen, volume)[0]
    assert deviation(multislice(hydrogen, volume, semiangle=0.8)[0], plane) < 0.03
    semiangle = 2.0
    width = 0.514 * electron_wavelength(200e3) / (1e-3 * semiangle)  # of an Airy disc's intensity
    airy = WeightedVolume(width, 10, profile="airy", cutoff=5)
    expected = simulate_patterns(hydrogen, CENTER, airy, mesh)[0]
    probe = multislice(hydrogen, Cylinder(5, 10), semiangle=semiangle)[0]
    unweighted = simulate_patterns(hydrogen, CENTER, Cylinder(5, 10), mesh)[0]
    assert deviation(probe, expected) < 0.1 < deviation(probe, unweighted)


def test_as_an_engine(abtem, rattled):
    flat = Mesh(1.0, 0.1)
    found = VolumeSearch(rattled, Cylinder(4, 8))(CENTER)
    double = multislice_patterns(found, rattled.numbers, flat, dtype=np.float64)
    for dtype, tolerance in ((np.float16, 1e-3), (np.float32, 1e-5)):
        pattern = simulate_patterns(rattled, CENTER, Cylinder(4, 8), flat, engine="multislice", dtype=dtype)
        assert pattern.dtype == dtype
        assert np.abs(pattern - double).max() < tolerance * double.max()
    # without a beam energy the mesh stands for 200 keV
    assert np.array_equal(
        double, multislice_patterns(found, rattled.numbers, Mesh(1, 0.1, 200e3), dtype=float)
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"semiangle": -1}, "semiangle is -1"),
        ({"slice_thickness": 0}, "slice_thickness is 0"),
        ({"sampling": "fine"}, "sampling is 'fine'"),
        ({"frozen_phonons": 1.5}, "frozen_phonons is 1.5"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_that_cannot_be(options, match):
    with pytest.raises(InputError, match=match):
        MultisliceOptions(**options)


def test_what_multislice_cannot_do_is_refused(abtem, rattled):
    with pytest.raises(InputError, match="cannot weigh atoms"):
        simulate_patterns(rattled, CENTER, WeightedVolume(4, 12), MESH, engine="multislice")
    with pytest.raises(InputError, match=r"needs at most 0.167 Å"):
        multislice(rattled, Cylinder(4, 8), sampling=0.2)
    with pytest.raises(InputError, match=r"wave up to 1.99 Å⁻¹ needs at most 0.084 Å"):
        multislice(rattled, Cylinder(4, 8), semiangle=50, sampling=0.1)


def test_absent_abtem_is_said_before_anything_is_computed():
    code = (
        "import sys\n"
        "sys.modules['abtem'] = None\n"
        "import pyiron_nbed\n"
        "from pyiron_nbed import Cylinder, random_alloy, simulate_patterns\n"
        "from pyiron_nbed.errors import InputError\n"
        "try:\n"
        "    simulate_patterns(random_alloy(864), [[9, 9, 9]], Cylinder(4, 10), engine='multislice')\n"
        "except InputError as error:\n"
        "    assert 'pip install \"pyiron_nbed[multislice]\"' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
