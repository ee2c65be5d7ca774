"""Patterns of a measured scan: what is read, what a model, a recipe and the writers of files make of it."""

import json

import h5py
import numpy as np
import pytest
import torch

from pyiron_nbed import Mesh
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.experiment import Calibration, Descan, MeasuredScan, PreparedPatterns, prepare
from pyiron_nbed.learning.model import Model
from pyiron_nbed.patterns import Recipe
from pyiron_nbed.patterns.stack import array_stack

MESH = Mesh(0.9, 0.1, integrate=5)
RECIPE = Recipe.experiment(MESH, k_min=0.15)
FRAMES = np.random.default_rng(2).poisson(20, (3, 5, 64, 66)).astype(np.uint16)
CAL = Calibration(
    (32.0, 31.5), 0.031, (64, 66), (3, 5), 0.02, 20, 5, descan=Descan("plane", [[0.1, 0], [0, 0.2]])
)


def scan(frames=FRAMES, **options):
    return MeasuredScan.from_array(frames, **{"step": 4.0, "facts": {"sample": "glass"}, **options})


def prepared(cal=CAL, recipe=RECIPE, **options):
    return prepare(scan(), cal, recipe, **options)


class MeanOfImage(torch.nn.Module):
    """A network whose output is the mean of the image."""

    def forward(self, images):
        return images.mean(dim=(1, 2, 3))[:, None]


def model(recipe=RECIPE):
    card = {
        "recipe": recipe.as_dict(), "labels": ["disorder"], "n_parameters": 1, "network": "mean",
        "scale": {"mean": [0.0], "standard_deviation": [1.0]},
    }  # fmt: skip
    return Model([MeanOfImage()], card)


def test_the_stack_reads_what_is_looked_at():
    patterns = prepared()
    assert isinstance(patterns, PreparedPatterns)
    assert patterns.shape == (3, 5)
    assert len(patterns) == 15
    everything = patterns.array(progress=False)
    assert everything.shape == (3, 5, *MESH.shape)
    assert everything.dtype == np.float32
    np.testing.assert_array_equal(patterns[1, 2], everything[1, 2])
    np.testing.assert_array_equal(patterns[-1, -5], everything[2, 0])
    np.testing.assert_array_equal(patterns[1], everything[1])
    np.testing.assert_array_equal(patterns[:, 1:4:2], everything[:, 1:4:2])
    np.testing.assert_array_equal(patterns[::-1, 4], everything[::-1, 4])
    flat = everything.reshape(15, *MESH.shape)
    np.testing.assert_array_equal(patterns.flat[[14, 2, 3, 4, 5, 2]], flat[[14, 2, 3, 4, 5, 2]])
    np.testing.assert_array_equal(np.asarray(patterns.flat), flat)
    assert patterns.flat[[]].shape == patterns.flat[3:3].shape == (0, *MESH.shape)
    blocks = list(patterns.blocks(4))
    assert [start for start, _ in blocks] == [0, 4, 8, 12]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), flat)
    with pytest.raises(IndexError):
        patterns[3, 0]
    with pytest.raises(IndexError):
        patterns[0, 0, 0]
    with pytest.raises(IndexError):
        patterns.flat[15]


def test_the_centre_of_each_position_is_used():
    x, y = np.meshgrid(np.arange(66), np.arange(64))
    frames = np.zeros((3, 5, 64, 66))
    for iy, ix in np.ndindex(3, 5):
        u, v = CAL.to_pixels(0.3, -0.2, iy, ix)
        frames[iy, ix] = np.exp(-((x - u) ** 2 + (y - v) ** 2) / 8)
    for pattern in prepare(scan(frames), CAL, RECIPE).array(progress=False).reshape(15, *MESH.shape):
        weight = pattern * RECIPE.mask
        assert np.sum(weight * MESH.axis) / weight.sum() == pytest.approx(0.3, abs=0.004)
        assert np.sum(weight * MESH.axis[:, None]) / weight.sum() == pytest.approx(-0.2, abs=0.004)


