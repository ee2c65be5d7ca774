"""How much of a label is in the volume at all? Regression on the atoms themselves instead of a pattern.

    python examples/information_limit.py boundary
    python examples/information_limit.py glass --work WORK     # the glasses of skill_in_glass.py

The label of a volume, the mean d_i of its atoms, depends on neighbours that lie outside of it. A pattern
cannot hold more than the atoms inside. So ridge regression and gradient boosting are given features of the
exact three-dimensional positions of the atoms inside, as if they were alone: their error on structures never
seen is what knowing the volume gives, with these features; better ones would lower it. Trained and tested on
the structures of train_boundary.py or skill_in_glass.py.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import skill_in_glass
import train_boundary
from ase import Atoms
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyiron_nbed import examples
from pyiron_nbed.dataset.labels import atom_values, volume_regions
from pyiron_nbed.diffraction.random_volumes import RandomVolumes
from pyiron_nbed.learning import metrics_table
from pyiron_nbed.ssro.disorder import disorder_and_bond_order
from pyiron_nbed.ssro.regions import REGION_TYPES
from pyiron_nbed.ssro.summary import short_range_order

LABEL = "disorder_parameter"
APART = 60.0  # Å between the volumes when they are laid out side by side
FIRST_SHELL, SECOND_SHELL = 3.6, 6.0  # Å
NEIGHBORS = (12, 8)
ZR = 40


def features(found, numbers):
    """(V, F) features of the atoms of V volumes, from their positions alone.

    d_i, Q_6, Q_4 from the nearest 12 or 8 atoms inside the volume, averaged over its atoms with weights that
    rise with the number of neighbours inside, so that atoms whose surroundings are complete count more.
    """
    counts, volumes = found.counts, len(found.counts)
    which = np.repeat(np.arange(volumes), counts)
    side = int(np.ceil(volumes ** (1 / 3)))
    place = np.stack([which % side, which // side % side, which // side**2], axis=1) * APART
    middle = np.stack([np.bincount(which, x, volumes) for x in found.positions.T], axis=1) / counts[:, None]
    atoms = Atoms(numbers[found.indices], found.positions - middle[which] + place)
    tree = cKDTree(atoms.positions)
    first, second = (
        tree.query_ball_point(atoms.positions, radius, return_length=True) - 1.0
        for radius in (FIRST_SHELL, SECOND_SHELL)
    )
    zr = (atoms.numbers == ZR).astype(float)
    weights = (np.ones(len(atoms)), first**2, np.exp(first / 2), np.exp(second / 8))

    def mean(values, weight):
        known = np.isfinite(values) * weight
        total = np.bincount(which, known, volumes)
        summed = np.bincount(which, np.where(np.isfinite(values), values, 0) * weight, volumes)
        return np.divide(summed, total, out=np.full(volumes, np.nan), where=total > 0)

    columns = [counts, mean(zr, weights[0]), mean(first, weights[0]), mean(second, weights[0])]
    columns += [mean(first * zr, weights[0]), mean((first - mean(first, weights[0])[which]) ** 2, weights[0])]
    for neighbors in NEIGHBORS:
        values = np.full((3, len(atoms)), np.nan)
        enough = counts[which] > neighbors
        values[:2, enough] = disorder_and_bond_order(atoms[enough], 6, neighbors, cores=1)
        values[2, enough] = disorder_and_bond_order(atoms[enough], 4, neighbors, cores=1)[1]
        columns += [mean(value, weight) for value in values for weight in weights]
        columns += [mean(values[0] ** 2, weight) for weight in weights]
        columns += [mean((values[0] > 0.8) * 1.0, weights[0]), mean((values[0] < 0.3) * 1.0, weights[0])]
        columns += [mean(values[0] * zr, weights[0])]
    table = np.stack(columns, axis=1)
    return np.where(np.isfinite(table), table, 0)


def volumes_of(structures, volume, zone_axes, count, seed):
    """Features, labels, structure and region of random volumes."""
    draw, rng = RandomVolumes(structures, [volume], zone_axes, None), np.random.default_rng(seed)
    numbers = np.concatenate([atoms.numbers for atoms in structures])
    values = np.concatenate([atom_values(atoms, [LABEL], 1)[LABEL] for atoms in structures])
    everything = Atoms(numbers)
    if all("region" in atoms.arrays for atoms in structures):
        everything.set_array("region", np.concatenate([atoms.arrays["region"] for atoms in structures]))
    parts = []
    for _ in range(-(-count // 512)):
        drawn = draw(rng, 512)
        parts.append(
            (features(drawn.found, numbers), drawn.found.mean(values), drawn.structure,
             volume_regions(drawn.found, everything), drawn.centers)
        )  # fmt: skip
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def compare(name, train, test, group, block):
    """Rows of metrics of both regressions."""
    rows = []
    for kind, model in (
        ("ridge", make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 3, 12)))),
        ("boosting", HistGradientBoostingRegressor(max_iter=400, learning_rate=0.05, random_state=0)),
    ):
        predicted = model.fit(*train).predict(test[0])
        table = metrics_table(test[1], predicted, pd.DataFrame({"in": group}), block)
        rows.append(table.assign(volume=name, model=kind))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", choices=["boundary", "glass"])
    parser.add_argument("--work", type=Path, help="where skill_in_glass.py has put its glasses")
    parser.add_argument("--train", type=int, default=30_000, help="volumes to learn from")
    parser.add_argument("--test", type=int, default=6_000, help="volumes to test on")
    arguments = parser.parse_args()
    rows = []
    if arguments.study == "boundary":
        structures = [examples.load(n) for n in train_boundary.TRAIN if not n.endswith("K")]
        unseen, _ = short_range_order(
            examples.load(train_boundary.TEST), analyses=["voronoi", "cna", "regions"]
        )
        volume, axes = train_boundary.VOLUME, [[0, 0, 1]]
        X, y, *_ = volumes_of(structures, volume, axes, arguments.train, 0)
        X_test, y_test, _, region, centers = volumes_of([unseen], volume, axes, arguments.test, 1)
        names = np.array(REGION_TYPES)[region]
        blocks = (centers // [10, 10, 20]).astype(int) @ [10_000, 100, 1]
        rows += compare("r5_h20", (X, y), (X_test, y_test), names, blocks)
    else:
        structures = [f for n in skill_in_glass.TRAIN for f in skill_in_glass.frames(arguments.work, n)]
        unseen = [skill_in_glass.frames(arguments.work, name)[0] for name in skill_in_glass.TEST]
        for name, volume in skill_in_glass.VOLUMES.items():
            X, y, *_ = volumes_of(structures, volume, "random", arguments.train, 0)
            X_test, y_test, glass, _, centers = volumes_of(unseen, volume, "random", arguments.test, 1)
            wide = np.array([2 * volume.radius, 2 * volume.radius, volume.height])
            blocks = glass * 1_000_000 + (centers // wide).astype(int) @ [10_000, 100, 1]
            names = np.array(list(skill_in_glass.TEST))[glass]
            rows += compare(name, (X, y), (X_test, y_test), names, blocks)
    table = pd.concat(rows)
    shown = ["volume", "model", "group", "n_patterns", "label_std", "rmse", "rmse_low", "rmse_high", "bias"]
    shown += ["correlation", "skill", "skill_low", "skill_high"]
    print(table[shown].round(4).to_string(index=False))


if __name__ == "__main__":
    main()
