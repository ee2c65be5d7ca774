"""Interaction volumes: which atoms the beam sees at each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numba import njit

from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.geometry import CellList, build_cell_list, run_in_threads


@dataclass(frozen=True)
class _AxialVolume:
    radius: float
    height: float

    def __post_init__(self) -> None:
        for name in ("radius", "height"):
            value = getattr(self, name)
            if isinstance(value, (bool, str)) or not np.isfinite(value) or value <= 0:
                raise InputError(
                    f"{type(self).__name__}: {name} is {value!r}: give a positive length in Å, for "
                    f"example {type(self).__name__}(radius=5, height=20)."
                )

    def half_extent(self, direction: np.ndarray, zone_axis: np.ndarray) -> np.ndarray:
        """Half the width of the volume along directions (its support function).

        Args:
            direction: (..., 3) vectors, any length.
            zone_axis: (3,) unit vector.

        Returns:
            (...) in Å times the length of ``direction``.
        """
        along = np.abs(direction @ zone_axis)
        across = np.sqrt(np.maximum(np.sum(direction**2, axis=-1) - along**2, 0.0))
        return self._support(across, along)

    def _support(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    @property
    def size(self) -> float:
        """Content of the volume in Å³."""
        raise NotImplementedError

    def as_dict(self) -> dict:
        """JSON form: {"type": ..., "radius": Å, "height": Å}."""
        return {"type": type(self).__name__, "radius": float(self.radius), "height": float(self.height)}


@dataclass(frozen=True)
class Cylinder(_AxialVolume):
    """Cylinder whose axis is the zone axis: radius ~ probe radius, height ~ thickness.

    Args:
        radius: in Å (standard 5).
        height: full length along the zone axis in Å (standard 20).

    Raises:
        InputError: a length that is not positive.

    Example:
        >>> Cylinder(radius=5, height=20).as_dict()
        {'type': 'Cylinder', 'radius': 5.0, 'height': 20.0}
    """

    def _support(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        return self.radius * across + 0.5 * self.height * along

    @property
    def size(self) -> float:
        """π r² h in Å³."""
        return float(np.pi * self.radius**2 * self.height)


@dataclass(frozen=True)
class Ellipsoid(_AxialVolume):
    """Ellipsoid of revolution around the zone axis.

    Args:
        radius: semi-axis in the image plane in Å.
        height: full length along the zone axis (twice that semi-axis) in Å, so that a cylinder
            and an ellipsoid of the same numbers share width and thickness.

    Raises:
        InputError: a length that is not positive.

    Example:
        >>> Ellipsoid(radius=8, height=30).height
        30
    """

    def _support(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        return np.sqrt((self.radius * across) ** 2 + (0.5 * self.height * along) ** 2)

    @property
    def size(self) -> float:
        """(2/3) π r² h in Å³."""
        return float(2 / 3 * np.pi * self.radius**2 * self.height)


Volume = Cylinder | Ellipsoid
VOLUME_TYPES: dict[str, type[Cylinder] | type[Ellipsoid]] = {"Cylinder": Cylinder, "Ellipsoid": Ellipsoid}


def as_volume(volume: Volume | dict) -> Volume:
    """A volume from itself or from its JSON form.

    Args:
        volume: a volume, or {"type": "Cylinder", "radius": 5, "height": 20}.

    Returns:
        The volume.

    Raises:
        InputError: anything else.

    Example:
        >>> as_volume({"type": "Cylinder", "radius": 5, "height": 20})
        Cylinder(radius=5, height=20)
    """
    if isinstance(volume, (Cylinder, Ellipsoid)):
        return volume
    try:
        values = dict(volume)
        kind: type[Cylinder] | type[Ellipsoid] = VOLUME_TYPES[values.pop("type")]
        return kind(**values)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The volume is {volume!r}: give Cylinder(radius=5, height=20) or "
            "Ellipsoid(radius=8, height=30), lengths in Å."
        ) from None


def beam_frame(zone_axis: Sequence[float] = (0, 0, 1)) -> np.ndarray:
    """Right-handed axes of the image and the beam.

    The image's x axis is the structure's x axis projected into the plane (its y axis where x is
    the zone axis), so that zone axis (0, 0, 1) gives the structure's own axes.

    Args:
        zone_axis: (3,) Cartesian direction of the beam, any length.

    Returns:
        (3, 3) rows: image x, image y, unit zone axis.

    Raises:
        InputError: not three finite numbers, or all zero.

    Example:
        >>> beam_frame((0, 0, 2)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    try:
        z = np.array(zone_axis, dtype=float)
        length = float(np.linalg.norm(z))
        valid = z.shape == (3,) and np.isfinite(z).all() and length > 0
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(f"The zone axis is {zone_axis!r}: give three numbers, not all zero.")
    z /= length
    first = np.eye(3)[0] if abs(z[0]) < 0.9 else np.eye(3)[1]
    x = first - (first @ z) * z
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z]) + 0.0


