"""Damaged and unsuitable files, and wrong arguments of reading them."""

import gzip
import subprocess

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed import read_structures
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.jobs.sources import check_sources, to_sources
from pyiron_nbed.ssro.motifs import species_mask
from pyiron_nbed.structures.dump import read_frame, read_frames
from pyiron_nbed.structures.reading import check_file

ROWS = ("1 1 1 1 1", "2 2 2 2 2", "3 1 3 3 3.5")


def dump(
    *rows, columns="id type x y z", count=None, step="0", box="0 9\n0 9\n0 9", head="pp pp pp", first=""
):
    """A frame of a text dump."""
    rows = rows or ROWS
    lines = "".join(f"{row}\n" for row in rows)
    return (
        f"{first}ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(rows) if count is None else count}\n"
        f"ITEM: BOX BOUNDS {head}\n{box}\nITEM: ATOMS {columns}\n{lines}"
    )


def data(*rows, style=" # atomic", masses="1 63.546\n2 91.224", count=None, box="0 9", title="t", extra=""):
    """A data file of two types."""
    rows = rows or ROWS
    sides = "".join(f"{box} {axis}lo {axis}hi\n" for axis in "xyz")
    section = f"Masses\n\n{masses}\n\n" if masses else ""
    return (
        f"{title}\n\n{len(rows) if count is None else count} atoms\n2 atom types\n\n{sides}\n{extra}{section}"
        f"Atoms{style}\n\n" + "".join(f"{row}\n" for row in rows)
    )


POSCAR = "t\n1.0\n4 0 0\n0 4 0\n0 0 4\nCu Zr\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
CIF = (
    "data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n"
    "_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n"
    "_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    "_atom_site_occupancy\nCu1 Cu 0 0 0 0.5\nZr1 Zr 0 0 0 0.5\n"
)
CFG = (
    "Number of particles = 2\nA = 1.0 Angstrom\nH0(1,1) = 4 A\nH0(1,2) = 0 A\nH0(1,3) = 0 A\nH0(2,1) = 0 A\n"
    "H0(2,2) = 4 A\nH0(2,3) = 0 A\nH0(3,1) = 0 A\nH0(3,2) = 0 A\nH0(3,3) = 4 A\n.NO_VELOCITY.\n"
    "entry_count = 3\n63.546\nCu\n0 0 0\n91.224\nZr\n.5 .5 .5\n"
)
BOTH = ["Cu", "Zr"]

