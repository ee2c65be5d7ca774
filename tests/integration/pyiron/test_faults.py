"""Wrong input and broken runs: a clear sentence, nothing written, never `running` for ever."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from pyiron_nbed import Cylinder, Mesh, composite, random_alloy
from pyiron_nbed.errors import (
    DatasetError,
    InputError,
    LammpsError,
    NBEDError,
    PotentialError,
    StructureError,
    VolumeError,
)
from pyiron_nbed.jobs import run_in_background


def refused(project, job, error, match):
    """The error is raised and neither a file nor a row of the job table is left."""
    with pytest.raises(error, match=match):
        job.run()
    assert job.status.initialized
    assert len(project.job_table()) == 0
    assert not list(Path(project.path).rglob("*.h5"))


def changed(kind):
    atoms = random_alloy(500)
    if kind == "nan":
        atoms.positions[7] = np.nan
    elif kind == "overlap":
        atoms.positions[7] = atoms.positions[8] + 0.05
    elif kind == "aluminium":
        atoms.symbols[3] = "Al"
    elif kind == "skewed":
        atoms = bulk("Cu") * (6, 6, 6)
    elif kind == "frozen":
        atoms = composite(cells=6, radius=6.0)
    return atoms


@pytest.mark.parametrize(
    ("kind", "error", "match"),
    [
        ("nan", StructureError, "atom 7"),
        ("overlap", StructureError, "Atoms 7 and 8 are 0.087 Å apart"),
        ("aluminium", PotentialError, "contains Al"),
        ("skewed", StructureError, "not orthogonal"),
        ("frozen", StructureError, "use CompositeQuench"),
    ],
)
def test_structures_that_cannot_be_quenched(project, kind, error, match):
    job = project.create.job.GlassQuench("job")
    job.structure = changed(kind)
    refused(project, job, error, match)


def test_no_structure(project):
    refused(project, project.create.job.GlassQuench("job"), InputError, "no structure: assign job.structure")
    refused(project, project.create.job.SSRO("job"), InputError, "SSRO has no sources: assign")
    refused(project, project.create.job.NBEDDataset("job"), InputError, "NBEDDataset has no sources")
    refused(project, project.create.job.NBEDRegressor("job"), InputError, "There are no datasets")


def test_composite_without_frozen_atoms(project):
    job = project.create.job.CompositeQuench("job")
    job.structure = random_alloy(500)
    refused(project, job, StructureError, "0 of 500")


def test_not_a_structure(project):
    job = project.create.job.GlassQuench("job")
    with pytest.raises(InputError, match="not str"):
        job.structure = "POSCAR"


@pytest.mark.parametrize("potential", ["2030--Nobody", pd.DataFrame({"Name": ["x"]})])
def test_no_such_potential(project, potential):
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.potential = potential
    refused(project, job, PotentialError, "unknown|lacks")
    assert len(job.list_potentials()) == 4


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("cooling_rat", 1e13, "did you mean 'cooling_rate'"),
        ("cooling_rate", -1, "cooling_rate is -1"),
        ("final_temperature", 3000, "must fall"),
    ],
)
def test_unknown_and_impossible_inputs(project, name, value, match):
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.input[name] = value
    refused(project, job, InputError, match)


def test_missing_lammps(project):
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.executable = "/no/such/lmp"
    refused(project, job, LammpsError, "/no/such/lmp.*set job.executable")


def dataset_job(project, **inputs):
    job = project.create.job.NBEDDataset("job")
    job.structure = random_alloy(2048)
    for name, value in {"volume": Cylinder(4, 12), "mesh": Mesh(1.0, 0.05), "step": 6, **inputs}.items():
        job.input[name] = value
    return job


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ({"volume": Cylinder(5, 40)}, VolumeError, "cell is only 29.1 Å"),
        ({"volume": None}, InputError, "input.volume or input.volumes"),
        ({"volume": 5}, InputError, "The volume is 5"),
        ({"multislice": {"semiangle": 1.5}}, InputError, "engine is 'cpu'"),
        ({"engine": "quantum"}, InputError, "'cpu', 'torch', 'lammps', 'multislice'"),
        ({"step": 0}, InputError, "scan step"),
        ({"zone_axis": [0, 0, 0]}, InputError, "zone axis"),
        ({"dtype": "float8"}, InputError, "'float16', 'float32'"),
    ],
)
def test_datasets_that_cannot_be(project, inputs, error, match):
    refused(project, dataset_job(project, **inputs), error, match)


def test_zero_atoms_in_a_volume(project):
    job = dataset_job(project)
    atoms = random_alloy(2048)
    job.structure = atoms[atoms.positions[:, 2] < 8]
    refused(project, job, VolumeError, r"hold no atoms; centres in Å: \[")


def test_reference_that_is_not_finished_or_gone(project, rattled):
    other = project.create.job.GlassQuench("other")
    other.structure = random_alloy(500)
    other.save()
    job = project.create.job.SSRO("job")
    job.reference = other
    with pytest.raises(InputError, match="status 'created'"):
        job.run()
    other.remove()
    with pytest.raises(InputError, match="does not exist"):
        job.run()
    with pytest.raises(InputError, match="must be a job"):
        job.reference = "other"


def test_regressor_with_unusable_data(project, in_folder, pattern_file, rattled):
    job = project.create.job.NBEDRegressor("job")
    job.input.weights, job.input.network = None, "cnn"
    job.datasets = "absent.h5"
    refused(project, job, DatasetError, "does not exist")
    job.datasets = pattern_file
    job.input.label = "hardness"
    refused(project, job, InputError, "'hardness'")
    job.input.label, job.input.split = "q6", "structure"
    refused(project, job, InputError, "at least two structures")
    job.input.split, job.input.compare_splits = "block", ["random", "structure"]
    refused(project, job, InputError, "at least two structures")
    job.input.compare_splits, job.input.network = [], "vgg"
    refused(project, job, InputError, "'resnet18', 'cnn'")


def test_lammps_error_aborts_the_job_with_lammps_own_words(project, in_folder):
    broken = in_folder / "broken.eam.fs"
    broken.write_text("a\nb\nc\n2 Cu Zr\nnonsense\n")
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.potential = pd.DataFrame(
        {
            "Name": ["broken"],
            "Filename": [[str(broken)]],
            "Model": ["EAM"],
            "Species": [["Cu", "Zr"]],
            "Config": [["pair_style eam/fs\n", "pair_coeff * * broken.eam.fs Cu Zr\n"]],
        }
    )
    with pytest.raises(
        LammpsError, match=r"LAMMPS stopped with: ERROR.*Incorrect format in eam/fs potential"
    ):
        job.run()
    assert project.job_table()["status"].tolist() == ["aborted"]
    again = project.create.job.GlassQuench("job", delete_existing_job=True)
    again.structure = random_alloy(500)
    again.input.melt_time, again.input.cooling_rate, again.input.minimize = 0.02, 1e17, False
    again.run()
    assert again.status.finished


def test_failed_background_job_says_why(project):
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.executable = sys.executable + " -c raise(SystemExit(7))"
    with pytest.raises(NBEDError, match="job: LammpsError: LAMMPS ended with exit code 7"):
        run_in_background([job])
    assert project.job_table()["status"].tolist() == ["aborted"]
    with pytest.raises(InputError, match="delete_existing_job"):
        run_in_background([project.load("job")])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_job_is_aborted_and_lammps_is_gone(project, in_folder, number):
    code = (
        "from pyiron_base import Project\n"
        "from pyiron_nbed import random_alloy\n"
        f"job = Project({project.path!r}).create.job.GlassQuench('job')\n"
        "job.structure = random_alloy(500)\n"
        "job.input.melt_time = 1e5\n"
        "job.run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=dict(os.environ))
    log = Path(project.path) / "job_hdf5" / "job" / "log.lammps"
    for _ in range(1800):
        if log.exists() and "Step" in log.read_text():
            break
        time.sleep(0.1)
    process.send_signal(number)
    process.wait(timeout=60)
    assert project.job_table()["status"].tolist() == ["aborted"]
    size = log.stat().st_size
    time.sleep(1.0)
    assert log.stat().st_size == size  # nobody writes any more


def test_own_resource_scripts_win(project, in_folder, monkeypatch):
    """~/.pyiron with resource paths: the script there is run instead of the environment's lmp."""
    from pyiron_base import state

    from pyiron_nbed.executable import lammps_command

    folder = in_folder / "resources" / "lammps" / "bin"
    folder.mkdir(parents=True)
    lmp = lammps_command()[0]
    for name, words in (("1.0_default.sh", f"{lmp} -in control.inp"), ("1.0_default_mpi.sh", "exit 9")):
        script = folder / f"run_lammps_{name}"
        script.write_text(f"#!/bin/bash\necho mine $1 $2 > mine.txt\n{words}\n")
        script.chmod(0o755)
    monkeypatch.setitem(state.settings.configuration, "resource_paths", [str(in_folder / "resources")])
    job = project.create.job.GlassQuench("job")
    job.structure = random_alloy(500)
    job.input.melt_time, job.input.cooling_rate, job.input.minimize = 0.02, 1e17, False
    job.run()
    assert (job.folder / "mine.txt").read_text() == "mine 1 1\n"
    parallel = project.create.job.GlassQuench("parallel")
    parallel.structure = random_alloy(500)
    parallel.server.cores = 2
    with pytest.raises(LammpsError, match="exit code 9"):
        parallel.run()
    assert (parallel.folder / "mine.txt").read_text() == "mine 2 1\n"
