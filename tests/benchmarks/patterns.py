"""How fast patterns are computed, beside LAMMPS compute saed and a plain numpy product.

    python tests/benchmarks/patterns.py [--patterns 256] [--repeats 5]
    python tests/benchmarks/patterns.py --device cuda [--patterns 200000] [--peak 67]

Every number is a median over repeats and CPU time of one thread, so that other programs disturb it
less; ratios are taken within one repeat. With ``--device cuda`` only the torch engine on the GPU is
measured, by the clock; ``--peak`` is the single-precision peak of the GPU in TFLOP/s.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.diffraction import VolumeSearch, patterns_of_volumes, scattering_factor
from pyiron_nbed.examples import load
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.protocol import INPUT_FILE
from pyiron_nbed.lammps.run import run_lammps
from pyiron_nbed.patterns.scan import scan_grid

VOLUME = Cylinder(4.6, 20)  # about 100 atoms
MESH = Mesh()


def case(count, volume=VOLUME, seed=0):
    """Structure, its elements, and centres drawn from the published scan."""
    atoms = load("complexion_a")
    centers = scan_grid(atoms, step=2.5).centers
    rows = np.random.default_rng(seed).integers(len(centers), size=count)
    return atoms, np.array(atoms.get_chemical_symbols()), centers[rows]


def cpu_seconds(function):
    """CPU seconds of one call, and its result."""
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


def numpy_pattern(positions, symbols, mesh):
    """The peer: one complex product per element over the whole image, single precision."""
    amplitude = np.zeros(mesh.shape, np.complex64)
    for symbol in np.unique(symbols):
        x, y = positions[symbols == symbol, :2].T.astype(np.float32)
        axis = (2 * np.pi * mesh.axis).astype(np.float32)
        phase_x, phase_y = np.exp(1j * np.outer(axis, x)), np.exp(1j * np.outer(axis, y))
        amplitude += FACTORS[symbol] * (phase_y @ phase_x.T)
    return (amplitude.real**2 + amplitude.imag**2) / np.float32(len(positions))


FACTORS = {
    symbol: np.where(MESH.disc, scattering_factor(symbol, np.minimum(MESH.k, 1)), 0).astype(np.float32)
    for symbol in ("Cu", "Zr")
}


def lammps_seconds(positions, symbols, runs=4):
    """CPU seconds of one evaluation of compute saed: Zone 0 0 1, λ = 0.0251 Å, dR_Ewald 0.01.

    The difference between two runs, so that the start of the program does not count.
    """
    names, types = np.unique(symbols, return_inverse=True)
    lines = [
        "units metal", "atom_style atomic", "boundary f f f", "region box block -40 40 -40 40 -40 40",
        f"create_box {len(names)} box", "mass * 1.0", "pair_style zero 2.0",
        *(
            f"create_atoms {kind + 1} single {x:.12g} {y:.12g} {z:.12g}"
            for kind, (x, y, z) in zip(types, positions, strict=True)
        ),
        "pair_coeff * *",
        f"compute p all saed 0.0251 {' '.join(names)} Kmax 1.0 Zone 0 0 1 dR_Ewald 0.01 "
        "c 0.015 0.015 0.015 manual",
        "fix w all ave/time 1 1 1 c_p mode vector",
    ]  # fmt: skip

    def children(steps):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / INPUT_FILE).write_text("\n".join([*lines, f"run {steps}", ""]))
            begin = resource.getrusage(resource.RUSAGE_CHILDREN)
            run_lammps(Path(folder), [*lammps_command(), "-in", INPUT_FILE])
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
        return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime

    short = children(0)
    return (children(runs) - short) / runs


def one_core(count, repeats):
    """The table of one thread: rows of (name, seconds per pattern in each repeat)."""
    import torch

    torch.set_num_threads(1)
    atoms, symbols, centers = case(count)
    search = VolumeSearch(atoms, VOLUME)
    found = search(centers, 1)
    out = {kind: np.empty((count, *MESH.shape), kind) for kind in ("float16", "float32", "float64")}
    curved = Mesh(beam_energy=200e3)

    def cpu(kind, mesh=MESH):
        return patterns_of_volumes(found, symbols, mesh, dtype=kind, cores=1, out=out[kind])

    jobs = {
        "search for the atoms": lambda: search(centers, 1),
        "cpu, float32, buffer given": lambda: cpu("float32"),
        "cpu, float16, buffer given": lambda: cpu("float16"),
        "cpu, float64, buffer given": lambda: cpu("float64"),
        "cpu, float32, new array": lambda: patterns_of_volumes(found, symbols, MESH, cores=1),
        "cpu, float32, Ewald sphere": lambda: cpu("float32", curved),
        "torch, float32, buffer given": lambda: patterns_of_volumes(
            found, symbols, MESH, "torch", out=out["float32"], device="cpu"
        ),
    }  # fmt: skip
    few = min(count, 32)
    pieces = [
        (found.positions[a:b], symbols[found.indices[a:b]])
        for a, b in zip(found.offsets[:few], found.offsets[1 : few + 1], strict=True)
    ]
    jobs["numpy complex product"] = lambda: [numpy_pattern(x, s, MESH) for x, s in pieces]
    for job in jobs.values():
        job()
    product = np.random.default_rng(0).random((134, round(found.counts.mean())), dtype=np.float32)
    times = {name: [] for name in [*jobs, "bare real matrix product", "LAMMPS compute saed"]}
    for repeat in range(repeats):
        for name, job in jobs.items():
            times[name].append(cpu_seconds(job)[0] / (few if name.startswith("numpy") else count))
        times["bare real matrix product"].append(
            cpu_seconds(lambda: [product @ product.T for _ in range(200)])[0] / 200
        )
        times["LAMMPS compute saed"].append(lammps_seconds(*pieces[repeat % few]))
    return {name: np.array(values) for name, values in times.items()}, found.counts.mean()


def over_atoms(repeats, count=64):
    """(atoms, seconds per pattern) for growing volumes."""
    atoms, symbols, centers = case(count)
    out = np.empty((count, *MESH.shape), np.float32)
    for radius in (3.0, 4.6, 7.0, 9.0):
        found = VolumeSearch(atoms, Cylinder(radius, 20))(centers, 1)
        job = partial(patterns_of_volumes, found, symbols, MESH, cores=1, out=out)
        job()
        yield found.counts.mean(), np.median([cpu_seconds(job)[0] for _ in range(repeats)]) / count


def _work(barrier, seconds, seed, count):
    atoms, symbols, centers = case(256, seed=seed)
    search, out = VolumeSearch(atoms, VOLUME), np.empty((256, *MESH.shape), np.float32)
    patterns_of_volumes(search(centers, 1), symbols, MESH, cores=1, out=out)
    barrier.wait()
    begin = time.perf_counter()
    for _ in range(count):
        patterns_of_volumes(search(centers, 1), symbols, MESH, cores=1, out=out)
    seconds.put(time.perf_counter() - begin)


def processes(number, count=10):
    """Patterns per second by the clock of ``number`` processes side by side."""
    context = multiprocessing.get_context("spawn")
    barrier, seconds = context.Barrier(number), context.Queue()
    workers = [context.Process(target=_work, args=(barrier, seconds, n, count)) for n in range(number)]
    for worker in workers:
        worker.start()
    slowest = max(seconds.get() for _ in workers)
    for worker in workers:
        worker.join()
    return number * 256 * count / slowest


def on_gpu(device, count, seconds, given):
    """Patterns per second of the torch engine on a GPU, nothing copied back."""
    import torch
    from throughput import engine_rate, peak, volumes_of

    where = torch.device(device)
    symbols, found = volumes_of("complexion_a", VOLUME, count)
    top = given or peak(where, "float32")
    print(f"{torch.cuda.get_device_name(where)}, {found.counts.mean():.0f} atoms")
    for mesh, label in ((MESH, "flat slice"), (Mesh(beam_energy=200e3), "Ewald sphere")):
        rate, tflops = engine_rate(symbols, found, mesh, where, seconds)
        share = f", {tflops / top:.1%} of the peak" if top else ""
        print(f"{label}: {rate:,.0f} patterns/s, {tflops:.1f} TFLOP/s in the product{share}")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--patterns", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peak", type=float)
    options = parser.parse_args()
    if options.device != "cpu":
        on_gpu(options.device, options.patterns or 200_000, float(options.repeats), options.peak)
        return
    with threadpool_limits(1):
        times, atoms = one_core(options.patterns or 256, options.repeats)
    lammps_time = times["LAMMPS compute saed"]
    print(f"{options.patterns or 256} patterns of {atoms:.0f} atoms, CPU time of one thread, medians of "
          f"{options.repeats}")  # fmt: skip
    print("| | µs per pattern | patterns per core-second | faster than compute saed |\n|---|---|---|---|")
    rows = {**times, "cpu, float32, search included": times["search for the atoms"]
            + times["cpu, float32, buffer given"]}  # fmt: skip
    for name, values in rows.items():
        print(f"| {name} | {np.median(values) * 1e6:.1f} | {1 / np.median(values):,.0f} | "
              f"{np.median(lammps_time / values):,.0f} |")  # fmt: skip
    print("\n| atoms | µs per pattern | ns per atom |\n|---|---|---|")
    for count, seconds in over_atoms(options.repeats):
        print(f"| {count:.0f} | {seconds * 1e6:.1f} | {seconds / count * 1e9:.0f} |")
    one, two = processes(1), processes(2)
    print(
        f"\n1 process: {one:,.0f} patterns/s; 2 processes: {two:,.0f} patterns/s ({two / one:.2f} times), "
        "by the clock, search included"
    )
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
