"""NBEDRegressor: a network trained to predict a label from a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import builtin
from pyiron_nbed.jobs.regressor_results import RegressorResults
from pyiron_nbed.jobs.source import load_reference, to_reference
from pyiron_nbed.jobs.training_sources import TrainingSources, as_list
from pyiron_nbed.locking import locked

if TYPE_CHECKING:
    from pyiron_nbed.learning import Model, Prediction

_SPLIT = ("split", "test_fraction", "label")


class NBEDRegressor(TrainingSources, RegressorResults):
    """Train a network on ``datasets`` (NBEDDataset jobs or pattern files), or on endless patterns of
    ``structures`` or ``references`` with ``input.volumes`` (then ``test_datasets`` are needed).

    The test set is drawn by ``input.split`` ("block", "structure", "job" or "random"), or is
    ``test_datasets`` where given. ``output.metrics`` holds rmse, mae, r2, … on it, also for each region, and
    ``output.baselines`` the same for a constant, ridge regression and gradient boosting; :meth:`predict`
    takes patterns, a dataset or a dataset job. Further splits in ``input.compare_splits`` are trained on as
    well; ``output.splits`` tells the leak. A job that was killed goes on from its last checkpoint when it is
    run again. ``input.weights`` may be another NBEDRegressor job to start from. ``input.preset = "study"``
    gives every input that still has its default value that of :meth:`Training.study`, and stores it.
    """

    resumable = True

    def defaults(self):
        """How to train, split and augment; see :class:`pyiron_nbed.learning.Training`."""
        from pyiron_nbed.learning import Training

        training = Training().as_dict()
        del training["cores"]
        split = {"split": "block", "test_fraction": 0.2, "label": "disorder_parameter"}
        own: dict[str, Any] = {"datasets": [], "test_datasets": [], "compare_splits": [], "preset": None}
        return {**own, **self.source_defaults(), **split, **training}

    def plain_input(self):
        """The values of the preset are written out; a job to start from becomes the folder of its model."""
        if self.input.preset is not None:
            from pyiron_nbed.learning.settings import with_preset

            self.input.update(with_preset(self._values(_training_names()), self.input.preset))
        if hasattr(self.input.weights, "job_name"):
            self.input.weights = str(load_reference(to_reference(self.input.weights)).folder)
        self.plain_source()

    def check_input(self):
        """Datasets on one mesh, a possible split, training parameters in range."""
        if bool(len(self.input.datasets)) == self.has_source:
            raise InputError(
                f"There are {'both datasets and structures' if self.has_source else 'no datasets'}: assign "
                "job.datasets = [dataset_job, …] with NBEDDataset jobs or pattern files, or "
                "job.references = [quench_job, …] with job.input.volumes for endless patterns."
            )
        from pyiron_nbed.learning.training import check_datasets

        self.plain_input()
        training = self._training()
        training.check_network()
        label = builtin(self.input.label)
        patterns = self.make_source(label, training.batch_size) if self.has_source else self.datasets
        checked = self._values((*_SPLIT, "validation", "target"))
        check_datasets(patterns, self.test_datasets, **checked)
        for kind in self._compared():
            check_datasets(self.datasets, **{**checked, "split": kind})

    def compute(self):
        """Train; weights, card, history and test predictions go to the working directory."""
        from pyiron_nbed.learning.leak import leak_table, run_splits
        from pyiron_nbed.learning.task import CHECKPOINT_FILE, TrainingTask

        files = [[str(dataset.path) for dataset in group] for group in (self.datasets, self.test_datasets)]
        source = self.written_source(self.folder) if self.has_source else None
        settings = {"training": self._training().as_dict(), "source": source, **self._values(_SPLIT)}
        task = TrainingTask(files[0], test_datasets=files[1], **settings)
        kinds, processes, splits = self._compared(), self.server.gpus or 1, []
        with locked(self.folder):
            task.run(self.folder, processes, keep_checkpoint=bool(kinds))
            card = self.model.card
            if kinds:
                cards = {card["split"]["kind"]: card, **run_splits(task, kinds, self.folder, processes)}
                splits = leak_table(cards).to_dict("records")
                (self.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        return {"metrics": card["metrics"], "baselines": card["baselines"], "splits": splits, "card": card}

    @property
    def model(self) -> Model:
        """The trained model."""
        from pyiron_nbed.learning import load_model

        return load_model(self.folder)

    def predict(self, patterns: Any, **options: Any) -> Prediction:
        """Mean and standard uncertainty, each (P,), of patterns (P, n, n), a dataset, its path or job.

        Options: device, batch_size, rows, bfloat16; see :meth:`pyiron_nbed.learning.model.Model.predict`.
        """
        if hasattr(patterns, "job_name"):
            patterns = patterns.dataset
        return self.model.predict(patterns, **options)

    def _compared(self) -> list[str]:
        # the job's own split is trained in any case
        own = None if len(self.input.test_datasets) else self.input.split
        return [kind for kind in as_list(builtin(self.input.compare_splits) or []) if kind != own]

    def _training(self):
        from pyiron_nbed.learning import Training

        return Training.from_dict({**self._values(_training_names()), "cores": int(self.server.cores)})


def _training_names() -> list[str]:
    # inputs that are fields of Training
    from pyiron_nbed.learning import Training

    return [name for name in Training().as_dict() if name != "cores"]
