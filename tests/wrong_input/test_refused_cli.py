"""Wrong input of the command ``pyiron-nbed`` and of the figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from refusal import assert_refused

from pyiron_nbed import Mesh, figures
from pyiron_nbed.cli import main

NUMBERS = np.linspace(0, 1, 4)
MESH = Mesh(1.0, 0.05)


def command(*arguments):
    """The error that the command prints as a sentence."""

    def run():
        try:
            main(list(map(str, arguments)), standalone_mode=False)
        except Exception as error:
            raise (error.__cause__ or error) from None

    return run


COMMANDS = {
    "absent structure": (command("ssro", "absent.dump"), "does not exist"),
    "text is no structure": (command("ssro", "notes.txt"), "notes.txt"),
    "unknown ending": (command("ssro", "cu.data", "-o", "out.txt"), "choose .csv or .dump or .xyz"),
    "no ending": (command("ssro", "cu.data", "-o", "out"), "choose .csv"),
    "figure of unknown ending": (command("ssro", "cu.data", "--figure", "a.bmp"), "choose .png"),
    "output exists": (command("ssro", "cu.data", "-o", "mine.csv"), "mine.csv exists already.*--overwrite"),
    "output in no folder": (command("ssro", "cu.data", "-o", "no/out.csv"), "folder of the output"),
    "output is a folder": (command("ssro", "cu.data", "-o", "folder.csv", "--overwrite"), "is a folder"),
    "figure exists": (command("ssro", "cu.data", "--figure", "mine.png"), "mine.png exists already"),
    "motif species that is absent": (command("ssro", "cu.data", "--motif-species", "Zr"), "Zr"),
    "no frame": (command("ssro", "cu.data", "--frame", 3), "one frame"),
    "species that are none": (command("ssro", "cu.data", "--species", "Cu,Qq"), "chemical symbols"),
    "no cores": (command("ssro", "cu.data", "--cores", 0), "cores"),
    "pattern file of another ending": (command("patterns", "cu.data", "-o", "p.csv"), r"\.h5"),
    "negative radius": (command("patterns", "cu.data", "--radius", -1), "radius"),
    "volume wider than the cell": (command("patterns", "cu.data", "--radius", 500), "500"),
    "step of 0": (command("patterns", "cu.data", "--step", 0), "step"),
    "mesh of one pixel": (command("patterns", "cu.data", "--delta-k", 2), "delta_k"),
    "zone axis of zeros": (command("patterns", "cu.data", "--zone-axis", 0, 0, 0), "zone"),
    "absent pattern file": (command("train", "absent.h5"), "does not exist"),
    "structure in place of patterns": (command("train", "cu.data"), "cannot be read as a pattern file"),
    "unknown network": (command("train", "p.h5", "--network", "resnet"), "resnet"),
    "no epochs": (command("train", "p.h5", "--epochs", 0), "epochs"),
    "unknown split": (command("train", "p.h5", "--split", "half"), "half"),
    "unknown label": (command("train", "p.h5", "--label", "colour"), "colour"),
    "negative seed": (command("train", "p.h5", "--seed", -1), "seed"),
    "folder with other files": (command("train", "p.h5", "-o", "folder.csv", "--overwrite"), "no model"),
    "absent model": (command("predict", "absent", "p.h5"), "no model in absent"),
    "model is a file": (command("predict", "cu.data", "p.h5"), "no model in cu.data"),
    "map of an absent model": (command("map", "absent", "p.h5"), "no model"),
    "table in place of a map": (command("map", "absent", "p.h5", "-o", "map.csv"), "choose .png"),
    "info of nothing": (command("info", "absent"), "does not exist"),
    "info of a folder": (command("info", "folder.csv"), "no model"),
}  # fmt: skip
FIGURES = {
    "lengths of a parity": (lambda: figures.parity(NUMBERS, NUMBERS[:2]), "4 values and predicted 2"),
    "regions of a parity": (lambda: figures.parity(NUMBERS, NUMBERS, regions=["a"]), "for 4 labels"),
    "history without rows": (lambda: figures.learning_curves(pd.DataFrame()), "lacks"),
    "maps without titles": (lambda: figures.disorder_maps([np.eye(2)], [], (0, 1, 0, 1)), "titles is"),
    "no groups": (lambda: figures.mean_patterns(np.ones((1, *MESH.shape)), MESH, {}), "no groups"),
    "nothing to draw": (lambda: figures.geometry_heatmap(pd.DataFrame()), "nothing to draw"),
}


@pytest.fixture
def files(in_folder, pattern_file):
    """A structure, a pattern file, and files that are nobody's business."""
    from ase.build import bulk

    atoms = bulk("Cu", cubic=True) * (6, 6, 6)
    atoms.write(in_folder / "cu.data", format="lammps-data", masses=True)
    (in_folder / "p.h5").write_bytes(Path(pattern_file).read_bytes())
    (in_folder / "notes.txt").write_text("cu\n")
    (in_folder / "mine.csv").write_text("precious\n")
    (in_folder / "mine.png").write_text("precious\n")
    (in_folder / "folder.csv").mkdir()
    (in_folder / "folder.csv" / "note.txt").write_text("precious\n")
    return in_folder


@pytest.mark.parametrize("row", COMMANDS.values(), ids=COMMANDS)
def test_command_is_refused(row, files):
    assert_refused(*row, files)


@pytest.mark.parametrize("row", FIGURES.values(), ids=FIGURES)
def test_figure_is_refused(row, in_folder):
    assert_refused(*row, in_folder)
