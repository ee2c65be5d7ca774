"""Finds the atoms of interaction volumes in a structure by its cell list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import one_of
from pyiron_nbed.diffraction.inside import atoms_inside
from pyiron_nbed.diffraction.volumes import (
    Cylinder,
    Ellipsoid,
    OneLayerCluster,
    Volume,
    WeightedVolume,
    as_volume,
)
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.geometry.cells import CellList, as_centers, build_cell_list
from pyiron_nbed.geometry.frames import beam_frame
from pyiron_nbed.geometry.neighbors import nearest_neighbors
from pyiron_nbed.patterns.plan import EMPTY

_BATCH = 16384  # centres in memory at a time where only their number of atoms is asked for


class VolumeAtoms(NamedTuple):
    """Atoms of P volumes, one list after the other (M in all).

    Attributes:
        offsets: (P + 1,) int64; volume p holds entries offsets[p] to offsets[p + 1].
        indices: (M,) int64 index of each atom in the structure.
        positions: (M, 3) float64 in Å, relative to the centre, along image x, image y, zone axis.
        weights: (M,) float64 amplitude of the beam at each atom, None where all are 1.
        kept: (P,) int64 row of each volume among the centres given; None where none was left out.
    """

    offsets: np.ndarray
    indices: np.ndarray
    positions: np.ndarray
    weights: np.ndarray | None = None
    kept: np.ndarray | None = None

    @property
    def counts(self) -> np.ndarray:
        """(P,) number of atoms in each volume."""
        return np.diff(self.offsets)

    @property
    def norms(self) -> np.ndarray:
        """(P,) Σ w_j², by which the intensity is divided: the number of atoms where all weights are 1."""
        if self.weights is None:
            return self.counts.astype(float)
        return np.add.reduceat(self.weights**2, self.offsets[:-1])

    def part(self, start: int, stop: int) -> VolumeAtoms:
        """Those of the volumes start to stop."""
        atoms = slice(int(self.offsets[start]), int(self.offsets[stop]))
        return VolumeAtoms(
            self.offsets[start : stop + 1] - self.offsets[start],
            self.indices[atoms],
            self.positions[atoms],
            None if self.weights is None else self.weights[atoms],
        )

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the atoms of each volume, Σ w_j² v_j / Σ w_j²: (P,) from per-atom values (N,).

        w_j² is the intensity of the beam at atom j, so that each atom counts in the label as it
        counts in the pattern; without weights this is the plain mean.
        """
        of_atoms = values[self.indices]
        if self.weights is not None:
            of_atoms = of_atoms * self.weights**2
        return np.add.reduceat(of_atoms, self.offsets[:-1]) / self.norms


