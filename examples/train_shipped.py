"""Train a model that comes with the package, and find out how far it can be believed.

    python examples/train_shipped.py cu-zr-r5-h20 --work WORK --out models

Cylinders r = 5, h = 20 Å along many directions, seen through the effects of a microscope and its camera, of
all example structures but those that a test needs: complexion_c, composite_2009 and those named
"judge". The small glasses "calibrate", boundaries 3 and 6 and composite_2007 are not trained on: intervals
and thresholds come from them. A run that was killed goes on.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.geometry.frames import random_zone_axes
from pyiron_nbed.learning import Augmentation, PatternSource, Training, train
from pyiron_nbed.learning.trust import calibrate_trust
from pyiron_nbed.patterns import DetectorEffects, Recipe
from pyiron_nbed.ssro.summary import short_range_order

VOLUMES = {"cu-zr-r5-h20": [Cylinder(radius=5, height=20)]}  # Å
EFFECTS = DetectorEffects(
    background=(0, 0.3), background_width=(0.1, 0.4), background_uniform=(0, 0.5), shift=(0, 0.2),
    scale=(0.995, 1.005), ellipticity=(1.0, 1.01), blur=(0, 0.6), dose=(1e3, 1e7), beam_stop=(0, 0.2),
)  # fmt: skip
# Of 480 directions a third is random, a third lies in the plane of the boundaries, which people look at
# edge-on, and a third along z, the axis about which the grains of the boundaries are tilted.
RANDOM = random_zone_axes(160, seed=11)
EDGE_ON = [(0.0, np.cos(a), np.sin(a)) for a in np.random.default_rng(12).uniform(0, np.pi, 160)]
AXES = np.concatenate([RANDOM, EDGE_ON, [(0, 0, 1)] * 160])
NEVER = ["complexion_c", "composite_2009"]  # for tests alone
CALIBRATE = ["boundary_3", "boundary_6", "composite_2007"]
MORE = {"complexion_a": 3, "complexion_b": 3, "boundary": 1.0, "small_glass": 0.5}  # others: 0.5
HOT = 0.35  # weight of frames at 300 K and 1000 K against the minimised one


def names_for(use, available):
    """Names of example structures to "learn" from or to "calibrate" with."""
    found = []
    for name in available:
        base = name.removesuffix("_300K").removesuffix("_1000K")
        if base in NEVER or "_judge_" in base:
            continue
        calibrates = base in CALIBRATE or base.startswith("small_glass_calibrate")
        if calibrates == (use == "calibrate"):
            found.append(name)
    return found


def weight_of(name):
    """How often a structure is drawn."""
    weight = next((w for start, w in MORE.items() if name.startswith(start)), 0.5)
    return weight * (HOT if name.endswith("K") else 1.0)


def alike(names):
    """Weights with which glasses, boundaries and composites count alike, however many there are of each."""
    kinds = ["small_glass" if name.startswith("small_glass") else name.split("_")[0] for name in names]
    return [1 / kinds.count(kind) for kind in kinds]


def test_file(path, names, volumes, mesh):
    """Patterns of the structures to calibrate with, for the metrics in the card."""
    structures = [
        short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])[0] for name in names
    ]
    build_dataset(
        path, structures, volumes, mesh, step=9.0, zone_axes=random_zone_axes(2, seed=5),
        labels=["disorder_parameter"],
    )  # fmt: skip
    return PatternDataset(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=sorted(VOLUMES))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder of the models; none saves to WORK alone")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=625, help="batches of 64 patterns in an epoch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clean", action="store_true", help="without effects: the reference of the tests")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--device", help="of the network; none takes a GPU where there is one")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    volumes, effects = VOLUMES[arguments.name], None if arguments.clean else EFFECTS
    recipe = Recipe.experiment(Mesh(1.0, 0.045, integrate=3))
    folder = arguments.work / f"{arguments.name}_{arguments.seed}{'_clean' * arguments.clean}"
    folder.mkdir(parents=True, exist_ok=True)
    learn, calibrate = (names_for(use, examples.names()) for use in ("learn", "calibrate"))
    source = PatternSource(
        [examples.load(name) for name in learn], volumes, recipe.mesh, seed=arguments.seed,
        zone_axes=AXES, weights=[weight_of(name) for name in learn], turned=True, cores=arguments.cores,
    )  # fmt: skip
    training = Training(
        network="polar", weights=None, epochs=arguments.epochs, steps_per_epoch=arguments.steps,
        schedule="one_cycle", learning_rate=3e-3, loss="gaussian", seed=arguments.seed, recipe=recipe,
        detector=effects, baselines=False, augmentation=Augmentation(0.0, 0.0, 0.0, 0.0),
        bfloat16=arguments.bfloat16, device=arguments.device, cores=arguments.cores,
    )  # fmt: skip
    begin, cpu = time.perf_counter(), time.process_time()
    tests = test_file(arguments.work / f"{arguments.name}_test.h5", calibrate, volumes, recipe.mesh)
    trained = train(source, training, test_datasets=[tests], folder=folder)
    model = trained.model
    trained.history.to_csv(folder / "history.csv", index=False)

    seen = other_patterns(source, learn, volumes, recipe.mesh, arguments.seed + 7_919)
    calibrate_trust(
        model, seen, *([examples.load(name) for name in names] for names in (learn, calibrate)), effects,
        weights=alike(calibrate), zone_axes=AXES, seed=arguments.seed, cores=arguments.cores,
    )  # fmt: skip
    model.card["name"] = arguments.name
    model.card["structures"] = {"learn": learn, "calibrate": calibrate}
    model.save(folder)
    if arguments.out is not None and not arguments.clean:
        model.save(arguments.out / arguments.name)
    summary = {
        "core_seconds": round(time.process_time() - cpu), "seconds": round(time.perf_counter() - begin),
        "patterns": arguments.epochs * arguments.steps * source.batch_size,
        "rmse": model.card["metrics"]["rmse"],
        "rmse_without_effects": model.card.get("metrics_without_effects", {}).get("rmse"),
        "level": model.card["level"]["half_width"],
        "difference_factor": model.card["level"]["difference_factor"],
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    print(json.dumps(summary, indent=1))


def other_patterns(source, names, volumes, mesh, seed):
    """The same source with another seed, in batches of 512."""
    return PatternSource(
        [examples.load(name) for name in names], volumes, mesh, seed=seed, batch_size=512,
        zone_axes=AXES, weights=[weight_of(name) for name in names], turned=True, cores=source.cores,
    )  # fmt: skip


if __name__ == "__main__":
    main()
