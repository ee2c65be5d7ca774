"""Patterns that pyxem and our code both look at: speckle under a ring, from a seed."""

import numpy as np

PIXELS = 301
K_MAX = 1.0
SCAN = (6, 6)
RINGS = ((0.35, 0.45), (0.45, 0.6))  # Å⁻¹
ORDERS = tuple(range(2, 13))
K_RANGE = (0.2, 0.8)  # Å⁻¹ of V(k)
RING_PIXELS = 8  # width of a ring of V(k): pyxem shares pixels among rings, we do not
GAIN = 0.25  # of intensity for each electron


def speckle_patterns() -> np.ndarray:
    """(36, 301, 301) float64: |FFT|² of random waves in a disc, under a profile with a ring at 0.4 Å⁻¹."""
    random = np.random.default_rng(20100510)
    count = SCAN[0] * SCAN[1]
    axis = (np.arange(PIXELS) - PIXELS // 2) * 2 * K_MAX / PIXELS
    k = np.hypot(axis[:, None], axis[None, :])
    profile = np.exp(-((k - 0.4) ** 2) / (2 * 0.06**2)) + 0.3 * np.exp(-k / 0.3)
    wide = 40  # pixels of the disc: speckles 301/40 pixels wide
    grid = np.arange(wide) - (wide - 1) / 2
    disc = np.hypot(grid[:, None], grid[None, :]) < wide / 2
    waves = random.normal(size=(count, 2, wide, wide))
    field = np.fft.fft2((waves[:, 0] + 1j * waves[:, 1]) * disc, s=(PIXELS, PIXELS))
    # one amplitude for all, which makes the variance differ from ring to ring
    steady = 100 * np.exp(2j * np.pi * random.random()) * k
    return 1e-2 * np.abs(np.fft.fftshift(field, axes=(1, 2)) + steady) ** 2 * profile
