"""Checks of arguments that are objects, dicts, lists or rows; of numbers and choices in ``checks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from pyiron_nbed.checks import real_array, shown
from pyiron_nbed.errors import InputError


def instance(value: Any, name: str, kinds: type | tuple[type, ...], what: str) -> Any:
    """An object of a class.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        kinds: the class, or several of them.
        what: is wanted, for the error: "a Recipe, for example Recipe.experiment()".

    Raises:
        InputError: an object of another class.

    Example:
        >>> instance(3, "recipe", str, "the name of one")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: recipe is 3: give the name of one.
    """
    if not isinstance(value, kinds):
        raise InputError(f"{name} is {shown(value)}: give {what}.")
    return value


def known_fields(values: Any, name: str, kind: type) -> dict[str, Any]:
    """A dict with some of the fields of a dataclass.

    Args:
        values: what was given.
        name: of the parameter, for the error.
        kind: the dataclass.

    Raises:
        InputError: no dict, or another key.

    Example:
        >>> from dataclasses import make_dataclass
        >>> known_fields({"width": 1}, "box", make_dataclass("Box", ["height"]))
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: box holds 'width': its fields are height.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(values, Mapping):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InputError(
            f"{name} is {shown(values)}: give {article} {kind.__name__}, or a dict with some of "
            f"{', '.join(known)}."
        )
    if unknown := [key for key in values if key not in known]:
        raise InputError(f"{name} holds {shown(unknown[0])}: its fields are {', '.join(known)}.")
    return dict(values)


def listed(value: Any, name: str, what: str) -> list[Any]:
    """A list or tuple of at least one thing, as a list.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        what: is wanted, for the error: "structures".

    Raises:
        InputError: something else, such as one thing alone or text.

    Example:
        >>> listed((), "volumes", "volumes")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: volumes is (): give a list of volumes, at least one.
    """
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError(f"{name} is {shown(value)}: give a list of {what}, at least one.")
    return list(value)


def row_numbers(rows: Any, count: int, name: str = "rows") -> np.ndarray:
    """Numbers of chosen rows.

    Args:
        rows: whole numbers, those below 0 counted from the end; (count,) bool; or None for all.
        count: how many rows there are.
        name: of the parameter, for the error.

    Returns:
        (M,) int, as they were given.

    Raises:
        InputError: something else.

    Example:
        >>> row_numbers([True, False, True], 3).tolist(), row_numbers([-1], 3).tolist()
        ([0, 2], [-1])
    """
    if rows is None:
        return np.arange(count)
    try:
        chosen = np.asarray(rows)
    except ValueError:  # rows of several lengths
        chosen = np.empty((0, 0))
    if chosen.ndim == 1 and not chosen.size:
        return chosen.astype(int)
    if chosen.dtype == bool and chosen.shape == (count,):
        return np.flatnonzero(chosen)
    if (
        chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not chosen.size
        or chosen.min() < -count or chosen.max() >= count
    ):  # fmt: skip
        raise InputError(
            f"{name} is {shown(rows)}: give whole numbers below {count}, or one of True and False for each."
        )
    return chosen


def columns(finite: bool = True, **values: Any) -> list[np.ndarray]:
    """Columns of numbers of one length.

    Args:
        finite: refuse NaN and infinite numbers.
        values: each column by its name, for the error.

    Returns:
        A (P,) float64 array for each, P ≥ 1.

    Raises:
        InputError: no numbers, other dimensions, different lengths, or none.

    Example:
        >>> columns(true=[0.5, 0.6], predicted=[0.5])
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: true has 2 values and predicted 1: give one of each for every pattern.
    """
    arrays = {
        name: real_array(value, name, (None,), "an array of numbers (P,)", finite)
        for name, value in values.items()
    }
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1 or 0 in lengths:
        found = " and ".join(
            f"{name} {'has ' * (i == 0)}{len(array)}{' values' * (i == 0)}"
            for i, (name, array) in enumerate(arrays.items())
        )
        raise InputError(f"{found}: give one of each for every pattern.")
    return list(arrays.values())


def read_only(values: np.ndarray) -> np.ndarray:
    """A copy of an array that cannot be changed, for objects that are to stay as they are.

    Example:
        >>> read_only(np.zeros(2)).flags.writeable
        False
    """
    values = np.array(values)
    values.flags.writeable = False
    return values


def with_entries(value: Any, name: str, entries: Iterable[str], where: str) -> Any:
    """A dict or a table that holds some entries or columns.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        entries: that it must hold.
        where: such a thing is found, for the error: "summary['profiles']".

    Raises:
        InputError: something else, or one that lacks an entry.

    Example:
        >>> with_entries({"r": [1.0]}, "rdf", ["r", "cutoff"], "summary['rdf']")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: rdf holds no 'cutoff': give summary['rdf'].
    """
    if not hasattr(value, "keys") or not hasattr(value, "__getitem__"):
        raise InputError(f"{name} is {shown(value)}: give {where}.")
    if missing := [entry for entry in entries if entry not in value]:
        raise InputError(f"{name} holds no {missing[0]!r}: give {where}.")
    return value
