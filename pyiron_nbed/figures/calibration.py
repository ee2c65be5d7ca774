"""A calibration drawn over the mean pattern of its scan, so that a person sees at once whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pyiron_nbed.checks import real_array
from pyiron_nbed.containers import instance
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.figures.style import LINE_COLORS, new_figure

_RING, _STOP, _HOT, _DEAD, _CENTER = "#7fe0ff", "#ff9d3c", "#ff4dd2", "#5dff7f", "#ffffff"
_TURNS = np.linspace(0, 2 * np.pi, 361)
_SECTORS = 90
_MOST_PARTS = 12  # along a side of the map of the descan


def scan_calibration(
    calibration: Calibration, mean: np.ndarray, parts: Mapping[str, Any] | None = None
) -> Figure:
    """Mean pattern with all estimates drawn over it, radial profile, unrolled rings, and descan.

    On the mean pattern (logarithmic): centre and the area over which it wanders, rings at the radii found (or
    at round k) as ellipses, the outline of what is hidden, hot and dead pixels, a scale bar. Below the radial
    profile the rings are unrolled over the angle: they are straight lines where centre and ellipse fit.

    Args:
        calibration: of the scan.
        mean: (H, W) mean frame.
        parts: what :func:`pyiron_nbed.experiment.calibrate` found for parts of the scan; None: not drawn.

    Returns:
        The figure.

    Raises:
        InputError: no calibration, or a frame of another shape.
    """
    instance(calibration, "The calibration", Calibration, "a Calibration, as calibrate gives it")
    mean = real_array(mean, "mean", calibration.frame_shape, "the mean frame of the scan", finite=False)
    wide = calibration.descan.kind != "none" and calibration.descan.coefficients.any()
    figure = new_figure(figsize=(11.5, 7.0 if wide else 6.0), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.35, 1))
    left, right = halves
    _draw_pattern(left.subplots(), calibration, mean)
    heights = (1.2, 1.2, 1.3) if wide else (1.2, 1.2)
    axes = right.subplots(len(heights), 1, height_ratios=heights)
    axes[1].sharex(axes[0])
    _draw_profile(axes[0], calibration, mean)
    _draw_unrolled(axes[1], calibration, mean)
    if wide:
        _draw_descan(axes[2], calibration, parts)
    return figure


def marked_rings(calibration: Calibration) -> tuple[np.ndarray, bool]:
    """k in Å⁻¹ of the rings that are drawn, and whether they are those found in the pattern.

    Example:
        >>> marked_rings(Calibration((31.5, 31.5), 0.02, (64, 64)))[0].tolist()
        [0.25, 0.5]
    """
    rows = [row for row in calibration.facts.get("rings", []) if isinstance(row, dict) and "k" in row]
    if rows:
        return np.array(sorted(row["k"] for row in rows)), True
    reach = 0.5 * min(calibration.frame_shape) * calibration.delta_k
    step = next((s for s in (0.05, 0.1, 0.25, 0.5, 1.0) if reach / s < 5), 2.0)
    return np.arange(step, reach, step), False


def _draw_pattern(axis: Any, calibration: Calibration, mean: np.ndarray) -> None:
    good = calibration.mask & (mean > 0)
    low, high = np.percentile(mean[good], (2, 99.7)) if good.any() else (1.0, 10.0)
    low = max(low, high * 1e-5)
    norm = LogNorm(low, max(high, 1.001 * low))
    image = axis.imshow(
        np.maximum(np.nan_to_num(mean), low), cmap="inferno", norm=norm, interpolation="nearest"
    )
    if calibration.hidden is not None and calibration.hidden.any():
        shade = np.zeros((*mean.shape, 4))
        shade[calibration.hidden] = (0.35, 0.6, 0.75, 0.3)
        axis.imshow(shade, interpolation="nearest")
        axis.contour(calibration.hidden.astype(float), [0.5], colors=_STOP, linewidths=1.3)
    for pixels, color, marker in ((calibration.hot, _HOT, "s"), (calibration.dead, _DEAD, "D")):
        if pixels is not None and pixels.any():
            rows, columns = np.nonzero(pixels)
            axis.plot(
                columns,
                rows,
                marker,
                ms=5 if len(rows) < 60 else 1.5,
                mfc="none",
                mec=color,
                mew=0.9,
                ls="none",
            )
    found, _ = marked_rings(calibration)
    for k in found:
        x, y = calibration.to_pixels(k * np.cos(_TURNS), k * np.sin(_TURNS)).T
        axis.plot(x, y, color=_RING, lw=0.9, ls=(0, (4, 3)))
    x, y = calibration.center
    axis.plot(x, y, "+", color=_CENTER, ms=13, mew=1.4)
    disc = calibration.facts.get("disc")
    if disc:
        axis.plot(
            disc["x"] + disc["radius"] * np.cos(_TURNS), disc["y"] + disc["radius"] * np.sin(_TURNS),
            color=_CENTER, lw=0.9,
        )  # fmt: skip
    ny, nx = calibration.scan_shape
    edge = [(0, i) for i in range(nx)] + [(i, nx - 1) for i in range(ny)]
    edge += [(ny - 1, i) for i in range(nx)[::-1]] + [(i, 0) for i in range(ny)[::-1]]
    path = calibration.center_at(*np.array(edge).T)
    if np.ptp(path, axis=0).max() > 0:
        axis.plot(path[:, 0], path[:, 1], color=_CENTER, lw=1.0)
    rows, columns = mean.shape
    axis.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xlabel="x (pixels)", ylabel="y (pixels)")
    _bar(axis, calibration)
    axis.figure.colorbar(image, ax=axis, label="mean intensity of a frame", shrink=0.75, extend="both")
    axis.set_title(_heading(calibration), fontsize=9, loc="left")
    marks = [
        (_CENTER, "-", "+", "centre" + (" and its descan" if np.ptp(path) and len(path) > 4 else "")),
        (_RING, "--", "", "rings" if marked_rings(calibration)[1] else "round k"),
        (_STOP, "-", "", "hidden"), (_HOT, "", "s", "hot"), (_DEAD, "", "D", "dead"),
    ]  # fmt: skip
    there = [True, True, *(p is not None and p.any() for p in _pixels(calibration))]
    lines = [
        axis.plot([], [], color=color, ls=line, marker=marker, mfc="none", mec=color, label=text)[0]
        for (color, line, marker, text), shown in zip(marks, there, strict=True)
        if shown
    ]
    axis.legend(
        handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=len(lines), fontsize=8,
        labelcolor="white", facecolor="#404040", edgecolor="none",
    )  # fmt: skip


def _pixels(calibration: Calibration) -> tuple[np.ndarray | None, ...]:
    return calibration.hidden, calibration.hot, calibration.dead


def _heading(calibration: Calibration) -> str:
    def error(value: float, form: str) -> str:
        return "" if np.isnan(value) else f" ± {value:{form}}"

    c = calibration
    return (
        f"centre ({c.center[0]:.2f}, {c.center[1]:.2f}){error(c.center_error, '.2f')} px,  "
        f"{c.delta_k:.5f}{error(c.delta_k_error, '.5f')} Å$^{{-1}}$ per px "
        f"({c.facts.get('scale_by', 'given')})\n"
        f"ellipticity {100 * c.ellipticity:.2f}{error(100 * c.ellipticity_error, '.2f')} % at {c.angle:.0f}"
        f"{error(c.angle_error, '.0f')}°"
        + ("" if c.semiangle is None else f",  semiangle {c.semiangle:.2f} mrad")
    )


def _bar(axis: Any, calibration: Calibration) -> None:
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    reach = 0.3 * min(calibration.frame_shape) * calibration.delta_k
    length = next((s for s in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if s < reach), reach)
    axis.add_artist(
        AnchoredSizeBar(
            axis.transData, length / calibration.delta_k, f"{length:g} Å$^{{-1}}$", "lower left",
            color="white", frameon=False, size_vertical=0.008 * min(calibration.frame_shape),
        )
    )  # fmt: skip


def _radial(calibration: Calibration, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k, mean and standard deviation in rings a pixel wide, of pixels that count."""
    good = calibration.mask & np.isfinite(mean)
    ring = np.rint(calibration.k()[good] / calibration.delta_k).astype(int)
    counts = np.bincount(ring)
    seen = counts > 3
    total, square = (np.bincount(ring, v)[seen] / counts[seen] for v in (mean[good], mean[good] ** 2))
    return np.flatnonzero(seen) * calibration.delta_k, total, np.sqrt(np.maximum(square - total**2, 0))


