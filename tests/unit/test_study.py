"""The training of the study: its options one by one, and the files that its authors released."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torchvision.transforms import v2

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset, build_dataset, split_dataset
from pyiron_nbed.dataset.splits import load_split
from pyiron_nbed.errors import DatasetError, InputError, ModelError, VolumeError
from pyiron_nbed.learning import Augmentation, Training, build_network, load_model, train
from pyiron_nbed.learning.augmentation import rotate
from pyiron_nbed.learning.loop import _optimizer
from pyiron_nbed.learning.settings import with_preset
from pyiron_nbed.learning.study import load_study_model, read_study_patterns, study_limits, study_scale
from pyiron_nbed.patterns import Recipe

STILL = Augmentation(rotation=0, contrast=0, noise=0, sharpness=0)
QUICK = {"network": "cnn", "weights": None, "cores": 1, "baselines": False, "batch_size": 32}
DISC = torch.ones(33, 33)


def test_every_fact_of_the_study():
    study = Training.study()
    assert (study.network, study.weights, study.first_layer) == ("resnet18", "imagenet", "new")
    assert (study.loss, study.optimizer, study.learning_rate, study.weight_decay) == (
        "mae",
        "adam",
        1e-3,
        1e-5,
    )
    assert (study.batch_size, study.epochs, study.schedule, study.patience) == (64, 400, "plateau", 20)
    assert (study.validation, study.keep, study.target) == ("test", "best", "order")
    assert Training.study(epochs=3).epochs == 3
    assert Training.from_dict(json.loads(json.dumps(study.as_dict()))) == study


def test_rotation_is_that_of_torchvision():
    images = torch.rand(3, 1, 33, 33)
    for degrees in (17.0, -120.0, 90.0):
        ours = rotate(images, torch.full((3,), np.deg2rad(degrees)), mode="bilinear")
        theirs = [
            v2.functional.rotate(images, sign * degrees, v2.InterpolationMode.BILINEAR) for sign in (1, -1)
        ]
        assert min((ours - other).abs().max() for other in theirs) < 1e-4


def test_augmentation_of_the_study_has_the_distribution_of_torchvision():
    """Smooth images in [0, 0.8]: share left alone, level, noise and what is rotated out of the square."""
    y, x = np.mgrid[-1:1:33j, -1:1:33j]
    image = 0.2 + 0.6 * np.exp(-4 * (x**2 + 2 * y**2))
    image = torch.from_numpy(image.astype(np.float32))[None]
    theirs = v2.RandomApply(
        [
            v2.RandomRotation(180, interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomAutocontrast(),
            v2.GaussianNoise(),
            v2.RandomAdjustSharpness(0.5),
        ],
        p=0.8,
    )
    torch.manual_seed(0)
    count = 3000
    expected = torch.stack([theirs(image) for _ in range(count)])
    batch = image.expand(count, 1, 33, 33).clone()
    ours = Augmentation.study()(batch, DISC, torch.Generator().manual_seed(1))
    assert torch.equal(batch, image.expand(count, 1, 33, 33))  # not changed in place
    for values in (ours, expected):
        alone = (values == image).flatten(1).all(dim=1)
        assert abs(float(alone.float().mean()) - 0.2) < 4 * np.sqrt(0.16 / count)
        assert (values >= 0).all()
        assert (values <= 1).all()
    centre = [values[:, 0, 14:19, 14:19].flatten(1) for values in (ours, expected)]
    quantiles = torch.linspace(0.02, 0.98, 25)
    means = [torch.quantile(values.mean(dim=1), quantiles) for values in centre]
    assert (means[0] - means[1]).abs().max() < 0.03
    spreads = [torch.quantile(values.std(dim=1), quantiles) for values in centre]
    assert (spreads[0] - spreads[1]).abs().max() < 0.01
    corners = [values[:, 0, 0, 0] for values in (ours, expected)]  # rotated out of the square, then noise
    assert abs(float(corners[0].mean() - corners[1].mean())) < 0.012


def test_augmentation_is_drawn_from_its_generator_alone():
    images = torch.rand(8, 1, 33, 33)
    torch.manual_seed(5)
    one = Augmentation.study()(images, DISC, torch.Generator().manual_seed(3))
    torch.manual_seed(6)
    two = Augmentation.study()(images, DISC, torch.Generator().manual_seed(3))
    other = Augmentation.study()(images, DISC, torch.Generator().manual_seed(4))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_probability_leaves_images_alone_in_the_other_style_too():
    images = torch.rand(2000, 1, 9, 9)
    changed = replace(Augmentation(), probability=0.3)(images, torch.ones(9, 9), torch.Generator())
    share = float((changed != images).flatten(1).any(dim=1).float().mean())
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / 2000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "albumentations"}, "'drawn', 'torchvision'"),
        ({"probability": 1.5}, "probability"),
        ({"noise": -1}, "noise"),
        ({"contrast": 2.0, "style": "torchvision"}, "from 0 to 1"),
        ({"rotation": float("nan")}, "rotation"),
    ],
)
def test_augmentation_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**arguments)


def test_a_new_first_convolution_starts_as_torch_starts_one():
    """Uniform in ±1/√49, as nn.Conv2d of one channel and 7 × 7 pixels; the sum of three is normal."""
    torch.manual_seed(0)
    new = build_network("resnet18", None, first_layer="new").conv1.weight.detach()
    assert 0.98 / 7 < float(new.abs().max()) <= 1 / 7
    assert float(new.std()) == pytest.approx(1 / 7 / np.sqrt(3), rel=0.03)
    assert float(build_network("resnet18", None).conv1.weight.detach().abs().max()) > 1 / 7
    with pytest.raises(InputError, match="'sum', 'new'"):
        build_network("resnet18", None, first_layer="mean")


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_weight_decay_is_coupled_in_adam_and_not_in_adamw(optimizer):
    """Without a gradient Adam sees the decay alone and makes a whole step of it, AdamW one of a tenth."""
    layer = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    settings = Training(**QUICK, optimizer=optimizer, learning_rate=1e-2, weight_decay=0.1)
    stepper, _ = _optimizer(layer, settings, 1)
    (layer(torch.zeros(1, 3)) * 0).sum().backward()
    stepper.step()
    moved = 2.0 - layer.weight.detach()
    expected = 1e-2 if optimizer == "adam" else 2.0 * 1e-2 * 0.1
    assert moved.numpy() == pytest.approx(expected, rel=0.05)


def study_training(**changes):
    return Training.study(**{**QUICK, "epochs": 6, "augmentation": STILL, **changes})


def test_the_best_epoch_is_kept_and_the_plateau_is_that_of_the_validation_loss(pattern_file):
    dataset = PatternDataset(pattern_file)
    training = study_training(epochs=12, patience=1, learning_rate=1e-2)
    trained = train([dataset], training, "random")
    history, split = trained.history, trained.split
    # the labels are not scaled: the loss is the mean absolute error of d
    assert history["loss"].to_numpy() == pytest.approx(history["mae"].to_numpy(), rel=1e-5)
    assert history["validation_loss"].to_numpy() == pytest.approx(
        history["validation_mae"].to_numpy(), rel=1e-5
    )
    best = history["validation_mae"].min()
    assert best < history["validation_mae"].iloc[-1]  # else this tells nothing
    kept = np.abs(trained.test["predicted"] - trained.test["true"]).mean()
    assert kept == pytest.approx(best, rel=1e-4)
    last = train([dataset], replace(training, keep="last"), "random")
    end = np.abs(last.test["predicted"] - last.test["true"]).mean()
    assert end == pytest.approx(history["validation_mae"].iloc[-1], rel=1e-4)
    # learning rates from the recorded losses
    stepper = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-2)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(stepper, factor=0.5, patience=1)
    rates = []
    for loss in history["validation_loss"]:
        rates.append(stepper.param_groups[0]["lr"])
        stepper.step()
        schedule.step(loss)
    assert history["learning_rate"].tolist() == pytest.approx(rates)
    assert len(set(rates)) > 1
    card = trained.model.card["split"]
    assert (card["validation"], card["n_validation"]) == ("the test patterns", len(split.test))
    assert np.array_equal(split.validation, split.test)


def test_predictions_are_those_of_d_although_the_network_learns_1_minus_d(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    trained = train([dataset], study_training(loss="gaussian"), "random")
    trained.model.save("m")
    model = load_model("m")
    prediction = model.predict(dataset)
    truth = dataset.label()
    assert abs(prediction.mean.mean() - truth.mean()) < 3 * truth.std()
    assert (prediction.std > 0).all()
    output = model.networks[0](model_images(model, dataset))[:, 0].detach().numpy()
    assert prediction.mean == pytest.approx(1 - output, abs=1e-5)
    with pytest.raises(InputError, match="'order' is 1 − d_i"):
        train([dataset], study_training(), "random", label="q6")


def model_images(model, dataset):
    recipe = Recipe.from_dict(model.card["recipe"])
    return recipe(torch.from_numpy(dataset.patterns[:].astype(np.float32)))


@pytest.mark.parametrize("kind", ["random", "block"])
def test_validation_patterns_are_held_out_of_the_training_side(kind, rattled, in_folder):
    build_dataset(
        "p.h5", [rattled], [Cylinder(3, 6)], Mesh(1.0, 0.1), step=2.5, labels=["disorder_parameter"]
    )
    dataset = PatternDataset("p.h5")
    training = Training(**QUICK, epochs=2, validation=0.25, keep="best", augmentation=STILL)
    trained = train([dataset], training, kind)
    whole = split_dataset([dataset], kind, 0.2, 0)
    split = trained.split
    assert np.array_equal(split.test, whole.test)
    assert np.isin(split.train, whole.train).all()
    assert np.isin(split.validation, whole.train).all()
    assert not np.isin(split.validation, split.train).any()
    assert len(split.validation) == pytest.approx(0.25 * len(whole.train), rel=0.3)
    assert trained.model.card["split"]["validation"] == "held out of the training patterns"
    split.save("split.h5")
    assert np.array_equal(load_split("split.h5", [dataset]).validation, split.validation)
    if kind == "block":  # no volume of one part touches one of another
        parts = [dataset.centers[rows] for rows in (split.train, split.validation, split.test)]
        cell = rattled.cell.lengths()
        for one, other in ((0, 1), (0, 2), (1, 2)):
            apart = parts[one][:, None] - parts[other][None]
            apart -= np.round(apart / cell) * cell
            assert (np.abs(apart) / 6.0 > 1 - 1e-6).any(axis=2).all()


def test_validation_refuses(pattern_file, rattled):
    from pyiron_nbed.learning import PatternSource

    dataset = PatternDataset(pattern_file)
    for share in (1.0, -0.1, "train", True):
        with pytest.raises(InputError, match="validation is"):
            Training(**QUICK, validation=share)
    source = PatternSource([rattled], [Cylinder(4, 12)], Mesh(1.0, 0.05), cores=1)
    with pytest.raises(InputError, match="endless source"):
        train(source, Training(**QUICK, validation=0.2), test_datasets=[dataset])


def test_a_preset_gives_way_to_what_the_user_has_set():
    values = Training().as_dict() | {
        "epochs": 7,
        "augmentation": {**Training().as_dict()["augmentation"], "noise": 0},
    }
    merged = Training.from_dict(with_preset(values, "study"))
    study = replace(Augmentation.study(), noise=0)
    assert merged == Training.study(epochs=7, augmentation=study)
    assert with_preset(values, None) == values
    with pytest.raises(InputError, match="'study'"):
        with_preset(values, "published")


def test_limits_keep_the_ends_of_a_volume_from_the_faces(rattled):
    volume = Cylinder(5, 20)
    assert study_limits(rattled, volume, (0, 0, 1)) == [None, None, pytest.approx((15, 17))]
    assert study_limits(rattled, volume, (0, -1, 0), 2.0) == [None, pytest.approx((12, 20)), None]
    with pytest.raises(VolumeError, match="no room"):
        study_limits(rattled, Cylinder(5, 24), (0, 0, 1))
    with pytest.raises(InputError, match="zone axis"):
        study_limits(rattled, volume, (0, 1, 1))


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Files as the authors have them: (folder, network, intensity, order parameter)."""
    folder = tmp_path_factory.mktemp("released")
    random = np.random.default_rng(0)
    intensity = torch.from_numpy(random.exponential(30, (40, 133, 133)).astype(np.float32))
    order = torch.from_numpy(random.uniform(-0.03, 0.95, 40).astype(np.float32))
    torch.save(intensity, folder / "X_data.pt")
    torch.save(order, folder / "y_avg_orderparam.pt")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = torchvision.models.resnet18()
            self.model.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
            self.model.fc = torch.nn.Linear(512, 1)

        def forward(self, x):
            return self.model(x)

    torch.manual_seed(0)
    network = Theirs()
    network(torch.rand(8, 1, 133, 133))  # batch statistics of its own
    network.eval()
    optimizer = torch.optim.Adam(network.parameters(), weight_decay=1e-5)
    torch.save(
        {"epoch": 3, "model_state_dict": network.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
         "loss": 0.02}, folder / "checkpoint_3.pt",
    )  # fmt: skip
    return folder, network, intensity, order


