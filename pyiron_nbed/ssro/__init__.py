"""Structural short-range order of atoms: plain functions on ``ase.Atoms``."""

from pyiron_nbed.geometry.neighbors import cutoff_neighbors, nearest_neighbors
from pyiron_nbed.ssro.disorder import (
    DISORDER_NAMES,
    bond_order,
    disorder_and_bond_order,
    disorder_modulus,
    disorder_of,
    disorder_parameter,
)
from pyiron_nbed.ssro.motifs import (
    MOTIF_CLASSES,
    motif_class,
    motif_density,
    motif_name,
    motif_statistics,
)
from pyiron_nbed.ssro.ovito import CNA_TYPES, common_neighbors, voronoi_index
from pyiron_nbed.ssro.profiles import sliding_profile
from pyiron_nbed.ssro.rdf import RadialDistribution, radial_distribution
from pyiron_nbed.ssro.regions import REGION_TYPES, Regions, actr_asymmetry, find_regions, region_table
from pyiron_nbed.ssro.summary import short_range_order
from pyiron_nbed.ssro.threshold import population_threshold

__all__ = [
    "CNA_TYPES",
    "DISORDER_NAMES",
    "MOTIF_CLASSES",
    "REGION_TYPES",
    "RadialDistribution",
    "Regions",
    "actr_asymmetry",
    "bond_order",
    "common_neighbors",
    "cutoff_neighbors",
    "disorder_and_bond_order",
    "disorder_modulus",
    "disorder_of",
    "disorder_parameter",
    "find_regions",
    "motif_class",
    "motif_density",
    "motif_name",
    "motif_statistics",
    "nearest_neighbors",
    "population_threshold",
    "radial_distribution",
    "region_table",
    "short_range_order",
    "sliding_profile",
    "voronoi_index",
]
