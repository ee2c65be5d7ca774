"""Features that describe a pattern, for its distance to the training patterns."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pyiron_nbed.learning.networks import last_layer
from pyiron_nbed.learning.polar import polar_transform
from pyiron_nbed.patterns.recipe import Recipe

_BANDS = 10  # of |k|, so that a feature averages over several pixels
_ORDERS = (0, 2, 4, 6)  # odd orders hold noise alone for a thin specimen


def image_features(images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Rotation-invariant numbers of the image of a pattern.

    In ten bands of |k| from k_min to k_max: the amplitudes of the angular orders 0, 2, 4 and 6, and the
    standard deviation along the rings.

    Args:
        images: (B, 1, n, n) of the recipe.
        recipe: that made them.

    Returns:
        (B, 50).

    Example:
        >>> from pyiron_nbed import Mesh
        >>> image_features(torch.rand(2, 1, 41, 41), Recipe.simulation(Mesh(1.0, 0.048))).shape
        torch.Size([2, 50])
    """
    half = images.shape[-1] // 2
    rings = polar_transform(images.float(), half, 64)
    radius = torch.arange(1, half + 1) * recipe.mesh.delta_k
    kept = (radius > recipe.k_min + recipe.mesh.delta_k) & (radius < recipe.mesh.k_max - recipe.mesh.delta_k)
    rings = rings[:, kept.to(rings.device)]
    amplitudes = torch.fft.rfft(rings, norm="forward").abs()
    columns = [amplitudes[..., order] for order in _ORDERS] + [rings.std(dim=2)]
    return functional.adaptive_avg_pool1d(torch.stack(columns, dim=1), _BANDS).flatten(1)


class LastInput:
    """Keeps what enters the last layer of a network, divided by its length.

    Args:
        network: that is then called.
    """

    def __init__(self, network: nn.Module) -> None:
        self.value = torch.empty(0)
        last_layer(network).register_forward_pre_hook(self._keep)

    def _keep(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.value = functional.normalize(inputs[0].flatten(1).float(), dim=1)
