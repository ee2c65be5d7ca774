"""Readers of the files of microscopes; :func:`read_scan` finds the one that fits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"scan": ["read_scan"]})
