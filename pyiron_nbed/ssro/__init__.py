"""Structural short-range order of atoms: plain functions on ``ase.Atoms``."""

from pyiron_nbed.ssro.disorder import bond_order, disorder_and_bond_order, disorder_parameter
from pyiron_nbed.ssro.neighbors import nearest_neighbors
from pyiron_nbed.ssro.ovito import CNA_TYPES, common_neighbors, voronoi_index

__all__ = [
    "CNA_TYPES",
    "bond_order",
    "common_neighbors",
    "disorder_and_bond_order",
    "disorder_parameter",
    "nearest_neighbors",
    "voronoi_index",
]
