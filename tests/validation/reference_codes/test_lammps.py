"""LAMMPS ``compute orientorder/atom`` and ``compute rdf`` on the same structures."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from pyiron_nbed.examples import load
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.geometry.neighbors import nearest_neighbors
from pyiron_nbed.lammps.run import run_lammps
from pyiron_nbed.ssro import bond_order, disorder_parameter, radial_distribution

HEAD = """
units metal
atom_style atomic
box tilt large
read_data structure.data
mass * 1.0
pair_style zero 10.0
pair_coeff * *
comm_modify cutoff 13.0
"""


def run(folder, atoms, commands, kinds=None):
    symbols = np.array(["H", "He"])[np.asarray(kinds)] if kinds is not None else atoms.get_chemical_symbols()
    plain = Atoms(symbols, atoms.positions, cell=atoms.cell, pbc=True)
    plain.wrap()
    write(folder / "structure.data", plain, format="lammps-data", specorder=sorted(set(symbols)))
    (folder / "control.inp").write_text(HEAD + commands)
    run_lammps(folder, [*lammps_command(), "-in", "control.inp"])


def tilted():
    atoms = bulk("Cu", "fcc", a=3.7) * (9, 9, 9)
    atoms.rattle(0.2, seed=8)
    # LAMMPS wants a along x and b in the xy plane
    atoms.set_cell(atoms.cell.standard_form()[0].array, scale_atoms=True)
    return atoms


@pytest.mark.parametrize("name", ["quenched_glass", "composite_3a_aligned", "complexion_a", "tilted"])
@pytest.mark.parametrize("l", [4, 6])
def test_bond_order_and_s_ij(name, l, request, in_folder):  # noqa: E741
    atoms = (
        tilted() if name == "tilted" else load(name) if name[:2] == "co" else request.getfixturevalue(name)
    )
    run(in_folder, atoms, f"""
compute order all orientorder/atom degrees 1 {l} nnn 12 cutoff 8.0 components {l}
dump d all custom 1 order.txt id c_order[*]
dump_modify d sort id format float %.15g
run 0
""")  # fmt: skip
    table = np.loadtxt(in_folder / "order.txt", skiprows=9)
    assert np.abs(table[:, 1] - bond_order(atoms, l)).max() < 1e-6
    # components are normalised: their products over the bonds are s_ij
    unit = table[:, 2::2] + 1j * table[:, 3::2]
    indices, _ = nearest_neighbors(atoms)
    s = np.einsum("im,ijm->ij", unit, unit[indices].conj()).real
    assert np.abs(1 - s.sum(axis=1) / 12 - disorder_parameter(atoms, l)).max() < 1e-6


def structure(name, request):
    if name == "tilted":
        return tilted()
    return load(name) if name.startswith("co") else request.getfixturevalue(name)


def read_rdf(path, columns):
    return np.loadtxt(path, skiprows=4)[:, [1, *columns]].T


@pytest.mark.parametrize("name", ["quenched_glass", "complexion_a", "tilted"])
def test_radial_distribution(name, request, in_folder):
    atoms = (
        tilted() if name == "tilted" else load(name) if name[:2] == "co" else request.getfixturevalue(name)
    )
    pairs = [("Cu", "Cu"), ("Cu", "Zr"), ("Zr", "Zr")] if name != "tilted" else [("Cu", "Cu")]
    kinds = {"Cu": 1, "Zr": 2}
    run(in_folder, atoms, f"""
compute g all rdf 200 * * {" ".join(f"{kinds[a]} {kinds[b]}" for a, b in pairs)}
fix f all ave/time 1 1 1 c_g[*] mode vector file g.txt format %24.15g
run 0
""")  # fmt: skip
    r, total, *partial = read_rdf(in_folder / "g.txt", [2, *range(4, 4 + 2 * len(pairs), 2)])
    rdf = radial_distribution(atoms, cutoff=10.0, bin_width=0.05)
    assert np.abs(rdf.r - r).max() < 1e-9
    # one pair at the edge of a bin may be counted on the other side
    one_pair = 2.1 / (rdf.n_centers * len(atoms) / atoms.get_volume() * 4 * np.pi * r**2 * 0.05)
    assert (np.abs(rdf.total - total) <= one_pair + 1e-9 * total).all()
    assert np.abs(rdf.total - total).mean() < 0.01 * one_pair.mean() + 1e-9
    for pair, expected in zip(pairs, partial, strict=True):
        n = [(atoms.symbols == s).sum() for s in pair]
        one_pair = 2.1 / (n[0] * (n[1] - 1) / atoms.get_volume() * 4 * np.pi * r**2 * 0.05)
        assert (np.abs(rdf.partial[pair] - expected) <= one_pair + 1e-9 * expected).all()
        assert np.abs(rdf.partial[pair] - expected).mean() < 0.01 * one_pair.mean() + 1e-9


def test_radial_distribution_of_a_region(in_folder):
    atoms = load("complexion_a")
    inside = np.abs(atoms.positions[:, 0] - 60) < 20
    run(in_folder, atoms, """
compute g all rdf 200 1 * 1 1
fix f all ave/time 1 1 1 c_g[*] mode vector file g.txt format %24.15g
run 0
""", kinds=np.where(inside, 0, 1))  # fmt: skip
    r, expected = read_rdf(in_folder / "g.txt", [2])
    rdf = radial_distribution(atoms, cutoff=10.0, bin_width=0.05, mask=inside)
    one_pair = 2.1 / (inside.sum() * len(atoms) / atoms.get_volume() * 4 * np.pi * r**2 * 0.05)
    assert (np.abs(rdf.total - expected) <= one_pair + 1e-9 * expected).all()
    assert expected.max() > 1
