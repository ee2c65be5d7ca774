"""NBEDDataset: simulated patterns of a scan, with labels, in one file."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pyiron_nbed.checks import one_of
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.dataset.labels import check_labels
from pyiron_nbed.dataset.plan import plan_scans
from pyiron_nbed.dataset.writer import DTYPES, check_origins
from pyiron_nbed.diffraction import as_volume, check_engine
from pyiron_nbed.diffraction.multislice import MultisliceOptions, multislice_options
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.jobs import dataset_results
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.sources import as_list, builtin, origins_of
from pyiron_nbed.locking import locked
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.patterns.plan import ScanPlan
from pyiron_nbed.provenance import file_hash
from pyiron_nbed.units import plain_values

PATTERN_FILE = "patterns.h5"
_SCAN = ("step", "order", "margin", "limits", "points", "empty", "axes_per_cluster", "seed")
_SAME = ("engine", "dtype", "labels", "multislice")


class NBEDDataset(AtomsJob):
    """Diffraction patterns of volumes on a grid through ``sources``: atoms, jobs, files, one or several.

    ``input.volume`` (or ``input.volumes``, a list), ``input.zone_axis`` (one direction or a list of
    directions), ``input.mesh``, ``input.engine``, ``input.dtype``; the other inputs are the arguments of
    :func:`pyiron_nbed.dataset.build_dataset`: ``step``, ``order``, ``margin``, ``limits`` (Å) or ``points``,
    ``empty``, ``labels`` (None: all), ``origins`` (None: of jobs the simulation they come from),
    ``multislice`` (a dict of options of that engine).
    :attr:`dataset` opens the result. A job that was killed goes on after the last complete pattern when it
    is run again.
    """

    units = dict.fromkeys(("step", "margin", "limits", "points"), "angstrom")

    def defaults(self):
        """Sources, geometry, mesh and engine."""
        return {
            **super().defaults(),
            "volume": None, "volumes": None, "step": 2.5, "zone_axis": [0, 0, 1],
            "mesh": Mesh().as_dict(), "engine": "cpu", "dtype": "float16", "labels": None,
            "axes_per_cluster": 1, "seed": 0, "order": "raster", "margin": 0.0, "limits": None,
            "points": None, "empty": "error", "origins": None, "multislice": None,
        }  # fmt: skip

    def take_old_inputs(self, stored):
        """``sources`` were the names of what the structures come from, ``region`` the limits of the scan."""
        names = list(self.input.keys())
        if stored and "origins" not in names and "sources" in names:
            self.input["origins"] = self.input.pop("sources")
        if "region" in names:
            region = self.input.pop("region")
            if not stored and region is not None and self.input.limits is not None:
                raise InputError(
                    "The inputs limits and region are set, and region is its earlier name: give limits alone."
                )
            self.input["limits"] = region
        super().take_old_inputs(stored)

    def plain_input(self):
        """Quantities as numbers; sources, volumes, mesh and options as dicts."""
        super().plain_input()
        if self.input.volume is not None:
            self.input.volume = as_volume(builtin(self.input.volume)).as_dict()
        if self.input.volumes is not None:
            self.input.volumes = [as_volume(v).as_dict() for v in as_list(self.input.volumes)]
        self.input.mesh = as_mesh(builtin(self.input.mesh)).as_dict()
        if isinstance(self.input.multislice, MultisliceOptions):
            self.input.multislice = asdict(self.input.multislice)
        if self.input.multislice is not None:
            self.input.multislice = plain_values(builtin(self.input.multislice), MultisliceOptions)

    def check_input(self):
        """Source, volumes, scan, mesh and engine; a search finds volumes without atoms."""
        structures = self.source_structures()
        scan, settings = self._scan(), self._settings()
        check_engine(settings["engine"], scan["volumes"])
        multislice_options(settings["multislice"], settings["engine"], settings["mesh"])
        one_of(settings["dtype"], "dtype", DTYPES)
        check_labels(settings["labels"])
        for atoms in structures:
            check_atoms(atoms, minimum_distance=0.5)
        check_origins(settings["origins"], structures)
        plan_scans(structures, cores=self.server.cores, **scan)

    def compute(self):
        """Write ``patterns.h5``; the output holds its hash and size."""
        path, given = self.folder / PATTERN_FILE, {**self._scan(), **self._settings()}
        with locked(self.folder):
            n = build_dataset(path, self.source_structures(), cores=self.server.cores, **given)
        skipped = self.dataset.provenance["n_skipped"]
        return {"n_patterns": n, "n_skipped": skipped, "file": PATTERN_FILE, "hash": file_hash(path)}

    def result_hash(self):
        """Hash of all that decides the content of the pattern file; None where the file is gone."""
        with contextlib.suppress(DatasetError):
            return self.dataset.input_hash
        return None

    @property
    def dataset(self) -> PatternDataset:
        """The patterns with their labels."""
        return PatternDataset(self.folder / PATTERN_FILE)

    plot_gallery = dataset_results.plot_gallery
    plot_regions = dataset_results.plot_regions
    plot_radial = dataset_results.plot_radial
    plot_scan = dataset_results.plot_scan
    write_hyperspy = dataset_results.write_hyperspy
    write_py4dstem = dataset_results.write_py4dstem

    def _scan(self) -> dict[str, Any]:
        # what plan_scans is called with
        one, many = builtin(self.input.volume), builtin(self.input.volumes)
        if (one is None) == (many is None):
            raise InputError(
                "NBEDDataset needs either input.volume or input.volumes: assign for example "
                "job.input.volume = Cylinder(radius=5, height=20)."
            )
        return {
            "volumes": [as_volume(v) for v in (many if one is None else [one])],
            "zone_axes": as_axes(builtin(self.input.zone_axis)),
            "scan": ScanPlan(**self._values(_SCAN)),
        }

    def _settings(self) -> dict[str, Any]:
        # the other arguments of build_dataset
        origins = builtin(self.input.origins) or origins_of(self.located("sources"))
        return {
            "mesh": as_mesh(builtin(self.input.mesh)),
            "origins": origins,
            **self._values(_SAME),
        }


def as_axes(given: Any) -> Any:
    """One direction, or several, as a list; anything else stays as it is, for the checks to refuse.

    Example:
        >>> as_axes([0, 0, 1]), as_axes([[0, 0, 1], [1, 0, 0]])
        ([[0, 0, 1]], [[0, 0, 1], [1, 0, 0]])
    """
    several = isinstance(given, Sequence | np.ndarray) and any(map(_is_axis, given))
    return given if several else [given]


def _is_axis(part: Any) -> bool:
    return isinstance(part, Sequence | np.ndarray) and not isinstance(part, str)
