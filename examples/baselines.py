"""What ridge regression and gradient boosting on radial and angular features tell of d_i, as Markdown tables.

    python examples/baselines.py patterns

Trained on one example structure and tested on another: cylinders across the boundary ``complexion_b`` →
``complexion_c``, and the glasses ``glass_fast`` → ``glass_slow``. Pattern files go to the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.learning.baselines import BASELINES, baselines
from pyiron_nbed.learning.evaluation import metrics_table, pattern_groups
from pyiron_nbed.learning.training import check_datasets
from pyiron_nbed.ssro.summary import short_range_order

RUNS = [
    ("complexion_b", "complexion_c", Cylinder(radius=5, height=20), 3.0),
    ("glass_fast", "glass_slow", Cylinder(radius=5, height=20), 2.5),
    ("glass_fast", "glass_slow", Cylinder(radius=4, height=10), 2.5),
]


def patterns(folder: Path, name: str, volume: Cylinder, step: float) -> PatternDataset:
    """Patterns of an example structure; simulated where the file is not there yet."""
    atoms = examples.load(name)
    if name.startswith("complexion"):
        atoms, _ = short_range_order(atoms, analyses=["voronoi", "cna", "regions"])
    path = folder / f"{name}_r{volume.radius:g}_h{volume.height:g}.h5"
    build_dataset(path, [atoms], [volume], Mesh(1.0, 0.045), step=step, labels=["disorder_parameter"])
    return PatternDataset(path)


def main() -> None:
    """Print a row per region and baseline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for train, test, volume, step in RUNS:
        datasets = [patterns(folder, name, volume, step) for name in (train, test)]
        split = check_datasets(datasets[:1], datasets[1:])
        predicted, n_train = baselines(datasets, split)
        truth, groups = datasets[1].label(), pattern_groups(datasets[1], np.arange(len(datasets[1])))
        for model in BASELINES:
            table = metrics_table(truth, predicted[model][:, 0], groups[["region"]], groups["block"])
            head = {"trained on": f"{train}, {n_train} patterns", "tested on": test, "volume": str(volume)}
            tables.append(table.assign(model=model, **head))
    shown = pd.concat(tables)
    print(
        "| trained on | tested on | volume | model | region | patterns | RMSE | bias | correlation | skill |"
    )
    print("|---" * 10 + "|")
    for row in shown[shown["group"] != "none"].to_dict("records"):  # glasses have no regions
        cells = [row[name] for name in ("trained on", "tested on", "volume", "model", "group", "n_patterns")]
        cells += [f"{row['rmse']:.4f}", f"{row['bias']:.4f}"]
        cells += [
            f"{row[n]:.2f} ({row[n + '_low']:.2f} to {row[n + '_high']:.2f})"
            for n in ("correlation", "skill")
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
