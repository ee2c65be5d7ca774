"""The mesh of a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import is_whole, number, shown
from pyiron_nbed.containers import known_fields
from pyiron_nbed.errors import InputError
from pyiron_nbed.units import MINIMUM_ENERGY, electron_wavelength, quantities

S_MAX = 2.0  # Å⁻¹; the five-Gaussian table is fitted for s = |k|/2 up to here
MAX_PIXELS = 8191  # along one side of an image: a pattern of 0.27 GB


@quantities(k_max="1/angstrom", delta_k="1/angstrom", beam_energy="eV")
@dataclass(frozen=True)
class Mesh:
    """Nodes (k_x, k_y) = (n, m)·Δk of the pattern inside the disc of radius k_max.

    Without a beam energy the slice is flat, k_z = 0. With one it follows the Ewald sphere in the
    paraxial form k_z = λ (k_x² + k_y²) / 2, along the zone axis.

    A node is a point, a pixel of a camera the mean of the intensity over its area Δk²: that multiplies the
    autocorrelation of the projected volume at the distance (x, y) by sinc(x Δk) sinc(y Δk), 0.70 at x = 10 Å
    for Δk = 0.045 Å⁻¹. With ``integrate`` = n each pixel is the mean over n × n points, those of the mesh
    with Δk / n (n = 3: 0.73).

    Args:
        k_max: radius of the disc in Å⁻¹ (k = 1/d).
        delta_k: distance between nodes in Å⁻¹.
        beam_energy: in eV, for example 200e3; None: flat slice.
        integrate: n, points along each side of a pixel over which the intensity is averaged; odd. 1: a point.

    Raises:
        InputError: values that are not positive, Δk above k_max, k_max beyond the table, an even
            ``integrate``, or more than 8191 pixels along one side (with the points of each pixel).

    Example:
        >>> Mesh(k_max=1.0, delta_k=0.015).shape
        (133, 133)
        >>> Mesh(1.0, 0.045, integrate=3).fine.delta_k
        0.015
        >>> print(Mesh(1.0, 0.05))
        39 × 39 pixels of 0.05 Å⁻¹ up to 1 Å⁻¹ (flat slice)
    """

    k_max: float = 1.0
    delta_k: float = 0.015
    beam_energy: float | None = None
    integrate: int = 1

    def __post_init__(self) -> None:
        if self.beam_energy is not None:
            hint = "for example 200e3, or None for a flat slice"
            energy = number(self.beam_energy, "Mesh: beam_energy", MINIMUM_ENERGY, unit="eV", hint=hint)
            object.__setattr__(self, "beam_energy", energy)
        for name in ("k_max", "delta_k"):
            value = number(getattr(self, name), f"Mesh: {name}", above=0, unit="Å⁻¹")
            object.__setattr__(self, name, value)
        if not is_whole(self.integrate) or self.integrate not in range(1, 100, 2):
            raise InputError(
                f"Mesh: integrate is {shown(self.integrate)}: give an odd whole number from 1 to 99."
            )
        object.__setattr__(self, "integrate", int(self.integrate))
        if self.delta_k >= self.k_max:
            raise InputError(
                f"Mesh: delta_k = {self.delta_k} Å⁻¹ is not below k_max = {self.k_max} Å⁻¹, so the "
                "pattern would be one pixel: lower delta_k."
            )
        if self.k_max + (self.integrate > 1) * self.delta_k > 2 * S_MAX:
            raise InputError(
                f"Mesh: k_max = {self.k_max} Å⁻¹ is beyond the scattering table, which ends at "
                f"{2 * S_MAX} Å⁻¹ (and a pixel reaches on by delta_k): lower k_max."
            )
        sides = 2 * self.k_max * self.integrate / self.delta_k
        if sides > MAX_PIXELS + 1:
            points = " points of its pixels" if self.integrate > 1 else " pixels"
            raise InputError(
                f"Mesh: k_max = {self.k_max} Å⁻¹ in steps of {self.delta_k} Å⁻¹ is an image of "
                f"{sides:,.0f} × "
                f"{sides:,.0f}{points}, and {MAX_PIXELS:,} × {MAX_PIXELS:,} are the limit: raise delta_k."
            )

    def __str__(self) -> str:
        n = self.shape[0]
        curved = "flat slice" if self.beam_energy is None else f"Ewald sphere of {self.beam_energy:g} eV"
        averaged = f", {self.integrate} × {self.integrate} points each" if self.integrate > 1 else ""
        return f"{n} × {n} pixels of {self.delta_k:g} Å⁻¹ up to {self.k_max:g} Å⁻¹ ({curved}{averaged})"

    @classmethod
    @quantities(k_max="1/angstrom", beam_energy="eV")
    def of_pixels(
        cls, pixels: int, k_max: float = 1.0, beam_energy: float | None = None, integrate: int = 1
    ) -> Mesh:
        """The mesh of an image of a given size: the outer pixels end at k_max.

        Args:
            pixels: along one side of the image; odd, since k = 0 is a pixel.
            k_max: in Å⁻¹.
            beam_energy: in eV or None.
            integrate: as of the mesh.

        Returns:
            The mesh with delta_k = 2 k_max / pixels.

        Raises:
            InputError: an even number or one below 3, or a value that the mesh does not take.

        Example:
            >>> Mesh.of_pixels(65).shape
            (65, 65)
        """
        if not is_whole(pixels) or pixels < 3 or pixels % 2 == 0:
            raise InputError(
                f"The image is {shown(pixels)} pixels wide: give an odd whole number of at least 3."
            )
        k_max = number(k_max, "Mesh: k_max", above=0, unit="Å⁻¹")
        return cls(k_max, 2 * k_max / pixels, beam_energy, integrate)

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
    def fine(self) -> Mesh:
        """The mesh of points over which the pixels average; the mesh itself where ``integrate`` is 1."""
        if self.integrate == 1:
            return self
        return Mesh(self.k_max + self.delta_k, self.delta_k / self.integrate, self.beam_energy)

    def averaged(self, patterns: Any) -> Any:
        """Patterns on the mesh from those on :attr:`fine`: the mean over the points of each pixel.

        Args:
            patterns: (P, m, m) array or tensor on the fine mesh.

        Returns:
            (P, n, n), 0 outside the disc; ``patterns`` itself where ``integrate`` is 1.

        Raises:
            InputError: patterns of another shape.

        Example:
            >>> mesh = Mesh(1.0, 0.3, integrate=3)
            >>> bool(mesh.averaged(np.ones((1, *mesh.fine.shape)))[0].sum() == mesh.disc.sum())
            True
        """
        if self.integrate == 1:
            return patterns
        check_patterns(patterns, self.fine)
        n, k = self.shape[0], self.integrate
        edge = (patterns.shape[-1] - n * k) // 2
        inner = patterns[:, edge : edge + n * k, edge : edge + n * k].reshape(len(patterns), n, k, n, k)
        mean = inner.mean((2, 4))
        mean[:, ~self.disc] = 0
        return mean

    @property
    def curvature(self) -> float:
        """λ/2 in Å: k_z = curvature · (k_x² + k_y²); 0 for a flat slice."""
        return 0.0 if self.beam_energy is None else electron_wavelength(self.beam_energy) / 2

    def as_dict(self) -> dict:
        """JSON form: {"k_max": Å⁻¹, "delta_k": Å⁻¹, "beam_energy": eV or None, "integrate"}."""
        energy = None if self.beam_energy is None else float(self.beam_energy)
        sides = {"k_max": float(self.k_max), "delta_k": float(self.delta_k)}
        return {**sides, "beam_energy": energy, "integrate": self.integrate}


def as_mesh(given: Any) -> Mesh:
    """The mesh of a :class:`Mesh` or of a dict of its fields.

    Raises:
        InputError: anything else, an unknown field, or a value out of range.

    Example:
        >>> as_mesh({"k_max": 1.0, "delta_k": 0.05}).shape
        (39, 39)
    """
    if isinstance(given, Mesh):
        return given
    return Mesh(**known_fields(given, "The mesh", Mesh))


def check_patterns(patterns: Any, mesh: Mesh | None = None) -> tuple[int, ...]:
    """Shape of patterns; nothing of them is read.

    Args:
        patterns: (P, n, n) real numbers: an array, a tensor, or a file read where looked at.
        mesh: whose n × n pixels they must have; None takes any.

    Raises:
        InputError: text, complex numbers, or another shape.

    Example:
        >>> check_patterns(np.zeros((2, 19, 19)), Mesh(1.0, 0.1))
        (2, 19, 19)
    """
    shape, kind = getattr(patterns, "shape", None), str(getattr(patterns, "dtype", ""))
    if shape is None or not any(name in kind for name in ("float", "int")):
        what = shown(patterns) if shape is None else f"{shown(patterns)} of {kind}"
        raise InputError(f"The patterns are {what}: give an array of real numbers (P, n, n).")
    shape = tuple(shape)
    if len(shape) != 3 or shape[1] != shape[2] or (mesh is not None and shape[1:] != mesh.shape):
        side = "n" if mesh is None else mesh.shape[0]
        end = "" if mesh is None else f" for {mesh}"
        raise InputError(f"The patterns have shape {shape}: give (P, {side}, {side}){end}.")
    return shape
