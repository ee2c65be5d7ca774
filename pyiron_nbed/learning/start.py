"""Trainings that start from the weights of a saved model."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pyiron_nbed.errors import ModelError
from pyiron_nbed.learning.files import CARD_FILE
from pyiron_nbed.learning.networks import last_layer
from pyiron_nbed.patterns.recipe import Recipe


def check_start(weights: str | os.PathLike, recipe: Recipe) -> None:
    """Raise ModelError where a saved model to start from saw images of another recipe.

    Args:
        weights: folder of the saved model; one without a card is taken as it is.
        recipe: of the images of the new training; the scaling "set" may still become any number.

    Example:
        >>> check_start("absent", Recipe.simulation())
    """
    path = Path(weights) / CARD_FILE
    if not path.is_file():
        return
    try:
        before = Recipe.from_dict(json.loads(path.read_text())["recipe"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}): train the model again.") from error
    if recipe.scaling == "set" and not isinstance(before.scaling, str):
        recipe = recipe.with_scale(before.scaling)
    before.check_same(recipe, "this training")


def keep_units(
    network: nn.Module,
    weights: str | os.PathLike,
    labels: Sequence[str],
    n_parameters: int,
    scale: Any,
) -> None:
    """Change the last layer of a network that starts from a saved model, so that it predicts what that did.

    Outputs are labels of mean 0 and standard deviation 1 over the training patterns, and those of the new
    training have another mean and deviation. Nothing is changed where the saved model has other labels or its
    card is absent.

    Args:
        network: with the weights of the saved model, (B, 1, n, n) → (B, L) or (B, 2 L); changed in place.
        weights: folder of the saved model.
        labels: names of the L labels of the new training.
        n_parameters: 1, or 2 with log variances.
        scale: mean and standard deviation (L,) of the labels of the new training.

    Raises:
        ModelError: a damaged card.
    """
    path = Path(weights) / CARD_FILE
    if not path.is_file():
        return
    try:
        card = json.loads(path.read_text())
        same = card["labels"] == list(labels) and card["n_parameters"] == n_parameters
        old_mean, old_spread = (
            torch.tensor(card["scale"][k]).double() for k in ("mean", "standard_deviation")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}): train the model again.") from error
    if not same:
        return
    mean, spread = (torch.as_tensor(np.asarray(x), dtype=torch.float64) for x in scale)
    layer, count = last_layer(network), len(labels)
    with torch.no_grad():
        factor = old_spread / spread
        shift = (layer.bias[:count].double() * old_spread + old_mean - mean) / spread
        layer.weight[:count] = (layer.weight[:count].double() * factor[:, None]).float()
        layer.bias[:count] = shift.float()
        if n_parameters == 2:
            layer.bias[count:] += 2 * torch.log(factor.abs()).float()
