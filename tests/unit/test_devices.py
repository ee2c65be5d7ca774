"""What has to hold so that the same code runs on GPUs, as far as a CPU can show it."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from pyiron_nbed import Cylinder, Mesh, simulate_patterns
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning import Training, build_network, train
from pyiron_nbed.learning.augmentation import rotate
from pyiron_nbed.learning.networks import NETWORKS
from pyiron_nbed.learning.pooling import Pool


@pytest.mark.parametrize("size", [4, 8, 11, 20, 33])
@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (Pool(4, "max", dims=2), nn.AdaptiveMaxPool2d(4)),
        (Pool(4, "mean", dims=2), nn.AdaptiveAvgPool2d(4)),
        (Pool(8, "mean", dims=1), nn.AdaptiveAvgPool1d(8)),
        (Pool(3, "max", dims=1), nn.AdaptiveMaxPool1d(3)),
    ],
)
def test_pooling_and_its_gradient_are_those_of_torch(ours, torchs, size):
    generator = torch.Generator().manual_seed(size)
    values = torch.rand(3, 5, *[size] * ours.dims, generator=generator, dtype=torch.float64)
    weights = torch.rand(torchs(values).shape, generator=generator, dtype=torch.float64)
    results = []
    for pool in (ours, torchs):
        own = values.clone().requires_grad_()
        pooled = pool(own)
        (pooled * weights).sum().backward()
        results.append((pooled.detach(), own.grad))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_holds_a_layer_without_a_deterministic_gradient_on_gpus(name):
    # of those that torch.use_deterministic_algorithms names; pooling to one bin is a mean, which has one
    refused = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
               nn.FractionalMaxPool2d, nn.MaxUnpool2d, nn.ReflectionPad2d, nn.Upsample)  # fmt: skip
    held = [module for module in build_network(name, None).modules() if isinstance(module, refused)]
    assert [module for module in held if module.output_size not in (1, (1, 1))] == []


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="needs torch 2.9")
def test_a_precision_set_by_the_newer_settings_of_torch_is_kept(rattled):
    arguments = rattled, rattled.positions[:3], Cylinder(4, 12), Mesh(1.0, 0.05)
    expected = simulate_patterns(*arguments, engine="torch", device="cpu")
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "tf32"
    try:
        found = simulate_patterns(*arguments, engine="torch", device="cpu")
        assert products.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")
        products.fp32_precision = before
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("setting", ["high", "medium"])
def test_rotation_of_images_does_not_depend_on_the_precision_of_products(setting):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 133, 133, generator=generator)
    angles = torch.rand(4, generator=generator) * 6
    expected = rotate(images, angles)
    torch.set_float32_matmul_precision(setting)
    try:
        assert torch.equal(rotate(images, angles), expected)
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_an_absent_device_is_named_before_the_work_begins(pattern_file, in_folder, device):
    dataset = PatternDataset(pattern_file)
    settings = {"network": "cnn", "weights": None, "epochs": 1, "baselines": False}
    refused = f"device is {device!r}|{device!r} cannot be used"
    with pytest.raises(InputError, match=refused):
        train(dataset, Training(**settings, device=device), folder=in_folder)
    assert not list(in_folder.iterdir())
    model = train(dataset, Training(**settings, device="cpu"), "random").model
    with pytest.raises(InputError, match=refused):
        model.predict(dataset, device=device)


def test_what_cuda_reads_at_its_first_product_is_set_when_the_package_loads_torch():
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") in (":4096:8", ":16:8")
