"""A scan across the amorphous film of an example structure, as a camera would measure it, and back.

    python examples/scan_of_a_boundary.py boundary_1 figures

writes ``scan.mib`` with ``scan.hdr`` and ``scan.truth.h5``, reads it, calibrates it as a measurement (a glass
first, by the same camera: crystals make no rings), prepares the patterns with the calibration found and with
the true one, and draws ``scan_of_a_boundary.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pyiron_nbed import Cylinder, Mesh, examples, figures
from pyiron_nbed.experiment import (
    Camera,
    Descan,
    MeasuredScan,
    ScanTruth,
    calibrate,
    prepare,
    read_scan,
    simulate_scan,
    write_simulated_scan,
)
from pyiron_nbed.patterns import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("example", nargs="?", default="boundary_1")
    parser.add_argument("folder", nargs="?", default="figures")
    parser.add_argument("--step", type=float, default=4.0, help="Å between positions")
    parser.add_argument("--pixels", type=int, default=256, help="along one side of the camera")
    parser.add_argument("--dose", type=float, default=1e6, help="electrons of a frame")
    arguments = parser.parse_args()
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    pixels = arguments.pixels
    camera = Camera(
        (pixels, pixels), 2.3 / pixels, center=(0.49 * pixels, 0.51 * pixels), ellipticity=0.02, angle=35.0,
        descan=Descan("plane", [[0.05, 0.0], [0.0, -0.05]]), dose=arguments.dose, hot=3, dead=3, seed=1,
    )  # fmt: skip
    simulated = simulate_scan(examples.load(arguments.example), Cylinder(5, 20), camera, step=arguments.step)
    write_simulated_scan(folder / "scan.mib", simulated, overwrite=True)

    scan = read_scan(folder / "scan.mib", step=arguments.step)
    glass = simulate_scan(examples.load("glass_slow"), Cylinder(5, 20), camera.replaced(seed=2), step=10)
    glass = MeasuredScan.from_array(glass[:])  # simulated once, not in each pass
    first = calibrate(glass, delta_k=camera.delta_k, beam_stop=None)
    found = calibrate(scan, like=first, beam_stop=None)
    truth = ScanTruth.load(folder / "scan.truth.h5")
    recipe = Recipe.experiment(Mesh(1.0, 0.03, integrate=3), k_min=0.2)
    images = [prepare(scan, cal, recipe).images() for cal in (found, truth.calibration)]
    change = float(np.sqrt(np.mean((images[0] - images[1])[:, recipe.mask] ** 2)))
    for name, calibration in (("found", found), ("true", truth.calibration)):
        print(f"{name:6} {calibration}")
    print(f"images with the calibration found instead of the true one: rms change {change:.4f}")
    figures.simulated_scan(scan, truth).savefig(folder / "scan_of_a_boundary.png", dpi=130)


if __name__ == "__main__":
    main()
