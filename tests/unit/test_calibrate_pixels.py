"""Beam stops, hot and dead pixels: found where they are, and nowhere else."""

import numpy as np
import pytest
from made_patterns import DELTA_K, bar, distances, glass, glass_scan

from pyiron_nbed.experiment import MeasuredScan, calibrate
from pyiron_nbed.experiment.defects import find_defects
from pyiron_nbed.experiment.radial_fit import Shape
from pyiron_nbed.experiment.stop import find_hidden


def with_defects(seed):
    rng = np.random.default_rng(seed)
    frames, _, hidden = glass_scan(rng, "none")
    clean = frames.mean(axis=(0, 1))
    bad = rng.choice(133 * 133, 120, replace=False)
    hot, dead = (np.zeros((133, 133), bool) for _ in range(2))
    hot.flat[bad[:60]] = dead.flat[bad[60:]] = True
    frames[..., hot] = rng.poisson(3 * clean.max(), frames[..., hot].shape)
    frames[..., dead] = 0
    frames[:, :, 97] = 0
    dead[97] = True
    return frames, clean, hot & ~dead, dead, hidden


def test_hot_and_dead_pixels_and_a_dead_row():
    found = lost = wrong = 0
    for seed in range(3):
        frames, clean, hot, dead, hidden = with_defects(seed)
        cal = calibrate(MeasuredScan.from_array(frames), DELTA_K, descan="none")
        seen = ~hidden & ~cal.hidden
        bad = (hot | dead) & seen
        found += (bad & ~cal.mask).sum()
        lost += (bad & cal.mask).sum()
        wrong += (~cal.mask & ~(hot | dead) & seen).sum()
        assert cal.facts["dead_rows"] == [97]
        assert (cal.hot & dead).sum() == 0
        # rings of the frame as it is, without the pixels that were told, are those of the clean one
        ring = np.rint(
            np.hypot(*(np.indices((133, 133))[::-1] - np.array(cal.center)[:, None, None]))
        ).astype(int)
        good = cal.mask & seen
        chosen = ring[good]
        for values, weights in ((frames.mean(axis=(0, 1)), good),):
            means = np.bincount(chosen, values[weights]) / np.maximum(np.bincount(chosen), 1)
            truth = np.bincount(chosen, clean[weights]) / np.maximum(np.bincount(chosen), 1)
        np.testing.assert_allclose(means[12:60], truth[12:60], rtol=0.005)
    assert found >= 0.99 * (found + lost)
    assert wrong <= 5


def spots(shape, places, sigma, height):
    """Reflections that are blurred by the point spread of a camera, averaged over pixels."""
    from scipy.special import erf

    image = np.zeros(shape)
    for y, x in places:
        edges = [
            (np.arange(n + 1) - 0.5 - c) / (np.sqrt(2) * sigma) for n, c in zip(shape, (y, x), strict=True)
        ]
        rows, columns = (np.diff(erf(edge)) / 2 for edge in edges)
        image += height * rows[:, None] * columns[None, :]
    return image


@pytest.mark.parametrize("sigma", [0.4, 0.6, 1.0])
def test_no_reflection_is_taken_for_a_hot_pixel(sigma):
    rng = np.random.default_rng(2)
    places = rng.uniform(8, 124, (200, 2))
    values = 20 * glass(distances(133, (66, 66))) + spots((133, 133), places, sigma, 2000)
    # everywhere in the scan, as of a single crystal
    found = find_defects(rng.poisson(values).astype(float))
    assert not found.hot.any()
    assert not found.dead.any()


def test_a_reflection_sharper_than_a_pixel_at_few_positions_is_kept():
    rng = np.random.default_rng(3)
    frames = rng.poisson(5 * glass(distances(133, (66, 66))), (8, 8, 133, 133)).astype(np.uint16)
    frames[2:4, 2:4, 40, 50] = 3000  # one pixel, at four of 64 positions
    frames[:, :, 80, 30] = 400  # hot everywhere
    cal = calibrate(MeasuredScan.from_array(frames), DELTA_K)
    assert np.argwhere(cal.hot).tolist() == [[80, 30]]


def test_single_electrons_of_a_dark_frame_are_not_hot():
    frame = np.random.default_rng(4).poisson(0.05, (200, 200)).astype(float)
    assert not find_defects(frame).hot.any()


