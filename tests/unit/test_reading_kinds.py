"""Kinds of files that are easily read wrongly: each comes out right, or with a sentence."""

import bz2
import gzip
import lzma
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

import pyiron_nbed
from pyiron_nbed.errors import InputError, LammpsError, StructureError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.ssro.export import write_dump, write_extxyz
from pyiron_nbed.structures.reading import check_file, file_kind, read_structures

BOX = "-1 9\n-2 7\n0.5 8.5"
CELL = [10.0, 9.0, 8.0]
TYPED = "id type x y z"
NAMED = "id type element x y z"
ROWS = ["2 2 1 2 3", "1 1 -0.5 -1.5 1"]


def dump(rows, columns=TYPED, box=BOX, bounds="pp pp pp", step=0, units=""):
    """A frame of a text dump."""
    head = f"ITEM: UNITS\n{units}\n" if units else ""
    head += f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(rows)}\nITEM: BOX BOUNDS {bounds}\n{box}\n"
    return head + f"ITEM: ATOMS {columns}\n" + "".join(f"{row}\n" for row in rows)


def data(rows, style="", head="", masses=("63.546", "91.224"), title="made by hand", box=None):
    """A data file of two types."""
    box = box or "-1 9 xlo xhi\n-2 7 ylo yhi\n0.5 8.5 zlo zhi"
    weights = "".join(f"{number} {mass}\n" for number, mass in enumerate(masses, 1))
    section = f"Masses\n\n{weights}\n" if masses else ""
    lines = "\n".join(rows)
    return f"{title}\n\n{len(rows)} atoms\n2 atom types\n\n{box}\n\n{head}{section}Atoms{style}\n\n{lines}\n"


@pytest.fixture
def read(in_folder):
    """Write a text and read it."""

    def function(text, species=None, frames=-1, name="a.file", **options):
        (in_folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(read_structures(name, species, frames, **options))

    return function


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("metal", 1),
        ("real", 1),
        ("nano", 10),
        ("micro", 1e4),
        ("cgs", 1e8),
        ("si", 1e10),
        ("electron", 0.529177),
    ],
)
def test_stated_units_are_converted(read, unit, factor):
    for text, name in (
        (dump(ROWS, units=unit), "a.dump"),
        (data(ROWS, title=f"x, units = {unit}"), "a.data"),
    ):
        (atoms,) = read(text, ["Cu", "Zr"], name=name)
        assert atoms.cell.lengths() == pytest.approx(np.array(CELL) * factor, rel=1e-6)
        assert atoms.positions[0] == pytest.approx(np.array([0.5, 0.5, 0.5]) * factor, rel=1e-6)


def test_units_are_stated_once_in_a_dump_of_many_frames(read):
    frames = read(dump(ROWS, units="nano") + dump(ROWS, step=1), ["Cu", "Zr"], "all")
    assert [atoms.cell[0, 0] for atoms in frames] == [100, 100]
    joined = read(dump(ROWS, units="nano") + dump(ROWS, step=1, units="metal"), ["Cu", "Zr"], "all")
    assert [atoms.cell[0, 0] for atoms in joined] == [100, 10]


def test_lengths_without_a_value_are_refused(read):
    for text in (dump(ROWS, units="lj"), dump(ROWS, units="parsec"), data(ROWS, title="t, units = lj")):
        with pytest.raises(InputError, match="states the units"):
            read(text, ["Cu", "Zr"])


