"""Checks of arguments: one sentence says what was given and what is allowed.

Each function returns the value in plain Python form. NumPy's numbers are taken, booleans and text are no
numbers, and NaN is never allowed.
"""

from __future__ import annotations

import math
import numbers
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from pyiron_nbed.errors import InputError
from pyiron_nbed.units import NOUNS


def is_number(value: Any) -> bool:
    """True for one finite real number (no bool, no text).

    Example:
        >>> is_number(np.float32(2)), is_number(True), is_number(float("nan")), is_number("2")
        (True, False, False, False)
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    # a whole number of any size is finite, which math.isfinite does not take
    return isinstance(value, numbers.Integral) or math.isfinite(value)


def is_whole(value: Any) -> bool:
    """True for one whole number, also one that is stored as a float.

    Example:
        >>> is_whole(3), is_whole(3.0), is_whole(3.5), is_whole(True)
        (True, True, False, False)
    """
    return is_number(value) and value == int(value)


def shown(value: Any) -> str:
    """A value as an error names it: on one line, and not long.

    Example:
        >>> shown("cpu"), shown(np.float64(2.5)), shown(np.zeros((3, 4, 5)))
        ("'cpu'", '2.5', 'an array of shape (3, 4, 5)')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, np.generic):
        value = value.item()
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and (len(shape) > 2 or math.prod(shape) > 6):
        kind = "an array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        return f"{kind} of shape {tuple(shape)}"
    text = " ".join(repr(value).split())
    if " at 0x" in text:  # the address of an object that does not say what it is
        return f"an object of the type {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:90]} …"


def seed_number(value: Any, name: str = "seed") -> int:
    """A seed: a whole number that all generators of random numbers take.

    Raises:
        InputError: something else.

    Example:
        >>> seed_number("a")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: seed is 'a': give a whole number from 0 to 4294967295.
    """
    return whole(value, name, 0, 2**32 - 1)


def number(
    value: Any,
    name: str,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    unit: str = "",
    hint: str = "",
) -> int | float:
    """A finite number within bounds.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        low, high: least and largest value allowed.
        above, below: bounds that are not allowed themselves.
        unit: of the number, for the error ("Å", "eV", ...).
        hint: end of the sentence, such as "for example 5, or None for all".

    Returns:
        The value as a Python number; an int stays one.

    Raises:
        InputError: something else.

    Example:
        >>> number(np.float64(2.5), "cutoff", above=0, unit="Å")
        2.5
        >>> number(-1, "cutoff", above=0, unit="Å")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: cutoff is -1: give a length above 0 Å.
    """
    if (
        not is_number(value)
        or (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    ):
        allowed = _bounds(low, high, above, below)
        finite = NOUNS.get(unit, "a number") if allowed else "a finite number"
        raise InputError(_sentence(name, value, [f"give {finite}", allowed, unit], hint))
    return value.item() if isinstance(value, np.generic) else value


def whole(value: Any, name: str, low: int | None = 0, high: int | None = None, hint: str = "") -> int:
    """A whole number within bounds, both allowed; 3.0 is taken as 3.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        low: least value; None: none.
        high: largest value; None: none.
        hint: end of the sentence.

    Raises:
        InputError: something else.

    Example:
        >>> whole(np.int64(3), "seed")
        3
        >>> whole(0, "cores", 1)
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: cores is 0: give a whole number of at least 1.
    """
    if not is_whole(value) or (low is not None and value < low) or (high is not None and value > high):
        raise InputError(_sentence(name, value, ["give a whole number", _bounds(low, high)], hint))
    return int(value)


def interval(
    value: Any,
    name: str,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    unit: str = "",
    hint: str = "",
) -> tuple[float, float]:
    """Two finite numbers in order, (lowest, highest), within bounds as those of :func:`number`.

    Raises:
        InputError: something else.

    Example:
        >>> interval([3, 8], "radius", above=0, unit="Å")
        (3.0, 8.0)
    """
    try:
        first, last = value if isinstance(value, (list, tuple, np.ndarray)) else ()
        pair = float(number(first, name, low, high, above=above)), float(number(last, name, low, high))
        if pair[0] <= pair[1]:
            return pair
    except (TypeError, ValueError):  # an InputError is a ValueError
        pass
    allowed = ["give two numbers (lowest, highest)", _bounds(low, high, above), unit]
    raise InputError(_sentence(name, value, allowed, hint))


def one_of(value: Any, name: str, allowed: Iterable[Any], hint: str = "") -> Any:
    """One of some values, which is returned as it is written there.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        allowed: the values; True and False are not taken for 1 and 0.
        hint: end of the sentence, such as "or None for the default".

    Raises:
        InputError: something else.

    Example:
        >>> one_of("cpu", "engine", ("cpu", "torch"))
        'cpu'
        >>> one_of("gpu", "engine", ("cpu", "torch"))
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: engine is 'gpu': choose one of 'cpu', 'torch'.
    """
    choices = list(allowed)
    for choice in choices:
        same_kind = isinstance(value, str) == isinstance(choice, str)
        single = isinstance(value, (str, type(None))) or np.isscalar(value)
        if single and same_kind and not isinstance(value, (bool, np.bool_)) and value == choice:
            return choice
    raise InputError(_sentence(name, value, ["choose one of " + ", ".join(map(repr, choices))], hint))


def flag(value: Any, name: str) -> bool:
    """True or False, or the 1 or 0 as which pyiron stores them.

    Raises:
        InputError: something else.

    Example:
        >>> flag(0, "minimize")
        False
    """
    if isinstance(value, (bool, np.bool_)) or (is_number(value) and value in (0, 1)):
        return bool(value)
    raise InputError(f"{name} is {shown(value)}: give True or False.")


def direction(value: Sequence[float] | Sequence[Sequence[float]] | np.ndarray, name: str) -> np.ndarray:
    """Unit vectors along directions.

    Args:
        value: (3,) one direction of any length, or (P, 3) of them.
        name: of the parameter, for the error.

    Returns:
        (3,) or (P, 3) float64 of length 1.

    Raises:
        InputError: not three finite numbers, or all zero.

    Example:
        >>> direction((0, 3, 4), "zone_axis").tolist()
        [0.0, 0.6, 0.8]
    """
    try:
        vectors = np.array(value, dtype=float)
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        valid = vectors.ndim in (1, 2) and vectors.shape[-1] == 3 and vectors.size > 0
        valid = valid and bool(np.isfinite(vectors).all() and (length > 0).all())
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"{name} is {shown(value)}: give three numbers, not all zero, or an array (P, 3) of them."
        )
    return vectors / length


