"""Figures of the patterns of a scan across the films of an example structure.

    python examples/patterns_along_scan.py complexion_a figures

writes ``patterns_along_scan.png``, ``mean_patterns.png`` and ``radial_profiles.png``. The scan is a plane of
cylinders, r = 5 Å and h = 20 Å, 2.5 Å apart, along and across the boundary normal; the line is its middle.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from pyiron_nbed import Cylinder, examples, figures
from pyiron_nbed.dataset import PatternDataset, build_dataset, find_scan
from pyiron_nbed.ssro.summary import short_range_order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("example", nargs="?", default="complexion_a")
    parser.add_argument("folder", nargs="?", default="figures")
    arguments = parser.parse_args()
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    atoms, summary = short_range_order(
        examples.load(arguments.example), analyses=["voronoi", "cna", "regions"]
    )
    volume = Cylinder(radius=5, height=20)
    step = (2.5, 2.5, atoms.cell.lengths()[2])  # one plane
    build_dataset(folder / "plane.h5", [atoms], [volume], step=step, labels=["disorder_parameter"])
    dataset = PatternDataset(folder / "plane.h5")
    plane = find_scan(dataset).rows[0]
    line = plane[len(plane) // 2]
    figures.patterns_along_scan(
        atoms, dataset.patterns[line], dataset.centers[line], dataset.label()[line], dataset.mesh,
        radius=volume.radius, regions=summary["regions"]["table"],
    ).savefig(folder / "patterns_along_scan.png", dpi=130)  # fmt: skip
    with Image.open(folder / "patterns_along_scan.png") as image:  # hundreds of atoms: 256 colours do
        image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
            folder / "patterns_along_scan.png", optimize=True
        )
    groups = figures.region_groups(dataset.region, dataset.region_types)
    figures.mean_patterns(dataset.patterns, dataset.mesh, groups).savefig(
        folder / "mean_patterns.png", dpi=150
    )
    figures.radial_profiles(dataset.patterns, dataset.mesh, groups).savefig(
        folder / "radial_profiles.png", dpi=150
    )


if __name__ == "__main__":
    main()
