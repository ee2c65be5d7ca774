"""Wrong input of patterns and diffraction: meshes, recipes, scans, volumes, engines, detector effects."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster, VolumeRange, WeightedVolume
from pyiron_nbed.diffraction import (
    VolumeSearch,
    as_volume,
    beam_frame,
    patterns_of_volumes,
    random_zone_axes,
    scattering_factor,
    simulate_patterns,
)
from pyiron_nbed.diffraction.accelerator import torch_device
from pyiron_nbed.diffraction.multislice import MultisliceOptions, multislice_options
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.diffraction.random_volumes import RandomVolumes
from pyiron_nbed.patterns import (
    DetectorEffects,
    Grid,
    NavigationAxis,
    Recipe,
    Scan,
    ScanPlan,
    detector,
    find_grid,
    scan_grid,
    scan_points,
)
from pyiron_nbed.patterns.mesh import as_mesh
from pyiron_nbed.patterns.scan import scan_plan
from pyiron_nbed.patterns.stack import array_stack
from pyiron_nbed.units import electron_wavelength

NAN = math.nan
MESH = Mesh(1.0, 0.1)
RECIPE = Recipe.simulation(MESH)
ATOMS = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
CENTER = [[10.0, 10, 10]]
SMALL = Cylinder(4, 12)
ONES = np.ones((2, *MESH.shape), np.float32)
BATCH = torch.ones(2, *MESH.shape)
RNG = torch.Generator()
GRID = Grid(np.arange(6).reshape(2, 3), (NavigationAxis("y", 2.0), NavigationAxis("x", 5.0)))


def patterns(atoms=ATOMS, centers=CENTER, volume=SMALL, mesh=MESH, **options):
    return simulate_patterns(atoms, centers, volume, mesh, **options)


def draw(structures=(ATOMS,), volumes=(SMALL,), **options):
    return RandomVolumes(structures, volumes, **options)


def found():
    return VolumeSearch(ATOMS, SMALL)(CENTER)


ROWS = {
    "mesh k_max text": (lambda: Mesh("1"), "k_max is '1'"),
    "mesh k_max None": (lambda: Mesh(None), "k_max is None"),
    "mesh k_max NaN": (lambda: Mesh(NAN), "k_max is nan"),
    "mesh k_max True": (lambda: Mesh(True), "k_max is True"),
    "mesh k_max negative": (lambda: Mesh(-1), "above 0"),
    "mesh k_max beyond the table": (lambda: Mesh(9.0), "scattering table"),
    "mesh delta_k zero": (lambda: Mesh(1, 0), "delta_k is 0"),
    "mesh delta_k list": (lambda: Mesh(1, [0.1]), "delta_k"),
    "mesh of one pixel": (lambda: Mesh(1, 2), "not below k_max"),
    "mesh of too many pixels": (lambda: Mesh(1, 1e-7), "20,000,000 × 20,000,000 pixels"),
    "mesh integrate too fine": (lambda: Mesh(1, 1e-3, integrate=99), "pixels"),
    "mesh energy in keV": (lambda: Mesh(beam_energy=200), "energy"),
    "mesh energy text": (lambda: Mesh(beam_energy="200 keV"), "beam_energy is '200 keV'"),
    "mesh integrate even": (lambda: Mesh(integrate=2), "odd"),
    "mesh integrate text": (lambda: Mesh(integrate="3"), "odd"),
    "mesh of even pixels": (lambda: Mesh.of_pixels(64), "odd"),
    "mesh of pixels text": (lambda: Mesh.of_pixels("65"), "odd"),
    "mesh of pixels, k_max text": (lambda: Mesh.of_pixels(65, "1"), "k_max is '1'"),
    "mesh of pixels, integrate even": (lambda: Mesh.of_pixels(65, integrate=2), "odd"),
    "mesh from tuple": (lambda: as_mesh((1.0, 0.05)), "give a Mesh"),
    "mesh from unknown field": (lambda: as_mesh({"kmax": 1}), "'kmax'"),
    "mesh from None": (lambda: as_mesh(None), "give a Mesh"),
    "mesh averages text": (lambda: Mesh(1, 0.3, integrate=3).averaged("a"), "patterns"),
    "mesh averages another shape": (lambda: Mesh(1, 0.3, integrate=3).averaged(ONES), "shape"),
    "recipe without mesh": (lambda: Recipe("mesh"), "give a Mesh"),
    "recipe mesh tuple": (lambda: Recipe((1, 0.1)), "give a Mesh"),
    "recipe simulation of text": (lambda: Recipe.simulation("mesh"), "give a Mesh"),
    "recipe experiment of tuple": (lambda: Recipe.experiment((1.0, 0.1)), "give a Mesh"),
    "recipe study scale text": (lambda: Recipe.study(MESH, "7"), "scaling is '7'"),
    "recipe k_min beyond": (lambda: Recipe(MESH, k_min=2), "k_min is 2"),
    "recipe k_min text": (lambda: Recipe(MESH, k_min="0.1"), "k_min is '0.1'"),
    "recipe unit text": (lambda: Recipe(MESH, unit="ring"), "unit is 'ring'"),
    "recipe unit number": (lambda: Recipe(MESH, unit=0.5), "unit is 0.5"),
    "recipe unit beyond the mesh": (lambda: Recipe(MESH, unit=(2, 3)), "annulus"),
    "recipe transform": (lambda: Recipe(MESH, transform="ln"), "transform is 'ln'"),
    "recipe gain 0": (lambda: Recipe(MESH, gain=0), "gain is 0"),
    "recipe scaling": (lambda: Recipe(MESH, scaling="max"), "scaling is 'max'"),
    "recipe denoising": (lambda: Recipe(MESH, denoising=-1), "denoising is -1"),
    "recipe from None": (lambda: Recipe.from_dict(None), "recipe is None"),
    "recipe from text": (lambda: Recipe.from_dict("simulation"), "recipe is 'simulation'"),
    "recipe from list": (lambda: Recipe.from_dict([1, 2]), "recipe is"),
    "recipe from no mesh": (lambda: Recipe.from_dict({"k_min": 1}), "has no mesh"),
    "recipe from unknown": (lambda: Recipe.from_dict({"mesh": {}, "kmin": 1}), "'kmin'"),
    "recipe resolve number": (lambda: Recipe.resolve(3, MESH), "recipe is 3"),
    "recipe resolve name": (lambda: Recipe.resolve("camera", MESH), "'simulation'"),
    "recipe resolve other mesh": (lambda: Recipe.resolve(Recipe.simulation(), MESH), "same mesh"),
    "recipe called with array": (lambda: RECIPE(ONES), "tensor"),
    "recipe called with list": (lambda: RECIPE([1, 2]), "tensor"),
    "recipe images of text": (lambda: RECIPE.images("a.h5"), "patterns"),
    "recipe images of None": (lambda: RECIPE.images(None), "patterns"),
    "recipe images of complex": (lambda: RECIPE.images(ONES * 1j), "patterns"),
    "recipe images of one pattern": (lambda: RECIPE.images(ONES[0]), "shape"),
    "recipe images other shape": (lambda: RECIPE.images(np.ones((2, 5, 5))), "shape"),
    "recipe images NaN": (lambda: RECIPE.images(ONES * NAN), "NaN"),
    "recipe images negative": (lambda: RECIPE.images(-ONES), "negative"),
    "recipe scale text": (lambda: RECIPE.with_scale("7"), "scaling is '7'"),
    "recipe scale 0": (lambda: RECIPE.with_scale(0), "scaling is 0"),
    "recipe of unknown scale": (lambda: Recipe.study(MESH).images(ONES), "scale="),
    "effects blur text": (lambda: DetectorEffects(blur="1"), "blur is '1'"),
    "effects blur list of text": (lambda: DetectorEffects(blur=["0", "1"]), "blur"),
    "effects blur of three": (lambda: DetectorEffects(blur=(0, 1, 2)), "blur"),
    "effects blur negative": (lambda: DetectorEffects(blur=-1), "blur is -1"),
    "effects blur falling": (lambda: DetectorEffects(blur=(2, 1)), "lowest, highest"),
    "effects blur dict": (lambda: DetectorEffects(blur={0: 1, 2: 3}), "blur"),
    "effects dose zero": (lambda: DetectorEffects(dose=0), "dose is 0"),
    "effects dose True": (lambda: DetectorEffects(dose=True), "dose is True"),
    "effects beam_stop wider than patterns": (
        lambda: DetectorEffects(beam_stop=5).check(RECIPE),
        "beam_stop",
    ),
    "effects shift beyond the image": (lambda: DetectorEffects(shift=500).check(RECIPE), "shift"),
    "effects blur wider than the image": (lambda: DetectorEffects(blur=100).check(RECIPE), "blur"),
    "effects scale": (lambda: DetectorEffects(scale=9), "scale is 9"),
    "effects hot share": (lambda: DetectorEffects(hot_pixels=2), "hot_pixels is 2"),
    "effects width None": (lambda: DetectorEffects(background_width=None), "background_width is None"),
    "effects energy text": (lambda: DetectorEffects(beam_energy="200e3"), "beam_energy"),
    "effects unknown": (lambda: DetectorEffects.from_dict({"bluur": 1}), "'bluur'"),
    "effects from None": (lambda: DetectorEffects.from_dict(None), "effects is None"),
    "effects without wavelength": (lambda: DetectorEffects(semiangle=1).check(RECIPE), "wavelength"),
    "effects semiangle too wide": (
        lambda: DetectorEffects(semiangle=100, beam_energy=2e5).check(RECIPE),
        "semiangle",
    ),
    "effects of a recipe without unit": (lambda: DetectorEffects(dose=1e5).check(Recipe.study(MESH)), "unit"),
    "effects check text": (lambda: DetectorEffects(dose=1e5).check("study"), "Recipe"),
    "effects called with array": (lambda: DetectorEffects()(ONES, RECIPE, RNG), "tensor"),
    "effects called without recipe": (lambda: DetectorEffects()(BATCH, None, RNG), "Recipe"),
    "effects called with a seed": (lambda: DetectorEffects(blur=1)(BATCH, RECIPE, 0), "generator"),
    "effects called on other shape": (lambda: DetectorEffects()(BATCH[:, 1:-1, 1:-1], RECIPE, RNG), "shape"),
    "blur sigma text": (lambda: detector.blur(BATCH, "1"), "sigma is '1'"),
    "blur of array": (lambda: detector.blur(ONES, 1), "tensor"),
    "blur sigma of three": (lambda: detector.blur(BATCH, [1, 2, 3]), "sigma"),
    "converge wavelength 0": (lambda: detector.converge(BATCH, 1, 0, 0.1), "wavelength"),
    "expose negative dose": (lambda: detector.expose(BATCH, -1, RNG), "dose"),
    "expose without generator": (lambda: detector.expose(BATCH, 1, None), "generator"),
    "hot pixels share": (lambda: detector.add_hot_pixels(BATCH, 2, 1, RNG), "fraction"),
    "background width 0": (lambda: detector.add_background(BATCH, 0.5, 0, 0.1), "width"),
    "distort shift text": (lambda: detector.distort(BATCH, "left"), "shift"),
    "distort scale 0": (lambda: detector.distort(BATCH, scale=0), "scale"),
    "step text": (lambda: ScanPlan(step="2.5"), "step is '2.5'"),
    "step 0": (lambda: ScanPlan(step=0), "step is 0"),
    "step None": (lambda: ScanPlan(step=None), "step is None"),
    "step of two": (lambda: ScanPlan(step=(1, 2)), "three of them"),
    "step all None": (lambda: ScanPlan(step=(None, None, None), points=[[0, 0, 0]]), "points"),
    "step array 2d": (lambda: ScanPlan(step=np.ones((3, 3))), "step"),
    "step and points": (lambda: ScanPlan(step=3, points=[[0, 0, 0]]), "points"),
    "order": (lambda: ScanPlan(order="zigzag"), "'raster', 'serpentine'"),
    "empty": (lambda: ScanPlan(empty="ignore"), "'error', 'skip'"),
    "margin text": (lambda: ScanPlan(margin="1"), "margin is '1'"),
    "margin negative": (lambda: ScanPlan(margin=-1), "margin is -1"),
    "margin NaN": (lambda: ScanPlan(margin=NAN), "margin is nan"),
    "limits of two": (lambda: ScanPlan(limits=[(0, 1), None]), "limits"),
    "limits falling": (lambda: ScanPlan(limits=[(2, 1), None, None]), "limits"),
    "limits NaN": (lambda: ScanPlan(limits=[(NAN, 1), None, None]), "limits"),
    "limits text": (lambda: ScanPlan(limits="all"), "limits are 'all'"),
    "limits numbers": (lambda: ScanPlan(limits=[1, 2, 3]), "limits"),
    "points text": (lambda: ScanPlan(points="middle"), "points are 'middle'"),
    "points of numbers": (lambda: ScanPlan(points=[1, 2, 3]), r"\[1, 2, 3\].*\(P, 3\)"),
    "points of text": (lambda: ScanPlan(points=[["a", "b", "c"]]), r"\(P, 3\)"),
    "points empty": (lambda: ScanPlan(points=[]), r"\(P, 3\)"),
    "points a number": (lambda: ScanPlan(points=3.0), r"\(P, 3\)"),
    "points of two coordinates": (lambda: ScanPlan(points=[[0, 0]]), r"\(P, 3\)"),
    "points NaN": (lambda: ScanPlan(points=[[0, 0, NAN]]), r"\(P, 3\)"),
    "points atoms": (lambda: ScanPlan(points=ATOMS), "points"),
    "points and order": (lambda: ScanPlan(points=[[0, 0, 0]], order="serpentine"), "belong to a grid"),
    "axes_per_cluster": (lambda: ScanPlan(axes_per_cluster=0), "axes_per_cluster"),
    "scan seed negative": (lambda: ScanPlan(seed=-1), "seed is -1"),
    "scan seed text": (lambda: ScanPlan(seed="a"), "seed is 'a'"),
    "scan option": (lambda: scan_plan(stepp=1), "no option stepp"),
    "plan and option": (lambda: scan_plan(ScanPlan(), order="raster"), "either"),
    "scan text": (lambda: scan_plan("fine"), "step is 'fine'"),
    "scan_grid of text": (lambda: scan_grid("cu.xyz", 2.0), "ase.Atoms"),
    "scan_grid of points": (lambda: scan_grid(ATOMS, points=CENTER), "scan_points"),
    "scan_grid step far above the cell": (lambda: scan_grid(ATOMS, 1e9), "longer than"),
    "scan_grid too many places": (lambda: scan_grid(ATOMS, 1e-3), "8,000,000,000,000"),
    "scan_grid margin leaves nothing": (
        lambda: scan_grid(Atoms("Cu2", [[0, 0, 0], [5, 5, 5]], cell=[9] * 3), margin=1e6),
        "leaves nothing",
    ),
    "scan_grid limits outside": (lambda: scan_grid(ATOMS, limits=[(90, 99), None, None]), "hold no position"),
    "scan_grid zone axis empty": (lambda: scan_grid(ATOMS, zone_axis=[]), "zone axis is"),
    "scan_grid zone axis None": (lambda: scan_grid(ATOMS, zone_axis=None), "zone axis is None"),
    "scan_grid two zone axes": (lambda: scan_grid(ATOMS, zone_axis=[(0, 0, 1), (1, 0, 0)]), "three numbers"),
    "scan_points text": (lambda: scan_points("here"), r"\(P, 3\)"),
    "scan_points zone axis text": (lambda: scan_points(CENTER, "z"), "zone axis is 'z'"),
    "grid map too short": (lambda: GRID.map([1, 2]), "2 values"),
    "grid map a number": (lambda: GRID.map(3), "values"),
    "grid line axis": (lambda: GRID.line(5), "axis is 5"),
    "grid line axis name": (lambda: GRID.line("x"), "axis is 'x'"),
    "grid line through two": (lambda: GRID.line(0, [1, 2]), "through"),
    "grid line through text": (lambda: GRID.line(0, ["middle"]), "through"),
    "grid line through number": (lambda: GRID.line(0, 2.0), "through is 2.0"),
    "find_grid text": (lambda: find_grid("here"), r"\(P, 3\)"),
    "find_grid of lists": (lambda: find_grid([[0, 0], [1]]), r"\(P, 3\)"),
    "stack of text": (lambda: array_stack("a.h5", MESH), "patterns"),
    "stack without mesh": (lambda: array_stack(ONES, None), "mesh is None"),
    "stack of another shape": (lambda: array_stack(np.ones((2, 5, 5)), MESH), "pixels"),
    "stack step text": (lambda: array_stack(ONES, MESH, "2"), "step is '2'"),
    "stack step negative": (lambda: array_stack(ONES, MESH, -2), "step is -2"),
    "stack label shape": (lambda: array_stack(ONES, MESH, labels={"a": [1]}), "label 'a'"),
    "stack label text": (lambda: array_stack(ONES, MESH, labels={"a": ["x", "y"]}), "label 'a'"),
    "stack labels list": (lambda: array_stack(ONES, MESH, labels=[1, 2]), "labels"),
    "cylinder text": (lambda: Cylinder("5", 20), "radius is '5'"),
    "cylinder negative": (lambda: Cylinder(5, -20), "height is -20"),
    "cylinder range": (lambda: Cylinder((3, 8), 20), "radius"),
    "ellipsoid NaN": (lambda: Ellipsoid(NAN, 20), "radius is nan"),
    "cluster of none": (lambda: OneLayerCluster(0), "n_neighbors is 0"),
    "cluster half": (lambda: OneLayerCluster(12.5), "n_neighbors is 12.5"),
    "weighted profile": (lambda: WeightedVolume(6, 20, "box"), "'gaussian', 'airy'"),
    "weighted cutoff": (lambda: WeightedVolume(6, 20, cutoff=0), "cutoff is 0"),
    "range kind": (lambda: VolumeRange("Box", (3, 8), (10, 30)), "kind is 'Box'"),
    "range radius number": (lambda: VolumeRange(Cylinder, 5, (10, 30)), "radius is 5"),
    "range falling": (lambda: VolumeRange(Cylinder, (8, 3), (10, 30)), "lowest, highest"),
    "volume text": (lambda: as_volume("cylinder"), "volume is 'cylinder'"),
    "volume None": (lambda: as_volume(None), "volume is None"),
    "volume number": (lambda: as_volume(5), "volume is 5"),
    "volume class": (lambda: as_volume(Cylinder), "volume is"),
    "volume dict without radius": (lambda: as_volume({"type": "Cylinder"}), "volume is"),
    "volume list": (lambda: as_volume([SMALL]), "volume is"),
    "patterns of text": (lambda: patterns("cu.xyz"), "ase.Atoms"),
    "patterns of no atoms": (lambda: patterns(Atoms()), "no atoms"),
    "patterns centers text": (lambda: patterns(centers="middle"), r"\(P, 3\)"),
    "patterns centers None": (lambda: patterns(centers=None), r"\(P, 3\)"),
    "patterns mesh tuple": (lambda: patterns(mesh=(1.0, 0.05)), "give a Mesh"),
    "patterns volume text": (lambda: patterns(volume="cylinder"), "volume is 'cylinder'"),
    "patterns volume range": (lambda: patterns(volume=VolumeRange(Cylinder, (3, 4), (9, 12))), "volume is"),
    "patterns engine": (lambda: patterns(engine="gpu"), "engine is 'gpu'"),
    "patterns dtype": (lambda: patterns(dtype="int32"), "dtype is 'int32'"),
    "patterns cores 0": (lambda: patterns(cores=0), "cores is 0"),
    "patterns cores negative": (lambda: patterns(cores=-1), "cores is -1"),
    "patterns cores text": (lambda: patterns(cores="all"), "cores is 'all'"),
    "patterns cores half": (lambda: patterns(cores=1.5), "cores is 1.5"),
    "patterns empty": (lambda: patterns(empty="ignore"), "'error', 'skip'"),
    "patterns zone axis text": (lambda: patterns(zone_axis="z"), "zone axis is 'z'"),
    "patterns zone axis zero": (lambda: patterns(zone_axis=(0, 0, 0)), "not all zero"),
    "patterns zone axis ragged": (lambda: patterns(zone_axis=[[0, 0, 1], [1]]), "zone axis is"),
    "patterns zone axes for another number": (lambda: patterns(zone_axis=np.eye(3)), "3 zone axes"),
    "patterns out": (lambda: patterns(out=np.zeros(3)), "out is"),
    "patterns out list": (lambda: patterns(out=[1]), "out is list"),
    "patterns device for cpu engine": (lambda: patterns(device="cuda"), "device is 'cuda'"),
    "patterns device text": (lambda: patterns(engine="torch", device="gpu0"), "device 'gpu0'"),
    "patterns device number": (lambda: patterns(engine="torch", device=2.5), "device 2.5"),
    "patterns multislice of cpu engine": (lambda: patterns(multislice={"semiangle": 1}), "multislice"),
    "patterns volume too wide": (lambda: patterns(volume=Cylinder(30, 10)), "counted twice"),
    "patterns far away": (lambda: patterns(Atoms("Cu", [[0, 0, 0]]), [[99, 0, 0]]), "hold no atoms"),
    "patterns no atom at the centre": (
        lambda: patterns(volume=OneLayerCluster(), centers=[[1, 1, 1]]),
        "no atoms",
    ),
    "patterns in float16": (
        lambda: patterns(
            bulk("U", "fcc", a=4.9, cubic=True) * (9, 9, 9), volume=Cylinder(20, 40), dtype=np.float16
        ),
        "float16",
    ),
    "patterns unknown element": (lambda: patterns(Atoms("X", [[0, 0, 0]]), [[0, 0, 0]]), "'X'"),
    "patterns too many": (
        lambda: patterns(centers=np.full((10**6, 3), 10.0), mesh=Mesh(1, 5e-4)),
        "memory|GB",
    ),
    "volumes of a structure": (lambda: patterns_of_volumes(ATOMS, ATOMS.numbers, MESH), "VolumeAtoms"),
    "volumes mesh text": (lambda: patterns_of_volumes(found(), ATOMS.numbers, "fine"), "give a Mesh"),
    "volumes symbols short": (lambda: patterns_of_volumes(found(), ATOMS.numbers[:3], MESH), "symbols"),
    "volumes symbols None": (lambda: patterns_of_volumes(found(), None, MESH), "symbols"),
    "search of text": (lambda: VolumeSearch("cu", SMALL), "ase.Atoms"),
    "search zone axis": (lambda: VolumeSearch(ATOMS, SMALL, [1, 2]), "zone axis is"),
    "search centers": (lambda: VolumeSearch(ATOMS, SMALL)([1, 2]), r"\(P, 3\)"),
    "search cores": (lambda: VolumeSearch(ATOMS, SMALL)(CENTER, cores=-2), "cores is -2"),
    "frame of None": (lambda: beam_frame(None), "zone axis is None"),
    "frame of text": (lambda: beam_frame("001"), "zone axis is '001'"),
    "axes count": (lambda: random_zone_axes(0, 1), "zone axes is 0"),
    "axes seed text": (lambda: random_zone_axes(5, "a"), "seed is 'a'"),
    "axes seed negative": (lambda: random_zone_axes(5, -1), "seed is -1"),
    "factor of nothing": (lambda: scattering_factor("Xx", 1.0), "'Xx'"),
    "factor of a number": (lambda: scattering_factor(29, 1.0), "29"),
    "factor of a list": (lambda: scattering_factor(["Cu"], 1.0), "'Cu'"),
    "factor at text": (lambda: scattering_factor("Cu", "1"), "k is '1'"),
    "factor beyond": (lambda: scattering_factor("Cu", 5.0), "ends at 4"),
    "factor at NaN": (lambda: scattering_factor("Cu", NAN), "k is nan"),
    "wavelength text": (lambda: electron_wavelength("200"), "beam_energy is '200'"),
    "wavelength negative": (lambda: electron_wavelength(-1), "beam_energy is -1"),
    "device unknown": (lambda: torch_device("gpu"), "device 'gpu'"),
    "device number": (lambda: torch_device(1.5), "device 1.5"),
    "device list": (lambda: torch_device(["cpu"]), "device"),
    "device meta": (lambda: torch_device("meta"), "device 'meta'"),
    "multislice unknown": (lambda: multislice_options({"semi": 1}), "semiangle"),
    "multislice text": (lambda: multislice_options("fast"), "'fast'"),
    "multislice for cpu": (lambda: multislice_options({"semiangle": 1}, "cpu"), "engine is 'cpu'"),
    "multislice seed": (lambda: MultisliceOptions(seed=-1), "seed is -1"),
    "multislice slices": (lambda: MultisliceOptions(slice_thickness=0), "slice_thickness is 0"),
    "multislice flag": (lambda: MultisliceOptions(direct_beam="yes"), "direct_beam is 'yes'"),
    "radial of text": (lambda: radial_profile("a", MESH), "patterns"),
    "radial of one": (lambda: radial_profile(ONES[0], MESH), "shape"),
    "radial without mesh": (lambda: radial_profile(ONES, None), "mesh is None"),
    "radial width": (lambda: radial_profile(ONES, MESH, 0.01), "bin_width is 0.01"),
    "draw without structures": (lambda: draw([]), "structures"),
    "draw one structure": (lambda: draw(ATOMS), "structures"),
    "draw text": (lambda: draw(["cu.xyz"]), "ase.Atoms"),
    "draw one volume": (lambda: draw(volumes=SMALL), "volumes"),
    "draw volume text": (lambda: draw(volumes=["big"]), "volume is 'big'"),
    "draw zone axes": (lambda: draw(zone_axes="any"), "'random'"),
    "draw zone axes empty": (lambda: draw(zone_axes=[]), "zone axis is"),
    "draw zone axes None": (lambda: draw(zone_axes=None), "zone axis is None"),
    "draw weights": (lambda: draw(weights=[1, 2]), "weights"),
    "draw weights text": (lambda: draw(weights="equal"), "weights"),
    "draw with a seed": (lambda: draw()(0, 4), "rng is 0"),
    "draw none": (lambda: draw()(np.random.default_rng(0), 0), "count is 0"),
    "scan map short": (
        lambda: Scan(np.zeros((2, 3)), (2,), (), (), (0, 0, 1)).grid.map([1.0]),
        "1 values",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)


def test_no_device_without_a_gpu(in_folder):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert_refused(lambda: torch_device("cuda"), "'cuda' cannot be used", in_folder)
