"""What a finished SSRO job shows and exports."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from pyiron_nbed import figures
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import builtin
from pyiron_nbed.ssro.export import to_ovito, write_dump, write_extxyz


class SSROResults:
    """Tables, figures and exports of a job with ``output`` and ``get_structure``; one call each."""

    output: Any
    input: Any
    folder: Any

    def get_structure(self, frame: int = -1) -> Atoms:
        """The structure of a frame with its values as arrays."""
        raise NotImplementedError

    def get_regions(self) -> pd.DataFrame:
        """Regions of the last frame: extents in Å, atoms, mean and median d_i; empty without films."""
        return pd.DataFrame(self._part("regions", "regions")["table"])

    def get_motifs(self) -> pd.DataFrame:
        """Most frequent motifs of the last frame with counts and fractions."""
        part = self._part("motifs", "voronoi")
        return pd.DataFrame({name: part[name] for name in ("motif", "count", "fraction")})

    def get_time_series(self) -> pd.DataFrame:
        """One row per frame: step, medians of d_i and of the regions, shares of motif classes."""
        return pd.DataFrame(builtin(self.output.time_series))

    def plot_profile(self) -> Figure:
        """d_i, 1 − Q_l and composition along the axis."""
        return figures.disorder_profiles(self._part("profiles", "profiles"), self._table())

    def plot_motifs(self) -> Figure:
        """Densities of the eight most frequent motifs along the axis."""
        profile = self._part("motif_profile", "voronoi")
        return figures.motif_densities(profile, self._table(), int(self.input.axis))

    def plot_rdf(self) -> Figure:
        """Radial distribution functions by region."""
        return figures.rdf_by_region(self._part("rdf", "rdf"))

    def plot_boxes(self, frame: int = -1) -> Figure:
        """d_i by motif class and by region, with thresholds."""
        return figures.disorder_boxplots(self.get_structure(frame), self.input.species)

    def plot_slice(self, color_by: str | None = None, frame: int = -1, **options: Any) -> Figure:
        """A slice coloured by d_i (None), "cna" or "species"; see ``figures.structure_slice``."""
        return figures.structure_slice(self.get_structure(frame), color_by, **options)

    def write_dump(
        self, path: str | os.PathLike | None = None, color_by: str | None = None, frame: int = -1
    ) -> str:
        """LAMMPS dump with all values per atom, which OVITO opens coloured; returns its path."""
        path = os.fspath(path or self.folder / "ssro.dump")
        write_dump(path, self.get_structure(frame), color_by)
        return path

    def write_extxyz(self, path: str | os.PathLike | None = None, frame: int = -1) -> str:
        """Extended XYZ with all values per atom; returns its path."""
        path = os.fspath(path or self.folder / "ssro.xyz")
        write_extxyz(path, self.get_structure(frame))
        return path

    def to_ovito(self, color_by: str | None = None, frame: int = -1) -> Any:
        """OVITO pipeline of a frame, coloured."""
        return to_ovito(self.get_structure(frame), color_by)

    def _part(self, name: str, analysis: str) -> Any:
        if name not in self.output:
            raise InputError(
                f"This job has no {name.replace('_', ' ')}: run it with {analysis!r} in input.analyses."
            )
        return builtin(self.output[name])

    def _table(self) -> list[dict[str, Any]]:
        return builtin(self.output["regions"])["table"] if "regions" in self.output else []
