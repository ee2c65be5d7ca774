"""Azimuthal averages of patterns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyiron_nbed.checks import number
from pyiron_nbed.patterns.mesh import Mesh, as_mesh, check_patterns
from pyiron_nbed.units import quantities

_ROWS = 256  # patterns in memory at a time


@dataclass(frozen=True)
class RadialProfile:
    """Azimuthal averages of P patterns in B rings around k = 0.

    Attributes:
        k: (B,) middle of each ring in Å⁻¹, whole multiples of its width; 1/k is the d-spacing in Å.
        counts: (B,) pixels of each ring.
        mean: (P, B) mean intensity I(k) in Å².
        variance: (P, B) azimuthal variance ⟨I²⟩/⟨I⟩² − 1 of each ring; 0 where nothing scatters.
    """

    k: np.ndarray
    counts: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


@quantities(bin_width="1/angstrom")
def radial_profile(patterns: np.ndarray, mesh: Mesh, bin_width: float | None = None) -> RadialProfile:
    """Mean intensity over rings of the disc |k| < k_max.

    The pixel at k belongs to the ring round(|k| / bin_width), so that Σ counts·mean is the sum of the
    pattern inside the disc and the first ring is k = 0 (alone, for the default width). The azimuthal variance
    is that of fluctuation microscopy for one pattern [TreacyGibson1996].

    Args:
        patterns: (P, n, n) intensity in Å², also read from disc piece by piece (``PatternDataset.patterns``).
        mesh: of the patterns.
        bin_width: of a ring in Å⁻¹; None takes delta_k.

    Returns:
        The profiles.

    Raises:
        InputError: patterns of another shape, or rings narrower than delta_k or wider than k_max.

    Example:
        >>> mesh = Mesh(1.0, 0.1)
        >>> profile = radial_profile(np.full((1, *mesh.shape), 2.0), mesh)
        >>> set(profile.mean[0].tolist()), int(profile.counts.sum()) == int(mesh.disc.sum())
        ({2.0}, True)
    """
    mesh = as_mesh(mesh)
    shape = check_patterns(patterns, mesh)
    width = mesh.delta_k if bin_width is None else bin_width
    number(width, "bin_width", mesh.delta_k, mesh.k_max, unit="Å⁻¹", hint="the mesh's delta_k and k_max")
    pixels = np.flatnonzero(mesh.disc)
    ring = np.rint(mesh.k.ravel()[pixels] / width).astype(int)
    counts = np.bincount(ring)
    n_rings = len(counts)
    # ring by ring, so that sums are over pixels that follow each other
    pixels = pixels[np.argsort(ring, kind="stable")]
    first = np.cumsum(counts) - counts
    mean = np.empty((shape[0], n_rings))
    square = np.empty_like(mean)
    for start in range(0, shape[0], _ROWS):
        batch = np.asarray(patterns[start : start + _ROWS])
        inside = np.take(batch.reshape(len(batch), -1), pixels, axis=1).astype(float)
        mean[start : start + _ROWS] = np.add.reduceat(inside, first, axis=1) / counts
        square[start : start + _ROWS] = np.add.reduceat(np.square(inside, out=inside), first, axis=1) / counts
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(mean > 0, np.maximum(square / mean**2 - 1, 0), 0)
    return RadialProfile(np.arange(n_rings) * width, counts, mean, variance)
