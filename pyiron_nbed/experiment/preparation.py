"""From a measured scan and its calibration to patterns on the mesh of a recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import flag, shown, threads, warn
from pyiron_nbed.containers import instance, row_numbers
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.onto_mesh import Coverage, OntoMesh
from pyiron_nbed.patterns.grid import Grid, NavigationAxis
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.patterns.stack import PatternStack
from pyiron_nbed.provenance import hash_of, versions
from pyiron_nbed.units import electron_wavelength

SEEN_SHARE = 0.75  # of the area of a pixel, below which it may be taken from −k
SEEN_AT_LEAST = 0.8  # share of the pixels that must be seen themselves or at −k
_TOLERANCE = 1e-6
_ENERGIES = 0.01  # relative difference of two beam energies that is said
_POINT_LOSS = 0.9  # of the autocorrelation at 10 Å, below which a mesh of points is no camera's


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedPatterns(PatternStack):
    """Patterns of a measured scan on the mesh of a recipe, computed where they are looked at.

    ``patterns[iy, ix]`` is one, (n, n) float32 counts per camera pixel; slices give (…, n, n). A model
    predicts from the stack itself; ``patterns.flat`` is (P, n, n) in the order of the scan.

    Attributes:
        scan: the :class:`MeasuredScan`.
        calibration: the :class:`Calibration`.
        onto_mesh: what averages.
        coverage: {(iy, ix): :class:`Coverage`} at the positions where the centre is farthest out.
    """

    scan: MeasuredScan
    calibration: Calibration
    onto_mesh: OntoMesh
    coverage: dict[tuple[int, int], Coverage]

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        worst = min(self.coverage.values(), key=lambda found: (found.recovered, found.seen))
        parts = [f"{' × '.join(map(str, self.shape))} patterns, {self.mesh}"]
        parts.append(f"k_min {self._recipe.k_min:g} Å⁻¹")
        parts.append(f"of {worst.wanted:,} pixels {worst.seen:,} seen")
        if worst.friedel:
            parts.append(f"{worst.friedel:,} from −k")
        if worst.ring:
            parts.append(f"{worst.ring:,} the mean of their ring")
        return f"PreparedPatterns({', '.join(parts)})"

    @property
    def mask(self) -> np.ndarray:
        """(n, n) bool, the pixels that count: k_min ≤ |k| < k_max."""
        return self._recipe.mask

    @property
    def seen(self) -> np.ndarray:
        """(n, n) bool, the pixels that are measured at every position, not filled with I(−k) or a mean."""
        nx = self.shape[1]
        shares = [self.onto_mesh.share(iy * nx + ix) for iy, ix in self.coverage]
        return np.min(shares, axis=0) >= SEEN_SHARE

    @property
    def grid(self) -> Grid:
        """Positions of the scan: ``grid.map(values)`` is (Ny, Nx) of values in its order."""
        return Grid(np.arange(len(self)).reshape(self.shape), self.axes)

    def numbered(self, start: int, stop: int) -> np.ndarray:
        """Patterns from number ``start`` up to ``stop`` (excluded) in the order of the scan."""
        if stop <= start:
            return np.empty((0, *self.mesh.shape), self.dtype)
        return self.onto_mesh(self.scan.read(start, stop), np.arange(start, stop))

    def blocks(
        self, size: int | None = None, progress: bool = False, start: int = 0
    ) -> Generator[tuple[int, np.ndarray], None, None]:
        """All patterns, block by block: each part of the file is read once.

        Args:
            size: patterns in a block; None: as many as the scan reads at a time.
            progress: show how far it is.
            start: number of the first pattern in the order of the scan.

        Yields:
            The number of the first pattern of a block, and the block (B, n, n).

        Raises:
            InputError: a size that is no whole number of at least 1, or a start beyond the scan.
        """
        text = "prepare" if flag(progress, "progress") else None
        with closing(self.scan.blocks(size, text, start)) as blocks:
            for first, frames in blocks:
                yield first, self.onto_mesh(frames, np.arange(first, first + len(frames)))

    def array(self, progress: bool = True) -> np.ndarray:
        """All patterns in memory, (Ny, Nx, n, n) float32."""
        out = np.empty((len(self), *self.mesh.shape), self.dtype)
        for start, block in self.blocks(progress=progress):
            out[start : start + len(block)] = block
        return out.reshape(*self.shape, *self.mesh.shape)

    def images(self, indices: Any = None) -> np.ndarray:
        """Images for the network, made by :attr:`recipe`.

        Args:
            indices: numbers of positions in the order of the scan, or (P,) bool; None: all.

        Returns:
            (len(indices), n, n) float32.

        Raises:
            InputError: indices that are no positions.
        """
        wanted = row_numbers(indices, len(self), "indices")
        parts = [self._recipe.images(self.flat[wanted[i : i + 512]]) for i in range(0, len(wanted), 512)]
        return np.concatenate(parts) if parts else np.empty((0, *self.mesh.shape), np.float32)

    @property
    def _recipe(self) -> Recipe:
        assert self.recipe is not None
        return self.recipe


def prepare(
    scan: MeasuredScan,
    calibration: Calibration,
    recipe: Recipe,
    background: bool = False,
    cores: int | None = None,
) -> PreparedPatterns:
    """Patterns of a measured scan on the mesh of a recipe: raw intensity, no logarithm, no scaling.

    A pixel of the mesh is the mean intensity over its area Δk² in k space, as ``Mesh(…, integrate=n)``
    simulates it. A camera pixel is taken as constant over its area, and the square becomes a parallelogram on
    the camera, whose centre, ellipse, rotation and mirror image are those of the calibration: the integral
    over it is exact, whatever the centre at a position is. The unit is counts per camera pixel, one factor
    for all patterns of a scan, so that intensity per area in k space is kept; the sum over a mesh is that
    over the camera times (Δk of the camera / Δk of the mesh)².

    Pixels that do not count (behind the stop, hot, dead, beyond the edge) take no part in a mean. Where at
    least half the area of a pixel of the mesh is seen, it is the mean over that; else, from k_min outwards,
    it takes I(−k) where that is seen (Friedel's law), else the mean of its ring (of width Δk). Beside a stop
    the intensity is steep and the mean of a part is biased: where less than 3/4 of a pixel is seen and more
    of that at −k, I(−k) is taken too. Nearer to the centre than k_min a pixel is 0 where hidden. After the
    background is subtracted, negative values become 0, and the positive ones of the same ring are multiplied
    so that its mean stays what it was.

    Args:
        scan: what :func:`pyiron_nbed.experiment.read_scan` gives.
        calibration: of these frames.
        recipe: for example that of the model, ``model.recipe``: its mesh and k_min.
        background: subtract the background of the calibration.
        cores: threads; None takes every core.

    Returns:
        :class:`PreparedPatterns`; no frame is read yet.

    Raises:
        InputError: arguments that do not fit each other; pixels of the mesh smaller than those of the camera;
            a camera that does not reach k_max, or a k_min that lies within the unscattered disc, at any
            position; fewer than 80 % of the pixels seen themselves or at −k, or a ring hidden all around.
        DatasetError: when patterns are read: NaN or infinite values in pixels that count.

    Example:
        >>> from pyiron_nbed import Mesh
        >>> scan = MeasuredScan.from_array(np.full((2, 3, 64, 64), 5, np.uint16), step=4.0)
        >>> recipe = Recipe.experiment(Mesh(1.0, 0.1, integrate=7))
        >>> patterns = prepare(scan, Calibration((31.5, 31.5), 0.04, (64, 64), (2, 3)), recipe)
        >>> patterns.shape, patterns[0, 1].shape, float(patterns[0, 1][recipe.mask].mean())
        ((2, 3), (19, 19), 5.0)
    """
    instance(scan, "The scan", MeasuredScan, "a MeasuredScan, for example read_scan(path)")
    instance(calibration, "The calibration", Calibration, "a Calibration, for example calibrate(scan)")
    instance(recipe, "The recipe", Recipe, "a Recipe, for example model.recipe or Recipe.experiment()")
    background, cores = flag(background, "background"), threads(cores)
    if background and calibration.background is None:
        raise InputError(
            "The background is to be subtracted and the calibration holds none: calibrate with one, or leave "
            "background=False."
        )
    _check_shapes(scan, calibration)
    if calibration.scan_shape != tuple(scan.shape[:2]):  # without descan every position has the same centre
        calibration = calibration.replaced(scan_shape=tuple(int(n) for n in scan.shape[:2]))
    _check_scale(calibration, recipe)
    centers = calibration.center_at(*np.divmod(np.arange(math.prod(scan.shape[:2])), scan.shape[1]))
    _check_reach(calibration, recipe, centers)
    _check_disc(calibration, recipe)
    onto_mesh = OntoMesh(calibration, recipe, background, cores)
    coverage = {number: onto_mesh.coverage(number) for number in _outermost(centers)}
    _check_coverage(onto_mesh, coverage)
    shape = (int(scan.shape[0]), int(scan.shape[1]))

    def read(place: tuple[slice, ...]) -> np.ndarray:
        numbers = np.arange(math.prod(shape)).reshape(shape)[place]
        return prepared.flat[numbers.ravel()].reshape(*numbers.shape, *recipe.mesh.shape)

    prepared = PreparedPatterns(
        shape=shape,
        axes=tuple(_axis(name, scan.step) for name in ("y", "x")),
        dtype=np.dtype(np.float32),
        read=read,
        mesh=recipe.mesh,
        labels={},
        facts=_facts(scan, calibration, recipe, background, list(coverage.values())),
        recipe=recipe,
        unit="counts per camera pixel",
        scan=scan,
        calibration=calibration,
        onto_mesh=onto_mesh,
        coverage={divmod(number, shape[1]): found for number, found in coverage.items()},
    )
    return prepared


def _axis(name: str, step: float | None) -> NavigationAxis:
    return NavigationAxis(name, units=None) if step is None else NavigationAxis(name, float(step))


def _check_shapes(scan: MeasuredScan, calibration: Calibration) -> None:
    (ny, nx), (rows, columns) = scan.shape[:2], scan.shape[2:]
    if calibration.frame_shape != (rows, columns):
        known = " × ".join(map(str, calibration.frame_shape))
        raise InputError(
            f"The calibration is of frames of {known} pixels and the scan has {rows} × {columns}: calibrate "
            "this scan."
        )
    if calibration.descan.kind != "none" and calibration.scan_shape != (ny, nx):
        known = " × ".join(map(str, calibration.scan_shape))
        raise InputError(
            f"The calibration holds the descan of {known} positions and the scan has {ny} × {nx}: calibrate "
            "the centre of this scan."
        )


def _check_scale(calibration: Calibration, recipe: Recipe) -> None:
    mesh = recipe.mesh
    if mesh.delta_k < calibration.delta_k * (1 - _TOLERANCE):
        raise InputError(
            f"The mesh has pixels of {mesh.delta_k:g} Å⁻¹ and the camera sees {calibration.delta_k:.4g} Å⁻¹ "
            "per pixel: take a recipe (and a model) of pixels at least as wide as those of the camera."
        )
    ours, theirs = mesh.beam_energy, calibration.beam_energy
    if ours is not None and theirs is not None and abs(ours / theirs - 1) > _ENERGIES:
        warn(
            f"The mesh is one of {ours:g} eV and the scan was measured at {theirs:g} eV: the curvature of "
            "the Ewald sphere differs."
        )
    if mesh.integrate == 1 and np.sinc(10 * mesh.delta_k) < _POINT_LOSS:
        warn(
            f"The recipe is one of points (integrate=1) and pixels of a camera are means over their area, "
            f"here of {mesh.delta_k:g} Å⁻¹: train with Mesh({mesh.k_max:g}, {mesh.delta_k:g}, integrate=3)."
        )


def _check_reach(calibration: Calibration, recipe: Recipe, centers: np.ndarray) -> None:
    # along x and along y, pixels that a circle of radius 1 Å⁻¹ reaches
    reach = np.linalg.norm(calibration.matrix, axis=1)
    rows, columns = calibration.frame_shape
    room = np.minimum(centers + 0.5, np.array([columns, rows]) - 0.5 - centers)
    half_width = float((room / reach).min())
    k_max = recipe.mesh.k_max
    if half_width <= 0:
        raise InputError(
            f"The centre of the pattern lies outside the frames of {rows} × {columns} pixels at some "
            "position: check centre and descan of the calibration."
        )
    if half_width < k_max * (1 - _TOLERANCE):
        fits = math.floor(half_width * 1000) / 1000
        raise InputError(
            f"The camera sees {half_width:.4g} Å⁻¹ around the centre (at all positions) and the recipe looks "
            f"up to k_max = {k_max:g} Å⁻¹: take a recipe (and a model) with k_max of at most {fits:g} Å⁻¹, "
            "or a shorter camera length."
        )


def _check_disc(calibration: Calibration, recipe: Recipe) -> None:
    if calibration.semiangle is None:
        return
    energy = calibration.beam_energy or recipe.mesh.beam_energy
    if energy is None:
        warn(
            "The calibration knows the semiangle but no beam energy: whether k_min exceeds the unscattered "
            "disc is not checked."
        )
        return
    disc = 1e-3 * calibration.semiangle / electron_wavelength(energy)
    least = disc + recipe.mesh.delta_k
    if recipe.k_min < least * (1 - _TOLERANCE):
        raise InputError(
            f"The unscattered disc reaches {disc:.3g} Å⁻¹ (semiangle {calibration.semiangle:g} mrad) and a "
            f"pixel more is needed, and the recipe looks from k_min = {recipe.k_min:g} Å⁻¹ on: take a recipe "
            f"(and a model) with k_min of at least {math.ceil(1000 * least * (1 - _TOLERANCE)) / 1000:g} Å⁻¹."
        )


def _outermost(centers: np.ndarray) -> list[int]:
    # the first, the middle one and those where the centre is farthest out along x, y and the diagonals
    x, y = (centers - centers.mean(axis=0)).T
    found = {0, len(centers) // 2}
    for values in (x, y, x + y, x - y):
        if np.ptp(values) > _TOLERANCE:
            found |= {int(values.argmin()), int(values.argmax())}
    return sorted(found) if np.ptp(centers, axis=0).max() > _TOLERANCE else [0]


def _check_coverage(onto_mesh: OntoMesh, coverage: dict[int, Coverage]) -> None:
    number, worst = min(coverage.items(), key=lambda item: (item[1].recovered, -item[1].hidden))
    lost = {number: found for number, found in coverage.items() if found.hidden}
    if worst.recovered >= SEEN_AT_LEAST and not lost:
        return
    if worst.recovered >= SEEN_AT_LEAST:
        number, worst = next(iter(lost.items()))
    k_min = _sufficient(onto_mesh, list(coverage))
    if k_min is None:
        advice = "no k_min below k_max helps: check which pixels the calibration hides"
    else:
        advice = f"take a recipe (and a model) with k_min of at least {k_min:g} Å⁻¹"
    what = f"{100 * worst.recovered:.0f} % of the pixels of the pattern are seen themselves or at −k"
    if worst.recovered >= SEEN_AT_LEAST:
        what = "A ring of the pattern is hidden all around"
    iy, ix = divmod(number, onto_mesh.calibration.scan_shape[1])
    raise InputError(
        f"{what} from k_min = {onto_mesh.recipe.k_min:g} Å⁻¹ on (at position ({iy}, {ix})), and "
        f"{100 * SEEN_AT_LEAST:.0f} % and a part of every ring are needed: {advice}."
    )


def _sufficient(onto_mesh: OntoMesh, numbers: list[int]) -> float | None:
    # the smallest k_min on a grid of half pixels with which every position is seen well enough
    mesh = onto_mesh.recipe.mesh
    for k_min in np.arange(onto_mesh.recipe.k_min, mesh.k_max, mesh.delta_k / 2):
        rounded = math.ceil(k_min * 1000) / 1000
        if rounded >= mesh.k_max or not (mesh.disc & (mesh.k >= rounded)).any():
            break
        found = [onto_mesh.coverage(number, rounded) for number in numbers]
        if all(each.recovered >= SEEN_AT_LEAST and not each.hidden for each in found):
            return rounded
    return None


def _facts(
    scan: MeasuredScan,
    calibration: Calibration,
    recipe: Recipe,
    background: bool,
    coverage: list[Coverage],
) -> dict[str, Any]:
    mean = {name: float(np.mean([getattr(c, name) for c in coverage])) for name in Coverage._fields[:4]}
    source = {
        "scan": dict(scan.facts), "fingerprint": str(scan.fingerprint), "calibration": calibration.as_dict(),
        "recipe": recipe.as_dict(), "background": background,
    }  # fmt: skip
    pixels = ("wanted", "seen", "from_friedel", "from_ring")
    return {
        **{f"pixels_{name}": value for name, value in zip(pixels, mean.values(), strict=True)},
        "background_subtracted": background,
        "provenance": json.dumps({**source, "versions": versions()}, default=shown),
        "input_hash": hash_of(source),
    }