def _draw_profile(axis: Any, calibration: Calibration, mean: np.ndarray) -> None:
    k, values, spread = _radial(calibration, mean)
    axis.fill_between(
        k, np.maximum(values - spread, 1e-9), values + spread, color=LINE_COLORS[1], alpha=0.2, lw=0
    )
    axis.plot(k, values, color=LINE_COLORS[1], lw=1.4)
    if calibration.background is not None:
        rho = np.arange(len(calibration.background)) * calibration.delta_k
        axis.plot(rho, calibration.background, color=LINE_COLORS[0], lw=1, ls=":", label="diffuse")
        axis.legend(frameon=False, fontsize=7)
    positive = values[values > 0]
    if len(positive):
        top = np.sort(values)[-max(3, len(values) // 40)]
        axis.set(yscale="log", ylim=(0.5 * np.percentile(positive, 2), 3 * top))
    found, _ = marked_rings(calibration)
    for number, place in enumerate(found):
        axis.axvline(place, color=LINE_COLORS[2], lw=0.8, ls="--")
        axis.text(
            place, 1.01 + 0.07 * (number % 2), f"{place:.3f}", color=LINE_COLORS[2], fontsize=6, ha="center",
            va="bottom", transform=axis.get_xaxis_transform(),
        )  # fmt: skip
    if calibration.disc_radius is not None:
        axis.axvspan(0, calibration.disc_radius, color=LINE_COLORS[0], alpha=0.12, lw=0)
    axis.set(xlim=(0, k[-1]), ylabel="I(k)", xlabel="")
    axis.tick_params(labelbottom=False)


def _draw_unrolled(axis: Any, calibration: Calibration, mean: np.ndarray) -> None:
    good = calibration.mask & np.isfinite(mean)
    rows, columns = np.nonzero(good)
    kx, ky = calibration.to_k(columns, rows)
    ring = np.rint(np.hypot(kx, ky) / calibration.delta_k).astype(int)
    sector = (np.rad2deg(np.arctan2(ky, kx)) % 360 / (360 / _SECTORS)).astype(int) % _SECTORS
    size = ring.max() + 1
    place = sector * size + ring
    counts = np.bincount(place, minlength=size * _SECTORS).reshape(_SECTORS, size)
    total = np.bincount(place, mean[good], size * _SECTORS).reshape(_SECTORS, size)
    values = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    level = np.bincount(ring, mean[good]) / np.maximum(np.bincount(ring), 1)
    # a steep decay hides rings: against a smooth curve through the profile
    width = max(3, size // 12)
    padded = np.pad(np.log(np.maximum(level, 1e-9 * level.max())), width, mode="edge")
    smooth = np.exp(np.convolve(padded, np.ones(2 * width + 1) / (2 * width + 1), "valid"))
    shown = values / smooth
    low, high = np.nanpercentile(shown[:, 3:], (3, 97))
    extent = (-0.5 * calibration.delta_k, (size - 0.5) * calibration.delta_k, 0, 360)
    axis.imshow(
        shown, origin="lower", aspect="auto", extent=extent, cmap="gray", vmin=low, vmax=high,
        interpolation="nearest",
    )  # fmt: skip
    for place in marked_rings(calibration)[0]:
        axis.axvline(place, color=LINE_COLORS[2], lw=0.7, ls=(0, (5, 5)))
    axis.set(xlabel="k (Å$^{-1}$)", ylabel="direction of k (°)", yticks=[0, 90, 180, 270, 360])


def _draw_descan(axis: Any, calibration: Calibration, parts: Mapping[str, Any] | None) -> None:
    ny, nx = calibration.scan_shape
    iy, ix = (np.unique(np.linspace(0, n - 1, min(n, _MOST_PARTS)).round().astype(int)) for n in (ny, nx))
    rows, columns = np.meshgrid(iy, ix, indexing="ij")
    every = calibration.descan.shift(np.arange(ny)[:, None], np.arange(nx)[None, :], (ny, nx))
    size = np.hypot(*np.moveaxis(every, -1, 0))
    image = axis.imshow(size, cmap="viridis", aspect="equal", vmin=0)
    shift = calibration.descan.shift(rows, columns, (ny, nx))
    axis.quiver(
        columns, rows, shift[..., 0], shift[..., 1], color="white", angles="xy", pivot="mid", width=0.006
    )
    note = ""
    if parts is not None and len(parts["kept"]) > 1:
        u, v = parts["terms"][:, 0] + (nx - 1) / 2, parts["terms"][:, 1] + (ny - 1) / 2
        rest = parts["rest"][parts["kept"]]
        note = f", parts of the scan within {np.sqrt(np.mean(rest**2)):.2f} px"
        off = ~parts["kept"]
        axis.plot(u[off], v[off], "x", color="#ff5050", ms=7, mew=1.5)
    axis.figure.colorbar(image, ax=axis, label="descan (px)")
    axis.set_title(f"descan: {calibration.descan.kind}{note}", fontsize=8)
    axis.set(xlabel="column of the scan", ylabel="row")
