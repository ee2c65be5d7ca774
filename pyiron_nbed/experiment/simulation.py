"""Measured scans that are simulated: frames of a camera, computed where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import interval, number, shown, threads
from pyiron_nbed.containers import instance
from pyiron_nbed.diffraction import (
    Cylinder,
    Ellipsoid,
    Mesh,
    Volume,
    VolumeSearch,
    WeightedVolume,
    as_volume,
    check_engine,
    patterns_of_volumes,
)
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.experiment.camera import Camera
from pyiron_nbed.experiment.camera_pixels import MARGIN, NODES_PER_DETAIL, gauss_points
from pyiron_nbed.experiment.frames import Frames
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.geometry.cells import as_centers, check_atoms
from pyiron_nbed.geometry.frames import beam_frame
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.patterns.mesh import S_MAX
from pyiron_nbed.provenance import hash_of, structure_id
from pyiron_nbed.units import electron_wavelength, quantities

if TYPE_CHECKING:
    from pyiron_nbed.experiment.calibration import Calibration

ENGINES = ("cpu", "torch", "multislice")
MAX_POSITIONS = 10_000  # of a line
_MEMORY = 1 << 27  # bytes of patterns on the fine mesh at a time
_ATOM = 2.0  # Å that an atom adds to the diameter of a volume


class SimulatedScan(MeasuredScan):
    """A :class:`MeasuredScan` whose frames a :class:`Camera` makes of patterns that are computed when read.

    Each pass computes them anew: write the scan to a file (:func:`pyiron_nbed.experiment.write_scan`) and
    read that, where frames are needed more than once.

    Attributes:
        atoms, volume, camera, zone_axis, engine: as of :func:`simulate_scan`.
        positions: (Ny, Nx, 3) of the centres of the volumes in Å.
        calibration: the :class:`Calibration` that is true of the frames.
    """

    atoms: Atoms
    volume: Volume
    camera: Camera
    positions: np.ndarray
    calibration: Calibration
    zone_axis: tuple[float, float, float]
    engine: str


class SimulatedFrames(Frames):
    """Frames that are computed; see :func:`simulate_scan`."""

    def __init__(
        self, atoms: Atoms, centers: np.ndarray, volume: Volume, camera: Camera, calibration: Calibration,
        zone_axis: Sequence[float], engine: str, multislice: Any, cores: int | None,
    ) -> None:  # fmt: skip
        super().__init__(len(centers), camera.frame_shape, camera.dtype)
        self._atoms, self._volume, self._camera, self._cores = atoms, volume, camera, cores
        self._centers, self._engine, self._multislice = centers, engine, multislice
        self._search = VolumeSearch(atoms, volume, zone_axis)
        detail = _diameter(volume, camera, calibration, engine, multislice)
        reach = camera.reach(calibration.scan_shape)
        delta_k = 1 / (NODES_PER_DETAIL * detail)
        k_max = reach + MARGIN * delta_k
        if k_max > 2 * S_MAX:
            raise InputError(
                f"The camera sees up to {reach:.2f} Å⁻¹ in its corners, and the scattering table ends at "
                f"{2 * S_MAX:g} Å⁻¹: give a smaller delta_k, or frames of fewer pixels."
            )
        self.mesh = Mesh(k_max, delta_k, camera.beam_energy)
        self._points = gauss_points(detail * camera.delta_k)
        self._places = calibration.center_at(*np.divmod(np.arange(len(centers)), calibration.scan_shape[1]))
        self._identity = [
            structure_id(atoms), hash_of(centers.tolist()), volume.as_dict(), camera.as_dict(),
            [float(v) for v in zone_axis], engine, repr(multislice),
        ]  # fmt: skip

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, H, W) frames."""
        frames = np.empty((stop - start, *self.shape), self.dtype)
        many = max(1, _MEMORY // (4 * self.mesh.shape[0] ** 2))
        for first in range(start, stop, many):
            last = min(first + many, stop)
            found = self._search(self._centers[first:last], self._cores)
            patterns = patterns_of_volumes(
                found, self._atoms.numbers, self.mesh, self._engine, np.float32, self._cores,
                multislice=self._multislice,
            )  # fmt: skip
            self._see(patterns, first, frames[first - start : last - start])
        return frames

    def check_occupied(self) -> None:
        """Raise VolumeError where the volume at a position holds no atoms."""
        full = self._search.occupied(self._centers, self._cores)
        if not full.all():
            missing = self._centers[~full]
            where = "; ".join(np.array2string(center, precision=2) for center in missing[:5])
            raise VolumeError(
                f"{len(missing)} of {len(full)} positions of the scan see no atoms; in Å: {where}"
                f"{' …' if len(missing) > 5 else ''}: keep the scan inside the structure with limits and "
                "depth, or enlarge the volume."
            )

    def identity(self) -> Any:
        """All that decides the frames."""
        return self._identity

    def _see(self, patterns: np.ndarray, first: int, frames: np.ndarray) -> None:
        camera = self._camera

        def see(begin: int, end: int) -> None:
            for i in range(begin, end):
                place = self._places[first + i]
                image = camera.image(patterns[i], self.mesh.delta_k, place, self._points)
                frames[i] = camera.expose(image, first + i)

        run_in_threads(see, len(frames), self._cores, 1)


@quantities(step="angstrom", positions="angstrom", limits="angstrom", depth="angstrom")
def simulate_scan(
    atoms: Atoms,
    volume: Volume | dict[str, Any],
    camera: Camera,
    step: float | None = None,
    limits: Sequence[Sequence[float] | None] | None = None,
    depth: float | None = None,
    positions: np.ndarray | None = None,
    zone_axis: Sequence[float] = (0, 0, 1),
    engine: str = "cpu",
    multislice: Any = None,
    cores: int | None = None,
) -> SimulatedScan:
    """The scan that a camera would measure of a structure, with a known answer.

    The pattern of each position is computed by an engine of :func:`pyiron_nbed.simulate_patterns` on a mesh
    so fine that nothing of it is lost, seen by the camera with its distortions, and counted. The image's x
    axis is that of :func:`pyiron_nbed.diffraction.beam_frame`, and the fast direction of the scan.

    Args:
        atoms: the structure; lengths in Å.
        volume: :class:`Cylinder`, :class:`Ellipsoid`, or :class:`WeightedVolume` for the profile of a probe.
        camera: the :class:`Camera`; its beam energy bends the Ewald sphere.
        step: distance in Å between positions along x and y.
        limits: [(lowest, highest) x, (lowest, highest) y] of the positions in Å along the axes of the image;
            None, for one or both: all of the structure.
        depth: of the centres in Å along the beam; None: the middle of the structure.
        positions: (Ny, Nx, 3) in Å in place of step, limits and depth.
        zone_axis: (3,) direction of the beam.
        engine: "cpu", "torch" or "multislice" (whose probe is that of ``multislice``).
        multislice: options of that engine.
        cores: threads; None takes every core.

    Returns:
        :class:`SimulatedScan`; no pattern is computed yet.

    Raises:
        InputError: arguments that are not allowed, or a camera that sees beyond the scattering table.
        VolumeError: a volume that does not fit, or holds no atoms.
        StructureError: an unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed.experiment import Camera
        >>> atoms = bulk("Cu", cubic=True) * (8, 8, 8)
        >>> scan = simulate_scan(atoms, Cylinder(5, 20), Camera((64, 64), 0.03, dose=1e5), step=8)
        >>> scan.shape, scan.dtype
        ((3, 3, 64, 64), dtype('uint32'))
        >>> 99000 < scan[0, 1].sum() < 101000
        np.True_
    """
    check_atoms(atoms)
    volume = as_volume(volume)
    if not isinstance(volume, (Cylinder, Ellipsoid, WeightedVolume)):
        raise InputError(f"The volume of a scan is {volume}: give Cylinder, Ellipsoid or WeightedVolume.")
    instance(camera, "The camera", Camera, "a Camera, for example Camera((256, 256), 0.01)")
    if engine not in ENGINES:
        raise InputError(f"The engine is {shown(engine)}: choose one of {', '.join(map(repr, ENGINES))}.")
    check_engine(engine, [volume])
    cores = threads(cores)
    if positions is None:
        if step is None:
            raise InputError(
                "There are neither positions nor a step: give step in Å, or positions (Ny, Nx, 3)."
            )
        positions = scan_positions(atoms, step, limits, depth, zone_axis)
    elif step is not None or limits is not None or depth is not None:
        raise InputError(
            "positions and step, limits or depth are given: give positions alone, or leave them out."
        )
    positions, found_step = _checked_positions(positions, zone_axis)
    options = None
    if engine == "multislice" or multislice is not None:
        from pyiron_nbed.diffraction.multislice import multislice_options

        options = multislice_options(multislice, engine)
    calibration = camera.calibration(positions.shape[:2])
    centers = positions.reshape(-1, 3)
    frames = SimulatedFrames(
        atoms, centers, volume, camera, calibration, zone_axis, engine, options, cores
    )  # fmt: skip
    frames.check_occupied()
    facts: dict[str, Any] = {"format": "simulated"}
    if camera.beam_energy is not None:
        facts["beam_energy"] = camera.beam_energy
    scan = SimulatedScan(frames, positions.shape[:2], found_step, camera.delta_k, facts)
    scan.atoms, scan.volume, scan.camera, scan.positions = atoms, volume, camera, positions
    scan.calibration, scan.engine = calibration, engine
    scan.zone_axis = tuple(map(float, zone_axis))  # type: ignore[assignment]
    return scan


@quantities(step="angstrom", limits="angstrom", depth="angstrom")
def scan_positions(
    atoms: Atoms,
    step: float,
    limits: Sequence[Sequence[float] | None] | None = None,
    depth: float | None = None,
    zone_axis: Sequence[float] = (0, 0, 1),
) -> np.ndarray:
    """Positions of a raster with one step along both axes of the image.

    Args:
        atoms, step, limits, depth, zone_axis: as of :func:`simulate_scan`.

    Returns:
        (Ny, Nx, 3) in Å, in the middle of the limits, or of the structure.

    Raises:
        InputError: a step that is not positive or longer than the structure, limits in another form.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", cubic=True, a=4.0) * (5, 4, 3)
        >>> scan_positions(atoms, 5.0)[0].tolist()
        [[2.5, 3.0, 6.0], [7.5, 3.0, 6.0], [12.5, 3.0, 6.0], [17.5, 3.0, 6.0]]
    """
    step = number(step, "step", above=0, unit="Å")
    frame = beam_frame(zone_axis)
    if frame.ndim != 2:
        raise InputError(f"The zone axis is {shown(zone_axis)}: give three numbers, one direction for all.")
    along = atoms.positions @ frame.T
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    cell = np.where(np.asarray(atoms.pbc)[:, None], atoms.cell.array, 0.0)
    box = corners @ cell @ frame.T
    periodic = np.ptp(box, axis=0) > 1e-6  # as wide as the cell there, else up to the outermost atoms
    low, high = (np.where(periodic, end(box, axis=0), end(along, axis=0)) for end in (np.min, np.max))
    ends = [None, None] if limits is None else limits
    if not isinstance(ends, (list, tuple, np.ndarray)) or len(ends) != 2:
        raise InputError(
            f"limits is {shown(limits)}: give [(lowest, highest), (lowest, highest)] in Å along x and y, or "
            "None."
        )
    axes = []
    for a, given in enumerate(ends):
        first, last = (low[a], high[a]) if given is None else interval(given, "limits", unit="Å")
        count = int((last - first) / step + 1e-9)
        count += 1 if given is not None or not periodic[a] else 0
        if count < 1:
            raise InputError(
                f"The step of {step:g} Å is longer than the structure, {last - first:.1f} Å along "
                f"{'xy'[a]}: lower it."
            )
        if count > MAX_POSITIONS:
            raise InputError(f"A step of {step:g} Å gives {count:,} positions in a line: raise it.")
        axes.append(0.5 * (first + last) + (np.arange(count) - (count - 1) / 2) * step)
    middle = 0.5 * (low[2] + high[2]) if depth is None else number(depth, "depth", unit="Å")
    y, x = np.meshgrid(axes[1], axes[0], indexing="ij")
    return np.stack([x, y, np.full(x.shape, middle)], axis=-1) @ frame


def _checked_positions(positions: Any, zone_axis: Sequence[float]) -> tuple[np.ndarray, float | None]:
    found = np.asarray(positions)
    if found.ndim != 3 or found.shape[2:] != (3,) or not found.size:
        raise InputError(f"positions is {shown(positions)}: give (Ny, Nx, 3) in Å.")
    found = as_centers(found.reshape(-1, 3), "positions").reshape(found.shape)
    frame = beam_frame(zone_axis)
    if frame.ndim != 2:
        raise InputError(f"The zone axis is {shown(zone_axis)}: give three numbers, one direction for all.")
    image = found @ frame.T
    steps = [np.diff(image, axis=0)[..., 1].ravel(), np.diff(image, axis=1)[..., 0].ravel()]
    every = np.concatenate(steps)
    same = len(every) and np.ptp(every) < 1e-3 and every[0] > 0
    return found, float(every.mean()) if same else None


def _diameter(
    volume: Any, camera: Camera, calibration: Calibration, engine: str, options: Any
) -> float:  # fmt: skip
    # Å, beyond which the autocorrelation of what scatters is zero
    diameter = 2 * volume.radius + _ATOM
    energy = camera.beam_energy or (200e3 if engine == "multislice" else None)
    if energy is None:
        return float(diameter)
    wavelength = electron_wavelength(energy)
    diameter += volume.height * wavelength * camera.reach(calibration.scan_shape)
    if engine == "multislice" and options.semiangle:
        diameter += volume.height * 2e-3 * options.semiangle + 4 * 0.61e3 * wavelength / options.semiangle
    return float(diameter)
