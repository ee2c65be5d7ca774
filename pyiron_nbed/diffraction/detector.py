"""What the microscope and its camera do to a pattern: functions on batches of intensities.

Every function takes patterns (P, n, n), rows k_y, columns k_x, k = 0 in the middle pixel, and returns
a new float32 array (float64 for float64). Lengths in the image are in Å⁻¹ with ``delta_k`` as the size
of a pixel, or in pixels where the camera is meant. Where a parameter may differ from pattern to
pattern it can be given as one number or as (P,) numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from pyiron_nbed.diffraction.detector_kernels import (
    background_parts,
    blur_kernels,
    disc_kernels,
    disc_radii,
    distortion_matrices,
    per_pattern,
)
from pyiron_nbed.errors import InputError


def _batch(patterns: np.ndarray) -> np.ndarray:
    array = np.asarray(patterns)
    if array.ndim != 3 or array.shape[1] != array.shape[2] or array.shape[1] % 2 == 0:
        raise InputError(
            f"The patterns have shape {array.shape}: give (P, n, n) with odd n, so that k = 0 is a pixel."
        )
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)


def _convolve(patterns: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    # zero padding to 2n keeps what leaves one side from coming in at the other
    n = patterns.shape[1]
    spectrum = np.fft.rfft2(patterns, s=(2 * n, 2 * n)) * transfer
    result = np.fft.irfft2(spectrum, s=(2 * n, 2 * n))[:, :n, :n]
    return np.maximum(result, 0).astype(patterns.dtype)


def converge(
    patterns: np.ndarray, semiangle: float | np.ndarray, wavelength: float, delta_k: float
) -> np.ndarray:
    """Finite convergence: convolution with the disc of directions in the probe.

    Every direction of an incoherent cone of half angle α shifts the pattern by at most k_α = α/λ, so
    that I'(k) = ∫ disc(k − k'; k_α) I(k') d²k' with a disc of integral 1. The edge of the disc is
    spread over the pixels it crosses (each pixel is sampled at 8 × 8 points).

    Args:
        patterns: (P, n, n) intensity.
        semiangle: α in mrad, one or (P,); 0 changes nothing.
        wavelength: λ in Å (:func:`pyiron_nbed.diffraction.electron_wavelength`).
        delta_k: size of a pixel in Å⁻¹.

    Returns:
        (P, n, n); the sum of each pattern is kept but for what leaves the image at its edges.

    Raises:
        InputError: wrong shape, or a parameter out of range.

    Example:
        >>> spot = np.zeros((1, 33, 33)); spot[0, 16, 16] = 1.0
        >>> disc = converge(spot, semiangle=2.0, wavelength=0.0251, delta_k=0.02)
        >>> round(float(disc.sum()), 6)
        1.0
    """
    patterns = _batch(patterns)
    n = patterns.shape[1]
    radii = disc_radii(semiangle, len(patterns), wavelength, delta_k, n)
    if not radii.any():
        return patterns.copy()
    disc = disc_kernels(radii)
    reach = disc.shape[1] // 2
    kernel = np.zeros((len(disc), 2 * n, 2 * n))
    kernel[:, : 2 * reach + 1, : 2 * reach + 1] = disc
    return _convolve(patterns, np.fft.rfft2(np.roll(kernel, (-reach, -reach), axis=(1, 2))))


def blur(patterns: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
    """Point spread of the camera: convolution with a Gaussian, sampled at the pixels, of sum 1.

    Args:
        patterns: (P, n, n) intensity.
        sigma: standard deviation in pixels, one or (P,); 0 changes nothing.

    Returns:
        (P, n, n); the sum of each pattern is kept but for what leaves the image at its edges.

    Raises:
        InputError: wrong shape, or a negative sigma.

    Example:
        >>> spot = np.zeros((1, 33, 33)); spot[0, 16, 16] = 1.0
        >>> round(float(blur(spot, 2.0)[0, 16, 16]), 4)    # 1 / (2 π σ²)
        0.0398
    """
    patterns = _batch(patterns)
    kernel = blur_kernels(per_pattern(sigma, len(patterns), "sigma"), patterns.shape[1])
    return _convolve(patterns, np.fft.fft(kernel)[:, :, None] * np.fft.rfft(kernel)[:, None, :])


def expose(patterns: np.ndarray, dose: float | np.ndarray, seed: int) -> np.ndarray:
    """Counted electrons: Poisson numbers whose mean follows the pattern.

    Args:
        patterns: (P, n, n) intensity ≥ 0, any unit.
        dose: mean number of electrons in a whole pattern, one or (P,).
        seed: of the draw.

    Returns:
        (P, n, n) whole numbers of electrons; a pattern without intensity stays 0.

    Raises:
        InputError: wrong shape, negative or NaN intensity, or a negative dose.

    Example:
        >>> counts = expose(np.ones((1, 101, 101)), dose=1e5, seed=0)
        >>> abs(float(counts.sum()) - 1e5) < 1500
        True
    """
    patterns = _batch(patterns)
    values = per_pattern(dose, len(patterns), "dose")
    if not np.isfinite(patterns).all() or (patterns < 0).any():
        raise InputError("The patterns hold NaN, infinite or negative intensity: repair them before.")
    total = patterns.sum(axis=(1, 2), dtype=float)
    scale = values / np.where(total > 0, total, 1.0)
    mean = patterns.astype(float) * scale[:, None, None]
    return np.random.default_rng(seed).poisson(mean).astype(patterns.dtype)


def block_beam(
    patterns: np.ndarray, radius: float | np.ndarray, delta_k: float, value: float = 0.0
) -> np.ndarray:
    """Beam stop: a disc around k = 0 that hides the direct beam.

    Args:
        patterns: (P, n, n) intensity.
        radius: of the stop in Å⁻¹, one or (P,); pixels whose centre lies within it are hidden, none for 0.
        delta_k: size of a pixel in Å⁻¹.
        value: what hidden pixels hold.

    Returns:
        (P, n, n).

    Raises:
        InputError: wrong shape, or a negative radius.

    Example:
        >>> int((block_beam(np.ones((1, 9, 9)), 0.1, delta_k=0.1) == 0).sum())
        5
    """
    patterns = _batch(patterns)
    radii = per_pattern(radius, len(patterns), "radius")[:, None, None]
    axis = (np.arange(patterns.shape[1]) - patterns.shape[1] // 2) * delta_k
    k = np.hypot(axis[:, None], axis[None, :])
    return np.where((k <= radii * (1 + 1e-9)) & (radii > 0), patterns.dtype.type(value), patterns)


def add_hot_pixels(patterns: np.ndarray, fraction: float, value: float, seed: int) -> np.ndarray:
    """Pixels of the camera that always show the same value: the same ones in every pattern.

    Args:
        patterns: (P, n, n) intensity.
        fraction: share of the pixels that are hot, 0 to 1.
        value: what they show, in units of the brightest pixel of each pattern.
        seed: of the draw.

    Returns:
        (P, n, n).

    Raises:
        InputError: wrong shape, or a fraction beyond 0 to 1.

    Example:
        >>> int((add_hot_pixels(np.ones((1, 101, 101)), 0.01, 5.0, seed=1) == 5).sum())
        102
    """
    patterns = _batch(patterns)
    per_pattern(fraction, 1, "fraction")
    if fraction > 1:
        raise InputError(f"fraction is {fraction!r}: give a share of the pixels between 0 and 1.")
    pixels = patterns.shape[1] ** 2
    hot = np.random.default_rng(seed).permutation(pixels)[: round(fraction * pixels)]
    result = patterns.copy().reshape(len(patterns), pixels)
    result[:, hot] = value * result.max(axis=1, keepdims=True)
    return result.reshape(patterns.shape)


def add_background(
    patterns: np.ndarray,
    fraction: float | np.ndarray,
    width: float | np.ndarray,
    delta_k: float,
    uniform: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Diffuse background: a Gaussian around k = 0 and a constant share.

    I' = (1 − b) I + b S [(1 − u) g(k) + u/n²], with S the sum of the pattern and g a Gaussian of standard
    deviation ``width`` whose sum over the image is 1: the sum of the pattern stays what it was.

    Args:
        patterns: (P, n, n) intensity.
        fraction: b, share of the electrons in the background, 0 to 1, one or (P,).
        width: of the Gaussian in Å⁻¹, one or (P,).
        delta_k: size of a pixel in Å⁻¹.
        uniform: u, share of the background that is the same everywhere, 0 to 1, one or (P,).

    Returns:
        (P, n, n).

    Raises:
        InputError: wrong shape, a share beyond 0 to 1, or a width that is not positive.

    Example:
        >>> round(float(add_background(np.ones((1, 9, 9)), 0.5, 0.2, 0.1).sum()), 6)
        81.0
    """
    patterns = _batch(patterns)
    count, n = len(patterns), patterns.shape[1]
    shares, halo, even = background_parts(fraction, width, delta_k, uniform, count, n)
    shape = halo[:, :, None] * halo[:, None, :] * (1 - even) + even / n**2
    total = patterns.sum(axis=(1, 2), dtype=float)[:, None, None]
    return ((1 - shares) * patterns + shares * total * shape).astype(patterns.dtype)


def distort(
    patterns: np.ndarray,
    shift: np.ndarray | tuple[float, float] = (0.0, 0.0),
    ellipticity: float | np.ndarray = 1.0,
    angle: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Shift of the centre and elliptic distortion, by linear interpolation.

    A circle of radius k becomes an ellipse with semi-axes k·√e along ``angle`` and k/√e across, so
    that areas are kept. Positions outside the image are 0.

    Args:
        patterns: (P, n, n) intensity.
        shift: (2,) or (P, 2) displacement of the centre along columns (k_x) and rows (k_y) in pixels.
        ellipticity: e, ratio of the axes of the ellipse, above 0, one or (P,).
        angle: of its long axis (for e > 1) against k_x towards k_y in degrees, one or (P,).

    Returns:
        (P, n, n).

    Raises:
        InputError: wrong shape, or a parameter out of range.

    Example:
        >>> spot = np.zeros((1, 9, 9)); spot[0, 4, 4] = 1.0
        >>> np.argwhere(distort(spot, shift=(2, 1))[0]).tolist()     # row, column
        [[5, 6]]
    """
    patterns = _batch(patterns)
    count, n = len(patterns), patterns.shape[1]
    shifts, matrices = distortion_matrices(shift, ellipticity, angle, count)
    y, x = np.mgrid[:n, :n] - n // 2
    result = np.empty_like(patterns)
    for p in range(count):
        u, v = x - shifts[p, 0], y - shifts[p, 1]
        (xx, xy), (yx, yy) = matrices[p]
        source = np.array([yx * u + yy * v, xx * u + xy * v]) + n // 2
        map_coordinates(patterns[p], source, output=result[p], order=1, cval=0.0)
    return result
