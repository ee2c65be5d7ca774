"""Wrong input of the simulated camera, of simulated scans and of their truth."""

import math
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed import Cylinder, OneLayerCluster, VolumeRange, WeightedVolume
from pyiron_nbed.experiment import (
    Camera,
    Descan,
    MeasuredScan,
    ScanTruth,
    scan_positions,
    simulate_scan,
    write_simulated_scan,
)
from pyiron_nbed.figures import simulated_scan

ATOMS = bulk("Cu", cubic=True, a=4.0) * (5, 5, 5)
SLAB = bulk("Cu", cubic=True, a=4.0) * (5, 5, 3)
SLAB.pbc = (True, True, False)
VOLUME = Cylinder(4, 12)
CAMERA = Camera((32, 34), 0.06, dose=1e4)
NAN = math.nan


def camera(frame_shape=(32, 34), delta_k=0.06, **changes):
    return lambda: Camera(frame_shape, delta_k, **changes)


def scan(atoms=ATOMS, volume=VOLUME, camera=CAMERA, **options):
    if "positions" not in options:
        options = {"step": 8.0, **options}
    return simulate_scan(atoms, volume, camera, **options)


def written(name, own=None, **options):
    return write_simulated_scan(name, scan() if own is None else own, progress=None, **options)


def truth(**changes):
    given = {
        "labels": {"q6": np.ones((2, 3))}, "positions": np.zeros((2, 3, 3)), "camera": CAMERA,
        "calibration": CAMERA.calibration((2, 3)), **changes,
    }  # fmt: skip
    return ScanTruth(**given)


def loaded(content):
    Path("old.truth.h5").write_bytes(content)
    try:
        ScanTruth.load("old.truth.h5")
    finally:
        Path("old.truth.h5").unlink()


def beside(name, **options):
    Path(name).write_text("mine")
    try:
        written("scan.mib", **options)
    finally:
        assert Path(name).read_text() == "mine"
        Path(name).unlink()


CAMERAS = {
    "frame_shape a number": (camera(64), "frame_shape is 64: give two whole numbers"),
    "frame_shape of three": (camera((4, 4, 4)), "give two whole numbers"),
    "frame_shape zero": (camera((0, 4)), "frame_shape is 0"),
    "frame_shape a fraction": (camera((4.5, 4)), "frame_shape is 4.5"),
    "delta_k zero": (camera(delta_k=0), "delta_k is 0"),
    "delta_k NaN": (camera(delta_k=NAN), "delta_k is nan"),
    "delta_k text": (camera(delta_k="0.01"), "delta_k is '0.01'"),
    "center a number": (camera(center=3.0), "center is 3.0: give x and y"),
    "center of three": (camera(center=(1, 2, 3)), "give x and y"),
    "center NaN": (camera(center=(1.0, NAN)), "center is nan"),
    "ellipticity as a ratio": (camera(ellipticity=1.03), "ellipticity is 1.03.* from 0 to 1"),
    "ellipticity negative": (camera(ellipticity=-0.1), "ellipticity is -0.1"),
    "angle too large": (camera(angle=400), "angle is 400"),
    "rotation text": (camera(rotation="left"), "rotation is 'left'"),
    "flip text": (camera(flip="no"), "flip is 'no'"),
    "descan a kind": (camera(descan="plane"), "descan is 'plane': give a Descan"),
    "descan numbers": (camera(descan=[[0.1, 0], [0, 0.1]]), "give a Descan"),
    "blur negative": (camera(blur=-1), "blur is -1"),
    "dose negative": (camera(dose=-1e5), "dose is -100000"),
    "dose infinite": (camera(dose=math.inf), "dose is inf"),
    "background beyond 1": (camera(background=30), "background is 30.* from 0 to 1"),
    "background narrower than a pixel": (camera(background=0.1, background_width=0.01), "background_width"),
    "stop of another name": (camera(stop="cross", stop_width=3), "stop is 'cross': choose one of 'bar'"),
    "stop without a width": (camera(stop="disc"), "stop is 'disc' and stop_width 0"),
    "width without a stop": (camera(stop_width=8), "stop_width is 8 and stop no name"),
    "stop of numbers": (camera(stop=np.zeros((32, 34))), r"stop has shape \(32, 34\) and type float64"),
    "stop of other frames": (camera(stop=np.zeros((34, 32), bool)), r"shape \(34, 32\)"),
    "hot a share": (camera(hot=0.01), "hot is 0.01: give a whole number"),
    "hot too many": (camera(hot=600), "hot is 600"),
    "hot of other frames": (camera(hot=np.zeros((3, 3), bool)), r"hot has shape \(3, 3\)"),
    "hot without a dose": (camera(hot=3), "hot pixels and no dose"),
    "hot_value negative": (camera(hot=3, hot_value=-2), "hot_value is -2"),
    "dead negative": (camera(dead=-1), "dead is -1"),
    "bits of a name": (camera(bits="12", dose=1e4), "bits is '12'"),
    "bits too many": (camera(bits=64, dose=1e4), "bits is 64"),
    "bits without a dose": (camera(bits=12), "there is no dose"),
    "seed negative": (camera(seed=-1), "seed is -1"),
    "seed None": (camera(seed=None), "seed is None"),
    "beam energy in keV": (camera(beam_energy=200), "beam_energy is 200"),
    "semiangle negative": (camera(semiangle=-1), "semiangle is -1"),
    "dict with an unknown field": (
        lambda: Camera.from_dict({**CAMERA.as_dict(), "pixels": 3}), "holds 'pixels'",
    ),
    "dict without a scale": (lambda: Camera.from_dict({"frame_shape": (4, 4)}), "has no delta_k"),
    "dict with broken pixels": (
        lambda: Camera.from_dict({**CAMERA.as_dict(), "dead": {"pixels": "AA"}}), "no packed pixels",
    ),
    "another field": (lambda: CAMERA.replaced(gain=2), "holds 'gain'"),
    "calibration of a number": (lambda: CAMERA.calibration(9), "scan_shape is 9"),
}  # fmt: skip

