import json
import sys
import types

import h5py
import numpy as np
import pytest

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset, build_dataset, find_scan
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.grid import find_grid

MESH = Mesh(1.0, 0.05, beam_energy=200e3)


@pytest.fixture(scope="module")
def dataset(rattled, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "patterns.h5"
    build_dataset(
        path, [rattled[rattled.numbers == 29], rattled], [Cylinder(4, 12)], mesh=MESH, step=(5, 8, 11),
        zone_axes=[(0, 0, 1), (1, 0, 0)], labels=["disorder_parameter"],
    )  # fmt: skip
    return PatternDataset(path)


def load(path):
    """The signal as HyperSpy gets it from RosettaSciIO."""
    module = pytest.importorskip(f"rsciio.{path[-4:]}")
    (signal,) = module.file_reader(path)
    return signal


def axes(signal):
    rows = [(a["name"], a["units"], a["size"], a["scale"], a["offset"]) for a in signal["axes"]]
    return [(*row[:3], *np.round(row[3:], 9).tolist()) for row in rows]


def test_grids_are_found_in_any_order(dataset):
    grid = find_scan(dataset, structure=1)
    assert grid.rows.shape == (3, 4, 7)
    assert grid.step == pytest.approx((32 / 3, 8, 32 / 7))
    places = dataset.centers[grid.rows]
    assert np.allclose(places[..., 0], np.arange(7) * 32 / 7)
    assert np.allclose(places[..., 1], np.arange(4)[:, None] * 8)
    assert np.allclose(places[..., 2], np.arange(3)[:, None, None] * 32 / 3)
    assert set(dataset.structure[grid.rows].ravel()) == {1}
    order = np.random.default_rng(0).permutation(84)
    mixed = find_grid(dataset.centers[grid.rows.ravel()][order])
    assert (order[mixed.rows] == np.arange(84).reshape(3, 4, 7)).all()
    # seen along x: the image's axes are y and z of the structure
    side = find_scan(dataset, structure=1, zone_axis=1)
    assert side.rows.shape == (7, 3, 4)
    assert set(dataset.zone_axes[side.rows.ravel()][:, 0]) == {1.0}
    with pytest.raises(InputError, match="2 zone axes, counted from 0"):
        find_scan(dataset, zone_axis=2)


def test_what_is_no_grid():
    corner = np.array([[x, y, 0.0] for x in (0, 5) for y in (0, 5)])
    assert find_grid(corner).rows.shape == (1, 2, 2)
    assert find_grid(corner[:3]) is None
    assert find_grid(np.vstack([corner, corner[:1]])) is None
    assert find_grid([[0, 0, 0], [1, 0, 0], [3, 0, 0]]) is None
    assert find_grid(np.vstack([corner[:3], corner[:1]])) is None


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.filterwarnings("ignore::FutureWarning")  # RosettaSciIO and zarr
def test_hyperspy_files(dataset, in_folder, suffix):
    if suffix == ".zspy" and int(pytest.importorskip("zarr").__version__.split(".")[0]) > 2:
        pytest.skip("RosettaSciIO writes with zarr 2")
    path = "a" + suffix
    load_rows = find_scan(dataset, structure=1).rows[2]
    pytest.importorskip("rsciio")
    for _ in range(2):  # the second replaces the first
        write_hyperspy(path, dataset, rows=load_rows, title="film", metadata={"note": "first"})
    signal = load(path)
    assert axes(signal) == [
        ("y", "Å", 4, 8.0, 0.0),
        ("x", "Å", 7, round(32 / 7, 9), 0.0),
        ("ky", "1/Å", 39, 0.05, -0.95),
        ("kx", "1/Å", 39, 0.05, -0.95),
    ]
    assert signal["data"].dtype == np.float32
    expected = dataset.patterns[load_rows.ravel()].reshape(4, 7, 39, 39)
    assert np.array_equal(signal["data"], expected.astype(np.float32))
    metadata = signal["metadata"]
    assert metadata["General"]["title"] == "film"
    assert metadata["Signal"]["signal_type"] == "electron_diffraction"
    assert metadata["Acquisition_instrument"]["TEM"]["beam_energy"] == 200
    facts = metadata["pyiron_nbed"]
    assert facts["structure_id"] == dataset.structures[1]["structure_id"]
    assert list(facts["zone_axis"]) == [0, 0, 1]
    assert facts["volume"] == {"type": "Cylinder", "radius": 4.0, "height": 12.0}
    assert facts["note"] == "first"
    assert "pyiron_nbed" in facts["versions"]
    assert json.loads(facts["provenance"])["engine"] == "cpu"
    assert np.array_equal(facts["labels"]["disorder_parameter"], dataset.label()[load_rows])
    assert [p.name for p in in_folder.iterdir()] == [path]


def test_hyperspy_opens_it(dataset, in_folder):
    hyperspy = pytest.importorskip("hyperspy.api")
    write_hyperspy("a.hspy", dataset, rows=find_scan(dataset).rows)
    signal = hyperspy.load("a.hspy", lazy=True)
    assert signal.axes_manager.navigation_shape == (7, 4, 3)
    assert [a.name for a in signal.axes_manager.signal_axes] == ["kx", "ky"]
    assert signal.axes_manager["kx"].axis == pytest.approx(MESH.axis)
    assert signal.inav[3, 2, 1].data.compute().max() > 0


def test_patterns_without_a_grid_are_counted(dataset, in_folder):
    pytest.importorskip("rsciio")
    write_hyperspy("all.hspy", dataset)
    signal = load("all.hspy")
    assert axes(signal)[0] == ("pattern", "", len(dataset), 1, 0)
    assert np.array_equal(signal["data"], dataset.patterns[:].astype(np.float32))
    assert signal["metadata"]["pyiron_nbed"]["zone_axis"].shape == (len(dataset), 3)
    line = find_scan(dataset).rows[1, :, 2]
    write_hyperspy("line.hspy", dataset, rows=line)
    assert axes(load("line.hspy"))[0] == ("y", "Å", 4, 8.0, 0.0)


def test_a_whole_scan_becomes_a_grid(in_folder, rattled):
    pytest.importorskip("rsciio")
    build_dataset("a.h5", [rattled], [Cylinder(4, 12)], mesh=MESH, step=(9, 9, 32), labels=["q6"])
    dataset = PatternDataset("a.h5")
    write_hyperspy("a.hspy", dataset)
    assert [a[0] for a in axes(load("a.hspy"))] == ["y", "x", "ky", "kx"]
    write_py4dstem("a_py4d.h5", dataset)
    with h5py.File("a_py4d.h5") as file:
        assert file["datacube_root/datacube/data"].shape == (4, 4, 39, 39)


def test_arrays(in_folder):
    pytest.importorskip("rsciio")
    patterns = np.random.default_rng(0).random((3, 4, 5, 19, 19))
    mesh, labels = Mesh(1.0, 0.1), {"temperature": np.arange(60.0).reshape(3, 4, 5)}
    write_hyperspy("a.hspy", patterns, mesh, step=(3, 2, 1), labels=labels)
    signal = load("a.hspy")
    assert [(a[0], a[3]) for a in axes(signal)[:3]] == [("z", 3.0), ("y", 2.0), ("x", 1.0)]
    assert np.array_equal(signal["data"], patterns)
    assert np.array_equal(signal["metadata"]["pyiron_nbed"]["labels"]["temperature"], labels["temperature"])
    assert "Acquisition_instrument" not in signal["metadata"]
    write_hyperspy("b.hspy", patterns[0, 0, 0].astype(np.float16), mesh)
    assert load("b.hspy")["data"].dtype == np.float32


def py4dstem_classes():
    """emdfile with the classes of py4DSTEM, or, where that is absent, bare ones under its names."""
    emdfile = pytest.importorskip("emdfile")
    try:
        import py4DSTEM  # noqa: F401
    except ImportError:
        module = types.ModuleType("names_of_py4dstem")
        module._emd_hook = True
        module.DataCube = type("DataCube", (emdfile.Array,), {})
        module.Calibration = type("Calibration", (emdfile.Metadata,), {})
        sys.modules[module.__name__] = module
    return emdfile


def test_py4dstem_files(dataset, in_folder):
    plane = find_scan(dataset, structure=1).rows[1]
    for _ in range(2):
        write_py4dstem("a.h5", dataset, rows=plane[:, ::2], metadata={"note": "odd"})
    assert [p.name for p in in_folder.iterdir()] == ["a.h5"]
    with h5py.File("a.h5") as file:
        cube = file["datacube_root/datacube"]
        assert cube.attrs["python_class"] == "DataCube"
        expected = dataset.patterns[plane[:, ::2].ravel()].reshape(4, 4, 39, 39)
        assert cube["data"].dtype == np.float32
        assert np.array_equal(cube["data"], expected.astype(np.float32))
    cube = py4dstem_classes().read("a.h5")
    assert type(cube).__name__ == "DataCube"
    assert cube.data.shape == (4, 4, 39, 39)
    calibration = cube.root.metadata["calibration"]
    assert calibration["Q_pixel_size"] == 0.05
    assert calibration["Q_pixel_units"] == "A^-1"
    assert calibration["R_pixel_size"] == pytest.approx(np.sqrt(8 * 64 / 7))
    assert calibration["R_pixel_units"] == "A"
    assert (calibration["qx0"] == 19).all()
    facts = cube.metadata["pyiron_nbed"]
    assert facts["note"] == "odd"
    assert facts["volume"]["radius"] == 4
    assert np.array_equal(facts["labels"]["disorder_parameter"], dataset.label()[plane[:, ::2]])


def test_py4dstem_has_one_pixel_size_and_two_dimensions(dataset, in_folder):
    scan = find_scan(dataset)
    with pytest.warns(UserWarning, match=r"4\.571 Å along x and 8\.000 Å along y"):
        write_py4dstem("a.h5", dataset, rows=scan.rows[1])
    with pytest.raises(InputError, match=r"3 × 4 × 7 positions .* rows=find_scan"):
        write_py4dstem("b.h5", dataset, rows=scan.rows)
    write_py4dstem("c.h5", dataset, rows=np.array([9, 3, 70]))
    with h5py.File("c.h5") as file:
        assert file["datacube_root/datacube/data"].shape == (1, 3, 39, 39)
        assert file["datacube_root/metadatabundle/calibration/R_pixel_units"][()] == b"pixels"
    assert not (in_folder / "b.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mesh": MESH}, "leave these out"),
        ({"rows": np.array([10**6])}, "rows must hold whole numbers from 0"),
        ({"rows": np.array([0.5])}, "rows must hold whole numbers"),
        ({"rows": np.array([[0, 1], [9, 5]])}, "no regular scan"),
        ({"rows": np.array([[0, -1]])}, "rows must hold"),
    ],
)
def test_bad_exports_of_files(dataset, in_folder, arguments, message):
    for path, write in (("a.hspy", write_hyperspy), ("a.h5", write_py4dstem)):
        with pytest.raises(InputError, match=message):
            write(path, dataset, **arguments)
    assert not list(in_folder.iterdir())


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((4, 19, 19), {}, "needs a mesh"),
        ((4, 19, 19), {"mesh": MESH}, "19 × 19 pixels and the mesh has 39 × 39"),
        ((2, 2, 2, 2, 39, 39), {"mesh": MESH}, "up to three axes"),
        ((4, 39, 39), {"mesh": MESH, "step": -1.0}, "positive length"),
        ((4, 39, 39), {"mesh": MESH, "step": (1.0, 2.0)}, "each of the 1 navigation axes"),
        ((4, 39, 39), {"mesh": MESH, "labels": {"a": np.zeros(3)}}, r"shape \(4,\)"),
    ],
)
def test_bad_exports_of_arrays(in_folder, shape, arguments, message):
    for path, write in (("a.hspy", write_hyperspy), ("a.h5", write_py4dstem)):
        with pytest.raises(InputError, match=message):
            write(path, np.zeros(shape), **arguments)
    assert not list(in_folder.iterdir())


def test_what_is_missing_is_named(in_folder, monkeypatch):
    with pytest.raises(InputError, match=r"choose \.hspy or \.zspy"):
        write_hyperspy("a.tif", np.zeros((19, 19)), Mesh(1.0, 0.1))
    monkeypatch.setitem(sys.modules, "rsciio.hspy", None)
    with pytest.raises(InputError, match=r'pip install "pyiron_nbed\[export\]"'):
        write_hyperspy("a.hspy", np.zeros((19, 19)), Mesh(1.0, 0.1))
    assert not list(in_folder.iterdir())


def test_a_failed_export_leaves_the_old_file(in_folder):
    (in_folder / "a.h5").write_text("old")

    class Broken:
        shape, ndim, dtype = (2, 19, 19), 3, np.dtype("f4")

        def __getitem__(self, place):
            raise OSError("the disc is gone")

    with pytest.raises(OSError, match="the disc is gone"):
        write_py4dstem("a.h5", Broken(), Mesh(1.0, 0.1), overwrite=True)
    assert (in_folder / "a.h5").read_text() == "old"
    assert len(list(in_folder.iterdir())) == 1
