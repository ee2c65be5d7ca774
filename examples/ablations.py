"""What matters in a training: one thing changed at a time, the same test for all.

    python examples/ablations.py --work WORK              # everything that is not done yet
    python examples/ablations.py --work WORK --only networks --seeds 0

Cylinders r = 5, h = 20 Å seen along z, trained on endless patterns of complexions a and b (minimised),
tested on a 5 Å scan of complexion_c. 64,000 patterns for each training unless the row says another number.
``ablations.csv`` has one row per training, seed and test; a run that was ended goes on with the next one.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.diffraction.volumes import OneLayerCluster, VolumeRange
from pyiron_nbed.learning import Augmentation, PatternSource, Training, train
from pyiron_nbed.learning.training import prediction_metrics, prediction_table
from pyiron_nbed.ssro.summary import short_range_order

Z = [[0, 0, 1]]
CYLINDER = Cylinder(radius=5, height=20)  # Å
FINE, FAST = Mesh(1.0, 0.03), Mesh(1.0, 0.045)
BOUNDARIES = ["complexion_a", "complexion_b"]
NO_AUGMENTATION = Augmentation(0, 0, 0, 0)
BASE = Training(
    network="rotation_invariant", weights=None, epochs=4, steps_per_epoch=250, schedule="one_cycle",
    learning_rate=3e-3, baselines=False, augmentation=NO_AUGMENTATION,
)  # fmt: skip
VOLUMES = {
    "cylinder": [CYLINDER],
    "ellipsoid": [Ellipsoid(5, 20)],
    "cluster": [OneLayerCluster(12)],
    "mixed": [
        CYLINDER, Ellipsoid(5, 20),
        VolumeRange("Cylinder", radius=(4, 6), height=(15, 25)),
        VolumeRange("Ellipsoid", radius=(4, 6), height=(15, 25)),
    ],
}  # fmt: skip
SHOWN = ("group", "n_patterns", "rmse", "rmse_low", "rmse_high", "bias", "correlation", "skill")
POTENTIALS = {year: f"composite_{year}" for year in ("2007", "2009", "2016")}
POTENTIALS["2019"] = "composite_4a_rotated"


def scan(work, name, volume=CYLINDER, mesh=FINE, step=5.0, zone_axes=Z, tag="cylinder"):
    """Patterns of an example structure with its labels and, where it has films, its regions."""
    path = work / f"{name}_{tag}_{mesh.delta_k}_{step}.h5"
    atoms = examples.load(name)
    if name.startswith("complexion"):
        atoms, _ = short_range_order(atoms, analyses=["voronoi", "cna", "regions"])
    places = {"step": step}
    if isinstance(volume, OneLayerCluster):  # its centre is an atom
        places = {"points": atoms.positions[::4]}
    build_dataset(path, [atoms], [volume], mesh, labels=["disorder_parameter"], zone_axes=zone_axes, **places)
    return path


class Study:
    """Trains what has no row in the table yet, and adds its rows."""

    def __init__(self, work, cores, seeds):
        self.work, self.cores, self.seeds = work, cores, seeds
        self.file = work / "ablations.csv"
        self.table = pd.read_csv(self.file) if self.file.exists() else pd.DataFrame(columns=["run"])

    def run(
        self, study, name, tests, training=BASE, structures=BOUNDARIES, volumes=(CYLINDER,), mesh=FINE,
        zone_axes=Z, data=None, save=False,
    ):  # fmt: skip
        """One training for each seed; ``tests`` names files of patterns."""
        for seed in self.seeds:
            run = f"{study}/{name}/{seed}"
            if (self.table["run"] == run).any():
                continue
            settings = replace(training, seed=seed, cores=self.cores)
            source = data or PatternSource(
                [examples.load(s) for s in structures], volumes, mesh, zone_axes=zone_axes, seed=seed,
                cores=self.cores, turned=True,
            )  # fmt: skip
            begin = time.perf_counter()
            files = {test: PatternDataset(path) for test, path in tests.items()}
            trained = train(source, settings, test_datasets=list(files.values())[:1])
            seconds = time.perf_counter() - begin
            epoch = settings.steps_per_epoch * settings.batch_size if data is None else sum(map(len, data))
            patterns = settings.epochs * epoch
            if save:
                trained.model.save(self.work / f"model_{study}_{name}_{seed}")
            for test, file in files.items():
                rows = prediction_table(trained.model, [file], np.arange(len(file)), "cpu")
                for row in prediction_metrics(rows, trained.model.labels)["groups"]:
                    if row["by"] not in ("all", "region"):
                        continue
                    line = {"run": run, "test": test, "patterns": patterns, "seconds": round(seconds)}
                    line |= {key: row[key] for key in SHOWN}
                    print(
                        {k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}, flush=True
                    )
                    self.table = pd.concat([self.table, pd.DataFrame([line])], ignore_index=True)
            partial = self.file.with_suffix(".partial")
            self.table.to_csv(partial, index=False)
            os.replace(partial, self.file)


def networks(study):
    """Which network; ResNet-18 with one seed only, since it takes ten times as long."""
    for name in ("cnn", "rotation_invariant", "polar"):
        study.run("networks", name, {"c": scan(study.work, "complexion_c")}, replace(BASE, network=name))
    seeds, study.seeds = study.seeds, study.seeds[:1]
    rate = 1e-3  # its start is less steady with 3e-3
    slow = replace(BASE, network="resnet18", learning_rate=rate)
    coarse = {"c": scan(study.work, "complexion_c", mesh=FAST)}
    study.run("networks", "resnet18, Δk 0.045", coarse, slow, mesh=FAST)
    study.seeds = seeds
    study.run("networks", "cnn, Δk 0.045", coarse, replace(BASE, network="cnn"), mesh=FAST)


def meshes(study):
    """The lossless reduced mesh against the published one."""
    for delta_k in (0.045, 0.03, 0.015):
        mesh = Mesh(1.0, delta_k)
        study.run("mesh", f"Δk {delta_k}", {"c": scan(study.work, "complexion_c", mesh=mesh)}, mesh=mesh)


def sources(study):
    """Stored scans of the same structures, rotated by the augmentation or not, against endless patterns."""
    tests = {"c": scan(study.work, "complexion_c")}
    stored = [PatternDataset(scan(study.work, name, step=2.5)) for name in BOUNDARIES]
    epochs = round(BASE.epochs * BASE.steps_per_epoch * BASE.batch_size / sum(map(len, stored)))
    fixed = replace(BASE, epochs=max(1, epochs))
    study.run("source", "endless, turned", tests)
    study.run("source", "stored", tests, fixed, data=stored)
    rotated = replace(fixed, augmentation=Augmentation(180.0, 0, 0, 0))
    study.run("source", "stored, rotated images", tests, rotated, data=stored)


def starts(study):
    """Warm start from composites and a glass against scratch, after 16,000 patterns of the boundaries."""
    tests = {"c": scan(study.work, "complexion_c")}
    others = ["composite_4a_rotated", "composite_4a_aligned", "composite_3a_aligned", "glass_fast"]
    short = replace(BASE, epochs=1)
    study.run("start", "other structures only", tests, structures=others, zone_axes="random", save=True)
    study.run("start", "scratch", tests, short)
    model = study.work / f"model_start_other structures only_{study.seeds[0]}"
    warm = replace(short, weights=str(model), learning_rate=1e-3)
    study.run("start", "warm start", tests, warm)
    study.run("start", "warm start, first stage frozen", tests, replace(warm, frozen=1))


def thermal(study):
    """Minimised and hot structures, each tested on both."""
    frames = ("complexion_a", "complexion_a_300K", "complexion_a_1000K")
    tests = {name: scan(study.work, name) for name in frames}
    for name, structures in {
        "minimised": ["complexion_b"],
        "minimised, 300 K, 1000 K": ["complexion_b", "complexion_b_300K", "complexion_b_1000K"],
    }.items():
        study.run("thermal", name, tests, structures=structures)


def volumes(study):
    """Trained on one kind of volume, tested on every kind; clusters along random axes, as published."""
    tests = {
        name: scan(study.work, "complexion_c", VOLUMES[name][0], FAST, 6.0, tag=name)
        for name in ("cylinder", "ellipsoid", "cluster")
    }
    for name, kinds in VOLUMES.items():
        axes = "random" if name == "cluster" else Z
        study.run("volumes", name, tests, volumes=kinds, mesh=FAST, zone_axes=axes)


def potentials(study):
    """Each potential's composite teaches; all composites of the other potentials are the test."""
    axes = [[0, 0, 1], [1, 1, 0], [1, 2, 3]]
    tests = {
        key: scan(study.work, name, mesh=FAST, zone_axes=axes, tag="axes") for key, name in POTENTIALS.items()
    }
    for key, name in POTENTIALS.items():
        others = {k: path for k, path in tests.items() if k != key}
        study.run("potentials", key, others, structures=[name], zone_axes="random", mesh=FAST)


STUDIES = {
    "networks": networks, "meshes": meshes, "sources": sources, "starts": starts, "thermal": thermal,
    "volumes": volumes, "potentials": potentials,
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    study = Study(arguments.work, arguments.cores, arguments.seeds)
    for name in arguments.only:
        STUDIES[name](study)


if __name__ == "__main__":
    main()
