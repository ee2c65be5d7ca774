"""Frames of a camera brought onto the mesh of a recipe, by a calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment import averaging
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.patterns.recipe import Recipe

_CHUNK = 16  # frames of a thread at a time
_POINTS = 9  # along each side of a pixel, over which the background is averaged


class Coverage(NamedTuple):
    """How the pixels k_min ≤ \\|k\\| < k_max of a pattern are known.

    Attributes:
        wanted: how many there are.
        seen: of which at least half of the area is seen.
        friedel: hidden, while I(−k) is seen.
        ring: hidden as is I(−k), while a pixel of the same ring is seen.
        hidden: the others.
    """

    wanted: int
    seen: int
    friedel: int
    ring: int
    hidden: int

    @property
    def recovered(self) -> float:
        """Share of the pixels that are seen themselves or at −k."""
        return (self.seen + self.friedel) / self.wanted


class OntoMesh:
    """The mean intensity of frames over the pixels of a mesh, where the calibration says that these lie.

    Args:
        calibration: of the frames.
        recipe: whose mesh it is and whose mask must have values.
        background: subtract the background of the calibration.
        cores: threads; None takes every core.

    Attributes:
        matrix: (2, 2), camera pixels along x and y for one pixel of the mesh along k_x and k_y.

    Example:
        >>> from pyiron_nbed import Mesh
        >>> recipe = Recipe.experiment(Mesh(1.0, 0.1))
        >>> frames = np.full((1, 64, 64), 3, np.uint16)
        >>> patterns = OntoMesh(Calibration((31.5, 31.5), 0.04, (64, 64)), recipe)(frames, np.array([0]))
        >>> patterns.shape, float(patterns[0][recipe.mask].min()), float(patterns.max())
        ((1, 19, 19), 3.0, 3.0)
    """

    def __init__(
        self, calibration: Calibration, recipe: Recipe, background: bool = False, cores: int | None = None
    ) -> None:
        self.calibration, self.recipe, self.cores = calibration, recipe, cores
        mesh = recipe.mesh
        self.matrix = calibration.matrix * mesh.delta_k
        self._disc, self._wanted = mesh.disc, recipe.mask
        self._ring = np.rint(mesh.k / mesh.delta_k).astype(np.int64)
        self._rings = int(self._ring.max()) + 1
        counts = np.ascontiguousarray(calibration.mask, np.uint8)
        rows, columns = counts.shape
        self._counts, self._counted = counts, np.zeros((rows, columns + 1))
        averaging.running_sums(counts, counts, 0, rows, 0, self._counted)
        self._absent = np.zeros((rows + 1, columns + 1), np.int64)
        self._absent[1:, 1:] = (1 - counts.astype(np.int64)).cumsum(0).cumsum(1)
        self._background = np.zeros(mesh.shape)
        if background and calibration.background is not None:
            self._background = background_on(calibration, recipe)

    def __call__(self, frames: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Patterns of frames.

        Args:
            frames: (F, H, W) as the camera wrote them.
            numbers: (F,) of their positions, iy · Nx + ix.

        Returns:
            (F, n, n) float32, counts per camera pixel.

        Raises:
            DatasetError: NaN or infinite values in pixels that count, or a ring hidden all around.
        """
        centers = self._centers(numbers)
        frames = _plain(frames)
        out = np.empty((len(frames), *self._disc.shape), np.float32)
        bad: list[tuple[int, int]] = []

        def average(start: int, stop: int) -> None:
            found = self._average(frames[start:stop], centers[start:stop], out[start:stop])
            if found is not None:
                bad.append((start + found[0], found[1]))

        run_in_threads(average, len(frames), self.cores, _CHUNK)
        if bad:
            frame, row = min(bad)
            iy, ix = divmod(int(numbers[frame]), self.calibration.scan_shape[1])
            if row < 0:
                raise DatasetError(
                    f"A ring of the pattern at position ({iy}, {ix}) is hidden all around: raise k_min of "
                    "the recipe."
                )
            raise DatasetError(
                f"Row {row} of the frame at position ({iy}, {ix}) holds NaN or infinite values: say in "
                "Calibration.dead which pixels do."
            )
        return out

    def _average(self, frames: np.ndarray, centers: np.ndarray, out: np.ndarray) -> tuple[int, int] | None:
        # returns a frame that cannot be averaged with a row that is broken, or −1 where a ring is hidden
        height, width = self._counts.shape
        zero = 0 if frames.dtype.kind in "iu" else 0.0
        sums, shape = np.zeros((height, width + 1)), self._disc.shape
        values, share, source = np.empty(shape), np.empty(shape), np.zeros(shape, np.uint8)
        reach = 0.5 * shape[0] * np.abs(self.matrix[1]).sum() + 1
        before = None
        for number, (x, y) in enumerate(centers.tolist()):
            first, last = max(int(y - reach), 0), min(int(y + reach) + 1, height)
            row = averaging.running_sums(frames[number], self._counts, first, last, zero, sums)
            if row >= 0:
                return number, row
            if (x, y) != before:
                averaging.seen_shares(self._counted, self._absent, x, y, self.matrix, self._disc, share)
                before = x, y
            if not averaging.average_frame(
                sums, first, last, x, y, self.matrix, self._disc, share, self._wanted, self._ring,
                self._rings, self._background, values, source, out[number],
            ):  # fmt: skip
                return number, -1
        return None

    def coverage(self, number: int, k_min: float | None = None) -> Coverage:
        """How the pixels of the pattern at a position are known.

        Args:
            number: of the position.
            k_min: in Å⁻¹ in place of that of the recipe.
        """
        share = self.share(number)
        wanted = self._wanted if k_min is None else self._disc & (self.recipe.mesh.k >= k_min * (1 - 1e-9))
        source = np.zeros(share.shape, np.uint8)
        averaging.repair(np.zeros(share.shape), share, wanted, self._ring, self._rings, source)
        counts = np.bincount(source[wanted], minlength=4)
        return Coverage(int(wanted.sum()), *(int(count) for count in counts))

    def share(self, number: int) -> np.ndarray:
        """(n, n) seen share of the area of each pixel of the mesh at a position, 0 outside the disc."""
        share = np.zeros(self._disc.shape)
        x, y = self._centers(np.array([number]))[0]
        averaging.seen_shares(self._counted, self._absent, x, y, self.matrix, self._disc, share)
        return share

    def _centers(self, numbers: np.ndarray) -> np.ndarray:
        # from the outer corner of the first pixel
        iy, ix = np.divmod(numbers, self.calibration.scan_shape[1])
        return self.calibration.center_at(iy, ix) + 0.5


