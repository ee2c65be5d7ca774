"""Baselines beside the networks, and the leak of splits."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from pyiron_nbed import Cylinder, Mesh, simulate_patterns
from pyiron_nbed.dataset import PatternDataset, build_dataset, split_dataset
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.learning import Augmentation, PatternSource, Training, train
from pyiron_nbed.learning.baselines import BASELINES, baselines, fit_baselines, pattern_features
from pyiron_nbed.learning.files import CHECKPOINT_FILE
from pyiron_nbed.learning.leak import split_leak
from pyiron_nbed.learning.task import TrainingTask
from pyiron_nbed.patterns import Recipe

STILL = Augmentation(rotation=0, contrast=0, noise=0, sharpness=0)
QUICK = {"network": "cnn", "weights": None, "cores": 1, "augmentation": STILL}


def test_a_quarter_turn_or_a_mirror_changes_no_feature(pattern_file):
    dataset = PatternDataset(pattern_file)
    patterns = dataset.patterns[:300]
    still = pattern_features(patterns, Recipe.simulation(dataset.mesh))
    for turned in (np.rot90(patterns, 1, (1, 2)), patterns[:, ::-1], patterns.transpose(0, 2, 1)):
        assert np.abs(pattern_features(turned, Recipe.simulation(dataset.mesh)) - still).max() < 2e-6
    rows = np.array([299, 3])
    assert np.array_equal(pattern_features(patterns, Recipe.simulation(dataset.mesh), rows), still[rows])


@pytest.mark.parametrize(("delta_k", "tolerance"), [(0.015, 0.04), (0.045, 0.4)])
def test_a_structure_turned_about_the_beam_has_the_same_features(rattled, delta_k, tolerance):
    """By any angle: what is left comes from the pixels, in parts of what another volume changes."""
    free = Atoms(rattled.numbers, rattled.positions, cell=rattled.cell, pbc=False)
    middle = free.positions.mean(axis=0)
    centers = middle + np.random.default_rng(1).uniform(-6, 6, (40, 3))
    mesh = Mesh(1.0, delta_k)
    still = pattern_features(simulate_patterns(free, centers, Cylinder(5, 15), mesh), Recipe.simulation(mesh))
    for angle in (17.0, 45.0, 71.3):
        turned = free.copy()
        turned.rotate(angle, "z", center=middle)
        places = Atoms("H" * len(centers), centers)
        places.rotate(angle, "z", center=middle)
        patterns = simulate_patterns(turned, places.positions, Cylinder(5, 15), mesh)
        change = pattern_features(patterns, Recipe.simulation(mesh)) - still
        told = still.std(axis=0) > 1e-6  # the image at k = 0 is 1 always
        parts = np.sqrt((change**2).mean(axis=0))[told] / still.std(axis=0)[told]
        assert np.median(parts) < tolerance


def test_features_of_known_patterns():
    """Flat intensity has no variance and no angular order; cos 4φ has V = 1/8 and order 4 only."""
    mesh = Mesh(1.0, 0.02)
    flat = np.full((1, *mesh.shape), 3.0)
    features = pattern_features(flat, Recipe.simulation(mesh))[0]
    assert np.abs(features).max() < 1e-3  # the image of a constant is 0; the last ring touches the edge
    half = mesh.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    star = (1 + 0.5 * np.cos(4 * np.arctan2(y, x)))[None]
    features = pattern_features(star, Recipe.simulation(mesh))[0]
    rings = len(np.unique(np.rint(mesh.delta_k * np.arange(1, 50) / 0.05)))
    variance, angular = features[rings : 2 * rings], features[2 * rings :].reshape(6, -1)
    assert variance[5:-1] == pytest.approx(np.log(1 + 1 / 8), abs=0.01)
    assert (angular[1, 2:-1] > 0.1).all()
    assert angular[[0, 2, 4], 2:-1].max() < 0.01


def test_features_refuse(pattern_file):
    mesh = PatternDataset(pattern_file).mesh
    with pytest.raises(InputError, match=r"give \(P, 39, 39\)"):
        pattern_features(np.zeros((2, 9, 9)), Recipe.simulation(mesh))
    with pytest.raises(DatasetError, match="NaN"):
        pattern_features(np.full((1, *mesh.shape), np.nan), Recipe.simulation(mesh))
    with pytest.raises(InputError, match="labels is an array of shape"):
        fit_baselines(np.zeros((3, 2)), np.zeros(3), np.zeros((3, 2)))


def test_ridge_is_exact_where_the_label_is_linear_and_boosting_learns_what_is_not():
    random = np.random.default_rng(0)
    features = random.normal(size=(1500, 4)) * [1, 10, 0.1, 3] + [0, 5, -2, 1]
    labels = np.column_stack([features @ [1.0, 0.2, -3.0, 0.5] + 7, features[:, 0] ** 2])
    predicted = fit_baselines(features[:1000], labels[:1000], features[1000:])
    error = {
        name: np.sqrt(((values - labels[1000:]) ** 2).mean(axis=0)) for name, values in predicted.items()
    }
    assert error["ridge"][0] < 1e-4 * error["constant"][0]
    assert error["boosting"][1] < 0.4 * error["constant"][1]
    assert error["ridge"][1] > 0.9 * error["constant"][1]
    assert np.allclose(predicted["constant"], labels[:1000].mean(axis=0))


def test_baselines_repeat_and_a_test_pattern_is_predicted_by_itself_alone(pattern_file):
    dataset = PatternDataset(pattern_file)
    split = split_dataset([dataset], "random", 0.4, seed=1)
    first, n_train = baselines([dataset], split, max_patterns=150)
    assert n_train == 150 < len(split.train)
    again, _ = baselines([dataset], split, max_patterns=150)
    other, _ = baselines([dataset], split, seed=1, max_patterns=150)
    part, _ = baselines([dataset], replace(split, test=split.test[::5]), max_patterns=150)
    for name in BASELINES:
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
        assert part[name] == pytest.approx(first[name][::5], abs=1e-6)


def test_baselines_stand_beside_every_network(pattern_file):
    dataset = PatternDataset(pattern_file)
    labels = ["disorder_parameter", "number_density"]
    trained = train([dataset], Training(**QUICK, epochs=1), "random", label=labels)
    card = json.loads(json.dumps(trained.model.card))
    assert set(card["baselines"]) == set(BASELINES)
    test, ridge = trained.test, card["baselines"]["ridge"]
    assert ridge["n_train"] == len(trained.split.train)
    error = test["ridge/number_density"] - test["true/number_density"]
    assert ridge["labels"]["number_density"]["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert {"all", "region", "structure"} <= {row["by"] for row in ridge["groups"]}
    # the density is all but written into a pattern: I(0) stands out of the rest by the number of atoms
    assert ridge["labels"]["number_density"]["skill"] > 0.3
    assert abs(card["baselines"]["constant"]["skill"]) < 0.1
    bare = train([dataset], Training(**QUICK, epochs=1, baselines=False), "random", label=labels)
    assert bare.model.card["baselines"] == {}
    assert (bare.test["predicted/number_density"] == test["predicted/number_density"]).all()


def test_baselines_of_a_source_learn_from_its_patterns(pattern_file, rattled):
    dataset = PatternDataset(pattern_file)
    source = PatternSource([rattled], [Cylinder(4, 12)], dataset.mesh, labels=["fraction_Zr"], batch_size=64)
    trained = train(source, Training(**QUICK, epochs=1, steps_per_epoch=2), test_datasets=[dataset])
    ridge = trained.model.card["baselines"]["ridge"]
    assert ridge["n_train"] == 4096
    drawn = np.concatenate([source.batch(number).labels.numpy() for number in range(64)])
    assert trained.test["constant"].to_numpy() == pytest.approx(drawn.mean(), rel=1e-6)
    # scanned along one axis, drawn along any: it carries over in part
    assert ridge["correlation"] > 0.2


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory, rattled):
    """Cylinders 8 Å wide every 1.6 Å: each shares most of its atoms with the next."""
    path = tmp_path_factory.mktemp("overlap") / "patterns.h5"
    build_dataset(
        path,
        [rattled],
        [Cylinder(4, 12)],
        Mesh(1.0, 0.1),
        step=(1.6, 1.6, 4.0),
        labels=["disorder_parameter"],
    )
    return path


def test_a_random_split_of_overlapping_volumes_flatters(overlapping):
    dataset = PatternDataset(overlapping)
    table = split_leak([dataset], Training(**QUICK, epochs=10, baselines=False)).set_index("split")
    assert table.loc["random", "leak"] == 0
    assert table.loc["block", "leak"] > 0.004
    assert table.loc["block", "ratio"] > 1.1
    # the blocks are as random as the structure: what is learned there does not carry over
    assert table.loc["random", "r2"] > 0.3 > table.loc["block", "r2"]


@pytest.mark.slow
def test_a_comparison_that_was_killed_goes_on_where_it_was(overlapping, in_folder):
    dataset = PatternDataset(overlapping)
    training = Training(**QUICK, epochs=3, baselines=False, batch_size=128)
    whole = split_leak([dataset], training, folder=in_folder / "whole")
    code = (
        "import json, sys; from pyiron_nbed.learning.task import TrainingTask;"
        "from pyiron_nbed.learning.leak import run_splits;"
        "run_splits(TrainingTask(**json.loads(sys.argv[1])), ['random', 'block'], sys.argv[2])"
    )
    task = TrainingTask([str(overlapping)], training.as_dict())
    text = json.dumps({name: getattr(task, name) for name in task.__dataclass_fields__})
    process = subprocess.Popen([sys.executable, "-c", code, text, str(in_folder / "cut")])
    begin = time.monotonic()
    while not (in_folder / "cut/split_block" / CHECKPOINT_FILE).exists():
        assert time.monotonic() - begin < 120
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = in_folder / "cut/split_random" / CHECKPOINT_FILE
    before = finished.stat().st_mtime_ns
    first = TrainingTask(task.datasets, task.training, split="random")
    first.run(finished.parent, keep_checkpoint=True)
    assert finished.stat().st_mtime_ns == before  # found finished, so not trained again
    again = split_leak([dataset], training, folder=in_folder / "cut")
    pd.testing.assert_frame_equal(again, whole)
    assert not finished.exists()


def test_splits_are_checked_before_any_training(pattern_file, in_folder):
    with pytest.raises(InputError, match="at least two structures"):
        split_leak(
            [PatternDataset(pattern_file)], Training(**QUICK), ["random", "structure"], folder=in_folder
        )
    assert not list(in_folder.iterdir())
