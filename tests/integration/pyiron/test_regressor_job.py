"""NBEDRegressor: endless sources, warm starts, going on after a kill."""

import signal
import subprocess
import sys
import time

import numpy as np
import pint
import pytest
import torch
from safetensors.torch import load_file

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.diffraction.volumes import VolumeRange
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.patterns import DetectorEffects, Recipe

CODE = """
import sys
from pyiron_base import Project
import pyiron_nbed
fit = Project(sys.argv[1]).create.job.NBEDRegressor("fit")
fit.datasets = [sys.argv[2]]
fit.input.update({"network": "cnn", "weights": None, "epochs": 12, "batch_size": 16, "split": "random"})
fit.run()
"""


def small(fit, **values):
    fit.input.update({"network": "cnn", "weights": None, "epochs": 2, "steps_per_epoch": 4, "batch_size": 16})
    fit.input.update(values)
    return fit


def test_parts_of_a_training_take_quantities(project, pattern_file):
    units = pint.UnitRegistry()
    fit = small(project.create.job.NBEDRegressor("fit"), split="random", baselines=False)
    fit.datasets = [pattern_file]
    fit.input.recipe = {"k_min": 1 / units.nm, "unit": (3 / units.nm, 6 / units.nm)}
    fit.input.detector = {"beam_stop": [0 / units.nm, 1 / units.nm]}
    fit.run()
    fit = project.load("fit")
    assert fit.model.recipe.k_min == pytest.approx(0.1)
    assert fit.model.card["training"]["detector"]["beam_stop"] == pytest.approx([0, 0.1])


def test_endless_patterns_of_structures_then_a_warm_start(project, rattled, pattern_file):
    fit = small(project.create.job.NBEDRegressor("endless"), label=["disorder_parameter", "q6"])
    fit.sources = rattled
    fit.input.volumes = [Cylinder(4, 12), VolumeRange("Cylinder", (3, 5), (10, 14))]
    fit.input.mesh = Mesh(1.0, 0.05)
    with pytest.raises(InputError, match="test_datasets"):
        fit.run()
    fit.test_datasets = [pattern_file]
    fit.input.detector = {"blur": [0.0, 0.5]}
    fit.run()
    fit = project.load("endless")
    card = fit.model.card
    assert card["source"]["volumes"][1]["type"] == "VolumeRange"
    assert card["ranges"]["radius"][0] >= 3
    assert card["ranges"]["height"][1] <= 14
    low, high = card["ranges"]["q6"]
    assert 0 < low < high < 1
    assert card["split"]["n_test"] == len(PatternDataset(pattern_file))
    assert fit.predict(str(pattern_file)).mean.shape == (card["split"]["n_test"], 2)
    assert len(fit.get_history()) == 2
    row = project.nbed.compare().iloc[0]
    assert row["volume"] == "; ".join(
        str(volume) for volume in (Cylinder(4.0, 12.0), VolumeRange("Cylinder", (3, 5), (10, 14)))
    )
    assert np.isnan(row["radius"])
    assert row["n_train"] == 2 * 4 * 16

    tuned = small(project.create.job.NBEDRegressor("tuned"), weights=fit, frozen=3, split="random", epochs=1)
    tuned.datasets = [pattern_file]
    tuned.run()
    start, end = (load_file(job.folder / "model.safetensors") for job in (fit, tuned))
    assert torch.equal(start["6.weight"], end["6.weight"])
    assert not torch.equal(start["10.weight"], end["10.weight"])
    assert end["12.weight"].shape == (1, 64)


def test_recipe_and_detector_of_a_job(project, pattern_file):
    mesh = PatternDataset(pattern_file).mesh
    recipe = Recipe(mesh, k_min=0.1, unit=(0.3, 0.6))
    fit = small(project.create.job.NBEDRegressor("seen"), split="random", recipe=recipe)
    fit.input.detector = DetectorEffects(dose=(1e3, 1e5), beam_stop=0.1)
    fit.datasets = [pattern_file]
    fit.run()
    loaded = project.load("seen")
    assert loaded.model.recipe == recipe
    assert loaded.model.card["training"]["detector"]["dose"] == [1e3, 1e5]
    assert loaded.model.card["metrics"]["rmse"] != loaded.model.card["metrics_without_effects"]["rmse"]
    for name, match in (("measured", "measured"), ({"kmin": 1}, "kmin"), (Recipe.simulation(), "same mesh")):
        other = small(project.create.job.NBEDRegressor("other"), split="random", recipe=name)
        other.datasets = [pattern_file]
        with pytest.raises(InputError, match=match):
            other.run()
    tuned = small(project.create.job.NBEDRegressor("tuned_otherwise"), split="random", weights=loaded)
    tuned.datasets = [pattern_file]
    with pytest.raises(ModelError, match="k_min"):
        tuned.run()
    assert tuned.status.initialized


