"""Core seconds of d_i and Q6 against freud and pyscal3 in one run, memory, scaling; a script, not a test.

    python tests/benchmarks/ssro.py [--rounds 3] [--figure docs/ssro_scaling.png] [--short]

The codes take turns, so that a machine that others use slows all of them alike. Times are core seconds
(user and system time of the process) for a million atoms; each code runs on one thread.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from importlib.metadata import version
from statistics import median

import numpy as np

from pyiron_nbed.examples import load
from pyiron_nbed.ssro import disorder_and_bond_order, disorder_parameter, radial_distribution

UNIT = load("complexion_a")  # 20,568 atoms; repeated for larger structures


def structure(n_atoms):
    """complexion_a repeated along its axes, or its first atoms in x where fewer are wanted."""
    if n_atoms < len(UNIT):
        atoms = UNIT[np.argsort(UNIT.positions[:, 0])[:n_atoms]]
        atoms.pbc = (False, True, True)
        return atoms
    sides = max(1, round((n_atoms / len(UNIT)) ** 0.5))
    return UNIT * (max(1, round(n_atoms / len(UNIT) / sides)), sides, 1)


def core_seconds(function, *arguments, **options):
    begin, wall = time.process_time(), time.perf_counter()
    function(*arguments, **options)
    return time.process_time() - begin, time.perf_counter() - wall


def with_freud(atoms):
    import freud

    freud.parallel.set_num_threads(1)
    box = freud.box.Box.from_matrix(atoms.cell.array.T)
    positions = box.wrap(atoms.positions - atoms.cell.array.sum(axis=0) / 2)
    order = freud.order.SolidLiquid(l=6, q_threshold=0.5, solid_threshold=6)
    order.compute((box, positions), neighbors={"num_neighbors": 12})
    return 1 - np.abs(np.bincount(order.nlist.query_point_indices, order.ql_ij, len(atoms))) / 12


def with_pyscal3(atoms):
    return disorder_parameter(atoms, backend="pyscal3")


def memory(atoms):
    """Extra memory (MB) of the first call at this size: growth of the largest resident size."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    disorder_and_bond_order(atoms, cores=1)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figure", default="docs/ssro_scaling.png")
    parser.add_argument(
        "--short", action="store_true", help="200,000 atoms instead of a million for the codes"
    )
    options = parser.parse_args()
    big = structure(200_000 if options.short else 1_000_000)
    small = structure(20_568)
    for function in (disorder_and_bond_order, radial_distribution):
        function(small, cores=1)  # compiled before the clock starts
    report = {"atoms": len(big), "versions": {p: version(p) for p in ("numba", "freud-analysis", "pyscal3")}}
    report["extra_memory_MB_per_million"] = round(memory(big) / len(big) * 1e6)
    runs = {
        "pyiron_nbed": (disorder_and_bond_order, big, {"cores": 1}),
        "freud": (with_freud, big, {}),
        # pyscal3 would need 26 GB for a million atoms: its time is measured on 20,568, for each atom the same
        "pyscal3": (with_pyscal3, small, {}),
    }
    times = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (function, atoms, more) in runs.items():
            times[name].append(core_seconds(function, atoms, **more)[0] / len(atoms) * 1e6)
            print(f"{name}: {times[name][-1]:.2f} core-s per million atoms", flush=True)
    report["core_seconds_per_million"] = {name: median(t) for name, t in times.items()}
    report["ratio"] = {
        name: median(a / b for a, b in zip(times[name], times["pyiron_nbed"], strict=True))
        for name in ("freud", "pyscal3")
    }
    report["rdf_10A_core_seconds_per_million"] = median(
        core_seconds(radial_distribution, big, cores=1)[0] / len(big) * 1e6 for _ in range(2)
    )
    cores = [
        [core_seconds(disorder_and_bond_order, big, cores=c)[1] for c in (1, 2)]
        for _ in range(options.rounds)
    ]
    report["wall_speedup_on_two_cores"] = median(one / two for one, two in cores)
    scaling = []
    for size in (1e4, 3e4, 1e5, 3e5, 1e6, 2.3e6):
        atoms = structure(int(size))
        rounds = [core_seconds(disorder_and_bond_order, atoms, cores=1)[0] for _ in range(options.rounds)]
        scaling.append((len(atoms), median(rounds)))
    report["scaling"] = scaling
    slope = np.polyfit(*np.log10(np.array(scaling)).T, 1)[0]
    report["scaling_exponent"] = float(slope)
    print(json.dumps(report, indent=1))
    draw(scaling, slope, options.figure)


def draw(scaling, slope, path):
    from matplotlib.figure import Figure

    n, seconds = np.array(scaling).T
    figure = Figure(figsize=(3.6, 2.8), layout="constrained", dpi=200)
    axes = figure.subplots()
    axes.loglog(n, seconds, "o", color="#c8501e", label=r"$d_i$ and $Q_6$, one core")
    axes.loglog(n, n * np.exp(np.mean(np.log(seconds / n))), "-", color="#4c4c4c", lw=1, label="linear")
    axes.set(xlabel="number of atoms", ylabel="time (core s)", title=f"exponent {slope:.2f}")
    axes.legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
