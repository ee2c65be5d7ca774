"""What OVITO computes for us: Voronoi indices, common neighbour analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import number
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.cells import MINIMUM_DISTANCE, check_atoms
from pyiron_nbed.geometry.extent import padded_cell
from pyiron_nbed.ssro.pyscal import check_backend, pyscal_common_neighbors, pyscal_voronoi_index
from pyiron_nbed.units import quantities

# Å of room beyond the outermost atoms along open axes: more than the radius of an inner polyhedron
OPEN_PADDING = 10.0
LARGEST_EDGE_THRESHOLD = 3.0  # Å; few faces of a metal have longer edges
CNA_TYPES = ("other", "fcc", "hcp", "bcc", "icosahedral")


def ovito_modifiers() -> Any:
    """OVITO's module of modifiers.

    Raises:
        InputError: OVITO is not installed.

    Example:
        >>> hasattr(ovito_modifiers(), "VoronoiAnalysisModifier")
        True
    """
    try:
        from ovito import modifiers
    except ImportError as error:
        raise InputError("OVITO is not installed, which this needs: `pip install ovito`.") from error
    return modifiers


def ovito_data(atoms: Atoms, minimum_distance: float) -> Any:
    """OVITO's form of a structure: positions, types, cell; nothing else is copied.

    Along open axes the cell is a box around the atoms with 10 Å of room, wherever the structure's own is.

    Args:
        atoms: N atoms (Å).
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        An OVITO DataCollection.

    Raises:
        StructureError: unusable or overlapping atoms.

    Example:
        >>> from ase.build import bulk
        >>> ovito_data(bulk("Cu", cubic=True), 0.5).particles.count
        4
    """
    from ovito.data import DataCollection

    check_atoms(atoms, minimum_distance)
    data = DataCollection()
    data.create_cell(
        padded_cell(atoms, OPEN_PADDING), pbc=(bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    )
    particles = data.create_particles(count=len(atoms))
    particles.create_property("Position", data=atoms.positions)
    particles.create_property("Particle Type", data=np.asarray(atoms.numbers, np.int32))
    return data


def _apply(data: Any, modifier: Any) -> None:
    try:
        data.apply(modifier)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise StructureError(
            f"OVITO cannot analyse this structure ({reason}): look for misplaced atoms."
        ) from error


@quantities(edge_threshold="angstrom", minimum_distance="angstrom")
def voronoi_index(
    atoms: Atoms,
    edge_threshold: float = 0.6,
    backend: str = "ovito",
    minimum_distance: float = MINIMUM_DISTANCE,
) -> np.ndarray:
    """Voronoi index <n3, n4, n5, n6> of every atom: its faces with 3, 4, 5 and 6 edges.

    Faces of the polyhedron of all points nearer to the atom than to any other [Finney1970], computed by OVITO
    [Stukowski2010] without atomic radii; edges shorter than the threshold are not counted. Atoms at an open
    surface have no neighbours outside: their polyhedra end at a box 10 Å beyond the outermost atoms, and say
    little.

    Args:
        atoms: N atoms (Å).
        edge_threshold: absolute, 0 to 3 Å.
        backend: "ovito", or "pyscal3" for orthogonal periodic structures of at most 100,000 atoms.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        (N, 4) int64; perfect fcc gives (0, 12, 0, 0).

    Raises:
        StructureError: unusable or overlapping atoms, or such as OVITO cannot analyse.
        InputError: a threshold out of range, OVITO is not installed, or a backend that is unknown or unable.

    Example:
        >>> from ase.build import bulk
        >>> voronoi_index(bulk("Cu", cubic=True) * (4, 4, 4))[0].tolist()
        [0, 12, 0, 0]
    """
    number(edge_threshold, "edge_threshold", 0, LARGEST_EDGE_THRESHOLD, unit="Å")
    if check_backend(backend, own="ovito"):
        return pyscal_voronoi_index(atoms, edge_threshold, minimum_distance)
    modifiers = ovito_modifiers()
    data = ovito_data(atoms, minimum_distance)
    _apply(data, modifiers.VoronoiAnalysisModifier(compute_indices=True, edge_threshold=edge_threshold))
    counts = np.asarray(data.particles["Voronoi Index"])  # column k: faces with k + 1 edges
    index = np.zeros((len(atoms), 6), np.int64)
    columns = min(counts.shape[1], 6)
    index[:, :columns] = counts[:, :columns]
    return index[:, 2:]


@quantities(minimum_distance="angstrom")
def common_neighbors(
    atoms: Atoms, backend: str = "ovito", minimum_distance: float = MINIMUM_DISTANCE
) -> np.ndarray:
    """Local crystal structure of every atom by adaptive common neighbour analysis [Stukowski2012].

    Computed by OVITO [Stukowski2010]. pyscal3 3.3.2 gives the same classes in crystals, glasses and
    moderately hot crystals; where neighbours are at the edge of the adaptive cutoff (noise of about 0.2 Å)
    some atoms in a thousand differ.

    Args:
        atoms: N atoms (Å).
        backend: "ovito", or "pyscal3" for orthogonal periodic structures of at most 100,000 atoms.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        (N,) int64: 0 other, 1 fcc, 2 hcp, 3 bcc, 4 icosahedral; names in ``CNA_TYPES``.

    Raises:
        StructureError: unusable or overlapping atoms.
        InputError: OVITO is not installed, or a backend that is unknown or unable.

    Example:
        >>> from ase.build import bulk
        >>> CNA_TYPES[common_neighbors(bulk("Cu", cubic=True) * (4, 4, 4))[0]]
        'fcc'
    """
    if check_backend(backend, own="ovito"):
        return pyscal_common_neighbors(atoms, minimum_distance)
    modifiers = ovito_modifiers()
    data = ovito_data(atoms, minimum_distance)
    kind = modifiers.CommonNeighborAnalysisModifier
    _apply(data, kind(mode=kind.Mode.AdaptiveCutoff))
    return np.asarray(data.particles["Structure Type"]).astype(np.int64)
