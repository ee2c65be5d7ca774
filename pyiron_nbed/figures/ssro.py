"""Figures of the short-range order of a structure; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pyiron_nbed import checks
from pyiron_nbed.containers import with_entries
from pyiron_nbed.errors import InputError
from pyiron_nbed.figures.style import (
    DISORDER_TEXT,
    LINE_COLORS,
    REGION_COLORS,
    TRUE,
    disorder_colorbar,
    new_figure,
    region_legend,
    shade_regions,
)
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.ssro.colors import CLASS_COLORS, CNA_COLORS, atom_colors, color_name, species_color
from pyiron_nbed.ssro.disorder import disorder_of
from pyiron_nbed.ssro.motifs import MOTIF_CLASSES, motif_class, species_mask
from pyiron_nbed.ssro.ovito import CNA_TYPES
from pyiron_nbed.ssro.regions import REGION_TYPES
from pyiron_nbed.ssro.threshold import population_threshold


def rdf_by_region(rdf: Mapping[str, Any]) -> Figure:
    """Total and partial radial distribution functions, one panel per region (Fig. 1 e-g of [WuRupert2026]).

    Args:
        rdf: ``summary["rdf"]`` of :func:`pyiron_nbed.ssro.summary.short_range_order`.

    Returns:
        The figure.

    Raises:
        InputError: no RDF in it.
    """
    with_entries(rdf, "rdf", (), "summary['rdf'] of short_range_order with the analysis 'rdf'")
    names = [name for name in (*REGION_TYPES, "all") if isinstance(rdf.get(name), Mapping)]
    if not names:
        raise InputError("There is no radial distribution function: compute it with the analysis 'rdf'.")
    with_entries(rdf, "rdf", ("r", "cutoff"), "summary['rdf'] of short_range_order with the analysis 'rdf'")
    figure = new_figure(figsize=(3.1 * len(names) + 0.4, 2.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(names)))
    pairs = list(dict.fromkeys(key for name in names for key in _unordered(rdf[name])))
    for axis, name in zip(axes, names, strict=True):
        axis.axhline(1, color="0.8", lw=0.8, zorder=0)
        for pair in pairs:
            if pair in rdf[name]:
                color = LINE_COLORS[1 + pairs.index(pair)]
                axis.plot(rdf["r"], rdf[name][pair], color=color, lw=1.0, label=pair.replace("-", "–"))
        axis.plot(rdf["r"], rdf[name]["total"], color=TRUE, lw=1.6, label="total")
        axis.set(xlabel="r (Å)", xlim=(1.5, rdf["cutoff"]), ylim=(0, None))
        axis.set_title("whole structure" if name == "all" else name, fontsize=10)
    axes[0].set_ylabel("g(r)")
    axes[-1].legend(frameon=False, fontsize=8)
    return figure


def _unordered(functions: Mapping[str, Any]) -> list[str]:
    """Names of the partial functions without those that repeat a pair in the other order."""
    found: list[str] = []
    for name in functions:
        parts = name.split("-")
        if len(parts) == 2 and "-".join(parts[::-1]) not in found:
            found.append(name)
    return found


def disorder_profiles(profiles: Mapping[str, Any], regions: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """d_i, 1 − Q_l and composition along the boundary normal, one above the other (Fig. 2 b-d).

    Lines are means in the sliding window, bands reach from the 5th to the 95th percentile.

    Args:
        profiles: ``summary["profiles"]`` of :func:`pyiron_nbed.ssro.summary.short_range_order`.
        regions: table of regions for the background.

    Returns:
        The figure.

    Raises:
        InputError: an entry is absent.
    """
    with_entries(profiles, "profiles", ("axis",), "summary['profiles'] of short_range_order")
    held = disorder_of(profiles)[0]
    rows = [(held, DISORDER_TEXT[held])]
    rows += [(name, f"$1-Q_{name[11:]}$") for name in profiles if name.startswith("one_minus_q")]
    elements = [name[9:] for name in profiles if name.startswith("fraction_")]
    figure = new_figure(figsize=(6.4, 1.7 * (len(rows) + 1) + 0.5), layout="constrained")
    axes = figure.subplots(len(rows) + 1, 1, sharex=True)
    for axis, (name, label) in zip(axes, rows, strict=False):
        profile = profiles[name]
        position = profile["position"]
        axis.fill_between(
            position, profile["percentile_5"], profile["percentile_95"], color=TRUE, alpha=0.25, lw=0
        )
        axis.plot(position, profile["mean"], color=TRUE, lw=1.4)
        axis.set_ylabel(label)
        axis.margins(y=0.08)
    axes[0].set_ylim(0, None)
    # of two elements one line says all
    shown = elements if len(elements) != 2 else [min(elements, key=lambda e: _mean(profiles, e))]
    for number, element in enumerate(shown):
        profile = profiles[f"fraction_{element}"]
        color = LINE_COLORS[(number + 2) % len(LINE_COLORS)]
        axes[-1].plot(
            profile["position"], 100 * np.asarray(profile["mean"]), color=color, lw=1.2, label=element
        )
    many = len(shown) != 1
    axes[-1].set(ylabel="composition (at.%)" if many else f"{shown[0]} (at.%)", ylim=(0, None))
    if many:
        axes[-1].legend(frameon=False, fontsize=8)
    _finish_profiles(figure, axes, profiles[held]["position"], regions, profiles["axis"])
    return figure


def _mean(profiles: Mapping[str, Any], element: str) -> float:
    return float(np.nanmean(profiles[f"fraction_{element}"]["mean"]))


def _finish_profiles(figure, axes, position, regions, number) -> None:
    """Shared horizontal axis, region colours and their legend."""
    step = position[1] - position[0] if len(position) > 1 else 1.0
    low, high = position[0] - step / 2, position[-1] + step / 2
    axes[0].set_xlim(low, high)
    if len(regions):
        shade_regions(axes, regions, high if low > 0 else high - low)
        region_legend(figure, regions)
    figure.supxlabel(f"{'xyz'[number]} (Å)", fontsize=10)
    figure.align_ylabels(axes)


def motif_densities(
    profile: Mapping[str, Any], regions: Sequence[Mapping[str, Any]] = (), axis: int = 0
) -> Figure:
    """Number densities of the most frequent motifs along the boundary normal (Fig. 3).

    Args:
        profile: ``summary["motif_profile"]``, or what :func:`pyiron_nbed.ssro.motif_density` returns.
        regions: table of regions for the background.
        axis: 0, 1 or 2, for the label.

    Returns:
        The figure, one panel per motif.

    Raises:
        InputError: an entry is absent, or another axis.
    """
    entries = ("motif", "index", "density", "position")
    with_entries(profile, "profile", entries, "summary['motif_profile'] of short_range_order")
    checks.one_of(axis, "axis", (0, 1, 2))
    n_motifs = len(profile["motif"])
    rows = (n_motifs + 1) // 2
    figure = new_figure(figsize=(7.2, 1.15 * rows + 0.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, 2, sharex=True, squeeze=False)).T.ravel()
    classes = motif_class(np.asarray(profile["index"]))
    for panel, name, density, kind in zip(
        panels, profile["motif"], np.asarray(profile["density"]), classes, strict=False
    ):
        color = CLASS_COLORS[MOTIF_CLASSES[kind]]
        panel.fill_between(profile["position"], 1000 * density, color=color, alpha=0.3, lw=0)
        panel.plot(profile["position"], 1000 * density, color=color, lw=1.1)
        panel.set_ylim(0, 1.3 * max(1000 * float(density.max()), 1e-9))
        panel.text(
            0.98, 0.95, f"{name}  {MOTIF_CLASSES[kind]}", transform=panel.transAxes, ha="right", va="top",
            fontsize=8, bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5},
        )  # fmt: skip
    for panel in panels[n_motifs:]:
        panel.set_axis_off()
    figure.supylabel("motifs per volume (nm$^{-3}$)", fontsize=10)
    _finish_profiles(figure, panels[:n_motifs], profile["position"], regions, axis)
    return figure


def disorder_boxplots(atoms: Atoms, motif_species: str | None = "Cu") -> Figure:
    """d_i by motif class and by region, with the thresholds of least total error (Fig. 4).

    Boxes hold the middle half, whiskers reach from the 5th to the 95th percentile, lines are medians.

    Args:
        atoms: N atoms with ``arrays`` "disorder_parameter" or "disorder_modulus", "motif_class" and, for the
            second panel, "region", as :func:`pyiron_nbed.ssro.summary.short_range_order` gives them.
        motif_species: element of the centres of the motifs; None or "all" takes every atom.

    Returns:
        The figure: one panel, or two where there are regions.

    Raises:
        InputError: an array is absent, or unknown species.
    """
    check_atoms(atoms)
    held, disorder = disorder_of(atoms.arrays)
    if "motif_class" not in atoms.arrays:
        raise InputError(
            "The structure has no array 'motif_class': compute it first, for example with "
            "pyiron_nbed.ssro.summary.short_range_order(atoms)."
        )
    classes = atoms.arrays["motif_class"]
    known = ~np.isnan(disorder)  # isolated atoms have no d_i
    central = species_mask(atoms, motif_species) & known
    by_class = {name: disorder[central & (classes == number)] for number, name in enumerate(MOTIF_CLASSES)}
    panels = [("motif class", by_class, CLASS_COLORS, ("ordered", "disordered"))]
    region = atoms.arrays.get("region")
    if region is not None and region.any():
        by_region = {name: disorder[known & (region == REGION_TYPES.index(name))] for name in REGION_COLORS}
        panels.append(("region", by_region, REGION_COLORS, ("ACTR", "interior")))
    figure = new_figure(figsize=(3.7 * len(panels) + 0.3, 3.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    for axis, (title, groups, colors, pair) in zip(axes, panels, strict=True):
        _boxes(axis, {name: values for name, values in groups.items() if len(values)}, colors)
        axis.set_xlabel(title)
        if all(len(groups[name]) for name in pair):
            result = population_threshold(groups[pair[0]], groups[pair[1]])
            axis.axhline(result["threshold"], color="0.25", lw=1, ls="--", zorder=0)
            axis.set_title(
                f"threshold {result['threshold']:.3f}: {100 * result['low_below']:.1f} % of {pair[0]}\n"
                f"below, {100 * result['high_above']:.1f} % of {pair[1]} above",
                fontsize=8.5,
            )
    axes[0].set(ylabel=DISORDER_TEXT[held], ylim=(-0.03, None))
    return figure


def _boxes(axis: Any, groups: Mapping[str, np.ndarray], colors: Mapping[str, str]) -> None:
    drawn = axis.boxplot(
        list(groups.values()), whis=(5, 95), showfliers=False, patch_artist=True, widths=0.55,
        medianprops={"color": "black", "lw": 1.4},
    )  # fmt: skip
    for box, name in zip(drawn["boxes"], groups, strict=True):
        box.set(facecolor=colors[name], alpha=0.6)
    axis.set_xticks(
        range(1, len(groups) + 1), [f"{name}\n{len(values):,}" for name, values in groups.items()], fontsize=9
    )


def structure_slice(
    atoms: Atoms,
    color_by: str | None = None,
    normal: int = 2,
    thickness: float = 5.0,
    center: float | None = None,
) -> Figure:
    """A slice of a structure, atoms drawn to scale (as in Fig. 1 of [WuRupert2026]).

    Args:
        atoms: N atoms (Å), with the array that colours them.
        color_by: "disorder_parameter", "disorder_modulus", "cna" or "species"; None takes d_i as the
            structure holds it.
        normal: 0, 1 or 2, the axis that the slice is cut across.
        thickness: of the slice in Å.
        center: its middle along that axis in Å; None takes the middle of the cell.

    Returns:
        The figure.

    Raises:
        InputError: unknown choice, an absent array, or a slice without atoms.
    """
    check_atoms(atoms)
    color_by = color_name(atoms, color_by)
    figure = new_figure(layout="constrained")
    axis = figure.subplots()
    inside = draw_slice(axis, atoms, color_by, normal, thickness, center)
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    aspect = (high - low) / (right - left)
    width = min(6.4, 6.0 / aspect)
    figure.set_size_inches(width + 0.8, width * aspect + 1.0)
    _color_key(figure, axis, atoms, inside, color_by)
    return figure


def draw_slice(
    axis: Any,
    atoms: Atoms,
    color_by: str | None = None,
    normal: int = 2,
    thickness: float = 5.0,
    center: float | None = None,
    horizontal: int | None = None,
) -> np.ndarray:
    """Draw a slice of a structure into axes, which then show all of it and name its coordinates.

    Args:
        axis: matplotlib axes.
        atoms, color_by, normal, thickness, center: as :func:`structure_slice`.
        horizontal: coordinate along the horizontal axis; None takes the first but the normal.

    Returns:
        (M,) the atoms drawn.

    Raises:
        InputError: as :func:`structure_slice`.
    """
    normal = checks.one_of(normal, "normal", (0, 1, 2))
    thickness = checks.number(thickness, "thickness", above=0, unit="Å")
    if center is not None:
        center = checks.number(center, "center", unit="Å", hint="or None for the middle")
    colors = atom_colors(atoms, color_by)
    positions = atoms.get_positions(wrap=True)
    depth = positions[:, normal]
    middle = (depth.min() + depth.max()) / 2 if center is None else center
    inside = np.flatnonzero(np.abs(depth - middle) <= thickness / 2)
    if len(inside) == 0:
        raise InputError(
            f"No atom lies within {thickness / 2:g} Å of {middle:.1f} Å along axis {normal}: the structure "
            f"reaches from {depth.min():.1f} to {depth.max():.1f} Å."
        )
    inside = inside[np.argsort(depth[inside], kind="stable")]  # near atoms over far ones
    across, up = sorted({0, 1, 2} - {normal}, key=lambda a: (a != horizontal, a))
    shown = positions[inside][:, [across, up]]
    low, high = shown.min(axis=0), shown.max(axis=0)
    sizes = 1.5 * covalent_radii[atoms.numbers[inside]]
    axis.add_collection(
        EllipseCollection(
            sizes, sizes, np.zeros(len(inside)), units="xy", offsets=shown,
            offset_transform=axis.transData, facecolors=colors[inside], edgecolors="black",
            linewidths=0.15, rasterized=True,
        )
    )  # fmt: skip
    axis.set(
        xlim=(low[0] - 1.5, high[0] + 1.5), ylim=(low[1] - 1.5, high[1] + 1.5),
        xlabel=f"{'xyz'[across]} (Å)", ylabel=f"{'xyz'[up]} (Å)",
    )  # fmt: skip
    axis.set_aspect("equal")
    return inside


def _color_key(figure: Figure, axis: Any, atoms: Atoms, inside: np.ndarray, color_by: str) -> None:
    if color_by in DISORDER_TEXT:
        disorder_colorbar(figure, color_by, ax=axis, location="top", shrink=0.5, aspect=30, pad=0.02)
        return
    if color_by == "cna":
        present = np.unique(atoms.arrays["cna"][inside])
        patches = [Patch(color=tuple(CNA_COLORS[kind]), label=CNA_TYPES[kind]) for kind in present]
    else:
        numbers = np.unique(atoms.numbers[inside])
        symbols = Atoms(numbers).get_chemical_symbols()
        patches = [
            Patch(color=tuple(species_color(n)), label=s) for n, s in zip(numbers, symbols, strict=True)
        ]
    axis.legend(
        handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(patches), frameon=False,
        fontsize=9, handlelength=1.2,
    )  # fmt: skip
