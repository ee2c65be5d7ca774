"""Maps of a label over a measured scan: what they hold, how they go on, what they say about trust."""

import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pyiron_nbed import Mesh
from pyiron_nbed.errors import DatasetError, InputError, ModelError
from pyiron_nbed.experiment import (
    Calibration,
    Descan,
    DisorderMap,
    MeasuredScan,
    compare_maps,
    map_scan,
    mapping,
    prepare,
    scan_observables,
)
from pyiron_nbed.experiment.disorder_map import FLAGS
from pyiron_nbed.experiment.map_level import calibration_spread, drawn_calibration, level_with_error
from pyiron_nbed.experiment.map_tables import trusted_values
from pyiron_nbed.learning import build_network
from pyiron_nbed.learning.distrust import FAMILIES, Distrust
from pyiron_nbed.learning.model import Model
from pyiron_nbed.patterns import Recipe

MESH = Mesh(0.9, 0.06, integrate=3)
RECIPE = Recipe.experiment(MESH, k_min=0.15)
SHAPE = (3, 5)
LEVEL = {"half_width": 0.03, "difference_factor": 1.5, "n_structures": 20, "n_maps": 80, "errors": []}


def frames(seed=2, brightness=20.0):
    y, x = np.indices((64, 66))
    ring = brightness * np.exp(-(((np.hypot(x - 32, y - 31.5) * 0.031 - 0.45) / 0.1) ** 2)) + 1
    speckle = np.random.default_rng(seed).gamma(4, 0.25, (*SHAPE, 64, 66))
    return np.random.default_rng(seed).poisson(ring * speckle).astype(np.uint16)


def scan(given=None, **options):
    return MeasuredScan.from_array(frames() if given is None else given, **{"step": 4.0, **options})


def cal(**options):
    values = {
        "center": (32.0, 31.5), "delta_k": 0.031, "frame_shape": (64, 66), "scan_shape": SHAPE,
        "ellipticity": 0.02, "angle": 20, "descan": Descan("plane", [[0.1, 0], [0, 0.2]]),
    }  # fmt: skip
    return Calibration(**{**values, **options})


@cache
def many():
    """Patterns of twenty scans."""
    shape = (20 * SHAPE[0], SHAPE[1], 64, 66)
    given = np.concatenate([frames(seed) for seed in range(20)]).reshape(shape)
    whole = cal(scan_shape=shape[:2], descan=Descan())
    return prepare(scan(given), whole, RECIPE).array(progress=False).reshape(-1, *MESH.shape)


def model(distrusts=True, **card):
    torch.manual_seed(0)
    network = build_network("polar", None, 2)
    made = Model([network], {
        "recipe": RECIPE.as_dict(), "labels": ["disorder_parameter"], "n_parameters": 2, "network": "polar",
        "members": 1, "scale": {"mean": [0.9], "standard_deviation": [0.05]},
        "training": {"detector": {"dose": [1000, 1e7]}}, "elements": ["Cu", "Zr"], "level": LEVEL, **card,
    })  # fmt: skip
    if distrusts:
        features = made.describe(many()).features
        parts = [
            {name: values[own] for name, values in features.items()} for own in (slice(150), slice(150, None))
        ]
        trust = Distrust.fitted(*parts)
        made.distrust = replace(trust, threshold={n: 1.3 * value for n, value in trust.threshold.items()})
    return made


def test_a_map_holds_what_the_model_says_of_the_prepared_patterns():
    own = model()
    found = map_scan(scan(), own, cal())
    patterns = prepare(scan(), cal(), RECIPE)
    said = own.describe(patterns.array(progress=False).reshape(-1, *MESH.shape))
    np.testing.assert_allclose(found.mean.ravel(), said.prediction.mean, rtol=1e-6)
    np.testing.assert_allclose(found.std.ravel(), 1.5 * said.prediction.std, rtol=1e-6)
    np.testing.assert_allclose(found.distrust.ravel(), said.distrust, rtol=1e-4)
    everything = patterns.array(progress=False)
    counts = everything[:, :, RECIPE.mask].sum(axis=2) * (0.06 / 0.031) ** 2
    np.testing.assert_allclose(found.electrons, counts, rtol=1e-6)
    assert found.shape == SHAPE
    assert found.label == "disorder_parameter"
    assert found.step == 4.0
    assert found.level == pytest.approx(found.mean[~found.flagged].mean())
    assert found.level_error == 0.03  # the calibration has no standard errors
    assert set(found.flags) == set(FLAGS)
    np.testing.assert_allclose(
        found.observables.radial,
        scan_observables(patterns.flat, MESH, SHAPE, mask=RECIPE.mask).radial, rtol=1e-6,
    )  # fmt: skip


