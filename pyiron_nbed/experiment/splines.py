"""Cubic splines on equidistant knots: least squares, values and slopes."""

from __future__ import annotations

import numpy as np

from pyiron_nbed.kernels import njit

_RIDGE = 1e-9


def band_matrix(band: np.ndarray) -> np.ndarray:
    """(count, count) from its diagonals (count, 4), with a little smoothness where there is no pixel."""
    count = len(band)
    full = np.zeros((count, count))
    for k in range(4):
        rows = np.arange(count - k)
        full[rows, rows + k] = full[rows + k, rows] = band[: count - k, k]
    # knots without a pixel: second differences hold the spline
    second = np.diff(np.eye(count), 2, axis=0)
    # rises and falls far between rings must not be damped: very little of the mean diagonal is enough
    return full + _RIDGE * np.trace(full) / count * (second.T @ second + 1e-3 * np.eye(count))


@njit(error_model="numpy")
def _weights_of(t):
    u = 1.0 - t
    return (
        u * u * u / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
        t * t * t / 6.0,
    )


@njit(error_model="numpy")
def normal_equations(rho, values, weights, first, spacing, count):
    """Least squares with cubic B-splines: four diagonals of the matrix (count, 4), and the right side."""
    band = np.zeros((count, 4))
    right = np.zeros(count)
    for p in range(len(rho)):
        place = (rho[p] - first) / spacing
        i = min(max(int(place), 0), count - 4)
        b = _weights_of(min(max(place - i, 0.0), 1.0))
        w, v = weights[p], weights[p] * values[p]
        for m in range(4):
            right[i + m] += b[m] * v
            for k in range(4 - m):
                band[i + m, k] += w * b[m] * b[m + k]
    return band, right


@njit(error_model="numpy")
def evaluate(rho, first, spacing, coefficients):
    """A cubic spline on equidistant knots, held beyond its ends."""
    out = np.empty(len(rho))
    count = len(coefficients)
    for p in range(len(rho)):
        place = (rho[p] - first) / spacing
        i = min(max(int(place), 0), count - 4)
        b = _weights_of(min(max(place - i, 0.0), 1.0))
        out[p] = (
            b[0] * coefficients[i] + b[1] * coefficients[i + 1] + b[2] * coefficients[i + 2]
            + b[3] * coefficients[i + 3]
        )  # fmt: skip
    return out


@njit(error_model="numpy")
def slope_of(rho, first, spacing, coefficients):
    """Its derivative; as if it went on beyond its ends."""
    out = np.empty(len(rho))
    count = len(coefficients)
    for p in range(len(rho)):
        place = (rho[p] - first) / spacing
        i = min(max(int(place), 0), count - 4)
        t = min(max(place - i, 0.0), 1.0)
        u = 1.0 - t
        out[p] = (
            -u * u / 2 * coefficients[i] + (3 * t * t - 4 * t) / 2 * coefficients[i + 1]
            + (-3 * u * u + 4 * u) / 2 * coefficients[i + 2] + t * t / 2 * coefficients[i + 3]
        ) / spacing  # fmt: skip
    return out
