"""The command ``pyiron-nbed``: the functions of the package for people at a terminal."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import click

import pyiron_nbed
from pyiron_nbed.cli.networks import draw_map, predict, train
from pyiron_nbed.cli.structures import info, patterns, ssro
from pyiron_nbed.errors import NBEDError


class _Refused(click.ClickException):
    """An error of the package: one sentence on standard error, exit code 2."""

    exit_code = 2


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of the package become one sentence."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # for programmers, not for users
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (NBEDError, OSError) as error:
                raise _Refused(str(error)) from error


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pyiron_nbed.__version__, prog_name="pyiron-nbed")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Structural short-range order of amorphous solids from nanobeam electron diffraction.

    From a structure to a map, one command each (every one has its own --help):

    \b
      pyiron-nbed ssro quench.dump --species Cu,Zr -o order.csv
      pyiron-nbed patterns quench.dump --species Cu,Zr -o patterns.h5
      pyiron-nbed train patterns.h5 -o model
      pyiron-nbed predict model other.h5 -o predicted.csv
      pyiron-nbed map model other.h5 -o map.png

    Lengths are in Å, reciprocal lengths in 1/Å (k = 1/d). The same functions can be called from Python, and
    as pyiron jobs: see docs/jobs.md.
    """
    ctx.call_on_close(_remove_empty_log)


def _remove_empty_log() -> None:
    # pyiron opens its log in the current folder when it is loaded; the commands write nothing into it
    for handler in logging.getLogger("pyiron_log").handlers:
        if isinstance(handler, logging.FileHandler):
            path = Path(handler.baseFilename)
            if path.is_file() and not path.stat().st_size:
                handler.close()
                path.unlink()


for _command in (info, ssro, patterns, train, predict, draw_map):
    main.add_command(_command)
