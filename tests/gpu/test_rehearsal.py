"""The measurements for a GPU run as a whole on the CPU, so that they do not rot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from results import Results, markdown

TABLES = {
    ("training", "images per second"), ("training", "parts of the loop, each alone"),
    ("agreement", "engine torch against cpu"),
    ("agreement", "deterministic training, uninterrupted against resumed"),
    ("agreement", "predictions, CPU float32 against the device"),
    ("agreement", "detector and images, deterministic"), ("agreement", "detector, drawn"),
    ("engine", "patterns per second, left on the device"), ("engine", "detector effects"),
    ("scan", "predicted"), ("source", "training on an endless source"),
}  # fmt: skip


def test_a_failure_is_recorded_and_the_rest_goes_on(tmp_path):
    results = Results(tmp_path / "results.jsonl", "step", seconds=100)
    with results.case("division"):
        raise ZeroDivisionError("by | nothing")
    with results.case("too long", needs=200) as go:
        assert not go
    with results.case("the rest") as go:
        results.add("numbers", share=0.5, rate=1234.5, ok=True)
    assert results.failed
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert "test_rehearsal.py" in rows[0]["traceback"]
    text = markdown(rows, [("device", "none"), ("driver", "")])
    for part in ("device none\n", "ZeroDivisionError: by / nothing", "| too long | 100 s left |"):
        assert part in text
    assert "### step: numbers\n\n| share | rate | ok |\n|---|---|---|\n| 50.0% | 1,234 | yes |" in text


def test_a_disagreement_fails(tmp_path):
    results = Results(tmp_path / "results.jsonl", "step", seconds=100)
    results.add("comparison", ok=True)
    assert not results.failed
    results.add("comparison", ok=False)
    assert results.failed


@pytest.mark.slow
def test_the_whole_rehearsal(tmp_path):
    script = Path(__file__).with_name("measure.py")
    command = [sys.executable, script, "--device", "cpu", "--short", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    log = (tmp_path / "log.txt").read_text()
    assert done.returncode == 0, done.stdout + log[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {(row["step"], row["table"]) for row in rows} >= TABLES
    assert not [row for row in rows if row["table"] in ("errors", "left out")]
    report = (tmp_path / "results.md").read_text()
    assert all(f"### {step}: {table}" in report for step, table in TABLES)
    assert "training loop, resnet18" in (tmp_path / "profile.txt").read_text()
