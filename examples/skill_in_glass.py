"""What can a pattern tell inside a glass? Trained on some glasses, tested on others.

    python examples/skill_in_glass.py glasses --work WORK      # quench 16 small glasses with LAMMPS
    python examples/skill_in_glass.py train --work WORK --volume cylinder_r4_h10 --minutes 10
    python examples/skill_in_glass.py report --work WORK

Twelve glasses (three quench rates, three compositions, minimised and at 300 K) are the source of endless
patterns along random zone axes; four others, quenched at four rates, are the test. Each stage can be
repeated: what is finished is not done again. The 2019 potential is needed (see the README).
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

from ase.io import write

from pyiron_nbed import glass
from pyiron_nbed.lammps.executable import lammps_command
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import named_frame
from pyiron_nbed.potentials import find_potential

POTENTIAL = "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"
QUENCH = MeltQuench(melt_time=2.0, final_time=1.0, timestep=2.5)
# name: (Zr fraction, quench rate in K/s, seed)
TRAIN = {
    f"train_{n}": ((0.30, 0.36, 0.42)[n % 3], (1e15, 3e14, 1e14)[(n + n // 3) % 3], 100 + n)
    for n in range(12)
}
TEST = {f"test_{rate:.0e}": (0.36, rate, 200 + n) for n, rate in enumerate((1e15, 3e14, 1e14, 3e13))}


def quench(work, name, zr_fraction, rate, seed):
    """One glass of 2,000 atoms; its minimised and its 300 K frame as extended XYZ."""
    if (work / f"{name}.xyz").exists():
        return
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    potential = find_potential(POTENTIAL)
    protocol = replace(QUENCH, cooling_rate=rate, seed=seed)
    start = glass(n_atoms=2000, zr_fraction=zr_fraction, seed=seed)
    begin = time.perf_counter()
    simulate_melt_quench(folder, start, protocol, potential, [*lammps_command(1), "-in", INPUT_FILE], name)
    frames = [named_frame(folder, which, potential.species) for which in ("minimized", "cold")]
    write(work / f"{name}.partial.xyz", frames)
    (work / f"{name}.partial.xyz").rename(work / f"{name}.xyz")
    print(f"{name}: {rate:.0e} K/s, {zr_fraction:.0%} Zr, {time.perf_counter() - begin:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", choices=["glasses", "train", "report"])
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.stage == "glasses":
        for name, recipe in {**TRAIN, **TEST}.items():
            quench(arguments.work, name, *recipe)


if __name__ == "__main__":
    main()
