"""Electron scattering factors and the mesh of the pattern."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from pyiron_nbed.errors import InputError

S_MAX = 2.0  # Å⁻¹; the five-Gaussian table is fitted for s = |k|/2 up to here


@lru_cache(maxsize=1)
def _table() -> dict[str, list[list[float]]]:
    text = resources.files("pyiron_nbed.diffraction").joinpath("scattering_factors.json").read_text()
    return json.loads(text)["elements"]


def scattering_factor(symbol: str, k: np.ndarray) -> np.ndarray:
    """Electron scattering factor f(k) = Σ_i a_i exp(−b_i s²), s = |k|/2, five Gaussians.

    Peng, Ren, Dudarev and Whelan, Acta Cryst. A 52, 257 (1996), neutral atoms, 0 < s < 2 Å⁻¹: the
    table that LAMMPS ``compute saed`` uses.

    Args:
        symbol: chemical symbol.
        k: |k| = 1/d in Å⁻¹, any shape.

    Returns:
        f in Å, the shape of ``k``.

    Raises:
        InputError: unknown element, or |k| above 4 Å⁻¹.

    Example:
        >>> round(float(scattering_factor("Cu", 0.0)), 4)
        5.5991
    """
    table = _table()
    if symbol not in table:
        raise InputError(f"There is no electron scattering factor for {symbol!r}: the table holds H to Cf.")
    k = np.asarray(k, dtype=float)
    if k.size and np.abs(k).max() > 2 * S_MAX:
        raise InputError(
            f"|k| reaches {np.abs(k).max():.2f} Å⁻¹: the scattering table ends at {2 * S_MAX} Å⁻¹."
        )
    a, b = np.array(table[symbol])
    return np.exp(-np.multiply.outer(k**2 / 4, b)) @ a


@dataclass(frozen=True)
class Mesh:
    """Nodes k = n·Δk of the pattern with |k| < k_max (flat slice through k = 0).

    Args:
        k_max: radius of the disc in Å⁻¹ (k = 1/d).
        delta_k: distance between nodes in Å⁻¹.

    Raises:
        InputError: values that are not positive, Δk above k_max, or k_max beyond the table.

    Example:
        >>> Mesh(k_max=1.0, delta_k=0.015).shape
        (133, 133)
    """

    k_max: float = 1.0
    delta_k: float = 0.015

    def __post_init__(self) -> None:
        for name in ("k_max", "delta_k"):
            value = getattr(self, name)
            if isinstance(value, (bool, str)) or not np.isfinite(value) or value <= 0:
                raise InputError(f"Mesh: {name} is {value!r}: give a positive number in Å⁻¹.")
        if self.delta_k >= self.k_max:
            raise InputError(
                f"Mesh: delta_k = {self.delta_k} Å⁻¹ is not below k_max = {self.k_max} Å⁻¹, so the "
                "pattern would be one pixel: lower delta_k."
            )
        if self.k_max > 2 * S_MAX:
            raise InputError(
                f"Mesh: k_max = {self.k_max} Å⁻¹ is beyond the scattering table, which ends at "
                f"{2 * S_MAX} Å⁻¹: lower k_max."
            )

    @property
    def half(self) -> int:
        """Largest n with n·Δk < k_max; the image is (2·half + 1)²."""
        n = int(np.ceil(self.k_max / self.delta_k)) + 1
        while n * self.delta_k >= self.k_max:
            n -= 1
        return n

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the image: (rows = k_y, columns = k_x)."""
        return (2 * self.half + 1, 2 * self.half + 1)

    @property
    def axis(self) -> np.ndarray:
        """(2·half + 1,) coordinates of the nodes along one axis in Å⁻¹."""
        return np.arange(-self.half, self.half + 1) * self.delta_k

    @property
    def k(self) -> np.ndarray:
        """|k| of every pixel in Å⁻¹, shape of the image."""
        return np.hypot(self.axis[:, None], self.axis[None, :])

    @property
    def disc(self) -> np.ndarray:
        """True for the pixels inside the disc |k| < k_max, shape of the image."""
        return self.axis[:, None] ** 2 + self.axis[None, :] ** 2 < self.k_max**2

    def as_dict(self) -> dict:
        """JSON form: {"k_max": Å⁻¹, "delta_k": Å⁻¹}."""
        return {"k_max": float(self.k_max), "delta_k": float(self.delta_k)}


def factors_on_quadrant(symbols: Sequence[str], mesh: Mesh) -> np.ndarray:
    """Scattering factors on the quadrant k_x, k_y ≥ 0, zero outside the disc.

    Args:
        symbols: S chemical symbols.
        mesh: the mesh.

    Returns:
        (S, half + 1, half + 1) float64 in Å; rows k_y, columns k_x.
    """
    h = mesh.half
    k, inside = mesh.k[h:, h:], mesh.disc[h:, h:]
    return np.array([np.where(inside, scattering_factor(s, np.minimum(k, mesh.k_max)), 0.0) for s in symbols])
