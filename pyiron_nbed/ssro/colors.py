"""Colours of atoms, the same in figures, dumps and OVITO."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data.colors import jmol_colors

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError

COLOR_BY = ("disorder_parameter", "cna", "species")
COLOR_MAP = "viridis"  # of d_i from 0 to 1
# the colours that OVITO gives to common neighbour types: other, fcc, hcp, bcc, icosahedral
CNA_COLORS = np.array([[0.8, 0.8, 0.8], [0.25, 0.7, 0.3], [0.85, 0.25, 0.2], [0.2, 0.35, 0.85],
                       [0.93, 0.75, 0.15]])  # fmt: skip


def species_color(number: int) -> np.ndarray:
    """(3,) colour of an element by its atomic number, red, green, blue from 0 to 1 (Jmol's).

    Example:
        >>> species_color(29).round(2).tolist()
        [0.78, 0.5, 0.2]
    """
    return np.asarray(jmol_colors[number])


def atom_colors(atoms: Atoms, color_by: str = "disorder_parameter") -> np.ndarray:
    """Colour of every atom.

    Args:
        atoms: N atoms with ``arrays["disorder_parameter"]`` or ``arrays["cna"]`` where these are
            asked for.
        color_by: one of ``COLOR_BY``.

    Returns:
        (N, 3) red, green, blue from 0 to 1.

    Raises:
        InputError: unknown choice, or the structure lacks the array.

    Example:
        >>> atom_colors(Atoms("CuZr"), "species").shape
        (2, 3)
    """
    one_of(color_by, "color_by", COLOR_BY)
    if color_by == "species":
        return np.asarray(jmol_colors)[atoms.numbers]
    if color_by not in atoms.arrays:
        raise InputError(
            f"The structure has no array {color_by!r}: compute it first, for example with "
            "pyiron_nbed.ssro.summary.short_range_order(atoms)."
        )
    values = atoms.arrays[color_by]
    if color_by == "cna":
        return CNA_COLORS[values]
    from matplotlib import colormaps  # the map alone needs it

    return colormaps[COLOR_MAP](np.clip(values, 0, 1))[:, :3]
