"""What the microscope and its camera do to a pattern: functions on batches of intensities, on CPU or CUDA.

Patterns are (B, n, n) float32 or float64 tensors on any device, rows k_y, columns k_x, k = 0 in the middle
pixel; a generator must be of the same device. Lengths in the image are in Å⁻¹ with ``delta_k`` as the size of
a pixel, or in pixels where the camera is meant. Every parameter is one number or (B,) numbers (arrays, lists
or tensors).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns import detector_kernels as kernels

Numbers = float | Sequence[float] | np.ndarray | torch.Tensor


def converge(patterns: torch.Tensor, semiangle: Numbers, wavelength: float, delta_k: float) -> torch.Tensor:
    """Finite convergence: convolution with the disc of directions in the probe.

    Every direction of an incoherent cone of half angle α shifts the pattern by at most k_α = α/λ, so
    that I'(k) = ∫ disc(k − k'; k_α) I(k') d²k' with a disc of integral 1. The edge of the disc is
    spread over the pixels it crosses (each pixel is sampled at 8 × 8 points).

    Args:
        patterns: (B, n, n) intensity.
        semiangle: in mrad.
        wavelength: in Å.
        delta_k: size of a pixel in Å⁻¹.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape or type, or a parameter out of range.

    Example:
        >>> spot = torch.zeros(2, 33, 33); spot[:, 16, 16] = 1
        >>> converge(spot, [0.0, 2.0], 0.0251, 0.02)[:, 16, 16].round(decimals=3)
        tensor([1.0000, 0.0200])
    """
    n = check_batch(patterns)
    radii = kernels.disc_radii(_numbers(semiangle), len(patterns), wavelength, delta_k, n)
    if not radii.any():
        return patterns.clone()
    disc = _like(kernels.disc_kernels(radii), patterns)
    reach = disc.shape[1] // 2
    kernel = patterns.new_zeros(len(disc), 2 * n, 2 * n)
    kernel[:, : 2 * reach + 1, : 2 * reach + 1] = disc
    return _convolve(patterns, torch.fft.rfft2(kernel.roll((-reach, -reach), dims=(1, 2))))


def blur(patterns: torch.Tensor, sigma: Numbers) -> torch.Tensor:
    """Point spread of the camera: convolution with a Gaussian of sum 1.

    Args:
        patterns: (B, n, n) intensity.
        sigma: standard deviation in pixels.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape or type, or a negative sigma.

    Example:
        >>> spot = torch.zeros(1, 33, 33); spot[0, 16, 16] = 1
        >>> round(float(blur(spot, 2.0)[0, 16, 16]), 4)    # 1 / (2 π σ²)
        0.0398
    """
    n = check_batch(patterns)
    sigmas = kernels.per_pattern(_numbers(sigma), len(patterns), "sigma")
    kernel = _like(kernels.blur_kernels(sigmas, n), patterns)
    return _convolve(patterns, torch.fft.fft(kernel)[:, :, None] * torch.fft.rfft(kernel)[:, None, :])


def expose(patterns: torch.Tensor, dose: Numbers, generator: torch.Generator) -> torch.Tensor:
    """Counted electrons: Poisson numbers whose mean follows the pattern.

    Args:
        patterns: (B, n, n) intensity ≥ 0, any unit.
        dose: mean number of electrons in a whole pattern.
        generator: source of the draw.

    Returns:
        (B, n, n) whole numbers of electrons; a pattern without intensity stays 0.

    Raises:
        InputError: wrong shape, type or device, negative or NaN intensity, or a negative dose.

    Example:
        >>> counts = expose(torch.ones(1, 101, 101), 1e5, torch.Generator().manual_seed(0))
        >>> abs(float(counts.sum()) - 1e5) < 1500
        True
    """
    check_batch(patterns, generator)
    doses = _like(kernels.per_pattern(_numbers(dose), len(patterns), "dose"), patterns)
    if not bool(((patterns >= 0) & (patterns < torch.inf)).all()):
        raise InputError("The patterns hold NaN, infinite or negative intensity: repair them before.")
    return torch.poisson(patterns * (doses / totals(patterns))[:, None, None], generator)


def block_beam(patterns: torch.Tensor, radius: Numbers, delta_k: float, value: float = 0.0) -> torch.Tensor:
    """Beam stop: a disc around k = 0 that hides the direct beam.

    Args:
        patterns: (B, n, n) intensity.
        radius: of the stop in Å⁻¹; pixels whose centre lies within it are hidden, none for 0.
        delta_k: size of a pixel in Å⁻¹.
        value: what hidden pixels hold.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape or type, or a negative radius.

    Example:
        >>> int((block_beam(torch.ones(1, 9, 9), 0.1, delta_k=0.1) == 0).sum())
        5
    """
    n = check_batch(patterns)
    radii = kernels.per_pattern(_numbers(radius), len(patterns), "radius")
    # the squares of whole numbers are exact: a pixel at the edge is hidden on every device
    steps = (torch.arange(n, device=patterns.device) - n // 2) ** 2
    limits = np.where(radii > 0, np.floor((radii / delta_k * (1 + 1e-9)) ** 2), -1)
    hidden = (steps[:, None] + steps)[None] <= torch.as_tensor(limits, device=patterns.device)[:, None, None]
    return patterns.masked_fill(hidden, value)


def add_hot_pixels(
    patterns: torch.Tensor, fraction: Numbers, value: Numbers, generator: torch.Generator
) -> torch.Tensor:
    """Pixels that always show the same value; other ones in each pattern, as if of another camera.

    Args:
        patterns: (B, n, n) intensity.
        fraction: probability of each pixel to be hot, 0 to 1.
        value: what hot pixels show, in units of the brightest pixel of each pattern.
        generator: source of the draw.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape, type or device, or a parameter out of range.

    Example:
        >>> hot = add_hot_pixels(torch.ones(1, 101, 101), 0.01, 5.0, torch.Generator().manual_seed(0))
        >>> 50 < int((hot == 5).sum()) < 150
        True
    """
    check_batch(patterns, generator)
    shares = kernels.per_pattern(_numbers(fraction), len(patterns), "fraction")
    if (shares > 1).any():
        raise InputError(f"fraction is {fraction!r}: give probabilities between 0 and 1.")
    values = _like(kernels.per_pattern(_numbers(value), len(patterns), "value"), patterns)
    draws = torch.rand(patterns.shape, generator=generator, device=patterns.device, dtype=patterns.dtype)
    shown = (values * patterns.amax(dim=(1, 2)))[:, None, None]
    return torch.where(draws < _like(shares, patterns)[:, None, None], shown, patterns)


def add_background(
    patterns: torch.Tensor, fraction: Numbers, width: Numbers, delta_k: float, uniform: Numbers = 0.0
) -> torch.Tensor:
    """Diffuse background: a Gaussian around k = 0 and a constant share.

    I' = (1 − b) I + b S [(1 − u) g(k) + u/n²], with b the fraction, S the sum of the pattern, u the uniform
    share and g a Gaussian of standard deviation ``width`` whose sum over the image is 1: the sum of the
    pattern stays what it was.

    Args:
        patterns: (B, n, n) intensity.
        fraction: share of the electrons in the background, 0 to 1.
        width: standard deviation of the Gaussian in Å⁻¹.
        delta_k: size of a pixel in Å⁻¹.
        uniform: share of the background that is the same everywhere, 0 to 1.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape or type, a share beyond 0 to 1, or a width that is not positive.

    Example:
        >>> round(float(add_background(torch.ones(1, 9, 9), 0.5, 0.2, 0.1).sum()), 4)
        81.0
    """
    n = check_batch(patterns)
    share, widths, even = (_numbers(values) for values in (fraction, width, uniform))
    parts = kernels.background_parts(share, widths, delta_k, even, len(patterns), n)
    shares, halo, evens = (_like(part, patterns) for part in parts)
    shape = halo[:, :, None] * halo[:, None, :] * (1 - evens) + evens / n**2
    return (1 - shares) * patterns + shares * patterns.sum(dim=(1, 2), keepdim=True) * shape


def distort(
    patterns: torch.Tensor, shift: Numbers = 0.0, ellipticity: Numbers = 1.0, angle: Numbers = 0.0
) -> torch.Tensor:
    """Shift of the centre and elliptic distortion, by linear interpolation.

    A circle of radius k becomes an ellipse with semi-axes k·√e along ``angle`` and k/√e across, so
    that areas are kept.

    Args:
        patterns: (B, n, n) intensity.
        shift: (2,) or (B, 2) displacement of the centre along columns and rows in pixels.
        ellipticity: ratio of the axes of the ellipse that a circle becomes.
        angle: of its long axis against k_x towards k_y in degrees.

    Returns:
        (B, n, n); 0 where the source lies outside the image.

    Raises:
        InputError: wrong shape or type, or a parameter out of range.

    Example:
        >>> spot = torch.zeros(1, 9, 9); spot[0, 4, 4] = 1
        >>> distort(spot, shift=(2, 1))[0].nonzero().tolist()     # row, column
        [[5, 6]]
    """
    n = check_batch(patterns)
    moved, stretch, turn = (_numbers(values) for values in (shift, ellipticity, angle))
    shifts, matrices = kernels.distortion_matrices(moved, stretch, turn, len(patterns))
    # M (r − shift) in double precision: an interpolation that is wrong by 1e-5 of a pixel shows at the beam
    axis = torch.arange(n, device=patterns.device, dtype=torch.float64) - n // 2
    matrix = torch.as_tensor(matrices, device=patterns.device)[:, :, :, None, None]
    offset = torch.as_tensor(shifts, device=patterns.device)[:, :, None, None]
    u, v = axis[None, None, :] - offset[:, 0], axis[None, :, None] - offset[:, 1]
    source = torch.stack([m[:, 0] * u + m[:, 1] * v for m in matrix.unbind(1)], dim=-1) / (n // 2)
    values = functional.grid_sample(
        patterns[:, None], source.to(patterns.dtype), mode="bilinear", align_corners=True
    )[:, 0]
    return torch.where((source.abs() <= 1).all(dim=-1), values, 0)


def check_batch(patterns: torch.Tensor, generator: torch.Generator | None = None) -> int:
    """Pixels along one side; InputError for patterns, or a generator, that cannot be used.

    Args:
        patterns: (B, n, n) tensor.
        generator: of the same device, or None.
    """
    if not isinstance(patterns, torch.Tensor) or patterns.dtype not in (torch.float32, torch.float64):
        kind = patterns.dtype if isinstance(patterns, torch.Tensor) else type(patterns).__name__
        raise InputError(f"The patterns are {kind}: give a tensor of float32 or float64.")
    shape = tuple(patterns.shape)
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % 2 == 0:
        raise InputError(
            f"The patterns have shape {shape}: give (B, n, n) with odd n, so that k = 0 is a pixel."
        )
    if generator is not None and generator.device.type != patterns.device.type:
        raise InputError(
            f"The generator is on {generator.device}, the patterns on {patterns.device}: give "
            "torch.Generator(patterns.device)."
        )
    return shape[1]


def _numbers(value: Numbers) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value  # type: ignore[return-value]


def _like(values: np.ndarray, patterns: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=patterns.dtype, device=patterns.device)


def totals(patterns: torch.Tensor) -> torch.Tensor:
    """(B,) sums of patterns (B, n, n), 1 where there is no intensity."""
    total = patterns.sum(dim=(1, 2))
    return torch.where(total > 0, total, 1)


def _convolve(patterns: torch.Tensor, transfer: torch.Tensor) -> torch.Tensor:
    # zero padding to 2n keeps what leaves one side from coming in at the other
    n = patterns.shape[1]
    spectrum = torch.fft.rfft2(patterns, s=(2 * n, 2 * n)) * transfer
    return torch.fft.irfft2(spectrum, s=(2 * n, 2 * n))[:, :n, :n].clamp_min(0)
