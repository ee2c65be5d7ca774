"""What a finished NBEDDataset job shows and exports."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.figure import Figure

from pyiron_nbed import figures
from pyiron_nbed.dataset import PatternDataset, find_scan
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro import DISORDER_NAMES, disorder_parameter


class DatasetResults:
    """Figures and exports of a job with ``dataset``; one call each.

    ``structure``, ``volume`` and ``zone_axis`` are the numbers of a scan, see
    :func:`pyiron_nbed.dataset.find_scan`.
    """

    folder: Any

    @property
    def dataset(self) -> PatternDataset:
        """The patterns with their labels."""
        raise NotImplementedError

    def source_structures(self) -> list[Atoms]:
        """The structures."""
        raise NotImplementedError

    def plot_gallery(self, count: int = 8, label: str = "disorder_parameter") -> Figure:
        """Patterns from the lowest to the highest value of a label."""
        data = self.dataset
        values = data.label(label)
        places = np.unique(np.linspace(0, len(values) - 1, count).round().astype(int))
        rows = np.argsort(values, kind="stable")[places]
        return figures.pattern_gallery(data.patterns[rows], values[rows], data.mesh, label=_shown(label))

    def plot_regions(self) -> Figure:
        """Mean pattern and standard deviation of each region."""
        data = self.dataset
        patterns: Any = data.patterns  # read from disc piece by piece
        return figures.mean_patterns(
            patterns, data.mesh, figures.region_groups(data.region, data.region_types)
        )

    def plot_radial(self, by: str = "region", classes: int = 3) -> Figure:
        """I(k) and azimuthal variance of each region, or of classes of a label (``by="q6"``)."""
        data = self.dataset
        patterns: Any = data.patterns  # read from disc piece by piece
        if by == "region":
            groups = figures.region_groups(data.region, data.region_types)
        else:
            groups = figures.label_groups(data.label(by), classes)
        return figures.radial_profiles(patterns, data.mesh, groups)

    def plot_scan(
        self, structure: int = 0, volume: int = 0, label: str = "disorder_parameter", **options: Any
    ) -> Figure:
        """Patterns along x through the middle of the structure, for the first zone axis, which is z or y.

        Further options go to :func:`pyiron_nbed.figures.patterns_along_scan`.
        """
        data = self.dataset
        line, _ = find_scan(data, structure, volume).line()
        beam = np.abs(data.zone_axes[line[0]])
        normal = int(np.argmax(beam))
        if np.count_nonzero(beam) > 1 or normal == 0:
            raise InputError("plot_scan needs a zone axis along z or y: use figures.patterns_along_scan.")
        atoms = self.source_structures()[structure]
        if not any(name in atoms.arrays for name in DISORDER_NAMES):
            atoms = atoms.copy()
            atoms.set_array("disorder_parameter", disorder_parameter(atoms))
        radius = getattr(data.volumes[volume], "radius", None)
        return figures.patterns_along_scan(
            atoms, data.patterns[line], data.centers[line], data.label(label)[line], data.mesh,
            radius=radius, normal=normal, label=_shown(label), **options,
        )  # fmt: skip

    def write_hyperspy(self, path: str | os.PathLike | None = None, **options: Any) -> str:
        """Patterns for HyperSpy and pyxem; options as :func:`pyiron_nbed.dataset.export.write_hyperspy`."""
        path = os.fspath(path or self.folder / "patterns.hspy")
        write_hyperspy(path, self.dataset, **options)
        return path

    def write_py4dstem(
        self,
        path: str | os.PathLike | None = None,
        plane: int | None = None,
        structure: int = 0,
        volume: int = 0,
        zone_axis: int = 0,
    ) -> str:
        """One plane of a scan for py4DSTEM, counted along the beam; None takes the middle one."""
        path = os.fspath(path or self.folder / "patterns_py4dstem.h5")
        rows = find_scan(self.dataset, structure, volume, zone_axis).rows
        number = len(rows) // 2 if plane is None else plane
        if not 0 <= number < len(rows):
            raise InputError(f"There is no plane {plane!r}: the scan has {len(rows)}, counted from 0.")
        write_py4dstem(path, self.dataset, rows=rows[number])
        return path


def _shown(label: str) -> str:
    return figures.style.label_text(label)
