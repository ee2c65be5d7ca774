"""Wrong input of the preparation of measured scans."""

import math

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed import Mesh
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem
from pyiron_nbed.experiment import Calibration, Descan, MeasuredScan, prepare
from pyiron_nbed.patterns import Recipe

NAN = math.nan
RECIPE = Recipe.experiment(Mesh(0.9, 0.1, integrate=5), k_min=0.15)
FRAMES = np.ones((2, 3, 64, 66), np.uint16)
CAL = Calibration((32.0, 31.5), 0.031, (64, 66), (2, 3))
SCAN = MeasuredScan.from_array(FRAMES)
X, Y = np.meshgrid(np.arange(66) - 32.0, np.arange(64) - 31.5)
RADIUS = np.hypot(X, Y)


def prepared(scan=SCAN, cal=CAL, recipe=RECIPE, **options):
    return prepare(scan, cal, recipe, **options)


def calibrated(**changes):
    return prepared(cal=CAL.replaced(**changes))


def broken(place, value):
    frames = FRAMES.astype(np.float32)
    frames[place] = value
    return prepared(MeasuredScan.from_array(frames))


def descan(x, y=(0.0, 0.0)):
    return Descan("plane", [list(x), list(y)])


ROWS = {
    "scan an array": (lambda: prepared(FRAMES), "give a MeasuredScan"),
    "scan a path": (lambda: prepared("scan.mib"), "give a MeasuredScan"),
    "scan None": (lambda: prepared(None), "give a MeasuredScan"),
    "calibration a dict": (lambda: prepared(cal=CAL.as_dict()), "give a Calibration"),
    "calibration a path": (lambda: prepared(cal="gold.json"), "give a Calibration"),
    "recipe a name": (lambda: prepared(recipe="experiment"), "give a Recipe"),
    "recipe a mesh": (lambda: prepared(recipe=RECIPE.mesh), "give a Recipe"),
    "background text": (lambda: prepared(background="yes"), "background is 'yes'"),
    "background where there is none": (lambda: prepared(background=True), "the calibration holds none"),
    "cores zero": (lambda: prepared(cores=0), "cores is 0"),
    "cores a fraction": (lambda: prepared(cores=1.5), "cores is 1.5"),
    "calibration of other frames": (
        lambda: prepared(cal=Calibration((16, 16), 0.062, (32, 33))),
        "frames of 32 × 33 pixels and the scan has 64 × 66",
    ),
    "calibration of turned frames": (
        lambda: prepared(cal=Calibration((31.5, 32), 0.031, (66, 64))), "66 × 64 pixels and the scan has 64",
    ),
    "descan of another scan": (
        lambda: prepared(cal=CAL.replaced(scan_shape=(3, 2), descan=descan((0.1, 0)))),
        "descan of 3 × 2 positions and the scan has 2 × 3",
    ),
    "up-sampling": (
        lambda: prepared(recipe=Recipe.experiment(Mesh(0.9, 0.03, integrate=3))),
        "pixels of 0.03 Å⁻¹ and the camera sees 0.031 Å⁻¹",
    ),
    "a camera too small": (lambda: calibrated(delta_k=0.028), "sees 0.896 Å⁻¹ .* k_max of at most 0.896 Å⁻¹"),
    "a centre too far out": (lambda: calibrated(center=(32, 25)), "k_max of at most 0.79 Å⁻¹"),
    "a centre outside": (lambda: calibrated(center=(32, -5)), "centre of the pattern lies outside"),
    "a centre NaN": (lambda: calibrated(center=(32, NAN)), "center"),
    "an ellipse too long": (lambda: calibrated(ellipticity=0.3, angle=90), "k_max of at most 0.87 Å⁻¹"),
    "a descan too wide": (lambda: calibrated(descan=descan((6.0, 0.0))), "at all positions"),
    "a descan outside": (lambda: calibrated(descan=descan((60.0, 0.0))), "outside the frames"),
    "the unscattered disc": (
        lambda: calibrated(semiangle=2.0, beam_energy=200e3), "k_min of at least 0.18 Å⁻¹",
    ),
    "the unscattered disc by the energy of the mesh": (
        lambda: prepared(
            cal=CAL.replaced(semiangle=2.0), recipe=Recipe.experiment(Mesh(0.9, 0.1, 200e3, 5), k_min=0.15)
        ),
        "reaches 0.0797 Å⁻¹",
    ),
    "a stop wider than k_min": (lambda: calibrated(hidden=RADIUS < 10), "hidden all around .* k_min of at"),
    "a stop much wider than k_min": (lambda: calibrated(hidden=RADIUS < 20), "% of the .* k_min of at"),
    "a half of the camera and its opposite": (
        lambda: calibrated(dead=np.abs(X) > 12), r"% of the pixels .* (k_min of at least|no k_min)",
    ),
    "every pixel dead": (lambda: calibrated(dead=X < 99), "0 % of the pixels .* no k_min below k_max"),
    "NaN in a frame": (lambda: broken((1, 2, 5, 6), NAN)[1, 2], "NaN"),
    "infinity in a frame": (lambda: broken((0, 1, 5, 6), np.inf).array(False), "infinite"),
    "block of no patterns": (lambda: list(prepared().blocks(0)), "size is 0"),
    "progress text": (lambda: list(prepared().blocks(progress="yes")), "progress is 'yes'"),
    "images of absent positions": (lambda: prepared().images([6]), "indices is"),
    "HyperSpy with a mesh": (lambda: write_hyperspy("a.hspy", prepared(), RECIPE.mesh), "leave these out"),
    "py4DSTEM with rows": (lambda: write_py4dstem("a.h5", prepared(), rows=np.arange(3)), "leave these out"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_refused(name, in_folder):
    action, part = ROWS[name]
    assert_refused(action, part, in_folder)


def test_what_a_refusal_advises_is_taken():
    for hidden in (RADIUS < 10, RADIUS < 20):
        with pytest.raises(Exception, match="k_min of at least") as caught:
            calibrated(hidden=hidden)
        k_min = float(str(caught.value).split("at least ")[1].split(" ")[0])
        recipe = Recipe.experiment(RECIPE.mesh, k_min)
        patterns = prepared(cal=CAL.replaced(hidden=hidden), recipe=recipe)
        np.testing.assert_allclose(patterns[0, 0][recipe.mask], 1, rtol=1e-6)
    with pytest.raises(Exception, match="at most") as caught:
        calibrated(delta_k=0.028)
    k_max = float(str(caught.value).split("at most ")[1].split(" ")[0])
    recipe = Recipe.experiment(Mesh(k_max, 0.1, integrate=5), 0.15)
    assert prepared(cal=CAL.replaced(delta_k=0.028), recipe=recipe).shape == (2, 3)
