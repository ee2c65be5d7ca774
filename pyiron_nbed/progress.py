"""Progress bars: on a terminal only, and only for work that takes a while."""

from __future__ import annotations

import os

from tqdm.auto import tqdm

SILENCE_VARIABLE = "NBED_SILENT"  # set: no progress bars


def progress_bar(total: float, description: str, unit: str = "it", position: int | None = None) -> tqdm:
    """A bar on standard error; silent where that is not a terminal.

    Args:
        total: number of units.
        description: what is being done.
        unit: name of one unit.
        position: line of the bar when several run at once.

    Returns:
        A ``tqdm`` bar (context manager).
    """
    return tqdm(
        total=total, desc=description, unit=unit, position=position, delay=0.5,
        disable=True if os.environ.get(SILENCE_VARIABLE) else None, unit_scale=total >= 1e5,
    )  # fmt: skip
