"""What objects say of themselves when they are printed, and show in a notebook."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from pyiron_nbed import Cylinder, Mesh, VolumeRange
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning import PatternSource, Prediction, Training, train
from pyiron_nbed.patterns.display import gallery


def pictures(shown):
    """The images of HTML as arrays."""
    found = re.findall(r"data:image/png;base64,([^\"]+)", shown._repr_html_())
    return [imread(io.BytesIO(base64.b64decode(data))) for data in found]


def test_mesh_says_its_pixels():
    assert str(Mesh()) == "133 × 133 pixels of 0.015 Å⁻¹ up to 1 Å⁻¹ (flat slice)"
    assert "Ewald sphere of 200000 eV, 3 × 3 points each" in str(Mesh(1.0, 0.045, 200e3, 3))
    assert eval(repr(Mesh(1.0, 0.05))) == Mesh(1.0, 0.05)


def test_dataset_shows_its_patterns_and_its_map(pattern_file):
    dataset = PatternDataset(pattern_file)
    text = repr(dataset)
    for part in (f"{len(dataset):,} patterns", "39 × 39 pixels", "Cylinder(radius=4", "scans 8 × 8 × 8",
                 "disorder_parameter", "1 structure;"):  # fmt: skip
        assert part in text
    patterns, map_ = pictures(dataset)
    assert patterns.shape[:2] == (39, 8 * 39 + 7 * 2)
    assert map_.shape[:2] == (8, 8)
    # the brightest pixel of the map is that of the highest label of the plane
    plane = dataset.plane(dataset.label())
    highest = np.unravel_index(plane.values.argmax(), plane.values.shape)
    brightness = map_[::-1, :, :3].sum(axis=-1)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == highest


def test_plane_is_the_middle_one_across_the_beam(pattern_file):
    dataset = PatternDataset(pattern_file)
    values, extent, names = dataset.plane(dataset.centers[:, 2])
    assert (values == values[0, 0]).all()
    assert names == ("x", "y")
    x = dataset.plane(dataset.centers[:, 0]).values
    assert np.diff(x, axis=1) == pytest.approx(4.0)
    assert (np.diff(x, axis=0) == 0).all()
    assert extent == pytest.approx((-2, 30, -2, 30))
    with pytest.raises(InputError, match="no scan 3"):
        dataset.plane(dataset.label(), 3)


def test_gallery_keeps_every_pattern_and_its_dark_ones():
    mesh = Mesh(1.0, 0.05)
    patterns = np.random.default_rng(0).exponential(1, (3, *mesh.shape))
    patterns[1] = 0
    shown = gallery(patterns, mesh)
    first, dark = shown[:, :39], shown[:, 41:80]
    assert np.nanmax(first) == 1
    assert np.isnan(dark).all()
    order = np.argsort(patterns[0][mesh.disc])
    assert (np.diff(first[mesh.disc][order]) >= 0).all()


def test_source_shows_its_first_patterns(rattled):
    volumes = [Cylinder(4, 12), VolumeRange("Ellipsoid", radius=(3, 6), height=(8, 16))]
    source = PatternSource([rattled], volumes, Mesh(1.0, 0.05), batch_size=8, cores=1)
    text = repr(source)
    assert "endless batches of 8 patterns" in text
    assert "2,048 atoms" in text
    assert "VolumeRange(" in text
    assert len(pictures(source)) == 1


def test_prediction_says_its_range_and_what_is_dark():
    assert "3 patterns: 0.1 to 0.3, on average 0.2 ± 0.01" in repr(
        Prediction(np.array([0.1, 0.2, 0.3]), np.full(3, 0.01))
    )
    dark = Prediction(np.array([np.nan, 0.5]), np.array([np.nan, 0.1]))
    assert repr(dark).endswith("1 are NaN")
    assert repr(Prediction(np.full(2, np.nan), np.full(2, np.nan))) == "Prediction of 2 patterns; 2 are NaN"
    two = Prediction(np.array([[0.1, 5.0], [0.3, 7.0]]), np.ones((2, 2)))
    assert "[0.1 5. ] to [0.3 7. ]" in repr(two)


def test_settings_say_what_is_not_the_default():
    assert repr(Training()) == "Training()"
    training = Training(network="cnn", weights=None, epochs=3)
    assert repr(training) == "Training(network='cnn', weights=None, epochs=3)"
    assert eval(repr(training)) == training


def test_trained_model_reports_in_a_few_lines(pattern_file):
    training = Training(network="cnn", weights=None, epochs=1, device="cpu")
    trained = train(PatternDataset(pattern_file), training)
    table = trained.report()
    assert table["model"].unique().tolist() == ["network", "constant", "ridge", "boosting"]
    assert table.columns.tolist() == ["model", "patterns", "n", "rmse", "interval", "mae", "r2", "bias"]
    found = trained.model.card["metrics"]
    assert table["rmse"][0] == pytest.approx(found["rmse"], abs=1e-4)
    text = repr(trained)
    assert len(text.splitlines()) <= 12
    assert f"RMSE {found['rmse']:.4f}" in text
    assert f"cnn predicts disorder_parameter from patterns of {trained.model.mesh}" in repr(trained.model)
