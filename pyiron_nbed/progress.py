"""Progress bars: on a terminal only, and only for work that takes a while."""

from __future__ import annotations

from tqdm.auto import tqdm


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
        total=total, desc=description, unit=unit, position=position, disable=None, delay=0.5,
        unit_scale=total >= 1e5, leave=position is None,
    )  # fmt: skip
