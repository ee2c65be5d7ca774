"""The geometry of a calibration, and its file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment import Calibration, Descan

calibrations = st.builds(
    Calibration,
    center=st.tuples(st.floats(-5, 70), st.floats(-5, 70)),
    delta_k=st.floats(1e-3, 0.1),
    frame_shape=st.just((60, 64)),
    scan_shape=st.just((5, 7)),
    ellipticity=st.floats(0, 0.3),
    angle=st.floats(-90, 90),
    rotation=st.floats(-180, 180),
    flip=st.booleans(),
    descan=st.lists(st.floats(-1, 1), min_size=4, max_size=4).map(
        lambda values: Descan("plane", np.reshape(values, (2, 2)))
    ),
)


@given(calibrations, st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 4), st.integers(0, 6))
def test_k_of_the_pixel_of_k_is_k(cal, kx, ky, iy, ix):
    x, y = np.moveaxis(cal.to_pixels(kx, ky, iy, ix), -1, 0)
    np.testing.assert_allclose(cal.to_k(x, y, iy, ix), (kx, ky), atol=1e-9)


@given(calibrations)
def test_areas_are_kept(cal):
    assert abs(np.linalg.det(cal.matrix)) == pytest.approx(cal.delta_k**-2, rel=1e-9)


@given(calibrations)
def test_a_circle_becomes_the_ellipse_that_is_stated(cal):
    turn = np.linspace(0, 2 * np.pi, 3601)
    x, y = (cal.to_pixels(0.3 * np.cos(turn), 0.3 * np.sin(turn)) - cal.center).T
    far = np.hypot(x, y)
    assert far.max() / far.min() - 1 == pytest.approx(cal.ellipticity, abs=1e-4)
    if cal.ellipticity > 0.01:
        longest = np.rad2deg(np.arctan2(y, x)[far.argmax()])
        assert abs((longest - cal.angle + 90) % 180 - 90) < 0.5


def test_the_ellipse_is_that_of_distort():
    import torch

    from pyiron_nbed.patterns.detector import distort

    cal = Calibration((40, 40), 0.02, (81, 81), ellipticity=0.2, angle=25.0)
    spot = torch.zeros(1, 81, 81, dtype=torch.float64)
    spot[0, 40 + 12, 40 + 20] = 1
    image = distort(spot, ellipticity=1.2, angle=25.0)[0].numpy()
    rows, columns = np.indices(image.shape)
    seen = ((columns * image).sum() / image.sum(), (rows * image).sum() / image.sum())
    np.testing.assert_allclose(cal.to_pixels(20 * 0.02, 12 * 0.02), seen, atol=0.05)


def test_a_mirror_image_turns_with_the_camera():
    cal = Calibration((0, 0), 1.0, (9, 9), rotation=90.0, flip=True)
    np.testing.assert_allclose(cal.to_pixels([1, 0], [0, 1]), [[0, 1], [1, 0]], atol=1e-12)


def test_descan_of_a_parabola():
    descan = Descan("parabola", [[0.1, 0, 0.01, 0, 0], [0, 0.2, 0, 0.02, 0.03]])
    np.testing.assert_allclose(descan.shift(4, 6, (5, 7)), (0.3 + 0.09, 0.4 + 0.02 * 6 + 0.03 * 4))
    iy, ix = np.indices((5, 7))
    assert descan.shift(iy, ix, (5, 7)).shape == (5, 7, 2)
    assert np.allclose(descan.shift(2, 3, (5, 7)), 0)


def test_a_file_gives_back_what_was_saved(tmp_path):
    hidden = np.random.default_rng(0).random((13, 11)) < 0.2
    cal = Calibration(
        (5.5, 6.25), 0.02, (13, 11), (2, 3), 0.031, 12.0, -70.0, True, Descan("plane", [[0.1, 0], [0, 0.2]]),
        hidden=hidden, background=np.arange(9.0), beam_energy=200e3, semiangle=1.2, center_error=0.01,
        facts={"rings": [0.2, 0.3]},
    )  # fmt: skip
    cal.save(tmp_path / "cal.json")
    again = Calibration.load(tmp_path / "cal.json")
    assert again == cal
    assert np.array_equal(again.hidden, hidden)
    assert np.array_equal(again.mask, ~hidden)
    assert np.isnan(again.delta_k_error)
    assert again.disc_radius == pytest.approx(1.2e-3 / 0.02508, rel=1e-3)
    assert again != cal.replaced(flip=False)
    with pytest.raises(InputError, match="exists already"):
        cal.save(tmp_path / "cal.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no calibration"),
        ("[1]", "is no calibration"),
        ('{"format": "pyiron_nbed calibration", "version": 99}', "has version 99"),
        (None, "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "cal.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        Calibration.load(path)


def test_damaged_pixels_are_refused(tmp_path):
    Calibration((1, 1), 0.1, (4, 4), hot=np.eye(4, dtype=bool)).save(tmp_path / "cal.json")
    values = json.loads((tmp_path / "cal.json").read_text())
    values["hot"] = values["hot"][:2]
    (tmp_path / "cal.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="no packed pixels"):
        Calibration.load(tmp_path / "cal.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"center": (1, np.nan)}, {"center": "middle"}, {"delta_k": 0}, {"frame_shape": (4,)}, {"flip": "no"},
        {"scan_shape": (0, 4)}, {"ellipticity": -0.1}, {"angle": 400}, {"descan": "plane"},
        {"hot": np.zeros((3, 4), bool)}, {"hidden": np.zeros((4, 4))}, {"beam_energy": 200}, {"facts": None},
        {"semiangle": -1}, {"center_error": -0.1}, {"background": [[1.0]]},
    ],
)  # fmt: skip
def test_wrong_values_are_refused(wrong):
    with pytest.raises(InputError, match=rf"^Calibration: {next(iter(wrong))} .*: give|^Calibration: "):
        Calibration(**{"center": (1, 1), "delta_k": 0.1, "frame_shape": (4, 4), **wrong})


def test_a_wrong_descan_is_refused():
    with pytest.raises(InputError, match="kind"):
        Descan("cubic")
    with pytest.raises(InputError, match=r"\(2, 5\) numbers"):
        Descan("parabola", np.zeros((2, 2)))
