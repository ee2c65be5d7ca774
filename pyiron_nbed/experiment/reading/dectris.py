"""Master files of Dectris detectors (Arina, Eiger, Quadro): frames in linked files, a mask of bad pixels."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment.reading.axes import step_of
from pyiron_nbed.experiment.reading.found import Found
from pyiron_nbed.experiment.reading.hdf5 import HDF5Frames, number, opened, text

DATA = "entry/data"
_DETECTOR = "entry/instrument/detector"


def read_dectris(path: Path) -> Found:
    """Frames of a master file, with what it says of the detector.

    The shape is taken from the file of the microscope beside it (``name.h5`` for ``name_master.h5``), or from
    the triggers of several frames each.

    Args:
        path: of the master file.

    Raises:
        DatasetError: a linked file is missing, or a compression that is not installed.
    """
    with opened(path) as file:
        group, names, linked = file[DATA], [], []
        for name in sorted(key for key in group if key.startswith("data")):
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                target = path.parent / link.filename
                if not target.is_file():
                    raise DatasetError(
                        f"The file {path} links to {link.filename}, which is not beside it: copy all "
                        "files of "
                        "the measurement into one folder."
                    )
                linked.append(target)
            if not isinstance(group.get(name), h5py.Dataset) or group[name].ndim != 3:
                raise DatasetError(f"The file {path} holds no frames (N, H, W) in {DATA}/{name}.")
            names.append(f"{DATA}/{name}")
        if not names:
            raise DatasetError(f"The file {path} holds no frames: it has no dataset {DATA}/data_000001.")
        found = Found(HDF5Frames(path, names, file, linked), facts={"format": "Dectris"})
        _detector(found, file.get(_DETECTOR, {}))
    _microscope(found, path)
    return found


def _detector(found: Found, detector: h5py.Group) -> None:
    if "description" in detector:
        found.facts["detector"] = text(detector["description"][()])
    specific = detector.get("detectorSpecific", {})
    for key, group, name in (
        ("beam_energy", specific, "photon_energy"), ("exposure", detector, "count_time"),
        ("camera_length", detector, "detector_distance"), ("pixel_size", detector, "x_pixel_size"),
        ("saturation", detector, "saturation_value"), ("bits", detector, "bit_depth_readout"),
    ):  # fmt: skip
        if (value := number(group, name)) is not None:
            found.facts[key] = value
    if found.frames.dtype.kind == "u":
        marker = found.facts["marker"] = int(np.iinfo(found.frames.dtype).max)
        found.note(f"the detector writes {marker} where a pixel is masked or saturated")
    mask = specific.get("pixel_mask", detector.get("pixel_mask"))
    if mask is not None and mask.shape == found.frames.shape:
        found.dead = mask[()] != 0
        found.facts["dead_pixels"] = int(found.dead.sum())
    triggers, images = number(specific, "ntrigger"), number(specific, "nimages")
    if triggers and images and triggers > 1 and images > 1 and triggers * images == found.frames.count:
        found.shape = (int(triggers), int(images))
        found.note("the shape is that of the triggers and the frames of each")


def _microscope(found: Found, path: Path) -> None:
    beside = path.with_name(path.name.replace("_master.h5", ".h5"))
    if beside == path or not beside.is_file():
        return
    with opened(beside) as file:
        values = file.get("STEM Metadata")
        if values is None:
            return
        attributes = values.attrs
        columns, rows = number(attributes, "NumPixelsX"), number(attributes, "NumPixelsY")
        if columns and rows:
            found.shape = (int(rows), int(columns))
            found.note(f"the shape is that of {beside.name}")
        found.step, note = step_of([number(attributes, "Pixel Size")], ["nm"])
        found.note(note)
        if found.step is not None and attributes.get("IsPixelSizeCalibrated", [1])[0] == 0:
            found.note("the microscope says that its step is not calibrated")
        if (length := number(attributes, "Camera Length")) is not None:
            found.facts["camera_length"] = length
