"""The way into measured data: one function for all files of scans."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyiron_nbed.checks import number, shown, whole
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import FilledFrames
from pyiron_nbed.experiment.measured import MeasuredScan, chosen_scan
from pyiron_nbed.experiment.reading import pictures
from pyiron_nbed.experiment.reading.arrays import read_npy, read_npz
from pyiron_nbed.experiment.reading.dectris import read_dectris
from pyiron_nbed.experiment.reading.empad import read_empad
from pyiron_nbed.experiment.reading.found import Found
from pyiron_nbed.experiment.reading.hdf5 import read_plain
from pyiron_nbed.experiment.reading.kinds import kind_of
from pyiron_nbed.experiment.reading.layouts import read_emd, read_hyperspy, read_nexus
from pyiron_nbed.experiment.reading.merlin import read_merlin
from pyiron_nbed.experiment.reading.rosetta import read_rosetta
from pyiron_nbed.experiment.reading.shapes import fitting_shape, scan_shape
from pyiron_nbed.files import as_path
from pyiron_nbed.units import MINIMUM_ENERGY, quantities

_NAMED = ("hyperspy", "emd", "nexus", "hdf5", "npz", "rosetta")  # kinds that take ``dataset``


@quantities(step="angstrom", delta_k="1/angstrom", beam_energy="eV")
def read_scan(
    path: str | os.PathLike | Sequence[str | os.PathLike],
    shape: tuple[int, int] | None = None,
    step: float | None = None,
    flyback: int = 0,
    delta_k: float | None = None,
    intensity: str | None = None,
    dataset: str | None = None,
    *,
    skip_first: int = 0,
    skip_last: int = 0,
    beam_energy: float | None = None,
    fill: float | None = None,
    white: float | None = None,
) -> MeasuredScan:
    """Open the file of a measured scan; frames are read where they are looked at.

    Read here: Merlin ``.mib``, EMPAD ``.raw`` and ``.xml``, Dectris master files, HyperSpy ``.hspy``,
    py4DSTEM and EMD, NeXus, any HDF5 file, ``.npy``, ``.npz`` and stacks of ``.tif`` or ``.png``;
    everything else through RosettaSciIO (extra ``experiment``). The kind is found by content where it can
    be. A number of frames that does not fit the shape is refused, and the sentence lists what fits; a shape
    is never guessed. Frames stay as the file has them: type, rows, columns.

    Args:
        path: of the file; or of pictures: a folder, a list of files, or a pattern such as ``"scan/*.tif"``.
        shape: (Ny, Nx), lines and positions along one; None takes that of the file. A stack of pictures
            without one is a scan of (1, N).
        step: Å between positions; None takes that of the file, if it is a possible length.
        flyback: frames at the end of each line that belong to no position.
        delta_k: Å⁻¹ per pixel; None takes that of the file as a suggestion, if it is a possible one.
        intensity: of pictures, "linear" or "log" for pictures of log(1 + I); must be given for ``.png`` and
            8 bits, which need not be linear.
        dataset: which of several datasets, signals or arrays of the file.
        skip_first, skip_last: frames before and after the scan.
        beam_energy: in eV; needed where the file states pixels as angles and no energy.
        fill: number in the place of pixels that are NaN or infinite; None refuses them.
        white: of pictures of log(1 + I) in whole numbers: I of the brightest possible value.

    Returns:
        The :class:`pyiron_nbed.experiment.MeasuredScan`; ``facts["notes"]`` are sentences on what was found.

    Raises:
        DatasetError: absent, truncated, foreign or unsuitable file.
        InputError: arguments that do not fit the file or each other.

    Example:
        >>> import numpy as np
        >>> np.save("scan.npy", np.zeros((35, 8, 8), np.uint16))
        >>> read_scan("scan.npy", shape=(5, 7), step=4.0)
        MeasuredScan(5 × 7 positions, 8 × 8 px, uint16, step 4 Å, npy, scan.npy)
        >>> read_scan("scan.npy", shape=(6, 6))
        Traceback (most recent call last):
        pyiron_nbed.errors.InputError: The file scan.npy holds 35 frames, and shape (6, 6) needs 36: shapes \
