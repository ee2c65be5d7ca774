"""From raw intensity to the image a network sees: the same recipe in training and in use."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.patterns.mesh import Mesh

RECIPE = "log(1 + I), then min-max inside the disc |k| < k_max of each pattern; 0 outside"


def network_images(patterns: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Logarithm of the intensity scaled to [0, 1] inside the disc of each pattern.

    Args:
        patterns: (P, n, n) raw intensity ≥ 0 (any unit: a common factor matters only through the
            1 in log(1 + I)).
        mesh: the mesh of the patterns; its shape must be (n, n).

    Returns:
        (P, n, n) float32.

    Raises:
        DatasetError: wrong shape, NaN or negative intensity.

    Example:
        >>> import numpy as np
        >>> images = network_images(np.random.rand(2, 133, 133), Mesh())
        >>> float(images.min()), float(images.max())
        (0.0, 1.0)
    """
    patterns = np.asarray(patterns)
    if patterns.ndim != 3 or patterns.shape[1:] != mesh.shape:
        raise DatasetError(
            f"The patterns have shape {patterns.shape}: expected (P, {mesh.shape[0]}, {mesh.shape[1]}) for "
            f"k_max = {mesh.k_max} and delta_k = {mesh.delta_k} Å⁻¹."
        )
    disc = mesh.disc
    inside = patterns[:, disc].astype(np.float32)
    if not np.isfinite(inside).all() or (inside < 0).any():
        raise DatasetError(
            "The patterns hold NaN, infinite or negative intensity inside the disc: raw intensity is "
            "needed, with bad pixels repaired."
        )
    np.log1p(inside, out=inside)
    low = inside.min(axis=1, keepdims=True)
    span = inside.max(axis=1, keepdims=True) - low
    inside -= low
    inside /= np.where(span > 0, span, 1)
    images = np.zeros(patterns.shape, np.float32)
    images[:, disc] = inside
    return images
