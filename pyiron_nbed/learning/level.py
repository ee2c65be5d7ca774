"""How far the level of a map, and the differences inside it, can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import real_array, seed_number, whole
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.source import PatternSource
from pyiron_nbed.learning.uncertainty import COVERAGE, NORMAL_QUANTILE, conformal_quantile
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.progress import progress_bar


@dataclass(frozen=True)
class Level:
    """Intervals of a map over a structure that was never seen.

    The level of a map, its mean, is wrong by an error that all its patterns share: each glass and each
    microscope shifts the prediction a little. The differences inside it do not have this error. So both have
    an interval of their own, found by conformal prediction over maps of held-out structures.

    Args:
        half_width: b; the true mean of a map lies within ± b of the predicted mean for 90 % of the
            structures.
        difference_factor: by which the standard uncertainty of a pattern is multiplied, so that ± 1.645 of it
            hold the true difference from the mean of the map for 90 % of the patterns.
        n_structures: held-out structures.
        n_maps: maps of them.
        errors: of the level of each map, predicted − true.
    """

    half_width: float
    difference_factor: float
    n_structures: int
    n_maps: int
    errors: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "errors": list(self.errors)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Level:
        """Inverse of :meth:`as_dict`."""
        return cls(**{**values, "errors": tuple(values["errors"])})


@dataclass(frozen=True, eq=False)
class MapOfStructure:
    """Patterns of one structure seen in one scan, predicted.

    Attributes:
        structure: its number.
        true: (P,) labels.
        predicted: (P,).
        std: (P,) standard uncertainty of each pattern.
        features: {family: (P, F)}.
        distrust: (P,), or None where the model has no measure.
        dose: electrons in the mask; None: no counting noise.
    """

    structure: int
    true: np.ndarray
    predicted: np.ndarray
    std: np.ndarray
    features: dict[str, np.ndarray]
    distrust: np.ndarray | None
    dose: float | None


def maps_of_structures(
    model: Model,
    structures: Sequence[Atoms],
    volumes: Sequence[Any],
    detector: DetectorEffects | None,
    zone_axes: Any = "random",
    maps: int = 4,
    patterns: int = 256,
    seed: int = 0,
    device: str | None = None,
    cores: int | None = 1,
) -> list[MapOfStructure]:
    """Predict patterns of structures, each seen in several scans with effects of its own.

    Args:
        model: of one label that :class:`PatternSource` knows.
        structures: S structures that the model was not trained on.
        volumes: as of :class:`PatternSource`.
        detector: ranges of the effects; every map draws one value of each; None: no effects.
        zone_axes: as of :class:`PatternSource`.
        maps: of each structure.
        patterns: in a map.
        seed: of all draws.
        device: of the network.
        cores: threads of the simulation.

    Returns:
        S × maps :class:`MapOfStructure`.

    Raises:
        InputError: a model of several labels, or a value out of range.
    """
    instance(model, "The model", Model, "a Model, for example load_model(folder)")
    structures, seed = listed(structures, "structures", "ase.Atoms"), seed_number(seed)
    maps, patterns = whole(maps, "maps", 1), whole(patterns, "patterns", 1)
    if len(model.labels) != 1:
        raise InputError(f"The model predicts {', '.join(model.labels)}: give one that predicts one label.")
    found = []
    with progress_bar(len(structures) * maps, "maps of held-out structures", "map") as bar:
        for number, atoms in enumerate(structures):
            source = PatternSource(
                [atoms], volumes, model.mesh, model.labels, zone_axes, seed + number, patterns, cores=cores,
                turned=True,
            )  # fmt: skip
            for turn in range(maps):
                batch = source.batch(turn)
                draw = (seed + 1) * 1_000_003 + number * maps + turn
                seen = None if detector is None else detector.of_one_scan(draw)
                described = model.describe(
                    batch.patterns.cpu().numpy(), device=device, detector=seen, seed=draw
                )
                mean, std = described.prediction
                dose = None if seen is None or seen.dose is None else float(np.mean(seen.dose))
                true = batch.labels[:, 0].double().cpu().numpy()
                found.append(
                    MapOfStructure(number, true, mean, std, described.features, described.distrust, dose)
                )
                bar.update(1)
    return found


def level_of(maps: Sequence[MapOfStructure], weights: Sequence[float] | None = None) -> Level:
    """Intervals of level and differences from maps of held-out structures.

    The score of a structure is the largest error of the level among its maps, so that it does not matter how
    often each was seen; a difference is scored by |error − mean error of the map| / std.

    Args:
        maps: of :func:`maps_of_structures`.
        weights: of each structure, by its number: how often its kind will be met. None: all alike.

    Raises:
        InputError: no maps, or another number of weights.

    Example:
        >>> true = np.array([0.8, 1.0])
        >>> maps = [
        ...     MapOfStructure(n, true, true + 0.01 * n, np.full(2, 0.1), {}, None, None) for n in range(20)
        ... ]
        >>> round(level_of(maps).half_width, 2)
        0.18
    """
    maps = listed(maps, "maps", "MapOfStructure")
    errors = [float(np.mean(one.predicted - one.true)) for one in maps]
    worst: dict[int, float] = {}
    scores, shares = [], []
    count = 1 + max(one.structure for one in maps)
    weight = real_array(np.ones(count) if weights is None else weights, "weights", (count,), "a number each")
    for one, error in zip(maps, errors, strict=True):
        worst[one.structure] = max(worst.get(one.structure, 0.0), abs(error))
        scores.append(np.abs(one.predicted - one.true - error) / one.std)
        shares.append(np.full(len(one.true), weight[one.structure]))
    return Level(
        conformal_quantile(np.array(list(worst.values())), COVERAGE, weight[list(worst)]),
        conformal_quantile(np.concatenate(scores), COVERAGE, np.concatenate(shares)) / NORMAL_QUANTILE,
        len(worst),
        len(maps),
        tuple(round(error, 6) for error in errors),
    )
