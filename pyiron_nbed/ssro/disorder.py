"""The local disorder parameter d_i and the bond-order parameter Q_l."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numba import njit

from pyiron_nbed.geometry import run_in_threads
from pyiron_nbed.ssro.neighbors import _CHUNK, nearest_harmonics


def disorder_parameter(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
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
    return disorder_and_bond_order(atoms, l, n_neighbors, cores)[0]


def bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
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
    return disorder_and_bond_order(atoms, l, n_neighbors, cores)[1]


def disorder_and_bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """d_i and Q_l in one pass over the neighbours; see the two functions above.

    Returns:
        d (N,) and Q_l (N,), float64.
    """
    order, neighbors, harmonics = nearest_harmonics(atoms, l, n_neighbors, cores)
    norms = np.sqrt(np.einsum("im,im->i", harmonics, harmonics))
    # an atom whose bond order vanishes (never in a real structure) correlates with nothing
    harmonics /= np.where(norms > 0, norms, 1.0)[:, None]
    sorted_d = np.empty(len(order))

    def work(start: int, stop: int) -> None:
        _disorder(start, stop, neighbors, harmonics, sorted_d)

    run_in_threads(work, len(order), cores, _CHUNK)
    disorder, q = np.empty(len(order)), np.empty(len(order))
    disorder[order] = sorted_d
    q[order] = np.sqrt(4 * np.pi / (2 * l + 1)) * norms
    return disorder, q


@njit(cache=True, nogil=True)
def _disorder(first, last, neighbors, harmonics, out):
    n = neighbors.shape[1]
    n_components = harmonics.shape[1]
    for i in range(first, last):
        total = 0.0
        for k in range(n):
            j = neighbors[i, k]
            for m in range(n_components):
                total += harmonics[i, m] * harmonics[j, m]
        out[i] = 1.0 - abs(total) / n
