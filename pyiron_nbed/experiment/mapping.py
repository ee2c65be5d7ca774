"""From a calibrated scan to a map of d_i."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pyiron_nbed import learning
from pyiron_nbed.checks import flag, number, seed_number, threads, warn, whole
from pyiron_nbed.containers import instance
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.disorder_map import DisorderMap, model_facts
from pyiron_nbed.experiment.map_flags import map_flags, unknown_elements
from pyiron_nbed.experiment.map_level import calibration_spread, level_with_error
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.observables import FIRST_RING, ObservablePass
from pyiron_nbed.experiment.preparation import PreparedPatterns, prepare
from pyiron_nbed.files import check_target, remove, replaced
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of, versions

if TYPE_CHECKING:
    from pyiron_nbed.learning.model import Model

PART = 4096  # patterns of a part, after which a map that is killed goes on
_WHOLE_SCAN = ("pixel", "pixel_square")  # of the state of the observables: sums, not one row a position


def map_scan(
    scan: MeasuredScan,
    model: Model | str | os.PathLike,
    calibration: Calibration,
    background: bool = False,
    elements: Sequence[str] | None = None,
    electrons_per_count: float | None = None,
    observables: bool = True,
    path: str | os.PathLike | None = None,
    overwrite: bool = False,
    device: str | None = None,
    cores: int | None = None,
    seed: int = 0,
    part: int = PART,
) -> DisorderMap:
    """Predict the label of a model at every position of a measured scan, with what can be said about trust.

    In one pass over the file the frames are brought onto the mesh of the model
    (:func:`pyiron_nbed.experiment.prepare`), predicted, compared with what the model has seen (distrust), and
    their observables are collected. The standard uncertainty of a position is that of the network times the
    factor that conformal prediction over held-out structures gave; the level of the map has an interval of
    its own, to which the standard errors of the calibration are added in squares.

    Args:
        scan: what :func:`pyiron_nbed.experiment.read_scan` gives.
        model: a :class:`pyiron_nbed.learning.Model` of one label, the folder of one, or the name of
            one that comes with the package.
        calibration: of the scan.
        background: subtract the background of the calibration.
        elements: symbols of the specimen; those that the model never saw are flagged. None: not known.
        electrons_per_count: that a count of the camera means; None: 1 where the frames are whole numbers, as
            counting cameras give them, else not known.
        observables: collect V(k), symmetry, first ring and dark field too.
        path: HDF5 file to write; beside it every finished part is kept, so that a run that was killed goes on
            and ends with the same bytes. None: nothing is written.
        overwrite: replace a file that is there.
        device: of the network; None takes a GPU where there is one.
        cores: threads that prepare.
        seed: of the draws of the calibration.
        part: patterns of a part.

    Returns:
        :class:`DisorderMap`.

    Raises:
        InputError: arguments that do not fit each other, see :func:`pyiron_nbed.experiment.prepare`.
        ModelError: a model of several labels, or one that cannot be read.
        DatasetError: frames that hold NaN or infinite values.

    Example:
        >>> k = 0.02 * np.hypot(*np.indices((128, 128)) - 63.5)
        >>> ring = 50 * np.exp(-(((k - 0.42) / 0.08) ** 2)) + 5  # without speckle
        >>> frames = np.random.default_rng(0).poisson(ring, (2, 3, 128, 128)).astype(np.uint16)
        >>> scan = MeasuredScan.from_array(frames)
        >>> found = map_scan(scan, "cu-zr-r5-h20", Calibration((63.5, 63.5), 0.02, (128, 128)))
        >>> found.shape, bool(found.flags["unlike"].all())
        ((2, 3), True)
    """
    instance(scan, "The scan", MeasuredScan, "a MeasuredScan, for example read_scan(path)")
    model = cast("Model", model if isinstance(model, learning.Model) else learning.load_model(model))
    if len(model.labels) != 1:
        raise ModelError(f"The model predicts {', '.join(model.labels)}: give one that predicts one label.")
    observables, cores, seed = flag(observables, "observables"), threads(cores), seed_number(seed)
    part = whole(part, "part", 1)
    unknown_elements(elements, model.card)
    if electrons_per_count is not None:
        electrons_per_count = float(number(electrons_per_count, "electrons_per_count", above=0))
    elif scan.dtype.kind in "iu":
        electrons_per_count = 1.0
    patterns = prepare(scan, calibration, model.recipe, background, cores)
    electrons = None if electrons_per_count is None else electrons_per_count * _area(patterns)
    collected = None
    if observables:
        recipe = model.recipe
        if 5 * recipe.mesh.delta_k > FIRST_RING[1] - FIRST_RING[0]:
            raise InputError(
                f"The mesh of the model has pixels of {recipe.mesh.delta_k:g} Å⁻¹, too wide for the position "
                "of the first ring: map the scan with observables=False."
            )
        collected = ObservablePass(
            recipe.mesh, patterns.shape, recipe.mask, patterns.seen,
            electrons_per_unit=electrons, pixel_variance=_shared(patterns),
        )  # fmt: skip
    facts: dict[str, Any] = {
        "scan": {name: scan.facts[name] for name in ("path", "format") if name in scan.facts},
        "fingerprint": scan.fingerprint, "model": {**model_facts(model.card), "hash": model.hash},
        "background": bool(background), "electrons_per_count": electrons_per_count, "seed": seed,
        "elements": None if elements is None else list(elements),
    }  # fmt: skip
    target = None if path is None else check_target(path, overwrite=overwrite)
    key = hash_of([facts, calibration.as_dict(), part, observables, versions()])
    parts = None if target is None else _Parts(target, key)
    values = _predicted(patterns, model, collected, parts, part, device)
    mean, std, distrust, total = (own.reshape(patterns.shape) for own in values)
    found = None if collected is None else collected.finish()
    counted = np.full(patterns.shape, np.nan) if electrons is None else total * electrons
    trust = None if model.distrust is None else distrust
    flags, notes = map_flags(mean, trust, counted, found, model.card, elements)
    flagged = np.any(list(flags.values()), axis=0)
    known = model.card.get("level")
    chosen = np.flatnonzero(np.isfinite(mean) & ~flagged)
    spread = calibration_spread(
        scan, model, patterns.calibration, background, chosen, seed=seed, device=device, cores=cores
    )
    level, error = level_with_error(mean, flagged, None if known is None else known["half_width"], spread)
    if known is None:
        notes.append(
            "The model was not calibrated with held-out structures: the level has no interval, and the "
            "uncertainty is that of the network."
        )
    for note in notes:
        warn(note)
    factor = 1.0 if known is None else known["difference_factor"]
    facts |= {
        "level": {"of_structures": None if known is None else known["half_width"],
                  "of_calibration": None if np.isnan(spread) else spread, "difference_factor": factor},
        "notes": notes, "versions": versions(),
    }  # fmt: skip
    result = DisorderMap(
        label=model.labels[0], mean=mean, std=std * factor, distrust=distrust, electrons=counted, flags=flags,
        level=level, level_error=error, calibration=patterns.calibration, step=scan.step, observables=found,
        facts=facts,
    )  # fmt: skip
    if target is not None and parts is not None:
        result.save(target, overwrite=overwrite)
        parts.remove()
    return result


def _area(patterns: PreparedPatterns) -> float:
    # camera pixels in one of the mesh: its value is the mean of a camera pixel
    return (patterns.mesh.delta_k / patterns.calibration.delta_k) ** 2


def _shared(patterns: PreparedPatterns) -> float:
    # a camera pixel of which f lies in one of the mesh gives it f² of its variance: (Σ f² / Σ f), mean over
    # where the edges lie, 1 − 1/(3 s) along each side of s camera pixels
    return (1 - patterns.calibration.delta_k / (3 * patterns.mesh.delta_k)) ** 2


def _predicted(
    patterns: PreparedPatterns, model: Model, collected: ObservablePass | None, parts: _Parts | None,
    size: int, device: str | None,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Mean, std, distrust and sum over the mask, (P,) each."""
    count = len(patterns)
    out = np.full((4, count), np.nan)
    first = 0 if parts is None else parts.restore(out, collected, size)
    mask = model.recipe.mask
    starts = range(first, count, size)
    with (
        progress_bar(count, "map", "pattern") as bar,
        closing(patterns.blocks(size, start=first)) as blocks,
    ):
        bar.update(first)
        for start, (_, block) in zip(starts, blocks, strict=True):
            rows = slice(start, start + len(block))
            found = model.describe(block, device=device, progress=False)
            out[0, rows], out[1, rows] = found.prediction
            if found.distrust is not None:
                out[2, rows] = found.distrust
            out[3, rows] = block[:, mask].sum(axis=1, dtype=float)
            if collected is not None:
                collected.add(start, block)
            if parts is not None:
                parts.write(rows, out[:, rows], collected)
            bar.update(len(block))
    return tuple(out)


