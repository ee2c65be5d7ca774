"""What is true of a simulated scan: labels, positions, calibration and what it was made of, in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.checks import real_array, shown
from pyiron_nbed.containers import instance, read_only
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.camera import Camera
from pyiron_nbed.files import as_path, check_target, replaced

FORMAT = "pyiron_nbed truth of a scan"
VERSION = 1


@dataclass(frozen=True, eq=False)
class ScanTruth:
    """What is true of a scan that was simulated.

    Args:
        labels: {name: (Ny, Nx)} as in pattern files: "disorder_parameter", "number_density", "fraction_Cu", …
        positions: (Ny, Nx, 3) centres of the volumes in Å.
        calibration: the :class:`Calibration` of the frames.
        camera: the :class:`Camera` with its seed.
        facts: JSON values: structure, volume, zone axis, engine, versions.

    Raises:
        InputError: arrays that do not fit each other.

    Example:
        >>> camera = Camera((64, 64), 0.03)
        >>> labels, positions = {"q6": np.ones((2, 3))}, np.zeros((2, 3, 3))
        >>> truth = ScanTruth(labels, positions, camera.calibration((2, 3)), camera)
        >>> truth.save("scan.truth.h5")
        >>> ScanTruth.load("scan.truth.h5")
        ScanTruth(2 × 3 positions, q6)
    """

    labels: dict[str, np.ndarray]
    positions: np.ndarray
    calibration: Calibration
    camera: Camera
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        instance(self.calibration, "calibration", Calibration, "a Calibration")
        instance(self.camera, "camera", Camera, "a Camera")
        shape = self.calibration.scan_shape
        positions = real_array(self.positions, "positions", (*shape, 3), f"{(*shape, 3)} numbers in Å")
        object.__setattr__(self, "positions", read_only(positions))
        given = instance(self.labels, "labels", Mapping, "a dict of arrays")
        what = f"{shape} numbers"
        labels = {
            str(name): read_only(real_array(values, f"The label {name!r}", shape, what))
            for name, values in given.items()
        }
        object.__setattr__(self, "labels", labels)

    def __repr__(self) -> str:
        ny, nx = self.calibration.scan_shape
        return f"ScanTruth({ny} × {nx} positions, {', '.join(self.labels)})"

    def __getitem__(self, label: str) -> np.ndarray:
        """(Ny, Nx) of a label."""
        if label not in self.labels:
            raise InputError(f"There is no label {shown(label)}: choose one of {', '.join(self.labels)}.")
        return self.labels[label]

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write an HDF5 file.

        Args:
            path: of the file.
            overwrite: replace a file that is there.

        Raises:
            InputError: no such folder, or a file that would be lost.
        """
        target = check_target(path, overwrite)
        with replaced(target) as partial, h5py.File(partial, "w") as file:
            file.attrs.update({"format": FORMAT, "version": VERSION})
            for name in ("calibration", "camera"):
                file.attrs[name] = json.dumps(getattr(self, name).as_dict())
            file.attrs["facts"] = json.dumps(self.facts, sort_keys=True)
            file["positions"] = self.positions
            file["positions"].attrs["unit"] = "Å"
            for name, values in self.labels.items():
                file[f"labels/{name}"] = values

    @classmethod
    def load(cls, path: str | os.PathLike) -> ScanTruth:
        """Read a file that :meth:`save` wrote.

        Raises:
            DatasetError: no such file, another file, or one of a newer version.
        """
        path = as_path(path)
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise DatasetError(
                        f"The file {path} holds no truth of a scan: give one of a simulated scan."
                    )
                version = int(file.attrs["version"])
                if version != VERSION:
                    raise DatasetError(
                        f"The file {path} has version {version}, and this pyiron_nbed reads version "
                        f"{VERSION}: update pyiron_nbed or simulate again."
                    )
                calibration = Calibration.from_dict(json.loads(file.attrs["calibration"]))
                camera = Camera.from_dict(json.loads(file.attrs["camera"]))
                facts = json.loads(file.attrs["facts"])
                labels = {name: values[()] for name, values in file["labels"].items()}
                return cls(labels, file["positions"][()], calibration, camera, facts)
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, (DatasetError, InputError)):
                raise
            raise DatasetError(
                f"The file {path} cannot be read as the truth of a scan: give one that was written beside a "
                "simulated scan."
            ) from None
