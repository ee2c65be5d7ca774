"""Stacks of pictures: ``.tif`` and ``.png`` files, one after the other, and pages of a ``.tif``."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyiron_nbed.checks import number, one_of
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import FileFrames, Frames, frame_type, unreadable
from pyiron_nbed.experiment.reading.found import Found

SUFFIXES = (".tif", ".tiff", ".png")


class PictureFrames(Frames):
    """Pictures of one size, one in each file or in each page of a ``.tif``.

    Args:
        paths: of the files; one for all pages.
        pages: whether the frames are pages of one file.
    """

    def __init__(self, paths: Sequence[Path], pages: bool = False) -> None:
        self._pages = pages
        first = read_picture(paths[0])
        count = len(paths)
        if pages:
            count = _page_count(paths[0])
        super().__init__(count, first.shape, frame_type(first.dtype, f"The picture {paths[0]}"), paths)

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frames = np.empty((stop - start, *self.shape), self.dtype)
        for i in range(start, stop):
            path, page = (self.paths[0], i) if self._pages else (self.paths[i], 0)
            found = read_picture(path, page)
            if found.shape != self.shape or found.dtype.newbyteorder("=") != self.dtype:
                raise DatasetError(
                    f"The picture {path}{f' (page {page})' if self._pages else ''} has {found.shape} "
                    "pixels of the "
                    f"type {found.dtype} and the first one {self.shape} of {self.dtype}: a scan has "
                    "frames of one "
                    "kind."
                )
            frames[i - start] = found
        return frames


class LogarithmicFrames(Frames):
    """Frames whose picture shows p = a log(1 + I): I = exp(p / a) − 1, as float32.

    Args:
        frames: of the pictures.
        white: I of the brightest value that pictures of whole numbers can have (255, 65535); a is 1 for real
            numbers.
    """

    def __init__(self, frames: Frames, white: float | None) -> None:
        super().__init__(frames.count, frames.shape, np.float32, frames.paths, frames.run)
        self._frames, self._white = frames, white
        self._factor = 1.0
        if white is not None:
            self._factor = np.log1p(white) / np.iinfo(frames.dtype).max

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        return np.expm1(self._frames.read(start, stop) * self._factor).astype(np.float32)

    def identity(self) -> object:
        """That of the files, and the scale."""
        return [self._frames.identity(), "log", self._white]


def read_pictures(paths: Sequence[Path], intensity: str | None, white: float | None) -> Found:
    """Frames of pictures.

    Args:
        paths: in the order of the scan.
        intensity: "linear", or "log" for pictures of log(1 + I); must be given for ``.png`` and for 8 bits.
        white: see :class:`LogarithmicFrames`.

    Raises:
        InputError: the intensity is not said, or ``white`` where it does not belong.
        DatasetError: a picture that cannot be read, of colours, or of another size than the first.
    """
    suffixes = {_kind(path) for path in paths}
    if len(suffixes) > 1:
        raise InputError(
            f"The pictures are of several kinds, {' and '.join(sorted(suffixes))}: give those of one."
        )
    kind = suffixes.pop()
    frames, stack_note = _frames(paths, kind)
    facts = {"format": f"{kind} pictures" if len(paths) > 1 else kind}
    if intensity is None and (kind == "png" or frames.dtype.itemsize == 1):
        raise InputError(
            f"The picture {paths[0]} is "
            f"{'a .png' if kind == 'png' else f'of {8 * frames.dtype.itemsize} bits'}, "
            "which need not be linear in intensity: give intensity='linear', or intensity='log' for "
            "log(1 + I)."
        )
    intensity = one_of(intensity or "linear", "intensity", ("linear", "log"))
    if white is not None and (intensity != "log" or frames.dtype.kind == "f"):
        raise InputError(f"white is {white!r}: it belongs to intensity='log' of pictures of whole numbers.")
    if intensity == "log":
        if white is None and frames.dtype.kind != "f":
            raise InputError(
                f"The pictures show log(1 + I) in whole numbers up to {np.iinfo(frames.dtype).max}: "
                "give white, "
                "the intensity in counts that this value stands for."
            )
        white = None if white is None else float(number(white, "white", above=0))
        frames = LogarithmicFrames(frames, white)
    facts["intensity"] = intensity
    found = Found(frames, stack=True, facts=facts)
    found.note(stack_note)
    if len(paths) > 1:
        found.note(f"the pictures are {paths[0].name} to {paths[-1].name}, by the numbers in their names")
    return found


def in_order_of_names(paths: Sequence[Path]) -> list[Path]:
    """Files by name, numbers within by value.

    Example:
        >>> [p.name for p in in_order_of_names([Path("f10.png"), Path("f9.png")])]
        ['f9.png', 'f10.png']
    """

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.findall(r"\d+|\D+", path.name)
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]

    return sorted(paths, key=key)


def read_picture(path: Path, page: int = 0) -> np.ndarray:
    """(H, W) of one picture; colours that are all grey become one.

    Args:
        path: of a ``.png`` or ``.tif``.
        page: of a ``.tif``.

    Raises:
        DatasetError: it cannot be read, or is of colours.
    """
    try:
        found = np.asarray(_tifffile().imread(path, key=page)) if _kind(path) == "tif" else _png(path)
    except (OSError, ValueError, IndexError, RuntimeError, KeyError, SyntaxError) as error:
        if isinstance(error, (DatasetError, InputError)):
            raise
        raise unreadable(path, error) from None
    if found.ndim == 3 and found.shape[2] in (3, 4):
        colours = found[..., :3]
        if not (colours == colours[..., :1]).all():
            raise DatasetError(
                f"The picture {path} is of colours: give one of grey values, which are intensity."
            )
        found = colours[..., 0]
    if found.ndim != 2:
        raise DatasetError(f"The picture {path} has shape {found.shape}: give pictures (H, W).")
    return found


def _png(path: Path) -> np.ndarray:
    image = importlib.import_module("PIL.Image").open(path)
    with image:
        if image.mode in ("P", "LA", "PA"):
            image = image.convert("RGB")
        found = np.asarray(image)
    # 16 bits may come in 32
    return found.astype(np.uint16) if found.dtype.kind == "i" and found.min() >= 0 else found


def _frames(paths: Sequence[Path], kind: str) -> tuple[Frames, str | None]:
    if kind == "png" or len(paths) > 1:
        return PictureFrames(paths), None
    path = paths[0]
    try:
        with _tifffile().TiffFile(path) as file:
            if len(file.series) != 1:
                sizes = ", ".join(str(series.shape) for series in file.series[:4])
                raise DatasetError(f"The file {path} holds pictures of several kinds, {sizes}: split it.")
            series = file.series[0]
            shape, offset = series.shape, series.dataoffset
            dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
    except (OSError, ValueError, IndexError, RuntimeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise unreadable(path, error) from None
    grey = len(shape) <= 3 and not (len(shape) == 3 and shape[-1] in (3, 4))
    if grey and offset is not None:  # all pictures lie in a row
        count = int(np.prod(shape[:-2]))
        frame_type(dtype, f"The file {path}")
        if path.stat().st_size < offset + count * int(np.prod(shape[-2:])) * dtype.itemsize:
            raise DatasetError(f"The file {path} ends within its {count} pictures: it is truncated.")
        return FileFrames(path, count, shape[-2:], dtype, offset), None
    return PictureFrames([path], pages=True), None


def _page_count(path: Path) -> int:
    with _tifffile().TiffFile(path) as file:
        return len(file.pages)


def _kind(path: Path) -> str:
    return "png" if path.suffix.lower() == ".png" else "tif"


def _tifffile():
    if importlib.util.find_spec("tifffile") is None:
        raise InputError(
            "A .tif needs tifffile, which is not installed: pip install 'pyiron_nbed[experiment]', or "
            "tifffile."
        )
    return importlib.import_module("tifffile")
