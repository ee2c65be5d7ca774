"""Random changes of images in training: rotation, contrast, noise, sharpness."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pyiron_nbed.checks import number, one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

STYLES = ("drawn", "torchvision")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of every image, drawn anew each time it is seen.

    The style "drawn" draws the strength of each change. "torchvision" is what the authors of the study use:
    the changes of torchvision.transforms.v2 with fixed strengths, in the order RandomRotation (bilinear),
    RandomAutocontrast, GaussianNoise (cut to [0, 1]) and RandomAdjustSharpness, all over the square image, so
    that the pixels outside the disc take part in them. In both an image is changed with ``probability``, by
    all of them, or left as it is.

    Args:
        rotation: largest angle in degrees, either way.
        contrast: "drawn": images are scaled about their mean by 1 ± contrast; "torchvision": probability that
            an image is stretched to [0, 1].
        noise: standard deviation of added Gaussian noise (images lie in [0, 1]): the largest ("drawn") or
            that of all.
        sharpness: "drawn": blend with a 3 × 3 blur from −sharpness (sharper) to +sharpness (softer);
            "torchvision": share of the blur in the blend, which half of the images get.
        probability: of an image being changed at all.
        style: "drawn" or "torchvision".

    Raises:
        InputError: a value out of range.

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
    probability: float = 1.0
    style: str = "drawn"

    def __post_init__(self) -> None:
        one_of(self.style, "augmentation.style", STYLES)
        for name, value in asdict(self).items():
            if name != "style":
                high = 1 if name in self._shares() else None
                object.__setattr__(self, name, number(value, f"augmentation.{name}", 0, high))

    @classmethod
    def study(cls) -> Augmentation:
        """That of the study: with probability 0.8 a rotation by ±180°, autocontrast, noise and sharpness 0.5.

        Example:
            >>> Augmentation.study().noise
            0.1
        """
        return cls(180.0, 0.5, 0.1, 0.5, probability=0.8, style="torchvision")

    def __call__(self, images: torch.Tensor, disc: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Changed copies of a batch.

        Args:
            images: (B, 1, n, n) in [0, 1].
            disc: (n, n) 1 inside the disc of the pattern, 0 outside.
            generator: source of the draws, on any device.

        Returns:
            (B, 1, n, n); 0 outside the disc in the style "drawn".
        """
        import torch

        def draw() -> torch.Tensor:
            shape = (len(images), 1, 1, 1)
            return torch.rand(shape, generator=generator, device=generator.device).to(images.device)

        def normal() -> torch.Tensor:
            return torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)

        changed = None if self.probability == 1 else draw() < self.probability
        result = (self._drawn if self.style == "drawn" else self._torchvision)(images, disc, draw, normal)
        return result if changed is None else torch.where(changed, result, images)

    def _shares(self) -> tuple[str, ...]:
        return (
            ("probability",) if self.style == "drawn" else ("probability", "contrast", "noise", "sharpness")
        )

    def _drawn(
        self, images: torch.Tensor, disc: torch.Tensor, draw: Callable[[], Any], normal: Callable[[], Any]
    ) -> torch.Tensor:
        import torch

        def within(limit: float) -> torch.Tensor:
            return (draw() * 2 - 1) * limit

        if self.rotation:
            images = rotate(images, within(math.radians(self.rotation)).flatten())
        if self.contrast:
            mean = (images * disc).sum(dim=(2, 3), keepdim=True) / disc.sum()
            images = mean + (images - mean) * (1 + within(self.contrast))
        if self.sharpness:
            blurred = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
            images = images + within(self.sharpness) * (blurred - images)
        if self.noise:
            images = images + normal() * within(self.noise).abs()
        return images * disc

    def _torchvision(
        self, images: torch.Tensor, disc: torch.Tensor, draw: Callable[[], Any], normal: Callable[[], Any]
    ) -> torch.Tensor:
        # the transforms themselves draw from torch's global state, one number for a whole batch
        import torch
        from torchvision.transforms.v2 import functional

        if self.rotation:
            angles = (draw() * 2 - 1).flatten() * math.radians(self.rotation)
            images = rotate(images, angles, mode="bilinear")
        if self.contrast:
            images = torch.where(draw() < self.contrast, functional.autocontrast(images), images)
        if self.noise:
            images = (images + normal() * self.noise).clamp(0, 1)
        if self.sharpness:
            softer = functional.adjust_sharpness(images, 1 - self.sharpness)
            images = torch.where(draw() < 0.5, softer, images)
        return images


def rotate(images: torch.Tensor, angles: torch.Tensor, mode: str = "bicubic") -> torch.Tensor:
    """Rotate each image about its centre (the node k = 0).

    Bilinear interpolation would smooth: on a mesh that just resolves the volume a rotated pattern loses 11 %
    of its contrast (2 % bicubic), and a network trained on such patterns misreads patterns as they come.

    Args:
        images: (B, 1, n, n), n odd.
        angles: (B,) radians, counter-clockwise in axes (column = x, row = y).
        mode: "bicubic" or "bilinear".

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
    return functional.grid_sample(images, grid, mode=mode, align_corners=True)
