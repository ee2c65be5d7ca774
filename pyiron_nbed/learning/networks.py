"""Networks that regress numbers from a one-channel pattern.

ResNet-18 is that of [He2016]; the small network is the baseline of [WuRupert2026].
"""

from __future__ import annotations

import copy
import os
import urllib.error
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import ResNet18_Weights
from torchvision.models.resnet import BasicBlock, ResNet

from pyiron_nbed.checks import one_of, shown, whole
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.files import as_path
from pyiron_nbed.learning.files import WEIGHTS_FILE
from pyiron_nbed.learning.polar import PolarNetwork, RotationInvariantNetwork
from pyiron_nbed.learning.pooling import Pool


class ConvolutionalNetwork(nn.Sequential):
    """Baseline of the study: three convolution layers and two fully connected layers.

    Args:
        outputs: numbers per pattern; input (B, 1, n, n).
    """

    def __init__(self, outputs: int = 1) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
            Pool(4, "max", dims=2), nn.Flatten(),
            nn.Linear(64 * 16, 64), nn.ReLU(), nn.Linear(64, outputs),
        )  # fmt: skip

    def stages(self) -> list[nn.Module]:
        """Parts that can be frozen, from the input on."""
        return [self[0], self[3], self[6]]


class ResidualNetwork(ResNet):
    """ResNet-18 [He2016] of torchvision with one input channel.

    Args:
        outputs: numbers per pattern; input (B, 1, n, n).
        imagenet: start from ImageNet's weights.
        first_layer: "sum": the first convolution is made from that of three channels by their sum, so that a
            pattern gives what a grey image gives; "new": it is a new one that starts at random, as in the
            study.

    Raises:
        ModelError: ImageNet's weights cannot be had.
    """

    def __init__(self, outputs: int = 1, imagenet: bool = False, first_layer: str = "sum") -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        if imagenet:
            self.load_state_dict(_imagenet())
        three: torch.Tensor = self.conv1.weight  # type: ignore[has-type]
        self.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        if first_layer == "sum":
            with torch.no_grad():  # a grey image in three channels gives the sum over the channels
                self.conv1.weight.copy_(three.sum(dim=1, keepdim=True))
        self.fc = nn.Linear(512, outputs)

    def stages(self) -> list[nn.Module]:
        """Parts that can be frozen, from the input on."""
        stem = nn.Sequential(self.conv1, self.bn1)
        return [stem, self.layer1, self.layer2, self.layer3, self.layer4]

    def folded(self) -> ResidualNetwork:
        """A copy for predictions only, whose normalisations are part of the convolutions: faster."""
        network = copy.deepcopy(self).eval()
        blocks = [block for stage in network.stages()[1:] for block in stage.children()]
        for part in [network, *blocks]:
            for number in ("1", "2"):
                if hasattr(part, "conv" + number):
                    pair = getattr(part, "conv" + number), getattr(part, "bn" + number)
                    setattr(part, "conv" + number, fuse_conv_bn_eval(*pair))
                    setattr(part, "bn" + number, nn.Identity())
            if isinstance(part, BasicBlock) and part.downsample is not None:
                part.downsample = nn.Sequential(fuse_conv_bn_eval(*part.downsample))
        return network


FIRST_LAYERS = ("sum", "new")
NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": ResidualNetwork,
    "cnn": ConvolutionalNetwork,
    "rotation_invariant": RotationInvariantNetwork,
    "polar": PolarNetwork,
}


def build_network(
    name: str = "resnet18",
    weights: str | os.PathLike | None = None,
    outputs: int = 1,
    frozen: int = 0,
    first_layer: str = "sum",
) -> nn.Module:
    """A network with one input channel.

    Args:
        name: "resnet18" (torchvision), "cnn" (three convolutions, two fully connected layers),
            "rotation_invariant" (:class:`RotationInvariantNetwork`) or "polar" (:class:`PolarNetwork`).
        weights: None (random), "imagenet" (resnet18 only; downloaded once by torchvision), or the
            path of a safetensors file of the same network (or of the folder of a saved model).
        outputs: numbers per pattern. The last layer of weights made for another number is not taken.
        frozen: number of stages from the input on that training leaves as they are: up to 5 for resnet18
            (stem, layer1 … layer4), 3 for cnn, 1 for rotation_invariant, 4 for polar.
        first_layer: of resnet18 with ImageNet's or random weights: "sum" or "new", see
            :class:`ResidualNetwork`; the weights of a file bring theirs.

    Returns:
        A module: (B, 1, n, n) float → (B, outputs).

    Raises:
        InputError: unknown network or first layer, "imagenet" for another network, or too many frozen stages.
        ModelError: weights that cannot be had or do not fit.

    Example:
        >>> sum(p.numel() for p in build_network("cnn").parameters()) > 50_000
        True
    """
    one_of(name, "The network", NETWORKS)
    outputs = whole(outputs, "outputs", 1)
    imagenet = isinstance(weights, str) and weights == "imagenet"
    if imagenet and name != "resnet18":
        raise InputError(f"There are no ImageNet weights for {name!r}: set weights = None or use 'resnet18'.")
    one_of(first_layer, "first_layer", FIRST_LAYERS)
    network = (
        ResidualNetwork(outputs, imagenet, first_layer) if name == "resnet18" else NETWORKS[name](outputs)
    )
    if weights is not None and not imagenet:
        load_weights(network, as_path(weights, "weights"), other_head=True)
    stages = network.stages()  # type: ignore[operator]
    if isinstance(frozen, bool) or frozen not in range(len(stages) + 1):
        raise InputError(
            f"frozen is {shown(frozen)}: {name!r} has {len(stages)} stages, give 0 to {len(stages)}."
        )
    for stage in stages[:frozen]:
        stage.requires_grad_(False)
    return network


def training_mode(network: nn.Module) -> None:
    """Like ``network.train()``, but the batch statistics of frozen stages stay as they are too."""
    network.train()
    for stage in network.stages():  # type: ignore[operator]
        if not any(p.requires_grad for p in stage.parameters()):
            stage.eval()


def for_prediction(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy of a network in evaluation mode on a device, made faster where that is known how."""
    ready = network.folded() if isinstance(network, ResidualNetwork) else copy.deepcopy(network).eval()
    return ready.to(device).to(memory_format=torch.channels_last)


def last_layer(network: nn.Module) -> nn.Linear:
    """The layer that gives the outputs."""
    return [m for m in network.modules() if isinstance(m, nn.Linear)][-1]


def load_weights(network: nn.Module, path: Path, other_head: bool = False) -> None:
    """Load a safetensors file into a network of the same shape.

    Args:
        network: to change.
        path: the file, or the folder of a saved model.
        other_head: keep the last layer as it is where its shape differs.

    Raises:
        ModelError: absent, damaged, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.is_dir():
        path = path / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(
            f"The weights {os.fspath(path)!r} do not exist: give 'imagenet', None or the path of a "
            "safetensors file."
        )
    try:
        state = load_file(path)
        if other_head:
            own = network.state_dict()
            head = list(own)[-2:]  # weight and bias of the last layer
            if any(state[name].shape != own[name].shape for name in head if name in state):
                state.update({name: own[name] for name in head})
        network.load_state_dict(state)
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
