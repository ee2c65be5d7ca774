"""Files that are whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def partial_path(path: str | os.PathLike) -> Path:
    """Temporary name beside a file or folder while it is written.

    Example:
        >>> partial_path("patterns.h5").name
        'patterns.h5.partial'
    """
    path = Path(path)
    return path.with_name(path.name + ".partial")


@contextmanager
def replaced(path: str | os.PathLike, keep: Callable[[BaseException], bool] | None = None) -> Iterator[Path]:
    """A temporary name to write a file or a folder to; it takes the place of the old one at the end.

    Where the writing fails, the old one stays and the new one is removed.

    Args:
        path: what is written; a folder there is replaced only by a folder.
        keep: called with the error, says whether what was written so far stays under its temporary name, and
            is then found there the next time; None never.

    Yields:
        The temporary name (:func:`partial_path`).

    Example:
        >>> with replaced("a.txt") as partial:
        ...     _ = partial.write_text("new")
        >>> sorted(os.listdir())
        ['a.txt']
    """
    path, partial = Path(path), partial_path(path)
    if keep is None:
        remove(partial)  # of a process that was killed
    try:
        yield partial
        if partial.is_dir() and path.is_dir():
            shutil.rmtree(path)  # a folder is not replaced by renaming
        os.replace(partial, path)
    except BaseException as error:
        if keep is None or not keep(error):
            remove(partial)
        raise


def remove(path: str | os.PathLike) -> None:
    """Remove a file or a folder with all in it, where there is one.

    Example:
        >>> remove("absent.txt")
    """
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
