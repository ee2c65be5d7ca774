"""How well scans are calibrated: centre, descan, ellipse and scale of made scans, and their standard errors.

    python tests/benchmarks/calibration.py [--draws 1000] [--scans 40] [--seed SEED]

Seeds are drawn at run time and printed. Pixels are those of the 133 × 133 mesh.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from made_patterns import DELTA_K, bar, distances, glass_scan, gold

from pyiron_nbed.experiment import MeasuredScan, calibrate

POSITIONS = 64  # of each scan


def centers(scans, seed):
    """Error of the centre at every position of the scan."""
    for text, dose in (("1e5 electrons in a frame", 1e5), ("1e5 electrons in the scan", 1e5 / POSITIONS)):
        for kind in ("none", "plane", "parabola"):
            errors, inside = [], []
            for draw in range(scans):
                frames, truth, _ = glass_scan(np.random.default_rng([seed, draw, int(dose)]), kind, dose=dose)
                cal = calibrate(MeasuredScan.from_array(frames), DELTA_K, descan=kind)
                iy, ix = np.mgrid[: truth.shape[0], : truth.shape[1]]
                apart = cal.center_at(iy, ix) - truth
                errors.append(np.hypot(*np.moveaxis(apart, -1, 0)).ravel())
                middle = np.array(cal.center) - (truth.mean(axis=(0, 1)) if kind != "parabola" else 0)
                inside.append(np.abs(middle) < 1.645 * cal.center_error)
            errors = np.concatenate(errors)
            cover = "" if kind == "parabola" else f", ± 1.645 errors cover {100 * np.mean(inside):.0f} %"
            print(
                f"centre, bar, {text}, descan {kind}: median {np.median(errors):.3f}, 95 % below "
                f"{np.percentile(errors, 95):.3f} px{cover}", flush=True,
            )  # fmt: skip


def one_frame(scans, seed):
    """Error of the centre of a single frame of 1e5 electrons behind a bar."""
    for speckle in (0.0, 0.3):
        errors = []
        for draw in range(4 * scans):
            rng = np.random.default_rng([seed, draw, 7])
            frames, truth, _ = glass_scan(rng, "none", side=1, dose=1e5, speckle=speckle)
            cal = calibrate(MeasuredScan.from_array(frames), DELTA_K)
            errors.append(np.hypot(*(np.array(cal.center) - truth[0, 0])))
        print(
            f"centre, bar, one frame of 1e5 electrons, speckle {speckle}: median {np.median(errors):.3f}, "
            f"95 % below {np.percentile(errors, 95):.3f} px", flush=True,
        )  # fmt: skip


def gold_draw(rng, guess=True):
    """Deviations of one gold pattern and their standard errors: x, y, Δk, e, angle."""
    center, e, angle = 66 + rng.uniform(-8, 8, 2), rng.uniform(0.02, 0.05), rng.uniform(-80, 80)
    delta_k = DELTA_K * rng.uniform(0.8, 1.3)
    values = gold(distances(133, center, e, angle), delta_k)
    if rng.random() < 0.5:
        values = values * np.where(bar(133, center), 0.003, 1)
    frame = rng.poisson(values / values.sum() * 10 ** rng.uniform(6, 7)).astype(np.uint32)
    rough = delta_k * rng.uniform(0.95, 1.05) if guess else None
    cal = calibrate(MeasuredScan.from_array(frame[None, None]), rough, rings="Au")
    turned = (cal.angle - angle + 90) % 180 - 90
    truth = [cal.center[0] - center[0], cal.center[1] - center[1], cal.delta_k / delta_k - 1]
    errors = [cal.center_error, cal.center_error, cal.delta_k_error / cal.delta_k]
    return [*truth, cal.ellipticity - e, turned], [*errors, cal.ellipticity_error, cal.angle_error]


def scale(draws, seed):
    """Scale and ellipse from gold rings, and how often their standard errors hold."""
    each = [gold_draw(np.random.default_rng([seed, draw, 1])) for draw in range(draws)]
    found, errors = (np.array(part) for part in zip(*each, strict=True))
    inside = 100 * np.mean(np.abs(found) < 1.645 * errors, axis=0)
    names = ("centre x (px)", "centre y (px)", "Δk (relative)", "e", "angle (°)")
    for name, off, cover in zip(names, found.T, inside, strict=True):
        print(
            f"gold, {draws} draws: {name}: median {np.median(np.abs(off)):.2g}, largest "
            f"{np.abs(off).max():.2g}, ± 1.645 errors cover {cover:.1f} %", flush=True,
        )  # fmt: skip
    blind = [gold_draw(np.random.default_rng([seed, draw, 2]), False)[0][2] for draw in range(draws // 10)]
    largest = np.abs(blind).max()
    print(f"gold without a guess, {len(blind)} draws: largest error of Δk {largest:.2g}", flush=True)


def pixels(scans, seed):
    """Share of hot and dead pixels found, and of others taken for them."""
    found, wrong, rows = [], [], []
    for draw in range(scans):
        rng = np.random.default_rng([seed, draw, 3])
        frames, _, hidden = glass_scan(rng, "none", dose=1e5)
        bad = rng.choice(133 * 133, 120, replace=False)
        hot, dead = (np.zeros((133, 133), bool) for _ in range(2))
        hot.flat[bad[:60]] = dead.flat[bad[60:]] = True
        row = int(rng.integers(5, 128))
        frames[..., hot] = rng.poisson(3 * frames.mean(axis=(0, 1)).max(), frames[..., hot].shape)
        frames[..., dead] = 0
        frames[:, :, row] = 0
        cal = calibrate(MeasuredScan.from_array(frames), DELTA_K, descan="none")
        seen = ~cal.hidden & ~hidden
        true = hot | dead
        true[row] = True
        told = ~cal.mask
        found.append(told[true & seen].mean())
        wrong.append((told & ~true & seen).sum())
        rows.append(cal.facts["dead_rows"] == [row])
    print(
        f"hot and dead pixels, {scans} scans: found {100 * np.mean(found):.2f} %, others taken for them "
        f"{np.mean(wrong):.2f} a frame, dead row found {100 * np.mean(rows):.0f} %", flush=True,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--scans", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else int(np.random.SeedSequence().entropy % 2**32)
    print(f"seed {seed}", flush=True)
    warnings.simplefilter("ignore")
    pixels(arguments.scans, seed)
    one_frame(arguments.scans, seed)
    scale(arguments.draws, seed)
    centers(arguments.scans, seed)


if __name__ == "__main__":
    main()
