"""The study's main training: cylinders r = 5, h = 20 Å across complexions, tested on one never seen.

    python examples/train_boundary.py --work WORK --network rotation_invariant --epochs 30

Endless patterns of complexions a and b (minimised, 300 K, 1000 K), 16 small boundaries of other tilts,
three composites and two glasses; the test is the whole 2.5 Å scan of complexion_c, whose tilt and length are
its own. ``report.json`` holds the metrics, ``profile.png`` the true and predicted profile. A run that was
killed goes on.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyiron_nbed import Cylinder, Mesh, examples, figures
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.geometry.frames import random_zone_axes
from pyiron_nbed.learning import Augmentation, PatternSource, Training, train
from pyiron_nbed.learning.networks import NETWORKS
from pyiron_nbed.patterns import DetectorEffects, Recipe
from pyiron_nbed.provenance import hash_of
from pyiron_nbed.ssro.summary import short_range_order

VOLUME = Cylinder(radius=5, height=20)  # Å
# along the tilt axis, as published, or also along other low-index and random directions, so that the
# network has seen crystals from many sides
Z = [[0, 0, 1]]
LOW_INDEX = [
    [1, 0, 0],
    [0, 1, 0],
    [1, 1, 0],
    [1, 0, 1],
    [0, 1, 1],
    [1, 1, 1],
    [1, 1, 2],
    [1, 2, 1],
    [2, 1, 1],
]
BEAMS = {"z": Z, "many": 8 * Z + LOW_INDEX + random_zone_axes(24, seed=0).tolist()}
# name: how often it is drawn, relative to the others
TRAIN = {
    "complexion_a": 3, "complexion_a_300K": 1, "complexion_a_1000K": 0.5,
    "complexion_b": 3, "complexion_b_300K": 1, "complexion_b_1000K": 0.5,
    "composite_4a_rotated": 0.5, "composite_4a_aligned": 0.5, "composite_3a_aligned": 0.5, "glass_fast": 0.5,
    "glass_slow": 0.5, "glass_slow_300K": 0.5,
}  # fmt: skip
SMALL = 16  # boundary_1 ... boundary_16
TEST = "complexion_c"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--network", default="rotation_invariant", choices=sorted(NETWORKS))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=625, help="batches of 64 patterns in an epoch")
    parser.add_argument("--delta-k", type=float, default=0.045, help="Å⁻¹; 0.015 is the published mesh")
    parser.add_argument("--recipe", default="simulation", choices=["simulation", "experiment"])
    parser.add_argument("--k-min", type=float, help="Å⁻¹, in place of that of the recipe")
    parser.add_argument("--unit", type=float, nargs=2, help="annulus in Å⁻¹, in place of that of the recipe")
    parser.add_argument("--gain", type=float, help="of the logarithm, in place of that of the recipe")
    parser.add_argument("--transform", help="in place of that of the recipe")
    parser.add_argument("--integrate", type=int, default=1, help="points along each side of a pixel")
    parser.add_argument("--dose", type=float, nargs=2, help="electrons in the mask: smallest and largest")
    parser.add_argument("--background", type=float, default=0.0, help="largest share of diffuse background")
    parser.add_argument(
        "--held-out",
        nargs="+",
        default=[TEST],
        help="structures to test on in place of complexion_c, left out of the training: to choose settings",
    )
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beams", default="many", choices=sorted(BEAMS), help="directions in training")
    parser.add_argument("--minimised", action="store_true", help="leave out the frames at 300 K and 1000 K")
    parser.add_argument("--start", type=Path, help="folder of a model to start from")
    parser.add_argument(
        "--augment", type=float, default=1.0, help="strength of contrast, noise and sharpness"
    )
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has it")
    parser.add_argument(
        "--boundaries", type=int, default=SMALL, choices=range(SMALL + 1), metavar=f"0-{SMALL}",
        help="how many of the small boundaries to learn from, in the order of their numbers",
    )  # fmt: skip
    parser.add_argument("--loss", default="mae", choices=["mae", "huber"])
    parser.add_argument("--members", type=int, default=1, help="networks in the ensemble")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    name = f"{arguments.network}_{arguments.beams}_{arguments.delta_k}_{arguments.epochs}_{arguments.seed}"
    name += f"_x{arguments.members}" * (arguments.members > 1)
    name += f"_small{arguments.boundaries}" * (arguments.boundaries < SMALL)
    name += "_bfloat16" * arguments.bfloat16
    name += "_huber" * (arguments.loss == "huber")
    name += "_minimised" * arguments.minimised + "_tuned" * (arguments.start is not None)
    mesh = Mesh(1.0, arguments.delta_k, integrate=arguments.integrate)
    changed = {name: getattr(arguments, name) for name in ("k_min", "unit", "gain", "transform")}
    changed = {name: value for name, value in changed.items() if value is not None}
    recipe = replace(getattr(Recipe, arguments.recipe)(mesh), **changed)
    effects = None
    if arguments.dose or arguments.background:
        dose = tuple(arguments.dose) if arguments.dose else None
        effects = DetectorEffects(dose=dose, background=(0.0, arguments.background))
    name += f"_{arguments.recipe}_" + hash_of([recipe.as_dict(), effects and effects.as_dict()])[:6]
    name += "" if arguments.held_out == [TEST] else "_" + "_".join(arguments.held_out)
    folder = arguments.work / name
    folder.mkdir(parents=True, exist_ok=True)
    test_file = (
        arguments.work / f"{'_'.join(arguments.held_out)}_{arguments.delta_k}_{arguments.integrate}.h5"
    )
    tests = [
        short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])[0]
        for name in arguments.held_out
    ]
    build_dataset(test_file, tests, [VOLUME], mesh, labels=["disorder_parameter"])
    numbers = range(1, arguments.boundaries + 1)
    small = {f"boundary_{n}": 1.5 for n in numbers} | {f"boundary_{n}_300K": 0.5 for n in numbers}
    chosen = {
        name: w
        for name, w in {**TRAIN, **small}.items()
        if name.removesuffix("_300K").removesuffix("_1000K") not in arguments.held_out
        and not (arguments.minimised and name.endswith("K"))
    }
    source = PatternSource(
        [examples.load(name) for name in chosen], [VOLUME], mesh, zone_axes=BEAMS[arguments.beams],
        seed=arguments.seed, cores=arguments.cores,
        weights=list(chosen.values()), turned=True,
    )  # fmt: skip
    training = Training(
        network=arguments.network, weights=None if arguments.start is None else str(arguments.start),
        epochs=arguments.epochs, steps_per_epoch=arguments.steps, schedule="one_cycle",
        learning_rate=arguments.learning_rate, seed=arguments.seed, cores=arguments.cores,
        members=arguments.members, loss=arguments.loss, bfloat16=arguments.bfloat16,
        recipe=recipe, detector=effects, baselines=not arguments.no_baselines,
        augmentation=Augmentation(
            0.0, 0.1 * arguments.augment, 0.02 * arguments.augment, 0.3 * arguments.augment
        ),
    )  # fmt: skip
    begin, cpu = time.perf_counter(), time.process_time()
    trained = train(source, training, test_datasets=[PatternDataset(test_file)], folder=folder)
    trained.model.save(folder)
    trained.test.to_csv(folder / "test.csv", index=False)
    trained.history.to_csv(folder / "history.csv", index=False)
    report = {
        "patterns": arguments.epochs * arguments.steps * source.batch_size * arguments.members,
        "seconds_of_this_run": round(time.perf_counter() - begin),
        "core_seconds_of_this_run": round(time.process_time() - cpu),
        "recipe": recipe.as_dict(),
        **trained.model.card["metrics"],
        "without_effects": trained.model.card.get("metrics_without_effects"),
        "calibration": trained.model.card["calibration"],
    }
    (folder / "report.json").write_text(json.dumps(report, indent=2))
    for row in report["groups"]:
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
    scan = PatternDataset(test_file).scans[0]  # of the first structure
    columns = [trained.test[name].to_numpy()[scan.rows] for name in ("true", "predicted")]
    x = scan.grid.map(scan.centers[:, 0]).mean(axis=(1, 2))
    true, predicted = (np.nanmean(scan.grid.map(values), axis=(1, 2)) for values in columns)
    figures.prediction_profile(x, true, predicted, position_label="x across the boundaries (Å)").savefig(
        folder / "profile.png", dpi=150
    )


if __name__ == "__main__":
    main()