class VolumeSearch:
    """Finds the atoms of volumes in one structure; build once, query many times.

    Args:
        atoms: N atoms, any cell and periodicity; lengths in Å.
        volume: the interaction volume.
        zone_axis: beam direction (Cartesian); the axis of the volume follows it. A call can give
            other directions, one for each centre.

    Raises:
        VolumeError: the volume is larger than the periodic cell.
        StructureError, InputError: unusable structure or zone axis.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> search = VolumeSearch(bulk("Cu", cubic=True) * (8, 8, 8), Cylinder(5, 20))
        >>> len(search(np.array([[14.0, 14.0, 14.0]])).indices) > 100
        True
    """

    def __init__(
        self, atoms: Atoms, volume: Volume, zone_axis: Sequence[float] | np.ndarray = (0, 0, 1)
    ) -> None:
        self.volume = as_volume(volume)
        self.frame = beam_frame(zone_axis)
        self._boxes: CellList = build_cell_list(atoms, 3.0)
        if isinstance(self.volume, OneLayerCluster):
            self._neighbors, distances = nearest_neighbors(atoms, self.volume.n_neighbors, cores=1)
            self._reach = distances[:, -1]
            self._cell, self._positions = np.array(atoms.cell.complete().array), atoms.positions.copy()
        else:
            self._half_extents(self.frame)

    def __call__(
        self,
        centers: np.ndarray,
        cores: int | None = 1,
        zone_axes: Sequence[float] | np.ndarray | None = None,
        empty: str = "error",
    ) -> VolumeAtoms:
        """Atoms around each centre.

        Args:
            centers: (P, 3) in Å; for one-layer clusters positions of atoms.
            cores: threads; None takes all.
            zone_axes: (3,) or (P, 3) beam directions in place of that of the search.
            empty: volumes without atoms are an "error" or left out ("skip": the rows that
                remain are ``kept`` of the result).

        Returns:
            The :class:`VolumeAtoms`.

        Raises:
            VolumeError: a volume without atoms (its centres are listed), a volume larger than the
                cell, or the centre of a one-layer cluster that is no atom.
            InputError: unusable centres or zone axes.
        """
        centers = as_centers(centers)
        one_of(empty, "empty", EMPTY)
        frames = self.frame if zone_axes is None else beam_frame(zone_axes)
        frames = frames.reshape(-1, 3, 3)
        if len(frames) not in (1, len(centers)):
            raise InputError(
                f"There are {len(frames)} zone axes for {len(centers)} centres: give one, or one per centre."
            )
        if isinstance(self.volume, OneLayerCluster):
            return self._clusters(self.volume, centers, frames, cores)
        half = self._half_extents(frames)
        volume = self.volume
        ellipsoid = isinstance(volume, Ellipsoid)
        counts, indices, positions = atoms_inside(
            self._boxes, centers, frames, half, volume.radius, volume.height, ellipsoid, cores
        )
        kept = None
        missing = np.flatnonzero(counts == 0)
        if len(missing) and (empty == "error" or len(missing) == len(centers)):
            shown = "; ".join(np.array2string(centers[e], precision=2) for e in missing[:5])
            raise VolumeError(
                f"{len(missing)} of {len(centers)} volumes hold no atoms; centres in Å: {shown}"
                f"{' …' if len(missing) > 5 else ''}: move them into the structure or enlarge the volume."
            )
        if len(missing):
            kept = np.flatnonzero(counts)
            counts = counts[kept]
        weights = volume.weights(positions) if isinstance(volume, WeightedVolume) else None
        return VolumeAtoms(np.concatenate([[0], np.cumsum(counts)]), indices, positions, weights, kept)

    def occupied(self, centers: np.ndarray, cores: int | None = 1) -> np.ndarray:
        """Whether the volume around each centre holds atoms, in a fraction of the time of a search.

        Args:
            centers: (P, 3) in Å.
            cores: threads; None takes all.

        Returns:
            (P,) bool; of one-layer clusters all True.

        Raises:
            InputError: unusable centres.

        Example:
            >>> search = VolumeSearch(Atoms("Cu", positions=[[0, 0, 0]]), Ellipsoid(5, 20))
            >>> search.occupied([[0, 0, 9], [0, 0, 11]]).tolist()
            [True, False]
        """
        centers = as_centers(centers)
        found = np.zeros(len(centers), bool)
        volume = self.volume
        if isinstance(volume, OneLayerCluster):
            return ~found
        kind = Ellipsoid if isinstance(volume, Ellipsoid) else Cylinder
        # a small volume inside it finds an atom for almost all centres
        for small in (
            kind(min(volume.radius, 3.0), min(volume.height, 6.0)),
            kind(volume.radius, volume.height),
        ):
            half = small.half_extent(self._boxes.inverse.T[None], self.frame[None, None, 2])
            rest = np.flatnonzero(~found)
            for start in range(0, len(rest), _BATCH):
                rows = rest[start : start + _BATCH]
                counts, _, _ = atoms_inside(
                    self._boxes, centers[rows], self.frame[None], half, small.radius, small.height,
                    kind is Ellipsoid, cores,
                )  # fmt: skip
                found[rows] = counts > 0
        return found

    def _half_extents(self, frames: np.ndarray) -> np.ndarray:
        # half width of the volume in fractional coordinates of the boxes, one row per direction
        axes = frames.reshape(-1, 3, 3)[:, 2]
        half = self.volume.half_extent(self._boxes.inverse.T[None], axes[:, None, :])
        for row, axis in np.argwhere(self._boxes.periodic & (2 * half > 1))[:1]:
            raise VolumeError(
                f"{self.volume} is {2 * half[row, axis] * self._boxes.heights[axis]:.1f} Å wide along cell "
                f"axis {axis} for the zone axis {np.round(axes[row], 3).tolist()}, but the cell is only "
                f"{self._boxes.heights[axis]:.1f} Å there and the same atom would be counted twice: take a "
                "smaller volume or a larger structure."
            )
        return half

    def _clusters(self, volume: OneLayerCluster, centers, frames, cores) -> VolumeAtoms:
        size = 2 * volume.tolerance
        half = Ellipsoid(volume.tolerance, size).half_extent(self._boxes.inverse.T, np.eye(3)[2])[None]
        counts, middle, _ = atoms_inside(
            self._boxes, centers, np.eye(3)[None], half, volume.tolerance, size, True, cores
        )
        for row in np.flatnonzero(counts != 1)[:1]:
            raise VolumeError(
                f"{int((counts != 1).sum())} of {len(centers)} centres of one-layer clusters are no atoms, "
                f"the first is {np.round(centers[row], 3).tolist()} Å: give positions of atoms (within "
                f"{volume.tolerance} Å), for example atoms.positions[[0, 1]]."
            )
        reach, heights = self._reach[middle], self._boxes.heights[self._boxes.periodic]
        for row in np.flatnonzero(reach > volume.max_distance)[:1]:
            raise VolumeError(
                f"Neighbour {volume.n_neighbors} of atom {middle[row]} is {reach[row]:.2f} Å away, beyond "
                f"max_distance = {volume.max_distance} Å: leave out atoms at surfaces, or raise max_distance."
            )
        if len(heights) and 2 * reach.max() >= heights.min():
            raise VolumeError(
                f"A one-layer cluster {2 * reach.max():.1f} Å wide does not fit a cell {heights.min():.1f} "
                "Å wide and the same atom would be counted twice: take a larger structure."
            )
        return self.around(middle, frames)

    def around(self, middle: np.ndarray, frames: np.ndarray) -> VolumeAtoms:
        """One-layer clusters around atoms that are known by their number.

        Args:
            middle: (P,) indices of the central atoms.
            frames: (1, 3, 3) or (P, 3, 3) axes of the images (:func:`beam_frame`).

        Returns:
            The :class:`VolumeAtoms`; the central atom is the first of each cluster.
        """
        members = np.concatenate([middle[:, None], self._neighbors[middle]], axis=1).astype(np.int64)
        apart = self._positions[members] - self._positions[middle][:, None]
        scaled = apart @ np.linalg.inv(self._cell)
        scaled[..., self._boxes.periodic] -= np.round(scaled[..., self._boxes.periodic])
        positions = np.matmul(scaled @ self._cell, np.swapaxes(frames, 1, 2))
        offsets = np.arange(len(middle) + 1) * members.shape[1]
        return VolumeAtoms(offsets, members.ravel(), np.ascontiguousarray(positions.reshape(-1, 3)))
