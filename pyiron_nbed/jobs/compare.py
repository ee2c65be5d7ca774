"""Trained regressors side by side: probe geometry, network and split against the error."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyiron_base import Toolkit

from pyiron_nbed.diffraction.volumes import as_volume_or_range
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs import archive, map_table
from pyiron_nbed.jobs.base import SOURCES_FILE
from pyiron_nbed.jobs.freshness import Known, was_made_again
from pyiron_nbed.jobs.sources import anchored, builtin
from pyiron_nbed.learning.files import CARD_FILE, HISTORY_FILE

REGIONS = ("interior", "crystal", "ACTR")
_KIND = "NBEDRegressor"
_OVERALL = ("rmse", "rmse_low", "rmse_high", "mae", "r2", "skill")
_REGIONAL = ("rmse", "skill", "correlation")
COLUMNS = (
    "job", "project", "volume", "radius", "height", "network", "label", "split", "n_train", "n_test",
    "epochs", "seed", *_OVERALL, "coverage", "seconds", "stale",
)  # fmt: skip


def compare(jobs: Iterable[Any]) -> pd.DataFrame:
    """Table of finished NBEDRegressor jobs.

    Args:
        jobs: the jobs.

    Returns:
        One row per job, or per job and label where a job predicts several labels: job, project (path),
        volume (text), radius and height (Å; NaN where it was trained on several), network, label, split,
        n_train (patterns; all that were drawn from an endless source) and n_test, epochs (that were run),
        seed, rmse with its 95 % interval rmse_low to rmse_high, mae, r2, skill on the test patterns,
        coverage of the 90 % interval, seconds (of the last run), stale (whether what it was trained on was
        made again since), and, for the regions "interior", "crystal"
        and "ACTR" that are among the test patterns, rmse_interior, skill_interior, correlation_interior, …

    Raises:
        InputError: a job that is no NBEDRegressor or has not finished.

    Example:
        >>> compare([]).columns.tolist()[:3]
        ['job', 'project', 'volume']
    """
    rows: list[dict[str, Any]] = []
    for job in jobs:
        if type(job).__name__ != _KIND or not job.status.finished:
            raise InputError(
                f"{job.job_name!r} is a {type(job).__name__} with the status {job.status.string!r}: only "
                "finished NBEDRegressor jobs can be compared."
            )
        where = {
            "job": job.job_name,
            "project": job.project.path,
            "stale": was_made_again(job.held_sources()),
        }
        rows += _rows(where, builtin(job.output.card), job.folder, job.output.seconds)
    return _table(rows)


class NBEDTools(Toolkit):
    """``pr.nbed``: what this package does with a whole project."""

    def pack(self, path: str | os.PathLike, overwrite: bool = False) -> Path:
        """Write the project to one file, see :func:`pyiron_nbed.jobs.archive.pack`.

        ``pr.pack()`` of pyiron leaves models, pattern files and frames out.
        """
        return archive.pack(self._project, path, overwrite)

    def unpack(self, path: str | os.PathLike) -> list[str]:
        """Put what :meth:`pack` wrote into this project; names of the jobs."""
        return archive.unpack(self._project, path)

    def adopt(self) -> list[str]:
        """Enter jobs whose files are here into the job table, as after ``mv`` or ``cp -r``; their names."""
        return archive.adopt(self._project)

    def maps(self, recursive: bool = True) -> pd.DataFrame:
        """Table of all finished NBEDMap jobs, see :func:`pyiron_nbed.jobs.map_table.maps_table`."""
        return map_table.maps_table(self._project, recursive)

    def compare(self, recursive: bool = True) -> pd.DataFrame:
        """Table of all finished NBEDRegressor jobs of the project.

        Args:
            recursive: also of its sub-projects.

        Returns:
            As :func:`compare`, in the order in which the jobs were made; seconds are whole ones, from the job
            table.
        """
        jobs = self._project.job_table(recursive=recursive, all_columns=True)
        rows: list[dict[str, Any]] = []
        known: Known = {}
        if len(jobs):
            jobs = jobs[(jobs["hamilton"] == _KIND) & (jobs["status"] == "finished")]
        columns = ["id", "job", "projectpath", "project", "totalcputime"]
        for job_id, name, top, path, seconds in jobs.reindex(columns=columns).values.tolist():
            project = f"{top or ''}{path}"
            folder = Path(project) / f"{name}_hdf5" / name
            if (folder / CARD_FILE).is_file():  # 4 ms instead of 70 from the HDF5 file of the job
                card = json.loads((folder / CARD_FILE).read_text())
            else:
                card = builtin(self._project.inspect(job_id).content["storage/output"]["card"])
            if (folder / SOURCES_FILE).is_file():
                sources = anchored(json.loads((folder / SOURCES_FILE).read_text()), project)
            else:
                sources = self._project.load(job_id).held_sources()
            where = {"job": name, "project": project, "stale": was_made_again(sources, known)}
            rows += _rows(where, card, folder, seconds)
        return _table(rows)


def _rows(where: dict[str, Any], card: dict[str, Any], folder: Path, seconds: float) -> list[dict[str, Any]]:
    """One row per label of a regressor, from the card of its model."""
    endless, training = card.get("source"), card["training"]
    found = [as_volume_or_range(v) for v in (endless or card)["volumes"]]
    volumes = {str(volume): volume for volume in found}
    only = found[0] if len(volumes) == 1 else None
    history = folder / HISTORY_FILE
    epochs = training["epochs"]
    if history.is_file():  # an early stop makes it fewer
        epochs = int(pd.read_csv(history, usecols=["epoch"])["epoch"].max())
    common = {
        **where,
        "volume": "; ".join(volumes),
        "radius": _number(only, "radius"),
        "height": _number(only, "height"),
        "network": card["network"],
        "split": card["split"]["kind"],
        "n_train": epochs * training["steps_per_epoch"] * training["batch_size"]
        if endless
        else card["split"]["n_train"],
        "n_test": card["split"]["n_test"],
        "epochs": epochs,
        "seed": training["seed"],
        "seconds": seconds,
    }
    rows = []
    for label in card["labels"]:
        measured = card["metrics"].get("labels", {}).get(label, card["metrics"])
        groups = {(group["by"], group["group"]): group for group in measured["groups"]}
        row = {**common, "label": label, "coverage": card["calibration"][label]["coverage"]}
        row |= {name: groups["all", "all"][name] for name in _OVERALL}
        for region in REGIONS:
            if ("region", region) in groups:
                row |= {f"{name}_{region}": groups["region", region][name] for name in _REGIONAL}
        rows.append(row)
    return rows


def _number(volume: Any, name: str) -> float:
    """A length of a volume; NaN where it has none, or a range of them."""
    value = getattr(volume, name, None)
    return float(value) if isinstance(value, (int, float)) else np.nan


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    regional = [f"{name}_{region}" for region in REGIONS for name in _REGIONAL]
    present = [name for name in regional if any(name in row for row in rows)]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *present])
    numbers = [*_OVERALL, "coverage", "seconds", *present]
    return table.astype(dict.fromkeys(numbers, float))
