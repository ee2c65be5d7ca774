"""Where the frames of a dump lie, and what the head of one says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

COORDINATES = (("x", "y", "z"), ("xu", "yu", "zu"), ("xs", "ys", "zs"), ("xsu", "ysu", "zsu"))


class Place(NamedTuple):
    """Time step, first byte and byte after the last of a whole frame, and the units stated up to there."""

    step: int
    start: int
    end: int
    unit: str | None


@dataclass(frozen=True)
class Scan:
    """What a dump holds: its whole frames, the bytes where others were cut off, and where its end is torn."""

    places: tuple[Place, ...]
    torn: tuple[int, ...] = ()
    tail: int | None = None


def box_of(bounds: np.ndarray, tilt: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Cell (3, 3) and corner (3,) from the bounds (3, 2) of the box around a tilted one.

    Example:
        >>> box_of(np.array([[0, 12.0], [0, 9], [0, 9]]), (3.0, 0.0, 0.0))[0].tolist()
        [[9.0, 0.0, 0.0], [3.0, 9.0, 0.0], [0.0, 0.0, 9.0]]
    """
    xy, xz, yz = tilt
    low = bounds[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = bounds[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low


def coordinates_of(columns: list[str]) -> tuple[str, str, str] | None:
    """The three columns that hold the positions: x y z before xu, xs and xsu.

    Example:
        >>> coordinates_of(["id", "xs", "ys", "zs", "type"])
        ('xs', 'ys', 'zs')
    """
    return next((names for names in COORDINATES if set(names) <= set(columns)), None)
