"""The simulated camera: where it sees which k, what it counts, and what a calibration says of it."""

import numpy as np
import pytest

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, WeightedVolume, examples, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch, electron_wavelength, scattering_factor
from pyiron_nbed.experiment import Camera, Descan, prepare, simulate_scan
from pyiron_nbed.patterns import Recipe

VOLUME = Cylinder(5, 20)


@pytest.fixture(scope="module")
def atoms():
    return examples.load("glass_fast")


DISTORTIONS = {
    "none": {},
    "centre between pixels": {"center": (124.37, 125.81)},
    "ellipse": {"ellipticity": 0.04, "angle": 35.0},
    "rotation": {"rotation": 28.0},
    "mirror image": {"flip": True, "rotation": -10.0},
    "descan": {"descan": Descan("parabola", [[1.3, 0.2, 0.1, 0.0, 0.2], [-0.4, 2.1, 0.0, 0.1, -0.2]])},
    "Ewald sphere": {"beam_energy": 200e3},
    "all": {
        "center": (123.4, 125.7), "ellipticity": 0.035, "angle": 110.0, "rotation": 17.0, "flip": True,
        "descan": Descan("plane", [[1.4, 0.3], [-0.6, 0.8]]), "beam_energy": 200e3,
    },
}  # fmt: skip


def brute(atoms, scan, pixels):
    # mean over pixels of frame (0, 0), summed over the atoms at each of many points
    camera, volume = scan.camera, scan.volume
    found = VolumeSearch(atoms, volume)(scan.positions[0, :1])
    symbols = np.array(atoms.get_chemical_symbols())[found.indices]
    weights = np.ones(len(symbols)) if found.weights is None else found.weights
    offsets, shares = (values / 2 for values in np.polynomial.legendre.leggauss(8))
    x, y = pixels[:, 0, None, None] + offsets, pixels[:, 1, None, None] + offsets[:, None]
    kx, ky = scan.calibration.to_k(x, y, 0, 0)
    k = np.hypot(kx, ky)
    kz = 0 if camera.beam_energy is None else electron_wavelength(camera.beam_energy) * k**2 / 2
    factors = {symbol: scattering_factor(symbol, k) for symbol in set(symbols)}
    total = np.zeros(k.shape, complex)
    for r, w, symbol in zip(found.positions, weights, symbols, strict=True):
        total += w * factors[symbol] * np.exp(2j * np.pi * (kx * r[0] + ky * r[1] + kz * r[2]))
    return (np.abs(total) ** 2) @ shares @ shares / found.norms[0]


@pytest.mark.parametrize("volume", [Cylinder(5, 20), Ellipsoid(10, 40), WeightedVolume(6, 20)])
@pytest.mark.parametrize("name", ["none", "all"])
@pytest.mark.parametrize("delta_k", [0.01, 0.05])
def test_a_pixel_is_the_mean_over_its_area(atoms, volume, name, delta_k):
    side = round(2 / delta_k)
    camera = Camera((side, side + 3), delta_k, **{**DISTORTIONS[name], "center": None})
    scan = simulate_scan(atoms, volume, camera, step=9.0, limits=[(20, 30), (23, 23)])
    pixels = np.random.default_rng(0).integers(0, side, (150, 2))
    found, wanted = scan[0, 0][pixels[:, 1], pixels[:, 0]], brute(atoms, scan, pixels)
    far = wanted < 50  # not in the forward beam
    assert far.sum() > 100
    assert np.sqrt(np.mean((found - wanted)[far] ** 2)) < 5e-4 * np.sqrt(np.mean(wanted[far] ** 2))


@pytest.mark.parametrize("name", DISTORTIONS)
def test_prepared_frames_are_the_patterns_simulated_on_the_mesh(atoms, name):
    camera = Camera((250, 252), 0.008, **DISTORTIONS[name])
    scan = simulate_scan(atoms, VOLUME, camera, step=9.0, limits=[(4, 13), (10, 19)])
    assert scan.shape == (2, 2, 250, 252)
    mesh = Mesh(0.85, 0.025, camera.beam_energy, integrate=3)
    recipe = Recipe.experiment(mesh, k_min=0.2)
    found = prepare(scan, scan.calibration, recipe).array(progress=False).reshape(4, *mesh.shape)
    direct = simulate_patterns(atoms, scan.positions.reshape(-1, 3), VOLUME, mesh)
    # a noiseless frame is in Å², as the patterns are
    difference = (found - direct)[:, recipe.mask]
    rms = np.sqrt((difference**2).mean() / (direct[:, recipe.mask] ** 2).mean())
    assert rms < 0.01


def test_torch_makes_the_same_frames(atoms):
    pytest.importorskip("torch")
    given = {"step": 9.0, "limits": [(4, 13), (10, 19)]}
    one, other = (
        simulate_scan(atoms, VOLUME, Camera((64, 64), 0.03), engine=engine, **given).read(0, 4)
        for engine in ("cpu", "torch")
    )
    assert np.abs(one - other).max() < 1e-4 * one.max()


@pytest.mark.slow
def test_a_camera_sees_multislice_patterns(atoms):
    pytest.importorskip("abtem")
    camera = Camera((200, 200), 0.008, center=(98.3, 101.2), beam_energy=200e3)
    options = {"engine": "multislice", "multislice": {"semiangle": 0.0}}
    scan = simulate_scan(atoms, VOLUME, camera, positions=np.full((1, 1, 3), 25.0), **options)
    mesh = Mesh(0.7, 0.03, 200e3, integrate=3)
    recipe = Recipe.experiment(mesh, k_min=0.2)
    found = prepare(scan, scan.calibration, recipe).array(progress=False)[0, 0]
    direct = simulate_patterns(atoms, scan.positions[0], VOLUME, mesh, **options)[0]
    difference = (found - direct)[recipe.mask]
    assert np.sqrt(np.mean(difference**2)) < 0.015 * np.sqrt(np.mean(direct[recipe.mask] ** 2))
