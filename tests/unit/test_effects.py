"""Detector effects on tensors: statistics and reproducibility."""

import json

import numpy as np
import pytest
import torch

from pyiron_nbed import Mesh
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns import DetectorEffects, Recipe
from pyiron_nbed.patterns import detector as tensors

MESH = Mesh(1.0, 0.05)
RECIPE = Recipe.simulation(MESH)
MASKED = Recipe.experiment(MESH)
ALL = DetectorEffects(
    semiangle=(0.5, 2), background=(0, 0.3), background_uniform=(0, 1), shift=(0, 2),
    scale=(0.97, 1.03), ellipticity=(0.95, 1.05), blur=(0, 1.5), dose=(1e4, 1e6), hot_pixels=(0, 0.01),
    hot_value=(0.5, 1), beam_stop=(0, 0.15), beam_energy=2e5,
)  # fmt: skip


def patterns(count=4, n=39, seed=0):
    """Random patterns with the strong direct beam of real ones."""
    rng = np.random.default_rng(seed)
    images = rng.exponential(1.0, (count, n, n)).astype(np.float32)
    images[:, n // 2, n // 2] = 1000
    return images


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_electrons_follow_poisson_statistics():
    pattern = torch.rand(1, 21, 21, generator=generator()) + 0.5
    dose, repeats = 5000.0, 4000
    counts = tensors.expose(pattern.expand(repeats, -1, -1), dose, generator(7))
    mean = dose * pattern[0] / pattern.sum()
    assert (counts == counts.round()).all()
    assert (counts.mean(dim=0) - mean).abs().max() < 5 * (mean / repeats).sqrt().max()
    assert float(counts.var(dim=0).mean()) == pytest.approx(float(mean.mean()), rel=0.01)
    assert (tensors.expose(torch.zeros(1, 5, 5), 100, generator()) == 0).all()
    each = tensors.expose(torch.ones(2, 101, 101), [1e3, 1e6], generator())
    assert each.sum(dim=(1, 2)).tolist() == pytest.approx([1e3, 1e6], rel=0.15)


def test_hot_pixels_are_as_many_as_asked_for_and_others_in_each_pattern():
    images = torch.from_numpy(patterns(40, 101))
    hot = tensors.add_hot_pixels(images, np.repeat([0.0, 0.02], 20), 3.0, generator()) == 3000
    number = hot.sum(dim=(1, 2)).double().numpy()
    assert (number[:20] == 0).all()
    expected = 0.02 * 101**2
    assert abs(number[20:].mean() - expected) < 5 * np.sqrt(expected / 20)
    assert (hot[20] != hot[21]).any()


def test_effects_are_reproducible_and_leave_the_input():
    images = torch.from_numpy(patterns())
    before = images.clone()
    first, again, other = (ALL(images, RECIPE, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert (first[:, ~torch.from_numpy(MESH.disc)] == 0).all()
    assert torch.isfinite(first).all()
    assert (first >= 0).all()


def test_effects_are_the_functions_in_their_order():
    images = torch.from_numpy(patterns()) * torch.from_numpy(MESH.disc)
    fixed = DetectorEffects(semiangle=1.0, background=0.2, background_width=0.3, background_uniform=0.5,
                            blur=0.8, beam_energy=2e5)  # fmt: skip
    mask = torch.from_numpy(MASKED.mask)
    margin = 5  # four standard deviations of the blur, 0.8 pixels of the cone, and one
    wide = torch.nn.functional.pad(mask, [margin] * 4)
    expected = tensors.converge(tensors.continued(images, MESH, margin), 1.0, 0.025079, 0.05)
    expected = tensors.blur(tensors.add_background(expected, 0.2, 0.3, 0.05, 0.5, wide), 0.8)
    expected = expected[:, margin:-margin, margin:-margin] * torch.from_numpy(MESH.disc)
    assert torch.allclose(fixed(images, MASKED, generator()), expected, rtol=1e-4, atol=1e-4)


def test_the_dose_counts_the_electrons_in_the_mask():
    images = torch.from_numpy(patterns(64)) * torch.from_numpy(MESH.disc)
    mask = torch.from_numpy(MASKED.mask)
    for factor in (1.0, 1e-3):
        counts = DetectorEffects(dose=1e5)(factor * images, MASKED, generator())
        assert (counts == counts.round()).all()
        assert float((counts * mask).sum(dim=(1, 2)).mean()) == pytest.approx(1e5, rel=3e-3)
    bright = torch.where(mask, images, 1e6)  # whatever the direct beam is
    counts = DetectorEffects(dose=1e5)(bright, MASKED, generator())
    assert float((counts * mask).sum(dim=(1, 2)).mean()) == pytest.approx(1e5, rel=3e-3)
    assert torch.equal(DetectorEffects()(images, RECIPE, generator()), images)


def test_the_background_is_a_share_of_the_electrons_in_the_mask():
    images = torch.from_numpy(patterns()) * torch.from_numpy(MESH.disc)
    mask = torch.from_numpy(MASKED.mask)
    flat = DetectorEffects(background=1.0, background_uniform=1.0)(images, MASKED, generator())[:, mask]
    assert torch.allclose(flat, (images * mask).sum(dim=(1, 2))[:, None] / mask.sum(), rtol=1e-5)


def test_a_bar_is_filled_with_the_opposite_pixels():
    images = torch.from_numpy(patterns())
    symmetric = (images + images.flip((1, 2))) * torch.from_numpy(MESH.disc)
    stop = DetectorEffects(beam_stop=0.2)
    assert torch.equal(stop(symmetric, MASKED, generator()), symmetric)
    crooked = images * torch.from_numpy(MESH.disc)
    filled = stop(crooked, MASKED, generator())
    changed = (filled != crooked).sum(dim=(1, 2))
    assert (changed > 10).all()
    assert (changed < 0.2 * MESH.disc.sum()).all()


def test_what_moves_brings_no_darkness_in_at_the_rim():
    flat = torch.from_numpy(MESH.disc)[None].float().expand(64, -1, -1)
    moved = DetectorEffects(shift=(0, 2), scale=(0.97, 1.03), ellipticity=(0.95, 1.05), blur=(0, 1.5))
    assert torch.allclose(moved(flat, RECIPE, generator()), flat, atol=1e-3)


def test_values_are_drawn_over_the_whole_range():
    spots = torch.zeros(2000, 39, 39)
    spots[:, 19, 19] = 1
    moved = DetectorEffects(shift=(1, 3))(spots, RECIPE, generator())
    axis = torch.arange(39.0) - 19
    x, y = (moved.sum(dim=1) * axis).sum(dim=1), (moved.sum(dim=2) * axis).sum(dim=1)
    far, way = torch.hypot(x, y), torch.atan2(y, x)
    assert far.min() > 0.99
    assert far.max() < 3.01
    assert float(far.mean()) == pytest.approx(2, abs=0.07)
    assert float(far.std()) == pytest.approx(2 / np.sqrt(12), rel=0.1)
    assert abs(float(way.mean())) < 0.2
    electrons = DetectorEffects(dose=(1e2, 1e6))(torch.ones(2000, 39, 39), RECIPE, generator())
    doses = torch.log10(electrons.sum(dim=(1, 2)))
    assert float(doses.mean()) == pytest.approx(4, abs=0.1)
    assert float(doses.std()) == pytest.approx(4 / np.sqrt(12), rel=0.05)


def test_json_form():
    values = json.loads(json.dumps(ALL.as_dict()))
    assert DetectorEffects.from_dict(values) == ALL
    assert DetectorEffects.from_dict(DetectorEffects().as_dict()) == DetectorEffects()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tensors.blur(np.ones((1, 5, 5)), 1), "tensor of float32"),
        (lambda: tensors.blur(torch.ones(1, 5, 5).half(), 1), "tensor of float32"),
        (lambda: tensors.blur(torch.ones(1, 4, 4), 1), "odd"),
        (lambda: tensors.blur(torch.ones(3, 5, 5), [1, 2]), "3 patterns"),
        (lambda: tensors.converge(torch.ones(1, 5, 5), 50, 0.025, 0.01), "wider than the image"),
        (lambda: tensors.expose(-torch.ones(1, 5, 5), 10, generator()), "negative"),
        (lambda: tensors.expose(torch.ones(1, 5, 5), np.nan, generator()), "dose"),
        (lambda: tensors.add_hot_pixels(torch.ones(1, 5, 5), 2, 1, generator()), "between 0 and 1"),
        (lambda: tensors.add_background(torch.ones(1, 5, 5), 2, 1, 0.1), "between 0 and 1"),
        (lambda: tensors.distort(torch.ones(1, 5, 5), shift=(1, 2, 3)), "shift"),
        (lambda: DetectorEffects(blur=(2, 1)), "blur"),
        (lambda: DetectorEffects(background=2), "background"),
        (lambda: DetectorEffects(dose=(0, 1e4)), "dose"),
        (lambda: DetectorEffects(hot_value=None), "hot_value"),
        (lambda: DetectorEffects(beam_energy=5), "beam_energy"),
        (lambda: DetectorEffects(semiangle=1)(torch.ones(1, 39, 39), RECIPE, generator()), "wavelength"),
        (lambda: DetectorEffects(semiangle=90, beam_energy=2e5).check(RECIPE), "wider"),
        (lambda: DetectorEffects(dose=1e4).check(Recipe.study(MESH, 5.0)), "absolute"),
        (lambda: ALL(torch.ones(1, 5, 5), RECIPE, generator()), "mesh"),
        (lambda: DetectorEffects.from_dict({"blurr": 1}), "blurr"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
