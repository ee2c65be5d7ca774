"""Models that come with the package."""

from __future__ import annotations

from pathlib import Path

from pyiron_nbed.errors import ModelError
from pyiron_nbed.learning.files import CARD_FILE
from pyiron_nbed.resources import resource_folder


def shipped_models() -> list[str]:
    """Names of the models that come with the package, for :func:`pyiron_nbed.learning.load_model`.

    Example:
        >>> "cu-zr-r5-h20" in shipped_models()
        True
    """
    folder = resource_folder("models")
    return sorted(path.parent.name for path in folder.glob(f"*/{CARD_FILE}")) if folder.is_dir() else []


def shipped_folder(name: str) -> Path:
    """Folder of a model that comes with the package.

    Raises:
        ModelError: an unknown name.

    Example:
        >>> shipped_folder("cu-zr-r5-h20").name
        'cu-zr-r5-h20'
    """
    if name not in (known := shipped_models()):
        raise ModelError(f"There is no model {name!r} in the package: it has {', '.join(known) or 'none'}.")
    return resource_folder("models") / name
