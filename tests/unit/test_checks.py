"""Checks of arguments: what is taken, what is refused, and in which words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyiron_nbed.checks import direction, flag, interval, is_whole, number, one_of, whole
from pyiron_nbed.errors import InputError

NO_NUMBERS = (True, False, np.True_, "5", None, math.nan, np.nan, math.inf, 1j, [5], np.array([5.0]), b"5")


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number(value):
    for check in (number, whole):
        with pytest.raises(InputError, match=r"x is .*: give a"):
            check(value, "x")
    with pytest.raises(InputError, match="x is"):
        interval((value, value), "x")


@pytest.mark.parametrize("value", [5, 5.0, np.int8(5), np.uint64(5), np.float32(5), np.float64(5)])
def test_numbers_of_numpy_become_plain(value):
    assert number(value, "x") == 5
    assert type(number(value, "x")) in (int, float)
    assert type(whole(value, "x")) is int


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-10, 10), st.floats(-10, 10))
def test_bounds(value, low, high):
    def taken(**bounds):
        try:
            return number(value, "x", **bounds) == value
        except InputError:
            return False

    assert taken(low=low, high=high) == (low <= value <= high)
    assert taken(above=low, below=high) == (low < value < high)
    assert taken(low=value, high=value)
    assert not taken(above=value)
    assert not taken(below=value)
    assert is_whole(value) == value.is_integer()


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "give a finite number."),
        ({"above": 0, "unit": "Å"}, "give a length above 0 Å."),
        ({"low": 0, "unit": "K/s"}, "give a rate of at least 0 K/s."),
        ({"low": 1, "high": 5000, "unit": "K"}, "give a temperature from 1 to 5000 K."),
        ({"above": 0, "high": 1}, "give a number above 0 and at most 1."),
        ({"low": 0, "below": 1, "hint": "or None"}, "give a number of at least 0 and below 1, or None."),
    ],
)
def test_words_of_numbers(bounds, words):
    with pytest.raises(InputError) as caught:
        number("a", "x", **bounds)
    assert str(caught.value) == f"x is 'a': {words}"


def test_whole_numbers():
    with pytest.raises(InputError, match=r"^seed is 1.5: give a whole number from 1 to 9\.$"):
        whole(1.5, "seed", 1, 9)
    for value in (0, 10, -1):
        with pytest.raises(InputError):
            whole(value, "seed", 1, 9)
    assert whole(-3, "frame", None) == -3


def test_one_of_returns_the_value_as_it_is_listed():
    assert type(one_of(np.str_("a"), "x", ("a", "b"))) is str
    assert type(one_of(np.int64(1), "axis", (0, 1, 2))) is int
    for value in (True, "1", 1.5, None, [1], np.array([1, 2]), "ab"):
        with pytest.raises(InputError, match=r"axis is .*: choose one of 0, 1, 2, or 'all'"):
            one_of(value, "axis", (0, 1, 2), "or 'all'")
    assert one_of("b", "x", {"a": 1, "b": 2}) == "b"


def test_flags():
    assert [flag(v, "x") for v in (True, False, np.True_, 1, 0, np.int64(1), 1.0)] == [
        True, False, True, True, False, True, True,
    ]  # fmt: skip
    for value in (2, "yes", None, math.nan, np.array([True])):
        with pytest.raises(InputError, match="give True or False"):
            flag(value, "x")


def test_intervals():
    assert interval(np.array([1, 2]), "x") == (1.0, 2.0)
    assert interval((0, 0), "x", 0, 1) == (0.0, 0.0)
    for value in ((2, 1), (1,), (1, 2, 3), 5, None, "ab", (0, 1), (1, 99)):
        with pytest.raises(InputError, match="x is"):
            interval(value, "x", high=10, above=0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_directions(vector):
    unit = direction(vector, "x")
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-12)
    assert np.allclose(np.cross(unit, vector), 0, atol=1e-9 * np.linalg.norm(vector))


@pytest.mark.parametrize(
    "value", [(0, 0, 0), (1, 2), "up", None, (1, 2, math.nan), np.zeros((0, 3))], ids=repr
)
def test_no_directions(value):
    with pytest.raises(InputError, match=r"x is .*give three numbers"):
        direction(value, "x")
