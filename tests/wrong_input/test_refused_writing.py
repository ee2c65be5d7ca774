"""Wrong input of the writers of scans."""

import math
from pathlib import Path

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed.experiment import ScanWriter, write_scan

SHAPE = (2, 3, 8, 9)
FRAMES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
REAL = FRAMES.astype(np.float32)


def written(path="scan.npy", scan=FRAMES, **options):
    return write_scan(path, scan, **{"progress": None, **options})


def changed(value, dtype=np.float32, **options):
    frames = FRAMES.astype(dtype)
    frames[1, 2, 3, 4] = value
    return written(scan=frames, **options)


def blocks(*given, shape=SHAPE, dtype="uint16"):
    return written(scan=iter(given), shape=shape, dtype=dtype)


def writer(path="scan.npy", shape=SHAPE, dtype="uint16", **options):
    return ScanWriter(path, shape, dtype, **options)


def block(start, frames):
    with writer() as own:
        own.write(start, frames)


def closed():
    own = writer()
    own.discard()
    own.write(0, FRAMES[0])


ROWS = {
    "suffix unknown": (lambda: written("scan.dm4"), "suffix of scan.dm4 is '.dm4': choose .mib"),
    "no suffix": (lambda: written("scan"), "choose .mib"),
    "path a number": (lambda: written(3), "path"),
    "folder that is not there": (lambda: written("no/scan.npy"), "no"),
    "format unknown": (lambda: written(format="dm4"), "format is 'dm4'"),
    "format of another suffix": (lambda: written(format="mib"), "name it scan.mib"),
    "scan a path": (lambda: written(scan="other.mib"), "give a scan, an array"),
    "scan None": (lambda: written(scan=None), "give a scan, an array"),
    "scan of three axes": (lambda: written(scan=FRAMES[0]), "with 3 axes"),
    "scan a list of arrays": (lambda: written(scan=list(FRAMES)), "np.stack"),
    "shape of another scan": (lambda: written(shape=(3, 2, 8, 9)), "leave it out"),
    "blocks without a shape": (lambda: written(scan=iter([])), "give its shape"),
    "blocks without a start": (lambda: blocks(FRAMES[0]), "A block is"),
    "blocks with a gap": (lambda: blocks((1, FRAMES[0])), "start is 1"),
    "blocks that end early": (lambda: blocks((0, FRAMES[0])), "3 of its 6 frames"),
    "blocks too many": (
        lambda: blocks((0, FRAMES[0]), (3, FRAMES.reshape(6, 8, 9))), "has 6, counted from 0",
    ),
    "blocks of other frames": (lambda: blocks((0, FRAMES[0, :, :4])), r"\(n, 8, 9\)"),
    "shape of three numbers": (lambda: writer(shape=(6, 8, 9)), "four whole numbers"),
    "shape with zero": (lambda: writer(shape=(0, 3, 8, 9)), "shape"),
    "shape a number": (lambda: writer(shape=6), "four whole numbers"),
    "dtype unknown": (lambda: writer(dtype="counts"), "dtype is 'counts'"),
    "dtype complex": (lambda: writer(dtype="complex64"), "dtype is 'complex64'"),
    "dtype of objects": (lambda: writer(dtype=object), "dtype"),
    "step zero": (lambda: written(step=0), "step is 0"),
    "step NaN": (lambda: written(step=math.nan), "step is nan"),
    "scale negative": (lambda: written(delta_k=-0.01), "delta_k is -0.01"),
    "facts a list": (lambda: written(facts=[1]), "facts"),
    "facts that are no JSON": (lambda: written(facts={"a": object()}), "what JSON can hold"),
    "energy in keV": (lambda: written(facts={"beam_energy": 200}), "beam_energy"),
    "exposure zero": (lambda: written(facts={"exposure": 0}), "exposure"),
    "time in words": (lambda: written(facts={"time": "yesterday"}), "ISO 8601"),
    "source a number": (lambda: writer(source=3), "source"),
    "mib of real numbers": (lambda: written("scan.mib", REAL), "holds uint8, uint16, uint32"),
    "EMPAD of other frames": (lambda: written("scan.raw"), "EMPAD has 128 × 128"),
    "EMPAD of counts": (
        lambda: written("scan.raw", np.zeros((1, 1, 128, 128), np.uint16), dtype="uint16"), "holds float32",
    ),
    "NaN": (lambda: changed(math.nan), "row 1, column 2 holds 1 pixels that are NaN"),
    "infinite": (lambda: changed(math.inf), "row 1, column 2 holds 1 pixels that are NaN or inf"),
    "a fraction": (lambda: written(scan=REAL + 0.5, dtype="uint16"), "0.5, .* or round the frames"),
    "negative": (lambda: written(scan=FRAMES.astype(np.int32) - 1, dtype="uint16"), "holds -1"),
    "too large": (lambda: written(dtype="uint8"), "from 0 to 255"),
    "large counts as real numbers": (
        lambda: written(scan=np.full(SHAPE, 2**30 + 1, np.uint32), dtype="float32"), "up to 16777216",
    ),
    "real numbers rounded": (lambda: written(scan=FRAMES + 0.1, dtype="float32"), "round the frames"),
    "a block before the writer": (lambda: block(2, FRAMES[0]), "start is 2"),
    "a block of text": (lambda: block(0, "frames"), "give real numbers"),
    "a closed writer": (closed, "is closed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_refused(name, in_folder):
    action, part = ROWS[name]
    assert_refused(action, part, in_folder)


@pytest.mark.parametrize("suffix", [".mib", ".npy"])
def test_a_file_that_would_be_lost(suffix, in_folder):
    written(f"scan{suffix}")
    assert_refused(lambda: written(f"scan{suffix}"), "overwrite=True", in_folder)
    if suffix == ".mib":
        Path("scan.mib").unlink()
        Path("scan.hdr").write_text("of another program")
        assert_refused(lambda: written("scan.mib"), "overwrite=True", in_folder)
