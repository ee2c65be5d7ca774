"""One function per figure; each returns a matplotlib Figure."""

from pyiron_nbed.figures.complexion import composition_profile, control_history
from pyiron_nbed.figures.patterns import disorder_maps, parity, pattern_gallery, prediction_profile
from pyiron_nbed.figures.ssro import (
    disorder_boxplots,
    disorder_profiles,
    motif_densities,
    rdf_by_region,
    structure_slice,
)

__all__ = [
    "composition_profile",
    "control_history",
    "disorder_boxplots",
    "disorder_maps",
    "disorder_profiles",
    "motif_densities",
    "parity",
    "pattern_gallery",
    "prediction_profile",
    "rdf_by_region",
    "structure_slice",
]
