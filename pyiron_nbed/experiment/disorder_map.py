"""What is known of d_i over a measured scan, and how far it can be trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from pyiron_nbed.containers import listed
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.observables_result import Observables
from pyiron_nbed.files import as_path, check_target, replaced
from pyiron_nbed.learning.uncertainty import NORMAL_QUANTILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT, VERSION = "pyiron_nbed disorder map", 1
_ARRAYS = ("mean", "std", "distrust", "electrons")
# why a pattern is not trusted
FLAGS = {
    "vacuum": "no intensity where the recipe takes its unit",
    "few electrons": "fewer electrons in the mask than the model was trained with",
    "unlike": "distrust above 1: unlike the patterns that the model has learnt from",
    "thick": "odd orders stronger than one scattering and noise allow, or the centre is off",
    "first ring": "the first ring of the map lies where no glass of the training has it: check the scale",
    "elements": "elements that the training never saw",
}


@dataclass(frozen=True, eq=False)
class DisorderMap:
    """Map of the disorder parameter, made by :func:`pyiron_nbed.experiment.map_scan`.

    A map says two things. Differences inside it: ``mean`` ± 1.645 ``std`` against the mean of the map holds
    the true difference for 90 % of the patterns of structures that were never seen. And its level: ``level``
    ± ``level_error`` holds the true mean of the map for 90 % of such structures. Neither is promised for
    experiments, whose errors may be of another kind: look at the flags, and at the distrust.

    Attributes:
        label: name of what is predicted, such as "disorder_parameter".
        mean: (Ny, Nx) predicted label.
        std: (Ny, Nx) standard uncertainty of the difference of a position from the mean of the map.
        distrust: (Ny, Nx), above 1 where a pattern is unlike those of the training; NaN where the model has
            no measure, or the pattern is dark.
        electrons: (Ny, Nx) within the mask; NaN where the electrons of a count are not known.
        flags: {why: (Ny, Nx) bool}, see :data:`FLAGS`.
        level: mean of ``mean`` over the positions without a flag, or over all where every one has one.
        level_error: half width of the 90 % interval of the level; NaN where the model knows none or every
            position has a flag.
        step: Å between positions, or None.
        observables: of the same patterns, or None.
        calibration: of the scan.
        facts: JSON values: file and fingerprint of the scan, model and its hash, recipe, parts of the error
            of the level, seed, versions.
    """

    label: str
    mean: np.ndarray
    std: np.ndarray
    distrust: np.ndarray
    electrons: np.ndarray
    flags: dict[str, np.ndarray]
    level: float
    level_error: float
    calibration: Calibration
    step: float | None = None
    observables: Observables | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(Ny, Nx)."""
        return self.mean.shape  # type: ignore[return-value]

    @property
    def flagged(self) -> np.ndarray:
        """(Ny, Nx) bool, positions with at least one flag."""
        return np.any(list(self.flags.values()), axis=0)

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the level."""
        return self.level - self.level_error, self.level + self.level_error

    def flag_table(self) -> pd.DataFrame:
        """One row for each flag: flag, meaning, n_positions, share."""
        return pd.DataFrame(
            [
                {"flag": name, "meaning": FLAGS[name], "n_positions": int(own.sum()), "share": own.mean()}
                for name, own in self.flags.items()
            ]
        )

    def maps(self) -> dict[str, np.ndarray]:
        """Everything that is one number for each position, by name, (Ny, Nx) each.

        The label and its std, distrust, electrons, flags as numbers, and those of the observables.
        """
        found = {self.label: self.mean, f"{self.label} std": self.std, "distrust": self.distrust}
        found["electrons"] = self.electrons
        found |= {f"flag {name}": own.astype(float) for name, own in self.flags.items()}
        return found | ({} if self.observables is None else self.observables.maps())

    def correlations(self, **options: Any) -> pd.DataFrame:
        """How the observables go with the map, see :func:`pyiron_nbed.experiment.correlation_table`.

        Positions with a flag take no part.

        Raises:
            InputError: a map without observables.
        """
        from pyiron_nbed.experiment.correlations import correlation_table

        if self.observables is None:
            raise InputError("The map holds no observables: map the scan with observables=True.")
        return correlation_table(self.observables, np.where(self.flagged, np.nan, self.mean), **options)

    def to_hyperspy(self) -> Any:
        """All maps as a HyperSpy signal: the maps are navigated, each is an image with its step.

        Returns:
            ``hyperspy.signals.Signal2D`` of (M, Ny, Nx); their names are in ``metadata.General.maps``.

        Raises:
            InputError: HyperSpy is not installed.
        """
        try:
            from hyperspy.signals import Signal2D
        except ImportError:
            raise InputError(
                "HyperSpy is not installed: pip install hyperspy, or take DisorderMap.maps()."
            ) from None
        maps = self.maps()
        signal = Signal2D(np.array(list(maps.values())))
        signal.metadata.General.title = self.label
        signal.metadata.General.add_dictionary({"maps": list(maps)})
        signal.axes_manager[0].name = "map"
        if self.step is not None:
            for axis, name in zip(signal.axes_manager.signal_axes, "xy", strict=True):
                axis.name, axis.scale, axis.units = name, self.step, "Å"
        return signal

    def plot(self) -> Figure:
        """The map with its flags, the uncertainty and the distrust."""
        from pyiron_nbed.figures.maps import plot_map

        return plot_map(self)

    def plot_box(self, others: Any = (), names: Any = None, **options: Any) -> Figure:
        """Boxes of this map and others beside each other, see :func:`pyiron_nbed.figures.plot_map_boxes`.

        Args:
            others: maps.
            names: of all of them; None numbers them.
            options: as there.
        """
        from pyiron_nbed.figures.maps import plot_map_boxes

        several = [others] if isinstance(others, DisorderMap) else listed(others, "others", "DisorderMaps")
        return plot_map_boxes([self, *several], names, **options)

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write an HDF5 file.

        Args:
            path: to write.
            overwrite: replace a file that is there.

        Raises:
            InputError: a file is there, or its folder is not.
        """
        target = check_target(path, overwrite=overwrite)
        facts = {
            "format": FORMAT, "version": VERSION, "label": self.label, "level": _plain(self.level),
            "level_error": _plain(self.level_error), "step": self.step,
            "calibration": self.calibration.as_dict(), "facts": self.facts,
        }  # fmt: skip
        with replaced(target) as partial, h5py.File(partial, "w", track_order=True) as file:
            for name in _ARRAYS:
                file.create_dataset(name, data=getattr(self, name), track_times=False)
            flags = file.create_group("flags", track_order=True)
            for name, own in self.flags.items():
                flags.create_dataset(name, data=own, track_times=False)
            if self.observables is not None:
                group = file.create_group("observables", track_order=True)
                for name, values in self.observables.as_arrays().items():
                    group.create_dataset(name, data=values, track_times=False)
            text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
            file.create_dataset("facts", data=np.frombuffer(text.encode(), np.uint8), track_times=False)

    @classmethod
    def load(cls, path: str | os.PathLike) -> DisorderMap:
        """Read a file that :meth:`save` wrote.

        Raises:
            DatasetError: absent, damaged, or another file.
        """
        path = as_path(path)
        try:
            with h5py.File(path, "r") as file:
                facts = json.loads(file["facts"][()].tobytes().decode())
                if facts["format"] != FORMAT or facts["version"] != VERSION:
                    raise ValueError(f"it holds {facts['format']} {facts['version']}")
                arrays = {name: file[name][()] for name in _ARRAYS}
                flags = {name: own[()] for name, own in file["flags"].items()}
                seen = {name: own[()] for name, own in file.get("observables", {}).items()}
        except FileNotFoundError:
            raise DatasetError(f"There is no file {path}: give one that DisorderMap.save wrote.") from None
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{path} is no map of this version ({error}): give a file that DisorderMap.save wrote."
            ) from None
        return cls(
            label=facts["label"], flags=flags, level=_number(facts["level"]),
            level_error=_number(facts["level_error"]), step=facts["step"], **arrays,
            calibration=Calibration.from_dict(facts["calibration"]), facts=facts["facts"],
            observables=Observables.from_arrays(seen) if seen else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        ny, nx = self.shape
        error = "unknown" if np.isnan(self.level_error) else f"{self.level_error:.3f}"
        spread = NORMAL_QUANTILE * float(np.nanmedian(self.std)) if np.isfinite(self.std).any() else np.nan
        return (
            f"DisorderMap({ny} × {nx} positions, {self.label} {self.level:.4f} ± {error} (level, 90 %), "
            f"differences ± {spread:.3f} (90 %), {self.flagged.mean():.1%} flagged)"
        )


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def model_facts(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a map keeps of the card of its model.

    Example:
        >>> model_facts({"network": "polar", "labels": ["disorder_parameter"], "history": []})
        {'network': 'polar', 'labels': ['disorder_parameter']}
    """
    kept = ("name", "network", "labels", "recipe", "volumes", "elements", "weights", "versions")
    return {name: card[name] for name in kept if name in card}
