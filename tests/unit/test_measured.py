"""MeasuredScan: indexing, blocks and one pass over all frames."""

import numpy as np
import pytest

from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import ArrayFrames, ChosenFrames
from pyiron_nbed.experiment.measured import MeasuredScan

RNG = np.random.default_rng(7)
TYPES = ["u1", ">u2", "<u4", "<i4", "f2", ">f4", "f8", "i8", "?"]


def data(dtype="u2", shape=(5, 7, 6, 9)):
    return RNG.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_indexing_gives_what_numpy_gives(dtype):
    array = data(dtype)
    scan = MeasuredScan.from_array(array)
    assert scan.shape == array.shape
    assert len(scan) == 5
    assert scan.dtype.isnative
    assert dtype == "?" or scan.dtype == np.dtype(dtype).newbyteorder("=")
    for place in [
        (0, 0), (4, 6), (-1, -2), 3, slice(1, 4), (slice(None), 2), (slice(0, 5, 2), slice(6, 0, -2)),
        (2, slice(1, 5)), (slice(3, 3), 0), (slice(None), slice(2, 5)), ..., (slice(None, None, -1), ...),
    ]:  # fmt: skip
        found = scan[place]
        np.testing.assert_array_equal(found, array[place])
        assert found.dtype == scan.dtype
    np.testing.assert_array_equal(scan.read(5, 16), array.reshape(-1, 6, 9)[5:16])
    np.testing.assert_array_equal(np.stack(list(scan)), array)


def test_frames_are_copies(in_folder):
    array = data()
    MeasuredScan.from_array(array).read(0, 3)[:] = 0
    assert array[0, :3].any()


@pytest.mark.parametrize("size", [None, 1, 4, 7, 35, 100])
def test_blocks_give_every_frame_once_in_order(size):
    array = data()
    scan = MeasuredScan.from_array(array)
    starts, frames = zip(*scan.blocks(size), strict=True)
    np.testing.assert_array_equal(np.concatenate(frames), array.reshape(-1, 6, 9))
    assert list(starts) == np.cumsum([0, *map(len, frames)])[:-1].tolist()