def test_masses_of_lj_units_name_no_elements(read):
    with pytest.raises(InputError, match="gives type 1 the mass 1, which is that of no element"):
        read(data(ROWS, masses=("1.0", "2.0")))
    (atoms,) = read(data(ROWS, masses=("1.0", "2.0")), ["Cu", "Zr"])
    assert str(atoms.symbols) == "CuZr"
    (atoms,) = read(data(ROWS, masses=("208.98", "58.69")))
    assert str(atoms.symbols) == "BiNi"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_coordinate_counts_from_the_corner(read, newline):
    fractions = ["2 2 0.2 0.444444444 0.3125", "1 1 0.05 0.0555555556 0.0625"]
    texts = [
        dump(ROWS),
        "ITEM: TIME\n0.5\n" + dump(ROWS),
        dump(fractions, "id type xs ys zs"),
        dump([f"{row} 7 0" for row in ROWS], "id type xu yu zu mass q"),
        dump(["1 2 3 2 2", "-0.5 -1.5 1 1 1"], "x y z type id"),
        dump(["0 0 0 2 2 1 2 3", "0 0 0 1 1 -0.5 -1.5 1"], "xs ys zs id type x y z"),
        dump([row.replace(" ", " \t ") + " " for row in ROWS]),
        dump(["2 Zr 1 2 3", "1 Cu -0.5 -1.5 1"], "id element x y z"),
        dump(["2 Zr 1 2 3", "1 Cu -0.5 -1.5 1"]),
        dump(["2 2 Zr 1 2 3", "1 1 Cu -0.5 -1.5 1"], "id type typelabel x y z"),
        data(ROWS),
        data([row + "  # note" for row in ROWS], " # atomic"),
        data([row + " 0 1 0" for row in ROWS]),
        data(ROWS)
        .replace(" atoms", " \t atoms")
        .replace(" atom types", "\tatom   types")
        .replace("xlo xhi", "xlo\t xhi"),
        data(ROWS, masses=()) + "\nMasses\n\n1 63.5  # Cu\n2 91.2\n",
        data(["2 Zr 1 2 3", "1 Cu -0.5 -1.5 1"], head="Atom Type Labels\n\n2 Zr\n1 Cu\n\n", masses=()),
        '2\nLattice="10 0 0 0 9 0 0 0 8" Origin="-1 -2 0.5"\nCu -0.5 -1.5 1\nZr 1 2 3\n',
    ]
    for number, text in enumerate(texts):
        needed = None if number > 6 else ["Cu", "Zr"]
        for pbc in (None, False, (True, False, True)):
            (atoms,) = read(text.replace("\n", newline), needed, pbc=pbc)
            assert str(atoms.symbols) == "CuZr", text
            assert np.allclose(atoms.positions, [[0.5, 0.5, 0.5], [2, 4, 2.5]], atol=1e-8), text
            assert np.allclose(atoms.cell.array, np.diag(CELL)), text
            assert atoms.pbc.tolist() == np.broadcast_to(True if pbc is None else pbc, 3).tolist()


def test_what_a_dump_says_is_periodic(read):
    assert read(dump(ROWS, bounds="pp ff sm"), ["Cu", "Zr"])[0].pbc.tolist() == [True, False, False]
    assert read(dump(ROWS, bounds=""), ["Cu", "Zr"])[0].pbc.all()


def test_tilted_and_general_boxes(read):
    tilted = dump(["1 1 2 1 1"], box="-1 10 1.5\n0 9.5 -1\n0 8 0.5", bounds="xy xz yz pp pp pp")
    (atoms,) = read(tilted, ["Cu"])
    assert atoms.cell.array.tolist() == [[8.5, 0, 0], [1.5, 9, 0], [-1, 0.5, 8]]
    assert atoms.positions.tolist() == [[2, 1, 1]]  # the box begins at -1 - min(0, xz, xy + xz) = 0
    vectors = "3 1 0 -1\n0 4 1 -2\n1 0 5 0.5"
    (atoms,) = read(dump(["1 1 0 0 1"], box=vectors, bounds="abc origin pp pp ff"), ["Cu"])
    assert atoms.cell.array.tolist() == [[3, 1, 0], [0, 4, 1], [1, 0, 5]]
    assert atoms.positions.tolist() == [[1, 2, 0.5]]
    assert atoms.pbc.tolist() == [True, True, False]
    general = "3 1 0 avec\n0 4 1 bvec\n1 0 5  cvec\n-1 -2 0.5   abc  origin"
    (atoms,) = read(data(["1 1 0 0 1"], box=general))
    assert atoms.cell.array.tolist() == [[3, 1, 0], [0, 4, 1], [1, 0, 5]]
    assert atoms.positions.tolist() == [[1, 2, 0.5]]


