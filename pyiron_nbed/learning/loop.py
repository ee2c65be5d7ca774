"""The training loop of one network: exact, resumable, on one process or several."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pyiron_nbed.files import replaced
from pyiron_nbed.learning.data import DatasetBatches, SourceBatches, draw_seed
from pyiron_nbed.learning.files import CHECKPOINT_FILE
from pyiron_nbed.learning.networks import training_mode
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.patterns.images import masks
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.progress import progress_bar


class Stopped(SystemExit):
    """The process was asked to end (SIGTERM) and a checkpoint was written."""


class Checkpoint:
    """State of a training on disc: finished networks, and the one at work.

    Args:
        folder: where ``checkpoint.pt`` is; None keeps nothing.
        key: hash of all that decides the result; a checkpoint with another key is not used.
        writes: False for all processes but the first.
    """

    def __init__(self, folder: Path | None, key: str, writes: bool = True) -> None:
        self._path = None if folder is None else Path(folder) / CHECKPOINT_FILE
        self._key, self._writes = key, writes
        self.state: dict[str, Any] = {"key": key, "finished": [], "current": None}
        if self._path is not None and self._path.is_file():
            try:
                found = torch.load(self._path, map_location="cpu", weights_only=True)
            except Exception:  # torch raises many kinds for a damaged file; it is only a shortcut
                return
            if isinstance(found, dict) and found.get("key") == key:
                self.state = found

    def write(self) -> None:
        """Replace the file by the state as it is now."""
        if self._path is None or not self._writes:
            return
        with replaced(self._path) as partial:
            torch.save(self.state, partial)

    def remove(self) -> None:
        """Remove the file: the model is saved."""
        if self._path is not None and self._writes:
            self._path.unlink(missing_ok=True)


def process_rank() -> tuple[int, int]:
    """(number of this process, number of processes) of a distributed training; (0, 1) without."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def fit(
    network: nn.Module,
    batches: DatasetBatches | SourceBatches,
    training: Training,
    recipe: Recipe,
    device: torch.device,
    checkpoint: Checkpoint,
    scale: tuple[np.ndarray, np.ndarray],
    member: int = 0,
    asked: threading.Event | None = None,
    validation: DatasetBatches | None = None,
) -> list[dict]:
    """Train one network in place.

    Args:
        network: (B, 1, n, n) → (B, L) scaled labels, or (B, 2 L) with log variances behind.
        batches: patterns and labels.
        training: how.
        recipe: of the images.
        device: where.
        checkpoint: its current state is taken up and kept up.
        scale: mean and standard deviation (L,) of the labels.
        member: number of the network in the ensemble; shifts the seed.
        asked: set where the training shall stop, see :func:`termination`; None listens for SIGTERM here.
        validation: patterns whose loss is watched after every epoch; None watches the training loss.

    Returns:
        One dict per epoch: member, epoch, loss (of scaled labels), mae (of the first label, in its unit),
        learning_rate; with validation patterns also validation_loss and validation_mae.

    Raises:
        Stopped: SIGTERM came; the checkpoint holds all that was done.
    """
    rank, world = process_rank()
    network.to(device).to(memory_format=torch.channels_last)
    training_mode(network)
    state = _State(network, training, batches.steps, checkpoint)
    optimizer, step, sums = state.optimizer, state.step, state.sums
    run = _wrapped(network, training, device, world)
    mean, spread = (torch.as_tensor(x, dtype=torch.float32, device=device) for x in scale)
    generator = torch.Generator(device)
    n = batches.patterns_per_epoch

    listening = termination() if asked is None else nullcontext(asked)
    with listening as asked, progress_bar(training.epochs * n, "train", "pattern") as bar:
        bar.update(min((state.epoch - 1) * n + step * training.batch_size, training.epochs * n))
        for epoch in range(state.epoch, training.epochs + 1):
            if _stalled(state.history, training):  # here, so that a run that goes on stops too
                break
            total = torch.tensor(sums, dtype=torch.float64, device=device)
            for at, (patterns, labels) in enumerate(batches.ahead(epoch, step), step):
                generator.manual_seed(draw_seed(training.seed + member, epoch, at, rank))
                own = slice(rank, None, world)
                target = (labels[own].to(device, non_blocking=True) - mean) / spread
                patterns = patterns[own].to(device, non_blocking=True)
                images = training_images(patterns, recipe, training, generator)
                with torch.autocast(device.type, torch.bfloat16, enabled=training.bfloat16):
                    output = run(images)
                each = _loss(output.float(), target, training.loss)
                # every pattern weighs the same, whichever process has it
                loss = each.sum() * (world / len(labels))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                if training.schedule == "one_cycle":
                    state.schedule.step()
                error = (output.detach()[:, 0].float() - target[:, 0]).abs().sum() * spread[0].abs()
                total += torch.stack([each.detach().sum(), error]).double()
                bar.update(len(labels))
                if asked.is_set() and world == 1 and at + 1 < batches.steps:
                    state.save(epoch, at + 1, total.tolist())
                    raise Stopped(143)
            if world > 1:
                torch.distributed.all_reduce(total)
            step, sums = 0, [0.0, 0.0]
            loss_of_epoch, mae = (total / n).tolist()
            rate = optimizer.param_groups[0]["lr"]
            row = {"member": member, "epoch": epoch, "loss": loss_of_epoch, "mae": mae, "learning_rate": rate}
            if validation is not None:
                found = _validate(
                    network, validation, training, recipe, device, (mean, spread), generator, member
                )
                row |= dict(zip(("validation_loss", "validation_mae"), found, strict=True))
            state.end_epoch(row)
            shown = row.get("validation_mae", mae)
            bar.set_postfix(epoch=f"{epoch}/{training.epochs}", mae=f"{shown:.4f}")
            if asked.is_set() or epoch % training.checkpoint_every == 0:
                state.save(epoch + 1, 0, sums)
            if asked.is_set() and epoch < training.epochs:
                raise Stopped(143)
    state.take_best()
    network.eval()
    return state.history