SCANS = {
    "atoms a path": (lambda: scan("glass.dump"), "not str"),
    "no atoms": (lambda: scan(Atoms()), "no atoms|is empty|empty|holds"),
    "volume a name": (lambda: scan(volume="Cylinder"), "The volume is 'Cylinder'"),
    "volume a range": (lambda: scan(volume=VolumeRange(Cylinder, (3, 5), (9, 12))), "The volume is"),
    "volume of one layer": (lambda: scan(volume=OneLayerCluster()), "give Cylinder, Ellipsoid or"),
    "volume larger than the cell": (lambda: scan(volume=Cylinder(12, 12)), "wide along cell"),
    "camera a dict": (lambda: scan(camera=CAMERA.as_dict()), "give a Camera"),
    "camera that sees too far": (lambda: scan(camera=Camera((256, 256), 0.05)), "sees up to 9.0"),
    "no step": (lambda: scan(step=None), "neither positions nor a step"),
    "step zero": (lambda: scan(step=0), "step is 0"),
    "step of two": (lambda: scan(step=(2, 2)), "step is"),
    "step beyond the structure": (lambda: scan(step=30), "longer than the structure, 20.0 Å"),
    "step tiny": (lambda: scan(step=1e-6), "20,000,000 positions in a line"),
    "zone axes of positions": (
        lambda: scan(positions=np.zeros((1, 1, 3)), zone_axis=[(0, 0, 1), (0, 1, 0)]), "one direction",
    ),
    "step NaN": (lambda: scan(step=NAN), "step is nan"),
    "limits of one axis": (lambda: scan(limits=(3, 9)), "limits is"),
    "limits in another order": (lambda: scan(limits=[(9, 3), None]), "limits is"),
    "limits of three axes": (lambda: scan(limits=[None] * 3), "give .*along x and y"),
    "depth text": (lambda: scan(depth="middle"), "depth is 'middle'"),
    "depth in vacuum": (lambda: scan(SLAB, depth=40.0), "see no atoms"),
    "positions and step": (
        lambda: scan(positions=np.zeros((1, 1, 3)), step=3.0), "positions and step, limits or depth",
    ),
    "positions a list of points": (lambda: scan(positions=np.zeros((4, 3))), r"give \(Ny, Nx, 3\)"),
    "positions NaN": (lambda: scan(positions=np.full((1, 2, 3), NAN)), "positions|NaN"),
    "positions text": (lambda: scan(positions="all"), "positions is 'all'"),
    "zone axis zero": (lambda: scan(zone_axis=(0, 0, 0)), "zone axis"),
    "zone axis of two": (lambda: scan(zone_axis=(0, 1)), "zone axis"),
    "zone axes": (lambda: scan(zone_axis=[(0, 0, 1), (0, 1, 0)]), "zone axis"),
    "engine unknown": (lambda: scan(engine="gpu"), "engine is 'gpu'"),
    "engine that takes a minute a pattern": (lambda: scan(engine="lammps"), "engine is 'lammps'"),
    "options of another engine": (lambda: scan(multislice={"semiangle": 1}), "engine is 'cpu'"),
    "cores zero": (lambda: scan(cores=0), "cores is 0"),
    "positions of a step of text": (lambda: scan_positions(ATOMS, "2"), "step is '2'"),
    "figure of an array": (lambda: simulated_scan(np.ones((2, 2, 4, 4)), truth()), "give a MeasuredScan"),
    "figure of another label": (lambda: simulated_scan(scan(), truth(), "q4"), "no label 'q4'"),
}  # fmt: skip

