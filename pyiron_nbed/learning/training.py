"""Training of a network, or an ensemble of them, and its test on patterns it never saw."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from pyiron_nbed.checks import number, one_of, seed_number, shown
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset import PatternDataset, Split, split_dataset
from pyiron_nbed.dataset.reader import as_datasets
from pyiron_nbed.dataset.splits import KINDS, check_different, shared_volumes
from pyiron_nbed.diffraction.accelerator import torch_device
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import check_folder
from pyiron_nbed.learning.baselines import baselines
from pyiron_nbed.learning.card import training_card, training_key
from pyiron_nbed.learning.data import DatasetBatches, SourceBatches, by_dataset
from pyiron_nbed.learning.evaluation import GROUPS, metrics, metrics_table, pattern_groups, report
from pyiron_nbed.learning.loop import Checkpoint, fit, process_rank, termination
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.networks import build_network
from pyiron_nbed.learning.recipes import training_recipe
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.learning.source import PatternSource
from pyiron_nbed.learning.start import keep_units
from pyiron_nbed.learning.uncertainty import calibrate
from pyiron_nbed.patterns.effects import DetectorEffects

DISORDER = ("disorder_parameter", "disorder_modulus")


@dataclass(frozen=True)
class Trained:
    """Result of :func:`train`.

    Attributes:
        model: the trained model; its card holds the metrics, and in "baselines" those of the baselines.
        history: one row per member and epoch: loss (of scaled labels), mae (in training, of the first label,
            in its unit), learning_rate; with validation patterns also their validation_loss, validation_mae.
        split: the rows used.
        test: one row per test pattern, in the order of ``split.test``: row, true, predicted and
            standard_uncertainty (with the label behind a slash, "true/q6", where there are several labels),
            region, structure, volume, temperature, composition, n_atoms, block; with baselines also what
            these predict: constant, ridge, boosting.
    """

    model: Model
    history: pd.DataFrame
    split: Split
    test: pd.DataFrame

    def report(self) -> pd.DataFrame:
        """Errors on the test patterns, all and by region, beside those of the baselines: a short table."""
        card = self.model.card
        return report({"network": card["metrics"], **card.get("baselines", {})})

    def __repr__(self) -> str:
        epochs = self.history["epoch"].max() if len(self.history) else 0
        return f"Trained, {epochs} epochs. {self.model!r}\n{self.report().to_string(index=False)}"


def train(
    datasets: Sequence[PatternDataset] | PatternDataset | PatternSource | str | os.PathLike,
    training: Training | None = None,
    split: str = "block",
    test_fraction: float = 0.2,
    test_datasets: Sequence[PatternDataset] = (),
    label: str | Sequence[str] = "disorder_parameter",
    folder: str | os.PathLike | None = None,
) -> Trained:
    """Train a network on datasets and measure it on patterns that it never saw.

    Args:
        datasets: D datasets (or paths of pattern files) on one mesh, or one, or a :class:`PatternSource`
            (then test datasets are needed and the labels are those of the source).
        training: how; the default is the ResNet-18 of [WuRupert2026].
        split: "block", "structure", "job" or "random"; see :func:`pyiron_nbed.dataset.split_dataset`.
        test_fraction: share held out by the split.
        test_datasets: where given, all of ``datasets`` is trained on and these are the test set; of other
            volumes.
        label: name of the label to regress, or several names: one output each.
        folder: where checkpoints are kept; called again with the same arguments after an interruption, the
            training goes on and ends (on CPU) with the same weights to the last bit. None keeps none.

    Returns:
        The :class:`Trained` result.

    Raises:
        InputError: datasets of different meshes, an unknown label, a split that is not possible, test
            patterns that are trained on, an absent device or folder, or a deterministic training in a process
            that has used a GPU otherwise.
        ModelError: start weights that cannot be had.
    """
    training = Training() if training is None else training
    _check_training(training, folder)
    (datasets, source), test_datasets = _train_on(datasets), as_datasets(test_datasets)
    everything = [*datasets, *test_datasets]
    labels = _names(label) if source is None else list(source.labels)
    parts = check_datasets(
        source or datasets, test_datasets, split, test_fraction, labels, training.seed, training.validation,
        training.target,
    )  # fmt: skip
    truth = np.column_stack(
        [np.concatenate([dataset.label(name) for dataset in everything]) for name in labels]
    )
    rank, _ = process_rank()
    device = _device(training, rank)
    seen_in_training = np.union1d(parts.train, parts.validation)
    recipe = training_recipe(training, source, everything, seen_in_training)
    key = training_key(training, source, everything, parts, labels, recipe)
    checkpoint = Checkpoint(None if folder is None else Path(folder), key, rank == 0)
    with _settings(training, device):
        finished = checkpoint.state["finished"]
        scale: Any = None
        with termination() as asked:  # listens between two members too
            for member in range(training.members):
                if source is None:
                    batches: Any = DatasetBatches(
                        everything,
                        parts.train,
                        truth[parts.train],
                        training.batch_size,
                        training.seed + member,
                    )
                else:
                    steps = training.steps_per_epoch
                    batches = SourceBatches(source, steps, skipped=member * training.epochs * steps)
                watched = _validation_batches(everything, parts.validation, truth, training)
                if scale is None and training.target == "order":
                    scale = (np.ones(len(labels)), -np.ones(len(labels)))
                if scale is None:
                    sample = np.asarray(batches.sample_labels(), float)
                    spread = sample.std(axis=0)
                    scale = (sample.mean(axis=0), np.where(spread > 0, spread, 1.0))
                if member < len(finished):
                    continue
                torch.manual_seed(training.seed + member)
                outputs = len(labels) * training.n_parameters
                network = build_network(
                    training.network, training.weights, outputs, training.frozen, training.first_layer
                )
                if training.weights not in (None, "imagenet"):
                    keep_units(network, training.weights, labels, training.n_parameters, scale)
                history = fit(
                    network, batches, training, recipe, device, checkpoint, scale, member, asked, watched
                )
                state = {name: values.detach().cpu() for name, values in network.state_dict().items()}
                finished.append({"network": state, "history": history})
                checkpoint.state["current"] = None
                checkpoint.write()
        n_train = len(everything) - len(test_datasets)
        card = training_card(training, source, everything, n_train, parts, labels, scale, recipe)
        model = Model.from_states([item["network"] for item in finished], card)
        where, seen = str(device), training.detector
        test = prediction_table(model, everything, parts.test, where, seen, training.seed)
        card["calibration"] = calibrate(test, labels)
        for name in labels:
            test[_column("standard_uncertainty", name, labels)] *= card["calibration"][name]["factor"]
        card["metrics"] = prediction_metrics(test, labels)
        if seen is not None:  # beside it, patterns as they were simulated
            clean = prediction_table(model, everything, parts.test, where)
            card["metrics_without_effects"] = prediction_metrics(clean, labels)
        card["baselines"] = {}
        if training.baselines and rank == 0:
            found, n_used = baselines(everything, parts, labels, training.seed, source, recipe, seen)
            for kind, values in found.items():
                test[[_column(kind, name, labels) for name in labels]] = values
                card["baselines"][kind] = {**prediction_metrics(test, labels, kind), "n_train": n_used}
    rows = [row for item in finished for row in item["history"]]
    return Trained(model, pd.DataFrame(rows), parts, test)


def _check_training(training: Training, folder: Any) -> None:
    instance(training, "training", Training, "a Training, for example Training(network='cnn', weights=None)")
    if folder is not None:
        check_folder(folder)
    training.check_network()


def _validation_batches(
    datasets: Sequence[PatternDataset], rows: np.ndarray, truth: np.ndarray, training: Training
) -> DatasetBatches | None:
    if not len(rows):
        return None
    return DatasetBatches(datasets, rows, truth[rows], training.batch_size, training.seed)


def check_datasets(
    datasets: Sequence[PatternDataset] | PatternDataset | PatternSource,
    test_datasets: Sequence[PatternDataset] = (),
    split: str = "block",
    test_fraction: float = 0.2,
    label: str | Sequence[str] = "disorder_parameter",
    seed: int = 0,
    validation: float | str = 0.0,
    target: str = "standardized",
) -> Split:
    """Check that datasets can be trained on together, and split them; see :func:`train`, :class:`Training`.

    Returns:
        The :class:`Split`; its rows count through ``datasets``, then ``test_datasets``.

    Raises:
        InputError: as :func:`train`.
    """
    datasets, source = _train_on(datasets)
    test_datasets = as_datasets(test_datasets)
    one_of(split, "The split", KINDS)
    number(test_fraction, "test_fraction", above=0, below=1)
    seed = seed_number(seed)
    everything = [*datasets, *test_datasets]
    if source is not None and not test_datasets:
        raise InputError("An endless source has no patterns to test on: give test_datasets.")
    if not everything or (source is None and not datasets):
        raise InputError("There are no datasets to train on: give at least one.")
    names = _names(label)
    if not names or len(set(names)) < len(names):
        raise InputError(f"The labels are {names}: give one name, or several that differ.")
    if target == "order" and not set(names) <= set(DISORDER):
        raise InputError(
            f"The target 'order' is 1 − d_i, and the labels are {names}: take {' or '.join(DISORDER)}, or "
            "target = 'standardized'."
        )
    if source is not None and validation not in (0, "test"):
        raise InputError(
            "validation is a share of the training patterns, and an endless source has no end of them: its "
            "training loss is that of patterns never seen before, set validation = 0, or 'test'."
        )
    mesh = everything[0].mesh if source is None else source.mesh
    for dataset in everything:
        for name in names:
            values = dataset.label(name)
            if not np.isfinite(values).all():
                raise InputError(
                    f"The label {name!r} is not defined for {int((~np.isfinite(values)).sum())} of "
                    f"{len(dataset)} patterns of {dataset.path}: choose another one."
                )
        if dataset.mesh != mesh:
            raise InputError(
                f"The datasets have different meshes ({mesh} and {dataset.mesh}): simulate all on one mesh."
            )
    if not test_datasets:
        parts = split_dataset(datasets, split, test_fraction, seed)
        return _with_validation(parts, datasets, split, validation, seed)
    n_train = 0 if source is not None else sum(map(len, datasets))
    check_different([dataset.input_hash for dataset in everything], "patterns")
    if common := shared_volumes(datasets, test_datasets):
        raise InputError(
            f"{common} of {sum(map(len, test_datasets))} test patterns show volumes that are trained on: "
            "give "
            "test_datasets of other structures, or none, and a split."
        )
    rows = np.arange(sum(map(len, everything)))
    files = tuple((dataset.input_hash, len(dataset)) for dataset in everything)
    parts = Split(rows[:n_train], rows[n_train:], "given", seed, float("nan"), files)
    return _with_validation(parts, everything, split, validation, seed)


def _with_validation(
    split: Split, datasets: Sequence[PatternDataset], kind: str, validation: float | str, seed: int
) -> Split:
    if validation == "test":
        return replace(split, validation=split.test)
    if not validation:
        return split
    held = split_dataset(datasets, kind, float(validation), seed + 1, split.train)
    return replace(split, train=held.train, validation=held.test)


def prediction_table(
    model: Model,
    datasets: Sequence[PatternDataset],
    rows: np.ndarray,
    device: str | None = None,
    detector: DetectorEffects | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Truth and prediction of chosen patterns, with what they can be grouped by.

    Args:
        model: the model.
        datasets: D datasets.
        rows: (P,) sorted rows counted through all of them.
        device: of the prediction.
        detector: effects that the patterns are seen through first.
        seed: of their draws.

    Returns:
        As ``test`` of :class:`Trained`.
    """
    tables = []
    first = np.concatenate([[0], np.cumsum([len(dataset) for dataset in datasets])])
    for d, own in by_dataset(datasets, rows):
        prediction = model.predict(datasets[d], device=device, rows=own, detector=detector, seed=seed + d)
        table = pd.DataFrame({"row": own + first[d]})
        for column, name in enumerate(model.labels):
            mean, spread = np.atleast_2d(prediction.mean.T)[column], np.atleast_2d(prediction.std.T)[column]
            table[_column("true", name, model.labels)] = datasets[d].label(name)[own]
            table[_column("predicted", name, model.labels)] = mean
            table[_column("standard_uncertainty", name, model.labels)] = spread
        tables.append(pd.concat([table, pattern_groups(datasets[d], own)], axis=1))
    return pd.concat(tables, ignore_index=True)


