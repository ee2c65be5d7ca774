"""Wrong input of calibrate and of the figure of a calibration."""

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed.experiment import Calibration, MeasuredScan, calibrate
from pyiron_nbed.experiment.rings import ring_distances
from pyiron_nbed.figures import scan_calibration


def pattern(n=48):
    y, x = np.mgrid[:n, :n] - n / 2
    r = np.hypot(x, y)
    return np.random.default_rng(0).poisson(30 * np.exp(-r / 20) + 40 * np.exp(-((r - 12) ** 2) / 8))


SCAN = MeasuredScan.from_array(pattern()[None, None].astype(np.uint16))
SMALL = MeasuredScan.from_array(np.ones((2, 2, 16, 16)))
EMPTY = MeasuredScan.from_array(np.zeros((2, 2, 40, 40)))
FLAT = MeasuredScan.from_array(np.full((1, 1, 40, 40), 7.0))
BAD_FILE = MeasuredScan.from_array(pattern()[None, None], delta_k=7.8e-21)
OTHER = Calibration((9.0, 9.0), 0.1, (19, 19))
LIKE = Calibration((24.0, 24.0), 0.02, (48, 48), beam_energy=300e3)
KEV = MeasuredScan.from_array(pattern()[None, None], facts={"beam_energy": 200e3})


def call(**options):
    return lambda: calibrate(SCAN, **options)


ROWS = {
    "an array": (lambda: calibrate(np.ones((2, 2, 40, 40)), 0.02), "MeasuredScan"),
    "small frames": (lambda: calibrate(SMALL, 0.02), "16 × 16 pixels"),
    "empty frames": (lambda: calibrate(EMPTY, 0.02), "shows no pattern"),
    "flat frames": (lambda: calibrate(FLAT, 0.02), "shows no pattern"),
    "no scale": (call(), "the file says nothing"),
    "impossible scale in the file": (lambda: calibrate(BAD_FILE), "which cannot be"),
    "delta_k 0": (call(delta_k=0), "delta_k is 0"),
    "delta_k negative": (call(delta_k=-0.01), "delta_k is -0.01"),
    "delta_k large": (call(delta_k=5.0), "delta_k is 5.0"),
    "delta_k text": (call(delta_k="0.01"), "delta_k is '0.01'"),
    "delta_k NaN": (call(delta_k=np.nan), "delta_k is nan"),
    "error alone": (call(delta_k_error=0.001), "without delta_k"),
    "error negative": (call(delta_k=0.02, delta_k_error=-1e-4), "delta_k_error is -0.0001"),
    "error with rings": (call(delta_k=0.02, rings="Au", delta_k_error=1e-4), "without delta_k"),
    "unknown element": (call(rings="Fe"), "rings is 'Fe'"),
    "rings empty": (call(rings=[]), "rings"),
    "one distance": (call(rings=[2.3]), "two at least"),
    "negative distance": (call(rings=[2.3, -1.0]), "all above 0"),
    "rings of text": (call(rings=["111", "200"]), "rings"),
    "rings a number": (call(rings=2.35), "rings"),
    "rings beyond the frame": (call(rings=[2.0, 1.9], delta_k=0.001), "No two of the rings"),
    "glass without its ring": (call(rings="glass"), "without first_ring"),
    "glass with delta_k": (call(rings="glass", first_ring=0.4, delta_k=0.02), "both given"),
    "first ring 0": (call(delta_k=0.02, first_ring=0), "first_ring is 0"),
    "first ring of a powder of pm": (call(delta_k=0.02, first_ring=250), "first_ring is 250"),
    "camera length alone": (call(camera_length=200), "needs pixel_size"),
    "pixel size alone": (call(pixel_size=55), "needs camera_length"),
    "camera length without energy": (call(camera_length=200, pixel_size=55), "needs beam_energy"),
    "camera length 0": (call(camera_length=0, pixel_size=55, beam_energy=2e5), "camera_length is 0"),
    "pixel size negative": (call(camera_length=9, pixel_size=-1, beam_energy=2e5), "pixel_size is -1"),
    "two scales": (call(delta_k=0.02, camera_length=200, pixel_size=55, beam_energy=2e5), "both given"),
    "rings and like": (call(rings="Au", like=LIKE), "rings and like were both given"),
    "delta_k and like": (call(delta_k=0.02, like=LIKE), "like and delta_k were both given"),
    "like a path": (call(like="gold.json"), "like is 'gold.json'"),
    "like another camera": (call(like=OTHER), r"like is of frames of \(19, 19\)"),
    "like another energy": (lambda: calibrate(KEV, like=LIKE, beam_energy=200e3), "at the same energy"),
    "beam stop a word": (call(delta_k=0.02, beam_stop="bar"), "beam_stop is 'bar'"),
    "beam stop of numbers": (call(delta_k=0.02, beam_stop=np.zeros((48, 48))), "beam_stop"),
    "beam stop of another shape": (call(delta_k=0.02, beam_stop=np.zeros((9, 9), bool)), r"\(48, 48\)"),
    "beam stop that hides all": (call(delta_k=0.02, beam_stop=np.ones((48, 48), bool)), "all but a few"),
    "descan unknown": (call(delta_k=0.02, descan="spline"), "descan is 'spline'"),
    "descan None": (call(delta_k=0.02, descan=None), "descan is None"),
    "beam energy in keV": (call(delta_k=0.02, beam_energy=200), "beam_energy is 200"),
    "semiangle 0": (call(delta_k=0.02, semiangle=0), "semiangle is 0"),
    "semiangle in degrees of a cone": (call(delta_k=0.02, semiangle=1e4), "semiangle is 10000"),
    "rotation": (call(delta_k=0.02, rotation=400), "rotation is 400"),
    "rotation text": (call(delta_k=0.02, rotation="90"), "rotation is '90'"),
    "flip": (call(delta_k=0.02, flip="yes"), "flip is 'yes'"),
    "background": (call(delta_k=0.02, background="linear"), "background is 'linear'"),
    "element": (lambda: ring_distances("gold"), "choose one of Ag"),
    "figure of a dict": (lambda: scan_calibration({}, np.ones((48, 48))), "The calibration is"),
    "figure over another frame": (lambda: scan_calibration(LIKE, np.ones((9, 9))), "mean"),
    "plot without a scan": (lambda: LIKE.plot(), "give plot"),
    "plot over a number": (lambda: LIKE.plot(3), "scan is 3"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_refused(row, in_folder):
    action, part = ROWS[row]
    assert_refused(action, part, in_folder)
