import numpy as np
import pytest

from pyiron_nbed import Mesh, figures
from pyiron_nbed.errors import InputError


def drawn(figure, path):
    figure.savefig(path)
    assert path.stat().st_size > 5000
    return [axis.get_xlabel() for axis in figure.axes] + [axis.get_ylabel() for axis in figure.axes]


def test_figures_have_units_on_their_axes(in_folder):
    random = np.random.default_rng(0)
    mesh = Mesh(1.0, 0.05)
    patterns = random.exponential(10, (5, *mesh.shape))
    drawn(figures.pattern_gallery(patterns, np.linspace(0, 1, 5), mesh), in_folder / "a.png")
    true = random.random(500)
    labels = drawn(figures.parity(true, true + 0.01 * random.normal(size=500)), in_folder / "b.png")
    assert any("true" in label for label in labels)
    position = np.arange(20.0)
    labels = drawn(figures.prediction_profile(position, true[:20], true[:20]), in_folder / "c.png")
    assert any("Å" in label for label in labels)
    maps = [random.random((6, 8)), random.random((6, 8))]
    labels = drawn(figures.disorder_maps(maps, ["a", "b"], (0, 20, 0, 15)), in_folder / "d.png")
    assert "x (Å)" in labels
    with pytest.raises(InputError):
        figures.disorder_maps(maps, ["a"], (0, 1, 0, 1))


def test_parity_of_equal_values(in_folder):
    drawn(figures.parity(np.full(5, 0.5), np.full(5, 0.5)), in_folder / "e.png")


def test_figures_of_complexions(in_folder):
    profile = {
        "position": np.arange(40.0),
        "minority_fraction": np.full(40, 0.1),
        "disorder": np.full(40, 0.5),
    }
    labels = drawn(figures.composition_profile(profile), in_folder / "f.png")
    assert {"x (Å)", "Zr (at.%)"} <= set(labels)
    names = ("step", "chemical_potential", "zr_fraction", "acceptance")
    history = {name: np.linspace(1, 2, 9) for name in names}
    labels = drawn(figures.control_history(history, 0.1), in_folder / "g.png")
    assert {"MD step", "Δμ (eV)", "accepted (%)", "composition (at.%)"} <= set(labels)
