"""From a structure to the file of a microscope to a map: its error against that of a model without effects.

    python tests/benchmarks/scan_to_map.py --clean FOLDER [--model cu-zr-r5-h20] [--seeds 0 1]

Scans of structures that the model never saw are simulated with a camera (ellipse 0.8 %, descan, point
spread, hot and dead pixels, 10 % diffuse background) at 1e5, 1e4 and 1e3 electrons in the mask, written as
.mib, read, calibrated (scale and ellipse by gold, centre and descan by the scan itself) and mapped. FOLDER
holds a model of the same training without effects: its error on patterns without effects at the same
positions is 1. Positions are grouped by their true label: crystal below 0.1, film above 0.7, between them
the ACTR. The last rows are maps with a scale that is 5 % wrong.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from map_a_scan import powder_of_gold

from pyiron_nbed import Cylinder, examples, simulate_patterns
from pyiron_nbed.experiment import (
    Camera,
    Descan,
    ScanTruth,
    calibrate,
    map_scan,
    read_scan,
    simulate_scan,
    write_simulated_scan,
)
from pyiron_nbed.learning import load_model

VOLUME = Cylinder(radius=5, height=20)
STRUCTURES = ("boundary_judge_1", "boundary_judge_2", "boundary_judge_3", "complexion_c", "composite_2009")
IN_MASK = 0.58  # of the electrons of a frame
PIXELS = 224


def camera_of(dose, seed):
    return Camera(
        (PIXELS, PIXELS), 2.3 / PIXELS, center=(0.49 * PIXELS, 0.51 * PIXELS), ellipticity=0.008, angle=35.0,
        descan=Descan("plane", [[0.02, 0.0], [0.0, -0.03]]), blur=0.7, dose=dose / IN_MASK, bits=24, hot=5,
        dead=5, background=0.1, seed=seed,
    )  # fmt: skip


def groups(true):
    return {
        "all": np.isfinite(true),
        "crystal": true < 0.1,
        "ACTR": (true > 0.1) & (true < 0.7),
        "film": true > 0.7,
    }


def errors(predicted, true):
    return {
        name: float(np.sqrt(np.mean((predicted - true)[own] ** 2)))
        for name, own in groups(true).items()
        if own.sum() > 20
    }


def line(values):
    return "  ".join(f"{name} {value:.4f}" for name, value in values.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="cu-zr-r5-h20")
    parser.add_argument("--clean", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--doses", type=float, nargs="+", default=[1e5, 1e4, 1e3])
    parser.add_argument("--structures", nargs="+", default=list(STRUCTURES))
    parser.add_argument("--step", type=float, default=4.0)
    arguments = parser.parse_args()
    model, clean = load_model(arguments.model), load_model(arguments.clean)
    folder = Path(tempfile.mkdtemp())
    gold = calibrate(
        powder_of_gold(camera_of(1e6, 99).replaced(descan=None), 150),
        rings="Au",
        beam_stop=None,
        descan="none",
    )
    print("gold:", gold, flush=True)
    for name in arguments.structures:
        atoms = examples.load(name)
        reference = None
        for dose in arguments.doses:
            for seed in arguments.seeds:
                camera = camera_of(dose, seed)
                write_simulated_scan(
                    folder / "scan.mib", simulate_scan(atoms, VOLUME, camera, arguments.step), overwrite=True
                )
                truth = ScanTruth.load(folder / "scan.truth.h5")
                true = truth["disorder_parameter"]
                if reference is None:
                    patterns = simulate_patterns(atoms, truth.positions.reshape(-1, 3), VOLUME, clean.mesh)
                    reference = errors(clean.predict(patterns).mean.reshape(true.shape), true)
                    print(f"{name}, {true.size} positions, without effects: {line(reference)}", flush=True)
                scan = read_scan(folder / "scan.mib", step=arguments.step)
                calibration = calibrate(scan, like=gold, beam_stop=None, background=False)
                found = map_scan(scan, model, calibration, elements=["Cu", "Zr"])
                own = errors(found.mean, true)
                ratio = {key: own[key] / reference[key] for key in own}
                difference = found.mean - true - np.mean(found.mean - true)
                off = np.hypot(
                    calibration.center[0] - camera.center[0], calibration.center[1] - camera.center[1]
                )
                print(
                    f"  dose {dose:.0e} seed {seed}: {line(own)} | ratio {line(ratio)} | flagged "
                    f"{found.flagged.mean():.3f} | level error {np.mean(found.mean - true):+.4f} ± "
                    f"{found.level_error:.3f} | differences covered "
                    f"{np.mean(np.abs(difference) < 1.645 * found.std):.3f} | centre off {off:.3f} px",
                    flush=True,
                )
        wrong = map_scan(scan, model, calibration.replaced(delta_k=1.05 * calibration.delta_k))
        flags = {key: round(float(value.mean()), 3) for key, value in wrong.flags.items() if value.any()}
        print(f"  scale + 5 %: {line(errors(wrong.mean, true))} | flags {flags}", flush=True)


if __name__ == "__main__":
    main()
