"""Training: MAE loss, Adam, learning rate halved on plateau."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import torch
from torch import nn

from pyiron_nbed.dataset import PatternDataset, Split, split_dataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.images import RECIPE
from pyiron_nbed.learning.augmentation import Augmentation
from pyiron_nbed.learning.evaluation import metrics
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.networks import build_network
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import versions


@dataclass(frozen=True)
class Training:
    """How to train.

    Args:
        network: "resnet18" or "cnn".
        weights: "imagenet", None (random) or the path of a safetensors file.
        epochs: passes over the training patterns.
        batch_size: patterns per step.
        learning_rate: of Adam at the start.
        patience: epochs without a lower training loss that are tolerated before the learning rate is
            halved.
        threshold: relative decrease of the loss that counts as lower; raise it in short trainings, so that
            the learning rate falls before they end.
        seed: of the start weights, the order and the augmentation.
        bfloat16: mixed precision.
        device: "cpu", "cuda", …; None takes a GPU where there is one.
        cores: CPU threads; None leaves torch's own choice.
        augmentation: strengths, see :class:`Augmentation`.

    Raises:
        InputError: a value out of range.
    """

    network: str = "resnet18"
    weights: str | None = "imagenet"
    epochs: int = 400
    batch_size: int = 64
    learning_rate: float = 1e-3
    patience: int = 10
    threshold: float = 1e-4
    seed: int = 0
    bfloat16: bool = False
    device: str | None = None
    cores: int | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch_size", 1), ("patience", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < low:
                raise InputError(f"{name} is {value!r}: give a whole number of at least {low}.")
        if not 0 <= self.threshold < 1:
            raise InputError(f"threshold is {self.threshold!r}: give a number in [0, 1).")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"learning_rate is {self.learning_rate!r}: give a number in (0, 1].")
        known = {f.name for f in fields(Augmentation)}
        for name in known:
            if not 0 <= getattr(self.augmentation, name) < float("inf"):
                raise InputError(f"augmentation.{name} must be a number of at least 0.")

    def check_weights(self) -> None:
        """Raise InputError or ModelError where the start weights cannot be had or do not fit."""
        build_network(self.network, self.weights)


@dataclass(frozen=True)
class Trained:
    """Result of :func:`train`.

    Attributes:
        model: the trained model; its card holds the metrics.
        history: one dict per epoch: epoch, loss (mean absolute error in training), learning_rate.
        split: the rows used.
        test_true, test_predicted: (number of test patterns,) labels and predictions, in the order
            of ``split.test``.
    """

    model: Model
    history: list[dict]
    split: Split
    test_true: np.ndarray
    test_predicted: np.ndarray


def train(
    datasets: Sequence[PatternDataset],
    training: Training | None = None,
    split: str = "block",
    test_fraction: float = 0.2,
    test_datasets: Sequence[PatternDataset] = (),
    label: str = "disorder_parameter",
) -> Trained:
    """Train a network on datasets and measure it on patterns that it never saw.

    Args:
        datasets: D datasets on one mesh.
        training: how; the default is the published ResNet-18.
        split: "block", "structure" or "random"; see :func:`pyiron_nbed.dataset.split_dataset`.
        test_fraction: share held out by the split.
        test_datasets: where given, all of ``datasets`` is trained on and these are the test set.
        label: name of the label to regress.

    Returns:
        The :class:`Trained` result.

    Raises:
        InputError: datasets of different meshes, an unknown label or a split that is not possible.
        ModelError: start weights that cannot be had.
    """
    training = Training() if training is None else training
    everything = [*datasets, *test_datasets]
    parts = check_datasets(datasets, test_datasets, split, test_fraction, label, training.seed)
    labels = np.concatenate([dataset.label(label) for dataset in everything])
    torch.manual_seed(training.seed)
    network = build_network(training.network, training.weights)
    device = torch.device(training.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    threads = torch.get_num_threads()
    try:
        if training.cores:
            torch.set_num_threads(training.cores)
        history = _fit(
            network, _images(everything, parts.train), labels[parts.train],
            everything[0].mesh.disc, training, device,
        )  # fmt: skip
        card = _card(training, everything, parts, label)
        model = Model(network.cpu(), card)
        predicted = np.concatenate(
            [
                model.predict(everything[d].patterns[rows], device=str(device))
                for d, rows in _by_dataset(everything, parts.test)
                for rows in np.array_split(rows, max(1, len(rows) // 1024))
            ]
        )
        model.network.cpu()
    finally:
        torch.set_num_threads(threads)
    card["metrics"] = metrics(labels[parts.test], predicted)
    return Trained(model, history, parts, labels[parts.test], predicted)


def check_datasets(
    datasets: Sequence[PatternDataset],
    test_datasets: Sequence[PatternDataset] = (),
    split: str = "block",
    test_fraction: float = 0.2,
    label: str = "disorder_parameter",
    seed: int = 0,
) -> Split:
    """Check that datasets can be trained on together, and split them; see :func:`train`.

    Returns:
        The :class:`Split`; its rows count through ``datasets``, then ``test_datasets``.
    """
    everything = [*datasets, *test_datasets]
    if not datasets:
        raise InputError("There are no datasets to train on: give at least one.")
    for dataset in everything:
        dataset.label(label)
        if dataset.mesh != everything[0].mesh:
            raise InputError(
                f"The datasets have different meshes ({everything[0].mesh} and {dataset.mesh}): simulate "
                "all on one mesh."
            )
    if not test_datasets:
        return split_dataset(datasets, split, test_fraction, seed)
    n_train = sum(map(len, datasets))
    rows = np.arange(sum(map(len, everything)))
    return Split(rows[:n_train], rows[n_train:], "given", seed, float("nan"))


def _fit(
    network: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    disc: np.ndarray,
    training: Training,
    device: torch.device,
) -> list[dict]:
    with torch.no_grad():  # start from the mean label: the first epochs need not find it
        last: torch.Tensor = list(network.modules())[-1].bias  # type: ignore[assignment]
        last.fill_(float(labels.mean()))
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=training.patience, threshold=training.threshold
    )
    generator = torch.Generator().manual_seed(training.seed)
    mask = torch.from_numpy(disc.astype(np.float32)).to(device)
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype(np.float32))
    steps = max(1, round(len(x) / training.batch_size))
    history = []
    with progress_bar(training.epochs * len(x), "train", "pattern") as bar:
        for epoch in range(1, training.epochs + 1):
            total = torch.zeros((), device=device)
            for rows in torch.randperm(len(x), generator=generator).tensor_split(steps):
                batch = x[rows].to(device).float()[:, None]
                batch = training.augmentation(batch, mask, generator)
                batch = batch.contiguous(memory_format=torch.channels_last)
                with torch.autocast(device.type, torch.bfloat16, enabled=training.bfloat16):
                    output = network(batch)[:, 0]
                loss = nn.functional.l1_loss(output.float(), y[rows].to(device))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(rows)
                bar.update(len(rows))
            mean = float(total) / len(x)
            history.append({"epoch": epoch, "loss": mean, "learning_rate": optimizer.param_groups[0]["lr"]})
            plateau.step(mean)
            bar.set_postfix(epoch=f"{epoch}/{training.epochs}", mae=f"{mean:.4f}")
    network.eval()
    return history


def _by_dataset(datasets: Sequence[PatternDataset], rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    ends = np.cumsum([len(dataset) for dataset in datasets])
    starts = ends - [len(dataset) for dataset in datasets]
    parts = [(d, rows[(rows >= starts[d]) & (rows < ends[d])] - starts[d]) for d in range(len(datasets))]
    return [(d, part) for d, part in parts if len(part)]


def _images(datasets: Sequence[PatternDataset], rows: np.ndarray) -> np.ndarray:
    # half precision: 5e-4 of the range, a quarter of the noise that augmentation adds
    out = np.empty((len(rows), *datasets[0].mesh.shape), np.float16)
    at = 0
    for d, part in _by_dataset(datasets, rows):
        for start in range(0, len(part), 1024):
            block = part[start : start + 1024]
            out[at : at + len(block)] = datasets[d].images(block)
            at += len(block)
    return out


def _card(training: Training, datasets: Sequence[PatternDataset], split: Split, label: str) -> dict:
    return {
        "network": training.network,
        "label": label,
        "mesh": datasets[0].mesh.as_dict(),
        "recipe": RECIPE,
        "volumes": [v.as_dict() for dataset in datasets for v in dataset.volumes],
        "training": {**asdict(training), "weights": os.fspath(training.weights or "none")},
        "datasets": [
            {"hash": dataset.input_hash, "structures": [s["structure_id"] for s in dataset.structures]}
            for dataset in datasets
        ],
        "split": {
            "kind": split.kind,
            "seed": split.seed,
            "n_train": len(split.train),
            "n_test": len(split.test),
        },
        "versions": versions(),
    }
