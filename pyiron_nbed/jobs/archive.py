"""A whole project in one file, and back: with every file of every job, and with the rows of the job table."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pyiron_base import state
from pyiron_base.database.filetable import FileTable

from pyiron_nbed.errors import InputError
from pyiron_nbed.files import partial_path, remove, replaced

TABLE_FILE = "export.csv"  # as pyiron calls it
_SUFFIX = ".tar.gz"
_BUSY = ("submitted", "running", "collect", "refresh", "busy")
_COPIED = (
    "status", "chemicalformula", "job", "subjob", "timestart", "timestop", "totalcputime", "computer",
    "hamilton", "hamversion",
)  # fmt: skip
_TIMES = ("timestart", "timestop")


def pack(project: Any, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write the folder of a project, with all its files and sub-projects, and its job table to one file.

    Args:
        project: of pyiron.
        path: of the archive; ".tar.gz" is added where it does not end so.
        overwrite: replace a file that is there.

    Returns:
        The path.

    Raises:
        InputError: the file is there, would lie in the project itself, or jobs are running.
    """
    folder, path = Path(project.path).resolve(), Path(path).absolute()
    if not path.name.endswith(_SUFFIX):
        path = path.with_name(path.name + _SUFFIX)
    if folder in path.resolve().parents:
        raise InputError(f"{path} lies in the project that is packed: give a path outside of {folder}.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist: make it first, or give another path.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another path, or overwrite=True.")
    table = project.job_table(recursive=True, all_columns=True)
    if busy := [row.job for row in table.itertuples() if row.status in _BUSY]:
        raise InputError(f"The jobs {', '.join(busy)} are at work: wait for them, then pack.")
    with replaced(path) as partial:
        listed = partial.with_name(partial.name + ".csv")
        try:
            _portable(table, folder).to_csv(listed)
            with tarfile.open(partial, "w:gz", compresslevel=1, dereference=True) as archive:
                archive.add(folder, folder.name, filter=_without_table)
                archive.add(listed, f"{folder.name}/{TABLE_FILE}")
        finally:
            remove(listed)
    return path


def unpack(project: Any, path: str | os.PathLike) -> list[str]:
    """Put what :func:`pack` wrote into the folder of a project, and enter its jobs into the job table.

    Args:
        project: of pyiron; what it holds already stays.
        path: of the archive.

    Returns:
        Names of the jobs.

    Raises:
        InputError: no such archive, or something of the same name is in the project.
    """
    path, folder = Path(path), Path(project.path)
    if not path.is_file():
        raise InputError(f"The archive {path} does not exist: give the path that pr.nbed.pack returned.")
    partial = partial_path(folder)
    remove(partial)
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.extractall(partial, filter="data")
        (content,) = partial.iterdir()
        table = pd.read_csv(content / TABLE_FILE, index_col=0)
        (content / TABLE_FILE).unlink()
        if there := sorted(entry.name for entry in content.iterdir() if (folder / entry.name).exists()):
            raise InputError(
                f"The project in {folder} holds {', '.join(there[:5])} already: unpack into another project, "
                "for example Project('unpacked')."
            )
        for entry in content.iterdir():
            shutil.move(entry, folder / entry.name)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be unpacked ({error}): it is damaged or was not written by pr.nbed.pack."
        ) from error
    finally:
        remove(partial)
    top = Path(table["project"].iloc[0]).parts[0] if len(table) else ""
    table["project"] = [os.path.join(folder, os.path.relpath(place, top)) for place in table["project"]]
    return _enter(project, table)


def adopt(project: Any) -> list[str]:
    """Enter jobs into the job table whose files lie in the folder of a project, but which it does not know.

    Such as those of a folder that was moved or copied by other means than pyiron.

    Args:
        project: of pyiron.

    Returns:
        Names of the jobs.
    """
    if state.database.database_is_disabled:
        return []
    known = project.job_table(recursive=True, all_columns=True)
    there = set(_places(known))
    rows = [
        FileTable.get_extract(str(file), file.stat().st_mtime)
        for file in sorted(Path(project.path).rglob("*.h5"))
        if (file.parent / f"{file.stem}_hdf5").is_dir() and (str(file.parent), file.stem) not in there
    ]
    return _enter(project, pd.DataFrame(rows))


def _places(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for row in table.itertuples():
        yield os.path.normpath(f"{row.projectpath or ''}{row.project}"), row.job


def _portable(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    # as pyiron writes it: rows numbered from 0, folders from the one that is packed
    numbers = {job_id: number for number, job_id in enumerate(table.get("id", ()))}
    rows = []
    for (place, _), row in zip(_places(table), table.to_dict("records"), strict=True):
        inner = os.path.relpath(os.path.realpath(place), folder)
        moved = {name: numbers.get(row.get(name)) for name in ("id", "parentid", "masterid")}
        own = {name: row.get(name) for name in _COPIED}
        rows.append({**own, **moved, "project": os.path.normpath(os.path.join(folder.name, inner)) + "/"})
    return pd.DataFrame(rows, columns=["id", *_COPIED, "project", "parentid", "masterid"])


def _enter(project: Any, table: pd.DataFrame) -> list[str]:
    """Add rows whose project is an absolute path; returns the names of the jobs."""
    if state.database.database_is_disabled or not len(table):
        return [] if not len(table) else table["job"].tolist()
    table = table.astype(object).where(table.notna(), None)
    ids: dict[Any, int] = {}
    for row in table.to_dict("records"):
        place = project._convert_str_to_generic_path(row["project"])
        entry = {name: row[name] for name in _COPIED if row.get(name) is not None}
        entry |= {name: pd.to_datetime(entry[name]).to_pydatetime() for name in _TIMES if name in entry}
        entry |= {"projectpath": place.root_path, "project": place.project_path}
        entry["username"] = state.settings.login_user
        ids[row.get("id")] = project.db.add_item_dict(entry)
    for row in table.to_dict("records"):
        links = {
            name: ids.get(row.get(name)) for name in ("parentid", "masterid") if row.get(name) is not None
        }
        if links:
            project.db.item_update(links, ids[row["id"]])
    return table["job"].tolist()


def _without_table(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.name.count("/") == 1 and entry.name.endswith(f"/{TABLE_FILE}") else entry
