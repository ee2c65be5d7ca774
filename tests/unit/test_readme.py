"""What the README shows works as shown."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
JOBS = README.parent / "docs" / "jobs.md"


@pytest.mark.skipif(not JOBS.is_file(), reason="docs/jobs.md is not beside the tests")
def test_names_in_the_option_table_are_inputs_of_the_jobs(project):
    text = JOBS.read_text()
    table = text[text.index("| job | input |") :].split("\n\n")[0]
    kinds: list[str] = []
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells[0]:
            kinds = re.findall(r"`(\w+)`", cells[0])
        for kind in kinds:
            job = getattr(project.create.job, kind)("job")
            for name in re.findall(r"`(\w+)`", cells[1]):
                assert name in job.input or hasattr(type(job), name), f"{kind}: {name}"


@pytest.mark.skipif(not README.is_file(), reason="the README is not beside the tests")
def test_example_without_pyiron_runs(in_folder):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    code = next(block for block in blocks if "pyiron_atomistics" not in block)
    names: dict = {}
    exec(code, names)
    assert names["patterns"].shape == (1, 133, 133)
    exec(next(block for block in blocks if "PatternSource" in block), names)
    assert names["batch"].patterns.shape == (64, 45, 45)
    assert names["batch"].labels.shape == (64, 1)


@pytest.mark.skipif(not README.is_file(), reason="the README is not beside the tests")
def test_example_in_pyiron_style_runs(in_folder):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    code = next(block for block in blocks if "pyiron_atomistics" in block)
    # the same lines, faster: a smaller cell, a faster quench, fewer radii and epochs
    for old, new in [
        ("cells=12, radius=14.5", "cells=8, radius=9.0"),
        ("= 1e13 ", "= 1e16 "),
        ("(3, 5, 8)", "(4,)"),
        ("None, 20", "None, 2"),
        ("height=20)", "height=10)"),
    ]:
        assert old in code
        code = code.replace(old, new)
    faster = {"melt_time": 0.05, "release_time": 0.05, "minimize": False}
    code = code.replace("quench.run()", f"quench.input.update({faster}); quench.run()")
    names: dict = {}
    exec(code, names)
    assert names["fit"].output.metrics["rmse"] > 0