# text of a file, species, part of the message
FILES = {
    "empty": ("", None, "is empty"),
    "blanks": ("\n \n", None, "none of the files that can be read"),
    "prose": ("Dear colleague,\nhere are the atoms.\n", None, "none of the files that can be read"),
    "html": ("<!DOCTYPE html>\n<html></html>\n", None, "none of the files that can be read"),
    "table": ("x,y,z\n1,2,3\n", None, "none of the files that can be read"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), None, "none of the files that can be read"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), None, "none of the files that can be read"),
    "numbers": (np.arange(99.0).tobytes(), None, "none of the files that can be read"),
    "log of lammps": ("LAMMPS (22 Jul 2025)\nunits metal\n", None, "none of the files that can be read"),
    # dumps
    "dump of types only": (dump(), None, "numbers its atom types but does not name them"),
    "dump, head only": ("ITEM: TIMESTEP\n5\n", BOTH, "truncated at its byte 0"),
    "dump, no step": ("ITEM: NUMBER OF ATOMS\n5\n", BOTH, "truncated at its byte 0"),
    "dump of bonds": (dump().replace("ITEM: ATOMS", "ITEM: ENTRIES"), BOTH, "is no dump of LAMMPS"),
    "dump without ids": (dump(columns="mol type x y z"), BOTH, "a dump with id, type"),
    "dump without types": (dump(columns="id mol x y z"), BOTH, "a dump with id, type"),
    "dump without z": (dump(columns="id type x y vz"), BOTH, "a dump with id, type"),
    "dump, mixed positions": (dump(columns="id type x y zs"), BOTH, "a dump with id, type"),
    "dump, a word for a number": (dump("1 1 1 one 1"), ["Cu"], "Invalid floating-point value"),
    "dump, a short line": (dump("1 1 1 1 1", "2 1 2 2", "3 1 3 3 3"), ["Cu"], "not contain enough columns"),
    "dump, comma": (dump("1 1 1,5 1 1"), ["Cu"], "'1,5', which is no number"),
    "dump, Fortran exponent": (dump("1 1 1 1 1.5D+03"), ["Cu"], r"'1.5D\+03', which is no number"),
    "dump, id with letters": (dump("1x 1 1 1 1"), ["Cu"], "'1x', which is no number"),
    "dump, no number": (dump("1 1 1 nan 1", "2 1 1 1 1"), ["Cu"], r"no finite number \(atom id 1\)"),
    "dump, infinite": (dump("1 1 1 1 1", "2 1 1 1 inf"), ["Cu"], r"no finite number \(atom id 2\)"),
    "dump, zero bytes": (dump("1 1 1 1 1", "\0\0\0\0"), ["Cu"], "holds no text at its byte"),
    "dump, box of words": (dump(box="0 a\n0 9\n0 9"), BOTH, "box bounds that are no numbers"),
    "dump, box not finite": (dump(box="0 nan\n0 9\n0 9"), BOTH, "box"),
    "dump, box turned round": (dump(box="9 0\n0 9\n0 9"), BOTH, "upper bound is below its lower one"),
    "dump, flat box": (dump(box="0 9\n0 9\n0 0"), BOTH, "without volume"),
    "dump, box of two lines": (dump(box="0 9\n0 9"), BOTH, "is no dump of LAMMPS"),
    "dump, negative count": (dump(count=-3), BOTH, "is no dump of LAMMPS"),
    "dump, count in words": (dump(count="three"), BOTH, "is no dump of LAMMPS"),
    "dump, too few lines": (dump(count=4), BOTH, "truncated at its byte 0"),
    "dump, too many lines": (dump(count=2), BOTH, "belongs to no frame at its byte"),
    "dump, an absurd count": (dump(count=10**15), BOTH, "truncated at its byte 0"),
    "dump, step in words": (dump(step="first"), BOTH, "is no dump of LAMMPS"),
    "dump, type 0": (dump("1 0 1 1 1"), ["Cu"], "an atom of type 0"),
    "dump, type -1": (dump("1 -1 1 1 1"), ["Cu"], "an atom of type -1"),
    "dump, third type": (dump("1 3 1 1 1"), BOTH, "types 1 to 3, but 2 species are given"),
    "dump, third species": (dump(), [*BOTH, "Al"], "types 1 to 2, but 3 species are given"),
    "dump, an id twice": (dump("7 1 1 1 1", "7 1 2 2 2"), ["Cu"], "atom id 7 more than once"),
    "dump in lj units": (dump(first="ITEM: UNITS\nlj\n"), BOTH, "units 'lj'"),
    "dump in furlongs": (dump(first="ITEM: UNITS\nfurlong\n"), BOTH, "units 'furlong'"),
    "dump, no symbol": (dump("1 CU 1 1 1", columns="id element x y z"), None, "no chemical symbol"),
    "dump, other symbols": (dump("1 Ni 1 1 1", columns="id element x y z"), BOTH, "leave out species"),
    "dump behind a message": ("cat: a: No such file\n" + dump(), BOTH, "belongs to no frame at its byte 0"),
    "dump before a message": (dump() + "Killed\n", BOTH, "belongs to no frame at its byte"),
    "dump, torn end": (dump() + dump()[:-9], BOTH, "within its last frame"),
    "dump, torn first word": (dump() + "ITE", BOTH, "within its last frame"),
    "dump without atoms": (dump(count=0, step=8).rsplit("1 1 1 1 1", 1)[0], BOTH, "holds no atoms"),
    # data files
    "data, no section": (data().split("Atoms")[0], None, "no section Atoms"),
    "data, neither names nor masses": (data(masses=""), None, "neither names nor masses"),
    "data, one species": (data(), ["Cu"], "2 atom types and the species given are"),
    "data, third species": (data(), [*BOTH, "Al"], "2 atom types and the species given are"),
    "data, too few lines": (data(count=4), BOTH, "cannot be read"),
    "data, too many lines": (data(count=2), BOTH, "2 atoms in its head and 3 lines"),
    "data, type 3 of 2": (data("1 3 1 1 1"), BOTH, "type 3"),
    "data, an id twice": (data("4 1 1 1 1", "4 1 2 2 2"), BOTH, "atom id 4 more than once"),
    "data, comma": (data("1 1 1 1,5 1"), BOTH, "'1,5', which is no number"),
    "data, comma in the box": (data(box="0 9,5"), BOTH, "'9,5', which is no number"),
    "data, joined": (data() + data(), BOTH, "section Atoms more than once"),
    "data of a hybrid": (data(style=" # hybrid"), BOTH, "give atom_style, for example 'hybrid sphere"),
    "data, no number": (data("1 1 1 nan 1"), BOTH, "no finite number"),
    "data, a word": (data("1 1 1 one 1"), BOTH, "cannot be read"),
    "data, a short line": (data("1 1 1 1 1", "2 1 1 1"), BOTH, "cannot be read"),
    "data, no blank line": (data().replace("atomic\n\n", "atomic\n"), BOTH, "cannot be read|lines of atoms"),
    "data of an unknown style": (data(style=" # smd"), BOTH, "atom style 'smd', which is not known"),
    "data of any style": (data("1 1 1 1 1 1 1", style=""), BOTH, "give atom_style"),
    "data of no style": (data("1 1 1 1", style=""), BOTH, "give atom_style"),
    "data, flat box": (data(box="0 0"), BOTH, "without volume"),
    "data, box turned round": (data(box="9 0"), BOTH, "cannot be read"),
    "data in lj units": (data(title="t, units = lj"), BOTH, "units 'lj'"),
    "data of lj masses": (data(masses="1 1.0\n2 1.0"), None, "the mass 1, which is that of no element"),
    "data, masses in words": (data(masses="1 copper\n2 91.2"), None, "masses or labels that cannot be read"),
    "data, labels that are no symbols": (
        data(masses="", extra="Atom Type Labels\n\n1 CuA\n2 ZrB\n\n"), None, "'CuA', which is no chemical",
    ),
    "data, zero bytes": (data() + "\0\0", BOTH, "holds no text at its byte"),
    "data without atoms": (data(count=0).split("Atoms")[0] + "Atoms\n\n", BOTH, "no atoms"),
    # others
    "xyz, too short": ("3\n\nCu 0 0 0\nZr 1 1 1\n", None, "fewer than 3 lines of atoms"),
    "xyz, joined": ("1\n\nCu 0 0 0\nKilled\n", None, "no number of atoms at its byte"),
    "xyz of two coordinates": ("1\n\nCu 0 0\n", None, "fewer than 1 lines of atoms"),
    "xyz, a word": ("1\n\nCu 0 0 up\n", None, "cannot be read"),
    "xyz, comma": ("1\n\nCu 0 1,5 0\n", None, "'1,5', which is no number"),
    "xyz, Fortran exponent": ("1\n\nCu 0 0 0.15D+02\n", None, r"'0.15D\+02', which is no number"),
    "xyz, no symbol": ("1\n\nQq 0 0 0\n", None, "'Qq', which is no chemical symbol"),
    "xyz of types": ("1\n\n1 0 0 0\n", None, "neither names nor masses"),
    "xyz, other symbols": ("1\n\nNi 0 0 0\n", BOTH, "leave out species"),
    "xyz, no atoms": ("0\n\n", None, "no atoms|cannot be read"),
    "POSCAR, too short": (POSCAR[:-9], None, "cannot be read"),
    "POSCAR, no symbol": (POSCAR.replace("Zr", "Qq"), None, "cannot be read|no chemical symbol"),
    "POSCAR without names": (POSCAR.replace("Cu Zr\n", ""), None, "does not name them"),
    "POSCAR, one species": (POSCAR.replace("Cu Zr\n", ""), ["Cu"], "2 atom types"),
    "XDATCAR": (POSCAR.replace("Direct", "Direct configuration= 1"), None, "a series of frames"),
    "cif, partly occupied": (CIF, None, "only partly occupied"),
    "cif, no cell": (CIF.replace("_cell_length_b 4\n", "").replace("0.5", "1"), None, "no cell"),
    "cfg, joined": (CFG + CFG, None, "2 frames joined"),
    "cfg, comma": (CFG.replace(".5 .5 .5", ".5 0,5 .5"), None, "'0,5', which is no number"),
    "cfg, too short": (CFG[:-10], None, "cannot be read"),
    "packed, cut off": (gzip.compress(dump().encode())[:-12], BOTH, "cannot be unpacked"),
    "packed, damaged": (
        gzip.compress(dump().encode())[:30] + b"\xff\xfe\xff\xfe" + gzip.compress(dump().encode())[34:], BOTH,
        "cannot be unpacked",
    ),
    "packed twice": (gzip.compress(gzip.compress(dump().encode())), BOTH, "packed twice"),
    "packed prose": (gzip.compress(b"Dear colleague,\n"), None, "packed prose is none of the files"),
    "npz, cut off": (b"PK\x03\x04" + bytes(30), None, "cannot be read"),
    "restart, cut off": (b"LammpS RestartT" + bytes(300), None, "could not convert the restart file"),
}  # fmt: skip
BINARY = """
units metal
atom_style atomic
lattice fcc 4
region b block 0 2 0 2 0 2
create_box 2 b
create_atoms 1 box
mass * 1
write_dump all custom whole.bin id type x y z
write_dump all custom no_type.bin id x y z
write_restart whole.restart
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All files of the tables."""
    folder = tmp_path_factory.mktemp("refused")
    for name, (text, _, _) in FILES.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "good.dump").write_text(dump())
    (folder / "good.data").write_text(data())
    (folder / "good.xyz").write_text("1\n\nCu 0 0 0\n")
    (folder / "a folder").mkdir()
    values = {"species": np.array(BOTH), "positions": np.eye(3)[:2], "cell": 9 * np.eye(3)}
    for name, changed in NPZ.items():
        given = {key: value for key, value in (values | changed).items() if value is not None}
        np.savez(folder / name, **given)
    (folder / "in.lmp").write_text(BINARY)
    subprocess.run([*lammps_command(), "-in", "in.lmp"], cwd=folder, check=True, capture_output=True)
    whole = (folder / "whole.bin").read_bytes()
    (folder / "torn.bin").write_bytes(whole[:-50])
    (folder / "torn_end.bin").write_bytes(whole + whole[:-50])
    (folder / "other_end.bin").write_bytes(whole + b"ITEM: TIMESTEP\n")
    (folder / "big_endian.bin").write_bytes(whole[:18] + b"\0\0\0\1" + whole[22:])
    (folder / "torn.restart").write_bytes((folder / "whole.restart").read_bytes()[:200])
    return folder


