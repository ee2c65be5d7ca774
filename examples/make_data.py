"""Make the example structures of ``examples/data`` again, each from its recipe.

    python examples/make_data.py                          # what there is, and what it takes
    python examples/make_data.py complexion_a --work /tmp/work --cores 2

An interrupted run goes on from its last restart file when the same command is given again.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyiron_nbed import bicrystal, composite, random_alloy
from pyiron_nbed.examples import save
from pyiron_nbed.executable import lammps_command, lammps_version
from pyiron_nbed.lammps.complexion import Complexion
from pyiron_nbed.lammps.complexion_run import simulate_complexion
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import named_frame, read_trajectory
from pyiron_nbed.potentials import find_potential
from pyiron_nbed.provenance import structure_id, versions
from pyiron_nbed.ssro.film import film_summary

POTENTIALS = {
    2007: "2007--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1",
    2009: "2009--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1",
    2016: "2016--Borovikov-V--Cu-Zr--LAMMPS--ipr1",
    2019: "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1",
}
BUILDERS = {"bicrystal": bicrystal, "composite": composite, "random_alloy": random_alloy}
LATTICE = 3.639  # Å
TWO = [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]  # two nanocrystals, as far apart as can be
OTHER_TILT = {"orientation_1": ((1, 1, 1), (1, -1, 0)), "orientation_2": ((0, 0, 1), (1, -1, 0))}


@dataclass(frozen=True)
class Recipe:
    """How one example is made, and the names of the instantaneous frames kept beside it."""

    builder: str
    structure: dict
    protocol: Complexion | MeltQuench
    potential: int = 2019
    frames: dict = field(default_factory=dict)  # suffix: name, or number in the trajectory


def _composite(radius, rotated, seed, potential=2019):
    arguments = {"cells": 12, "radius": radius * LATTICE, "positions": TWO, "rotated": rotated, "seed": seed}
    quench = MeltQuench(melt_time=5.0, cooling_rate=1e14, release_time=10.0, seed=seed)
    return Recipe("composite", arguments, quench, potential)


def _glass(rate, seed, trajectory_every=0, frames=None):
    quench = MeltQuench(
        melt_time=5.0, cooling_rate=rate, final_time=2.0, trajectory_every=trajectory_every, seed=seed
    )
    return Recipe(
        "random_alloy", {"n_atoms": 10_000, "zr_fraction": 0.36, "seed": seed}, quench, frames=frames or {}
    )


# less than the 20 ps and 5e13 K/s of the preset, which complexion_b follows, to make several in an hour
BRIEF = {"mc_time": 10.0, "cooling_rate": 8.75e13}
BOTH = {"1000K": "hot", "300K": "cold"}
# small cells with other tilts and compositions, to learn from: what they have in common is [1-10] along z
SMALL = {
    "melt_time": 2.0,
    "cool_film_time": 2.0,
    "equilibration_time": 2.0,
    "mc_time": 4.0,
    "cooling_rate": 1.75e14,
}


# films as slowly cooled as those of the complexions, and thicker
THICK = {**SMALL, "cooling_rate": 8.75e13}


def _boundary(
    seed, normal_1, normal_2, zr_fraction, film_fraction, max_mismatch=0.005, length=100.0, times=SMALL
):
    z = (1, -1, 0)
    cell = {"length": length, "width": 36.0, "height": 31.0, "max_mismatch": max_mismatch}
    protocol = Complexion(zr_fraction=zr_fraction, film_fraction=film_fraction, seed=seed, **times)
    return Recipe(
        "bicrystal", {**cell, "orientation_1": (normal_1, z), "orientation_2": (normal_2, z)}, protocol,
        frames={"300K": "cold"},
    )  # fmt: skip


RECIPES = {
    "complexion_a": Recipe("bicrystal", {}, Complexion(seed=1, **BRIEF), frames=BOTH),
    "composite_4a_aligned": _composite(4, False, 1),
    "glass_fast": _glass(1e15, 1),
    "complexion_b": Recipe("bicrystal", {}, Complexion(seed=2), frames=BOTH),
    "composite_4a_rotated": _composite(4, True, 2),
    "composite_3a_aligned": _composite(3, False, 3),
    "composite_2007": _composite(4, False, 4, 2007),
    "composite_2009": _composite(4, False, 5, 2009),
    "composite_2016": _composite(4, False, 6, 2016),
    "complexion_c": Recipe(
        "bicrystal",
        {"length": 160.0, "width": 49.0, "max_mismatch": 0.003, **OTHER_TILT},
        Complexion(seed=3, **BRIEF),
    ),
    # 2,500 steps of melt and 5,000 from 2000 to 1000 K: the second frame of the trajectory is at 1000 K
    "glass_slow": _glass(1e14, 2, 7_500, {"1000K": 1, "300K": "cold"}),
    "boundary_1": _boundary(11, (1, 1, 0), (0, 0, 1), 0.08, 0.30),
    "boundary_2": _boundary(12, (0, 0, 1), (2, 2, 1), 0.10, 0.30),
    "boundary_3": _boundary(13, (1, 1, 0), (1, 1, 1), 0.12, 0.30),
    "boundary_4": _boundary(14, (1, 1, 0), (3, 3, 2), 0.10, 0.25, 0.012),
    "boundary_5": _boundary(15, (0, 0, 1), (1, 1, 2), 0.10, 0.35),
    "boundary_6": _boundary(16, (1, 1, 1), (1, 1, 0), 0.08, 0.25),
    "boundary_7": _boundary(17, (0, 0, 1), (1, 1, 0), 0.13, 0.35),
    "boundary_8": _boundary(18, (1, 1, 0), (2, 2, 1), 0.10, 0.30),
    "boundary_9": _boundary(19, (1, 1, 0), (1, 1, 4), 0.12, 0.42, 0.012, 120.0, THICK),
    "boundary_10": _boundary(20, (0, 0, 1), (3, 3, 2), 0.11, 0.40, 0.012, 120.0, THICK),
    "boundary_11": _boundary(21, (1, 1, 1), (1, 1, 2), 0.12, 0.45, 0.012, 120.0, THICK),
    "boundary_12": _boundary(22, (1, 1, 1), (2, 2, 1), 0.10, 0.38, 0.012, 120.0, THICK),
    "boundary_13": _boundary(23, (0, 0, 1), (3, 3, 1), 0.12, 0.45, 0.012, 120.0, THICK),
    "boundary_14": _boundary(24, (1, 1, 2), (1, 1, 4), 0.11, 0.40, 0.012, 110.0, THICK),
    "boundary_15": _boundary(25, (1, 1, 1), (4, 4, 1), 0.12, 0.40, 0.012, 110.0, THICK),
    "boundary_16": _boundary(26, (1, 1, 2), (4, 4, 1), 0.10, 0.40, 0.012, 110.0, THICK),
}


def _small_glasses():
    # three sets, each with seeds of its own: to learn from, to calibrate intervals and thresholds with, and
    # to judge with. The last one reaches beyond the compositions and the rates (K/s) of the others.
    learn = [
        (zr, rate, copy) for zr in (0.25, 0.36, 0.45, 0.55) for rate in (1e15, 3e14, 1e14) for copy in (0, 1)
    ]
    calibrate = [(zr, rate, 0) for zr in (0.25, 0.36, 0.45, 0.55) for rate in (1e15, 3e14, 1e14)]
    calibrate += [(0.36, 3e13, 0), (0.5, 3e13, 0)]
    judge = [(zr, rate, 0) for zr in (0.2, 0.3, 0.4, 0.5, 0.6) for rate in (1e16, 1e15, 3e14, 1e14)]
    found = {}
    for kind, glasses, seed in (("learn", learn, 200), ("calibrate", calibrate, 300), ("judge", judge, 400)):
        for n, (zr, rate, _) in enumerate(glasses, 1):
            arguments = {"n_atoms": 2_000, "zr_fraction": zr, "seed": seed + n}
            quench = MeltQuench(melt_time=5.0, cooling_rate=rate, final_time=2.0, seed=seed + n)
            found[f"small_glass_{kind}_{n}"] = Recipe(
                "random_alloy", arguments, quench, frames={"300K": "cold"}
            )
    return found


RECIPES |= _small_glasses()

# to judge with: other tilts and amounts of zirconium than those of the others
RECIPES |= {
    "boundary_judge_1": _boundary(501, (1, 1, 2), (1, 1, 1), 0.06, 0.28, 0.012),
    "boundary_judge_2": _boundary(502, (0, 0, 1), (1, 1, 5), 0.15, 0.35, 0.012),
    "boundary_judge_3": _boundary(504, (1, 1, 2), (1, 1, 0), 0.09, 0.30, 0.012),
}


def make(name, work, out, cores):
    """Run one recipe and save its frames."""
    recipe = RECIPES[name]
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    start = BUILDERS[recipe.builder](**recipe.structure)
    potential = find_potential(POTENTIALS[recipe.potential])
    command = [*lammps_command(cores), "-in", INPUT_FILE]
    begin = time.perf_counter()
    if isinstance(recipe.protocol, Complexion):
        result = simulate_complexion(folder, start, recipe.protocol, potential, command, name, cores)
        keep = ("chemical_potential", "lammps_kappa", "acceptance", "composition", "film", "grains",
                "film_thickness", "segregation", "segments", "warnings", "cooling_rate", "steps",
                "energy_per_atom")  # fmt: skip
    else:
        result = simulate_melt_quench(folder, start, recipe.protocol, potential, command, name)
        keep = ("cooling_rate", "steps", "energy_per_atom", "volume_per_atom", "segments")
    final = named_frame(folder, "minimized", potential.species)
    frames = {
        suffix: named_frame(folder, which, potential.species)
        if isinstance(which, str)
        else list(read_trajectory(folder, potential.species))[which]
        for suffix, which in recipe.frames.items()
    }
    record = {
        "builder": recipe.builder,
        "structure": recipe.structure,
        "protocol": {"class": type(recipe.protocol).__name__, **asdict(recipe.protocol)},
        "potential": {"name": potential.name, "sha256": potential.sha256[0]},
        "result": {key: result[key] for key in keep},
        "n_atoms": len(final),
        "zr_fraction": float((final.numbers == 40).mean()),
        "lammps": lammps_version(tuple(command)),
        "versions": versions(),
        "cores": cores,
        "seconds_of_this_call": round(time.perf_counter() - begin, 1),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for suffix, atoms in {"": final, **frames}.items():
        own = {"frame": suffix or "minimized", "structure_id": structure_id(atoms)}
        save(out, f"{name}_{suffix}" if suffix else name, atoms, {**own, **record})
    if recipe.builder == "bicrystal":
        summary = film_summary(final)
        print(json.dumps({k: summary[k] for k in ("film", "grains", "film_thickness", "segregation")}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="examples to make; none lists them")
    parser.add_argument("--work", type=Path, default=Path("make_data"), help="where LAMMPS runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(RECIPES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(RECIPES)}")
    if not arguments.names:
        for name, recipe in RECIPES.items():
            atoms = len(BUILDERS[recipe.builder](**recipe.structure))
            stages = recipe.protocol.stages if recipe.builder == "bicrystal" else (
                recipe.protocol.steps(recipe.builder == "composite"))  # fmt: skip
            print(
                f"{name:22s} {atoms:6d} atoms {sum(stages.values()):7d} steps  {recipe.potential} potential"
            )
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        make(name, arguments.work, arguments.out, arguments.cores)


if __name__ == "__main__":
    main()
