"""How to train.

Where the choices come from: losses [Huber1964], [NixWeigend1994]; optimisers Adam [KingmaBa2015] and AdamW
[LoshchilovHutter2019]; the schedule "one_cycle" [SmithTopin2017]; ensembles [Lakshminarayanan2017]; the
defaults [WuRupert2026].
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pyiron_nbed.checks import flag, is_number, number, one_of, seed_number, shown, whole
from pyiron_nbed.containers import instance, known_fields
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import as_path
from pyiron_nbed.learning.augmentation import Augmentation
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.recipe import NAMED, Recipe

LOSSES = ("mae", "huber", "gaussian")
OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("plateau", "one_cycle")
TARGETS = ("standardized", "order")
KEEPS = ("last", "best")
PRESETS = ("study",)
_DEVICES = re.compile(r"(cpu|cuda|mps|xpu)(:\d+)?")


@dataclass(frozen=True)
class Training:
    """How to train; the defaults follow [WuRupert2026], :meth:`study` repeats it.

    The loss that is watched, by the schedule, ``early_stop`` and ``keep``, is that of the validation patterns
    where there are any, else that of the training patterns as they are seen.

    Args:
        network: "resnet18", "cnn", "rotation_invariant" or "polar", see :func:`build_network`.
        weights: "imagenet", None (random), or the path of a safetensors file or of a saved model to start
            from.
        first_layer: of resnet18: "sum" of ImageNet's three channels, or "new", a random one.
        frozen: stages of the network, from the input on, that stay as they are.
        members: networks in the ensemble; they differ by seed (and, trained on an endless source, by the
            patterns they see), and their spread is part of the uncertainty [Lakshminarayanan2017].
        loss: "mae" (mean absolute error), "huber" [Huber1964] or "gaussian" (the network also
            gives a variance and the loss is −log of the normal density [NixWeigend1994]).
        target: what the network learns. "standardized": labels scaled to mean 0 and standard deviation 1 over
            the training patterns, so that several labels weigh the same; "order": the order parameter
            1 − d_i, not scaled, for labels d_i. Predictions are in the unit of the label in any case.
        epochs: passes over the training patterns.
        steps_per_epoch: batches that make an epoch of an endless source.
        batch_size: patterns per step, over all processes.
        optimizer: "adam" [KingmaBa2015] or "adamw" [LoshchilovHutter2019]; they differ in what
            ``weight_decay`` does.
        learning_rate: at the start; the peak for "one_cycle".
        weight_decay: times the weights, is added to the gradient ("adam": L2 regularisation, which Adam
            scales as it does the gradient) or makes the weights smaller in each step ("adamw").
        schedule: "plateau" (halved where the watched loss does not fall) or "one_cycle"
            [SmithTopin2017].
        patience: epochs without a lower watched loss that are tolerated before the learning rate is
            halved.
        threshold: relative decrease of the loss that counts as lower; raise it in short trainings, so that
            the learning rate falls before they end.
        early_stop: end after so many epochs without a lower watched loss; None never does.
        validation: share of the training patterns that is held out as validation patterns, by the same kind
            of split that holds out the test patterns; 0 for none. "test" takes the test patterns, as the
            authors of the study did: what is reported for them is then no test of unseen patterns, since the
            weights are chosen by it.
        keep: the weights of the "last" epoch, or the "best": those of the epoch with the lowest watched loss.
        seed: of the start weights, the order and the augmentation.
        bfloat16: mixed precision.
        compile: let torch.compile make faster code (needs a C++ compiler; pays in long trainings).
        deterministic: only operations that give the same bits each time, also on GPUs (slower).
        device: "cpu", "cuda", …; None takes a GPU where there is one.
        cores: CPU threads; None leaves torch's own choice.
        checkpoint_every: epochs between checkpoints.
        baselines: also fit a constant, ridge regression and gradient boosting on radial and angular features
            (:mod:`pyiron_nbed.learning.baselines`), whose errors stand beside the network's.
        augmentation: strengths, an :class:`Augmentation` or a dict of its fields; ``detector`` likewise.
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
    first_layer: str = "sum"
    frozen: int = 0
    members: int = 1
    loss: str = "mae"
    target: str = "standardized"
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
    validation: float | str = 0.0
    keep: str = "last"
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
        for name, kind in (("augmentation", Augmentation), ("detector", DetectorEffects)):
            object.__setattr__(self, name, _part(getattr(self, name), name, kind))
        for name in ("bfloat16", "compile", "deterministic", "baselines"):
            object.__setattr__(self, name, flag(getattr(self, name), name))
        counts = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 1, "patience": 0, "members": 1,
                  "checkpoint_every": 1}  # fmt: skip
        for name, low in counts.items():
            object.__setattr__(self, name, whole(getattr(self, name), name, low))
        object.__setattr__(self, "seed", seed_number(self.seed))
        for name in ("early_stop", "cores"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole(getattr(self, name), name, 1, hint="or None"))
        choices = {"loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "target": TARGETS,
                   "keep": KEEPS}  # fmt: skip
        for name, allowed in choices.items():
            one_of(getattr(self, name), name, allowed)
        number(self.threshold, "threshold", 0, below=1)
        number(self.learning_rate, "learning_rate", above=0, high=1)
        number(self.weight_decay, "weight_decay", 0, 1)
        if self.weights is not None:
            as_path(self.weights, "weights")
        if self.device is not None and not (isinstance(self.device, str) and _DEVICES.fullmatch(self.device)):
            raise InputError(
                f"device is {shown(self.device)}: give 'cpu', 'cuda', 'cuda:1', …, or None for a GPU "
                "where there "
                "is one."
            )
        _check_recipe(self.recipe)
        share = self.validation
        if isinstance(share, bool) or (share != "test" and not (is_number(share) and 0 <= float(share) < 1)):
            raise InputError(
                f"validation is {shown(share)}: give a share of the training patterns in [0, 1), or "
                "'test' for "
                "the test patterns."
            )

    @classmethod
    def study(cls, **changes: Any) -> Training:
        """How the authors of the study train [WuRupert2026].

        ResNet-18 with ImageNet's weights, a new first convolution and one output, 1 − d_i; L1 loss; Adam with
        learning rate 1e-3 and weight decay 1e-5 in the gradient; batches of 64, 400 epochs; the learning rate
        halved when the validation loss has not fallen for 20 epochs; the weights of the epoch with the lowest
        validation loss; :meth:`Augmentation.study` and :meth:`Recipe.study`. Their validation patterns are
        those that they report.

        Args:
            changes: fields with another value.

        Raises:
            InputError: an unknown field, or a value out of range.

        Example:
            >>> Training.study(epochs=40).weight_decay
            1e-05
        """
        own = {"weights": "imagenet", "first_layer": "new", "loss": "mae", "target": "order", "epochs": 400,
               "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 1e-5,
               "schedule": "plateau", "patience": 20, "threshold": 1e-4, "validation": "test",
               "keep": "best", "augmentation": Augmentation.study(), "recipe": "study"}  # fmt: skip
        return cls(**{"network": "resnet18", **own, **known_fields(changes, "The training", cls)})

    def __repr__(self) -> str:
        usual = Training()
        own = ((f.name, getattr(self, f.name), getattr(usual, f.name)) for f in fields(self))
        return (
            f"Training({', '.join(f'{name}={value!r}' for name, value, default in own if value != default)})"
        )

    @property
    def n_parameters(self) -> int:
        """Numbers that the network gives for each label: 2 (mean, log of the variance) for "gaussian"."""
        return 2 if self.loss == "gaussian" else 1

    def check_network(self) -> None:
        """Raise InputError or ModelError where the network or its start weights cannot be had."""
        from pyiron_nbed.learning.networks import build_network

        build_network(self.network, self.weights, frozen=self.frozen, first_layer=self.first_layer)

    def check_device(self) -> None:
        """Raise InputError where the device cannot be used on this machine."""
        from pyiron_nbed.diffraction.accelerator import torch_device

        torch_device(self.device)

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
        return cls(**known_fields(values, "The training", cls))