NPZ = {
    "no_cell.npz": {"cell": None},
    "objects.npz": {"species": np.array(["Cu", None], dtype=object)},
    "one_species.npz": {"species": np.array(["Cu"])},
    "words.npz": {"positions": np.array([["a", "b", "c"]] * 2)},
    "plane.npz": {"positions": np.ones((2, 2))},
    "no_symbol.npz": {"species": np.array(["Cu", "Qq"])},
    "empty.npz": {"species": np.array([], str), "positions": np.empty((0, 3))},
    "no_volume.npz": {"cell": np.zeros((3, 3)) + 1},
}


@pytest.mark.parametrize("name", FILES)
def test_files_refused(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    _, species, part = FILES[name]
    assert_refused(lambda: list(read_structures(name, species)), part, folder)
    assert_refused(lambda: check_file(name, species), part, folder)


def reading(name, *arguments, **options):
    """A row: read a file with these arguments."""
    return lambda: list(read_structures(name, *arguments, **options))


ROWS_OF_ARGUMENTS = {
    "path is a number": (reading(5), "The path is 5"),
    "path is None": (reading(None), "The path is None"),
    "path is a list": (reading(["good.dump"]), "The path is"),
    "path is bytes": (reading(b"good.dump"), "The path is"),
    "a folder": (reading("a folder", BOTH), "a folder is a folder"),
    "no file": (reading("absent.dump", BOTH), "does not exist"),
    "in no folder": (reading("absent/a.dump", BOTH), "does not exist"),
    "no text": (reading(""), "folder|does not exist"),
    "species as text": (reading("good.dump", "Cu"), "species is 'Cu': give a list"),
    "species in one text": (reading("good.dump", "Cu Zr"), "species is 'Cu Zr'"),
    "no species": (reading("good.dump", []), r"species is \[\]"),
    "species as numbers": (reading("good.dump", [29, 40]), "chemical symbols"),
    "species is a number": (reading("good.dump", 29), "species is 29"),
    "species is a set": (reading("good.dump", {"Cu"}), "give a list"),
    "species is a dict": (reading("good.dump", {1: "Cu"}), "give a list"),
    "species unknown": (reading("good.dump", ["Cu", "Zz"]), "chemical symbols"),
    "species in small letters": (reading("good.dump", ["cu", "zr"]), "chemical symbols"),
    "species with a hole": (reading("good.dump", ["Cu", None]), "chemical symbols"),
    "species X": (reading("good.dump", ["Cu", "X"]), "chemical symbols"),
    "frames is a word": (reading("good.dump", BOTH, "last"), "frames is 'last'"),
    "frames is a number in words": (reading("good.dump", BOTH, "0"), "frames is '0'"),
    "frames is half": (reading("good.dump", BOTH, 0.5), "whole numbers"),
    "frames is None": (reading("good.dump", BOTH, None), "whole numbers"),
    "frames is a flag": (reading("good.dump", BOTH, True), "whole numbers"),
    "no frames": (reading("good.dump", BOTH, []), "whole numbers"),
    "frames with a word": (reading("good.dump", BOTH, [0, "all"]), "whole numbers"),
    "frames is NaN": (reading("good.dump", BOTH, float("nan")), "whole numbers"),
    "frame beyond the end": (reading("good.dump", BOTH, 1), "so there is no frame 1: choose -1 to 0"),
    "frame before the start": (reading("good.dump", BOTH, -2), "so there is no frame -2"),
    "one of the frames": (reading("good.dump", BOTH, [0, 3]), "so there is no frame 3"),
    "frame of a data file": (reading("good.data", BOTH, 1), "holds one frame"),
    "frame of an xyz file": (reading("good.xyz", None, 4), "so there is no frame 4"),
    "pbc is a word": (reading("good.dump", BOTH, pbc="ppp"), "pbc is 'ppp'"),
    "pbc is a number": (reading("good.dump", BOTH, pbc=1), "pbc is 1"),
    "pbc of two": (reading("good.dump", BOTH, pbc=(True, True)), "or three of them"),
    "pbc of four": (reading("good.dump", BOTH, pbc=[True] * 4), "or three of them"),
    "pbc without a cell": (reading("good.xyz", pbc=True), "has no cell"),
    "pbc of numbers": (reading("good.dump", BOTH, pbc=[1, 1, 0]), "or three of them"),
    "pbc of shape (3, 1)": (reading("good.dump", BOTH, pbc=np.ones((3, 1), bool)), "or three of them"),
    "atom_style unknown": (reading("good.data", BOTH, atom_style="liquid"), "atom_style is 'liquid'"),
    "atom_style is a number": (reading("good.data", BOTH, atom_style=3), "atom_style is 3"),
    "atom_style is empty": (reading("good.data", BOTH, atom_style=""), "atom_style is ''"),
    "atom_style is a list": (reading("good.data", BOTH, atom_style=["atomic"]), "atom_style is"),
    "half of a hybrid": (reading("good.data", BOTH, atom_style="hybrid foo"), "atom_style is 'foo'"),
    "another atom_style": (reading("good.data", BOTH, atom_style="full"), "cannot be read"),
    "no cores": (reading("whole.restart", BOTH, cores=0), "cores is 0"),
    "cores as text": (reading("whole.restart", BOTH, cores="two"), "cores is 'two'"),
    "restart, one species": (reading("whole.restart", ["Cu"]), "2 atom types and the species given are"),
    "restart, third species": (reading("whole.restart", [*BOTH, "Al"]), "2 atom types and the species given"),
    "restart of lj masses": (reading("whole.restart"), "the mass 1, which is that of no element"),
    "restart, torn": (reading("torn.restart", BOTH), "could not convert the restart file"),
    "binary, no species": (reading("whole.bin"), "does not name them"),
    "binary, torn": (reading("torn.bin", ["Cu"]), "truncated at its byte 0"),
    "binary, torn end": (reading("torn_end.bin", ["Cu"]), "within its last frame"),
    "binary, another end": (reading("other_end.bin", ["Cu"], "all"), "within its last frame"),
    "binary, of another machine": (reading("big_endian.bin", ["Cu"]), "byte order"),
    "binary without types": (reading("no_type.bin", ["Cu"]), "a dump with id, type"),
    "npz without a cell": (reading("no_cell.npz"), "no arrays cell"),
    "npz of objects": (reading("objects.npz"), "cannot be read"),
    "npz of one species": (reading("one_species.npz"), r"species \(1,\), positions \(2, 3\)"),
    "npz of words": (reading("words.npz"), "as numbers and symbols"),
    "npz of a plane": (reading("plane.npz"), r"positions \(2, 2\)"),
    "npz, no symbol": (reading("no_symbol.npz"), "'Qq', which is no chemical symbol"),
    "npz, no atoms": (reading("empty.npz"), "holds no atoms"),
    "npz, no volume": (reading("no_volume.npz"), "without volume"),
    "one frame, absent": (lambda: read_frame("absent.bin", ["Cu"]), "does not exist"),
    "one frame of prose": (lambda: read_frame("prose", ["Cu"]), "is no dump of LAMMPS"),
    "frames, species as text": (lambda: list(read_frames("good.dump", "Cu")), "give a list"),
    "source is a number": (lambda: to_sources(5), "not int"),
    "source is None": (lambda: to_sources(None), "not NoneType"),
    "file is a number": (lambda: check_sources([{"file": 5}], "SSRO"), "The path is 5"),
    "file is a folder": (lambda: check_sources(to_sources("a folder"), "SSRO"), "is a folder"),
    "third species of a job": (
        lambda: check_sources(to_sources("good.dump"), "SSRO", species=[*BOTH, "Al"]), "3 species are given",
    ),
    "species of a job as text": (
        lambda: check_sources(to_sources("good.dump"), "SSRO", species="Cu"), "species is 'Cu'",
    ),
    "frame of a job by name": (
        lambda: check_sources(to_sources("good.dump"), "SSRO", "last", BOTH), "have no names",
    ),
    "no such species in a file": (
        lambda: species_mask(check_file("good.dump", ["Al", "Ni"]), "Cu"), "motif_species is .*'Al', 'Ni'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS_OF_ARGUMENTS.values(), ids=ROWS_OF_ARGUMENTS)
def test_arguments_refused(row, folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert_refused(*row, folder)


def test_what_the_tables_start_from_is_read(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name, species in (
        ("good.dump", BOTH),
        ("good.data", None),
        ("good.xyz", None),
        ("whole.bin", ["Cu"]),
    ):
        assert next(read_structures(name, species)).numbers[0] == 29
