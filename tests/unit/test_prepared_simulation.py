"""Patterns prepared from simulated camera frames are those that the recipe simulates directly."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from pyiron_nbed import Cylinder, Mesh, simulate_patterns
from pyiron_nbed.experiment import Calibration, Descan, MeasuredScan, prepare
from pyiron_nbed.patterns import Recipe

FINE = Mesh(1.3, 0.015)
SHAPE, SCAN = (256, 250), (2, 3)
POINTS = (np.arange(3) - 1) / 3  # of each camera pixel, along each side


def camera(patterns, cal):
    """Frames of a camera without noise: patterns of points on FINE, the mean over each pixel."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    frames = np.zeros((len(patterns), *SHAPE))
    for number, pattern in enumerate(patterns):
        place = divmod(number, SCAN[1])
        for dy in POINTS:
            for dx in POINTS:
                k = np.stack(cal.to_k(x + dx, y + dy, *place)[::-1]) / FINE.delta_k + FINE.half
                frames[number] += map_coordinates(pattern, k, order=3, mode="nearest") / len(POINTS) ** 2
        frames[number] += np.interp(
            cal.k(*place) / cal.delta_k, np.arange(len(cal.background)), cal.background
        )
    return frames


@pytest.mark.parametrize("stop", ["bar", "disc"])
def test_all_effects_but_noise_are_undone(rattled, stop):
    rng = np.random.default_rng(4)
    centers = rng.uniform(10, 22, (6, 3))
    volume, recipe = Cylinder(5, 30), Recipe.experiment()
    points = simulate_patterns(rattled, centers, volume, FINE).astype(float)
    wanted = simulate_patterns(rattled, centers, volume, recipe.mesh)
    points *= 100 / points.mean()
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.0
    background = 30 * np.exp(-np.arange(180) / 60)
    cal = Calibration(
        (126.3, 129.8), 0.0089, SHAPE, SCAN, ellipticity=0.035, angle=-40, rotation=17, flip=True,
        descan=Descan("plane", [[0.8, -0.3], [0.2, 1.1]]), background=background,
        hot=rng.random(SHAPE) < 0.001, dead=(rng.random(SHAPE) < 0.001) | (y == 77),
        hidden=(np.abs(y - 131 - 0.2 * (x - 126)) < 9) & (x > 120)
        if stop == "bar" else np.hypot(x - 126.3, y - 129.8) < 8,
    )  # fmt: skip
    frames = camera(points, cal)
    frames[:, cal.hot] = 1e5
    frames[:, cal.dead | cal.hidden] = 0
    scan = MeasuredScan.from_array(frames.reshape(*SCAN, *SHAPE).astype(np.float32))
    patterns = prepare(scan, cal, recipe, background=True)
    images, direct = patterns.images(), recipe.images(wanted)
    difference = (images - direct)[:, recipe.mask]
    rms = np.sqrt(np.mean(difference**2, axis=1))
    assert rms.max() < 0.01
    assert (stop == "bar") == (patterns.facts["pixels_from_friedel"] > 20)