def test_released_network_predicts_what_it_predicts_in_torch(released, in_folder):
    folder, network, intensity, _ = released
    inside = intensity * torch.from_numpy(Mesh().disc)
    images = torch.log(torch.clip(inside, min=1.0))[:, None]
    scale = float(torch.log(intensity.max()))
    with torch.no_grad():
        expected = 1 - network(images / scale)[:, 0].numpy()
    assert study_scale(folder / "X_data.pt") == pytest.approx(scale, rel=1e-6)
    model = load_study_model(folder / "checkpoint_3.pt", patterns=folder / "X_data.pt")
    assert model.predict(intensity.numpy()).mean == pytest.approx(expected, abs=1e-5)
    assert np.isnan(model.predict(intensity.numpy()).std).all()
    model.save("m")
    assert load_model("m").predict(intensity.numpy()).mean == pytest.approx(expected, abs=1e-5)
    torch.save(network.state_dict(), "model_state_dict.pt")  # the weights alone
    alone = load_study_model("model_state_dict.pt", scale=scale)
    assert alone.predict(intensity.numpy()).mean == pytest.approx(expected, abs=1e-5)
    half = load_study_model(folder / "checkpoint_3.pt", scale=2 * scale)
    assert np.abs(half.predict(intensity.numpy()).mean - expected).max() > 1e-4
    for arguments in ({}, {"scale": 1.0, "patterns": folder / "X_data.pt"}):
        with pytest.raises(InputError, match="one of the two"):
            load_study_model(folder / "checkpoint_3.pt", **arguments)


