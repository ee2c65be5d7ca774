"""NBEDRegressor: a network trained to tell a label from a pattern."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import NBEDJob, builtin
from pyiron_nbed.jobs.endless import EndlessSource
from pyiron_nbed.jobs.regressor_results import RegressorResults
from pyiron_nbed.jobs.source import load_reference, to_reference
from pyiron_nbed.locking import locked

if TYPE_CHECKING:
    from pyiron_nbed.learning import Model, Prediction

_TABLES = {"test": "test.csv", "history": "history.csv"}
_SPLIT = ("split", "test_fraction", "label")


class NBEDRegressor(EndlessSource, RegressorResults, NBEDJob):
    """Train a network on ``datasets`` (NBEDDataset jobs or pattern files), or on endless patterns of
    ``structures`` or ``references`` with ``input.volumes`` (then ``test_datasets`` are needed).

    The test set is drawn by ``input.split`` ("block", "structure", "job" or "random"), or is
    ``test_datasets`` where given. ``output.metrics`` holds rmse, mae, r2, … on it, also for each region;
    :meth:`predict` takes patterns, a dataset or a dataset job. A job that was killed goes on from its last
    checkpoint when it is run again. ``input.weights`` may be another NBEDRegressor job to start from.
    """

    resumable = True

    def defaults(self):
        """How to train, split and augment; see :class:`pyiron_nbed.learning.Training`."""
        from pyiron_nbed.learning import Training

        training = Training().as_dict()
        del training["cores"]
        split = {"split": "block", "test_fraction": 0.2, "label": "disorder_parameter"}
        return {"datasets": [], "test_datasets": [], **self.source_defaults(), **split, **training}

    def plain_input(self):
        """A job to start from becomes the folder of its model."""
        if hasattr(self.input.weights, "job_name"):
            self.input.weights = str(load_reference(to_reference(self.input.weights)).folder)
        self.plain_source()

    @property
    def datasets(self) -> list[PatternDataset]:
        """Pattern files to train on; assign NBEDDataset jobs, paths or PatternDatasets."""
        return [_open(source) for source in builtin(self.input.datasets)]

    @datasets.setter
    def datasets(self, sources: Any) -> None:
        self.input.datasets = [_locate(source) for source in _as_list(sources)]

    @property
    def test_datasets(self) -> list[PatternDataset]:
        """Pattern files to test on; empty: the split decides."""
        return [_open(source) for source in builtin(self.input.test_datasets)]

    @test_datasets.setter
    def test_datasets(self, sources: Any) -> None:
        self.input.test_datasets = [_locate(source) for source in _as_list(sources)]

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
        check_datasets(patterns, self.test_datasets, **self._values(_SPLIT))

    def compute(self):
        """Train; weights, card, history and test predictions go to the working directory."""
        from pyiron_nbed.learning.task import TrainingTask

        files = [[str(dataset.path) for dataset in group] for group in (self.datasets, self.test_datasets)]
        source = self.written_source(self.folder) if self.has_source else None
        settings = {"training": self._training().as_dict(), "source": source, **self._values(_SPLIT)}
        with locked(self.folder):
            task = TrainingTask(files[0], test_datasets=files[1], **settings)
            task.run(self.folder, processes=self.server.gpus or 1)
        card = self.model.card
        return {"metrics": card["metrics"], "card": card}

    @property
    def model(self) -> Model:
        """The trained model."""
        from pyiron_nbed.learning import load_model

        return load_model(self.folder)

    def predict(self, patterns: Any, device: str | None = None) -> Prediction:
        """Mean and standard uncertainty, each (P,), of patterns (P, n, n), a dataset, its path or job."""
        if hasattr(patterns, "job_name"):
            patterns = patterns.dataset
        return self.model.predict(patterns, device=device)

    def get_test(self) -> pd.DataFrame:
        """Test patterns: row in the concatenated datasets, truth, prediction, uncertainty, region, …"""
        return pd.read_csv(self.folder / _TABLES["test"])

    def get_history(self) -> pd.DataFrame:
        """Member, epoch, training loss and learning rate."""
        return pd.read_csv(self.folder / _TABLES["history"])

    def get_metrics(self) -> pd.DataFrame:
        """Metrics on the test patterns with 95 % intervals: all, each region, volume and structure."""
        return pd.DataFrame(builtin(self.output.metrics["groups"]))

    def _training(self):
        from pyiron_nbed.learning import Training

        names = [name for name in Training().as_dict() if name != "cores"]
        return Training.from_dict({**self._values(names), "cores": int(self.server.cores)})


def _as_list(sources: Any) -> list:
    if hasattr(sources, "job_name") or isinstance(sources, (str, os.PathLike, PatternDataset)):
        return [sources]
    return list(sources)


def _locate(source: Any) -> dict[str, str]:
    if isinstance(source, PatternDataset):
        return {"file": str(source.path.resolve())}
    if isinstance(source, (str, os.PathLike)):
        return {"file": str(Path(source).resolve())}
    return to_reference(source)


def _open(source: dict[str, str]) -> PatternDataset:
    if "file" in source:
        return PatternDataset(source["file"])
    job = load_reference(source)
    if not hasattr(job, "dataset"):
        raise InputError(
            f"The job {job.job_name!r} is a {type(job).__name__}, which holds no patterns: assign "
            "NBEDDataset jobs."
        )
    return job.dataset
