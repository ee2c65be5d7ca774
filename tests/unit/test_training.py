"""Training as a whole: several labels, ensembles, uncertainty, resuming, several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from pyiron_nbed import Mesh
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import DatasetError, InputError, ModelError, NBEDError
from pyiron_nbed.learning import (
    Augmentation,
    Training,
    build_network,
    load_model,
    metrics,
    metrics_table,
    train,
)
from pyiron_nbed.learning.files import CHECKPOINT_FILE
from pyiron_nbed.learning.loop import Stopped, termination
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.networks import NETWORKS, for_prediction
from pyiron_nbed.learning.polar import angular_spectra, polar_transform
from pyiron_nbed.learning.start import keep_units
from pyiron_nbed.learning.task import TrainingTask
from pyiron_nbed.learning.uncertainty import calibrate, conformal_quantile, halves
from pyiron_nbed.parallel import prefetched
from pyiron_nbed.patterns import DetectorEffects, Recipe

QUICK = {"network": "cnn", "weights": None, "epochs": 2, "cores": 1}


def weights(folder):
    return load_file(Path(folder) / "model.safetensors")


def equal(one, two):
    return set(one) == set(two) and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_has_stages_that_can_be_frozen(name):
    network = build_network(name, None, outputs=4)
    count = len(network.stages())
    assert network(torch.rand(2, 1, 45, 45)).shape == (2, 4)
    frozen = build_network(name, None, frozen=count)
    left = [n for n, p in frozen.named_parameters() if p.requires_grad]
    assert 2 <= len(left) < len(list(frozen.parameters()))
    with pytest.raises(InputError, match=f"{count} stages"):
        build_network(name, None, frozen=count + 1)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_copy_for_predictions_gives_the_same_numbers(name):
    network, images = build_network(name, None, outputs=2), torch.rand(16, 1, 45, 45)
    for _ in range(3):  # so that the normalisations have seen something
        network(images + torch.rand(1))
    network.eval()
    with torch.inference_mode():
        ready, expected = for_prediction(network, torch.device("cpu")), network(images)
        assert torch.allclose(ready(images), expected, atol=2e-5 * float(expected.abs().max()))
        assert torch.equal(network(images), expected)  # untouched by the copy


def test_bfloat16_predictions_are_close(pattern_file):
    dataset = PatternDataset(pattern_file)
    model = train([dataset], Training(**QUICK), "random").model
    exact, fast = (model.predict(dataset, bfloat16=fast, batch_size=50).mean for fast in (False, True))
    spread = model.card["scale"]["standard_deviation"][0]
    assert 0 < np.abs(fast - exact).max() < 0.05 * spread


def test_angular_spectra_of_a_known_pattern():
    """cos(4φ) on every ring: half of the amplitude in order 4, nothing elsewhere."""
    y, x = np.mgrid[-40:41, -40:41]
    image = torch.from_numpy(np.cos(4 * np.arctan2(y, x)).astype(np.float32))[None, None]
    spectra = angular_spectra(image, orders=9)[0, :, 20:]
    assert torch.allclose(spectra[4], torch.full_like(spectra[4], 0.5), atol=5e-3)
    others = torch.cat([spectra[:4], spectra[5:]])
    assert others.abs().max() < 5e-3


@pytest.mark.parametrize(("mode", "error"), [("bilinear", 1e-5), ("bicubic", 0.01)])
def test_polar_transform_of_known_images(mode, error):
    """Radius and position are read back; torch's bicubic kernel bends a straight line a little."""
    y, x = np.mgrid[-20:21, -20:21].astype(np.float32) / 20
    images = torch.from_numpy(np.stack([x, y, x * x + y * y]))[:, None]
    rings = polar_transform(images, rings=10, angles=8, mode=mode)
    radius = torch.arange(1, 11) / 10
    assert torch.allclose(rings[0, :, 0], radius, atol=1e-5)
    assert torch.allclose(rings[1, :, 2], radius, atol=1e-5)
    assert torch.allclose(rings[0, :, 3], -radius * 0.5**0.5, atol=error)
    assert (rings[2] - radius[:, None] ** 2).abs().max() < 2e-3 + error


