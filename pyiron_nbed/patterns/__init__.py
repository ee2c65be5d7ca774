"""Where simulation and experiment meet: mesh, recipe, scans, stacks, detector effects; torch when applied."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "effects": ["DetectorEffects"],
        "grid": ["Grid", "NavigationAxis", "find_grid"],
        "mesh": ["Mesh"],
        "recipe": ["Recipe"],
        "plan": ["ScanPlan"],
        "scan": ["Scan", "scan_grid", "scan_points"],
        "stack": ["PatternStack"],
    },
)
