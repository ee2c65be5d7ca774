"""Calibration of scans: centre, descan, ellipse and scale of made patterns and of two real ones."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from made_patterns import DELTA_K, bar, distances, glass, glass_scan, gold

from pyiron_nbed.experiment import Calibration, MeasuredScan, calibrate
from pyiron_nbed.experiment.center import find_center, find_disc
from pyiron_nbed.experiment.radial_fit import Pixels, Shape, fit_shape
from pyiron_nbed.experiment.rings import fit_rings, ring_distances
from pyiron_nbed.experiment.sums import sums_of_scan
from pyiron_nbed.units import electron_wavelength

SCANS = os.environ.get("NBED_TEST_SCANS")
real_scan = pytest.mark.skipif(
    not SCANS or not Path(SCANS, "Amorphous.hspy").exists(), reason="NBED_TEST_SCANS names no real scans"
)


def measured(*frames, **options):
    return MeasuredScan.from_array(np.array(frames)[None], **options)


def counted(values, electrons, seed):
    frame = np.random.default_rng(seed).poisson(values / values.sum() * electrons)
    return frame.astype(np.uint32)


@pytest.mark.parametrize("kind", ["none", "plane", "parabola"])
def test_center_behind_a_bar_at_every_position(kind):
    errors = []
    for seed in range(3):
        frames, truth, _ = glass_scan(np.random.default_rng(seed), kind)
        cal = calibrate(MeasuredScan.from_array(frames), DELTA_K, descan=kind)
        iy, ix = np.mgrid[:8, :8]
        errors.append(np.hypot(*np.moveaxis(cal.center_at(iy, ix) - truth, -1, 0)))
    assert np.median(errors) < 0.15
    assert np.percentile(errors, 95) < 0.4


def test_center_of_one_frame_of_few_electrons_behind_a_bar():
    errors = []
    for seed in range(10):
        frames, truth, hidden = glass_scan(np.random.default_rng(seed), "none", side=1, speckle=0.0)
        cal = calibrate(MeasuredScan.from_array(frames), DELTA_K)
        errors.append(np.hypot(*(np.array(cal.center) - truth[0, 0])))
        assert (cal.hidden & hidden).sum() > 0.99 * hidden.sum()
        assert cal.hidden.sum() < 1.6 * hidden.sum()
    assert np.median(errors) < 0.15
    assert max(errors) < 0.4


def test_a_plane_does_not_follow_parts_that_are_off():
    rng = np.random.default_rng(5)
    frames, truth, _ = glass_scan(rng, "plane", stop=False)
    values = np.zeros((133, 133))
    values[100:104, 20:24] = 1  # a crystal that sends all to one side
    frames[3, 3:6] = rng.poisson(values / values.sum() * 1e5)
    cal = calibrate(MeasuredScan.from_array(frames), DELTA_K)
    iy, ix = np.mgrid[:8, :8]
    assert np.abs(cal.center_at(iy, ix) - truth).max() < 0.4


def test_the_brightest_pixel_is_not_the_center():
    rho = distances(133, (60.4, 71.7))
    values = glass(rho, beam=10)
    y, x = np.mgrid[:133, :133]
    values = values + 200 * np.exp(-((x - 100) ** 2 + (y - 30) ** 2) / 4)  # a strong reflection
    cal = calibrate(measured(counted(values, 1e6, 0)), DELTA_K)
    assert np.hypot(cal.center[0] - 60.4, cal.center[1] - 71.7) < 0.3


@pytest.mark.parametrize("center", [(40.0, 92.0), (66.3, 66.8), (95.5, 51.2)])
def test_the_search_finds_any_center_and_no_corner(center):
    values = glass(distances(133, center))
    found = find_center(counted(values, 1e5, 1).astype(float), np.ones((133, 133), bool))
    assert np.hypot(found.x - center[0], found.y - center[1]) < 2


def test_a_gradient_of_the_response_does_not_move_the_center():
    center = (63.2, 69.1)
    x = (np.arange(133) - 66) / 66
    values = glass(distances(133, center)) * (1 + 0.02 * x)
    fit = fit_shape(Pixels.of_frame(values * 1e6, values > 0), Shape(64, 68))
    assert np.hypot(fit.shape.x - center[0], fit.shape.y - center[1]) < 0.05


def test_disc_gives_the_semiangle():
    frame = counted(glass(distances(133, (66.2, 65.6)), beam=300, disc=4.0), 1e6, 2)
    cal = calibrate(measured(frame), DELTA_K, beam_energy=200e3)
    expected = 1e3 * 4.0 * DELTA_K * electron_wavelength(200e3)
    assert cal.semiangle == pytest.approx(expected, rel=0.06)
    assert cal.disc_radius == pytest.approx(4 * DELTA_K, rel=0.06)
    assert cal.facts["disc"]["x"] == pytest.approx(66.2, abs=0.05)
    with pytest.warns(UserWarning, match="semiangle is 5 mrad"):
        calibrate(measured(frame), DELTA_K, beam_energy=200e3, semiangle=5.0)


def test_no_disc_behind_a_stop():
    frame = glass(distances(133, (66, 66)), beam=300) * np.where(bar(133, (66, 66)), 0.003, 1)
    assert find_disc(frame, ~bar(133, (66, 66)), Shape(66, 66)) is None


@pytest.mark.parametrize("ellipse", [(0.02, 20.0), (0.035, -70.0), (0.05, 88.0)])
def test_scale_and_ellipse_from_gold(ellipse):
    for seed, delta_k in enumerate((0.012, 0.0152, 0.02)):
        center = (64.3 + seed, 69.8)
        values = gold(distances(133, center, *ellipse), delta_k)
        cal = calibrate(measured(counted(values, 3e6, seed)), rings="Au")
        assert cal.delta_k == pytest.approx(delta_k, rel=0.003)
        assert cal.ellipticity == pytest.approx(ellipse[0], abs=0.002)
        assert abs((cal.angle - ellipse[1] + 90) % 180 - 90) < 3
        assert np.hypot(cal.center[0] - center[0], cal.center[1] - center[1]) < 0.1
        assert all(abs(row["deviation"]) < 0.01 for row in cal.facts["rings"])
        assert 0 < cal.delta_k_error < 0.002 * delta_k
        assert 0 < cal.ellipticity_error < 0.001


def test_descan_does_not_stretch_the_rings():
    rng = np.random.default_rng(3)
    truth = [(66 + 1.5 * i, 65.0) for i in np.arange(8) - 3.5]
    frames = [counted(gold(distances(133, c, 0.03, 30.0)), 1e6, rng) for c in truth]
    cal = calibrate(measured(*frames), rings="Au", descan="plane")
    assert cal.ellipticity == pytest.approx(0.03, abs=0.002)
    assert cal.angle == pytest.approx(30, abs=3)
    assert np.abs(cal.center_at(0, np.arange(8)) - truth).max() < 0.1


def test_a_list_of_distances_is_an_element():
    frame = counted(gold(distances(133, (66, 66))), 3e6, 4)
    named = calibrate(measured(frame), rings="Au")
    listed = calibrate(measured(frame), rings=(1 / ring_distances("Au")).tolist())
    assert listed.delta_k == named.delta_k


def test_a_wrong_element_is_told():
    # copper has the same rings at other k: the scale differs by the lattice parameters, and nothing can tell;
    # distances of another lattice do not fit
    frame = counted(gold(distances(133, (66, 66))), 3e6, 4)
    with pytest.warns(UserWarning, match="plot"):
        calibrate(measured(frame), rings=[2.4, 1.3, 1.15, 0.9])


def test_standard_errors_of_gold_hold_on_the_whole():
    # 40 draws with fixed seeds; tests/benchmarks/calibration.py tells the coverage
    inside = []
    for seed in range(40):
        values = gold(distances(133, (64.6, 67.2), 0.03, 20.0))
        frame = counted(values, 2e6, seed).astype(float)
        fit = fit_shape(Pixels.of_frame(frame, frame >= 0), Shape(65, 67), 1.5)
        rings = fit_rings(fit, ring_distances("Au"), DELTA_K, 5.0)
        inside.append(abs(rings.delta_k - DELTA_K) < 1.645 * rings.error)
    assert 28 <= sum(inside) <= 40


def test_first_ring_of_a_glass():
    values = glass(distances(133, (66, 66)))
    scan = measured(counted(values, 1e6, 5))
    rough = calibrate(scan, rings="glass", first_ring=0.38)
    assert rough.delta_k == pytest.approx(DELTA_K, rel=0.03)
    assert rough.delta_k_error == pytest.approx(0.02 * rough.delta_k)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrate(scan, DELTA_K, first_ring=0.38)
    with pytest.warns(UserWarning, match=r"\+(4\.[5-9]|5\.[0-5]) % from first_ring"):
        found = calibrate(scan, 1.055 * DELTA_K, first_ring=0.38)
    assert "first_ring" in found.facts["warnings"][0]
    assert found.delta_k == 1.055 * DELTA_K


def test_scale_by_camera_length_and_by_the_file():
    frame = counted(glass(distances(133, (66, 66))), 1e6, 6)
    cal = calibrate(measured(frame), camera_length=300.0, pixel_size=55.0, beam_energy=200e3)
    assert cal.delta_k == pytest.approx(0.055 / 300 / 0.0250793, rel=1e-5)
    with pytest.warns(UserWarning, match="that of the file"):
        assert calibrate(measured(frame, delta_k=0.015)).delta_k == 0.015
    scan = measured(frame, facts={"beam_energy": 300e3})
    assert calibrate(scan, 0.015).beam_energy == 300e3
    with pytest.warns(UserWarning, match="200000 eV here and 300000 eV in the file"):
        assert calibrate(scan, 0.015, beam_energy=200e3).beam_energy == 200e3


def test_gold_first_and_glass_after():
    center = (68.2, 63.9)
    gold_frame = counted(gold(distances(133, center, 0.03, 30.0)), 3e6, 7)
    first = calibrate(measured(gold_frame), rings="Au", rotation=12.0, flip=True, beam_energy=200e3)
    frames, truth, _ = glass_scan(np.random.default_rng(7), "plane", shape=(0.03, 30.0))
    cal = calibrate(MeasuredScan.from_array(frames), like=first)
    for name in ("delta_k", "delta_k_error", "ellipticity", "angle", "rotation", "flip", "beam_energy"):
        assert getattr(cal, name) == getattr(first, name)
    iy, ix = np.mgrid[:8, :8]
    assert np.abs(cal.center_at(iy, ix) - truth).max() < 0.5
    assert cal.hidden is not None


def test_background_lies_below_the_rings():
    values = glass(distances(133, (66, 66)))
    cal = calibrate(measured(counted(values, 1e7, 8)), DELTA_K, background=True)
    assert cal.background.shape[0] >= 133
    profile = glass(np.arange(60.0)) * 1e7 / values.sum()
    assert (cal.background[3:60] < 1.03 * profile[3:]).all()
    assert cal.background[25] < 0.5 * profile[25]
    assert (np.diff(cal.background) <= 0).all()


def test_parts_of_a_scan_add_up():
    frames = np.random.default_rng(0).poisson(5.0, (7, 11, 40, 36)).astype(np.uint16)
    sums = sums_of_scan(MeasuredScan.from_array(frames))
    assert sums.frames == 77
    total = np.einsum("b,bij->ij", sums.counts, sums.parts) / 77
    np.testing.assert_allclose(total, frames.mean(axis=(0, 1)))
    np.testing.assert_allclose(sums.counts @ sums.terms[:, :2], 0, atol=1e-9)
    np.testing.assert_allclose(sums.counts @ sums.terms[:, 2], 7 * np.sum((np.arange(11) - 5.0) ** 2))


def test_a_calibration_is_kept_and_drawn(in_folder):
    frames, _, _ = glass_scan(np.random.default_rng(1), "plane", side=4)
    cal = calibrate(MeasuredScan.from_array(frames), DELTA_K)
    cal.save("cal.json")
    loaded = Calibration.load("cal.json")
    assert loaded == cal
    figure = cal.plot()
    assert sum(len(part.axes) for part in figure.subfigs) == 6  # with colour bars
    labels = {text.get_text() for text in figure.subfigs[0].axes[0].get_legend().get_texts()}
    assert labels == {"centre and its descan", "round k", "hidden"}
    assert loaded.plot(MeasuredScan.from_array(frames)).subfigs


def as_frame(name):
    path = Path(SCANS, name)
    if name.endswith(".hspy"):
        import h5py

        with h5py.File(path) as file:
            (experiment,) = file["Experiments"].values()
            return np.asarray(experiment["data"]).astype(np.int32)
    from PIL import Image

    return np.array(Image.open(path))


@real_scan
def test_real_glass_behind_a_stop():
    cal = calibrate(measured(as_frame("Amorphous.hspy")), rings="glass", first_ring=0.4)
    # x is the column and y the row
    assert cal.center == pytest.approx((304.8, 249.1), abs=0.3)
    assert 0.032 < cal.ellipticity < 0.039
    assert not cal.mask[:20].any()  # outside the round field of view
    assert cal.hidden[100, 300]  # behind the stop
    assert cal.mask[249, 370]
    assert cal.mask[330, 304]


@real_scan
def test_real_gold_grating():
    cal = calibrate(measured(as_frame("au_xgrating_20cm.tif")), rings="Au", beam_energy=200e3)
    assert 0.033 < cal.ellipticity < 0.037
    assert cal.delta_k == pytest.approx(0.00998, rel=0.005)
    deviations = [row["deviation"] for row in cal.facts["rings"]]
    assert len(deviations) >= 7
    assert np.abs(deviations).max() < 0.01
    assert not cal.facts["warnings"]
