import json
import pickle

import numpy as np
import pytest
import torch

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.diffraction import patterns_of_volumes
from pyiron_nbed.diffraction.search import VolumeSearch
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.learning import (
    Augmentation,
    Training,
    build_network,
    evaluate,
    load_model,
    metrics,
    train,
)
from pyiron_nbed.learning.augmentation import rotate
from pyiron_nbed.learning.data import images_of

QUICK = {"network": "cnn", "weights": None, "epochs": 2, "cores": 2}


@pytest.mark.parametrize("name", ["cnn", "resnet18"])
@pytest.mark.parametrize("size", [39, 45, 133])
def test_networks_give_one_number_per_pattern(name, size):
    network = build_network(name, None).eval()
    assert network(torch.rand(3, 1, size, size)).shape == (3, 1)


def test_one_channel_resnet_equals_three_equal_channels():
    from torchvision.models import resnet18

    torch.manual_seed(0)
    three = resnet18(weights=None)
    one = build_network("resnet18", None)
    state = {k: v for k, v in three.state_dict().items() if not k.startswith(("conv1", "fc"))}
    one.load_state_dict(state, strict=False)
    with torch.no_grad():
        one.conv1.weight.copy_(three.conv1.weight.sum(1, keepdim=True))
    three.fc = one.fc
    image = torch.rand(2, 1, 65, 65)
    assert torch.allclose(one.eval()(image), three.eval()(image.expand(-1, 3, -1, -1)), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("resnet50", None), InputError, "'resnet18', 'cnn'"),
        (("cnn", "imagenet"), InputError, "no ImageNet weights"),
        (("cnn", "nowhere.safetensors"), ModelError, "do not exist"),
    ],
)
def test_networks_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        build_network(*arguments)


def test_a_pickle_is_never_loaded(in_folder):
    class Bomb:
        def __reduce__(self):
            return (open, (str(in_folder / "exploded"), "w"))

    (in_folder / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="not a safetensors file"):
        build_network("cnn", in_folder / "weights.safetensors")
    assert not (in_folder / "exploded").exists()


def test_imagenet_offline_names_file_and_folder(in_folder, monkeypatch):
    """The address is one of this machine where nobody listens: what being offline looks like."""
    from torchvision.models import ResNet18_Weights

    monkeypatch.setenv("TORCH_HOME", str(in_folder))
    monkeypatch.setattr(
        type(ResNet18_Weights.DEFAULT), "url", "http://127.0.0.1:9/resnet18-f37072fd.pth", raising=False
    )
    with pytest.raises(ModelError, match=r"resnet18-f37072fd.pth.*checkpoints.*weights = None"):
        build_network("resnet18", "imagenet")


def test_rotation_by_a_quarter_turn_and_back():
    images = torch.rand(2, 1, 21, 21)
    turned = rotate(images, torch.tensor([np.pi / 2, np.pi / 2]))
    assert torch.allclose(turned, torch.rot90(images, -1, (2, 3)), atol=1e-4) or torch.allclose(
        turned, torch.rot90(images, 1, (2, 3)), atol=1e-4
    )
    assert torch.allclose(rotate(turned, torch.tensor([-np.pi / 2, -np.pi / 2])), images, atol=1e-4)


def test_rotated_images_have_the_contrast_of_rotated_atoms(rattled):
    """Against patterns of atoms turned exactly, on a mesh that just resolves the volume."""
    mesh, rng = Mesh(1.0, 0.04), np.random.default_rng(0)
    found = VolumeSearch(rattled, Cylinder(5, 12))(rng.uniform(0, 1, (64, 3)) @ rattled.cell.array)
    angles = rng.uniform(0, 2 * np.pi, 64)
    c, s = np.cos(np.repeat(angles, found.counts)), np.sin(np.repeat(angles, found.counts))
    x, y, z = found.positions.T
    exact = found._replace(positions=np.stack([c * x - s * y, s * x + c * y, z], axis=1))
    still, turned = (
        images_of(
            torch.from_numpy(patterns_of_volumes(f, rattled.numbers, mesh)), torch.from_numpy(mesh.disc)
        )
        for f in (found, exact)
    )
    inside = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, mesh.shape[0])] * 2)) < 0.9
    interpolated = rotate(still, torch.from_numpy(angles).float())[:, 0, inside]
    turned, still = turned[:, 0, inside], still[:, 0, inside]
    contrast = interpolated.std(dim=1).mean() / turned.std(dim=1).mean()
    assert abs(float(contrast) - 1) < 0.03
    assert (interpolated - turned).square().mean() < 0.1 * (still - turned).square().mean()


