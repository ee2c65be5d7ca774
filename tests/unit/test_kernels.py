"""Compiled kernels: what their cache notices, and what is said while they compile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyiron_nbed

PACKAGE = Path(pyiron_nbed.__file__).parent
INNER = "from pyiron_nbed.kernels import njit\n@njit()\ndef inner(x):\n    return x + {added}\n"
OUTER = (
    "from pyiron_nbed.inner import inner\nfrom pyiron_nbed.kernels import njit\n"
    "@njit()\ndef outer(x):\n    return 10 * inner(x)\n"
)
NOTICE = "compiles its numerical kernels"


def small_package(folder):
    """The decorator with two kernels in two modules, the one calling the other."""
    package = folder / "pyiron_nbed"
    package.mkdir()
    for name in ("kernels.py", "progress.py"):
        shutil.copy(PACKAGE / name, package / name)
    (package / "__init__.py").touch()
    (package / "inner.py").write_text(INNER.format(added=1))
    (package / "outer.py").write_text(OUTER)
    return package


def called(folder, **environment):
    code = "from pyiron_nbed.outer import outer; print(outer(1), outer(2), outer.stats.cache_hits.total())"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )  # fmt: skip
    return done.stdout.split(), done.stderr


def test_cache_notices_a_change_in_a_kernel_of_another_module(in_folder):
    package = small_package(in_folder)
    assert called(in_folder)[0] == ["20", "30", "0"]
    assert called(in_folder)[0] == ["20", "30", "1"]  # from the file
    (package / "inner.py").write_text(INNER.format(added=2))
    assert called(in_folder)[0] == ["30", "40", "0"]


def test_compilation_is_said_once_and_not_when_silent(in_folder):
    small_package(in_folder)
    assert NOTICE not in called(in_folder, NBED_SILENT="1", NUMBA_CACHE_DIR=str(in_folder / "a"))[1]
    said = called(in_folder, NUMBA_CACHE_DIR=str(in_folder / "b"), NBED_SILENT="")[1]
    assert said.count(NOTICE) == 1
    assert NOTICE not in called(in_folder, NUMBA_CACHE_DIR=str(in_folder / "b"), NBED_SILENT="")[1]


def test_kernels_work_without_a_folder_for_the_cache(in_folder):
    package = small_package(in_folder)
    shutil.rmtree(package / "__pycache__", ignore_errors=True)
    (package / "__pycache__").write_text("")  # no folder can be made here,
    (in_folder / "home").write_text("")  # nor in the home folder
    home = str(in_folder / "home")
    assert called(in_folder, HOME=home, XDG_CACHE_HOME=home, PYTHONDONTWRITEBYTECODE="1")[0][:2] == [
        "20",
        "30",
    ]


def test_every_kernel_of_the_package_is_made_by_the_one_decorator():
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        if path.name != "kernels.py":
            assert "from numba import njit" not in source, path
            assert "numba.njit" not in source, path
