"""Random changes of images in training: rotation, contrast, noise, sharpness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Augmentation:
    """Strength of each random change, drawn anew for every image.

    Args:
        rotation: largest angle in degrees, either way.
        contrast: images are scaled about their mean by 1 ± contrast.
        noise: largest standard deviation of added Gaussian noise (images lie in [0, 1]).
        sharpness: blend with a 3 × 3 blur from −sharpness (sharper) to +sharpness (softer).

    Example:
        >>> import torch
        >>> images = torch.rand(4, 1, 33, 33)
        >>> Augmentation()(images, torch.ones(33, 33), torch.Generator()).shape
        torch.Size([4, 1, 33, 33])
    """

    rotation: float = 180.0
    contrast: float = 0.1
    noise: float = 0.02
    sharpness: float = 0.3

    def __call__(self, images: torch.Tensor, disc: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed copies of a batch.

        Args:
            images: (B, 1, n, n) in [0, 1].
            disc: (n, n) 1 inside the disc of the pattern, 0 outside.
            generator: source of the draws, on any device.

        Returns:
            (B, 1, n, n); 0 outside the disc.
        """

        import torch

        def draw(limit: float) -> torch.Tensor:
            shape = (len(images), 1, 1, 1)
            numbers = torch.rand(shape, generator=generator, device=generator.device) * 2 - 1
            return (numbers * limit).to(images.device)

        if self.rotation:
            images = rotate(images, draw(math.radians(self.rotation)).flatten())
        if self.contrast:
            mean = (images * disc).sum(dim=(2, 3), keepdim=True) / disc.sum()
            images = mean + (images - mean) * (1 + draw(self.contrast))
        if self.sharpness:
            blurred = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
            images = images + draw(self.sharpness) * (blurred - images)
        if self.noise:
            noise = torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)
            images = images + noise * draw(self.noise).abs()
        return images * disc


def rotate(images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Rotate each image about its centre (the node k = 0), bicubic.

    Bilinear interpolation would smooth: on a mesh that just resolves the volume a rotated pattern loses 11 %
    of its contrast (2 % bicubic), and a network trained on such patterns misreads patterns as they come.

    Args:
        images: (B, 1, n, n), n odd.
        angles: (B,) radians, counter-clockwise in axes (column = x, row = y).

    Returns:
        (B, 1, n, n); 0 where the source lies outside the image.
    """
    import torch
    from torch.nn import functional

    # no matrix product: in TF32 or bfloat16, which may be switched on, it would miss by parts of a pixel
    axis = torch.linspace(-1, 1, images.shape[-1], device=images.device, dtype=images.dtype)
    x, y = axis[None, None, :], axis[None, :, None]
    c, s = (part.to(images.dtype)[:, None, None] for part in (torch.cos(angles), torch.sin(angles)))
    grid = torch.stack([c * x + s * y, c * y - s * x], dim=-1)
    return functional.grid_sample(images, grid, mode="bicubic", align_corners=True)
