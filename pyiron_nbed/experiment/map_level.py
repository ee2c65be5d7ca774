"""The level of a map: the mean over its positions, and what it may be wrong by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.onto_mesh import OntoMesh
from pyiron_nbed.learning.uncertainty import NORMAL_QUANTILE

if TYPE_CHECKING:
    from pyiron_nbed.learning.model import Model

_AT_MOST = 1 << 27  # bytes of frames in memory


def drawn_calibration(calibration: Calibration, seed: int) -> Calibration:
    """A calibration as it may be, drawn from the standard errors of centre, scale and ellipse.

    Args:
        calibration: a standard error that is NaN draws nothing.
        seed: of the draw.

    Example:
        >>> cal = Calibration((31.5, 31.5), 0.04, (64, 64), center_error=0.1)
        >>> drawn_calibration(cal, 0).center != cal.center, drawn_calibration(cal, 0).delta_k
        (True, 0.04)
    """
    draw = np.random.default_rng(seed).normal(size=5)
    names = ("center", "center", "delta_k", "ellipticity", "angle")
    shift = [
        z * error if np.isfinite(error := getattr(calibration, f"{name}_error")) else 0.0
        for name, z in zip(names, draw, strict=True)
    ]
    if calibration.ellipticity == 0:
        shift[4] = 0.0  # a circle has no long axis
    x, y = calibration.center
    return calibration.replaced(
        center=(x + shift[0], y + shift[1]), delta_k=calibration.delta_k + shift[2],
        ellipticity=max(calibration.ellipticity + shift[3], 0.0), angle=calibration.angle + shift[4],
    )  # fmt: skip


def calibration_spread(
    scan: MeasuredScan,
    model: Model,
    calibration: Calibration,
    background: bool = False,
    chosen: Any = None,
    patterns: int = 400,
    draws: int = 12,
    seed: int = 0,
    device: str | None = None,
    cores: int | None = None,
) -> float:
    """Standard deviation of the level of a map by the errors of its calibration.

    The same patterns are prepared with calibrations that are drawn from the standard errors of centre, scale
    and ellipse, and predicted; their means scatter.

    Args:
        scan: whose frames are read.
        model: that predicts.
        calibration: with standard errors.
        background: as of :func:`pyiron_nbed.experiment.prepare`.
        chosen: numbers of positions that may be taken; None: all.
        patterns: that are taken, spread over the scan.
        draws: of the calibration.
        seed: of the draws.
        device: of the network.
        cores: threads that prepare.

    Returns:
        The standard deviation; 0 where no standard error is known, NaN where no pattern can be taken.
    """
    names = ("center", "delta_k", "ellipticity", "angle")
    if not any(getattr(calibration, f"{name}_error") > 0 for name in names):  # NaN is not
        return 0.0
    numbers = np.arange(scan.shape[0] * scan.shape[1]) if chosen is None else np.asarray(chosen)
    frame = int(np.prod(scan.shape[2:])) * scan.dtype.itemsize
    count = min(len(numbers), patterns, max(1, _AT_MOST // frame))
    if not count:
        return np.nan
    numbers = numbers[np.linspace(0, len(numbers) - 1, count).round().astype(int)]
    frames = np.concatenate([scan.read(int(n), int(n) + 1) for n in numbers])
    levels = []
    for draw in range(draws):
        own = drawn_calibration(calibration, seed * 1_000_003 + draw)
        prepared = OntoMesh(own, model.recipe, background, cores)(frames, numbers)
        levels.append(np.nanmean(model.predict(prepared, device=device).mean))
    return float(np.std(levels, ddof=1))


def level_with_error(
    mean: np.ndarray, flagged: np.ndarray, half_width: float | None, spread: float
) -> tuple[float, float]:
    """Level of a map and the half width of its 90 % interval.

    The interval over structures and that of the calibration add in squares.

    Args:
        mean: predictions, NaN where there is none.
        flagged: positions that are left out.
        half_width: b of :class:`pyiron_nbed.learning.level.Level`; None: not known.
        spread: of :func:`calibration_spread`.

    Returns:
        The level, of all positions where each is flagged, NaN where there is no prediction; and the half
        width, NaN where it is not known, as it is for patterns that are all flagged.

    Example:
        >>> level_with_error(np.array([0.8, 1.0, 3.0]), np.array([False, False, True]), 0.03, 0.0)
        (0.9, 0.03)
    """
    known = np.isfinite(mean)
    own = known & ~flagged
    if not known.any():
        return np.nan, np.nan
    level = float(mean[own if own.any() else known].mean())
    if not own.any() or half_width is None:
        return level, np.nan
    return level, float(np.hypot(half_width, NORMAL_QUANTILE * np.nan_to_num(spread)))
