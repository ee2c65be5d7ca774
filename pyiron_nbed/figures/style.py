"""Colours and axes that figures share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import get_backend, rcParams
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pyiron_nbed.checks import number, one_of
from pyiron_nbed.containers import with_entries
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.ssro.colors import COLOR_MAP, DISORDER_RANGE, REGION_COLORS

TRUE, PREDICTED = "#4c4c4c", "#c8501e"
DISORDER_TEXT = {"disorder_parameter": "$d_i$", "disorder_modulus": r"$d_i^\mathrm{mod}$"}
LINE_COLORS = ("#4c4c4c", "#3b6ea5", "#b5403a", "#3a8f5c", "#8a5aa3", "#e0a030", "#53b0c0", "#a0764c")


def new_figure(**options: Any) -> Figure:
    """A figure that is shown once: as the result of a notebook's cell, at its end, or by ``pyplot.show()``.

    It is one of pyplot where pyplot shows any: in the main thread, with a display or in a notebook, for as
    many figures as pyplot keeps open without a warning. Elsewhere (scripts without a display, worker
    threads, jobs in a queue, long loops) only the caller holds it; it can be saved all the same.

    Args:
        options: of ``matplotlib.figure.Figure``.

    Example:
        >>> new_figure(figsize=(3, 2)).get_size_inches().tolist()
        [3.0, 2.0]
    """
    if threading.current_thread() is threading.main_thread() and _shows_figures():
        from matplotlib import pyplot

        if len(pyplot.get_fignums()) < (rcParams["figure.max_open_warning"] or np.inf):
            with contextlib.suppress(ImportError):  # a window was asked for where there is no display
                return pyplot.figure(FigureClass=_Shown, **options)
    return Figure(**options)


class _Shown(Figure):
    """A figure of pyplot that a notebook does not draw a second time at the end of the cell."""

    def _ipython_display_(self) -> None:
        from matplotlib import pyplot

        if "inline" in get_backend():
            pyplot.close(self)
        raise NotImplementedError  # IPython then draws it as any other figure


def _shows_figures() -> bool:
    # asking for the backend looks for a display where none was chosen
    return get_backend().lower() not in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)


def label_text(name: str = "disorder_parameter") -> str:
    """A label of patterns as figures write it; of the modulus d_i^mod.

    Example:
        >>> label_text(), label_text("q6")
        ('mean $d_i$', 'q6')
    """
    if name == "number_density":
        return "number density (Å$^{-3}$)"
    return f"mean {DISORDER_TEXT[name]}" if name in DISORDER_TEXT else name


def disorder_colorbar(figure: Any, name: str, **options: Any) -> None:
    """Colour bar of atoms that are coloured by d_i.

    Args:
        figure: matplotlib figure.
        name: "disorder_parameter" or "disorder_modulus".
        options: of ``Figure.colorbar``, such as ``ax`` or ``cax``.
    """
    scale = ScalarMappable(Normalize(*DISORDER_RANGE), COLOR_MAP)
    figure.colorbar(scale, label=DISORDER_TEXT[name], extend="max", **options)


def check_regions(table: Any) -> None:
    """Raise InputError for what is no table of regions: rows with "type", "start" and "end" in Å."""
    if not isinstance(table, (list, tuple)):
        raise InputError(
            f"regions is of the type {type(table).__name__}: give a list of rows, or () for none."
        )
    for row in table:
        with_entries(
            row, "A region", ("type", "start", "end"), "rows such as those of summary['regions']['table']"
        )
        one_of(row["type"], "The type of a region", REGION_COLORS)
        for name in ("start", "end"):
            number(row[name], f"The {name} of a region", unit="Å")


def shade_regions(
    axes: Iterable[Any], table: Sequence[Mapping[str, Any]], length: float | None = None
) -> None:
    """Colour the background of profiles by region; a region that crosses the cell is drawn in two parts.

    Args:
        axes: matplotlib axes whose horizontal axis is the boundary normal in Å.
        table: rows with "type", "start" and "end" in Å.
        length: of the cell along the axis in Å; None for regions that cross no edge of it.
    """
    check_regions(table)
    for axis in axes:
        for row in table:
            color = REGION_COLORS[row["type"]]
            if length is None:
                axis.axvspan(row["start"], row["end"], color=color, alpha=0.13, lw=0)
                continue
            for shift in (0.0, length):
                low, high = max(row["start"] - shift, 0.0), min(row["end"] - shift, length)
                if high > low:
                    axis.axvspan(low, high, color=color, alpha=0.13, lw=0)


def region_legend(figure: Any, table: Sequence[Mapping[str, Any]]) -> None:
    """Legend of the background colours above a figure."""
    from matplotlib.patches import Patch

    present = [name for name in REGION_COLORS if any(row["type"] == name for row in table)]
    if present:
        patches = [Patch(color=REGION_COLORS[name], alpha=0.3, lw=0, label=name) for name in present]
        figure.legend(
            handles=patches, loc="outside upper center", ncols=len(patches), frameon=False, fontsize=9
        )


def pattern_extent(mesh: Mesh) -> tuple[float, float, float, float]:
    """Edges of the image of a pattern in Å⁻¹, as matplotlib's ``imshow`` takes them."""
    reach = float(mesh.axis[-1] + mesh.delta_k / 2)
    return (-reach, reach, -reach, reach)


def scale_bar(axis: Any) -> None:
    """Bar of 0.5 Å⁻¹ in a corner of a pattern that is drawn with :func:`pattern_extent`."""
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    axis.add_artist(
        AnchoredSizeBar(
            axis.transData, 0.5, "0.5 Å$^{-1}$", "lower left", frameon=False, size_vertical=0.012,
            pad=0.1, borderpad=0.1, sep=2, fontproperties={"size": 6},
        )
    )  # fmt: skip
