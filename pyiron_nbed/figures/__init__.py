"""One function per figure; each returns a matplotlib Figure."""

from pyiron_nbed.figures.complexion import composition_profile, control_history
from pyiron_nbed.figures.patterns import disorder_maps, parity, pattern_gallery, prediction_profile

__all__ = [
    "composition_profile",
    "control_history",
    "disorder_maps",
    "parity",
    "pattern_gallery",
    "prediction_profile",
]