def test_elements_are_those_of_the_frame(read):
    first = dump(["1 1 Cu 1 1 1", "2 3 Ni 4 4 4"], NAMED)
    second = dump(["1 3 Ni 1 1 1", "2 2 Zr 4 4 4"], NAMED, step=9)
    assert [str(a.symbols) for a in read(first + second, None, "all")] == ["CuNi", "NiZr"]
    assert str(read(first + second, ["Al", "Si", "Fe"])[0].symbols) == "FeSi"  # types are renamed
    for name in ("CU", "Cu1", "X"):
        with pytest.raises(InputError, match=f"names its atoms '{name}', which is no chemical symbol"):
            read(dump([f"1 1 {name} 1 1 1"], NAMED))
        assert str(read(dump([f"1 1 {name} 1 1 1"], NAMED), ["Cu"])[0].symbols) == "Cu"


def test_one_species_for_each_type(read):
    with pytest.raises(InputError, match=r"types 1 to 2, but 3 species are given \(Cu, Zr, Al\)"):
        read(dump(ROWS), ["Cu", "Zr", "Al"])
    with pytest.raises(InputError, match=r"2 atom types and the species given are \['Cu', 'Zr', 'Al'\]"):
        read(data(ROWS), ["Cu", "Zr", "Al"])
    series = dump(["1 1 1 1 1"]) + dump(ROWS, step=5) + dump(["1 1 1 1 1"], step=9)
    assert [len(a) for a in read(series, ["Cu", "Zr"], "all")] == [1, 2, 1]  # the number of atoms may change
    with pytest.raises(InputError, match=r"names its elements \(Cu, Zr\)"):
        read(dump(["2 Zr 1 2 3", "1 Cu 1 1 1"], "id element x y z"), ["Cu", "Ni"])


@pytest.mark.parametrize("frames", [-1, "all"])
def test_torn_dumps_never_give_an_earlier_frame_as_the_last(read, frames):
    rows = [f"{i} 1 1.2345678 2.3456789 {i}.1234567" for i in range(1, 41)]
    first, last = dump(rows[:3]), dump(rows, step=9)
    whole = first + last
    assert read(whole, ["Cu"], frames)[-1].info["step"] == 9
    for cut in range(1, len(last)):
        if cut == 1:
            assert len(read(whole[:-cut], ["Cu"], frames)[-1]) == 40  # the newline alone is missing
        elif cut % 7 == 0 or cut > len(last) - 30:
            with pytest.raises(LammpsError, match=rf"byte {len(first)}, within its last frame"):
                read(whole[:-cut], ["Cu"], frames)
            assert len(read(whole[:-cut], ["Cu"], 0)[0]) == 3
    with pytest.raises(LammpsError, match="truncated at its byte 0"):
        read(last[:-40], ["Cu"], frames)


@pytest.mark.parametrize("cut", [1, 4, 33, 400, 1190])
def test_a_frame_that_was_cut_off_and_written_again(read, cut):
    rows = [f"{i} 1 1.2345678 2.3456789 {i}.1234567" for i in range(1, 41)]
    frame = dump(rows, step=5)
    text = dump(rows[:2]) + frame[:-cut] + "# run again\n" * (cut == 1) + dump(rows[:7], step=6)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = read(text, ["Cu"], "all")
        assert len(read(text, ["Cu"], -1)[0]) == 7
    if cut == 1:  # a comment stands in the place of the newline: the row is not whole
        assert [len(atoms) for atoms in found] in ([2, 7], [2, 40, 7])
    else:
        assert [len(atoms) for atoms in found] == [2, 7]
        assert "1 frames that were cut off" in str(said[0].message)
        assert said[0].filename == __file__


@pytest.mark.parametrize("stray", ["Loop time of 3\n", "7 1 1 1 1\n", "ITEM: NUMBER OF ATOMS\n2\n"])
def test_stray_text_is_named_by_its_byte(read, stray):
    frames = dump(ROWS), dump(ROWS, step=3)
    for text, byte in (
        (frames[0] + stray + frames[1], len(frames[0])),
        (stray + frames[0], 0),
    ):
        for number in (-1, "all", 0):
            with pytest.raises(LammpsError, match=f"belongs to no frame at its byte {byte} "):
                read(text, ["Cu", "Zr"], number)
    quiet = "# joined by hand\n\n" + frames[0] + "\n# second\n" + frames[1] + "\n\n"
    assert [a.info["step"] for a in read(quiet, ["Cu", "Zr"], "all")] == [0, 3]