@pytest.mark.parametrize("dtype", TYPES)
def test_one_pass_gives_the_moments_of_numpy(dtype):
    array = data(dtype)
    scan = MeasuredScan.from_array(array)
    summary, exact = scan.summary(), array.astype(float)
    np.testing.assert_allclose(scan.mean(), exact.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(summary.variance, exact.var((0, 1)), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(summary.maximum, exact.max((0, 1)))
    np.testing.assert_array_equal(summary.minimum, exact.min((0, 1)))
    np.testing.assert_allclose(summary.total, exact.sum((2, 3)))
    rows, columns = summary.rows, summary.columns
    assert rows[0] == 0
    assert rows[-1] == 5
    assert columns[-1] == 7
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            part = exact[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            np.testing.assert_allclose(summary.tiles[i, j], part.mean((0, 1)))
    assert scan.summary() is summary


def test_variance_of_a_large_offset_is_exact():
    array = 1e9 + RNG.normal(size=(20, 20, 3, 3))
    variance = MeasuredScan.from_array(array).summary().variance
    np.testing.assert_allclose(variance, array.var((0, 1)), rtol=1e-6)


def test_parts_of_the_scan_are_used_where_it_is_large():
    array = data(shape=(20, 33, 4, 4))
    summary = MeasuredScan.from_array(array).summary()
    assert summary.tiles.shape == (8, 8, 4, 4)
    part = array[summary.rows[2] : summary.rows[3], summary.columns[5] : summary.columns[6]]
    np.testing.assert_allclose(summary.tiles[2, 5], part.mean((0, 1)))


def test_masked_mean_and_virtual_image():
    array = data()
    scan = MeasuredScan.from_array(array)
    positions, pixels = RNG.random((5, 7)) < 0.4, RNG.random((6, 9)) < 0.4
    np.testing.assert_allclose(scan.mean(positions), array[positions].mean(axis=0))
    np.testing.assert_allclose(scan.virtual_image(pixels), array[..., pixels].sum(axis=-1))


def test_a_stack_is_a_scan_of_one_line(in_folder):
    array = data(shape=(8, 6, 9))
    np.save("a.npy", array)
    for given in (array, np.load("a.npy", mmap_mode="r")):
        scan = MeasuredScan.from_array(given)
        assert scan.shape == (1, 8, 6, 9)
        np.testing.assert_array_equal(scan[0, 3], array[3])
    assert MeasuredScan.from_array(array[0]).shape == (1, 1, 6, 9)


def test_frames_before_the_scan_and_at_line_ends_are_left_out():
    array = data(shape=(2 + 4 * 5, 3, 3))
    chosen = ChosenFrames(ArrayFrames(array), (4, 3), skip=2, flyback=2)
    scan = MeasuredScan(chosen, (4, 3))
    expected = array[2:].reshape(4, 5, 3, 3)[:, :3]
    np.testing.assert_array_equal(scan[...], expected)
    for size in (1, 2, 5, 12):
        blocks = np.concatenate([frames for _, frames in scan.blocks(size)])
        np.testing.assert_array_equal(blocks, expected.reshape(-1, 3, 3))


def test_units_and_facts():
    import pint

    units = pint.UnitRegistry()
    scan = MeasuredScan.from_array(data(), step=0.5 * units.nm, delta_k=0.2 / units.nm, facts={"a": 1})
    assert scan.step == 5
    assert scan.delta_k == 0.02
    assert scan.facts == {"format": "array", "a": 1}
    assert repr(scan) == ("MeasuredScan(5 × 7 positions, 6 × 9 px, uint16, step 5 Å, 0.02 Å⁻¹ per px, array)")


def test_fingerprint_tells_arrays_apart():
    array = data()
    first = MeasuredScan.from_array(array).fingerprint
    assert first == MeasuredScan.from_array(array.copy()).fingerprint
    array[4, 6, 5, 8] += 1
    assert first != MeasuredScan.from_array(array).fingerprint
    assert first != MeasuredScan.from_array(array.reshape(7, 5, 6, 9)).fingerprint


def test_a_broken_pixel_is_named():
    array = data("f4")
    array[3, 2, 1, 1] = np.nan
    scan = MeasuredScan.from_array(array)
    assert np.isfinite(scan[0]).all()
    for action in (lambda: scan[3, 2], scan.mean, scan.summary):
        with pytest.raises(DatasetError, match="row 3, column 2 holds 1 pixels"):
            action()
    huge = MeasuredScan.from_array(np.full((2, 2, 4, 4), 1.7e308))
    assert huge[0, 0][0, 0] == 1.7e308


def test_wrong_arguments_are_refused():
    scan = MeasuredScan.from_array(data())
    for action in (
        lambda: scan[5, 0], lambda: scan[0, "a"], lambda: scan[0, 0, 0], lambda: scan[True],
        lambda: scan[1.5],
        lambda: scan.read(3, 36), lambda: scan.read(3, 2), lambda: scan.blocks(0),
        lambda: scan.mean(np.ones((7, 5), bool)), lambda: scan.mean(np.zeros((5, 7), bool)),
        lambda: scan.virtual_image(np.ones((6, 9))), lambda: MeasuredScan.from_array(np.zeros(5)),
        lambda: MeasuredScan.from_array(np.zeros((2, 2, 2), complex)),
        lambda: MeasuredScan.from_array([[1], [1, 2]]), lambda: MeasuredScan.from_array(np.zeros((0, 4, 4))),
        lambda: MeasuredScan.from_array(data(), step=-1), lambda: MeasuredScan.from_array(data(), facts=3),
    ):  # fmt: skip
        with pytest.raises(InputError):
            action()
