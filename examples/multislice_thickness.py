"""How multislice and kinematic patterns part with thickness, in a Cu-Zr glass.

    pip install "pyiron_nbed[multislice]"
    python examples/multislice_thickness.py --figure docs/multislice_thickness.png

Cylinders of radius 5 Å and growing height at the same random positions of the glass, whose cell is repeated;
the beam is tilted against the cell, so that a column does not meet its own periodic image. Prints a Markdown
table. Δk = 0.03 Å⁻¹ holds all detail of such patterns (1/(2D) = 0.05 Å⁻¹) at a quarter of the time.
"""

from __future__ import annotations

import argparse

import numpy as np
from matplotlib.figure import Figure

from pyiron_nbed import Cylinder, Mesh, examples, simulate_patterns
from pyiron_nbed.figures.style import LINE_COLORS
from pyiron_nbed.patterns import Recipe

ZONE_AXIS = (0.3, 0.55, 1.0)
THICKNESSES = (10, 20, 30, 40, 50, 60, 80, 100)  # Å
CASES = ("kinematic, flat slice", "kinematic, Ewald sphere", "multislice")
PAIRS = ((0, 2), (1, 2), (0, 1))  # first with second of CASES
MEASURES = ("deviation", "deviation beyond 0.3 Å⁻¹, sums made equal", "correlation of log(1 + I)")


def measures(first: np.ndarray, second: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Deviation of the first from the second, their difference in the rings, and correlation: (3, P).

    Deviation Σ|I₁ − I₂|/Σ I₂ over the disc without k = 0; the same over |k| > 0.3 Å⁻¹, where the shape of
    the volume no longer outshines the rings of the glass, with I₁ scaled to the sum of I₂ there;
    correlation of log(1 + I) over the disc without k = 0.
    """
    disc = mesh.disc & (mesh.k > 0)
    a, b = first[:, disc].astype(float), second[:, disc].astype(float)
    deviation = np.abs(a - b).sum(axis=1) / b.sum(axis=1)
    correlation = [np.corrcoef(x, y)[0, 1] for x, y in zip(np.log1p(a), np.log1p(b), strict=True)]
    rings = mesh.k[disc] > 0.3
    a, b = a[:, rings], b[:, rings]
    scaled = a * (b.sum(axis=1) / a.sum(axis=1))[:, None]
    return np.array([deviation, np.abs(scaled - b).sum(axis=1) / b.sum(axis=1), correlation])


def study(positions: int, seed: int, delta_k: float, cores: int | None) -> tuple[dict, Mesh]:
    """Patterns of every case, {thickness in Å: (3, P, n, n)}, and their mesh."""
    glass = examples.load("glass_slow")
    centers = np.random.default_rng(seed).random((positions, 3)) @ glass.cell.array
    glass = glass * (3, 3, 3)
    flat, sphere = Mesh(1.0, delta_k), Mesh(1.0, delta_k, 200e3)
    patterns = {}
    for thickness in THICKNESSES:
        volume = Cylinder(radius=5, height=thickness)
        patterns[thickness] = np.array(
            [
                simulate_patterns(glass, centers, volume, mesh, ZONE_AXIS, engine, cores=cores)
                for mesh, engine in ((flat, "cpu"), (sphere, "cpu"), (sphere, "multislice"))
            ]
        )
        print(f"{thickness} Å done", flush=True)
    return patterns, flat


def draw(patterns: dict, values: np.ndarray, mesh: Mesh) -> Figure:
    """Curves with their quartiles, and one position at 2 and 10 nm."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    axes = left.subplots(3, 1, sharex=True)
    nanometres = np.array(THICKNESSES) / 10
    for (one, other), color, rows in zip(PAIRS, LINE_COLORS[1:4], values.transpose(1, 2, 0, 3), strict=True):
        for axis, points in zip(axes, rows, strict=True):
            low, middle, high = np.percentile(points, (25, 50, 75), axis=1)
            axis.plot(nanometres, middle, "o-", ms=3.5, color=color, label=f"{CASES[one]} – {CASES[other]}")
            axis.fill_between(nanometres, low, high, color=color, alpha=0.2, lw=0)
    for axis, label in zip(axes, ("deviation", "deviation\n|k| > 0.3 Å$^{-1}$", "correlation"), strict=True):
        axis.set_ylabel(label, fontsize=8.5)
        axis.tick_params(labelsize=8)
    for axis in axes[:2]:
        axis.set_ylim(bottom=0)
    axes[2].set_xlabel("thickness (nm)", fontsize=8.5)
    left.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", frameon=False, fontsize=8)
    panels = right.subplots(2, 3, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    reach = mesh.axis[-1] + mesh.delta_k / 2
    for row, thickness in zip(panels, (20, 100), strict=True):
        for axis, name, pattern in zip(row, CASES, patterns[thickness][:, 0], strict=True):
            image = np.where(mesh.disc, Recipe.simulation(mesh).images(pattern[None])[0], np.nan)
            axis.imshow(image, origin="lower", extent=(-reach, reach) * 2, cmap="inferno", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[], frame_on=False)
            if thickness == 20:
                axis.set_title(name.replace(", ", "\n"), fontsize=8)
        row[0].set_ylabel(f"{thickness // 10} nm", fontsize=9)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--positions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delta-k", type=float, default=0.03, help="in Å⁻¹")
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--figure", default="multislice_thickness.png")
    arguments = parser.parse_args()
    patterns, mesh = study(arguments.positions, arguments.seed, arguments.delta_k, arguments.cores)
    values = np.array(
        [[measures(p[one], p[other], mesh) for one, other in PAIRS] for p in patterns.values()]
    )  # (thicknesses, pairs, measures, positions)
    for m, measure in enumerate(MEASURES):
        print(f"\n| {measure}, thickness (nm) | " + " | ".join(f"{t / 10:g}" for t in THICKNESSES) + " |")
        print("|---" * (len(THICKNESSES) + 1) + "|")
        for pair, (one, other) in enumerate(PAIRS):
            low, middle, high = np.percentile(values[:, pair, m], (25, 50, 75), axis=1)
            cells = [f"{b:.3f} ({a:.3f} to {c:.3f})" for a, b, c in zip(low, middle, high, strict=True)]
            print(f"| {CASES[one]} against {CASES[other]} | " + " | ".join(cells) + " |")
    inside = mesh.disc & (mesh.k > 0)
    ratio = [np.median(p[2][:, inside].sum(1) / p[1][:, inside].sum(1)) for p in patterns.values()]
    print("\nmultislice / kinematic sum on the Ewald sphere:", np.round(ratio, 3))
    draw(patterns, values, mesh).savefig(arguments.figure, dpi=100)


if __name__ == "__main__":
    main()
