"""What the simulated camera counts, hides and breaks, and whether ``calibrate`` finds its truth."""

import numpy as np
import pytest

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.experiment import Camera, Descan, MeasuredScan, calibrate, prepare, simulate_scan
from pyiron_nbed.experiment.onto_mesh import background_on
from pyiron_nbed.patterns import Recipe

VOLUME = Cylinder(5, 20)
LIMITS = [(10, 34), (10, 34)]


@pytest.fixture(scope="module")
def atoms():
    return examples.load("glass_fast")


def scan_of(atoms, camera, step=4.0, limits=LIMITS, **options):
    return simulate_scan(atoms, VOLUME, camera, step=step, limits=limits, **options)


def test_counts_are_poisson_numbers_of_the_dose(atoms):
    camera = Camera((64, 64), 0.03, dose=2e5, seed=1)
    frames = scan_of(atoms, camera).read(0, 49).astype(float)
    expected = scan_of(atoms, camera.replaced(dose=None)).read(0, 49).astype(float)
    expected *= 2e5 / expected.sum((1, 2), keepdims=True)
    z = (frames - expected) / np.sqrt(expected)
    often = expected > 5
    # mean 0 ± 1/√n and variance 1 ± √(2/n), with the kurtosis of Poisson numbers below 3.2
    n = often.sum()
    assert n > 50_000
    assert abs(z[often].mean()) < 5 / np.sqrt(n)
    assert abs(z[often].var() - 1) < 5 * np.sqrt(2.2 / n)
    total = frames.sum((1, 2))
    assert abs(total.mean() - 2e5) < 5 * np.sqrt(2e5 / 49)
    # frames differ from each other and are not shifted copies of one draw
    rest = z[:, 10:20, 10:20].reshape(49, -1)
    assert np.abs(np.corrcoef(rest) - np.eye(49)).max() < 0.6


def test_frames_depend_on_seed_and_number_only(atoms):
    camera = Camera((64, 64), 0.03, dose=1e4, hot=3, seed=5)
    scan = scan_of(atoms, camera)
    whole = scan.read(0, 49)
    assert (np.concatenate([scan.read(i, min(i + 4, 49)) for i in range(0, 49, 4)]) == whole).all()
    assert (scan[3, 2] == whole[23]).all()
    assert (scan_of(atoms, camera, cores=1).read(20, 30) == whole[20:30]).all()
    other = scan_of(atoms, camera.replaced(seed=6))
    assert (other.read(0, 49) != whole).mean() > 0.3
    assert (other.camera.hot_pixels != camera.hot_pixels).any()
    assert scan.fingerprint == scan_of(atoms, camera).fingerprint
    assert scan.fingerprint != other.fingerprint
    noiseless = camera.replaced(dose=None, hot_value=1.0)
    scan = scan_of(atoms, noiseless)
    assert (np.concatenate([scan.read(i, min(i + 5, 49)) for i in range(0, 49, 5)]) == scan.read(0, 49)).all()


def test_stop_hot_and_dead_pixels_are_where_the_truth_says(atoms):
    dead = np.zeros((64, 66), bool)
    dead[20:22, 10:30] = True
    camera = Camera(
        (64, 66), 0.03, center=(30.3, 33.1), dose=1e7, stop="bar", stop_width=7.0, stop_angle=90.0, hot=9,
        hot_value=77, dead=dead, blur=0.8, background=0.2,
    )  # fmt: skip
    frames, truth = scan_of(atoms, camera).read(0, 49), camera.calibration((7, 7))
    assert truth.hot.sum() == 9
    assert (truth.dead == dead).all()
    assert not (truth.hot & truth.dead).any()
    assert (frames[:, truth.hot] == 77).all()
    assert (frames[:, dead] == 0).all()
    assert (frames[:, truth.hidden & ~truth.hot] == 0).all()
    assert frames[:, truth.mask].min() > 0
    y, x = np.nonzero(truth.hidden)
    assert x.min() >= 30.3 - 3.5
    assert x.max() <= 30.3 + 3.5
    assert y.max() == 63
    assert y.min() == 30  # 33.1 − 3.5, the round end
    disc = camera.replaced(stop="disc").hidden
    assert abs(disc.sum() - np.pi * 3.5**2) < 8
    own = np.hypot(*np.mgrid[-32:32, -33:33]) < 4
    assert (camera.replaced(stop=own, stop_width=0.0).hidden == own).all()