@pytest.mark.parametrize("name", ["rotation_invariant", "polar"])
def test_rotation_invariant_networks_do_not_see_rotation(name, pattern_file):
    from pyiron_nbed.learning.augmentation import rotate

    dataset = PatternDataset(pattern_file)
    torch.manual_seed(0)
    network = build_network(name, None).eval()
    images = torch.from_numpy(dataset.images(np.arange(12)))[:, None]
    with torch.no_grad():
        still = network(images)
        quarter = network(torch.rot90(images, 1, (2, 3)))
        turned = network(rotate(images, torch.full((12,), 0.4)))
        shuffled = network(images.flatten(2)[:, :, torch.randperm(39 * 39)].view_as(images))
    assert (quarter - still).abs().max() < 1e-5
    # any angle: interpolation twice; far less than what other patterns change
    assert (turned - still).abs().mean() < 0.2 * (shuffled - still).abs().mean()


def test_frozen_stages_stay_and_the_rest_learns(pattern_file):
    dataset = PatternDataset(pattern_file)
    torch.manual_seed(0)
    start = build_network("resnet18", None).state_dict()
    trained = train([dataset], Training(**{**QUICK, "network": "resnet18", "epochs": 1}, frozen=3), "random")
    end = trained.model.networks[0].state_dict()
    changed = {name for name in start if not torch.equal(start[name], end[name])}
    assert not any(name.startswith(("conv1", "bn1", "layer1", "layer2")) for name in changed)
    assert any(name.startswith("layer3") for name in changed)


@pytest.mark.parametrize("loss", ["mae", "gaussian"])
def test_a_warm_start_begins_with_the_predictions_of_the_model(pattern_file, in_folder, loss):
    """Other patterns have another mean and spread of the label, on which the outputs depend."""
    dataset, labels = PatternDataset(pattern_file), ["disorder_parameter", "number_density"]
    first = train([dataset], Training(**QUICK, loss=loss), "random", label=labels).model
    first.save("first")
    start = build_network("cnn", "first", outputs=2 * first.card["n_parameters"])
    scale = np.array([0.3, 0.05]), np.array([0.02, 0.4])
    keep_units(start, "first", labels, first.card["n_parameters"], scale)
    values = [{"mean": list(scale[0]), "standard_deviation": list(scale[1])}, {}]
    moved = Model([start], {**first.card, "scale": values[0], "calibration": values[1]})
    plain = Model(first.networks, {**first.card, "calibration": values[1]})
    old, new = plain.predict(dataset), moved.predict(dataset)
    assert new.mean == pytest.approx(old.mean, rel=1e-4, abs=1e-6)
    if loss == "gaussian":
        assert new.std == pytest.approx(old.std, rel=1e-4)
    keep_units(start, "first", ["q6", "number_density"], first.card["n_parameters"], scale)  # other labels
    assert moved.predict(dataset).mean == pytest.approx(new.mean, rel=1e-6)
    Path("first/model.json").write_text('{"labels": ')
    with pytest.raises(ModelError, match=r"model.json is damaged"):
        keep_units(start, "first", labels, first.card["n_parameters"], scale)


