"""What can a pattern tell inside a glass? Trained on some glasses, tested on others.

    python examples/skill_in_glass.py glasses --work WORK --cores 2     # quench 108 small glasses with LAMMPS
    python examples/skill_in_glass.py train --work WORK
    python examples/skill_in_glass.py train --work WORK --epochs 8 --recipe experiment --k-min 0.15
    python examples/skill_in_glass.py report --work WORK

96 glasses (four quench rates, three compositions, minimised and at 300 K) are the source of endless patterns
along random zone axes; twelve others, one of each rate and composition, are the test. Each stage can be
repeated: what is finished is not done again. The 2019 potential is needed (see docs/jobs.md).
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
from ase.io import read, write

from pyiron_nbed import Cylinder, Mesh, random_alloy
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.geometry.frames import random_zone_axes
from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
from pyiron_nbed.lammps.resume import named_frame
from pyiron_nbed.learning import Augmentation, PatternSource, Training, metrics_table, train
from pyiron_nbed.patterns import Recipe
from pyiron_nbed.potentials import find_potential
from pyiron_nbed.provenance import structure_id

POTENTIAL = "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"
# of points, and of pixels whose intensity is the mean over their area
MESHES = {"simulation": Mesh(1.0, 0.045), "experiment": Mesh(1.0, 0.045, integrate=3)}
VOLUMES = {"r5_h20": Cylinder(5, 20), "r4_h10": Cylinder(4, 10), "r3_h6": Cylinder(3, 6)}  # Å
QUENCH = MeltQuench(melt_time=2.0, final_time=1.0, timestep=2.5)
# name: (Zr fraction, quench rate in K/s, seed); most are fast ones, since a slow one takes minutes
FRACTIONS, RATES = (0.30, 0.36, 0.42), (1e15, 3e14, 1e14, 3e13)
DRAWN = 3 * (0, 1) + 2 * (0, 0, 1, 2) + (2, 3)  # of the rates, in turn
TRAIN = {f"train_{n}": (FRACTIONS[n % 3], RATES[DRAWN[n % 16]], 100 + n) for n in range(96)}
TEST = {
    f"test_{fraction:.0%}_{rate:.0e}": (fraction, rate, 200 + 10 * m + n)
    for m, fraction in enumerate(FRACTIONS)
    for n, rate in enumerate(RATES)
}


def quench(work, name, zr_fraction, rate, seed):
    """One glass of 2,000 atoms; its minimised and its 300 K frame as extended XYZ."""
    if (work / f"{name}.xyz").exists():
        return
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    potential = find_potential(POTENTIAL)
    protocol = replace(QUENCH, cooling_rate=rate, seed=seed)
    start = random_alloy(n_atoms=2000, zr_fraction=zr_fraction, seed=seed)
    begin = time.perf_counter()
    simulate_melt_quench(folder, start, protocol, potential, [*lammps_command(1), "-in", INPUT_FILE], name)
    frames = [named_frame(folder, which, potential.species) for which in ("minimized", "cold")]
    write(work / f"{name}.partial.xyz", frames)
    (work / f"{name}.partial.xyz").rename(work / f"{name}.xyz")
    print(f"{name}: {rate:.0e} K/s, {zr_fraction:.0%} Zr, {time.perf_counter() - begin:.0f} s", flush=True)


def frames(work, name):
    """The minimised and the 300 K frame of a glass."""
    return read(work / f"{name}.xyz", ":")


def test_files(work, mesh):
    """Patterns of the minimised test glasses, one file per volume, along random zone axes."""
    axes = random_zone_axes(3, seed=1)
    files = {}
    for key, volume in VOLUMES.items():
        files[key] = work / f"test_{key}_{mesh.integrate}.h5"
        structures = [frames(work, name)[0] for name in TEST]
        build_dataset(files[key], structures, [volume], mesh, step=4.0, zone_axes=axes, origins=list(TEST))
    return files


def learn(work, network, epochs, seed, cores, recipe, start=None, tuned_to=None, bfloat16=False):
    """One network for all labels and volumes, or tuned from such a one; its test table and metrics."""
    name = f"all_{network}_{epochs}_{seed}_k{recipe.k_min:g}_i{recipe.mesh.integrate}"
    folder = work / (name + f"_tuned_{tuned_to}" * (start is not None))
    folder.mkdir(exist_ok=True)
    files = test_files(work, recipe.mesh)
    if start is None:
        structures = [atoms for name in TRAIN for atoms in frames(work, name)]
        labels = list(PatternDataset(files["r5_h20"]).labels)
        # motif_FCC is 0, fraction_Cu is 1 − fraction_Zr
        labels = [name for name in labels if name not in ("motif_FCC", "fraction_Cu")]
    else:
        of_test = {zr_fraction for zr_fraction, _, _ in TEST.values()}
        structures = [atoms for name in TRAIN if TRAIN[name][0] in of_test for atoms in frames(work, name)]
        labels = ["disorder_parameter", "q6"]
        files = {tuned_to: files[tuned_to]}
    source = PatternSource(
        structures, [VOLUMES[name] for name in files], recipe.mesh, labels, seed=seed, cores=cores
    )
    training = Training(
        network=network, weights=None if start is None else str(start), epochs=epochs, steps_per_epoch=625,
        schedule="one_cycle", learning_rate=3e-3 if start is None else 1e-3, loss="huber", seed=seed,
        cores=cores, bfloat16=bfloat16, recipe=recipe,
        augmentation=Augmentation(rotation=0, contrast=0, noise=0, sharpness=0),
    )  # fmt: skip
    tests = [PatternDataset(path) for path in files.values()]
    trained = train(source, training, test_datasets=tests, folder=folder)
    trained.model.save(folder)
    trained.test.to_csv(folder / "test.csv", index=False)
    trained.history.to_csv(folder / "history.csv", index=False)


def report(work):
    """Skill and correlation of every label in every volume, and the trend over the quench rates."""
    for folder in sorted(work.glob("all_*")):
        test = pd.read_csv(folder / "test.csv")
        rows = []
        for volume, table in test.groupby("volume"):
            for name in (column[5:] for column in test if column.startswith("true/")):
                true, predicted = table[f"true/{name}"].to_numpy(), table[f"predicted/{name}"].to_numpy()
                row = metrics_table(true, predicted, table[[]], table["block"]).iloc[0]
                # inside each glass: what is left when the mean of every glass is known
                centred = [
                    values - table.groupby("structure")[column].transform("mean").to_numpy()
                    for values, column in ((true, f"true/{name}"), (predicted, f"predicted/{name}"))
                ]
                inside = metrics_table(*centred, table[[]], table["block"]).iloc[0]
                rows.append(
                    {"volume": volume, "label": name, "label_std": row["label_std"], "rmse": row["rmse"],
                     **{f"{k}{tail}": row[k + tail] for k in ("skill", "correlation")
                        for tail in ("", "_low", "_high")},
                     **{f"{k}_inside{tail}": inside[k + tail] for k in ("skill", "correlation")
                        for tail in ("", "_low", "_high")}, "n": len(table)}
                )  # fmt: skip
        print(folder.name)
        print(pd.DataFrame(rows).round(3).to_string(index=False))
        names = [structure_id(frames(work, name)[0]) for name in TEST]
        trend = test.groupby(["volume", "structure"])[
            ["true/disorder_parameter", "predicted/disorder_parameter"]
        ]
        trend = trend.mean().reset_index()
        trend["glass"] = trend["structure"].map(dict(zip(names, TEST, strict=True)))
        print(trend.drop(columns="structure").round(4).to_string(index=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", choices=["glasses", "train", "report"])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--network", default="polar", choices=["polar", "rotation_invariant"])
    parser.add_argument("--epochs", type=int, default=30, help="of 625 batches of 64 patterns")
    parser.add_argument("--recipe", default="simulation", choices=sorted(MESHES))
    parser.add_argument("--k-min", type=float, help="Å⁻¹, in place of that of the recipe")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has it")
    parser.add_argument("--start", type=Path, help="tune this model: d_i and Q6, one volume, 36 at.% Zr")
    parser.add_argument("--tuned-to", default="r4_h10", choices=sorted(VOLUMES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.stage == "glasses":
        with ThreadPoolExecutor(arguments.cores) as pool:  # each thread waits for a LAMMPS
            for done in [pool.submit(quench, arguments.work, n, *r) for n, r in {**TEST, **TRAIN}.items()]:
                done.result()
    elif arguments.stage == "train":
        recipe = getattr(Recipe, arguments.recipe)(MESHES[arguments.recipe])
        if arguments.k_min is not None:
            recipe = replace(recipe, k_min=arguments.k_min)
        learn(
            arguments.work, arguments.network, arguments.epochs, arguments.seed, arguments.cores, recipe,
            arguments.start, arguments.tuned_to, arguments.bfloat16,
        )  # fmt: skip
    else:
        report(arguments.work)


if __name__ == "__main__":
    main()
