"""How far a model can be believed: distrust, level, differences, what one scan has in common."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.learning import PatternSource, build_network, load_model, shipped_models
from pyiron_nbed.learning.distrust import FAMILIES, Distrust
from pyiron_nbed.learning.features import image_features
from pyiron_nbed.learning.level import Level, MapOfStructure, level_of, maps_of_structures
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.shipped import shipped_folder
from pyiron_nbed.learning.trust import calibrate_trust, first_ring_of
from pyiron_nbed.learning.uncertainty import conformal_quantile
from pyiron_nbed.patterns import DetectorEffects, Recipe

MESH = Mesh(0.9, 0.06, integrate=3)
RECIPE = Recipe.experiment(MESH, k_min=0.15)
VOLUMES = [Cylinder(radius=5, height=20)]


def model():
    torch.manual_seed(0)
    return Model([build_network("polar", None, 2)], {
        "recipe": RECIPE.as_dict(), "labels": ["disorder_parameter"], "n_parameters": 2, "network": "polar",
        "members": 1, "scale": {"mean": [0.9], "standard_deviation": [0.05]},
        "calibration": {"disorder_parameter": {"factor": 1.0, "coverage": None, "n": 0}},
    })  # fmt: skip


def normal(n, mean=0.0, seed=0):
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).normal(size=(4, 4))
    return {name: random.normal(mean, 1, (n, 4)) @ mixing for name in FAMILIES}


def test_distrust_is_the_distance_in_units_of_held_out_structures():
    distrust = Distrust.fitted(normal(20_000), normal(4_000, seed=1))
    # the two families are drawn alike but apart: 1 − 0.99² of patterns lie above one of two thresholds
    share = (distrust.score(normal(20_000, seed=2)) > 1).mean()
    assert 0.01 < share < 0.03
    far = np.array([1.0, 2.0, 4.0])
    mixing = np.random.default_rng(7).normal(size=(4, 4))
    steps = {name: (far[:, None] * [3.0, 0, 0, 0]) @ mixing for name in FAMILIES}
    # of a normal distribution the distance is that of the numbers before they were mixed
    expected = 3 * far / np.sqrt(13.277)  # chi-square of 4 degrees of freedom, 0.99
    np.testing.assert_allclose(distrust.score(steps), expected, rtol=0.06)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.floats(-10, 10), st.integers(0, 1000))
def test_distrust_does_not_depend_on_the_units_of_features(factor, shift, seed):
    seen, others, new = (normal(300, seed=seed + n) for n in range(3))
    changed = [{n: factor * v + shift for n, v in one.items()} for one in (seen, others, new)]
    one, two = Distrust.fitted(seen, others), Distrust.fitted(*changed[:2])
    np.testing.assert_allclose(one.score(new), two.score(changed[2]), rtol=1e-6)


def test_distrust_is_stored_and_damage_is_seen(in_folder):
    distrust, new = Distrust.fitted(normal(300), normal(300, seed=1)), normal(50, seed=2)
    own = model()
    own.distrust = Distrust.fitted(normal(99), normal(99, seed=1))
    own.save("model")
    again = load_model("model").distrust.score(new)
    np.testing.assert_allclose(again, own.distrust.score(new), rtol=1e-5)
    distrust.save("model/distrust.safetensors")
    with pytest.raises(ModelError, match=r"is not the file that model\.json was written for"):
        load_model("model")
    own.distrust = None
    own.save("model")
    assert load_model("model").distrust is None
    (in_folder / "bad.safetensors").write_bytes(b"12345678")
    with pytest.raises(ModelError, match="cannot be read"):
        Distrust.load("bad.safetensors")


def test_features_of_a_pattern_do_not_change_when_it_is_turned():
    k_x, k_y = np.meshgrid(MESH.axis, MESH.axis)
    angle, k = np.arctan2(k_y, k_x), np.hypot(k_x, k_y)
    ring = np.exp(-(((k - 0.45) / 0.1) ** 2))
    images = [
        torch.as_tensor(ring * (2 + np.cos(4 * (angle - turn))))[None, None].float()
        for turn in (0.0, 0.3, 1.1)
    ]  # fmt: skip
    found = torch.cat([image_features(one, RECIPE) for one in images])
    assert found.shape == (3, 50)
    assert (found - found[0]).abs().max() < 0.04 * found.abs().max()  # of pixels that are wide
    other = image_features(torch.as_tensor(ring)[None, None].float(), RECIPE)
    assert (other - found[0]).abs().max() > 0.1 * found.abs().max()


def maps(errors, noise=0.02, std=0.01, seed=0):
    random = np.random.default_rng(seed)
    for number, error in enumerate(errors):
        true = random.normal(0.9, 0.05, 400)
        predicted = true + error + random.normal(0, noise, 400)
        yield MapOfStructure(number, true, predicted, np.full(400, std), {}, None, None)


def test_level_and_differences_have_the_intervals_that_held_out_maps_ask_for():
    errors = np.linspace(-0.05, 0.05, 100)
    found = level_of(list(maps(errors)))
    # 90 % of 100 structures and one more: the 91st largest of |error|
    assert found.half_width == pytest.approx(np.sort(np.abs(errors))[90], abs=0.004)
    assert found.difference_factor == pytest.approx(0.02 / 0.01, rel=0.03)
    assert (found.n_structures, found.n_maps) == (100, 100)
    assert Level.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_a_structure_seen_often_counts_once_and_by_its_worst_map():
    one = list(maps([0.01] * 30, noise=1e-6))
    often = [MapOfStructure(0, m.true, m.predicted + 0.1, m.std, {}, None, None) for m in maps([0.0] * 9)]
    found = level_of(one + often)
    assert found.n_structures == 30
    assert found.half_width == pytest.approx(0.01, abs=0.001)


def test_kinds_of_structures_count_as_often_as_they_will_be_met():
    errors = [0.01] * 95 + [0.05] * 5
    plain, alike = (
        level_of(list(maps(errors, noise=1e-6)), weights) for weights in (None, [1 / 95] * 95 + [1 / 5] * 5)
    )
    assert plain.half_width == pytest.approx(0.01, abs=0.001)
    assert alike.half_width == pytest.approx(0.05, abs=0.001)
    scores, random = np.arange(1.0, 100), np.random.default_rng(0)
    for coverage in (0.5, 0.8, 0.9, 0.95):
        expected = conformal_quantile(scores, coverage)
        assert conformal_quantile(scores, coverage, np.full(99, 0.3)) == expected
        turned = random.permutation(99)
        assert conformal_quantile(scores[turned], coverage, np.ones(99)) == expected
    # a score that counts twice is two
    counts = random.integers(1, 4, 99)
    expected = np.quantile(np.repeat(scores, counts), 0.9, method="inverted_cdf")
    assert abs(conformal_quantile(scores, 0.9, counts) - expected) <= 1
    seen, others = normal(300), normal(300, seed=1)
    far = {name: values * np.where(np.arange(300) < 30, 5.0, 1.0)[:, None] for name, values in others.items()}
    weights = np.where(np.arange(300) < 30, 10.0, 1.0)
    low, high = (Distrust.fitted(seen, far, share=0.8, weights=w) for w in (None, weights))
    assert all(high.threshold[name] > 2 * low.threshold[name] for name in FAMILIES)


def test_one_scan_has_one_value_of_each_effect():
    ranges = DetectorEffects(background=(0, 0.3), blur=(0.1, 0.6), dose=(1e3, 1e7), beam_stop=(0, 0.2))
    drawn = [ranges.of_one_scan(seed) for seed in range(400)]
    assert ranges.of_one_scan(3) == drawn[3] != drawn[4]
    for name in ("background", "blur", "dose", "beam_stop"):
        low, high = getattr(ranges, name)
        values = np.array([getattr(one, name) for one in drawn])
        assert (values[:, 0] == values[:, 1]).all()
        assert low <= values.min() <= values.max() <= high
    assert np.median([one.dose[0] for one in drawn]) == pytest.approx(1e5, rel=0.6)
    less = DetectorEffects(blur=(0.1, 0.6), dose=None).of_one_scan(3)
    assert less.blur == drawn[3].blur  # one effect less changes no other
    assert less.dose is None


def test_first_ring_of_a_pattern():
    mesh = Mesh(1.0, 0.045)
    for place in (0.36, 0.41, 0.47):
        ring = np.exp(-(((mesh.k - place) / 0.06) ** 2))
        assert first_ring_of(ring, mesh) == pytest.approx(place, rel=0.01)
    assert np.isnan(first_ring_of(np.exp(-mesh.k), mesh))
    assert np.isnan(first_ring_of(np.ones(mesh.shape), Mesh(1.0, 0.045)))


@pytest.fixture(scope="module")
def glasses():
    names = [name for name in examples.names() if name.startswith("small_glass") and not name.endswith("K")]
    return [examples.load(name) for name in names[:22]]


def test_trust_of_a_model_is_found_with_structures_that_were_held_out(glasses, in_folder):
    own, effects = model(), DetectorEffects(dose=(1e4, 1e6))
    source = PatternSource(glasses[:2], VOLUMES, MESH, seed=3, batch_size=64, turned=True, cores=1)
    seen = calibrate_trust(
        own, source, glasses[:2], glasses[2:], effects, batches=4, maps=1, patterns=16
    )  # fmt: skip
    assert len(seen) == 20
    assert own.card["elements"] == sorted({s for one in glasses[:2] for s in one.get_chemical_symbols()})
    assert 0.3 < own.card["first_ring"][0] < own.card["first_ring"][1] < 0.6
    assert own.card["level"]["n_structures"] == 20
    # a network of random weights knows nothing of the level, and is told so
    assert own.card["level"]["half_width"] > 0.5 * np.std([one.true.mean() for one in seen])
    own.save("model")
    again = load_model("model")
    assert again.card["level"] == own.card["level"]
    patterns = source.batch(9).patterns.numpy()
    assert (again.describe(patterns, detector=effects, seed=1).distrust < 1).mean() > 0.8
    noise = np.random.default_rng(0).random((20, *MESH.shape), np.float32)
    assert (again.describe(noise).distrust > 1).all()


def test_maps_of_structures_are_the_same_when_repeated(glasses):
    one, two = (
        maps_of_structures(
            model(), glasses[:2], VOLUMES, DetectorEffects(dose=(1e4, 1e6)), maps=2, patterns=8
        )
        for _ in range(2)
    )  # fmt: skip
    assert [m.structure for m in one] == [0, 0, 1, 1]
    assert len({m.dose for m in one}) == 4
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.predicted, b.predicted)


def test_models_that_come_with_the_package(in_folder):
    assert "cu-zr-r5-h20" in shipped_models()
    total = 0
    for name in shipped_models():
        own = load_model(name)
        assert own.card["name"] == name
        assert own.distrust is not None
        assert own.card["level"]["n_structures"] >= 20
        assert own.recipe == Recipe.experiment(own.mesh)
        total += sum(path.stat().st_size for path in shipped_folder(name).iterdir())
    assert total < 2.5e6
    build = model()
    build.save("cu-zr-r5-h20")  # a folder of that name goes first
    assert load_model("cu-zr-r5-h20").hash == build.hash
    with pytest.raises(ModelError, match="There is no model 'other' in the package: it has cu-zr"):
        shipped_folder("other")


def test_trust_needs_enough_structures(glasses):
    source = PatternSource(glasses[:2], VOLUMES, MESH, seed=3, cores=1)
    with pytest.raises(InputError, match="3 structures were held out: give at least 20"):
        calibrate_trust(model(), source, glasses[:2], glasses[:3])
