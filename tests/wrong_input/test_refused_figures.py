"""Wrong input of figures."""

import math

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Mesh, figures
from pyiron_nbed.figures import style

NAN = math.nan
MESH = Mesh(1.0, 0.1)
ONES = np.ones((3, *MESH.shape), np.float32)
T = np.linspace(0, 1, 5)
GROUPS = {"all": [0, 1, 2]}
HISTORY = pd.DataFrame({"member": [0], "epoch": [1], "loss": [1.0], "mae": [0.1], "learning_rate": [1e-3]})
TABLE = pd.DataFrame({"radius": [3, 5], "height": 20, "network": "cnn", "rmse": [0.03, 0.02]})
ATOMS = bulk("Cu", cubic=True, a=4.0) * (3, 3, 3)
LINE = np.arange(3)[:, None] * [2.0, 0, 0]
REGION = {"type": "interior", "start": 0, "end": 5}


def along(atoms=ATOMS, patterns=ONES, positions=LINE, labels=(0.1, 0.2, 0.3), mesh=MESH, **options):
    atoms = atoms.copy() if isinstance(atoms, Atoms) else atoms
    if isinstance(atoms, Atoms):
        atoms.set_array("disorder_parameter", np.ones(len(atoms)))
    return figures.patterns_along_scan(atoms, patterns, positions, labels, mesh, **options)


FLAT = [[0.0, 1.0], [1.0, 0.0]]


def maps(given=(FLAT,), titles=("a",), extent=(0, 1, 0, 1)):
    return figures.disorder_maps(given, titles, extent)


