"""The only code that knows where ``templates/`` and ``potentials/`` are (installed or in a checkout)."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """Folder ``templates`` or ``potentials`` of the installed wheel, or of the checkout.

    Args:
        name: "templates" or "potentials".

    Returns:
        Absolute path of the folder.

    Raises:
        FileNotFoundError: the installation is incomplete.

    Example:
        >>> resource_folder("templates").name
        'templates'
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        folder = parent / name
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"The folder {name!r} of pyiron_nbed is missing beside {_PACKAGE}: install pyiron_nbed again."
    )
