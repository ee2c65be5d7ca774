"""Checked arguments of the observables of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyiron_nbed.checks import interval, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.fluctuation import PARTS
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.units import to_unit


def positions_of(given: Any) -> tuple[int, ...]:
    """(Ny, Nx), or (P,) of a number of positions.

    Raises:
        InputError: something else.

    Example:
        >>> positions_of([2, 3]), positions_of(6)
        ((2, 3), (6,))
    """
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return tuple(whole(side, "positions", 1) for side in given)
    return (whole(given, "positions", 1, hint="or (Ny, Nx)"),)


def pixels_of(given: Any, name: str, mesh: Mesh) -> np.ndarray:
    """(n, n) bool, all True for None.

    Raises:
        InputError: something else.

    Example:
        >>> bool(pixels_of(None, "mask", Mesh(1.0, 0.1)).all())
        True
    """
    if given is None:
        return np.ones(mesh.shape, bool)
    pixels = np.asarray(given)
    if pixels.dtype != bool or pixels.shape != mesh.shape:
        raise InputError(f"{name} is {shown(given)}: give {mesh.shape} of True and False, or None.")
    return pixels


def detectors_of(given: Any, mesh: Mesh, seen: np.ndarray) -> dict[str, np.ndarray]:
    """Flat numbers of the pixels of each detector that are seen.

    Args:
        given: {name: (k_1, k_2) in Å⁻¹ or (n, n) bool}.
        mesh: of the patterns.
        seen: (n, n) bool.

    Raises:
        InputError: something else, or a detector without a pixel that is seen.

    Example:
        >>> mesh = Mesh(1.0, 0.1)
        >>> detectors_of({"centre": (0, 0.05)}, mesh, mesh.disc)
        {'centre': array([180])}
    """
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InputError(f"dark_fields is {shown(given)}: give {{name: (k_1, k_2) or (n, n) bool}}, or None.")
    found = {}
    for name, detector in given.items():
        if isinstance(detector, np.ndarray) and detector.ndim == 2:
            inside = pixels_of(detector, f"The dark field {name!r}", mesh)
        else:
            annulus = to_unit(detector, "1/angstrom", f"The dark field {name!r}")
            low, high = interval(annulus, f"The dark field {name!r}", 0, unit="Å⁻¹")
            inside = (mesh.k >= low) & (mesh.k < high)
        if not (inside & seen).any():
            raise InputError(f"The dark field {name!r} holds no pixel that is seen: give another one.")
        found[name] = np.flatnonzero(inside & seen)
    return found


def runs_of(given: Any, positions: tuple[int, ...], name_of_all: str) -> dict[str, np.ndarray]:
    """For each region the number of the run that each position belongs to, −1 outside of it.

    Args:
        given: {name: (Ny, Nx) bool} or None.
        positions: (Ny, Nx) or (P,).
        name_of_all: name of the region of all positions, which comes first.

    Raises:
        InputError: something else, or a region without positions.

    Example:
        >>> runs = runs_of({"left": np.array([[True, False]])}, (1, 2), "all")
        >>> {name: run.tolist() for name, run in runs.items()}
        {'all': [0, 1], 'left': [0, -1]}
    """
    regions = {name_of_all: np.ones(positions, bool)}
    if given is not None:
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise InputError(f"regions is {shown(given)}: give {{name: positions of True}}, or None.")
        if name_of_all in given:
            raise InputError(f"regions holds {name_of_all!r}, the name of all positions: give another name.")
        regions |= given
    found = {}
    count = int(np.prod(positions))
    for name, region in regions.items():
        own = np.asarray(region)
        if own.dtype != bool or own.shape not in (positions, (count,)) or not own.any():
            raise InputError(
                f"The region {name!r} is {shown(region)}: give {positions} of True and False, with some True."
            )
        rows = np.flatnonzero(own)
        run = np.full(count, -1)
        run[rows] = np.arange(len(rows)) * PARTS // max(len(rows), PARTS)
        found[name] = run
    return found
