"""What a pattern file will hold: every combination of structure, volume and zone axis with its centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from pyiron_nbed.diffraction import OneLayerCluster, Scan, Volume, VolumeSearch, scan_grid, scan_points
from pyiron_nbed.diffraction.search import EMPTY
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.geometry.frames import random_zone_axes


@dataclass(frozen=True)
class FileScan(Scan):
    """Scan of one structure with one volume, and its rows in a pattern file.

    A map of any values of the patterns is ``scan.on_grid(values[scan.rows])``.

    Attributes:
        structure, volume: rows in the lists of the file.
        first: row of the first centre.
        zone_axes: (P, 3) beam direction at each centre in place of the one of the scan, or None.
    """

    structure: int = 0
    volume: int = 0
    first: int = 0
    zone_axes: np.ndarray | None = None

    @property
    def rows(self) -> slice:
        """Its patterns, in the order of the scan."""
        return slice(self.first, self.first + len(self.centers))

    def as_dict(self) -> dict:
        """JSON form, see ``scans`` in :mod:`pyiron_nbed.dataset.schema`."""
        names = ("structure", "volume", "zone_axis", "shape", "step", "order", "first")
        return {**{name: getattr(self, name) for name in names}, "n": len(self.centers)}


def plan_scans(
    structures: Sequence[Atoms],
    volumes: Sequence[Volume],
    zone_axes: Sequence[Sequence[float]] = ((0, 0, 1),),
    step: float | Sequence[float | None] = 2.5,
    order: str = "raster",
    margin: float = 0.0,
    region: Sequence[Sequence[float] | None] | None = None,
    points: np.ndarray | Sequence[np.ndarray] | None = None,
    axes_per_cluster: int = 1,
    seed: int = 0,
    empty: str = "error",
    cores: int | None = None,
) -> list[FileScan]:
    """Centres and zone axes of all patterns, in the order of the file; nothing is computed or written.

    Args:
        structures, volumes, zone_axes, step, order, margin, region, points, axes_per_cluster, seed, empty,
            cores: as :func:`pyiron_nbed.dataset.build_dataset`.

    Returns:
        The scans; clusters count as scans over points with a zone axis each.

    Raises:
        InputError, StructureError: unusable structures, scans or points.
        VolumeError: a volume that does not fit, or holds no atoms.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> scans = plan_scans([bulk("Cu", cubic=True) * (6, 6, 6)], [Cylinder(5, 20)], step=(7, 7, None))
        >>> scans[0].shape, scans[0].rows
        ((4, 4, 1), slice(0, 16, None))
    """
    if not (len(structures) and len(volumes) and len(zone_axes)):
        raise InputError(
            f"There are {len(structures)} structures, {len(volumes)} volumes and {len(zone_axes)} zone axes: "
            "give at least one of each."
        )
    if empty not in EMPTY:
        raise InputError(f"empty is {empty!r}: choose one of {', '.join(map(repr, EMPTY))}.")
    if not isinstance(axes_per_cluster, (int, np.integer)) or axes_per_cluster < 1:
        raise InputError(f"axes_per_cluster is {axes_per_cluster!r}: give a whole number of at least 1.")
    given = _points(points, len(structures))
    clusters = any(isinstance(volume, OneLayerCluster) for volume in volumes)
    if (given is not None or clusters) and (order != "raster" or margin or region is not None):
        what = "points take its place" if given is not None else "one-layer clusters have none"
        raise InputError(
            f"order, margin and region belong to a grid, and {what}: leave them out"
            f"{'' if given is not None else ', and give the atoms to take as points'}."
        )
    scans: list[FileScan] = []
    first = 0
    for s, atoms in enumerate(structures):
        for v, volume in enumerate(volumes):
            axes = None
            if isinstance(volume, OneLayerCluster):
                around = atoms.positions if given is None else given[s]
                VolumeSearch(atoms, volume)(around, cores)  # raises what does not fit
                centers = np.tile(around, (axes_per_cluster, 1))
                found = [scan_points(centers)]
                axes = random_zone_axes(len(centers), seed + first)
            elif given is None:
                found = [scan_grid(atoms, step, axis, margin, order, region) for axis in zone_axes]
            else:
                found = [scan_points(given[s], axis) for axis in zone_axes]
            for scan in found:
                kept = scan if axes is not None else _occupied(atoms, volume, scan, empty, cores)
                scans.append(FileScan(**vars(kept), structure=s, volume=v, first=first, zone_axes=axes))
                first = scans[-1].rows.stop
    if not first:
        raise VolumeError("No volume holds atoms: move the scan into the structure or enlarge the volumes.")
    return scans


def _occupied(atoms: Atoms, volume: Volume, scan: Scan, empty: str, cores: int | None) -> Scan:
    # the scan without its empty volumes
    full = VolumeSearch(atoms, volume, scan.zone_axis).occupied(scan.centers, cores)
    if full.all():
        return scan
    if empty == "error":
        missing = np.flatnonzero(~full)
        shown = "; ".join(np.array2string(scan.centers[row], precision=2) for row in missing[:5])
        raise VolumeError(
            f"{len(missing)} of {len(full)} volumes hold no atoms; centres in Å: {shown}"
            f"{' …' if len(missing) > 5 else ''}: set empty = 'skip' to leave them out, keep the scan inside "
            "the structure with region or margin, or enlarge the volume."
        )
    return replace(scan, centers=scan.centers[full], kept=np.flatnonzero(full))


def _points(points: np.ndarray | Sequence[np.ndarray] | None, n: int) -> list[np.ndarray] | None:
    # centres in each of n structures
    if points is None:
        return None
    try:
        one = np.ndim(points[0]) == 1
        arrays: list = [points] * n if one else list(points)
        centers = [scan_points(array).centers for array in arrays]
    except (TypeError, IndexError, KeyError):
        raise InputError(f"The points are {points!r}: give positions in Å of shape (P, 3).") from None
    if len(centers) != n:
        raise InputError(
            f"There are {len(centers)} arrays of points for {n} structures: give one (P, 3) array for all, "
            "or a list with one for each."
        )
    return centers
