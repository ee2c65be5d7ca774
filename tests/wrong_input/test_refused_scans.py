"""Damaged, foreign and unsuitable files of scans, and wrong arguments of reading them."""

import h5py
import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed.experiment import MeasuredScan, read_scan

HEAD = "MQ1,{number:06d},00384,1,{w:04d},{h:04d},{kind},   {chips},01,2024,0.001,MQ1A,T,1000000ns,{depth}"


def mib(name="a.mib", count=6, kind="U08", chips="1x1", depth=6, extra=b"", w=8, h=8):
    size = {"U08": 1, "U16": 2, "R64": 1}.get(kind, 4)
    with open(name, "wb") as file:
        for number in range(1, count + 1):
            head = HEAD.format(number=number, w=w, h=h, kind=kind, chips=chips, depth=depth)
            file.write(head.encode().ljust(384, b"\0") + bytes(w * h * size))
        file.write(extra)
    return name


def text(name, content=b""):
    with open(name, "wb") as file:
        file.write(content)
    return name


def npy(array, name="a.npy"):
    np.save(name, array, allow_pickle=array.dtype == object)
    return name


def npz(**arrays):
    np.savez("a.npz", **arrays)
    return "a.npz"


def h5(name="a.h5", **arrays):
    with h5py.File(name, "w") as file:
        for key, array in arrays.items():
            file[key] = array
    return name


def cut(name, bytes_left):
    with open(name, "r+b") as file:
        file.truncate(bytes_left)
    return name


def hspy(flags=(True, True, False, False), axes=4, names=("scan",), shape=(2, 3, 4, 5)):
    with h5py.File("a.hspy", "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        file.create_group("Experiments")
        for name in names:
            group = file.create_group(f"Experiments/{name}")
            group["data"] = np.zeros(shape)
            for i in range(axes):
                attributes = file.create_group(f"Experiments/{name}/axis-{i}").attrs
                attributes.update(size=shape[i], navigate=flags[i], scale=1.0, units="nm")
    return "a.hspy"


def dectris(link="absent.h5"):
    with h5py.File("a_master.h5", "w") as file:
        file.create_group("entry/instrument/detector")
        if link:
            file["entry/data/data_000001"] = h5py.ExternalLink(link, "entry/data/data")
        else:
            file["entry/data/data_000001"] = np.zeros((4, 4))
    return "a_master.h5"


def empad(frames=4, extra=0, name="a.raw"):
    return text(name, bytes(frames * 130 * 128 * 4 + extra))


def xml(content="<root><raw_file filename='b.raw'/></root>", name="a.xml"):
    return text(name, content.encode())


def picture(name="a.png", array=None):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.zeros((4, 5), np.uint8) if array is None else array).save(name)
    return name


def tif(array, name="a.tif"):
    pytest.importorskip("tifffile").imwrite(name, array)
    return name


COLOURS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
SCAN = np.zeros((5, 7, 4, 4), np.uint16)
BROKEN = np.full((2, 3, 4, 4), np.nan, np.float32)

