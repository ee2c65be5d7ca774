"""Commands of trained networks: ``train``, ``predict`` and ``map``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pyiron_nbed.checks import one_of
from pyiron_nbed.cli.options import (
    FIGURES,
    PATH,
    check_outputs,
    cores_option,
    figure_option,
    label_option,
    open_dataset,
    open_model,
    option,
    output_option,
    overwrite_option,
    write_figure,
)
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import replaced

if TYPE_CHECKING:
    import pandas as pd

    from pyiron_nbed.dataset import PatternDataset
    from pyiron_nbed.learning import Model, Prediction


@click.command()
@click.argument("files", type=PATH, nargs=-1, required=True)
@output_option("model", "Folder of the model.")
@figure_option
@click.option("--test", type=PATH, multiple=True, help="Pattern file to test on; else --split decides.")
@option("--label", default="disorder_parameter", help="Label that is learned.")
@option("--network", default="cnn", help="cnn, resnet18, rotation_invariant or polar.")
@click.option("--imagenet", is_flag=True, help="Start resnet18 from the weights of ImageNet.")
@option("--epochs", type=int, default=20, help="Passes over the training patterns.")
@option("--split", default="block", help="block, structure, job or random (leaks).")
@option("--test-fraction", type=float, default=0.2, help="Share of the patterns that is held out.")
@option("--seed", type=int, default=0, help="Of all draws.")
@option("--device", help="cpu, cuda, …; a GPU is taken where there is one.")
@cores_option
@overwrite_option
def train(
    files: Sequence[Path], output: Path, figure: Path | None, test: Sequence[Path], label: str, network: str,
    imagenet: bool, epochs: int, split: str, test_fraction: float, seed: int, device: str | None,
    cores: int | None, overwrite: bool,
) -> None:  # fmt: skip
    """Train a network on the pattern FILES and test it on patterns that it never saw.

    The folder then holds the model, test.csv (truth and prediction) and history.csv (losses). A table of
    errors is printed: for all test patterns and each region, beside those of simpler methods. A training that
    was stopped goes on when the same command is given again.

    \b
      pyiron-nbed train patterns.h5 -o model
      pyiron-nbed train a.h5 --test b.h5 --network resnet18 --imagenet --epochs 100
    """
    import pandas as pd

    from pyiron_nbed import learning
    from pyiron_nbed.learning.files import CARD_FILE, CHECKPOINT_FILE, TASK_FILE, TEST_FILE

    if output.is_dir() and any(output.iterdir()):
        known = (output / TASK_FILE).is_file() or (output / CARD_FILE).is_file()
        going_on = (output / CHECKPOINT_FILE).is_file()
        if not known or not (overwrite or going_on):
            what = "a model" if known else "files that are no model"
            raise InputError(
                f"The folder {output} holds {what}: give another name"
                f"{', or --overwrite to replace it' if known else ''}."
            )
    else:
        check_outputs(overwrite, (output, None))
    check_outputs(overwrite, (figure, FIGURES))
    training = learning.Training(
        network=network, weights="imagenet" if imagenet else None, epochs=epochs, seed=seed, device=device,
        cores=cores,
    )  # fmt: skip
    training.check_network()
    own, tests = ([open_dataset(file) for file in group] for group in (files, test))
    learning.check_datasets(own, tests, split, test_fraction, label, seed)
    output.mkdir(exist_ok=True)
    paths = [[str(dataset.path) for dataset in group] for group in (own, tests)]
    task = learning.TrainingTask(paths[0], training.as_dict(), paths[1], split, test_fraction, label)
    task.run(output)
    model = open_model(output)
    table = learning.report({"network": model.card["metrics"], **model.card["baselines"]})
    click.echo(f"{model!r}\n{table.to_string(index=False)}\nwritten: {output}")
    if figure is not None:
        from pyiron_nbed import figures

        found = pd.read_csv(output / TEST_FILE)
        name = figures.style.label_text(label)
        write_figure(figures.parity(found["true"], found["predicted"], name), figure)


@click.command()
@click.argument("model", type=PATH)
@click.argument("file", type=PATH)
@output_option("predicted.csv", "Table (.csv).")
@option("--device", help="cpu, cuda, …; a GPU is taken where there is one.")
@overwrite_option
def predict(model: Path, file: Path, output: Path, device: str | None, overwrite: bool) -> None:
    """Predict the labels of the patterns in FILE with the model in the folder MODEL.

    One row per pattern: its place, the prediction with its standard uncertainty, and the true label where the
    file knows it; errors are then printed.

    \b
      pyiron-nbed predict model patterns.h5 -o predicted.csv
    """
    check_outputs(overwrite, (output, (".csv",)))
    network, dataset = open_model(model), open_dataset(file)
    found = network.predict(dataset, device=device)
    table = _predicted(network, dataset, found)
    with replaced(output) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")
    click.echo(repr(found))
    for name in network.labels:
        if f"true_{name}" in table:
            from pyiron_nbed.learning import metrics

            known = table[[f"true_{name}", f"predicted_{name}"]].dropna()
            result = metrics(known.iloc[:, 0].to_numpy(), known.iloc[:, 1].to_numpy())
            click.echo(f"{name}: RMSE {result['rmse']:.4f}, MAE {result['mae']:.4f}, R² {result['r2']:.3f}")
    click.echo(f"written: {output}")


@click.command(name="map")
@click.argument("model", type=PATH)
@click.argument("file", type=PATH)
@output_option("map.png", "Figure (.png, .pdf or .svg).")
@option("--scan", type=int, default=0, help="Number of the scan in the file, from 0.")
@label_option
@option("--device", help="cpu, cuda, …; a GPU is taken where there is one.")
@overwrite_option
def draw_map(
    model: Path, file: Path, output: Path, scan: int, label: str | None, device: str | None, overwrite: bool
) -> None:
    """Draw the map that the model in the folder MODEL predicts for a scan in FILE.

    The map is the middle plane of the scan across the beam; beside it is the true one where the file knows
    the label.

    \b
      pyiron-nbed map model patterns.h5 -o map.png
    """
    from pyiron_nbed import figures

    check_outputs(overwrite, (output, FIGURES))
    network, dataset = open_model(model), open_dataset(file)
    name = network.labels[0] if label is None else one_of(label, "label", network.labels)
    dataset.plane(np.zeros(len(dataset)), scan)  # refused before anything is computed
    mean = network.predict(dataset, device=device).mean.reshape(len(dataset), -1)
    planes = {"predicted": dataset.plane(mean[:, network.labels.index(name)], scan)}
    if name in dataset.labels:
        planes = {"true": dataset.plane(dataset.label(name), scan), **planes}
    first = planes["predicted"]
    drawn = figures.disorder_maps(
        [plane.values for plane in planes.values()], list(planes), first.extent,
        figures.style.label_text(name), first.names,
    )  # fmt: skip
    write_figure(drawn, output)


def _predicted(network: Model, dataset: PatternDataset, found: Prediction) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {"pattern": np.arange(len(dataset))}
    columns |= dict(zip("xyz", dataset.centers.T, strict=True))
    for number, name in enumerate(network.labels):
        for what, values in (("predicted", found.mean), ("uncertainty", found.std)):
            columns[f"{what}_{name}"] = values.reshape(len(dataset), -1)[:, number]
        if name in dataset.labels:
            columns[f"true_{name}"] = dataset.label(name)
    return pd.DataFrame(columns)