def background_on(calibration: Calibration, recipe: Recipe) -> np.ndarray:
    """Mean of the background of a calibration over each pixel of a mesh.

    Args:
        calibration: with a background; between its distances it is taken as linear, behind the last as flat.
        recipe: whose mesh it is.

    Returns:
        (n, n) counts per camera pixel.

    Example:
        >>> from pyiron_nbed import Mesh
        >>> flat = Calibration((9, 9), 0.05, (19, 19), background=[2.0, 2.0])
        >>> float(background_on(flat, Recipe.simulation(Mesh(0.4, 0.1))).round(9).max())
        2.0
    """
    profile = np.asarray(calibration.background)
    mesh = recipe.mesh
    offsets = ((np.arange(_POINTS) + 0.5) / _POINTS - 0.5) * mesh.delta_k
    axis = mesh.axis[:, None] + offsets
    k = np.hypot(axis[:, :, None, None], axis[None, None])
    return np.interp(k / calibration.delta_k, np.arange(len(profile)), profile).mean(axis=(1, 3))


def _plain(frames: np.ndarray) -> np.ndarray:
    # in the byte order of this machine, of a type that kernels know, one frame after another
    frames = np.asarray(frames)
    if frames.dtype.kind == "b":
        frames = frames.view(np.uint8)
    if frames.dtype.kind == "f" and frames.dtype.itemsize not in (4, 8):
        frames = frames.astype(np.float32 if frames.dtype.itemsize == 2 else np.float64)
    return np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
