"""A trained network with the card that says what it was trained on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.diffraction import Mesh
from pyiron_nbed.errors import ModelError
from pyiron_nbed.images import RECIPE, network_images
from pyiron_nbed.learning.evaluation import metrics
from pyiron_nbed.learning.networks import build_network, load_weights
from pyiron_nbed.progress import progress_bar

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "model.json"


class Model:
    """Predicts the label of patterns.

    Args:
        network: module (B, 1, n, n) → (B, 1).
        card: JSON-able description: network, label, mesh, volumes, recipe, training, datasets,
            split, metrics, versions.
    """

    def __init__(self, network: nn.Module, card: dict) -> None:
        self.network = network.eval()
        self.card = card
        self.mesh = Mesh(**card["mesh"])

    def predict(
        self,
        patterns: np.ndarray | PatternDataset | str | os.PathLike,
        batch_size: int = 256,
        device: str | None = None,
    ) -> np.ndarray:
        """Predicted label of each pattern.

        Args:
            patterns: (P, n, n) raw intensity on the model's mesh, or a dataset or its path.
            batch_size: patterns at a time.
            device: "cpu", "cuda", …; None takes a GPU where there is one.

        Returns:
            (P,) float64.

        Raises:
            ModelError: another mesh than the model was trained on.
            DatasetError: unreadable file, NaN, or patterns of another shape.
        """
        if isinstance(patterns, (str, os.PathLike)):
            patterns = PatternDataset(patterns)
        if isinstance(patterns, PatternDataset):
            if patterns.mesh != self.mesh:
                raise ModelError(
                    f"The patterns have {patterns.mesh}, the model was trained on {self.mesh}: simulate "
                    "the patterns on the model's mesh or train another model."
                )
            intensity: Any = patterns.patterns
        else:
            intensity = np.asarray(patterns)
            if intensity.ndim == 2:
                intensity = intensity[None]
        target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        network = self.network.to(target)
        out = np.empty(intensity.shape[0])
        with torch.inference_mode(), progress_bar(len(out), "predict", "pattern") as bar:
            for start in range(0, len(out), batch_size):
                images = network_images(intensity[start : start + batch_size], self.mesh)
                batch = torch.from_numpy(images).to(target)[:, None]
                batch = batch.contiguous(memory_format=torch.channels_last)
                out[start : start + len(images)] = network(batch)[:, 0].double().cpu().numpy()
                bar.update(len(images))
        return out

    def save(self, folder: str | os.PathLike) -> None:
        """Write ``model.safetensors`` and ``model.json`` (each under a temporary name first)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        temporary = folder / (WEIGHTS_FILE + ".partial")
        save_file(state, temporary)
        os.replace(temporary, folder / WEIGHTS_FILE)
        temporary = folder / (CARD_FILE + ".partial")
        temporary.write_text(json.dumps(self.card, indent=2))
        os.replace(temporary, folder / CARD_FILE)


def load_model(folder: str | os.PathLike) -> Model:
    """Load a model saved by :meth:`Model.save` or an ``NBEDRegressor`` job.

    Args:
        folder: folder with ``model.safetensors`` and ``model.json``.

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
    folder = Path(folder)
    if not (folder / CARD_FILE).is_file():
        raise ModelError(f"There is no model in {folder}: {CARD_FILE} is missing.")
    try:
        card = json.loads((folder / CARD_FILE).read_text())
        network = build_network(card["network"])
        Mesh(**card["mesh"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / CARD_FILE} is damaged ({error}): train the model again.") from error
    if card.get("recipe") != RECIPE:
        raise ModelError(
            f"The model in {folder} was trained on images made by {card.get('recipe')!r}, this version "
            f"makes them by {RECIPE!r}: train it again."
        )
    load_weights(network, folder / WEIGHTS_FILE)
    return Model(network.to(memory_format=torch.channels_last), card)


def evaluate(model: Model, dataset: PatternDataset, indices: np.ndarray | None = None) -> dict:
    """Metrics of a model on a dataset.

    Args:
        model: the model.
        dataset: patterns with labels on the model's mesh.
        indices: rows to use; None takes all.

    Returns:
        As :func:`pyiron_nbed.learning.evaluation.metrics`.

    Raises:
        ModelError: another mesh.
    """
    predicted = model.predict(dataset)
    rows = slice(None) if indices is None else indices
    return metrics(dataset.label(model.card["label"])[rows], predicted[rows])
