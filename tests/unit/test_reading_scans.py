"""Files of real instruments give the numbers that RosettaSciIO gives, and LiberTEM where it is installed."""

import importlib
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment import read_scan

FOLDER = os.environ.get("NBED_TEST_SCANS", "")
pytestmark = pytest.mark.skipif(not Path(FOLDER, "README.md").is_file(), reason="NBED_TEST_SCANS is not set")
DEPTHS = ("1", "6", "12", "24")


def rosetta(name, path, **options):
    return importlib.import_module(f"rsciio.{name}").file_reader(str(path), **options)


def assert_same(scan, data):
    data = np.asarray(data)
    assert scan.dtype == data.dtype.newbyteorder("=")
    data = data.reshape(scan.shape)
    np.testing.assert_array_equal(scan[...], data)
    ny, nx = scan.shape[:2]
    for iy, ix in {(0, 0), (ny - 1, nx - 1), (ny // 2, nx // 3)}:
        np.testing.assert_array_equal(scan[iy, ix], data[iy, ix])
    np.testing.assert_array_equal(np.concatenate([b for _, b in scan.blocks(2)]).reshape(data.shape), data)
    np.testing.assert_allclose(scan.mean(), data.mean((0, 1), dtype=float), rtol=1e-12)


@pytest.fixture(scope="module")
def merlin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("merlin")
    for name in ("Single_Quad", "navigation4x2_ROI", "navigation4x2_signalNx256_ROI"):
        with zipfile.ZipFile(Path(FOLDER, f"Merlin_{name}.zip")) as archive:
            archive.extractall(folder)
    return folder


@pytest.mark.parametrize("chips", ["Single", "Quad"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_merlin_of_every_depth(merlin, chips, depth):
    path = merlin / f"{chips}_9_Frame_CounterDepth_{depth}_Rows_256.mib"
    scan = read_scan(path, shape=(3, 3))
    data = rosetta("quantumdetector", path, navigation_shape=(3, 3))[0]["data"]
    assert_same(scan, data[..., ::-1, :])  # which turns rows over
    assert scan.facts["bits"] == int(depth)
    assert scan.facts["exposure"] == pytest.approx(1e-3)
    with pytest.raises(InputError, match=r"9 frames and does not say how they lie.*\(3, 3\)"):
        read_scan(path)
    one = read_scan(merlin / path.name.replace("_9_", "_1_"))
    assert one.shape[:2] == (1, 1)


def test_merlin_scans_and_parts_of_the_detector(merlin):
    for path in sorted(merlin.glob("00*.mib")):
        known = "ScanX" in path.with_suffix(".hdr").read_text(encoding="latin-1")
        scan = read_scan(path, shape=None if known else (2, 4))
        data = rosetta("quantumdetector", path, navigation_shape=(4, 2))[0]["data"]
        assert_same(scan, data[..., ::-1, :])
        with pytest.raises(InputError, match="holds 8 frames, and shape"):
            read_scan(path, shape=(2, 5))
    assert read_scan(path.with_suffix(".hdr")).shape == scan.shape


def libertem(path, kind, **options):
    pytest.importorskip("libertem", reason="LiberTEM is not installed (extra peers)")
    from libertem.api import Context
    from libertem.udf.raw import PickUDF

    context = Context.make_with("inline")
    data = context.load(kind, path=str(path), **options)
    picked = context.run_udf(data, PickUDF(), roi=np.ones(data.shape.nav, bool))
    return picked["intensity"].data.reshape(data.shape)


@pytest.mark.parametrize("chips", ["Single", "Quad"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_merlin_equals_libertem(merlin, chips, depth):
    path = merlin / f"{chips}_9_Frame_CounterDepth_{depth}_Rows_256.mib"
    scan = read_scan(path, shape=(3, 3))
    np.testing.assert_array_equal(scan[...], libertem(path, "mib", nav_shape=(3, 3), disable_glob=True))


def test_raw_merlin(merlin):
    with pytest.raises(DatasetError, match="2x2 chips"):
        read_scan(merlin / "Quad_9_Frame_CounterDepth_1_Rows_256RAW.mib", shape=(3, 3))
    path = merlin / "Single_9_Frame_CounterDepth_1_Rows_256RAW.mib"
    scan = read_scan(path, shape=(3, 3))
    assert scan.summary().maximum.max() == 1
    # LiberTEM does not open this file, so that what it does with a frame is called itself
    mib = pytest.importorskip("libertem.io.dataset.mib", reason="LiberTEM is not installed (extra peers)")
    frame = np.fromfile(path, np.uint8)[384 : 384 + 8192]
    decoded = np.zeros((1, 65536), np.uint8)
    mib.decode_r1_swap(frame, decoded, 0, np.uint8, None, None, None, None)
    np.testing.assert_array_equal(scan[0, 0], decoded.reshape(256, 256))


def test_arina_equals_rosettasciio_and_libertem():
    pytest.importorskip("hdf5plugin", reason="hdf5plugin is not installed")
    path = Path(FOLDER, "test_00_master.h5")
    scan = read_scan(path)
    assert scan.shape == (4, 4, 192, 192)
    assert scan.dtype == np.uint32
    data = rosetta("arina", path)[0]["data"]  # which makes uint16 of it
    np.testing.assert_array_equal(scan[...].astype(np.uint16), data)
    assert scan.step == pytest.approx(1.3915206)
    assert scan.facts["beam_energy"] == 300e3
    assert scan.facts["marker"] == 2**32 - 1
    assert scan.dead.shape == (192, 192)
    assert scan.facts["dead_pixels"] == scan.dead.sum()
    linked = Path(FOLDER, "test_00_data_000001.h5")
    frames = libertem(linked, "hdf5", ds_path="entry/data/data", nav_shape=(4, 4))
    np.testing.assert_array_equal(scan[...], frames)


def test_arina_without_the_filter_or_a_linked_file(tmp_path):
    path = shutil.copy(Path(FOLDER, "test_00_master.h5"), tmp_path)
    with pytest.raises(DatasetError, match=r"links to test_00_data_000001.h5, which is not beside it"):
        read_scan(path)
    if importlib.util.find_spec("hdf5plugin") is None:
        with pytest.raises(DatasetError, match=r"compressed with bitshuffle.*install hdf5plugin"):
            read_scan(Path(FOLDER, "test_00_master.h5"))


def test_py4dstem_and_emd():
    scan = read_scan(Path(FOLDER, "py4DSTEM_size2x3x4x5.h5"))
    signal = rosetta("emd", Path(FOLDER, "py4DSTEM_size2x3x4x5.h5"))[0]
    assert_same(scan, signal["data"])
    assert scan.step == pytest.approx(10 * 0.126796875)
    assert scan.delta_k == pytest.approx(signal["axes"][3]["scale"])
    path = Path(FOLDER, "Si100_4D.emd")
    signal = rosetta("emd", path)[0]
    for i in range(2):
        scan = read_scan(path, dataset=f"CBED_array_depth000{i}")
        assert_same(scan, signal["data"][i])
    assert scan.step == pytest.approx(5)
    assert scan.delta_k == pytest.approx(0.1 * signal["axes"][4]["scale"])
    with pytest.raises(InputError, match="holds 2 datacubes: give one of them as dataset"):
        read_scan(path)


def test_hyperspy_and_a_nonsense_scale():
    scan = read_scan(Path(FOLDER, "Amorphous.hspy"))
    assert_same(scan, rosetta("hspy", Path(FOLDER, "Amorphous.hspy"))[0]["data"])
    assert scan.delta_k is None
    assert "cannot be meant" in scan.facts["notes"][0]
    assert scan.facts["beam_energy"] == 200e3


@pytest.mark.parametrize(
    ("name", "reader", "shape"),
    [
        ("test1.blo", "blockfile", None),
        ("test_tvips_2233_000.tvips", "tvips", (2, 2)),
        ("20241021_00405_movie.mrc", "mrc", None),
        ("au_xgrating_20cm.tif", "tiff", None),
    ],
)
def test_other_files(name, reader, shape):
    path = Path(FOLDER, name)
    scan = read_scan(path, shape=shape)
    assert_same(scan, rosetta(reader, path)[0]["data"])
    assert scan.delta_k is None
    if name == "test1.blo":  # its pixels are in cm
        assert scan.step == pytest.approx(128)
        assert "no inverse length" in scan.facts["notes"][0]


@pytest.mark.parametrize(
    ("name", "raw", "shape"),
    [
        ("map4x4.xml", "scan_x4_y4.raw", (4, 4)),
        ("EMPAD_v1.2.2_x32_y64_size0.8.xml", "scan_x32_y64.raw", (64, 32)),
    ],
)
def test_empad_of_two_versions(tmp_path, name, raw, shape):
    rng = np.random.default_rng(3)
    shutil.copy(Path(FOLDER, name), tmp_path)
    frames = rng.normal(size=(*shape, 130, 128)).astype("<f4")
    frames[..., 128:, :] = np.nan  # what stands there is no intensity
    frames.tofile(tmp_path / raw)
    data = rosetta("empad", tmp_path / name)[0]
    for path in (tmp_path / name, tmp_path / raw):
        scan = read_scan(path)
        assert scan.shape == (*shape, 128, 128)
        np.testing.assert_array_equal(scan[...], np.asarray(data["data"]).reshape(scan.shape))
        assert scan.facts["beam_energy"] == 300e3
    np.testing.assert_array_equal(scan[...], frames[..., :128, :])
    factor = {"m": 1e10, "µm": 1e4, "um": 1e4, "nm": 10}[data["axes"][0]["units"]]
    assert scan.step == pytest.approx(data["axes"][0]["scale"] * factor)
    assert scan.delta_k is None  # two numbers of the older file contradict each other, the newer has none
    with pytest.raises(InputError, match="needs"):
        read_scan(tmp_path / raw, shape=(shape[0] + 1, shape[1]))
