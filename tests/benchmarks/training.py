"""Training and inference: images per second beside the same network fed with constant tensors.

    python tests/benchmarks/training.py --cores 2

The loop reads a pattern file, makes the images and augments them; the peer does forward, backward and step
on one batch of random numbers. They take turns; medians of the repeats. ``--job`` adds the time that the
pyiron job takes on top of the training it runs.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from throughput import constant_steps, loop_rate, prediction_rate, quick_model, rate

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.learning import Training, train

BATCH = 64


def job_overhead(path, folder, cores):
    """Seconds of an NBEDRegressor job beyond those of the same call of the function."""
    from pyiron_base import Project

    import pyiron_nbed  # noqa: F401  (registers the jobs)

    settings = {"network": "cnn", "weights": None, "epochs": 8, "split": "random"}
    fit_job = Project(str(folder / "project")).create.job.NBEDRegressor("fit")
    fit_job.datasets = [str(path)]
    fit_job.input.update(settings)
    fit_job.server.cores = cores
    begin = time.perf_counter()
    fit_job.run()
    whole = time.perf_counter() - begin
    del settings["split"]
    training = Training.from_dict({**settings, "cores": cores})
    (folder / "plain").mkdir()
    begin = time.perf_counter()
    train([PatternDataset(path)], training, "random", folder=folder / "plain").model.save(folder / "plain")
    return whole, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement, about")
    parser.add_argument("--networks", nargs="+", default=["cnn", "rotation_invariant", "resnet18"])
    parser.add_argument("--meshes", nargs="+", type=float, default=[0.045, 0.015])
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--job", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.cores)
    device = torch.device(arguments.device)
    atoms = examples.load("complexion_b")
    fast = arguments.bfloat16
    precision = "bfloat16" if fast else "float32"
    print(f"{arguments.cores} threads, {device}, {precision}, batches of {BATCH}", end=", ")
    print(f"medians of {arguments.repeats}")
    print("| network | pixels | constant tensors | training loop | share | inference | 256 × 256 scan |")
    print("|---" * 7 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for delta_k in arguments.meshes:
            mesh = Mesh(1.0, delta_k)
            path = Path(folder) / f"{delta_k}.h5"
            build_dataset(
                path, [atoms], [Cylinder(5, 20)], mesh, step=(5, 5, 10), labels=["disorder_parameter"]
            )
            dataset = PatternDataset(path)
            for name in arguments.networks:
                rounds, rows = [], np.arange(4 * len(dataset)) % len(dataset)
                for _ in range(arguments.repeats):
                    learn, _ = constant_steps(name, mesh.shape[0], BATCH, device, fast)
                    bare = rate(learn, BATCH, arguments.seconds, device)
                    steps = max(4, round(bare * arguments.seconds / BATCH))
                    whole = loop_rate(name, dataset, BATCH, steps, device, fast)
                    model = quick_model(name, dataset, device)
                    rounds.append((bare, whole, prediction_rate(model, dataset, device, fast, rows)[0]))
                bare, whole, use = (statistics.median(column) for column in zip(*rounds, strict=True))
                share = statistics.median(round_[1] / round_[0] for round_ in rounds)
                print(
                    f"| {name} | {mesh.shape[0]} × {mesh.shape[0]} | {bare:,.0f}/s | {whole:,.0f}/s "
                    f"| {share:.0%} | {use:,.0f}/s | {256 * 256 / use:.0f} s |",
                    flush=True,
                )
        if arguments.job:
            whole, plain = job_overhead(path, Path(folder), arguments.cores)
            print(f"NBEDRegressor job {whole:.1f} s, the same training by a function call {plain:.1f} s")


if __name__ == "__main__":
    main()
