"""The recipe of the images of a training: given, of its files, and with the number that its patterns give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning.data import by_dataset
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.learning.source import PatternSource
from pyiron_nbed.learning.start import check_start
from pyiron_nbed.patterns.images import largest_value
from pyiron_nbed.patterns.recipe import Recipe

_SCALE_BATCHES = 16  # of an endless source, whose largest value stands for the training set


def training_recipe(
    training: Training,
    source: PatternSource | None,
    datasets: Sequence[PatternDataset],
    rows: np.ndarray | None = None,
) -> Recipe:
    """The recipe of the images of a training, with a number where it scales by that of the training set.

    Args:
        training: whose ``recipe`` counts; None takes that of the first dataset, or Recipe.simulation of a
            source.
        source: of the training patterns, or None.
        datasets: with the training patterns first.
        rows: of the training and validation patterns, counted through the datasets; None leaves the scaling
            "set" as it is.

    Raises:
        InputError: a recipe for another mesh, or detector effects that cannot be had with it.
        ModelError: the model to start from saw images of another recipe.
    """
    mesh = datasets[0].mesh if source is None else source.mesh
    recipe = Recipe.resolve(training.recipe, mesh, None if source is not None else datasets[0].recipe)
    if training.detector is not None:
        training.detector.check(recipe)
    started = training.weights not in (None, "imagenet")
    if started:
        check_start(str(training.weights), recipe)
    if recipe.scaling != "set" or rows is None:
        return recipe
    if source is not None:
        parts: Iterator[Any] = (source.batch(number).patterns for number in range(_SCALE_BATCHES))
    else:
        parts = (
            torch.from_numpy(np.asarray(datasets[d].patterns[some], np.float32))
            for d, own in by_dataset(datasets, rows)
            for some in np.array_split(own, -(-len(own) // 512))
        )
    if not (scale := max(largest_value(recipe, patterns) for patterns in parts)):
        raise InputError(
            f"The recipe divides by the largest transformed intensity ({recipe.transform!r}) of the training "
            "patterns, and that is 0: take a recipe with a unit, such as Recipe.simulation()."
        )
    recipe = recipe.with_scale(scale)
    if started:
        check_start(str(training.weights), recipe)
    return recipe
