"""A whole scan as the file of a microscope."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from pyiron_nbed.checks import shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.writing.formats import format_of, usual_type
from pyiron_nbed.experiment.writing.writer import ScanWriter
from pyiron_nbed.files import as_path
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.units import quantities

_KEPT = ("beam_energy", "exposure", "time")  # of the facts of a scan that is written again


@quantities(step="angstrom", delta_k="1/angstrom")
def write_scan(
    path: str | os.PathLike,
    scan: MeasuredScan | np.ndarray | Iterable[tuple[int, np.ndarray]],
    shape: tuple[int, int, int, int] | None = None,
    dtype: Any = None,
    format: str | None = None,
    step: float | None = None,
    delta_k: float | None = None,
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: str | None = "frames written",
) -> None:
    """Write a scan as the file of a microscope, block by block.

    The numbers in the file are those that were given, or it is refused and nothing is left behind. What each
    format holds: ``.mib`` with ``.hdr`` the shape, exposure and time; EMPAD ``.raw`` with ``.xml`` these, the
    step and the beam energy; ``.hspy`` and py4DSTEM ``.h5`` all; ``.npy`` the shape. The bytes depend on
    nothing but the input. A scan that takes long to compute is better written with
    :class:`pyiron_nbed.experiment.ScanWriter`, which goes on after an interruption.

    Args:
        path: of the file; the suffix says the format.
        scan: a scan, an array (Ny, Nx, H, W), or blocks: (number of the first frame, frames (n, H, W)) in
            order.
        shape: (Ny, Nx, H, W) of blocks.
        dtype: of the pixels in the file; None takes that of the scan, and float32 for EMPAD. Must be given
            for blocks.
        format: "mib", "empad", "hspy", "py4dstem" or "npy", where it is to be said.
        step: Å between positions; None takes that of the scan.
        delta_k: Å⁻¹ per pixel; None takes that of the scan.
        facts: as :class:`pyiron_nbed.experiment.ScanWriter`; None takes beam energy, exposure and time of the
            scan.
        overwrite: replace files of these names.
        progress: description of the progress bar; None shows none.

    Raises:
        InputError: what the format cannot hold (the type, the size of a frame, negative, fractional or too
            large numbers, NaN), missing frames, or a file that would be lost.
        DatasetError: no room on the disc, or a scan that cannot be read.

    Example:
        >>> write_scan("scan.h5", np.ones((2, 3, 4, 4), np.uint16), step=5.0, delta_k=0.02, progress=None)
        >>> from pyiron_nbed.experiment import read_scan
        >>> read_scan("scan.h5")
        MeasuredScan(2 × 3 positions, 4 × 4 px, uint16, step 5 Å, 0.02 Å⁻¹ per px, py4DSTEM, scan.h5)
    """
    path = as_path(path)
    format = format_of(path, format)
    if isinstance(scan, (list, tuple)) and not _are_blocks(scan):
        raise InputError(
            "The scan is a list: give an array (Ny, Nx, H, W), for example np.stack of the frames."
        )
    source: MeasuredScan | None = None
    if isinstance(scan, np.ndarray):
        if scan.ndim != 4:
            raise InputError(
                f"The scan is {shown(scan)} with {scan.ndim} axes: give an array (Ny, Nx, H, W)."
            )
        source = MeasuredScan.from_array(scan)
    elif isinstance(scan, MeasuredScan):
        source = scan
        step = source.step if step is None else step
        delta_k = source.delta_k if delta_k is None else delta_k
        facts = {key: source.facts[key] for key in _KEPT if key in source.facts} if facts is None else facts
    if source is not None:
        if shape is not None and tuple(shape) != source.shape:
            raise InputError(f"shape is {shown(shape)}, and the scan has {source.shape}: leave it out.")
        shape, dtype = source.shape, usual_type(format, source.dtype) if dtype is None else dtype
    elif not isinstance(scan, Iterable) or isinstance(scan, (str, bytes, Mapping)):
        raise InputError(
            f"The scan is {shown(scan)}: give a scan, an array (Ny, Nx, H, W), or blocks of (start, frames)."
        )
    elif shape is None or dtype is None:
        raise InputError("The scan is given as blocks: give its shape (Ny, Nx, H, W) and dtype too.")
    writer = ScanWriter(
        path, shape, dtype, format, step, delta_k, facts, overwrite,  # type: ignore[arg-type]
        source=uuid.uuid4().hex,  # frames of another call may be others: it is never gone on with
    )  # fmt: skip
    try:
        with progress_bar(writer.count, progress, "frame") if progress else nullcontext() as bar:
            for start, frames in source.blocks() if source is not None else _checked(scan):
                before = writer.done
                writer.write(start, frames)
                if bar is not None:
                    bar.update(writer.done - before)
        writer.close()
    except BaseException:
        writer.discard()
        raise


def _are_blocks(scan: Any) -> bool:
    return bool(scan) and all(isinstance(item, tuple) and len(item) == 2 for item in scan)


def _checked(blocks: Iterable[Any]) -> Iterator[tuple[int, np.ndarray]]:
    for block in blocks:
        if not isinstance(block, tuple) or len(block) != 2:
            raise InputError(
                f"A block is {shown(block)}: give (number of its first frame, frames (n, H, W)), as "
                "MeasuredScan.blocks gives them."
            )
        yield block
