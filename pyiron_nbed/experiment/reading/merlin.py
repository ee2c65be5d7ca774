"""Merlin ``.mib``: frames of Medipix detectors, each after a header of text, big-endian."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyiron_nbed.checks import warn
from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.frames import FileFrames, unreadable
from pyiron_nbed.experiment.reading.found import Found

MAGIC = b"MQ1,"
_TYPES = {"U08": ">u1", "U16": ">u2", "U32": ">u4"}
_RAW_BITS = {1: 1, 6: 8, 12: 16}  # bits of a pixel in the file, of the bits of the counter


@dataclass(frozen=True)
class Header:
    """What the header of a frame says.

    Attributes:
        number: of the frame, from 1.
        size: bytes of the header.
        shape: (H, W).
        kind: "U08", "U16", "U32" or "R64".
        layout: of the chips, "1x1" or "2x2".
        exposure: in s, or None.
        depth: bits of the counter, or None.
    """

    number: int
    size: int
    shape: tuple[int, int]
    kind: str
    layout: str
    exposure: float | None
    depth: int | None


class RawFrames(FileFrames):
    """Frames of one chip as the detector sends them: words of 64 bits, the last pixel first."""

    def __init__(self, path: Path, count: int, header: Header) -> None:
        height, width = header.shape
        self._bits = _RAW_BITS[int(header.depth or 0)]
        super().__init__(path, count, (height, width * self._bits // 8), "u1", header=header.size)
        self._stored = self.shape
        self.shape, self.dtype = header.shape, np.dtype(np.uint16 if self._bits == 16 else np.uint8)

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        words = self.records(start, stop)["frame"].reshape(stop - start, -1, 8)[:, :, ::-1]
        if self._bits == 1:
            pixels = np.unpackbits(words, axis=-1, bitorder="little")
        elif self._bits == 8:
            pixels = np.ascontiguousarray(words)
        else:
            pixels = np.ascontiguousarray(words).view("<u2").astype(np.uint16)
        return pixels.reshape(stop - start, *self.shape)


def read_merlin(path: Path) -> Found:
    """Frames of a ``.mib`` file, in the order of its rows; the ``.hdr`` beside it may state the scan.

    The first row of the file is the lowest one on the screen of the detector's software; rows stay as the
    file has them.

    Args:
        path: of the ``.mib`` or the ``.hdr``.

    Raises:
        DatasetError: truncated, no Merlin header, or raw frames of several chips or of 24 bits.
    """
    if path.suffix.lower() == ".hdr":
        beside = [path.with_suffix(suffix) for suffix in (".mib", ".MIB")]
        path = next((other for other in beside if other.is_file()), beside[0])
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            header = _header(path, file, 0)
            frame = _frame_size(path, header)
            count, rest = divmod(size, header.size + frame)
            if rest:
                raise DatasetError(
                    f"The file {path} ends within frame {count + 1} of {header.size + frame} bytes: it is "
                    "truncated, copy it again or cut it after its last whole frame."
                )
            last = _header(path, file, (count - 1) * (header.size + frame))
    except OSError as error:
        raise unreadable(path, error) from None
    if (last.size, last.shape, last.kind) != (header.size, header.shape, header.kind):
        raise DatasetError(f"The frames of the file {path} are of several kinds: split it.")
    if header.kind == "R64":
        frames: FileFrames = RawFrames(path, count, header)
    else:
        frames = FileFrames(path, count, header.shape, _TYPES[header.kind], header=header.size)
    found = Found(frames, facts={"format": "Merlin", "layout": header.layout})
    if header.exposure is not None:
        found.facts["exposure"] = header.exposure
    if header.depth is not None:
        found.facts["bits"] = header.depth
    found.note("rows are as in the file: the detector's software shows the first one at the bottom")
    if last.number - header.number != count - 1:
        words = f"frames {header.number} to {last.number} are numbered, but {count} are there"
        found.note(words)
        warn(f"In the file {path}, {words}: some are missing, so that positions may be shifted.")
    _scan(found, path, count)
    return found


def _header(path: Path, file, offset: int) -> Header:
    file.seek(offset)
    words = file.read(8192).partition(b"\0")[0].decode("latin-1").split(",")
    try:
        if words[0] != "MQ1":
            raise ValueError
        number, size, width, height = (int(words[i]) for i in (1, 2, 4, 5))
        kind, layout = words[6], words[7].strip()
        exposure, depth = None, None
        if "MQ1A" in words:
            after = words[words.index("MQ1A") :]
            exposure = float(after[2].removesuffix("ns")) * 1e-9
            depth = int(after[3])
        if size < 64 or width < 1 or height < 1:
            raise ValueError
    except (ValueError, IndexError):
        where = "begins with no" if offset == 0 else "has, before its last frame, no"
        raise DatasetError(
            f"The file {path} {where} header of Merlin: it is damaged or of another kind."
        ) from None
    if kind == "R64" and depth is None:
        kind = "R64 of unknown depth"
    return Header(number, size, (height, width), kind, layout, exposure, depth)


def _frame_size(path: Path, header: Header) -> int:
    pixels = header.shape[0] * header.shape[1]
    if header.kind in _TYPES:
        return pixels * np.dtype(_TYPES[header.kind]).itemsize
    if header.kind != "R64":
        raise DatasetError(
            f"The file {path} holds frames of the kind {header.kind!r}: U08, U16, U32 and R64 are read."
        )
    if header.layout != "1x1" or header.depth not in _RAW_BITS:
        raise DatasetError(
            f"The file {path} holds raw frames (R64) of {header.layout} chips and {header.depth} bits: raw "
            "frames are read of one chip and 1, 6 or 12 bits, let Merlin save processed ones."
        )
    return pixels * _RAW_BITS[header.depth] // 8


def _scan(found: Found, path: Path, count: int) -> None:
    """Shape of the scan, where the ``.hdr`` states it."""
    beside = next((p for s in (".hdr", ".HDR") if (p := path.with_suffix(s)).is_file()), None)
    if beside is None:
        found.note("there is no .hdr beside the file")
        return
    try:
        lines = beside.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise unreadable(beside, error) from None
    values = {}
    for line in lines:
        key, tab, value = line.partition("\t")
        if tab:
            values[re.sub(r"\s*\(.*", "", key).rstrip(": ")] = value.strip()

    def whole(key: str) -> int:
        return int(values[key]) if values.get(key, "").isdigit() else 0

    columns, rows = whole("ScanX"), whole("ScanY")
    frames, each = whole("Frames in Acquisition"), whole("Frames per Trigger")
    if columns and rows:
        found.shape = (rows, columns)
    elif 1 < each < frames == count and count % each == 0:
        found.shape = (count // each, each)
        found.note("the shape is that of the triggers of the .hdr and the frames of each")
    if frames and frames != count:
        found.note(f"the .hdr states {frames} frames and the file holds {count}")
