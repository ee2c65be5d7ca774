"""What decides a training, and what its card says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed.dataset import PatternDataset, Split
from pyiron_nbed.learning.data import by_dataset
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.provenance import hash_of, versions

if TYPE_CHECKING:
    from pyiron_nbed.learning.source import PatternSource

_VALIDATION = {"0.0": "none", "0": "none", "test": "the test patterns"}


def training_key(
    training: Training,
    source: PatternSource | None,
    datasets: Sequence[PatternDataset],
    split: Split,
    labels: Sequence[str],
    recipe: Recipe,
) -> str:
    """Hash of all that decides the weights; a checkpoint of another one is not gone on with.

    Args:
        training: how.
        source: of the training patterns, or None.
        datasets: with the training patterns first.
        split: rows through all of them.
        labels: names.
        recipe: of the images.
    """
    return hash_of(
        [training.as_dict(), None if source is None else source.as_dict(),
         [dataset.input_hash for dataset in datasets], hash_of(split.train.tolist()),
         hash_of(split.validation.tolist()), list(labels), recipe.as_dict(), versions()]
    )  # fmt: skip


def training_card(
    training: Training,
    source: PatternSource | None,
    datasets: Sequence[PatternDataset],
    n_train: int,
    split: Split,
    labels: Sequence[str],
    scale: tuple[np.ndarray, np.ndarray],
    recipe: Recipe,
) -> dict[str, Any]:
    """The card of a model, without what is measured on the test patterns.

    Args:
        training, source, datasets, split, labels, recipe: as of :func:`training_key`.
        n_train: datasets that are trained on; further ones are for the test.
        scale: (L,) what is subtracted from the labels, and what they are then divided by.

    Returns:
        JSON-able, see :class:`pyiron_nbed.learning.Model`.
    """
    return {
        "network": training.network,
        "labels": list(labels),
        "scale": {"mean": [float(x) for x in scale[0]], "standard_deviation": [float(x) for x in scale[1]]},
        "n_parameters": training.n_parameters,
        "members": training.members,
        "mesh": recipe.mesh.as_dict(),
        "recipe": recipe.as_dict(),
        "volumes": [v.as_dict() for dataset in datasets[:n_train] for v in dataset.volumes],
        "ranges": _ranges(datasets, split.train) if source is None else source.ranges(),
        "source": None if source is None else source.as_dict(),
        "training": training.as_dict(),
        "datasets": [
            {"hash": dataset.input_hash, "structures": [s["structure_id"] for s in dataset.structures],
             "n_patterns": len(dataset), "use": "train" if i < n_train else "test"}
            for i, dataset in enumerate(datasets)
        ],
        "split": {
            "kind": split.kind,
            "seed": split.seed,
            "n_train": len(split.train),
            "n_test": len(split.test),
            "n_validation": len(split.validation),
            "validation": _VALIDATION.get(str(training.validation), "held out of the training patterns"),
        },
        "versions": versions(),
    }  # fmt: skip


def _ranges(datasets: Sequence[PatternDataset], rows: np.ndarray) -> dict[str, list[float]]:
    # of what was trained on: smallest and largest of every label and of the number of atoms
    seen: dict[str, list[np.ndarray]] = {}
    for d, own in by_dataset(datasets, rows):
        for name in datasets[d].labels:
            seen.setdefault(name, []).append(datasets[d].label(name)[own])
        seen.setdefault("n_atoms", []).append(datasets[d].n_atoms[own])
    joined = {name: np.concatenate(values) for name, values in seen.items()}
    return {name: [float(np.nanmin(v)), float(np.nanmax(v))] for name, v in joined.items() if len(v)}