class _Parts:
    """What is finished of a map, a file for each part in a folder beside the map."""

    def __init__(self, target: Path, key: str) -> None:
        self.folder, self._key = target.with_name(target.name + ".parts"), key

    def restore(self, out: np.ndarray, collected: ObservablePass | None, size: int) -> int:
        """Fill what is there; returns the number of the first position that is missing."""
        done, start = [], 0
        if self.folder.is_dir():
            while (found := self._read(start)) is not None:
                done.append(found)
                start += found["values"].shape[1]
        if not done:
            remove(self.folder)  # of another run
            self.folder.mkdir()
            return 0
        out[:, :start] = np.concatenate([one["values"] for one in done], axis=1)
        if collected is not None:
            state = collected.state()
            for name, own in state.items():
                if name in _WHOLE_SCAN:
                    own[...] = done[-1][name]
                else:
                    own[:start] = np.concatenate([one[name] for one in done])
            collected.restore(state)
        return start

    def write(self, rows: slice, values: np.ndarray, collected: ObservablePass | None) -> None:
        """Keep a part."""
        state = {} if collected is None else collected.state()
        own = {name: array if name in _WHOLE_SCAN else array[rows] for name, array in state.items()}
        with replaced(self._path(rows.start)) as partial, open(partial, "wb") as file:
            np.savez(file, key=np.array(self._key), values=values, **own)  # type: ignore[arg-type]

    def remove(self) -> None:
        """Of a map that is finished."""
        remove(self.folder)

    def _path(self, start: int) -> Path:
        return self.folder / f"{start}.npz"

    def _read(self, start: int) -> dict[str, np.ndarray] | None:
        try:
            with np.load(self._path(start), allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError, KeyError):
            return None
        return found if str(found.pop("key", None)) == self._key else None