def test_duplicate_ids_are_named(read):
    rows = ["1 1 1 1 1", "7 1 2 2 2", "7 1 3 3 3", "3 2 4 4 4"]
    for text in (dump(rows), data(rows)):
        with pytest.raises(StructureError, match="the atom id 7 more than once"):
            read(text, ["Cu", "Zr"])


def test_a_frame_without_atoms(read):
    text = dump(ROWS) + dump([], step=10)
    with pytest.raises(StructureError, match=r"frame 1 \(step 10, byte \d+\) holds no atoms"):
        read(text, ["Cu", "Zr"])
    assert len(read(text, ["Cu", "Zr"], 0)[0]) == 2


@pytest.mark.parametrize("hinted", [True, False])
@pytest.mark.parametrize(
    ("style", "row"),
    [
        ("charge", "{i} {t} -0.5 {x}"),
        ("charge", "{i} {t} 0 {x}"),
        ("molecular", "{i} 5 {t} {x}"),
        ("bond", "{i} 0 {t} {x}"),
        ("full", "{i} 5 {t} 0.5 {x} 0 0 -1"),
        ("sphere", "{i} {t} 1.5 2.5 {x}"),
        ("dipole", "{i} {t} 0.5 {x} 0.5 0.5 0.1"),
        ("spin", "{i} {t} {x} 0.5 0.5 0.1 2.5"),
        ("hybrid sphere charge", "{i} {t} {x} 1.5 2.5 0.5"),
        ("charge/kk", "{i} {t} -0.5 {x}"),
    ],
)
def test_atom_styles(read, style, row, hinted):
    places = ("1 2 3", "-0.5 -1.5 1.25"), ((2, 2), (1, 1))
    rows = [row.format(i=i, t=t, x=x) for x, (i, t) in zip(*places, strict=True)]
    (atoms,) = read(
        data(rows, f" # {style}" * hinted), ["Cu", "Zr"], atom_style=None if hinted else style.split("/")[0]
    )
    assert str(atoms.symbols) == "CuZr"
    assert np.allclose(atoms.positions, [[0.5, 0.5, 0.75], [2, 4, 2.5]])
    if hinted or "/" in style:
        return
    try:  # by its columns, or not at all
        (guessed,) = read(data(rows), ["Cu", "Zr"])
    except StructureError as error:
        assert "give atom_style" in str(error)  # noqa: PT017
    else:
        assert guessed == atoms


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
def test_packed_files(read, in_folder, monkeypatch, pack):
    text = dump(ROWS, units="nano").encode()
    if pack == "zstd":
        if shutil.which("zstd") is None:
            pytest.skip("no program zstd")
        packed = subprocess.run(["zstd", "-c"], input=text, capture_output=True, check=True).stdout
    else:
        packed = pack(text)
    assert read(packed, ["Cu", "Zr"], name="no.hint")[0].cell.lengths().tolist() == [100, 90, 80]
    assert file_kind("no.hint") == "packed"
    check_file("no.hint", ["Cu", "Zr"], "all")
    with pytest.raises(StructureError, match="cannot be unpacked"):
        read(packed[:-9], ["Cu", "Zr"])
    if pack == "zstd":
        monkeypatch.setenv("PATH", str(in_folder))
        with pytest.raises(InputError, match="there is no program zstd"):
            read(packed, ["Cu", "Zr"])


def test_own_exports_come_back(in_folder):
    atoms = bulk("Cu", cubic=True) * (2, 3, 2)
    atoms.numbers[::3] = 40
    atoms.rattle(0.1, seed=1)
    atoms.pbc = (True, True, False)
    rng = np.random.default_rng(3)
    atoms.set_array("disorder_parameter", rng.random(len(atoms)).round(6))
    atoms.set_array("cna", rng.integers(0, 5, len(atoms)))
    atoms.set_array("voronoi_index", rng.integers(0, 12, (len(atoms), 4)))
    atoms.set_array("inside", rng.random(len(atoms)) > 0.5)
    write_extxyz("a.xyz", atoms)
    (back,) = pyiron_nbed.read_structures("a.xyz")
    assert (back.numbers == atoms.numbers).all()
    assert np.allclose(back.positions, atoms.positions, atol=1e-7)
    assert np.allclose(back.cell, atoms.cell)
    assert back.pbc.tolist() == [True, True, False]
    for name in ("disorder_parameter", "cna", "voronoi_index", "inside"):
        assert np.allclose(back.arrays[name], atoms.arrays[name]), name
        assert back.arrays[name].dtype.kind == atoms.arrays[name].dtype.kind
    write_dump("a.dump", atoms, step=4)
    for (back,) in (read_structures("a.dump"), read_structures("a.dump", ["Cu", "Zr"])):
        assert (back.numbers == atoms.numbers).all()
        assert np.allclose(back.positions, atoms.positions, atol=1e-7)
        assert back.info["step"] == 4