def test_a_stuck_pixel_is_dead():
    rng = np.random.default_rng(5)
    frames = rng.poisson(50.0, (30, 64, 64)).astype(float)
    frames[:, 10, 20] = 50
    found = find_defects(frames.mean(axis=0), frames.var(axis=0), 30)
    assert np.argwhere(found.dead).tolist() == [[10, 20]]


def test_two_dead_rows_and_a_dead_column():
    frame = np.random.default_rng(6).poisson(40 * glass(distances(133, (66, 66)))).astype(float)
    frame[30:32] = 0
    frame[:, 77] = 0
    found = find_defects(frame)
    assert found.rows == [30, 31]
    assert found.columns == [77]
    assert found.dead.sum() == 2 * 133 + 133 - 2


def test_saturated_pixels_are_told():
    values = glass(distances(133, (66, 66)), beam=1000)
    frame = np.minimum(np.random.default_rng(7).poisson(200 * values), 65535).astype(np.uint16)
    with pytest.warns(UserWarning, match="may be saturated"):
        cal = calibrate(MeasuredScan.from_array(frame[None, None]), DELTA_K)
    assert cal.facts["saturated"] == int((frame == 65535).sum()) > 0
    assert cal.hot is None or not cal.hot.any()


def shapes():
    y, x = np.mgrid[:133, :133] - 66.0
    turned = np.cos(0.5) * x + np.sin(0.5) * y
    return {
        "bar": bar(133, (66, 66)),
        "disc": np.hypot(x, y) < 9,
        "slanted bar": (np.abs(-np.sin(0.5) * x + np.cos(0.5) * y) < 5) & (turned < 6),
        "bar across": np.abs(x) < 6,
        "needle with a head": (np.hypot(x + 1, y) < 11) | ((np.abs(y - 2) < 2.5) & (x > 0)),
    }


@pytest.mark.parametrize("name", shapes())
@pytest.mark.parametrize("dose", [1e5, 1e7])
def test_stops_of_any_shape(name, dose):
    hidden = shapes()[name]
    values = glass(distances(133, (66, 66)), beam=200) * np.where(hidden, 0.004, 1)
    frame = np.random.default_rng(8).poisson(values / values.sum() * dose).astype(float)
    found = find_hidden(frame, np.ones((133, 133), bool), Shape(66.5, 65.7))
    assert (found & hidden).sum() >= 0.98 * hidden.sum()
    assert (
        found.sum() < hidden.sum() + 4 * np.count_nonzero(np.logical_xor(hidden, np.roll(hidden, 1, 1))) + 400
    )


@pytest.mark.parametrize("dose", [1e5, 1e7])
@pytest.mark.parametrize("beam", [0.0, 300.0])
def test_nothing_is_hidden_without_a_stop(dose, beam):
    values = glass(distances(133, (66, 66), 0.03, 20.0), beam=beam)
    frame = np.random.default_rng(9).poisson(values / values.sum() * dose).astype(float)
    assert not find_hidden(frame, np.ones((133, 133), bool), Shape(66.4, 65.7)).any()


def test_a_round_field_of_view_is_found():
    rho = distances(133, (66, 60))
    outside = distances(133, (64, 68)) > 58
    values = np.where(outside, 0.0, glass(rho))
    frame = np.random.default_rng(10).poisson(values / values.sum() * 1e7).astype(float)
    cal = calibrate(MeasuredScan.from_array(frame[None, None]), DELTA_K)
    assert np.hypot(cal.center[0] - 66, cal.center[1] - 60) < 0.15
    assert (cal.hidden & outside).sum() > 0.99 * outside.sum()
    assert (cal.hidden & (distances(133, (64, 68)) < 55)).sum() == 0


def test_a_given_stop_is_taken_as_it_is():
    hidden = bar(133, (66, 66), width=20)
    frame = np.random.default_rng(11).poisson(20 * glass(distances(133, (66, 66)))).astype(float)
    cal = calibrate(MeasuredScan.from_array(frame[None, None]), DELTA_K, beam_stop=hidden)
    assert np.array_equal(cal.hidden, hidden)
    assert calibrate(MeasuredScan.from_array(frame[None, None]), DELTA_K, beam_stop=None).hidden is None
