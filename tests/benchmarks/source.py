"""How much the pattern source adds to the patterns themselves.

    python tests/benchmarks/source.py [--batches 20] [--repeats 5]

CPU time of one thread in batches of 64, medians over repeats; the patterns alone are those of the same
volumes, found before. ``complexion_a``, one-layer clusters left out. ``tests/benchmarks/patterns.py`` has
the peers.
"""

import argparse
import os
import time
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from throughput import EFFECTS

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, VolumeRange
from pyiron_nbed.diffraction import patterns_of_volumes as simulate
from pyiron_nbed.examples import load
from pyiron_nbed.learning import PatternSource
from pyiron_nbed.patterns.recipe import Recipe


def cpu_seconds(function):
    """CPU seconds of one call."""
    begin = time.process_time()
    function()
    return time.process_time() - begin


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    atoms = load("complexion_a")
    atoms.set_array("disorder_parameter", np.random.default_rng(0).random(len(atoms)))
    atoms.set_array("q6", atoms.arrays["disorder_parameter"])
    pieces = [atoms * (1, 1, repeat) for repeat in (1, 2, 1, 1, 1, 1, 1, 1)]
    ranges = [VolumeRange(Cylinder, (3, 6.2), (10, 28)), VolumeRange(Ellipsoid, (4, 8), (10, 30))]
    cases = {
        "one structure, one cylinder, one zone axis": ([atoms], [Cylinder(4.6, 20)], [(0, 0, 1)], 64),
        "one structure, one cylinder, random axes": ([atoms], [Cylinder(4.6, 20)], "random", 64),
        "8 structures, 2 ranges, random axes": (pieces, ranges, "random", 64),
        "the same in batches of 256": (pieces, ranges, "random", 256),
    }
    print("| | mesh | atoms | patterns alone, µs | source, µs | added |\n|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for name, (structures, volumes, axes, size) in cases.items():
            for mesh in (Mesh(), Mesh(1.0, 0.045)):
                source = PatternSource(structures, volumes, mesh, zone_axes=axes, batch_size=size, cores=1)
                drawn = [source._prepare(number).drawn.found for number in range(options.batches)]
                numbers = source._atoms.numbers
                count = options.batches * source.batch_size
                times = np.array([
                    (
                        sum(cpu_seconds(partial(simulate, f, numbers, mesh, cores=1)) for f in drawn),
                        sum(cpu_seconds(partial(source.batch, i)) for i in range(options.batches)),
                    )
                    for _ in range(options.repeats)
                ]) / count * 1e6  # fmt: skip
                added = np.median(times[:, 1] / times[:, 0]) - 1
                alone, whole = np.median(times, axis=0)
                mean = np.mean([found.counts.mean() for found in drawn])
                print(f"| {name} | {mesh.shape[0]}² | {mean:.0f} | {alone:.1f} | {whole:.1f} | {added:.0%} |")
        print("\n| effect, µs per pattern | 133² | 45² |\n|---|---|---|")
        for name, effects in EFFECTS.items():
            row = []
            for mesh in (Mesh(), Mesh(1.0, 0.045)):
                patterns = PatternSource([atoms], [Cylinder(4.6, 20)], mesh, cores=1).batch(0).patterns
                generator, recipe = torch.Generator().manual_seed(0), Recipe.simulation(mesh)
                effects(patterns, recipe, generator)
                job = partial(effects, patterns, recipe, generator)
                seconds = [cpu_seconds(job) for _ in range(options.repeats)]
                row.append(np.median(seconds) / len(patterns) * 1e6)
            print(f"| {name} | {row[0]:.0f} | {row[1]:.0f} |")
    for cores in (1, 2):
        source = PatternSource([atoms], [Cylinder(4.6, 20)], cores=cores)
        source.batch(0)
        begin = time.perf_counter()
        for _ in source.batches(0, 3 * options.batches):
            pass
        rate = 3 * options.batches * 64 / (time.perf_counter() - begin)
        print(f"{cores} threads: {rate:,.0f} patterns/s by the clock, random axes")
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
