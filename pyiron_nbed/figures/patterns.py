"""Figures of patterns, predictions and maps; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pyiron_nbed.diffraction.scattering import Mesh
from pyiron_nbed.errors import InputError
from pyiron_nbed.figures.style import PREDICTED, TRUE, pattern_extent, scale_bar
from pyiron_nbed.images import network_images
from pyiron_nbed.learning.evaluation import metrics

_LABEL = r"mean $d_i$"


def pattern_gallery(
    patterns: np.ndarray, labels: np.ndarray, mesh: Mesh, columns: int = 4, label: str = _LABEL
) -> Figure:
    """Patterns as a network sees them (log intensity), each beside its label.

    Args:
        patterns: (P, n, n) raw intensity.
        labels: (P,) numbers written above the patterns.
        mesh: their mesh, for the scale bar.
        columns: patterns per row.
        label: name of the label.

    Returns:
        The figure.
    """
    images = network_images(patterns, mesh)
    columns = min(columns, len(images))
    rows = int(np.ceil(len(images) / columns))
    figure = Figure(figsize=(2.1 * columns, 2.35 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis, image, value in zip(axes, images, labels, strict=False):
        shown = np.where(mesh.disc, image, np.nan)
        axis.imshow(shown, origin="lower", extent=pattern_extent(mesh), cmap="inferno", vmin=0, vmax=1)
        axis.set_title(f"{label} = {value:.3f}", fontsize=9)
        scale_bar(axis)
    for axis in axes:
        axis.set_axis_off()
    return figure


def parity(true: np.ndarray, predicted: np.ndarray, label: str = _LABEL) -> Figure:
    """Predicted against true label, with R² and RMSE.

    Args:
        true: (P,) numbers.
        predicted: (P,) numbers.
        label: name of the label.

    Returns:
        The figure.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    result = metrics(true, predicted)
    low = min(true.min(), predicted.min())
    high = max(true.max(), predicted.max())
    pad = 0.03 * (high - low) if high > low else 0.01
    limits = (low - pad, high + pad)
    figure = Figure(figsize=(4.6, 4.0), layout="constrained")
    axis = figure.subplots()
    counts = axis.hexbin(
        true, predicted, gridsize=60, mincnt=1, bins="log", cmap="viridis", extent=(*limits, *limits)
    )
    figure.colorbar(counts, ax=axis, label="patterns", shrink=0.85)
    axis.plot(limits, limits, color="0.3", lw=0.8, ls="--")
    axis.set(xlim=limits, ylim=limits, xlabel=f"{label}, true", ylabel=f"{label}, predicted")
    axis.set_aspect("equal")
    axis.text(
        0.04, 0.96, f"R² = {result['r2']:.3f}\nRMSE = {result['rmse']:.4f}\n{len(true):,} patterns",
        transform=axis.transAxes, va="top", fontsize=9,
    )  # fmt: skip
    return figure


def prediction_profile(
    position: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
    label: str = _LABEL,
    position_label: str = "position (Å)",
) -> Figure:
    """True and predicted label along a line.

    Args:
        position: (P,) in Å.
        true: (P,) numbers.
        predicted: (P,) numbers.
        label: name of the label.
        position_label: of the horizontal axis.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.plot(position, true, color=TRUE, lw=1.8, label="true (from atoms)")
    axis.plot(position, predicted, "o-", color=PREDICTED, ms=3.5, lw=1, label="predicted (from patterns)")
    axis.set(xlabel=position_label, ylabel=label, xlim=(position.min(), position.max()))
    axis.set_ylim(bottom=min(0.0, float(np.min(predicted)) - 0.02))
    axis.legend(frameon=False, fontsize=9)
    return figure


def disorder_maps(
    maps: Sequence[np.ndarray], titles: Sequence[str], extent: Sequence[float], label: str = _LABEL
) -> Figure:
    """Maps of a label on one colour scale.

    Args:
        maps: arrays (rows = y, columns = x) of one shape.
        titles: one per map.
        extent: (x low, x high, y low, y high) in Å.
        label: of the colour bar.

    Returns:
        The figure.
    """
    if len(maps) != len(titles) or not maps:
        raise InputError(f"There are {len(maps)} maps and {len(titles)} titles: give one title per map.")
    low, high = min(np.nanmin(m) for m in maps), max(np.nanmax(m) for m in maps)
    figure = Figure(figsize=(3.3 * len(maps) + 0.6, 3.2), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    for axis, values, title in zip(axes, maps, titles, strict=True):
        image = axis.imshow(values, origin="lower", extent=tuple(extent), cmap="viridis", vmin=low, vmax=high)
        axis.set(title=title, xlabel="x (Å)")
    axes[0].set_ylabel("y (Å)")
    figure.colorbar(image, ax=axes.tolist(), label=label, shrink=0.85)
    return figure