def test_released_patterns_become_a_pattern_file(released, in_folder):
    folder, _, intensity, order = released
    assert read_study_patterns(folder / "X_data.pt", folder / "y_avg_orderparam.pt", "study.h5") == 40
    dataset = PatternDataset("study.h5")
    disc = Mesh().disc
    assert dataset.complete
    assert np.array_equal(dataset.patterns[:][:, disc], intensity.numpy()[:, disc])
    assert (dataset.patterns[:][:, ~disc] == 0).all()
    assert dataset.label() == pytest.approx(1 - order.numpy().astype(float), abs=1e-7)
    assert dataset.volumes == [Cylinder(5, 20)]
    assert np.isnan(dataset.centers).all()
    trained = train([dataset], study_training(epochs=1), "random")
    groups = trained.model.card["metrics"]["groups"]
    assert np.isnan(groups[0]["rmse_low"])  # nobody knows which patterns overlap
    with pytest.raises(InputError, match="needs the centres"):
        split_dataset([dataset], "block")
    rows = np.array([1, 5, 7])
    assert (
        read_study_patterns(folder / "X_data.pt", folder / "y_avg_orderparam.pt", "part.h5", rows=rows) == 3
    )
    assert PatternDataset("part.h5").label() == pytest.approx(dataset.label()[rows])
    assert study_scale(folder / "X_data.pt", rows) == pytest.approx(
        np.log(intensity[rows].max().item()), rel=1e-6
    )


