"""Which kind of file it is, by its first bytes where they tell, else by its suffix."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import h5py

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.frames import unreadable
from pyiron_nbed.experiment.reading import dectris, empad, merlin
from pyiron_nbed.experiment.reading.hdf5 import opened, text

# suffixes of each kind
_SUFFIXES = {
    "merlin": (".mib", ".hdr"),
    "empad": (".raw", ".xml"),
    "npy": (".npy",),
    "npz": (".npz",),
    "picture": (".tif", ".tiff", ".png"),
    "hyperspy": (".hspy", ".h5", ".hdf5"),
    "emd": (".h5", ".hdf5", ".emd", ".py4dstem"),
    "nexus": (".nxs", ".nx", ".nexus", ".h5", ".hdf5"),
    "dectris": (".h5", ".hdf5"),
    "hdf5": (".h5", ".hdf5", ".hdf", ".he5"),
}


def kind_of(path: Path) -> tuple[str, str | None]:
    """Kind of a file, and a note where its name says another.

    Args:
        path: of a file that is there.

    Returns:
        One of "merlin", "empad", "npy", "npz", "picture", "hyperspy", "emd", "nexus", "dectris", "hdf5" and
        "rosetta".

    Raises:
        DatasetError: empty, or it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise unreadable(path, error) from None
    if not head:
        raise DatasetError(f"The file {path} is empty: give the file of a scan.")
    kind = _by_content(path, head)
    if kind is None:
        suffix = path.suffix.lower()
        if suffix in (".mib", ".npy", ".npz", ".tif", ".tiff", ".png", ".hspy", ".h5", ".hdf5", ".nxs"):
            raise DatasetError(
                f"The file {path} does not begin as a {suffix} file does: it is damaged, truncated or "
                "of another "
                "kind."
            )
        return ("empad" if suffix == ".raw" else "rosetta"), None
    known = _SUFFIXES.get(kind)
    note = None
    if known and path.suffix.lower() not in known:
        note = f"the file is read as {kind} by its content, whatever its name says"
    return kind, note


# first bytes of a kind
_HEADS = {
    merlin.MAGIC: "merlin",
    b"HDR,": "merlin",
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
}


def _by_content(path: Path, head: bytes) -> str | None:
    if begins := [kind for start, kind in _HEADS.items() if head.startswith(start)]:
        return begins[0]
    if head.startswith((b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        # other formats are built on TIFF
        return "picture" if path.suffix.lower() in (*_SUFFIXES["picture"], "") else None
    if h5py.is_hdf5(path):
        return _hdf5(path)
    if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<"):
        try:
            return "empad" if empad.is_empad(ET.parse(path).getroot()) else None
        except ET.ParseError:
            return "empad" if path.suffix.lower() == ".xml" else None
    return None


def _hdf5(path: Path) -> str:
    with opened(path) as file:
        if text(file.attrs.get("file_format", "")) == "HyperSpy" or "Experiments" in file:
            return "hyperspy"
        data = file.get(dectris.DATA)
        if (
            data is not None
            and "entry/instrument/detector" in file
            and any(key.startswith("data_0") for key in data)
        ):
            return "dectris"
        if "Data/Image" in file and "Version" in file:
            return "rosetta"  # Velox
        if "version_major" in file.attrs or _has(file, "emd_group_type"):
            return "emd"
        if "default" in file.attrs or _has(file, "NX_class"):
            return "nexus"
    return "hdf5"


def _has(file: h5py.File, attribute: str) -> bool:
    return any(
        isinstance(item, h5py.Group) and attribute in item.attrs for item in (file.get(name) for name in file)
    )
