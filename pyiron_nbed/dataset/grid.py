"""Regular scans among the patterns of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyiron_nbed.dataset.reader import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.frames import beam_frame

TOLERANCE = 1e-3  # Å; positions closer than this are one


@dataclass(frozen=True)
class ScanGrid:
    """Patterns on a regular grid, along the axes of the image (:func:`beam_frame`).

    Attributes:
        rows: (Nz, Ny, Nx) row of each pattern in the file; z along the beam, x and y as k_x and k_y.
        step: (z, y, x) distance between positions in Å, 0 along an axis with one position.
        origin: (z, y, x) of the first position in Å.
    """

    rows: np.ndarray
    step: tuple[float, float, float]
    origin: tuple[float, float, float]


def find_grid(centers: np.ndarray, zone_axis: Sequence[float] | np.ndarray = (0, 0, 1)) -> ScanGrid | None:
    """The regular grid that positions form, in whatever order they come.

    Args:
        centers: (P, 3) in Å.
        zone_axis: (3,) direction of the beam.

    Returns:
        The grid, or None where the positions are no complete grid with one step along each axis.

    Example:
        >>> find_grid([[5, 0, 0], [0, 0, 0], [0, 2, 0], [5, 2, 0]]).rows.tolist()
        [[[1, 0], [2, 3]]]
    """
    positions = np.asarray(centers, float) @ beam_frame(zone_axis)[::-1].T
    places, levels = [], []
    for column in positions.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        first = np.diff(ordered, prepend=-np.inf) > TOLERANCE
        place = np.empty(len(order), int)
        place[order] = np.cumsum(first) - 1
        places.append(place)
        levels.append(ordered[first])
    shape = tuple(len(level) for level in levels)
    steps = [np.diff(level) for level in levels]
    if np.prod(shape, dtype=float) != len(positions) or any(
        len(s) and np.ptp(s) > 2 * TOLERANCE for s in steps
    ):
        return None
    flat = np.ravel_multi_index(tuple(places), shape)
    rows = np.full(len(flat), -1)
    rows[flat] = np.arange(len(flat))
    if (rows < 0).any():
        return None
    z, y, x = (float(s.mean()) if len(s) else 0.0 for s in steps)
    return ScanGrid(rows.reshape(shape), (z, y, x), tuple(float(level[0]) for level in levels))  # type: ignore[arg-type]


def find_scan(dataset: PatternDataset, structure: int = 0, volume: int = 0, zone_axis: int = 0) -> ScanGrid:
    """The scan over one structure with one volume along one zone axis.

    Args:
        dataset: the file.
        structure: row in ``dataset.structures``.
        volume: row in ``dataset.volumes``.
        zone_axis: number of the zone axis of these patterns, in the order of the file.

    Returns:
        The grid; ``grid.rows[k]`` is a plane of the scan, (Ny, Nx) rows of the file.

    Raises:
        InputError: no such patterns, or they do not form a regular grid.
    """
    rows = np.flatnonzero((dataset.structure == structure) & (dataset.volume == volume))
    axes, first = np.unique(dataset.zone_axes[rows], axis=0, return_index=True)
    axes = axes[np.argsort(first)]
    if not 0 <= zone_axis < len(axes):
        raise InputError(
            f"There is no scan of structure {structure}, volume {volume}, zone axis {zone_axis}: the file "
            f"has {len(dataset.structures)} structures, {len(dataset.volumes)} volumes and, for these, "
            f"{len(axes)} zone axes, counted from 0."
        )
    rows = rows[(dataset.zone_axes[rows] == axes[zone_axis]).all(axis=1)]
    grid = find_grid(dataset.centers[rows], axes[zone_axis])
    if grid is None:
        raise InputError(
            f"The {len(rows)} patterns of structure {structure}, volume {volume}, zone axis {zone_axis} do "
            "not form a regular grid along the axes of the image: give rows."
        )
    return ScanGrid(rows[grid.rows], grid.step, grid.origin)
