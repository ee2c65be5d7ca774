"""Patterns over the axes of a scan, for exports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.dataset.grid import TOLERANCE, find_grid
from pyiron_nbed.dataset.reader import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.frames import beam_frame
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.provenance import versions


@dataclass(frozen=True)
class NavigationAxis:
    """A navigation axis: positions are offset + i·step; without a length the step is 1."""

    name: str
    step: float = 1.0
    offset: float = 0.0
    units: str | None = "Å"


@dataclass(frozen=True)
class PatternStack:
    """Patterns over navigation axes, read piece by piece."""

    shape: tuple[int, ...]
    axes: tuple[NavigationAxis, ...]
    dtype: np.dtype
    read: Callable[[tuple[slice, ...]], np.ndarray]
    mesh: Mesh
    labels: dict[str, np.ndarray]
    facts: dict[str, Any]


def pattern_stack(
    patterns: PatternDataset | np.ndarray,
    mesh: Mesh | None,
    rows: np.ndarray | None,
    step: float | Sequence[float] | None,
    labels: Mapping[str, np.ndarray] | None,
    metadata: Mapping[str, Any] | None,
) -> PatternStack:
    """Patterns of a file or an array with what an export says of them.

    Args:
        patterns, mesh, rows, step, labels, metadata: as :func:`pyiron_nbed.dataset.export.write_hyperspy`.

    Returns:
        The stack; nothing is read yet.

    Raises:
        InputError: arguments that do not fit each other.

    Example:
        >>> pattern_stack(np.zeros((4, 5, 19, 19)), Mesh(1.0, 0.1), None, 2.5, None, None).axes[1]
        NavigationAxis(name='x', step=2.5, offset=0.0, units='Å')
    """
    if isinstance(patterns, PatternDataset):
        if mesh is not None or step is not None or labels is not None:
            raise InputError("A pattern file has a mesh, steps and labels of its own: leave these out.")
        return _stack_of_file(patterns, rows, metadata or {})
    if mesh is None or rows is not None:
        raise InputError("An array of patterns needs a mesh and takes no rows: index the array instead.")
    patterns = patterns if hasattr(patterns, "shape") else np.asarray(patterns)
    shape = tuple(patterns.shape[:-2])
    if not 2 <= patterns.ndim <= 5 or 0 in shape:
        raise InputError(f"The patterns have shape {patterns.shape}: give (..., n, n) over up to three axes.")
    if patterns.shape[-2:] != mesh.shape:
        n, m = patterns.shape[-2:]
        raise InputError(
            f"The patterns are {n} × {m} pixels and the mesh has {mesh.shape[0]} × {mesh.shape[1]}."
        )
    names = ("z", "y", "x")[3 - len(shape) :]
    axes = tuple(NavigationAxis(name, units=None) for name in names)
    if step is not None:
        steps = [step] * len(shape) if isinstance(step, (int, float)) else list(step)
        if len(steps) != len(shape) or not all(0 < s < np.inf for s in steps):
            raise InputError(
                f"step is {step!r}: give a positive length in Å, or one for each of the {len(shape)} "
                "navigation axes."
            )
        axes = tuple(NavigationAxis(name, float(s)) for name, s in zip(names, steps, strict=True))
    table = {name: np.asarray(values, float) for name, values in (labels or {}).items()}
    for name, values in table.items():
        if values.shape != shape:
            raise InputError(
                f"The label {name!r} has shape {values.shape}: expected {shape}, as the patterns."
            )
    dtype = np.result_type(patterns.dtype, np.float32)

    def read(place: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(patterns[place]).astype(dtype)

    return PatternStack(shape, axes, dtype, read, mesh, table, {**_facts(mesh), **(metadata or {})})


def _stack_of_file(dataset: PatternDataset, rows: Any, metadata: Mapping[str, Any]) -> PatternStack:
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
    one_scan = bool((each == each[0]).all())
    axes = None
    if one_scan:
        zone_axis = dataset.zone_axes[flat[0]]
        grid = find_grid(dataset.centers[flat], zone_axis) if rows is None else None
        if grid is not None:
            chosen = np.atleast_1d(flat[grid.rows].squeeze())
        axes = _scan_axes(dataset.centers[chosen] @ beam_frame(zone_axis).T)
    if axes is None:
        if chosen.ndim > 1:
            raise InputError(
                f"The {' × '.join(map(str, chosen.shape))} rows are no regular scan over one structure with "
                "one volume and zone axis: take them from find_scan(dataset).rows, or give a list of rows."
            )
        axes = (NavigationAxis("pattern", units=None),)
    facts = {**_facts(dataset.mesh), **_facts_of_rows(dataset, flat), **metadata}
    labels = {name: dataset.label(name)[chosen] for name in dataset.labels}
    dtype = np.result_type(dataset.patterns.dtype, np.float32)

    def read(place: tuple[slice, ...]) -> np.ndarray:
        part = chosen[place]
        return dataset.patterns[part.ravel()].reshape(*part.shape, *dataset.mesh.shape).astype(dtype)

    return PatternStack(chosen.shape, axes, dtype, read, dataset.mesh, labels, facts)


def _scan_axes(positions: np.ndarray) -> tuple[NavigationAxis, ...] | None:
    # of (..., 3) positions x, y, z in the frame of the image; each runs along one of them in equal steps
    found: list[NavigationAxis | None] = []
    for a in range(positions.ndim - 1):
        steps = np.diff(positions, axis=a).reshape(-1, 3)
        if not len(steps):
            found.append(None)
            continue
        mean = steps.mean(axis=0)
        along = int(np.argmax(np.abs(mean)))
        wanted = np.where(np.arange(3) == along, mean, 0)
        if abs(mean[along]) < TOLERANCE or np.abs(steps - wanted).max() > 2 * TOLERANCE:
            return None
        found.append(NavigationAxis("xyz"[along], float(mean[along]), float(positions[..., along].flat[0])))
    names = [axis.name for axis in found if axis is not None]
    if len(set(names)) < len(names):
        return None
    free = iter([name for name in "yzx" if name not in names])
    return tuple(NavigationAxis(next(free), units=None) if axis is None else axis for axis in found)


def _facts(mesh: Mesh) -> dict[str, Any]:
    known = {"k_max": mesh.k_max, "delta_k": mesh.delta_k, "versions": versions()}
    return known if mesh.beam_energy is None else {**known, "beam_energy": mesh.beam_energy}


def _facts_of_rows(dataset: PatternDataset, rows: np.ndarray) -> dict[str, Any]:
    volumes = [dataset.volumes[v].as_dict() for v in np.unique(dataset.volume[rows])]
    structures = [dataset.structures[s]["structure_id"] for s in np.unique(dataset.structure[rows])]
    axes = np.unique(dataset.zone_axes[rows], axis=0)
    facts: dict[str, Any] = {
        "structure_id": ", ".join(structures),
        "volume": volumes[0] if len(volumes) == 1 else json.dumps(volumes),
        "zone_axis": axes[0] if len(axes) == 1 else dataset.zone_axes[rows],
        "provenance": json.dumps(dataset.provenance),
        "input_hash": dataset.input_hash,
    }
    return facts
