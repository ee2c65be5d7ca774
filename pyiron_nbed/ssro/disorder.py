"""The local disorder parameter d_i and the bond-order parameter Q_l."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numba import njit

from pyiron_nbed.geometry import MINIMUM_DISTANCE, run_in_threads
from pyiron_nbed.ssro.neighbors import nearest_harmonics

_ATOMS_PER_CALL = 20_000


def disorder_parameter(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> np.ndarray:
    """Local disorder parameter d_i = 1 − |Σ_j s_ij| / n of every atom.

    s_ij = Σ_m q̂_lm(i) q̂*_lm(j) is the normalised correlation of the bond order of atom i with
    that of its n nearest neighbours j. d is 0 in a perfect fcc crystal and about 0.88 (median)
    in a Cu-Zr glass.

    Args:
        atoms: N atoms; lengths in Å; any cell and periodicity.
        l: even degree of the spherical harmonics.
        n_neighbors: number of nearest neighbours.
        cores: threads; None takes all.

    Returns:
        (N,) float64 between 0 and 1, dimensionless.

    Raises:
        StructureError: unusable structure or too few atoms.
        InputError: l is odd or out of range, n_neighbors below 1.

    Example:
        >>> from ase.build import bulk
        >>> bool(disorder_parameter(bulk("Cu", cubic=True) * (3, 3, 3)).max() < 1e-12)
        True
    """
    return disorder_and_bond_order(atoms, l, n_neighbors, cores, minimum_distance)[0]


def bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> np.ndarray:
    """Steinhardt bond-order parameter Q_l = sqrt(4π/(2l+1) Σ_m |q̄_lm|²) of every atom.

    Args:
        atoms: N atoms; lengths in Å.
        l: even degree.
        n_neighbors: number of nearest neighbours.
        cores: threads; None takes all.

    Returns:
        (N,) float64, dimensionless (fcc with 12 neighbours: Q_6 = 0.5745).

    Raises:
        StructureError, InputError: as :func:`disorder_parameter`.

    Example:
        >>> from ase.build import bulk
        >>> round(float(bond_order(bulk("Cu", cubic=True) * (3, 3, 3))[0]), 4)
        0.5745
    """
    return disorder_and_bond_order(atoms, l, n_neighbors, cores, minimum_distance)[1]


def disorder_and_bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> tuple[np.ndarray, np.ndarray]:
    """d_i and Q_l in one pass over the neighbours; see the two functions above.

    Returns:
        d (N,) and Q_l (N,), float64.
    """
    order, neighbors, harmonics = nearest_harmonics(atoms, l, n_neighbors, cores, minimum_distance)
    disorder, q = np.empty(len(order)), np.empty(len(order))
    scale = np.sqrt(4 * np.pi / (2 * l + 1))

    def normalize(start: int, stop: int) -> None:
        _normalize(start, stop, order, harmonics, scale, q)

    def correlate(start: int, stop: int) -> None:
        _disorder(start, stop, order, neighbors, harmonics, disorder)

    run_in_threads(normalize, len(order), cores, _ATOMS_PER_CALL)
    run_in_threads(correlate, len(order), cores, _ATOMS_PER_CALL)
    return disorder, q


@njit(cache=True, nogil=True)
def _normalize(first, last, order, harmonics, scale, q):
    n_components = harmonics.shape[1]
    for i in range(first, last):
        square = 0.0
        for m in range(n_components):
            square += harmonics[i, m] * harmonics[i, m]
        norm = np.sqrt(square)
        q[order[i]] = scale * norm
        # an atom whose bond order vanishes (never in a real structure) correlates with nothing
        inverse = 1.0 / norm if norm > 0.0 else 0.0
        for m in range(n_components):
            harmonics[i, m] *= inverse


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _disorder(first, last, order, neighbors, harmonics, out):
    n = neighbors.shape[1]
    n_components = harmonics.shape[1]
    around = np.empty(n_components)
    for i in range(first, last):
        around[:] = 0.0
        for k in range(n):
            j = neighbors[i, k]
            for m in range(n_components):
                around[m] += harmonics[j, m]
        total = 0.0
        for m in range(n_components):
            total += harmonics[i, m] * around[m]
        out[order[i]] = 1.0 - abs(total) / n
