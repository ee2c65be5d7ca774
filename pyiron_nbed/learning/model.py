"""A trained network with the card that says what it was trained on."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from pyiron_nbed.checks import flag, one_of, seed_number, whole
from pyiron_nbed.containers import instance, row_numbers
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.dataset.reader import as_dataset
from pyiron_nbed.diffraction.accelerator import torch_device
from pyiron_nbed.errors import DatasetError, InputError, ModelError
from pyiron_nbed.files import as_path, remove, replaced
from pyiron_nbed.learning.data import draw_seed
from pyiron_nbed.learning.distrust import FAMILIES, Distrust
from pyiron_nbed.learning.evaluation import metrics
from pyiron_nbed.learning.features import LastInput, image_features
from pyiron_nbed.learning.files import CARD_FILE, DISTRUST_FILE, WEIGHTS_FILE
from pyiron_nbed.learning.networks import (
    build_network,
    for_prediction,
    load_weights,
)
from pyiron_nbed.learning.prediction import Description, Prediction
from pyiron_nbed.learning.shipped import shipped_folder, shipped_models
from pyiron_nbed.parallel import prefetched
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.images import masks
from pyiron_nbed.patterns.mesh import Mesh, check_patterns
from pyiron_nbed.patterns.recipe import Recipe, unmasked
from pyiron_nbed.patterns.stack import PatternStack
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import file_hash, hash_of


class Model:
    """Predicts labels of patterns.

    Args:
        networks: members of the ensemble, modules (B, 1, n, n) → (B, L), or (B, 2 L) with log variances.
        card: JSON-able description: network, labels, scale, mesh, volumes, ranges, recipe, training,
            datasets, split, calibration, metrics, versions.
        distrust: how far patterns are from those of the training; None: not known.

    Attributes:
        labels: names of the L labels.
        recipe: how the images are made, a :class:`pyiron_nbed.patterns.Recipe`.
        mesh: the :class:`Mesh` of the patterns.
    """

    def __init__(self, networks: Sequence[nn.Module], card: dict, distrust: Distrust | None = None) -> None:
        self.networks = [network.eval().to(memory_format=torch.channels_last) for network in networks]
        self.card = card
        self.distrust = distrust
        self.recipe = Recipe.from_dict(card["recipe"])
        self.mesh = self.recipe.mesh
        self.labels: list[str] = list(card["labels"])

    def __repr__(self) -> str:
        split, found = self.card.get("split", {}), self.card.get("metrics", {})
        parts = [f"{self.card['network']} predicts {', '.join(self.labels)} from patterns of {self.mesh}"]
        if len(self.networks) > 1:
            parts.append(f"{len(self.networks)} members")
        if split.get("n_train"):
            parts.append(f"trained on {split['n_train']:,} patterns")
        if "rmse" in found:
            parts.append(
                f"RMSE {found['rmse']:.4f}, R² {found['r2']:.3f} on {found['n_patterns']:,} test patterns "
                f"(split {split.get('kind')})"
            )
        return "Model: " + "; ".join(parts)

    @property
    def hash(self) -> str:
        """16 digits that tell this model from others: of its weights, recipe, labels and their scale."""
        digest = hashlib.sha256()
        for network in self.networks:
            for name, values in network.state_dict().items():
                digest.update(name.encode())
                digest.update(values.detach().cpu().contiguous().numpy().tobytes())
        return hash_of([digest.hexdigest(), self.recipe.as_dict(), self.labels, self.card["scale"]])

    @classmethod
    def from_states(cls, states: Sequence[dict[str, torch.Tensor]], card: dict) -> Model:
        """A model from the weights of its members."""
        networks = []
        for state in states:
            networks.append(build_network(card["network"], None, len(card["labels"]) * card["n_parameters"]))
            networks[-1].load_state_dict(state)
        return cls(networks, card)

    def predict(
        self,
        patterns: np.ndarray | PatternDataset | PatternStack | str | os.PathLike,
        batch_size: int | None = None,
        device: str | None = None,
        rows: np.ndarray | None = None,
        bfloat16: bool = False,
        recipe: Recipe | None = None,
        detector: DetectorEffects | None = None,
        seed: int = 0,
    ) -> Prediction:
        """Predicted labels and their standard uncertainty.

        Args:
            patterns: (P, n, n) raw intensity on the model's mesh in any unit, a dataset or its path, or a
                stack, such as that of a measured scan, whose positions then come in the order of the scan.
                Outside the mask of the recipe it may hold anything. What is masked in a masked array is NaN.
            batch_size: patterns at a time; None takes 64 on a CPU (more leave its caches) and 512 on a GPU.
            device: "cpu", "cuda", …; None takes a GPU where there is one.
            rows: numbers of the patterns, or (P,) bool; None takes all.
            bfloat16: numbers of 8 significant bits inside the networks: up to twice as fast where the
                processor has them (AVX-512 BF16, AMX, GPUs), about 0.5 % of the label's spread less exact.
            recipe: that the patterns were prepared for, where it is known; it must be the model's.
            detector: effects that each pattern is seen through first, for tests of a model.
            seed: of their draws; the effects of a pattern depend on the batch size too.

        Returns:
            The :class:`Prediction`; NaN, with a warning, for patterns without intensity in the annulus of the
            recipe's unit (vacuum).

        Raises:
            ModelError: another mesh or recipe than the model was trained on.
            InputError: no patterns, the device is absent, or another argument out of range.
            DatasetError: unreadable file, NaN, or patterns of another shape.
        """
        return self._run(
            patterns, batch_size, device, rows, bfloat16, recipe, detector, seed, described=False
        ).prediction

    def describe(
        self,
        patterns: np.ndarray | PatternDataset | str | os.PathLike,
        batch_size: int | None = None,
        device: str | None = None,
        rows: np.ndarray | None = None,
        recipe: Recipe | None = None,
        detector: DetectorEffects | None = None,
        seed: int = 0,
        progress: bool = True,
    ) -> Description:
        """Predicted labels with the features that tell how far a pattern is from those of the training.

        Args:
            patterns, batch_size, device, rows, recipe, detector, seed: as of :meth:`predict`.
            progress: show how far it is.

        Returns:
            The :class:`Description`; its distrust is None where the model has none.

        Raises:
            ModelError, InputError, DatasetError: as :meth:`predict`.
        """
        return self._run(
            patterns, batch_size, device, rows, False, recipe, detector, seed, described=True,
            progress=flag(progress, "progress"),
        )  # fmt: skip

    def _run(
        self, patterns: Any, batch_size: Any, device: Any, rows: Any, bfloat16: Any, recipe: Any,
        detector: Any, seed: Any, described: bool, progress: bool = True,
    ) -> Description:  # fmt: skip
        intensity = self._intensity(patterns, recipe, detector)
        chosen = row_numbers(rows, len(intensity))
        bfloat16 = flag(bfloat16, "bfloat16")
        target = torch_device(device)
        generator = torch.Generator(target)
        if batch_size is None:
            batch_size = 64 if target.type == "cpu" else 512
        batch_size, seed = whole(batch_size, "batch_size", 1, hint="or None"), seed_number(seed)
        cut = np.array_split(chosen, -(-len(chosen) // batch_size)) if len(chosen) else []
        read = prefetched(lambda own: np.asarray(intensity[own], np.float32), cut)
        parts, dark = [], 0
        found: dict[str, list[np.ndarray]] = {name: [] for name in FAMILIES}
        with (
            closing(read) as batches,
            torch.inference_mode(),
            torch.autocast(target.type, torch.bfloat16, enabled=bfloat16),
            progress_bar(len(chosen), "predict", "pattern") if progress else nullcontext() as bar,
        ):
            networks = [for_prediction(network, target) for network in self.networks]
            last = LastInput(networks[0]) if described else None
            for number, own in enumerate(batches):
                batch = torch.from_numpy(own).to(target)
                if detector is not None:
                    batch = detector(batch, self.recipe, generator.manual_seed(draw_seed(seed, number)))
                images = self.recipe(batch).contiguous(memory_format=torch.channels_last)
                outputs = torch.stack([network(images) for network in networks])
                _, annulus = masks(self.recipe, target)
                empty = ~(batch[:, annulus] > 0).any(dim=1)
                outputs[:, empty] = torch.nan
                parts.append(outputs.double().cpu().numpy())
                if last is not None:
                    for name, values in zip(
                        FAMILIES, (image_features(images, self.recipe), last.value), strict=True
                    ):
                        found[name].append(values.double().cpu().numpy())
                dark += int(empty.sum())
                if bar is not None:
                    bar.update(len(own))
        if dark and not described:
            warnings.warn(
                f"{dark} of {len(chosen)} patterns hold no intensity where the recipe takes its unit: their "
                "prediction is NaN.",
                stacklevel=3,
            )
        joined = np.concatenate(parts, axis=1) if parts else np.empty((1, 0, len(self.labels)))
        features = {name: np.concatenate(values) for name, values in found.items() if values}
        distrust = self.distrust.score(features) if self.distrust is not None and features else None
        return Description(self._combined(joined), features, distrust)

    def _intensity(self, patterns: Any, recipe: Recipe | None, detector: DetectorEffects | None) -> Any:
        # (P, n, n), read from disc where it is looked at
        for name, given, kind in (("recipe", recipe, Recipe), ("detector", detector, DetectorEffects)):
            if given is not None:
                instance(given, f"The {name}", kind, f"a {kind.__name__}, or None")
        if recipe is not None:
            self.recipe.check_same(recipe, "the patterns")
        if detector is not None:
            detector.check(self.recipe)
        if isinstance(patterns, (str, os.PathLike)):
            patterns = PatternDataset(patterns)
        if isinstance(patterns, PatternDataset):
            self._check_mesh(patterns.mesh)
            self._check_seen(patterns.recipe, os.fspath(patterns.path))
            intensity: Any = patterns.patterns
        elif isinstance(patterns, PatternStack):
            self._check_mesh(patterns.mesh)
            if patterns.recipe is not None:
                self._check_seen(patterns.recipe, "the prepared patterns")
            intensity = patterns.flat
        else:
            intensity = unmasked(patterns) if hasattr(patterns, "shape") else patterns
            if np.ndim(intensity) == 2 and hasattr(intensity, "shape"):
                intensity = intensity[None]
            check_patterns(intensity)
        if len(intensity.shape) != 3 or tuple(intensity.shape[1:]) != self.mesh.shape:
            n = self.mesh.shape[0]
            raise DatasetError(
                f"The patterns have shape {intensity.shape}, the model was trained on (P, {n}, {n}) "
                f"pixels of {self.mesh.delta_k} Å⁻¹ up to {self.mesh.k_max} Å⁻¹: bring them onto this mesh."
            )
        return intensity

    def _check_mesh(self, mesh: Mesh) -> None:
        if mesh != self.mesh:
            raise ModelError(
                f"The patterns have {mesh}, the model was trained on {self.mesh}: simulate "
                "the patterns on the model's mesh or train another model."
            )

    def _check_seen(self, recipe: Recipe, what: str) -> None:
        if recipe.k_min > self.recipe.k_min:  # pixels that the model looks at were never seen
            self.recipe.check_same(recipe, what)

    def _combined(self, outputs: np.ndarray) -> Prediction:
        # (members, P, L or 2 L): a mixture of normal distributions
        count = len(self.labels)
        shift, scale = (np.array(self.card["scale"][name]) for name in ("mean", "standard_deviation"))
        means = outputs[..., :count]
        variance = means.var(axis=0)
        if self.card["n_parameters"] == 2:
            variance = variance + np.exp(outputs[..., count:]).mean(axis=0)
        if not np.nan_to_num(variance).any():  # nothing in the model says how sure it is
            variance = variance + 1
        mean, std = means.mean(axis=0) * scale + shift, np.sqrt(variance) * np.abs(scale)
        calibration = self.card.get("calibration", {})
        std = std * [calibration.get(name, {}).get("factor", 1.0) for name in self.labels]
        return Prediction(mean[:, 0], std[:, 0]) if count == 1 else Prediction(mean, std)

    def save(self, folder: str | os.PathLike) -> None:
        """Write ``model.safetensors`` (``model_2.safetensors``, … for further members) and ``model.json``.

        Each is written under a temporary name first; the card goes last and holds the hashes of the weights.

        Raises:
            InputError: a folder that cannot be made.
        """
        folder = as_path(folder, "The folder of the model")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"The folder {folder} cannot be made ({reason}): give another one.") from None
        hashes = {}
        for name, network in zip(_weight_files(len(self.networks)), self.networks, strict=True):
            state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
            with replaced(folder / name) as partial:
                save_file(state, partial)
                hashes[name] = file_hash(partial)
        if self.distrust is None:
            remove(folder / DISTRUST_FILE)  # of a model that was there before
        else:
            self.distrust.save(folder / DISTRUST_FILE)
            hashes[DISTRUST_FILE] = file_hash(folder / DISTRUST_FILE)
        with replaced(folder / CARD_FILE) as partial:
            partial.write_text(json.dumps({**self.card, "weights": hashes}, indent=2))


def _weight_files(members: int) -> list[str]:
    return [WEIGHTS_FILE, *(f"model_{number}.safetensors" for number in range(2, members + 1))]


def load_model(folder: str | os.PathLike) -> Model:
    """Load a model saved by :meth:`Model.save` or an ``NBEDRegressor`` job.

    Args:
        folder: folder with ``model.safetensors`` and ``model.json``, or one of
            :func:`pyiron_nbed.learning.shipped_models` where there is no folder of that name.

    Returns:
        The :class:`Model`.

    Raises:
        ModelError: files are absent, damaged or were made with another recipe.

    Example:
        >>> load_model("absent")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.ModelError: There is no model in absent: model.json is missing.
    """
    folder = as_path(folder, "The folder of the model")
    if not folder.exists() and str(folder) in shipped_models():
        folder = shipped_folder(str(folder))
    if not (folder / CARD_FILE).is_file():
        raise ModelError(f"There is no model in {folder}: {CARD_FILE} is missing.")
    try:
        card = json.loads((folder / CARD_FILE).read_text())
        current = isinstance(card["recipe"], dict)
        outputs = len(card["labels"]) * int(card["n_parameters"])
        networks = [build_network(card["network"], None, outputs) for _ in range(int(card["members"]))]
        model = Model(networks, card) if current else None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / CARD_FILE} is damaged ({error}): train the model again.") from error
    if model is None:
        raise ModelError(
            f"The model in {folder} was trained by an earlier version, on images made by another recipe "
            f"({card['recipe']!r}): train it again."
        )
    hashes = card.get("weights", {})
    for name, network in zip(_weight_files(len(networks)), networks, strict=True):
        load_weights(network, folder / name)
        _check_hash(folder / name, hashes)
    if DISTRUST_FILE in hashes:
        model.distrust = Distrust.load(folder / DISTRUST_FILE)
        _check_hash(folder / DISTRUST_FILE, hashes)
    return model


def _check_hash(path: Path, hashes: dict) -> None:
    if hashes.get(path.name) != file_hash(path):
        raise ModelError(
            f"{path} is not the file that {CARD_FILE} was written for: take both from one training."
        )


def evaluate(
    model: Model,
    dataset: PatternDataset | str | os.PathLike,
    indices: np.ndarray | None = None,
    label: str | None = None,
) -> dict:
    """Metrics of a model on a dataset.

    Args:
        model: the model.
        dataset: patterns with labels on the model's mesh, or the path of the file.
        indices: rows to use; None takes all.
        label: one of the model's labels; None takes the first.

    Returns:
        As :func:`pyiron_nbed.learning.evaluation.metrics`.

    Raises:
        ModelError: another mesh.
        InputError: no model or dataset, or a label that the model does not predict.
    """
    instance(model, "The model", Model, "a Model, for example load_model(folder)")
    dataset = as_dataset(dataset)
    name = model.labels[0] if label is None else label
    one_of(name, "The label", model.labels)
    indices = row_numbers(indices, len(dataset), "indices")
    prediction = model.predict(dataset, rows=indices)
    predicted = prediction.mean if len(model.labels) == 1 else prediction.mean[:, model.labels.index(name)]
    return metrics(dataset.label(name)[indices], predicted)
