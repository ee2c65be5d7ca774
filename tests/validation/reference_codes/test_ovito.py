import pytest
from ase.build import bulk

from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro import common_neighbors, voronoi_index

pytest.importorskip("ovito", reason="OVITO needs Python 3.11 or newer")
pyscal3 = pytest.importorskip("pyscal3", reason="pyscal3 is not installed (extra `test`)")


def test_cna_counts_agree_with_pyscal3(quenched_glass):
    crystal = bulk("Cu", "fcc", a=3.61, cubic=True) * (8, 8, 8)
    crystal.rattle(0.15, seed=4)
    for atoms in (crystal, bulk("Mg", orthorhombic=True) * (8, 5, 5), quenched_glass):
        system = pyscal3.System(atoms, format="ase")
        counts = system.analyze.common_neighbor_analysis()
        found = common_neighbors(atoms)
        for number, name in enumerate(("others", "fcc", "hcp", "bcc", "ico")):
            assert (found == number).sum() == counts[name]


def test_voronoi_index_of_crystals():
    assert (voronoi_index(bulk("Cu", "fcc", a=3.6, cubic=True) * (4, 4, 4)) == [0, 12, 0, 0]).all()
    assert (voronoi_index(bulk("Fe", "bcc", a=2.87, cubic=True) * (5, 5, 5)) == [0, 6, 0, 8]).all()
    rattled = bulk("Cu", "fcc", a=3.6, cubic=True) * (6, 6, 6)
    rattled.rattle(0.03, seed=1)
    assert ((voronoi_index(rattled) == [0, 12, 0, 0]).all(axis=1)).mean() > 0.99
    assert ((voronoi_index(rattled, edge_threshold=0) == [0, 12, 0, 0]).all(axis=1)).mean() < 0.1


def test_negative_threshold():
    with pytest.raises(InputError, match="edge_threshold"):
        voronoi_index(bulk("Cu", cubic=True), -1)
