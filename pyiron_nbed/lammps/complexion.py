"""Protocol of a grain-boundary complexion: hybrid MD/MC at a controlled composition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError
from pyiron_nbed.lammps.protocol import (
    DATA_FILE,
    DONE_FILE,
    HISTORY_FILE,
    check_protocol,
    running_total,
)
from pyiron_nbed.lammps.run import render
from pyiron_nbed.lammps.vcsgc import VARIANCE_REPAIRED
from pyiron_nbed.structures.bicrystal import BOUNDARIES
from pyiron_nbed.units import quantities

STARTS = ("published", "seeded")
PRESETS: dict[str, dict[str, Any]] = {
    # 1 fs, 100,000 steps at 1000 K, then 3,000,000 steps of MD/MC at 2 at.%, then minimisation
    "published": {
        "start": "published",
        "zr_fraction": 0.02,
        "equilibration_time": 100.0,
        "mc_time": 3000.0,
        "chemical_potential": 3.8,  # above that of the film: lowered until the target is met
        "max_change": 0.02,
        "mc_every": 100,
        "swap_fraction": 1.0,
        "final_temperature": 1000.0,
        "timestep": 1.0,
        "restart_every": 10_000,
    },
    "seeded": {},
}
# name: lowest, highest, unit
_ALLOWED: dict[str, tuple[float, float, str]] = {
    "zr_fraction": (0.001, 0.5, ""),
    "film_fraction": (0.05, 0.7, ""),
    "temperature": (1, 5_000, "K"),
    "melt_temperature": (1, 10_000, "K"),
    "final_temperature": (1, 5_000, "K"),
    "cooling_rate": (1e6, 1e17, "K/s"),
    "melt_time": (0, 1e9, "ps"),
    "cool_film_time": (0, 1e9, "ps"),
    "equilibration_time": (0, 1e9, "ps"),
    "mc_time": (0, 1e9, "ps"),
    "final_time": (0, 1e9, "ps"),
    "chemical_potential": (-20, 20, "eV"),
    "mc_every": (1, 1_000_000, ""),
    "adjust_every": (1, 1_000_000, ""),
    "restart_every": (1, 1_000_000_000, ""),
    "trajectory_every": (0, 1_000_000_000, ""),
    "swap_fraction": (1e-6, 1, ""),
    "kappa": (1, 1e7, ""),
    "gain": (0, 1e6, "eV"),
    "max_change": (0, 10, "eV"),
    "timestep": (0.01, 10, "fs"),
    "seed": (1, 100_000_000, ""),
}


@quantities(**{name: unit for name, (_, _, unit) in _ALLOWED.items() if unit})
@dataclass(frozen=True)
class Complexion:
    """VC-SGC hybrid MD/MC of a bicrystal, then cooling and minimisation; zero pressure.

    LAMMPS ``fix sgcmc`` draws the species from the variance-constrained semi-grand-canonical ensemble
    [Sadigh2012]: a configuration of N atoms with the fraction c of type 2 has the weight
    exp{−(U + Δμ N c)/kT − 2 κ N (c − c₀)²}, c₀ the target (LAMMPS sums the constraint over both species).
    LAMMPS after September 2026 divides the last term by kT too: it is given κ kT then, so that κ means the
    same everywhere, and the result says what LAMMPS was given. Δμ is adjusted until the mean of c is c₀.
    The protocol is that of [WuRupert2026].

    Two starts: "published" takes the structure as it is; "seeded" dissolves Zr in slabs around the
    boundaries (:func:`pyiron_nbed.structures.seeded_film.seed_film`), melts them while the grains are frozen,
    cools them to the run temperature and lets everything move. All stages last as long as given, to the next
    whole step, that of the MC to the next whole cycle of ``mc_every`` steps (``notes`` says if it is longer).

    With the 2019 potential at 1000 K a film seeded with 29 at.% Zr spreads within 10 ps of MD/MC to
    17 at.% beside grains of 3 at.%, at μ = 3.85 eV with 1.1 % of the trials accepted (20,568 atoms).

    Args:
        start: "published" or "seeded".
        zr_fraction: global target of the minority species (LAMMPS type 2).
        film_fraction: Zr fraction of a seeded film where the structure marks no slab.
        film_boundaries: "both", "first" or "second" boundary gets a seeded film.
        temperature: of equilibration and MD/MC, K.
        melt_temperature: of the film, K (seeded).
        melt_time: hold of the film at the melt temperature, ps (seeded).
        cool_film_time: from the melt to the run temperature, ps (seeded).
        equilibration_time: MD at the run temperature before the MC begins, ps.
        mc_time: hybrid MD/MC, ps.
        chemical_potential: first difference μ(type 2) in the sign of LAMMPS, eV: > 0 keeps type 2 out.
        mc_every: MD steps between MC cycles.
        swap_fraction: trials per atom and MC cycle.
        adjust_every: MD steps between adjustments of the chemical potential.
        kappa: strength of the variance constraint, dimensionless, see above.
        gain: eV of chemical potential per unit of composition that is off.
        max_change: largest adjustment, eV.
        final_temperature: K; the run temperature leaves out the cooling.
        cooling_rate: largest rate to the final temperature, K/s.
        final_time: hold at the final temperature, ps.
        minimize: minimise the energy at the end.
        timestep: fs.
        restart_every: steps between restart files, a multiple of ``adjust_every``.
        trajectory_every: steps between frames of the trajectory; 0 keeps none.
        seed: of Zr sites, velocities and MC, 1 to 100,000,000.

    Raises:
        InputError: a value out of range or intervals that do not divide each other.

    Example:
        >>> Complexion(mc_time=20.0).stages["mc"], Complexion.preset("published").total_steps
        (10000, 3100000)
    """

    start: str = "seeded"
    zr_fraction: float = 0.10
    film_fraction: float = 0.30
    film_boundaries: str = "both"
    temperature: float = 1000.0
    melt_temperature: float = 2000.0
    melt_time: float = 2.0
    cool_film_time: float = 2.0
    equilibration_time: float = 2.0
    mc_time: float = 20.0
    chemical_potential: float = 3.75
    mc_every: int = 50
    swap_fraction: float = 1.0
    adjust_every: int = 1000
    kappa: float = 1000.0
    gain: float = 200.0
    max_change: float = 0.05
    final_temperature: float = 300.0
    cooling_rate: float = 5e13
    final_time: float = 0.0
    minimize: bool = True
    timestep: float = 2.0
    restart_every: int = 2000
    trajectory_every: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        one_of(self.start, "start", STARTS)
        one_of(self.film_boundaries, "film_boundaries", BOUNDARIES)
        check_protocol(self, _ALLOWED)
        for name, unit in (("adjust_every", "mc_every"), ("restart_every", "adjust_every")):
            if getattr(self, name) % getattr(self, unit):
                raise InputError(
                    f"{name} is {getattr(self, name)} and {unit} is {getattr(self, unit)}: the first must be "
                    "a multiple of the second."
                )
        if not self.final_temperature <= self.temperature:
            raise InputError(
                f"final_temperature is {self.final_temperature} K, above the temperature of the run, "
                f"{self.temperature} K: it must not be higher."
            )
        if self.start == "seeded" and self.melt_temperature < self.temperature:
            raise InputError(
                f"melt_temperature is {self.melt_temperature} K, below the temperature of the run, "
                f"{self.temperature} K: it must not be lower."
            )

        if not self.frames:
            raise InputError(
                "mc_time is 0, there is no cooling and minimize is False, so the run would leave no "
                "frame: set one of them."
            )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Complexion:
        """A preset with changes.

        Args:
            name: "published" (3.1 ns from pure Cu, [WuRupert2026]) or "seeded" (small machines).
            changes: fields that differ.

        Raises:
            InputError: unknown preset, or no field of that name.

        Example:
            >>> Complexion.preset("published").timestep
            1.0
        """
        chosen = PRESETS[one_of(name, "preset", PRESETS)]
        for field in changes:
            one_of(field, "The field", FIELDS)
        return cls(**{**chosen, **changes})

    @property
    def seeded(self) -> bool:
        """A film is made before the MC begins."""
        return self.start == "seeded"

    @property
    def stages(self) -> dict[str, int]:
        """Time steps of each stage, in order: whole steps, and whole cycles of the MC."""
        cooling = (self.temperature - self.final_temperature) / self.cooling_rate * 1e12
        stages: dict[str, int] = {}
        if self.seeded:
            stages |= {"melt": self._count(self.melt_time), "cool_film": self._count(self.cool_film_time)}
        return {
            **stages,
            "equilibrate": self._count(self.equilibration_time),
            "mc": self._count(self.mc_time, self.mc_every),
            "cool": self._count(cooling),
            "hold": self._count(self.final_time),
        }

    @property
    def ends(self) -> dict[str, int]:
        """Last time step of each stage."""
        return running_total(self.stages)

    @property
    def actual_cooling_rate(self) -> float:
        """Rate of the cooling stage in K/s, which takes whole steps; 0 without cooling."""
        picoseconds = self.stages["cool"] * self.timestep / 1000
        return (self.temperature - self.final_temperature) / picoseconds * 1e12 if picoseconds else 0.0

    @property
    def total_steps(self) -> int:
        """Time steps of all stages."""
        return sum(self.stages.values())

    @property
    def frames(self) -> list[str]:
        """Names of the frames that are written: "hot", "cold" (when cooled), "minimized"."""
        names = ["hot"] if self.stages["mc"] else []
        names += ["cold"] if self.stages["cool"] + self.stages["hold"] else []
        return names + (["minimized"] if self.minimize else [])

    @property
    def notes(self) -> list[str]:
        """Sentences about what is done otherwise than it was given; [] where nothing is.

        Example:
            >>> Complexion(mc_time=20.0).notes
            []
        """
        done = self.stages["mc"] * self.timestep / 1000
        if abs(done - self.mc_time) <= self.timestep / 1000:
            return []
        return [
            f"The MC lasts {done:g} ps instead of {self.mc_time:g} ps, whole cycles of mc_every = "
            f"{self.mc_every} steps."
        ]

    def _count(self, picoseconds: float, multiple: int = 1) -> int:
        pieces = picoseconds * 1000 / self.timestep / multiple
        return max(0, math.ceil(pieces - 1e-6)) * int(multiple)

    def render(
        self,
        potential_config: Sequence[str],
        grid: Sequence[int],
        resume: str | None = None,
        accelerator: str | None = None,
        thermo_every: int = 100,
    ) -> str:
        """The LAMMPS input.

        Args:
            potential_config: lines of pair_style and pair_coeff.
            grid: MPI ranks along x, y, z.
            resume: slot of the restart file to go on from; None begins anew.
            accelerator: "kokkos" keeps the pair style on the host, where fix sgcmc reads its tables.
            thermo_every: steps between lines of thermodynamic output.

        Returns:
            Text of the input; it reads ``structure.data`` and writes ``frame_<name>.bin``,
            ``history.txt`` and, at the very end, ``done.txt``.
        """
        return render(
            "complexion.lmp.j2",
            **asdict(self),
            seeded=self.seeded,
            actual_cooling_rate=self.actual_cooling_rate,
            ends=self.ends,
            grid=list(grid),
            resume=resume or "none",
            accelerator=accelerator,
            data_file=DATA_FILE,
            history_file=HISTORY_FILE,
            done_file=DONE_FILE,
            potential_config=[line.rstrip("\n") for line in potential_config],
            thermo_every=thermo_every,
            variance_repaired=VARIANCE_REPAIRED,
        )


FIELDS = tuple(field.name for field in fields(Complexion))
