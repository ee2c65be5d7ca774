"""The study's numbers beside those of our example structures, as a Markdown table.

    python examples/ssro_results.py complexion_a composite_3a_aligned
    python examples/ssro_results.py                                # all minimised examples
    python examples/ssro_results.py --emergence 0.2 complexion_a   # another definition of the ACTR
    python examples/ssro_results.py --modulus complexion_a         # d_i = 1 − |Σ s_ij| / 12

Medians, means and shares are of d_i = 1 − (1/12) Σ s_ij (signed); ordered and disordered motifs are
Cu-centred.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from pyiron_nbed import examples
from pyiron_nbed.ssro import disorder_of
from pyiron_nbed.ssro.summary import short_range_order

PUBLISHED = {
    "mean of all atoms; share above 1": "",
    "median within 5 Å of the two centres": "",
    "median in the matrix": "",
    "median, crystal": "",
    "median, ACTR": "0.304",
    "mean, each ACTR": "0.277, 0.390 (one film)",
    "median, interior": "0.863",
    "mean; 5 to 95 %, interior": "",
    "asymmetry of the ACTRs (difference of means)": "0.113",
    "fcc atoms (CNA) below 0.01": "98.9 %",
    "median, FCC motif": "",
    "median, ordered motifs": "0.290",
    "median, disordered motifs": "0.915",
    "threshold between these two": "0.768",
    "ordered below it": "91.38 %",
    "disordered above it": "96.43 %",
    "ACTR thickness (Å)": "",
    "interior thickness (Å)": "",
    "most frequent motifs": "",
}


def column(name: str, options: dict[str, Any], modulus: bool) -> dict[str, str]:
    """Our numbers for one example, under the names of ``PUBLISHED``."""
    atoms = examples.load(name)
    atoms, summary = short_range_order(
        atoms, analyses=["voronoi", "cna", "regions"], top_motifs=4, region_options=options, modulus=modulus
    )
    disorder = disorder_of(atoms.arrays)[1]
    record, regions = examples.provenance(name), summary["regions"]
    classes, threshold, table = summary["motif_classes"], summary["threshold"], regions["table"]
    result = {
        "atoms": f"{len(atoms):,}",
        "potential": record["potential"]["name"].split("--Cu-Zr")[0],
        "Zr": f"{100 * summary['composition'].get('Zr', 0):.1f} at.%",
    }
    result["mean of all atoms; share above 1"] = f"{disorder.mean():.3f}; {100 * (disorder > 1).mean():.1f} %"
    if record["builder"] == "composite":
        radius, fractions = record["structure"]["radius"], np.array(record["structure"]["positions"])
        near = [_distance(atoms, fraction @ atoms.cell.array) for fraction in fractions]
        result["median within 5 Å of the two centres"] = ", ".join(
            f"{np.median(disorder[r < 5]):.3f}" for r in near
        )
        outside = np.min(near, axis=0) > radius + 3.5
        result["median in the matrix"] = f"{np.median(disorder[outside]):.3f}"
    for kind in ("crystal", "ACTR", "interior"):
        if kind in regions["types"]:
            result[f"median, {kind}"] = f"{regions['types'][kind]['median']:.3f}"
    if "interior" in regions["types"]:
        inside = regions["types"]["interior"]
        result["mean; 5 to 95 %, interior"] = (
            f"{inside['mean']:.3f}; {inside['percentile_5']:.2f} to {inside['percentile_95']:.2f}"
        )
    actrs = [row for row in table if row["type"] == "ACTR"]
    result["mean, each ACTR"] = ", ".join(f"{row['mean_disorder']:.3f}" for row in actrs)
    result["asymmetry of the ACTRs (difference of means)"] = ", ".join(
        f"{abs(row['difference']):.3f}" for row in regions["asymmetry"]
    )
    result["fcc atoms (CNA) below 0.01"] = f"{100 * summary['fcc_below']:.1f} %"
    result["median, FCC motif"] = f"{classes['FCC']['median']:.4f}"
    result["median, ordered motifs"] = f"{classes['ordered']['median']:.3f}"
    result["median, disordered motifs"] = f"{classes['disordered']['median']:.3f}"
    if not threshold["note"]:
        result["threshold between these two"] = f"{threshold['threshold']:.3f}"
        result["ordered below it"] = f"{100 * threshold['low_below']:.2f} %"
        result["disordered above it"] = f"{100 * threshold['high_above']:.2f} %"
    result["ACTR thickness (Å)"] = ", ".join(f"{row['thickness']:.1f}" for row in actrs)
    result["interior thickness (Å)"] = ", ".join(
        f"{row['thickness']:.1f}" for row in table if row["type"] == "interior"
    )
    result["most frequent motifs"] = ", ".join(
        f"{motif} {100 * share:.1f} %"
        for motif, share in zip(summary["motifs"]["motif"], summary["motifs"]["fraction"], strict=True)
    )
    return result


def _distance(atoms: Any, point: np.ndarray) -> np.ndarray:
    """Of every atom from a point, in Å; the cells of the composites are orthogonal."""
    sides = atoms.cell.lengths()
    vectors = atoms.positions - point
    return np.linalg.norm(vectors - sides * np.round(vectors / sides), axis=1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="examples; none takes all that are minimised")
    parser.add_argument("--window", type=float, default=3.0, help="of the regions, Å")
    parser.add_argument(
        "--emergence", type=float, default=0.5, help="share of its level at which a motif emerges"
    )
    parser.add_argument("--modulus", action="store_true", help="d_i = 1 − |Σ s_ij| / 12")
    arguments = parser.parse_args()
    names = arguments.names or [name for name in examples.names() if not name.endswith("K")]
    options = {"window": arguments.window, "emergence": arguments.emergence}
    columns = {name: column(name, options, arguments.modulus) for name in names}
    print("| quantity | published | " + " | ".join(f"`{name}`" for name in names) + " |")
    print("|---" * (len(names) + 2) + "|")
    published = {"atoms": "about 2.3 million", "potential": "2019--Mendelev-M-I", "Zr": "2 at.%", **PUBLISHED}
    for row, value in published.items():
        cells = [columns[name].get(row) or "–" for name in names]
        print(f"| {row} | {value or '–'} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
