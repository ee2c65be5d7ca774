"""Patterns for HyperSpy, pyxem and py4DSTEM."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.checks import shown
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset.reader import PatternDataset, as_dataset
from pyiron_nbed.dataset.signal_files import AUTHOR, py4dstem_file, signal_axis
from pyiron_nbed.dataset.stack import dataset_stack
from pyiron_nbed.dataset.storage import is_written_as
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import as_path, check_target, replaced
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.patterns.stack import PatternStack, array_stack
from pyiron_nbed.provenance import versions

_CHUNK = 1 << 22  # bytes of a chunk of the file, a few dozen patterns of 133 × 133


def write_hyperspy(
    path: str | os.PathLike,
    patterns: PatternDataset | PatternStack | np.ndarray | str | os.PathLike,
    mesh: Mesh | None = None,
    rows: np.ndarray | None = None,
    step: float | Sequence[float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, Any] | None = None,
    title: str = "pyiron_nbed",
    overwrite: bool = False,
) -> None:
    """File that ``hyperspy.load`` opens, with pyxem as ElectronDiffraction2D, lazily on request.

    Signal axes k_x, k_y in 1/Å with 0 in the middle pixel; navigation axes x, y (and z along the beam) in
    Å, or one axis that counts patterns where these are no regular scan. Zone axis, volume, structure,
    versions and labels are in ``metadata.pyiron_nbed``, the beam energy in
    ``metadata.Acquisition_instrument.TEM`` in keV. Patterns are read and written piece by piece; float16
    becomes float32, since HyperSpy computes in no smaller type.

    Args:
        path: ``.hspy`` (HDF5) or ``.zspy`` (zarr, a folder); one that was written here before is replaced.
        patterns: a pattern file or its path, a stack such as a prepared scan, or intensity (..., n, n) in Å²
            over zero to three navigation axes, the last along x, rows k_y, columns k_x.
        mesh: of an array; a file or a stack has its own.
        rows: which rows of a file, in the shape of the navigation axes, for example (Ny, Nx) of
            :func:`pyiron_nbed.dataset.find_scan`; None takes all, as a grid where they form one.
        step: of an array, distance between positions along each navigation axis in Å, or one number; None
            counts.
        labels: of an array, {name: values in the shape of the navigation axes}; a file has its own.
        metadata: further entries for ``metadata.pyiron_nbed``: numbers, text, arrays or dicts of these.
        title: of the signal.
        overwrite: replace a file of something else too, such as a measurement.

    Raises:
        InputError: RosettaSciIO is not installed, an unknown suffix, or arguments that do not fit each other.

    Example:
        >>> write_hyperspy("a.hspy", np.zeros((4, 5, 9, 9)), Mesh(1.0, 0.1))
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: The patterns are 9 × 9 pixels and the mesh has 19 × 19.
    """
    write = _hyperspy_writer(as_path(path).suffix)
    path = check_target(path, overwrite, is_ours=_is_our_signal)
    instance(title, "title", str, "a name")
    stack = _stack(patterns, mesh, rows, step, labels, metadata)
    import dask.array as da

    n = len(stack.shape)
    chunks = da.core.normalize_chunks(
        ("auto",) * n + stack.mesh.shape, (*stack.shape, *stack.mesh.shape), limit=_CHUNK, dtype=stack.dtype
    )
    data = da.from_array(
        _Pieces(stack), chunks, name=False, lock=True, meta=np.empty((0,) * (n + 2), stack.dtype)
    )
    mesh = stack.mesh
    signal: dict[str, Any] = {
        "data": data,
        "axes": [
            *(signal_axis(axis.name, size, axis.units or "", axis.step, axis.offset, navigate=True)
              for size, axis in zip(stack.shape, stack.axes, strict=True)),
            *(signal_axis(name, size, "1/Å", mesh.delta_k, float(mesh.axis[0]), navigate=False)
              for size, name in zip(mesh.shape, ("ky", "kx"), strict=True)),
        ],
        "metadata": {
            "General": {"title": title},
            "Signal": {"signal_type": "electron_diffraction", "quantity": f"Intensity ({stack.unit})"},
            "pyiron_nbed": {**_facts(mesh), **stack.facts, "labels": stack.labels},
        },
        "original_metadata": {},
        "learning_results": {},
        "models": {},
        "attributes": {"_lazy": True, "ragged": False},
        "tmp_parameters": {},
        "package_info": {"package": "", "package_version": ""},  # HyperSpy looks for classes there
    }  # fmt: skip
    if mesh.beam_energy is not None:
        signal["metadata"]["Acquisition_instrument"] = {"TEM": {"beam_energy": mesh.beam_energy / 1e3}}
    with replaced(path) as partial:
        write(str(partial), signal, show_progressbar=False)


def write_py4dstem(
    path: str | os.PathLike,
    patterns: PatternDataset | PatternStack | np.ndarray | str | os.PathLike,
    mesh: Mesh | None = None,
    rows: np.ndarray | None = None,
    step: float | Sequence[float] | None = None,
    labels: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """EMD 1.0 file that ``py4DSTEM.read`` opens as a calibrated DataCube.

    The calibration holds R_pixel_size (Å), Q_pixel_size (Å⁻¹) and the origin (pixels); zone axis, volume,
    structure, versions and labels are in ``datacube.metadata["pyiron_nbed"]``. py4DSTEM counts x down the
    rows: its Rx and Qx are y and k_y here. Patterns are written piece by piece, but py4DSTEM reads them all
    into memory; float16 becomes float32, which its fits need.

    Args:
        path: HDF5 file; one that was written here before is replaced.
        patterns: a pattern file or its path, a stack such as a prepared scan, or intensity (Ny, Nx, n, n) or
            (P, n, n) in Å².
        mesh, step, labels, metadata: as :func:`write_hyperspy`.
        rows: which rows of a file, (Ny, Nx) or (P,); None takes all, which must be a plane, a line or no
            grid. What is no scan becomes one row of patterns.
        overwrite: replace a file of something else too, such as a measurement.

    Raises:
        InputError: a scan in three dimensions, or arguments that do not fit each other.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_py4dstem(folder + "/a.h5", np.zeros((4, 5, 19, 19)), Mesh(1.0, 0.1), step=2.5)
        ...     with h5py.File(folder + "/a.h5") as file:
        ...         file["datacube_root/datacube/data"].shape
        (4, 5, 19, 19)
    """
    check_target(path, overwrite, is_ours=lambda old: is_written_as(old, authoring_program=AUTHOR))
    stack = _stack(patterns, mesh, rows, step, labels, metadata)
    if len(stack.shape) > 2:
        raise InputError(
            f"The patterns form a scan of {' × '.join(map(str, stack.shape))} positions along z, y, x and "
            "py4DSTEM takes two dimensions: give the rows of a plane, for example "
            "rows=find_scan(dataset).rows[0]."
        )
    shape = (1,) * (2 - len(stack.shape)) + stack.shape
    scan = [axis for axis, size in zip(stack.axes, stack.shape, strict=True) if size > 1 and axis.units]
    r_units = "A" if scan else "pixels"
    steps = [axis.step for axis in scan] or [1.0]
    step_y, step_x = steps[0], steps[-1]
    if abs(step_y - step_x) > 0.01 * step_x:
        warnings.warn(
            f"The scan steps {step_x:.3f} Å along x and {step_y:.3f} Å along y differ and py4DSTEM has one "
            "pixel size: R_pixel_size is their geometric mean.",
            stacklevel=2,
        )
    half, delta_k = stack.mesh.half, stack.mesh.delta_k
    origin = np.full(shape, float(half))
    calibration = {
        "Q_pixel_size": delta_k, "Q_pixel_units": "A^-1",
        "R_pixel_size": float(np.sqrt(step_x * step_y)), "R_pixel_units": r_units, "QR_flip": False,
        "qx0": origin, "qy0": origin, "qx0_mean": float(half), "qy0_mean": float(half),
        "qx0_shift": np.zeros(shape), "qy0_shift": np.zeros(shape),
    }  # fmt: skip
    labels = {name: values.reshape(shape) for name, values in stack.labels.items()}
    with replaced(path) as partial, h5py.File(partial, "w") as file:
        data = py4dstem_file(
            file, (*shape, *stack.mesh.shape), stack.dtype, calibration,
            [("Rx", r_units, step_y, 0.0), ("Ry", r_units, step_x, 0.0),
             *((name, "A^-1", delta_k, -half * delta_k) for name in ("Qx", "Qy"))],
            {**_facts(stack.mesh), **stack.facts, "labels": labels}, stack.unit, str(uuid.uuid4()),
        )  # fmt: skip
        many = max(1, _CHUNK // (stack.dtype.itemsize * data[0, 0].size))
        for y in range(shape[0]):
            for x in range(0, shape[1], many):
                place = (slice(y, y + 1), slice(x, x + many))
                data[place] = stack.read(place[2 - len(stack.shape) :])


def _stack(patterns: Any, mesh: Mesh | None, rows: Any, step: Any, labels: Any, facts: Any) -> PatternStack:
    _check_facts(facts, "metadata")
    if isinstance(patterns, PatternStack):
        if any(given is not None for given in (mesh, rows, step, labels)):
            raise InputError("A stack has a mesh, positions, steps and labels of its own: leave these out.")
        return replace(patterns, facts={**patterns.facts, **(facts or {})})
    if isinstance(patterns, (PatternDataset, str, os.PathLike)):
        patterns = as_dataset(patterns)
        if mesh is not None or step is not None or labels is not None:
            raise InputError("A pattern file has a mesh, steps and labels of its own: leave these out.")
        return dataset_stack(patterns, rows, facts)
    if mesh is None or rows is not None:
        raise InputError("An array of patterns needs a mesh and takes no rows: index the array instead.")
    return array_stack(patterns, mesh, step, labels, facts)


def _check_facts(facts: Any, name: str) -> None:
    kinds = (str, bool, int, float, np.generic, np.ndarray)
    if facts is not None:
        instance(facts, name, Mapping, "a dict of numbers, text, arrays or dicts of these")  # type: ignore
    for key, value in (facts or {}).items():
        if isinstance(value, Mapping):
            _check_facts(value, f"{name}[{key!r}]")
        elif not isinstance(key, str) or not isinstance(value, kinds) or np.asarray(value).dtype.kind == "O":
            raise InputError(
                f"{name} holds {key!r}: {shown(value)}, which is no number, text, array or dict of these."
            )


def _is_our_signal(path: Path) -> bool:
    if path.is_dir():
        return any(path.glob("Experiments/*/metadata/pyiron_nbed"))
    try:
        with h5py.File(path, "r") as file:
            signals = file.get("Experiments", {}).values()
            return any("metadata/pyiron_nbed" in signal for signal in signals)
    except OSError:
        return False


def _facts(mesh: Mesh) -> dict[str, Any]:
    known = {"k_max": mesh.k_max, "delta_k": mesh.delta_k, "versions": versions()}
    return known if mesh.beam_energy is None else {**known, "beam_energy": mesh.beam_energy}


class _Pieces:
    """What dask needs of an array."""

    def __init__(self, stack: PatternStack) -> None:
        self._stack = stack
        self.shape = (*stack.shape, *stack.mesh.shape)
        self.dtype, self.ndim = stack.dtype, len(self.shape)

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        return self._stack.read(place[:-2])[..., place[-2], place[-1]]


def _hyperspy_writer(suffix: str) -> Callable[..., None]:
    if suffix not in (".hspy", ".zspy"):
        raise InputError(f"The suffix is {suffix!r}: choose .hspy or .zspy.")
    extra = "export" if suffix == ".hspy" else "zspy"
    try:
        if suffix == ".hspy":
            from rsciio.hspy import file_writer
        else:
            import zarr
            from rsciio.zspy import file_writer

            if int(zarr.__version__.split(".")[0]) > 2:
                raise ImportError(f"zarr {zarr.__version__} is installed and RosettaSciIO writes with zarr 2")
    except ImportError as error:
        raise InputError(
            f'Writing {suffix} needs RosettaSciIO ({error}): pip install "pyiron_nbed[{extra}]".'
        ) from error
    return file_writer
