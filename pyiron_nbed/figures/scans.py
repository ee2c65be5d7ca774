"""Figures of the patterns of a scan; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle, ConnectionPatch

from pyiron_nbed import checks
from pyiron_nbed.containers import columns, row_numbers
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.errors import InputError
from pyiron_nbed.figures.ssro import draw_slice
from pyiron_nbed.figures.style import (
    LINE_COLORS,
    PREDICTED,
    REGION_COLORS,
    TRUE,
    disorder_colorbar,
    label_text,
    new_figure,
    pattern_extent,
    scale_bar,
    shade_regions,
)
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.patterns.mesh import Mesh, as_mesh, check_patterns
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.ssro.colors import OUTSIDE_COLOR
from pyiron_nbed.ssro.disorder import disorder_of
from pyiron_nbed.ssro.regions import OUTSIDE, REGION_TYPES

_ROWS = 256  # patterns in memory at a time
_LABEL = label_text()


def region_groups(region: np.ndarray, region_types: Sequence[str]) -> dict[str, np.ndarray]:
    """Patterns of each region.

    Args:
        region: (P,) number of the region, as ``PatternDataset.region``.
        region_types: names of the numbers, as ``PatternDataset.region_types``.

    Returns:
        {name: (M,) rows} of the regions that have patterns; "none" is called "outside the regions".

    Raises:
        InputError: a number without a name.

    Example:
        >>> region_groups(np.array([1, 2, 1]), ["none", "crystal", "ACTR"])
        {'crystal': array([0, 2]), 'ACTR': array([1])}
    """
    numbers = np.unique(region).tolist()
    if not all(isinstance(number, int) and 0 <= number < len(region_types) for number in numbers):
        raise InputError(
            f"region holds {numbers[-1]!r}: give whole numbers below {len(region_types)}, the number of "
            "region_types."
        )
    names = [OUTSIDE if name == REGION_TYPES[0] else name for name in region_types]
    return {names[number]: np.flatnonzero(np.asarray(region) == number) for number in numbers}


def label_groups(values: np.ndarray, count: int = 3) -> dict[str, np.ndarray]:
    """Patterns sorted by a label into classes of equal size.

    Args:
        values: (P,) label of the patterns.
        count: classes.

    Returns:
        {"number: lowest – highest value": (M,) rows}, ascending.

    Raises:
        InputError: no finite numbers, or fewer patterns than classes.

    Example:
        >>> label_groups(np.array([0.1, 0.9, 0.2, 0.8]), 2)
        {'1: 0.100 – 0.200': array([0, 2]), '2: 0.800 – 0.900': array([1, 3])}
    """
    (values,) = columns(values=values)
    count = checks.whole(count, "count", 1)
    if count > len(values):
        raise InputError(f"There are {len(values)} patterns for {count} classes: give fewer classes.")
    parts = np.array_split(np.argsort(values, kind="stable"), count)
    return {
        f"{number}: {values[rows[0]]:.3f} – {values[rows[-1]]:.3f}": np.sort(rows)
        for number, rows in enumerate(parts, 1)
    }


def radial_profiles(
    patterns: np.ndarray, mesh: Mesh, groups: Mapping[str, np.ndarray], bin_width: float | None = None
) -> Figure:
    """Azimuthal mean I(k) and azimuthal variance of groups of patterns; the axis on top is d = 1/k.

    Lines are medians over the patterns of a group, bands reach from the 16th to the 84th percentile.

    Args:
        patterns: (P, n, n) raw intensity, also read from disc piece by piece.
        mesh: their mesh.
        groups: {name: (M,) rows}, see :func:`region_groups` and :func:`label_groups`.
        bin_width: of the rings in Å⁻¹; None takes delta_k.

    Returns:
        The figure.

    Raises:
        InputError: as :func:`pyiron_nbed.diffraction.radial.radial_profile`, or no groups.
    """
    mesh = as_mesh(mesh)
    groups = _checked(groups, check_patterns(patterns, mesh)[0])
    figure = new_figure(figsize=(5.8, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for color, (name, rows) in zip(_colors(groups), groups.items(), strict=True):
        profile = radial_profile(patterns[rows], mesh, bin_width)
        for axis, values in ((upper, profile.mean), (lower, profile.variance)):
            # the first ring is k = 0 alone: it has no variance and lies far above all others
            low, middle, high = np.percentile(values[:, 1:], (16, 50, 84), axis=0)
            axis.fill_between(profile.k[1:], low, high, color=color, alpha=0.2, lw=0)
            axis.plot(profile.k[1:], middle, color=color, lw=1.5, label=f"{name} ({len(rows):,})")
    upper.set(yscale="log", ylabel="I(k) (Å$^2$)")
    lower.set(xlabel="k (Å$^{-1}$)", ylabel=r"$\langle I^2\rangle/\langle I\rangle^2-1$", ylim=(0, None))
    lower.set_xlim(0, mesh.k_max)
    spacings = upper.twiny()
    ticks = [d for d in (10, 5, 3, 2, 1.5, 1.2, 1, 0.8, 0.6, 0.5) if 1 / d <= mesh.k_max]
    spacings.set_xlim(0, mesh.k_max)
    spacings.set_xticks([1 / d for d in ticks], [f"{d:g}" for d in ticks])
    spacings.set_xlabel("d (Å)")
    upper.legend(frameon=False, fontsize=9)
    return figure


def mean_patterns(patterns: np.ndarray, mesh: Mesh, groups: Mapping[str, np.ndarray]) -> Figure:
    """Mean pattern of each group, and below it the standard deviation over its patterns.

    A region of several grains shows the reflections of all of them.

    Args:
        patterns: (P, n, n) raw intensity, also read from disc piece by piece.
        mesh: their mesh.
        groups: {name: (M,) rows}, see :func:`region_groups` and :func:`label_groups`.

    Returns:
        The figure; one logarithmic colour scale for all panels.

    Raises:
        InputError: no groups.
    """
    mesh = as_mesh(mesh)
    groups = _checked(groups, check_patterns(patterns, mesh)[0])
    panels = [_moments(patterns, rows) for rows in groups.values()]
    shown = np.where(mesh.disc, panels, np.nan)
    # the central beam is far above and single dark pixels are far below all else
    low, high = np.nanpercentile(shown[:, 0], (1, 99.8))
    low = max(low, 1e-6 * high)
    norm = LogNorm(low, high)
    figure = new_figure(figsize=(2.3 * len(panels) + 0.9, 5.1), layout="constrained")
    axes = figure.subplots(2, len(panels), squeeze=False)
    for column, (name, rows) in enumerate(groups.items()):
        for axis, values in zip(axes[:, column], shown[column], strict=True):
            axis.imshow(
                np.maximum(values, low), origin="lower", extent=pattern_extent(mesh), cmap="inferno",
                norm=norm,
            )  # fmt: skip
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            scale_bar(axis)
        axes[0, column].set_title(f"{name}\n{len(rows):,} patterns", fontsize=9)
    axes[0, 0].set_ylabel("mean")
    axes[1, 0].set_ylabel("standard deviation")
    scale = ScalarMappable(norm, "inferno")
    figure.colorbar(scale, ax=axes.ravel().tolist(), label="I (Å$^2$)", shrink=0.6, extend="both")
    return figure


def patterns_along_scan(
    atoms: Atoms,
    patterns: np.ndarray,
    positions: np.ndarray,
    labels: np.ndarray,
    mesh: Mesh,
    radius: float | None = None,
    normal: int = 2,
    thickness: float = 5.0,
    regions: Sequence[Mapping[str, Any]] = (),
    shown: int = 7,
    label: str = _LABEL,
) -> Figure:
    """Patterns of a line scan over a slice of the structure, with the label along the line.

    Args:
        atoms: the structure (Å) with d_i in ``arrays``, as "disorder_parameter" or "disorder_modulus".
        patterns: (P, n, n) raw intensity along the line.
        positions: (P, 3) in Å, along one Cartesian axis across the beam.
        labels: (P,) values of the label.
        mesh: of the patterns.
        radius: of the interaction volumes in Å, drawn at the patterns shown; None draws none.
        normal: 0, 1 or 2, the axis along the beam, across which the slice is cut at the line.
        thickness: of the slice in Å.
        regions: table of regions along x for the background of the curve, as ``SSRO`` gives it.
        shown: patterns drawn, evenly spaced along the line.
        label: name of the label.

    Returns:
        The figure.

    Raises:
        InputError: arrays of different length, positions that are no such line, or no d_i.
    """
    check_atoms(atoms)
    mesh, shown, normal = (
        as_mesh(mesh),
        checks.whole(shown, "shown", 1),
        checks.one_of(normal, "normal", (0, 1, 2)),
    )
    if radius is not None:
        checks.number(radius, "radius", above=0, unit="Å", hint="or None")
    check_patterns(patterns, mesh)
    positions = checks.real_array(positions, "positions", (None, 3), "positions in Å of shape (P, 3)")
    (labels,) = columns(labels=labels)
    if not len(patterns) == len(positions) == len(labels) or len(labels) < 2:
        raise InputError(
            f"There are {len(patterns)} patterns, {len(positions)} positions and {len(labels)} labels: give "
            "at least two, and as many of each."
        )
    along = int(np.argmax(np.ptp(positions, axis=0)))
    if along == normal or np.delete(np.ptp(positions, axis=0), along).max() > 0.01:
        raise InputError(
            "The positions are no line along a Cartesian axis across the beam: give such a line."
        )
    order = np.argsort(positions[:, along])
    where = order[np.unique(np.linspace(0, len(order) - 1, shown).round().astype(int))]
    up = 3 - along - normal

    figure = new_figure()
    curve, structure = figure.add_axes((0, 0, 1, 1)), figure.add_axes((0, 0, 0.9, 1))
    draw_slice(structure, atoms, None, normal, thickness, positions[0, normal], along)
    (start, end), (low, high) = structure.get_xlim(), structure.get_ylim()
    # a long structure is shown around the line
    middle, reach = positions[0, up], 0.3 * (end - start)
    if high - low > 2 * reach:
        low = min(max(low, middle - reach), high - 2 * reach)
        high = low + 2 * reach
        structure.set_ylim(low, high)

    # in inches, so that the curve and the slice share their horizontal axis whatever the structure's shape
    width, left, right, size = 6.4, 0.65, 0.95, 6.4 / len(where)
    bottoms, heights = [0.5], [1.3]
    for gap, height in ((0.12, width * (high - low) / (end - start)), (0.45, size)):
        bottoms.append(bottoms[-1] + heights[-1] + gap)
        heights.append(height)
    total, above = left + width + right, bottoms[-1] + size + 0.3
    figure.set_size_inches(total, above)

    def place(x: float, wide: float, row: int) -> tuple[float, float, float, float]:
        return (x / total, bottoms[row] / above, wide / total, heights[row] / above)

    curve.set_position(place(left, width, 0))
    structure.set_position(place(left, width, 1))
    images = Recipe.simulation(mesh).images(np.asarray(patterns[where]))
    line = positions[:, along]
    for number, (row, image) in enumerate(zip(where, images, strict=True)):
        axis = figure.add_axes(place(left + number * size + 0.02, size - 0.04, 2))
        axis.imshow(
            np.where(mesh.disc, image, np.nan), origin="lower", extent=pattern_extent(mesh), cmap="inferno",
            vmin=0, vmax=1,
        )  # fmt: skip
        axis.set_axis_off()
        axis.set_title(f"{labels[row]:.2f}", fontsize=9, pad=3)
        if number == 0:
            # beside the disc: the image is too small to hold a bar
            edge = float(mesh.axis[0])
            axis.plot([edge - 0.75, edge - 0.25], [0.8 * edge] * 2, color="black", lw=2, clip_on=False)
            axis.text(edge - 0.5, 0.85 * edge, "0.5 Å$^{-1}$", ha="center", va="top", fontsize=7)
            axis.set(xlim=pattern_extent(mesh)[:2], ylim=pattern_extent(mesh)[2:])
            axis.text(-0.02, 1.07, label, transform=axis.transAxes, ha="right", fontsize=8)
        figure.add_artist(
            ConnectionPatch(
                (0.5, 0), (line[row], positions[row, up] + (radius or 0)), axis.transAxes,
                structure.transData, color=PREDICTED, lw=0.9, zorder=3,
            )
        )  # fmt: skip
        if radius is not None:
            circle = Circle((line[row], positions[row, up]), radius, fill=False, color=PREDICTED, lw=1.4)
            structure.add_patch(circle)
    structure.plot(line, positions[:, up], ".", color=PREDICTED, ms=3)
    structure.set(xlabel="", xticklabels=[])
    bar = figure.add_axes(place(left + width + 0.12, 0.12, 1))
    disorder_colorbar(figure, disorder_of(atoms.arrays)[0], cax=bar)
    if along == 0:
        shade_regions([curve], regions, float(atoms.cell.lengths()[0]))
    curve.plot(line[order], labels[order], "-", color=TRUE, lw=1.2)
    curve.plot(line[where], labels[where], "o", color=PREDICTED, ms=4.5)
    curve.set(xlabel=f"{'xyz'[along]} (Å)", ylabel=label, xlim=(start, end))
    return figure


def _checked(groups: Any, count: int) -> dict[str, np.ndarray]:
    if not isinstance(groups, Mapping):
        raise InputError(
            f"groups is {checks.shown(groups)}: give {{name: rows}}, such as region_groups gives them."
        )
    found = {name: row_numbers(rows, count, f"The group {name!r}") for name, rows in groups.items()}
    _colors(found)
    return found


def _colors(groups: Mapping[str, np.ndarray]) -> list[str]:
    if not groups or any(len(rows) == 0 for rows in groups.values()):
        raise InputError(
            "There are no patterns in a group, or no groups: give {name: rows} with some in each."
        )
    known = {**REGION_COLORS, OUTSIDE: OUTSIDE_COLOR}
    return [known.get(name, LINE_COLORS[n % len(LINE_COLORS)]) for n, name in enumerate(groups)]


def _moments(patterns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over some patterns, read piece by piece."""
    parts = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
    mean = sum(np.sum(patterns[part], axis=0, dtype=float) for part in parts) / len(rows)
    square = sum(np.sum((patterns[part] - mean) ** 2, axis=0) for part in parts)
    return mean, np.sqrt(square / len(rows))