def prediction_metrics(
    test: pd.DataFrame, labels: Sequence[str], column: str = "predicted"
) -> dict[str, Any]:
    """Metrics of a test table: those of the first label, "groups" and, for several labels, "labels".

    Args:
        test: as of :class:`Trained`.
        labels: names of the labels.
        column: what to compare with the truth: "predicted" or the name of a baseline.
    """
    each = {}
    for name in labels:
        true, predicted = (test[_column(what, name, labels)].to_numpy() for what in ("true", column))
        table = metrics_table(true, predicted, test[list(GROUPS)], test["block"])
        each[name] = {**metrics(true, predicted), "groups": table.to_dict("records")}
    result = dict(each[labels[0]])
    return result if len(labels) == 1 else {**result, "labels": each}


def _train_on(datasets: Any) -> tuple[list[PatternDataset], PatternSource | None]:
    if isinstance(datasets, PatternSource):
        return [], datasets
    return as_datasets(datasets), None


def _column(what: str, name: str, labels: Sequence[str]) -> str:
    return what if len(labels) == 1 else f"{what}/{name}"


def _names(label: str | Sequence[str]) -> list[str]:
    names = [label] if isinstance(label, str) or not isinstance(label, Sequence) else list(label)
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"The label is {shown(label)}: give a name, or a list of names.")
    return names


def _device(training: Training, rank: int) -> torch.device:
    name = training.device
    if name in (None, "cuda") and torch.cuda.is_available():
        name = f"cuda:{rank % torch.cuda.device_count()}"
    return torch_device(name)


@contextmanager
def _settings(training: Training, device: torch.device) -> Iterator[None]:
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        if training.cores:
            torch.set_num_threads(training.cores)
        if training.deterministic:
            torch.use_deterministic_algorithms(True)
            _check_products(device)
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def _check_products(device: torch.device) -> None:
    try:
        torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)
    except RuntimeError as error:  # CUDA has read the variable at its first product, before it was set
        raise InputError(
            "This process has multiplied matrices on the GPU without CUBLAS_WORKSPACE_CONFIG=:4096:8 in its "
            "environment, so that no training in it can be deterministic: set it and start Python again."
        ) from error
