"""HyperSpy ``.hspy`` and py4DSTEM ``.h5``: one contiguous dataset, filled from outside of HDF5."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyiron_nbed.dataset.signal_files import hyperspy_file, py4dstem_file, signal_axis
from pyiron_nbed.experiment.writing.layout import Layout, Target
from pyiron_nbed.provenance import hash_of, versions


def hyperspy_layout(target: Target) -> Layout:
    """Layout of a ``.hspy`` file that HyperSpy opens, with pyxem as ElectronDiffraction2D.

    Axes y, x in Å and ky, kx in Å⁻¹, both from 0 since the centre is not known; pixels where the step or the
    width of a pixel is None. The beam energy (``facts["beam_energy"]`` in eV) is where HyperSpy has it, all
    facts are JSON text in ``metadata.pyiron_nbed``.
    """
    dtype = _stored(target.dtype)
    axes = [
        signal_axis(name, size, units if scale else "", scale or 1.0, 0.0, navigate)
        for name, size, scale, units, navigate in zip(
            ("y", "x", "ky", "kx"), target.shape, (target.step,) * 2 + (target.delta_k,) * 2,
            ("Å", "Å", "1/Å", "1/Å"), (True, True, False, False), strict=True,
        )
    ]  # fmt: skip
    metadata: dict[str, Any] = {
        "General": {"title": "scan"},
        "Signal": {"signal_type": "electron_diffraction"},
        "pyiron_nbed": _facts(target),
    }
    if "beam_energy" in target.facts:
        metadata["Acquisition_instrument"] = {"TEM": {"beam_energy": target.facts["beam_energy"] / 1e3}}
    return _layout(dtype, lambda file: hyperspy_file(file, "scan", target.shape, dtype, axes, metadata))


def py4dstem_layout(target: Target) -> Layout:
    """Layout of a ``.h5`` file that ``py4DSTEM.read`` opens as a calibrated DataCube.

    The calibration holds R_pixel_size (Å) and Q_pixel_size (Å⁻¹), or pixels where these are None, and no
    origin; all facts are JSON text in ``datacube.metadata["pyiron_nbed"]``.
    """
    dtype = _stored(target.dtype)
    r_units, q_units = "A" if target.step else "pixels", "A^-1" if target.delta_k else "pixels"
    step, delta_k = target.step or 1.0, target.delta_k or 1.0
    calibration = {
        "Q_pixel_size": delta_k, "Q_pixel_units": q_units, "R_pixel_size": step, "R_pixel_units": r_units,
        "QR_flip": False,
    }  # fmt: skip
    dims = [("Rx", r_units, step, 0.0), ("Ry", r_units, step, 0.0), ("Qx", q_units, delta_k, 0.0),
            ("Qy", q_units, delta_k, 0.0)]  # fmt: skip
    facts = _facts(target)
    # not drawn by chance: the same input gives the same bytes
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, hash_of([facts, target.shape, dtype.str, step, delta_k])))
    return _layout(
        dtype,
        lambda file: py4dstem_file(file, target.shape, dtype, calibration, dims, facts, "counts", name),
    )


def _stored(dtype: np.dtype) -> np.dtype:
    """The type in the file: HyperSpy and py4DSTEM compute in no smaller real type than float32."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    return np.dtype("<f4") if dtype == np.float16 else dtype.newbyteorder("<")


def _layout(dtype: np.dtype, fill: Callable[[h5py.File], h5py.Dataset]) -> Layout:
    def create(path: Path) -> int:
        # without a lock: the writer has one on the same file
        with h5py.File(path, "w", locking=False) as file:
            offset = fill(file).id.get_offset()
        assert offset is not None  # the dataset is allocated at once
        return offset

    return Layout(dtype, create)


def _facts(target: Target) -> dict[str, Any]:
    facts = json.dumps(dict(target.facts), sort_keys=True, ensure_ascii=False)
    return {"facts": facts, "versions": versions(["pyiron_nbed"])}
