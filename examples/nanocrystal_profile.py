"""True and predicted mean d_i along lines through the nanocrystals of a composite (Fig. 9 of the study).

    python examples/nanocrystal_profile.py --model FOLDER --work WORK --composite composite_2009

Volumes of the kind that the model was trained on, seen along z, with their centres on lines along x and y
through the middle of each nanocrystal and over a whole period of the cell: from the glass through the
crystal/amorphous interface into the crystal and out again. ``nanocrystal_<composite>.png`` is the line
along x through the first crystal, the crystal shaded; ``nanocrystal_<composite>.csv`` holds all lines.

The model folder is one that ``examples/train_boundary.py`` (or ``Model.save``) has written. That training has
seen composites of the 2019 potential, with nanocrystals in the same orientation. What is new in
composite_2007, composite_2009 and composite_2016 is the potential, the glass and the place of every atom.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from ase.geometry import find_mic

from pyiron_nbed import examples, figures
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.diffraction import as_volume
from pyiron_nbed.learning import load_model
from pyiron_nbed.learning.uncertainty import NORMAL_QUANTILE
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro import disorder_parameter

HALF = 0.4  # d_i between that of the crystals (about 0) and of the glass (above 0.8)


def volume_of(model):
    """The interaction volume the model was trained on."""
    given = (model.card["source"] or model.card)["volumes"]
    if len({str(values) for values in given}) > 1 or isinstance(given[0].get("radius"), list):
        raise SystemExit(f"The model was trained on several volumes: {given}; take one of a single volume.")
    return as_volume(given[0])


def crystals(atoms):
    """Centres (2, 3) and radii (2,) in Å of the nanocrystals as they are after the quench.

    The centre is that of the atoms with d_i < 0.4 in the ball the crystal was frozen in. The radius is that
    at which the mean d_i of shells 1 Å thick rises above 0.4.
    """
    record, cell = atoms.info["provenance"]["structure"], atoms.cell
    disorder = atoms.arrays["disorder_parameter"]
    centers, radii = [], []
    for fraction in record["positions"]:
        center = np.array(fraction) @ cell
        for _ in range(3):  # nanocrystals may have moved when they were released
            away = find_mic(atoms.positions - center, cell)[0]
            inside = np.linalg.norm(away, axis=1) < record["radius"]
            center = center + away[inside & (disorder < HALF)].mean(axis=0)
        shells = np.arange(3, 20)  # closer to the middle there are too few atoms for a mean
        number = np.rint(find_mic(atoms.positions - center, cell)[1]).astype(int)
        mean = np.array([disorder[number == n].mean() for n in shells])
        radii.append(np.interp(HALF, np.maximum.accumulate(mean), shells))
        centers.append(center)
    return np.array(centers), np.array(radii)


def width(position, values):
    """Length in Å over which a profile is below 0.4, interpolated between its points."""
    fine = np.linspace(position[0], position[-1], 20 * len(position))
    return float(np.mean(np.interp(fine, position, values) < HALF) * np.ptp(position))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a saved model")
    parser.add_argument("--work", type=Path, required=True, help="folder for the patterns and the figure")
    parser.add_argument("--composite", default="composite_2009")
    parser.add_argument("--step", type=float, default=1.0, help="Å")
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    model = load_model(arguments.model)
    volume = volume_of(model)
    atoms = examples.load(arguments.composite)
    atoms.set_array("disorder_parameter", disorder_parameter(atoms))
    trained_on = (model.card["source"] or {"structures": []})["structures"] + [
        name for item in model.card["datasets"] if item["use"] == "train" for name in item["structures"]
    ]
    seen = structure_id(atoms) in trained_on
    print(f"{arguments.composite} was {'part of the training!' if seen else 'not trained on'}; {volume}")

    lines, points = [], []
    for crystal, (center, radius) in enumerate(zip(*crystals(atoms), strict=True), 1):
        for axis in (0, 1):
            length = atoms.cell.lengths()[axis]
            position = np.linspace(-length / 2, length / 2, round(length / arguments.step) + 1)
            points.append(center + position[:, None] * np.eye(3)[axis])
            place = {"crystal": crystal, "along": "xy"[axis], "radius": radius, "position": position}
            lines.append(pd.DataFrame(place))
    path = arguments.work / f"nanocrystal_{arguments.composite}.h5"
    build_dataset(
        path, [atoms], [volume], model.mesh, points=np.concatenate(points), labels=["disorder_parameter"],
        cores=arguments.cores,
    )  # fmt: skip
    dataset = PatternDataset(path)
    prediction = model.predict(dataset)
    table = pd.concat(lines, ignore_index=True).assign(
        true=dataset.label(), predicted=prediction.mean, standard_uncertainty=prediction.std
    )
    table.to_csv(path.with_suffix(".csv"), index=False)

    rows = []
    for (crystal, along), line in table.groupby(["crystal", "along"]):
        error = line["predicted"] - line["true"]
        middle = line["position"].abs() < 3
        far = line["position"].abs() > line["radius"] + volume.radius  # no atoms of the crystal
        widths = [width(line["position"].to_numpy(), line[name].to_numpy()) for name in ("true", "predicted")]
        row = {"crystal": crystal, "along": along, "radius (Å)": line["radius"].iloc[0]}
        for name in ("true", "predicted"):
            row[f"middle, {name}"] = line.loc[middle, name].mean()
            row[f"glass, {name}"] = line.loc[far, name].mean()
        row |= {"RMSE": np.sqrt((error**2).mean()), "bias": error.mean()}
        row["in 90 % interval"] = (error.abs() < NORMAL_QUANTILE * line["standard_uncertainty"]).mean()
        # half of what the crystal seems wider than it is: each interface is that far too far out
        rows.append(row | {"interface, predicted − true (Å)": (widths[1] - widths[0]) / 2})
    print(pd.DataFrame(rows).round(3).to_string(index=False))

    first = table[(table["crystal"] == 1) & (table["along"] == "x")]
    edge = first["radius"].iloc[0]
    figures.prediction_profile(
        first["position"], first["true"], first["predicted"],
        position_label="x from the middle of the nanocrystal (Å)",
        standard_uncertainty=first["standard_uncertainty"],
        regions=[{"type": "crystal", "start": -edge, "end": edge}],
    ).savefig(path.with_suffix(".png"), dpi=200)  # fmt: skip


if __name__ == "__main__":
    main()
