"""Networks whose prediction does not change when the pattern is rotated."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from pyiron_nbed.learning.pooling import Pool


class RotationInvariantNetwork(nn.Module):
    """Angular power spectra of the rings of a pattern, then convolutions along |k|.

    The pattern is sampled at radii and angles; |Σ_φ I(k, φ) exp(−imφ)| of each ring does not change when the
    pattern is rotated or mirrored, and neither does the prediction (up to the interpolation).

    Args:
        outputs: numbers per pattern; input (B, 1, n, n), n odd.
        orders: angular orders m = 0, 1, … that are kept.
        angles: samples of each ring.
    """

    def __init__(self, outputs: int = 1, orders: int = 33, angles: int = 128) -> None:
        super().__init__()
        self.orders, self.angles = orders, angles
        self.rings = nn.Sequential(
            nn.BatchNorm1d(orders),
            nn.Conv1d(orders, 96, 5, padding=2), nn.ReLU(),
            nn.Conv1d(96, 96, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv1d(96, 96, 3, padding=1), nn.ReLU(),
            Pool(8, "mean", dims=1), nn.Flatten(),
            nn.Linear(96 * 8, 128), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(128, outputs)

    def stages(self) -> list[nn.Module]:
        """Parts that can be frozen, from the input on."""
        return [self.rings]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, outputs) from (B, 1, n, n)."""
        with torch.autocast(images.device.type, enabled=False):  # no Fourier transform in bfloat16
            spectra = angular_spectra(images.float(), self.orders, self.angles)
        return self.head(self.rings(spectra))


def angular_spectra(images: torch.Tensor, orders: int, angles: int = 128) -> torch.Tensor:
    """Amplitudes of the angular Fourier series of every ring of an image.

    a_m(k) = |(1/A) Σ_φ I(k, φ) exp(−imφ)| on rings one pixel apart, bilinear: a_0 is the radial mean.

    Args:
        images: (B, 1, n, n), n odd.
        orders: m = 0 … orders − 1.
        angles: A, samples of each ring, at least twice the orders.

    Returns:
        (B, orders, (n − 1)/2), the ring at |k| = Δk first.

    Example:
        >>> spectra = angular_spectra(torch.ones(1, 1, 9, 9), orders=3)
        >>> spectra[0, 0].allclose(torch.ones(4)), float(spectra[0, 1:].max()) < 1e-5
        (True, True)
    """
    half = images.shape[-1] // 2
    rings = polar_transform(images, half, angles)
    return torch.fft.rfft(rings, norm="forward")[..., :orders].abs().transpose(1, 2)


class _AngularConvolution(nn.Module):
    """Convolution along the circle of angles, as one matrix product: (B, A, C) → (B, A, C')."""

    def __init__(self, channels: int, out: int, width: int) -> None:
        super().__init__()
        self.reach = width // 2
        self.product = nn.Linear(channels * width, out, bias=False)
        self.norm = nn.BatchNorm1d(out)

    def forward(self, rings: torch.Tensor) -> torch.Tensor:
        """(B, A, C') from (B, A, C)."""
        shifts = range(-self.reach, self.reach + 1)
        near = torch.cat([torch.roll(rings, shift, dims=1) for shift in shifts], dim=2)
        return self.norm(self.product(near).flatten(0, 1)).view(*rings.shape[:2], -1)


class _AngularPair(nn.Sequential):
    """Two convolutions along the circle whose result is added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__(*(_AngularConvolution(channels, channels, 3) for _ in range(2)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(B, A, C) from (B, A, C)."""
        return functional.relu(values + self[1](functional.relu(self[0](values))))


class PolarNetwork(nn.Module):
    """Convolutions along the azimuth of the polar-transformed pattern, with every ring as a channel.

    Rotating the pattern shifts the angles, which the convolutions follow; the mean and the maximum over the
    angles at the end do not change, and neither does the prediction (up to sampling: the angles are halved
    twice on the way). Unlike angular power spectra, the network sees how the features of one ring lie to
    those of the others. Opposite points are averaged: in kinematic diffraction by a thin volume I(−k) = I(k).

    Args:
        outputs: numbers per pattern; input (B, 1, n, n), n odd.
        rings: radii from the centre to the edge. Lossless for a volume of radius R where they are at most
            1 / (4 R) apart.
        angles: samples of the half circle, a multiple of 4. Lossless up to 2π k R.
        width: channels.
    """

    def __init__(self, outputs: int = 1, rings: int = 40, angles: int = 64, width: int = 128) -> None:
        super().__init__()
        self.n_rings, self.angles = rings, angles
        self.norm = nn.BatchNorm1d(rings)
        self.first = _AngularConvolution(rings, width, 5)
        self.pairs = nn.ModuleList(_AngularPair(width) for _ in range(3))
        self.body = nn.Sequential(nn.Linear(2 * width, 128), nn.ReLU())
        self.head = nn.Linear(128, outputs)

    def stages(self) -> list[nn.Module]:
        """Parts that can be frozen, from the input on."""
        return [nn.ModuleList([self.norm, self.first]), *self.pairs]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, outputs) from (B, 1, n, n)."""
        rings = polar_transform(images.float(), self.n_rings, 2 * self.angles, "bicubic")
        rings = 0.5 * (rings[..., : self.angles] + rings[..., self.angles :])
        values = functional.relu(self.first(self.norm(rings).transpose(1, 2)))
        for number, pair in enumerate(self.pairs):
            if number < 2:
                values = values.unflatten(1, (-1, 2)).mean(dim=2)
            values = pair(values)
        return self.head(self.body(torch.cat([values.mean(dim=1), values.amax(dim=1)], dim=1)))


def polar_transform(images: torch.Tensor, rings: int, angles: int, mode: str = "bilinear") -> torch.Tensor:
    """Images sampled on circles around their centre.

    Args:
        images: (B, 1, n, n), n odd.
        rings: R radii, i / R of the half width for i = 1 … R.
        angles: A angles 2π j / A, counted from the first axis of the last dimension.
        mode: "bilinear" or "bicubic" interpolation.

    Returns:
        (B, R, A) tensor.

    Example:
        >>> polar_transform(torch.ones(2, 1, 9, 9), rings=4, angles=16).shape
        torch.Size([2, 4, 16])
    """
    radius = torch.arange(1, rings + 1, device=images.device) / rings
    angle = torch.arange(angles, device=images.device) * (2 * math.pi / angles)
    grid = torch.stack([radius[:, None] * torch.cos(angle), radius[:, None] * torch.sin(angle)], dim=-1)
    grid = grid.expand(len(images), -1, -1, -1)
    return functional.grid_sample(images, grid, mode=mode, align_corners=True)[:, 0]
