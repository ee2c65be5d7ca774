"""Figures of trained networks show the numbers that they were given."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pyiron_nbed import figures
from pyiron_nbed.errors import InputError


def texts(axis):
    legend = axis.get_legend()
    return [text.get_text() for text in [*axis.texts, *(legend.get_texts() if legend else [])]]


@pytest.fixture
def pairs():
    """Crystal, ACTR and interior of known spread and error."""
    random = np.random.default_rng(2)
    regions = np.repeat(["crystal", "ACTR", "interior"], [900, 600, 1500])
    true = np.concatenate(
        [0.02 * random.random(900), random.random(600), 0.8 + 0.03 * random.normal(size=1500)]
    )
    return true, true + np.repeat([0.01, 0.05, 0.03], [900, 600, 1500]) * random.normal(size=3000), regions


def test_parity_contours_hold_the_shares(pairs, in_folder):
    true, predicted, regions = pairs
    figure = figures.parity(true, predicted)
    axis = figure.axes[0]
    rmse = np.sqrt(((predicted - true) ** 2).mean())
    assert f"RMSE = {rmse:.4f}" in texts(axis)[0]
    paths = axis.collections[-1].get_paths()
    points = np.column_stack([true, predicted])
    for path, share in zip(paths, (0.9, 0.5), strict=True):
        # compound paths: a point inside an odd number of closed lines is inside
        inside = sum(part.contains_points(points).astype(int) for part in split(path)) % 2
        assert inside.mean() == pytest.approx(share, abs=0.05)
    figure.savefig(in_folder / "parity.png")
    by_region = figures.parity(true, predicted, regions=regions).axes[0]
    own = regions == "interior"
    error = predicted[own] - true[own]
    mse = (error**2).mean()
    expected = f"interior: RMSE {np.sqrt(mse):.4f}, skill {1 - mse / true[own].var():.2f}"
    assert expected.replace("-", "−") in texts(by_region)
    with pytest.raises(InputError, match="for 3000 labels"):
        figures.parity(true, predicted, regions=["ACTR", "ACTR"])


def split(path):
    from matplotlib.path import Path

    starts = np.flatnonzero(path.codes == Path.MOVETO)
    ends = np.append(starts[1:], len(path.codes))
    return [Path(path.vertices[a:b]) for a, b in zip(starts, ends, strict=True)]


def test_learning_curves(in_folder):
    rows = [
        {
            "member": m,
            "epoch": e,
            "loss": 1 / e - 0.2 * m,
            "mae": 0.1 / e,
            "learning_rate": 1e-3 / (1 + e // 20),
        }
        for m in (0, 1)
        for e in range(1, 41)
    ]
    figure = figures.learning_curves(pd.DataFrame(rows), "q6")
    loss, mae, rate = figure.axes
    assert [len(axis.lines) for axis in figure.axes] == [2, 2, 2]
    assert loss.get_yscale() == "linear"  # below 0 for one member
    assert mae.get_yscale() == "log"
    assert mae.get_ylabel() == "MAE of\nq6"
    assert rate.lines[0].get_drawstyle() == "steps-post"
    figure.savefig(in_folder / "history.png")
    with pytest.raises(InputError, match="lacks"):
        figures.learning_curves(pd.DataFrame({"epoch": [1]}))


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_calibration_of_normal_errors(factor, in_folder):
    """Uncertainties that are wrong by a factor f: an interval of p holds 2 Φ(f Φ⁻¹((1 + p)/2)) − 1."""
    spread = np.random.default_rng(1).uniform(0.01, 0.03, 20_000)
    error = np.random.default_rng(0).normal(size=20_000) * spread
    figure = figures.calibration_plot(np.zeros(20_000), error, factor * spread)
    observed = figure.axes[0].lines[1].get_ydata()
    p = np.linspace(0, 1, 101)[:-1]
    assert observed[:-1] == pytest.approx(2 * norm.cdf(factor * norm.ppf((1 + p) / 2)) - 1, abs=0.012)
    rms = factor * np.sqrt((spread**2).mean())
    assert any(f"{rms:.4f}" in text for text in texts(figure.axes[1]))
    figure.savefig(in_folder / "calibration.png")


def test_calibration_refuses_uncertainties_of_0():
    with pytest.raises(InputError, match="above 0"):
        figures.calibration_plot(np.zeros(3), np.ones(3), np.array([1, 0, 1]))


def test_heat_map_of_geometries(in_folder):
    rows = [
        {"radius": r, "height": h, "network": n, "rmse": 0.01 * r / h + s * 1e-3, "skill_interior": -0.1 * r}
        for r in (3, 5.5)
        for h in (10, 20, 30)
        for n in ("cnn", "resnet18")
        for s in (0, 2)
        if (r, h, n) != (3, 30, "cnn")
    ]
    figure = figures.geometry_heatmap(pd.DataFrame(rows))
    cnn, resnet = figure.axes[:2]
    assert (cnn.get_title(), resnet.get_title()) == ("cnn", "resnet18")
    grid = np.asarray(cnn.images[0].get_array(), float)
    assert grid[:2] == pytest.approx(np.array([[0.004, 0.0065], [0.0025, 0.00375]]))  # mean over the seeds
    assert np.isnan(grid[2, 0])
    assert "–" in texts(cnn)
    assert [label.get_text() for label in resnet.get_xticklabels()] == ["3", "5.5"]
    figure.savefig(in_folder / "rmse.png")
    value = "skill_interior"
    skill = figures.geometry_heatmap(pd.DataFrame(rows), value)
    assert skill.get_suptitle() == "skill, interior only"
    low, high = skill.axes[0].images[0].get_clim()
    assert low == -high
    skill.savefig(in_folder / "skill.png")
    failed = figures.geometry_heatmap(pd.DataFrame([*rows, {**rows[0], "network": "mlp", value: -40}]), value)
    assert failed.axes[0].images[0].get_clim() == (-1, 1)
    assert "−40.00" in texts(failed.axes[2])
    with pytest.raises(InputError, match="nothing to draw"):
        figures.geometry_heatmap(pd.DataFrame(rows), "skill_ACTR")


def test_profile_with_interval_and_regions(in_folder):
    x = np.arange(0.0, 100, 2)
    true = np.where((x > 30) & (x < 60), 0.8, 0.05)
    regions = [
        {"type": "interior", "start": 30, "end": 60},
        {"type": "crystal", "start": 65, "end": 125},  # across the edge of the cell
    ]
    figure = figures.prediction_profile(
        x, true, true, standard_uncertainty=np.full(50, 0.1), regions=regions, length=100
    )
    axis = figure.axes[0]
    inverse = axis.transData.inverted()
    spans = sorted(tuple(p.get_extents().transformed(inverse).intervalx) for p in axis.patches)
    assert np.array(spans) == pytest.approx(np.array([[0, 25], [30, 60], [65, 100]]), abs=0.01)
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(0.8 + 0.16449, abs=1e-4)
    figure.savefig(in_folder / "profile.png")
    with pytest.raises(InputError, match="give one of each"):
        figures.prediction_profile(x, true, true[:-1])


def test_few_patterns_are_drawn_as_points_and_those_in_no_region_are_named():
    random = np.random.default_rng(0)
    true = random.random(499)
    predicted = true + 0.1 * random.normal(size=499)
    assert not figures.parity(true, predicted).axes[0].collections
    regions = np.repeat(["crystal", "none"], [250, 249])
    axis = figures.parity(true, predicted, regions=regions).axes[0]
    assert not axis.collections
    assert [len(line.get_xdata()) for line in axis.lines[:2]] == [250, 249]
    assert [text.split(":")[0] for text in texts(axis)[1:]] == ["crystal", "outside the regions"]
    true, predicted = random.random(500), random.random(500)
    assert figures.parity(true, predicted).axes[0].collections


def test_a_density_is_no_wider_than_what_it_shows():
    random = np.random.default_rng(0)
    true, predicted = random.random(3000), 0.5 + 0.01 * random.normal(size=3000)
    contours = figures.parity(true, predicted).axes[0].collections[-1]
    heights = np.concatenate([path.vertices[:, 1] for path in contours.get_paths()])
    assert heights.min() > 0.44
    assert heights.max() < 0.56


def test_losses_say_their_unit_and_whose_they_are(in_folder):
    rows = [
        {"member": 0, "epoch": e, "loss": 1 / e, "mae": 0.1 / e, "learning_rate": 1e-3,
         "validation_loss": 2 / e, "validation_mae": 0.2 / e}
        for e in (1, 2, 3)
    ]  # fmt: skip
    figure = figures.learning_curves(pd.DataFrame(rows), loss="huber")
    assert figure.axes[0].get_ylabel() == "loss\nHuber of error / σ of label"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    order = figures.learning_curves(pd.DataFrame(rows), target="order")
    assert order.axes[0].get_ylabel() == "loss\n|error|"
    with pytest.raises(InputError, match="loss is 'l2'"):
        figures.learning_curves(pd.DataFrame(rows), loss="l2")
