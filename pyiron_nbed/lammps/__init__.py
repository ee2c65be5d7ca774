"""LAMMPS: protocols as dataclasses, one template each, runs with progress, output as arrays."""
