"""Measured scans: read the file of a microscope, calibrate it, bring its frames onto the mesh of a recipe."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "estimation": ["calibrate"],
        "calibration": ["Calibration"],
        "camera": ["Camera"],
        "simulation": ["SimulatedScan", "scan_positions", "simulate_scan"],
        "simulated_file": ["scan_truth", "write_simulated_scan"],
        "truth": ["ScanTruth"],
        "descan": ["Descan"],
        "disorder_map": ["DisorderMap"],
        "map_tables": ["compare_maps"],
        "mapping": ["map_scan"],
        "measured": ["MeasuredScan"],
        "preparation": ["PreparedPatterns", "prepare"],
        "writing.scan": ["write_scan"],
        "writing.writer": ["ScanWriter"],
        "reading.scan": ["read_scan"],
        "correlations": ["correlation_table"],
        "observables": ["ObservablePass", "scan_observables"],
        "observables_result": ["Observables"],
    },
)
