"""NBEDScan: a simulated scan in the file of a microscope, with its truth beside."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed.checks import one_of
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset.labels import atom_values, check_labels
from pyiron_nbed.diffraction import as_volume
from pyiron_nbed.diffraction.multislice import MultisliceOptions
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.camera import Camera
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.reading.scan import read_scan
from pyiron_nbed.experiment.simulated_file import LABELS, check_format, truth_path, write_simulated_scan
from pyiron_nbed.experiment.simulation import SimulatedScan, simulate_scan
from pyiron_nbed.experiment.truth import ScanTruth
from pyiron_nbed.experiment.writing.formats import FORMATS
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.sources import builtin
from pyiron_nbed.locking import locked
from pyiron_nbed.provenance import file_hash
from pyiron_nbed.units import plain_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "scan"
_SCAN = ("step", "limits", "depth", "positions", "zone_axis", "engine")


class NBEDScan(AtomsJob):
    """The scan that a camera would measure of the structure in ``sources``, written as a microscope does.

    ``input.volume``, ``input.camera`` (:class:`pyiron_nbed.experiment.Camera` or a dict of its fields),
    ``input.format`` (".mib", ".raw", ".hspy", ".h5" or ".npy"); the other inputs are the arguments of
    :func:`pyiron_nbed.experiment.simulate_scan`: ``step``, ``limits`` and ``depth``, or ``positions`` (Å),
    ``zone_axis``, ``engine``, ``multislice``; and ``labels`` (None: all). :meth:`get_scan` opens the file,
    :meth:`get_truth` what is true of it. A job that was killed goes on after the last frames that were
    written when it is run again.
    """

    units = dict.fromkeys(("step", "limits", "depth", "positions"), "angstrom")

    def defaults(self):
        """Source, volume, positions, camera and file."""
        return {
            **super().defaults(),
            "volume": None, "camera": None, "step": None, "limits": None, "depth": None, "positions": None,
            "zone_axis": [0, 0, 1], "engine": "cpu", "multislice": None, "labels": list(LABELS),
            "format": ".mib",
        }  # fmt: skip

    def plain_input(self):
        """Quantities as numbers; sources, volume, camera and options as dicts."""
        super().plain_input()
        if self.input.volume is not None:
            self.input.volume = as_volume(builtin(self.input.volume)).as_dict()
        if self.input.camera is not None:
            self.input.camera = _camera(builtin(self.input.camera)).as_dict()
        if isinstance(self.input.multislice, MultisliceOptions):
            self.input.multislice = asdict(self.input.multislice)
        if self.input.multislice is not None:
            self.input.multislice = plain_values(builtin(self.input.multislice), MultisliceOptions)
        for name in ("positions", "zone_axis"):
            if isinstance(self.input[name], np.ndarray):
                self.input[name] = self.input[name].tolist()

    def check_input(self):
        """One structure, a volume, positions that see atoms, a camera and a format that holds its frames."""
        scan = self._simulated()
        labels = builtin(self.input.labels)
        check_format(self._path, scan)
        atom_values(scan.atoms, check_labels(labels), self.server.cores)

    def compute(self):
        """Write the scan and its truth; the output holds their names and a hash."""
        with locked(self.folder):
            scan = self._simulated()
            labels = builtin(self.input.labels)
            write_simulated_scan(self._path, scan, labels, overwrite=True, cores=self.server.cores)
        return {
            "file": self._path.name, "truth_file": truth_path(self._path).name, "shape": list(scan.shape),
            "step": scan.step, "hash": file_hash(truth_path(self._path)),
        }  # fmt: skip

    def result_hash(self):
        """Hash of all that decides the content of the scan; None where the file is gone."""
        with contextlib.suppress(OSError):
            return file_hash(truth_path(self._path)) if self._path.exists() else None
        return None

    def get_scan(self) -> MeasuredScan:
        """The scan, read from its file; what the format does not hold comes from the truth."""
        self.check_finished()
        truth = self.get_truth()
        return read_scan(
            self._path, truth.calibration.scan_shape, step=truth.facts["step"], delta_k=truth.camera.delta_k
        )  # fmt: skip

    def get_truth(self) -> ScanTruth:
        """What is true of the scan: labels, positions, calibration and camera."""
        self.check_finished()
        return ScanTruth.load(truth_path(self._path))

    def plot(self, label: str | None = None) -> Figure:
        """Frame in the middle of the scan, mean frame and the map of a label.

        Args:
            label: whose map is drawn; None: the first.
        """
        from pyiron_nbed.figures.simulated import simulated_scan

        self.check_shown()
        return simulated_scan(self.get_scan(), self.get_truth(), label)

    @property
    def _path(self) -> Path:
        suffix = one_of(builtin(self.input.format), "format", FORMATS.values())
        return self.folder / f"{NAME}{suffix}"

    def _simulated(self) -> SimulatedScan:
        structures = self.source_structures()
        if len(structures) != 1:
            raise InputError(f"NBEDScan has {len(structures)} sources: give one structure, job or file.")
        for name, example in (
            ("volume", "Cylinder(radius=5, height=20)"),
            ("camera", "Camera((256, 256), 0.01)"),
        ):
            if self.input[name] is None:
                raise InputError(f"NBEDScan has no {name}: assign for example job.input.{name} = {example}.")
        given = self._values(_SCAN)
        return simulate_scan(
            structures[0], as_volume(builtin(self.input.volume)), _camera(builtin(self.input.camera)),
            multislice=builtin(self.input.multislice), cores=self.server.cores, **given,
        )  # fmt: skip


def _camera(given: Any) -> Camera:
    if isinstance(given, Camera):
        return given
    instance(given, "camera", Mapping, "a Camera, or a dict of its fields")
    return Camera.from_dict(given)
