"""Simulated nanobeam diffraction: volumes, scans, kinematic patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from pyiron_nbed.diffraction.scan import Scan, scan_grid
from pyiron_nbed.diffraction.scattering import Mesh, scattering_factor
from pyiron_nbed.diffraction.volumes import (
    Cylinder,
    Ellipsoid,
    Volume,
    VolumeAtoms,
    VolumeSearch,
    as_volume,
    beam_frame,
)
from pyiron_nbed.errors import InputError

ENGINES = ("cpu", "lammps")

__all__ = [
    "ENGINES",
    "Cylinder",
    "Ellipsoid",
    "Mesh",
    "Scan",
    "Volume",
    "VolumeAtoms",
    "VolumeSearch",
    "as_volume",
    "beam_frame",
    "scan_grid",
    "scattering_factor",
    "simulate_patterns",
]


def simulate_patterns(
    atoms: Atoms,
    centers: np.ndarray,
    volume: Volume,
    mesh: Mesh | None = None,
    zone_axis: Sequence[float] = (0, 0, 1),
    engine: str = "cpu",
    dtype: type = np.float32,
    cores: int | None = None,
) -> np.ndarray:
    """Diffraction pattern of the atoms inside one interaction volume per centre.

    I(k) = |Σ_j f_j(|k|) exp(2πi k·r_j)|² / N on the flat slice k·zone_axis = 0, k = 1/d without
    2π. Image x is the structure's x axis projected into the image plane (see :func:`beam_frame`).

    Args:
        atoms: the structure; lengths in Å; any cell and periodicity.
        centers: (P, 3) centres of the volumes in Å.
        volume: :class:`Cylinder` or :class:`Ellipsoid`.
        mesh: nodes; the default is Mesh(k_max=1.0, delta_k=0.015), 133 × 133 pixels.
        zone_axis: Cartesian direction of the beam.
        engine: "cpu" (numba) or "lammps" (``compute saed``, the reference, slow).
        dtype: float32 or float64.
        cores: threads of the cpu engine; None takes all.

    Returns:
        (P, n, n) raw intensity in Å², rows k_y, columns k_x, 0 outside the disc |k| < k_max.

    Raises:
        InputError: unknown engine, unusable centres, zone axis or dtype, unknown element.
        VolumeError: the volume is larger than the cell, or holds no atoms.
        StructureError: unusable structure.
        LammpsError: the lammps engine cannot run.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", cubic=True) * (8, 8, 8)
        >>> simulate_patterns(atoms, [[14.4, 14.4, 14.4]], Cylinder(radius=5, height=20)).shape
        (1, 133, 133)
    """
    check_engine(engine)
    mesh = Mesh() if mesh is None else mesh
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise InputError(f"dtype is {dtype!r}: give numpy.float32 or numpy.float64.")
    found = VolumeSearch(atoms, volume, zone_axis)(centers, cores)
    symbols = np.array(atoms.get_chemical_symbols())
    return patterns_of_volumes(found, symbols, mesh, engine, dtype, cores)


def patterns_of_volumes(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    engine: str = "cpu",
    dtype: type = np.float32,
    cores: int | None = None,
) -> np.ndarray:
    """Patterns of atoms that were found already; arguments as :func:`simulate_patterns`."""
    if engine == "lammps":
        from pyiron_nbed.diffraction.saed import saed_patterns

        return saed_patterns(volumes, symbols, mesh).astype(dtype)
    from pyiron_nbed.diffraction.kinematic import kinematic_patterns

    return kinematic_patterns(volumes, symbols, mesh, dtype, cores)


def check_engine(engine: str) -> None:
    """Raise InputError for an unknown engine."""
    if engine not in ENGINES:
        raise InputError(f"The engine is {engine!r}: choose one of {', '.join(map(repr, ENGINES))}.")
