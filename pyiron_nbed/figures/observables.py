"""Figures of the observables of a scan; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pyiron_nbed.checks import number, one_of, real_array, shown
from pyiron_nbed.containers import instance, listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.observables_result import MAPS, Observables
from pyiron_nbed.figures.style import LINE_COLORS, label_text, new_figure
from pyiron_nbed.units import quantities

_COLUMNS = 4
_STRAINS = ("strain_first", "strain_second")
_LABEL = label_text()
_CURVES = {
    "annular_mean": r"$V_\Omega(k)$, variance of annular means",
    "pattern": r"$V_{\bar r}(k)$, within each pattern",
    "ensemble": r"$V_{\tilde r}(k)$, over pixels and positions",
    "image": "$V(k)$ of the variance image",
}


@quantities(step="angstrom")
def plot_observables(
    observables: Observables,
    names: Sequence[str] | None = None,
    step: float | None = None,
    disorder: np.ndarray | None = None,
) -> Figure:
    """Maps of observables beside each other; colours reach from the 1st to the 99th percentile of each.

    Args:
        observables: of a scan with a grid.
        names: of ``observables.maps()``; None takes the sum, the variance, the first dark field, radius and
            strain of the first ring, and the strongest order of symmetry with the ratio of odd to even
            orders on its ring.
        step: Å between positions; None: axes count positions.
        disorder: (Ny, Nx) map of d_i that is drawn first, or None.

    Returns:
        The figure.

    Raises:
        InputError: observables without a grid, an unknown name, or a map of another shape.
    """
    instance(observables, "observables", Observables, "Observables, as scan_observables gives them")
    if len(observables.shape) != 2:
        raise InputError(
            f"The observables are of {observables.shape[0]} positions without a grid: give scan_observables "
            "positions=(Ny, Nx)."
        )
    maps = observables.maps()
    names = _usual(observables) if names is None else listed(names, "names", "names of maps")
    for name in names:
        if name not in maps:
            raise InputError(f"A name is {shown(name)}: choose among the names that observables.maps() has.")
    panels: list[tuple[np.ndarray, str, str]] = [(maps[name], *_described(name)) for name in names]
    if disorder is not None:
        what = f"{observables.shape} numbers, or None"
        first = real_array(disorder, "disorder", observables.shape, what, finite=False)
        panels.insert(0, (first, _LABEL, ""))
    if step is not None:
        number(step, "step", above=0, unit="Å", hint="or None")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    height, width = observables.shape
    tall = np.clip(2.3 * height / width, 0.7, 4.5)
    figure = new_figure(figsize=(3.3 * columns, (tall + 0.75) * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    scale = 1.0 if step is None else step
    extent = tuple(scale * edge for edge in (-0.5, width - 0.5, -0.5, height - 0.5))
    for axis, (values, title, unit) in zip(axes, panels, strict=False):
        low, high, cmap = _limits(values, title)
        image = axis.imshow(values, origin="lower", extent=extent, cmap=cmap, vmin=low, vmax=high)
        axis.set_title(title, fontsize=9)
        bar = figure.colorbar(
            image, ax=axis, label=unit, shrink=0.9, pad=0.02, extend=_beyond(values, low, high)
        )
        bar.ax.tick_params(labelsize=8)
        bar.ax.ticklabel_format(style="sci", scilimits=(-3, 4), useOffset=False)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    unit = "position" if step is None else "Å"
    for number_, axis in enumerate(axes[: len(panels)]):
        if number_ % columns == 0:
            axis.set_ylabel(f"y ({unit})")
        if number_ + columns >= len(panels):
            axis.set_xlabel(f"x ({unit})")
            axis.tick_params(labelbottom=True)
    return figure


def plot_variance(
    observables: Observables, kinds: Sequence[str] = ("image", "annular_mean"), k_min: float = 0.0
) -> Figure:
    """V(k) of fluctuation microscopy of each region, a panel for each kind; the axis on top is d = 1/k.

    Bands are ± 1.645 standard errors, 90 %.

    Args:
        observables: of a scan.
        kinds: of V(k), as :func:`pyiron_nbed.experiment.fluctuation.variance_curves` names them.
        k_min: in Å⁻¹, where the curves begin.

    Returns:
        The figure.

    Raises:
        InputError: no observables, an unknown kind, or k_min beyond the rings.
    """
    instance(observables, "observables", Observables, "Observables, as scan_observables gives them")
    for kind in listed(kinds, "kinds", "kinds of V(k)"):
        one_of(kind, "A kind", observables.kinds)
    k = observables.k
    number(k_min, "k_min", 0, below=float(k[-1]), unit="Å⁻¹")
    own = k >= k_min
    figure = new_figure(figsize=(5.8, 0.9 + 2.3 * len(kinds)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(kinds), 1, sharex=True))
    for axis, kind in zip(axes, kinds, strict=True):
        for place, region in enumerate(observables.regions):
            color = LINE_COLORS[place % len(LINE_COLORS)]
            curve, error = (values[own] for values in observables.curve(region, kind))
            band = 1.645 * np.nan_to_num(error)
            axis.fill_between(k[own], curve - band, curve + band, color=color, alpha=0.25, lw=0)
            axis.plot(k[own], curve, color=color, lw=1.5, label=region)
        axis.axhline(0, color="0.7", lw=0.8, zorder=0)
        axis.set_title(_CURVES[kind], fontsize=9, loc="left")
        axis.set_ylabel("V")
    axes[-1].set(xlabel="k (Å$^{-1}$)", xlim=(k[own][0], k[own][-1]))
    noise = "less the shot noise" if observables.corrected else "with the shot noise"
    axes[0].legend(frameon=False, fontsize=9, title=noise, title_fontsize=8)
    top = axes[0].secondary_xaxis("top", functions=(_inverse, _inverse))
    spacings = [d for d in (10, 5, 3, 2.5, 2, 1.5, 1.2, 1) if k[own][0] <= 1 / d <= k[own][-1]]
    top.set_xticks(spacings, [f"{d:g}" for d in spacings])
    top.minorticks_off()
    top.set_xlabel("d (Å)")
    return figure


def _inverse(k: Any) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return 1 / np.asarray(k, float)


def _usual(observables: Observables) -> list[str]:
    names = ["total", "variance", *(f"dark_field {name}" for name in observables.dark_fields[:1])]
    names += ["ring_radius", *_STRAINS]
    if observables.symmetry.size:
        power = np.nan_to_num(observables.symmetry).mean(axis=(0, 1))
        ring, place = np.unravel_index(int(np.argmax(power)), power.shape)
        low, high = observables.rings[ring]
        where = f"in {low:.3g}-{high:.3g}"
        names += [f"symmetry {observables.orders[place]} {where}", f"odd_to_even {where}"]
    return names


def _described(name: str) -> tuple[str, str]:
    """Title and unit of a map."""
    if name in MAPS:
        return MAPS[name]
    kind, _, rest = name.partition(" ")
    if kind == "dark_field":
        return f"dark field, {rest}", ""
    where = f"{rest.partition('in ')[2].replace('-', ' – ')} Å$^{{-1}}$"
    if kind == "symmetry":
        return f"order {rest.split()[0]}, {where}", "$|I_n|^2/|I_0|^2$"
    return f"odd to even orders, {where}", ""


def _limits(values: np.ndarray, title: str) -> tuple[float, float, str]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, "viridis"
    if title == MAPS["strain_angle"][0]:
        return 0.0, 180.0, "twilight"
    low, high = np.percentile(finite, (1, 99))
    if title in [MAPS[name][0] for name in _STRAINS]:
        reach = max(abs(low), abs(high))
        return -reach, reach, "RdBu_r"
    return float(low), float(high), "viridis"


def _beyond(values: np.ndarray, low: float, high: float) -> str:
    under, over = bool((values < low).any()), bool((values > high).any())
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((under, over), "neither")