def test_what_is_known_stays_with_the_patterns():
    hot = np.zeros((64, 66), bool)
    hot[10, 40] = True
    bar = np.zeros((64, 66), bool)
    bar[29:34, 30:] = True
    patterns = prepared(CAL.replaced(hot=hot, hidden=bar, background=np.ones(40)), background=True)
    known = patterns.facts
    assert known["pixels_wanted"] == RECIPE.mask.sum() == patterns.mask.sum()
    assert 3 < known["pixels_from_friedel"] < 20
    assert (
        known["pixels_seen"] + known["pixels_from_friedel"] + known["pixels_from_ring"]
        == known["pixels_wanted"]
    )
    assert known["background_subtracted"] is True
    origin = json.loads(known["provenance"])
    assert origin["scan"]["sample"] == "glass"
    assert Recipe.from_dict(origin["recipe"]) == RECIPE
    assert Calibration.from_dict(origin["calibration"]) == patterns.calibration
    assert known["input_hash"] == prepared(patterns.calibration, background=True).facts["input_hash"]
    assert known["input_hash"] != prepared(patterns.calibration).facts["input_hash"]
    assert "from −k" in repr(patterns)
    assert patterns.grid.map(np.arange(15)).tolist() == np.arange(15).reshape(3, 5).tolist()
    assert patterns.grid.step == (4.0, 4.0)
    assert prepare(scan(step=None), CAL, RECIPE).axes[0].units is None
    assert set(patterns.coverage) >= {(0, 0), (0, 4), (2, 0), (2, 4)}
    np.testing.assert_allclose(
        patterns.array(progress=False)[..., patterns.mask],
        np.maximum(prepared(patterns.calibration)[:][..., patterns.mask] - 1, 0), atol=1e-5,
    )  # fmt: skip


def test_a_model_predicts_from_the_stack():
    patterns = prepared()
    flat = patterns.array(progress=False).reshape(15, *MESH.shape)
    found = model().predict(patterns, batch_size=4)
    np.testing.assert_allclose(found.mean, model().predict(flat).mean, rtol=1e-6)
    np.testing.assert_allclose(model().predict(patterns, rows=[7, 3]).mean, found.mean[[7, 3]], rtol=1e-6)
    np.testing.assert_allclose(found.mean, patterns.images().mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(patterns.images([3, 9]), RECIPE.images(flat[[3, 9]]))
    np.testing.assert_array_equal(patterns.images([3, 9]), RECIPE.images(patterns.flat)[[3, 9]])
    # what a model looks at must have been seen
    model(Recipe.experiment(MESH, k_min=0.25)).predict(patterns)
    with pytest.raises(ModelError, match="k_min"):
        model(Recipe.experiment(MESH, k_min=0.1)).predict(patterns)
    with pytest.raises(ModelError, match="trained on"):
        model(Recipe.experiment(Mesh(0.9, 0.1))).predict(patterns)


def test_a_stack_of_an_array_is_looked_at_in_the_same_way():
    array = np.random.default_rng(0).random((2, 3, 4, *MESH.shape))
    stack, flat = array_stack(array, MESH), array.reshape(24, *MESH.shape)
    np.testing.assert_array_equal(stack.flat[5:20], flat[5:20])
    np.testing.assert_array_equal(stack[1, :, 2], array[1, :, 2])
    np.testing.assert_array_equal(array_stack(array[0, 0, 0], MESH).flat[0], array[0, 0, 0])
    np.testing.assert_allclose(
        model(Recipe.simulation(MESH)).predict(stack).mean,
        model(Recipe.simulation(MESH)).predict(flat).mean, rtol=1e-6,
    )  # fmt: skip


def test_files_of_hyperspy_and_py4dstem_take_the_stack(in_folder):
    patterns = prepared()
    everything = patterns.array(progress=False)
    write_py4dstem("a.h5", patterns, metadata={"run": 3})
    with h5py.File("a.h5") as file:
        cube = file["datacube_root/datacube"]
        np.testing.assert_array_equal(cube["data"][:], everything)
        assert cube["data"].attrs["units"] == "counts per camera pixel"
        assert cube["metadatabundle/pyiron_nbed/run"][()] == 3
    pytest.importorskip("rsciio")
    write_hyperspy("a.hspy", patterns)
    with h5py.File("a.hspy") as file:
        np.testing.assert_array_equal(next(iter(file["Experiments"].values()))["data"][:], everything)
    with pytest.raises(InputError, match="leave these out"):
        write_hyperspy("b.hspy", patterns, step=3.0)
    assert not (in_folder / "b.hspy").exists()


def test_other_energies_points_and_an_unknown_energy_are_said():
    with pytest.warns(UserWarning, match="curvature of the Ewald sphere"):
        prepared(CAL.replaced(beam_energy=300e3), Recipe.experiment(Mesh(0.9, 0.1, 200e3, 5), 0.15))
    with pytest.warns(UserWarning, match="one of points"):
        prepared(recipe=Recipe.experiment(Mesh(0.9, 0.1), 0.15))
    with pytest.warns(UserWarning, match="no beam energy"):
        prepared(CAL.replaced(semiangle=1.0))


def test_a_calibration_without_descan_serves_other_scans():
    cal = Calibration((32.0, 31.5), 0.031, (64, 66), (100, 7))
    patterns = prepare(scan(), cal, RECIPE)
    assert patterns.calibration.scan_shape == (3, 5)
    assert list(patterns.coverage) == [(0, 0)]
