"""Effects of microscope and camera: sum rules, moments and symmetries."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns import detector as tensors


class detector:
    """The functions on tensors, called with arrays."""

    converge, blur, add_background, distort, undistort = (
        staticmethod(
            lambda patterns, *args, function=function, **options: function(
                torch.from_numpy(np.asarray(patterns)), *args, **options
            ).numpy()
        )
        for function in (
            tensors.converge, tensors.blur, tensors.add_background, tensors.distort, tensors.undistort
        )
    )  # fmt: skip


def random_patterns(seed, count=3, n=41, margin=14):
    patterns = np.zeros((count, n, n))
    inner = slice(margin, n - margin)
    patterns[:, inner, inner] = np.random.default_rng(seed).exponential(
        size=(count, n - 2 * margin, n - 2 * margin)
    )
    return patterns


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), semiangle=st.floats(0, 3.0))
def test_convergence_keeps_the_intensity(seed, semiangle):
    patterns = random_patterns(seed)
    result = detector.converge(patterns, semiangle, wavelength=0.0251, delta_k=0.0125)
    assert result.sum(axis=(1, 2)) == pytest.approx(patterns.sum(axis=(1, 2)), rel=1e-12)
    assert (result >= 0).all()


def test_a_spot_becomes_a_disc_of_the_right_radius():
    n, wavelength, delta_k, semiangle = 101, 0.0251, 0.01, 5.0
    spot = np.zeros((1, n, n))
    spot[0, 60, 45] = 1
    disc = detector.converge(spot, semiangle, wavelength, delta_k)[0]
    radius = 1e-3 * semiangle / wavelength / delta_k
    assert disc.max() == pytest.approx(1 / (np.pi * radius**2), rel=0.01)
    y, x = np.mgrid[:n, :n]
    distance = np.hypot(y - 60, x - 45)
    assert (disc[distance > radius + 1] < 1e-15).all()
    assert disc[distance < radius - 1] == pytest.approx(disc.max())


def test_convergence_against_a_direct_convolution():
    patterns = random_patterns(3, count=1, n=25, margin=0)
    kernel = np.zeros((25, 25))
    kernel[12, 12] = 1
    kernel = detector.converge(kernel[None], 2.0, 0.025, 0.02)[0]
    padded = np.pad(patterns[0], 12)
    expected = np.zeros((25, 25))
    for i in range(25):
        for j in range(25):
            expected += kernel[i, j] * padded[24 - i : 49 - i, 24 - j : 49 - j]
    assert np.allclose(detector.converge(patterns, 2.0, 0.025, 0.02)[0], expected, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), sigma=st.floats(1.0, 2.0))
def test_blur_keeps_the_sum_and_adds_its_variance(seed, sigma):
    patterns = random_patterns(seed)
    axis = np.arange(41.0)

    def variance(images):
        weight = images.sum(axis=1) / images.sum(axis=(1, 2))[:, None]
        mean = weight @ axis
        return weight @ axis**2 - mean**2

    result = detector.blur(patterns, sigma)
    assert result.sum(axis=(1, 2)) == pytest.approx(patterns.sum(axis=(1, 2)), rel=1e-9)
    assert variance(result) - variance(patterns) == pytest.approx([sigma**2] * 3, rel=1e-3)


def test_blur_of_each_pattern_by_its_own_sigma():
    patterns = random_patterns(1)
    together = detector.blur(patterns, [0.0, 1.0, 2.0])
    assert np.allclose(together[0], patterns[0])
    assert np.allclose(together[2], detector.blur(patterns[2:], 2.0)[0])


def test_a_bar_hides_what_lies_on_its_side_and_nothing_else():
    n, width = 41, 0.3
    x, y = np.meshgrid(np.arange(-20, 21) * 0.1, np.arange(-20, 21) * 0.1)
    angles = [0.0, 30.0, 90.0, 200.0]
    hidden = tensors.bar_shadow(n, np.full(4, width), angles, 0.1).numpy()
    for angle, own in zip(np.deg2rad(angles), hidden, strict=True):
        along, across = x * np.cos(angle) + y * np.sin(angle), np.abs(y * np.cos(angle) - x * np.sin(angle))
        distance = np.where(along > 0, across, np.hypot(x, y))
        assert not own[distance > width / 2 + 1e-6].any()
        assert own[distance < width / 2 - 1e-6].all()
    assert not tensors.bar_shadow(n, [0.0], [0.0], 0.1).any()


@settings(max_examples=20, deadline=None)
@given(
    x=st.floats(-2, 2), y=st.floats(-2, 2), ellipticity=st.floats(0.93, 1.07), angle=st.floats(0, 180),
    scale=st.floats(0.95, 1.05),
)  # fmt: skip
def test_undistort_is_the_inverse_of_distort(x, y, ellipticity, angle, scale):
    a, b = np.meshgrid(np.arange(-40, 41.0), np.arange(-40, 41.0))
    smooth = np.exp(-((a - 5) ** 2 + (b + 3) ** 2) / 200) + np.exp(-((a + 9) ** 2 + b**2) / 120)
    there = detector.distort(smooth[None], (x, y), ellipticity, angle, scale)
    back = detector.undistort(there, (x, y), ellipticity, angle, scale)
    inner = np.s_[0, 8:-8, 8:-8]
    # each linear interpolation is wrong by at most an eighth of the second derivatives, 2/60 + 2/100 here
    assert np.abs(back - smooth[None])[inner].max() < 2 / 8 * (2 / 60 + 2 / 100)
    assert np.abs(there - smooth[None])[inner].max() < 0.6


def test_scale_and_its_direction():
    ring = np.zeros((1, 81, 81))
    a, b = np.meshgrid(np.arange(-40, 41.0), np.arange(-40, 41.0))
    ring[0] = np.exp(-((np.hypot(a, b) - 20) ** 2) / 8)
    grown = detector.distort(ring, scale=1.1)[0]
    assert np.hypot(a, b)[grown > 0.9].mean() == pytest.approx(22, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), share=st.floats(0, 1), uniform=st.floats(0, 1))
def test_background_keeps_the_sum(seed, share, uniform):
    patterns = random_patterns(seed)
    result = detector.add_background(patterns, share, 0.1, 0.02, uniform)
    assert result.sum(axis=(1, 2)) == pytest.approx(patterns.sum(axis=(1, 2)))
    assert np.allclose(detector.add_background(patterns, 0.0, 0.1, 0.02, uniform), patterns)


def test_shift_by_whole_pixels_moves_the_image():
    patterns = random_patterns(2)
    result = detector.distort(patterns, shift=[[3, 0], [0, -2], [1, 1]])
    for p, (columns, rows) in enumerate([(3, 0), (0, -2), (1, 1)]):
        assert np.allclose(result[p], np.roll(patterns[p], (rows, columns), axis=(0, 1)))


def test_ellipticity_stretches_along_its_angle():
    n = 201
    y, x = np.mgrid[:n, :n] - n // 2
    blob = np.exp(-(x**2 + y**2) / (2 * 12.0**2))[None]
    for angle in (0.0, 30.0, 90.0):
        result = detector.distort(blob, ellipticity=1.3, angle=angle)[0]
        moments = np.array([[(result * a * b).sum() for a in (x, y)] for b in (x, y)]) / result.sum()
        values, vectors = np.linalg.eigh(moments)
        assert np.sqrt(values[1] / values[0]) == pytest.approx(1.3, rel=0.01)
        direction = np.rad2deg(np.arctan2(vectors[1, 1], vectors[0, 1])) % 180
        assert min(abs(direction - angle), 180 - abs(direction - angle)) < 1
        assert result.sum() == pytest.approx(blob.sum(), rel=0.01)


def test_nothing_asked_for_changes_nothing():
    patterns = random_patterns(0).astype(np.float32)
    for same in (
        detector.converge(patterns, 0, 0.025, 0.01),
        detector.distort(patterns),
        detector.undistort(patterns),
    ):
        assert (same == patterns).all()
        assert same.dtype == np.float32
    assert np.allclose(detector.blur(patterns, 0), patterns, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detector.blur(np.ones((3, 4)), 1), "shape"),
        (lambda: detector.blur(np.ones((3, 4, 4)), 1), "odd"),
        (lambda: detector.blur(np.ones((3, 5, 5)), -1), "sigma"),
        (lambda: detector.blur(np.ones((3, 5, 5)), [1, 2]), "3 patterns"),
        (lambda: detector.converge(np.ones((1, 5, 5)), 50, 0.025, 0.01), "wider than the image"),
        (lambda: detector.converge(np.ones((1, 5, 5)), 1, 0, 0.01), "wavelength"),
        (lambda: detector.add_background(np.ones((1, 5, 5)), 2, 1, 0.1), "between 0 and 1"),
        (lambda: detector.distort(np.ones((1, 5, 5)), shift=(1, 2, 3)), "shift"),
        (lambda: detector.distort(np.ones((1, 5, 5)), ellipticity=0), "ellipticity"),
        (lambda: detector.distort(np.ones((1, 5, 5)), scale=0), "scale"),
        (lambda: tensors.bar_shadow(5, [-1.0], [0.0], 0.1), "width"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
