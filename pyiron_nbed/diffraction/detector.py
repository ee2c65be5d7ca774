"""What the microscope and its camera do to a pattern: functions on batches of intensities.

Every function takes patterns (P, n, n), rows k_y, columns k_x, k = 0 in the middle pixel, and returns
a new float32 array (float64 for float64). Lengths in the image are in Å⁻¹ with ``delta_k`` as the size
of a pixel, or in pixels where the camera is meant. Where a parameter may differ from pattern to
pattern it can be given as one number or as (P,) numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from pyiron_nbed.errors import InputError


def _batch(patterns: np.ndarray) -> np.ndarray:
    array = np.asarray(patterns)
    if array.ndim != 3 or array.shape[1] != array.shape[2] or array.shape[1] % 2 == 0:
        raise InputError(
            f"The patterns have shape {array.shape}: give (P, n, n) with odd n, so that k = 0 is a pixel."
        )
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)


def _per_pattern(value: float | np.ndarray, count: int, name: str, low: float = 0.0) -> np.ndarray:
    try:
        values = np.broadcast_to(np.asarray(value, dtype=float), (count,))
        valid = np.isfinite(values).all() and (values >= low).all()
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"{name} is {value!r}: give a finite number of at least {low:g}, or one for each of the {count} "
            "patterns."
        )
    return values


def _convolve(patterns: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    # zero padding to 2n keeps what leaves one side from coming in at the other
    n = patterns.shape[1]
    spectrum = np.fft.rfft2(patterns, s=(2 * n, 2 * n)) * transfer
    result = np.fft.irfft2(spectrum, s=(2 * n, 2 * n))[:, :n, :n]
    return np.maximum(result, 0).astype(patterns.dtype)


def converge(patterns: np.ndarray, semiangle: float, wavelength: float, delta_k: float) -> np.ndarray:
    """Finite convergence: convolution with the disc of directions in the probe.

    Every direction of an incoherent cone of half angle α shifts the pattern by at most k_α = α/λ, so
    that I'(k) = ∫ disc(k − k'; k_α) I(k') d²k' with a disc of integral 1. The edge of the disc is
    spread over the pixels it crosses (each pixel is sampled at 8 × 8 points).

    Args:
        patterns: (P, n, n) intensity.
        semiangle: α in mrad; 0 changes nothing.
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
    for name, value, low in (
        ("semiangle", semiangle, 0), ("wavelength", wavelength, 1e-9), ("delta_k", delta_k, 1e-9),
    ):  # fmt: skip
        _per_pattern(value, 1, name, low)
    radius = 1e-3 * semiangle / wavelength / delta_k  # in pixels
    if radius > n / 2:
        raise InputError(
            f"A semiangle of {semiangle} mrad is a disc of {radius * delta_k:.2f} Å⁻¹, wider than the image: "
            "lower it, or take a larger k_max."
        )
    if radius == 0:
        return patterns.copy()
    reach = int(np.ceil(radius + 0.5))
    points = np.arange(-8 * reach - 4, 8 * reach + 4) / 8 + 1 / 16
    fine = np.hypot(points[:, None], points[None, :]) <= radius
    disc = fine.reshape(2 * reach + 1, 8, 2 * reach + 1, 8).sum(axis=(1, 3)).astype(float)
    if not disc.any():  # a disc far inside one pixel
        return patterns.copy()
    kernel = np.zeros((2 * n, 2 * n))
    rows = np.arange(-reach, reach + 1) % (2 * n)
    np.add.at(kernel, (rows[:, None], rows[None, :]), disc / disc.sum())
    return _convolve(patterns, np.fft.rfft2(kernel))


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
    values = _per_pattern(sigma, len(patterns), "sigma")[:, None]
    distance = np.fft.fftfreq(2 * patterns.shape[1]) * 2 * patterns.shape[1]
    kernel = np.exp(-0.5 * (distance / np.maximum(values, 1e-3)) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
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
    values = _per_pattern(dose, len(patterns), "dose")
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
    radii = _per_pattern(radius, len(patterns), "radius")[:, None, None]
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
    _per_pattern(fraction, 1, "fraction")
    if fraction > 1:
        raise InputError(f"fraction is {fraction!r}: give a share of the pixels between 0 and 1.")
    pixels = patterns.shape[1] ** 2
    hot = np.random.default_rng(seed).permutation(pixels)[: round(fraction * pixels)]
    result = patterns.copy().reshape(len(patterns), pixels)
    result[:, hot] = value * result.max(axis=1, keepdims=True)
    return result.reshape(patterns.shape)


def add_background(
    patterns: np.ndarray, fraction: float | np.ndarray, width: float, delta_k: float, uniform: float = 0.0
) -> np.ndarray:
    """Diffuse background: a Gaussian around k = 0 and a constant share.

    I' = (1 − b) I + b S [(1 − u) g(k) + u/n²], with S the sum of the pattern and g a Gaussian of standard
    deviation ``width`` whose sum over the image is 1: the sum of the pattern stays what it was.

    Args:
        patterns: (P, n, n) intensity.
        fraction: b, share of the electrons in the background, 0 to 1, one or (P,).
        width: of the Gaussian in Å⁻¹.
        delta_k: size of a pixel in Å⁻¹.
        uniform: u, share of the background that is the same everywhere, 0 to 1.

    Returns:
        (P, n, n).

    Raises:
        InputError: wrong shape, a share beyond 0 to 1, or a width that is not positive.

    Example:
        >>> round(float(add_background(np.ones((1, 9, 9)), 0.5, 0.2, 0.1).sum()), 6)
        81.0
    """
    patterns = _batch(patterns)
    shares = _per_pattern(fraction, len(patterns), "fraction")[:, None, None]
    _per_pattern(uniform, 1, "uniform")
    _per_pattern(width, 1, "width", 1e-9)
    if (shares > 1).any() or uniform > 1:
        raise InputError(f"fraction is {fraction!r} and uniform {uniform!r}: give shares between 0 and 1.")
    n = patterns.shape[1]
    axis = (np.arange(n) - n // 2) * delta_k
    halo = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * width**2))
    shape = (1 - uniform) * halo / halo.sum() + uniform / n**2
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
    try:
        shifts = np.broadcast_to(np.asarray(shift, dtype=float), (count, 2))
    except (TypeError, ValueError):
        shifts = np.full((count, 2), np.nan)
    if not np.isfinite(shifts).all():
        raise InputError(f"shift is {shift!r}: give two finite numbers of pixels, or an array (P, 2).")
    stretch = np.sqrt(_per_pattern(ellipticity, count, "ellipticity", 1e-3))
    turn = np.deg2rad(_per_pattern(angle, count, "angle", -360.0))
    y, x = np.mgrid[:n, :n] - n // 2
    result = np.empty_like(patterns)
    for p in range(count):
        # where the value of each pixel comes from: undo the shift, then the stretch
        c, s = np.cos(turn[p]), np.sin(turn[p])
        u, v = x - shifts[p, 0], y - shifts[p, 1]
        along, across = (c * u + s * v) / stretch[p], (c * v - s * u) * stretch[p]
        source = np.array([s * along + c * across, c * along - s * across]) + n // 2
        map_coordinates(patterns[p], source, output=result[p], order=1, cval=0.0)
    return result
