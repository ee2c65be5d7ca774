"""What the microscope and its camera do to a pattern: functions on batches of intensities, on CPU or CUDA.

Patterns are (B, n, n) float32 or float64 tensors on any device, rows k_y, columns k_x, k = 0 in the middle
pixel; a generator must be of the same device. Lengths in the image are in Å⁻¹ with ``delta_k`` as the size of
a pixel, or in pixels where the camera is meant. Every parameter is one number or (B,) numbers, also tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pyiron_nbed.containers import instance
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns import detector_kernels as kernels
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.units import quantities

Numbers = float | Sequence[float] | np.ndarray | torch.Tensor


@quantities(semiangle="mrad", wavelength="angstrom", delta_k="1/angstrom")
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


def expose(
    patterns: torch.Tensor, dose: Numbers, generator: torch.Generator, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Counted electrons: Poisson numbers whose mean follows the pattern.

    Args:
        patterns: (B, n, n) intensity ≥ 0, any unit.
        dose: mean number of electrons in the mask of a pattern.
        generator: source of the draw.
        mask: (n, n) bool, the pixels whose electrons are counted for the dose; None: all.

    Returns:
        (B, n, n) whole numbers of electrons; a pattern without intensity in the mask stays 0.

    Raises:
        InputError: wrong shape, type or device, negative or NaN intensity, or a negative dose.

    Example:
        >>> counts = expose(torch.ones(1, 101, 101), 1e5, torch.Generator().manual_seed(0))
        >>> abs(float(counts.sum()) - 1e5) < 1500
        True
    """
    check_batch(patterns)
    check_generator(generator, patterns)
    doses = _like(kernels.per_pattern(_numbers(dose), len(patterns), "dose"), patterns)
    if not bool(((patterns >= 0) & (patterns < torch.inf)).all()):
        raise InputError("The patterns hold NaN, infinite or negative intensity: repair them before.")
    total = _totals(patterns, mask)
    rate = torch.where(total > 0, doses / torch.where(total > 0, total, 1), 0)
    return torch.poisson(patterns * rate[:, None, None], generator)


