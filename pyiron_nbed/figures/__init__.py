"""One function per figure; each returns a matplotlib Figure (matplotlib is loaded with the first one)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["style"],
    submod_attrs={
        "calibration": ["scan_calibration"],
        "complexion": ["composition_profile", "control_history"],
        "learning": [
            "calibration_plot", "geometry_heatmap", "learning_curves", "parity", "prediction_profile",
        ],
        "maps": ["plot_map", "plot_map_boxes"],
        "observables": ["plot_observables", "plot_variance"],
        "patterns": ["disorder_maps", "pattern_gallery"],
        "simulated": ["simulated_scan"],
        "scans": [
            "label_groups", "mean_patterns", "patterns_along_scan", "radial_profiles", "region_groups",
        ],
        "ssro": [
            "disorder_boxplots", "disorder_profiles", "motif_densities", "rdf_by_region", "structure_slice",
        ],
    },
)  # fmt: skip
