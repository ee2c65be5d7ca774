"""Checked parameters and kernels of the detector's effects, without torch."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.checks import shown
from pyiron_nbed.errors import InputError


def per_pattern(value: float | np.ndarray, count: int, name: str, low: float = 0.0) -> np.ndarray:
    """One parameter for each pattern.

    Args:
        value: one number or (count,) numbers.
        count: number of patterns.
        name: of the parameter, for the error.
        low: smallest value allowed.

    Returns:
        (count,) float64.

    Raises:
        InputError: another number of values, or one that is not finite or too small.
    """
    try:
        given = np.asarray(value)
        values = np.broadcast_to(given.astype(float), (count,)).copy()
        valid = given.dtype.kind in "fiu" and np.isfinite(values).all() and (values >= low).all()
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"{name} is {shown(value)}: give a finite number of at least {low:g}, or one for each of the "
            f"{count} "
            "patterns."
        )
    return values


def disc_radii(
    semiangle: float | np.ndarray, count: int, wavelength: float, delta_k: float, n: int
) -> np.ndarray:
    """Radius α / (λ Δk) of the discs of :func:`pyiron_nbed.patterns.detector.converge`.

    Args:
        semiangle: α in mrad, one or (count,).
        count: number of patterns.
        wavelength: λ in Å.
        delta_k: Δk in Å⁻¹.
        n: pixels along one side of the image.

    Returns:
        (count,) in pixels; (1,) where there is one semiangle for all.

    Raises:
        InputError: a parameter out of range, or a disc wider than the image.
    """
    semiangles = per_pattern(semiangle, 1 if np.ndim(semiangle) == 0 else count, "semiangle")
    per_pattern(wavelength, 1, "wavelength", 1e-9)
    per_pattern(delta_k, 1, "delta_k", 1e-9)
    radii = 1e-3 * semiangles / wavelength / delta_k
    if radii.max(initial=0) > n / 2:
        raise InputError(
            f"A semiangle of {semiangles.max():g} mrad is a disc of {radii.max() * delta_k:.2f} Å⁻¹, wider "
            "than the image: lower it, or take a larger k_max."
        )
    return radii


def disc_kernels(radii: np.ndarray) -> np.ndarray:
    """Discs of sum 1 on pixels, each pixel sampled at 8 × 8 points.

    Args:
        radii: (P,) in pixels.

    Returns:
        (P, m, m) float64, m odd, the centre in the middle; one pixel for a disc far inside it.

    Example:
        >>> disc_kernels(np.array([0.0, 1.5])).shape
        (2, 5, 5)
    """
    reach = int(np.ceil(radii.max() + 0.5))
    pixels = np.arange(-reach, reach + 1)
    rows = np.arange(-8 * reach - 4, 8 * reach + 4) / 8 + 1 / 16
    # points at 1/16, 3/16 … from the middle of a row to the circle, then those of each pixel
    inside = np.maximum(radii[:, None] ** 2 - rows**2, 0)
    points = np.floor(8 * np.sqrt(inside) + 0.5)[:, :, None]
    counts = np.minimum(points, 8 * pixels + 4) - np.maximum(-points, 8 * pixels - 4)
    counts = np.clip(counts, 0, 8).reshape(len(radii), len(pixels), 8, len(pixels)).sum(axis=2)
    counts[counts.sum(axis=(1, 2)) == 0, reach, reach] = 1
    return counts / counts.sum(axis=(1, 2), keepdims=True)


def normal_weights(coordinates: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Gaussians around 0, of sum 1 over the coordinates given.

    Args:
        coordinates: (m,) in any unit.
        sigma: (P,) standard deviations in the same unit.

    Returns:
        (P, m) float64.
    """
    weights = np.exp(-0.5 * (coordinates / np.maximum(sigma, 1e-9)[:, None]) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def blur_kernels(sigma: np.ndarray, n: int) -> np.ndarray:
    """(P, 2n) kernels of a blur along one axis, distance 0 first; ``sigma`` (P,) in pixels."""
    return normal_weights(np.fft.fftfreq(2 * n) * 2 * n, sigma)


def background_parts(
    fraction: float | np.ndarray,
    width: float | np.ndarray,
    delta_k: float,
    uniform: float | np.ndarray,
    count: int,
    n: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checked parameters of a background for ``count`` patterns of n × n pixels.

    Args:
        fraction, width, delta_k, uniform: as :func:`pyiron_nbed.patterns.detector.add_background`.
        count: P.
        n: pixels along one side of the image.

    Returns:
        (P, 1, 1) shares b, (P, n) Gaussians along one axis, (P, 1, 1) shares u.

    Raises:
        InputError: a share beyond 0 to 1, or a width that is not positive.
    """
    shares, even = (per_pattern(v, count, k) for v, k in ((fraction, "fraction"), (uniform, "uniform")))
    if (shares > 1).any() or (even > 1).any():
        raise InputError(f"fraction is {fraction!r} and uniform {uniform!r}: give shares between 0 and 1.")
    widths = per_pattern(width, count, "width", 1e-9)
    halo = normal_weights((np.arange(n) - n // 2) * delta_k, widths)
    return shares[:, None, None], halo, even[:, None, None]


def distortion_matrices(
    shift: np.ndarray | tuple[float, float],
    ellipticity: float | np.ndarray,
    angle: float | np.ndarray,
    scale: float | np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Where the value of each pixel of a distorted image comes from: M (r − shift).

    Args:
        shift, ellipticity, angle, scale: as :func:`pyiron_nbed.patterns.detector.distort`.
        count: number of patterns.

    Returns:
        (P, 2) shifts in pixels, x first, and (P, 2, 2) matrices M, which undo the stretch and the scale.

    Raises:
        InputError: a parameter out of range.
    """
    try:
        shifts = np.broadcast_to(np.asarray(shift, dtype=float), (count, 2)).copy()
    except (TypeError, ValueError):
        shifts = np.full((count, 2), np.nan)
    if not np.isfinite(shifts).all():
        raise InputError(f"shift is {shown(shift)}: give two finite numbers of pixels, or an array (P, 2).")
    stretch = np.sqrt(per_pattern(ellipticity, count, "ellipticity", 1e-3))
    turn = np.deg2rad(per_pattern(angle, count, "angle", -360.0))
    c, s = np.cos(turn), np.sin(turn)
    cross = c * s * (1 / stretch - stretch)
    rows = [[c**2 / stretch + s**2 * stretch, cross], [cross, s**2 / stretch + c**2 * stretch]]
    # rows (2, 2, P); 1 exactly where nothing is stretched, so that border pixels stay inside the image
    matrices = np.moveaxis(np.array(rows), 2, 0)
    matrices[stretch == 1] = np.eye(2)
    return shifts, matrices / per_pattern(scale, count, "scale", 1e-3)[:, None, None]
