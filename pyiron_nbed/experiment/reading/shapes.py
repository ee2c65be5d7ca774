"""Whether a number of frames fits a scan; where it does not, what would."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pyiron_nbed.checks import shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.reading.found import Found

_SHOWN = 6


def scan_shape(value: Any) -> tuple[int, int] | None:
    """(Ny, Nx), or None.

    Raises:
        InputError: anything but two whole numbers of at least 1.

    Example:
        >>> scan_shape([5, 7])
        (5, 7)
    """
    if value is None:
        return None
    try:
        rows, columns = value
    except (TypeError, ValueError):
        raise InputError(
            f"shape is {shown(value)}: give (Ny, Nx), the lines of the scan and the positions along one."
        ) from None
    return whole(rows, "shape: Ny", 1), whole(columns, "shape: Nx", 1)


def fitting_shape(
    path: Path, found: Found, shape: tuple[int, int] | None, flyback: int, skip_first: int, skip_last: int
) -> tuple[int, int]:
    """Shape of the scan, of what was given and what the file says; never guessed.

    Args:
        path: of the file.
        found: of its reader.
        shape: that was given.
        flyback: frames at the end of each line that belong to no position; the last line may lack them.
        skip_first, skip_last: frames before and after the scan.

    Returns:
        (Ny, Nx).

    Raises:
        InputError: the number of frames does not fit; the sentence lists what does.
    """
    count = found.frames.count
    left = count - skip_first - skip_last
    if left < 1:
        raise InputError(
            f"skip_first is {skip_first} and skip_last {skip_last}: the file {path} holds {_frames(count)}."
        )
    if shape is None:
        shape = _known(found, left, flyback)
    if shape is None:
        raise InputError(
            f"The file {path} holds {_frames(left)} and does not say how they lie: give shape=(Ny, Nx), such "
            f"as {_listed(_shapes(left, None, flyback))}{_ending(flyback)}."
        )
    if _fits(left, shape, flyback):
        return shape
    needed = shape[0] * (shape[1] + flyback)
    raise InputError(
        f"The file {path} holds {_frames(left)}, and shape {shape}{_ending(flyback)} needs {needed}: "
        f"{_advice(left, shape, flyback)}."
    )


def _known(found: Found, left: int, flyback: int) -> tuple[int, int] | None:
    shape = found.shape
    if shape is None and (found.stack or left == 1):
        shape = (1, left)
    # the lines of the file hold the frames of flyback too
    if shape is not None and flyback and not _fits(left, shape, flyback) and shape[1] > flyback:
        inner = (shape[0], shape[1] - flyback)
        return inner if _fits(left, inner, flyback) else shape
    return shape


def _fits(count: int, shape: tuple[int, int], flyback: int) -> bool:
    needed = shape[0] * (shape[1] + flyback)
    return count in (needed, needed - flyback)


def _shapes(count: int, near: tuple[int, int] | None, flyback: int = 0) -> list[tuple[int, int]]:
    """Shapes that fit: those nearest to a given one, else the squarest, first."""
    found = {
        (total // line, line - flyback)
        for total in {count, count + flyback}
        for d in range(1, math.isqrt(total) + 1)
        if total % d == 0
        for line in (d, total // d)
        if line > flyback
    }

    def apart(shape: tuple[int, int]) -> tuple[float, int]:
        aim = near or (1, 1)
        return abs(math.log(shape[0] * aim[1] / (shape[1] * aim[0]))), shape[0]

    return sorted(found, key=apart)[:_SHOWN]


def _advice(count: int, shape: tuple[int, int], flyback: int) -> str:
    rows, columns = shape
    ways = []
    if not flyback and count % rows == 0 and columns < count // rows <= 2 * columns:
        ways.append(f"flyback={count // rows - columns} with shape {shape}")
    elif flyback and count == rows * columns:
        ways.append(f"flyback=0 with shape {shape}")
    needed = rows * (columns + flyback)
    if count > needed:
        ways.append(f"skip_first or skip_last of {count - needed} with shape {shape}")
    elif (complete := count // (columns + flyback)) and count % (columns + flyback):
        ways.append(
            f"skip_last={count % (columns + flyback)} with shape ({complete}, {columns}), the complete lines"
        )
    if not flyback:
        for extra in range(1, 9):  # frames of flyback that would make another shape fit
            line = columns + extra
            if count % line == 0 and 1 < count // line != rows:
                ways.append(f"flyback={extra} with shape ({count // line}, {columns})")
                break
    shapes = f"shapes that fit are {_listed(_shapes(count, shape, flyback))}"
    return ", or ".join([shapes, *ways])


def _listed(shapes: list[tuple[int, int]]) -> str:
    return ", ".join(map(str, shapes))


def _ending(flyback: int) -> str:
    return f" with flyback={flyback}" if flyback else ""


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count != 1 else ''}"
