"""How much a split flatters: the same training on several splits, each tested on its own held-out part."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pyiron_nbed.containers import instance, listed
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.dataset.reader import as_datasets
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import as_path
from pyiron_nbed.learning.files import CARD_FILE, CHECKPOINT_FILE
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.learning.task import TrainingTask
from pyiron_nbed.learning.training import check_datasets


def split_leak(
    datasets: Sequence[PatternDataset],
    training: Training | None = None,
    kinds: Sequence[str] = ("random", "block"),
    test_fraction: float = 0.2,
    label: str | Sequence[str] = "disorder_parameter",
    folder: str | os.PathLike | None = None,
) -> pd.DataFrame:
    """Train one network for each split, with the same settings, and compare their errors.

    Volumes that overlap share atoms. In a random split test patterns have near copies among the training
    patterns, and the error is too small by the leak, rmse(block) − rmse(random).

    Args:
        datasets: D datasets on one mesh.
        training: how; the default is the ResNet-18 of [WuRupert2026].
        kinds: of the splits; see :func:`pyiron_nbed.dataset.split_dataset`.
        test_fraction: share held out.
        label: one label, or several, of which the first counts.
        folder: where models and checkpoints go, each split into ``split_<kind>``; called again after an
            interruption it goes on. None keeps nothing.

    Returns:
        As :func:`leak_table`.

    Raises:
        InputError: before any training, where one of the splits is not possible.
        ModelError: start weights that cannot be had.

    Example:
        >>> split_leak([])
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: There are no datasets to train on: give at least one.
    """
    training = Training() if training is None else training
    instance(training, "training", Training, "a Training, for example Training(network='cnn', weights=None)")
    datasets = as_datasets(datasets)
    folder = None if folder is None else as_path(folder, "The folder")
    for kind in listed(kinds, "kinds", "splits"):
        check_datasets(
            datasets, (), kind, test_fraction, label, training.seed, training.validation, training.target
        )
    task = TrainingTask(
        [str(dataset.path) for dataset in datasets],
        training.as_dict(),
        test_fraction=test_fraction,
        label=label,
    )
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        return leak_table(run_splits(task, kinds, place))


def run_splits(
    task: TrainingTask, kinds: Sequence[str], folder: str | os.PathLike, processes: int = 1
) -> dict[str, dict]:
    """Do a training once for each split, in the folders ``split_<kind>``.

    A run that was interrupted goes on with the split it was at.

    Args:
        task: the training; its own split and test datasets do not count.
        kinds: of the splits.
        folder: where the folders go.
        processes: as of :meth:`TrainingTask.run`.

    Returns:
        {kind: card of the model}.
    """
    places = {kind: Path(folder) / f"split_{kind}" for kind in kinds}
    for kind, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        replace(task, split=kind, test_datasets=()).run(place, processes, keep_checkpoint=True)
    for place in places.values():
        (place / CHECKPOINT_FILE).unlink(missing_ok=True)
    return {kind: json.loads((place / CARD_FILE).read_text()) for kind, place in places.items()}


def leak_table(cards: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Errors of models that were trained alike on several splits.

    Args:
        cards: {kind of split: card of the model}.

    Returns:
        One row per split: split, n_train, n_test, rmse with its 95 % interval (rmse_low, rmse_high), mae,
        r2, leak = rmse − rmse("random") and ratio = rmse / rmse("random"); these are NaN where no split is
        random.

    Example:
        >>> def card(rmse):
        ...     row = {"rmse_low": rmse / 2, "rmse_high": rmse * 2}
        ...     return {"split": {"n_train": 8, "n_test": 2},
        ...             "metrics": {"rmse": rmse, "mae": rmse, "r2": 0.5, "groups": [row]}}
        >>> table = leak_table({"random": card(0.02), "block": card(0.03)})
        >>> table[["split", "leak", "ratio"]].round(6).values.tolist()
        [['random', 0.0, 1.0], ['block', 0.01, 1.5]]
    """
    rows = []
    for kind, card in instance(cards, "cards", dict, "{kind of split: card of the model}").items():
        try:
            values, whole = card["metrics"], card["metrics"]["groups"][0]
        except (KeyError, TypeError, IndexError):
            raise InputError(
                f"The card of {kind!r} holds no metrics: give model.card of a training."
            ) from None
        rows.append(
            {
                "split": kind,
                "n_train": card["split"]["n_train"],
                "n_test": card["split"]["n_test"],
                "rmse": values["rmse"],
                "rmse_low": whole["rmse_low"],
                "rmse_high": whole["rmse_high"],
                "mae": values["mae"],
                "r2": values["r2"],
            }
        )
    table = pd.DataFrame(rows)
    random = cards["random"]["metrics"]["rmse"] if "random" in cards else float("nan")
    return table.assign(leak=table["rmse"] - random, ratio=table["rmse"] / random)
