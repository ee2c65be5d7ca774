"""V(k) and symmetry orders against pyxem's, recorded by pyxem/record.py since pyxem is GPL."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pyiron_nbed import Mesh
from pyiron_nbed.experiment import scan_observables

FOLDER = Path(__file__).parent / "pyxem"
sys.path.insert(0, str(FOLDER))
from speckle import GAIN, ORDERS, PIXELS, RING_PIXELS, RINGS, SCAN, speckle_patterns  # noqa: E402

RECORDED = json.loads((FOLDER / "recorded.json").read_text())


MESH = Mesh.of_pixels(PIXELS)
WIDTH = RING_PIXELS * MESH.delta_k


@pytest.fixture(scope="module")
def found():
    patterns = speckle_patterns()
    options = {"rings": RINGS, "orders": ORDERS, "ring_width": WIDTH}
    return [
        scan_observables(patterns, MESH, SCAN, electrons_per_unit=electrons, **options)
        for electrons in (None, 1 / GAIN)
    ]


@pytest.mark.parametrize("name", RECORDED["variance"])
def test_variance_within_5_percent(found, name):
    v, _ = found[name.endswith("_corrected")].curve(kind=name.removesuffix("_corrected"))
    expected = np.array(RECORDED["variance"][name])
    assert expected.max() > 1.5 * expected.min() > 0  # it is a curve, not one number
    rings = np.rint(np.array(RECORDED["k"]) / WIDTH).astype(int)  # no ring is empty
    assert v[rings] == pytest.approx(expected, rel=0.05)


def test_symmetry_orders_within_1_percent(found):
    expected = np.moveaxis(np.array(RECORDED["power"]), 0, 1)
    ours = found[0].symmetry.reshape(expected.shape)
    assert np.mean(ours, axis=0) == pytest.approx(np.mean(expected, axis=0), rel=0.01)
    # of single patterns an order can be near 0: 1 % of the mean power of the order is allowed besides
    assert (np.abs(ours - expected) <= 0.01 * expected + 0.01 * expected.mean(axis=0)).all()
