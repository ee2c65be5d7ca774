"""Symmetry orders of the rings of a pattern: the angular Fourier power of its intensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import interval, is_whole, shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import Mesh

ORDERS = tuple(range(2, 13))
HIGHEST = 64
_POINTS = 5  # along each side of a pixel, for the share of it that lies in a ring
_AMPLIFICATION = 4.0  # of the noise of an order, against a ring seen all round


@dataclass(frozen=True)
class AngularOrders:
    """What makes the Fourier coefficients I_n of a ring from its pixels: linear, hence with known noise.

    The intensity on the ring k_1 ≤ \\|k\\| < k_2 is I(k, φ) = Σ_n (a_n cos nφ + b_n sin nφ) + c (k − k̄) +
    d (k − k̄)², for n = 0 to the highest order, by least squares over the pixels that were seen, each with
    the share of its area in the ring as weight, and I_n = (a_n − i b_n)/2 [Wochner2009] [Liu2013]. The slope
    over the ring is a term of its own since the square pixels would otherwise make fourfold symmetry of it.
    On a ring that is seen all round with fine pixels this is the Fourier series of the mean over k. Where a
    stop hides a part, the orders are told apart as far as the gap allows; behind a wider gap even orders
    alone are fitted, I(k) = I(−k) being taken for granted, and odd orders are NaN. Where pixels average over
    points (``Mesh.integrate``) so do the sines and cosines.

    Attributes:
        ring: (k_1, k_2) in Å⁻¹.
        orders: (n, …).
        pixels: (m,) flat numbers of the pixels with a weight.
        cosine, sine: (O, m) weights of a_n/2 and of b_n/2.
        mean: (m,) weights of I_0.
        amplification: of the noise of the worst order, 1 for a ring seen all round.
        even_only: the gap is too wide for odd orders.
    """

    ring: tuple[float, float]
    orders: tuple[int, ...]
    pixels: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    mean: np.ndarray
    amplification: float
    even_only: bool = False

    @classmethod
    def of_ring(cls, mesh: Mesh, seen: np.ndarray, ring: Any, orders: Any = ORDERS) -> AngularOrders:
        """The weights of a ring.

        Args:
            mesh: of the patterns.
            seen: (n, n) bool, pixels that were measured: not those filled with I(−k), which force odd orders
                to 0.
            ring: (k_1, k_2) in Å⁻¹.
            orders: whole numbers from 1 to 64.

        Raises:
            InputError: a ring beyond the mesh, too few pixels, or too much of it hidden for the orders.

        Example:
            >>> mesh = Mesh(1.0, 0.05)
            >>> phi = np.arctan2(mesh.axis[:, None], mesh.axis[None, :])
            >>> weights = AngularOrders.of_ring(mesh, mesh.disc, (0.5, 0.7))
            >>> pattern = 3 * (1 + 0.2 * np.cos(6 * phi))
            >>> power, _ = weights.power(pattern.reshape(1, -1)[:, weights.pixels])
            >>> [round(float(p), 12) for p in power[0, 3:6]]
            [0.0, 0.01, 0.0]
        """
        low, high = interval(ring, "ring", 0, mesh.k_max, unit="Å⁻¹", hint="k_max of the mesh")
        orders = check_orders(orders)
        share = _share_in_ring(mesh, low, high) * seen
        pixels = np.flatnonzero(share)
        weights = share.ravel()[pixels]
        terms = 2 * max(orders) + 3
        if weights.sum() < 1.5 * terms:
            raise InputError(
                f"The ring ({low:g}, {high:g}) Å⁻¹ holds {weights.sum():.0f} pixels and orders up to "
                f"{max(orders)} need {1.5 * terms:.0f}: give a wider ring or lower orders."
            )
        basis = _basis(mesh, pixels, weights, max(orders))
        # against 2 Σw²/(Σw)², that of a ring seen all round; pixels hidden altogether count too
        whole = _share_in_ring(mesh, low, high)
        alone = 2 * (whole**2).sum() / whole.sum() ** 2
        multiples = np.repeat(np.arange(1, max(orders) + 1), 2)
        for kept in (multiples > 0, multiples % 2 == 0):
            rows = np.r_[True, kept, True, True]
            solved = np.full(basis.shape, np.nan)
            solved[rows] = _solved(basis[rows], weights)
            amplification = float((solved[1:-2][kept] ** 2).sum(axis=1).max(initial=0) / alone)
            if amplification < _AMPLIFICATION:
                break
        if not amplification < _AMPLIFICATION or not set(orders) & set(multiples[kept]):
            raise InputError(
                f"Only {weights.sum() / whole.sum():.0%} of the ring ({low:g}, {high:g}) Å⁻¹ is seen, too "
                f"little to tell orders up to {max(orders)} apart: give another ring or lower orders."
            )
        chosen = np.array(orders)
        return cls(
            (low, high), orders, pixels, solved[2 * chosen - 1] / 2, solved[2 * chosen] / 2, solved[0],
            amplification, not kept.all(),
        )  # fmt: skip

    def power(self, values: np.ndarray, noise: float | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """|I_n|²/|I_0|² of patterns, less what counting electrons adds.

        Args:
            values: (P, m) intensity of ``pixels``.
            noise: variance of a pixel over its mean, 1/(electrons per unit); None: no correction.

        Returns:
            (P, O) power, NaN where I_0 is 0, and (P, O) what was subtracted, also over |I_0|² (None without a
            correction).
        """
        zero = values @ self.mean
        square = (values @ self.cosine.T) ** 2 + (values @ self.sine.T) ** 2
        below, subtracted = zero**2, None
        if noise is not None:
            subtracted = noise * (values @ (self.cosine**2 + self.sine**2).T)
            square -= subtracted
            below = below - noise * (values @ self.mean**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(below > 0, 1 / below, np.nan)[:, None]
        return square * scale, None if subtracted is None else subtracted * scale


def odd_to_even(
    power: np.ndarray, noise: np.ndarray | None, orders: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean power of the odd orders over that of the even ones, and its standard error by counting.

    One electron that scatters once in a thin specimen sees I(k) = I(−k): odd orders are 0 but for noise, and
    grow with thickness, multiple scattering and an error of the centre. Order 1 is left out: the centre alone
    makes it.

    Args:
        power: (…, O), less the noise.
        noise: (…, O) what was subtracted, or None.
        orders: of the powers.

    Returns:
        (…,) ratio and (…,) standard error, NaN where there is no noise known or no order of a kind.

    Example:
        >>> ratio, error = odd_to_even(np.array([4.0, 1.0]), np.array([0.3, 0.4]), (2, 3))
        >>> float(ratio), round(float(error), 3)
        (0.25, 0.264)
    """
    numbers = np.array(orders)
    odd, even = (numbers % 2 == 1) & (numbers > 1), numbers % 2 == 0
    if not odd.any() or not even.any():
        nothing = np.full(power.shape[:-1], np.nan)
        return nothing, nothing.copy()
    above, below = power[..., odd].mean(axis=-1), power[..., even].mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(below > 0, above / below, np.nan)
        if noise is None:
            return ratio, np.full(ratio.shape, np.nan)
        spread = power_variance(power, noise)
        errors = [spread[..., kind].sum(axis=-1) / kind.sum() ** 2 for kind in (odd, even)]
        error = np.sqrt(errors[0] + ratio**2 * errors[1]) / below
    return ratio, error


