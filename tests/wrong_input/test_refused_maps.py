"""Wrong input of maps of measured scans, of their comparison, and of what tells how far they are trusted."""

import numpy as np
import pytest
import torch
from refusal import assert_refused

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.experiment import Calibration, DisorderMap, MeasuredScan, compare_maps, map_scan
from pyiron_nbed.learning import PatternSource, build_network, load_model
from pyiron_nbed.learning.distrust import FAMILIES, Distrust
from pyiron_nbed.learning.level import level_of, maps_of_structures
from pyiron_nbed.learning.model import Model
from pyiron_nbed.learning.trust import calibrate_trust
from pyiron_nbed.patterns import DetectorEffects, Recipe

RECIPE = Recipe.experiment(Mesh(0.9, 0.06, integrate=3), k_min=0.15)
FRAMES = np.random.default_rng(0).poisson(30, (2, 3, 64, 66)).astype(np.uint16)
SCAN = MeasuredScan.from_array(FRAMES)
CAL = Calibration((32.0, 31.5), 0.031, (64, 66), (2, 3))
CARD = {
    "recipe": RECIPE.as_dict(), "labels": ["disorder_parameter"], "n_parameters": 1, "network": "polar",
    "members": 1, "scale": {"mean": [0.9], "standard_deviation": [0.05]}, "elements": ["Cu", "Zr"],
}  # fmt: skip
torch.manual_seed(0)
MODEL = Model([build_network("polar", None, 1)], CARD)
TWO = Model([build_network("polar", None, 2)], {
    **CARD, "labels": ["disorder_parameter", "cna_fcc"],
    "scale": {"mean": [0, 0], "standard_deviation": [1, 1]},
})  # fmt: skip
FEATURES = {name: np.random.default_rng(0).normal(size=(20, 3)) for name in FAMILIES}


def mapped(scan=SCAN, model=MODEL, cal=CAL, **options):
    return map_scan(scan, model, cal, **options)


def written():
    return mapped(path="no/map.h5", observables=False)


def other_recipe(**changes):
    recipe = Recipe.experiment(Mesh(0.9, **{"delta_k": 0.06, "integrate": 3, **changes}), k_min=0.15)
    return Model([build_network("polar", None, 1)], {**CARD, "recipe": recipe.as_dict()})


def made(label="disorder_parameter", flagged=False):
    flags = {name: np.full((2, 3), flagged) for name in ("vacuum", "unlike")}
    return DisorderMap(label, *np.full((3, 2, 3), 0.9), np.full((2, 3), np.nan), flags, 0.9, 0.03, CAL)


ROWS = {
    "scan an array": (lambda: mapped(FRAMES), "give a MeasuredScan"),
    "scan a path": (lambda: mapped("scan.mib"), "give a MeasuredScan"),
    "scan a map": (lambda: mapped(None), "give a MeasuredScan"),
    "model absent": (lambda: mapped(model="absent"), "There is no model in absent"),
    "model a number": (lambda: mapped(model=3), "folder of the model"),
    "model of two labels": (lambda: mapped(model=TWO), "give one that predicts one label"),
    "calibration a dict": (lambda: mapped(cal=CAL.as_dict()), "give a Calibration"),
    "calibration a path": (lambda: mapped(cal="gold.json"), "give a Calibration"),
    "calibration of other frames": (
        lambda: mapped(cal=Calibration((16, 16), 0.062, (32, 33))), "frames of 32 × 33 pixels",
    ),
    "a camera too small": (lambda: mapped(cal=CAL.replaced(delta_k=0.02)), "k_max of at most 0.64"),
    "pixels too narrow": (
        lambda: mapped(model=other_recipe(delta_k=0.03), observables=False),
        "pixels of 0.03 Å⁻¹ and the camera",
    ),
    "pixels too wide for the ring": (
        lambda: mapped(model=other_recipe(delta_k=0.1)), "map the scan with observables=False",
    ),
    "background that is not there": (lambda: mapped(background=True), "the calibration holds none"),
    "background a number": (lambda: mapped(background=2), "background is 2"),
    "elements text": (lambda: mapped(elements="CuZr"), "give a list of symbols"),
    "elements no symbols": (lambda: mapped(elements=["Cu", "Zz"]), "Zz"),
    "elements a number": (lambda: mapped(elements=29), "elements"),
    "electrons zero": (lambda: mapped(electrons_per_count=0), "electrons_per_count is 0"),
    "electrons NaN": (lambda: mapped(electrons_per_count=np.nan), "electrons_per_count is nan"),
    "observables text": (lambda: mapped(observables="all"), "observables is 'all'"),
    "cores a fraction": (lambda: mapped(cores=0.5), "cores is 0.5"),
    "seed negative": (lambda: mapped(seed=-1), "seed"),
    "part zero": (lambda: mapped(part=0), "part is 0"),
    "path a folder": (lambda: mapped(path="."), "folder"),
    "path in no folder": (written, "no"),
    "device unknown": (lambda: mapped(device="gpu", observables=False), "device"),
    "no maps": (lambda: compare_maps([]), "DisorderMaps"),
    "a map alone": (lambda: compare_maps(made()), "maps"),
    "no map among maps": (lambda: compare_maps([made(), 3]), "as map_scan gives it"),
    "maps of two labels": (lambda: compare_maps([made(), made("cna_fcc")]), "compare maps of one label"),
    "too few names": (lambda: compare_maps([made(), made()], ["a"]), "give 2 names"),
    "names twice": (lambda: compare_maps([made(), made()], ["a", "a"]), "a different one for each"),
    "block zero": (lambda: compare_maps([made()], block=0), "block is 0"),
    "no draws": (lambda: compare_maps([made()], n_bootstrap=0), "n_bootstrap is 0"),
    "a map that is no file": (lambda: DisorderMap.load("absent.h5"), "absent.h5"),
    "distrust of one family": (
        lambda: Distrust.fitted({"pattern": FEATURES["pattern"]}, FEATURES), "Model.describe",
    ),
    "distrust of other features": (
        lambda: Distrust.fitted(FEATURES, {name: np.ones((9, 2)) for name in FAMILIES}), "as many features",
    ),
    "a share of one": (lambda: Distrust.fitted(FEATURES, FEATURES, share=1), "share is 1"),
    "other features scored": (
        lambda: Distrust.fitted(FEATURES, FEATURES).score({name: np.ones((9, 2)) for name in FAMILIES}),
        "take those of the same model",
    ),
    "level of nothing": (lambda: level_of([]), "maps"),
    "maps of two labels predicted": (
        lambda: maps_of_structures(TWO, [], [Cylinder(5, 20)], None), "structures|one label",
    ),
    "one scan of a bad seed": (lambda: DetectorEffects().of_one_scan(-1), "seed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_refused(name, in_folder):
    action, part = ROWS[name]
    assert_refused(action, part, in_folder)


def test_names_of_models_are_told(in_folder):
    assert_refused(lambda: load_model("cu-zr-r5"), "There is no model in cu-zr-r5", in_folder)


def test_a_source_of_another_mesh(in_folder):
    from ase.build import bulk

    source = PatternSource([bulk("Cu", cubic=True) * (12, 12, 12)], [Cylinder(4, 10)], Mesh(1.0, 0.1))
    assert_refused(
        lambda: calibrate_trust(MODEL, source, [bulk("Cu")], [bulk("Cu")] * 20), "one of its mesh", in_folder
    )
