"""The only code that knows where templates, potentials and example data are (installed or in a checkout)."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"example_data": "examples/data"}  # where the name differs from that in the wheel


def resource_folder(name: str) -> Path:
    """Folder ``templates``, ``potentials``, ``models`` or ``example_data`` of the wheel, or of the checkout.

    Args:
        name: "templates", "potentials", "models" or "example_data" (``examples/data`` of a checkout).

    Returns:
        Absolute path of the folder.

    Raises:
        FileNotFoundError: the installation is incomplete.

    Example:
        >>> resource_folder("templates").name
        'templates'
    """
    for folder in (_PACKAGE / name, _PACKAGE.parent / _IN_CHECKOUT.get(name, name)):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"The folder {name!r} of pyiron_nbed is missing beside {_PACKAGE}: install pyiron_nbed again."
    )
