"""The same training with three splits: by pattern, by block, and on another boundary.

    python examples/split_study.py --work WORK --network rotation_invariant --epochs 15

Cylinders r = 5, h = 20 Å on the 2.5 Å scans of complexion_b and complexion_c. "random" and "block" hold out
a fifth of complexion_c and train on the rest of it; "structure" trains on complexion_b and tests on
complexion_c.
"""

import argparse
from pathlib import Path

import pandas as pd

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.learning import Augmentation, Training, train
from pyiron_nbed.learning.networks import NETWORKS
from pyiron_nbed.ssro.summary import short_range_order


def patterns(work, name, delta_k):
    """The scan of an example with its regions."""
    atoms, _ = short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])
    path = work / f"scan_{name}_{delta_k}.h5"
    build_dataset(path, [atoms], [Cylinder(5, 20)], Mesh(1.0, delta_k), labels=["disorder_parameter"])
    return PatternDataset(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--network", default="rotation_invariant", choices=sorted(NETWORKS))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--delta-k", type=float, default=0.045, help="Å⁻¹; 0.015 is the published mesh")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rotate", action="store_true", help="rotated copies of the images for any network")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    datasets = [
        patterns(arguments.work, name, arguments.delta_k) for name in ("complexion_b", "complexion_c")
    ]
    # networks that do not see rotation exactly have still to see crystals in every orientation
    turned = arguments.rotate or arguments.network not in ("rotation_invariant", "polar")
    training = Training(
        network=arguments.network, weights=None, epochs=arguments.epochs, schedule="one_cycle",
        learning_rate=3e-3, seed=arguments.seed, cores=arguments.cores, baselines=False,
        augmentation=Augmentation(180.0 * turned, 0.0, 0.0, 0.0),
    )  # fmt: skip
    tables = []
    for split in ("random", "block", "structure"):
        if split == "structure":
            trained = train(datasets[:1], training, test_datasets=datasets[1:])
        else:
            trained = train(datasets[1:], training, split)
        table = pd.DataFrame(trained.model.card["metrics"]["groups"])
        table = table[table["by"].isin(["all", "region"])]
        tables.append(table.assign(split=split, n_train=len(trained.split.train)))
        print(
            tables[-1][
                ["split", "n_train", "group", "n_patterns", "rmse", "rmse_low", "rmse_high", "bias", "skill"]
            ].round(4).to_string(index=False),
            flush=True,
        )  # fmt: skip
    pd.concat(tables).to_csv(
        arguments.work / f"splits_{arguments.network}_{arguments.delta_k}{'_rotated' * turned}.csv",
        index=False,
    )


if __name__ == "__main__":
    main()
