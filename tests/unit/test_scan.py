"""Scan grids: places, order, limits."""

import json

import numpy as np
import pint
import pytest
from ase import Atoms
from ase.build import bulk

from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.grid import Grid, NavigationAxis, grid_axes
from pyiron_nbed.patterns.plan import ScanPlan
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
        ({"zone_axis": 1}, "three numbers"),
        ({"zone_axis": "001"}, "three numbers"),
        ({"zone_axis": (0, 0, 0)}, "not all zero"),
        ({"step": (None, 2, "x")}, "positive length"),
        ({"step": None}, "positive length"),
        ({"margin": True}, "length of at least 0 Å"),
        ({"region": None}, "no option region: choose some of step, order"),
        ({"empty": "keep"}, "'error', 'skip'"),
        ({"seed": 0.5}, "whole number"),
        ({"axes_per_cluster": 0}, "at least 1"),
        ({"points": [[0, 0, 0]], "margin": 1}, "points take its place"),
        ({"points": [[0, 0]]}, "shape"),
        ({"scan": ScanPlan(), "step": 2}, "either scan"),
    ],
)
def test_bad_input(rattled, arguments, message):
    with pytest.raises(InputError, match=message):
        scan_grid(rattled, **arguments)


@pytest.mark.parametrize(
    "options",
    [{}, {"step": (2, 3, None), "order": "serpentine", "margin": 1, "limits": [(0, 5), None, None]},
     {"points": np.eye(3), "empty": "skip"}, {"points": [np.eye(3), np.ones((1, 3))], "seed": 3}],
)  # fmt: skip
def test_plan_survives_json(options):
    plan = ScanPlan(**options)
    again = ScanPlan(**json.loads(json.dumps(plan.as_dict())))
    assert again.as_dict() == plan.as_dict()
    for one, other in zip(plan.points_in(2) or [], again.points_in(2) or [], strict=True):
        assert (one == other).all()


def test_plan_says_for_how_many_structures_it_has_points():
    with pytest.raises(InputError, match="2 arrays of points for 3 structures"):
        ScanPlan(points=[np.eye(3), np.eye(3)]).points_in(3)


def test_lines_of_a_scan(rattled):
    scan = scan_grid(rattled, step=(8, 6, 5), order="serpentine")
    for axis, through in ((0, [7.0, 23.0]), (1, [30, 0.2]), (2, None), (-1, [None, 12])):
        rows, along = scan.grid.line(axis, through)
        places = scan.centers[rows]
        assert np.allclose(places[:, axis], along)
        others = np.delete(places, axis % 3, axis=1)
        assert (np.ptp(others, axis=0) == 0).all()
        assert len(rows) == scan.shape[axis]
        wanted = [12.8, 10.7] if through is None else through
        steps = np.delete(scan.step, axis % 3)
        for at, place, step in zip(others[0], wanted, steps, strict=True):
            assert place is None or abs(at - place) <= step / 2 + 2.2  # the last position lies below 32
    with pytest.raises(InputError, match="whole number from -3 to 2"):
        scan.grid.line(3)
    with pytest.raises(InputError, match="each of the 2 other axes"):
        scan.grid.line(0, [1.0])


def test_line_of_a_tilted_cell_is_counted_from_its_faces():
    atoms = bulk("Cu", "fcc", a=3.6) * (8, 8, 8)
    scan = scan_grid(atoms, step=4.0, limits=[(4, 12), None, None])
    rows, along = scan.grid.line(0)
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    assert np.allclose(
        scan.centers[rows] @ np.linalg.inv(atoms.cell.array) @ np.diag(heights) @ [1, 0, 0], along
    )
    assert along.min() >= 4
    assert along.max() <= 12


def test_places_without_a_pattern_are_left_out():
    axes = NavigationAxis("y", 2.0), NavigationAxis("x", 1.0)
    grid = Grid(np.array([[-1, -1], [0, -1]]), axes)
    assert [a.tolist() for a in grid.line(1, [2.0])] == [[0], [0.0]]
    with pytest.raises(InputError, match="no pattern on the line along x"):
        grid.line(1, [0.0])
    assert np.isnan(grid.map(np.array([3]))[0]).all()


def test_axes_of_rows_in_any_shape():
    places = np.stack(np.meshgrid([0.0, 3, 6], [8.0, 6], [5.0], indexing="ij"), axis=-1)
    assert [(a.name, a.step, a.offset) for a in grid_axes(places)] == [("x", 3, 0), ("y", -2, 8), ("z", 0, 5)]
    assert grid_axes(places, ("z", "y", "x")) is None
    assert grid_axes(places.reshape(-1, 3)) is None


def test_lengths_with_units(rattled):
    nm = pint.UnitRegistry().nm
    plan = ScanPlan(step=(0.8 * nm, 0.6 * nm, None), margin=0.1 * nm, limits=[(0 * nm, 2 * nm), None, None])
    assert plan.step == pytest.approx((8, 6, None))
    assert plan.margin == pytest.approx(1)
    assert plan.limits[0] == pytest.approx((0, 20))
    assert scan_grid(rattled, step=0.8 * nm).shape == (4, 4, 4)
    assert ScanPlan(points=np.eye(3) * nm).points == pytest.approx(10 * np.eye(3))
    rows, _ = scan_grid(rattled, step=8).grid.line(0, [0.75 * nm, 1.7 * nm])
    assert rows.tolist() == [6, 22, 38, 54]
    with pytest.raises(InputError, match=r"step has the unit .*second"):
        scan_grid(rattled, step=1 * pint.UnitRegistry().second)


def test_wrong_number_of_values(rattled):
    with pytest.raises(InputError, match="3 values and the grid has rows up to 63"):
        scan_grid(rattled, step=8).grid.map(np.zeros(3))
