"""Cells, neighbours and directions: what structures, short-range order and diffraction share."""
