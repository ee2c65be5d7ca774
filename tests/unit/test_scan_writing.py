"""Files of scans: what is written is read back, here and by other programs, whatever happened in between."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment import MeasuredScan, ScanWriter, read_scan, write_scan
from pyiron_nbed.experiment.writing.formats import FORMATS

FACTS = {"beam_energy": 200e3, "exposure": 2e-3, "time": "2026-03-25T16:47:52"}
TYPES = {
    "mib": ["uint8", "uint16", "uint32"],
    "empad": ["float32"],
    "hspy": ["uint8", "uint16", "int32", "uint64", "float32", "float64"],
    "py4dstem": ["uint8", "uint16", "int32", "uint64", "float32", "float64"],
    "npy": ["uint8", "uint16", "int32", "uint64", "float16", "float32", "float64"],
}
EVERY = [(name, dtype) for name, types in TYPES.items() for dtype in types]


def frames(dtype="uint16", shape=(3, 5, 16, 18), seed=0):
    random, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "f":
        return random.normal(100, 50, shape).astype(dtype)
    highest = min(np.iinfo(dtype).max, 2**62)
    made = random.integers(0, highest, shape, endpoint=True).astype(dtype)
    made.flat[:2] = 0, np.iinfo(dtype).max
    return made


def side(name):
    return (128, 128) if name == "empad" else (16, 18)


@pytest.mark.parametrize(("name", "dtype"), EVERY)
def test_what_is_written_is_read_back(name, dtype, in_folder):
    made = frames(dtype, (3, 5, *side(name)))
    path = f"scan{FORMATS[name]}"
    write_scan(path, made, step=4.0, delta_k=0.02, facts=FACTS, progress=None)
    scan = read_scan(path)
    assert scan.shape == made.shape
    assert scan.dtype == np.dtype("float32" if dtype == "float16" and name != "npy" else dtype)
    np.testing.assert_array_equal(scan[:], made)
    if name in ("empad", "hspy", "py4dstem"):
        assert scan.step == pytest.approx(4.0, rel=1e-9)
    if name in ("hspy", "py4dstem"):
        assert scan.delta_k == pytest.approx(0.02, rel=1e-9)
    if name in ("empad", "hspy"):
        assert scan.facts["beam_energy"] == pytest.approx(200e3)
    if name in ("mib", "empad"):
        assert scan.facts["exposure"] == pytest.approx(2e-3)
    beside = {"mib": [".hdr"], "empad": [".xml"]}.get(name, [])
    assert sorted(p.suffix for p in Path().iterdir()) == sorted([FORMATS[name], *beside])


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_scan_is_written_again(name, in_folder):
    made = frames("uint8", (2, 3, *side(name)))
    write_scan("first.h5", made, step=4.0, delta_k=0.02, facts=FACTS, progress=None)
    write_scan(f"second{FORMATS[name]}", read_scan("first.h5"), progress=None)
    np.testing.assert_array_equal(read_scan(f"second{FORMATS[name]}")[:], made)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_one_frame_and_one_line(name, in_folder):
    for shape in ((1, 1), (1, 7), (4, 1)):
        made = frames("uint8", (*shape, *side(name)))
        path = f"scan{FORMATS[name]}"
        write_scan(path, made, progress=None, overwrite=True)
        np.testing.assert_array_equal(read_scan(path)[:], made)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(FORMATS)), cuts=st.lists(st.integers(1, 14), max_size=6), again=st.booleans()
)
def test_bytes_do_not_depend_on_blocks(name, cuts, again, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    dtype = "float32" if name == "empad" else "uint16"
    made = frames(dtype, (3, 5, *side(name)))
    flat, edges = made.reshape(15, *side(name)), sorted({0, *cuts, 15})
    for kind in ("whole", "cut"):
        (folder / kind).mkdir()
    whole, cut = (folder / kind / f"scan{FORMATS[name]}" for kind in ("whole", "cut"))
    write_scan(whole, made, step=3.0, progress=None)
    with ScanWriter(cut, made.shape, dtype, step=3.0) as writer:
        for start, stop in pairwise(edges):
            writer.write(start, flat[start:stop])
            if again:  # what is written already is passed over
                writer.write(start, flat[start:stop])
            assert writer.done == stop
    for one in whole.parent.iterdir():
        assert (cut.parent / one.name).read_bytes() == one.read_bytes()


KILLED = """
import os, signal, sys
import numpy as np
from pyiron_nbed.experiment import ScanWriter
frames = np.load("frames.npy")
writer = ScanWriter(sys.argv[1], (3, 5, *frames.shape[1:]), frames.dtype, step=3.0)
print(writer.done, flush=True)
for start in range(writer.done, 15, 4):
    writer.write(start, frames[start:start + 4])
    if start == 4:
        os.kill(os.getpid(), signal.SIGKILL)