def test_a_counter_ends_at_its_bits(atoms):
    frames = scan_of(atoms, Camera((64, 64), 0.03, dose=1e7, bits=12)).read(0, 9)
    assert frames.dtype == np.uint16
    assert frames.max() == 4095
    whole = scan_of(atoms, Camera((64, 64), 0.03, dose=1e7)).read(0, 9)
    assert (frames == np.minimum(whole, 4095)).all()


def test_background_and_point_spread(atoms):
    camera = Camera(
        (128, 128), 0.015, center=(60.2, 66.0), ellipticity=0.03, background=0.3, background_width=0.25,
        dose=1e6, descan=Descan("plane", [[0.4, 0], [0, 0.4]]),
    )  # fmt: skip
    scan, plain = scan_of(atoms, camera), scan_of(atoms, camera.replaced(background=0.0))
    points = scan._frames._points
    pattern = np.zeros((401, 401))
    image = camera.image(pattern, 0.01, (60.2, 66.0), points)  # nothing but the background
    truth = scan.calibration
    k = truth.k() / truth.delta_k
    wanted = np.interp(k, np.arange(len(truth.background)), truth.background)
    assert np.abs(image - wanted).max() < 1e-3 * wanted.max()
    assert abs(image.sum() / (0.3 * 1e6) - 1) < 0.01
    # what remains after the background is subtracted is 0.7 of the pattern
    recipe = Recipe.experiment(Mesh(0.8, 0.03, integrate=3), k_min=0.2)
    with_it = prepare(scan, truth, recipe).array(progress=False).mean((0, 1))
    without = prepare(plain, plain.calibration, recipe).array(progress=False).mean((0, 1))
    rest = (with_it - background_on(truth, recipe) - 0.7 * without)[recipe.mask]
    assert np.abs(rest).mean() < 0.02 * without[recipe.mask].mean()
    # a point spread keeps the electrons, and makes of a spot a Gaussian
    spot = np.zeros((401, 401))
    spot[190:211, 190:211] = np.outer(*[np.exp(-0.5 * (np.arange(-10, 11) / 2.0) ** 2)] * 2)
    sharp = Camera((65, 65), 0.015)
    blurred = sharp.replaced(blur=1.5)
    images = [c.image(spot, 0.01, (32.0, 32.0), points) for c in (sharp, blurred)]
    x = np.arange(65) - 32.0
    widths = [np.sqrt((i.sum(0) * x**2).sum() / i.sum()) for i in images]
    assert abs(images[1].sum() / images[0].sum() - 1) < 1e-6
    assert abs(np.hypot(widths[0], 1.5) / widths[1] - 1) < 1e-3


def test_the_true_calibration_is_its_own_inverse():
    camera = Camera(
        (128, 120), 0.01, center=(50.0, 61.0), ellipticity=0.04, angle=30.0, rotation=75.0, flip=True,
        descan=Descan("plane", [[0.4, 0.1], [0, 0.4]]), beam_energy=3e5, semiangle=1.0,
    )  # fmt: skip
    truth = camera.calibration((4, 6))
    k = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20))
    found = truth.to_k(*truth.to_pixels(*k, 1, 2).T, 1, 2)
    assert np.abs(found - k).max() < 1e-12
    assert truth.center_error == truth.delta_k_error == 0
    assert camera.from_dict(camera.as_dict()) == camera
    assert Camera.from_dict({"frame_shape": [8, 8], "delta_k": 0.1}) == Camera((8, 8), 0.1)


@pytest.mark.parametrize("stop", [None, "disc", "bar"])
def test_calibrate_finds_the_truth(atoms, stop):
    widths = {None: 0.0, "disc": 28.0, "bar": 9.0}
    camera = Camera(
        (128, 128), 0.015, center=(62.7, 64.4), ellipticity=0.03, angle=40.0, dose=1e6, stop=stop,
        stop_width=widths[stop], stop_angle=20.0, seed=2,
    )  # fmt: skip
    scan, truth = scan_of(atoms, camera), camera.calibration((7, 7))
    found = calibrate(MeasuredScan.from_array(scan[:]), delta_k=0.015)
    away = np.abs(np.subtract(found.center, truth.center)).max()
    if stop == "bar":
        # the flank of the forward beam is seen, whose few speckles are more than the stated error
        assert away < 0.1
        assert abs(found.ellipticity - 0.03) < 0.01
    else:
        assert away < 3 * found.center_error
        assert abs(found.ellipticity - 0.03) < 3 * found.ellipticity_error
    assert abs(found.angle - 40) < 3 * found.angle_error
    assert found.center_error < 0.15
    assert found.ellipticity_error < 0.01
    if stop:
        assert (found.hidden & truth.hidden).sum() > 0.9 * truth.hidden.sum()