class _State:
    """What a training that goes on needs: optimizer, schedule, the place, and the best weights so far."""

    def __init__(self, network: nn.Module, training: Training, steps: int, checkpoint: Checkpoint) -> None:
        self._network, self._training, self._checkpoint = network, training, checkpoint
        self.optimizer, self.schedule = _optimizer(network, training, steps)
        self.epoch, self.step, self.sums = 1, 0, [0.0, 0.0]
        self.history: list[dict] = []
        self._best: dict[str, torch.Tensor] | None = None
        if (found := checkpoint.state["current"]) is not None:
            for part, name in (
                (network, "network"),
                (self.optimizer, "optimizer"),
                (self.schedule, "schedule"),
            ):
                part.load_state_dict(found[name])
            self.epoch, self.step, self.sums = found["epoch"], found["step"], found["sums"]
            self.history, self._best = found["history"], found["best"]

    def save(self, epoch: int, step: int, sums: list[float]) -> None:
        """Write the checkpoint of a training that goes on with this step."""
        self._checkpoint.state["current"] = {
            "network": self._network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(), "epoch": epoch, "step": step, "sums": sums,
            "history": self.history, "best": self._best,
        }  # fmt: skip
        self._checkpoint.write()

    def end_epoch(self, row: dict) -> None:
        """Note an epoch; by the loss that is watched, keep its weights and lower the learning rate."""
        self.history.append(row)
        losses = _watched(self.history)
        if self._training.keep == "best" and all(losses[-1] < loss for loss in losses[:-1]):
            self._best = {
                name: values.detach().clone() for name, values in self._network.state_dict().items()
            }
        if self._training.schedule == "plateau":
            self.schedule.step(losses[-1])

    def take_best(self) -> None:
        """Give the network the weights that were kept."""
        if self._best is not None:
            self._network.load_state_dict(self._best)


