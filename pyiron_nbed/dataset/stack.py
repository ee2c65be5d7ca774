"""Patterns of a file over the axes of a scan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyiron_nbed.checks import whole
from pyiron_nbed.dataset.reader import PatternDataset, as_dataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.frames import beam_frame
from pyiron_nbed.patterns.grid import Grid, NavigationAxis, find_grid, grid_axes
from pyiron_nbed.patterns.stack import PatternStack


def find_scan(dataset: PatternDataset, structure: int = 0, volume: int = 0, zone_axis: int = 0) -> Grid:
    """The scan over one structure with one volume along one zone axis, along the axes of the image.

    Args:
        dataset: the file, or its path.
        structure: row in ``dataset.structures``.
        volume: row in ``dataset.volumes``.
        zone_axis: number of the zone axis of these patterns, in the order of the file.

    Returns:
        The :class:`pyiron_nbed.patterns.grid.Grid` with axes z, y, x; ``grid.rows[k]`` is a plane of the
        scan, (Ny, Nx) rows of the file.

    Raises:
        InputError: no such patterns, or they do not form a regular grid.
    """
    dataset = as_dataset(dataset)
    structure, volume, zone_axis = (
        whole(value, name)
        for value, name in ((structure, "structure"), (volume, "volume"), (zone_axis, "zone_axis"))
    )
    rows = np.flatnonzero((dataset.structure == structure) & (dataset.volume == volume))
    axes, first = np.unique(dataset.zone_axes[rows], axis=0, return_index=True)
    axes = axes[np.argsort(first)]
    if not 0 <= zone_axis < len(axes):
        raise InputError(
            f"There is no scan of structure {structure}, volume {volume}, zone axis {zone_axis}: the file "
            f"has {len(dataset.structures)} structures, {len(dataset.volumes)} volumes and, for these, "
            f"{len(axes)} zone axes, counted from 0."
        )
    rows = rows[(dataset.zone_axes[rows] == axes[zone_axis]).all(axis=1)]
    grid = find_grid(dataset.centers[rows], axes[zone_axis])
    if grid is None:
        raise InputError(
            f"The {len(rows)} patterns of structure {structure}, volume {volume}, zone axis {zone_axis} do "
            "not form a regular grid along the axes of the image: give rows."
        )
    return Grid(rows[grid.rows], grid.axes)


def dataset_stack(
    dataset: PatternDataset, rows: np.ndarray | None = None, facts: Mapping[str, Any] | None = None
) -> PatternStack:
    """Patterns of a file with their labels and what is known of them.

    Args:
        dataset: the file, or its path.
        rows: in the shape of the navigation axes, for example (Ny, Nx) of :func:`find_scan`; None takes all,
            as a grid where they form one.
        facts: further ones.

    Returns:
        The stack; no pattern is read yet.

    Raises:
        InputError: rows that are not in the file, or of several dimensions and no regular scan.
    """
    dataset = as_dataset(dataset)
    chosen = np.arange(len(dataset)) if rows is None else np.asarray(rows)
    if (
        chosen.dtype.kind not in "iu" or not chosen.size or not 1 <= chosen.ndim <= 3
        or chosen.min() < 0 or chosen.max() >= len(dataset)
    ):  # fmt: skip
        raise InputError(
            f"rows must hold whole numbers from 0 to {len(dataset) - 1} in one to three dimensions, those of "
            "the scan."
        )
    flat = chosen.ravel()
    each = np.column_stack([dataset.structure, dataset.volume, dataset.zone_axes])[flat]
    axes = None
    if (each == each[0]).all():
        zone_axis = dataset.zone_axes[flat[0]]
        grid = find_grid(dataset.centers[flat], zone_axis) if rows is None else None
        if grid is not None:
            chosen = np.atleast_1d(flat[grid.rows].squeeze())
        axes = grid_axes(dataset.centers[chosen] @ beam_frame(zone_axis).T)
    if axes is None:
        if chosen.ndim > 1:
            raise InputError(
                f"The {' × '.join(map(str, chosen.shape))} rows are no regular scan over one structure with "
                "one volume and zone axis: take them from find_scan(dataset).rows, or give a list of rows."
            )
        axes = (NavigationAxis("pattern", units=None),)
    # an axis of one position has no step: it only counts
    axes = tuple(axis if axis.step else NavigationAxis(axis.name, units=None) for axis in axes)
    labels = {name: dataset.label(name)[chosen] for name in dataset.labels}
    dtype = np.result_type(dataset.patterns.dtype, np.float32)

    def read(place: tuple[slice, ...]) -> np.ndarray:
        part = chosen[place]
        return dataset.patterns[part.ravel()].reshape(*part.shape, *dataset.mesh.shape).astype(dtype)

    known = {**_facts(dataset, flat), **(facts or {})}
    return PatternStack(chosen.shape, axes, dtype, read, dataset.mesh, labels, known)


def _facts(dataset: PatternDataset, rows: np.ndarray) -> dict[str, Any]:
    volumes = [dataset.volumes[v].as_dict() for v in np.unique(dataset.volume[rows])]
    structures = [dataset.structures[s]["structure_id"] for s in np.unique(dataset.structure[rows])]
    axes = np.unique(dataset.zone_axes[rows], axis=0)
    return {
        "structure_id": ", ".join(structures),
        "volume": volumes[0] if len(volumes) == 1 else json.dumps(volumes),
        "zone_axis": axes[0] if len(axes) == 1 else dataset.zone_axes[rows],
        "provenance": json.dumps(dataset.provenance),
        "input_hash": dataset.input_hash,
    }
