"""Structures without a whole cell: slabs, clusters, atoms outside, atoms alone, lattices far away."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from pyiron_nbed.dataset.labels import atom_values
from pyiron_nbed.errors import StructureError
from pyiron_nbed.geometry.extent import padded_cell
from pyiron_nbed.ssro import (
    common_neighbors,
    disorder_and_bond_order,
    disorder_parameter,
    short_range_order,
    voronoi_index,
)
from pyiron_nbed.ssro.export import to_ovito


def icosahedron() -> Atoms:
    golden = (1 + 5**0.5) / 2
    corners = np.array([[0, s, t * golden] for s in (1, -1) for t in (1, -1)])
    corners = np.vstack([corners, np.roll(corners, 1, axis=1), np.roll(corners, 2, axis=1)])
    return Atoms("Cu13", np.vstack([[0, 0, 0], 1.31 * corners]))


@pytest.mark.parametrize("cell", [np.zeros((3, 3)), np.diag([12.0] * 3), np.diag([12.0, 0.0, 0.0])])
@pytest.mark.parametrize("shift", [0.0, -500.0, 6.0])
def test_a_cluster_wherever_its_open_cell_is(cell, shift):
    atoms = icosahedron()
    atoms.set_cell(cell)
    atoms.translate([shift, shift, 2 * shift])
    assert voronoi_index(atoms)[0].tolist() == [0, 0, 12, 0]
    assert common_neighbors(atoms)[0] == 4


def test_a_slab_with_a_zero_third_vector():
    atoms = fcc111("Cu", (5, 5, 7))
    assert not atoms.cell.array[2].any()
    inner = slice(5 * 5 * 2, 5 * 5 * 5)
    assert (voronoi_index(atoms)[inner] == [0, 12, 0, 0]).all()
    assert (common_neighbors(atoms)[inner] == 1).all()
    assert np.abs(disorder_parameter(atoms)[5 * 5 * 3 : 5 * 5 * 4]).max() < 1e-12


@pytest.mark.parametrize("pbc", [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 0)])
def test_inner_atoms_are_those_of_the_same_atoms_in_a_large_cell(pbc):
    atoms = bulk("Cu", cubic=True) * (6, 6, 6)
    atoms.rattle(0.25, seed=2)
    atoms.pbc = pbc
    large = atoms.copy()
    large.cell = np.diag([a + (0 if p else 60) for a, p in zip(atoms.cell.lengths(), pbc, strict=True)])
    large.translate([0 if p else 30 for p in pbc])
    depth = np.minimum(atoms.positions, atoms.cell.lengths() - atoms.positions)
    inner = (depth > 6)[:, ~np.array(pbc, bool)].all(axis=1)
    assert inner.sum() > 40
    assert np.array_equal(voronoi_index(atoms)[inner], voronoi_index(large)[inner])
    assert np.array_equal(common_neighbors(atoms), common_neighbors(large))


def test_padded_cell_of_a_periodic_structure_is_its_cell():
    atoms = bulk("Cu")  # triclinic
    assert np.allclose(padded_cell(atoms, 10.0)[:, :3], atoms.cell.array.T)
    assert np.allclose(padded_cell(atoms, 10.0)[:, 3], 0)


def test_ovito_shows_the_cell_of_the_structure():
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    atoms.pbc = (True, True, False)
    assert np.allclose(to_ovito(atoms, "species").compute().cell[:, :3], atoms.cell.array)


def test_atoms_alone_have_no_value():
    alone = Atoms("Cu20", positions=np.arange(20)[:, None] * np.array([50.0, 0, 0]))
    with pytest.warns(UserWarning, match="20 of 20 atoms have no d") as caught:
        d, q = disorder_and_bond_order(alone)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isnan(d).all()
    assert np.isnan(q).all()


def test_one_atom_alone_beside_a_crystal_is_counted():
    crystal = bulk("Cu", cubic=True) * (5, 5, 5)
    crystal.pbc = False
    plain = disorder_parameter(crystal)
    assert np.isfinite(plain).all()
    both = crystal + Atoms("Cu", positions=[[60, 60, 60]])
    with pytest.warns(UserWarning, match="1 of 501 atoms"):
        result, summary = short_range_order(both, analyses=["voronoi", "cna", "profiles"])
    assert np.isnan(result.arrays["disorder_parameter"][-1])
    assert np.abs(result.arrays["disorder_parameter"][:-1] - plain).max() < 1e-12
    assert summary["isolated"] == 1
    assert summary["disorder_parameter"]["median"] == pytest.approx(np.median(plain), abs=1e-12)
    profile = summary["profiles"]["disorder_parameter"]
    assert np.isfinite(profile["mean"][0])
    assert np.isnan(profile["mean"][-1])


@pytest.mark.filterwarnings("ignore:1 of 501 atoms")
def test_patterns_have_no_label_without_a_value():
    crystal = bulk("Cu", cubic=True) * (5, 5, 5)
    crystal.pbc = False
    both = crystal + Atoms("Cu", positions=[[60, 60, 60]])
    assert atom_values(both, ["motif_FCC"])["motif_FCC"].shape == (501,)
    with pytest.raises(StructureError, match="1 of 501 atoms have no disorder_parameter"):
        atom_values(both, ["disorder_parameter"])


def test_no_warning_within_the_widest_metal():
    caesium = bulk("Cs", "bcc", a=6.14, cubic=True) * (3, 3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(disorder_parameter(caesium, n_neighbors=14)).all()
        assert short_range_order(caesium, analyses=[])[1]["isolated"] == 0


@pytest.mark.parametrize("function", [disorder_parameter, voronoi_index, common_neighbors])
def test_a_lattice_far_away_is_refused(function):
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.translate([1e10, 0, 0])
    with pytest.raises(StructureError, match="from the origin"):
        function(atoms)
