"""Threads for kernels that release the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pyiron_nbed.checks import whole


def available_cores() -> int:
    """Number of CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def thread_count(cores: int | None) -> int:
    """Number of threads that a parameter ``cores`` means.

    Args:
        cores: the number; None takes every core this process may use.

    Raises:
        InputError: no whole number of at least 1.

    Example:
        >>> thread_count(-1)
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: cores is -1: give a whole number of at least 1, or None for all.
    """
    return available_cores() if cores is None else whole(cores, "cores", 1, hint="or None for all")


def run_in_threads(function: Callable[[int, int], None], n_items: int, cores: int | None, chunk: int) -> None:
    """Call ``function(start, stop)`` over chunks of ``n_items`` in threads.

    The functions called are numba kernels that release the interpreter lock, so threads give
    real parallel work without copies and without a choice of threading layer.

    Args:
        function: called with (start, stop); must write its result itself.
        n_items: number of items.
        cores: number of threads; None takes every core this process may use.
        chunk: items per call.

    Raises:
        InputError: an unusable number of cores.
    """
    cores = thread_count(cores)
    starts = range(0, n_items, chunk)
    if cores <= 1 or len(starts) <= 1:
        for start in starts:
            function(start, min(start + chunk, n_items))
        return
    with ThreadPoolExecutor(cores) as pool:
        for _ in pool.map(lambda start: function(start, min(start + chunk, n_items)), starts):
            pass
