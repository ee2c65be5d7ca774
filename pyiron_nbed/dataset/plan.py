"""What a pattern file will hold: every combination of structure, volume and zone axis with its centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import direction, is_number, shown
from pyiron_nbed.containers import listed
from pyiron_nbed.dataset.splits import check_different
from pyiron_nbed.diffraction import OneLayerCluster, Volume, VolumeSearch, as_volume
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.geometry.frames import random_zone_axes
from pyiron_nbed.parallel import thread_count
from pyiron_nbed.patterns.plan import ScanPlan, scan_plan
from pyiron_nbed.patterns.scan import Scan, scan_grid, scan_points
from pyiron_nbed.provenance import hash_of, structure_id


def check_combination(
    structures: Any, volumes: Any, zone_axes: Any
) -> tuple[list[Atoms], list[Volume], list]:
    """What is scanned, as lists.

    Args:
        structures, volumes, zone_axes: as :func:`pyiron_nbed.dataset.build_dataset`.

    Returns:
        (structures, volumes, zone axes).

    Raises:
        InputError: no lists of at least one, or one of them twice: training and test would share its
            patterns.
        StructureError: an unusable structure.

    Example:
        >>> check_combination([Atoms("Cu")], [], [(0, 0, 1)])
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: volumes is []: give a list of volumes, at least one.
    """
    structures = listed(structures, "structures", "structures")
    for atoms in structures:
        check_atoms(atoms)
    volumes = [as_volume(volume) for volume in listed(volumes, "volumes", "volumes")]
    axes = listed(
        list(zone_axes) if isinstance(zone_axes, np.ndarray) else zone_axes, "zone_axes", "directions"
    )
    if len(axes) > 1 and all(map(is_number, axes)):
        raise InputError(f"zone_axes is {shown(zone_axes)}: give a list of directions, such as [(0, 0, 1)].")
    units = [direction(axis, "The zone axis") for axis in axes]
    for number, unit in enumerate(units):
        if any(unit.shape == other.shape and np.allclose(unit, other, atol=1e-9) for other in units[:number]):
            raise InputError(f"The zone axis {shown(axes[number])} is given twice: give each direction once.")
    check_different([structure_id(atoms) for atoms in structures], "atoms")
    check_different([hash_of(volume.as_dict()) for volume in volumes], "volumes")
    return structures, volumes, axes


def plan_scans(
    structures: Sequence[Atoms],
    volumes: Sequence[Volume],
    zone_axes: Sequence[Sequence[float]] = ((0, 0, 1),),
    scan: ScanPlan | float | Sequence[float | None] | None = None,
    cores: int | None = None,
    **options: Any,
) -> list[Scan]:
    """Centres and zone axes of all patterns, in the order of the file; nothing is computed or written.

    Args:
        structures, volumes, zone_axes, scan, cores: as :func:`pyiron_nbed.dataset.build_dataset`, also the
            options of :class:`pyiron_nbed.patterns.plan.ScanPlan` one by one.

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
    plan = scan_plan(scan, **options)
    cores = thread_count(cores)
    structures, volumes, zone_axes = check_combination(structures, volumes, zone_axes)
    if plan.margin and all(all(atoms.pbc) for atoms in structures):
        raise InputError(
            f"The margin of {plan.margin:g} Å is kept along open axes, and all structures are periodic "
            "along all: "
            "set margin = 0, or give limits."
        )
    points = plan.points_in(len(structures))
    if any(isinstance(volume, OneLayerCluster) for volume in volumes):
        plan.check_no_grid(
            "one-layer clusters have none: leave them out, and give the atoms to take as points"
        )
    scans: list[Scan] = []
    first = 0
    for s, atoms in enumerate(structures):
        for v, volume in enumerate(volumes):
            axes = None
            if isinstance(volume, OneLayerCluster):
                around = atoms.positions if points is None else points[s]
                VolumeSearch(atoms, volume)(around, cores)  # raises what does not fit
                centers = np.tile(around, (plan.axes_per_cluster, 1))
                found = [scan_points(centers)]
                axes = random_zone_axes(len(centers), plan.seed + first)
            elif points is None:
                found = [scan_grid(atoms, plan, axis) for axis in zone_axes]
            else:
                found = [scan_points(points[s], axis) for axis in zone_axes]
            for own in found:
                kept = own if axes is not None else _occupied(atoms, volume, own, plan.empty, cores)
                scans.append(replace(kept, structure=s, volume=v, first=first, zone_axes=axes))
                first = scans[-1].rows.stop
    if not first:
        raise VolumeError("No volume holds atoms: move the scan into the structure or enlarge the volumes.")
    return scans


def views_of(scans: Sequence[Scan], axes_per_cluster: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Which patterns show the same volume: one centre in one structure, seen along several directions.

    Args:
        scans: of :func:`plan_scans`.
        axes_per_cluster: zone axes of each one-layer cluster among them.

    Returns:
        (P,) number of the volume, 0, 1, … in the order of the first views, and (P,) number of the view of it.

    Raises:
        InputError: no scans.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> axes = [(0, 0, 1), (1, 0, 0)]
        >>> atoms = bulk("Cu", cubic=True) * (6, 6, 6)
        >>> sample, view = views_of(plan_scans([atoms], [Cylinder(5, 9)], axes, step=(11, None, None)))
        >>> sample.tolist(), view.tolist()
        ([0, 1, 0, 1], [0, 0, 1, 1])
    """
    samples, views = [], []
    scans = listed(scans, "scans", "scans")
    first = many = number = 0
    before = None
    for scan in scans:
        combination = scan.structure, scan.volume
        number = number + 1 if combination == before else 0
        first += 0 if number else many
        before = combination
        many = int(np.prod(scan.shape))
        place = np.arange(len(scan.centers)) if scan.kept is None else scan.kept
        view = np.full(len(place), number)
        if scan.zone_axes is not None:  # all clusters once, and again along other axes
            many //= axes_per_cluster
            place, view = place % many, place // many
        samples.append(first + place)
        views.append(view)
    return np.unique(np.concatenate(samples), return_inverse=True)[1], np.concatenate(views)


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
            "the structure with limits or margin, or enlarge the volume."
        )
    return replace(scan, centers=scan.centers[full], kept=np.flatnonzero(full))
