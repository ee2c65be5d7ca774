"""Formats that scans are written in, and what each is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.checks import one_of
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.writing.empad import empad_layout
from pyiron_nbed.experiment.writing.hdf5 import hyperspy_layout, py4dstem_layout
from pyiron_nbed.experiment.writing.layout import Layout, Target
from pyiron_nbed.experiment.writing.merlin import merlin_layout
from pyiron_nbed.experiment.writing.npy import npy_layout

FORMATS = {
    "mib": ".mib", "empad": ".raw", "hspy": ".hspy", "py4dstem": ".h5", "npy": ".npy",
}  # fmt: skip
_LAYOUTS: dict[str, Callable[[Target], Layout]] = {
    "mib": merlin_layout, "empad": empad_layout, "hspy": hyperspy_layout, "py4dstem": py4dstem_layout,
    "npy": npy_layout,
}  # fmt: skip


def format_of(path: Path, format: Any = None) -> str:
    """The format of a file that is to be written.

    Args:
        path: whose suffix says it.
        format: one of :data:`FORMATS`, which must fit the suffix, or None.

    Raises:
        InputError: another suffix or format.

    Example:
        >>> format_of(Path("scan.h5"))
        'py4dstem'
    """
    suffix = path.suffix.lower()
    if format is not None:
        format = one_of(format, "format", FORMATS, "or None for that of the suffix")
        if FORMATS[format] != suffix:
            raise InputError(
                f"format is {format!r} and the file {path.name}: name it "
                f"{path.stem or 'scan'}{FORMATS[format]}, by which it is known when it is read."
            )
        return format
    for name, known in FORMATS.items():
        if known == suffix:
            return name
    raise InputError(
        f"The suffix of {path.name} is {suffix!r}: choose {', '.join(FORMATS.values())} (.h5 is that of "
        "py4DSTEM)."
    )


def layout_of(target: Target, format: str) -> Layout:
    """Where in the file each frame lies.

    Raises:
        InputError: a type of pixels or a shape that the format does not hold.
    """
    return _LAYOUTS[format](target)


def usual_type(format: str, dtype: np.dtype) -> np.dtype:
    """The type of pixels in which frames of another are written where nobody says which.

    Example:
        >>> usual_type("empad", np.dtype("u2")), usual_type("npy", np.dtype("u2"))
        (dtype('float32'), dtype('uint16'))
    """
    if format == "empad":
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
