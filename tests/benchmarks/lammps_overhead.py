"""What our layer costs beside LAMMPS: a run of 100,000 atoms with 10 frames, and reading them back.

    python tests/benchmarks/lammps_overhead.py [--atoms 100000] [--frames 10] [--repeats 3]

Prints a table; every ratio is taken within one run. LAMMPS's own time is its "Total wall time".
"""

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path

import ase.io

from pyiron_nbed import random_alloy
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import read_trajectory
from pyiron_nbed.potentials import find_potential
from pyiron_nbed.structures.dump import read_frames


def wall_time_of_lammps(folder):
    """Seconds that LAMMPS reports for itself."""
    text = (folder / "log.lammps").read_text()
    hours, minutes, seconds = re.search(r"Total wall time: (\d+):(\d+):(\d+)", text).groups()
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds)


def measure(n_atoms, n_frames, steps_between):
    """Seconds of one run: all of it, LAMMPS alone, and one pass over the frames."""
    atoms = random_alloy(n_atoms, seed=1)
    steps = n_frames * steps_between
    protocol = MeltQuench(
        melt_time=steps * 0.002, cooling_rate=1e17, minimize=False, trajectory_every=steps_between,
        restart_every=10 * steps,
    )  # fmt: skip
    potential = find_potential()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.perf_counter()
        command = [*lammps_command(), "-in", INPUT_FILE]
        simulate_melt_quench(folder, atoms, protocol, potential, command)
        total = time.perf_counter() - begin
        begin = time.perf_counter()
        count = sum(1 for _ in read_trajectory(folder, potential.species))
        reading = time.perf_counter() - begin
        first = next(read_trajectory(folder, potential.species))
        text = folder / "text.dump"
        begin = time.perf_counter()
        ase.io.read(next(folder.glob("trajectory.*.bin")), index=0, format="lammps-dump-binary",
                    colnames=["id", "type", "x", "y", "z"])  # fmt: skip
        by_ase = time.perf_counter() - begin
        write_text(text, first)
        begin = time.perf_counter()
        next(read_frames(text, ["Cu", "Zr"]))
        text_time = time.perf_counter() - begin
        return {
            "total": total,
            "lammps": wall_time_of_lammps(folder),
            "read all frames": reading,
            "per million atoms and frame": reading / count / n_atoms * 1e6,
            "the same from text": text_time / n_atoms * 1e6,
            "the same by ASE (binary)": by_ase / n_atoms * 1e6,
        }


def write_text(path, atoms):
    """A text dump of one frame with full precision."""
    side = atoms.cell.lengths()
    with open(path, "w") as file:
        file.write(f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n")
        file.writelines(f"0 {length:.17g}\n" for length in side)
        file.write("ITEM: ATOMS id type x y z\n")
        for number, (z, r) in enumerate(zip(atoms.numbers, atoms.positions, strict=True), start=1):
            file.write(f"{number} {1 if z == 29 else 2} {r[0]:.17g} {r[1]:.17g} {r[2]:.17g}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--atoms", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10, help="time steps between frames")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rows = [measure(arguments.atoms, arguments.frames, arguments.steps) for _ in range(arguments.repeats)]
    for name in rows[0]:
        print(f"{name:32s} {statistics.median(row[name] for row in rows):8.3f} s")
    overhead = statistics.median(row["total"] / row["lammps"] - 1 for row in rows)
    print(f"{'our share beside LAMMPS':32s} {100 * overhead:8.1f} %")


if __name__ == "__main__":
    main()
