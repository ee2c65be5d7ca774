"""Figures of maps of d_i; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pyiron_nbed.checks import shown
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.disorder_map import DisorderMap
from pyiron_nbed.experiment.map_tables import compare_maps, trusted_values
from pyiron_nbed.figures.style import LINE_COLORS, label_text, new_figure

_FLAGGED = (0.85, 0.2, 0.2, 0.55)


def plot_map(found: DisorderMap) -> Figure:
    """A map of d_i, its standard uncertainty and the distrust; flagged positions are red.

    Colours reach from the 1st to the 99th percentile of the positions without a flag.

    Args:
        found: the map.

    Returns:
        The figure.

    Raises:
        InputError: something else than a map.
    """
    instance(found, "The map", DisorderMap, "a DisorderMap, as map_scan gives it")
    flagged, label = found.flagged, label_text(found.label)
    panels = [(found.mean, label, "viridis"), (found.std, f"standard uncertainty of {label}", "magma")]
    if np.isfinite(found.distrust).any():
        panels.append((found.distrust, "distrust, 1: the limit", "cividis"))
    height, width = found.shape
    tall = float(np.clip(3.2 * height / width, 0.8, 6.0))
    figure = new_figure(figsize=(3.9 * len(panels), tall + 1.3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharex=True, sharey=True))
    scale, unit = (1.0, "position") if found.step is None else (found.step, "Å")
    extent = tuple(scale * edge for edge in (-0.5, width - 0.5, height - 0.5, -0.5))
    for axis, (values, title, colors) in zip(axes, panels, strict=True):
        own = values[np.isfinite(values) & ~flagged]
        own = own if len(own) else values[np.isfinite(values)]
        low, high = np.percentile(own, (1, 99)) if len(own) else (0, 1)
        image = axis.imshow(values, extent=extent, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
        figure.colorbar(
            image, ax=axis, label=title, shrink=0.9, location="bottom", pad=0.02, ticks=MaxNLocator(4)
        )
        axis.set_xlabel(f"x ({unit})")
    if flagged.any():
        over = np.zeros((*found.shape, 4))
        over[flagged] = _FLAGGED
        axes[0].imshow(over, extent=extent, interpolation="nearest")
    axes[0].set_ylabel(f"y ({unit})")
    error = "± unknown" if np.isnan(found.level_error) else f"± {found.level_error:.3f}"
    figure.suptitle(
        f"level {found.level:.3f} {error} (90 %), {flagged.mean():.1%} of the positions flagged", fontsize=10
    )
    return figure


def plot_map_boxes(maps: Sequence[DisorderMap], names: Sequence[str] | None = None, **options: Any) -> Figure:
    """Boxes of several maps: median, quartiles, whiskers and outliers, with the mean and its interval.

    Whiskers reach to the last value within 1.5 times the box. The bar beside each box is the interval of the
    level, which the same model may get wrong for the map as a whole.

    Args:
        maps: two or more, or one.
        names: of the maps; None numbers them.
        options: of :func:`pyiron_nbed.experiment.compare_maps`.

    Returns:
        The figure.

    Raises:
        InputError: no maps, another number of names, or maps of different labels.
    """
    maps = listed(maps, "maps", "DisorderMaps")
    table, _ = compare_maps(maps, names, **options)
    if names is not None and len(names) != len(maps):
        raise InputError(f"names is {shown(names)}: give {len(maps)} names, one for each map.")
    figure = new_figure(figsize=(1.3 * len(maps) + 2.4, 3.9), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(maps))
    axis.boxplot(
        [trusted_values(one) for one in maps], positions=places, widths=0.5, patch_artist=True,
        medianprops={"color": "black", "lw": 1.4}, flierprops={"marker": ".", "ms": 2.5, "alpha": 0.4},
        boxprops={"facecolor": LINE_COLORS[1], "alpha": 0.6},
    )  # fmt: skip
    mean = table["mean"].to_numpy()
    spread = np.maximum([mean - table["mean_low"], table["mean_high"] - mean], 0.0)  # of one block they round
    axis.errorbar(places, mean, spread, fmt="D", ms=4, color=LINE_COLORS[2], capsize=3,
                  label="mean, 95 % interval")  # fmt: skip
    known = np.isfinite(table["level_error"].to_numpy())
    if known.any():
        axis.errorbar(
            places[known] + 0.36, table["level"][known], table["level_error"][known], fmt="none",
            color=LINE_COLORS[0], capsize=3, label="level, 90 % interval",
        )  # fmt: skip
    axis.set_xticks(places, [f"{n}\n{c:,}" for n, c in zip(table["map"], table["n_positions"], strict=True)])
    axis.set(ylabel=label_text(maps[0].label), xlim=(-0.6, len(maps) - 0.2))
    axis.legend(fontsize=8, frameon=False)
    return figure
