"""Radius and ellipse of the first ring of each pattern: strain of a glass, against the mean of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline

from pyiron_nbed.checks import interval
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import Mesh

HARMONICS = (1, 2, 4)  # beside the mean; 1 and 4 only so that they are not taken for 2
LIMIT = 0.1  # largest relative shift of a ring that is looked for
_NARROWEST = 0.02  # Å⁻¹ between nodes
_HILL = 1e-3  # least height of a maximum, relative
_AMPLIFICATION = 10.0  # of noise, against a ring seen all round
_ROUNDS = 12
_CONVERGED = 1e-5
_CHUNK = 4096


@dataclass(frozen=True)
class RingWeights:
    """What makes the radial mean and its twofold harmonics around the first ring from pixels: linear weights.

    Around the ring I(k, φ) = Σ_m [f_m(k) cos mφ + g_m(k) sin mφ], m = 0, 1, 2, 4, with cubic splines f and g,
    by least squares over the pixels that were seen.

    Attributes:
        ring: (k_1, k_2) in Å⁻¹ in which the first maximum lies.
        pixels: (m,) flat numbers of the pixels.
        nodes: (W,) in Å⁻¹, beyond the ring on both sides where pixels are seen there.
        fitted: (W,) bool, nodes inside the ring.
        weights: (3, W, m) of f_0, f_2 and g_2 at the nodes.
    """

    ring: tuple[float, float]
    pixels: np.ndarray
    nodes: np.ndarray
    fitted: np.ndarray
    weights: np.ndarray

    @classmethod
    def of_ring(cls, mesh: Mesh, seen: np.ndarray, ring: Any) -> RingWeights:
        """The weights for a ring.

        Args:
            mesh: of the patterns.
            seen: (n, n) bool, pixels that were measured.
            ring: (k_1, k_2) in Å⁻¹, at least five pixels apart.

        Raises:
            InputError: a ring beyond the mesh, too narrow, or hidden too far.

        Example:
            >>> mesh = Mesh(1.0, 0.05)
            >>> RingWeights.of_ring(mesh, mesh.disc, (0.3, 0.6)).nodes.round(2).tolist()
            [0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
        """
        low, high = interval(ring, "ring", 0, mesh.k_max, unit="Å⁻¹", hint="k_max of the mesh")
        step = max(mesh.delta_k, _NARROWEST)
        count = round((high - low) / step)
        if count < 5:
            raise InputError(
                f"The ring ({low:g}, {high:g}) Å⁻¹ is {(high - low) / mesh.delta_k:.1f} pixels wide: give "
                f"one of at least {5 * step:g} Å⁻¹ around the first maximum."
            )
        nodes = np.linspace(low, high, count + 1)
        fitted = np.ones(count + 1, bool)
        step = (high - low) / count
        k = mesh.k[seen]
        while nodes[0] > low * (1 - LIMIT) and k.min(initial=np.inf) <= nodes[0] - step:
            nodes, fitted = np.r_[nodes[0] - step, nodes], np.r_[False, fitted]
        while nodes[-1] < high * (1 + LIMIT) and k.max(initial=0) >= nodes[-1] + step / 2:
            nodes, fitted = np.r_[nodes, nodes[-1] + step], np.r_[fitted, False]
        inside = (mesh.k >= nodes[0]) & (mesh.k <= nodes[-1])
        pixels = np.flatnonzero(inside & seen)
        weights = _solved(mesh, pixels, nodes)
        alone = _solved(mesh, np.flatnonzero(inside), nodes)
        worse = ((weights**2).sum(axis=(1, 2)) / (alone**2).sum(axis=(1, 2))).max()
        if not worse < _AMPLIFICATION:
            raise InputError(
                f"The ring ({low:g}, {high:g}) Å⁻¹ is hidden too far to fit its radius and ellipse: give one "
                "that is seen further round."
            )
        return cls((low, high), pixels, nodes, fitted, weights)


@dataclass(frozen=True)
class RingFit:
    """The first ring at P positions.

    With K the symmetric stretch of the ring, k(φ) = k_0 (1 + n·K n) for n = (cos φ, sin φ), the strain of the
    specimen is E = (1 + K)⁻¹ − 1 [Gammer2018], since k = 1/d.

    Attributes:
        radius: (P,) mean radius in Å⁻¹; NaN where no ring was found.
        strain: (P, 3) E_xx, E_yy, E_xy against the mean of the map.
        radius_error: (P,) standard error by counting in Å⁻¹; NaN without electrons.
        strain_error: (P, 3).
        mean_radius: of the mean pattern in Å⁻¹.
        ellipticity, angle: e = a/b − 1 and direction of the long axis in degrees (from +x towards +y, 0 to
            180) of the ring of the mean pattern, as of ``Calibration``.
        found: False where the mean pattern has no maximum inside the ring: all is NaN then.
    """

    radius: np.ndarray
    strain: np.ndarray
    radius_error: np.ndarray
    strain_error: np.ndarray
    mean_radius: float
    ellipticity: float
    angle: float
    found: bool


def fit_rings(
    values: np.ndarray, weights: RingWeights, mean_pattern: np.ndarray, noise: float | None = None
) -> RingFit:
    """Radius and ellipse of the first ring from the harmonics of each pattern.

    The radial mean of all patterns is the template T(k). Each pattern's is fitted by a T(k/(1 + ε)) + b, and
    its harmonics cos 2φ and sin 2φ by −k ∂T/∂k ε_2 + α T: a ring that is moved, and a ring that is brighter
    in some directions. Then K = [[ε + ε_c, ε_s], [ε_s, ε − ε_c]], less the same of the mean pattern.

    Args:
        values: (P, 3, W) harmonics at the nodes, ``weights.weights`` times the patterns.
        weights: that they were made with.
        mean_pattern: (m,) mean intensity of ``weights.pixels``.
        noise: variance of a pixel over its mean intensity; None: not known.

    Returns:
        The rings.
    """
    k, fitted = weights.nodes, weights.fitted
    mean = values.mean(axis=0)
    template = make_interp_spline(k, mean[0])
    radius = _first_maximum(template, weights.ring)
    count = len(values)
    if radius is None:
        nothing = np.full(count, np.nan)
        three = np.full((count, 3), np.nan)
        return RingFit(nothing, three, nothing.copy(), three.copy(), np.nan, np.nan, np.nan, False)
    # pixels of a ring of width Δk over the variance of each: k / T
    used = k[fitted]
    importance = used / np.maximum(mean[0][fitted], 1e-3 * mean[0].max())
    covariance = np.einsum("aim,m,bjm->aibj", weights.weights, mean_pattern, weights.weights, optimize=True)
    covariance = covariance[:, fitted][:, :, :, fitted]

    shape = np.stack([template(used), -used * template(used, 1)])
    anisotropy = (
        _linear(shape.T, importance) @ mean[1:][:, fitted].T
    )  # (2: brightness and shift, cos and sin)
    turned = anisotropy[1]
    stretch = np.empty((count, 3))
    amplitude, level = np.empty(count), np.empty(count)
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        own = values[part][:, :, fitted]
        a, shift = _shifts(own[:, 0], template, used, importance)
        stretch[part, 0], amplitude[part] = shift, a
        stretch[part, 1:] = _twofold(own[:, 1:], template, used, importance, a, shift) - turned
        level[part] = own[:, 0].mean(axis=1)
    radius_error, strain_error = np.full(count, np.nan), np.full((count, 3), np.nan)
    if noise is not None:
        jacobian = np.stack([template(used), np.ones(len(used)), shape[1]], axis=1)
        first = _linear(jacobian, importance)[2]
        second = _linear(shape.T, importance)[1]
        spread = noise * np.array(
            [first @ covariance[0, :, 0] @ first, second @ covariance[1, :, 1] @ second,
             second @ covariance[2, :, 2] @ second, first @ covariance[0, :, 1] @ second]
        )  # fmt: skip
        scale = level / mean[0][fitted].mean() / amplitude**2
        radius_error = radius * np.sqrt(scale * spread[0])
        along = spread[0] + spread[1] + 2 * np.array([1, -1]) * spread[3]
        strain_error = np.sqrt(scale[:, None] * np.array([along[0], along[1], spread[2]]))
        strain_error[np.isnan(stretch).any(axis=1)] = np.nan
        radius_error[np.isnan(stretch[:, 0])] = np.nan
    size = float(np.hypot(*turned))
    return RingFit(
        radius * (1 + stretch[:, 0]), _strain(stretch), radius_error, strain_error, radius,
        (1 + size) / (1 - size) - 1, float(np.degrees(np.arctan2(turned[1], turned[0])) / 2 % 180), True,
    )  # fmt: skip


def principal_strain(strain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal values of a strain in the plane, and the direction of the larger one.

    Args:
        strain: (…, 3) E_xx, E_yy, E_xy.

    Returns:
        (…, 2) larger and smaller value, and (…,) the angle in degrees from +x towards +y, 0 to 180.

    Example:
        >>> values, angle = principal_strain(np.array([0.0, 0.02, 0.0]))
        >>> values.tolist(), float(angle)
        ([0.02, 0.0], 90.0)
    """
    xx, yy, xy = np.moveaxis(np.asarray(strain, float), -1, 0)
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    angle = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180
    return np.stack([middle + half, middle - half], axis=-1), angle


def _solved(mesh: Mesh, pixels: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    rows, columns = np.divmod(pixels, mesh.shape[0])
    ky, kx = mesh.axis[rows], mesh.axis[columns]
    phi = np.arctan2(ky, kx)
    knots = make_interp_spline(nodes, nodes).t
    k = np.clip(np.hypot(kx, ky), nodes[0], nodes[-1])
    radial = BSpline.design_matrix(k, knots, 3).toarray().T
    parts = [radial]
    for harmonic in HARMONICS:
        parts += [radial * np.cos(harmonic * phi), radial * np.sin(harmonic * phi)]
    basis = np.concatenate(parts)
    matrix = basis @ basis.T
    scale = np.sqrt(np.diag(matrix))
    if len(pixels) < len(basis) or not scale.all() or np.linalg.cond(matrix / np.outer(scale, scale)) > 1e7:
        return np.full((3, len(nodes), len(pixels)), np.inf)
    solved = np.linalg.solve(matrix, basis).reshape(len(parts), len(nodes), -1)
    at_nodes = BSpline.design_matrix(nodes, knots, 3).toarray()
    twofold = 1 + 2 * HARMONICS.index(2)
    return np.einsum("wc,hcm->hwm", at_nodes, solved[[0, twofold, twofold + 1]])


def _first_maximum(template: Any, ring: tuple[float, float]) -> float | None:
    k = np.linspace(*ring, 2001)
    profile = template(k)
    inside = np.flatnonzero((profile[1:-1] > profile[:-2]) & (profile[1:-1] >= profile[2:])) + 1
    if not len(inside):
        return None
    top = inside[np.argmax(profile[inside])]
    # a hill, not a ripple of rounding on a plain
    foot = max(profile[:top].min(), profile[top:].min())
    return float(k[top]) if profile[top] - foot > _HILL * profile[top] else None


def _linear(terms: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """(T, W) weights of the coefficients of terms (W, T) by least squares."""
    weighted = terms.T * importance
    return np.linalg.solve(weighted @ terms, weighted)


def _shifts(
    profiles: np.ndarray, template: Any, k: np.ndarray, importance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """a and ε of a T(k/(1 + ε)) + b by Gauss-Newton for many profiles (P, W) at once."""
    shift = np.zeros(len(profiles))
    step = np.full(len(profiles), np.inf)
    a = shift
    for _ in range(_ROUNDS):
        moved = k / (1 + shift[:, None])
        terms = np.stack([template(moved), np.ones_like(moved), -moved * template(moved, 1)], axis=-1)
        weighted = terms * importance[:, None]
        matrix = weighted.swapaxes(1, 2) @ terms
        found = np.linalg.solve(matrix, weighted.swapaxes(1, 2) @ profiles[:, :, None])[:, :, 0]
        a = found[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(a > 0, found[:, 2] / a * (1 + shift), np.nan)
        step = np.clip(step, -LIMIT / 3, LIMIT / 3)
        shift = np.clip(np.where(np.isfinite(step), shift + step, 0), -LIMIT, LIMIT)
    lost = ~(np.abs(step) < _CONVERGED) | (np.abs(shift) >= LIMIT) | ~(a > 0)
    return np.where(lost, np.nan, a), np.where(lost, np.nan, shift)


def _twofold(
    harmonics: np.ndarray,
    template: Any,
    k: np.ndarray,
    importance: np.ndarray,
    a: np.ndarray,
    shift: np.ndarray,
) -> np.ndarray:
    """ε_c and ε_s (P, 2) of harmonics (P, 2, W)."""
    lost = np.isnan(shift)
    moved = k / (1 + np.where(lost, 0, shift)[:, None])
    terms = np.stack([template(moved), -moved * template(moved, 1)], axis=-1)
    weighted = (terms * importance[:, None]).swapaxes(1, 2)
    found = np.linalg.solve(weighted @ terms, weighted @ harmonics.swapaxes(1, 2))
    return np.where(lost[:, None], np.nan, found[:, 1] / a[:, None])


def _strain(stretch: np.ndarray) -> np.ndarray:
    # (1 + K)⁻¹ − 1 of K = [[ε + c, s], [s, ε − c]]
    xx, yy, xy = 1 + stretch[:, 0] + stretch[:, 1], 1 + stretch[:, 0] - stretch[:, 1], stretch[:, 2]
    below = xx * yy - xy**2
    return np.stack([yy / below - 1, xx / below - 1, -xy / below], axis=1)
