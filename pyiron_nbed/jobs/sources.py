"""Where a job takes its atoms and patterns from, stored as a plain list of small dicts.

A source is ``{"atoms": arrays}`` (as :func:`pyiron_nbed.structures.file.atoms_to_dict` gives them), a
reference to a job (see :mod:`pyiron_nbed.jobs.references`), or ``{"file": absolute path}`` with the path
``relative`` to the project of the job that holds it. The functions here take them as :func:`located` gives
them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.jobs.freshness import Source
from pyiron_nbed.jobs.references import (
    find,
    find_file,
    is_job,
    load_job,
    result_hash,
    to_reference,
)
from pyiron_nbed.provenance import hash_of, structure_id
from pyiron_nbed.structures.file import atoms_from_dict, atoms_to_dict
from pyiron_nbed.structures.reading import check_file, read_structures


def to_sources(given: Any) -> list[Source]:
    """The stored form of atoms, a job, a path, or a sequence of any of these.

    Raises:
        InputError: anything else.

    Example:
        >>> [sorted(source) for source in to_sources([Atoms("Cu"), "dump.bin"])]
        [['atoms'], ['file']]
    """
    return [to_source(item) for item in as_list(given)]


def plain_atoms(structure: Any) -> Atoms:
    """``ase.Atoms`` with numeric arrays from ASE's or pyiron's class; anything else is an InputError."""
    if not isinstance(structure, Atoms):
        raise InputError(
            f"A structure must be an ase.Atoms, not {type(structure).__name__}: assign for example "
            "pyiron_nbed.random_alloy(n_atoms=4000, zr_fraction=0.36, seed=0)."
        )
    return atoms_from_dict(atoms_to_dict(structure))


def as_list(given: Any) -> list[Any]:
    """One source, or several, as a list.

    Example:
        >>> as_list("scan.h5"), as_list(("a.h5", "b.h5"))
        (['scan.h5'], ['a.h5', 'b.h5'])
    """
    given = builtin(given)
    one = isinstance(given, (str, os.PathLike, Atoms, PatternDataset, Mapping)) or is_job(given)
    return list(given) if not one and hasattr(given, "__iter__") else [given]


def open_source(source: Source) -> Any:
    """The atoms, the finished job or the path of a source.

    Raises:
        InputError: a job that does not exist or has not finished.
    """
    if "atoms" in source:
        return atoms_from_dict(source["atoms"])
    return Path(source["file"]) if "file" in source else load_job(source)


def anchored(sources: Sequence[Source], home: str | os.PathLike) -> list[Source]:
    """Sources that name files and jobs also by their path from a project, so that both can move together.

    Args:
        sources: stored form.
        home: path of the project of the job that holds them.
    """
    found = []
    for source in sources:
        with contextlib.suppress(InputError):  # what is gone is said when it is used
            source = located(source, home)
        found.append(source)
    return found


def located(source: Source, home: str | os.PathLike) -> Source:
    """A source with the absolute and relative path of where its job or file is now.

    Raises:
        InputError: a job that is nowhere to be found.
    """
    if "job_name" in source:
        return find(source, home)
    if "file" not in source:
        return source
    file = find_file(source["file"], source.get("relative"), home)
    return {**source, "file": file, "relative": os.path.relpath(file, home)}


def check_sources(
    sources: Sequence[Source] | None,
    owner: str,
    frame: Any = -1,
    species: Sequence[str] | None = None,
    name: str = "sources",
) -> list[Atoms]:
    """Raise for sources that cannot be used; of a file one frame is read, of a job none.

    Args:
        sources: stored form, or None where none are set.
        owner: class of the job, for the messages.
        frame: number or name of a frame, a list of them, or "all".
        species: element of each LAMMPS type, for files that do not name them.
        name: of the input.

    Returns:
        The structures that the job holds itself, and one frame of each file.

    Raises:
        InputError: no sources, an absent file or job, a frame that cannot be.
        StructureError: an unusable structure.
    """
    _check_given(sources, owner, species, name)
    frames = frame if isinstance(frame, list) and frame else [frame]
    for item in frames:
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            raise InputError(f"The frame is {frame!r}: give a number, a name, a list of them, or 'all'.")
    own = []
    for source in sources or ():
        if "file" in source:
            if any(isinstance(item, str) for item in frames) and frame != "all":
                raise InputError(
                    f"The frames of a file have no names, and {frame!r} was given: give numbers."
                )
            own.append(check_file(source["file"], species, frame))
            check_atoms(own[-1])
        elif "atoms" in source:
            if frame not in (0, -1, [0], [-1]):
                raise InputError(f"A structure has one frame, and {frame!r} was given: give -1.")
            own.append(atoms_from_dict(source["atoms"]))
            check_atoms(own[-1])
        else:
            _check_job(load_job(source), frame)
    return own


def each_source(
    sources: Sequence[Source], frame: Any = -1, species: Sequence[str] | None = None, cores: int = 1
) -> Iterator[Iterator[Atoms]]:
    """Frames of one source after the other.

    Args:
        sources: checked, see :func:`check_sources`.
        frame, species: as there.
        cores: MPI ranks for a LAMMPS restart file.

    Yields:
        The frames (Å) of each source, read when they are taken; ``info["step"]`` is the time step where it is
        known, −1 where a job does not tell. The last frame of a job with several sources of its own is the
        last one of each of them.
    """
    for source in sources:
        if "file" in source:
            yield read_structures(source["file"], species, frame, cores=cores)
        elif "atoms" in source:
            yield iter([atoms_from_dict(source["atoms"])])
        else:
            job = load_job(source)
            _check_job(job, frame)
            if _is_passed_on(job) and frame == -1:
                yield from (iter([_frame(atoms)]) for atoms in job.get_structures())
            elif frame == "all":
                yield map(_frame, trajectory_of(job))
            else:
                yield map(_frame, map(job.get_structure, frame if isinstance(frame, list) else [frame]))


def last_structures(
    sources: Sequence[Source] | None, owner: str, species: Sequence[str] | None = None, name: str = "sources"
) -> list[Atoms]:
    """The last frame (Å) of every source.

    Args:
        sources, owner, species, name: as of :func:`check_sources`.

    Raises:
        InputError: no sources, an absent file or job.
        StructureError, LammpsError: a damaged file.
    """
    _check_given(sources, owner, species, name)
    return [atoms for frames in each_source(sources or (), species=species) for atoms in frames]


def origins_of(sources: Sequence[Source] | None) -> list[str] | None:
    """Name of what each of :func:`last_structures` comes from, the same for all frames of one simulation.

    A job that passes structures on (SSRO) names what it took them from; any other job is the hash of its
    result and its name, a file its path, atoms their ``structure_id``. None where all are atoms.
    """
    if sources is None or all("atoms" in source for source in sources):
        return None
    return [
        name
        for source in sources
        for name in (
            [structure_id(atoms_from_dict(source["atoms"]))] if "atoms" in source else _roots(source)
        )
    ]


def trajectory_of(job: Any) -> Iterator[Atoms]:
    """All frames of the trajectory of a LAMMPS job.

    Raises:
        InputError: another kind of job, or (with the first frame) one that kept no trajectory.
    """
    if not hasattr(job, "get_trajectory"):
        raise InputError(
            f"The frames of a {type(job).__name__} cannot be listed: give their numbers or names."
        )
    return job.get_trajectory()


def to_datasets(given: Any) -> list[Source]:
    """The stored form of NBEDDataset jobs, paths and PatternDatasets, one or several."""
    return [
        {"file": str(item.path.resolve())} if isinstance(item, PatternDataset) else to_source(item)
        for item in as_list(given)
    ]


def open_dataset(source: Source) -> PatternDataset:
    """The pattern file of a source.

    Raises:
        InputError: a job without patterns, or one that has not finished.
        DatasetError: no such file.
    """
    if "file" in source:
        return PatternDataset(source["file"])
    if "atoms" in source:
        raise InputError("Atoms are no patterns: assign NBEDDataset jobs or pattern files as datasets.")
    job = load_job(source)
    if not hasattr(job, "dataset"):
        raise InputError(
            f"The job {job.job_name!r} is a {type(job).__name__}, which holds no patterns: assign "
            "NBEDDataset jobs."
        )
    return job.dataset


def builtin(value: Any) -> Any:
    """Lists and dicts instead of pyiron's containers, Python numbers instead of NumPy's."""
    if hasattr(value, "to_builtin"):
        return value.to_builtin()
    return value.item() if isinstance(value, np.generic) else value


def _check_given(sources: Any, owner: str, species: Any, name: str) -> None:
    if not sources:
        said = f"has no {name}" if sources is None else f"has an empty list of {name}"
        raise InputError(
            f"{owner} {said}: assign atoms, a job, the path of a file, or a list of these, for example "
            f"job.{name} = pr.load('my_quench')."
        )
    if isinstance(species, str) or not isinstance(species, (Sequence, np.ndarray, type(None))):
        raise InputError(
            f"species is {species!r}: give the element of each LAMMPS type as a list, for example "
            "['Cu', 'Zr'] (the element whose motifs are counted is motif_species)."
        )


def to_source(given: Any) -> Source:
    """As :func:`to_sources`, for one."""
    if isinstance(given, Atoms):
        return {"atoms": atoms_to_dict(given)}
    if is_job(given):
        return to_reference(given)
    if isinstance(given, (str, os.PathLike)):
        return {"file": str(Path(given).resolve())}
    if isinstance(given, Mapping) and _is_stored(given):
        return dict(given)
    raise InputError(
        f"A source must be an ase.Atoms, a job or the path of a file, not {type(given).__name__}: assign for "
        "example pr.load('my_quench')."
    )


def is_stored_atoms(stored: Any) -> bool:
    """Whether these are atoms in their stored form."""
    return isinstance(stored, Mapping) and "positions" in stored


def _is_stored(given: Mapping[str, Any]) -> bool:
    """Whether a dict is a source in its stored form."""
    if "atoms" in given:
        return is_stored_atoms(given["atoms"])
    if "file" in given:
        return isinstance(given["file"], str)
    return isinstance(given.get("job_name"), str) and isinstance(given.get("project"), str)


def _is_passed_on(job: Any) -> bool:
    return getattr(job, "passes_structures_on", False)


def _check_job(job: Any, frame: Any) -> None:
    if not hasattr(job, "get_structure"):
        raise InputError(
            f"The job {job.job_name!r} is a {type(job).__name__}, which holds no structure: "
            "give a LAMMPS or SSRO job."
        )
    if frame == "all":
        next(trajectory_of(job))
    elif frame != -1 and _is_passed_on(job) and len(job.input.sources) > 1:
        raise InputError(
            f"The job {job.job_name!r} has {len(job.input.sources)} sources of its own, of which only the "
            f"last frames can be used, and frame is {frame!r}: give -1."
        )


def _frame(atoms: Any) -> Atoms:
    plain = plain_atoms(atoms)
    plain.info["step"] = atoms.info.get("step", -1)
    return plain


def _roots(source: Source) -> list[str]:
    if "file" in source:
        return [os.path.abspath(source["file"])]
    name = f"{hash_of(source['project'])}/{source['job_name']}"
    with contextlib.suppress(InputError):  # a job that is gone has a name all the same
        job = load_job(source)
        name = f"{result_hash(job)}/{source['job_name']}"
        if _is_passed_on(job):
            earlier = anchored(builtin(job.input.sources), job.project.path)
            if len(earlier) == 1:
                return [name] if "atoms" in earlier[0] else _roots(earlier[0])
            numbered = [[f"{name}/{i}"] if "atoms" in s else _roots(s) for i, s in enumerate(earlier)]
            return [root for roots in numbered for root in roots]
    return [name]
