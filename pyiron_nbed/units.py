"""Units and the one k convention: lengths in Å, k = 1/d in Å⁻¹ (no 2π), energies in eV."""

from __future__ import annotations

import numpy as np
from scipy import constants

MINIMUM_ENERGY = 1e4  # eV; below, the paraxial form of the Ewald sphere is far from the sphere


def electron_wavelength(beam_energy: float) -> float:
    """Relativistic de Broglie wavelength λ = h / sqrt(2 m E (1 + E / 2mc²)) [Kirkland2010].

    Args:
        beam_energy: kinetic energy E in eV.

    Returns:
        λ in Å.

    Example:
        >>> round(electron_wavelength(200e3), 5)
        0.02508
    """
    rest, planck = constants.m_e * constants.c**2, constants.h * constants.c
    energy = beam_energy * constants.e
    return float(1e10 * planck / np.sqrt(energy * (energy + 2 * rest)))
