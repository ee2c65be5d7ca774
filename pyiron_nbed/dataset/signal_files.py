"""HDF5 files as HyperSpy and py4DSTEM lay them out, with room for the intensity; who calls fills it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

AUTHOR = "pyiron_nbed"


def signal_axis(
    name: str, size: int, units: str, scale: float, offset: float, navigate: bool
) -> dict[str, Any]:
    """An axis as HyperSpy describes it.

    Args:
        name: of the axis.
        size: number of its values.
        units: of these, "" for none.
        scale: distance of two values.
        offset: the first value.
        navigate: it counts positions, not pixels.

    Example:
        >>> signal_axis("x", 7, "Å", 4.0, 0.0, True)["scale"]
        4.0
    """
    return {
        "_type": "UniformDataAxis", "name": name, "units": units, "navigate": navigate, "is_binned": False,
        "size": size, "scale": scale, "offset": offset,
    }  # fmt: skip


def hyperspy_file(
    file: h5py.File,
    title: str,
    shape: Sequence[int],
    dtype: np.dtype,
    axes: Sequence[Mapping[str, Any]],
    metadata: Mapping[str, Any],
) -> h5py.Dataset:
    """Everything of a ``.hspy`` file but its intensity.

    Args:
        file: opened for writing, empty.
        title: of the signal.
        shape: of the intensity.
        dtype: of the intensity.
        axes: one :func:`signal_axis` for each of its axes.
        metadata: numbers, text, arrays or dicts of these.

    Returns:
        The dataset of the intensity, allocated at once in one piece.

    Example:
        >>> axes = [signal_axis(name, 2, "", 1.0, 0.0, False) for name in "yx"]
        >>> with h5py.File("a.hspy", "w") as file:
        ...     hyperspy_file(file, "a", (2, 2), np.dtype("u2"), axes, {})[:] = 1
        >>> with h5py.File("a.hspy") as file:
        ...     sorted(file["Experiments/a"])
        ['attributes', 'axis-0', 'axis-1', 'data', 'learning_results', 'metadata', 'original_metadata']
    """
    file.attrs.update(file_format="HyperSpy", file_format_version="3.3")
    group = file.create_group(f"Experiments/{title.replace('/', '-') or '__unnamed__'}")
    group.attrs.update(package="", package_version="")  # HyperSpy looks for classes there
    for i, axis in enumerate(axes):
        _hyperspy_items(group.create_group(f"axis-{i}"), axis)
    for name, values in (
        ("metadata", metadata), ("original_metadata", {}), ("learning_results", {}),
        ("attributes", {"_lazy": True, "ragged": False}),
    ):  # fmt: skip
        _hyperspy_items(group.create_group(name), values)
    return _allocate(group, shape, dtype)


def py4dstem_file(
    file: h5py.File,
    shape: Sequence[int],
    dtype: np.dtype,
    calibration: Mapping[str, Any],
    dims: Sequence[tuple[str, str, float, float]],
    facts: Mapping[str, Any],
    unit: str,
    identity: str,
) -> h5py.Dataset:
    """Everything of an EMD 1.0 file with a DataCube of py4DSTEM but its intensity.

    Args:
        file: opened for writing, empty.
        shape: (Ny, Nx, H, W).
        dtype: of the intensity.
        calibration: entries of py4DSTEM's Calibration.
        dims: name, units, distance and first value of each axis.
        facts: for ``datacube.metadata["pyiron_nbed"]``: numbers, text, arrays or dicts of these.
        unit: of the intensity.
        identity: UUID of the file.

    Returns:
        The dataset of the intensity, allocated at once in one piece.

    Example:
        >>> dims = [(name, "pixels", 1.0, 0.0) for name in ("Rx", "Ry", "Qx", "Qy")]
        >>> with h5py.File("a.h5", "w") as file:
        ...     py4dstem_file(file, (2, 3, 4, 4), np.dtype("u2"), {}, dims, {}, "counts", "").name
        '/datacube_root/datacube/data'
    """
    file.attrs.update(
        emd_group_type="file", version_major=1, version_minor=0, UUID=identity, authoring_program=AUTHOR,
        authoring_user="",
    )  # fmt: skip
    root = _emd_node(file, "datacube_root", "root", "Root")
    _emd_metadata(root, "calibration", "Calibration", calibration)
    cube = _emd_node(root, "datacube", "array", "DataCube")
    _emd_metadata(cube, "pyiron_nbed", "Metadata", facts)
    for number, (name, units, distance, start) in enumerate(dims):
        dim = cube.create_dataset(f"dim{number}", data=[start, start + distance])
        dim.attrs.update(name=name, units=units)
    data = _allocate(cube, shape, dtype)
    data.attrs["units"] = unit
    return data


def _allocate(group: h5py.Group, shape: Sequence[int], dtype: np.dtype) -> h5py.Dataset:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_obj_track_times(False)  # the same input gives the same bytes
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # every pixel is written once
    space = h5py.h5s.create_simple(tuple(map(int, shape)))
    h5py.h5d.create(group.id, b"data", h5py.h5t.py_create(np.dtype(dtype)), space, dcpl=settings)
    return group["data"]


def _hyperspy_items(group: h5py.Group, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            _hyperspy_items(group.create_group(name), value)
        elif isinstance(value, (list, tuple, np.ndarray)):
            value = np.asarray(value)
            group.create_dataset(
                name, data=np.char.encode(value, "utf-8") if value.dtype.kind == "U" else value
            )
        else:
            group.attrs[name] = "_None_" if value is None else value


def _emd_node(parent: h5py.Group, name: str, kind: str, python_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs.update(emd_group_type=kind, python_class=python_class)
    return group


def _emd_metadata(node: h5py.Group, name: str, python_class: str, values: Mapping[str, Any]) -> None:
    bundle = node.create_group("metadatabundle")
    bundle.attrs["emd_group_type"] = "metadatabundle"
    _emd_items(_emd_node(bundle, name, "metadata", python_class), values)


def _emd_items(group: h5py.Group, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = group.create_group(name)
            inner.attrs["type"] = "dict"
            _emd_items(inner, value)
            continue
        kinds = {str: "string", bool: "bool", np.ndarray: "array"}
        kind = next((text for cls, text in kinds.items() if isinstance(value, cls)), "number")
        group.create_dataset(name, data=value.encode() if kind == "string" else value).attrs["type"] = kind