class Dangerous:
    """Would make a folder when it is unpickled."""

    def __reduce__(self):
        return (Path.mkdir, (Path("ran"),))


def test_nothing_that_could_run_code_is_opened(released, in_folder):
    folder, *_ = released
    Path("saed_geometry_log.pkl").write_bytes(pickle.dumps(Dangerous()))
    torch.save({"model_state_dict": Dangerous()}, "checkpoint_9.pt")
    with pytest.raises(DatasetError, match="pickle, which can run any code"):
        read_study_patterns("saed_geometry_log.pkl", folder / "y_avg_orderparam.pt", "x.h5")
    with pytest.raises(ModelError, match="could run code"):
        load_study_model("checkpoint_9.pt", scale=5.0)
    assert not Path("ran").exists()


def test_foreign_and_damaged_files_are_refused(released, in_folder):
    folder, _, intensity, order = released
    good = folder / "X_data.pt"
    whole = (folder / "X_data.pt").read_bytes()
    Path("cut.pt").write_bytes(whole[: len(whole) // 2])
    torch.save(intensity[:, :50, :50].clone(), "small.pt")
    torch.save(order[:7].clone(), "short.pt")
    torch.save(order + 3, "far.pt")
    bad = intensity.clone()
    bad[4, 66, 66] = torch.nan
    torch.save(bad, "nan.pt")
    torch.save({"weights": intensity[:1]}, "other.pt")
    for patterns, labels, message in (
        ("cut.pt", folder / "y_avg_orderparam.pt", "not a whole file"),
        ("small.pt", folder / "y_avg_orderparam.pt", r"expected a tensor \(N, 133, 133\)"),
        (good, "short.pt", "7 labels"),
        (good, "far.pt", "from −1 to 1"),
        ("nan.pt", folder / "y_avg_orderparam.pt", "NaN"),
        ("absent.pt", folder / "y_avg_orderparam.pt", "does not exist"),
    ):
        with pytest.raises(DatasetError, match=message):
            read_study_patterns(patterns, labels, "x.h5")
        assert not list(Path().glob("x.h5*"))
    with pytest.raises(DatasetError, match="NaN"):
        study_scale("nan.pt")
    with pytest.raises(ModelError, match=r"model\.conv1\.weight"):
        load_study_model("other.pt", scale=5.0)
    torch.save({"model_state_dict": {"model.conv1.weight": torch.zeros(64, 3, 7, 7)}}, "three.pt")
    with pytest.raises(ModelError, match="one channel"):
        load_study_model("three.pt", scale=5.0)
