"""Files that are whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiron_nbed.checks import shown
from pyiron_nbed.errors import InputError


def partial_path(path: str | os.PathLike) -> Path:
    """Temporary name beside a file or folder while it is written.

    Example:
        >>> partial_path("patterns.h5").name
        'patterns.h5.partial'
    """
    path = Path(path)
    return path.with_name(path.name + ".partial")


def as_path(path: Any, name: str = "The path") -> Path:
    """A path; InputError for anything but text and paths, and for empty text.

    Example:
        >>> as_path(5)
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The path is 5: give the path of a file.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise InputError(f"{name} is {shown(path)}: give the path of a file.")
    return Path(path)


def check_folder(folder: Any, name: str = "folder") -> Path:
    """A folder that is there.

    Args:
        folder: what was given.
        name: of the parameter, for the error.

    Raises:
        InputError: no path, or no folder there.

    Example:
        >>> check_folder(".")
        PosixPath('.')
    """
    try:
        path = Path(folder)
    except TypeError:
        raise InputError(f"{name} is {folder!r}: give the path of a folder.") from None
    if not path.is_dir():
        raise InputError(f"{name} is {os.fspath(path)!r}, which is no folder: make it first.")
    return path


def check_target(
    path: Any, overwrite: bool = False, name: str = "path", is_ours: Callable[[Path], bool] | None = None
) -> Path:
    """A file that may be written: its folder is there, and the file is not or may be replaced.

    Args:
        path: what was given.
        overwrite: whether a file of that name may be replaced.
        name: of the parameter, for the error.
        is_ours: says whether a file of that name was written by the same function, and may be replaced.

    Raises:
        InputError: no path, no such folder, a folder of that name, or a file that would be lost.

    Example:
        >>> check_target("new.dump").name
        'new.dump'
    """
    try:
        target = Path(path)
    except TypeError:
        raise InputError(f"{name} is {shown(path)}: give the path of a file.") from None
    if not target.parent.is_dir():
        raise InputError(f"{name} is {os.fspath(target)!r}, but its folder does not exist: make it first.")
    if not os.access(target.parent, os.W_OK):
        raise InputError(
            f"{name} is {os.fspath(target)!r}, but its folder cannot be written to: give another."
        )
    ours = target.exists() and is_ours is not None and is_ours(target)
    if target.is_dir() and not ours:
        raise InputError(f"{name} is {os.fspath(target)!r}, which is a folder: give the path of a file.")
    if target.exists() and not overwrite and not ours:
        raise InputError(
            f"The file {os.fspath(target)} exists already: give another path, or overwrite=True to "
            "replace it."
        )
    return target


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
        check_target(path, overwrite=True)
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
