"""Figures of patterns and maps; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pyiron_nbed.checks import interval, real_array, whole
from pyiron_nbed.containers import columns as columns_of
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.figures.style import label_text, new_figure, pattern_extent, scale_bar
from pyiron_nbed.patterns.mesh import Mesh, as_mesh, check_patterns
from pyiron_nbed.patterns.recipe import Recipe

_LABEL = label_text()


def pattern_gallery(
    patterns: np.ndarray,
    labels: np.ndarray,
    mesh: Mesh,
    columns: int = 4,
    label: str = _LABEL,
    recipe: Recipe | None = None,
) -> Figure:
    """Patterns as a network sees them (log intensity), each beside its label.

    Args:
        patterns: (P, n, n) raw intensity.
        labels: (P,) numbers written above the patterns.
        mesh: their mesh, for the scale bar.
        columns: patterns per row.
        label: name of the label.
        recipe: of the images; None takes Recipe.simulation.

    Returns:
        The figure.

    Raises:
        InputError: another number of labels than patterns, or an argument out of range.
    """
    mesh, columns = as_mesh(mesh), whole(columns, "columns", 1)
    if recipe is not None:
        instance(recipe, "The recipe", Recipe, "a Recipe, or None")
    (labels,) = columns_of(finite=False, labels=labels)
    count = check_patterns(patterns, mesh)[0]
    if len(labels) != count:
        raise InputError(f"There are {count} patterns and {len(labels)} labels: give one for each.")
    images = (Recipe.simulation(mesh) if recipe is None else recipe).images(patterns)
    columns = min(columns, len(images))
    rows = int(np.ceil(len(images) / columns))
    figure = new_figure(figsize=(2.1 * columns, 2.35 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis, image, value in zip(axes, images, labels, strict=False):
        shown = np.where(mesh.disc, image, np.nan)
        axis.imshow(shown, origin="lower", extent=pattern_extent(mesh), cmap="inferno", vmin=0, vmax=1)
        axis.set_title(f"{label} = {value:.3f}", fontsize=9)
        scale_bar(axis)
    for axis in axes:
        axis.set_axis_off()
    return figure


def disorder_maps(
    maps: Sequence[np.ndarray],
    titles: Sequence[str],
    extent: Sequence[float],
    label: str = _LABEL,
    names: Sequence[str] = ("x", "y"),
) -> Figure:
    """Maps of a label on one colour scale.

    Args:
        maps: arrays (rows = y, columns = x) of one shape.
        titles: one per map.
        extent: (x low, x high, y low, y high) in Å.
        label: of the colour bar.
        names: of the horizontal and the vertical axis.

    Returns:
        The figure.

    Raises:
        InputError: maps that are no numbers, another number of titles, or no extent.
    """
    maps, titles = listed(maps, "maps", "maps"), listed(titles, "titles", "titles")
    shown = "an array of numbers with the axes y and x"
    maps = [real_array(values, "A map", (None, None), shown, finite=False) for values in maps]
    edges = real_array(extent, "extent", (4,), "(x low, x high, y low, y high) in Å")
    for name, pair in (("x", edges[:2]), ("y", edges[2:])):
        interval(pair, f"extent along {name}", unit="Å")
    if len(maps) != len(titles):
        raise InputError(f"There are {len(maps)} maps and {len(titles)} titles: give one title per map.")
    low, high = min(np.nanmin(m) for m in maps), max(np.nanmax(m) for m in maps)
    figure = new_figure(figsize=(3.3 * len(maps) + 0.6, 3.2), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    for axis, values, title in zip(axes, maps, titles, strict=True):
        image = axis.imshow(values, origin="lower", extent=tuple(extent), cmap="viridis", vmin=low, vmax=high)
        axis.set(title=title, xlabel=f"{names[0]} (Å)")
    axes[0].set_ylabel(f"{names[1]} (Å)")
    figure.colorbar(image, ax=axes.tolist(), label=label, shrink=0.85)
    return figure
