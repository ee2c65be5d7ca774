"""Files of scans made here, byte by byte: types, shapes, units, compression and pictures."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest

from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment import read_scan
from pyiron_nbed.experiment.reading import hdf5

RNG = np.random.default_rng(11)


def data(dtype="<u2", shape=(5, 7, 6, 8)):
    return RNG.integers(0, 2 if dtype == "?" else 200, shape).astype(dtype)


def assert_same(scan, array):
    array = array.reshape(scan.shape)
    assert scan.dtype.isnative
    np.testing.assert_array_equal(scan[...], array)
    np.testing.assert_array_equal(scan[1, 2], array[1, 2])
    np.testing.assert_array_equal(scan[1:, 2:5], array[1:, 2:5])
    np.testing.assert_array_equal(np.concatenate([b for _, b in scan.blocks(4)]).reshape(array.shape), array)


def mib(path, frames, depth=12, kind=None, first=1):
    """Frames as Merlin writes them."""
    kind = kind or {1: "U08", 2: "U16", 4: "U32"}[frames.dtype.itemsize]
    with open(path, "wb") as file:
        for i, frame in enumerate(frames.reshape(-1, *frames.shape[-2:])):
            h, w = frame.shape
            head = (
                f"MQ1,{i + first:06d},00384,01,{w:04d},{h:04d},{kind},   1x1,01,2024-07-02 13:49:15,0.001,0,"
            )
            head += f"0,0,1.2E+1,3RX,023,511,MQ1A,2024-07-02T11:49:15.390226675Z,1000000ns,{depth},"
            pixels = frame.astype(frame.dtype.newbyteorder(">")).tobytes()
            file.write(head.encode().ljust(384, b"\0") + (raw(frame, depth) if kind == "R64" else pixels))


def raw(frame, depth):
    """The inverse of what the reader does, written another way: words of 64 bits, the first pixel lowest."""
    bits = {1: 1, 6: 8, 12: 16}[depth]
    words = []
    for group in frame.reshape(-1, 64 // bits):
        words.append(sum(int(value) << (bits * i) for i, value in enumerate(group)))
    return b"".join(word.to_bytes(8, "big") for word in words)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", ">f4", "<f8", "?", "u8"])
@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_every_type_is_kept(in_folder, dtype, kind):
    array = data(dtype)
    if kind == "npy":
        np.save("a.npy", array)
    elif kind == "npz":
        np.savez_compressed("a.npz", frames=array, other=np.arange(3))
    else:
        with h5py.File("a.h5", "w") as file:
            file["scan/frames"] = array
            file["other"] = np.arange(3)
    scan = read_scan(f"a.{kind}")
    assert scan.dtype == (np.uint8 if dtype == "?" else np.dtype(dtype).newbyteorder("="))
    assert_same(scan, array)
    assert_same(pickle.loads(pickle.dumps(scan)), array)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_merlin_is_big_endian(in_folder, dtype):
    array = data(dtype)
    mib("a.mib", array)
    assert_same(read_scan("a.mib", shape=(5, 7)), array)


@pytest.mark.parametrize(("depth", "dtype"), [(1, "?"), (6, "u1"), (12, "u2")])
def test_raw_frames_of_one_chip(in_folder, depth, dtype):
    array = data(dtype, (2, 3, 4, 64))
    mib("a.mib", array, depth, "R64")
    scan = read_scan("a.mib", shape=(2, 3))
    assert scan.dtype == (np.uint16 if depth == 12 else np.uint8)
    assert_same(scan, array)


def test_missing_frames_of_merlin_are_told(in_folder):
    mib("a.mib", data("u1", (1, 3, 4, 4)))
    with open("a.mib", "rb") as file:
        content = file.read()
    size = 384 + 16
    with open("a.mib", "wb") as file:
        file.write(content[:size] + content[2 * size :])
    with pytest.warns(UserWarning, match="frames 1 to 3 are numbered, but 2 are there"):
        read_scan("a.mib", shape=(1, 2))


def test_shape_of_the_header_file(in_folder):
    array = data("u2")
    mib("a.mib", array)
    head = "HDR,\t\nFrames in Acquisition (Number):\t35\nFrames per Trigger (Number):\t{}\n{}End\t"
    (in_folder / "a.hdr").write_text(head.format(7, ""))
    assert_same(read_scan("a.mib"), array)
    (in_folder / "a.hdr").write_text(head.format(1, "ScanX:\t7\nScanY:\t5\n"))
    assert_same(read_scan("a.hdr"), array)
    (in_folder / "a.hdr").write_text(head.format(35, ""))
    with pytest.raises(InputError, match="does not say how they lie"):
        read_scan("a.mib")
    (in_folder / "a.hdr").write_text(head.format(1, "ScanX:\t8\nScanY:\t5\n"))
    with pytest.raises(InputError, match=r"holds 35 frames, and shape \(5, 8\) needs 40"):
        read_scan("a.mib")


def test_shapes_are_never_guessed(in_folder):
    """Complaints of users of other programs: a line too many, lines jumbled, frames skipped at line ends."""
    array = data("u1", (64 * 128, 2, 2))
    mib("a.mib", array)
    for wrong in ((65, 128), (64, 129), (63, 128), (64, 127)):
        with pytest.raises(InputError, match=rf"8192 frames, and shape \({wrong[0]}, {wrong[1]}\) needs"):
            read_scan("a.mib", shape=wrong)
    # not square: neither turned nor jumbled
    scan = read_scan("a.mib", shape=(64, 128))
    np.testing.assert_array_equal(scan[3, 100], array[3 * 128 + 100])
    assert read_scan("a.mib", shape=(128, 64))[100, 3].tolist() == array[100 * 64 + 3].tolist()


@pytest.mark.parametrize("last_line", [True, False])
def test_frames_at_the_ends_of_lines(in_folder, last_line):
    array = data("u2", (5, 9, 4, 4))
    frames = array.reshape(-1, 4, 4)
    mib("a.mib", frames if last_line else frames[:-2])
    scan = read_scan("a.mib", shape=(5, 7), flyback=2)
    assert_same(scan, array[:, :7])
    assert scan.facts["flyback"] == 2
    if last_line:
        with pytest.raises(InputError, match=r"flyback=2 with shape \(5, 7\)"):
            read_scan("a.mib", shape=(5, 7))
        np.save("a.npy", array)  # the lines of this one hold them
        assert_same(read_scan("a.npy", flyback=2), array[:, :7])


def test_frames_before_and_after_the_scan(in_folder):
    array = data("u2", (40, 4, 4))
    np.save("a.npy", array)
    scan = read_scan("a.npy", shape=(5, 7), skip_first=3, skip_last=2)
    assert_same(scan, array[3:38])
    with pytest.raises(InputError, match="skip_first or skip_last of 5"):
        read_scan("a.npy", shape=(5, 7))
    with pytest.raises(InputError, match=r"skip_last=5 with shape \(5, 7\), the complete lines"):
        read_scan("a.npy", shape=(6, 7))


@pytest.mark.parametrize("chunks", [True, (2, 3, 6, 8), (1, 1, 6, 8), (3, 7, 3, 4), (1, 4, 6, 8), None])
def test_chunks_of_hdf5(in_folder, chunks):
    array = data()
    with h5py.File("a.h5", "w") as file:
        compression = None if chunks is None else "gzip"
        file.create_dataset("frames", data=array, chunks=chunks, compression=compression)
    scan = read_scan("a.h5")
    assert_same(scan, array)
    np.testing.assert_allclose(scan.mean(), array.mean((0, 1)))


def test_each_chunk_is_unpacked_once(in_folder, monkeypatch):
    """Blocks end within chunks of several lines, which are kept until the lines are over."""
    array = RNG.integers(0, 200, (64, 16, 32, 32)).astype("u2")
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("frames", data=array, chunks=(16, 8, 16, 16), compression="gzip", shuffle=True)
    scan = read_scan("a.h5")
    assert scan._frames.run == 16 * 16
    assert scan._frames._line_size == 16 * 16 * 32 * 32 * 2
    opened = []
    real = hdf5.h5py.File

    def record(*args, **options):
        opened.append(options.get("rdcc_nbytes"))
        return real(*args, **options)

    monkeypatch.setattr(hdf5.h5py, "File", record)
    for start, frames in scan.blocks(5):
        np.testing.assert_array_equal(frames, array.reshape(-1, 32, 32)[start : start + 5])
    assert len(opened) == 1
    assert opened[0] >= scan._frames._line_size


def test_a_large_file_costs_little_memory(in_folder):
    array = np.lib.format.open_memmap("a.npy", "w+", "u2", (64, 64, 128, 128))  # 134 MB
    array[:, :, 3, 5] = np.arange(64)[:, None]
    array.flush()
    del array
    tracemalloc.start()
    scan = read_scan("a.npy")
    assert scan[63, 0][3, 5] == 63
    assert scan.mean()[3, 5] == pytest.approx(31.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 125e6  # two blocks of 32 MB, and parts of the scan


@pytest.mark.parametrize("navigation", [(5, 7), (35,), ()])
def test_hyperspy_axes(in_folder, navigation):
    array = data("f4", (*navigation, 6, 8))
    with h5py.File("a.hspy", "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        group = file.create_group("Experiments/scan")
        group["data"] = array
        for i, side in enumerate(array.shape):
            axis = group.create_group(f"axis-{i}")
            pixels = i >= len(navigation)
            axis.attrs.update(size=side, navigate=not pixels, scale=1.5 if pixels else 0.4, offset=-3.0)
            axis.attrs["units"] = "mrad" if pixels else "nm"
        group.create_group("metadata/Acquisition_instrument/TEM").attrs["beam_energy"] = 200.0
    scan = read_scan("a.hspy")
    assert scan.shape[:2] == ((5, 7) if len(navigation) == 2 else (1, max(1, array[..., 0, 0].size)))
    assert scan.step == (4 if navigation else None)
    assert scan.delta_k == pytest.approx(1.5e-3 / 0.0250793, rel=1e-5)
    np.testing.assert_array_equal(scan[...], array.reshape(scan.shape))


def test_nexus_default_signal(in_folder):
    array = data()
    with h5py.File("a.nxs", "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("entry").attrs.update(NX_class="NXentry", default="data")
        for name, values in (("data", array), ("other", array + 1)):
            group = file.create_group(f"entry/{name}")
            group.attrs.update(NX_class="NXdata", signal="counts", axes=["y", "x", "ky", "."])
            group["counts"] = values
            group["y"], group["x"], group["ky"] = 2.0 * np.arange(5), 2.0 * np.arange(7), np.arange(6.0)
            group["y"].attrs["units"] = group["x"].attrs["units"] = "angstrom"
    scan = read_scan("a.nxs")
    assert_same(scan, array)
    assert scan.step == 2
    assert scan.delta_k is None
    assert_same(read_scan("a.nxs", dataset="other/counts"), array + 1)


def test_other_layouts_of_numpy(in_folder):
    array = data()
    np.save("f.npy", np.asfortranarray(array))
    np.savez("f.npz", a=np.asfortranarray(array), b=array[0])
    for name in ("f.npy", "f.npz"):
        assert_same(read_scan(name), array)
    scan = read_scan("f.npz", dataset="b")
    assert scan.shape[:2] == (1, 7)
    np.testing.assert_array_equal(scan[0, 6], array[0, 6])
    np.testing.assert_array_equal(scan[0, 1], array[0, 1])  # backwards in the stream


def test_pictures(in_folder):
    image, tifffile = pytest.importorskip("PIL.Image"), pytest.importorskip("tifffile")
    array = data("u2", (12, 6, 8))
    for i, frame in enumerate(array):
        tifffile.imwrite(f"f{i}.tif", frame)
        image.fromarray(frame.astype(np.uint8)).save(f"g{i}.png")
    tifffile.imwrite("pages.tif", array)
    tifffile.imwrite("big.tif", array, byteorder=">", compression="zlib")
    tifffile.imwrite("real.tif", np.log1p(array).astype("f4"))
    for path in ("f*.tif", "pages.tif", "big.tif", [f"f{i}.tif" for i in range(12)]):
        scan = read_scan(path)
        assert scan.shape == (1, 12, 6, 8)
        np.testing.assert_array_equal(scan[0], array)
    np.testing.assert_array_equal(read_scan("g*.png", intensity="linear")[0], array)
    np.testing.assert_array_equal(read_scan("f*.tif", shape=(3, 4))[...], array.reshape(3, 4, 6, 8))
    np.testing.assert_allclose(read_scan("real.tif", intensity="log")[0], array, rtol=1e-5, atol=1e-5)
    found = read_scan("g*.png", intensity="log", white=1e4)[0]
    np.testing.assert_allclose(found, 10001 ** (array / 255) - 1, rtol=1e-5)


def test_fill_and_units(in_folder):
    array = data("f4")
    array[1, 2, 3, 4] = np.nan
    np.save("a.npy", array)
    scan = read_scan("a.npy", fill=0, step=3, delta_k=0.02)
    assert scan[1, 2][3, 4] == 0
    assert (scan.step, scan.delta_k) == (3, 0.02)


def test_a_name_that_says_another_kind(in_folder):
    np.save("a.npy", data())
    (in_folder / "a.npy").rename(in_folder / "a.mib")
    assert "by its content" in read_scan("a.mib").facts["notes"][0]


def test_fingerprints(in_folder):
    np.save("a.npy", data())
    first = read_scan("a.npy").fingerprint
    assert first == read_scan("a.npy").fingerprint
    assert first != read_scan("a.npy", shape=(7, 5)).fingerprint
    np.save("a.npy", data())
    assert first != read_scan("a.npy").fingerprint
