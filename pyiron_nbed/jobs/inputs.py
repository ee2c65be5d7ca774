"""Inputs of jobs that hold sources: the properties that set them, and their earlier names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.freshness import NOTED
from pyiron_nbed.jobs.references import to_reference
from pyiron_nbed.jobs.sources import (
    Source,
    as_list,
    builtin,
    is_stored_atoms,
    open_dataset,
    open_source,
    plain_atoms,
    to_datasets,
    to_source,
    to_sources,
)
from pyiron_nbed.structures.file import atoms_to_dict, modulus_named

# what one input held before there was `sources`, and whether it held many
_OLD = {"structure": False, "structures": True, "reference": False, "references": True, "file": False}


def sources_input(name: str = "sources") -> Any:
    """Property of a job: atoms, finished jobs and paths as a list, or None; assign one or a sequence."""

    def read(job: Any) -> list[Any] | None:
        stored = job.located(name)
        return None if stored is None else [open_source(source) for source in stored]

    def write(job: Any, given: Any) -> None:
        _write(job, name, None if given is None else to_sources(given))

    return property(read, write, doc="Atoms (Å), finished jobs and paths, or None; assign one or a list.")


def structures_input(name: str = "sources", several: bool = True) -> Any:
    """Property of a job: the sources where all are atoms (Å), else None; the only one if not ``several``."""
    return _one_kind(name, several, "atoms", lambda given: {"atoms": atoms_to_dict(plain_atoms(given))})


def references_input(name: str = "sources", several: bool = True) -> Any:
    """Property of a job: the sources where all are jobs, else None; the only one if not ``several``."""
    return _one_kind(name, several, "job_name", to_reference)


def datasets_input(name: str) -> Any:
    """Property of a job: its pattern files; assign NBEDDataset jobs, paths or PatternDatasets."""

    def read(job: Any) -> list[PatternDataset]:
        return [open_dataset(source) for source in job.located(name)]

    def write(job: Any, given: Any) -> None:
        job.input[name] = to_datasets(given)

    return property(read, write, doc="Pattern files; assign NBEDDataset jobs, paths or PatternDatasets.")


def take_old_sources(inputs: Any, prefix: str = "", stored: bool = False) -> None:
    """Move "structure", "structures", "reference", "references" and "file" of an input to "sources".

    They replace what "sources" held: assigning a source by :func:`sources_input` takes them away.

    Args:
        inputs: the input of a job, changed in place.
        prefix: "test_" for the ones to test on.
        stored: as it was in an HDF5 file, which must be read in any case: what contradicts itself stays, and
            is found when the job is run.

    Raises:
        InputError: two of them are set.
    """
    old = _old_names(inputs, prefix)
    given = [name for name in old if inputs[name] is not None]
    if len(given) > 1 and not stored:
        raise InputError(
            f"The inputs {' and '.join(given)} are set: give one of them, or all of it as {prefix}sources."
        )
    if len(given) > 1:
        return
    for name in given:
        value = builtin(inputs[name])
        items = value if _OLD[name.removeprefix(prefix)] else [value]
        inputs[f"{prefix}sources"] = [
            to_source({"atoms": modulus_named(item) if stored else item} if is_stored_atoms(item) else item)
            for item in items
        ]
    for name in old:
        del inputs[name]


def same(one: Any, other: Any) -> bool:
    """Whether two inputs are equal, one of which may have been in an HDF5 file.

    Sources are the same where they name the same job or file, whatever is noted about its result.

    Example:
        >>> same({"a": [1, 2], "b": {}}, {"a": np.array([1.0, 2.0]), "b": []})
        True
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping) and {"job_name", "file"} & set(one):
        one, other = (
            {k: v for k, v in d.items() if k not in ("relative", "id", *NOTED)} for d in (one, other)
        )
    one, other = (v.to_dict("list") if isinstance(v, pd.DataFrame) else v for v in (one, other))
    several = (Mapping, list, tuple, np.ndarray)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, several) and isinstance(other, several):
        if len(one) != len(other) or (len(one) and isinstance(one, Mapping) != isinstance(other, Mapping)):
            return False
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            return np.array_equal(one, other)
        return all(same(a, b) for a, b in zip(one, other, strict=True))
    return not isinstance(one, several) and not isinstance(other, several) and bool(one == other)


def _old_names(inputs: Any, prefix: str) -> list[str]:
    return [prefix + name for name in _OLD if prefix + name in list(inputs.keys())]


def _write(job: Any, name: str, sources: list[Source] | None) -> None:
    for old in _old_names(job.input, name.removesuffix("sources")):
        del job.input[old]
    job.input[name] = sources


def _one_kind(name: str, several: bool, key: str, convert: Any) -> Any:
    def read(job: Any) -> Any:
        stored = builtin(job.input[name])
        if not stored or not all(key in source for source in stored) or (len(stored) > 1 and not several):
            return None
        found = [open_source(source) for source in job.located(name)]
        return found if several else found[0]

    def write(job: Any, given: Any) -> None:
        items = as_list(given) if several else [given]
        _write(job, name, None if given is None else [convert(item) for item in items])

    what = "structures (Å)" if key == "atoms" else "finished jobs"
    return property(read, write, doc=f"``{name}`` where all are {what}, else None; assigning replaces them.")
