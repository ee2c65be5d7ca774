"""Wrong input of learning: settings, networks, sources, training, prediction, evaluation, released files."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Cylinder, Mesh, OneLayerCluster
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.learning import (
    Augmentation,
    Model,
    PatternSource,
    Training,
    TrainingTask,
    build_network,
    check_datasets,
    evaluate,
    leak_table,
    load_model,
    metrics,
    metrics_table,
    train,
    training_recipe,
    with_preset,
)
from pyiron_nbed.learning.baselines import fit_baselines, pattern_features
from pyiron_nbed.learning.leak import split_leak
from pyiron_nbed.learning.study import load_study_model, read_study_patterns, study_limits, study_scale
from pyiron_nbed.learning.uncertainty import conformal_quantile
from pyiron_nbed.patterns import DetectorEffects, Recipe

NAN = math.nan
MESH = Mesh(1.0, 0.05)
RECIPE = Recipe.simulation(MESH)
ATOMS = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
SMALL = Cylinder(4, 12)
CNN = {"network": "cnn", "weights": None}
QUICK = Training(**CNN, epochs=1)
ONES = np.ones((2, *MESH.shape), np.float32)
X = np.ones((5, 2))


def source(structures=(ATOMS,), volumes=(SMALL,), mesh=MESH, **options):
    return PatternSource(structures, volumes, mesh, cores=1, **options)


def model():
    card = {
        "network": "cnn", "labels": ["disorder_parameter"], "recipe": RECIPE.as_dict(), "n_parameters": 1,
        "scale": {"mean": [0.5], "standard_deviation": [0.1]}, "members": 1,
    }  # fmt: skip
    return Model([build_network("cnn")], card)


# each takes the pattern file of the tests as a PatternDataset
ROWS = {
    "augmentation style": (lambda d: Augmentation(style="mine"), "'drawn', 'torchvision'"),
    "augmentation text": (lambda d: Augmentation(noise="0.1"), "noise is '0.1'"),
    "augmentation flag": (lambda d: Augmentation(noise=True), "noise is True"),
    "augmentation negative": (lambda d: Augmentation(rotation=-1), "rotation is -1"),
    "augmentation share": (lambda d: Augmentation(probability=2), "probability is 2"),
    "augmentation NaN": (lambda d: Augmentation(contrast=NAN), "contrast is nan"),
    "network": (lambda d: replace(QUICK, network="vgg").check_network(), "'resnet18', 'cnn'"),
    "network None": (lambda d: replace(QUICK, network=None).check_network(), "network is None"),
    "network list": (lambda d: replace(QUICK, network=["cnn"]).check_network(), "network is"),
    "weights number": (lambda d: replace(QUICK, weights=5), "weights is 5"),
    "weights absent": (lambda d: replace(QUICK, weights="w.safetensors").check_network(), "do not exist"),
    "weights of imagenet": (lambda d: replace(QUICK, weights="imagenet").check_network(), "no ImageNet"),
    "first layer": (lambda d: replace(QUICK, first_layer="mean").check_network(), "'sum', 'new'"),
    "frozen": (lambda d: replace(QUICK, frozen=9).check_network(), "frozen is 9"),
    "frozen text": (lambda d: replace(QUICK, frozen="all").check_network(), "frozen is 'all'"),
    "members": (lambda d: replace(QUICK, members=0), "members is 0"),
    "loss": (lambda d: replace(QUICK, loss="mse"), "'mae', 'huber'"),
    "target": (lambda d: replace(QUICK, target="d"), "'standardized', 'order'"),
    "epochs": (lambda d: replace(QUICK, epochs=0), "epochs is 0"),
    "epochs half": (lambda d: replace(QUICK, epochs=1.5), "epochs is 1.5"),
    "epochs text": (lambda d: replace(QUICK, epochs="10"), "epochs is '10'"),
    "batch size": (lambda d: replace(QUICK, batch_size=-8), "batch_size is -8"),
    "optimizer": (lambda d: replace(QUICK, optimizer="sgd"), "'adam', 'adamw'"),
    "learning rate": (lambda d: replace(QUICK, learning_rate=10), "learning_rate is 10"),
    "learning rate text": (lambda d: replace(QUICK, learning_rate="1e-3"), "learning_rate is '1e-3'"),
    "weight decay": (lambda d: replace(QUICK, weight_decay=-1), "weight_decay is -1"),
    "schedule": (lambda d: replace(QUICK, schedule="cosine"), "'plateau', 'one_cycle'"),
    "early stop": (lambda d: replace(QUICK, early_stop=0), "early_stop is 0"),
    "validation": (lambda d: replace(QUICK, validation=1.5), "validation is 1.5"),
    "validation flag": (lambda d: replace(QUICK, validation=True), "validation is True"),
    "validation text": (lambda d: replace(QUICK, validation="some"), "validation is 'some'"),
    "keep": (lambda d: replace(QUICK, keep="all"), "'last', 'best'"),
    "seed text": (lambda d: replace(QUICK, seed="a"), "seed is 'a'"),
    "seed negative": (lambda d: replace(QUICK, seed=-1), "seed is -1"),
    "seed beyond": (lambda d: replace(QUICK, seed=10**30), "seed is 1000"),
    "flag": (lambda d: replace(QUICK, bfloat16="yes"), "bfloat16 is 'yes'"),
    "device": (lambda d: replace(QUICK, device="gpu"), "device is 'gpu'"),
    "device number": (lambda d: replace(QUICK, device=0), "device is 0"),
    "cores": (lambda d: replace(QUICK, cores=-1), "cores is -1"),
    "augmentation None": (lambda d: replace(QUICK, augmentation=None), "augmentation is None"),
    "augmentation unknown": (lambda d: replace(QUICK, augmentation={"blur": 1}), "'blur'"),
    "detector text": (lambda d: replace(QUICK, detector="camera"), "detector is 'camera'"),
    "detector unknown": (lambda d: replace(QUICK, detector={"bluur": 1}), "'bluur'"),
    "recipe name": (lambda d: replace(QUICK, recipe="camera"), "recipe is 'camera'"),
    "recipe number": (lambda d: replace(QUICK, recipe=5), "recipe is 5"),
    "recipe unknown": (lambda d: replace(QUICK, recipe={"kmin": 1}), "'kmin'"),
    "study of unknown": (lambda d: Training.study(epoch=3), "'epoch'"),
    "study out of range": (lambda d: Training.study(epochs=0), "epochs is 0"),
    "training from None": (lambda d: Training.from_dict(None), "training is None"),
    "training from text": (lambda d: Training.from_dict("study"), "training is 'study'"),
    "training from unknown": (lambda d: Training.from_dict({"epoch": 3}), "'epoch'"),
    "preset": (lambda d: with_preset({}, "paper"), "preset is 'paper'"),
    "preset of text": (lambda d: with_preset("epochs", "study"), "training is 'epochs'"),
    "preset of unknown": (lambda d: with_preset({"epoch": 3}, "study"), "'epoch'"),
    "build network number": (lambda d: build_network(18), "network is 18"),
    "build network outputs": (lambda d: build_network("cnn", outputs=0), "outputs is 0"),
    "build network weights": (lambda d: build_network("cnn", 5), "weights is 5"),
    "build network of patterns": (lambda d: build_network("cnn", d.path), "not a safetensors file"),
    "source of one": (lambda d: source(ATOMS), "structures"),
    "source of text": (lambda d: source(["cu.xyz"]), "ase.Atoms"),
    "source of none": (lambda d: source([]), "structures"),
    "source volumes": (lambda d: source(volumes=["big"]), "volume is 'big'"),
    "source mesh": (lambda d: source(mesh=(1.0, 0.05)), "give a Mesh"),
    "source labels": (lambda d: source(labels=["q5"]), "'q5'"),
    "source labels number": (lambda d: source(labels=6), "labels are 6"),
    "source density of clusters": (
        lambda d: source(volumes=[OneLayerCluster()], labels=["number_density"]),
        "not defined",
    ),
    "source seed": (lambda d: source(seed="a"), "seed is 'a'"),
    "source batch": (lambda d: source(batch_size=0), "batch_size is 0"),
    "source engine": (lambda d: source(engine="lammps"), "'cpu', 'torch'"),
    "source device": (lambda d: source(device="gpu"), "device 'gpu'"),
    "source turned": (lambda d: source(turned="yes"), "turned is 'yes'"),
    "source weights": (lambda d: source(weights=[-1]), "weights"),
    "source too wide": (lambda d: source(volumes=[Cylinder(30, 10)]), "wide"),
    "source batch number": (lambda d: source(labels=["fraction_Cu"]).batch(-1), "batch is -1"),
    "source start": (lambda d: source(labels=["fraction_Cu"]).batches("first"), "start is 'first'"),
    "source prefetch": (lambda d: source(labels=["fraction_Cu"]).batches(prefetch=0), "prefetch is 0"),
    "source ranges": (lambda d: source(labels=["fraction_Cu"]).ranges(0), "batches is 0"),
    "train on text": (lambda d: train("a.h5", QUICK), "a.h5 does not exist"),
    "train on None": (lambda d: train(None, QUICK), "None"),
    "train on number": (lambda d: train([5], QUICK), "5"),
    "train on atoms": (lambda d: train([ATOMS], QUICK), "Atoms"),
    "train on nothing": (lambda d: train([], QUICK), "at least one"),
    "train the same twice": (lambda d: train([d, d], QUICK), "2 times"),
    "train by text": (lambda d: train([d], "study"), "training is 'study'"),
    "train by dict": (lambda d: train([d], CNN), "training is"),
    "train without network": (lambda d: train([d], replace(QUICK, network="vgg")), "network is 'vgg'"),
    "train split": (lambda d: train([d], QUICK, "blocks"), "split is 'blocks'"),
    "train fraction": (lambda d: train([d], QUICK, test_fraction=0), "test_fraction is 0"),
    "train label": (lambda d: train([d], QUICK, label="q5"), "'q5'"),
    "train label number": (lambda d: train([d], QUICK, label=6), "label is 6"),
    "train labels twice": (lambda d: train([d], QUICK, label=["q6", "q6"]), "differ"),
    "train no label": (lambda d: train([d], QUICK, label=[]), "labels are"),
    "train nowhere": (lambda d: train([d], QUICK, folder="absent"), "no folder"),
    "train in a number": (lambda d: train([d], QUICK, folder=5), "folder is 5"),
    "train order of q6": (lambda d: train([d], replace(QUICK, target="order"), label="q6"), "'order'"),
    "train with another mesh": (
        lambda d: train([d], replace(QUICK, recipe=Recipe.simulation())),
        "same mesh",
    ),
    "train with a dose of a study": (
        lambda d: train([d], replace(QUICK, recipe="study", detector=DetectorEffects(dose=1e5))),
        "unit",
    ),
    "test on what is trained on": (lambda d: train([d], QUICK, test_datasets=[d]), "2 times"),
    "test on volumes that are trained on": (
        lambda d: train([d], QUICK, test_datasets=["part.h5"]),
        "trained on",
    ),
    "test on text": (lambda d: train([d], QUICK, test_datasets="a.h5"), "a.h5 does not exist"),
    "test on number": (lambda d: train([d], QUICK, test_datasets=5), "5"),
    "test with a wrong split": (
        lambda d: check_datasets([d], [d], "blocks"),
        "split is 'blocks'",
    ),
    "source without tests": (lambda d: train(source(), QUICK), "test_datasets"),
    "source with validation": (
        lambda d: train(source(), replace(QUICK, validation=0.2), test_datasets=[d]),
        "endless",
    ),
    "check seed": (lambda d: check_datasets([d], seed="a"), "seed is 'a'"),
    "recipe of a training": (
        lambda d: training_recipe(replace(QUICK, recipe=Recipe.simulation()), None, [d]),
        "same mesh",
    ),
    "leak of text": (lambda d: split_leak("a.h5", QUICK), "a.h5 does not exist"),
    "leak kinds text": (lambda d: split_leak([d], QUICK, "random"), "kinds is 'random'"),
    "leak kinds unknown": (lambda d: split_leak([d], QUICK, ["blocks"]), "split is 'blocks'"),
    "leak training": (lambda d: split_leak([d], "study"), "training is 'study'"),
    "leak nowhere": (lambda d: split_leak([d], QUICK, folder=5), "folder is 5"),
    "leak table of list": (lambda d: leak_table([1]), "cards"),
    "leak table of nothing": (lambda d: leak_table({"random": {}}), "no metrics"),
    "task nowhere": (lambda d: TrainingTask([], {}).run("absent"), "no folder"),
    "task processes": (lambda d: TrainingTask([], {}).run(".", processes=0), "processes is 0"),
    "predict None": (lambda d: model().predict(None), "patterns are None"),
    "predict text": (lambda d: model().predict("a.h5"), "a.h5 does not exist"),
    "predict a number": (lambda d: model().predict(5), "patterns are 5"),
    "predict a list": (lambda d: model().predict([1, 2]), "patterns are"),
    "predict atoms": (lambda d: model().predict(ATOMS), "patterns are"),
    "predict text array": (lambda d: model().predict(np.array(["a"])), "patterns are"),
    "predict complex": (lambda d: model().predict(ONES * 1j), "real numbers"),
    "predict another shape": (lambda d: model().predict(ONES[:, 1:-1, 1:-1]), "shape"),
    "predict NaN": (lambda d: model().predict(ONES * NAN), "NaN"),
    "predict negative": (lambda d: model().predict(-ONES), "negative"),
    "predict on a device": (lambda d: model().predict(ONES, device="gpu"), "device 'gpu'"),
    "predict rows": (lambda d: model().predict(ONES, rows=[5]), "rows is"),
    "predict rows text": (lambda d: model().predict(ONES, rows="all"), "rows is 'all'"),
    "predict rows half": (lambda d: model().predict(ONES, rows=[0.5]), "rows is"),
    "predict batch": (lambda d: model().predict(ONES, batch_size=0), "batch_size is 0"),
    "predict batch text": (lambda d: model().predict(ONES, batch_size="all"), "batch_size is 'all'"),
    "predict seed": (lambda d: model().predict(ONES, seed=-1), "seed is -1"),
    "predict flag": (lambda d: model().predict(ONES, bfloat16="yes"), "bfloat16 is 'yes'"),
    "predict recipe": (lambda d: model().predict(ONES, recipe="study"), "recipe is 'study'"),
    "predict other recipe": (lambda d: model().predict(ONES, recipe=Recipe.experiment(MESH)), "differs"),
    "predict detector": (lambda d: model().predict(ONES, detector={"blur": 1}), "detector is"),
    "evaluate text": (lambda d: evaluate("model", d), "model is 'model'"),
    "evaluate on text": (lambda d: evaluate(model(), "a.h5"), "a.h5 does not exist"),
    "evaluate on array": (lambda d: evaluate(model(), ONES), "dataset is"),
    "evaluate label": (lambda d: evaluate(model(), d, label="q6"), "label is 'q6'"),
    "evaluate rows": (lambda d: evaluate(model(), d, [10**6]), "indices is"),
    "load None": (lambda d: load_model(None), "None"),
    "load number": (lambda d: load_model(5), "5"),
    "load nowhere": (lambda d: load_model("absent"), "model.json is missing"),
    "load patterns": (lambda d: load_model(d.path), "model.json is missing"),
    "save into a file": (lambda d: model().save("part.h5"), "cannot be made"),
    "save into None": (lambda d: model().save(None), "None"),
    "metrics of text": (lambda d: metrics(["a"], ["b"]), "true is"),
    "metrics of lengths": (lambda d: metrics([1.0], [1.0, 2.0]), "1 values and predicted 2"),
    "metrics of nothing": (lambda d: metrics([], []), "0 values"),
    "metrics of a number": (lambda d: metrics(1.0, 1.0), "true is 1.0"),
    "metrics of two axes": (lambda d: metrics(X, X), "true is"),
    "table of list": (lambda d: metrics_table([1.0], [1.0], ["a"], [0]), "groups is"),
    "table of lengths": (lambda d: metrics_table([1.0], [1.0], pd.DataFrame({"a": [1]}), [0, 1]), "2 blocks"),
    "table of no draws": (
        lambda d: metrics_table([1.0], [1.0], pd.DataFrame({"a": [1]}), [0], 0),
        "n_bootstrap is 0",
    ),
    "quantile of text": (lambda d: conformal_quantile("a"), "scores is 'a'"),
    "quantile of none": (lambda d: conformal_quantile([]), "no scores|scores is"),
    "quantile coverage": (lambda d: conformal_quantile([1.0], 90), "coverage is 90"),
    "quantile coverage text": (lambda d: conformal_quantile([1.0], "90%"), "coverage is '90%'"),
    "features of text": (lambda d: pattern_features("a", RECIPE), "patterns are 'a'"),
    "features without recipe": (lambda d: pattern_features(ONES, None), "recipe is None"),
    "features of shape": (lambda d: pattern_features(ONES[:, 1:, 1:], RECIPE), "shape"),
    "features rows": (lambda d: pattern_features(ONES, RECIPE, [7]), "rows is"),
    "features detector": (lambda d: pattern_features(ONES, RECIPE, detector="camera"), "detector is"),
    "baselines of text": (lambda d: fit_baselines("a", X, X), "features is 'a'"),
    "baselines of NaN": (lambda d: fit_baselines(X * NAN, X, X), "features is"),
    "baselines of shapes": (lambda d: fit_baselines(X, X[:3], X), "labels"),
    "baselines seed": (lambda d: fit_baselines(X, X, X, seed="a"), "seed is 'a'"),
    "limits of text": (lambda d: study_limits("cu"), "ase.Atoms"),
    "limits volume": (lambda d: study_limits(ATOMS, "big"), "volume is 'big'"),
    "limits zone axis": (lambda d: study_limits(ATOMS, zone_axis="z"), "zone axis is 'z'"),
    "limits tilted": (lambda d: study_limits(ATOMS, zone_axis=(1, 1, 0)), "one axis of the cell"),
    "limits distance": (lambda d: study_limits(ATOMS, distance=-1), "distance is -1"),
    "limits no room": (lambda d: study_limits(ATOMS), "no room"),
    "scale of None": (lambda d: study_scale(None), "patterns is None"),
    "scale of nothing": (lambda d: study_scale("absent.pt"), "does not exist"),
    "scale of patterns": (lambda d: study_scale("part.h5"), "more than tensors"),
    "scale rows": (lambda d: study_scale("X_data.pt", [9]), "rows is"),
    "released over a foreign file": (
        lambda d: read_study_patterns("X_data.pt", "X_data.pt", "X_data.pt"),
        "overwrite=True",
    ),
    "released nowhere": (
        lambda d: read_study_patterns("X_data.pt", "X_data.pt", "absent/a.h5"),
        "its folder does not exist",
    ),
    "released order": (lambda d: read_study_patterns("X_data.pt", None, "a.h5"), "order is None"),
    "released volume": (
        lambda d: read_study_patterns("X_data.pt", "X_data.pt", "a.h5", "big"),
        "volume is 'big'",
    ),
    "released pickle": (lambda d: read_study_patterns("a.pkl", "y.pt", "a.h5"), "pickle"),
    "network of None": (lambda d: load_study_model(None, scale=5.0), "checkpoint is None"),
    "network scale text": (lambda d: load_study_model("X_data.pt", scale="5"), "scaling is '5'"),
    "network of both": (lambda d: load_study_model("a.pt", "X_data.pt", 5.0), "one of the two"),
}


@pytest.fixture(scope="session")
def prepared_files(tmp_path_factory, rattled):
    """A pattern file of some volumes of the one of the tests, and released patterns."""
    from pyiron_nbed.dataset import build_dataset

    folder = tmp_path_factory.mktemp("prepared")
    build_dataset(folder / "part.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=8.0)
    torch.save(torch.ones(2, 133, 133), folder / "X_data.pt")
    return folder


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder, pattern_file, prepared_files):
    action, part = row
    shutil.copytree(prepared_files, in_folder, dirs_exist_ok=True)
    data = PatternDataset(pattern_file)
    assert_refused(lambda: action(data), part, in_folder)


def test_patterns_of_zeros_are_nan_with_a_warning():
    with pytest.warns(UserWarning, match="1 of 2 patterns hold no intensity"):
        prediction = model().predict(np.stack([ONES[0], 0 * ONES[0]]))
    assert np.isfinite(prediction.mean).tolist() == [True, False]
    assert np.isfinite(prediction.std).tolist() == [True, False]
