"""Wrong input of the observables of a scan and of their figures."""

import math

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed import Mesh, figures
from pyiron_nbed.experiment import ObservablePass, Observables, correlation_table, scan_observables
from pyiron_nbed.experiment.angular import AngularOrders

MESH = Mesh(1.0, 0.05)
RANDOM = np.random.default_rng(0)
PATTERNS = RANDOM.exponential(1, (6, *MESH.shape))
NEGATIVE, BROKEN = PATTERNS.copy(), PATTERNS.copy()
NEGATIVE[2, 25, 19] = -1
BROKEN[4, 25, 19] = math.nan
FOUND = scan_observables(PATTERNS, MESH, (2, 3))
ROW = scan_observables(PATTERNS, MESH)
D = np.arange(6.0).reshape(2, 3)
HALF = MESH.disc & (MESH.axis > 0)


def measured(patterns=PATTERNS, mesh=MESH, positions=(2, 3), **options):
    return scan_observables(patterns, mesh, positions, **options)


def twice():
    collected = ObservablePass(MESH, 6)
    collected.add(0, PATTERNS[:3])
    collected.add(2, PATTERNS[2:])


def unfinished():
    collected = ObservablePass(MESH, (2, 3))
    collected.add(0, PATTERNS[:4])
    collected.finish()


def without(name):
    arrays = FOUND.as_arrays()
    arrays.pop(name)
    return Observables.from_arrays(arrays)