def threads(value: Any, name: str = "cores") -> int | None:
    """A number of threads; None for all.

    Raises:
        InputError: something else.

    Example:
        >>> threads(2), threads(None)
        (2, None)
    """
    return None if value is None else whole(value, name, 1, hint="or None for all")


def symbol(value: Any, name: str, hint: str = "") -> str:
    """The chemical symbol of an element.

    Args:
        value: what was given; atomic numbers are not taken.
        name: of the parameter, for the error.
        hint: end of the sentence, such as "or None for all".

    Raises:
        InputError: something else.

    Example:
        >>> symbol("Zr", "minority")
        'Zr'
        >>> symbol(40, "minority")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: minority is 40: give the symbol of an element, such as 'Cu'.
    """
    if not isinstance(value, str) or value not in atomic_numbers or value == "X":
        raise InputError(_sentence(name, value, ["give the symbol of an element, such as 'Cu'"], hint))
    return value


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points at the user's line, however deep in this package it arises.

    Args:
        text: one sentence.
        category: of the warning.

    Example:
        >>> import pytest
        >>> with pytest.warns(UserWarning, match="two atoms"):
        ...     warn("There are two atoms only.")
    """
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == __name__.split(".")[0]:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(text, category, stacklevel=level)


def real_array(
    value: Any, name: str, shape: Sequence[int | None], what: str, finite: bool = True
) -> np.ndarray:
    """Real numbers of a shape as float64; text, flags and complex numbers are no numbers.

    Args:
        value: what was given.
        name: of the parameter, for the error.
        shape: length of each axis, None where any is allowed.
        what: that is wanted, for the error ("two lengths in Å, along y and z").
        finite: refuse NaN and infinite numbers.

    Raises:
        InputError: something else.

    Example:
        >>> real_array([1, 2], "shift", (2,), "two lengths in Å").tolist()
        [1.0, 2.0]
        >>> real_array(["1", "2"], "shift", (2,), "two lengths in Å")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: shift is ['1', '2']: give two lengths in Å.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        array = np.empty(0, object)
    valid = array.dtype.kind in "iuf" and array.ndim == len(shape)
    valid = valid and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not valid or (finite and not np.isfinite(array).all()):
        large = isinstance(value, np.ndarray) or len(repr(value)) > 80
        shown = f"an array of shape {array.shape} and type {array.dtype}" if large else repr(value)
        end = " of finite numbers" if finite and valid else ""
        raise InputError(f"{name} is {shown}: give {what}{end}.")
    return array.astype(float, copy=False)


def memory(n_bytes: float, what: str, hint: str) -> None:
    """Refuse what this machine has no memory for, before it is tried.

    Args:
        n_bytes: needed at least.
        what: would need it, for the error ("A structure of 10,000 atoms").
        hint: end of the sentence, what to do.

    Raises:
        InputError: it is more than the memory of this machine.

    Example:
        >>> memory(1e6, "A structure of 10,000 atoms", "build a smaller one")
    """
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > have:
        raise InputError(
            f"{what} would need about {n_bytes / 1e9:.3g} GB of memory and this machine has "
            f"{have / 1e9:.0f} GB: {hint}."
        )


def _bounds(
    low: float | None, high: float | None, above: float | None = None, below: float | None = None
) -> str:
    if low is not None and high is not None:
        return f"from {_figure(low)} to {_figure(high)}"
    words = [
        f"{text} {_figure(bound)}"
        for text, bound in (("of at least", low), ("above", above), ("at most", high), ("below", below))
        if bound is not None
    ]
    return " and ".join(words)


def _figure(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _sentence(name: str, value: Any, words: Sequence[str], hint: str) -> str:
    allowed = " ".join(word for word in words if word)
    return f"{name} is {shown(value)}: {allowed}{', ' if hint else ''}{hint}."
