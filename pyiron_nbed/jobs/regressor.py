"""NBEDRegressor: a network trained to predict a label from a pattern."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyiron_nbed import learning
from pyiron_nbed.diffraction.volumes import as_volume_or_range
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs import regressor_results
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.display import Metrics, shown_metrics
from pyiron_nbed.jobs.inputs import datasets_input
from pyiron_nbed.jobs.references import is_job, is_reference, load_job, to_reference
from pyiron_nbed.jobs.sources import as_list, builtin, located, to_datasets
from pyiron_nbed.learning.files import CHECKPOINT_FILE, WEIGHTS_FILE
from pyiron_nbed.locking import locked
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.provenance import file_hash
from pyiron_nbed.structures.file import write_atoms
from pyiron_nbed.units import plain_values

if TYPE_CHECKING:
    from pyiron_nbed.learning import Model, Prediction

_SPLIT = ("split", "test_fraction", "label")
_DRAW = ("volumes", "zone_axes", "turned")


class NBEDRegressor(AtomsJob):
    """Train a network on ``datasets`` (NBEDDataset jobs or pattern files), or on endless patterns of
    ``sources`` (atoms, jobs, files) with ``input.volumes`` (then ``test_datasets`` are needed), see
    :class:`pyiron_nbed.learning.PatternSource`.

    The test set is drawn by ``input.split`` ("block", "structure", "job" or "random"), or is
    ``test_datasets`` where given. ``output.metrics`` holds rmse, mae, r2, … on it, also for each region, and
    ``output.baselines`` the same for a constant, ridge regression and gradient boosting; :meth:`predict`
    takes patterns, a dataset or a dataset job. Further splits in ``input.compare_splits`` are trained on as
    well; ``output.splits`` tells the leak. ``input.recipe`` says how images are made (a
    :class:`pyiron_nbed.patterns.Recipe`, its name or some of its fields) and ``input.detector`` through which
    camera patterns are seen (:class:`pyiron_nbed.patterns.DetectorEffects`, or a dict). A job that was killed
    goes on from its last checkpoint when it is run again. ``input.weights`` may be another NBEDRegressor job
    to start from. ``input.preset = "study"`` gives every input that still has its default value that of
    :meth:`Training.study`, and stores it.
    """

    source_inputs = ("sources", "datasets", "test_datasets", "weights")
    datasets = datasets_input("datasets")
    test_datasets = datasets_input("test_datasets")

    @property
    def output(self):
        """The output; its metrics show a short table."""
        shown_metrics(self.storage.output.get("metrics"))
        return self.storage.output

    def defaults(self):
        """How to train, split and augment; see :class:`pyiron_nbed.learning.Training`."""
        training = learning.Training().as_dict()
        del training["cores"]
        split = {"split": "block", "test_fraction": 0.2, "label": "disorder_parameter"}
        draw = {"volumes": None, "mesh": Mesh().as_dict(), "zone_axes": "random", "turned": True}
        own: dict[str, Any] = {"datasets": [], "test_datasets": [], "compare_splits": [], "preset": None}
        return {**own, **super().defaults(), **draw, **split, **training}

    def take_old_inputs(self, stored):
        """Earlier jobs noted in the card alone which datasets they were trained on."""
        super().take_old_inputs(stored)
        if stored and "card" in self.output:
            hashes = iter([item["hash"] for item in builtin(self.output.card)["datasets"]])
            for name in ("datasets", "test_datasets"):
                self.input[name] = [
                    {"hash": next(hashes, None), **item} for item in builtin(self.input[name])
                ]

    def effective_input(self):
        """With the values of the preset."""
        found = super().effective_input()
        with contextlib.suppress(InputError):
            names = {name: found[name] for name in _training_names()}
            found |= learning.with_preset(names, found["preset"])
        return found

    def plain_input(self):
        """Sources and volumes as dicts, values of the preset, the folder of a model in place of its job."""
        if self.input.preset is not None:
            self.input.update(learning.with_preset(self._values(_training_names()), self.input.preset))
        super().plain_input()
        for name in ("datasets", "test_datasets"):
            self.input[name] = self.anchored(to_datasets(self.input[name]))
        if is_job(self.input.weights):
            self.input.weights = to_reference(self.input.weights)
        if self.input.volumes is not None:
            self.input.volumes = [as_volume_or_range(v).as_dict() for v in as_list(self.input.volumes)]
        self.input.mesh = as_mesh(builtin(self.input.mesh)).as_dict()
        for name in ("recipe", "detector", "augmentation"):
            if hasattr(self.input[name], "as_dict"):
                self.input[name] = self.input[name].as_dict()
        for name, kind in (("recipe", Recipe), ("detector", DetectorEffects)):
            if isinstance(given := builtin(self.input[name]), Mapping):
                self.input[name] = plain_values(given, kind)

    def check_input(self):
        """Datasets on one mesh, a possible split, training parameters in range."""
        endless = self.input.sources is not None
        if bool(builtin(self.input.datasets)) == endless:
            raise InputError(
                f"There are {'both datasets and sources' if endless else 'no datasets'}: assign "
                "job.datasets = [dataset_job, …] with NBEDDataset jobs or pattern files, or "
                "job.sources = [quench_job, …] with job.input.volumes for endless patterns."
            )
        self.plain_input()
        if self.input.volumes is not None and not endless:
            raise InputError(
                "input.volumes belong to endless patterns of job.sources, and datasets have volumes of "
                "their own: "
                "leave them out."
            )
        training = self._training()
        training.check_network()
        if not self.server.run_mode.queue:  # the GPU may be on the compute node only
            training.check_device()
        patterns = self._endless(training) if endless else self.datasets
        checked = self._values((*_SPLIT, "validation", "target"))
        learning.check_datasets(patterns, self.test_datasets, **checked)
        files = self.test_datasets if endless else [*self.datasets, *self.test_datasets]
        learning.training_recipe(training, patterns if endless else None, files)
        for kind in self._compared():
            learning.check_datasets(self.datasets, **{**checked, "split": kind})

    def compute(self):
        """Train; weights, card, history and test predictions go to the working directory."""
        files = [[str(dataset.path) for dataset in group] for group in (self.datasets, self.test_datasets)]
        source = self._written_source(self.folder) if self.input.sources is not None else None
        settings = {"training": self._training().as_dict(), "source": source, **self._values(_SPLIT)}
        task = learning.TrainingTask(files[0], test_datasets=files[1], **settings)
        kinds, processes, splits = self._compared(), self.server.gpus or 1, []
        with locked(self.folder):
            task.run(self.folder, processes, keep_checkpoint=bool(kinds))
            card = learning.load_model(self.folder).card
            if kinds:
                found = learning.run_splits(task, kinds, self.folder, processes)
                splits = learning.leak_table({card["split"]["kind"]: card, **found}).to_dict("records")
                (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        results = {"metrics": Metrics(card["metrics"]), "baselines": card["baselines"]}
        return {**results, "splits": splits, "card": card, "hash": file_hash(self.folder / WEIGHTS_FILE)}

    @property
    def model(self) -> Model:
        """The trained model.

        Raises:
            InputError: what it was trained on was made again since, and ``allow_stale`` is not set.
        """
        self.check_finished()
        self.check_fresh()
        return learning.load_model(self.folder)

    def predict(self, patterns: Any, **options: Any) -> Prediction:
        """Mean and standard uncertainty, each (P,), of patterns (P, n, n), a dataset, its path or job.

        Options: device, batch_size, rows, bfloat16; see :meth:`pyiron_nbed.learning.model.Model.predict`.

        Raises:
            InputError: a job that holds no patterns; and as there.
        """
        return self.model.predict(regressor_results.patterns_of(patterns), **options)

    get_test = regressor_results.get_test
    get_history = regressor_results.get_history
    get_metrics = regressor_results.get_metrics
    report = regressor_results.report
    get_splits = regressor_results.get_splits
    plot_parity = regressor_results.plot_parity
    plot_calibration = regressor_results.plot_calibration
    plot_history = regressor_results.plot_history
    plot_profile = regressor_results.plot_profile

    def _compared(self) -> list[str]:
        # the job's own split is trained in any case
        own = None if len(self.input.test_datasets) else self.input.split
        return [kind for kind in as_list(self.input.compare_splits or []) if kind != own]

    def _training(self):
        settings = {**self._values(_training_names()), "cores": int(self.server.cores)}
        if is_reference(weights := settings["weights"]):
            settings["weights"] = str(load_job(located(weights, self.project.path)).folder)
        return learning.Training.from_dict(settings)

    def _endless(self, training):
        # raises the named errors of its input
        if self.input.volumes is None:
            raise InputError(
                "NBEDRegressor draws patterns from its sources and needs input.volumes: assign for example "
                "job.input.volumes = [Cylinder(radius=5, height=20)]."
            )
        return learning.PatternSource(
            self.source_structures(), mesh=as_mesh(builtin(self.input.mesh)),
            labels=builtin(self.input.label), seed=training.seed, batch_size=training.batch_size,
            cores=1, **self._values(_DRAW),
        )  # fmt: skip

    def _written_source(self, folder: Path) -> dict[str, Any]:
        # as TrainingTask takes it; the structures go to files in the folder
        files = []
        for number, atoms in enumerate(self.source_structures()):
            files.append(str(folder / f"structure_{number}.h5"))
            write_atoms(files[-1], atoms)
        return {"structures": files, **self._values(("mesh", *_DRAW))}


def _training_names() -> list[str]:
    # inputs that are fields of Training
    return [name for name in learning.Training().as_dict() if name != "cores"]