def _part(given: Any, name: str, kind: type) -> Any:
    # an Augmentation or DetectorEffects, also from its JSON form
    if isinstance(given, kind) or (given is None and kind is DetectorEffects):
        return given
    return kind(**known_fields(given, name, kind))


def _check_recipe(given: Any) -> None:
    # what can be said before the mesh is known
    if isinstance(given, str):
        one_of(given, "The recipe", NAMED, "or a Recipe")
    elif isinstance(given, Mapping):
        known_fields(given, "The recipe", Recipe)
    elif given is not None:
        instance(given, "The recipe", Recipe, "a Recipe, the name of one, a dict of its fields, or None")


def with_preset(values: Mapping[str, Any], preset: str | None) -> dict[str, Any]:
    """Settings of a training with those of a preset in place of all that still have their default.

    Args:
        values: some fields of :meth:`Training.as_dict`.
        preset: "study" (:meth:`Training.study`), or None.

    Returns:
        The fields with their new values.

    Raises:
        InputError: an unknown preset.

    Example:
        >>> changed = with_preset({"epochs": 400, "patience": 10, "batch_size": 32}, "study")
        >>> changed == {"epochs": 400, "patience": 20, "batch_size": 32}
        True
    """
    values = known_fields(values, "The training", Training)
    if preset is None:
        return values
    one_of(preset, "The preset", PRESETS, "or None")
    return _merged(values, Training().as_dict(), Training.study().as_dict())


def _merged(values: Mapping[str, Any], default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    result = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(default[name], dict):
            result[name] = _merged(value, default[name], own[name])
        else:
            result[name] = own[name] if value == default[name] else value
    return result
