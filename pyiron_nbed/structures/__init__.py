"""Builders of starting structures, all returning ``ase.Atoms``."""

from pyiron_nbed.structures.bicrystal import bicrystal
from pyiron_nbed.structures.composite import composite
from pyiron_nbed.structures.random_alloy import glass as glass  # its earlier name, for one release more
from pyiron_nbed.structures.random_alloy import random_alloy

__all__ = ["bicrystal", "composite", "random_alloy"]
