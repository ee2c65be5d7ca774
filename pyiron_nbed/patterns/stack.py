"""Patterns over the axes of a scan, read piece by piece."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import is_number, shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.grid import NavigationAxis
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.patterns.recipe import Recipe
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
        recipe: that the patterns were prepared for: they are known where it looks; None: everywhere.
        unit: of the intensity.

    Example:
        >>> stack = array_stack(np.arange(4 * 5 * 81.0).reshape(4, 5, 9, 9), Mesh(1.0, 0.2))
        >>> stack[1, 2].shape, stack[1:3].shape, stack.flat[[0, 7]].shape
        ((9, 9), (2, 5, 9, 9), (2, 9, 9))
    """

    shape: tuple[int, ...]
    axes: tuple[NavigationAxis, ...]
    dtype: np.dtype
    read: Callable[[tuple[slice, ...]], np.ndarray]
    mesh: Mesh
    labels: dict[str, np.ndarray]
    facts: dict[str, Any]
    recipe: Recipe | None = None
    unit: str = "Å²"

    def __getitem__(self, place: Any) -> np.ndarray:
        """Patterns of whole numbers and slices along the navigation axes, (…, n, n)."""
        given = place if isinstance(place, tuple) else (place,)
        if len(given) > len(self.shape):
            raise IndexError(f"{len(given)} indices for a stack over {len(self.shape)} navigation axes")
        slices: list[slice] = []
        single: list[Any] = []
        for item, size in zip(given, self.shape, strict=False):
            if isinstance(item, slice):
                slices.append(item)
                single.append(slice(None))
                continue
            number = operator.index(item)
            if not -size <= number < size:
                raise IndexError(f"position {number} of {size}")
            slices.append(slice(number % size, number % size + 1))
            single.append(0)
        full = (slice(None),) * (len(self.shape) - len(given))
        return self.read((*slices, *full))[tuple(single)]

    @property
    def flat(self) -> FlatPatterns:
        """The patterns one after another, (P, n, n), the last axis running fastest."""
        return FlatPatterns(self)

    def numbered(self, start: int, stop: int) -> np.ndarray:
        """Patterns from number ``start`` up to ``stop`` (excluded) of :attr:`flat`, (stop − start, n, n)."""
        if not self.shape:
            return self.read(())[None][start:stop]
        line, parts = self.shape[-1], []
        while start < stop:
            *outer, first = (int(i) for i in np.unravel_index(start, self.shape))
            last = min(first + stop - start, line)
            part = self.read((*(slice(i, i + 1) for i in outer), slice(first, last)))
            parts.append(part.reshape(-1, *self.mesh.shape))
            start += last - first
        return np.concatenate(parts) if parts else np.empty((0, *self.mesh.shape), self.dtype)


class FlatPatterns:
    """Patterns of a stack one after another, read where they are looked at.

    Args:
        stack: whose patterns they are.

    Attributes:
        shape: (P, n, n).
        dtype: of what is read.
    """

    ndim = 3

    def __init__(self, stack: PatternStack) -> None:
        self._stack = stack
        self.shape = (math.prod(stack.shape), *stack.mesh.shape)
        self.dtype = stack.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """(n, n) of a number, (M, n, n) of a slice, of numbers (M,) or of flags (P,)."""
        numbers = np.arange(len(self))[rows]
        if not numbers.ndim:
            return self._stack.numbered(int(numbers), int(numbers) + 1)[0]
        if numbers.ndim > 1:
            raise IndexError(f"rows of {numbers.ndim} dimensions: give one")
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
        parts = [self._stack.numbered(int(run[0]), int(run[-1]) + 1) for run in runs if len(run)]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


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
