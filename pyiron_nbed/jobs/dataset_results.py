"""What a finished NBEDDataset job shows and exports: functions of the job, which are its methods too.

``structure``, ``volume`` and ``zone_axis`` are the numbers of a scan, see
:func:`pyiron_nbed.dataset.find_scan`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed import figures
from pyiron_nbed.checks import whole
from pyiron_nbed.dataset import export, find_scan
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro import DISORDER_NAMES, disorder_parameter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyiron_nbed.jobs.dataset import NBEDDataset


def plot_gallery(job: NBEDDataset, count: int = 8, label: str = "disorder_parameter") -> Figure:
    """Patterns from the lowest to the highest value of a label."""
    data = job.dataset
    values = data.label(label)
    places = np.unique(np.linspace(0, len(values) - 1, whole(count, "count", 1)).round().astype(int))
    rows = np.argsort(values, kind="stable")[places]
    return figures.pattern_gallery(data.patterns[rows], values[rows], data.mesh, label=shown(label))


def plot_regions(job: NBEDDataset) -> Figure:
    """Mean pattern and standard deviation of each region."""
    data = job.dataset
    patterns: Any = data.patterns  # read from disc piece by piece
    return figures.mean_patterns(patterns, data.mesh, figures.region_groups(data.region, data.region_types))


def plot_radial(job: NBEDDataset, by: str = "region", classes: int = 3) -> Figure:
    """I(k) and azimuthal variance of each region, or of classes of a label (``by="q6"``)."""
    data = job.dataset
    patterns: Any = data.patterns  # read from disc piece by piece
    if by == "region":
        groups = figures.region_groups(data.region, data.region_types)
    else:
        groups = figures.label_groups(data.label(by), classes)
    return figures.radial_profiles(patterns, data.mesh, groups)


def plot_scan(
    job: NBEDDataset, structure: int = 0, volume: int = 0, label: str = "disorder_parameter", **options: Any
) -> Figure:
    """Patterns along x through the middle of the structure, for the first zone axis, which is z or y.

    Further options go to :func:`pyiron_nbed.figures.patterns_along_scan`.
    """
    data = job.dataset
    line, _ = find_scan(data, structure, volume).line()
    beam = np.abs(data.zone_axes[line[0]])
    normal = int(np.argmax(beam))
    if np.count_nonzero(beam) > 1 or normal == 0:
        raise InputError("plot_scan needs a zone axis along z or y: use figures.patterns_along_scan.")
    atoms = job.source_structures()[structure]
    if not any(name in atoms.arrays for name in DISORDER_NAMES):
        atoms = atoms.copy()
        atoms.set_array("disorder_parameter", disorder_parameter(atoms))
    radius = getattr(data.volumes[volume], "radius", None)
    return figures.patterns_along_scan(
        atoms, data.patterns[line], data.centers[line], data.label(label)[line], data.mesh,
        radius=radius, normal=normal, label=shown(label), **options,
    )  # fmt: skip


def write_hyperspy(job: NBEDDataset, path: str | os.PathLike | None = None, **options: Any) -> str:
    """Patterns for HyperSpy and pyxem; options as :func:`pyiron_nbed.dataset.export.write_hyperspy`."""
    path = os.fspath(path or job.folder / "patterns.hspy")
    export.write_hyperspy(path, job.dataset, **options)
    return path


def write_py4dstem(
    job: NBEDDataset,
    path: str | os.PathLike | None = None,
    plane: int | None = None,
    structure: int = 0,
    volume: int = 0,
    zone_axis: int = 0,
    overwrite: bool = False,
) -> str:
    """One plane of a scan for py4DSTEM, counted along the beam; None takes the middle one."""
    path = os.fspath(path or job.folder / "patterns_py4dstem.h5")
    rows = find_scan(job.dataset, structure, volume, zone_axis).rows
    number = len(rows) // 2 if plane is None else whole(plane, "plane", 0, hint="or None for the middle")
    if number >= len(rows):
        raise InputError(f"There is no plane {plane!r}: the scan has {len(rows)}, counted from 0.")
    export.write_py4dstem(path, job.dataset, rows=rows[number], overwrite=overwrite)
    return path


def shown(label: str) -> str:
    """Name of a label in a figure."""
    return figures.style.label_text(label)
