"""From the file of a microscope to a map of d_i with a model that comes with the package, without LAMMPS.

    python examples/map_a_scan.py map_a_scan

A scan across the amorphous films of ``complexion_c``, which the model never saw, is simulated and written as
Merlin's ``scan.mib``: the centre wanders, the pattern is an ellipse, electrons are counted, some pixels are
hot or dead. From there on it is a measurement: read, calibrated (a powder of gold by the same camera first),
mapped.
``report.json`` compares the map with the truth; ``map.png``, ``calibration.png`` and ``profile.png`` show it.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from ase.build import bulk

from pyiron_nbed import Cylinder, examples, figures
from pyiron_nbed.experiment import (
    Camera,
    Descan,
    MeasuredScan,
    ScanTruth,
    calibrate,
    map_scan,
    read_scan,
    simulate_scan,
    write_simulated_scan,
)
from pyiron_nbed.geometry.frames import random_zone_axes


def powder_of_gold(camera, grains):
    """Frames of gold crystals in random orientations, a line of a scan."""
    crystal = bulk("Au", cubic=True) * (12, 12, 12)
    middle = np.full((1, 1, 3), crystal.cell[0, 0] / 2)
    frames = [
        simulate_scan(
            crystal, Cylinder(radius=15, height=20), camera.replaced(seed=camera.seed + 1 + number),
            positions=middle, zone_axis=axis,
        )[0, 0]
        for number, axis in enumerate(random_zone_axes(grains, seed=camera.seed))
    ]  # fmt: skip
    return MeasuredScan.from_array(np.stack(frames))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default="map_a_scan")
    parser.add_argument("--example", default="complexion_c", help="structure that is measured")
    parser.add_argument("--model", default="cu-zr-r5-h20", help="name or folder of a model")
    parser.add_argument("--step", type=float, default=3.0, help="Å between positions")
    parser.add_argument("--pixels", type=int, default=224, help="along one side of the camera")
    parser.add_argument(
        "--dose", type=float, default=1e6, help="electrons of a frame, most in the forward beam"
    )
    parser.add_argument("--grains", type=int, default=150, help="of the gold that calibrates the camera")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begin, folder = time.perf_counter(), Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    pixels, volume = arguments.pixels, Cylinder(radius=5, height=20)
    camera = Camera(
        (pixels, pixels), 2.3 / pixels, center=(0.49 * pixels, 0.51 * pixels), ellipticity=0.008, angle=35.0,
        descan=Descan("plane", [[0.02, 0.0], [0.0, -0.03]]), blur=0.7, dose=arguments.dose, bits=24, hot=5,
        dead=5, seed=arguments.seed,
    )  # fmt: skip
    measured = simulate_scan(examples.load(arguments.example), volume, camera, step=arguments.step)
    write_simulated_scan(folder / "scan.mib", measured, overwrite=True)

    scan = read_scan(folder / "scan.mib", step=arguments.step)
    gold = powder_of_gold(camera.replaced(descan=None), arguments.grains)
    first = calibrate(gold, rings="Au", beam_stop=None, descan="none")  # scale and ellipse
    calibration = calibrate(scan, like=first, beam_stop=None)  # centre and descan
    found = map_scan(
        scan, arguments.model, calibration, elements=["Cu", "Zr"], path=folder / "map.h5", overwrite=True
    )
    found.plot().savefig(folder / "map.png", dpi=130)
    calibration.plot(scan).savefig(folder / "calibration.png", dpi=130)

    truth = ScanTruth.load(folder / "scan.truth.h5")["disorder_parameter"]
    trusted = ~found.flagged
    error = found.mean - truth
    difference = (error - error[trusted].mean())[trusted]
    x = arguments.step * np.arange(truth.shape[1])
    figures.prediction_profile(
        x, truth.mean(axis=0), found.mean.mean(axis=0), position_label="x across the boundaries (Å)"
    ).savefig(folder / "profile.png", dpi=130)
    report = {
        "positions": int(truth.size),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "level": found.level,
        "level_error": found.level_error,
        "true_level": float(truth[trusted].mean()),  # of the positions that the level is of
        "differences_covered": float(np.mean(np.abs(difference) < 1.645 * found.std[trusted])),
        "share_flagged": float(found.flagged.mean()),
        "flags": {name: int(own.sum()) for name, own in found.flags.items()},
        "electrons_in_the_mask": float(np.median(found.electrons)),
        "delta_k_found": calibration.delta_k,
        "delta_k_true": camera.delta_k,
        "ellipticity_found": calibration.ellipticity,
        "ellipticity_true": camera.ellipticity,
        "center_found": list(calibration.center),
        "center_true": list(camera.center),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    print(found)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