def _optimizer(network: nn.Module, training: Training, steps: int) -> tuple[Any, Any]:
    parameters = [p for p in network.parameters() if p.requires_grad]
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    optimizer = kind(parameters, lr=training.learning_rate, weight_decay=training.weight_decay)
    if training.schedule == "plateau":
        return optimizer, torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=training.patience, threshold=training.threshold
        )
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=training.epochs * steps
    )


def _wrapped(network: nn.Module, training: Training, device: torch.device, world: int) -> Any:
    run: Any = network
    if world > 1:
        if device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        run = nn.parallel.DistributedDataParallel(
            network, device_ids=[device] if device.type == "cuda" else None
        )
    return torch.compile(run) if training.compile else run


def _validate(
    network: nn.Module,
    validation: DatasetBatches,
    training: Training,
    recipe: Recipe,
    device: torch.device,
    scale: tuple[torch.Tensor, torch.Tensor],
    generator: torch.Generator,
    member: int,
) -> list[float]:
    """Loss and mean absolute error (of the first label, in its unit) of patterns as they come."""
    rank, world = process_rank()
    if world > 1:  # the batch statistics of the process that saves the network
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, 0)
    total = torch.zeros(2, dtype=torch.float64, device=device)
    network.eval()
    with torch.no_grad():
        for at, (patterns, labels) in enumerate(validation.ahead(0, 0)):
            if at % world != rank:
                continue
            generator.manual_seed(draw_seed(training.seed + member, 0, at))  # the same in every epoch
            target = (labels.to(device) - scale[0]) / scale[1]
            images = training_images(patterns.to(device), recipe, training, generator, augment=False)
            with torch.autocast(device.type, torch.bfloat16, enabled=training.bfloat16):
                output = network(images)
            error = (output[:, 0].float() - target[:, 0]).abs().sum() * scale[1][0].abs()
            total += torch.stack([_loss(output.float(), target, training.loss).sum(), error]).double()
    training_mode(network)
    if world > 1:
        torch.distributed.all_reduce(total)
    return (total / validation.patterns_per_epoch).tolist()


def training_images(
    patterns: torch.Tensor,
    recipe: Recipe,
    training: Training,
    generator: torch.Generator,
    augment: bool = True,
) -> torch.Tensor:
    """What the network sees of patterns in a training: detector effects, recipe, augmentation, in this order.

    Args:
        patterns: (B, n, n) raw intensity.
        recipe: of the images.
        training: whose effects and augmentation are drawn.
        generator: of the draws.
        augment: False for patterns that are not trained on.

    Returns:
        (B, 1, n, n) float32.
    """
    if training.detector is not None:
        patterns = training.detector(patterns, recipe, generator)
    images = recipe(patterns)
    if augment:
        mask, _ = masks(recipe, patterns.device)
        images = training.augmentation(images, mask.float(), generator)
    return images.contiguous(memory_format=torch.channels_last)


def _loss(output: torch.Tensor, target: torch.Tensor, kind: str) -> torch.Tensor:
    # (B,): mean over the labels
    if kind == "mae":
        return (output - target).abs().mean(dim=1)
    if kind == "huber":
        return nn.functional.huber_loss(output, target, reduction="none").mean(dim=1)
    mean, log_variance = output.chunk(2, dim=1)
    return 0.5 * (log_variance + (mean - target) ** 2 * torch.exp(-log_variance)).mean(dim=1)


def _watched(history: list[dict]) -> list[float]:
    # of each epoch: that of the validation patterns where there are any
    return [row.get("validation_loss", row["loss"]) for row in history]


def _stalled(history: list[dict], training: Training) -> bool:
    if training.early_stop is None or not history:
        return False
    losses = _watched(history)
    return len(losses) - 1 - int(np.argmin(losses)) >= training.early_stop


@contextmanager
def termination() -> Iterator[threading.Event]:
    """An event that SIGTERM sets in place of ending the process (in the main thread only).

    Raises:
        Stopped: at the end, where it was set in the last epoch: the test that follows can take as long.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
    if asked.is_set():
        raise Stopped(143)
