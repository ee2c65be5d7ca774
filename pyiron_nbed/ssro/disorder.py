"""The local disorder parameter d_i and the bond-order parameter Q_l."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import flag, warn
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import MINIMUM_DISTANCE
from pyiron_nbed.geometry.neighbors import nearest_harmonics, nearest_neighbors
from pyiron_nbed.geometry.search import ISOLATED_BEYOND
from pyiron_nbed.kernels import njit
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.ssro.pyscal import check_backend, pyscal_disorder_and_bond_order
from pyiron_nbed.units import quantities

DISORDER_NAMES = ("disorder_parameter", "disorder_modulus")  # of d_i by the signed sum, by its modulus
LEAST_COMPANY = 14  # neighbours within ISOLATED_BEYOND that an atom needs, or all of n where n is less
_ATOMS_PER_CALL = 20_000


@quantities(minimum_distance="angstrom")
def disorder_parameter(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
    backend: str = "numba",
    modulus: bool = False,
) -> np.ndarray:
    """Local disorder parameter d_i = 1 − (1/n) Σ_j s_ij of every atom.

    s_ij = Σ_m q̂_lm(i) q̂*_lm(j) is the normalised correlation [tenWolde1996] of the bond order of atom i,
    q̂ = q̄ / |q̄| with q̄_lm(i) = (1/n) Σ_j Y_lm(r_ij) [Steinhardt1983], and that of its n nearest neighbours j.
    The sum is signed [Chua2010]: d is 0 in a perfect fcc crystal, 1 where neighbours are uncorrelated, above
    1 where they are anticorrelated (up to about 1.3 in a Cu-Zr glass, whose median is about 0.86) and never
    above 2. The study [WuRupert2026] prints |s_ij|, but the labels that its authors released exceed 1, as
    only a signed sum can.

    d is also 0 in perfect hcp with 12 and in perfect bcc with 14 neighbours. With 12 in
    bcc (8 nearest and 4 of the 6 next) the choice among equal neighbours is arbitrary: it is made by
    direction, see :func:`nearest_neighbors`, and is the same for every atom, but changes when the
    crystal is rotated.

    An atom with fewer than n neighbours (14 where n is larger) within 12 Å, twice the distance of the second
    shell of any metal, is isolated (a vapour, a fragment in vacuum, lengths in another unit): its d and Q_l
    are NaN, and one warning counts such atoms.

    Args:
        atoms: N atoms; lengths in Å; any cell and periodicity.
        l: even degree of the spherical harmonics, 2 to 20.
        n_neighbors: number of nearest neighbours: 12 for fcc, hcp and glasses, 14 for bcc; at most 500.
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error; 0 allows all but the same place.
        backend: "numba" (any structure of any size), or "pyscal3" [Menon2019] for orthogonal periodic
            structures of at most 100,000 atoms.
        modulus: give 1 − |Σ_j s_ij| / n instead, which is the same up to 1 and folds what is above
            (:func:`disorder_modulus`).

    Returns:
        (N,) float64 in [0, 2] (in [0, 1] with ``modulus``), dimensionless; NaN for isolated atoms.

    Raises:
        StructureError: unusable structure, atoms too close (named), or too few atoms: open boundaries need
            n_neighbors + 1. Periodic cells may be as thin as one atom: neighbours are then images.
        InputError: l is odd or out of range, n_neighbors below 1 or above 500, no number of threads, no
            length, or a backend that is unknown or unable.

    Example:
        >>> from ase.build import bulk
        >>> bool(disorder_parameter(bulk("Cu", cubic=True) * (3, 3, 3)).max() < 1e-12)
        True
    """
    wanted = disorder_name(modulus)
    disorder = disorder_and_bond_order(atoms, l, n_neighbors, cores, minimum_distance, backend)[0]
    return disorder if wanted == DISORDER_NAMES[0] else disorder_modulus(disorder)


def disorder_modulus(disorder: np.ndarray) -> np.ndarray:
    """1 − |Σ_j s_ij| / n from the signed d_i = 1 − (1/n) Σ_j s_ij of atoms.

    The modulus is taken atom by atom: the mean over a volume does not follow from the mean of the signed d_i.

    Args:
        disorder: (N,) signed d_i in [0, 2].

    Returns:
        (N,) in [0, 1].

    Example:
        >>> disorder_modulus(np.array([0.0, 0.5, 1.25])).tolist()
        [0.0, 0.5, 0.75]
    """
    return 1.0 - np.abs(1.0 - np.asarray(disorder, float))


def disorder_name(modulus: bool) -> str:
    """What d_i is called.

    Args:
        modulus: whether it is 1 − |Σ_j s_ij| / n instead of the signed sum.

    Raises:
        InputError: neither True nor False.

    Example:
        >>> disorder_name(modulus=False)
        'disorder_parameter'
    """
    return DISORDER_NAMES[flag(modulus, "modulus")]


def disorder_of(values: Mapping[str, Any]) -> tuple[str, Any]:
    """Which d_i something holds, and its values.

    Structures, summaries and profiles hold d_i either by the signed sum, as "disorder_parameter", or by its
    modulus, as "disorder_modulus": what works on either asks here.

    Args:
        values: ``atoms.arrays``, or a summary or its profiles of
            :func:`pyiron_nbed.ssro.summary.short_range_order`.

    Returns:
        The name, one of ``DISORDER_NAMES`` (the signed sum where both are there), and what is under it.

    Raises:
        InputError: neither is there.

    Example:
        >>> disorder_of({"numbers": [29], "disorder_modulus": [0.25]})
        ('disorder_modulus', [0.25])
    """
    for name in DISORDER_NAMES:
        if name in values:
            return name, values[name]
    raise InputError(
        f"There is no d_i, neither as {DISORDER_NAMES[0]!r} nor as {DISORDER_NAMES[1]!r}: compute it first, "
        "for example with pyiron_nbed.ssro.summary.short_range_order(atoms)."
    )


@quantities(minimum_distance="angstrom")
def bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
    backend: str = "numba",
) -> np.ndarray:
    """Steinhardt bond-order parameter Q_l = sqrt(4π/(2l+1) Σ_m |q̄_lm|²) of every atom.

    q̄_lm = (1/n) Σ_j Y_lm(r_ij) is the mean over the n nearest neighbours [Steinhardt1983].

    Args:
        atoms: N atoms; lengths in Å; any cell and periodicity.
        l: even degree, 2 to 20.
        n_neighbors: number of nearest neighbours: 12 for fcc, hcp and glasses, 14 for bcc (equal distances:
            see :func:`nearest_neighbors`).
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error; 0 allows all but the same place.
        backend: "numba" or "pyscal3", as in :func:`disorder_parameter`.

    Returns:
        (N,) float64, dimensionless (fcc with 12 neighbours: Q_6 = 0.5745).

    Raises:
        StructureError, InputError: as :func:`disorder_parameter`.

    Example:
        >>> from ase.build import bulk
        >>> round(float(bond_order(bulk("Cu", cubic=True) * (3, 3, 3))[0]), 4)
        0.5745
    """
    return disorder_and_bond_order(atoms, l, n_neighbors, cores, minimum_distance, backend)[1]


@quantities(minimum_distance="angstrom")
def disorder_and_bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
    backend: str = "numba",
) -> tuple[np.ndarray, np.ndarray]:
    """d_i (signed) and Q_l in one pass over the neighbours; see the functions above.

    Returns:
        d (N,) and Q_l (N,), float64; NaN for isolated atoms.

    Example:
        >>> from ase.build import bulk
        >>> d, q6 = disorder_and_bond_order(bulk("Cu", cubic=True) * (3, 3, 3))
        >>> d.shape == q6.shape
        True
    """
    if check_backend(backend, own="numba"):
        disorder, q = pyscal_disorder_and_bond_order(atoms, l, n_neighbors, minimum_distance)
        reach = nearest_neighbors(atoms, n_neighbors, cores, minimum_distance)[1]
        within = (reach <= ISOLATED_BEYOND).sum(axis=1)
        return _without_isolated(disorder, q, within < min(n_neighbors, LEAST_COMPANY))
    order, neighbors, harmonics, within = nearest_harmonics(atoms, l, n_neighbors, cores, minimum_distance)
    disorder, q = np.empty(len(order)), np.empty(len(order))
    scale = np.sqrt(4 * np.pi / (2 * l + 1))

    def normalize(start: int, stop: int) -> None:
        _normalize(start, stop, order, harmonics, scale, q)

    def correlate(start: int, stop: int) -> None:
        _disorder(start, stop, order, neighbors, harmonics, disorder)

    run_in_threads(normalize, len(order), cores, _ATOMS_PER_CALL)
    run_in_threads(correlate, len(order), cores, _ATOMS_PER_CALL)
    isolated = np.empty(len(order), bool)
    isolated[order] = within < min(n_neighbors, LEAST_COMPANY)
    return _without_isolated(disorder, q, isolated)


def _without_isolated(disorder, q, isolated) -> tuple[np.ndarray, np.ndarray]:
    if isolated.any():
        disorder[isolated] = q[isolated] = np.nan
        warn(
            f"{int(isolated.sum())} of {len(isolated)} atoms have no d and no Q_l (NaN): they have too few "
            f"neighbours within {ISOLATED_BEYOND:g} Å."
        )
    return disorder, q


@njit()
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


@njit(fastmath={"reassoc", "contract"})
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
        out[order[i]] = 1.0 - total / n
