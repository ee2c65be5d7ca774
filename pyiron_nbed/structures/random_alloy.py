"""Random alloys, the start of a melt-quench."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import number, seed_number, whole
from pyiron_nbed.structures.lattice import LATTICE_CONSTANT_CU, fcc_copper
from pyiron_nbed.units import quantities


@quantities(lattice_constant="angstrom")
def random_alloy(
    n_atoms: int = 4000,
    zr_fraction: float = 0.36,
    seed: int = 0,
    lattice_constant: float = LATTICE_CONSTANT_CU,
) -> Atoms:
    """Random Cu-Zr alloy on a perfect fcc lattice in a cubic cell, to be melted and quenched.

    Its sites are those of a crystal: d_i is 0 everywhere. A finished glass is
    ``pyiron_nbed.examples.load("glass_slow")``.

    Args:
        n_atoms: wanted number of atoms; the cube of whole fcc cells nearest to it is built.
        zr_fraction: atomic fraction of Zr, 0 to 1.
        seed: of the random choice of the Zr sites.
        lattice_constant: of the fcc sites in Å.

    Returns:
        Periodic cubic ``ase.Atoms``; 4 n³ atoms.

    Raises:
        InputError: a value out of range, or more atoms than fit the memory.

    Example:
        >>> atoms = random_alloy(n_atoms=4000, zr_fraction=0.36, seed=0)
        >>> len(atoms), atoms.get_chemical_symbols().count("Zr")
        (4000, 1440)
    """
    number(zr_fraction, "zr_fraction", 0, 1)
    random = np.random.default_rng(seed_number(seed))
    cells = max(1, round((whole(n_atoms, "n_atoms", 1) / 4) ** (1 / 3)))
    atoms = fcc_copper((cells, cells, cells), lattice_constant)
    substitute(atoms, np.ones(len(atoms), bool), zr_fraction, random)
    return atoms


def glass(*args: Any, **kwargs: Any) -> Atoms:
    """The earlier name of :func:`random_alloy`, which goes away after this release.

    Example:
        >>> import pytest
        >>> with pytest.warns(FutureWarning, match="random_alloy"):
        ...     atoms = glass(n_atoms=500)
    """
    text = "glass() builds a crystal and is called random_alloy() now: use that name, glass goes away."
    warnings.warn(text, FutureWarning, stacklevel=2)
    return random_alloy(*args, **kwargs)


def substitute(atoms: Atoms, where: np.ndarray, zr_fraction: float, random: np.random.Generator) -> None:
    """Turn a fraction of the chosen atoms into Zr, in place (the nearest whole number of them).

    Args:
        atoms: the structure, changed in place.
        where: (N,) bool, the atoms to choose from.
        zr_fraction: 0 to 1.
        random: source of the choice.

    Raises:
        InputError: fraction out of range.
    """
    number(zr_fraction, "zr_fraction", 0, 1)
    candidates = np.flatnonzero(where)
    chosen = random.choice(candidates, round(zr_fraction * len(candidates)), replace=False)
    numbers = atoms.numbers.copy()
    numbers[chosen] = 40
    atoms.numbers = numbers
