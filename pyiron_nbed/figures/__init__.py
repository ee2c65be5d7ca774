"""One function per figure; each returns a matplotlib Figure."""

from pyiron_nbed.figures.complexion import composition_profile, control_history
from pyiron_nbed.figures.learning import (
    calibration_plot,
    geometry_heatmap,
    learning_curves,
    parity,
    prediction_profile,
)
from pyiron_nbed.figures.patterns import disorder_maps, pattern_gallery
from pyiron_nbed.figures.scans import (
    label_groups,
    mean_patterns,
    patterns_along_scan,
    radial_profiles,
    region_groups,
)
from pyiron_nbed.figures.ssro import (
    disorder_boxplots,
    disorder_profiles,
    motif_densities,
    rdf_by_region,
    structure_slice,
)

__all__ = [
    "calibration_plot",
    "composition_profile",
    "control_history",
    "disorder_boxplots",
    "disorder_maps",
    "disorder_profiles",
    "geometry_heatmap",
    "label_groups",
    "learning_curves",
    "mean_patterns",
    "motif_densities",
    "parity",
    "pattern_gallery",
    "patterns_along_scan",
    "prediction_profile",
    "radial_profiles",
    "rdf_by_region",
    "region_groups",
    "structure_slice",
]
