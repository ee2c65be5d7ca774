"""Scan grids: places, order, limits."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.scan import scan_grid, scan_points


def test_scan_covers_a_periodic_cell_evenly(rattled):
    scan = scan_grid(rattled, step=2.5)
    assert scan.shape == (13, 13, 13)
    assert scan.step == pytest.approx((32 / 13,) * 3)
    assert len(scan.centers) == 13**3


def test_scan_of_an_open_structure_stays_inside():
    atoms = Atoms("Cu50", positions=np.random.default_rng(1).uniform(3, 23, (50, 3)))
    scan = scan_grid(atoms, step=3.0, margin=2.0)
    assert (scan.centers.min(axis=0) >= atoms.positions.min(axis=0) + 2).all()
    assert (scan.centers.max(axis=0) <= atoms.positions.max(axis=0) - 2).all()


def test_two_dimensional_scan_lies_in_the_middle(rattled):
    scan = scan_grid(rattled, step=(2.5, 4.0, None))
    assert scan.shape == (13, 8, 1)
    assert (scan.centers[:, 2] == 16).all()
    assert scan.step[2] == 0
    assert (scan_grid(rattled, step=(4, 4, None), limits=[None, None, (2, 10)]).centers[:, 2] == 6).all()


def test_limits_take_positions_of_the_same_grid(rattled):
    whole = scan_grid(rattled, step=2.5)
    part = scan_grid(rattled, step=2.5, limits=[(5, 12), None, (24, 40)])
    inside = (abs(whole.centers[:, 0] - 8.5) <= 3.5) & (whole.centers[:, 2] >= 24)
    assert len(part.centers) == inside.sum() > 0
    assert (part.centers == whole.centers[inside]).all()
    assert part.step == whole.step


def test_serpentine_moves_one_step_at_a_time(rattled):
    raster = scan_grid(rattled, step=(8, 6, 5))
    scan = scan_grid(rattled, step=(8, 6, 5), order="serpentine")
    jumps = np.abs(np.diff(scan.centers, axis=0)) / scan.step
    assert np.allclose(jumps.sum(axis=1), 1)
    assert np.allclose(scan.grid.map(scan.centers).reshape(-1, 3), raster.centers)
    assert (scan.grid.map(np.arange(len(scan.centers))).shape) == scan.shape
    assert (raster.grid.map(raster.centers).reshape(-1, 3) == raster.centers).all()


def test_scan_of_a_triclinic_cell_keeps_the_step_between_planes():
    atoms = bulk("Cu", "fcc", a=3.6) * (8, 8, 8)
    scan = scan_grid(atoms, step=2.0)
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    assert scan.shape == tuple(np.ceil(heights / 2.0).astype(int))
    assert np.allclose(np.array(scan.shape) * scan.step, heights)


def test_points_are_taken_as_they_are():
    scan = scan_points([[1, 2, 3], [3, 2, 1]], (1, 1, 0))
    assert scan.centers.tolist() == [[1, 2, 3], [3, 2, 1]]
    assert scan.grid.map(np.array([5, 6])).tolist() == [5, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 0}, "positive length"),
        ({"step": (1, 2)}, "positive length"),
        ({"step": "wide"}, "positive length"),
        ({"order": "spiral"}, "serpentine"),
        ({"limits": [(5, 4), None, None]}, "lowest, highest"),
        ({"limits": [(5, 6)]}, "lowest, highest"),
        ({"limits": [(50, 60), None, None]}, "hold no position"),
        ({"zone_axis": (1, 0)}, "three numbers"),
    ],
)
def test_bad_input(rattled, arguments, message):
    with pytest.raises(InputError, match=message):
        scan_grid(rattled, **arguments)


def test_wrong_number_of_values(rattled):
    with pytest.raises(InputError, match="3 values and the grid has rows up to 63"):
        scan_grid(rattled, step=8).grid.map(np.zeros(3))
