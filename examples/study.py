"""The published training on an open boundary, with three splits, beside the authors' own predictions.

    python examples/study.py --work WORK --mesh 45 --weights none --epochs 40 --seeds 0 1
    python examples/study.py --work WORK --epochs 400            # as published: a GPU, ImageNet's weights

Cylinders r = 5, h = 20 Å along y and z of complexion_a, 2.5 Å apart, without those whose ends come within 5 Å
of a face of the cell; ``Training.study()``: ResNet-18 and everything else as in the authors' script. "random"
holds out a fifth of the patterns, which overlap others that are trained on, as published. "block" holds out a
slab of the structure, with a gap as wide as a volume. "structure" trains on complexion_a and tests on
complexion_b. As with the authors, the held-out patterns also choose the learning rate and the epoch.

``leak.png`` shows the error of the held-out patterns over the epochs, ``table.csv`` and ``table.md`` the
errors by class of d_i with 95 % intervals of the block bootstrap. A run that was killed goes on. With
``--predictions y_pred_dict.pt`` (from github.com/NMMLab/nbed-ssro) the authors' numbers are computed from
their file; without, those that were computed from it are shown.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pyiron_nbed import Cylinder, Mesh, examples
from pyiron_nbed.dataset import PatternDataset, build_dataset, split_dataset
from pyiron_nbed.learning import Training, metrics, metrics_table, train
from pyiron_nbed.learning.study import study_limits
from pyiron_nbed.ssro.summary import short_range_order

VOLUME, STEP = Cylinder(radius=5, height=20), 2.5  # Å
TRAIN, UNSEEN = "complexion_a", "complexion_b"
BEAMS = {"y": (0, 1, 0), "z": (0, 0, 1)}
MESHES = {45: Mesh(1.0, 0.045), 133: Mesh(1.0, 0.015)}
SPLITS = ("random", "block", "structure")
CLASSES = {
    "all": (-np.inf, np.inf), "d < 0.1": (-np.inf, 0.1), "0.1 to 0.7": (0.1, 0.7), "d ≥ 0.8": (0.8, np.inf),
    "d ≥ 0.85": (0.85, np.inf),
}  # fmt: skip
# n, RMSE, MAE, standard deviation of the label, skill, correlation of the validation patterns in the authors'
# y_pred_dict.pt (github.com/NMMLab/nbed-ssro, commit 98e0f5f), d = 1 − y
AUTHORS = {
    "all": (11544, 0.0213, 0.0145, 0.210, 0.990, 0.995), "d < 0.1": (380, 0.0138, 0.0095, 0.030, 0.79, 0.90),
    "0.1 to 0.7": (1733, 0.0216, 0.0150, 0.164, 0.983, 0.992),
    "d ≥ 0.8": (8672, 0.0199, 0.0138, 0.029, 0.54, 0.75),
    "d ≥ 0.85": (6030, 0.0192, 0.0131, 0.022, 0.23, 0.63),
}  # fmt: skip
COLUMNS = ("n", "rmse", "mae", "label_std", "skill", "correlation")


def scans(work, name, mesh, step, cores):
    """Two pattern files of a boundary: the beam along y and along z."""
    atoms, _ = short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])
    found = []
    for axis, (beam, direction) in enumerate(BEAMS.items(), 1):
        limits = study_limits(atoms, VOLUME, direction)
        low, high = limits[axis]
        steps = [step] * 3
        if high - low < step:  # room for one layer, in its middle
            steps[axis] = None
        path = work / f"{name}_{beam}_{mesh.shape[0]}_{step}.h5"
        build_dataset(
            path, [atoms], [VOLUME], mesh, step=steps, limits=limits, zone_axes=[direction],
            labels=["disorder_parameter"], cores=cores,
        )  # fmt: skip
        found.append(PatternDataset(path))
    return found


def like_the_whole(datasets, seed):
    """The seed, of twenty, whose test block holds most nearly the share of glass that the whole has."""
    labels = np.concatenate([dataset.label() for dataset in datasets])
    away = {}
    for number in range(20 * seed, 20 * seed + 20):
        held = labels[split_dataset(datasets, "block", 0.2, number).test]
        away[number] = abs((held >= 0.8).mean() - (labels >= 0.8).mean())
    return min(away, key=away.get)


def learn(folder, split, seed, seen, unseen, arguments):
    """One training; its test table and history."""
    files = [folder / "test.csv", folder / "history.csv"]
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        training = Training.study(
            epochs=arguments.epochs, patience=arguments.patience, seed=seed, cores=arguments.cores,
            weights=None if arguments.weights == "none" else arguments.weights,
            bfloat16=arguments.bfloat16, device=arguments.device, baselines=False,
        )  # fmt: skip
        begin = time.perf_counter()
        if split == "structure":
            trained = train(seen, training, test_datasets=unseen, folder=folder)
        else:
            trained = train(seen, training, split, folder=folder)
        trained.model.save(folder)
        for file, table in zip(files, (trained.test, trained.history), strict=True):
            table.to_csv(file.with_suffix(".partial"), index=False)
            file.with_suffix(".partial").replace(file)
        rows = trained.split
        print(
            f"{folder.name}: {len(rows.train)} patterns to train on, {len(rows.test)} held out, "
            f"{time.perf_counter() - begin:.0f} s", flush=True,
        )  # fmt: skip
    return [pd.read_csv(file) for file in files]


def by_class(test):
    """One row per class of d_i: metrics with intervals."""
    rows = []
    for name, (low, high) in CLASSES.items():
        own = test[(test["true"] >= low) & (test["true"] < high)]
        if len(own) > 1:
            row = metrics_table(own["true"], own["predicted"], own[[]], own["block"].to_numpy()).iloc[0]
            rows.append({"class": name, "n": row["n_patterns"], **row.drop(["by", "group", "n_patterns"])})
    return pd.DataFrame(rows)


def authors(path):
    """The authors' numbers, from their file where it is given."""
    if path is None:
        rows = [{"class": name, **dict(zip(COLUMNS, AUTHORS[name], strict=True))} for name in CLASSES]
        return pd.DataFrame(rows)
    import torch

    values = torch.load(path, map_location="cpu", weights_only=True)
    true, predicted = (1 - values[name].double().numpy().ravel() for name in ("y_true_val", "y_pred_val"))
    rows = []
    for name, (low, high) in CLASSES.items():
        own = (true >= low) & (true < high)
        row = metrics(true[own], predicted[own])
        rows.append({"class": name, "n": int(own.sum()), "label_std": true[own].std(), **row})
    return pd.DataFrame(rows)[["class", *COLUMNS]]


