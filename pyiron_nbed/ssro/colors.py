"""Colours of atoms, the same in figures, dumps and OVITO."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data.colors import jmol_colors

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro.disorder import DISORDER_NAMES, disorder_of

COLOR_BY = (*DISORDER_NAMES, "cna", "species")
COLOR_MAP = "viridis"  # of d_i
# of the colours of d_i; of the atoms of a Cu-Zr glass about one in 10,000 lies above, and has the last colour
DISORDER_RANGE = (0.0, 1.3)
# the colours that OVITO gives to common neighbour types: other, fcc, hcp, bcc, icosahedral
CNA_COLORS = np.array([[0.8, 0.8, 0.8], [0.25, 0.7, 0.3], [0.85, 0.25, 0.2], [0.2, 0.35, 0.85],
                       [0.93, 0.75, 0.15]])  # fmt: skip
# one colour for one kind of structure, whether a motif, a common-neighbour type or a region tells it
_CRYSTAL, _AMORPHOUS, _OTHER = "#40b34d", "#b5403a", "#9a9a9a"
REGION_COLORS = {"crystal": _CRYSTAL, "ACTR": "#e0a030", "interior": _AMORPHOUS}
OUTSIDE_COLOR = _OTHER  # of patterns in no region
CLASS_COLORS = {"FCC": _CRYSTAL, "ordered": "#53b0c0", "disordered": _AMORPHOUS, "intermediate": _OTHER}


def species_color(number: int) -> np.ndarray:
    """(3,) colour of an element by its atomic number, red, green, blue from 0 to 1 (Jmol's).

    Example:
        >>> species_color(29).round(2).tolist()
        [0.78, 0.5, 0.2]
    """
    return np.asarray(jmol_colors[number])


def color_name(atoms: Atoms, color_by: str | None = None) -> str:
    """What atoms are coloured by.

    Args:
        atoms: N atoms.
        color_by: one of ``COLOR_BY``; None takes d_i as the structure holds it.

    Returns:
        One of ``COLOR_BY`` that the structure has.

    Raises:
        InputError: unknown choice, or the structure lacks the array.

    Example:
        >>> atoms = Atoms("Cu")
        >>> atoms.set_array("disorder_modulus", np.array([0.5]))
        >>> color_name(atoms)
        'disorder_modulus'
    """
    if color_by is None:
        return disorder_of(atoms.arrays)[0]
    one_of(color_by, "color_by", COLOR_BY)
    if color_by != "species" and color_by not in atoms.arrays:
        raise InputError(
            f"The structure has no array {color_by!r}: compute it first, for example with "
            "pyiron_nbed.ssro.summary.short_range_order(atoms)."
        )
    return color_by


def atom_colors(atoms: Atoms, color_by: str | None = None) -> np.ndarray:
    """Colour of every atom; those of d_i run over ``DISORDER_RANGE``.

    Args:
        atoms: N atoms, with the array that is asked for.
        color_by: one of ``COLOR_BY``; None takes d_i as the structure holds it.

    Returns:
        (N, 3) red, green, blue from 0 to 1.

    Raises:
        InputError: unknown choice, or the structure lacks the array.

    Example:
        >>> atom_colors(Atoms("CuZr"), "species").shape
        (2, 3)
    """
    name = color_name(atoms, color_by)
    if name == "species":
        return np.asarray(jmol_colors)[atoms.numbers]
    values = atoms.arrays[name]
    if name == "cna":
        return CNA_COLORS[values]
    from matplotlib import colormaps  # the map alone needs it

    low, high = DISORDER_RANGE
    return colormaps[COLOR_MAP](np.clip((values - low) / (high - low), 0, 1))[:, :3]
