"""The main job on two cores in a few minutes.

Two small Cu-Zr composites (a frozen fcc nanocrystal in a melt that is quenched to a glass) are made
with LAMMPS, their local disorder parameter d_i is measured, their diffraction patterns are simulated,
a network learns d_i from the patterns of the first and is tested on those of the second.

    python examples/quickstart.py            # results go to ./quickstart
    python examples/quickstart.py --fresh    # forget earlier results and start over
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from pyiron_base import Project

import pyiron_nbed
from pyiron_nbed import Cylinder, composite, figures, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch
from pyiron_nbed.jobs import run_in_background
from pyiron_nbed.provenance import versions

# full size, and a shortened run that only shows that everything works
SETTINGS = {
    False: {"cells": 10, "radius": 14.5, "melt": 2.0, "rate": 1e14, "step": 3.5, "epochs": 9},
    True: {"cells": 8, "radius": 9.0, "melt": 0.3, "rate": 1e15, "step": 5.0, "epochs": 6},
}
VOLUME = Cylinder(radius=5, height=20)  # Å
ZONE_AXES = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]  # the same crystal direction, but other neighbours each time


def make(project, kind, name):
    """A job; one that was aborted or cut off earlier is made anew."""
    job = getattr(project.create.job, kind)(name)
    if job.status.string not in ("initialized", "finished"):
        job = getattr(project.create.job, kind)(name, delete_existing_job=True)
    return job


def run(job):
    if not job.status.finished:
        job.run()
    return job


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fresh", action="store_true", help="remove earlier results first")
    parser.add_argument("--short", action="store_true", help="tiny run in about a minute; poor numbers")
    parser.add_argument("--network", default="cnn", choices=["cnn", "resnet18"])
    parser.add_argument("--folder", type=Path, default=Path("quickstart"))
    arguments = parser.parse_args()
    settings = SETTINGS[arguments.short]
    begin = time.perf_counter()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(str(folder / ("project_short" if arguments.short else "project")))
    if arguments.fresh:
        project.remove_jobs(recursive=True, silently=True)

    print("1/4  quench two composites with LAMMPS")
    quenches = []
    for number in (1, 2):
        quench = make(project, "CompositeQuench", f"quench_{number}")
        if quench.status.initialized:
            quench.structure = composite(
                cells=settings["cells"], radius=settings["radius"], zr_fraction=0.36, seed=number
            )
            quench.input.melt_time = settings["melt"]
            quench.input.release_time = settings["melt"]
            quench.input.cooling_rate = settings["rate"]  # K/s: far faster than any experiment
            quench.input.timestep = 2.5
            quench.input.seed = number
        quenches.append(quench)
    run_in_background(quenches)

    print("2/4  measure the disorder parameter, simulate the patterns")
    datasets = []
    for number, quench in enumerate(quenches, 1):
        ssro = make(project, "SSRO", f"ssro_{number}")
        if ssro.status.initialized:
            ssro.sources = quench
            ssro.server.cores = 2
        run(ssro)
        dataset = make(project, "NBEDDataset", f"patterns_{number}")
        if dataset.status.initialized:
            dataset.sources = ssro
            dataset.input.volume = VOLUME
            dataset.input.step = settings["step"]
            dataset.input.zone_axis = ZONE_AXES
            dataset.server.cores = 2
        datasets.append(run(dataset))

    print("3/4  train on the first, test on the second")
    fit = make(project, "NBEDRegressor", f"fit_{arguments.network}")
    if fit.status.initialized:
        fit.datasets, fit.test_datasets = [datasets[0]], [datasets[1]]
        fit.input.network = arguments.network
        fit.input.weights = None
        fit.input.epochs = settings["epochs"]
        fit.input.batch_size = 32
        fit.input.patience, fit.input.threshold = 0, 0.02  # a short training must end with small steps
        fit.server.cores = 2
    run(fit)

    print("4/4  figures")
    atoms = project.load("ssro_2").get_structure()
    draw(fit, atoms, datasets[1].dataset, folder)
    jobs = [*quenches, project.load("ssro_1"), project.load("ssro_2"), *datasets, fit]
    scores = {name: fit.output.metrics[name] for name in ("rmse", "mae", "r2")}
    report = {
        "n_atoms": [int(quench.output.n_atoms) for quench in quenches],
        "n_patterns": [int(dataset.output.n_patterns) for dataset in datasets],
        **scores,
        "seconds": {job.job_name: round(job.output.seconds, 2) for job in jobs},
        "seconds_this_run": round(time.perf_counter() - begin, 1),
        "versions": versions(),
    }
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(project.job_table()[["id", "status", "job", "hamilton", "timestart"]].to_string(index=False))
    print(
        f"On the structure it was not trained on: R² = {scores['r2']:.3f}, RMSE = {scores['rmse']:.4f}, "
        f"MAE = {scores['mae']:.4f}\nFigures and report.json are in {folder.resolve()}"
    )


def pixel_edges(scan):
    """Extent of a map whose first pixel is centred on 0."""
    (x, y), (nx, ny) = scan.step[:2], scan.shape[:2]
    return (-x / 2, (nx - 0.5) * x, -y / 2, (ny - 0.5) * y)


def draw(fit, atoms, dataset, folder):
    """Sample patterns, parity plot, map and profile of the structure not trained on."""
    true = dataset.label()
    rows = [int(np.abs(true - value).argmin()) for value in np.linspace(true.min(), true.max(), 8)]
    gallery = np.array([dataset[row][0] for row in rows])
    figures.pattern_gallery(gallery, true[rows], dataset.mesh).savefig(folder / "patterns.png", dpi=200)

    test = fit.get_test()
    figures.parity(test["true"], test["predicted"]).savefig(folder / "parity.png", dpi=200)

    scan = dataset.scans[0]  # along z, the first zone axis
    grids = [scan.grid.map(test[name].to_numpy()) for name in ("true", "predicted")]
    maps = [values[:, :, scan.shape[2] // 2].T for values in grids]
    figures.disorder_maps(
        maps, ["true (from atoms)", "predicted (from patterns)"], pixel_edges(scan)
    ).savefig(folder / "map.png", dpi=200)

    length = atoms.cell.lengths()
    x = np.arange(0, length[0], 1.0)
    line = np.column_stack([x, np.full_like(x, length[1] / 2), np.full_like(x, length[2] / 2)])
    along = VolumeSearch(atoms, VOLUME)(line).mean(atoms.arrays["disorder_parameter"])
    predicted = fit.predict(simulate_patterns(atoms, line, VOLUME, mesh=dataset.mesh)).mean
    figures.prediction_profile(x, along, predicted, position_label="x through the nanocrystal (Å)").savefig(
        folder / "profile.png", dpi=200
    )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    print(f"pyiron_nbed {pyiron_nbed.__version__}")
    main()