def test_xyz_frames_and_torn_ones(read):
    frame = "2\nfirst\nCu 0 0 0\nZr 1 1 1\n"
    found = read(frame + "1\n\nNi 1 2 3\n", None, "all")
    assert [str(atoms.symbols) for atoms in found] == ["CuZr", "Ni"]
    assert not found[0].cell.any()
    assert not found[0].pbc.any()
    assert str(read(frame + frame + "\n\n", None, -2)[0].symbols) == "CuZr"
    numbered = "2\nAtoms. Timestep: 0\n1 0 0 0\n2 1 1 1\n"  # as LAMMPS writes them
    with pytest.raises(InputError, match="neither names nor masses"):
        read(numbered)
    assert str(read(numbered, ["Cu", "Zr"])[0].symbols) == "CuZr"
    for torn in (frame + frame[:-8], frame[:-8] + frame, frame + "stray\n" + frame):
        for frames in (-1, "all", 0):
            with pytest.raises(StructureError, match=r"its byte \d+|frame at byte \d+|cannot be read"):
                read(torn, None, frames)
    with pytest.raises(InputError, match="'CU', which is no chemical symbol"):
        read("1\n\nCU 0 0 0\n")


@pytest.mark.parametrize("kind", ["vasp", "cif", "cfg"])
def test_files_of_other_programs(in_folder, kind):
    atoms = Atoms(
        "CuZrCu", [[0, 0, 0], [1.9, 2, 2], [1, 0.5, 3]], cell=[[4, 0, 0], [1, 5, 0], [0, 0.5, 6]], pbc=True
    )
    write("file", atoms, format=kind)
    assert file_kind("file") == {"vasp": "poscar"}.get(kind, kind)
    (back,) = read_structures("file")
    assert back.get_chemical_formula() == "Cu2Zr"
    distances = [sorted(a.get_all_distances(mic=True).ravel()) for a in (atoms, back)]
    assert np.allclose(*distances, atol=1e-4)
    assert back.cell.cellpar() == pytest.approx(atoms.cell.cellpar(), abs=1e-4)
    assert back.pbc.all()


def test_poscar_of_vasp_4_scaled_by_volume(read):
    text = (
        "Cu Zr\n-128.0\n4 0 0\n0 4 0\n0 0 4\n1 1\nSelective dynamics\nDirect\n0 0 0 T T T\n.5 .5 .5 F F F\n"
    )
    with pytest.raises(InputError, match="does not name them: give species"):
        read(text)
    (atoms,) = read(text, ["Ni", "Al"])
    assert str(atoms.symbols) == "NiAl"
    assert atoms.get_volume() == pytest.approx(128)
    assert atoms.get_distance(0, 1) == pytest.approx(128 ** (1 / 3) * 3**0.5 / 2)


def test_npz(read, in_folder):
    positions = np.array([[0, 0, 0], [1, 2, 3.0]])
    for kinds, given in ((["Cu", "Zr"], None), ([29, 40], None), ([1, 2], ["Cu", "Zr"])):
        np.savez("a.npz", species=kinds, positions=positions, cell=np.diag(CELL))
        (atoms,) = read_structures("a.npz", given)
        assert str(atoms.symbols) == "CuZr"
        assert (atoms.positions == positions).all()
        assert atoms.pbc.all()
    with pytest.raises(InputError, match="neither names nor masses"):
        list(read_structures("a.npz"))  # 1 and 2 are no hydrogen and helium
    np.savez("a.npz", species=["Cu"], positions=positions, cell=np.diag(CELL))
    with pytest.raises(StructureError, match=r"species \(1,\), positions \(2, 3\)"):
        list(read_structures("a.npz"))


