import time

import numpy as np
import pytest

from pyiron_nbed import bicrystal
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms, closest_pair
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro import disorder_parameter
from pyiron_nbed.structures.bicrystal import boundary_positions, mark_slab
from pyiron_nbed.structures.lattice import LATTICE_CONSTANT_CU as A0

TWIST = {"orientation_1": ((1, 0, 0), (0, 0, 1)), "orientation_2": ((1, 0, 0), (0, 3, 4))}
SIGMA_5 = {"orientation_1": ((2, 1, 0), (0, 0, 1)), "orientation_2": ((2, -1, 0), (0, 0, 1))}
UNLIKE = {"orientation_1": ((1, 1, 1), (1, -1, 0)), "orientation_2": ((0, 0, 1), (1, -1, 0))}


def _from_boundary(atoms):
    side = atoms.cell.lengths()[0]
    offset = atoms.positions[:, :1] - np.array(atoms.info["boundaries"])
    return np.abs(offset - np.round(offset / side) * side).min(axis=1)


def test_default_is_the_published_pair():
    atoms = bicrystal()
    assert atoms.info["periods"] == {"grain_1": [17, 12], "grain_2": [24, 12]}
    assert atoms.info["mismatch"]["y"] == pytest.approx(0.00173, abs=1e-5)
    assert atoms.info["mismatch"]["z"] < 1e-12
    assert atoms.cell.lengths()[1] == pytest.approx((17 + 24 / np.sqrt(2)) / 2 * A0)
    # the published 61.4 Å belong to a lattice constant of 3.615 Å
    assert bicrystal(lattice_constant=3.615).cell.lengths()[1] == pytest.approx(61.4, abs=0.05)


@pytest.mark.parametrize("pair", [{}, TWIST, SIGMA_5, UNLIKE], ids=["published", "twist", "sigma5", "unlike"])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.1, 0.7)])
def test_grains_are_perfect_and_boundaries_have_no_overlaps(pair, shift):
    atoms = bicrystal(length=100, width=40, height=31, max_mismatch=0.02, shift=shift, **pair)
    check_atoms(atoms, minimum_distance=1.999)
    grain, distance = atoms.arrays["grain"], _from_boundary(atoms)
    assert set(grain) == {1, 2}
    # strain of at most 1 %: d stays tiny, and exactly 0 without strain
    assert disorder_parameter(atoms)[distance > 8].max() < 1e-3
    assert len(atoms) / atoms.get_volume() == pytest.approx(4 / A0**3, rel=0.03)
    first, second = atoms.info["boundaries"]
    inside = (atoms.positions[:, 0] > first) & (atoms.positions[:, 0] < second)
    assert (inside == (grain == 2)).all()
    assert first == pytest.approx(boundary_positions(_without_info(atoms))[0], abs=1.0)


def _without_info(atoms):
    atoms = atoms.copy()
    atoms.info = {}
    return atoms


def test_orientations_are_those_asked_for():
    atoms = bicrystal(strained="grain_2")
    for grain, x, y in ((1, (1, 1, 0), (0, 0, 1)), (2, (0, 0, -1), (1, 1, 0))):
        middle = 0.5 * sum(atoms.info["boundaries"]) if grain == 2 else 0.0
        side = atoms.cell.lengths()[0]
        centre = [middle, 20.0, 15.0]
        offset = atoms.positions - centre
        offset[:, 0] -= np.round(offset[:, 0] / side) * side
        here = atoms.positions[(np.linalg.norm(offset, axis=1)).argmin()]
        for axis, direction in ((0, x), (1, y)):
            step = np.linalg.norm(direction) * A0 / (2 if sum(direction) % 2 == 0 else 1)
            target = np.array(here)
            target[axis] += step
            gap = atoms.positions - target
            gap -= np.round(gap / atoms.cell.lengths()) * atoms.cell.lengths()
            assert np.linalg.norm(gap, axis=1).min() < 0.1


@pytest.mark.parametrize("strained", ["both", "grain_1", "grain_2"])
def test_strain_goes_where_it_is_sent(strained):
    strain = bicrystal(strained=strained).info["strain"]
    sizes = [abs(strain[grain][0]) for grain in ("grain_1", "grain_2")]
    expected = {"both": (0.00087, 0.00087), "grain_1": (0.00173, 0), "grain_2": (0, 0.00173)}[strained]
    assert sizes == pytest.approx(expected, abs=1e-5)


def test_reproducible_and_shift_matters():
    assert structure_id(bicrystal()) == structure_id(bicrystal())
    assert structure_id(bicrystal()) != structure_id(bicrystal(shift=(0.5, 0.0)))


def test_removal_is_the_distance_asked_for():
    assert closest_pair(bicrystal(minimum_distance=0.0), 2.0) is not None
    for distance in (1.8, 2.2, 2.4):
        assert closest_pair(bicrystal(minimum_distance=distance), distance - 1e-9) is None


@pytest.mark.parametrize(("which", "films"), [("both", 2), ("first", 1), ("second", 1)])
def test_slab(which, films):
    atoms = bicrystal(slab=20.0, slab_boundaries=which)
    assert atoms.arrays["slab"].dtype == bool
    assert atoms.arrays["slab"].mean() == pytest.approx(films * 20 / atoms.cell.lengths()[0], abs=0.02)
    assert _from_boundary(atoms)[atoms.arrays["slab"]].max() <= 10


def test_two_million_atoms_in_seconds():
    begin = time.perf_counter()
    atoms = bicrystal(length=1040.7, width=62.8, height=417.1)
    assert time.perf_counter() - begin < 10
    assert len(atoms) == pytest.approx(2.25e6, rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": -1}, "length is -1"),
        ({"height": float("nan")}, "height is nan"),
        ({"orientation_1": ((1, 1, 0), (1, 0, 0))}, "not orthogonal"),
        ({"orientation_2": ((1.5, 1, 0), (0, 0, 1))}, "whole numbers"),
        ({"orientation_2": ((0, 0, 0), (0, 0, 1))}, "whole numbers"),
        ({"orientation_2": 5}, "whole numbers"),
        ({"max_mismatch": 1e-6}, "raise max_mismatch"),
        ({"max_mismatch": -1}, "from 0 to 0.1"),
        ({"strained": "all"}, "choose one of"),
        ({"minimum_distance": 3.0}, "nearest-neighbour"),
        ({"shift": (1, 2, 3)}, "two lengths"),
        ({"slab": 80.0}, "half of the length"),
        ({"slab": 10.0, "slab_boundaries": "third"}, "choose one of"),
    ],
)
def test_bicrystal_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        bicrystal(**arguments)


def test_boundaries_must_be_known():
    atoms = _without_info(bicrystal())
    del atoms.arrays["grain"]
    with pytest.raises(InputError, match="does not say"):
        boundary_positions(atoms)
    atoms.set_array("grain", np.ones(len(atoms), int))
    atoms.arrays["grain"][[0, -1]] = 2
    with pytest.raises(InputError, match="middle of the cell"):
        mark_slab(atoms, 10.0)
