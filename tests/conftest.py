"""Shared fixtures. pyiron keeps its database in the home folder: tests get one of their own."""

import os
import tempfile

_HOME = tempfile.mkdtemp(prefix="nbed_home_")
os.environ["HOME"] = _HOME
os.environ.pop("PYIRONCONFIG", None)

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Work in a folder of this test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(in_folder):
    """An empty pyiron project in a folder of this test's own."""
    from pyiron_base import Project

    import pyiron_nbed  # noqa: F401  (registers the jobs)

    return Project(str(in_folder / "project"))


@pytest.fixture(scope="session")
def rattled() -> Atoms:
    """Disordered Cu-Zr crystal, 2048 atoms in a 32 Å cell: as irregular as a glass, made in no time."""
    atoms = bulk("Cu", "fcc", a=4.0, cubic=True) * (8, 8, 8)
    atoms.rattle(0.35, seed=3)
    numbers = atoms.numbers.copy()
    numbers[np.random.default_rng(5).random(len(atoms)) < 0.36] = 40
    atoms.numbers = numbers
    return atoms


@pytest.fixture(scope="session")
def quenched_glass(tmp_path_factory) -> Atoms:
    """A Cu-Zr glass of 864 atoms from a real melt-quench."""
    from pyiron_nbed.executable import lammps_command
    from pyiron_nbed.lammps.melt_quench import simulate_melt_quench
    from pyiron_nbed.lammps.protocol import INPUT_FILE, MeltQuench
    from pyiron_nbed.lammps.resume import named_frame
    from pyiron_nbed.potentials import find_potential
    from pyiron_nbed.structures import random_alloy

    folder = tmp_path_factory.mktemp("glass")
    protocol = MeltQuench(melt_time=1.0, cooling_rate=5e14, timestep=2.5, minimize=False)
    potential = find_potential()
    command = [*lammps_command(), "-in", INPUT_FILE]
    simulate_melt_quench(folder, random_alloy(864, 0.36, seed=4), protocol, potential, command)
    return named_frame(folder, "cold", potential.species)


@pytest.fixture(scope="session")
def pattern_file(tmp_path_factory, rattled) -> Path:
    """A small pattern file."""
    from pyiron_nbed import Cylinder, Mesh
    from pyiron_nbed.dataset import build_dataset

    path = tmp_path_factory.mktemp("patterns") / "patterns.h5"
    build_dataset(path, [rattled], [Cylinder(4, 12)], mesh=Mesh(1.0, 0.05), step=4.0)
    return path
