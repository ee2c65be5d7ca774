"""NBEDMap: the disorder parameter over a measured scan."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed import experiment, figures, learning
from pyiron_nbed.checks import shown, warn
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.map_flags import unknown_elements
from pyiron_nbed.jobs.base import NBEDJob
from pyiron_nbed.jobs.freshness import Source
from pyiron_nbed.jobs.references import is_job, is_reference, load_job, to_reference
from pyiron_nbed.jobs.sources import anchored, builtin, located
from pyiron_nbed.learning.files import CARD_FILE
from pyiron_nbed.learning.shipped import shipped_models
from pyiron_nbed.locking import locked
from pyiron_nbed.provenance import file_hash

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyiron_nbed.experiment.disorder_map import DisorderMap
    from pyiron_nbed.experiment.measured import MeasuredScan
    from pyiron_nbed.learning.model import Model

MAP_FILE = "map.h5"
_READ = {
    "shape": None, "step": None, "flyback": 0, "intensity": None, "dataset": None, "skip_first": 0,
    "skip_last": 0, "fill": None, "white": None,
}  # fmt: skip
_CALIBRATE = {
    "delta_k": None, "rings": None, "beam_stop": "auto", "descan": "plane", "delta_k_error": None,
    "first_ring": None, "camera_length": None, "pixel_size": None, "beam_energy": None, "semiangle": None,
    "rotation": None, "flip": None,
}  # fmt: skip
_MAP = {
    "background": False, "elements": None, "electrons_per_count": None, "observables": True, "device": None,
    "seed": 0,
}  # fmt: skip
_UNITS = {
    "step": "angstrom", "delta_k": "1/angstrom", "delta_k_error": "1/angstrom", "first_ring": "1/angstrom",
    "beam_energy": "eV", "semiangle": "mrad", "rotation": "degree",
}  # fmt: skip


class NBEDMap(NBEDJob):
    """Map of the disorder parameter over the scan in ``input.file``, predicted by ``model``.

    ``job.model`` is an NBEDRegressor job, the folder of a model, or the name of one that comes with the
    package (:func:`pyiron_nbed.learning.shipped_models`). The other inputs are the arguments of
    :func:`pyiron_nbed.experiment.read_scan` (shape, step, flyback, …), of
    :func:`pyiron_nbed.experiment.calibrate` (delta_k, rings, beam_stop, …) and of
    :func:`pyiron_nbed.experiment.map_scan` (elements, electrons_per_count, …); ``background`` is estimated
    and subtracted. ``job.calibration = cal`` takes a calibration of this scan as it is;
    ``job.calibrated_by = another_map`` takes scale, ellipse and rotation of another NBEDMap, by the same
    camera, and finds the centre here.

    :meth:`get_map` gives the :class:`pyiron_nbed.experiment.DisorderMap`. A job that was killed goes on after
    the last finished part when it is run again.
    """

    units = _UNITS
    source_inputs = ("model", "calibrated_by")

    def defaults(self):
        """File, model, and arguments of reading, calibration and mapping."""
        own = {"file": None, "model": None, "calibration": None, "calibrated_by": None}
        return {**own, **_READ, **_CALIBRATE, **_MAP}

    @property
    def model(self) -> Model:
        """The model; assign an NBEDRegressor job, the folder of a model, or a name."""
        return learning.load_model(self._model_folder())

    @model.setter
    def model(self, given: Any) -> None:
        self.input.model = to_reference(given) if is_job(given) else given

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the scan that was given, or that was found where the job has finished."""
        stored = builtin(self.input.calibration)
        if stored is None and self.status.finished:
            return self.get_map().calibration
        return None if stored is None else Calibration.from_dict(stored)

    @calibration.setter
    def calibration(self, given: Calibration | None) -> None:
        self.input.calibration = given.as_dict() if isinstance(given, Calibration) else given

    @property
    def calibrated_by(self) -> Any:
        """The NBEDMap whose scale, ellipse and rotation are taken, or None; assign it."""
        stored = builtin(self.input.calibrated_by)
        return None if stored is None else load_job(located(stored, self.project.path))

    @calibrated_by.setter
    def calibrated_by(self, given: Any) -> None:
        self.input.calibrated_by = None if given is None else to_reference(given)

    def plain_input(self):
        """Files, jobs and calibrations as plain dicts."""
        super().plain_input()
        self.input.file = _stored_files(builtin(self.input.file), self.project.path)
        for name in ("model", "calibrated_by"):
            given = self.input[name]
            given = to_reference(given) if is_job(given) else builtin(given)
            if name == "model" and isinstance(given, (str, os.PathLike)):
                path = Path(given).expanduser()
                known = str(given) in shipped_models() and not path.exists()
                given = str(given) if known else {"file": str(Path(os.path.abspath(path)) / CARD_FILE)}
            if isinstance(given, dict):
                given = anchored([given], self.project.path)[0]
            self.input[name] = given
        if isinstance(self.input.calibration, Calibration):
            self.input.calibration = self.input.calibration.as_dict()
        for name in ("beam_stop", "elements", "shape", "rings"):
            if isinstance(self.input[name], tuple):
                self.input[name] = list(self.input[name])

    def check_input(self):
        """A model that can be read, a file whose scan fits, a calibration of its frames."""
        self.plain_input()
        model = self.model
        if len(model.labels) != 1:
            raise ModelError(
                f"The model predicts {', '.join(model.labels)}: give one that predicts one label."
            )
        unknown_elements(builtin(self.input.elements), model.card)
        scan = self.get_scan()
        given = builtin(self.input.calibration)
        if given is not None and builtin(self.input.calibrated_by) is not None:
            raise InputError(
                "The inputs calibration and calibrated_by are set: give the calibration of this scan, or the "
                "job whose camera it is, not both."
            )
        if given is not None:
            experiment.prepare(scan, Calibration.from_dict(given), model.recipe, bool(self.input.background))
        elif (other := self.calibrated_by) is not None:
            if type(other).__name__ != type(self).__name__:
                raise InputError(
                    f"calibrated_by is the job {other.job_name!r}, a {type(other).__name__}: give an NBEDMap."
                )
            self._check_scale(other.get_map().calibration.delta_k, model)
        elif self.input.delta_k is not None:
            self._check_scale(float(self.input.delta_k), model)

    def compute(self):
        """Calibrate and map; the map is ``map.h5`` in the working directory."""
        scan, model, options = self.get_scan(), self.model, self._values(_MAP)
        given = builtin(self.input.calibration)
        with locked(self.folder):
            if given is not None:
                calibration = Calibration.from_dict(given)
            else:
                settings = self._values(_CALIBRATE)
                if isinstance(settings["beam_stop"], list):
                    settings["beam_stop"] = np.array(settings["beam_stop"])
                other = self.calibrated_by
                like = None if other is None else other.get_map().calibration
                calibration = experiment.calibrate(
                    scan, like=like, background=bool(options["background"]), **settings
                )
            found = experiment.map_scan(
                scan, model, calibration, path=self.folder / MAP_FILE, overwrite=True,
                cores=self.server.cores, **options,
            )  # fmt: skip
        iy, ix = np.divmod(np.arange(scan.shape[0] * scan.shape[1]), scan.shape[1])
        centers = found.calibration.center_at(iy, ix)
        return {
            "level": found.level, "level_error": found.level_error, "mean": _mean(found.mean),
            "std": _mean(found.std), "share_flagged": float(found.flagged.mean()),
            "flags": {name: int(own.sum()) for name, own in found.flags.items()},
            "n_patterns": int(found.mean.size), "delta_k": found.calibration.delta_k,
            "delta_k_error": found.calibration.delta_k_error, "center": list(found.calibration.center),
            "center_spread": float(np.hypot(*centers.std(axis=0))),
            "semiangle": found.calibration.semiangle, "fingerprint": scan.fingerprint,
            "model": found.facts["model"], "file": MAP_FILE, "hash": file_hash(self.folder / MAP_FILE),
        }  # fmt: skip

    def get_scan(self) -> MeasuredScan:
        """The measured scan; nothing is read until it is looked at.

        Raises:
            InputError, DatasetError: see :func:`pyiron_nbed.experiment.read_scan`.
        """
        stored = builtin(self.input.file)
        if not stored:
            raise InputError(
                "NBEDMap has no file: assign job.input.file = 'scan.mib', or a list of pictures."
            )
        files = [located(one, self.project.path)["file"] for one in stored]
        energy = builtin(self.input.beam_energy)
        options = self._values(_READ)
        shape = options.pop("shape")
        scan = experiment.read_scan(
            files[0] if len(files) == 1 else files, None if shape is None else tuple(shape),
            beam_energy=energy, **options,
        )  # fmt: skip
        if self.status.finished and self.output.fingerprint != scan.fingerprint:
            warn(
                f"The file {files[0]} was changed since {self.job_name!r} mapped it: its map is the old one."
            )
        return scan

    def get_map(self) -> DisorderMap:
        """The map.

        Raises:
            InputError: the job has not finished.
        """
        self.check_shown()
        return experiment.DisorderMap.load(self.folder / MAP_FILE)

    def plot(self) -> Figure:
        """The map with its flags, the uncertainty and the distrust."""
        return self.get_map().plot()

    def plot_calibration(self) -> Figure:
        """What the calibration found, drawn over the mean frame."""
        return self.get_map().calibration.plot(self.get_scan())

    def plot_observables(self, names: Sequence[str] | None = None) -> Figure:
        """Maps of the observables beside that of the label.

        Args:
            names: of ``job.get_map().observables.maps()``; None takes the usual ones.
        """
        found = self.get_map()
        if found.observables is None:
            raise InputError("The map holds no observables: run the job with input.observables = True.")
        return figures.plot_observables(found.observables, names, found.step, found.mean)

    def plot_box(self, others: Any = (), **options: Any) -> Figure:
        """Boxes of this map and those of other jobs, with their names.

        Args:
            others: an NBEDMap, or several.
            options: of :func:`pyiron_nbed.experiment.compare_maps`.
        """
        jobs = [self, *([others] if is_job(others) else others)]
        names = [job.job_name for job in jobs]
        own, *rest = [job.get_map() for job in jobs]
        return own.plot_box(rest, names, **options)

    def _model_folder(self) -> Any:
        self.plain_input()
        stored = builtin(self.input.model)
        if is_reference(stored):
            job = load_job(located(stored, self.project.path))
            if not (job.folder / CARD_FILE).is_file():
                raise InputError(
                    f"The model is the job {job.job_name!r}, a {type(job).__name__} without a model: give an "
                    "NBEDRegressor job."
                )
            return job.folder
        if isinstance(stored, Mapping):
            with contextlib.suppress(InputError):  # what is gone is said by load_model
                stored = located(dict(stored), self.project.path)
            return Path(stored["file"]).parent
        if isinstance(stored, str):
            return stored
        names = ", ".join(map(repr, shipped_models()))
        raise InputError(
            f"The model is {shown(stored)}: assign job.model = an NBEDRegressor job, the folder of a model, "
            f"or one of {names}."
        )

    def _check_scale(self, delta_k: float, model: Model) -> None:
        if model.mesh.delta_k < delta_k * (1 - 1e-6):
            raise InputError(
                f"The camera sees {delta_k:.4g} Å⁻¹ per pixel and the model has pixels of "
                f"{model.mesh.delta_k:g} Å⁻¹: take a model whose pixels are at least as wide."
            )


def _stored_files(given: Any, home: str) -> list[Source] | None:
    if given is None:
        return None
    several = given if isinstance(given, (list, tuple)) else [given]
    stored = []
    for one in several:
        if isinstance(one, Mapping) and "file" in one:
            stored.append(dict(one))
        elif isinstance(one, (str, os.PathLike)):
            stored.append({"file": os.path.abspath(Path(one).expanduser())})
        else:
            raise InputError(f"The file is {shown(one)}: give the path of a scan, or a list of pictures.")
    return anchored(stored, home)


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
