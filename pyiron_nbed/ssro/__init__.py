"""Structural short-range order of atoms: plain functions on ``ase.Atoms``."""

from pyiron_nbed.ssro.disorder import bond_order, disorder_and_bond_order, disorder_parameter
from pyiron_nbed.ssro.neighbors import cutoff_neighbors, nearest_neighbors
from pyiron_nbed.ssro.ovito import CNA_TYPES, common_neighbors, voronoi_index
from pyiron_nbed.ssro.rdf import RadialDistribution, radial_distribution

__all__ = [
    "CNA_TYPES",
    "RadialDistribution",
    "bond_order",
    "common_neighbors",
    "cutoff_neighbors",
    "disorder_and_bond_order",
    "disorder_parameter",
    "nearest_neighbors",
    "radial_distribution",
    "voronoi_index",
]
