"""Batches for training: which patterns come when is a function of seed, epoch and step alone.

So a training that was stopped goes on at any step as if it had not been, and the number of processes
does not change what is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.parallel import prefetched

Batch = tuple[torch.Tensor, torch.Tensor]


def draw_seed(*numbers: int) -> int:
    """One seed below 2⁶³ from several numbers, for torch."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


class DatasetBatches:
    """The chosen rows of datasets in an order that is drawn anew in every epoch.

    Patterns are read from disc when they are needed: no more memory for more patterns.

    Args:
        datasets: D datasets on one mesh.
        rows: numbers counted through all of them.
        labels: (number of rows, L) float, in the order of ``rows``.
        batch_size: patterns per step; the batches of an epoch are as equal as can be.
        seed: of the order.

    Attributes:
        steps: batches in an epoch.
        patterns_per_epoch: number of rows.
    """

    def __init__(
        self,
        datasets: Sequence[PatternDataset],
        rows: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        seed: int,
    ) -> None:
        self._parts = by_dataset(datasets, rows)
        self._datasets = datasets
        self._labels = np.asarray(labels, np.float32)
        self._of = np.concatenate([np.full(len(part), d) for d, part in self._parts])
        self._row = np.concatenate([part for _, part in self._parts])
        self.patterns_per_epoch = len(rows)
        self.steps = max(1, round(len(rows) / batch_size))
        self._seed = seed
        self._order: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, epoch: int, step: int) -> Batch:
        """(B, n, n) raw intensity and (B, L) labels."""
        if self._order[0] != epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self._row))
            self._order = (epoch, np.array_split(order, self.steps))
        chosen = self._order[1][step]
        first = self._datasets[int(self._of[0])].patterns
        out = np.empty((len(chosen), *first.shape[1:]), np.float32)
        for d in np.unique(self._of[chosen]):
            own = self._of[chosen] == d
            out[own] = self._datasets[d].patterns[self._row[chosen[own]]]
        return torch.from_numpy(out), torch.from_numpy(self._labels[chosen])

    def ahead(self, epoch: int, step: int) -> Iterator[Batch]:
        """The batches of an epoch from a step on, read while the last one is used."""
        with closing(prefetched(lambda i: self.batch(epoch, i), range(step, self.steps))) as batches:
            yield from batches

    def sample_labels(self) -> np.ndarray:
        """(P, L) labels whose mean and spread are those of the training."""
        return self._labels


class SourceBatches:
    """Batches of a :class:`PatternSource`, an epoch being a number of them.

    Args:
        source: the source; its batch size counts.
        steps: batches that make an epoch.
        skipped: batches of the source before the first epoch, so that every member of an ensemble sees
            patterns of its own.
    """

    def __init__(self, source: Any, steps: int, skipped: int = 0) -> None:
        self._source = source
        self._skipped = skipped
        self.steps = steps
        self.patterns_per_epoch = steps * source.batch_size

    def ahead(self, epoch: int, step: int) -> Iterator[Batch]:
        """The batches of an epoch from a step on, simulated while the last one is used."""
        first = self._skipped + (epoch - 1) * self.steps
        with closing(self._source.batches(first + step, first + self.steps)) as batches:
            yield from ((batch.patterns, batch.labels) for batch in batches)

    def sample_labels(self) -> np.ndarray:
        """(P, L) labels whose mean and spread are close to those of the training."""
        return np.concatenate([self._source.batch(i).labels.cpu().numpy() for i in range(min(8, self.steps))])


def by_dataset(datasets: Sequence[PatternDataset], rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Rows counted through all datasets as (number of the dataset, rows in it), empty ones left out.

    Args:
        datasets: D datasets.
        rows: sorted.
    """
    ends = np.cumsum([len(dataset) for dataset in datasets])
    starts = ends - [len(dataset) for dataset in datasets]
    parts = [(d, rows[(rows >= starts[d]) & (rows < ends[d])] - starts[d]) for d in range(len(datasets))]
    return [(d, part) for d, part in parts if len(part)]
