import numpy as np
import pytest

from pyiron_nbed.ssro import disorder_and_bond_order

pyscal3 = pytest.importorskip("pyscal3", reason="pyscal3 is not installed (extra `test`)")


@pytest.mark.parametrize("which", ["quenched_glass", "rattled"])
def test_disorder_parameter_agrees_with_sij_of_pyscal3(which, request):
    atoms = request.getfixturevalue(which)
    system = pyscal3.System(atoms, format="ase")
    system.find.neighbors(method="number", nmax=12)
    system.find.solids(bonds=6, threshold=0.5, avgthreshold=0.6, cluster=False, q=6)
    s_ij = np.array(system.atoms["sij"])
    assert s_ij.shape == (len(atoms), 12)
    expected = 1 - np.abs(s_ij.sum(axis=1)) / 12
    # pyscal3 may reorder atoms: match them by position
    order = [int(np.abs(atoms.positions - p).sum(axis=1).argmin()) for p in system.atoms["positions"]]
    assert sorted(order) == list(range(len(atoms)))
    d, q6 = disorder_and_bond_order(atoms)
    assert np.abs(d[order] - expected).max() < 1e-6
    assert np.abs(q6[order] - np.array(system.atoms["q6"])).max() < 1e-6