def test_several_labels_and_a_warm_start_with_another_head(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    labels = ["disorder_parameter", "number_density"]
    trained = train([dataset], Training(**QUICK), "random", label=labels)
    trained.model.save("two")
    model = load_model("two")
    assert model.labels == labels
    prediction = model.predict(dataset)
    assert prediction.mean.shape == prediction.std.shape == (len(dataset), 2)
    # each output in its own unit
    for column, name in enumerate(labels):
        truth = dataset.label(name)
        assert abs(prediction.mean[:, column].mean() - truth.mean()) < 3 * truth.std()
    assert set(model.card["metrics"]["labels"]) == set(labels)
    assert {"true/number_density", "predicted/number_density"} <= set(trained.test.columns)
    one = train([dataset], Training(**{**QUICK, "weights": "two", "epochs": 1}, frozen=3), "random").model
    kept, taken = one.networks[0].state_dict(), weights("two")
    assert torch.equal(kept["0.weight"], taken["0.weight"])
    with pytest.raises(InputError, match="differ"):
        train([dataset], Training(**QUICK), "random", label=["q6", "q6"])


@pytest.mark.parametrize("arguments", [{"members": 2}, {"loss": "gaussian"}, {"loss": "huber"}])
def test_uncertainty_calibrated_on_one_half_holds_on_the_other(pattern_file, in_folder, arguments):
    dataset = PatternDataset(pattern_file)
    trained = train([dataset], Training(**QUICK, **arguments), "random", 0.5)
    test, first = trained.test, halves(trained.test)
    error = (test["predicted"] - test["true"]).abs().to_numpy()
    scores = error / test["standard_uncertainty"].to_numpy()  # a common factor cancels
    inside = np.concatenate(
        [scores[own] <= conformal_quantile(scores[~own]) for own in (first, ~first)]
    ).mean()
    coverage = trained.model.card["calibration"]["disorder_parameter"]["coverage"]
    assert coverage == pytest.approx(inside, abs=1e-9)
    assert 0.8 < coverage < 0.97  # 256 patterns that overlap
    varies = np.ptp(test["standard_uncertainty"].to_numpy()) > 0  # exact, unlike a standard deviation
    assert varies == (arguments != {"loss": "huber"})
    trained.model.save("m")
    again = load_model("m").predict(dataset, rows=trained.split.test)
    assert again.mean == pytest.approx(test["predicted"].to_numpy(), abs=1e-5)
    assert again.std == pytest.approx(test["standard_uncertainty"].to_numpy(), rel=1e-3)


def test_effects_apply_in_tests_and_calibration_too(pattern_file):
    dataset = PatternDataset(pattern_file)
    strong = DetectorEffects(dose=300.0, background=0.5)
    plain, seen = (train([dataset], Training(**QUICK, detector=d), "random", 0.5) for d in (None, strong))
    card = seen.model.card
    assert "metrics_without_effects" not in plain.model.card
    assert card["metrics"]["rmse"] != card["metrics_without_effects"]["rmse"]
    # the same weights on the same effects again: what is in the card
    again = seen.model.predict(dataset, rows=seen.split.test, detector=strong, seed=0)
    error = again.mean - dataset.label()[seen.split.test]
    assert np.sqrt((error**2).mean()) == pytest.approx(card["metrics"]["rmse"], rel=1e-5)
    clean = seen.model.predict(dataset, rows=seen.split.test).mean - dataset.label()[seen.split.test]
    assert np.sqrt((clean**2).mean()) == pytest.approx(card["metrics_without_effects"]["rmse"], rel=1e-5)


def test_predictions_do_not_know_the_unit_nor_what_is_masked(pattern_file):
    dataset = PatternDataset(pattern_file)
    recipe = Recipe.experiment(dataset.mesh)
    model = train([dataset], Training(**QUICK, recipe="experiment"), "random").model
    assert model.recipe == recipe
    patterns = dataset.patterns[:50].astype(np.float32)
    expected = model.predict(patterns).mean
    for factor in (0.1, 10, 1000):
        assert np.abs(model.predict(factor * patterns).mean - expected).max() < 1e-5
    hidden = patterns.copy()
    hidden[:, ~recipe.mask] = np.nan
    assert np.array_equal(model.predict(hidden).mean, expected)
    counts = np.random.default_rng(0).poisson(patterns / patterns.max() * 5e3)
    one, other = (model.predict(counts.astype(kind)).mean for kind in (np.uint16, np.float32))
    assert np.array_equal(one, other)
    assert np.isfinite(model.predict(np.ones((1, *dataset.mesh.shape))).mean).all()
    dark = np.zeros((2, *dataset.mesh.shape))
    with pytest.warns(UserWarning, match="NaN"):
        assert np.isnan(model.predict(dark).mean).all()
    with pytest.warns(UserWarning, match="1 of 51"):
        beside = model.predict(np.concatenate([patterns, dark[:1]]))
    assert np.array_equal(beside.std[:50], model.predict(patterns).std)
    assert np.isnan(beside.std[50])


def test_a_model_refuses_another_recipe(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    trained = train([dataset], Training(**QUICK, recipe={"k_min": 0.1}), "random")
    patterns = dataset.patterns[:3]
    trained.model.predict(patterns, recipe=trained.model.recipe)
    with pytest.raises(ModelError, match=r"k_min: 0\.0 in place of 0\.1"):
        trained.model.predict(patterns, recipe=Recipe.simulation(dataset.mesh))
    trained.model.save("m")
    with pytest.raises(ModelError, match="transform"):
        train([dataset], Training(**{**QUICK, "weights": "m"}, recipe={"k_min": 0.1, "transform": "sqrt"}))


def test_conformal_coverage_of_new_data_holds_whatever_the_distribution():
    random = np.random.default_rng(0)
    inside = []
    for _ in range(300):
        scores = random.exponential(size=60)
        inside.append((random.exponential(size=200) <= conformal_quantile(scores, 0.9)).mean())
    assert 0.895 < np.mean(inside) < 0.92
    with pytest.raises(InputError, match="coverage"):
        conformal_quantile([1.0], 1.0)


def test_coverage_is_judged_on_the_half_that_did_not_calibrate():
    """Two structures whose errors differ by ten: the total is 90 %, the honest coverage is not."""
    random = np.random.default_rng(1)
    error = np.concatenate([random.normal(size=500), 10 * random.normal(size=500)])
    test = pd.DataFrame(
        {"true": 0.0, "predicted": error, "standard_uncertainty": 1.0,
         "structure": np.repeat(["a", "b"], 500), "block": np.arange(1000)}
    )  # fmt: skip
    result = calibrate(test, ["x"])["x"]
    assert (np.abs(error) <= 1.6448536 * result["factor"] * (1 + 1e-9)).mean() == pytest.approx(0.9, abs=2e-3)
    assert result["coverage"] == pytest.approx(0.5 * (1.0 + 0.13), abs=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_metrics_from_sums_are_those_of_the_definition(seed):
    random = np.random.default_rng(seed)
    true = random.normal(0.8, 0.02, 50)
    predicted = true + random.normal(0.01, 0.02, 50)
    ours = metrics(true, predicted)
    assert ours["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - true) ** 2)))
    assert ours["correlation"] == pytest.approx(np.corrcoef(true, predicted)[0, 1])
    assert ours["skill"] == ours["r2"] == pytest.approx(1 - np.mean((predicted - true) ** 2) / true.var())
    assert ours["bias"] == pytest.approx((predicted - true).mean())


def test_intervals_know_that_patterns_of_a_block_are_alike():
    """20 blocks of 50 equal patterns tell as much as 20 patterns, not 1000."""
    random = np.random.default_rng(0)
    error = random.normal(size=20)
    true = np.repeat(random.normal(size=20), 50)
    predicted = true + np.repeat(error, 50)
    groups = pd.DataFrame({"region": np.repeat(["crystal", "interior"], 500)})
    table = metrics_table(true, predicted, groups, np.repeat(np.arange(20), 50)).set_index("group")
    naive = metrics_table(true, predicted, groups, np.arange(1000)).set_index("group")
    width = table["bias_high"] - table["bias_low"]
    assert width["all"] == pytest.approx(2 * 1.96 * error.std() / np.sqrt(20), rel=0.15)
    assert width["all"] > 5 * (naive["bias_high"] - naive["bias_low"])["all"]
    assert table.loc["interior", "n_blocks"] == 10
    assert table.loc["all", "rmse_low"] < table.loc["all", "rmse"] < table.loc["all", "rmse_high"]


def test_prefetching_keeps_the_order_ends_early_and_raises():
    assert list(prefetched(lambda i: i * i, range(2, 6))) == [4, 9, 16, 25]
    ahead = prefetched(lambda i: i, range(10**9))
    assert next(ahead) == 0
    ahead.close()
    with pytest.raises(ZeroDivisionError):
        list(prefetched(lambda i: 1 // (3 - i), range(9)))


def start(folder, task):
    """The training in a process of its own."""
    folder.mkdir()
    code = (
        "import json, sys; from pyiron_nbed.learning.task import TrainingTask;"
        "TrainingTask(**json.loads(sys.argv[1])).run(sys.argv[2])"
    )
    text = json.dumps({name: getattr(task, name) for name in task.__dataclass_fields__})
    return subprocess.Popen([sys.executable, "-c", code, text, str(folder)])


AS_IN_THE_STUDY = {
    "schedule": "plateau", "patience": 0, "validation": "test", "keep": "best", "target": "order",
    "weight_decay": 1e-5, "learning_rate": 1e-2, "augmentation": Augmentation.study(), "recipe": "study",
}  # fmt: skip


@pytest.mark.parametrize(
    ("how", "settings"), [(signal.SIGKILL, AS_IN_THE_STUDY), (signal.SIGTERM, {"schedule": "one_cycle"})]
)
def test_a_training_that_was_stopped_ends_with_the_same_weights(pattern_file, in_folder, how, settings):
    dataset = str(PatternDataset(pattern_file).path.resolve())
    training = Training(**{**QUICK, "epochs": 12}, batch_size=32, members=2, **settings)
    task = TrainingTask([dataset], training.as_dict(), split="random")
    (in_folder / "whole").mkdir()
    task.run(in_folder / "whole")
    process = start(in_folder / "cut", task)
    checkpoint = in_folder / "cut" / CHECKPOINT_FILE
    begin = time.monotonic()
    while not (checkpoint.exists() and torch.load(checkpoint, weights_only=True)["finished"]):
        assert time.monotonic() - begin < 120
        time.sleep(0.02)
    process.send_signal(how)
    assert process.wait() == (-signal.SIGKILL if how == signal.SIGKILL else 143)
    assert checkpoint.exists()
    assert not (in_folder / "cut/model.json").exists()
    task.run(in_folder / "cut")
    assert not checkpoint.exists()
    for name in ("model.safetensors", "model_2.safetensors"):
        assert equal(load_file(in_folder / "cut" / name), load_file(in_folder / "whole" / name))
    histories = [pd.read_csv(in_folder / folder / "history.csv") for folder in ("cut", "whole")]
    assert len(histories[0]) == 24
    assert (histories[0] == histories[1]).all(axis=None)


def last_epoch():
    with termination() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.is_set()  # the epoch goes on to its end


def test_sigterm_in_the_last_epoch_ends_what_follows_too():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped) as error:
        last_epoch()
    assert error.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_used(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    (in_folder / "run").mkdir()
    (in_folder / "run" / CHECKPOINT_FILE).write_bytes(b"damaged")
    one = train([dataset], Training(**QUICK, seed=1), "random", folder=in_folder / "run")
    assert (in_folder / "run" / CHECKPOINT_FILE).exists()
    two = train([dataset], Training(**QUICK, seed=2), "random", folder=in_folder / "run")
    fresh = train([dataset], Training(**QUICK, seed=2), "random")
    assert equal(two.model.networks[0].state_dict(), fresh.model.networks[0].state_dict())
    assert not equal(two.model.networks[0].state_dict(), one.model.networks[0].state_dict())


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(pattern_file, in_folder):
    """Without augmentation, whose draws differ between processes; gradients are summed in another order."""
    dataset = PatternDataset(pattern_file)
    still = Augmentation(rotation=0, contrast=0, noise=0, sharpness=0)
    training = Training(
        **{**QUICK, "epochs": 3, "loss": "huber"}, batch_size=35, augmentation=still, device="cpu"
    )
    task = TrainingTask([str(dataset.path.resolve())], training.as_dict(), split="random")
    for name, processes in (("one", 1), ("two", 2)):
        (in_folder / name).mkdir()
        task.run(in_folder / name, processes)
    history = [pd.read_csv(in_folder / name / "history.csv") for name in ("one", "two")]
    assert history[1]["loss"].to_numpy() == pytest.approx(history[0]["loss"].to_numpy(), rel=1e-3)
    one, two = (load_model(in_folder / name).predict(dataset).mean for name in ("one", "two"))
    # against the spread of the labels: that of the predictions is next to nothing after so few steps
    assert np.abs(two - one).max() < 2e-3 * dataset.label().std()
    with pytest.raises(NBEDError, match=r"torchrun\.log"):
        TrainingTask(["absent.h5"], training.as_dict()).run(in_folder / "two", 2)


def test_rows_and_mesh_of_a_prediction_are_checked(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    trained = train([dataset], Training(**QUICK), "random")
    trained.model.save("m")
    model = load_model("m")
    with pytest.raises(DatasetError, match=r"shape \(2, 45, 45\).*39, 39"):
        model.predict(np.zeros((2, 45, 45)))
    part = model.predict(dataset, rows=np.array([3, 1]))
    assert part.mean == pytest.approx(model.predict(dataset).mean[[3, 1]], abs=1e-6)
    other = train([dataset], Training(**QUICK, seed=9), "random")
    other.model.save("n")
    os.replace("n/model.safetensors", "m/model.safetensors")
    with pytest.raises(ModelError, match="take both from one training"):
        load_model("m")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, "'mae', 'huber', 'gaussian'"),
        ({"optimizer": "sgd"}, "'adam', 'adamw'"),
        ({"schedule": "cosine"}, "'plateau', 'one_cycle'"),
        ({"early_stop": 0}, "early_stop"),
        ({"members": 0}, "members"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"nework": "cnn"}, "holds 'nework'"),
        ({"seed": -1}, "seed is -1"),
        ({"cores": 0}, "cores is 0"),
        ({"baselines": "no"}, "True or False"),
        ({"detector": "blur"}, "or a dict with some of"),
        ({"detector": {"blurr": 1}}, "holds 'blurr'"),
        ({"augmentation": 5}, "or a dict with some of"),
        ({"augmentation": {"rotate": 5}}, "holds 'rotate'"),
    ],
)
def test_settings_refuse(arguments, message):
    with pytest.raises(InputError, match=message):
        Training.from_dict({**QUICK, **arguments})


def test_settings_take_parts_as_dicts_and_whole_numbers_as_floats():
    training = Training(**QUICK, detector={"blur": [0, 1]}, augmentation={"rotation": 5}, members=2.0)
    assert training.detector == DetectorEffects(blur=(0, 1))
    assert training.augmentation == Augmentation(rotation=5)
    assert range(training.members) == range(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_datasets": 5}, "dataset is 5: give a PatternDataset"),
        ({"test_datasets": [None]}, "dataset is None: give a PatternDataset"),
        ({"label": 5}, "label is 5: give a name"),
        ({"label": None}, "label is None: give a name"),
    ],
)
def test_training_refuses(pattern_file, arguments, message):
    with pytest.raises(InputError, match=message):
        train(PatternDataset(pattern_file), Training(**QUICK), **arguments)


def test_patterns_too_faint_for_the_recipe_of_the_study(pattern_file, in_folder):
    faint = in_folder / "faint.h5"
    faint.write_bytes(Path(pattern_file).read_bytes())
    with h5py.File(faint, "a") as file:
        file["patterns"][...] = 0.5
    with pytest.raises(InputError, match=r"'log_above_one'.* that is 0"):
        train(PatternDataset(faint), Training(**QUICK, recipe="study"), "random")


def test_what_is_masked_in_a_masked_array_is_not_seen(pattern_file):
    dataset = PatternDataset(pattern_file)
    model = train([dataset], Training(**QUICK, recipe="experiment", baselines=False), "random").model
    patterns = dataset.patterns[:4].astype(np.float32)
    hidden = np.broadcast_to(~model.recipe.mask, patterns.shape)
    masked = np.ma.array(np.where(hidden, 1e9, patterns), mask=hidden)
    assert np.array_equal(model.predict(masked).mean, model.predict(patterns).mean)
    bad = np.ma.array(patterns.astype(np.uint16), mask=~hidden)
    with pytest.raises(DatasetError, match="bad pixels repaired"):
        model.predict(bad)
    with pytest.raises(DatasetError, match="bad pixels repaired"):
        model.recipe.images(bad)


def test_rows_of_a_prediction(pattern_file):
    dataset = PatternDataset(pattern_file)
    model = train([dataset], Training(**QUICK, baselines=False), "random").model
    mask = np.arange(len(dataset)) % 3 == 0
    chosen = model.predict(dataset, rows=np.flatnonzero(mask)).mean
    assert np.array_equal(model.predict(dataset, rows=mask).mean, chosen)
    assert model.predict(dataset, rows=[]).mean.shape == (0,)
    for rows in ([len(dataset)], [0.5], 3, [True]):
        with pytest.raises(InputError, match="rows is"):
            model.predict(dataset, rows=rows)
    for options in ({"batch_size": -1}, {"seed": -1}, {"recipe": "experiment"}, {"detector": {"blur": 1}}):
        with pytest.raises(InputError, match="give"):
            model.predict(dataset, **options)


def test_early_stop_and_mesh(pattern_file):
    dataset = PatternDataset(pattern_file)
    assert dataset.mesh == Mesh(1.0, 0.05)
    trained = train(
        [dataset], Training(**{**QUICK, "epochs": 40}, learning_rate=1e-9, early_stop=3), "random"
    )
    assert len(trained.history) < 40
