"""Labels of a pattern: what is averaged over the atoms of its interaction volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import shown
from pyiron_nbed.dataset import schema
from pyiron_nbed.diffraction import OneLayerCluster, Volume, VolumeAtoms
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.ssro import bond_order, disorder_and_bond_order, disorder_modulus, voronoi_index
from pyiron_nbed.ssro.motifs import MOTIF_CLASSES, motif_class
from pyiron_nbed.ssro.regions import REGION_TYPES

_MOTIFS = tuple(f"motif_{name}" for name in MOTIF_CLASSES)
ATOM_LABELS = ("disorder_parameter", "disorder_modulus", "q6", "q4", *_MOTIFS)


def columns_beside(elements: Sequence[str]) -> tuple[str, ...]:
    """Labels that come with any others: number density and composition.

    Example:
        >>> columns_beside(["Zr", "Cu"])
        ('number_density', 'fraction_Cu', 'fraction_Zr')
    """
    return ("number_density", *(schema.COMPOSITION_PREFIX + element for element in sorted(elements)))


def check_labels(names: Sequence[str] | None, elements: Sequence[str] | None = None) -> tuple[str, ...]:
    """Names of labels.

    Args:
        names: some of ``ATOM_LABELS``; None takes all that can be computed here (the motif fractions need
            OVITO).
        elements: where labels of patterns of these elements are meant, which also have those of
            :func:`columns_beside`; None where labels to compute are.

    Returns:
        The names, those to compute in the order of the file and others as they are.

    Raises:
        InputError: an unknown name, none, or one given twice.

    Example:
        >>> check_labels(["q6", "disorder_parameter"])
        ('disorder_parameter', 'q6')
        >>> check_labels(["fraction_Cu", "q6"], ["Cu", "Zr"])
        ('fraction_Cu', 'q6')
    """
    if names is None:
        return ATOM_LABELS
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"The labels are {shown(names)}: give a list of names, such as ['disorder_parameter']."
        )
    known = ATOM_LABELS if elements is None else (*ATOM_LABELS, *columns_beside(elements))
    if not len(names) or len(set(names)) < len(names) or not set(names) <= set(known):
        always = "; number_density and the composition are always there" if elements is None else ""
        raise InputError(
            f"The labels are {list(names)}: choose some of {', '.join(known)}, each once{always}."
        )
    return tuple(names) if elements is not None else tuple(name for name in ATOM_LABELS if name in names)


def atom_values(atoms: Atoms, names: Sequence[str], cores: int | None = None) -> dict[str, np.ndarray]:
    """Per-atom values whose means are the labels.

    Args:
        atoms: N atoms (Å); arrays ``disorder_parameter``, ``q6``, ``q4`` and ``motif_class`` are taken
            where they exist, the rest is computed.
        names: some of ``ATOM_LABELS``.
        cores: threads; None takes all.

    Returns:
        {name: (N,) float64}.

    Raises:
        StructureError: an unusable structure, or atoms without a value, as d_i of isolated atoms.
        InputError: an unknown name.

    Example:
        >>> from ase.build import bulk
        >>> values = atom_values(bulk("Cu", cubic=True) * (3, 3, 3), ["disorder_parameter", "q6"])
        >>> round(float(values["q6"][0]), 4)
        0.5745
    """
    check_atoms(atoms)
    names = check_labels(list(names)) if len(names) else ()
    have = {name: np.asarray(atoms.arrays[name], float) for name in names if name in atoms.arrays}
    if "disorder_parameter" in atoms.arrays:
        have["disorder_modulus"] = disorder_modulus(atoms.arrays["disorder_parameter"])
    if {"disorder_parameter", "disorder_modulus", "q6"} & (set(names) - set(have)):
        # both or none from the arrays: they belong to the same neighbours
        have["disorder_parameter"], have["q6"] = disorder_and_bond_order(atoms, cores=cores)
        have["disorder_modulus"] = disorder_modulus(have["disorder_parameter"])
    if "q4" in names and "q4" not in have:
        have["q4"] = bond_order(atoms, 4, cores=cores)
    if set(_MOTIFS) & set(names):
        stored = atoms.arrays.get("motif_class")
        classes = motif_class(voronoi_index(atoms)) if stored is None else stored
        have |= {name: (classes == number).astype(float) for number, name in enumerate(_MOTIFS)}
    for name in names:
        missing = int(np.isnan(have[name]).sum())
        if missing:
            raise StructureError(
                f"{missing} of {len(atoms)} atoms have no {name}, as those with too few neighbours within "
                "12 Å: remove these atoms."
            )
    return {name: have[name] for name in names}


def volume_labels(
    found: VolumeAtoms,
    values: dict[str, np.ndarray],
    symbols: np.ndarray,
    elements: Sequence[str],
    volume: Volume,
) -> dict[str, np.ndarray]:
    """Labels of P volumes: means over their atoms; of a one-layer cluster the values of its central atom.

    Args:
        found: their atoms.
        values: per-atom values (:func:`atom_values`).
        symbols: (N,) chemical symbols.
        elements: whose fractions are given.
        volume: for the density.

    Returns:
        {name: (P,) float64}; names as in :mod:`pyiron_nbed.dataset.schema`.
    """
    if isinstance(volume, OneLayerCluster):
        central = found.indices[found.offsets[:-1]]
        labels = {name: per_atom[central] for name, per_atom in values.items()}
    else:
        labels = {name: found.mean(per_atom) for name, per_atom in values.items()}
    labels["number_density"] = found.norms / volume.size
    for element in elements:
        labels[schema.COMPOSITION_PREFIX + element] = found.mean((symbols == element).astype(float))
    return labels


def volume_regions(found: VolumeAtoms, atoms: Atoms) -> np.ndarray:
    """Type of the region that most atoms of each volume are in.

    Args:
        found: atoms of P volumes.
        atoms: with ``arrays["region"]`` (N,), as the SSRO job gives it; all 0 without.

    Returns:
        (P,) int32, names in ``REGION_TYPES``.
    """
    region = atoms.arrays.get("region")
    if region is None:
        return np.zeros(len(found.counts), np.int32)
    shares = [found.mean((region == number).astype(float)) for number in range(len(REGION_TYPES))]
    return np.argmax(shares, axis=0).astype(np.int32)
