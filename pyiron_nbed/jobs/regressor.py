"""NBEDRegressor: a network trained to tell a label from a pattern."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import NBEDJob, builtin
from pyiron_nbed.jobs.source import load_reference, to_reference

if TYPE_CHECKING:
    from pyiron_nbed.learning import Model

TEST_FILE = "test.csv"
_TRAINING = ("network", "weights", "epochs", "batch_size", "learning_rate", "patience", "threshold", "seed",
             "bfloat16", "device")  # fmt: skip


class NBEDRegressor(NBEDJob):
    """Train a network on ``datasets`` (NBEDDataset jobs or pattern files).

    The test set is drawn by ``input.split`` ("block", "structure" or "random"), or is
    ``test_datasets`` where given. ``output.metrics`` holds rmse, mae, r2 on it; :meth:`predict`
    takes patterns, a dataset or a dataset job.
    """

    def defaults(self):
        """How to train, split and augment."""
        from pyiron_nbed.learning import Training

        training = asdict(Training())
        return {
            "datasets": [], "test_datasets": [], "split": "block", "test_fraction": 0.2,
            "label": "disorder_parameter", "augmentation": training["augmentation"],
            **{name: training[name] for name in _TRAINING},
        }  # fmt: skip

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
        if not len(self.input.datasets):
            raise InputError(
                "There are no datasets: assign job.datasets = [dataset_job, …] with NBEDDataset jobs or "
                "pattern files."
            )
        from pyiron_nbed.learning.training import check_datasets

        training = self._training()
        training.check_weights()
        check_datasets(self.datasets, self.test_datasets, **self._split())

    def compute(self):
        """Train; weights, card and test predictions go to the working directory."""
        from pyiron_nbed.learning import train

        result = train(self.datasets, self._training(), test_datasets=self.test_datasets, **self._split())
        result.model.save(self.folder)
        table = {"row": result.split.test, "true": result.test_true, "predicted": result.test_predicted}
        pd.DataFrame(table).to_csv(self.folder / TEST_FILE, index=False)
        history = {name: [row[name] for row in result.history] for name in result.history[0]}
        return {"metrics": result.model.card["metrics"], "history": history, "card": result.model.card}

    @property
    def model(self) -> Model:
        """The trained model."""
        from pyiron_nbed.learning import load_model

        return load_model(self.folder)

    def predict(self, patterns: Any, device: str | None = None) -> np.ndarray:
        """(P,) predicted labels of patterns (P, n, n), a dataset, its path or an NBEDDataset job."""
        if hasattr(patterns, "job_name"):
            patterns = patterns.dataset
        return self.model.predict(patterns, device=device)

    def get_test(self) -> pd.DataFrame:
        """Test patterns: row in the concatenated datasets, true and predicted label."""
        return pd.read_csv(self.folder / TEST_FILE)

    def get_history(self) -> pd.DataFrame:
        """Epoch, training loss and learning rate."""
        return pd.DataFrame(builtin(self.output.history))

    def _training(self):
        from pyiron_nbed.learning import Augmentation, Training

        augmentation = Augmentation(**builtin(self.input.augmentation))
        return Training(cores=self.server.cores, augmentation=augmentation, **self._values(_TRAINING))

    def _split(self) -> dict[str, Any]:
        return self._values(("split", "test_fraction", "label"))


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
