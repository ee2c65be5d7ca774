"""Checks of what is asked of a search for neighbours, before it begins."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import memory, number, threads, whole
from pyiron_nbed.errors import StructureError
from pyiron_nbed.geometry.cells import CellList, check_atoms
from pyiron_nbed.units import quantities

MOST_NEIGHBORS = 500  # more than anyone asks for; a typing error beyond
# Å; an atom without company within this is alone. The second shell of Cs, the metal of the largest atoms,
# is at 6.1 Å
ISOLATED_BEYOND = 12.0


def check_n_neighbors(n_neighbors: int) -> int:
    """The number of neighbours as an int.

    Raises:
        InputError: below 1 or above 500.

    Example:
        >>> check_n_neighbors(12)
        12
    """
    return whole(
        n_neighbors, "n_neighbors", 1, MOST_NEIGHBORS, hint="12 for fcc, hcp and glasses, 14 for bcc"
    )


def check_enough(atoms: Atoms, n_neighbors: int) -> None:
    """Refuse a structure that no atom can have so many neighbours in.

    Raises:
        StructureError: unusable structure, or too few atoms between open boundaries.

    Example:
        >>> from ase.build import bulk
        >>> check_enough(bulk("Cu"), 12)  # its neighbours are images
    """
    check_atoms(atoms)
    if not atoms.pbc.any() and len(atoms) <= n_neighbors:
        raise StructureError(
            f"The structure has {len(atoms)} atoms and open boundaries, but {n_neighbors} neighbours "
            f"of each are needed: give at least {n_neighbors + 1} atoms or a periodic cell."
        )


@quantities(minimum_distance="angstrom")
def check_search(cores: int | None, minimum_distance: float) -> None:
    """What every search for neighbours takes.

    Args:
        cores: threads; None takes all.
        minimum_distance: allowed between two atoms, Å.

    Raises:
        InputError: no number of threads, or no length.

    Example:
        >>> check_search(None, 0.5)
    """
    threads(cores)
    number(minimum_distance, "minimum_distance", 0, unit="Å")


@quantities(cutoff="angstrom")
def check_room(boxes: CellList, cutoff: float) -> None:
    """Refuse a cutoff within which there are more atoms than the memory of this machine takes.

    Args:
        boxes: the atoms.
        cutoff: in Å.

    Raises:
        InputError: the images within reach of one box would not fit.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed.geometry.cells import build_cell_list
        >>> check_room(build_cell_list(bulk("Cu"), 3.0), 10.0)
    """
    sides = np.where(boxes.periodic, 2 * cutoff, np.minimum(2 * cutoff, boxes.heights))
    n_atoms = max(1.0, boxes.density * float(np.prod(sides)))
    memory(64 * n_atoms, f"A cutoff of {cutoff:g} Å, within which there are {n_atoms:.2g} atoms,", "lower it")