def markdown(table):
    """The table as docs have it."""

    def text(row, name, digits):
        low, high = row.get(f"{name}_low", np.nan), row.get(f"{name}_high", np.nan)
        value = f"{row[name]:.{digits}f}"
        return value if np.isnan(low) else f"{value} ({low:.{digits}f} to {high:.{digits}f})"

    lines = ["| patterns | split | n | RMSE | MAE | label spread | skill | correlation |", "|" + "---|" * 8]
    for row in table.to_dict("records"):
        digits = {"rmse": 4, "mae": 4, "label_std": 3, "skill": 2, "correlation": 2}
        cells = [text(row, name, number) for name, number in digits.items()]
        lines.append(f"| {row['class']} | {row['split']} | {row['n']} | " + " | ".join(cells) + " |")
    return "\n".join(lines).replace(" -", " −").replace("(-", "(−")


def leak_figure(histories):
    """Mean absolute error over the epochs: training patterns, and held-out ones of each split."""
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axis = figure.subplots()
    colors = {"random": "#3b6ea5", "block": "#c8501e", "structure": "#3a8f5c"}
    for split, tables in histories.items():
        joined = pd.concat(tables).groupby("epoch")
        for table in tables:
            axis.plot(table["epoch"], table["validation_mae"], color=colors[split], lw=0.6, alpha=0.5)
        best = joined["validation_mae"].mean()
        axis.plot(best.index, best, color=colors[split], lw=1.6, label=f"{split}: held out")
        trained_on = joined["mae"].mean()
        axis.plot(trained_on.index, trained_on, color=colors[split], lw=1.0, ls=":")
    axis.plot([], [], color="0.3", lw=1.0, ls=":", label="patterns trained on, augmented")
    axis.set(xlabel="epoch", ylabel="mean absolute error of $d_i$", yscale="log")
    axis.legend(frameon=False, fontsize=8)
    return figure


def report(arguments, note, histories, found):
    """Write and print what there is."""
    parts = [by_class(found[found["split"] == split]).assign(split=split) for split in histories]
    parts.append(authors(arguments.predictions).assign(split="authors (random)"))
    table = pd.concat(parts, ignore_index=True)
    order = {name: number for number, name in enumerate(CLASSES)}
    table = table.sort_values("class", key=lambda names: names.map(order), kind="stable")
    table.to_csv(arguments.work / "table.csv", index=False)
    pd.concat(
        [h.assign(split=split, run=run) for split, some in histories.items() for run, h in enumerate(some)]
    ).to_csv(arguments.work / "history.csv", index=False)
    leak_figure(histories).savefig(arguments.work / "leak.png", dpi=150)
    text = markdown(table)
    (arguments.work / "table.md").write_text(f"{note}\n\n{text}\n")
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--mesh", type=int, default=133, choices=sorted(MESHES), help="pixels, 133 published")
    parser.add_argument("--weights", default="imagenet", help="imagenet (published), none, or a path")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--patience", type=int, help="default: epochs / 20, as published")
    parser.add_argument("--splits", nargs="+", default=SPLITS, choices=SPLITS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--step", type=float, default=STEP, help="Å between volumes")
    parser.add_argument("--predictions", type=Path, help="y_pred_dict.pt of the authors")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--device", help="cpu, cuda, …")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.patience is None:
        arguments.patience = max(2, round(arguments.epochs / 20))
    arguments.work.mkdir(parents=True, exist_ok=True)
    mesh = MESHES[arguments.mesh]
    seen, unseen = (
        scans(arguments.work, name, mesh, arguments.step, arguments.cores) for name in (TRAIN, UNSEEN)
    )
    n = [len(dataset) for dataset in seen]
    note = (
        f"{TRAIN}: {n[0]} volumes along y, {n[1]} along z, {arguments.step} Å apart, {arguments.mesh} × "
        f"{arguments.mesh} pixels; ResNet-18, weights: {arguments.weights} (published: imagenet); "
        f"{arguments.epochs} epochs, patience {arguments.patience} (published: 400, 20); "
        f"seeds {arguments.seeds}{', bfloat16' * arguments.bfloat16}"
    )
    print(note, flush=True)
    histories, tables = {}, []
    # seeds outside, so that a run that has not ended has all splits
    for seed in arguments.seeds:
        for split in arguments.splits:
            used = like_the_whole(seen, seed) if split == "block" else seed
            start = Path(arguments.weights).name
            name = f"{split}_{arguments.mesh}_{arguments.epochs}_{start}_{arguments.step}_{seed}"
            test, history = learn(arguments.work / name, split, used, seen, unseen, arguments)
            histories.setdefault(split, []).append(history)
            tables.append(test.assign(split=split, seed=seed))
        report(arguments, note, histories, pd.concat(tables))


if __name__ == "__main__":
    main()