# makes the file, arguments of read_scan, part of the message
FILES = {
    "absent": (lambda: "absent.mib", {}, "does not exist"),
    "empty": (lambda: text("a.mib"), {}, "is empty"),
    "foreign mib": (lambda: text("a.mib", b"x" * 999), {}, "does not begin as a .mib"),
    "foreign h5": (lambda: text("a.h5", b"x" * 999), {}, "does not begin as a .h5"),
    "foreign npy": (lambda: text("a.npy", b"x" * 999), {}, "does not begin as a .npy"),
    "unknown suffix": (lambda: text("a.xyz", b"x" * 999), {}, "no kind that is known"),
    "no suffix": (lambda: text("scan", b"x" * 999), {}, "no kind that is known"),
    "foreign for rosettasciio": (lambda: text("a.blo", b"x" * 99), {}, "cannot be read"),
    "truncated mib": (lambda: mib(extra=b"x"), {"shape": (2, 3)}, "ends within frame 7"),
    "mib header only": (lambda: cut(mib(), 100), {}, "ends within frame 1"),
    "damaged mib header": (lambda: text("a.mib", b"MQ1,000001,x," + b"\0" * 999), {}, "no header of Merlin"),
    "hdr without mib": (lambda: text("a.hdr", b"HDR,\t\n"), {}, "cannot be read"),
    "raw of four chips": (lambda: mib(kind="R64", chips="2x2"), {}, "2x2 chips and 6 bits"),
    "raw of 24 bits": (lambda: mib(kind="R64", depth=24), {}, "1x1 chips and 24 bits"),
    "unknown mib type": (lambda: mib(kind="F32"), {}, "kind 'F32'"),
    "mib without shape": (mib, {}, r"give shape=\(Ny, Nx\), such as \(3, 2\)"),
    "mib of another shape": (mib, {"shape": (7, 1)}, "needs 7: shapes that fit"),
    "mib with dataset": (mib, {"dataset": "a"}, "holds one scan only"),
    "mib with intensity": (mib, {"intensity": "log"}, "it is for pictures"),
    "truncated empad": (lambda: empad(extra=4), {}, "no whole frames of EMPAD"),
    "empad without shape": (empad, {}, r"give shape=\(Ny, Nx\)"),
    "empad named otherwise": (lambda: empad(name="scan_x3_y3.raw"), {}, "4 frames, and shape .3, 3. needs 9"),
    "xml without raw": (xml, {}, "names b.raw, which is not beside it"),
    "broken xml": (lambda: xml("<root><raw"), {}, "cannot be read"),
    "other xml": (lambda: xml("<html></html>"), {}, "is of no kind|cannot be read"),
    "linked file absent": (dectris, {}, "links to absent.h5"),
    "dectris of pictures": (lambda: dectris(None), {}, "holds no frames"),
    "truncated h5": (lambda: cut(h5(a=np.zeros((2, 3, 40, 40))), 5000), {}, "cannot be read"),
    "h5 without scan": (lambda: h5(a=np.zeros((3, 4, 5)), b=np.zeros(3)), {}, r"one of these.*'a' \(3, 4"),
    "h5 of nothing": (h5, {}, "holds no 4-D dataset"),
    "h5 of two scans": (lambda: h5(a=SCAN, b=SCAN), {}, "holds 2 4-D datasets: .*'a', 'b'"),
    "h5 unknown dataset": (lambda: h5(a=SCAN, b=SCAN), {"dataset": "c"}, "dataset is 'c'.*'a', 'b'"),
    "dataset a number": (lambda: h5(a=SCAN), {"dataset": 3}, "dataset is 3"),
    "complex h5": (lambda: h5(a=SCAN.astype(complex)), {}, "type complex128"),
    "empty scan in h5": (lambda: h5(a=np.zeros((0, 3, 4, 4))), {}, "has shape"),
    "hspy of two signals": (lambda: hspy(names=("a", "b")), {}, "holds 2 signals: .*'a', 'b'"),
    "hspy turned": (lambda: hspy((False, False, True, True)), {}, "transpose it"),
    "hspy mixed": (lambda: hspy((True, False, True, False)), {}, "not its last two"),
    "hspy without axes": (lambda: hspy(axes=2), {}, "axis 2 of the signal"),
    "hspy of nothing": (lambda: hspy(names=()), {}, "holds no signal"),
    "truncated npy": (lambda: cut(npy(SCAN), 900), {}, "ends within its 35 frames"),
    "objects in npy": (lambda: npy(np.array([{}, {}])), {}, "type object"),
    "complex npy": (lambda: npy(SCAN.astype(complex)), {}, "type complex128"),
    "text in npy": (lambda: npy(np.full((2, 3, 4, 4), "a")), {}, "pixels of the type"),
    "records in npy": (lambda: npy(np.zeros((2, 3, 4, 4), "u1,u1")), {}, "type record"),
    "five axes in npy": (lambda: npy(np.zeros((2, 2, 2, 2, 2))), {}, r"\(2, 2, 2, 2, 2\)"),
    "one axis in npy": (lambda: npy(np.zeros(9)), {}, r"shape \(9,\)"),
    "no frames in npy": (lambda: npy(np.zeros((0, 4, 4))), {}, r"shape \(0, 4, 4\)"),
    "damaged npy header": (lambda: text("a.npy", b"\x93NUMPY\1\0v\0{'descr'"), {}, "cannot be read"),
    "two scans in npz": (lambda: npz(a=SCAN, b=SCAN), {}, "holds 2 arrays"),
    "damaged npz": (lambda: cut(npz(a=SCAN), 900), {}, "cannot be read"),
    "objects in npz": (lambda: npz(a=np.array([[{}]])), {}, "type object"),
    "NaN": (lambda: npy(BROKEN), {"then": lambda scan: scan[0, 0]}, "16 pixels that are NaN"),
    "NaN in the mean": (lambda: npy(BROKEN), {"then": lambda scan: scan.mean()}, "row 0, column 0"),
    "folder without pictures": (lambda: ".", {}, "is a folder without pictures"),
    "png": (picture, {}, "give intensity='linear'"),
    "tif of 8 bits": (lambda: tif(np.zeros((4, 5), np.uint8)), {}, "of 8 bits.*give intensity"),
    "log without white": (picture, {"intensity": "log"}, "give white"),
    "white without log": (picture, {"intensity": "linear", "white": 9}, "white is 9"),
    "unknown intensity": (picture, {"intensity": "sqrt"}, "intensity is 'sqrt'"),
    "colours": (lambda: picture(array=COLOURS), {"intensity": "linear"}, "is of colours"),
    "foreign png": (lambda: text("a.png", b"x" * 99), {"intensity": "linear"}, "does not begin as a .png"),
    "damaged png": (lambda: cut(picture(), 40), {"intensity": "linear"}, "cannot be read"),
    "damaged tif": (lambda: cut(tif(SCAN[0]), 40), {}, "cannot be read"),
    "picture with dataset": (lambda: tif(SCAN[0]), {"dataset": "a"}, "pictures have none"),
    "no list": (lambda: [], {}, "at least one picture"),
    "list of other files": (lambda: [npy(SCAN)], {}, "is in a list, which is of pictures"),
    "list of absent files": (lambda: ["a.tif"], {}, "a.tif does not exist"),
    "pattern without files": (lambda: "*.tif", {}, "No file fits"),
    "number as path": (lambda: 5, {}, "path is 5"),
    "no path": (lambda: "", {}, "path is ''"),
}  # fmt: skip

