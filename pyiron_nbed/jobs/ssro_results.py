"""What a finished SSRO job shows and exports: functions of the job, which are its methods too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pandas as pd

from pyiron_nbed import figures
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.sources import builtin
from pyiron_nbed.ssro import export

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyiron_nbed.jobs.ssro import SSRO


def get_regions(job: SSRO) -> pd.DataFrame:
    """Regions of the last frame: extents in Å, atoms, mean and median d_i; empty without films."""
    return pd.DataFrame(_part(job, "regions", "regions")["table"])


def get_motifs(job: SSRO) -> pd.DataFrame:
    """Most frequent motifs of the last frame with counts and fractions."""
    part = _part(job, "motifs", "voronoi")
    return pd.DataFrame({name: part[name] for name in ("motif", "count", "fraction")})


def get_time_series(job: SSRO) -> pd.DataFrame:
    """One row per frame: source, step, medians of d_i and of the regions, shares of motif classes."""
    job.check_finished()
    return pd.DataFrame(builtin(job.output.time_series))


def plot_profile(job: SSRO) -> Figure:
    """d_i, 1 − Q_l and composition along the axis."""
    return figures.disorder_profiles(_part(job, "profiles", "profiles"), _table(job))


def plot_motifs(job: SSRO) -> Figure:
    """Densities of the eight most frequent motifs along the axis."""
    profile = _part(job, "motif_profile", "voronoi")
    return figures.motif_densities(profile, _table(job), int(job.input.axis))


def plot_rdf(job: SSRO) -> Figure:
    """Radial distribution functions by region."""
    return figures.rdf_by_region(_part(job, "rdf", "rdf"))


def plot_boxes(job: SSRO, frame: int = -1) -> Figure:
    """d_i by motif class and by region, with thresholds."""
    return figures.disorder_boxplots(job.get_structure(frame), job.input.motif_species)


def plot_slice(job: SSRO, color_by: str | None = None, frame: int = -1, **options: Any) -> Figure:
    """A slice coloured by d_i (None), "cna" or "species"; see ``figures.structure_slice``."""
    return figures.structure_slice(job.get_structure(frame), color_by, **options)


def write_dump(
    job: SSRO,
    path: str | os.PathLike | None = None,
    color_by: str | None = None,
    frame: int = -1,
    overwrite: bool = False,
) -> str:
    """LAMMPS dump with all values per atom, which OVITO opens coloured; returns its path.

    Without a path it is in the folder of the job; another file is replaced with ``overwrite`` only.
    """
    own = path is None
    path = job.folder / "ssro.dump" if path is None else path
    export.write_dump(path, job.get_structure(frame), color_by, overwrite=own or overwrite)
    return os.fspath(path)


def write_extxyz(
    job: SSRO, path: str | os.PathLike | None = None, frame: int = -1, overwrite: bool = False
) -> str:
    """Extended XYZ with all values per atom; returns its path; path and overwrite as :func:`write_dump`."""
    own = path is None
    path = job.folder / "ssro.xyz" if path is None else path
    export.write_extxyz(path, job.get_structure(frame), overwrite=own or overwrite)
    return os.fspath(path)


def to_ovito(job: SSRO, color_by: str | None = None, frame: int = -1) -> Any:
    """OVITO pipeline of a frame, coloured."""
    return export.to_ovito(job.get_structure(frame), color_by)


def _part(job: SSRO, name: str, analysis: str) -> Any:
    job.check_finished()
    if name not in job.output:
        raise InputError(
            f"This job has no {name.replace('_', ' ')}: run it with {analysis!r} in input.analyses."
        )
    return builtin(job.output[name])


def _table(job: SSRO) -> list[dict[str, Any]]:
    return builtin(job.output["regions"])["table"] if "regions" in job.output else []
