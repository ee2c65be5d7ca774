"""The published sets of patterns from structure to finished file, and reading them back.

    python tests/benchmarks/dataset.py [--cores 2] [--folder /tmp] [--kinds cylinder ellipsoid cluster]

Cylinders r = 5, h = 20 Å, ellipsoids r = 8, h = 30 Å on a 2.5 Å grid, one-layer clusters along random zone
axes; float16, all labels. The structure is complexion_a, repeated until the grid has the published size.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from pyiron_nbed import Cylinder, Ellipsoid, OneLayerCluster
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.examples import load

KINDS = {
    "cylinder": (Cylinder(5, 20), (3, 1, 1), 57_720),
    "ellipsoid": (Ellipsoid(8, 30), (2, 2, 2), 137_493),
    "cluster": (OneLayerCluster(), (3, 1, 1), 58_593),
}


def random_rows(dataset, repeats=20):
    """Median seconds to read 64 random rows."""
    times = []
    for seed in range(repeats):
        rows = np.random.default_rng(seed).integers(len(dataset), size=64)
        begin = time.perf_counter()
        dataset.patterns[rows]
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def iteration(dataset, batch=64):
    """Patterns per second of one pass in batches of random rows, the file in the page cache."""
    order = np.random.default_rng(0).permutation(len(dataset))[:20_000]
    begin = time.perf_counter()
    for start in range(0, len(order), batch):
        dataset.patterns[np.sort(order[start : start + batch])]
    return len(order) / (time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        path = Path(name) / "patterns.h5"
        small = load("composite_3a_aligned")
        for kind in arguments.kinds:  # compiles
            build_dataset(path, [small], [KINDS[kind][0]], step=20, cores=arguments.cores)
        for kind in arguments.kinds:
            volume, repeat, published = KINDS[kind]
            atoms = load("complexion_a") * repeat
            begin = time.perf_counter()
            count = build_dataset(path, [atoms], [volume], step=2.5, cores=arguments.cores)
            seconds = time.perf_counter() - begin
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{kind:9s} {len(atoms):,} atoms, {count:,} patterns: {seconds:.1f} s, "
                f"{count / seconds:,.0f} per second; {published:,} would take "
                f"{seconds * published / count:.1f} s; peak memory {peak:.2f} GB",
                flush=True,
            )
            if kind == "cylinder":
                dataset = PatternDataset(path)
                rows, rate = random_rows(dataset), iteration(dataset)
                print(f"64 random rows: {1e3 * rows:.1f} ms; {rate:,.0f} patterns/s")


if __name__ == "__main__":
    main()
