"""Reads a pattern file lazily; safe to hand to worker processes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import pandas as pd

from pyiron_nbed.checks import shown, whole
from pyiron_nbed.containers import row_numbers
from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.splits import Split, split_dataset
from pyiron_nbed.dataset.storage import COMPLETE, mapped_rows
from pyiron_nbed.diffraction import Volume, as_volume
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.files import as_path
from pyiron_nbed.patterns.display import gallery, page, picture
from pyiron_nbed.patterns.grid import Plane
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.patterns.scan import Scan, first_place

_SHOWN = 8  # patterns in a notebook


class PatternDataset:
    """Patterns with labels in one HDF5 file; see :mod:`pyiron_nbed.dataset.schema`.

    Args:
        path: file written by :func:`build_dataset` or an ``NBEDDataset`` job.

    Raises:
        DatasetError: absent, truncated, foreign file, or a newer schema.
        InputError: no path.

    Attributes:
        mesh: the :class:`Mesh`.
        recipe: from intensity to image, what a training takes unless told otherwise.
        volumes: interaction volumes.
        structures: list of {structure_id, origin, temperature in K (0: minimised) or None, cell in Å, pbc}.
        scans: list of :class:`pyiron_nbed.patterns.scan.Scan`: a map is ``scan.grid.map(values)``, NaN where
            a volume held no atoms or the run has not come to it; empty for one-layer clusters and schema 1.
        labels: DataFrame, one row per pattern and one column per label.
        centers: (P, 3) in Å.
        zone_axes: (P, 3).
        n_atoms, structure, volume, region: (P,) int.
        position: (P,) int, place in the order of its scan; −1 without one.
        sample, view: (P,) int; patterns of equal sample show the same volume (structure, centre, kind) and
            differ in their view, the number of the direction.
        region_types: names of the regions.
        patterns: (P, n, n) raw intensity, mapped onto the file: read where looked at, not to be written to.
        complete: False for the file of an interrupted run, of which only the first rows are read.
        provenance: dict.
        input_hash: of all that decides the content (structures with their values, geometry, mesh, engine,
            labels, versions), 16 digits.

    Example:
        >>> PatternDataset("absent.h5")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.DatasetError: The pattern file absent.h5 does not exist.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = as_path(path, "The pattern file")
        if not self.path.is_file():
            what = "is a folder" if self.path.is_dir() else "does not exist"
            raise DatasetError(f"The pattern file {self.path} {what}.")
        try:
            with h5py.File(self.path, "r") as file:
                self._read_head(file)
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(
                f"{self.path} cannot be read as a pattern file ({error}): it is truncated or was not "
                "written by pyiron_nbed; make it again."
            ) from error

    def _read_head(self, file: h5py.File) -> None:
        if file.attrs.get("format") != schema.FORMAT:
            raise DatasetError(f"{self.path} is an HDF5 file but not a pattern file of pyiron_nbed.")
        version = int(file.attrs["schema_version"])
        if version > schema.SCHEMA_VERSION:
            raise DatasetError(
                f"{self.path} has schema {version}, this pyiron_nbed reads up to {schema.SCHEMA_VERSION}: "
                "update pyiron_nbed."
            )
        self.mesh = Mesh(**json.loads(file.attrs["mesh"]))
        recipe = str(file.attrs["recipe"])
        # a sentence in files of schema 1 and 2
        self.recipe = Recipe.from_dict(json.loads(recipe)) if version > 2 else Recipe.simulation(self.mesh)
        self.volumes: list[Volume] = [as_volume(v) for v in json.loads(file.attrs["volumes"])]
        self.structures: list[dict] = json.loads(file.attrs["structures"])
        for structure in self.structures:  # as earlier files have them
            structure.setdefault("temperature", None)
            if "origin" not in structure:
                structure["origin"] = structure.pop("source", structure["structure_id"])
        self.provenance: dict = json.loads(file.attrs["provenance"])
        self.input_hash = str(file.attrs["input_hash"])
        self.region_types: list[str] = json.loads(file.attrs["region_types"])
        n = int(file[COMPLETE][0])
        self.complete = n == file["patterns"].shape[0]
        self.centers = file["centers"][:n]
        self.zone_axes = file["zone_axes"][:n]
        self.n_atoms = file["n_atoms"][:n]
        self.structure = file["structure"][:n]
        self.volume = file["volume"][:n]
        self.region = file["region"][:n]
        self.labels = pd.DataFrame({name: values[:n] for name, values in file["labels"].items()})
        if version < 3:  # that is what it was then
            self.labels = self.labels.rename(columns={"disorder_parameter": "disorder_modulus"})
        self.patterns = mapped_rows(self.path, "patterns", n)
        if "sample" in file:
            self.sample, self.view = file["sample"][:n], file["view"][:n]
        else:  # earlier files: each pattern is the only view of its volume
            self.sample, self.view = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
        if version == 1:
            self.position, self.scans = np.full(n, -1, np.int32), []
            return
        self.position = file["position"][:n]
        self.scans = [self._scan(**values) for values in json.loads(file.attrs["scans"])]

    def _scan(
        self, first: int, n: int, shape: list, step: list, order: str, structure: int,
        zone_axis: list, volume: int, origin: list | None = None,
    ) -> Scan:  # fmt: skip
        rows = slice(first, min(first + n, len(self)))
        if origin is None:  # earlier files do not say
            of = self.structures[structure]
            origin = list(
                first_place(
                    self.centers[rows], self.position[rows], shape, step, order, of["cell"], of["pbc"]
                )
            )
        return Scan(
            centers=self.centers[rows], shape=tuple(shape), step=tuple(step), origin=tuple(origin),
            zone_axis=(*zone_axis,), order=order, kept=self.position[rows], structure=structure,
            volume=volume, first=first,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.patterns)

    def __repr__(self) -> str:
        parts = [f"{len(self):,} patterns, {self.mesh}", f"{len(self.structures)} structures"]
        if len(self.structures) == 1:
            parts[1] = "1 structure"
        parts.append("volumes " + ", ".join(map(repr, self.volumes)))
        shapes = [" × ".join(map(str, scan.shape)) for scan in self.scans]
        if shapes:
            parts.append(f"scans {', '.join(shapes[:3])}{', …' if len(shapes) > 3 else ''}")
        parts.append("labels " + ", ".join(map(str, self.labels)))
        state = "" if self.complete else ", unfinished"
        return f"PatternDataset({str(self.path)!r}{state}): " + "; ".join(parts)

    def _repr_html_(self) -> str:
        if not len(self):
            return page(self)
        name = "disorder_parameter" if "disorder_parameter" in self.labels else str(self.labels.columns[0])
        values = self.label(name)
        places = np.unique(np.linspace(0, len(self) - 1, _SHOWN).round().astype(int))
        rows = np.argsort(values, kind="stable")[places]
        title = f"from the lowest to the highest {name}, {values[rows[0]]:.3f} to {values[rows[-1]]:.3f}"
        pictures = [picture(gallery(self.patterns[rows], self.mesh), title)]
        if self.scans and self.complete:
            with contextlib.suppress(InputError):  # points or a line have no map
                plane = self.plane(values)
                x, y = plane.names
                pictures.append(picture(plane.values, f"{name} over {x} and {y}", "viridis"))
        return page(self, *pictures)

    def plane(self, values: np.ndarray, scan: int = 0) -> Plane:
        """A map of any values of the patterns: the middle plane of a scan across the beam.

        Args:
            values: (P,) of all patterns.
            scan: number of the scan in :attr:`scans`.

        Returns:
            The :class:`pyiron_nbed.patterns.grid.Plane`.

        Raises:
            InputError: no such scan, points that are no grid, or a line.
        """
        if not -len(self.scans) <= whole(scan, "scan", None) < len(self.scans):
            raise InputError(f"There is no scan {scan}: {self.path} holds {len(self.scans)}, counted from 0.")
        own = self.scans[int(scan)]
        cell = np.asarray(self.structures[own.structure]["cell"], float)
        plane = own.grid.plane(values, int(np.argmax(np.abs(cell @ own.zone_axis))))
        # an axis of the cell along x, y or z is called by that
        cartesian = {
            name: "xyz"[np.argmax(side)]
            for name, side in zip("abc", cell, strict=True)
            if np.count_nonzero(side) == 1
        }
        first, second = (cartesian.get(name, name) for name in plane.names)
        return plane._replace(names=(first, second))

    def __getstate__(self) -> dict:
        return {**self.__dict__, "patterns": len(self)}  # another process maps the file itself

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, patterns=mapped_rows(state["path"], "patterns", state["patterns"]))

    def __getitem__(self, index: int) -> tuple[np.ndarray, float]:
        """(pattern (n, n) float32 raw intensity, mean d_i)."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"pattern {index} of {len(self)}")
        index = index % len(self)
        return self.patterns[index].astype(np.float32), float(self.label()[index])

    def label(self, name: str = "disorder_parameter") -> np.ndarray:
        """(P,) values of one label.

        Raises:
            InputError: the file has no such label.
        """
        if not isinstance(name, str) or name not in self.labels:
            raise InputError(
                f"The label {shown(name)} is not in the file: choose one of {list(self.labels)}."
            )
        return self.labels[name].to_numpy()

    def images(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Images for the network, in the order of ``indices`` (None: all).

        Returns:
            (len(indices), n, n) float32, made by :attr:`recipe`.

        Raises:
            InputError: indices that are no rows of the file.
        """
        wanted = row_numbers(indices, len(self))
        out = np.empty((len(wanted), *self.patterns.shape[1:]), np.float32)
        for start in range(0, len(wanted), 512):
            rows = wanted[start : start + 512]
            unique, back = np.unique(rows, return_inverse=True)
            out[start : start + 512] = self.recipe.images(self.patterns[unique])[back]
        return out

    def split(self, kind: str = "block", test_fraction: float = 0.2, seed: int = 0) -> Split:
        """Training and test rows; see :func:`pyiron_nbed.dataset.split_dataset`."""
        return split_dataset([self], kind, test_fraction, seed)


def as_dataset(given: Any) -> PatternDataset:
    """A pattern file from itself or from its path.

    Raises:
        InputError: something else.
        DatasetError: a file that cannot be read.

    Example:
        >>> as_dataset(5)
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The dataset is 5: give a PatternDataset or the path of a pattern file.
    """
    if isinstance(given, PatternDataset):
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise InputError(
            f"The dataset is {shown(given)}: give a PatternDataset or the path of a pattern file."
        )
    return PatternDataset(given)


def as_datasets(given: Any) -> list[PatternDataset]:
    """Pattern files, one or several, from themselves or from their paths.

    Raises:
        InputError: something else.
        DatasetError: a file that cannot be read.

    Example:
        >>> as_datasets([])
        []
    """
    return [as_dataset(item) for item in (given if isinstance(given, (list, tuple)) else [given])]