ROWS = {
    "parity of text": (lambda: figures.parity("q6", "q6"), "true is 'q6'"),
    "parity of lengths": (lambda: figures.parity(T, T[:3]), "5 values and predicted 3"),
    "parity of NaN": (lambda: figures.parity(T * NAN, T), "finite"),
    "parity of nothing": (lambda: figures.parity([], []), "0 values"),
    "parity of two axes": (lambda: figures.parity(ONES, ONES), "true is"),
    "parity regions": (lambda: figures.parity(T, T, regions=["ACTR"]), "5 labels"),
    "parity regions text": (lambda: figures.parity(T, T, regions="ACTR"), "5 labels"),
    "history of text": (lambda: figures.learning_curves("fit"), "history is 'fit'"),
    "history of list": (lambda: figures.learning_curves([1.0]), "history is"),
    "history of other columns": (lambda: figures.learning_curves(TABLE), "'member'"),
    "history empty": (lambda: figures.learning_curves(HISTORY[:0]), "0 rows"),
    "calibration of text": (lambda: figures.calibration_plot("a", T, T), "true is 'a'"),
    "calibration of lengths": (lambda: figures.calibration_plot(T, T, T[1:]), "standard_uncertainty 4"),
    "calibration of zero": (lambda: figures.calibration_plot(T, T, T), "uncertainty is 0"),
    "calibration of NaN": (lambda: figures.calibration_plot(T, T, T * NAN), "finite"),
    "heatmap of text": (lambda: figures.geometry_heatmap("sweep"), "table is 'sweep'"),
    "heatmap value": (lambda: figures.geometry_heatmap(TABLE, "r2"), "'r2'"),
    "heatmap value list": (lambda: figures.geometry_heatmap(TABLE, ["rmse"]), "value is"),
    "heatmap value of text": (
        lambda: figures.geometry_heatmap(TABLE, "network"),
        "'network' holds no numbers",
    ),
    "heatmap of nothing": (lambda: figures.geometry_heatmap(TABLE[:0]), "nothing to draw"),
    "profile of text": (lambda: figures.prediction_profile("x", T, T), "position is 'x'"),
    "profile of lengths": (lambda: figures.prediction_profile(T, T, T[:2]), "predicted 2"),
    "profile uncertainty": (
        lambda: figures.prediction_profile(T, T, T, standard_uncertainty=[1.0]),
        "standard_uncertainty 1",
    ),
    "profile regions": (lambda: figures.prediction_profile(T, T, T, regions="ACTR"), "regions is"),
    "profile region without end": (
        lambda: figures.prediction_profile(T, T, T, regions=[{"type": "ACTR", "start": 1}]),
        "'end'",
    ),
    "profile region type": (
        lambda: figures.prediction_profile(T, T, T, regions=[{**REGION, "type": "film"}]),
        "'crystal', 'ACTR'",
    ),
    "profile region text": (
        lambda: figures.prediction_profile(T, T, T, regions=[{**REGION, "start": "left"}]),
        "start of a region is 'left'",
    ),
    "profile length": (lambda: figures.prediction_profile(T, T, T, length=0), "length is 0"),
    "gallery of text": (lambda: figures.pattern_gallery("a.h5", T[:3], MESH), "patterns are 'a.h5'"),
    "gallery labels": (lambda: figures.pattern_gallery(ONES, T, MESH), "3 patterns and 5 labels"),
    "gallery labels text": (lambda: figures.pattern_gallery(ONES, list("abc"), MESH), "labels is"),
    "gallery mesh": (lambda: figures.pattern_gallery(ONES, T[:3], None), "mesh is None"),
    "gallery other mesh": (lambda: figures.pattern_gallery(ONES, T[:3], Mesh()), "shape"),
    "gallery columns": (lambda: figures.pattern_gallery(ONES, T[:3], MESH, columns=0), "columns is 0"),
    "gallery recipe": (
        lambda: figures.pattern_gallery(ONES, T[:3], MESH, recipe="study"),
        "recipe is 'study'",
    ),
    "maps of one": (lambda: maps(np.ones((2, 2))), "maps is"),
    "maps of text": (lambda: maps(["a"]), "map is 'a'"),
    "maps of a line": (lambda: maps([T]), "map is"),
    "maps titles": (lambda: maps(titles=("a", "b")), "1 maps and 2 titles"),
    "maps title text": (lambda: maps(titles="ab"), "titles is 'ab'"),
    "maps extent": (lambda: maps(extent=(0, 1)), "extent is"),
    "maps extent text": (lambda: maps(extent="all"), "extent is 'all'"),
    "maps extent falling": (lambda: maps(extent=(1, 0, 0, 1)), "extent along x"),
    "region groups": (lambda: figures.region_groups(np.array([0, 7]), ["none", "ACTR"]), "region holds 7"),
    "region groups of text": (
        lambda: figures.region_groups(np.array(["ACTR"]), ["none"]),
        "region holds 'ACTR'",
    ),
    "label groups of text": (lambda: figures.label_groups("q6"), "values is 'q6'"),
    "label groups of NaN": (lambda: figures.label_groups(T * NAN), "finite"),
    "label groups count": (lambda: figures.label_groups(T, 9), "fewer classes"),
    "label groups half": (lambda: figures.label_groups(T, 1.5), "count is 1.5"),
    "radial of text": (lambda: figures.radial_profiles("a.h5", MESH, GROUPS), "patterns are 'a.h5'"),
    "radial groups list": (lambda: figures.radial_profiles(ONES, MESH, [0, 1]), "groups is"),
    "radial group beyond": (lambda: figures.radial_profiles(ONES, MESH, {"a": [9]}), "group 'a'"),
    "radial group empty": (lambda: figures.radial_profiles(ONES, MESH, {"a": []}), "no patterns in a group"),
    "radial no groups": (lambda: figures.radial_profiles(ONES, MESH, {}), "no groups"),
    "radial mesh": (lambda: figures.radial_profiles(ONES, "fine", GROUPS), "mesh is 'fine'"),
    "radial width": (lambda: figures.radial_profiles(ONES, MESH, GROUPS, 5), "bin_width is 5"),
    "means mesh": (lambda: figures.mean_patterns(ONES, Mesh(), GROUPS), "shape"),
    "means groups text": (lambda: figures.mean_patterns(ONES, MESH, "regions"), "groups is 'regions'"),
    "scan of text": (lambda: along("cu.xyz"), "ase.Atoms"),
    "scan patterns": (lambda: along(patterns="a.h5"), "patterns are 'a.h5'"),
    "scan positions": (lambda: along(positions=[1, 2, 3]), "positions is"),
    "scan labels": (lambda: along(labels=[0.1]), "1 labels"),
    "scan labels text": (lambda: along(labels="q6"), "labels is 'q6'"),
    "scan mesh": (lambda: along(mesh=None), "mesh is None"),
    "scan along the beam": (lambda: along(normal=0), "no line"),
    "scan normal": (lambda: along(normal="z"), "normal is 'z'"),
    "scan shown": (lambda: along(shown=0), "shown is 0"),
    "scan radius": (lambda: along(radius=-5), "radius is -5"),
    "scan thickness": (lambda: along(thickness=0), "thickness is 0"),
    "scan regions": (lambda: along(regions="ACTR"), "regions is"),
    "composition of text": (lambda: figures.composition_profile("x"), "profile is 'x'"),
    "composition without": (lambda: figures.composition_profile({"position": T}), "minority_fraction"),
    "composition of text columns": (
        lambda: figures.composition_profile({"position": "x", "minority_fraction": T, "disorder": T}),
        "position is 'x'",
    ),
    "control of None": (lambda: figures.control_history(None, 0.02), "history is None"),
    "control of others": (lambda: figures.control_history(HISTORY, 0.02), "holds no 'step'"),
    "control target": (
        lambda: figures.control_history(
            dict.fromkeys(("step", "chemical_potential", "zr_fraction", "acceptance"), T), 2
        ),
        "target is 2",
    ),
    "rdf of text": (lambda: figures.rdf_by_region("rdf"), "rdf is 'rdf'"),
    "rdf of nothing": (lambda: figures.rdf_by_region({"all": {}}), "'r'"),
    "rdf without functions": (lambda: figures.rdf_by_region({"r": T, "cutoff": 8}), "no radial"),
    "disorder profiles of text": (lambda: figures.disorder_profiles("d"), "profiles is 'd'"),
    "disorder profiles of none": (lambda: figures.disorder_profiles({"axis": 0}), "no d_i"),
    "motifs of text": (lambda: figures.motif_densities("m"), "profile is 'm'"),
    "motifs of nothing": (lambda: figures.motif_densities({}), "'motif'"),
    "boxes of text": (lambda: figures.disorder_boxplots("cu"), "ase.Atoms"),
    "boxes without d_i": (lambda: figures.disorder_boxplots(ATOMS), "no d_i"),
    "slice of text": (lambda: figures.structure_slice("cu"), "ase.Atoms"),
    "slice color": (lambda: figures.structure_slice(ATOMS, "height"), "color_by is 'height'"),
    "slice color absent": (lambda: figures.structure_slice(ATOMS, "cna"), "no array 'cna'"),
    "slice normal": (lambda: figures.structure_slice(ATOMS, "species", normal="z"), "normal is 'z'"),
    "slice thickness": (lambda: figures.structure_slice(ATOMS, "species", thickness="5"), "thickness is '5'"),
    "slice thickness NaN": (
        lambda: figures.structure_slice(ATOMS, "species", thickness=NAN),
        "thickness is nan",
    ),
    "slice center": (
        lambda: figures.structure_slice(ATOMS, "species", center="middle"),
        "center is 'middle'",
    ),
    "slice outside": (lambda: figures.structure_slice(ATOMS, "species", center=999), "No atom"),
    "regions number": (lambda: style.check_regions(5), "regions is"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)
