"""Wrong input of the LAMMPS protocols, their runs, the executable and the potentials."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import bicrystal, random_alloy
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.complexion import Complexion
from pyiron_nbed.lammps.complexion_run import prepare_complexion, simulate_complexion
from pyiron_nbed.lammps.files import write_data
from pyiron_nbed.lammps.melt_quench import prepare_melt_quench, simulate_melt_quench
from pyiron_nbed.lammps.protocol import MeltQuench
from pyiron_nbed.lammps.resume import named_frame, read_trajectory
from pyiron_nbed.lammps.run import run_lammps
from pyiron_nbed.lammps.vcsgc import cutoff_of, rank_grid
from pyiron_nbed.parallel import available_cores
from pyiron_nbed.potentials import COLUMNS, Potential, find_potential

POTENTIAL = find_potential()  # the 2007 one, which comes with LAMMPS
HERE = Path(".")
ALLOY = random_alloy(108)
GRAINS = bicrystal(length=70, width=40, height=31)
CU = bulk("Cu", cubic=True) * (3, 3, 3)

TIMES = {
    "as text": ("10", "give a time from 0"),
    "negative": (-1.0, "give a time from 0"),
    "NaN": (np.nan, "give a time from 0"),
    "endless": (1e12, "give a time from 0"),
    "a flag": (True, "give a time from 0"),
    "a list": ([1.0], "give a time from 0"),
}
TEMPERATURES = {
    "as text": ("300", "give a temperature from 1"),
    "0": (0, "give a temperature from 1"),
    "of the sun": (1e6, "give a temperature from 1"),
    "nothing": (None, "give a temperature from 1"),
}
COUNTS = {"half": (1.5, "whole number"), "as text": ("1", "whole number"), "negative": (-1, "whole number")}
RATES = {
    "0": (0, "give a rate from"),
    "as text": ("1e13", "give a rate from"),
    "in K/ps": (10.0, "give a rate from"),
}
FIELDS = {
    MeltQuench: {
        "melt_time": TIMES, "release_time": TIMES, "final_time": TIMES, "melt_temperature": TEMPERATURES,
        "release_temperature": TEMPERATURES, "final_temperature": TEMPERATURES, "cooling_rate": RATES,
        "restart_every": COUNTS | {"0": (0, "whole number")}, "trajectory_every": COUNTS, "seed": COUNTS,
        "timestep": {"0": (0, "give a time from 0.01"), "in ps": (0.001, "give a time from 0.01"),
                     "as text": ("2", "give a time from 0.01")},
        "minimize": {"as text": ("yes", "True or False"), "2": (2, "True or False")},
    },
    Complexion: {
        "melt_time": TIMES, "mc_time": TIMES, "temperature": TEMPERATURES, "cooling_rate": RATES,
        "seed": COUNTS,
        "mc_every": COUNTS | {"0": (0, "whole number"), "no divisor": (30, "must be a multiple")},
        "restart_every": {"no multiple": (1500, "must be a multiple")},
        "zr_fraction": {"in per cent": (10, "from 0.001 to 0.5"), "as text": ("0.1", "from 0.001"),
                        "0": (0, "from 0.001")},
        "film_fraction": {"1": (1, "from 0.05 to 0.7"), "as text": ("Zr", "from 0.05")},
        "kappa": {"0": (0, "from 1 to"), "NaN": (np.nan, "from 1 to"), "as text": ("1000", "from 1 to")},
        "swap_fraction": {"0": (0, "to 1"), "2": (2, "to 1")},
        "chemical_potential": {"in meV": (3750, "from -20 to 20 eV"), "as text": ("3.75", "from -20 to 20")},
        "gain": {"negative": (-1, "from 0")},
        "max_change": {"negative": (-0.1, "from 0 to 10")},
        "start": {"unknown": ("melt", "'published', 'seeded'"), "a flag": (True, "'published', 'seeded'")},
        "film_boundaries": {"unknown": ("third", "choose one of 'both'"), "a number": (1, "choose one of")},
        "final_temperature": {"above the run": (1500.0, "must not be higher")},
        "melt_temperature": {"below the run": (500.0, "must not be lower")},
    },
}  # fmt: skip


def one_frame(**columns) -> pd.DataFrame:
    row = {
        "Name": "own",
        "Filename": [],
        "Model": "EAM",
        "Species": ["Cu", "Zr"],
        "Config": ["pair_style eam/fs\n"],
    }
    return pd.DataFrame([{**row, **columns}])


def pair(style: str = "eam/fs", species=("Cu", "Zr"), files=POTENTIAL.files) -> Potential:
    return Potential("own", tuple(species), (f"pair_style {style}\n",), tuple(files), ("",))


def melt(atoms, protocol=MeltQuench(), potential=POTENTIAL):  # noqa: B008  (never changed)
    return lambda: prepare_melt_quench(atoms, protocol, potential)


def grow(atoms, potential=POTENTIAL, ranks=1, **fields):
    return lambda: prepare_complexion(atoms, Complexion(**fields), potential, ranks)


def with_frozen(frozen) -> Atoms:
    atoms = ALLOY.copy()
    atoms.arrays["frozen"] = np.asarray(frozen)
    return atoms


def with_zr() -> Atoms:
    atoms = GRAINS.copy()
    atoms.numbers[:10] = 40
    return atoms


def nickel() -> Atoms:
    return Atoms(np.full(108, 28), CU.positions, cell=CU.cell, pbc=True)


def in_vacuum() -> Atoms:
    atoms = ALLOY.copy()
    atoms.pbc = (True, True, False)
    return atoms


ROWS = {
    **{
        f"{kind.__name__}: {name} {case}": (lambda k=kind, n=name, v=value: k(**{n: v}), part)
        for kind, of_kind in FIELDS.items()
        for name, cases in of_kind.items()
        for case, (value, part) in cases.items()
    },
    "MeltQuench: temperatures that rise": (lambda: MeltQuench(final_temperature=900.0), "must fall"),
    "MeltQuench: release above the melt": (lambda: MeltQuench(release_temperature=3000.0), "must fall"),
    "Complexion: leaves no frame": (
        lambda: Complexion(mc_time=0, final_temperature=1000.0, minimize=False), "no frame"),
    "Complexion: unknown preset": (lambda: Complexion.preset("fast"), "'published', 'seeded'"),
    "Complexion: a preset by its number": (lambda: Complexion.preset(1), "'published', 'seeded'"),
    "Complexion: a misspelt field of a preset": (lambda: Complexion.preset("seeded", mctime=1.0), "'mctime'"),
    "quench of one atom": (melt(random_alloy(1)[:1]), "Only 1 atoms move"),
    "quench of four atoms": (melt(random_alloy(1)), "Only 4 atoms move"),
    "quench of frozen atoms": (melt(with_frozen(np.ones(108, bool))), "Only 0 atoms move"),
    "quench of nothing": (melt(Atoms()), "no atoms"),
    "quench of a path": (melt("atoms.xyz"), "not str"),
    "quench of a list": (melt([ALLOY]), "not list"),
    "quench of overlapping atoms": (melt(Atoms("Cu2", cell=[9, 9, 9], pbc=True)), "0.000 Å apart"),
    "quench in vacuum": (melt(in_vacuum()), "periodicity"),
    "quench of a triclinic cell": (melt(bulk("Cu") * (4, 4, 4)), "not orthogonal"),
    "quench of another element": (melt(nickel()), "contains Ni"),
    "quench with marks as text": (melt(with_frozen(["no"] * 108)), "one boolean for each"),
    "quench with marks of two columns": (melt(with_frozen(np.ones((108, 2), bool))), "one boolean for each"),
    "quench by another protocol": (melt(ALLOY, Complexion()), "give a MeltQuench"),
    "quench by a dict": (melt(ALLOY, {"melt_time": 1.0}), "give a MeltQuench"),
    "quench in no folder": (
        lambda: simulate_melt_quench(Path("absent"), ALLOY, MeltQuench(), POTENTIAL, ["lmp"]), "no folder"),
    "quench in a number": (
        lambda: simulate_melt_quench(5, ALLOY, MeltQuench(), POTENTIAL, ["lmp"]), "folder is 5"),
    "complexion in no folder": (
        lambda: simulate_complexion("absent", GRAINS, Complexion(), POTENTIAL, ["lmp"]), "no folder"),
    "complexion by another protocol": (
        lambda: prepare_complexion(GRAINS, MeltQuench(), POTENTIAL), "give a Complexion"),
    "complexion of no bicrystal": (grow(bulk("Cu", cubic=True) * (9, 9, 9)), "where its grain boundaries"),
    "complexion of a path": (grow("gb.data"), "not str"),
    "complexion of Zr already": (grow(with_zr()), "not Cu"),
    "complexion of a thin cell": (grow(bicrystal(length=70, width=40, height=26)), "4 × cutoff"),
    "complexion of no ranks": (grow(GRAINS, ranks=0), "ranks is 0"),
    "complexion of ranks as text": (grow(GRAINS, ranks="2"), "ranks is '2'"),
    "complexion of too many ranks": (grow(GRAINS, ranks=64), "64 MPI ranks do not fit"),
    "complexion of one species": (grow(GRAINS, pair(species=("Cu",))), "exactly two"),
    "complexion of other species": (grow(nickel(), pair(species=("Ni", "Al"))), "seeded film is Zr in Cu"),
    "complexion of a pair style that is slow": (grow(GRAINS, pair("eam/cd")), "eam/fs or eam/alloy"),
    "film thicker than the grains": (grow(GRAINS, film_fraction=0.11), "of a grain"),
    "cutoff of no table": (lambda: cutoff_of(pair(files=[__file__])), "not an eam/fs table"),
    "cutoff of no file": (lambda: cutoff_of(pair(files=["absent.eam.fs"])), "not an eam/fs table"),
    "ranks of two sides": (lambda: rank_grid((50, 50), 7.6, 1), "three sides"),
    "ranks of sides as text": (lambda: rank_grid(("50", "50", "50"), 7.6, 1), "three sides"),
    "ranks without a cutoff": (lambda: rank_grid((50, 50, 50), 0, 1), "cutoff is 0"),
    "data of species by number": (lambda: write_data(HERE / "a.data", CU, [29, 40]), "species is 29"),
    "data without an element": (lambda: write_data(HERE / "a.data", ALLOY, ["Cu"]), "lacks Zr"),
    "data of an unknown species": (lambda: write_data(HERE / "a.data", CU, ["Cu1"]), "species is 'Cu1'"),
    "data of no structure": (lambda: write_data(HERE / "a.data", None, ["Cu"]), "not NoneType"),
    "data of a triclinic cell": (lambda: write_data(HERE / "a.data", bulk("Cu"), ["Cu"]), "not orthogonal"),
    "run without a command": (lambda: run_lammps(HERE, []), "command is"),
    "run of one text": (lambda: run_lammps(HERE, "lmp -in in"), "words of a command line"),
    "run in no folder": (lambda: run_lammps(Path("absent"), ["lmp"]), "no folder"),
    "frame of no run": (lambda: named_frame(HERE, "minimized", ["Cu"]), "the run left none"),
    "trajectory of no run": (lambda: list(read_trajectory(HERE, ["Cu"])), "trajectory_every"),
    "executable that is no LAMMPS": (lambda: lammps_command(executable="/bin/true"), "is no LAMMPS"),
    "executable that does other things": (lambda: lammps_command(executable="/bin/cat"), "is no LAMMPS"),
    "executable that is absent": (lambda: lammps_command(executable="/no/lmp"), "does not exist"),
    "executable that is a folder": (lambda: lammps_command(executable="/tmp"), "does not exist or is not"),
    "executable that is a number": (lambda: lammps_command(executable=5), "executable is 5"),
    "executable that is a list": (lambda: lammps_command(executable=["lmp"]), "give the path"),
    "no cores": (lambda: lammps_command(0), "cores is 0"),
    "cores -1": (lambda: lammps_command(-1), "cores is -1"),
    "cores as text": (lambda: lammps_command("2"), "cores is '2'"),
    "half a core": (lambda: lammps_command(1.5), "cores is 1.5"),
    "no threads": (lambda: lammps_command(threads=0), "threads is 0"),
    "negative GPUs": (lambda: lammps_command(gpus=-1), "gpus is -1"),
    "GPUs without KOKKOS": (lambda: lammps_command(gpus=1), "KOKKOS"),
    "unknown accelerator": (lambda: lammps_command(accelerator="cuda"), "choose one of 'opt'"),
    "accelerator a flag": (lambda: lammps_command(accelerator=True), "choose one of 'opt'"),
    "threads of an accelerator without": (lambda: lammps_command(threads=2, accelerator="opt"), "no threads"),
    "a package that LAMMPS lacks": (lambda: lammps_command(accelerator="kokkos"), "KOKKOS"),
    "unknown potential": (lambda: find_potential("Cu-Zr"), "is unknown"),
    "a potential by its number": (lambda: find_potential(0), "is unknown"),
    "no potential": (lambda: find_potential(None), "is unknown"),
    "a list of potentials": (lambda: find_potential([POTENTIAL.name]), "is unknown"),
    "resource paths as text": (lambda: find_potential(resource_paths="/tmp"), "a list of folders"),
    "own potential without columns": (lambda: find_potential(pd.DataFrame({"Name": ["own"]})), "lacks"),
    "two own potentials": (lambda: find_potential(pd.concat([one_frame()] * 2)), "2 rows"),
    "own potential without a row": (lambda: find_potential(one_frame()[:0]), "0 rows"),
    "own potential without its file": (lambda: find_potential(one_frame(Filename=["no.fs"])), "not exist"),
    "own potential of species by number": (lambda: find_potential(one_frame(Species=[29, 40])), "Species"),
    "own potential of species as text": (lambda: find_potential(one_frame(Species="CuZr")), "Species"),
    "own potential with lines as text": (lambda: find_potential(one_frame(Config="pair_style")), "Config"),
    "own potential with a file as text": (lambda: find_potential(one_frame(Filename="a.fs")), "Filename"),
    "elements that it does not know": (lambda: POTENTIAL.check_elements(["Cu", "Al"]), "contains Al"),
    "elements by number": (lambda: POTENTIAL.check_elements([29, 40]), "contains 29, 40"),
    "columns of the catalogue": (lambda: find_potential(one_frame().drop(columns=COLUMNS[-1])), "lacks"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)


def test_more_ranks_than_cores_are_warned_of():
    with pytest.warns(UserWarning, match="share the") as caught:
        lammps_command(available_cores() + 1)
    assert caught[0].filename == __file__
