"""Which probe geometry tells most of the mean d_i: a network for every radius and height (Fig. 7).

    python examples/geometry_sweep.py --work WORK            # the study
    python examples/geometry_sweep.py --work WORK --short    # a minute; poor numbers

A GeometrySweep job trains on cylinders of one complexion and tests on those of another one, whose tilt and
length are its own. ``rmse.png`` and ``skill_interior.png`` are the heat maps, ``table.csv`` the numbers. Run
again after an interruption, or with other epochs, it keeps what has finished with the same input.
"""

import argparse
import time
import warnings
from pathlib import Path

from pyiron_base import Project

import pyiron_nbed
from pyiron_nbed import Mesh, examples
from pyiron_nbed.learning.networks import NETWORKS
from pyiron_nbed.ssro.summary import short_range_order

# radii and heights in Å, number of patterns of each structure and geometry, passes over them
SETTINGS = {
    False: {"radii": [3, 4, 5], "heights": [6, 10, 15, 20], "patterns": 10_000, "epochs": 20},
    True: {"radii": [3, 5], "heights": [6, 20], "patterns": 600, "epochs": 6},
}
COLUMNS = ["radius", "height", "network", "n_train", "n_test", "rmse", "rmse_low", "rmse_high"]
INTERIOR = ["rmse_interior", "skill_interior", "correlation_interior", "seconds"]


def with_regions(name):
    """An example with d_i and region of every atom, so that the skill inside the interior can be told."""
    return short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the pyiron project")
    parser.add_argument("--short", action="store_true", help="two radii, two heights, hardly any training")
    parser.add_argument("--train", nargs="+", default=["complexion_a"], help="examples to train on")
    parser.add_argument("--test", nargs="+", default=["complexion_c"], help="examples to test on")
    parser.add_argument("--radii", nargs="+", type=float, help="Å")
    parser.add_argument("--heights", nargs="+", type=float, help="Å")
    parser.add_argument(
        "--networks", nargs="+", default=["cnn", "rotation_invariant"], choices=sorted(NETWORKS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="one training each")
    parser.add_argument("--patterns", type=int, help="about, of each structure and geometry")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--delta-k", type=float, default=0.045, help="Å⁻¹; 0.015 is the published mesh")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="peak; resnet18 wants less")
    parser.add_argument("--imagenet", action="store_true", help="start weights of resnet18; else random")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    chosen = {
        name: value if (given := getattr(arguments, name)) is None else given
        for name, value in SETTINGS[arguments.short].items()
    }
    begin = time.perf_counter()
    folder = arguments.work / ("geometry_sweep_short" if arguments.short else "geometry_sweep")
    folder.mkdir(parents=True, exist_ok=True)
    train, test = ([with_regions(name) for name in names] for names in (arguments.train, arguments.test))
    volume = sum(atoms.get_volume() for atoms in train) / len(train)

    project = Project(str(folder / "project"))
    # its datasets and networks are jobs of a sub-project, and stay
    sweep = project.create.job.GeometrySweep("sweep", delete_existing_job=True)
    sweep.sources, sweep.test_sources = train, test
    sweep.input.radii, sweep.input.heights = chosen["radii"], chosen["heights"]
    sweep.input.networks, sweep.input.seeds = arguments.networks, arguments.seeds
    sweep.input.step = round((volume / chosen["patterns"]) ** (1 / 3), 2)
    sweep.input.mesh = Mesh(1.0, arguments.delta_k)
    sweep.input.training = {
        "epochs": chosen["epochs"], "schedule": "one_cycle", "learning_rate": arguments.learning_rate,
        "baselines": False, "bfloat16": arguments.bfloat16,
        "weights": "imagenet" if arguments.imagenet else None,
        "augmentation": {"rotation": 180.0, "contrast": 0.0, "noise": 0.0, "sharpness": 0.0},
    }  # fmt: skip
    sweep.server.cores = arguments.cores
    sweep.run()

    table = sweep.get_table()
    table.to_csv(folder / "table.csv", index=False)
    shown = [name for name in COLUMNS + INTERIOR if name in table]
    print(table[shown].round(4).to_string(index=False))
    sweep.plot_rmse().savefig(folder / "rmse.png", dpi=200)
    sweep.plot_skill("interior").savefig(folder / "skill_interior.png", dpi=200)
    print(f"{time.perf_counter() - begin:.0f} s; figures and table.csv are in {folder.resolve()}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    print(f"pyiron_nbed {pyiron_nbed.__version__}")
    main()