def test_neither_or_both_of_datasets_and_structures_are_refused(project, rattled, pattern_file):
    fit = small(project.create.job.NBEDRegressor("fit"))
    with pytest.raises(InputError, match=r"no datasets.*job.sources"):
        fit.run()
    fit.datasets, fit.sources = [pattern_file], rattled
    with pytest.raises(InputError, match="both datasets and sources"):
        fit.run()
    fit = small(project.create.job.NBEDRegressor("fit2"))
    fit.structure, fit.test_datasets = rattled, [pattern_file]
    with pytest.raises(InputError, match=r"input\.volumes"):
        fit.run()
    assert len(project.job_table()) == 0


@pytest.mark.slow
def test_a_killed_job_goes_on_and_ends_as_if_it_had_not_been(project, pattern_file):
    from pyiron_base import Project

    arguments = [sys.executable, "-c", CODE]
    process = subprocess.Popen([*arguments, project.path, str(pattern_file)])
    folder = project.path + "fit_hdf5/fit/"
    begin = time.monotonic()
    while True:
        try:
            state = torch.load(folder + "checkpoint.pt", weights_only=True)["current"]
            if state["epoch"] > 3:
                break
        except (FileNotFoundError, RuntimeError, TypeError):
            pass
        assert process.poll() is None
        assert time.monotonic() - begin < 200
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert project.load("fit").status.string in ("running", "aborted")
    again = small(project.create.job.NBEDRegressor("fit"), epochs=12, split="random")
    again.datasets = [pattern_file]
    again.run()
    cut = project.load("fit")
    assert cut.status.finished
    whole = Project(project.path + "whole")
    fit = small(whole.create.job.NBEDRegressor("fit"), epochs=12, split="random")
    fit.datasets = [pattern_file]
    fit.run()
    one, two = (load_file(job.folder / "model.safetensors") for job in (cut, whole.load("fit")))
    assert all(torch.equal(one[name], two[name]) for name in one)
    tests = [job.get_test() for job in (cut, whole.load("fit"))]
    assert np.array_equal(tests[0]["predicted"], tests[1]["predicted"])


def test_the_preset_is_stored_value_by_value_and_the_user_has_the_last_word(project, pattern_file):
    fit = project.create.job.NBEDRegressor("as_published")
    fit.datasets = [pattern_file]
    fit.input.preset = "published"
    with pytest.raises(InputError, match="'study'"):
        fit.run()
    fit.input.preset = "study"
    fit.input.update({"network": "cnn", "weights": None, "epochs": 2, "split": "random", "baselines": False})
    fit.input.augmentation["noise"] = 0.0
    fit.run()
    stored = project.load("as_published").input
    expected = {"network": "cnn", "weights": None, "epochs": 2, "patience": 20, "weight_decay": 1e-5,
                "validation": "test", "keep": "best", "target": "order", "first_layer": "new",
                "recipe": "study", "preset": "study"}  # fmt: skip
    assert {name: stored[name] for name in expected} == expected
    assert dict(stored.augmentation) == {
        "rotation": 180.0, "contrast": 0.5, "noise": 0.0, "sharpness": 0.5, "probability": 0.8,
        "style": "torchvision",
    }  # fmt: skip
    card = project.load("as_published").model.card
    assert card["split"]["validation"] == "the test patterns"
    assert card["recipe"]["transform"] == "log_above_one"
    assert card["recipe"]["scaling"] > 1
    history = project.load("as_published").get_history()
    assert {"validation_loss", "validation_mae"} <= set(history.columns)
    for job in (fit, project.load("as_published")):
        shown = repr(job.output.metrics).splitlines()
        assert shown[0].split()[:4] == ["model", "patterns", "n", "rmse"]
        assert f"{job.output.metrics['rmse']:.4f}" in shown[1]
        assert type(job.output.metrics.to_builtin()) is dict
