"""EMPAD ``.raw`` with ``.xml``: frames of 128 × 128 float32, each before two rows that are no pixels."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.reading.empad import ROWS, SIDE
from pyiron_nbed.experiment.writing.layout import Layout, Target


def empad_layout(target: Target) -> Layout:
    """Layout of an EMPAD ``.raw`` file and its ``.xml``.

    They hold the shape of the scan, the step (as the full field of view), the exposure (``facts["exposure"]``
    in s), the beam energy (``facts["beam_energy"]`` in eV) and the time (``facts["time"]``), but no width of
    a pixel.

    Args:
        target: what is to be written.

    Raises:
        InputError: frames that are not 128 × 128, or another type than float32.
    """
    if target.shape[2:] != (SIDE, SIDE):
        height, width = target.shape[2:]
        raise InputError(
            f"The frames are {height} × {width} pixels, and the camera EMPAD has {SIDE} × {SIDE}: give "
            "such frames or another format, for example .mib."
        )
    if target.dtype != np.float32:
        raise InputError(
            f"dtype is {target.dtype.name!r}, and a file of EMPAD holds float32: give that, or another "
            "format."
        )

    def create(path: Path) -> int:
        return 0

    return Layout(
        np.dtype("<f4"), create, footer_size=(ROWS - SIDE) * SIDE * 4, beside={".xml": _xml(target)}
    )


def _xml(target: Target) -> bytes:
    ny, nx = target.shape[:2]
    root = ET.Element("root", name=target.path.stem)
    start = datetime.fromisoformat(target.facts.get("time", "1970-01-01T00:00:00")).replace(tzinfo=UTC)
    ET.SubElement(
        root, "timestamp", timestamp=f"{start.timestamp():.6f}",
        isoformat=start.replace(tzinfo=None).isoformat(timespec="microseconds"),
    )  # fmt: skip
    entries = {"type": "scan", "pix_x": nx, "pix_y": ny}
    for key, value in entries.items():
        ET.SubElement(root, key).text = str(value)
    ET.SubElement(root, "raw_file", filename=target.path.name)
    if "exposure" in target.facts:
        ET.SubElement(root, "exposure_time").text = _figures(1e3 * target.facts["exposure"])  # ms
    scan = ET.SubElement(root, "scan_parameters", mode="acquire")
    for key, value in (("scan_size", 1), ("scan_resolution_x", nx), ("scan_resolution_y", ny)):
        ET.SubElement(scan, key).text = str(value)
    measured = ET.SubElement(root, "iom_measurements")
    if target.step is not None:
        # of a square whose side is the longer one of the scan, times a factor
        field = ET.SubElement(measured, "full_scan_field_of_view")
        ET.SubElement(field, "scale_factor").text = "1.0"
        for key in ("x", "y"):
            ET.SubElement(field, key).text = _figures(1e-10 * target.step * max(nx, ny))
    if "beam_energy" in target.facts:
        ET.SubElement(measured, "high_voltage").text = _figures(target.facts["beam_energy"])
    return ET.tostring(root, encoding="utf-8", xml_declaration=False)


def _figures(value: float) -> str:
    return repr(float(value))
