"""The backend "pyscal3" against ours: another code on the same structures."""

import numpy as np
import pyscal3
import pytest
from ase.build import bulk

from pyiron_nbed.errors import InputError
from pyiron_nbed.examples import load
from pyiron_nbed.geometry.neighbors import nearest_neighbors
from pyiron_nbed.ssro import (
    bond_order,
    common_neighbors,
    disorder_and_bond_order,
    disorder_parameter,
    voronoi_index,
)


def noisy_copper(sigma, size=8):
    atoms = bulk("Cu", "fcc", a=3.61, cubic=True) * (size, size, size)
    atoms.rattle(sigma, seed=4)
    return atoms


def structure(name, request):
    if name.startswith("co"):
        return load(name)
    return noisy_copper(float(name)) if name[0].isdigit() else request.getfixturevalue(name)


@pytest.mark.parametrize("name", ["quenched_glass", "rattled", "0.1", "composite_3a_aligned", "complexion_a"])
def test_disorder_and_bond_order(name, request):
    atoms = structure(name, request)
    d, q6 = disorder_and_bond_order(atoms)
    expected_d, expected_q6 = disorder_and_bond_order(atoms, backend="pyscal3")
    assert np.abs(d - expected_d).max() < 1e-6
    assert np.abs(q6 - expected_q6).max() < 1e-6


@pytest.mark.parametrize(("l", "n"), [(4, 12), (8, 14), (12, 6)])
def test_other_degrees_and_numbers_of_neighbours(quenched_glass, l, n):  # noqa: E741
    expected = bond_order(quenched_glass, l, n, backend="pyscal3")
    assert np.abs(bond_order(quenched_glass, l, n) - expected).max() < 1e-6
    expected = disorder_parameter(quenched_glass, l, n, backend="pyscal3")
    assert np.abs(disorder_parameter(quenched_glass, l, n) - expected).max() < 1e-6


def test_s_ij_of_every_bond(quenched_glass):
    """Bond by bond, from the harmonics of scipy's definition through ours, in order of distance."""
    from pyiron_nbed.geometry.neighbors import nearest_harmonics

    order, rows, harmonics, _ = nearest_harmonics(quenched_glass)
    unit = np.empty_like(harmonics)
    unit[order] = harmonics / np.linalg.norm(harmonics, axis=1, keepdims=True)
    indices, _ = nearest_neighbors(quenched_glass)
    s = np.einsum("im,ijm->ij", unit, unit[indices])
    quenched_glass.wrap()
    system = pyscal3.System(quenched_glass, format="ase")
    system.find.neighbors(method="number", nmax=12)
    system.find.solids(bonds=6, threshold=0.5, avgthreshold=0.6, cluster=False, q=6)
    expected, neighbors = np.array(system.atoms["sij"]), np.array(system.atoms["neighbors"])
    # each code has its own order of an atom's neighbours: compare by neighbour
    by_neighbor = np.take_along_axis(s, np.argsort(indices, axis=1), 1)
    expected = np.take_along_axis(expected, np.argsort(neighbors, axis=1), 1)
    assert (np.sort(indices, axis=1) == np.sort(neighbors, axis=1)).all()
    assert np.abs(by_neighbor - expected).max() < 1e-6
    assert rows.shape == (len(order), 12)


@pytest.mark.parametrize("name", ["quenched_glass", "rattled", "0.05", "0.2", "composite_3a_aligned"])
def test_voronoi_index_of_every_atom(name, request):
    atoms = structure(name, request)
    index = voronoi_index(atoms)
    assert (index == voronoi_index(atoms, backend="pyscal3")).all()
    if name != "0.05":  # a little noise leaves <0,12,0,0> everywhere: the threshold is for that
        assert len(np.unique(index, axis=0)) > 3


def test_thin_and_tilted_cells():
    thin = bulk("Cu", "fcc", a=3.61, cubic=True) * (1, 1, 5)
    thin.rattle(0.02, seed=1)
    assert np.abs(disorder_parameter(thin) - disorder_parameter(thin, backend="pyscal3")).max() < 1e-6
    for function in (disorder_parameter, bond_order, voronoi_index, common_neighbors):
        with pytest.raises(InputError, match="orthogonal"):
            function(bulk("Mg") * (6, 6, 6), backend="pyscal3")


@pytest.mark.parametrize("function", [disorder_parameter, bond_order, voronoi_index, common_neighbors])
def test_refusals(function):
    atoms = noisy_copper(0.0, 4)
    with pytest.raises(InputError, match=r"backend is 'freud'.*'pyscal3'"):
        function(atoms, backend="freud")
    open_atoms = atoms.copy()
    open_atoms.pbc = (True, True, False)
    with pytest.raises(InputError, match="periodic in all directions"):
        function(open_atoms, backend="pyscal3")
    with pytest.raises(InputError, match="at most 100000 atoms"):
        function(noisy_copper(0.0, 30), backend="pyscal3")


def test_degrees_beyond_pyscal3():
    with pytest.raises(InputError, match="from 2 to 12"):
        bond_order(noisy_copper(0.0, 4), 14, backend="pyscal3")
