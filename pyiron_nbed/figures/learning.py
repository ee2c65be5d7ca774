"""Figures of trained networks; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from pyiron_nbed import checks
from pyiron_nbed.checks import one_of
from pyiron_nbed.containers import columns, instance
from pyiron_nbed.errors import InputError
from pyiron_nbed.figures.style import (
    LINE_COLORS,
    PREDICTED,
    REGION_COLORS,
    TRUE,
    label_text,
    new_figure,
    region_legend,
    shade_regions,
)
from pyiron_nbed.learning.evaluation import metrics
from pyiron_nbed.learning.settings import LOSSES, TARGETS
from pyiron_nbed.learning.uncertainty import COVERAGE, NORMAL_QUANTILE
from pyiron_nbed.ssro.colors import OUTSIDE_COLOR
from pyiron_nbed.ssro.regions import OUTSIDE

_LABEL = label_text()
_BINS = 160  # of the density, along each axis
_SMOOTHED = 500  # patterns from which on a density says more than points
_SHARES = (0.9, 0.5)  # of the patterns, inside the contour lines


def parity(
    true: np.ndarray,
    predicted: np.ndarray,
    label: str = _LABEL,
    regions: Sequence[str] | np.ndarray | None = None,
) -> Figure:
    """Predicted against true label: density of the patterns, R² and RMSE (Fig. 6 of [WuRupert2026]).

    From 500 patterns on (in a region, where they are given) contour lines hold the densest 50 % and 90 % of
    them, and the density (colours, logarithmic) is a histogram smoothed with a Gaussian; fewer are drawn as
    points alone.

    Args:
        true: (P,) numbers.
        predicted: (P,) numbers.
        label: name of the label.
        regions: (P,) "crystal", "ACTR", "interior" or another word for no region, for a colour and an RMSE
            for each; None draws all in one.

    Returns:
        The figure.

    Raises:
        InputError: no finite numbers, or lengths that differ.

    Example:
        >>> t = np.random.default_rng(0).normal(size=400)
        >>> parity(t, t + 0.1, label="q6").axes[0].get_xlabel()
        'q6, true'
    """
    true, predicted = columns(true=true, predicted=predicted)
    result = metrics(true, predicted)
    groups: list[tuple[str | None, np.ndarray]] = [(None, np.ones(len(true), bool))]
    if regions is not None:
        names = np.asarray(regions)
        if names.shape != true.shape:
            raise InputError(f"regions is {checks.shown(regions)} for {len(true)} labels: give one for each.")
        inside = [(name, names == name) for name in REGION_COLORS if (names == name).any()]
        groups = [*inside, (None, ~np.isin(names, list(REGION_COLORS)))]
        groups = [(name, own) for name, own in groups if own.any()]
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    pad = 0.04 * (high - low) if high > low else 0.01
    limits = (low - pad, high + pad)
    figure = new_figure(figsize=(4.4, 4.2), layout="constrained")
    axis = figure.subplots()
    handles: list[Line2D] = []
    for name, own in groups:
        color = (OUTSIDE_COLOR if handles else TRUE) if name is None else REGION_COLORS[name]
        few = own.sum() < _SMOOTHED
        axis.plot(
            true[own], predicted[own], ".", color=color, ms=5 if few else 2, alpha=0.6 if few else 0.4, mew=0,
            rasterized=True, zorder=1,
        )  # fmt: skip
        density, levels = _density(true[own], predicted[own], limits)
        at = np.linspace(*limits, _BINS + 1)
        middle = (at[1:] + at[:-1]) / 2
        if name is None and len(groups) == 1 and density is not None:
            shown = np.ma.masked_less(density, levels[0])
            axis.pcolormesh(at, at, shown, cmap="viridis", norm="log", rasterized=True, zorder=2)
            color = "k"
        if density is not None:
            axis.contour(middle, middle, density, levels, colors=color, linewidths=(0.7, 1.2), zorder=3)
        if len(groups) > 1 or name is not None:
            part = metrics(true[own], predicted[own])
            text = f"{name or OUTSIDE}: RMSE {part['rmse']:.4f}, skill {part['skill']:.2f}".replace("-", "−")
            handles.append(Line2D([], [], color=color, lw=1.5, label=text))
    axis.plot(limits, limits, color="0.3", lw=0.8, ls="--", zorder=4)
    axis.set(xlim=limits, ylim=limits, xlabel=f"{label}, true", ylabel=f"{label}, predicted")
    axis.set_aspect("equal")
    r2 = f"{result['r2']:.3f}".replace("-", "−")
    axis.text(
        0.04, 0.96, f"R² = {r2}\nRMSE = {result['rmse']:.4f}\n{len(true):,} patterns",
        transform=axis.transAxes, va="top", fontsize=9,
    )  # fmt: skip
    if axis.collections:
        axis.set_title("lines hold 50 % and 90 % of the patterns", fontsize=8, color="0.3")
    if handles:
        axis.legend(handles=handles, loc="lower right", frameon=False, fontsize=7.5)
    return figure


def _density(
    true: np.ndarray, predicted: np.ndarray, limits: tuple[float, float]
) -> tuple[np.ndarray | None, list[float]]:
    """Smoothed histogram (rows: predicted) and the levels above which ``_SHARES`` of the patterns lie."""
    if len(true) < _SMOOTHED or true.std() == 0 or predicted.std() == 0:
        return None, []
    counts, _, _ = np.histogram2d(predicted, true, bins=_BINS, range=(limits, limits))
    # as wide as Scott's rule has it for the band about the diagonal, not for crystal and glass together
    spread = min((predicted - true).std(), predicted.std(), true.std())
    width = spread * _BINS / (limits[1] - limits[0])
    density = gaussian_filter(counts, max(1.5 * width * len(true) ** (-1 / 6), 1.5), mode="constant")
    at = [((v - limits[0]) / (limits[1] - limits[0]) * _BINS).astype(int) for v in (predicted, true)]
    levels = [float(np.quantile(density[at[0], at[1]], 1 - share)) for share in _SHARES]
    return density, levels if levels[0] < levels[1] else [levels[0], levels[0] * 1.001]


def learning_curves(
    history: pd.DataFrame, label: str = _LABEL, loss: str = "mae", target: str = "standardized"
) -> Figure:
    """Loss, mean absolute error and learning rate in training; dashed: of the validation patterns.

    The loss of the training is that of the patterns as they were augmented, while the weights changed.

    Args:
        history: rows with member, epoch, loss, mae, learning_rate and, where there are validation patterns,
            validation_loss and validation_mae, as ``history`` of :class:`pyiron_nbed.learning.Trained`.
        label: name of the label of the mean absolute error.
        loss, target: of the :class:`pyiron_nbed.learning.Training`, which decide the unit of the loss.

    Returns:
        The figure.

    Raises:
        InputError: a column is missing, there are no rows, or an unknown loss or target.

    Example:
        >>> rows = [{"member": 0, "epoch": e, "loss": 1 / e, "mae": 0.1 / e, "learning_rate": 1e-3}
        ...         for e in (1, 2, 3)]
        >>> len(learning_curves(pd.DataFrame(rows)).axes)
        3
    """
    instance(history, "history", pd.DataFrame, "job.get_history() or the history of what train() gives")
    of = {"standardized": "error / σ of label", "order": "error"}[one_of(target, "target", TARGETS)]
    unit = {"mae": f"|{of}|", "huber": f"Huber of {of}", "gaussian": "−ln density"}
    rows = [
        ("loss", f"loss\n{unit[one_of(loss, 'loss', LOSSES)]}"),
        ("mae", f"MAE of\n{label}"),
        ("learning_rate", "learning\nrate"),
    ]
    missing = [name for name in ("member", "epoch", *dict(rows)) if name not in history]
    if missing or not len(history):
        raise InputError(f"The history has {len(history)} rows and lacks {missing}: give job.get_history().")
    figure = new_figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1))
    for axis, (name, text) in zip(axes, rows, strict=True):
        for number, (member, own) in enumerate(history.groupby("member")):
            color = LINE_COLORS[number % len(LINE_COLORS)]
            style = "steps-post" if name == "learning_rate" else "default"
            axis.plot(
                own["epoch"], own[name], color=color, lw=1.3, drawstyle=style,
                label=f"training, member {member + 1}",
                marker="." if len(own) < 40 and style == "default" else None, ms=4,
            )  # fmt: skip
            if f"validation_{name}" in history:
                axis.plot(own["epoch"], own[f"validation_{name}"], color=color, lw=1.0, ls="--")
        shown = history.filter(regex=f"^(validation_)?{name}$")
        low, high = shown.min(axis=None), shown.max(axis=None)
        if low > 0:  # the loss "gaussian" falls below 0
            axis.set(yscale="log" if high > 10 * low else "linear")
            axis.set_ylim(*((None, None) if high > 10 * low else (0, 1.08 * high)))
        axis.set_ylabel(text)
    handles, texts = axes[0].get_legend_handles_labels()
    if len(handles) == 1:
        texts = ["training"]
    if "validation_loss" in history:
        handles, texts = [*handles, Line2D([], [], color="0.3", lw=1.0, ls="--")], [*texts, "validation"]
    figure.legend(handles, texts, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    figure.align_ylabels(axes)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    return figure


def calibration_plot(
    true: np.ndarray, predicted: np.ndarray, standard_uncertainty: np.ndarray, label: str = _LABEL
) -> Figure:
    """Whether standard uncertainties are true, and how small they are.

    Left: share of the labels inside the central interval of a normal distribution about the prediction, which
    should hold the nominal share p: |label − prediction| ≤ Φ⁻¹((1 + p)/2)·u. Right: distribution of u
    (sharpness [Gneiting2007]) beside the RMSE.

    Args:
        true, predicted: (P,) numbers.
        standard_uncertainty: (P,) u > 0.
        label: name of the label.

    Returns:
        The figure.

    Raises:
        InputError: lengths that differ, or an uncertainty that is not above 0.

    Example:
        >>> error = np.random.default_rng(0).normal(size=1000)
        >>> figure = calibration_plot(np.zeros(1000), error, np.ones(1000))
        >>> bool(abs(figure.axes[0].lines[1].get_ydata()[50] - 0.5) < 0.05)
        True
    """
    true, predicted, spread = columns(
        true=true, predicted=predicted, standard_uncertainty=standard_uncertainty
    )
    result = metrics(true, predicted)
    if not (spread > 0).all():
        raise InputError(f"The smallest standard uncertainty is {spread.min():g}: give numbers above 0.")
    nominal = np.linspace(0, 1, 101)
    nominal[-1] = 0.9999  # the interval of 1 is infinite
    scores = np.sort(np.abs(predicted - true) / spread)
    observed = np.searchsorted(scores, norm.ppf((1 + nominal) / 2), side="right") / len(scores)
    figure = new_figure(figsize=(7.4, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.5", lw=0.8, ls="--", label="as it should be")
    left.plot(nominal, observed, color=PREDICTED, lw=1.6, label="test patterns")
    left.fill_between(nominal, nominal, observed, color=PREDICTED, alpha=0.15, lw=0)
    inside = float((scores <= NORMAL_QUANTILE).mean())
    left.plot([COVERAGE], [inside], "o", color=PREDICTED, ms=5)
    left.annotate(
        f"{COVERAGE:.0%} interval holds {inside:.1%}", (COVERAGE, inside), (0.97, 0.08), ha="right",
        textcoords="axes fraction", fontsize=9, arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.7},
    )  # fmt: skip
    left.set(xlim=(0, 1), ylim=(0, 1), xlabel="nominal share inside", ylabel="observed share inside")
    left.set_aspect("equal")
    left.legend(frameon=False, fontsize=9, loc="upper left")
    top = max(float(np.percentile(spread, 99.5)), result["rmse"]) * 1.15
    right.hist(np.minimum(spread, top), bins=60, range=(0, top), color=TRUE, alpha=0.45)
    rms = float(np.sqrt((spread**2).mean()))
    right.axvline(rms, ymax=0.78, color=TRUE, lw=1.4, label=f"root mean square {rms:.4f}")
    text = f"RMSE {result['rmse']:.4f}"
    right.axvline(result["rmse"], ymax=0.78, color=PREDICTED, lw=1.4, ls="--", label=text)
    right.set(xlabel=f"standard uncertainty of {label}", ylabel="patterns", xlim=(0, top))
    right.set_ylim(top=1.3 * right.get_ylim()[1])  # room for the legend
    right.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def geometry_heatmap(table: pd.DataFrame, value: str = "rmse", label: str | None = None) -> Figure:
    """A metric over radius and height of the interaction volume, one map per network.

    As Fig. 7 of [WuRupert2026].

    Args:
        table: rows with radius and height (Å), network and ``value``, as
            :func:`pyiron_nbed.jobs.compare.compare` gives them; of several rows of one geometry and network
            (seeds) the mean is drawn.
        value: a column; skills and correlations are coloured about 0, those below −1 as −1.
        label: title; None makes it from ``value``.

    Returns:
        The figure.

    Raises:
        InputError: a column is missing, or nothing to draw.

    Example:
        >>> table = pd.DataFrame({"radius": [3, 5], "height": 20, "network": "cnn", "rmse": [0.03, 0.02]})
        >>> geometry_heatmap(table).axes[0].get_title()
        'cnn'
    """
    instance(table, "table", pd.DataFrame, "the table of compare(jobs) or of a sweep")
    instance(value, "value", str, "the name of a column")
    missing = [name for name in ("radius", "height", "network", value) if name not in table]
    for name in ("radius", "height", value):
        if name in table and not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(f"The column {name!r} holds no numbers: give one that does.")
    shown = table if missing else table.dropna(subset=["radius", "height", value])
    if missing or not len(shown):
        raise InputError(f"There is nothing to draw: {missing or value} is absent for every geometry.")
    means = shown.groupby(["network", "height", "radius"])[value].mean()
    networks = list(dict.fromkeys(shown["network"]))
    radii, heights = (sorted(shown[name].unique()) for name in ("radius", "height"))
    metric = value.split("_")[0]
    signed = metric in ("skill", "r2", "correlation", "bias")
    reach = float(np.abs(means).max()) or 1.0
    if metric != "bias":
        reach = min(reach, 1.0)  # one network that failed must not wash out the others
    style: dict[str, Any] = {"cmap": "viridis_r", "vmin": means.min(), "vmax": means.max()}
    if signed:
        style = {"cmap": "RdBu", "norm": TwoSlopeNorm(0.0, -reach, reach)}
    size = (0.75 * len(radii) + 0.7, 0.6 * len(heights) + 1.2)
    figure = new_figure(
        figsize=(max(size[0], 2.2) * len(networks) + 1.3, max(size[1], 2.6)), layout="constrained"
    )
    axes = np.atleast_1d(figure.subplots(1, len(networks), sharey=True))
    digits = 2 if signed else 4
    for axis, network in zip(axes, networks, strict=True):
        grid = np.array([[means.get((network, h, r), np.nan) for r in radii] for h in heights])
        image = axis.imshow(grid, origin="lower", aspect="auto", **style)
        for row, column in np.ndindex(grid.shape):
            number = grid[row, column]
            red, green, blue, _ = image.cmap(image.norm(number))
            dark = np.isfinite(number) and 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            text = f"{number:.{digits}f}".replace("-", "−") if np.isfinite(number) else "–"
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color="w" if dark else "k")
        axis.set_xticks(range(len(radii)), [f"{r:g}" for r in radii])
        axis.set_yticks(range(len(heights)), [f"{h:g}" for h in heights])
        axis.set(title=network, xlabel="radius (Å)")
    axes[0].set_ylabel("height (Å)")
    name = label or _named(value)
    figure.suptitle(name, fontsize=11)
    extend = "min" if signed and means.min() < -reach else "neither"
    figure.colorbar(image, ax=axes.tolist(), shrink=0.9, extend=extend)
    return figure


def _named(value: str) -> str:
    """ "skill_interior" → "skill inside the interior"."""
    metric, _, region = value.partition("_")
    metric = {"rmse": "RMSE", "mae": "MAE", "r2": "R²"}.get(metric, metric)
    return f"{metric}, {region} only" if region in REGION_COLORS else f"{metric}, all test patterns"


def prediction_profile(
    position: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
    label: str = _LABEL,
    position_label: str = "position (Å)",
    standard_uncertainty: np.ndarray | None = None,
    regions: Sequence[Mapping[str, Any]] = (),
    length: float | None = None,
) -> Figure:
    """True and predicted label along a line across a boundary or a nanocrystal.

    As Figs. 8 and 9 of [WuRupert2026].

    Args:
        position: (P,) in Å.
        true: (P,) numbers.
        predicted: (P,) numbers.
        label: name of the label.
        position_label: of the horizontal axis.
        standard_uncertainty: (P,); draws the 90 % interval, ±1.645 of it.
        regions: rows with "type", "start" and "end" in Å, for the background.
        length: of the cell along the line in Å, where regions cross its edge.

    Returns:
        The figure.

    Raises:
        InputError: lengths that differ.

    Example:
        >>> x = np.linspace(0, 50, 11)
        >>> region = {"type": "interior", "start": 20, "end": 30}
        >>> figure = prediction_profile(x, x, x, standard_uncertainty=0 * x + 0.2, regions=[region])
        >>> len(figure.axes[0].lines)
        2
    """
    given: Any = {"position": position, "true": true, "predicted": predicted}
    if standard_uncertainty is not None:
        given["standard_uncertainty"] = standard_uncertainty
    position, true, predicted, *rest = columns(**given)
    spread = rest[0] if rest else None
    if length is not None:
        checks.number(length, "length", above=0, unit="Å")
    figure = new_figure(figsize=(6.2, 3.4), layout="constrained")
    axis = figure.subplots()
    shade_regions([axis], regions, length)
    bottom = predicted
    if spread is not None:
        bottom = predicted - NORMAL_QUANTILE * spread
        axis.fill_between(
            position, bottom, predicted + NORMAL_QUANTILE * spread, color=PREDICTED, alpha=0.22, lw=0,
            label=f"{COVERAGE:.0%} interval",
        )  # fmt: skip
    axis.plot(position, true, color=TRUE, lw=1.8, label="true (from atoms)")
    axis.plot(position, predicted, "o-", color=PREDICTED, ms=3, lw=1, label="predicted (from patterns)")
    axis.set(xlabel=position_label, ylabel=label, xlim=(position.min(), position.max()))
    axis.set_ylim(bottom=min(0.0, float(np.min(bottom)) - 0.02))
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    region_legend(figure, regions)
    return figure
