"""Layouts of HDF5 files: HyperSpy, py4DSTEM and EMD, NeXus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.reading.axes import delta_k_of, step_of
from pyiron_nbed.experiment.reading.found import Found, named
from pyiron_nbed.experiment.reading.hdf5 import datasets, found_in, number, opened, read_plain, text

Axis = tuple[Any, Any]  # scale and units


def scale_axes(found: Found, axes: list[Axis], beam_energy: float | None) -> None:
    """Step and pixel width of axes in the order of the data; what cannot be used becomes a note.

    Args:
        found: set here.
        axes: (scale, units) of each.
        beam_energy: in eV, or None.
    """
    positions, pixels = axes[:-2], axes[-2:]
    shape = found.shape or (1, found.frames.count)
    sides = shape[-len(positions) :] if positions else ()
    kept = [axis for axis, side in zip(positions, sides, strict=True) if side > 1]
    found.step, note = step_of([scale for scale, _ in kept], [units for _, units in kept])
    found.note(note)
    found.delta_k, note = delta_k_of(
        [scale for scale, _ in pixels], [units for _, units in pixels], min(found.frames.shape), beam_energy
    )
    found.note(note)


def read_hyperspy(path: Path, dataset: str | None, beam_energy: float | None) -> Found:
    """A signal of a file of HyperSpy (``.hspy``)."""
    with opened(path) as file:
        experiments = file.get("Experiments")
        names = [
            name for name, item in (experiments or {}).items()
            if isinstance(item.get("data"), h5py.Dataset) and item["data"].ndim >= 2
        ]  # fmt: skip
        if dataset is None and len(names) > 1:
            scans = [name for name in names if experiments[name]["data"].ndim == 4]
            names = scans if len(scans) == 1 else names
        name = named(path, names, dataset, "signal", "signals")
        group = experiments[name]
        found = found_in(path, file, f"Experiments/{name}/data", "HyperSpy")
        found.facts["dataset"] = name
        tem = group.get("metadata/Acquisition_instrument/TEM")
        attributes = dict(tem.attrs) if tem is not None else {}
        if beam_energy is None and (energy := _above_zero(attributes.get("beam_energy"))):
            beam_energy = found.facts["beam_energy"] = 1e3 * energy  # keV
        for key in ("camera_length", "microscope"):
            if key in attributes:
                value = attributes[key]
                found.facts[key] = _above_zero(value) if key == "camera_length" else text(value)
        axes, flags = _hyperspy_axes(group, path)
        if flags == [False, False, True, True]:
            raise DatasetError(
                f"The signal {name!r} of the file {path} has its pixels before its positions: transpose "
                "it in "
                "HyperSpy and save it again."
            )
        if flags not in ([True] * (len(flags) - 2) + [False] * 2, [False] * len(flags)):
            raise DatasetError(
                f"The signal {name!r} of the file {path} has signal axes that are not its last two: "
                "transpose "
                "it in HyperSpy and save it again."
            )
        if len(flags) > 2 and not any(flags):
            found.note("all axes are signal axes; the last two are taken for those of the camera")
        scale_axes(found, axes, beam_energy)
        return found


def _hyperspy_axes(group: h5py.Group, path: Path) -> tuple[list[Axis], list[bool]]:
    axes: list[Axis] = []
    flags = []
    for i, side in enumerate(group["data"].shape):
        axis = next((group[f"{start}-{i}"] for start in ("axis", "_axis") if f"{start}-{i}" in group), None)
        attributes = dict(axis.attrs) if axis is not None else {}
        if axis is None or int(attributes.get("size", side)) != side:
            raise DatasetError(
                f"The axis {i} of the signal in the file {path} is missing or of another size."
            )
        axes.append((attributes.get("scale"), text(attributes.get("units", ""))))
        flags.append(bool(attributes.get("navigate", i < group["data"].ndim - 2)))
    return axes, flags


def read_emd(path: Path, dataset: str | None, beam_energy: float | None) -> Found:
    """A datacube of a file of py4DSTEM, or of another EMD file, with vectors ``dim…`` beside it."""
    with opened(path) as file:
        names = [name for name in datasets(file, 4) if _dimensions(file[name])]
        short = {}
        for name in names:  # the group has the name that people give
            leaf = name.rpartition("/")[2]
            short[name.rpartition("/")[0] if leaf in ("data", "datacube") else name] = name
        chosen = named(path, list(short), dataset, "datacube", "datacubes")
        name = short[chosen]
        ours = "py4DSTEM" if _is_py4dstem(file, name) else "EMD"
        found = found_in(path, file, name, ours)
        found.facts["dataset"] = chosen
        axes = _dimensions(file[name])
        pixels, positions = axes[2:], axes[:2]
        root = name.split("/")[0]
        if (calibration := file.get(f"{root}/metadatabundle/calibration")) is not None:
            q, r = number(calibration, "Q_pixel_size"), number(calibration, "R_pixel_size")
            if q and "Q_pixel_units" in calibration:
                pixels = [(q, text(calibration["Q_pixel_units"][()]))] * 2
            if r and "R_pixel_units" in calibration:
                positions = [(r, text(calibration["R_pixel_units"][()]))] * 2
        scale_axes(found, [*positions, *pixels], beam_energy)
        return found


def _is_py4dstem(file: h5py.File, name: str) -> bool:
    parent = file[name].parent
    kind = text(parent.attrs.get("python_class", ""))
    return kind.startswith("DataCube") or "datacubes" in name or "4DSTEM" in name.split("/")[0]


def _dimensions(item: h5py.Dataset) -> list[Axis]:
    """Scale and units of the vectors dim0 … dim3, or dim1 … dim4, beside a dataset; [] where they lack."""
    for first in (0, 1):
        found = [item.parent.get(f"dim{i}") for i in range(first, first + 4)]
        if all(isinstance(vector, h5py.Dataset) for vector in found):
            return [(_spacing(vector), text(vector.attrs.get("units", ""))) for vector in found]
    return []


def read_nexus(path: Path, dataset: str | None, beam_energy: float | None) -> Found:
    """The signal of an NXdata group: the default one, the only one of four axes, or the one that is named."""
    with opened(path) as file:
        names = _signals(file)
        if dataset is None and len(names) > 1 and (default := _default(file)) in names:
            names = [default]
        if not names or dataset is not None:
            names = list(dict.fromkeys([*names, *datasets(file, 2, 3, 4)])) if dataset else datasets(file, 4)
        if not names:
            return read_plain(path, dataset)
        name = named(path, names, dataset, "NXdata signal of four axes", "signals of four axes")
        found = found_in(path, file, name, "NeXus")
        group, axes = file[name].parent, []
        listed = np.asarray(group.attrs.get("axes", [])).ravel()
        for i in range(file[name].ndim):
            vector = group.get(text(listed[i])) if i < len(listed) and text(listed[i]) != "." else None
            if isinstance(vector, h5py.Dataset) and vector.ndim == 1:
                axes.append((_spacing(vector), text(vector.attrs.get("units", ""))))
            else:
                axes.append((None, ""))
        scale_axes(found, axes, beam_energy)
        return found


def _signals(file: h5py.File) -> list[str]:
    found = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and text(item.attrs.get("NX_class", "")) == "NXdata":
            signal = text(item.attrs.get("signal", "data"))
            target = item.get(signal)
            if isinstance(target, h5py.Dataset) and target.ndim == 4:
                found.append(f"{name}/{signal}")

    file.visititems(visit)
    return found


def _default(file: h5py.File) -> str:
    group: Any = file
    while (step := group.attrs.get("default")) is not None:
        below = group.get(text(step))
        if not isinstance(below, h5py.Group) or below == group:
            return ""
        group = below
    return f"{group.name.strip('/')}/{text(group.attrs.get('signal', 'data'))}"


def _spacing(vector: h5py.Dataset) -> float | None:
    """Of an even vector; py4DSTEM stores its first two values only."""
    if vector.ndim != 1 or vector.dtype.kind not in "uif" or len(vector) < 2:
        return None
    values = vector[:].astype(float)
    steps = np.diff(values)
    even = np.allclose(steps, steps[0], rtol=1e-3, atol=1e-6 * np.abs(values).max())
    return float(values[-1] - values[0]) / len(steps) if even else None


def _above_zero(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) and found > 0 else None
