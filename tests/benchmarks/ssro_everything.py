"""Everything the SSRO job computes, on 2.3 million atoms: wall time, core seconds, peak memory.

python tests/benchmarks/ssro_everything.py [--repeat 7 4 4] [--cores 2] [--rounds 3]

Medians of the rounds; d_i and Q6 take turns on one and on all cores.
"""

import argparse
import resource
import statistics
import time

from pyiron_nbed.examples import load
from pyiron_nbed.ssro.disorder import disorder_and_bond_order
from pyiron_nbed.ssro.summary import short_range_order


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, nargs=3, default=(7, 4, 4), help="copies of complexion_a")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    short_range_order(load("complexion_a"), cores=arguments.cores)  # compiles
    atoms = load("complexion_a") * tuple(arguments.repeat)
    walls, used = [], []
    for _ in range(arguments.rounds):
        before = resource.getrusage(resource.RUSAGE_SELF)
        begin = time.perf_counter()
        short_range_order(atoms, cores=arguments.cores)
        walls.append(time.perf_counter() - begin)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    seconds = ", ".join(f"{wall:.1f}" for wall in walls)
    print(
        f"{len(atoms):,} atoms, {arguments.cores} cores: {statistics.median(walls):.1f} s ({seconds}), "
        f"{statistics.median(used):.1f} core-s, peak memory {after.ru_maxrss / 1e6:.2f} GB",
        flush=True,
    )
    times: dict[int, list[float]] = {1: [], arguments.cores: []}
    for _ in range(arguments.rounds + 2):
        for cores, several in times.items():
            begin = time.perf_counter()
            disorder_and_bond_order(atoms, cores=cores)
            several.append(time.perf_counter() - begin)
    for cores, several in times.items():
        listed = ", ".join(f"{one:.2f}" for one in several)
        print(f"d_i and Q6 on {cores} cores: {statistics.median(several):.2f} s ({listed})")


if __name__ == "__main__":
    main()