writer.close()
"""


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_killed_writer_goes_on(name, in_folder):
    dtype = "float32" if name == "empad" else "uint16"
    made = frames(dtype, (3, 5, *side(name)))
    np.save("frames.npy", made.reshape(15, *side(name)))
    path = f"scan{FORMATS[name]}"
    command = [sys.executable, "-c", KILLED, path]
    first = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert not Path(path).exists()
    second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (second.returncode, second.stdout) == (0, "8\n"), second.stderr
    os.mkdir("whole")
    write_scan(Path("whole") / path, made, step=3.0, progress=None)
    for one in Path("whole").iterdir():
        assert Path(one.name).read_bytes() == one.read_bytes()
    assert not [p for p in Path().iterdir() if "partial" in p.name]


def test_another_source_begins_anew(in_folder):
    made = frames().reshape(15, 16, 18)
    for source, done in (("a", 0), ("a", 8), ("b", 0)):
        with suppress(KeyboardInterrupt), ScanWriter(
            "scan.npy", (3, 5, 16, 18), "uint16", source=source
        ) as writer:  # fmt: skip
            assert writer.done == done
            writer.write(0, made[:8])
            raise KeyboardInterrupt


def test_two_writers_of_one_file(in_folder):
    first = ScanWriter("scan.npy", (3, 5, 16, 18), "uint16")
    with pytest.raises(InputError, match="Another process writes"):
        ScanWriter("scan.npy", (3, 5, 16, 18), "uint16")
    first.discard()
    assert not list(Path().iterdir())


def test_a_pixel_that_does_not_fit_leaves_the_old_file(in_folder):
    write_scan("scan.mib", frames("uint8"), progress=None)
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    wrong = frames("uint16")
    wrong[:] = 7
    wrong[2, 4, 3, 3] = 1000
    with pytest.raises(
        InputError, match=r"row 2, column 4 holds 1000, .* uint8, whole numbers from 0 to 255"
    ):
        write_scan("scan.mib", wrong, dtype="uint8", overwrite=True, progress=None)
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_numpy_reads_it(in_folder):
    made = frames("float32")
    write_scan("scan.npy", made, progress=None)
    np.testing.assert_array_equal(np.load("scan.npy", allow_pickle=False), made)


def test_hdf5_is_laid_out_as_its_programs_want(in_folder):
    made = frames()
    write_scan("scan.h5", made, step=4.0, delta_k=0.02, facts=FACTS, progress=None)
    write_scan("scan.hspy", made, step=4.0, delta_k=0.02, facts=FACTS, progress=None)
    with h5py.File("scan.h5") as file:
        assert file.attrs["version_major"] == 1
        calibration = file["datacube_root/metadatabundle/calibration"]
        assert calibration["Q_pixel_size"][()] == 0.02
        assert calibration["R_pixel_units"][()] == b"A"
        np.testing.assert_array_equal(file["datacube_root/datacube/data"], made)
    with h5py.File("scan.hspy") as file:
        np.testing.assert_array_equal(file["Experiments/scan/data"], made)
        assert [file[f"Experiments/scan/axis-{n}"].attrs["scale"] for n in range(4)] == [4, 4, 0.02, 0.02]


def test_hyperspy_reads_it(in_folder):
    hyperspy = pytest.importorskip("hyperspy.api", reason="HyperSpy is not installed")
    made = frames()
    write_scan("scan.hspy", made, step=4.0, delta_k=0.02, facts=FACTS, progress=None)
    found = hyperspy.load("scan.hspy")
    np.testing.assert_array_equal(found.data, made)
    assert found.metadata.Acquisition_instrument.TEM.beam_energy == 200


def test_py4dstem_reads_it(in_folder):
    py4dstem = pytest.importorskip("py4DSTEM", reason="py4DSTEM is not installed")
    made = frames()
    write_scan("scan.h5", made, step=4.0, delta_k=0.02, progress=None)
    cube = py4dstem.read("scan.h5")
    np.testing.assert_array_equal(cube.data, made)
    assert cube.calibration.get_Q_pixel_size() == 0.02


@pytest.mark.parametrize("dtype", TYPES["mib"])
def test_rosettasciio_reads_a_mib(dtype, in_folder):
    quantumdetector = pytest.importorskip("rsciio.quantumdetector", reason="RosettaSciIO is not installed")
    made = frames(dtype, (3, 5, 256, 256))
    write_scan("scan.mib", made, progress=None)
    found = quantumdetector.file_reader("scan.mib", navigation_shape=(5, 3))
    data = found[0]["data"] if isinstance(found, list) else found["data"]
    # that program shows the first row of a file at the bottom
    np.testing.assert_array_equal(np.asarray(data).reshape(made.shape)[..., ::-1, :], made)


def test_rosettasciio_reads_an_empad(in_folder):
    empad = pytest.importorskip("rsciio.empad", reason="RosettaSciIO is not installed")
    made = frames("float32", (3, 5, 128, 128))
    write_scan("scan.raw", made, step=4.0, progress=None)
    found = empad.file_reader("scan.xml", lazy=False)[0]
    np.testing.assert_array_equal(np.asarray(found["data"]).reshape(made.shape), made)


LARGE = """
import re, sys
import numpy as np
from pyiron_nbed.experiment import write_scan
def blocks():
    for start in range(0, 2048, 32):
        yield start, np.full((32, 512, 512), start, np.uint16)
write_scan(sys.argv[1], blocks(), (32, 64, 512, 512), np.uint16, progress=None)
status = open("/proc/self/status").read()  # ru_maxrss knows the size of the parent process
print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="this system has no /proc")
def test_a_gigabyte_needs_little_memory(in_folder):
    done = subprocess.run(
        [sys.executable, "-c", LARGE, "scan.h5"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400
    scan = read_scan("scan.h5")
    assert (scan[31, 63] == 2016).all()
    assert (scan[0, 0] == 0).all()


def test_a_scan_in_memory_keeps_what_is_known_of_it(in_folder):
    scan = MeasuredScan.from_array(frames(), step=4.0, delta_k=0.02, facts=FACTS)
    write_scan("scan.hspy", scan, progress=None)
    again = read_scan("scan.hspy")
    assert (again.step, again.delta_k) == (4.0, 0.02)
    assert again.facts["beam_energy"] == 200e3
