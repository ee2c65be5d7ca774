"""Motifs: Voronoi indices <n3,n4,n5,n6>, their classes, frequencies and densities along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro.profiles import make_windows
from pyiron_nbed.units import quantities

MOTIF_CLASSES = ("FCC", "ordered", "disordered", "intermediate")
FCC_MOTIF = (0, 12, 0, 0)
_BASE = 64  # faces of one kind that a polyhedron may have; a real one has about 14 in all


def motif_class(voronoi_index: np.ndarray) -> np.ndarray:
    """Class of every motif by its numbers of faces.

    FCC is <0,12,0,0>; ordered has n4 ≥ 8, n5 ≤ 4, n6 = 0 and is not FCC; disordered has n4 ≤ 2,
    n5 ≥ 10, n6 = 0; intermediate is the rest [WuRupert2026].

    Args:
        voronoi_index: (N, 4) n3, n4, n5, n6 of each atom.

    Returns:
        (N,) int64: 0 FCC, 1 ordered, 2 disordered, 3 intermediate; names in ``MOTIF_CLASSES``.

    Raises:
        InputError: another shape, or not whole numbers of at least 0.

    Example:
        >>> motif_class(np.array([[0, 12, 0, 0], [0, 10, 2, 0], [0, 2, 10, 0], [0, 4, 8, 0]])).tolist()
        [0, 1, 2, 3]
    """
    index = _check_index(voronoi_index)
    n4, n5, n6 = index[:, 1], index[:, 2], index[:, 3]
    fcc = (index == FCC_MOTIF).all(axis=1)
    ordered = (n4 >= 8) & (n5 <= 4) & (n6 == 0)
    disordered = (n4 <= 2) & (n5 >= 10) & (n6 == 0)
    return np.select([fcc, ordered, disordered], [0, 1, 2], 3)


def motif_name(motif: Sequence[int]) -> str:
    """A motif as it is written, <n3,n4,n5,n6>.

    Raises:
        InputError: not four whole numbers.

    Example:
        >>> motif_name((0, 10, 2, 0))
        '<0,10,2,0>'
    """
    return f"<{','.join(map(str, _check_index([motif])[0]))}>"


def is_motif(voronoi_index: np.ndarray, motif: Sequence[int]) -> np.ndarray:
    """Which atoms have a motif.

    Args:
        voronoi_index: (N, 4).
        motif: n3, n4, n5, n6.

    Returns:
        (N,) bool.

    Raises:
        InputError: an index or motif of another shape.

    Example:
        >>> is_motif(np.array([[0, 12, 0, 0], [0, 0, 12, 0]]), (0, 0, 12, 0)).tolist()
        [False, True]
    """
    return _keys(_check_index(voronoi_index)) == _keys(_check_index([motif]))[0]


def species_mask(atoms: Atoms, species: str | None, name: str = "motif_species") -> np.ndarray:
    """Atoms of an element.

    Args:
        atoms: N atoms.
        species: chemical symbol; None or "all" takes every atom.
        name: of the parameter, for the error.

    Returns:
        (N,) bool.

    Raises:
        InputError: the structure has no such atoms.

    Example:
        >>> species_mask(Atoms("CuZr"), "Zr").tolist()
        [False, True]
    """
    if species is None or species == "all":
        return np.ones(len(atoms), bool)
    present = sorted(set(Atoms(np.unique(atoms.numbers)).get_chemical_symbols()))
    if species not in present:
        raise InputError(
            f"{name} is {species!r}, of which the structure has no atoms: choose one of "
            f"{', '.join(map(repr, present))}, or 'all'."
        )
    return atoms.numbers == Atoms(species).numbers[0]


def frequent_motifs(voronoi_index: np.ndarray, top: int | None = 8) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent motifs.

    Args:
        voronoi_index: (N, 4).
        top: how many; None gives all.

    Returns:
        motifs (M, 4) int64 by falling frequency (among equals the smaller index first), counts (M,).

    Raises:
        InputError: an index of another shape, or ``top`` below 1.

    Example:
        >>> motifs, counts = frequent_motifs(np.array([[0, 0, 12, 0], [0, 12, 0, 0], [0, 0, 12, 0]]))
        >>> motifs[0].tolist(), counts.tolist()
        ([0, 0, 12, 0], [2, 1])
    """
    if top is not None:
        top = whole(top, "top", 1, hint="or None for all motifs")
    keys, counts = np.unique(_keys(_check_index(voronoi_index)), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:top]
    motifs = np.stack([keys[order] // _BASE**power % _BASE for power in (3, 2, 1, 0)], axis=1)
    return motifs, counts[order]


def motif_statistics(
    atoms: Atoms, voronoi_index: np.ndarray, motif_species: str | None = "Cu", top: int | None = 8
) -> dict[str, Any]:
    """How often motifs and their classes occur around the atoms of one element.

    Args:
        atoms: N atoms.
        voronoi_index: (N, 4).
        motif_species: element of the central atoms; None or "all" counts every atom.
        top: number of the most frequent motifs listed; None lists all.

    Returns:
        {"species", "n_atoms" central atoms, "motif" list of names, "index" (M, 4), "count" (M,),
        "fraction" (M,) of the central atoms, "class_count" and "class_fraction" {class: number}}.

    Raises:
        InputError: unknown species, or an index that does not match the atoms.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed.ssro import voronoi_index
        >>> atoms = bulk("Cu", cubic=True) * (4, 4, 4)
        >>> motif_statistics(atoms, voronoi_index(atoms))["class_fraction"]["FCC"]
        1.0
    """
    index = _check_index(voronoi_index, len(atoms))[species_mask(atoms, motif_species)]
    motifs, counts = frequent_motifs(index, top)
    classes = np.bincount(motif_class(index), minlength=len(MOTIF_CLASSES))
    return {
        "species": motif_species or "all",
        "n_atoms": len(index),
        "motif": [motif_name(motif) for motif in motifs],
        "index": motifs,
        "count": counts,
        "fraction": counts / len(index),
        "class_count": dict(zip(MOTIF_CLASSES, classes.tolist(), strict=True)),
        "class_fraction": dict(zip(MOTIF_CLASSES, (classes / len(index)).tolist(), strict=True)),
    }


@quantities(window="angstrom", step="angstrom")
def motif_density(
    atoms: Atoms,
    voronoi_index: np.ndarray,
    motifs: Sequence[Sequence[int]] | None = None,
    axis: int = 0,
    window: float = 2.0,
    step: float = 1.0,
    motif_species: str | None = "Cu",
    top: int = 8,
) -> dict[str, Any]:
    """Number density of motifs in a window that slides along an axis.

    Args:
        atoms: N atoms (Å).
        voronoi_index: (N, 4).
        motifs: (M, 4) motifs; None takes the ``top`` most frequent ones.
        axis: 0, 1 or 2.
        window: width in Å.
        step: distance between windows in Å.
        motif_species: element of the central atoms; None or "all" counts every atom.
        top: number of motifs where none are given.

    Returns:
        {"position" (B,) Å, "motif" list of names, "index" (M, 4), "density" (M, B) Å⁻³, "share"
        (M, B) of all atoms in the window (NaN in an empty one)}.

    Raises:
        InputError: unknown species, an index or motifs of another shape.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed.ssro import voronoi_index
        >>> atoms = bulk("Cu", a=3.6, cubic=True) * (4, 4, 4)
        >>> atoms.translate([0.9, 0, 0])
        >>> profile = motif_density(atoms, voronoi_index(atoms), window=3.6, step=3.6)
        >>> profile["motif"], bool(abs(profile["density"] - 4 / 3.6**3).max() < 1e-9)
        (['<0,12,0,0>'], True)
    """
    index = _check_index(voronoi_index, len(atoms))
    central = species_mask(atoms, motif_species)
    chosen = frequent_motifs(index[central], top)[0] if motifs is None else _check_index(motifs)
    windows = make_windows(atoms, axis, window, step)
    counts = np.array([windows.count(central & is_motif(index, motif)) for motif in chosen], float)
    n_atoms = windows.n_atoms
    return {
        "position": windows.position,
        "motif": [motif_name(motif) for motif in chosen],
        "index": chosen,
        "density": counts / windows.volume,
        "share": np.where(n_atoms > 0, counts / np.maximum(n_atoms, 1), np.nan),
    }


def _keys(index: np.ndarray) -> np.ndarray:
    """One whole number per motif: comparing these is much faster than comparing rows."""
    return index @ _BASE ** np.array([3, 2, 1, 0])


def _check_index(voronoi_index: Any, n_atoms: int | None = None) -> np.ndarray:
    try:
        index = np.asarray(voronoi_index)
    except ValueError:  # rows of several lengths
        index = np.empty(0)
    if index.ndim != 2 or index.shape[1:] != (4,) or index.dtype.kind not in "iu":
        raise InputError(
            f"A Voronoi index of shape {index.shape} and type {index.dtype} was given: whole numbers of "
            "shape (N, 4) are needed, as pyiron_nbed.ssro.voronoi_index returns them."
        )
    if n_atoms is not None and len(index) != n_atoms:
        raise InputError(
            f"The Voronoi index has {len(index)} rows but there are {n_atoms} atoms: compute it for this "
            "structure."
        )
    if len(index) and (index.min() < 0 or index.max() >= _BASE):
        raise InputError(f"A Voronoi index must lie between 0 and {_BASE - 1} faces of each kind.")
    return index.astype(np.int64, copy=False)
