"""examples/scan_of_a_boundary.py and examples/map_a_scan.py in a short form."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside the tests")
def test_a_scan_is_simulated_calibrated_and_prepared(in_folder):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "scan_of_a_boundary.py", "boundary_1", in_folder, "--step", "9",
         "--pixels", "128"],
        capture_output=True, text=True, check=True, env={**os.environ, "MPLBACKEND": "agg"},
    )  # fmt: skip
    for name in ("scan.mib", "scan.hdr", "scan.truth.h5", "scan_of_a_boundary.png"):
        assert (in_folder / name).stat().st_size > 0
    assert float(done.stdout.split("rms change")[1]) < 0.03


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not beside the tests")
def test_a_scan_is_mapped_with_a_model_of_the_package(in_folder):
    subprocess.run(
        [sys.executable, EXAMPLES / "map_a_scan.py", in_folder, "--example", "boundary_judge_1", "--step",
         "6", "--pixels", "160", "--grains", "60"],
        capture_output=True, check=True, env={**os.environ, "MPLBACKEND": "agg"},
    )  # fmt: skip
    report = json.loads((in_folder / "report.json").read_text())
    assert abs(report["level"] - report["true_level"]) < 2 * report["level_error"]
    assert abs(report["delta_k_found"] / report["delta_k_true"] - 1) < 0.005
    assert report["rmse"] < 0.12
    for name in ("map.h5", "map.png", "calibration.png", "profile.png"):
        assert (in_folder / name).stat().st_size > 0
