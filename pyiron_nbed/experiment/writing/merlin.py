"""Merlin ``.mib`` with ``.hdr``: frames of one Medipix chip, big-endian, each after 384 bytes of text."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pyiron_nbed.experiment.writing.layout import Layout, Target, whole_counts
from pyiron_nbed.provenance import versions

_HEADER = 384  # bytes before each frame, for one chip
_HDR = 2048  # bytes of the .hdr file
_KINDS = {"uint8": ("U08", 6), "uint16": ("U16", 12), "uint32": ("U32", 24)}  # and bits of the counter
_VOLTAGES = ",".join(["0.000000E+0"] * 8)
_DACS = ",".join(["000"] * 26)


def merlin_layout(target: Target) -> Layout:
    """Layout of a ``.mib`` file and its ``.hdr``.

    They hold the shape of the scan, the exposure (``facts["exposure"]`` in s, 1 ms without it) and the time
    of each frame from ``facts["time"]`` on, but no step and no width of a pixel. Rows are written in their
    order, the first of which Merlin's software shows at the bottom. The depth of the counter is that of the
    detector for files of this type, 6, 12 or 24 bits, whatever the largest count.

    Args:
        target: what is to be written.

    Raises:
        InputError: another type than uint8, uint16 and uint32.
    """
    dtype = whole_counts(target.dtype, tuple(_KINDS), "a .mib file")
    kind, bits = _KINDS[dtype.name]
    height, width = target.shape[2:]
    exposure = round(1e9 * target.facts.get("exposure", 1e-3))  # in ns
    start = datetime.fromisoformat(target.facts.get("time", "1970-01-01T00:00:00")).replace(tzinfo=None)

    def header(number: int) -> bytes:
        passed, rest = divmod(number * exposure, 1000)
        time = (start + timedelta(microseconds=passed)).isoformat(timespec="microseconds")
        text = (
            f"MQ1,{number + 1:06d},{_HEADER:05d},01,{width:04d},{height:04d},{kind},   1x1,01,"
            f"{time.replace('T', ' ')},{1e-9 * exposure:.6f},0,0,0,{_VOLTAGES},3RX,{_DACS},"
            f"MQ1A,{time}{rest:03d}Z,{exposure}ns,{bits},"
        )
        return text.encode().ljust(_HEADER, b"\0")

    def create(path: Path) -> int:
        return 0

    return Layout(
        dtype.newbyteorder(">"), create, header, _HEADER, beside={".hdr": _hdr(target, bits, start)}
    )


def _hdr(target: Target, bits: int, start: datetime) -> bytes:
    ny, nx = target.shape[:2]
    lines = {
        "Time and Date Stamp (day, mnth, yr, hr, min, s)": start.strftime("%d/%m/%Y %H:%M:%S"),
        "Chip ID": "simulated, - , - , - ",
        "Chip Type (Medipix 3.0, Medipix 3.1, Medipix 3RX)": "Medipix 3RX",
        "Assembly Size (NX1, 2X2)": "   1x1",
        "Chip Mode  (SPM, CSM, CM, CSCM)": "SPM",
        "Counter Depth (number)": str(bits),
        "Acquisition Type (Normal, Th_scan, Config)": "Normal",
        "Frames in Acquisition (Number)": str(target.count),
        "Frames per Trigger (Number)": str(nx),
        "Software Version": f"pyiron_nbed {versions(['pyiron_nbed']).get('pyiron_nbed', '')}",
        "ScanX": str(nx),
        "ScanY": str(ny),
    }
    text = "HDR,\t\r\n" + "".join(f"{key}:\t{value}\r\n" for key, value in lines.items()) + "End\t"
    return text.encode("latin-1").ljust(_HDR)
