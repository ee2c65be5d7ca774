"""Maps of a project side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pyiron_nbed.checks import warn
from pyiron_nbed.jobs.sources import builtin

_KIND = "NBEDMap"
COLUMNS = (
    "job", "project", "file", "model", "n_patterns", "delta_k", "delta_k_error", "center_spread", "semiangle",
    "mean", "std", "level", "level_error", "share_flagged", "seconds",
)  # fmt: skip


def maps_table(project: Any, recursive: bool = True) -> pd.DataFrame:
    """Table of all finished NBEDMap jobs of a project.

    Args:
        project: of pyiron.
        recursive: also of its sub-projects.

    Returns:
        One row for each job: job, project (path), file (name), model (name or network), n_patterns, delta_k
        and its standard error (Å⁻¹ per pixel), center_spread (standard deviation of the centre over the scan,
        pixels), semiangle (mrad), mean and mean standard uncertainty std of the positions, level and the half
        width level_error of its 90 % interval, share_flagged, seconds. A job whose file is damaged is left
        out with a warning.
    """
    jobs = project.job_table(recursive=recursive, all_columns=True)
    rows = []
    if len(jobs):
        jobs = jobs[(jobs["hamilton"] == _KIND) & (jobs["status"] == "finished")]
    columns = ["id", "job", "projectpath", "project"]
    for job_id, name, top, path in jobs.reindex(columns=columns).values.tolist():
        try:
            content = project.inspect(job_id).content
            found, given = builtin(content["storage/output"]), builtin(content["storage/input"])
            model = found["model"]
            row = {column: found.get(column) for column in COLUMNS}
            stored = builtin(given["file"])[0]["file"]
            used = builtin(given["model"])
        except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
            warn(f"The map {name!r} is left out: its file is damaged or was moved ({type(error).__name__}).")
            continue
        own = used if isinstance(used, str) else used.get("job_name") or model.get("name") or model["network"]
        rows.append({**row, "job": name, "project": f"{top or ''}{path}", "model": own,
                     "file": stored.replace("\\", "/").rsplit("/", 1)[-1]})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
