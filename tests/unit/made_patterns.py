"""Patterns and scans whose centre, ellipse and scale are known, for tests and benchmarks of calibration."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import ive

from pyiron_nbed.experiment.rings import ring_distances

DELTA_K = 0.01517  # Å⁻¹ of a pixel of the standard mesh
# multiplicity of 111, 200, 220, … of a face-centred cubic crystal
MULTIPLICITY = (8, 6, 12, 24, 8, 6, 24, 24, 24, 32, 12, 48, 30, 24)


def distances(n, center, ellipticity=0.0, angle=0.0):
    """(n, n) distance of each pixel from the centre in pixels, along the ellipse."""
    y, x = np.mgrid[:n, :n].astype(float)
    turn = np.deg2rad(angle)
    u = np.cos(turn) * (x - center[0]) + np.sin(turn) * (y - center[1])
    v = -np.sin(turn) * (x - center[0]) + np.cos(turn) * (y - center[1])
    return np.hypot(u / np.sqrt(1 + ellipticity), v * np.sqrt(1 + ellipticity))


def glass(rho, rng=None, speckle=0.0, beam=0.0, disc=4.0):
    """Intensity of a glass: halo, two rings, unscattered disc, speckle (standard deviation of its log)."""
    k = rho * DELTA_K
    values = 3 * np.exp(-k / 0.12) + 0.35 * np.exp(-k / 0.5) + 0.02
    values = (
        values + np.exp(-(((k - 0.38) / 0.045) ** 2) / 2) + 0.3 * np.exp(-(((k - 0.646) / 0.06) ** 2) / 2)
    )
    if speckle:
        noise = gaussian_filter(rng.normal(size=rho.shape), 1.3)
        values = values * np.exp(speckle * noise / noise.std())
    return values + beam / (1 + np.exp(np.clip((rho - disc) / 0.3, -50, 50)))


def gold(rho, delta_k=DELTA_K, width=0.02):
    """Intensity of a gold powder: rings blurred in the plane of the camera by ``width`` in Å⁻¹, a halo."""
    k = rho * delta_k
    values = 3 * np.exp(-k / 0.15) + 0.4 * np.exp(-k / 0.6)
    for ring, number in zip(ring_distances("Au"), MULTIPLICITY, strict=False):
        blurred = ive(0, k * ring / width**2) * np.exp(-(((k - ring) / width) ** 2) / 2)
        values = values + 0.125 * number * np.exp(-2.2 * ring**2) / width * blurred
    return values


def bar(n, center, width=14, offset=1.0):
    """(n, n) bool: a bar that comes from above and ends with a half disc around the centre."""
    y, x = np.mgrid[:n, :n].astype(float)
    across, along = x - center[0] - offset, y - center[1]
    return ((np.abs(across) < width / 2) & (along < 0)) | (np.hypot(across, along) < width / 2)


def glass_scan(rng, kind, side=8, n=133, dose=1e5, wander=3.0, stop=True, speckle=0.3, shape=(0.03, 40.0)):
    """A scan of a glass behind a bar: frames (side, side, n, n), centres (side, side, 2).

    ``dose`` is the number of electrons in a frame; the centre lies up to 8 pixels off, the descan reaches
    ``wander`` pixels in each of its linear terms and 0.4 of that in the others.
    """
    half = max((side - 1) / 2, 1)
    v, u = (np.mgrid[:side, :side] - (side - 1) / 2) / half
    terms = np.stack([u, v, u * u, u * v, v * v], axis=-1)
    terms = terms[..., : {"none": 0, "plane": 2, "parabola": 5}[kind]]
    slopes = rng.uniform(-wander, wander, (terms.shape[-1], 2))
    slopes[2:] *= 0.4
    middle = n // 2 + rng.uniform(-8, 8, 2)
    centers = middle + terms @ slopes
    hidden = bar(n, middle) if stop else np.zeros((n, n), bool)
    frames = np.empty((side, side, n, n), np.uint16)
    for place in np.ndindex(side, side):
        values = glass(distances(n, centers[place], *shape), rng, speckle) * np.where(hidden, 0.003, 1)
        frames[place] = rng.poisson(values / values.sum() * dose)
    return frames, centers, hidden
