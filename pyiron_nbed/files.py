"""Files that are whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiron_nbed.errors import InputError


def partial_path(path: str | os.PathLike) -> Path:
    """Temporary name beside a file or folder while it is written.

    Example:
        >>> partial_path("patterns.h5").name
        'patterns.h5.partial'
    """
    path = Path(path)
    return path.with_name(path.name + ".partial")


def target_path(path: Any, is_ours: Callable[[Path], bool] | None = None, overwrite: bool = False) -> Path:
    """Where a file is to be written; called before anything is computed.

    Args:
        path: of the file.
        is_ours: says whether what is there already was written by the same function, and may be replaced;
            None replaces any file.
        overwrite: replace a file of something else too.

    Returns:
        The path.

    Raises:
        InputError: no path, a folder that does not exist or cannot be written to, or a foreign file.

    Example:
        >>> target_path("absent/patterns.h5")
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The folder absent does not exist: make it, or give another path.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise InputError(f"The path is {path!r}: give the path of a file to write.")
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {what}: make it, or give another path.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder {folder} cannot be written to: give another path.")
    ours = path.exists() and is_ours is not None and is_ours(path)
    if path.is_dir() and not ours:
        raise InputError(f"{path} is a folder of something else: give another name, or remove it.")
    if path.exists() and is_ours is not None and not ours and not overwrite:
        raise InputError(
            f"{path} exists and was not written by this function: give another path, or overwrite=True to "
            "replace it."
        )
    return path


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

    Raises:
        InputError: its folder does not exist or cannot be written to.

    Example:
        >>> with replaced("a.txt") as partial:
        ...     _ = partial.write_text("new")
        >>> sorted(os.listdir())
        ['a.txt']
    """
    if not Path(path).is_dir():
        target_path(path)
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