@quantities(width="1/angstrom", angle="degree", delta_k="1/angstrom")
def bar_shadow(n: int, width: Numbers, angle: Numbers, delta_k: float, device: Any = None) -> torch.Tensor:
    """Pixels hidden by a beam stop: a bar that comes from beyond the edge and ends behind k = 0.

    Args:
        n: pixels along one side of the image, odd.
        width: of the bar in Å⁻¹, (B,); the end is round, with the centre at k = 0. 0 hides nothing.
        angle: direction from which it comes against k_x towards k_y in degrees, (B,).
        delta_k: size of a pixel in Å⁻¹.
        device: of the result.

    Returns:
        (B, n, n) bool, True where hidden.

    Raises:
        InputError: a negative width, or other numbers of widths than angles.

    Example:
        >>> bar_shadow(5, [1.0], [0.0], delta_k=1.0)[0].int().tolist()[2]
        [0, 0, 1, 1, 1]
    """
    count = len(np.atleast_1d(_numbers(angle)))
    radii = kernels.per_pattern(_numbers(width), count, "width") / 2
    turn = np.deg2rad(kernels.per_pattern(_numbers(angle), count, "angle", -360.0))
    axis = (torch.arange(n, device=device, dtype=torch.float64) - n // 2) * delta_k
    x, y = axis[None, None, :], axis[None, :, None]
    columns = (np.cos(turn), np.sin(turn), radii)
    c, s, half = (torch.as_tensor(values, device=device)[:, None, None] for values in columns)
    along, across = c * x + s * y, c * y - s * x
    far = torch.where(along >= 0, across.abs(), torch.hypot(x, y))
    return (far <= half * (1 + 1e-9)) & (half > 0)


def add_hot_pixels(
    patterns: torch.Tensor,
    fraction: Numbers,
    value: Numbers,
    generator: torch.Generator,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Pixels that always show the same value; other ones in each pattern, as if of another camera.

    Args:
        patterns: (B, n, n) intensity.
        fraction: probability of each pixel to be hot, 0 to 1.
        value: what hot pixels show, in units of the brightest pixel of each pattern.
        generator: source of the draw.
        mask: (n, n) bool, where the brightest pixel is looked for; None: everywhere.

    Returns:
        (B, n, n).

    Raises:
        InputError: wrong shape, type or device, or a parameter out of range.

    Example:
        >>> hot = add_hot_pixels(torch.ones(1, 101, 101), 0.01, 5.0, torch.Generator().manual_seed(0))
        >>> 50 < int((hot == 5).sum()) < 150
        True
    """
    check_batch(patterns)
    check_generator(generator, patterns)
    shares = kernels.per_pattern(_numbers(fraction), len(patterns), "fraction")
    if (shares > 1).any():
        raise InputError(f"fraction is {fraction!r}: give probabilities between 0 and 1.")
    values = _like(kernels.per_pattern(_numbers(value), len(patterns), "value"), patterns)
    draws = torch.rand(patterns.shape, generator=generator, device=patterns.device, dtype=patterns.dtype)
    seen = patterns if mask is None else patterns * mask
    shown = (values * seen.amax(dim=(1, 2)))[:, None, None]
    return torch.where(draws < _like(shares, patterns)[:, None, None], shown, patterns)


@quantities(width="1/angstrom", delta_k="1/angstrom")
def add_background(
    patterns: torch.Tensor,
    fraction: Numbers,
    width: Numbers,
    delta_k: float,
    uniform: Numbers = 0.0,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Diffuse background: a Gaussian around k = 0 and a constant share.

    I' = (1 − b) I + b S [(1 − u) g(k) + u/|M|], with b the fraction, S the sum of the pattern over the |M|
    pixels of the mask, u the uniform share and g a Gaussian of standard deviation ``width`` whose sum over
    the mask is 1: the sum over the mask stays what it was.

    Args:
        patterns: (B, n, n) intensity.
        fraction: share of the electrons in the background, 0 to 1.
        width: standard deviation of the Gaussian in Å⁻¹.
        delta_k: size of a pixel in Å⁻¹.
        uniform: share of the background that is the same everywhere, 0 to 1.
        mask: (n, n) bool, the pixels whose electrons are shared out; None: all.

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
    shape = halo[:, :, None] * halo[:, None, :]
    within = torch.ones_like(patterns[0], dtype=torch.bool) if mask is None else mask
    shape = shape / (shape * within).sum(dim=(1, 2), keepdim=True)
    shape = shape * (1 - evens) + evens / within.sum()
    return (1 - shares) * patterns + shares * (patterns * within).sum(dim=(1, 2), keepdim=True) * shape


def distort(
    patterns: torch.Tensor,
    shift: Numbers = 0.0,
    ellipticity: Numbers = 1.0,
    angle: Numbers = 0.0,
    scale: Numbers = 1.0,
) -> torch.Tensor:
    """Shift of the centre, elliptic distortion and magnification, by linear interpolation.

    A circle of radius k becomes an ellipse with semi-axes s·k·√e along ``angle`` and s·k/√e across, with the
    ellipticity e and the scale s, and is then moved by the shift. Intensity per area is kept.

    Args:
        patterns: (B, n, n) intensity.
        shift: (2,) or (B, 2) displacement of the centre along columns and rows in pixels.
        ellipticity: ratio of the axes of the ellipse that a circle becomes.
        angle: of its long axis against k_x towards k_y in degrees.
        scale: s, by which lengths in the image grow.

    Returns:
        (B, n, n); 0 where the source lies outside the image.

    Raises:
        InputError: wrong shape or type, or a parameter out of range.

    Example:
        >>> spot = torch.zeros(1, 9, 9); spot[0, 4, 4] = 1
        >>> distort(spot, shift=(2, 1))[0].nonzero().tolist()     # row, column
        [[5, 6]]
    """
    check_batch(patterns)
    shifts, matrices = _distortion(patterns, shift, ellipticity, angle, scale)
    return _sampled(patterns, matrices, -np.einsum("pij,pj->pi", matrices, shifts))


def undistort(
    patterns: torch.Tensor,
    shift: Numbers = 0.0,
    ellipticity: Numbers = 1.0,
    angle: Numbers = 0.0,
    scale: Numbers = 1.0,
) -> torch.Tensor:
    """Inverse of :func:`distort` with the same arguments, up to interpolation.

    Args:
        patterns: (B, n, n) intensity as the camera saw it.
        shift, ellipticity, angle, scale: as of :func:`distort`.

    Returns:
        (B, n, n); 0 where the source lies outside the image.

    Raises:
        InputError: wrong shape or type, or a parameter out of range.

    Example:
        >>> spot = torch.zeros(1, 9, 9); spot[0, 5, 6] = 1
        >>> undistort(spot, shift=(2, 1))[0].nonzero().tolist()
        [[4, 4]]
    """
    check_batch(patterns)
    shifts, matrices = _distortion(patterns, shift, ellipticity, angle, scale)
    return _sampled(patterns, np.linalg.inv(matrices), shifts)


def _distortion(patterns, shift, ellipticity, angle, scale) -> tuple[np.ndarray, np.ndarray]:
    return kernels.distortion_matrices(
        _numbers(shift), _numbers(ellipticity), _numbers(angle), _numbers(scale), len(patterns)
    )


def _sampled(patterns: torch.Tensor, matrices: np.ndarray, offsets: np.ndarray) -> torch.Tensor:
    # the value of each pixel r from M r + offset, in double precision: an interpolation that is wrong by 1e-5
    # of a pixel shows at the beam
    n = patterns.shape[1]
    axis = torch.arange(n, device=patterns.device, dtype=torch.float64) - n // 2
    matrix = torch.as_tensor(matrices, device=patterns.device)[:, :, :, None, None]
    offset = torch.as_tensor(offsets, device=patterns.device)[:, :, None, None]
    u, v = axis[None, None, :], axis[None, :, None]
    source = torch.stack(
        [m[:, 0] * u + m[:, 1] * v + offset[:, i] for i, m in enumerate(matrix.unbind(1))], dim=-1
    )
    source = source / (n // 2)
    values = functional.grid_sample(
        patterns[:, None], source.to(patterns.dtype), mode="bilinear", align_corners=True
    )[:, 0]
    return torch.where((source.abs() <= 1 + 1e-12).all(dim=-1), values, 0)


def check_batch(patterns: torch.Tensor) -> int:
    """Pixels along one side; InputError for patterns that cannot be used.

    Args:
        patterns: (B, n, n) tensor.
    """
    if not isinstance(patterns, torch.Tensor) or patterns.dtype not in (torch.float32, torch.float64):
        kind = patterns.dtype if isinstance(patterns, torch.Tensor) else type(patterns).__name__
        raise InputError(f"The patterns are {kind}: give a tensor of float32 or float64.")
    shape = tuple(patterns.shape)
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] % 2 == 0:
        raise InputError(
            f"The patterns have shape {shape}: give (B, n, n) with odd n, so that k = 0 is a pixel."
        )
    return shape[1]


def check_generator(generator: torch.Generator, patterns: torch.Tensor) -> None:
    """Raise InputError for what is no generator of the device of the patterns."""
    instance(generator, "The generator", torch.Generator, "torch.Generator(patterns.device)")
    if generator.device.type != patterns.device.type:
        raise InputError(
            f"The generator is on {generator.device}, the patterns on {patterns.device}: give "
            "torch.Generator(patterns.device)."
        )


def _numbers(value: Numbers) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value  # type: ignore


def _like(values: np.ndarray, patterns: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=patterns.dtype, device=patterns.device)


def continued(patterns: torch.Tensor, mesh: Mesh, margin: int) -> torch.Tensor:
    """Patterns with a margin, and beyond the disc of the mesh the value that the rim has in the same
    direction.

    A camera sees on beyond k_max: without a continuation, what moves or spreads the pattern would bring 0 in.

    Args:
        patterns: (B, n, n) on the mesh.
        mesh: of n × n pixels.
        margin: pixels added at each side.

    Returns:
        (B, n + 2 margin, n + 2 margin).

    Example:
        >>> mesh = Mesh(1.0, 0.3)
        >>> continued(torch.as_tensor(mesh.disc)[None].float(), mesh, 2).sum() == (mesh.shape[0] + 4) ** 2
        tensor(True)
    """
    source = _continuation(mesh, margin).to(patterns.device)
    return patterns.flatten(1)[:, source.flatten()].view(len(patterns), *source.shape)


@lru_cache(maxsize=16)
def _continuation(mesh: Mesh, margin: int) -> torch.Tensor:
    # number of the pixel inside the disc that each pixel takes its value from
    axis = np.arange(-mesh.half - margin, mesh.half + margin + 1)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    far = np.hypot(x, y)
    rows, columns = y.copy(), x.copy()
    outside = far * mesh.delta_k >= mesh.k_max
    reach = mesh.half + 0.0
    while outside.any():  # rounding may lead just outside again
        factor = reach / far[outside]
        rows[outside], columns[outside] = np.rint(y[outside] * factor), np.rint(x[outside] * factor)
        outside[outside] = np.hypot(rows[outside], columns[outside]) * mesh.delta_k >= mesh.k_max
        reach -= 0.25
    return torch.from_numpy((rows + mesh.half) * mesh.shape[1] + columns + mesh.half)


def _totals(patterns: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    return (patterns if mask is None else patterns * mask).sum(dim=(1, 2))


def _convolve(patterns: torch.Tensor, transfer: torch.Tensor) -> torch.Tensor:
    # zero padding to 2n keeps what leaves one side from coming in at the other
    n = patterns.shape[1]
    spectrum = torch.fft.rfft2(patterns, s=(2 * n, 2 * n)) * transfer
    return torch.fft.irfft2(spectrum, s=(2 * n, 2 * n))[:, :n, :n].clamp_min(0)
