"""What a finished NBEDRegressor shows: functions of the job, which are its methods too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pyiron_nbed import figures
from pyiron_nbed.checks import flag, one_of, whole
from pyiron_nbed.dataset.reader import as_dataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.dataset_results import shown
from pyiron_nbed.jobs.sources import builtin
from pyiron_nbed.learning import evaluation
from pyiron_nbed.learning.files import HISTORY_FILE, TEST_FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyiron_nbed.jobs.regressor import NBEDRegressor


def get_test(job: NBEDRegressor) -> pd.DataFrame:
    """Test patterns: row in the concatenated datasets, truth, prediction, uncertainty, baselines, …"""
    job.check_shown()
    return pd.read_csv(job.folder / TEST_FILE)


def get_history(job: NBEDRegressor) -> pd.DataFrame:
    """Member, epoch, training loss and learning rate."""
    job.check_shown()
    return pd.read_csv(job.folder / HISTORY_FILE)


def get_metrics(job: NBEDRegressor) -> pd.DataFrame:
    """Metrics on the test patterns with 95 % intervals: all, each region, volume and structure.

    The column "model" says whose: "network" first, then the baselines "constant", "ridge", "boosting".
    """
    job.check_shown()
    models = {"network": job.output.metrics, **job.output.baselines}
    tables = [pd.DataFrame(builtin(found["groups"])).assign(model=name) for name, found in models.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


def report(job: NBEDRegressor) -> pd.DataFrame:
    """Errors on the test patterns, all and by region, beside those of the baselines: a short table to print.

    ``output.metrics["rmse"]`` and the like are the numbers; :func:`get_metrics` has all of them.
    """
    job.check_shown()
    baselines = builtin(job.output.baselines) or {}  # an empty container of pyiron is a list
    return evaluation.report({"network": builtin(job.output.metrics), **baselines})


def get_splits(job: NBEDRegressor) -> pd.DataFrame:
    """Errors of the same training on each split of ``input.compare_splits``, and the leak.

    See :func:`pyiron_nbed.learning.leak.leak_table`; empty where no splits were compared.
    """
    job.check_shown()
    return pd.DataFrame(builtin(job.output.splits))


def plot_parity(job: NBEDRegressor, by_region: bool = True, label: str | None = None) -> Figure:
    """Predicted against true label of the test patterns, each region (where there are) in its colour."""
    by_region = flag(by_region, "by_region")
    test, tail, name = _columns(job, label)
    known = by_region and test["region"].isin(list(figures.style.REGION_COLORS)).any()
    return figures.parity(
        test[f"true{tail}"], test[f"predicted{tail}"], shown(name), test["region"] if known else None
    )


def plot_calibration(job: NBEDRegressor, label: str | None = None) -> Figure:
    """Nominal against observed coverage of the intervals on the test patterns.

    The uncertainties were scaled on these patterns, so that the 90 % interval must fit;
    ``output.card["calibration"]`` holds its coverage on patterns that did not scale it.
    """
    test, tail, name = _columns(job, label)
    return figures.calibration_plot(
        test[f"true{tail}"], test[f"predicted{tail}"], test[f"standard_uncertainty{tail}"], shown(name)
    )


def plot_history(job: NBEDRegressor) -> Figure:
    """Loss, mean absolute error and learning rate over the epochs."""
    history, training = get_history(job), builtin(job.output.card["training"])
    return figures.learning_curves(history, shown(_labels(job)[0]), training["loss"], training["target"])


def plot_profile(
    job: NBEDRegressor,
    patterns: Any,
    axis: int = 0,
    through: tuple[float, float] | None = None,
    scan: int = 0,
    label: str | None = None,
) -> Figure:
    """True and predicted label along a line of a scan, with the 90 % interval and the regions.

    Args:
        patterns: NBEDDataset job, dataset or its path.
        axis: cell axis that the line runs along: 0, 1 or 2.
        through: where the line crosses the other two axes, in Å from the cell's faces; None takes the
            middle.
        scan: number of the scan in the file (``dataset.scans``).
        label: one of the labels.

    Raises:
        InputError: a scan that is no grid, or no such scan, axis or label.
    """
    dataset, scan = as_dataset(patterns_of(patterns)), whole(scan, "scan")
    number, name = _number(job, label)
    if not scan < len(dataset.scans) or not dataset.scans[scan].step:
        raise InputError(f"Scan {scan!r} of {dataset.path} does not exist or is no grid: give another one.")
    rows, position = dataset.scans[scan].grid.line(axis, through)
    found = job.predict(dataset.patterns[rows])
    mean, spread = (values.reshape(len(rows), -1)[:, number] for values in found)
    types = np.array(dataset.region_types)[dataset.region[rows]]
    return figures.prediction_profile(
        position, dataset.label(name)[rows], mean, shown(name), f"{'xyz'[axis]} (Å)", spread,
        region_runs(position, types),
    )  # fmt: skip


def patterns_of(given: Any) -> Any:
    """The pattern file of a job; anything else as it is.

    Raises:
        InputError: a job that holds no patterns.
    """
    if hasattr(given, "job_name") and not hasattr(given, "dataset"):
        raise InputError(
            f"The job {given.job_name!r} is a {type(given).__name__}, which holds no patterns: give an "
            "NBEDDataset "
            "job, a dataset or its path."
        )
    return given.dataset if hasattr(given, "job_name") else given


def _labels(job: NBEDRegressor) -> list[str]:
    job.check_finished()
    return list(builtin(job.output.card["labels"]))


def _number(job: NBEDRegressor, label: str | None) -> tuple[int, str]:
    labels = _labels(job)
    if label is not None:
        one_of(label, "The label", labels, "or None for the first")
    return (0, labels[0]) if label is None else (labels.index(label), label)


def _columns(job: NBEDRegressor, label: str | None) -> tuple[pd.DataFrame, str, str]:
    _, name = _number(job, label)
    return get_test(job), "" if len(_labels(job)) == 1 else f"/{name}", name


def region_runs(position: np.ndarray, types: np.ndarray) -> list[dict[str, Any]]:
    """Stretches of one region along a line, from half-way to the neighbours.

    Args:
        position: (M,) in Å, rising.
        types: (M,) names; "none" is left out.

    Returns:
        Rows with type, start and end in Å.

    Example:
        >>> region_runs(np.array([0.0, 1.0, 2.0]), np.array(["crystal", "crystal", "ACTR"]))
        [{'type': 'crystal', 'start': 0.0, 'end': 1.5}, {'type': 'ACTR', 'start': 1.5, 'end': 2.0}]
    """
    edges = np.concatenate([position[:1], (position[1:] + position[:-1]) / 2, position[-1:]])
    first = np.flatnonzero(np.concatenate([[True], types[1:] != types[:-1]]))
    last = np.append(first[1:], len(types))
    return [
        {"type": str(types[i]), "start": float(edges[i]), "end": float(edges[j])}
        for i, j in zip(first, last, strict=True)
        if types[i] in figures.style.REGION_COLORS
    ]
