"""Threads: for kernels that release the interpreter lock, and for what is computed ahead."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyiron_nbed.checks import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    return threads(cores) or available_cores()


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


def prefetched(
    function: Callable[[Item], Result], items: Iterable[Item], cores: int = 1, ahead: int = 4
) -> Generator[Result, None, None]:
    """``function(item)`` for each item in order, computed ahead in threads while the last one is used.

    Args:
        function: called in a thread; its exception is raised where its result is taken.
        items: also without end; taken one by one.
        cores: threads that compute.
        ahead: results that are computed or waiting at a time, at most.

    Returns:
        Generator of the results; closing it, or leaving the loop, ends the threads.

    Example:
        >>> list(prefetched(abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    left = iter(items)
    pool = ThreadPoolExecutor(cores, thread_name_prefix="prefetched")
    try:
        waiting = deque(pool.submit(function, item) for item in itertools.islice(left, ahead))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in itertools.islice(left, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
