"""How to train.

Where the choices come from: losses [Huber1964], [NixWeigend1994]; optimisers Adam [KingmaBa2015] and AdamW
[LoshchilovHutter2019]; the schedule "one_cycle" [SmithTopin2017]; ensembles [Lakshminarayanan2017]; the
defaults [WuRupert2026].
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pyiron_nbed.errors import InputError
from pyiron_nbed.learning.augmentation import Augmentation
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.recipe import Recipe

LOSSES = ("mae", "huber", "gaussian")
OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("plateau", "one_cycle")


@dataclass(frozen=True)
class Training:
    """How to train; the defaults are the published ones.

    Labels are scaled to mean 0 and standard deviation 1 over the training patterns inside the loop, so that
    several labels weigh the same; predictions are in the unit of the label.

    Args:
        network: "resnet18", "cnn", "rotation_invariant" or "polar", see :func:`build_network`.
        weights: "imagenet", None (random), or the path of a safetensors file or of a saved model to start
            from.
        frozen: stages of the network, from the input on, that stay as they are.
        members: networks in the ensemble; they differ by seed (and, trained on an endless source, by the
            patterns they see), and their spread is part of the uncertainty.
        loss: "mae" (mean absolute error), "huber" or "gaussian" (the network also gives a variance and the
            loss is −log of the normal density; Nix and Weigend 1994).
        epochs: passes over the training patterns.
        steps_per_epoch: batches that make an epoch of an endless source.
        batch_size: patterns per step, over all processes.
        optimizer: "adam", or "adamw" with ``weight_decay``.
        learning_rate: at the start; the peak for "one_cycle".
        weight_decay: of AdamW.
        schedule: "plateau" (halved where the training loss does not fall) or "one_cycle" (Smith and
            Topin 2017).
        patience: epochs without a lower training loss that are tolerated before the learning rate is
            halved.
        threshold: relative decrease of the loss that counts as lower; raise it in short trainings, so that
            the learning rate falls before they end.
        early_stop: end after so many epochs without a lower training loss; None never does. The test
            patterns have no say in it.
        seed: of the start weights, the order and the augmentation.
        bfloat16: mixed precision.
        compile: let torch.compile make faster code (needs a C++ compiler; pays in long trainings).
        deterministic: only operations that give the same bits each time, also on GPUs (slower).
        device: "cpu", "cuda", …; None takes a GPU where there is one.
        cores: CPU threads; None leaves torch's own choice.
        checkpoint_every: epochs between checkpoints.
        baselines: also fit a constant, ridge regression and gradient boosting on radial and angular features
            (:mod:`pyiron_nbed.learning.baselines`), whose errors stand beside the network's.
        augmentation: strengths, see :class:`Augmentation`.
        detector: ranges of detector effects drawn for each pattern (:class:`DetectorEffects`), or None. They
            also apply to the test patterns, and so to the calibrated uncertainty; the card holds the metrics
            without them beside.
        recipe: how images are made: a :class:`pyiron_nbed.patterns.Recipe`, the name of one ("simulation",
            "experiment", "study"), a dict of its fields, or None: that of the pattern file.

    Raises:
        InputError: a value out of range.
    """

    network: str = "resnet18"
    weights: str | None = "imagenet"
    frozen: int = 0
    members: int = 1
    loss: str = "mae"
    epochs: int = 400
    steps_per_epoch: int = 500
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "plateau"
    patience: int = 10
    threshold: float = 1e-4
    early_stop: int | None = None
    seed: int = 0
    bfloat16: bool = False
    compile: bool = False
    deterministic: bool = False
    device: str | None = None
    cores: int | None = None
    checkpoint_every: int = 1
    baselines: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    detector: DetectorEffects | None = None
    recipe: Recipe | dict | str | None = None

    def __post_init__(self) -> None:
        for name in ("bfloat16", "compile", "deterministic"):
            if getattr(self, name) not in (True, False):
                raise InputError(f"{name} is {getattr(self, name)!r}: give True or False.")
            object.__setattr__(self, name, bool(getattr(self, name)))  # pyiron stores 0 and 1
        whole = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 1, "patience": 0, "members": 1,
                 "checkpoint_every": 1}  # fmt: skip
        for name, low in whole.items():
            _check_whole(name, getattr(self, name), low)
        if self.early_stop is not None:
            _check_whole("early_stop", self.early_stop, 1)
        for name, allowed in (("loss", LOSSES), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}: choose one of {', '.join(map(repr, allowed))}."
                )
        if not 0 <= self.threshold < 1:
            raise InputError(f"threshold is {self.threshold!r}: give a number in [0, 1).")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"learning_rate is {self.learning_rate!r}: give a number in (0, 1].")
        if not 0 <= self.weight_decay <= 1:
            raise InputError(f"weight_decay is {self.weight_decay!r}: give a number in [0, 1].")
        for item in fields(Augmentation):
            if not 0 <= getattr(self.augmentation, item.name) < float("inf"):
                raise InputError(f"augmentation.{item.name} must be a number of at least 0.")

    @property
    def n_parameters(self) -> int:
        """Numbers that the network gives for each label: 2 (mean, log of the variance) for "gaussian"."""
        return 2 if self.loss == "gaussian" else 1

    def check_network(self) -> None:
        """Raise InputError or ModelError where the network or its start weights cannot be had."""
        from pyiron_nbed.learning.networks import build_network

        build_network(self.network, self.weights, frozen=self.frozen)

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        values = asdict(self)
        values["weights"] = None if self.weights is None else os.fspath(self.weights)
        values["detector"] = None if self.detector is None else self.detector.as_dict()
        values["recipe"] = self.recipe.as_dict() if isinstance(self.recipe, Recipe) else self.recipe
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Training:
        """Inverse of :meth:`as_dict`; parts that are left out have their default.

        Raises:
            InputError: an unknown name, or a value out of range.

        Example:
            >>> Training.from_dict({"network": "cnn", "weights": None}).network
            'cnn'
        """
        values = dict(values)
        try:
            if isinstance(values.get("augmentation"), dict):
                values["augmentation"] = Augmentation(**values["augmentation"])
            if isinstance(values.get("detector"), dict):
                values["detector"] = DetectorEffects.from_dict(values["detector"])
            return cls(**values)
        except TypeError as error:
            raise InputError(f"The settings of the training hold an unknown name ({error}).") from None


def _check_whole(name: str, value: Any, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or int(value) != value or value < low:
        raise InputError(f"{name} is {value!r}: give a whole number of at least {low}.")
