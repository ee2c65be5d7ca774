"""Patterns over the axes of a scan, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import is_number, shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.grid import NavigationAxis
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.units import quantities


@dataclass(frozen=True)
class PatternStack:
    """Patterns over navigation axes.

    Attributes:
        shape: of the navigation axes.
        axes: one for each of them.
        dtype: of what is read.
        read: gives the patterns (..., n, n) of a tuple of slices along the navigation axes.
        mesh: of the patterns.
        labels: {name: values in the shape of the navigation axes}.
        facts: what else is known: numbers, text, arrays or dicts of these.
    """

    shape: tuple[int, ...]
    axes: tuple[NavigationAxis, ...]
    dtype: np.dtype
    read: Callable[[tuple[slice, ...]], np.ndarray]
    mesh: Mesh
    labels: dict[str, np.ndarray]
    facts: dict[str, Any]


@quantities(step="angstrom")
def array_stack(
    patterns: np.ndarray,
    mesh: Mesh,
    step: float | Sequence[float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> PatternStack:
    """Stack of an array.

    Args:
        patterns: (..., n, n) over zero to three navigation axes z, y, x, the last along x.
        mesh: of n × n nodes.
        step: distance between positions along each navigation axis in Å, or one number; None counts.
        labels: {name: values in the shape of the navigation axes}.
        facts: kept as they are.

    Returns:
        The stack; nothing is read yet.

    Raises:
        InputError: arguments that do not fit each other.

    Example:
        >>> array_stack(np.zeros((4, 5, 19, 19)), Mesh(1.0, 0.1), 2.5).axes[1]
        NavigationAxis(name='x', step=2.5, offset=0.0, units='Å')
    """
    mesh = as_mesh(mesh)
    patterns = patterns if hasattr(patterns, "shape") else np.asarray(patterns)
    if patterns.dtype.kind not in "fiu":
        raise InputError(f"The patterns are {shown(patterns)}: give an array of real numbers (..., n, n).")
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
        given: Any = step
        steps = [given] * len(shape) if np.ndim(given) == 0 else list(given)
        if len(steps) != len(shape) or not all(is_number(s) and s > 0 for s in steps):
            raise InputError(
                f"step is {shown(step)}: give a positive length in Å, or one for each of the {len(shape)} "
                "navigation axes."
            )
        axes = tuple(NavigationAxis(name, float(s)) for name, s in zip(names, steps, strict=True))
    if not isinstance(labels or {}, Mapping):
        raise InputError(f"labels is {shown(labels)}: give {{name: values in the shape {shape}}}.")
    table = {name: np.asarray(values) for name, values in (labels or {}).items()}
    for name, values in table.items():
        if values.shape != shape or values.dtype.kind not in "fiub":
            raise InputError(
                f"The label {name!r} is {shown(values)}: give numbers in the shape {shape} of the patterns."
            )
        table[name] = values.astype(float)
    dtype = np.result_type(patterns.dtype, np.float32)

    def read(place: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(patterns[place]).astype(dtype)

    return PatternStack(shape, axes, dtype, read, mesh, table, dict(facts or {}))
