"""Compiled kernels: numba's ``njit`` with a cache that notices every change, and a word while it compiles."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from pyiron_nbed.progress import SILENCE_VARIABLE

_DECORATOR = b"@njit"


def njit(**options: Any) -> Callable[[Callable], Any]:
    """``numba.njit`` with ``nogil`` and a file cache that is valid across modules.

    The cache of numba looks at the file of a kernel alone, and keeps what was compiled from a kernel of
    another module that has changed since; here it is valid for one state of all kernels of the package.
    Where no folder for it can be written, kernels are compiled in each process.

    Args:
        options: of ``numba.njit``.

    Returns:
        The decorator.

    Example:
        >>> @njit(error_model="numpy")
        ... def half(x):
        ...     return x / 2
        >>> half(3.0)
        1.5
    """

    def decorate(function: Callable) -> Any:
        try:
            compiled = numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # "no locator available": nothing can be written
            return numba.njit(nogil=True, **options)(function)
        cache = getattr(compiled, "_cache", None)
        if cache is not None:  # with NUMBA_DISABLE_JIT it is the function itself
            # no public way leads there; tests/unit/test_kernels.py sees whether this one still does
            cache._cache_file._source_stamp = kernel_stamp()
            cache.save_overload = _where_there_is_room(cache.save_overload)
        return compiled

    return decorate


def _where_there_is_room(save: Callable) -> Callable:
    def save_or_not(*arguments: Any) -> None:
        with contextlib.suppress(OSError):  # a full disc: the kernel is compiled, which is what matters
            save(*arguments)

    return save_or_not


@functools.cache
def kernel_stamp(folder: str | os.PathLike | None = None) -> str:
    """Hash of all source files with kernels.

    Args:
        folder: of the package; None takes this one.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> len(kernel_stamp())
        64
    """
    root = Path(__file__).parent if folder is None else Path(folder)
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        source = path.read_bytes()
        if _DECORATOR in source:
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + source)
    return found.hexdigest()


class _Notice(event.Listener):
    """Says, once in a process, that kernels are compiled: nothing is seen to happen meanwhile."""

    told = False

    def on_start(self, event: Any) -> None:
        """Numba begins to compile something."""
        kernel = event.data["dispatcher"].py_func
        ours = kernel.__module__.partition(".")[0] == __name__.partition(".")[0]
        if ours and not self.told and not os.environ.get(SILENCE_VARIABLE):
            print(
                "pyiron_nbed compiles its numerical kernels for this processor, up to half a minute, "
                "and once only.",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            self.told = True

    def on_end(self, event: Any) -> None:
        """Numba has compiled it: nothing more to say."""


event.register("numba:compile", _Notice())
