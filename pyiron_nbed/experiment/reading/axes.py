"""Scales of axes as files state them: Å between positions, Å⁻¹ per pixel, or a note that says why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyiron_nbed.units import electron_wavelength

# in Å, Å⁻¹ and radians; without blanks, brackets and underscores, and in lower case where that is no loss
_LENGTHS = {
    "Å": 1.0, "A": 1.0, "ang": 1.0, "angstrom": 1.0, "pm": 0.01, "nm": 10.0, "nanometer": 10.0, "um": 1e4,
    "µm": 1e4, "micron": 1e4, "micrometer": 1e4, "mm": 1e7, "cm": 1e8, "m": 1e10, "meter": 1e10,
}  # fmt: skip
_ANGLES = {"rad": 1.0, "mrad": 1e-3, "urad": 1e-6, "µrad": 1e-6, "deg": np.pi / 180, "degree": np.pi / 180}
_NONE = {"", "px", "pixel", "pixels", "1", "a.u.", "undefined", "none", "unknown", "counts"}
_STEPS = (0.01, 1e6)  # Å
_HALF_WIDTHS = (0.01, 100.0)  # Å⁻¹
_SAME = 0.005  # relative difference of the two axes of a pixel or a step


def step_of(scales: Sequence[Any], units: Sequence[Any]) -> tuple[float | None, str | None]:
    """Step of a scan.

    Args:
        scales: of its axes; those of one position are left out by the caller.
        units: of each.

    Returns:
        Å or None, and a note where it is None though something is said.

    Example:
        >>> step_of([0.5, 0.5], ["nm", "nm"])
        (5.0, None)
        >>> step_of([1.0], ["s"])
        (None, "the step 1 's' of the file is no length")
    """
    values = []
    for scale, unit in zip(scales, units, strict=True):
        name, number = _unit(unit), _number(scale)
        if name in _NONE or number is None:
            return None, None
        if name not in _LENGTHS:
            return None, f"the step {number:.4g} {str(unit).strip()!r} of the file is no length"
        values.append(abs(number) * _LENGTHS[name])
    return _one(values, units, "step", "Å", _STEPS)


def delta_k_of(
    scales: Sequence[Any], units: Sequence[Any], pixels: int, beam_energy: float | None = None
) -> tuple[float | None, str | None]:
    """Width of a pixel.

    Args:
        scales: of both axes.
        units: of each: an inverse length, or an angle 2θ where the energy is known: k = 2 sin(2θ/2)/λ, which
            is 2θ/λ for small angles.
        pixels: along the shorter side.
        beam_energy: in eV, or None.

    Returns:
        Å⁻¹ or None, and a note where it is None though something is said.

    Example:
        >>> delta_k_of([0.2, 0.2], ["nm^-1", "1 / nm"], 256)
        (0.02, None)
        >>> delta_k_of([0.016, 0.016], ["cm", "cm"], 144)
        (None, "the pixel width 0.016 'cm' of the file is no inverse length")
    """
    values = []
    for scale, unit in zip(scales, units, strict=True):
        name, number = _unit(unit), _number(scale)
        if name in _NONE or number is None:
            return None, None
        said = f"the pixel width {number:.4g} {str(unit).strip()!r} of the file"
        if name in _ANGLES:
            if beam_energy is None:
                return None, f"{said} is an angle and the file states no beam energy: give beam_energy"
            values.append(abs(number) * _ANGLES[name] / electron_wavelength(beam_energy))
        elif (inverse := _inverted(name)) in _LENGTHS:
            values.append(abs(number) / _LENGTHS[inverse])
        else:
            return None, f"{said} is no inverse length"
    low, high = _HALF_WIDTHS
    return _one(values, units, "pixel width", "Å⁻¹", (2 * low / pixels, 2 * high / pixels))


def _one(
    values: list[float], units: Sequence[Any], what: str, unit: str, allowed: tuple[float, float]
) -> tuple[float | None, str | None]:
    if not values:
        return None, None
    if not all(allowed[0] <= value <= allowed[1] for value in values):
        return None, f"the {what} {values[0]:.3g} {unit} of the file cannot be meant"
    if max(values) > (1 + _SAME) * min(values):
        return None, f"the {what} differs along the axes, {' and '.join(f'{v:.4g}' for v in values)} {unit}"
    # without the rounding error of the factor
    return float(f"{float(np.mean(values)):.12g}"), None


def _unit(unit: Any) -> str:
    text = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit or "")
    text = re.sub(r"[\s_$\\{}\[\]<>()]", "", text).replace("Å", "Å").replace("⁻¹", "^-1").replace("μ", "µ")
    text = text.replace("−", "-").replace("**", "^").removesuffix("/px").removesuffix("/pixel")
    bare = text.lower()
    if bare in _NONE:
        return bare
    return text if len(bare) < 5 else bare.removesuffix("s")


def _inverted(name: str) -> str:
    for pattern in (r"1/(.+)", r"(.+?)\^?-1"):
        if match := re.fullmatch(pattern, name):
            bare = match[1].lower().removesuffix("s")
            return bare if len(bare) > 4 else match[1]
    return ""


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number else None
