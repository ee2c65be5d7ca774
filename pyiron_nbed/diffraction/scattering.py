"""Electron scattering factors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
from ase.data import chemical_symbols

from pyiron_nbed.checks import shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import S_MAX, Mesh
from pyiron_nbed.units import quantities


@lru_cache(maxsize=1)
def _table() -> dict[str, list[list[float]]]:
    text = resources.files("pyiron_nbed.diffraction").joinpath("scattering_factors.json").read_text()
    return json.loads(text)["elements"]


@quantities(k="1/angstrom")
def scattering_factor(symbol: str, k: np.ndarray) -> np.ndarray:
    """Electron scattering factor f(k) = Σ_i a_i exp(−b_i s²), s = |k|/2, five Gaussians.

    The table of [Peng1996] for neutral atoms, 0 < s < 2 Å⁻¹: that of LAMMPS ``compute saed`` [Coleman2013].

    Args:
        symbol: chemical symbol.
        k: |k| = 1/d in Å⁻¹, any shape.

    Returns:
        f in Å, the shape of ``k``.

    Raises:
        InputError: unknown element, or |k| that is no number up to 4 Å⁻¹.

    Example:
        >>> round(float(scattering_factor("Cu", 0.0)), 4)
        5.5991
    """
    table = _table()
    if not isinstance(symbol, str) or symbol not in table:
        raise InputError(
            f"There is no electron scattering factor for {shown(symbol)}: give the symbol of one "
            "element, H to Cf."
        )
    given, k = k, np.asarray(k)
    if k.dtype.kind not in "fiu" or not np.isfinite(k).all():
        raise InputError(f"k is {shown(given)}: give finite numbers in Å⁻¹.")
    if k.size and np.abs(k).max() > 2 * S_MAX:
        raise InputError(
            f"|k| reaches {np.abs(k).max():.2f} Å⁻¹: the scattering table ends at {2 * S_MAX} Å⁻¹."
        )
    a, b = np.array(table[symbol])
    return np.exp(-np.multiply.outer(k**2 / 4, b)) @ a


def factors_on_quadrant(symbols: Sequence[str], mesh: Mesh) -> np.ndarray:
    """Scattering factors on the quadrant k_x, k_y ≥ 0, zero outside the disc.

    Args:
        symbols: S chemical symbols.
        mesh: the mesh.

    Returns:
        (S, half + 1, half + 1) float64 in Å; rows k_y, columns k_x.
    """
    return _factors_on_quadrant(tuple(symbols), mesh).copy()


@lru_cache(maxsize=8)
def _factors_on_quadrant(symbols: tuple[str, ...], mesh: Mesh) -> np.ndarray:
    h = mesh.half
    inside = mesh.disc[h:, h:]
    k = np.where(inside, mesh.k[h:, h:], 0.0)
    k = np.minimum(np.hypot(k, mesh.curvature * k**2), 2 * S_MAX)
    return np.array([np.where(inside, scattering_factor(s, k), 0.0) for s in symbols])


def elements_of(symbols: np.ndarray, indices: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Elements among some atoms of a structure, each with a number.

    Args:
        symbols: (N,) chemical symbols or atomic numbers of the structure.
        indices: (M,) atoms.

    Returns:
        (S chemical symbols, sorted so that sums over elements do not depend on which atom comes first;
        (M,) int64 row of each atom in them).

    Raises:
        InputError: fewer symbols than atoms.

    Example:
        >>> elements_of(np.array(["Cu", "Zr", "Cu"]), np.array([1, 0, 2]))
        (['Cu', 'Zr'], array([1, 0, 0]))
    """
    symbols = np.ascontiguousarray(symbols)
    if symbols.ndim != 1 or symbols.dtype.kind not in "iuU" or len(symbols) <= indices.max(initial=-1):
        raise InputError(
            f"The symbols are {shown(symbols)} for atoms up to number {indices.max(initial=-1)}: give "
            "one for "
            "each atom of the structure, such as atoms.numbers."
        )
    codes = symbols
    if symbols.dtype == np.dtype("U2"):
        codes = symbols.view(np.int64)  # compared in one go, several times faster than text
    codes = codes[indices]
    # a sort would take longer than the patterns: there are few elements, so one comparison for each
    kinds = np.full(len(codes), -1, np.int64)
    names: list[str] = []
    unknown = 0
    while unknown < len(codes):
        kinds[codes == codes[unknown]] = len(names)
        value = symbols[indices[unknown]]
        names.append(chemical_symbols[value] if symbols.dtype.kind in "iu" else str(value))
        left = np.flatnonzero(kinds[unknown:] < 0)
        unknown = unknown + int(left[0]) if len(left) else len(codes)
    order = np.argsort(names)
    return [names[i] for i in order], np.argsort(order)[kinds]
