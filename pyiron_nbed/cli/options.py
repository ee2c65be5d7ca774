"""What the commands share: options, opening of files, and checks of outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyiron_nbed.checks import whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.files import replaced

if TYPE_CHECKING:
    from ase import Atoms
    from matplotlib.figure import Figure

    from pyiron_nbed.dataset import PatternDataset
    from pyiron_nbed.learning import Model

FIGURES = (".png", ".pdf", ".svg")


def option(*names: str, **settings: Any) -> Callable:
    """``click.option`` that shows its default where there is one."""
    return click.option(*names, show_default=settings.get("default") is not None, **settings)


PATH = click.Path(path_type=Path)
species_option = option(
    "--species", metavar="Cu,Zr", callback=lambda _, __, value: value and value.split(","),
    help="Element of each atom type, where the file does not name them.",
)  # fmt: skip
frame_option = option("--frame", type=int, default=-1, help="Number of the frame, from 0; -1 is the last.")
cores_option = option(
    "--cores", type=int, callback=lambda _, __, value: value if value is None else whole(value, "cores", 1),
    help="Threads; all where it is not given.",
)  # fmt: skip
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that exist.")
figure_option = option("--figure", type=PATH, help="Also draw into this file (.png, .pdf or .svg).")
label_option = option("--label", help="Label to take; the first of the model where it is not given.")


def output_option(default: str, text: str) -> Callable:
    """The option ``-o`` of a command, with its default."""
    return option("-o", "--output", type=PATH, default=default, help=text)


def open_structure(path: Path, species: list[str] | None, frame: int) -> Atoms:
    """A frame of a file."""
    from pyiron_nbed.structures.reading import read_structures

    return next(iter(read_structures(path, species, frame)))


def open_dataset(path: Path) -> PatternDataset:
    """A pattern file."""
    from pyiron_nbed.dataset import PatternDataset

    return PatternDataset(path)


def open_model(folder: Path) -> Model:
    """A saved model."""
    from pyiron_nbed.learning import load_model

    return load_model(folder)


def check_outputs(overwrite: bool, *outputs: tuple[Path | None, Sequence[str] | None]) -> None:
    """Refuse outputs that cannot be written, before anything is computed.

    Args:
        overwrite: files that exist may be replaced.
        outputs: path (None: not asked for) and the endings that it may have (None: a folder).

    Raises:
        InputError: another ending, no such folder, or a file that exists.
    """
    for path, endings in outputs:
        if path is None:
            continue
        if endings is not None and path.suffix not in endings:
            raise InputError(
                f"The output {path} has the ending {path.suffix!r}: choose {' or '.join(endings)}."
            )
        if not path.absolute().parent.is_dir():
            raise InputError(f"The folder of the output {path} does not exist: make it first.")
        if path.is_dir() and endings is not None:
            raise InputError(f"The output {path} is a folder: give the name of a file.")
        if not os.access(path.absolute().parent, os.W_OK):
            raise InputError(f"The folder of the output {path} cannot be written to: choose another one.")
        if path.exists() and not overwrite and not path.is_dir():
            raise InputError(f"{path} exists already: give another name, or --overwrite to replace it.")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of its ending."""
    with replaced(path) as partial:
        figure.savefig(partial, dpi=200, format=path.suffix[1:])
    click.echo(f"written: {path}")
