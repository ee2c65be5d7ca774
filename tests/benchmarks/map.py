"""Core-seconds from the file of a scan to a map with the model that comes with the package.

    python tests/benchmarks/map.py [--side 128] [--cores 1] [--folder .]

The file is a ``.npy`` of side × side frames of 256 × 256 uint16 (2.1 GB for 128) that is made
first: rings with speckle.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from pyiron_nbed.experiment import calibrate, map_scan, read_scan


def made(path, side):
    k = 0.0095 * np.hypot(*(np.indices((256, 256)) - 127.3))
    rings = 60 * np.exp(-(((k - 0.42) / 0.06) ** 2)) + 20 * np.exp(-(((k - 0.75) / 0.1) ** 2))
    base = rings + 3000 * np.exp(-((k / 0.06) ** 2)) + 2
    random = np.random.default_rng(0)
    pool = [random.poisson(base * random.gamma(6, 1 / 6, base.shape)).astype(np.uint16) for _ in range(64)]
    file = np.lib.format.open_memmap(path, "w+", np.uint16, (side, side, 256, 256))
    for y in range(side):
        for x in range(side):
            file[y, x] = pool[(7 * y + x) % 64]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    path = arguments.folder / "benchmark_map.npy"
    made(path, arguments.side)
    scan = read_scan(path, step=4.0)

    def measured(name, action):
        before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        result = action()
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name}: {cpu:.1f} core-seconds, {time.perf_counter() - begin:.1f} s", flush=True)
        return result

    calibration = measured("calibrate", lambda: calibrate(scan, delta_k=0.0095, beam_stop=None))
    for observables in (True, False):
        name = "map" if observables else "map without observables"
        measured(
            name,
            lambda own=observables: map_scan(
                scan, "cu-zr-r5-h20", calibration, observables=own, cores=arguments.cores
            ),
        )
    path.unlink()


if __name__ == "__main__":
    main()
