"""All other formats, through RosettaSciIO where it is installed (GPL)."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import Frames, frame_type, lines, unreadable
from pyiron_nbed.experiment.reading.found import Found, named
from pyiron_nbed.experiment.reading.layouts import scale_axes

# no camera's frames are in these, or others read them here
_NOT = ("EDAX", "MSA", "Image", "Impulse", "Protochips", "Quadstar", "JobinYvon", "TriVista", "Renishaw")


class LazyFrames(Frames):
    """Frames of an array that is read where it is computed (dask), or of one in memory."""

    def __init__(self, array: Any, path: Path) -> None:
        super().__init__(int(np.prod(array.shape[:-2])), array.shape[-2:], array.dtype, [path])
        self._array = array
        if hasattr(array, "chunks") and array.ndim > 2:
            last = array.chunks[-3][0]
            self.run = int(last) if array.ndim == 3 else int(array.chunks[-4][0]) * array.shape[-3]

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frames = np.empty((stop - start, *self.shape), self.dtype)
        array = self._array
        try:
            if array.ndim == 2:
                frames[:] = _computed(array)
            elif array.ndim == 3:
                frames[:] = _computed(array[start:stop])
            elif start % array.shape[1] == 0 and stop % array.shape[1] == 0:
                rows = array[start // array.shape[1] : stop // array.shape[1]]
                frames[:] = _computed(rows).reshape(frames.shape)
            else:
                for number, count, row, column in lines(start, stop, array.shape[1]):
                    frames[number : number + count] = _computed(array[row, column : column + count])
        except (OSError, ValueError) as error:
            raise unreadable(self.paths[0], error) from None
        return frames


def suffixes() -> list[str]:
    """Suffixes that RosettaSciIO reads, without the dot; [] where it is not installed."""
    try:
        plugins = importlib.import_module("rsciio").IO_PLUGINS
    except ImportError:
        return []
    return sorted({s.lower() for plugin in plugins for s in _suffixes(plugin)})


def read_rosetta(path: Path, dataset: str | None, beam_energy: float | None) -> Found:
    """Frames of a file that RosettaSciIO reads.

    Args:
        path: of the file, or of a folder of a format that is one (``.zspy``).
        dataset: title or number of one of several signals.
        beam_energy: in eV, or None.

    Raises:
        InputError: RosettaSciIO is not installed, or it does not know the suffix.
        DatasetError: it cannot read the file, or finds no frames.
    """
    suffix = path.suffix.lower().lstrip(".")
    try:
        plugins = importlib.import_module("rsciio").IO_PLUGINS
    except ImportError:
        raise InputError(
            f"The file {path} needs RosettaSciIO, which is not installed: pip install "
            "'pyiron_nbed[experiment]' (it is under the GPL)."
        ) from None
    fitting = [plugin for plugin in plugins if suffix and suffix in map(str.lower, _suffixes(plugin))]
    if not fitting:
        raise InputError(
            f"The file {path} is of no kind that is known: .mib, .raw of EMPAD, .h5, .hspy, .nxs, .npy, "
            ".npz, "
            ".tif, .png and what RosettaSciIO reads (.blo, .dm4, .tvips, .mrc, .emd, .app5, .zspy, …) are."
        )
    signals, plugin = _signals(path, fitting)
    usable = {}
    for i, signal in enumerate(signals):
        if getattr(signal["data"], "ndim", 0) >= 2:
            title = str(signal.get("metadata", {}).get("General", {}).get("title") or i)
            usable[title if title not in usable else f"{title} {i}"] = signal
    if dataset is None and len(usable) > 1:
        scans = [name for name, signal in usable.items() if signal["data"].ndim >= 4]
        usable = {name: usable[name] for name in scans} if len(scans) == 1 else usable
    name = named(path, list(usable), dataset, "signal with frames", "signals")
    return _found(path, name, usable[name], plugin, beam_energy)


def _found(path: Path, name: str, signal: dict, plugin: Any, beam_energy: float | None) -> Found:
    data = signal["data"]
    dtype = frame_type(data.dtype, f"The file {path}")
    axes = sorted(signal.get("axes", []), key=lambda axis: int(axis.get("index_in_array", 0)))
    axes = axes if len(axes) == data.ndim else [{} for _ in range(data.ndim)]
    while data.ndim > 4 and data.shape[0] == 1:
        data, axes = data[0], axes[1:]
    if data.ndim > 4 or 0 in data.shape:
        raise DatasetError(f"The file {path} holds data of shape {data.shape}: a scan is (Ny, Nx, H, W).")
    assert dtype is not None
    found = Found(
        LazyFrames(data, path),
        tuple(data.shape[:2]) if data.ndim == 4 else None,
        facts={"format": str(plugin["name"]), "reader": "RosettaSciIO", "dataset": name},
    )
    tem = signal.get("metadata", {}).get("Acquisition_instrument", {}).get("TEM", {})
    if (
        beam_energy is None
        and isinstance(energy := tem.get("beam_energy"), (int, float, np.number))
        and energy > 0
    ):
        beam_energy = found.facts["beam_energy"] = 1e3 * float(energy)  # keV
    if data.ndim > 2 and not any(axis.get("navigate", True) for axis in axes):
        found.note(
            "the file does not tell the axes of the scan from those of the camera; the last two are taken"
        )
    scale_axes(found, [(axis.get("scale"), axis.get("units")) for axis in axes], beam_energy)
    if all(_is_one(axis.get("scale")) for axis in axes[-2:]):  # what such files state where nothing is known
        found.delta_k = None
    if axes[:-2] and all(_is_one(axis.get("scale")) for axis in axes[:-2]):
        found.step = None
    return found


def _signals(path: Path, plugins: Sequence[Any]) -> tuple[list[dict], Any]:
    reasons: list[Exception] = []
    for plugin in plugins:
        try:
            reader = importlib.import_module(plugin["api"]).file_reader
        except ImportError as error:
            reasons.append(error)
            continue
        for lazy in (True, False):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return list(reader(str(path), lazy=lazy)), plugin
            except NotImplementedError as error:
                reasons.append(error)
            except Exception as error:  # of a foreign reader: each has its own
                reasons.append(error)
                break
    absent = [error for error in reasons if isinstance(error, ImportError)]
    if len(absent) == len(reasons):
        raise InputError(
            f"RosettaSciIO reads {path} with a package that is not installed ({absent[0]}): pip install "
            "'rosettasciio[all]'."
        )
    raise unreadable(path, next(error for error in reasons if error not in absent))


def _suffixes(plugin: Any) -> Sequence[str]:
    return [] if plugin["name"] in _NOT else plugin["file_extensions"]


def _computed(array: Any) -> np.ndarray:
    return array.compute(scheduler="synchronous") if hasattr(array, "compute") else np.asarray(array)


def _is_one(scale: Any) -> bool:
    try:
        return abs(float(scale)) == 1
    except (TypeError, ValueError):
        return False
