"""examples/scan_of_a_boundary.py in a short form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "scan_of_a_boundary.py"


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not beside the tests")
def test_a_scan_is_simulated_calibrated_and_prepared(in_folder):
    done = subprocess.run(
        [sys.executable, EXAMPLE, "boundary_1", in_folder, "--step", "9", "--pixels", "128"],
        capture_output=True, text=True, check=True, env={**os.environ, "MPLBACKEND": "agg"},
    )  # fmt: skip
    for name in ("scan.mib", "scan.hdr", "scan.truth.h5", "scan_of_a_boundary.png"):
        assert (in_folder / name).stat().st_size > 0
    assert float(done.stdout.split("rms change")[1]) < 0.03
