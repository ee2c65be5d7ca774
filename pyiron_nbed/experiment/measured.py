"""A measured scan: frames of a camera over the positions of a probe, read piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from pyiron_nbed.checks import is_whole, number, shown, whole
from pyiron_nbed.containers import instance
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.frames import ArrayFrames, ChosenFrames, Frames, frame_type
from pyiron_nbed.experiment.measured_kernels import sum_frames, sum_pixels
from pyiron_nbed.experiment.summary import Summary, flat_frames, pixel_chunk, summarise
from pyiron_nbed.parallel import prefetched, run_in_threads
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of
from pyiron_nbed.units import quantities

BLOCK = 1 << 25  # bytes of a block


class MeasuredScan:
    """Frames of a camera over the positions of a scan; nothing is read until it is asked for.

    Made by :func:`pyiron_nbed.experiment.read_scan` or :meth:`from_array`. ``scan[iy, ix]`` is a frame
    (H, W) as the file holds it, ``scan[iy]`` a line (Nx, H, W), and slices give (…, H, W).

    Args:
        frames: where they lie.
        shape: (Ny, Nx) of the scan.
        step: distance between positions in Å, or None.
        delta_k: width of a camera pixel in Å⁻¹ as the file says, a suggestion that a calibration replaces, or
            None.
        facts: what else is known, JSON values.
        dead: (H, W) bool, pixels that the file says are not valid, or None.

    Attributes:
        shape: (Ny, Nx, H, W).
        dtype: of the frames, in native byte order.
        step, delta_k, facts, dead: as above.

    Raises:
        InputError: a shape that the number of frames does not fit, or a number out of range.

    Example:
        >>> scan = MeasuredScan.from_array(np.arange(24.0).reshape(2, 3, 2, 2), step=5)
        >>> scan
        MeasuredScan(2 × 3 positions, 2 × 2 px, float64, step 5 Å, array)
        >>> scan[1, 2].tolist()
        [[20.0, 21.0], [22.0, 23.0]]
        >>> scan.mean().tolist()
        [[10.0, 11.0], [12.0, 13.0]]
    """

    @quantities(step="angstrom", delta_k="1/angstrom")
    def __init__(
        self,
        frames: Frames,
        shape: tuple[int, int],
        step: float | None = None,
        delta_k: float | None = None,
        facts: Mapping[str, Any] | None = None,
        dead: np.ndarray | None = None,
    ) -> None:
        ny, nx = (whole(side, "shape", 1) for side in shape)
        if ny * nx != frames.count:
            raise InputError(f"The shape {(ny, nx)} needs {ny * nx} frames, and there are {frames.count}.")
        self._frames = frames
        self.shape = (ny, nx, *frames.shape)
        self.dtype = frames.dtype
        hint = "or None where it is not known"
        self.step = None if step is None else float(number(step, "step", above=0, unit="Å", hint=hint))
        self.delta_k = (
            None if delta_k is None else float(number(delta_k, "delta_k", above=0, unit="Å⁻¹", hint=hint))
        )
        self.facts = dict(instance(facts or {}, "facts", Mapping, "a dict"))
        self.dead = dead
        self._summary: Summary | None = None

    @classmethod
    @quantities(step="angstrom", delta_k="1/angstrom")
    def from_array(
        cls,
        array: np.ndarray,
        step: float | None = None,
        delta_k: float | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> MeasuredScan:
        """Scan of an array, in memory or mapped from a file; it is not copied.

        Args:
            array: (Ny, Nx, H, W), or (N, H, W) for a scan of shape (1, N), or one frame (H, W).
            step: distance between positions in Å, or None.
            delta_k: width of a camera pixel in Å⁻¹, or None.
            facts: what else is known, JSON values.

        Returns:
            The scan.

        Raises:
            InputError: another number of axes, an empty array, or pixels that are no numbers.

        Example:
            >>> MeasuredScan.from_array(np.zeros((5, 4, 4), np.uint16)).shape
            (1, 5, 4, 4)
        """
        array = array if isinstance(array, np.ndarray) else _as_array(array)
        try:
            frame_type(array.dtype, "The array")
        except DatasetError as error:  # what was given, not what was read
            raise InputError(str(error)) from None
        if not 2 <= array.ndim <= 4 or 0 in array.shape:
            raise InputError(
                f"The array has shape {array.shape}: give (Ny, Nx, H, W) of a scan, or (N, H, W) of a stack "
                "of frames."
            )
        array = array.reshape(1, 1, *array.shape) if array.ndim == 2 else array
        shape = array.shape[:2] if array.ndim == 4 else (1, len(array))
        facts = instance(facts or {}, "facts", Mapping, "a dict")
        return cls(ArrayFrames(array), shape, step, delta_k, {"format": "array", **facts})

    @property
    def fingerprint(self) -> str:
        """16 digits that tell this scan from others: size, time and head of its file, or all of an array."""
        return hash_of([self._frames.identity(), self.shape, self.dtype.str])

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        ny, nx, height, width = self.shape
        parts = [f"{ny} × {nx} positions", f"{height} × {width} px", str(self.dtype)]
        parts += [] if self.step is None else [f"step {self.step:.4g} Å"]
        parts += [] if self.delta_k is None else [f"{self.delta_k:.4g} Å⁻¹ per px"]
        parts += [str(self.facts[key]) for key in ("format", "name") if self.facts.get(key)]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __getitem__(self, place: Any) -> np.ndarray:
        place = place if isinstance(place, tuple) else (place,)
        place = tuple(item for item in place if item is not Ellipsis)
        if len(place) > 2:
            raise InputError(f"A scan has two axes and {len(place)} were given: take pixels of scan[iy, ix].")
        given = (*place, *[slice(None)] * (2 - len(place)))
        kept, ranges = [], []
        for item, length, name in zip(given, self.shape[:2], ("row", "column"), strict=True):
            kept.append(isinstance(item, slice))
            ranges.append(_range(item, length, name))
        rows, columns = ranges
        frames = np.empty((len(rows), len(columns), *self.shape[2:]), self.dtype)
        nx = self.shape[1]
        if len(columns) == nx and columns.step == 1 and rows.step == 1 and len(rows):
            frames[:] = self.read(rows.start * nx, rows.stop * nx).reshape(frames.shape)
        elif columns.step == 1 and len(columns):
            for line, row in zip(frames, rows, strict=True):
                line[:] = self.read(row * nx + columns.start, row * nx + columns.stop)
        else:
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    frames[i, j] = self.read(row * nx + column, row * nx + column + 1)[0]
        return frames[tuple(slice(None) if keep else 0 for keep in kept)]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames by number in the order of the scan.

        Args:
            start, stop: numbers iy Nx + ix; ``stop`` is not read.

        Returns:
            (stop − start, H, W).

        Raises:
            InputError: numbers out of range.
            DatasetError: a file that cannot be read any more, or a pixel that is NaN or infinite.
        """
        start = whole(start, "start", 0, self._frames.count)
        stop = whole(stop, "stop", start, self._frames.count)
        frames = self._frames.read(start, stop)
        if self.dtype.kind == "f":
            with np.errstate(over="ignore", invalid="ignore"):
                finite = np.isfinite(frames.sum(dtype=float))
            if not finite:
                self._check_finite(frames, start)
        return frames

    def blocks(
        self, size: int | None = None, progress: str | None = None, start: int = 0
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """All frames in order; each part of a compressed file is read once.

        Args:
            size: frames of a block; None takes about 32 MB.
            progress: description of a progress bar; None shows none.
            start: number of the first frame that is read.

        Yields:
            Number of the first frame, and the frames (n, H, W).

        Raises:
            InputError: a size below 1, or a start beyond the scan.
            DatasetError: as :meth:`read`.
        """
        size = self._block_size() if size is None else whole(size, "size", 1)
        start = whole(start, "start", 0, self._frames.count)
        return self._blocks(
            [(first, first + size) for first in range(start, self._frames.count, size)], progress
        )

    def mean(self, mask: np.ndarray | None = None) -> np.ndarray:
        """Mean frame.

        Args:
            mask: (Ny, Nx) bool, positions that are taken; None takes all, of which the result is kept.

        Returns:
            (H, W) float64.

        Raises:
            InputError: a mask of another shape, or without a position.
        """
        if mask is None:
            return self.summary().mean.copy()
        chosen = _mask(mask, self.shape[:2], "positions").ravel()
        size, count = self._block_size(), self._frames.count
        ranges = [(i, min(i + size, count)) for i in range(0, count, size)]
        sums = np.zeros(self.shape[2] * self.shape[3])
        with closing(self._blocks([r for r in ranges if chosen[slice(*r)].any()], "mean frame")) as blocks:
            for start, frames in blocks:
                flat = flat_frames(frames)
                add = partial(_call, sum_frames, (flat, chosen[start : start + len(flat)]), (sums,))
                run_in_threads(add, len(sums), None, pixel_chunk(len(sums)))
        return (sums / chosen.sum()).reshape(self.shape[2:])

    def summary(self) -> Summary:
        """Mean, variance, maximum and minimum of each pixel, and more, of one pass; kept.

        Returns:
            The :class:`Summary`.

        Raises:
            DatasetError: as :meth:`read`.
        """
        if self._summary is None:
            self._summary = summarise(self)
        return self._summary

    def virtual_image(self, mask: np.ndarray) -> np.ndarray:
        """Image of a virtual detector.

        Args:
            mask: (H, W) bool, the pixels that are summed.

        Returns:
            (Ny, Nx) float64.

        Raises:
            InputError: a mask of another shape, or without a pixel.
        """
        pixels = np.flatnonzero(_mask(mask, self.shape[2:], "pixels"))
        image = np.empty(self._frames.count)
        with closing(self.blocks(progress="virtual image")) as blocks:
            for start, frames in blocks:
                sum_pixels(flat_frames(frames), pixels, image[start : start + len(frames)])
        return image.reshape(self.shape[:2])

    def _blocks(
        self, ranges: list[tuple[int, int]], progress: str | None
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        count = self._frames.count
        ranges = [(start, min(stop, count)) for start, stop in ranges]
        total = sum(stop - start for start, stop in ranges)
        bar = None if progress is None else progress_bar(total, progress, "frame")
        try:
            with (
                self._frames.in_order(self.shape[1]),
                closing(prefetched(lambda part: self.read(*part), ranges, ahead=1)) as found,
            ):
                for (start, _), frames in zip(ranges, found, strict=True):
                    yield start, frames
                    if bar is not None:
                        bar.update(len(frames))
        finally:
            if bar is not None:
                bar.close()

    def _block_size(self) -> int:
        """Frames of a block: whole chunks of the file."""
        run = self._frames.run
        frame = self.dtype.itemsize * self.shape[2] * self.shape[3]
        return max(1, BLOCK // (frame * run)) * run if frame * run <= 2 * BLOCK else max(1, BLOCK // frame)

    def _check_finite(self, frames: np.ndarray, start: int) -> None:
        bad = ~np.isfinite(frames)
        if not bad.any():  # the sum was too large, the pixels are not
            return
        which = int(np.flatnonzero(bad.any(axis=(1, 2)))[0])
        row, column = divmod(start + which, self.shape[1])
        raise DatasetError(
            f"The frame of row {row}, column {column} holds {int(bad[which].sum())} pixels that are NaN or "
            "infinite: give read_scan a number to take in their place, such as fill=0, and mask them in the "
            "calibration."
        )


def chosen_scan(frames: Frames, shape: tuple[int, int], skip: int = 0, flyback: int = 0) -> Frames:
    """Frames of a scan where the file holds more; the same object where it does not.

    Args:
        frames: of the file.
        shape: (Ny, Nx).
        skip: frames before the scan.
        flyback: frames after each line.
    """
    if not skip and not flyback and shape[0] * shape[1] == frames.count:
        return frames
    return ChosenFrames(frames, shape, skip, flyback)


def _call(kernel: Any, before: tuple, after: tuple, first: int, last: int) -> None:
    kernel(*before, first, last, *after)


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:  # rows of several lengths
        raise InputError(f"The array is {shown(value)}: give numbers (Ny, Nx, H, W).") from None


def _range(item: Any, length: int, name: str) -> range:
    if isinstance(item, slice):
        try:
            return range(*item.indices(length))
        except (TypeError, ValueError):
            raise InputError(f"The {name} is {shown(item)}: give whole numbers in a slice.") from None
    if not is_whole(item) or not -length <= item < length:
        raise InputError(
            f"The {name} is {shown(item)}: give a whole number from 0 to {length - 1}, or a slice."
        )
    start = int(item) % length
    return range(start, start + 1)


def _mask(mask: Any, shape: tuple[int, int], what: str) -> np.ndarray:
    found = np.asarray(mask)
    if found.dtype != bool or found.shape != tuple(shape) or not found.any():
        raise InputError(
            f"The mask is {shown(mask)}: give True and False in the shape {tuple(shape)} of the {what}, at "
            "least one of them True."
        )
    return found
