"""NumPy's ``.npy``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyiron_nbed.experiment.writing.layout import Layout, Target


def npy_layout(target: Target) -> Layout:
    """Layout of a ``.npy`` file (Ny, Nx, H, W); it holds no step and no width of a pixel."""
    dtype = np.dtype(np.uint8) if target.dtype.kind == "b" else target.dtype
    dtype = dtype.newbyteorder("<")

    def create(path: Path) -> int:
        with open(path, "r+b") as file:
            head = {"descr": dtype.str, "fortran_order": False, "shape": target.shape}
            np.lib.format.write_array_header_1_0(file, head)
            return file.tell()

    return Layout(dtype, create)
