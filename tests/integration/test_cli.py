"""The command ``pyiron-nbed`` on small real files; what writes files runs in processes of its own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from pyiron_nbed import examples
from pyiron_nbed.cli import main
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.ssro import disorder_parameter
from pyiron_nbed.structures.reading import read_structures

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def call(folder, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "pyiron_nbed.cli", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "NBED_SILENT": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def said_here(monkeypatch, folder, *arguments):
    """What a command prints, called in this process."""
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rattled):
    """Two data files, crystalline at one end and disordered at the other."""
    where = tmp_path_factory.mktemp("cli")
    for seed, name in ((1, "a.data"), (2, "b.data")):
        atoms = rattled.copy()
        sites = np.indices((8, 8, 8)).reshape(3, -1).T  # as the fixture was made, before it was rattled
        basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
        sites = (4.0 * sites[:, None] + basis).reshape(-1, 3)
        share = np.clip((sites[:, 0] - 8) / 16, 0, 1)[:, None]
        atoms.positions = sites + 0.35 * share * np.random.default_rng(seed).normal(size=sites.shape)
        atoms.write(where / name, format="lammps-data", masses=True, specorder=["Cu", "Zr"])
    return where


@pytest.fixture(scope="module")
def patterns(folder):
    """Pattern files of both structures."""
    for name in "ab":
        call(folder, "patterns", f"{name}.data", "-o", f"{name}.h5", "--radius", 4, "--height", 12, "--step",
             4, "--delta-k", 0.05, "--figure", f"{name}.png")  # fmt: skip
    return folder / "a.h5", folder / "b.h5"


@pytest.fixture(scope="module")
def model(folder, patterns):
    """A network trained on the one and tested on the other."""
    said = call(folder, "train", "a.h5", "--test", "b.h5", "-o", "model", "--epochs", 2, "--figure",
                "parity.png", "--device", "cpu")  # fmt: skip
    assert "RMSE" in said
    assert "boosting" in said
    return folder / "model"


def test_help_teaches_every_command(folder, monkeypatch):
    said = said_here(monkeypatch, folder, "--help")
    for command in ("info", "ssro", "patterns", "train", "predict", "map"):
        assert f"\n  {command} " in said
        own = said_here(monkeypatch, folder, command, "--help")
        assert f"pyiron-nbed {command}" in own.split("Options:")[0].split("\n", 1)[1]  # an example


@pytest.mark.skipif(not PYPROJECT.exists(), reason="pyproject.toml is not beside the tests")
def test_console_script_is_the_tested_command():
    scripts = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
    assert scripts == {"pyiron-nbed": "pyiron_nbed.cli:main"}


def test_info_tells_versions_and_what_files_hold(folder, model, monkeypatch):
    said = said_here(monkeypatch, folder, "info")
    assert examples.overview() in said
    assert "numpy " in said
    assert "2,048 atoms (Cu " in said_here(monkeypatch, folder, "info", "a.data")
    assert "512 patterns, 39 × 39 pixels" in said_here(monkeypatch, folder, "info", "a.h5")
    assert "cnn predicts disorder_parameter" in said_here(monkeypatch, folder, "info", "model")


def test_ssro_writes_the_values_of_every_atom(folder):
    said = call(folder, "ssro", "a.data", "-o", "order.csv", "--figure", "slice.png")
    assert "d_i: median" in said
    assert "written: slice.png" in said
    table = pd.read_csv(folder / "order.csv")
    (atoms,) = read_structures(folder / "a.data")
    assert table["disorder_parameter"].to_numpy() == pytest.approx(disorder_parameter(atoms), rel=1e-5)
    assert table[["x", "y", "z"]].to_numpy() == pytest.approx(atoms.positions, abs=1e-4)
    assert set(table["element"]) == {"Cu", "Zr"}
    assert set(table["motif_class"]) <= {"FCC", "ordered", "disordered", "intermediate"}
    assert imread(folder / "slice.png").ndim == 3
    call(folder, "ssro", "a.data", "-o", "order.dump")
    (again,) = read_structures(folder / "order.dump")
    assert (again.numbers == atoms.numbers).all()


def test_patterns_are_those_of_the_structure(folder, patterns):
    dataset = PatternDataset(patterns[0])
    assert len(dataset) == 512
    assert dataset.mesh.delta_k == 0.05
    assert dataset.volumes[0].radius == 4
    (atoms,) = read_structures(folder / "a.data")
    crystal = dataset.label()[dataset.centers[:, 0] == 4]
    assert crystal.max() < 0.05 < np.median(disorder_parameter(atoms)[atoms.positions[:, 0] > 24])
    assert (folder / "a.png").stat().st_size > 10_000


def test_predictions_and_map_of_a_model(folder, model):
    assert {"model.json", "model.safetensors", "test.csv"} <= {path.name for path in model.iterdir()}
    said = call(folder, "predict", "model", "b.h5", "-o", "predicted.csv")
    table = pd.read_csv(folder / "predicted.csv")
    dataset = PatternDataset(folder / "b.h5")
    assert table["true_disorder_parameter"].to_numpy() == pytest.approx(dataset.label(), rel=1e-5)
    error = table["predicted_disorder_parameter"] - table["true_disorder_parameter"]
    assert f"RMSE {np.sqrt((error**2).mean()):.4f}" in said
    test = pd.read_csv(model / "test.csv")
    assert table["predicted_disorder_parameter"].to_numpy() == pytest.approx(test["predicted"], abs=1e-4)
    call(folder, "map", "model", "b.h5", "-o", "map.png")
    assert (folder / "map.png").stat().st_size > 5_000


def test_errors_are_one_sentence_and_code_2(folder):
    said = call(folder, "ssro", "absent.data", "-o", "new.csv", code=2)
    assert said.startswith("Error: The file absent.data does not exist")
    assert len(said.strip().splitlines()) == 1
    assert "pyiron.log" not in {path.name for path in folder.iterdir()}  # of an import, with nothing in it


def test_files_that_exist_are_replaced_only_when_asked(folder, model):
    (folder / "mine.csv").write_text("precious\n")
    assert "mine.csv exists already" in call(folder, "ssro", "a.data", "-o", "mine.csv", code=2)
    assert (folder / "mine.csv").read_text() == "precious\n"
    call(folder, "predict", "model", "b.h5", "-o", "mine.csv", "--overwrite")
    assert pd.read_csv(folder / "mine.csv").shape[0] == 512