def test_only_what_was_measured_enters_the_observables():
    hidden = np.zeros((64, 66), bool)
    hidden[:32, 30:35] = True  # a bar from the edge to the centre
    found = map_scan(scan(), model(), cal(hidden=hidden))
    seen = np.isfinite(found.observables.mean_pattern)
    patterns = prepare(scan(), cal(hidden=hidden), RECIPE)
    np.testing.assert_array_equal(seen, patterns.seen & RECIPE.mask)
    assert 0 < (~seen & RECIPE.mask).sum() < 60
    middle = MESH.shape[0] // 2
    assert not patterns.seen[:middle, middle].any()
    assert patterns.seen[middle + 2 :, middle].all()


@pytest.mark.parametrize("part", [1, 4, 15, 100])
def test_parts_change_nothing(part):
    whole = map_scan(scan(), model(), cal())
    found = map_scan(scan(), model(), cal(), part=part)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-5)
    np.testing.assert_allclose(found.observables.fluctuation, whole.observables.fluctuation, rtol=1e-9)


def test_a_file_holds_everything(tmp_path):
    found = map_scan(scan(), model(), cal(center_error=0.2, delta_k_error=1e-4), path=tmp_path / "a.h5")
    again = DisorderMap.load(tmp_path / "a.h5")
    for name in ("mean", "std", "distrust", "electrons"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    for name in FLAGS:
        np.testing.assert_array_equal(again.flags[name], found.flags[name])
    assert (again.level, again.level_error, again.step) == (found.level, found.level_error, found.step)
    assert again.calibration == found.calibration
    assert again.facts == found.facts
    np.testing.assert_array_equal(again.observables.strain, found.observables.strain)
    assert repr(again) == repr(found)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5"]
    with pytest.raises(InputError, match=r"a\.h5"):
        map_scan(scan(), model(), cal(), path=tmp_path / "a.h5")


def test_a_map_without_observables_and_a_dark_pattern_come_back(tmp_path):
    given = frames()
    given[1, 2] = 0
    found = map_scan(scan(given), model(), cal(), observables=False)
    assert np.isnan(found.mean[1, 2])
    assert found.flags["vacuum"].sum() == 1
    found.save(tmp_path / "b.h5")
    again = DisorderMap.load(tmp_path / "b.h5")
    assert again.observables is None
    assert np.isnan(again.mean[1, 2])
    with pytest.raises(InputError, match="observables"):
        again.correlations()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
import os, signal
import test_mapping as t
from pyiron_nbed.experiment import mapping
write = mapping._Parts.write
def and_die(self, rows, values, collected):
    write(self, rows, values, collected)
    if rows.start == 8:
        os.kill(os.getpid(), signal.SIGKILL)
mapping._Parts.write = and_die
t.map_scan(t.scan(), t.model(), t.cal(center_error=0.2), path={path!r}, part=4)
"""


@pytest.mark.slow
def test_a_killed_map_goes_on_to_the_same_bytes(tmp_path, request, monkeypatch):
    path = tmp_path / "killed.h5"
    code = KILLED.format(tests=str(request.path.parent), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = sorted(p.name for p in (tmp_path / "killed.h5.parts").iterdir())
    assert kept == ["0.npz", "4.npz", "8.npz"]
    described, calls = Model.describe, []

    def counted(self, patterns, **options):
        calls.append(len(patterns))
        return described(self, patterns, **options)

    own = model()
    monkeypatch.setattr(Model, "describe", counted)
    map_scan(scan(), own, cal(center_error=0.2), path=path, part=4)
    assert calls == [3]
    map_scan(scan(), own, cal(center_error=0.2), path=tmp_path / "whole.h5", part=4)
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert not (tmp_path / "killed.h5.parts").exists()


def test_parts_of_another_run_are_not_taken(tmp_path, monkeypatch):
    write = mapping._Parts.write

    def and_stop(self, rows, values, collected):
        write(self, rows, values, collected)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mapping._Parts, "write", and_stop)
        with pytest.raises(KeyboardInterrupt):
            map_scan(scan(), model(), cal(center_error=0.2), path=tmp_path / "a.h5", part=4)
    assert [p.name for p in (tmp_path / "a.h5.parts").iterdir()] == ["0.npz"]
    other = scan(frames(seed=3))
    found = map_scan(other, model(), cal(center_error=0.2), path=tmp_path / "a.h5", part=4)
    np.testing.assert_array_equal(found.mean, map_scan(other, model(), cal(), part=4).mean)


def test_what_is_unlike_the_training_is_flagged():
    found = map_scan(scan(), model(), cal())
    assert not found.flags["unlike"].any()
    flat = np.full((*SHAPE, 64, 66), 7, np.uint16)
    assert map_scan(scan(flat), model(), cal()).flags["unlike"].all()
    assert not map_scan(scan(flat), model(distrusts=False), cal()).flags["unlike"].any()


def test_few_electrons_are_flagged():
    few = map_scan(scan(frames(brightness=0.01) // 4), model(), cal())
    assert few.flags["few electrons"].all()
    assert not map_scan(scan(), model(), cal()).flags["few electrons"].any()
    assert map_scan(scan(), model(), cal(), electrons_per_count=1e-3).flags["few electrons"].all()
    unknown = map_scan(scan(frames().astype(np.float32)), model(), cal())
    assert np.isnan(unknown.electrons).all()
    assert not unknown.flags["few electrons"].any()


def test_a_first_ring_elsewhere_flags_the_map():
    ring = map_scan(scan(), model(), cal()).observables.mean_radius
    inside = model(first_ring=[ring - 0.01, ring + 0.01])
    assert not map_scan(scan(), inside, cal()).flags["first ring"].any()
    with pytest.warns(UserWarning, match="first ring of the map lies"):
        found = map_scan(scan(), inside, cal(delta_k=0.031 * 1.06))
    assert found.flags["first ring"].all()
    assert np.isnan(found.level_error)
    assert np.isfinite(found.level)


def test_elements_that_were_never_seen_flag_the_map():
    assert not map_scan(scan(), model(), cal(), elements=["Zr", "Cu"]).flagged.any()
    with pytest.warns(UserWarning, match="Al and the model was trained on Cu, Zr"):
        assert map_scan(scan(), model(), cal(), elements=["Cu", "Zr", "Al"]).flags["elements"].all()


def test_errors_of_the_calibration_widen_the_level():
    own, sure = model(), cal()
    unsure = cal(center_error=1.0, delta_k_error=5e-4, ellipticity_error=0.02)
    assert calibration_spread(scan(), own, sure) == 0
    spread = calibration_spread(scan(), own, unsure)
    assert spread > 0
    assert map_scan(scan(), own, unsure).level_error == pytest.approx(np.hypot(0.03, 1.6448536 * spread))
    double = cal(center_error=2.0, delta_k_error=1e-3, ellipticity_error=0.04)
    assert calibration_spread(scan(), own, double) > spread
    drawn = [drawn_calibration(unsure, seed) for seed in range(300)]
    assert np.std([one.center[0] for one in drawn]) == pytest.approx(1.0, rel=0.2)
    assert np.std([one.delta_k for one in drawn]) == pytest.approx(5e-4, rel=0.2)
    assert min(one.ellipticity for one in drawn) == 0


def test_without_held_out_structures_the_level_has_no_interval():
    with pytest.warns(UserWarning, match="not calibrated with held-out structures"):
        found = map_scan(scan(), model(level=None), cal())
    assert np.isnan(found.level_error)
    assert "unknown" in repr(found)
    assert level_with_error(np.array([np.nan]), np.array([True]), 0.1, 0)[0] is np.nan


def shifted(found, by, **changes):
    return replace(found, mean=found.mean + by, level=found.level + by, **changes)


def test_maps_are_compared():
    found = map_scan(scan(), model(), cal())
    values = trusted_values(found)
    table, pairs = compare_maps([found, shifted(found, 0.0), shifted(found, 10.0)], ["a", "b", "c"], block=2)
    assert table["median"][0] == pytest.approx(np.median(values))
    assert table["quartile_high"][0] == pytest.approx(np.percentile(values, 75))
    inside = (values >= table["whisker_low"][0]) & (values <= table["whisker_high"][0])
    assert table["n_outliers"][0] == (~inside).sum()
    assert table["mean_low"][0] < table["mean"][0] < table["mean_high"][0]
    assert pairs["differ"].tolist() == [False, True, True]
    assert pairs["differ_with_level"].tolist() == [False, True, True]
    near = compare_maps([found, shifted(found, 0.02, level_error=0.2)])[1]
    assert not near["differ_with_level"][0]
    unknown = compare_maps([found, shifted(found, 0.02, level_error=np.nan)])[1]
    assert unknown["differ_with_level"][0] is None
    with pytest.raises(InputError, match="names is"):
        compare_maps([found, found], ["a", "a"])
    with pytest.raises(InputError, match="label"):
        compare_maps([found, replace(found, label="disorder_modulus")])


def test_block_bootstrap_covers_the_mean_of_correlated_maps():
    base, hits = map_scan(scan(), model(), cal(), observables=False), 0
    rng = np.random.default_rng(0)
    for seed in range(100):
        coarse = rng.normal(size=(8, 8))
        values = np.kron(coarse, np.ones((4, 4)))
        none = {name: np.zeros(values.shape, bool) for name in FLAGS}
        row = compare_maps([replace(base, mean=values, flags=none)], block=4, seed=seed)[0].iloc[0]
        hits += row["mean_low"] < 0 < row["mean_high"]
    assert hits >= 85  # 95 expected; single positions would give about 37


def test_figures_show_the_map(tmp_path):
    given = frames()
    given[0, 0] = 0
    found = map_scan(scan(given), model(), cal())
    figure = found.plot()
    assert len(figure.axes) == 6  # three maps with their colour bars
    assert "level" in figure.get_suptitle()
    boxes = found.plot_box([shifted(found, 0.1)], names=["as cast", "annealed"])
    assert [t.get_text().split("\n")[0] for t in boxes.axes[0].get_xticklabels()] == ["as cast", "annealed"]
    figure.savefig(tmp_path / "map.png")
    boxes.savefig(tmp_path / "boxes.png")


def test_maps_and_correlations():
    found = map_scan(scan(), model(), cal())
    assert {"disorder_parameter", "distrust", "flag vacuum", "ring_radius"} <= set(found.maps())
    table = found.correlations(block=2, n_bootstrap=20)
    assert (table["n_positions"] <= 15).all()
    assert found.flag_table()["flag"].tolist() == list(FLAGS)


def test_hyperspy_signal():
    hyperspy = pytest.importorskip("hyperspy", reason="HyperSpy is not installed")
    found = map_scan(scan(), model(), cal())
    signal_ = found.to_hyperspy()
    assert hyperspy is not None
    assert signal_.data.shape == (len(found.maps()), *SHAPE)
    assert signal_.axes_manager.signal_axes[0].scale == 4.0


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no file"):
        DisorderMap.load(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no map")
    with pytest.raises(DatasetError, match="no map of this version"):
        DisorderMap.load(tmp_path / "text.h5")
    two = model(False, labels=["a", "b"], n_parameters=1)
    with pytest.raises(ModelError, match="one label"):
        map_scan(scan(), two, cal())
    assert set(FAMILIES) == {"pattern", "network"}