def power_variance(power: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Variance by counting of a power from which the noise N was subtracted: N² + 2 N |I_n|².

    Args:
        power: (…,) less the noise.
        noise: (…,) what was subtracted.
    """
    return noise**2 + 2 * noise * np.maximum(power, 0)


def check_orders(orders: Any) -> tuple[int, ...]:
    """Orders as a tuple of whole numbers in rising order.

    Raises:
        InputError: anything else, or none.

    Example:
        >>> check_orders([4, 2, 2])
        (2, 4)
    """
    given = orders.tolist() if isinstance(orders, np.ndarray) else orders
    valid = isinstance(given, (list, tuple, range)) and len(given) > 0
    if not valid or not all(is_whole(n) and 1 <= n <= HIGHEST for n in given):
        raise InputError(f"orders is {shown(orders)}: give whole numbers from 1 to {HIGHEST}, at least one.")
    return tuple(sorted({int(n) for n in given}))


def _points(count: int) -> np.ndarray:
    return (np.arange(count) - (count - 1) / 2) / count


def _share_in_ring(mesh: Mesh, low: float, high: float) -> np.ndarray:
    offsets = _points(_POINTS) * mesh.delta_k
    share = np.zeros(mesh.shape)
    for dy in offsets:
        for dx in offsets:
            k = np.hypot(mesh.axis[:, None] + dy, mesh.axis[None, :] + dx)
            share += (k >= low) & (k < high)
    return share / _POINTS**2


def _solved(basis: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights of the coefficients by least squares; infinite where the terms cannot be told apart."""
    matrix = (basis * weights) @ basis.T
    scale = np.sqrt(np.diag(matrix))
    if not scale.all() or np.linalg.cond(matrix / np.outer(scale, scale)) > 1e8:
        return np.full(basis.shape, np.inf)
    return np.linalg.solve(matrix, basis * weights)


def _basis(mesh: Mesh, pixels: np.ndarray, weights: np.ndarray, highest: int) -> np.ndarray:
    rows, columns = np.divmod(pixels, mesh.shape[0])
    ky, kx = mesh.axis[rows], mesh.axis[columns]
    offsets = _points(mesh.integrate) * mesh.delta_k
    basis = np.zeros((2 * highest + 3, len(pixels)))
    basis[0] = 1
    number = np.arange(1, highest + 1)[:, None]
    for dy in offsets:
        for dx in offsets:
            phi = number * np.arctan2(ky + dy, kx + dx)
            basis[1:-2:2] += np.cos(phi) / len(offsets) ** 2
            basis[2:-2:2] += np.sin(phi) / len(offsets) ** 2
    # without a mean over the ring, so that a_0 is the mean
    k = np.hypot(kx, ky)
    k = (k - np.average(k, weights=weights)) / mesh.delta_k
    basis[-2], basis[-1] = k, k**2 - np.average(k**2, weights=weights)
    return basis
