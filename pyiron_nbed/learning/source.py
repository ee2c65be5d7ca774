"""Endless labelled patterns straight from structures: training without a pattern file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms

from pyiron_nbed.checks import flag, one_of, seed_number, whole
from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.labels import ATOM_LABELS, atom_values, check_labels, volume_regions
from pyiron_nbed.diffraction import Volume, patterns_of_volumes
from pyiron_nbed.diffraction.accelerator import pattern_batches, torch_device
from pyiron_nbed.diffraction.random_volumes import DrawnVolumes, RandomVolumes
from pyiron_nbed.diffraction.volumes import OneLayerCluster, VolumeRange
from pyiron_nbed.errors import InputError
from pyiron_nbed.parallel import prefetched, thread_count
from pyiron_nbed.patterns.display import gallery, page, picture
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.provenance import structure_id, versions

ENGINES = ("cpu", "torch")


class PatternBatch(NamedTuple):
    """B patterns with their labels.

    Attributes:
        patterns: (B, n, n) float32 tensor, raw intensity in Å² on the device of the source.
        labels: (B, L) float32 tensor on the same device, columns as ``labels`` of the source.
        region: (B,) int32, type of the region most atoms are in (``REGION_TYPES``).
        structure: (B,) int64, row in the structures of the source; ascending.
        volume: (B,) int64, row in the volumes of the source.
        size: (B, 2) float64, radius and height of each volume in Å; NaN for one-layer clusters.
        centers: (B, 3) float64 in Å.
        zone_axes: (B, 3) float64 unit vectors.
        n_atoms: (B,) int64, atoms in each volume.
    """

    patterns: torch.Tensor
    labels: torch.Tensor
    region: np.ndarray
    structure: np.ndarray
    volume: np.ndarray
    size: np.ndarray
    centers: np.ndarray
    zone_axes: np.ndarray
    n_atoms: np.ndarray


class _Prepared(NamedTuple):
    """What is computed ahead of a batch, without torch."""

    drawn: DrawnVolumes
    patterns: np.ndarray | None
    labels: np.ndarray
    region: np.ndarray


class PatternSource:
    """Draws volumes at random places of structures and simulates their labelled patterns.

    What is drawn, and how: :class:`pyiron_nbed.diffraction.random_volumes.RandomVolumes`. Every pattern of a
    batch has its own structure, volume, zone axis and centre; within a batch they are sorted by structure.

    Batch i depends on the input, the seed and i only: a training can go on at any batch, and any number of
    threads gives the same.

    Args:
        structures: ``ase.Atoms``; per-atom values are taken from arrays such as ``disorder_parameter`` where
            they exist, else computed once.
        volumes: interaction volumes and :class:`VolumeRange`, each as likely as any other.
        mesh: nodes of the patterns; default Mesh().
        labels: some of :data:`pyiron_nbed.dataset.labels.ATOM_LABELS`, "number_density" and
            "fraction_<element>".
        zone_axes: "random" (uniform on the sphere), or directions of the beam; each pattern draws one.
        seed: of all draws.
        batch_size: B, patterns in a batch.
        engine: "cpu" (numba) or "torch"; the atoms are always searched on the CPU.
        device: where patterns and labels are given, and computed by the torch engine: "cpu", "cuda", …; None
            takes a GPU for the torch engine if there is one, else the CPU.
        cores: threads that compute batches ahead in :meth:`batches`; None takes all. One batch takes one.
        weights: (number of structures,) relative probabilities; None: all structures are as likely.
        turned: turn the atoms of each volume about the beam by an angle drawn uniformly from the circle, and
            mirror every other one on average in a plane that holds the beam: the patterns are rotated and
            mirrored exactly, where the augmentation of a training interpolates pixels. No label changes.

    Raises:
        InputError: no structures or volumes, unknown label, engine or device, or a value out of range.
        VolumeError: a volume that does not fit a structure for some zone axis.
        StructureError: unusable structure.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> atoms = bulk("Cu", cubic=True) * (6, 6, 6)
        >>> volumes = [Cylinder(4, 12), VolumeRange("Ellipsoid", radius=(3, 6), height=(8, 16))]
        >>> source = PatternSource([atoms], volumes, Mesh(1.0, 0.05), batch_size=8, cores=1)
        >>> [tuple(batch.patterns.shape) for batch in source.batches(0, 2)]
        [(8, 39, 39), (8, 39, 39)]
    """

    def __init__(
        self,
        structures: Sequence[Atoms],
        volumes: Sequence[Volume | VolumeRange | dict],
        mesh: Mesh | None = None,
        labels: Sequence[str] = ("disorder_parameter",),
        zone_axes: str | Sequence[Sequence[float]] = "random",
        seed: int = 0,
        batch_size: int = 64,
        engine: str = "cpu",
        device: str | None = None,
        cores: int | None = None,
        weights: Sequence[float] | None = None,
        turned: bool = False,
    ) -> None:
        self.turned = flag(turned, "turned")
        self.mesh = Mesh() if mesh is None else as_mesh(mesh)
        self.seed = seed_number(seed)
        self.batch_size = whole(batch_size, "batch_size", 1)
        self.cores = thread_count(cores)
        self.engine = one_of(engine, "The engine", ENGINES)
        self.device = torch_device("cpu" if engine == "cpu" and device is None else device)
        self._draw = RandomVolumes(structures, volumes, zone_axes, weights)
        self.volumes = self._draw.volumes
        # all atoms in one row, so that labels and patterns of a mixed batch are computed in one go
        self._atoms = Atoms(np.concatenate([atoms.numbers for atoms in structures]))
        region = np.concatenate(
            [atoms.arrays.get("region", np.zeros(len(atoms), int)) for atoms in structures]
        )
        if region.any():
            self._atoms.set_array("region", region)
        self.labels = self._check_labels(labels)
        names = [name for name in self.labels if name in ATOM_LABELS]
        tables = [atom_values(atoms, names, self.cores) for atoms in structures]
        self._values = {name: np.concatenate([table[name] for table in tables]) for name in names}
        for name in self.labels:
            if name.startswith(schema.COMPOSITION_PREFIX):
                symbol = name.removeprefix(schema.COMPOSITION_PREFIX)
                self._values[name] = (self._atoms.symbols == symbol).astype(float)
        self._ids = [structure_id(atoms) for atoms in structures]

    def __repr__(self) -> str:
        structures = f"{len(self._ids)} structures" if len(self._ids) > 1 else "1 structure"
        return (
            f"PatternSource: endless batches of {self.batch_size} patterns, {self.mesh}; {structures} "
            f"({len(self._atoms):,} atoms); volumes {', '.join(map(repr, self.volumes))}; labels "
            f"{', '.join(self.labels)}; engine {self.engine}, seed {self.seed}"
        )

    def _repr_html_(self) -> str:
        shown = self.batch(0)
        patterns = shown.patterns[:8].cpu().numpy()
        return page(self, picture(gallery(patterns, self.mesh), f"the first {len(patterns)} of batch 0"))

    def __iter__(self) -> Iterator[PatternBatch]:
        """All batches from the first, without end; see :meth:`batches`."""
        return self.batches()

    def batch(self, number: int) -> PatternBatch:
        """One batch, computed now by one thread.

        Args:
            number: i, from 0.

        Returns:
            The :class:`PatternBatch`.

        Raises:
            InputError: a number below 0, or an element without scattering factor.
            VolumeError: no atoms at 100 random places of a structure.
        """
        return self._finish(self._prepare(whole(number, "The number of the batch")))

    def batches(
        self, start: int = 0, stop: int | None = None, prefetch: int | None = None
    ) -> Iterator[PatternBatch]:
        """Batches one after the other, computed ahead by ``cores`` threads while the last one is used.

        The threads search and simulate. With the torch engine, or for another device than the CPU, patterns
        are simulated and moved only when they are taken, in the thread that takes
        them. An error in a thread is raised where its batch is taken. Leaving the loop ends the threads.

        Args:
            start: first batch.
            stop: where to end (this batch is left out); None: never.
            prefetch: batches computed or waiting at a time, at most; None: one more than threads.

        Returns:
            Iterator of :class:`PatternBatch`.

        Raises:
            InputError: a number out of range.
        """
        start = whole(start, "start")
        numbers = itertools.count(start) if stop is None else iter(range(start, whole(stop, "stop")))
        return self._ahead(numbers, self.cores + 1 if prefetch is None else whole(prefetch, "prefetch", 1))

    def ranges(self, batches: int = 16) -> dict[str, list[float]]:
        """Smallest and largest value of every label, n_atoms, radius and height (Å) in the first batches.

        Args:
            batches: number of them.

        Example:
            >>> from ase.build import bulk
            >>> from pyiron_nbed import Cylinder
            >>> atoms = bulk("Cu", cubic=True) * (6, 6, 6)
            >>> source = PatternSource([atoms], [Cylinder(4, 12)], Mesh(1.0, 0.05), ["fraction_Cu"], cores=1)
            >>> source.ranges()["fraction_Cu"], source.ranges()["radius"]
            ([1.0, 1.0], [4.0, 4.0])
        """
        seen: dict[str, list[np.ndarray]] = {}
        for number in range(whole(batches, "batches", 1)):
            _, drawn = self._drawn(number)
            columns = dict(zip(self.labels, self._label_columns(drawn).T, strict=True))
            columns |= {"n_atoms": drawn.found.counts, "radius": drawn.size[:, 0], "height": drawn.size[:, 1]}
            for name, values in columns.items():
                seen.setdefault(name, []).append(values[np.isfinite(values)])
        joined = {name: np.concatenate(values) for name, values in seen.items()}
        return {name: [float(v.min()), float(v.max())] for name, v in joined.items() if len(v)}

    def as_dict(self) -> dict:
        """JSON form of all that decides the batches, with the versions used."""
        axes = self._draw.zone_axes
        return {
            "structures": list(self._ids),
            "weights": self._draw.weights.tolist(),
            "volumes": [volume.as_dict() for volume in self.volumes],
            "mesh": self.mesh.as_dict(),
            "labels": list(self.labels),
            "zone_axes": "random" if axes is None else axes.tolist(),
            "seed": self.seed,
            "batch_size": self.batch_size,
            "engine": self.engine,
            "device": self.device.type,
            "turned": self.turned,
            "versions": versions(),
        }

    def _check_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        given = (labels,) if isinstance(labels, str) else labels
        names = check_labels(given, sorted(set(map(str, self._atoms.symbols))))
        if "number_density" in names and any(isinstance(v, OneLayerCluster) for v in self.volumes):
            raise InputError(
                "The number density of a one-layer cluster is not defined: leave out the label "
                "'number_density' or the volume OneLayerCluster."
            )
        return names

    def _drawn(self, number: int) -> tuple[np.random.Generator, DrawnVolumes]:
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        return rng, self._draw(rng, self.batch_size)

    def _prepare(self, number: int) -> _Prepared:
        rng, drawn = self._drawn(number)
        if self.turned:
            angles = rng.uniform(0, 2 * np.pi, self.batch_size)
            sides = rng.choice([-1.0, 1.0], self.batch_size)
            drawn.found.positions[:, 1] *= np.repeat(sides, drawn.found.counts)
            _turn(drawn.found.positions, np.repeat(angles, drawn.found.counts))
        patterns = None
        if self.engine == "cpu":
            patterns = patterns_of_volumes(drawn.found, self._atoms.numbers, self.mesh, cores=1)
        region = volume_regions(drawn.found, self._atoms)
        return _Prepared(drawn, patterns, self._label_columns(drawn), region)

    def _label_columns(self, drawn: DrawnVolumes) -> np.ndarray:
        # as dataset.labels.volume_labels, for volumes of many kinds at once
        found, cluster = drawn.found, self._draw.clusters(drawn)
        columns = []
        for name in self.labels:
            if name == "number_density":
                column = found.norms / self._draw.contents(drawn)
            else:
                column = found.mean(self._values[name])
                if name in ATOM_LABELS and cluster.any():
                    central = found.indices[found.offsets[:-1][cluster]]
                    column[cluster] = self._values[name][central]
            columns.append(column)
        return np.stack(columns, axis=1).astype(np.float32)

    def _finish(self, prepared: _Prepared) -> PatternBatch:
        drawn = prepared.drawn
        if prepared.patterns is None:
            parts = pattern_batches(drawn.found, self._atoms.numbers, self.mesh, str(self.device))
            patterns = torch.cat([part for _, part in parts])
        else:
            patterns = torch.from_numpy(prepared.patterns).to(self.device)
        return PatternBatch(
            patterns, torch.from_numpy(prepared.labels).to(self.device), prepared.region, drawn.structure,
            drawn.volume, drawn.size, drawn.centers, drawn.zone_axes, drawn.found.counts,
        )  # fmt: skip

    def _ahead(self, numbers: Iterator[int], ahead: int) -> Iterator[PatternBatch]:
        # torch works on a device, and with the precision that it holds for the process, in one thread only
        complete = self.engine == "cpu" and self.device.type == "cpu"
        work: Callable[[int], PatternBatch | _Prepared] = self.batch if complete else self._prepare
        with closing(prefetched(work, numbers, self.cores, ahead)) as results:
            for ready in results:
                yield ready if isinstance(ready, PatternBatch) else self._finish(ready)


def _turn(positions: np.ndarray, angles: np.ndarray) -> None:
    # about the beam, in place
    x, y, c, s = positions[:, 0].copy(), positions[:, 1].copy(), np.cos(angles), np.sin(angles)
    positions[:, 0], positions[:, 1] = c * x - s * y, s * x + c * y
