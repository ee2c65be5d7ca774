"""What a reader of a format gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.checks import shown
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import Frames


@dataclass
class Found:
    """Frames of a file and what it says of them.

    Attributes:
        frames: all that the file holds.
        shape: (Ny, Nx) as the file says, or None where it does not.
        stack: the frames are a stack of single pictures, a scan of one line unless a shape is given.
        step: Å between positions as the file says, or None.
        delta_k: Å⁻¹ per pixel as the file says, or None.
        facts: what else it says, JSON values; ``notes`` is a list of sentences.
        dead: (H, W) bool, pixels that the file says are not valid.
    """

    frames: Frames
    shape: tuple[int, int] | None = None
    stack: bool = False
    step: float | None = None
    delta_k: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    dead: np.ndarray | None = None

    def note(self, *sentences: str | None) -> None:
        """Add to the notes; None is left out."""
        for sentence in sentences:
            if sentence and sentence not in self.facts.setdefault("notes", []):
                self.facts["notes"].append(sentence)


def named(path: Path, names: Sequence[str], dataset: str | None, what: str, plural: str) -> str:
    """The one of several things in a file that is meant.

    Args:
        path: of the file.
        names: of all that could be meant.
        dataset: name that was given, or its last part; None where there is only one.
        what, plural: they are, for the error: "4-D dataset", "4-D datasets".

    Raises:
        DatasetError: there is none.
        InputError: several and none was named, or a name that is not among them.

    Example:
        >>> named(Path("a.h5"), ["scan/data"], "data", "dataset", "datasets")
        'scan/data'
    """
    if dataset is not None and not isinstance(dataset, str):
        raise InputError(f"dataset is {shown(dataset)}: give the name of one in the file, as text.")
    if not names:
        raise DatasetError(f"The file {path} holds no {what}: give the file of a scan.")
    listed = ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
    if dataset is None:
        if len(names) > 1:
            raise InputError(
                f"The file {path} holds {len(names)} {plural}: give one of them as dataset, {listed}."
            )
        return names[0]
    given = dataset.strip("/")
    matching = [name for name in names if name == given] or [
        name for name in names if name.endswith(f"/{given}")
    ]
    if len(matching) != 1:
        raise InputError(
            f"dataset is {dataset!r}: the file {path} holds the {plural if len(names) > 1 else what} "
            f"{listed}."
        )
    return matching[0]
