"""Volumes at random places of structures: the atoms of many different ones in one go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import one_of, shown, whole
from pyiron_nbed.containers import instance
from pyiron_nbed.diffraction.inside import atoms_inside
from pyiron_nbed.diffraction.search import VolumeAtoms, VolumeSearch
from pyiron_nbed.diffraction.volumes import (
    Ellipsoid,
    OneLayerCluster,
    Volume,
    VolumeRange,
    WeightedVolume,
    as_volume_or_range,
    half_extents,
)
from pyiron_nbed.errors import InputError, VolumeError
from pyiron_nbed.geometry.cells import build_cell_list
from pyiron_nbed.geometry.frames import beam_frame

_TRIES = 100  # of a centre, until there are atoms around it


class DrawnVolumes(NamedTuple):
    """P volumes drawn at random, sorted by structure.

    Attributes:
        structure: (P,) int64, row in the structures.
        volume: (P,) int64, row in the volumes.
        size: (P, 2) float64, radius and height in Å; NaN for one-layer clusters.
        centers: (P, 3) float64 in Å.
        zone_axes: (P, 3) float64 unit vectors.
        found: the atoms; indices count through all structures, one after the other.
    """

    structure: np.ndarray
    volume: np.ndarray
    size: np.ndarray
    centers: np.ndarray
    zone_axes: np.ndarray
    found: VolumeAtoms


class RandomVolumes:
    """Draws volumes at random places of structures and finds their atoms.

    Each volume draws its structure, its kind, its zone axis and its centre independently of all others: the
    centre uniformly in the cell along periodic axes, along open ones between the outermost atoms so that the
    volume stays inside (in the middle where the structure is thinner); a one-layer cluster is that of a
    random atom. A centre without atoms around it is drawn again.

    Args:
        structures: ``ase.Atoms``, at least one; lengths in Å.
        volumes: interaction volumes and :class:`VolumeRange`, each as likely as any other.
        zone_axes: "random" (uniform on the sphere), or directions of which each volume draws one.
        weights: (number of structures,) relative probabilities; None: all structures are as likely.

    Raises:
        InputError: no structures or volumes, or unusable zone axes or weights.
        VolumeError: a volume that is wider than the periodic cell of a structure for some zone axis.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> atoms = bulk("Cu", cubic=True) * (6, 6, 6)
        >>> draw = RandomVolumes([atoms], [Cylinder(4, 12), VolumeRange(Ellipsoid, (3, 6), (8, 16))])
        >>> draw(np.random.default_rng(0), 100).centers.shape
        (100, 3)
    """

    def __init__(
        self,
        structures: Sequence[Atoms],
        volumes: Sequence[Volume | VolumeRange | dict],
        zone_axes: str | Sequence[Sequence[float]] = "random",
        weights: Sequence[float] | None = None,
    ) -> None:
        for name, given in (("structures", structures), ("volumes", volumes)):
            if not isinstance(given, (list, tuple)) or not given:
                raise InputError(f"{name} is {type(given).__name__}: give a list of at least one.")
        self.volumes = [as_volume_or_range(volume) for volume in volumes]
        self.zone_axes = _directions(zone_axes)
        self.weights = _probabilities(weights, len(structures))
        self._steps = np.cumsum(self.weights)[:-1]
        self._boxes = [build_cell_list(atoms, 3.0) for atoms in structures]
        self._offsets = np.cumsum([0, *map(len, structures)])
        self._positions = [atoms.positions.copy() for atoms in structures]
        limits = np.array([_limits(volume) for volume in self.volumes])
        self._lowest, self._highest = limits[:, 0], limits[:, 1]  # (V, 2) radius and height
        self._cluster = np.array([isinstance(volume, OneLayerCluster) for volume in self.volumes])
        self._ellipsoid = np.array([_is_ellipsoid(volume) for volume in self.volumes])
        self._clusters: dict[tuple[int, int], VolumeSearch] = {}
        for s, v in itertools.product(range(len(structures)), range(len(self.volumes))):
            volume = self.volumes[v]
            if isinstance(volume, OneLayerCluster):
                self._clusters[s, v] = VolumeSearch(structures[s], volume)
                self._clusters[s, v](structures[s].positions)  # raises what does not fit
            else:
                self._check_width(s, v)

    def __call__(self, rng: np.random.Generator, count: int) -> DrawnVolumes:
        """Draw volumes.

        Args:
            rng: source of all draws.
            count: P, number of volumes.

        Returns:
            The :class:`DrawnVolumes`.

        Raises:
            InputError: no generator, or a count below 1.
            VolumeError: no atoms at 100 random places.
        """
        instance(rng, "rng", np.random.Generator, "numpy.random.default_rng(seed)")
        count = whole(count, "count", 1)
        kinds = len(self.volumes)
        structure = np.searchsorted(self._steps, rng.random(count), side="right")
        volume = rng.integers(kinds, size=count)
        low, high = self._lowest[volume], self._highest[volume]
        size = low + (high - low) * rng.random((count, 2))
        if self.zone_axes is None:
            axes = rng.normal(size=(count, 3))
        else:
            axes = self.zone_axes[rng.integers(len(self.zone_axes), size=count)]
        # cylinders and ellipsoids of one structure are searched together
        group = structure * (kinds + 1) + np.where(self._cluster[volume], volume + 1, 0)
        order = np.argsort(group, kind="stable")
        group, structure, volume, size = group[order], structure[order], volume[order], size[order]
        frames = beam_frame(axes)
        centers = np.empty((count, 3))
        pieces = []
        borders = np.flatnonzero(group[1:] != group[:-1]) + 1
        for first, last in itertools.pairwise([0, *borders.tolist(), count]):
            rows, s, v = slice(first, last), int(structure[first]), int(volume[first])
            if self._cluster[v]:
                middle = rng.integers(len(self._positions[s]), size=last - first)
                centers[rows] = self._positions[s][middle]
                found = self._clusters[s, v].around(middle, frames[rows])
                piece = found.counts, found.indices, found.positions
            else:
                ellipsoid = self._ellipsoid[volume[rows]]
                radius, height = size[rows].T
                piece = self._inside(rng, s, frames[rows], radius, height, ellipsoid, centers[rows])
            piece[1][:] += self._offsets[s]
            pieces.append(piece)
        if len(pieces) == 1:
            counts, indices, positions = pieces[0]
        else:
            counts, indices, positions = (np.concatenate(part) for part in zip(*pieces, strict=True))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        weights = self._beam(volume, counts, positions)
        found = VolumeAtoms(offsets, indices, positions, weights)
        return DrawnVolumes(structure, volume, size, centers, frames[:, 2], found)

    def contents(self, drawn: DrawnVolumes) -> np.ndarray:
        """(P,) content of each volume in Å³, as ``size`` of the volumes; NaN for one-layer clusters."""
        unit = np.array([_unit_content(volume) for volume in self.volumes])
        return unit[drawn.volume] * drawn.size[:, 0] ** 2 * drawn.size[:, 1]

    def clusters(self, drawn: DrawnVolumes) -> np.ndarray:
        """(P,) True where the volume is a one-layer cluster."""
        return self._cluster[drawn.volume]

    def _inside(self, rng, s, frames, radius, height, ellipsoid, centers):
        boxes = self._boxes[s]
        half = half_extents(
            boxes.inverse.T, frames[:, None, 2], radius[:, None], height[:, None], ellipsoid[:, None]
        )
        # along open axes the boxes reach from the first to the last atom
        margin = np.where(boxes.periodic, 0.0, np.minimum(half, 0.5))
        empty = np.ones(len(frames), bool)
        for _ in range(_TRIES):
            place = margin + (1 - 2 * margin) * rng.random((len(frames), 3))
            centers[empty] = (boxes.origin + place @ boxes.cell)[empty]
            counts, indices, positions = atoms_inside(boxes, centers, frames, half, radius, height, ellipsoid)
            empty = counts == 0
            if not empty.any():
                return counts, indices, positions
        raise VolumeError(
            f"Structure {s} has no atoms at {_TRIES} random places, the last "
            f"{np.round(centers[empty][0], 2)} Å: remove empty space from the cell or enlarge the volumes."
        )

    def _beam(self, volume: np.ndarray, counts: np.ndarray, positions: np.ndarray) -> np.ndarray | None:
        # amplitude of the beam at the atoms; None where it is 1 everywhere
        weights = None
        for v, kind in enumerate(self.volumes):
            if isinstance(kind, WeightedVolume):
                own = np.repeat(volume == v, counts)
                weights = np.ones(len(positions)) if weights is None else weights
                weights[own] = kind.weights(positions[own])
        return weights

    def _check_width(self, s: int, v: int) -> None:
        boxes, ellipsoid = self._boxes[s], self._ellipsoid[v]
        radius, height = self._highest[v]
        if self.zone_axes is None:
            # the widest of all directions: half the diagonal of a cylinder, the longer semi-axis
            reach = max(radius, height / 2) if ellipsoid else np.hypot(radius, height / 2)
            half = reach / boxes.heights
        else:
            half = half_extents(boxes.inverse.T, self.zone_axes[:, None], radius, height, ellipsoid).max(
                axis=0
            )
        for axis in np.flatnonzero(boxes.periodic & (2 * half > 1 + 1e-12))[:1]:
            wide, cell = 2 * half[axis] * boxes.heights[axis], boxes.heights[axis]
            axes = "random" if self.zone_axes is None else "given"
            raise VolumeError(
                f"{self.volumes[v]} is up to {wide:.1f} Å wide along cell axis {axis} of structure {s} "
                f"for the {axes} zone axes, but the cell is only {cell:.1f} Å there: take a smaller volume, "
                "a larger structure or other zone axes."
            )


def _is_ellipsoid(volume: Volume | VolumeRange) -> bool:
    return isinstance(volume, Ellipsoid) or (isinstance(volume, VolumeRange) and volume.kind is Ellipsoid)


def _limits(volume: Volume | VolumeRange) -> list[list[float]]:
    # [[lowest radius, height], [highest radius, height]] in Å
    if isinstance(volume, OneLayerCluster):
        return [[np.nan, np.nan]] * 2
    if isinstance(volume, VolumeRange):
        return [list(limits) for limits in zip(volume.radius, volume.height, strict=True)]
    return [[volume.radius, volume.height]] * 2


def _unit_content(volume: Volume | VolumeRange) -> float:
    # content in units of radius² height
    if isinstance(volume, VolumeRange):
        return volume.kind(1, 1).size
    if isinstance(volume, OneLayerCluster):
        return np.nan
    return volume.size / (volume.radius**2 * volume.height)


def _directions(zone_axes: str | Sequence[Sequence[float]]) -> np.ndarray | None:
    if isinstance(zone_axes, str):
        one_of(zone_axes, "zone_axes", ("random",), "or give a list of directions")
        return None
    return beam_frame(zone_axes).reshape(-1, 3, 3)[:, 2]


def _probabilities(weights: Sequence[float] | None, count: int) -> np.ndarray:
    try:
        values = np.ones(count) if weights is None else np.array(weights, float)
        valid = (
            values.shape == (count,) and np.isfinite(values).all() and (values >= 0).all() and values.any()
        )
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(
            f"weights is {shown(weights)}: give one number of at least 0 for each of the {count} structures, "
            "not all 0."
        )
    return values / values.sum()