def test_augmentation_is_seeded_and_keeps_the_disc():
    mesh = Mesh(1.0, 0.05)
    disc = torch.from_numpy(mesh.disc.astype(np.float32))
    images = torch.rand(6, 1, *mesh.shape) * disc
    one = Augmentation()(images, disc, torch.Generator().manual_seed(3))
    two = Augmentation()(images, disc, torch.Generator().manual_seed(3))
    assert torch.equal(one, two)
    assert not torch.equal(one, images)
    assert (one[:, 0][:, ~torch.from_numpy(mesh.disc)] == 0).all()
    none = Augmentation(rotation=0, contrast=0, noise=0, sharpness=0)
    assert torch.equal(none(images, disc, torch.Generator()), images)


def test_metrics():
    true, predicted = np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.5, 0.7])
    result = metrics(true, predicted)
    assert result["rmse"] == pytest.approx(np.sqrt((0.01 + 0.09) / 3))
    assert result["mae"] == pytest.approx(0.4 / 3)
    assert result["r2"] == pytest.approx(1 - 0.1 / 0.5)
    assert result["bias"] == pytest.approx(-0.2 / 3)
    assert np.isnan(metrics(np.ones(3), predicted)["r2"])
    with pytest.raises(InputError):
        metrics(true, predicted[:2])


def test_training_is_reproducible_and_the_model_survives_saving(pattern_file, in_folder):
    dataset = PatternDataset(pattern_file)
    results = [train([dataset], Training(seed=5, **QUICK), split="block") for _ in range(2)]
    first = results[0].test["predicted"].to_numpy()
    assert (first == results[1].test["predicted"]).all()
    model = results[0].model
    model.save(in_folder / "model")
    loaded = load_model(in_folder / "model")
    rows = results[0].split.test
    again = loaded.predict(dataset.patterns[rows])
    assert np.abs(again.mean - first).max() < 1e-5
    assert again.std == pytest.approx(results[0].test["standard_uncertainty"].to_numpy(), abs=1e-5)
    assert loaded.card["split"]["kind"] == "block"
    assert loaded.card["metrics"]["n_patterns"] == len(rows)
    assert evaluate(loaded, dataset, rows)["rmse"] == pytest.approx(loaded.card["metrics"]["rmse"], abs=1e-5)


def test_overfits_a_few_patterns(in_folder, rattled):
    """A network that cannot learn 32 patterns by heart has a broken loop."""
    build_dataset("few.h5", [rattled], [Cylinder(4, 12)], mesh=Mesh(1.0, 0.05), step=10, dtype="float32")
    dataset = PatternDataset("few.h5")
    still = Augmentation(rotation=0, contrast=0, noise=0, sharpness=0)
    training = Training(
        network="cnn", weights=None, epochs=200, batch_size=32, seed=0, augmentation=still, cores=2
    )
    result = train([dataset], training, test_datasets=[dataset])
    assert result.history["mae"].iloc[-1] < 0.01
    # the label is spread by far more than that
    assert dataset.label().std() > 0.012


def test_models_refuse_other_meshes_and_damaged_files(pattern_file, in_folder, rattled):
    dataset = PatternDataset(pattern_file)
    model = train([dataset], Training(**QUICK), split="random").model
    model.save("m")
    build_dataset("other.h5", [rattled], [Cylinder(4, 12)], mesh=Mesh(0.9, 0.05), step=16)
    with pytest.raises(ModelError, match=r"k_max=0.9.*k_max=1.0"):
        model.predict("other.h5")
    with pytest.raises(InputError, match="different meshes"):
        train([dataset, PatternDataset("other.h5")], Training(**QUICK))
    card = json.loads((in_folder / "m/model.json").read_text())
    (in_folder / "m/model.json").write_text(json.dumps({**card, "recipe": "square root"}))
    with pytest.raises(ModelError, match="square root"):
        load_model("m")
    (in_folder / "m/model.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        load_model("m")
    (in_folder / "m/model.json").write_text(json.dumps({**card, "network": "resnet18"}))
    with pytest.raises(ModelError, match="not a safetensors file of this network"):
        load_model("m")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"batch_size": 1.5}, "batch_size"),
    ],
)
def test_training_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Training(**arguments)
