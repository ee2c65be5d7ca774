"""Directions of the beam and the axes of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyiron_nbed.checks import direction, seed_number, whole


def beam_frame(
    zone_axis: Sequence[float] | Sequence[Sequence[float]] | np.ndarray = (0, 0, 1),
) -> np.ndarray:
    """Right-handed axes of the image and the beam.

    The image's x axis is the structure's x axis projected into the plane (its y axis where x is
    the zone axis), so that zone axis (0, 0, 1) gives the structure's own axes.

    Args:
        zone_axis: (3,) Cartesian direction of the beam, any length, or (P, 3) of them.

    Returns:
        (3, 3) rows: image x, image y, unit zone axis; (P, 3, 3) for P directions.

    Raises:
        InputError: not three finite numbers, or all zero.

    Example:
        >>> beam_frame((0, 0, 2)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    z = direction(zone_axis, "The zone axis")
    first = np.where(np.abs(z[..., :1]) < 0.9, np.eye(3)[0], np.eye(3)[1])
    x = first - np.sum(first * z, axis=-1, keepdims=True) * z
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-2) + 0.0


def random_zone_axes(count: int, seed: int) -> np.ndarray:
    """Directions drawn uniformly from the sphere.

    Args:
        count: how many, at least 1.
        seed: of the draw.

    Returns:
        (count, 3) unit vectors.

    Raises:
        InputError: a count below 1, or an unusable seed.

    Example:
        >>> random_zone_axes(5, seed=0).shape
        (5, 3)
    """
    count = whole(count, "The number of zone axes", 1)
    axes = np.random.default_rng(seed_number(seed)).normal(size=(count, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)
