"""How well a model that comes with the package predicts what it never saw, and how far its intervals hold.

    python tests/benchmarks/shipped_model.py --model cu-zr-r5-h20 [--clean FOLDER] [--seed 0]

Every structure to judge with is seen in four scans of 256 patterns, each with effects of its own, drawn from
those of the training, along its directions; the first table is of the intervals of level and differences and
of the share of patterns whose distrust is above 1. The second is the error on the structures of the tests,
at doses of 1e5, 1e4 and 1e3 electrons in the mask, against that of a model (--clean) trained without effects
on patterns without effects. The third is the share of flagged patterns of what the model must not be used
for.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from train_shipped import AXES
from train_shipped import EFFECTS as ALL

from pyiron_nbed import Cylinder, examples
from pyiron_nbed.learning import PatternSource, load_model
from pyiron_nbed.learning.level import Level, maps_of_structures
from pyiron_nbed.patterns import DetectorEffects

VOLUMES = [Cylinder(radius=5, height=20)]
EFFECTS = {name: value for name, value in ALL.as_dict().items() if name != "dose"}
DOSES = (1e5, 1e4, 1e3)


def groups():
    names = examples.names()
    glasses = [n for n in names if n.startswith("small_glass_judge")]
    found = {"20 small glasses": [n for n in glasses if not n.endswith("K")],
             "20 small glasses, 300 K": [n for n in glasses if n.endswith("_300K")]}  # fmt: skip
    zr = {n: float((examples.load(n).numbers == 40).mean()) for n in glasses}
    found["of these outside 25-55 % Zr"] = [n for n in glasses if not 0.25 <= zr[n] <= 0.55]
    found["new boundaries"] = [n for n in names if n.startswith("boundary_judge")]
    found["complexion_c"] = [n for n in names if n.startswith("complexion_c")]
    found["composite_2009"] = [n for n in names if n.startswith("composite_2009")]
    return {name: own for name, own in found.items() if own}


def intervals(model, seed):
    level = Level.from_dict(model.card["level"])
    names = sorted({n for own in groups().values() for n in own})
    maps = maps_of_structures(
        model, [examples.load(n) for n in names], VOLUMES, DetectorEffects(**EFFECTS, dose=(1e3, 1e7)),
        zone_axes=AXES, seed=seed,
    )  # fmt: skip
    print(f"level ± {level.half_width:.3f}, factor of differences {level.difference_factor:.3f}")
    print(
        "structures | maps | level covered | its error, rms | differences covered | their error | distrusted"
    )
    for group, own in groups().items():
        chosen = [m for m in maps if names[m.structure] in own]
        errors = np.array([np.mean(m.predicted - m.true) for m in chosen])
        rest = np.concatenate([m.predicted - m.true - np.mean(m.predicted - m.true) for m in chosen])
        std = level.difference_factor * np.concatenate([m.std for m in chosen])
        unlike = np.concatenate([m.distrust > 1 for m in chosen])
        covered = np.mean(np.abs(errors) <= level.half_width)
        print(
            f"{group} | {len(chosen)} | {covered:.2f} | {np.sqrt(np.mean(errors**2)):.4f} | "
            f"{np.mean(np.abs(rest) <= 1.645 * std):.3f} | {np.sqrt(np.mean(rest**2)):.4f} | "
            f"{unlike.mean():.4f}",
            flush=True,
        )


def scan_of(name, mesh, label):
    """Patterns of a scan along z, step 2.5 Å, labels and regions."""
    import tempfile
    from pathlib import Path

    from pyiron_nbed.dataset import PatternDataset, build_dataset
    from pyiron_nbed.ssro.summary import short_range_order

    atoms = short_range_order(examples.load(name), analyses=["voronoi", "cna", "regions"])[0]
    path = Path(tempfile.mkdtemp()) / "scan.h5"
    build_dataset(path, [atoms], VOLUMES, mesh, labels=[label], zone_axes=[[0, 0, 1]])
    return PatternDataset(path)


def rows_of(true, regions, predicted):
    error = predicted - true
    found = {"all": np.sqrt(np.mean(error**2))}
    for region in ("crystal", "ACTR", "interior"):
        own = regions == region
        if own.any():
            found[region] = np.sqrt(np.mean(error[own] ** 2))
    return found


def doses(model, clean, seed):
    from pyiron_nbed.learning.evaluation import pattern_groups

    for name in ("complexion_c", "composite_2009"):
        data = scan_of(name, model.mesh, model.labels[0])
        true = np.asarray(data.labels[model.labels[0]])
        regions = pattern_groups(data, np.arange(len(data)))["region"].to_numpy()
        base = None
        if clean is not None:
            base = rows_of(true, regions, clean.predict(data).mean)
            print(name, "clean:", {k: round(float(v), 4) for k, v in base.items()}, flush=True)
        for dose in (None, *DOSES):
            ratios, values = [], []
            for draw in range(4):
                effects = None
                if dose is not None:
                    drawn = DetectorEffects(**EFFECTS, dose=(dose, dose)).of_one_scan(seed + draw)
                    effects = drawn
                found = rows_of(true, regions, model.predict(data, detector=effects, seed=draw).mean)
                values.append(found)
                if base:
                    ratios.append({k: found[k] / base[k] for k in found})
                if dose is None:
                    break
            table = {k: round(float(np.mean([v[k] for v in values])), 4) for k in values[0]}
            against = {k: round(float(np.mean([r[k] for r in ratios])), 3) for k in values[0]} if base else ""
            print(name, "dose", dose, table, "ratio", against, flush=True)


def random_carbon(n=16_000, density=2.0, closest=1.35, seed=0):
    """Carbon atoms at random, none closer than 1.35 Å (density in g/cm³)."""
    random = np.random.default_rng(seed)
    side = (n * 12.011 / 0.602214 / density) ** (1 / 3)
    positions = random.random((n, 3)) * side
    from scipy.spatial import cKDTree

    for _ in range(300):
        pairs = cKDTree(positions, boxsize=side).query_pairs(closest, output_type="ndarray")
        if not len(pairs):
            break
        d = positions[pairs[:, 1]] - positions[pairs[:, 0]]
        d -= side * np.round(d / side)
        length = np.linalg.norm(d, axis=1, keepdims=True).clip(1e-6)
        push = 0.52 * (closest * 1.02 - length) * d / length
        np.add.at(positions, pairs[:, 1], push)
        np.add.at(positions, pairs[:, 0], -push)
        positions %= side
    return Atoms(f"C{n}", positions, cell=[side] * 3, pbc=True)


def patterns_of(atoms, model, n, seed=0, labels=False):
    source = PatternSource(
        [atoms],
        VOLUMES,
        model.mesh,
        model.labels if labels else ["number_density"],
        "random",
        seed,
        n,
        turned=True,
        cores=1,
    )
    return source.batch(0).patterns.cpu().numpy()


def gold_rings(model, n, seed=0):
    """Means over 60 orientations of gold: rings."""
    own = patterns_of(bulk("Au", cubic=True) * (16, 16, 16), model, 60 * n, seed)
    return own.reshape(n, 60, *own.shape[1:]).mean(axis=1)


def share_flagged(model, patterns, effects, seed):
    if effects is not None:
        found = model.describe(patterns, detector=effects, seed=seed)
    else:
        found = model.describe(patterns)
    least = model.card["training"]["detector"]["dose"][0]
    dark = ~np.isfinite(found.prediction.mean)
    dose = np.inf if effects is None or effects.dose is None else effects.dose[0]
    return np.mean((found.distrust > 1) | dark | (dose < least))


def flags(model, seed):
    base = {**EFFECTS, "dose": (1e5, 1e5)}
    judges = [n for n in examples.names() if n.startswith("small_glass_judge") and not n.endswith("K")]
    boundaries = [n for n in examples.names() if n.startswith("boundary_judge") or n == "complexion_c"]
    like = np.concatenate([patterns_of(examples.load(n), model, 100, seed) for n in judges + boundaries])
    rows = {"unseen structures": (like, base)}
    for scale in (0.94, 1.06):
        rows[f"scale {scale}"] = (like, {**base, "scale": (scale, scale)})
    rows["amorphous carbon"] = (patterns_of(random_carbon(), model, 400, seed), base)
    rows["Au rings"] = (gold_rings(model, 100, seed), base)
    rows["100 electrons"] = (like, {**base, "dose": (100, 100)})
    for name, (patterns, values) in rows.items():
        parts = np.array_split(patterns, 8)
        shares = [
            share_flagged(model, own, DetectorEffects(**values).of_one_scan(seed + n), n)
            for n, own in enumerate(parts)
        ]
        print(f"{name}: flagged {np.mean(shares):.4f} ({min(shares):.3f} to {max(shares):.3f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="cu-zr-r5-h20")
    parser.add_argument("--clean", help="folder of the model without effects")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=["intervals", "doses", "flags"])
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    clean = None if arguments.clean is None else load_model(arguments.clean)
    if "intervals" in arguments.parts:
        intervals(model, arguments.seed)
    if "doses" in arguments.parts:
        doses(model, clean, arguments.seed)
    if "flags" in arguments.parts:
        flags(model, arguments.seed)


if __name__ == "__main__":
    main()
