"""Simulation protocols: dataclasses that render one LAMMPS input each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from typing import Any

from pyiron_nbed.checks import flag, number, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.lammps.run import render
from pyiron_nbed.units import quantities

DATA_FILE = "structure.data"
DONE_FILE = "done.txt"
HISTORY_FILE = "history.txt"
INPUT_FILE = "control.inp"  # the name that pyiron's own LAMMPS scripts read
# name: lowest, highest, unit
_ALLOWED: dict[str, tuple[float, float, str]] = {
    "melt_temperature": (1, 10_000, "K"),
    "release_temperature": (1, 10_000, "K"),
    "final_temperature": (1, 10_000, "K"),
    "cooling_rate": (1e6, 1e17, "K/s"),
    "melt_time": (0, 1e9, "ps"),
    "release_time": (0, 1e9, "ps"),
    "final_time": (0, 1e9, "ps"),
    "timestep": (0.01, 10, "fs"),
    "restart_every": (1, 1_000_000_000, ""),
    "trajectory_every": (0, 1_000_000_000, ""),
    "seed": (1, 900_000_000, ""),
}


@quantities(**{name: unit for name, (_, _, unit) in _ALLOWED.items() if unit})
@dataclass(frozen=True)
class MeltQuench:
    """Melt, quench, hold, minimise; optionally around a group that is frozen until it is released.

    With frozen nanocrystals, 100 K/ns and 2 ns at 700 K it makes the composites of [WuRupert2026].

    Zero pressure throughout, each cell side free. Frozen atoms do not move (nor are they scaled
    with the cell) until the melt has cooled to ``release_temperature``.

    Args:
        melt_temperature: K.
        melt_time: hold at the melt temperature, ps.
        cooling_rate: K/s.
        release_temperature: frozen atoms move from here on, K (ignored without frozen atoms).
        release_time: hold at the release temperature, ps (ignored without frozen atoms).
        final_temperature: K.
        final_time: hold at the final temperature, ps.
        minimize: minimise the energy at the end.
        timestep: fs.
        restart_every: steps between restart files.
        trajectory_every: steps between frames of the trajectory; 0 keeps none.
        seed: of the initial velocities, 1 to 900,000,000.

    Raises:
        InputError: a value out of range.

    Example:
        >>> MeltQuench(cooling_rate=1e13).total_steps > 50_000
        True
    """

    melt_temperature: float = 2000.0
    melt_time: float = 10.0
    cooling_rate: float = 1e13
    release_temperature: float = 700.0
    release_time: float = 10.0
    final_temperature: float = 300.0
    final_time: float = 0.0
    minimize: bool = True
    timestep: float = 2.0
    restart_every: int = 5000
    trajectory_every: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        check_protocol(self, _ALLOWED)
        if not self.final_temperature <= self.release_temperature <= self.melt_temperature:
            raise InputError(
                f"The temperatures must fall: melt {self.melt_temperature} K, release "
                f"{self.release_temperature} K, final {self.final_temperature} K."
            )

    def steps(self, frozen: bool = False) -> dict[str, int]:
        """Time steps of each stage.

        Args:
            frozen: the structure has frozen atoms.

        Returns:
            {"melt": n, "quench": n, ...} in order.
        """
        middle = self.release_temperature if frozen else self.final_temperature
        stages = {
            "melt": self._count(self.melt_time),
            "quench": self._count((self.melt_temperature - middle) / self.cooling_rate * 1e12),
        }
        if frozen:
            stages["release"] = self._count(self.release_time)
            cooling = (middle - self.final_temperature) / self.cooling_rate * 1e12
            stages["quench_released"] = self._count(cooling)
        stages["hold"] = self._count(self.final_time)
        return stages

    def ends(self, frozen: bool = False) -> dict[str, int]:
        """Last time step of each stage; see :meth:`steps`."""
        return running_total(self.steps(frozen))

    @property
    def total_steps(self) -> int:
        """Time steps without frozen atoms."""
        return sum(self.steps().values())

    @property
    def frames(self) -> list[str]:
        """Names of the frames that are written: "cold" (instantaneous), "minimized"."""
        return ["cold", "minimized"] if self.minimize else ["cold"]

    def _count(self, picoseconds: float) -> int:
        return max(0, round(picoseconds * 1000 / self.timestep))

    def render(
        self,
        potential_config: Sequence[str],
        frozen: bool,
        resume: str | None = None,
        thermo_every: int = 100,
    ) -> str:
        """The LAMMPS input.

        Args:
            potential_config: lines of pair_style and pair_coeff.
            frozen: the data file has a section ``Frozen``.
            resume: slot of the restart file to go on from; None begins anew.
            thermo_every: steps between lines of thermodynamic output.

        Returns:
            Text of the input; it reads ``structure.data`` and writes ``frame_<name>.bin`` and, at
            the very end, ``done.txt``.
        """
        return render(
            "melt_quench.lmp.j2",
            **asdict(self),
            ends=self.ends(frozen),
            frozen=frozen,
            resume=resume or "none",
            data_file=DATA_FILE,
            done_file=DONE_FILE,
            potential_config=[line.rstrip("\n") for line in potential_config],
            thermo_every=thermo_every,
        )


def frame_temperature(protocol: Any, name: str) -> float:
    """Temperature in K of a frame of a protocol ("hot", "cold"); 0 for "minimized".

    Example:
        >>> frame_temperature(MeltQuench(final_temperature=300), "cold")
        300.0
    """
    if name == "minimized":
        return 0.0
    return float(protocol.temperature if name == "hot" else protocol.final_temperature)


def running_total(stages: Mapping[str, int]) -> dict[str, int]:
    """Last time step of each stage.

    Example:
        >>> running_total({"melt": 100, "quench": 50})
        {'melt': 100, 'quench': 150}
    """
    return dict(zip(stages, accumulate(stages.values()), strict=True))


def check_protocol(protocol: Any, allowed: Mapping[str, tuple[float, float, str]]) -> None:
    """Refuse values out of range and give every field the type of its default.

    So a protocol keeps its hash wherever it was stored.

    Args:
        protocol: dataclass, changed in place.
        allowed: {field: (lowest, highest, unit)}; fields whose default is an int are whole numbers.

    Raises:
        InputError: a value out of range.
    """
    for field in fields(protocol):
        value, kind = getattr(protocol, field.name), type(field.default)
        if kind is bool:
            value = flag(value, field.name)
        elif kind is int:
            low, high, _ = allowed[field.name]
            value = whole(value, field.name, int(low), int(high))
        elif kind is float:
            low, high, unit = allowed[field.name]
            value = float(number(value, field.name, low, high, unit=unit))
        object.__setattr__(protocol, field.name, value)
