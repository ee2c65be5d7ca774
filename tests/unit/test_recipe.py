"""The recipe of the images: formula, units, mask, and pixels that integrate."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Cylinder, Mesh, WeightedVolume, simulate_patterns
from pyiron_nbed.errors import DatasetError, InputError, ModelError
from pyiron_nbed.patterns import Recipe
from pyiron_nbed.patterns.images import denoised, largest_value

MESH = Mesh(1.0, 0.05)
RECIPES = {
    "simulation": Recipe.simulation(MESH),
    "experiment": Recipe.experiment(MESH),
    "sqrt": Recipe(MESH, 0.1, (0.3, 0.6), "sqrt", scaling="none"),
    "denoised": Recipe(MESH, 0.1, denoising=0.1),
}


def random_patterns(count=4, seed=0):
    return np.random.default_rng(seed).exponential(50, (count, *MESH.shape))


def test_the_formula():
    patterns = random_patterns()
    recipe = Recipe(MESH, k_min=0.2, unit=(0.75, 1.0), gain=4.0)
    mask = MESH.disc & (MESH.k >= 0.2)
    ring = MESH.disc & (MESH.k >= 0.75)
    expected = np.log1p(4 * patterns / patterns[:, ring].mean(axis=1)[:, None, None])
    low = expected[:, mask].min(axis=1)[:, None, None]
    high = expected[:, mask].max(axis=1)[:, None, None]
    images = recipe.images(patterns)
    assert images.dtype == np.float32
    assert np.abs(images - np.where(mask, (expected - low) / (high - low), 0)).max() < 1e-6
    assert (images[:, ~mask] == 0).all()


def test_the_recipe_of_the_study():
    patterns = random_patterns() - 0.0
    patterns[0, 20, 20] = 0.3  # below 1: log(max(I, 1)) = 0
    absolute = Recipe.study(MESH)
    scale = largest_value(absolute, torch.from_numpy(patterns))
    assert scale == pytest.approx(np.log(patterns[:, MESH.disc].max()), rel=1e-6)
    images = absolute.with_scale(scale).images(patterns)
    expected = np.where(MESH.disc, np.log(np.maximum(patterns, 1)) / scale, 0)
    assert np.abs(images - expected).max() < 1e-6
    with pytest.raises(InputError, match="training set"):
        absolute.images(patterns)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(RECIPES)), factor=st.floats(1e-3, 1e4), seed=st.integers(0, 99),
    under=st.sampled_from([np.nan, -1.0, np.inf, 1e30, 0.0]),
)  # fmt: skip
def test_unit_and_mask_do_not_matter(name, factor, seed, under):
    recipe, patterns = RECIPES[name], random_patterns(2, seed).astype(np.float32)
    images = recipe.images(patterns)
    assert np.abs(recipe.images(np.float32(factor) * patterns) - images).max() < 2e-5 * max(1, images.max())
    hidden = np.where(recipe.mask, patterns, np.float32(under))
    assert np.array_equal(recipe.images(hidden), images)


def test_counts_mean_the_same_as_whole_and_as_real_numbers():
    counts = np.random.default_rng(1).poisson(random_patterns())
    for recipe in RECIPES.values():
        images = [recipe.images(counts.astype(kind)) for kind in (np.uint16, np.float32, np.float64)]
        assert np.array_equal(images[0], images[1])
        assert np.array_equal(images[0], images[2])


def test_a_pattern_without_a_unit_is_dark():
    patterns = random_patterns(2)
    patterns[0, RECIPES["experiment"].annulus] = 0
    images = RECIPES["experiment"].images(patterns)
    assert (images[0] == 0).all()
    assert images[1].max() == 1


def test_denoising_is_that_of_scikit_image():
    from skimage.restoration import denoise_tv_chambolle

    images = np.random.default_rng(0).random((3, 31, 31)).astype(np.float32)
    images[1] = images[1] * 0.1 + 0.5  # stops after fewer iterations than the others
    ours = denoised(torch.from_numpy(images), 0.1).numpy()
    for own, image in zip(ours, images, strict=True):
        assert np.abs(own - denoise_tv_chambolle(image, 0.1, eps=2e-4, max_num_iter=200)).max() < 1e-5


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_a_pixel_is_the_mean_over_its_area(rattled, engine):
    """Simulated, and averaged from a camera with pixels three times as small."""
    centers = np.random.default_rng(0).random((5, 3)) * 32
    coarse, camera = Mesh(1.0, 0.045, integrate=3), Mesh(1.06, 0.015)
    patterns = simulate_patterns(rattled, centers, Cylinder(5, 15), coarse, engine=engine, device="cpu")
    seen = simulate_patterns(rattled, centers, Cylinder(5, 15), camera)
    half = camera.half
    for row, column in ((0, 0), (3, -7), (-15, 10), (20, 5), (-21, 1)):
        rows, columns = (slice(half + 3 * n - 1, half + 3 * n + 2) for n in (row, column))
        expected = seen[:, rows, columns].mean(axis=(1, 2))
        found = patterns[:, coarse.half + row, coarse.half + column]
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(patterns.max()))
    assert (patterns[:, ~coarse.disc] == 0).all()


def test_pixels_smooth_the_autocorrelation_as_the_area_of_a_pixel_does():
    """Two atoms x Å apart: the interference is multiplied by sinc(x Δk), to the rule of n points."""
    from ase import Atoms

    for distance, n, expected in ((10.0, 1, 1.0), (10.0, 3, 0.725), (10.0, 9, 0.702), (5.0, 9, 0.919)):
        pair = Atoms("Cu2", [[-distance / 2, 0, 0], [distance / 2, 0, 0]], cell=[40, 40, 40])
        mesh = Mesh(1.0, 0.045, integrate=n)
        pattern = simulate_patterns(pair, [[0, 0, 0]], Cylinder(8, 8), mesh)[0]
        one = simulate_patterns(pair[:1], [[0, 0, 0]], Cylinder(8, 8), mesh)[0]
        row = pattern[mesh.half] / one[mesh.half] - 1  # 1 + c cos(2π k x)
        wave = np.cos(2 * np.pi * mesh.axis * distance)
        assert (row @ wave) / (wave @ wave) == pytest.approx(expected, abs=0.01)


def test_the_mesh_that_a_probe_needs():
    probe = WeightedVolume(width=6, thickness=20)
    assert probe.nyquist_delta_k == pytest.approx(1 / (2 * 2 * probe.radius))
    assert Cylinder(5, 20).nyquist_delta_k == pytest.approx(0.05)


def test_json_form_and_names():
    for recipe in (*RECIPES.values(), Recipe.study(MESH, 7.0), Recipe.experiment()):
        assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
        assert hash(recipe) == hash(Recipe.from_dict(recipe.as_dict()))
    assert Recipe.resolve("study", MESH) == Recipe.study(MESH)
    assert Recipe.simulation(Mesh(0.2, 0.05)).unit == (0.1, 0.2)  # a mesh within the annulus
    assert Recipe.resolve({"k_min": 0.1}, MESH).k_min == 0.1
    assert Recipe.resolve(None, MESH, RECIPES["sqrt"]) == RECIPES["sqrt"]


def test_the_field_that_differs_is_named():
    with pytest.raises(ModelError, match="gain"):
        Recipe(MESH).check_same(Recipe(MESH, gain=3.0), "a file")
    with pytest.raises(ModelError, match="mesh"):
        Recipe(MESH).check_same(Recipe(Mesh(1.0, 0.05, integrate=3)), "a file")


def test_fields_that_are_left_out_are_those_of_a_simulation():
    small = Mesh(0.25, 0.05)  # does not reach the usual annulus
    assert Recipe.resolve({"gain": 2.0}, small).unit == Recipe.simulation(small).unit


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_bad_intensity_and_shapes_are_refused(bad):
    patterns = np.ones((2, *MESH.shape))
    patterns[1, MESH.half, MESH.half] = bad
    with pytest.raises(DatasetError, match="bad pixels"):
        Recipe.simulation(MESH).images(patterns)
    with pytest.raises(DatasetError, match="expected"):
        Recipe.simulation(MESH).images(np.ones((2, 7, 7)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Recipe("mesh"), "Mesh"),
        (lambda: Recipe(MESH, k_min=1.5), "k_min"),
        (lambda: Recipe(MESH, k_min="0.1"), "k_min"),
        (lambda: Recipe(MESH, unit=(0.5, 0.2)), "unit"),
        (lambda: Recipe(MESH, unit=(1.5, 2.0)), "annulus"),
        (lambda: Recipe(MESH, transform="cube"), "transform"),
        (lambda: Recipe(MESH, gain=0), "gain"),
        (lambda: Recipe(MESH, scaling="max"), "scaling"),
        (lambda: Recipe(MESH, scaling=-1.0), "scaling"),
        (lambda: Recipe(MESH, denoising=0), "denoising"),
        (lambda: Recipe.resolve("measured", MESH), "measured"),
        (lambda: Recipe.resolve(5, MESH), "5"),
        (lambda: Recipe.resolve(Recipe.simulation(), MESH), "same mesh"),
        (lambda: Recipe.from_dict({"mesh": MESH.as_dict(), "kmin": 1}), "kmin"),
        (lambda: Recipe.from_dict({"k_min": 0.1}), "no mesh"),
        (lambda: Recipe.from_dict({"mesh": {"kmax": 1.0}}), "k_max, delta_k"),
        (lambda: Recipe.resolve({"mesh": 5}, MESH), "mesh is 5: give a Mesh"),
        (lambda: Mesh(1.0, 0.05, integrate=2), "odd"),
        (lambda: Mesh(3.99, 0.05, integrate=3), "scattering table"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