# arguments of read_scan for a .npy of 5 × 7 positions, part of the message
ARGUMENTS = {
    "one number": ({"shape": 35}, "shape is 35"),
    "three numbers": ({"shape": (5, 7, 1)}, "shape is"),
    "no line": ({"shape": (0, 7)}, "shape: Ny is 0"),
    "half a line": ({"shape": (5, 3.5)}, "shape: Nx is 3.5"),
    "text": ({"shape": "5x"}, "shape: Ny is '5'"),
    "other shape": ({"shape": (6, 6)}, "shapes that fit are .5, 7., .7, 5."),
    "flyback": ({"shape": (5, 7), "flyback": 2}, "with flyback=2 needs 45: .*flyback=0 with shape"),
    "flyback below 0": ({"flyback": -1}, "flyback is -1"),
    "all skipped": ({"skip_first": 35}, "skip_first is 35"),
    "step": ({"step": 0}, "step is 0: give a length above 0 Å"),
    "step NaN": ({"step": float("nan")}, "step is nan"),
    "delta_k": ({"delta_k": "0.1"}, "delta_k is '0.1'"),
    "beam_energy": ({"beam_energy": 200}, "beam_energy is 200"),
    "dataset": ({"dataset": "frames"}, "leave it out"),
    "white": ({"white": 5}, "it is for pictures"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(in_folder, name):
    make, arguments, part = FILES[name]
    arguments = dict(arguments)
    then = arguments.pop("then", lambda scan: scan)
    path = make()
    assert_refused(lambda: then(read_scan(path, **arguments)), part, in_folder)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(in_folder, name):
    arguments, part = ARGUMENTS[name]
    path = npy(SCAN)
    assert_refused(lambda: read_scan(path, **arguments), part, in_folder)


def test_fill_of_another_kind(in_folder):
    path = npy(BROKEN)
    assert_refused(lambda: read_scan(path, fill="0"), "fill is '0'", in_folder)


def test_pictures_of_two_kinds_and_sizes(in_folder):
    tif(SCAN[0, 0], "a1.tif")
    tif(SCAN[0, 0, :3], "a2.tif")
    assert_refused(lambda: read_scan(".")[0, 1], "a2.tif has .3, 4. pixels", in_folder)
    picture("a3.png")
    assert_refused(lambda: read_scan(".", intensity="linear"), "several kinds, png and tif", in_folder)


def test_a_file_that_is_gone_or_shorter_than_it_was(in_folder):
    for path in (npy(SCAN), h5(a=SCAN)):
        scan = read_scan(path)
        cut(path, 500)
        assert_refused(lambda scan=scan: scan[4, 6], "has become shorter|cannot be read", in_folder)
        (in_folder / path).unlink()
        assert_refused(lambda scan=scan: scan.fingerprint, "cannot be read", in_folder)


SCANS = {
    "position": (lambda scan: scan[5, 0], "The row is 5"),
    "text": (lambda scan: scan[0, "a"], "The column is 'a'"),
    "three places": (lambda scan: scan[0, 0, 0], "two axes and 3 were given"),
    "frames": (lambda scan: scan.read(3, 36), "stop is 36"),
    "block": (lambda scan: scan.blocks(0), "size is 0"),
    "mask of positions": (lambda scan: scan.mean(np.ones((7, 5), bool)), "in the shape .5, 7."),
    "mask of numbers": (lambda scan: scan.virtual_image(np.ones((4, 4))), "give True and False"),
    "empty mask": (lambda scan: scan.virtual_image(np.zeros((4, 4), bool)), "at least one of them True"),
    "array": (lambda _: MeasuredScan.from_array(np.zeros(5)), r"has shape \(5,\)"),
    "complex array": (lambda _: MeasuredScan.from_array(SCAN.astype(complex)), "type complex128"),
    "list": (lambda _: MeasuredScan.from_array([[1], [1, 2]]), "The array is"),
    "facts": (lambda _: MeasuredScan.from_array(SCAN, facts=3), "facts is 3"),
}


@pytest.mark.parametrize("name", SCANS)
def test_scans(in_folder, name):
    action, part = SCANS[name]
    assert_refused(lambda: action(MeasuredScan.from_array(SCAN)), part, in_folder)
