"""``backend="pyscal3"``: the same quantities from an independent code [Menon2019], for small structures."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import MINIMUM_DISTANCE, check_atoms
from pyiron_nbed.geometry.search import check_n_neighbors

PYSCAL_MOST_ATOMS = 100_000  # pyscal3 3.3.2 keeps some 26 kB per atom


def check_backend(backend: str, own: str) -> bool:
    """True where pyscal3 is asked for, False for the backend ``own``.

    Raises:
        InputError: any other name.

    Example:
        >>> check_backend("numba", own="numba")
        False
    """
    return one_of(backend, "backend", (own, "pyscal3")) == "pyscal3"


def _system(atoms: Atoms, minimum_distance: float) -> Any:
    import pyscal3  # two seconds, for this backend only

    check_atoms(atoms, minimum_distance)
    off_diagonal = np.abs(atoms.cell.array - np.diag(np.diag(atoms.cell.array))).max()
    if not atoms.pbc.all() or off_diagonal > 1e-9:
        raise InputError(
            "backend='pyscal3' takes orthogonal cells along x, y, z that are periodic in all directions "
            "(pyscal3 3.3.2 knows no open axes and is wrong in triclinic cells): use the default backend."
        )
    if len(atoms) > PYSCAL_MOST_ATOMS:
        raise InputError(
            f"backend='pyscal3' is for structures of at most {PYSCAL_MOST_ATOMS} atoms, this one has "
            f"{len(atoms)}: use the default backend."
        )
    # pyscal3 joins an atom to each neighbour through one image only: thin cells are repeated
    repeat = np.maximum(1, np.ceil(15.0 / atoms.cell.lengths())).astype(int)
    wrapped = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    wrapped.wrap()
    return pyscal3.System(wrapped * tuple(repeat), format="ase")


def _first(values: Any, n_atoms: int) -> list:
    """Values of the atoms themselves: ghosts and repeated cells come after them."""
    return list(values)[:n_atoms]


def pyscal_disorder_and_bond_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> tuple[np.ndarray, np.ndarray]:
    """d_i (signed) from pyscal3's s_ij, and Q_l.

    Args:
        atoms: N atoms (Å), at most 100,000, orthogonal and periodic.
        l: even degree.
        n_neighbors: nearest neighbours; ties are broken by pyscal3.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        d (N,) and Q_l (N,), float64.

    Raises:
        StructureError: unusable structure.
        InputError: pyscal3 cannot do this structure or degree.

    Example:
        >>> from ase.build import bulk
        >>> d, q = pyscal_disorder_and_bond_order(bulk("Cu", cubic=True) * (4, 4, 4))
        >>> round(float(q[0]), 4)
        0.5745
    """
    if l not in range(2, 13, 2):
        raise InputError(f"The degree l is {l!r}: with backend='pyscal3' give an even number from 2 to 12.")
    n_neighbors = check_n_neighbors(n_neighbors)
    system = _system(atoms, minimum_distance)
    system.find.neighbors(method="number", nmax=n_neighbors)
    # thresholds only classify; s_ij does not depend on them
    system.find.solids(bonds=6, threshold=0.5, avgthreshold=0.6, cluster=False, q=l)
    s = np.array(_first(system.atoms["sij"], len(atoms)))
    q = np.array(_first(system.atoms[f"q{l}"], len(atoms)))
    return 1 - s.sum(axis=1) / n_neighbors, q


def pyscal_voronoi_index(
    atoms: Atoms, edge_threshold: float = 0.6, minimum_distance: float = MINIMUM_DISTANCE
) -> np.ndarray:
    """Voronoi index from the cells of Voro++ [Rycroft2009] in pyscal3, edges filtered by absolute length.

    Args:
        atoms: N atoms (Å), at most 100,000, orthogonal and periodic.
        edge_threshold: edges not longer than this (Å) are not counted.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        (N, 4) int64.

    Raises:
        StructureError, InputError: as :func:`pyscal_disorder_and_bond_order`.

    Example:
        >>> from ase.build import bulk
        >>> pyscal_voronoi_index(bulk("Cu", cubic=True) * (4, 4, 4))[0].tolist()
        [0, 12, 0, 0]
    """
    system = _system(atoms, minimum_distance)
    system.find.neighbors(method="voronoi")
    index = np.zeros((len(atoms), 4), np.int64)
    per_atom = zip(
        *(_first(system.atoms[k], len(atoms)) for k in ("face_vertices", "vertex_numbers", "vertex_vectors")),
        strict=True,
    )
    for i, (sizes, numbers, vectors) in enumerate(per_atom):
        corners = np.reshape(vectors, (-1, 3))
        begin = 1  # each face is its number of corners, then the corners
        for size in sizes:
            face = corners[list(numbers[begin : begin + size])]
            begin += size + 1
            lengths = np.linalg.norm(face - np.roll(face, 1, axis=0), axis=1)
            edges = int((lengths > edge_threshold).sum())
            if 3 <= edges <= 6:
                index[i, edges - 3] += 1
    return index


def pyscal_common_neighbors(atoms: Atoms, minimum_distance: float = MINIMUM_DISTANCE) -> np.ndarray:
    """Adaptive common neighbour analysis of pyscal3, numbered as ``CNA_TYPES``.

    Args:
        atoms: N atoms (Å), at most 100,000, orthogonal and periodic.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        (N,) int64.

    Raises:
        StructureError, InputError: as :func:`pyscal_disorder_and_bond_order`.

    Example:
        >>> from ase.build import bulk
        >>> pyscal_common_neighbors(bulk("Cu", cubic=True) * (4, 4, 4))[0].item()
        1
    """
    system = _system(atoms, minimum_distance)
    system.analyze.common_neighbor_analysis()
    return np.array(_first(system.atoms["structure"], len(atoms)), np.int64)
