"""Structural short-range order of atoms: plain functions on ``ase.Atoms``."""

from pyiron_nbed.ssro.disorder import bond_order, disorder_and_bond_order, disorder_parameter
from pyiron_nbed.ssro.neighbors import nearest_neighbors

__all__ = ["bond_order", "disorder_and_bond_order", "disorder_parameter", "nearest_neighbors"]
