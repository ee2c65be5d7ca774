"""Wrong input of jobs: refused when the job is run, before anything is written."""

import os
import subprocess
import sys

import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Cylinder, Mesh, VolumeRange, bicrystal, composite

ATOMS = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
SMALL = Cylinder(4, 12)
SWEEP = {"radii": [3], "heights": [8], "networks": ["cnn"], "step": 10, "mesh": Mesh(0.5, 0.1)}
CNN = {"network": "cnn", "weights": None, "epochs": 1}


def run(project, kind, inputs, **attributes):
    """Run a new job with some inputs and attributes; their values may be functions of the project."""
    job = getattr(project.create.job, kind)("job")
    for name, value in attributes.items():
        if name == "cores":
            job.server.cores = value
        else:
            setattr(job, name, value)
    for name, value in inputs.items():
        job.input[name] = value
    job.run()


def ssro(**inputs):
    return lambda project: run(project, "SSRO", inputs, structure=ATOMS)


def dataset(structure=ATOMS, **inputs):
    given = {"volume": SMALL, "step": 10, "labels": ["disorder_parameter"], **inputs}
    return lambda project: run(project, "NBEDDataset", given, structure=structure)


def camera_scan(structure=ATOMS, **inputs):
    given = {"volume": SMALL, "step": 8, "camera": {"frame_shape": (32, 32), "delta_k": 0.06, "dose": 1e4}}
    return lambda project: run(project, "NBEDScan", {**given, **inputs}, sources=structure)


def regressor(datasets="patterns.h5", test_datasets=(), **inputs):
    attributes = {"datasets": datasets, "test_datasets": test_datasets} if datasets else {}
    return lambda project: run(project, "NBEDRegressor", {**CNN, **inputs}, **attributes)


def endless(**inputs):
    given = {**CNN, "volumes": [SMALL], "mesh": Mesh(1.0, 0.05), **inputs}
    return lambda project: run(
        project, "NBEDRegressor", given, structure=ATOMS, test_datasets=["patterns.h5"]
    )


def sweep(**inputs):
    test = bulk("Cu", cubic=True, a=4.1) * (5, 5, 5)
    return lambda project: run(
        project, "GeometrySweep", {**SWEEP, **inputs}, structure=ATOMS, test_sources=test
    )


def quench(structure=ATOMS, kind="GlassQuench", **inputs):
    return lambda project: run(project, kind, inputs, structure=structure)


def complexion(structure=None, **inputs):
    structure = bicrystal(length=100, height=16) if structure is None else structure
    return lambda project: run(project, "ComplexionMDMC", inputs, structure=structure)


