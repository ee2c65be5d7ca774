"""Structures from dumps, data files and restart files."""

import subprocess

import numpy as np
import pytest
from ase.build import bulk

from pyiron_nbed.errors import InputError, LammpsError, StructureError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.files import write_data
from pyiron_nbed.structures.reading import check_file, file_kind, read_structures

SCRIPT = """
units metal
atom_style atomic
read_data in.data
pair_style zero 5.0
pair_coeff * *
mass 1 63.546
mass 2 91.224
velocity all create 300 1
fix 1 all nve
dump 1 all custom 5 types.dump id type x y z
dump 2 all custom 5 elements.dump id type element x y z
dump_modify 1 format float %.10g
dump_modify 2 element Cu Zr format float %.10g
run 10
write_data out.data nocoeff
write_restart out.restart
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of every kind from LAMMPS itself."""
    folder = tmp_path_factory.mktemp("files")
    atoms = bulk("Cu", cubic=True) * (4, 4, 4)
    atoms.numbers[::3] = 40
    write_data(folder / "in.data", atoms, ["Cu", "Zr"])
    (folder / "in.lmp").write_text(SCRIPT)
    subprocess.run([*lammps_command(), "-in", "in.lmp"], cwd=folder, check=True, capture_output=True)
    return folder, atoms


def test_kinds(files):
    folder, _ = files
    names = ("types.dump", "out.data", "out.restart")
    assert [file_kind(folder / name) for name in names] == ["dump", "data", "restart"]


def test_all_files_hold_the_same_last_frame(files):
    folder, atoms = files
    dump = next(read_structures(folder / "types.dump", ["Cu", "Zr"]))
    assert np.array_equal(dump.numbers, atoms.numbers)
    assert dump.info["step"] == 10
    assert dump.get_distances(0, 7, mic=True) != atoms.get_distances(0, 7, mic=True)  # they have moved
    for name, species in (
        ("elements.dump", None),
        ("out.data", None),
        ("out.data", ["Cu", "Zr"]),
        ("out.restart", None),
        ("out.restart", ["Cu", "Zr"]),
    ):
        found = next(read_structures(folder / name, species))
        assert np.array_equal(found.numbers, atoms.numbers), name
        difference = found.positions - dump.positions
        lengths = dump.cell.lengths()
        difference -= lengths * np.round(difference / lengths)
        assert np.abs(difference).max() < 1e-7, name
        assert found.cell.array == pytest.approx(dump.cell.array)
        assert found.pbc.all()


def test_frames(files):
    folder, _ = files
    path = folder / "elements.dump"

    def steps(frames):
        return [atoms.info["step"] for atoms in read_structures(path, None, frames)]

    assert steps("all") == [0, 5, 10]
    assert steps(1) == [5]
    assert steps(-3) == [0]
    assert steps([2, 0, -1]) == [10, 0, 10]
    for frames in (3, -4, [0, 5]):
        with pytest.raises(InputError, match="so there is no frame"):
            steps(frames)
    with pytest.raises(InputError, match="whole numbers"):
        steps("last")
    with pytest.raises(InputError, match="holds one frame"):
        next(read_structures(folder / "out.data", None, 1))


def test_species_are_needed(files):
    folder, _ = files
    with pytest.raises(InputError, match="does not name them: give species"):
        check_file(folder / "types.dump")
    with pytest.raises(InputError, match="neither names nor masses"):
        check_file(folder / "in.data")
    with pytest.raises(InputError, match=r"2 atom types and the species given are \['Cu', 'Zr', 'Al'\]"):
        next(read_structures(folder / "out.restart", ["Cu", "Zr", "Al"]))
    with pytest.raises(InputError, match=r"types 1 to 2, but 3 species are given \(Cu, Zr, Al\)"):
        next(read_structures(folder / "types.dump", ["Cu", "Zr", "Al"]))
    with pytest.raises(InputError, match=r"2 atom types and the species given are \['Cu'\]"):
        check_file(folder / "in.data", ["Cu"])
    with pytest.raises(InputError, match="not all of these are chemical symbols"):
        check_file(folder / "in.data", ["Cu", "Zz"])
    with pytest.raises(InputError, match="give a list"):
        check_file(folder / "in.data", "Cu Zr")


def test_files_that_are_none(files, tmp_path):
    folder, _ = files
    with pytest.raises(InputError, match="does not exist"):
        check_file(tmp_path / "absent")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="is empty"):
        check_file(tmp_path / "empty")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(StructureError, match="none of the files that can be read"):
        check_file(tmp_path / "text")
    (tmp_path / "zipped").write_bytes(b"\x1f\x8b" + bytes(30))
    with pytest.raises(StructureError, match="cannot be unpacked"):
        check_file(tmp_path / "zipped")
    damaged = tmp_path / "damaged.restart"
    damaged.write_bytes((folder / "out.restart").read_bytes()[:300])
    with pytest.raises(LammpsError, match="could not convert"):
        next(read_structures(damaged))
    short = tmp_path / "short.data"
    short.write_text("".join((folder / "in.data").read_text().splitlines(keepends=True)[:100]))
    with pytest.raises(StructureError, match="damaged"):
        next(read_structures(short, ["Cu", "Zr"]))