class VolumeAtoms(NamedTuple):
    """Atoms of P volumes, one list after the other (M in all).

    Attributes:
        offsets: (P + 1,) int64; volume p holds entries offsets[p] to offsets[p + 1].
        indices: (M,) int64 index of each atom in the structure.
        positions: (M, 3) float64 in Å, relative to the centre, along image x, image y, zone axis.
    """

    offsets: np.ndarray
    indices: np.ndarray
    positions: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(P,) number of atoms in each volume."""
        return np.diff(self.offsets)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the atoms of each volume: (P,) from per-atom values (N,)."""
        return np.add.reduceat(values[self.indices], self.offsets[:-1]) / self.counts


class VolumeSearch:
    """Finds the atoms of volumes in one structure; build once, query many times.

    Args:
        atoms: N atoms, any cell and periodicity; lengths in Å.
        volume: the interaction volume.
        zone_axis: beam direction (Cartesian); the axis of the volume follows it.

    Raises:
        VolumeError: the volume is larger than the periodic cell.
        StructureError, InputError: unusable structure or zone axis.

    Example:
        >>> from ase.build import bulk
        >>> search = VolumeSearch(bulk("Cu", cubic=True) * (8, 8, 8), Cylinder(5, 20))
        >>> len(search(np.array([[14.0, 14.0, 14.0]])).indices) > 100
        True
    """

    def __init__(self, atoms: Atoms, volume: Volume, zone_axis: Sequence[float] = (0, 0, 1)) -> None:
        self.volume = as_volume(volume)
        self.frame = beam_frame(zone_axis)
        self._boxes: CellList = build_cell_list(atoms, 3.0)
        # half width of the volume in fractional coordinates of the boxes
        self._half = self.volume.half_extent(self._boxes.inverse.T, self.frame[2])
        for axis in np.flatnonzero(self._boxes.periodic & (2 * self._half > 1)):
            raise VolumeError(
                f"{self.volume} is {2 * self._half[axis] * self._boxes.heights[axis]:.1f} Å wide along "
                f"cell axis {axis}, but the cell is only {self._boxes.heights[axis]:.1f} Å there and the "
                "same atom would be counted twice: take a smaller volume or a larger structure."
            )

    def __call__(self, centers: np.ndarray, cores: int | None = 1) -> VolumeAtoms:
        """Atoms around each centre.

        Args:
            centers: (P, 3) in Å.
            cores: threads; None takes all.

        Returns:
            The :class:`VolumeAtoms`.

        Raises:
            VolumeError: a volume without atoms (its centres are listed).
        """
        centers = as_centers(centers)
        counts = np.zeros(len(centers), np.int64)
        shape = isinstance(self.volume, Ellipsoid)
        # positions relative to box corners decide nothing: the exact test is in the beam frame
        arguments = (
            centers, self._boxes.positions, self._boxes.order, self._boxes.cell,
            self._boxes.inverse, self._boxes.origin, self._boxes.n_boxes, self._boxes.periodic,
            self._boxes.start, self._half, self.frame, float(self.volume.radius),
            0.5 * float(self.volume.height), shape,
        )  # fmt: skip
        none_i, none_x, none_o = np.empty(0, np.int64), np.empty((0, 3)), np.zeros(1, np.int64)

        def count(start: int, stop: int) -> None:
            _collect(start, stop, *arguments, False, counts, none_o, none_i, none_x)

        run_in_threads(count, len(centers), cores, 512)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            shown = "; ".join(np.array2string(centers[e], precision=2) for e in empty[:5])
            raise VolumeError(
                f"{len(empty)} of {len(centers)} volumes hold no atoms; centres in Å: {shown}"
                f"{' …' if len(empty) > 5 else ''}: move them into the structure or enlarge the volume."
            )
        offsets = np.concatenate([[0], np.cumsum(counts)])
        indices = np.empty(offsets[-1], np.int64)
        positions = np.empty((offsets[-1], 3))

        def fill(start: int, stop: int) -> None:
            _collect(start, stop, *arguments, True, counts, offsets, indices, positions)

        run_in_threads(fill, len(centers), cores, 512)
        return VolumeAtoms(offsets, indices, positions)


