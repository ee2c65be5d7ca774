import numpy as np
import pytest

from pyiron_nbed import Mesh, figures
from pyiron_nbed.experiment import scan_observables

MESH = Mesh(1.0, 0.05)


@pytest.fixture(scope="module")
def found():
    k = MESH.k
    bright = np.exp(-((k - 0.42) ** 2) / 0.005) + 0.1
    patterns = np.random.default_rng(0).poisson(40 * bright, (24, *MESH.shape))
    return scan_observables(
        patterns, MESH, (4, 6), regions={"left": np.arange(24) % 6 < 3}, electrons_per_unit=1
    )


def test_maps_show_the_numbers_with_their_units(found):
    d = np.arange(24.0).reshape(4, 6)
    figure = figures.plot_observables(found, step=2.0, disorder=d)
    panels = [axis for axis in figure.axes if axis.images]
    assert np.array_equal(panels[0].images[0].get_array(), d)
    assert np.array_equal(panels[1].images[0].get_array(), found.total)
    assert panels[0].images[0].get_extent() == [-1, 11, -1, 7]
    titles = [axis.get_title() for axis in panels]
    assert "radius of the first ring" in titles
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert {"%", "Å$^{-1}$", "y (Å)"} <= set(labels)
    strain = panels[titles.index("larger principal strain")].images[0]
    assert strain.norm.vmin == -strain.norm.vmax


def test_names_and_positions(found):
    figure = figures.plot_observables(found, ["strain_angle", "symmetry 4 in 0.4-0.5"])
    assert figure.axes[0].get_ylabel() == "y (position)"
    assert any("|I_n|" in axis.get_ylabel() for axis in figure.axes)


def test_variance_draws_each_region_with_its_band(found):
    figure = figures.plot_variance(found, ("image", "annular_mean"), k_min=0.2)
    upper = figure.axes[0]
    lines = [line for line in upper.lines if len(line.get_xdata()) > 2]
    assert [line.get_label() for line in lines] == ["all", "left"]
    v, error = found.curve("left", "image")
    own = found.k >= 0.2
    assert np.array_equal(lines[1].get_ydata(), v[own])
    band = upper.collections[1].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx((v + 1.645 * error)[own].max())
    assert "less the shot noise" in upper.get_legend().get_title().get_text()
