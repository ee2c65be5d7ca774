"""Networks that regress one number from a one-channel pattern."""

from __future__ import annotations

import os
import urllib.error
from pathlib import Path

import torch
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

from pyiron_nbed.errors import InputError, ModelError

NETWORKS = ("resnet18", "cnn")


class ConvolutionalNetwork(nn.Sequential):
    """Baseline: three convolution layers and two fully connected layers; input (B, 1, n, n)."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
            nn.AdaptiveMaxPool2d(4), nn.Flatten(),
            nn.Linear(64 * 16, 64), nn.ReLU(), nn.Linear(64, 1),
        )  # fmt: skip


def build_network(name: str = "resnet18", weights: str | os.PathLike | None = None) -> nn.Module:
    """A network with one input channel and one output.

    Args:
        name: "resnet18" (torchvision) or "cnn" (three convolutions, two fully connected layers).
        weights: None (random), "imagenet" (resnet18 only; downloaded once by torchvision), or the
            path of a safetensors file of the same network.

    Returns:
        A module: (B, 1, n, n) float → (B, 1).

    Raises:
        InputError: unknown network, or "imagenet" for another network.
        ModelError: weights that cannot be had or do not fit.

    Example:
        >>> sum(p.numel() for p in build_network("cnn").parameters()) > 50_000
        True
    """
    if name not in NETWORKS:
        raise InputError(f"The network is {name!r}: choose one of {', '.join(map(repr, NETWORKS))}.")
    if name == "cnn":
        network: nn.Module = ConvolutionalNetwork()
        if weights == "imagenet":
            raise InputError("There are no ImageNet weights for 'cnn': set weights = None or use 'resnet18'.")
    else:
        network = resnet18(weights=None)
        if weights == "imagenet":
            network.load_state_dict(_imagenet())
        first: torch.Tensor = network.conv1.weight  # type: ignore[union-attr, assignment]
        one = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        with torch.no_grad():  # a grey image in three channels gives the sum over the channels
            one.weight.copy_(first.sum(dim=1, keepdim=True))
        network.conv1 = one
        network.fc = nn.Linear(512, 1)
    if weights is not None and weights != "imagenet":
        load_weights(network, Path(weights))
    return network


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into a network of the same shape; a ModelError says what is wrong."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(
            f"The weights {os.fspath(path)!r} do not exist: give 'imagenet', None or the path of a "
            "safetensors file."
        )
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{path} is not a safetensors file of this network ({reason}): train it again or choose the "
            "network it was made for."
        ) from error


def _imagenet() -> dict:
    weights = ResNet18_Weights.DEFAULT
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise ModelError(
            f"The ImageNet weights of ResNet-18 could not be downloaded ({error}): put "
            f"{Path(weights.url).name} from {weights.url} into {folder}, or set weights = None."
        ) from error
