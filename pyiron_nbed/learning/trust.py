"""What a trained model must know about itself before a measured scan is mapped with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import real_array, whole
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning.distrust import FAMILIES, Distrust
from pyiron_nbed.learning.level import MapOfStructure, level_of, maps_of_structures
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.source import PatternSource
from pyiron_nbed.patterns.effects import DetectorEffects

_RING = (0.3, 0.6)  # Å⁻¹, where metallic glasses have their first ring
_ALLOWANCE = 0.02  # of |k|, beyond what the rings of the training reach


def calibrate_trust(
    model: Model,
    source: PatternSource,
    trained_on: Sequence[Atoms],
    held_out: Sequence[Atoms],
    detector: DetectorEffects | None = None,
    batches: int = 40,
    maps: int = 4,
    patterns: int = 256,
    weights: Sequence[float] | None = None,
    zone_axes: Any = "random",
    seed: int = 0,
    device: str | None = None,
    cores: int | None = 1,
) -> list[MapOfStructure]:
    """Find out how far a model can be believed, and keep it with the model.

    ``model.distrust`` compares patterns with those of the source (:class:`.distrust.Distrust`), and the card
    gets "level" (:class:`.level.Level`), "first_ring", the lowest and highest |k| in Å⁻¹ at which a structure
    trained on or held out has its first ring, widened by 2 %, and "elements".

    Args:
        model: that was trained on patterns of such a source; changed in place.
        source: patterns like those of the training, of other draws: give it another seed.
        trained_on: the structures of the source.
        held_out: structures that the model was never trained on, of the kind that it will meet; at least 20,
            and as many as can be had, since the interval of the level is their worst case but 10 %.
        detector: effects through which patterns are seen, those of the training.
        batches: of the source.
        maps: of each structure that was held out.
        patterns: in a map.
        weights: of each structure that was held out: how often its kind will be met. Where glasses were held
            out by the dozen and boundaries are what will be mapped, boundaries weigh more. None: all alike.
        zone_axes: along which they are seen, as of :class:`PatternSource`.
        seed: of all draws.
        device: of the network.
        cores: threads of the simulation.

    Returns:
        The maps of the structures that were held out.

    Raises:
        InputError: a source of another mesh, fewer than 20 structures, or a number out of range.
    """
    instance(model, "The model", Model, "a Model, for example load_model(folder)")
    instance(source, "The source", PatternSource, "a PatternSource, as of the training")
    trained_on = listed(trained_on, "trained_on", "ase.Atoms")
    held_out, batches = listed(held_out, "held_out", "ase.Atoms"), whole(batches, "batches", 1)
    if len(held_out) < 20:
        raise InputError(
            f"{len(held_out)} structures were held out: give at least 20, else a 90 % interval of the level "
            "is none."
        )
    if source.mesh != model.mesh:
        raise InputError(f"The source has {source.mesh} and the model {model.mesh}: give one of its mesh.")
    found, radii = [], []
    for number in range(batches):
        batch = source.batch(number).patterns.cpu().numpy()
        found.append(
            model.describe(batch, device=device, detector=detector, seed=seed + number, progress=False)
        )
    features = {name: np.concatenate([one.features[name] for one in found]) for name in FAMILIES}
    if weights is not None:
        real_array(weights, "weights", (len(held_out),), "a number for each structure held out")
    seen = maps_of_structures(
        model, held_out, source.volumes, detector, zone_axes, maps, patterns, seed, device, cores
    )  # fmt: skip
    reached = {name: np.concatenate([one.features[name] for one in seen]) for name in FAMILIES}
    shares = None if weights is None else np.repeat([weights[one.structure] for one in seen], patterns)
    for number, atoms in enumerate([*trained_on, *held_out]):
        own = PatternSource(
            [atoms], source.volumes, model.mesh, model.labels, "random", seed + number, 64, cores=cores,
            turned=True,
        )  # fmt: skip
        radii.append(first_ring_of(own.batch(0).patterns.cpu().numpy().mean(axis=0), model.mesh))
    known = np.array(radii)[np.isfinite(radii)]
    model.distrust = Distrust.fitted(features, reached, weights=shares)
    model.card["level"] = level_of(seen, weights).as_dict()
    if len(known):
        model.card["first_ring"] = [
            float(known.min() * (1 - _ALLOWANCE)), float(known.max() * (1 + _ALLOWANCE)),
        ]  # fmt: skip
    model.card["elements"] = sorted({s for atoms in trained_on for s in atoms.get_chemical_symbols()})
    return seen


def first_ring_of(pattern: np.ndarray, mesh: Any) -> float:
    """|k| of the first maximum of a mean pattern, from 0.3 to 0.6 Å⁻¹; NaN where there is none inside.

    A parabola through the three highest means over rings of width Δk.

    Args:
        pattern: (n, n) intensity.
        mesh: of it.

    Example:
        >>> from pyiron_nbed import Mesh
        >>> mesh = Mesh(1.0, 0.02)
        >>> round(first_ring_of(np.exp(-(((mesh.k - 0.41) / 0.05) ** 2)), mesh), 3)
        0.41
    """
    ring = np.rint(mesh.k / mesh.delta_k).astype(int)
    counts = np.bincount(ring.ravel())
    radial, radius = (
        np.bincount(ring.ravel(), np.asarray(values, float).ravel()) / counts for values in (pattern, mesh.k)
    )
    inside = np.flatnonzero((radius > _RING[0]) & (radius < _RING[1]))
    if len(inside) < 3:
        return np.nan
    top = inside[np.argmax(radial[inside])]
    if top in (inside[0], inside[-1]):
        return np.nan
    a, b, _ = np.polyfit(radius[top - 1 : top + 2], radial[top - 1 : top + 2], 2)
    return float(-b / (2 * a)) if a < 0 else np.nan