that fit are (5, 7), (7, 5), (1, 35), (35, 1), or skip_last=5 with shape (5, 6), the complete lines, or \
flyback=1 with shape (5, 6).
    """
    given = scan_shape(shape)
    flyback, first, last = (
        whole(value, name, 0)
        for value, name in ((flyback, "flyback"), (skip_first, "skip_first"), (skip_last, "skip_last"))
    )
    if beam_energy is not None:
        beam_energy = float(number(beam_energy, "beam_energy", MINIMUM_ENERGY, unit="eV"))
    where, found = _found(path, intensity, white, dataset, beam_energy)
    ny, nx = fitting_shape(where, found, given, flyback, first, last)
    frames = chosen_scan(found.frames, (ny, nx), first, flyback)
    if fill is not None and frames.dtype.kind == "f":
        frames = FilledFrames(frames, float(number(fill, "fill")))
    facts: dict[str, Any] = {**found.facts, "name": where.name, "path": str(where.absolute())}
    if beam_energy is not None:
        facts["beam_energy"] = beam_energy
    if found.shape is not None:
        facts["file_shape"] = list(found.shape)
    for key, value in (("flyback", flyback), ("skip_first", first), ("skip_last", last)):
        if value:
            facts[key] = value
    return MeasuredScan(
        frames, (ny, nx), found.step if step is None else step, found.delta_k if delta_k is None else delta_k,
        facts, found.dead,
    )  # fmt: skip


def _found(
    path: Any, intensity: str | None, white: float | None, dataset: str | None, beam_energy: float | None
) -> tuple[Path, Found]:
    files = _pictures(path)
    if files is not None:
        if dataset is not None:
            raise InputError(f"dataset is {shown(dataset)}: pictures have none.")
        return files[0].parent if len(files) > 1 else files[0], pictures.read_pictures(
            files, intensity, white
        )
    path = as_path(path, "path")
    if path.is_dir() and path.suffix.lower() == ".zspy":
        kind, note = "rosetta", None
    elif not path.is_file():
        what = "is a folder without pictures" if path.is_dir() else "does not exist"
        raise DatasetError(f"The file {path} {what}: give the file of a scan, or a folder of .tif or .png.")
    else:
        kind, note = kind_of(path)
    if kind == "picture":
        if dataset is not None:
            raise InputError(f"dataset is {shown(dataset)}: pictures have none.")
        found = pictures.read_pictures([path], intensity, white)
    else:
        for name, value in (("intensity", intensity), ("white", white)):
            if value is not None:
                raise InputError(f"{name} is {shown(value)}: it is for pictures, and {path} is none.")
        if dataset is not None and kind not in _NAMED:
            raise InputError(
                f"dataset is {shown(dataset)}: the file {path} holds one scan only, leave it out."
            )
        found = _read(kind, path, dataset, beam_energy)
    found.note(note)
    return path, found


def _read(kind: str, path: Path, dataset: str | None, beam_energy: float | None) -> Found:
    readers: dict[str, Any] = {
        "merlin": lambda: read_merlin(path),
        "empad": lambda: read_empad(path),
        "dectris": lambda: read_dectris(path),
        "npy": lambda: read_npy(path),
        "npz": lambda: read_npz(path, dataset),
        "hdf5": lambda: read_plain(path, dataset),
        "hyperspy": lambda: read_hyperspy(path, dataset, beam_energy),
        "emd": lambda: read_emd(path, dataset, beam_energy),
        "nexus": lambda: read_nexus(path, dataset, beam_energy),
        "rosetta": lambda: read_rosetta(path, dataset, beam_energy),
    }
    return readers[kind]()


def _pictures(path: Any) -> list[Path] | None:
    """Files of pictures that a list, a folder or a pattern means; None for anything else."""
    if isinstance(path, (list, tuple)):
        files = [as_path(item, "path") for item in path]
        if not files:
            raise InputError(f"path is {shown(path)}: give at least one picture.")
        for file in files:
            if not file.is_file():
                raise DatasetError(f"The picture {file} does not exist.")
            if file.suffix.lower() not in pictures.SUFFIXES:
                raise InputError(
                    f"The file {file} is in a list, which is of pictures: give .tif or .png files."
                )
        return files
    path = as_path(path, "path")
    if path.exists():
        if not path.is_dir() or path.suffix.lower() == ".zspy":
            return None
        found = [file for file in path.iterdir() if file.suffix.lower() in pictures.SUFFIXES]
    elif glob.has_magic(os.fspath(path)):
        found = [Path(file) for file in glob.glob(os.fspath(path))]
        if not found:
            raise DatasetError(f"No file fits {os.fspath(path)!r}: give the pattern of .tif or .png files.")
        if wrong := [file for file in found if file.suffix.lower() not in pictures.SUFFIXES]:
            raise InputError(
                f"{os.fspath(path)!r} fits {wrong[0].name}, which is no picture: give .tif or .png files."
            )
    else:
        return None
    return pictures.in_order_of_names(found) or None
