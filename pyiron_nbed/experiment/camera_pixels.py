"""Kernels: a pattern on a fine mesh seen by the pixels of a camera.

A camera pixel is the mean of the intensity over its area. The pattern of a volume of diameter D holds no
detail finer than 1/D, so that nodes Δk ≤ 1/(6 D) and cubic splines through them give I(k) between the nodes
to about 10⁻³ of its finest detail; the mean over a pixel is that of Gauss-Legendre points in it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import spline_filter

from pyiron_nbed.kernels import njit

NODES_PER_DETAIL = 6  # nodes of the fine mesh for one period 1/D of the finest detail
MARGIN = 8  # nodes between what a camera sees and the rim of the mesh, where splines ring


def gauss_points(detail: float) -> tuple[np.ndarray, np.ndarray]:
    """Points along one side of a pixel, from −1/2 to 1/2, and their weights, of sum 1.

    Args:
        detail: D Δk, periods of the finest detail in a pixel.

    Returns:
        (n,) points and weights.

    Example:
        >>> points, weights = gauss_points(0.5)
        >>> len(points), bool(abs(weights @ np.cos(np.pi * points) - 2 / np.pi) < 1e-3)
        (3, True)
    """
    points, weights = np.polynomial.legendre.leggauss(2 + int(np.ceil(1.6 * detail)))
    return points / 2, weights / 2


def spline_coefficients(pattern: np.ndarray) -> np.ndarray:
    """Coefficients of the cubic B-splines that go through a pattern.

    Args:
        pattern: (m, m).

    Returns:
        (m, m) float64.
    """
    return spline_filter(np.asarray(pattern, float), order=3, mode="mirror")


@njit(error_model="numpy")
def area_means(coefficients, x, y, inverse, points, weights, out):
    """Mean over the area of each pixel of a camera.

    Args:
        coefficients: (m, m) of :func:`spline_coefficients`, k = 0 in the middle.
        x, y: where the camera sees k = 0, in pixels from the middle of the first one.
        inverse: (2, 2), nodes of the pattern along k_x and k_y for one pixel of the camera along x and y.
        points, weights: of :func:`gauss_points`.
        out: (H, W) float64, written; all its pixels must lie within the pattern, two nodes from its edge.

    Example:
        >>> flat, out = spline_coefficients(np.full((9, 9), 2.0)), np.zeros((2, 2))
        >>> area_means(flat, 0.5, 0.5, np.eye(2), *gauss_points(0.1), out)
        >>> out.round(9).tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """
    middle = coefficients.shape[0] // 2
    last = coefficients.shape[0] - 3
    wx, wy = np.empty(4), np.empty(4)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for b in range(points.shape[0]):
                dy = i + points[b] - y
                for a in range(points.shape[0]):
                    dx = j + points[a] - x
                    u = middle + inverse[0, 0] * dx + inverse[0, 1] * dy
                    v = middle + inverse[1, 0] * dx + inverse[1, 1] * dy
                    left = min(max(int(np.floor(u)), 1), last)
                    top = min(max(int(np.floor(v)), 1), last)
                    _cubic(u - left, wx)
                    _cubic(v - top, wy)
                    value = 0.0
                    for p in range(4):
                        line = 0.0
                        for q in range(4):
                            line += wx[q] * coefficients[top - 1 + p, left - 1 + q]
                        value += wy[p] * line
                    total += weights[a] * weights[b] * value
            out[i, j] = max(total, 0.0)


@njit(error_model="numpy")
def _cubic(t, w):
    # the four cubic B-splines at a distance t from the second of their nodes
    s = 1.0 - t
    w[0] = s * s * s / 6
    w[1] = 2 / 3 - t * t * (2 - t) / 2
    w[2] = 2 / 3 - s * s * (2 - s) / 2
    w[3] = t * t * t / 6
