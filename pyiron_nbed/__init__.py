"""Structural short-range order of amorphous solids from nanobeam electron diffraction.

``import pyiron_nbed`` adds the job classes to ``pr.create.job`` of pyiron projects and the tools of
``pr.nbed``. The physics are plain functions on arrays and ``ase.Atoms`` and work without pyiron.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyiron_nbed.diffraction import (
        Cylinder,
        Ellipsoid,
        OneLayerCluster,
        Volume,
        VolumeRange,
        WeightedVolume,
        simulate_patterns,
    )
    from pyiron_nbed.patterns.mesh import Mesh
    from pyiron_nbed.structures import bicrystal, composite, random_alloy
    from pyiron_nbed.structures.reading import read_structures

try:
    __version__ = metadata.version("pyiron_nbed")
except metadata.PackageNotFoundError:  # used from a folder that was never installed
    __version__ = "0+unknown"

# looked up when first used, so that the import stays light
_HOMES = {
    "Cylinder": "pyiron_nbed.diffraction",
    "Ellipsoid": "pyiron_nbed.diffraction",
    "Mesh": "pyiron_nbed.diffraction",
    "OneLayerCluster": "pyiron_nbed.diffraction",
    "Volume": "pyiron_nbed.diffraction",
    "VolumeRange": "pyiron_nbed.diffraction",
    "WeightedVolume": "pyiron_nbed.diffraction",
    "simulate_patterns": "pyiron_nbed.diffraction",
    "bicrystal": "pyiron_nbed.structures",
    "composite": "pyiron_nbed.structures",
    "read_structures": "pyiron_nbed.structures.reading",
    "glass": "pyiron_nbed.structures",  # for one release more
    "random_alloy": "pyiron_nbed.structures",
}
# packages and modules that are found after a bare import; they too are loaded when first used
_SUBMODULES = (
    "dataset", "diffraction", "examples", "figures", "learning", "patterns", "ssro", "structures",
)  # fmt: skip
JOB_CLASSES = {
    "ComplexionMDMC": "pyiron_nbed.jobs.complexion",
    "CompositeQuench": "pyiron_nbed.jobs.quench",
    "GeometrySweep": "pyiron_nbed.jobs.sweep",
    "GlassQuench": "pyiron_nbed.jobs.quench",
    "NBEDDataset": "pyiron_nbed.jobs.dataset",
    "NBEDMap": "pyiron_nbed.jobs.map",
    "NBEDRegressor": "pyiron_nbed.jobs.regressor",
    "NBEDScan": "pyiron_nbed.jobs.scan",
    "SSRO": "pyiron_nbed.jobs.ssro",
}

__all__ = [
    "JOB_CLASSES", "Cylinder", "Ellipsoid", "Mesh", "OneLayerCluster", "Volume", "VolumeRange",
    "WeightedVolume", "__version__", "bicrystal", "composite", "random_alloy", "read_structures",
    "simulate_patterns",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"pyiron_nbed.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'pyiron_nbed' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted((*__all__, *_SUBMODULES))


def _register() -> None:
    try:
        from pyiron_base import JOB_CLASS_DICT, Project
    # the functions work without pyiron, and where its log cannot be opened in the current folder
    except (ImportError, PermissionError):
        return
    except Exception as error:  # of its database, which it opens when it is loaded
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        warnings.warn(
            f"pyiron cannot be loaded ({reason}), so that there are no jobs: its database is in the home "
            "folder "
            f"{os.path.expanduser('~')}, which must exist; the functions work without it.",
            stacklevel=3,
        )
        return
    for name, module in JOB_CLASSES.items():
        if JOB_CLASS_DICT.get(name, module) != module:
            raise ImportError(
                f"Another package has registered the job class {name} ({JOB_CLASS_DICT[name]}): only one "
                "of the two can be used in one session."
            )
    JOB_CLASS_DICT.update(JOB_CLASSES)
    if not hasattr(Project, "nbed"):  # it is where this module is loaded again
        Project.register_tools("nbed", _tools)
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()) is not None:
        import_module("pyiron_nbed.jobs.completion").complete_in(shell)


def _tools(project: Any) -> Any:
    return import_module("pyiron_nbed.jobs.compare").NBEDTools(project)


_register()
