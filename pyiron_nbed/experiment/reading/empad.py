"""EMPAD ``.raw``: frames of 128 × 128 float32, little-endian, each before two rows that are no pixels."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.frames import FileFrames, unreadable
from pyiron_nbed.experiment.reading.axes import step_of
from pyiron_nbed.experiment.reading.found import Found
from pyiron_nbed.units import electron_wavelength

SIDE, ROWS = 128, 130
FRAME = ROWS * SIDE * 4  # bytes


def read_empad(path: Path) -> Found:
    """Frames of an EMPAD file.

    Args:
        path: of the ``.raw``, or of the ``.xml`` that names it. The ``.xml`` beside a ``.raw`` is found by
            its name, or by the name of the raw file within it.

    Raises:
        DatasetError: truncated, a foreign ``.xml``, or no ``.raw``.
    """
    if path.suffix.lower() == ".xml":
        root: ET.Element | None = _tree(path)
        name = _raw_name(root)
        beside = [path.parent / Path(name).name] if name else []
        raw = next((p for p in [*beside, path.with_suffix(".raw")] if p.is_file()), None)
        if raw is None:
            raise DatasetError(
                f"The file {path} names {name or 'no raw file'}, which is not beside it: copy it there."
            )
    else:
        raw = path
        root = _beside(raw)
    size = raw.stat().st_size
    if not size or size % FRAME:
        raise DatasetError(
            f"The file {raw} has {size} bytes, which are no whole frames of EMPAD ({FRAME} bytes each): "
            "it is "
            "truncated or of another kind."
        )
    count = size // FRAME
    frames = FileFrames(raw, count, (SIDE, SIDE), "<f4", footer=(ROWS - SIDE) * SIDE * 4)
    found = Found(frames, facts={"format": "EMPAD"})
    found.shape = _shape(root, raw, found)
    if root is None:
        found.note("there is no .xml beside the file")
    else:
        _facts(found, root)
    return found


def is_empad(root: ET.Element) -> bool:
    """Whether the root of an XML file is that of EMPAD."""
    return root.tag == "root" and root.find("raw_file") is not None


def _raw_name(root: ET.Element | None) -> str:
    named = root.find("raw_file") if root is not None else None
    return (named.get("filename") or "") if named is not None else ""


def _tree(path: Path) -> ET.Element:
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not is_empad(root):
        raise DatasetError(f"The file {path} is no .xml of EMPAD: it names no raw file.")
    return root


def _beside(raw: Path) -> ET.Element | None:
    for path in [raw.with_suffix(".xml"), *sorted(raw.parent.glob("*.xml"))]:
        try:
            root = ET.parse(path).getroot()
        except (ET.ParseError, OSError, ValueError):
            continue
        if is_empad(root) and (path.stem == raw.stem or Path(_raw_name(root)).name == raw.name):
            return root
    return None


def _shape(root: ET.Element | None, raw: Path, found: Found) -> tuple[int, int] | None:
    """(Ny, Nx) of the .xml, else of the name ``scan_x…_y…``."""
    if root is not None:
        if root.find("scan_parameters/series_count") is not None:
            found.stack = True
            return None
        if (x := root.findtext("pix_x")) and (y := root.findtext("pix_y")):
            return int(y), int(x)
        if match := re.search(r"_x(\d+)_y(\d+)", _raw_name(root)):
            return int(match[2]), int(match[1])
        for scan in root.findall("scan_parameters"):
            x, y = scan.findtext("scan_resolution_x"), scan.findtext("scan_resolution_y")
            if scan.get("mode") == "acquire" and x and y:
                return int(y), int(x)
    if match := re.search(r"_x(\d+)_y(\d+)", raw.name):
        found.note("the shape is that of the name of the file")
        return int(match[2]), int(match[1])
    return None


def _facts(found: Found, root: ET.Element) -> None:
    measured = root.find("iom_measurements")
    values = {child.tag: child.text or "" for child in measured} if measured is not None else {}
    for key, names in (
        ("beam_energy", ("high_voltage", "source.get_voltage")),
        ("camera_length", ("nominal_camera_length", "optics.get_cameralength")),
    ):
        for name in names:
            if (value := _number(values.get(name))) is not None:
                found.facts[key] = value
    if (exposure := _number(root.findtext("exposure_time"))) is not None:
        found.facts["exposure"] = 1e-3 * exposure
    sides = found.shape
    if sides:
        field = _field(values, measured)
        if field is not None:
            found.step, note = step_of([field / max(sides)], ["m"])
            found.note(note)
            found.note(
                "the step is that of the full field of view, whatever part of it was scanned: confirm it"
            )
    angle = _number(values.get("calibrated_diffraction_angle"))
    if angle is not None and "beam_energy" in found.facts:
        width = angle / electron_wavelength(found.facts["beam_energy"])
        found.note(f"calibrated_diffraction_angle of the .xml would be {width:.4g} Å⁻¹ per pixel: confirm it")


def _field(values: dict[str, str], measured: ET.Element | None) -> float | None:
    """Full field of view in m: newer files state it times a factor, which they state too."""
    if text := values.get("optics.get_full_scan_field_of_view"):
        try:
            return float(ast.literal_eval(text)[0])
        except (ValueError, SyntaxError, TypeError, IndexError):
            return None
    inner = measured.find("full_scan_field_of_view") if measured is not None else None
    if inner is None:
        return None
    width, factor = _number(inner.findtext("x")), _number(inner.findtext("scale_factor"))
    return width / factor if width and factor else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