RESTART = """
units electron
boundary p f s
atom_style charge
lattice fcc 6.8
region b block 0 2 -0.2 2.2 -0.3 2.1
create_box 2 b
labelmap atom 1 Cu 2 Zr
create_atoms 1 box
set group all type/fraction 2 0.4 123
mass 1 1.0
mass 2 2.0
displace_atoms all random 0.1 0.1 0.1 12
write_restart plain.restart
write_dump all custom a.bin id type x y z modify units yes
write_dump all atom atom.bin
write_dump all custom a.dump id type x y z modify units yes format float %.17g
"""


def test_restarts_keep_units_labels_and_what_is_periodic(in_folder):
    (in_folder / "in.lmp").write_text(RESTART)
    subprocess.run([*lammps_command(), "-in", "in.lmp"], check=True, capture_output=True)
    names = ["odd%name*.restart", "with 'quotes' $x.restart"]
    for name in names:
        shutil.copy("plain.restart", name)
    (binary,) = read_structures("a.bin", ["Cu", "Zr"])
    assert binary.pbc.tolist() == [True, False, False]
    assert binary.cell[0, 0] == pytest.approx(2 * 6.8 * 0.529177, rel=1e-5)
    for name, species in (
        (names[0], None),
        (names[1], None),
        ("plain.restart", ["Cu", "Zr"]),
        ("a.dump", ["Cu", "Zr"]),
    ):
        (atoms,) = read_structures(name, species)
        assert (atoms.numbers == binary.numbers).all(), name
        assert np.allclose(atoms.positions, binary.positions, atol=1e-10), name
        assert np.allclose(atoms.cell, binary.cell)
        assert atoms.pbc.tolist() == binary.pbc.tolist()
    (scaled,) = read_structures("atom.bin", ["Cu", "Zr"])
    assert np.allclose(scaled.positions * 0.52917721, binary.positions, atol=1e-6)  # states no units
    assert str(next(read_structures("plain.restart", ["Ni", "Al"])).symbols)[:2] in ("Ni", "Al")
    with pytest.raises(InputError, match=r"2 atom types and the species given are \['Cu'\]"):
        next(read_structures("plain.restart", ["Cu"]))


@pytest.mark.parametrize(("unit", "size"), [("si", 4e-10), ("cgs", 4e-8)])
def test_restarts_whose_skin_is_a_million_boxes_wide(unit, size, in_folder):
    script = RESTART.replace("units electron", f"units {unit}").replace("displace_atoms", "# displace_atoms")
    (in_folder / "in.lmp").write_text(script.replace("fcc 6.8", f"fcc {size}"))
    subprocess.run([*lammps_command(), "-in", "in.lmp"], check=True, capture_output=True)
    (atoms,) = read_structures("plain.restart")
    assert atoms.cell[0, 0] == pytest.approx(8.0)


def test_words_that_begin_with_a_number_may_stand_where_no_number_is_read(read):
    (atoms,) = read("2 Å, 3x3\n\n1 atoms # 2x\n1 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
                    "Atoms # atomic\n\n1 1 1.5 2e0 -3.E-1 # 1st, 2x\n", ["Cu"])  # fmt: skip
    assert np.allclose(atoms.positions, [[1.5, 2, -0.3]])
    (atoms,) = read("1\nProperties=residue:S:1:species:S:1:pos:R:3\n1ALA Cu 1.5 2 3\n")
    assert np.allclose(atoms.positions, [[1.5, 2, 3]])


def test_the_check_before_a_job_finds_what_reading_finds(read, in_folder):
    read(dump(ROWS) + dump(ROWS, step=5), ["Cu", "Zr"])
    check_file("a.file", ["Cu", "Zr"], [0, -1])
    with pytest.raises(InputError, match="2 whole frames, so there is no frame 2"):
        check_file("a.file", ["Cu", "Zr"], [0, 2])
    text = (in_folder / "a.file").read_text()
    (in_folder / "a.file").write_text(text[:-6])
    with pytest.raises(LammpsError, match="within its last frame"):
        check_file("a.file", ["Cu", "Zr"], "all")
