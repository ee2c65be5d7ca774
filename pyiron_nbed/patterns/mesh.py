"""The mesh of a pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyiron_nbed.errors import InputError
from pyiron_nbed.units import MINIMUM_ENERGY, electron_wavelength

S_MAX = 2.0  # Å⁻¹; the five-Gaussian table is fitted for s = |k|/2 up to here


@dataclass(frozen=True)
class Mesh:
    """Nodes (k_x, k_y) = (n, m)·Δk of the pattern inside the disc of radius k_max.

    Without a beam energy the slice is flat, k_z = 0. With one it follows the Ewald sphere in the
    paraxial form k_z = λ (k_x² + k_y²) / 2, along the zone axis.

    Args:
        k_max: radius of the disc in Å⁻¹ (k = 1/d).
        delta_k: distance between nodes in Å⁻¹.
        beam_energy: in eV, for example 200e3; None: flat slice.

    Raises:
        InputError: values that are not positive, Δk above k_max, or k_max beyond the table.

    Example:
        >>> Mesh(k_max=1.0, delta_k=0.015).shape
        (133, 133)
    """

    k_max: float = 1.0
    delta_k: float = 0.015
    beam_energy: float | None = None

    def __post_init__(self) -> None:
        energy = self.beam_energy
        if energy is not None and (
            isinstance(energy, (bool, str)) or not np.isfinite(energy) or energy < MINIMUM_ENERGY
        ):
            raise InputError(
                f"Mesh: beam_energy is {energy!r}: give an energy in eV of at least {MINIMUM_ENERGY:g}, for "
                "example 200e3, or None for a flat slice."
            )
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

    @classmethod
    def of_pixels(cls, pixels: int, k_max: float = 1.0, beam_energy: float | None = None) -> Mesh:
        """The mesh of an image of a given size: the outer pixels end at k_max.

        Args:
            pixels: along one side of the image; odd, since k = 0 is a pixel.
            k_max: in Å⁻¹.
            beam_energy: in eV or None.

        Returns:
            The mesh with delta_k = 2 k_max / pixels.

        Raises:
            InputError: an even number or one below 3.

        Example:
            >>> Mesh.of_pixels(65).shape
            (65, 65)
        """
        if isinstance(pixels, bool) or int(pixels) != pixels or pixels < 3 or pixels % 2 == 0:
            raise InputError(f"The image is {pixels!r} pixels wide: give an odd whole number of at least 3.")
        return cls(k_max, 2 * k_max / pixels, beam_energy)

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

    @property
    def curvature(self) -> float:
        """λ/2 in Å: k_z = curvature · (k_x² + k_y²); 0 for a flat slice."""
        return 0.0 if self.beam_energy is None else electron_wavelength(self.beam_energy) / 2

    def as_dict(self) -> dict:
        """JSON form: {"k_max": Å⁻¹, "delta_k": Å⁻¹, "beam_energy": eV or None}."""
        energy = None if self.beam_energy is None else float(self.beam_energy)
        return {"k_max": float(self.k_max), "delta_k": float(self.delta_k), "beam_energy": energy}