ROWS = {
    "SSRO unknown input": (ssro(neighbours=12), "no input 'neighbours'"),
    "SSRO degree": (ssro(l=5), "5"),
    "SSRO degree text": (ssro(l="6"), "'6'"),
    "SSRO analysis": (ssro(analyses=["voronoy"]), "'voronoy'"),
    "SSRO analysis alone": (ssro(analyses=["regions"]), "needs"),
    "SSRO region option": (ssro(region_options={"emergenc": 1}), "'emergenc'"),
    "SSRO modulus": (ssro(modulus="yes"), "modulus is 'yes'"),
    "SSRO frame": (ssro(frame=3), "one frame"),
    "SSRO frame half": (ssro(frame=0.5), "frame is 0.5"),
    "SSRO frame name": (ssro(frame="cold"), "one frame"),
    "SSRO species text": (ssro(species="Cu"), "species is 'Cu'"),
    "SSRO species number": (ssro(species=5), "species is 5"),
    "SSRO motif species": (ssro(motif_species="Al"), "'Al'"),
    "SSRO without sources": (lambda project: run(project, "SSRO", {}), "has no sources"),
    "SSRO of a missing file": (
        lambda project: run(project, "SSRO", {}, sources="absent.dump"),
        "absent.dump",
    ),
    "SSRO of no atoms": (lambda project: run(project, "SSRO", {}, structure=Atoms()), "no atoms"),
    "SSRO of a number": (lambda project: run(project, "SSRO", {}, sources=5), "not int"),
    **{
        f"SSRO of a dict with {name}": (
            lambda project, name=name, value=value: run(project, "SSRO", {}, sources={name: value}),
            "not dict",
        )
        for name, value in {"file": 5, "job_name": "quench", "atoms": 3}.items()
    },
    "SSRO of text": (lambda project: run(project, "SSRO", {}, structure="cu.xyz"), "not str"),
    "dataset without volume": (dataset(volume=None), "either input.volume or input.volumes"),
    "dataset of both": (dataset(volumes=[SMALL]), "either input.volume or input.volumes"),
    "dataset volume text": (dataset(volume="cylinder"), "volume is 'cylinder'"),
    "dataset volume range": (dataset(volume=VolumeRange(Cylinder, (3, 4), (9, 12))), "volume is VolumeRange"),
    "dataset volumes number": (dataset(volume=None, volumes=5), "volume is 5"),
    "dataset no volumes": (dataset(volume=None, volumes=[]), "volumes is"),
    "dataset same volume": (dataset(volume=None, volumes=[SMALL, SMALL]), "2 times"),
    "dataset volume too large": (dataset(volume=Cylinder(30, 10)), "counted twice"),
    "dataset step": (dataset(step="fine"), "step is 'fine'"),
    "dataset step tiny": (dataset(step=1e-3), "8,000,000,000,000"),
    "dataset step huge": (dataset(step=1e9), "longer than"),
    "dataset step None": (dataset(step=None), "step is None"),
    "dataset zone axis empty": (dataset(zone_axis=[]), "zone axis is"),
    "dataset zone axis None": (dataset(zone_axis=None), "zone axis is None"),
    "dataset zone axis text": (dataset(zone_axis="z"), "zone axis is 'z'"),
    "dataset zone axis of two": (dataset(zone_axis=[0, 1]), "three numbers"),
    "dataset zone axis twice": (dataset(zone_axis=[[0, 0, 1], [0, 0, 1]]), "twice"),
    "dataset mesh tuple": (dataset(mesh=(1.0, 0.05)), "give a Mesh"),
    "dataset mesh None": (dataset(mesh=None), "mesh is None"),
    "dataset mesh huge": (dataset(mesh={"k_max": 1, "delta_k": 1e-7}), "20,000,000 × 20,000,000"),
    "dataset engine": (dataset(engine="gpu"), "engine is 'gpu'"),
    "dataset dtype": (dataset(dtype="float64"), "dtype is 'float64'"),
    "dataset labels": (dataset(labels=["q5"]), "'q5'"),
    "dataset labels text": (dataset(labels="q6"), "labels are 'q6'"),
    "dataset axes per cluster": (dataset(axes_per_cluster=0), "axes_per_cluster is 0"),
    "dataset seed": (dataset(seed="a"), "seed is 'a'"),
    "dataset order": (dataset(order="zigzag"), "'raster', 'serpentine'"),
    "dataset margin": (dataset(margin=-1), "margin is -1"),
    "dataset margin without open axis": (dataset(margin=1e6), "periodic along all"),
    "dataset limits": (dataset(limits=[[0, 5]]), "limits"),
    "dataset points text": (dataset(points="middle"), "points are 'middle'"),
    "dataset points of numbers": (dataset(step=2.5, points=[1, 2, 3]), r"points are \[1, 2, 3\]"),
    "dataset points and step": (dataset(points=[[0, 0, 0]]), "points and a step"),
    "dataset empty": (dataset(empty="ignore"), "'error', 'skip'"),
    "dataset origins": (dataset(origins=["a", "b"]), "origins are"),
    "dataset multislice of cpu": (dataset(multislice={"semiangle": 1}), "engine is 'cpu'"),
    "dataset multislice text": (dataset(multislice="fast"), "'fast'"),
    "dataset of text": (
        lambda project: run(project, "NBEDDataset", {"volume": SMALL}, sources="absent.dump"),
        "absent",
    ),
    "dataset without sources": (
        lambda project: run(project, "NBEDDataset", {"volume": SMALL}),
        "has no sources",
    ),
    "dataset structures twice": (
        lambda project: run(project, "NBEDDataset", {"volume": SMALL, "step": 10}, structures=[ATOMS, ATOMS]),
        "2 times",
    ),
    "regressor without datasets": (regressor(datasets=None), "no datasets"),
    "regressor of text": (regressor("absent.h5"), "absent.h5 does not exist"),
    "regressor of atoms": (regressor([ATOMS]), "Atoms are no patterns"),
    "regressor of a number": (regressor(5), "not int"),
    "regressor same twice": (regressor(["patterns.h5", "patterns.h5"]), "2 times"),
    "regressor test equal to training": (regressor(test_datasets=["patterns.h5"]), "2 times"),
    "regressor device": (regressor(device="gpu"), "device is 'gpu'"),
    "regressor device number": (regressor(device=0), "device is 0"),
    "regressor seed": (regressor(seed="a"), "seed is 'a'"),
    "regressor seed negative": (regressor(seed=-1), "seed is -1"),
    "regressor network": (regressor(network="vgg"), "network is 'vgg'"),
    "regressor weights": (regressor(weights=5), "weights is 5"),
    "regressor weights absent": (regressor(weights="w.safetensors"), "do not exist"),
    "regressor split": (regressor(split="blocks"), "split is 'blocks'"),
    "regressor split with tests": (
        regressor(test_datasets=["patterns.h5"], split="blocks"),
        "split is 'blocks'",
    ),
    "regressor fraction": (regressor(test_fraction=2), "test_fraction is 2"),
    "regressor label": (regressor(label="q5"), "'q5'"),
    "regressor label number": (regressor(label=6), "label is 6"),
    "regressor epochs": (regressor(epochs=0), "epochs is 0"),
    "regressor batch": (regressor(batch_size="all"), "batch_size is 'all'"),
    "regressor preset": (regressor(preset="paper"), "preset is 'paper'"),
    "regressor recipe": (regressor(recipe="camera"), "recipe is 'camera'"),
    "regressor recipe field": (regressor(recipe={"kmin": 1}), "'kmin'"),
    "regressor detector": (regressor(detector={"bluur": 1}), "'bluur'"),
    "regressor augmentation": (regressor(augmentation={"noise": "much"}), "noise is 'much'"),
    "regressor compared splits": (regressor(compare_splits=["blocks"]), "split is 'blocks'"),
    "regressor volumes of datasets": (regressor(volumes=[SMALL]), "input.volumes"),
    "regressor validation": (regressor(validation="some"), "validation is 'some'"),
    "regressor misspelt": (regressor(epoch=3), "no input 'epoch'"),
    "endless without volumes": (endless(volumes=None), "needs input.volumes"),
    "endless zone axes": (endless(zone_axes="any"), "'random'"),
    "endless turned": (endless(turned="yes"), "turned is 'yes'"),
    "endless mesh": (endless(mesh=Mesh(1.0, 0.1)), "meshes"),
    "endless too wide": (endless(volumes=[Cylinder(30, 10)]), "wide"),
    "endless volume": (endless(volumes=["big"]), "volume is 'big'"),
    "sweep training text": (sweep(training="x"), "training is 'x'"),
    "sweep training number": (sweep(training=5), "training is 5"),
    "sweep training list": (sweep(training=[1]), r"training is \[1\]"),
    "sweep training unknown": (sweep(training={"epoch": 3}), "epoch"),
    "sweep training network": (sweep(training={"network": "cnn"}), "network"),
    "sweep training epochs": (sweep(training={"epochs": 0}), "epochs is 0"),
    "sweep training split": (sweep(training={"split": "blocks"}), "split is 'blocks'"),
    "sweep training fraction": (sweep(training={"test_fraction": "20%"}), "test_fraction is '20%'"),
    "sweep training preset": (sweep(training={"preset": "paper"}), "preset is 'paper'"),
    "sweep training device": (sweep(training={"device": "gpu"}), "device is 'gpu'"),
    "sweep radii number": (sweep(radii=3), "radii is 3"),
    "sweep radii empty": (sweep(radii=[]), "radii is"),
    "sweep radii twice": (sweep(radii=[3, 3]), "once"),
    "sweep radii the same": (sweep(radii=[3, 3.0]), "2 times|once"),
    "sweep radii text": (sweep(radii=["3"]), "radius is '3'"),
    "sweep heights negative": (sweep(heights=[-1]), "height is -1"),
    "sweep kind": (sweep(kind="Box"), "'Cylinder', 'Ellipsoid'"),
    "sweep kind class": (sweep(kind=["Cylinder"]), "kind is"),
    "sweep networks": (sweep(networks=["vgg"]), "network is 'vgg'"),
    "sweep networks text": (sweep(networks="cnn"), "networks is 'cnn'"),
    "sweep seeds": (sweep(seeds=["a"]), "seed is 'a'"),
    "sweep label": (sweep(label="q5"), "'q5'"),
    "sweep label number": (sweep(label=6), "labels are"),
    "sweep zone axis None": (sweep(zone_axis=None), "zone axis is None"),
    "sweep zone axis empty": (sweep(zone_axis=[]), "zone axis is"),
    "sweep mesh tuple": (sweep(mesh=(1.0, 0.1)), "give a Mesh"),
    "sweep engine": (sweep(engine="gpu"), "engine is 'gpu'"),
    "sweep step": (sweep(step=0), "step is 0"),
    "sweep too wide": (sweep(radii=[30]), "counted twice"),
    "sweep tested on what it is trained on": (
        lambda project: run(
            project,
            "GeometrySweep",
            {"radii": [3], "heights": [8], "networks": ["cnn"], "step": 10},
            structure=ATOMS,
            test_sources=ATOMS,
        ),
        "test_sources",
    ),
    "scan without volume": (camera_scan(volume=None), "NBEDScan has no volume"),
    "scan without camera": (camera_scan(camera=None), "NBEDScan has no camera"),
    "scan camera a number": (camera_scan(camera=3), "give a Camera"),
    "scan camera unknown field": (camera_scan(camera={"frame_shape": (4, 4), "pixel": 1}), "holds 'pixel'"),
    "scan camera dose": (
        camera_scan(camera={"frame_shape": (4, 4), "delta_k": 0.1, "dose": "low"}),
        "dose is 'low'",
    ),
    "scan without step": (camera_scan(step=None), "neither positions nor a step"),
    "scan format": (camera_scan(format=".tif"), "format is '.tif'"),
    "scan format of counts": (
        camera_scan(camera={"frame_shape": (32, 32), "delta_k": 0.06}),
        "float32, and a .mib file",
    ),
    "scan format of frames": (camera_scan(format=".raw"), "32 × 32 pixels"),
    "scan engine": (camera_scan(engine="lammps"), "engine is 'lammps'"),
    "scan labels": (camera_scan(labels=["d"]), "labels are"),
    "scan of two": (camera_scan([ATOMS, ATOMS.repeat((1, 1, 2))]), "has 2 sources"),
    "scan of nothing": (
        lambda project: run(project, "NBEDScan", {"volume": SMALL}),
        "no structure|no sources",
    ),
    "scan positions": (camera_scan(step=None, positions=[[0, 0, 0]]), "Ny, Nx, 3"),
    "scan input unknown": (camera_scan(dose=1e5), "no input 'dose'"),
    "quench without structure": (lambda project: run(project, "GlassQuench", {}), "no structure"),
    "quench rate": (quench(cooling_rate="fast"), "cooling_rate is 'fast'"),
    "quench rate negative": (quench(cooling_rate=-1e13), "cooling_rate is -1"),
    "quench temperature": (quench(melt_temperature=10), "temperatures must fall"),
    "quench minimize": (quench(minimize="yes"), "minimize is 'yes'"),
    "quench seed": (quench(seed=0), "seed is 0"),
    "quench potential": (quench(potential="EAM"), "potential 'EAM' is unknown"),
    "quench of aluminium": (quench(bulk("Al", cubic=True) * (5, 5, 5)), "contains Al"),
    "quench of two": (
        lambda project: run(project, "GlassQuench", {}, sources=[ATOMS, ATOMS]),
        "starts from one structure",
    ),
    "quench of frozen atoms": (quench(composite(cells=6, radius=6.0)), "use CompositeQuench"),
    "composite without frozen atoms": (quench(kind="CompositeQuench"), "needs some frozen"),
    "complexion preset": (complexion(preset="paper"), "'published', 'seeded'|preset"),
    "complexion fraction": (complexion(zr_fraction=2), "zr_fraction is 2"),
    "complexion time": (complexion(mc_time="long"), "mc_time is 'long'"),
    "complexion temperature": (complexion(temperature=-5), "temperature is -5"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, project, in_folder, pattern_file):
    (in_folder / "patterns.h5").write_bytes(pattern_file.read_bytes())
    action, part = row
    assert_refused(lambda: action(project), part, in_folder)


def test_a_home_that_does_not_exist_is_said(in_folder):
    done = subprocess.run(
        [sys.executable, "-c", "import pyiron_nbed; print(pyiron_nbed.Cylinder(5, 20))"],
        env={**os.environ, "HOME": str(in_folder / "absent")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Cylinder(radius=5, height=20)" in done.stdout
    assert "home folder" in done.stderr