FILES = {
    "scan of an array": (
        lambda: written("scan.mib", MeasuredScan.from_array(np.ones((2, 3, 4, 4)))), "simulate_scan gives",
    ),
    "format unknown": (lambda: written("scan.tif"), "suffix of scan.tif"),
    "no folder": (lambda: written("absent/scan.mib"), "absent"),
    "frames that a Medipix has not": (
        lambda: written("scan.mib", scan(camera=CAMERA.replaced(dose=None))), "float32, and a .mib file",
    ),
    "frames that an EMPAD has not": (lambda: written("scan.raw"), "32 × 34 pixels"),
    "more electrons than float32 counts": (
        lambda: written("scan.raw", scan(camera=Camera((128, 128), 0.015, dose=1e9))), "the camera bits=24",
    ),
    "label unknown": (lambda: written("scan.mib", labels=["d"]), "The labels are"),
    "overwrite text": (lambda: written("scan.mib", overwrite="yes"), "overwrite is 'yes'"),
    "a file that would be lost": (lambda: beside("scan.mib"), "scan.mib"),
    "a header that would be lost": (lambda: beside("scan.hdr"), "scan.hdr"),
    "a truth that would be lost": (lambda: beside("scan.truth.h5"), "scan.truth.h5"),
    "truth that is absent": (lambda: ScanTruth.load("absent.truth.h5"), "cannot be read"),
    "truth that is text": (lambda: loaded(b"no HDF5"), "cannot be read as the truth"),
    "truth of other positions": (lambda: truth(positions=np.zeros((3, 2, 3))), "positions is"),
    "truth of other labels": (lambda: truth(labels={"q6": np.ones((3, 2))}), "The label 'q6'"),
    "truth without a camera": (lambda: truth(camera=None), "camera is None"),
    "label that is not there": (lambda: truth()["d"], "no label 'd'"),
}  # fmt: skip


@pytest.mark.parametrize(("action", "part"), [*CAMERAS.values()], ids=[*CAMERAS])
def test_camera(action, part, in_folder):
    assert_refused(action, part, in_folder)


@pytest.mark.parametrize(("action", "part"), [*SCANS.values()], ids=[*SCANS])
def test_scan(action, part, in_folder):
    assert_refused(action, part, in_folder)


@pytest.mark.parametrize(("action", "part"), [*FILES.values()], ids=[*FILES])
def test_file(action, part, in_folder):
    assert_refused(action, part, in_folder)


def test_the_same_arguments_without_the_fault_are_taken(in_folder):
    for volume in (VOLUME, WeightedVolume(4, 12, cutoff=6), VOLUME.as_dict()):
        assert scan(volume=volume).shape == (2, 2, 32, 34)
    assert scan(SLAB).shape == (2, 2, 32, 34)
    assert Camera((32, 34), 0.06, descan=Descan()).descan == Descan()
    written("scan.mib")
    written("scan.mib")  # the same: left as it is
    with pytest.raises(Exception, match=r"scan\.mib"):
        written("scan.mib", scan(step=7.0))
    written("scan.mib", scan(step=7.0), overwrite=True)
    assert ScanTruth.load("scan.truth.h5").facts["step"] == 7.0
