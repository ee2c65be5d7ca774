"""Dump files as LAMMPS writes them, binary and text, whole and torn."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read as ase_read

from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.files import write_data
from pyiron_nbed.lammps.protocol import INPUT_FILE
from pyiron_nbed.lammps.run import run_lammps
from pyiron_nbed.structures.dump import cut_frames, frame_places, read_frame, read_frames

SPECIES = ["Cu", "Zr"]
HEADER = "units metal\natom_style atomic\n{read}\nmass * 1\npair_style zero 5\npair_coeff * *\n"


def _dump(folder, lines, read="read_data a.data", ranks=1):
    (folder / INPUT_FILE).write_text(HEADER.format(read=read) + lines + "\n")
    run_lammps(folder, [*lammps_command(ranks), "-in", INPUT_FILE])


def _distance(a, b, cell):
    offset = (a - b) @ np.linalg.inv(cell)
    return np.abs((offset - np.round(offset)) @ cell).max()


@pytest.mark.parametrize("ranks", [1, 2])
def test_binary_round_trip_is_exact(in_folder, rattled, ranks):
    write_data(in_folder / "a.data", rattled, SPECIES)
    _dump(in_folder, "write_dump all custom a.bin id type x y z", ranks=ranks)
    back = read_frame(in_folder / "a.bin", SPECIES)
    assert _distance(back.positions, rattled.positions, rattled.cell.array) < 1e-12
    assert (back.numbers == rattled.numbers).all()
    assert back.pbc.all()
    assert np.allclose(back.cell, rattled.cell, atol=1e-14)


def test_text_and_binary_agree_whatever_the_columns(in_folder, rattled):
    write_data(in_folder / "a.data", rattled, SPECIES)
    lines = (
        "change_box all triclinic\nchange_box all xy final 3 xz final -2 yz final 1.5 boundary p p f remap\n"
    )
    kinds = {
        "a.bin": ("id type x y z", ""),
        "units.bin": ("xu yu zu type id", " modify units yes time yes"),
        "a.dump": ("id type x y z", " modify format float %.17g"),
        "scaled.dump": (
            "id element xs ys zs vx",
            " modify element Cu Zr format float %.17g units yes time yes",
        ),
    }
    for name, (columns, modify) in kinds.items():
        lines += f"write_dump all custom {name} {columns}{modify}\n"
    _dump(in_folder, lines)
    expected = read_frame(in_folder / "a.bin", SPECIES)
    assert expected.pbc.tolist() == [True, True, False]
    assert expected.cell.array[2, :2].tolist() == [-2.0, 1.5]
    assert expected.cell.array[1, 0] == 3.0
    for name in kinds:
        atoms = read_frame(in_folder / name, None if name == "scaled.dump" else SPECIES)
        assert (atoms.numbers == expected.numbers).all()
        assert np.allclose(atoms.cell, expected.cell, atol=1e-12)
        assert _distance(atoms.positions, expected.positions, expected.cell.array) < 1e-10
        assert atoms.pbc.tolist() == expected.pbc.tolist()
    reference = ase_read(in_folder / "a.dump", format="lammps-dump-text", specorder=SPECIES)
    assert _distance(reference.positions, expected.positions, expected.cell.array) < 1e-10


@pytest.mark.parametrize("name", ["a.bin", "a.dump"])
def test_many_frames_and_a_torn_one(in_folder, name):
    write_data(in_folder / "a.data", bulk("Cu", cubic=True) * (3, 3, 3), ["Cu"])
    _dump(
        in_folder,
        f"velocity all create 300 1\nfix n all nve\ndump d all custom 5 {name} id type x y z\nrun 20",
    )
    path = in_folder / name
    assert [a.info["step"] for a in read_frames(path, ["Cu"])] == [0, 5, 10, 15, 20]
    places = frame_places(path)
    assert [step for step, _, _ in places] == [0, 5, 10, 15, 20]
    assert places[-1][2] == path.stat().st_size
    frames = list(read_frames(path, ["Cu"]))
    assert (read_frame(path, ["Cu"], 2).positions == frames[2].positions).all()
    assert (read_frame(path, ["Cu"], -1).positions == frames[4].positions).all()
    with pytest.raises(InputError, match="5 whole frames, so there is no frame 5: choose -5 to 4"):
        read_frame(path, ["Cu"], 5)

    data = path.read_bytes()
    for cut in (len(data) - 3, len(data) - 40, places[4][1] + 60, places[4][1] + 3):
        path.write_bytes(data[:cut])
        assert [step for step, _, _ in frame_places(path)] == [0, 5, 10, 15]
        with pytest.raises(LammpsError, match="truncated at"):
            list(read_frames(path, ["Cu"]))
    cut_frames(path, 10)
    assert [a.info["step"] for a in read_frames(path, ["Cu"])] == [0, 5]
    cut_frames(path, 0)
    assert not path.exists()
    cut_frames(path, 0)


def test_dump_of_a_group_keeps_the_order_of_ids(in_folder):
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    write_data(in_folder / "a.data", atoms, ["Cu"])
    _dump(in_folder, "group g id 7 3 50:90:20\nwrite_dump g custom a.bin id type x y z")
    back = read_frame(in_folder / "a.bin", ["Cu"])
    assert _distance(back.positions, atoms.positions[[2, 6, 49, 69, 89]], atoms.cell.array) < 1e-12


def test_what_is_no_dump(in_folder, rattled):
    with pytest.raises(LammpsError, match="no frames"):
        list(read_frames(in_folder / "absent.dump", ["Cu"]))
    for text in (b"MThd" * 3000, b"ITEM: TIMESTEP\n5\nITEM:"):
        (in_folder / "other").write_bytes(text)
        with pytest.raises(LammpsError, match="is truncated at its byte 0, or is no dump of LAMMPS"):
            list(read_frames(in_folder / "other", ["Cu"]))
    write_data(in_folder / "a.data", rattled, SPECIES)
    _dump(in_folder, "write_dump all custom a.bin id type x y z\nwrite_dump all custom b.bin id x y z")
    with pytest.raises(InputError, match="neither names nor masses of them: give species"):
        read_frame(in_folder / "a.bin")
    with pytest.raises(InputError, match=r"types 1 to 2, but 1 species are given \(Cu\)"):
        read_frame(in_folder / "a.bin", ["Cu"])
    with pytest.raises(LammpsError, match="a dump with id, type"):
        read_frame(in_folder / "b.bin", ["Cu"])