ROWS = {
    "patterns of text": (lambda: measured("scan.h5"), "patterns are 'scan.h5'"),
    "pattern alone": (lambda: measured(PATTERNS[0]), "shape"),
    "patterns of another mesh": (lambda: measured(mesh=Mesh(1.0, 0.1)), "shape"),
    "complex patterns": (lambda: measured(PATTERNS * 1j), "real numbers"),
    "mesh": (lambda: measured(mesh=0.05), "mesh is 0.05"),
    "negative intensity": (lambda: measured(NEGATIVE), "position 2 holds NaN"),
    "NaN": (lambda: measured(BROKEN), "position 4 holds NaN"),
    "positions": (lambda: measured(positions=(2, 4)), "6 patterns and 8 positions"),
    "positions text": (lambda: measured(positions="2x3"), "positions is '2x3'"),
    "positions of three": (lambda: measured(positions=(1, 2, 3)), "positions is"),
    "mask of numbers": (lambda: measured(mask=np.ones(MESH.shape)), "mask is an array"),
    "mask of another shape": (lambda: measured(mask=np.ones((9, 9), bool)), "mask is an array"),
    "seen of text": (lambda: measured(seen="all"), "seen is 'all'"),
    "nothing seen": (lambda: measured(seen=np.zeros(MESH.shape, bool)), "No pixel is seen"),
    "ring of one number": (lambda: measured(ring=0.4), "ring is 0.4"),
    "ring falling": (lambda: measured(ring=(0.6, 0.3)), "ring is"),
    "ring beyond the mesh": (lambda: measured(ring=(0.8, 1.4)), "ring is"),
    "ring narrow": (lambda: measured(ring=(0.4, 0.5)), "2.0 pixels wide"),
    "ring hidden": (lambda: measured(seen=HALF), "hidden too far"),
    "rings of one number": (lambda: measured(rings=0.4), "rings is 0.4"),
    "rings of numbers": (lambda: measured(rings=[0.4, 0.5]), "ring is 0.4"),
    "rings narrow": (lambda: measured(rings=[(0.2, 0.25)]), "lower orders"),
    "half a ring": (
        lambda: AngularOrders.of_ring(MESH, HALF, (0.4, 0.7), (1, 3, 11)),
        "50% of the ring|4.% of",
    ),
    "orders of text": (lambda: measured(orders="even"), "orders is 'even'"),
    "order zero": (lambda: measured(orders=[0, 2]), "orders is"),
    "no orders": (lambda: measured(orders=[]), "orders is"),
    "half an order": (lambda: measured(orders=[2.5]), "orders is"),
    "dark fields list": (lambda: measured(dark_fields=[(0.3, 0.5)]), "dark_fields is"),
    "dark field text": (lambda: measured(dark_fields={"a": "ring"}), "The dark field 'a' is 'ring'"),
    "dark field outside": (lambda: measured(dark_fields={"a": (2, 3)}), "no pixel"),
    "dark field mask": (lambda: measured(dark_fields={"a": np.ones((3, 3), bool)}), "The dark field 'a'"),
    "regions list": (lambda: measured(regions=[D > 2]), "regions is"),
    "region of numbers": (lambda: measured(regions={"a": D}), "The region 'a'"),
    "region without positions": (lambda: measured(regions={"a": D > 9}), "The region 'a'"),
    "region of another shape": (lambda: measured(regions={"a": np.ones((3, 2), bool)}), "The region 'a'"),
    "region all": (lambda: measured(regions={"all": D > 2}), "regions holds 'all'"),
    "electrons zero": (lambda: measured(electrons_per_unit=0), "electrons_per_unit is 0"),
    "electrons text": (lambda: measured(electrons_per_unit="1e5"), "electrons_per_unit is '1e5'"),
    "electrons NaN": (lambda: measured(electrons_per_unit=math.nan), "electrons_per_unit is nan"),
    "pixel variance": (lambda: measured(pixel_variance=1.2), "pixel_variance is 1.2"),
    "ring width": (lambda: measured(ring_width=0.01), "ring_width is 0.01"),
    "start beyond": (lambda: ObservablePass(MESH, 6).add(6, PATTERNS), "start is 6"),
    "too many": (lambda: ObservablePass(MESH, 6).add(3, PATTERNS), "6 patterns from position 3"),
    "twice": (twice, "Position 2 was taken before"),
    "unfinished": (unfinished, "2 of 6 positions are missing, the first is 4"),
    "other state": (lambda: ObservablePass(MESH, 6).restore(ObservablePass(MESH, 7).state()), "another pass"),
    "state of None": (lambda: ObservablePass(MESH, 6).restore(None), "another pass"),
    "region of a curve": (lambda: FOUND.curve("left"), "region is 'left'"),
    "kind of a curve": (lambda: FOUND.curve(kind="Omega"), "kind is 'Omega'"),
    "arrays of text": (lambda: Observables.from_arrays("a.h5"), "arrays is 'a.h5'"),
    "arrays without facts": (lambda: without("facts"), "arrays holds no 'facts'"),
    "arrays without one": (lambda: without("strain"), "arrays holds no 'strain'"),
    "arrays with other facts": (
        lambda: Observables.from_arrays(FOUND.as_arrays() | {"facts": np.arange(3)}),
        "no JSON",
    ),
    "correlation of text": (lambda: correlation_table("total", D), "observables is 'total'"),
    "correlation of nothing": (lambda: correlation_table({}, D), "observables is {}"),
    "correlation shapes": (lambda: correlation_table({"a": D.T}, D), "The map 'a'"),
    "correlation of a row": (lambda: correlation_table(ROW, D), "The map 'total'"),
    "correlation map": (lambda: correlation_table(FOUND, D.ravel()), "disorder is"),
    "correlation block": (lambda: correlation_table(FOUND, D, block=0), "block is 0"),
    "correlation draws": (lambda: correlation_table(FOUND, D, n_bootstrap=0), "n_bootstrap is 0"),
    "correlation seed": (lambda: correlation_table(FOUND, D, seed=-1), "seed is -1"),
    "maps of patterns": (lambda: figures.plot_observables(PATTERNS), "observables is an array"),
    "maps of a row": (lambda: figures.plot_observables(ROW), "without a grid"),
    "maps of another name": (lambda: figures.plot_observables(FOUND, ["strain"]), "A name is 'strain'"),
    "maps names": (lambda: figures.plot_observables(FOUND, "total"), "names is 'total'"),
    "maps step": (lambda: figures.plot_observables(FOUND, step=0), "step is 0"),
    "maps disorder": (lambda: figures.plot_observables(FOUND, disorder=D.T), "disorder is"),
    "variance of patterns": (lambda: figures.plot_variance(PATTERNS), "observables is an array"),
    "variance kind": (lambda: figures.plot_variance(FOUND, ["all"]), "A kind is 'all'"),
    "variance kinds": (lambda: figures.plot_variance(FOUND, "image"), "kinds is 'image'"),
    "variance from": (lambda: figures.plot_variance(FOUND, k_min=2), "k_min is 2"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)