def as_centers(centers: np.ndarray) -> np.ndarray:
    """Centres as a (P, 3) float64 array in Å; an InputError says what is wrong."""
    array = np.asarray(centers, dtype=float)
    if array.ndim == 1 and array.size == 3:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all() or not len(array):
        raise InputError(
            f"The centres have shape {array.shape}: give finite positions in Å of shape (P, 3), P ≥ 1."
        )
    return np.ascontiguousarray(array)


@njit(cache=True, nogil=True, error_model="numpy")
def _collect(
    first, last, centers, positions, order, cell, inverse, origin, n_boxes, periodic, start, half,
    frame, radius, half_height, ellipsoid, store, counts, offsets, indices, found,
):  # fmt: skip
    low = np.empty(3, np.int64)
    high = np.empty(3, np.int64)
    shift = np.empty(3)
    inverse_r2 = 1.0 / (radius * radius)
    inverse_h2 = 1.0 / (half_height * half_height)
    for p in range(first, last):
        for a in range(3):
            s = 0.0
            for c in range(3):
                s += (centers[p, c] - origin[c]) * inverse[c, a]
            low[a] = np.int64(np.floor((s - half[a] - 1e-9) * n_boxes[a]))
            high[a] = np.int64(np.floor((s + half[a] + 1e-9) * n_boxes[a]))
            if not periodic[a]:
                low[a] = max(low[a], 0)
                high[a] = min(high[a], n_boxes[a] - 1)
        n = np.int64(0)
        at = offsets[p] if store else np.int64(0)
        for bx in range(low[0], high[0] + 1):
            wx = bx // n_boxes[0]
            x = bx - wx * n_boxes[0]
            for by in range(low[1], high[1] + 1):
                wy = by // n_boxes[1]
                y = by - wy * n_boxes[1]
                for bz in range(low[2], high[2] + 1):
                    wz = bz // n_boxes[2]
                    z = bz - wz * n_boxes[2]
                    for c in range(3):
                        shift[c] = wx * cell[0, c] + wy * cell[1, c] + wz * cell[2, c] - centers[p, c]
                    box = (x * n_boxes[1] + y) * n_boxes[2] + z
                    for j in range(start[box], start[box + 1]):
                        d0 = positions[j, 0] + shift[0]
                        d1 = positions[j, 1] + shift[1]
                        d2 = positions[j, 2] + shift[2]
                        w = frame[2, 0] * d0 + frame[2, 1] * d1 + frame[2, 2] * d2
                        if w > half_height or w < -half_height:
                            continue
                        u = frame[0, 0] * d0 + frame[0, 1] * d1 + frame[0, 2] * d2
                        v = frame[1, 0] * d0 + frame[1, 1] * d1 + frame[1, 2] * d2
                        rho = (u * u + v * v) * inverse_r2
                        if ellipsoid:
                            rho += w * w * inverse_h2
                        if rho > 1.0:
                            continue
                        if store:
                            indices[at + n] = order[j]
                            found[at + n, 0] = u
                            found[at + n, 1] = v
                            found[at + n, 2] = w
                        n += 1
        counts[p] = n
