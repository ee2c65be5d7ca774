"""Everything the SSRO job computes, on 2.3 million atoms: wall time, core seconds, peak memory.

python tests/benchmarks/ssro_everything.py [--repeat 7 4 4] [--cores 2]
"""

import argparse
import resource
import time

from pyiron_nbed.examples import load
from pyiron_nbed.ssro.disorder import disorder_and_bond_order
from pyiron_nbed.ssro.summary import short_range_order


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, nargs=3, default=(7, 4, 4), help="copies of complexion_a")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    short_range_order(load("complexion_a"), cores=arguments.cores)  # compiles
    atoms = load("complexion_a") * tuple(arguments.repeat)
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    _, summary = short_range_order(atoms, cores=arguments.cores)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{len(atoms):,} atoms, {arguments.cores} cores: {wall:.1f} s, {used:.1f} core-s")
    print(f"peak memory {after.ru_maxrss / 1e6:.2f} GB, films {summary['regions']['films']}")
    times = {}
    for cores in (1, arguments.cores, 1, arguments.cores):
        begin = time.perf_counter()
        disorder_and_bond_order(atoms, cores=cores)
        times.setdefault(cores, []).append(time.perf_counter() - begin)
    for cores, seconds in times.items():
        print(f"d_i and Q6 on {cores} cores: {min(seconds):.2f} s")


if __name__ == "__main__":
    main()
