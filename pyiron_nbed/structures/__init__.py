"""Builders of starting structures, all returning ``ase.Atoms``."""

from pyiron_nbed.structures.bicrystal import bicrystal
from pyiron_nbed.structures.composite import composite
from pyiron_nbed.structures.glass import glass

__all__ = ["bicrystal", "composite", "glass"]
