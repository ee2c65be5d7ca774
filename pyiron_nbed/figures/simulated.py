"""Figure of a simulated scan."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pyiron_nbed.containers import instance
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.truth import ScanTruth
from pyiron_nbed.figures.style import label_text, new_figure


def simulated_scan(scan: MeasuredScan, truth: ScanTruth, label: str | None = None) -> Figure:
    """The frame in the middle of a scan, as the camera shows it, and the true map of a label.

    Args:
        scan: the scan.
        truth: what is true of it.
        label: whose map is drawn; None: the first.

    Returns:
        The figure.

    Raises:
        InputError: no scan, no truth of it, or an unknown label.
    """
    instance(scan, "The scan", MeasuredScan, "a MeasuredScan")
    instance(truth, "The truth", ScanTruth, "a ScanTruth")
    label = next(iter(truth.labels)) if label is None else label
    values = truth[label]
    ny, nx = values.shape
    frame = scan[ny // 2, nx // 2].astype(float)
    figure = new_figure(figsize=(9.5, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    bright = frame[frame > 0]
    high = float(np.percentile(bright, 99.9)) if bright.size else 1.0
    low = 0.999 * max(high * 1e-4, float(bright.min()) if bright.size else 0.1)
    norm = LogNorm(low, max(high, 2 * low))
    picture = left.imshow(np.maximum(frame, low), cmap="inferno", norm=norm, interpolation="nearest")
    left.plot(*truth.calibration.center_at(ny // 2, nx // 2), "+", color="w", ms=10)
    left.set(title=f"frame of position ({ny // 2}, {nx // 2})", xlabel="x (pixel)", ylabel="y (pixel)")
    unit = "intensity (Å$^2$)" if truth.camera.dose is None else "electrons"
    figure.colorbar(picture, ax=left, label=unit)
    step = truth.facts.get("step")
    scale: float = 1.0 if step is None else step
    extent: Any = [scale * edge for edge in (-0.5, nx - 0.5, ny - 0.5, -0.5)]
    picture = right.imshow(values, cmap="viridis", extent=extent, interpolation="nearest")
    unit = "position" if step is None else "Å"
    right.set(title="true of the volumes", xlabel=f"x ({unit})", ylabel=f"y ({unit})")
    figure.colorbar(picture, ax=right, label=label_text(label))
    return figure
