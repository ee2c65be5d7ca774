"""Total and partial radial distribution functions of a structure or of a part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from pyiron_nbed.checks import number, one_of
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.geometry.cells import (
    MINIMUM_DISTANCE,
    box_reach,
    build_cell_list,
    check_atoms,
    gather_images,
)
from pyiron_nbed.geometry.neighbors import near_images
from pyiron_nbed.geometry.search import check_room, check_search
from pyiron_nbed.kernels import njit
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.units import quantities

_BOXES_PER_CALL = 1_000
_LEAST_WIDTH = 1e-4  # Å


@dataclass(frozen=True)
class RadialDistribution:
    """Radial distribution functions with B bins and S species (by increasing atomic number).

    Attributes:
        r: (B,) centres of the bins in Å.
        total: (B,) g(r), dimensionless.
        partial: {("Cu", "Zr"): (B,) g_αβ(r), ...}: α the central atom, β its neighbour; both orders
            are present (equal up to the subset: only the central atoms are restricted to it).
        counts: (S, S, B) int64, neighbours found in each bin, summed over the central atoms.
        species: S symbols, the order of ``counts``.
        n_centers: number of central atoms.
    """

    r: np.ndarray
    total: np.ndarray
    partial: dict[tuple[str, str], np.ndarray]
    counts: np.ndarray
    species: tuple[str, ...]
    n_centers: int

    @property
    def first_peak(self) -> float:
        """Distance of the highest bin of the total RDF in Å (NaN where nothing was counted)."""
        return float(self.r[np.argmax(self.total)]) if self.total.any() else float("nan")


@quantities(cutoff="angstrom", bin_width="angstrom", minimum_distance="angstrom")
def radial_distribution(
    atoms: Atoms,
    cutoff: float = 10.0,
    bin_width: float = 0.05,
    mask: np.ndarray | None = None,
    normalize: str = "cell",
    cores: int | None = None,
    minimum_distance: float = MINIMUM_DISTANCE,
) -> RadialDistribution:
    """Radial distribution functions g(r) [AllenTildesley2017] around all atoms or those of a region.

    g_αβ(r) = n_αβ(r) / (N_α ρ_β V(r)): n neighbours of species β counted in the spherical shell of
    volume V(r) around the N_α central atoms of species α. Neighbours are all atoms, also those outside
    the region, so that a region's surface does not show as missing neighbours. ρ_β is

    - ``normalize="cell"``: the number of possible partners of an atom (N_β, less one where α = β) over the
      volume of the cell, as LAMMPS ``compute rdf`` does; g approaches 1 where the structure is homogeneous;
    - ``normalize="local"``: the density of β within the cutoff sphere of the central atoms, so that the
      mean of g over that sphere is 1; for a region whose composition or density differs from that of the
      cell, and for clusters without a cell.

    Args:
        atoms: N atoms; lengths in Å; any cell, any mix of periodic and open axes. The cutoff may exceed the
            cell: images are counted.
        cutoff: largest distance in Å.
        bin_width: wanted width of the bins in Å (the cutoff is divided into whole bins).
        mask: (N,) bool, the central atoms; None takes all.
        normalize: "cell" or "local".
        cores: threads; None takes all.
        minimum_distance: two atoms closer than this (Å) are an error.

    Returns:
        A :class:`RadialDistribution`; partial functions of absent pairs are 0.

    Raises:
        StructureError: unusable structure, atoms too close (named), no volume to normalise by.
        InputError: cutoff, bin width, mask or normalisation out of range; a mask that selects nothing.

    Example:
        >>> from ase.build import bulk
        >>> rdf = radial_distribution(bulk("Cu", "fcc", a=3.6, cubic=True), cutoff=3.0)
        >>> int(rdf.counts.sum()) / rdf.n_centers
        12.0
        >>> bool(abs(rdf.first_peak - 3.6 / 2**0.5) < 0.05)
        True
    """
    check_bins(cutoff, bin_width)
    one_of(normalize, "normalize", ("cell", "local"))
    check_search(cores, minimum_distance)
    boxes = build_cell_list(atoms, cutoff / 2)
    check_room(boxes, cutoff)
    volume = float(atoms.cell.volume)
    if normalize == "cell" and volume < 1e-9:
        raise StructureError(
            "The structure has no cell, so its mean density is unknown: set atoms.cell, or normalize='local'."
        )
    mask = np.ones(len(atoms), bool) if mask is None else np.asarray(mask)
    if mask.dtype != bool or mask.shape != (len(atoms),):
        raise InputError(
            f"The mask has shape {mask.shape} and type {mask.dtype}: give {len(atoms)} booleans, one for "
            "each atom."
        )
    if not mask.any():
        raise InputError("The mask selects no atom: select at least one central atom.")
    numbers, species = np.unique(atoms.numbers, return_inverse=True)
    n_species, n_bins = len(numbers), max(1, round(cutoff / bin_width))
    ordered_species, ordered_mask = species[boxes.order].astype(np.int64), mask[boxes.order]
    reach = box_reach(cutoff, boxes.heights, boxes.n_boxes, boxes.periodic)
    results = []
    everywhere = bool(mask.all())  # then each pair is met once and counted both ways

    def work(first: int, last: int) -> None:
        counts = np.zeros(n_species * n_species * n_bins, np.int64)
        _count(
            first, last, boxes.positions, boxes.cell, boxes.n_boxes, boxes.periodic, boxes.start, reach,
            cutoff, ordered_species, n_species, n_bins, ordered_mask, everywhere, counts,
        )  # fmt: skip
        results.append(counts)

    run_in_threads(work, len(boxes.start) - 1, cores, _BOXES_PER_CALL)
    counts = np.sum(results, axis=0).reshape(n_species, n_species, n_bins)
    if everywhere:
        counts = counts + counts.transpose(1, 0, 2)
    if counts[..., : int(np.ceil(minimum_distance * n_bins / cutoff))].any():
        check_atoms(atoms, minimum_distance)
    return _normalized(counts, numbers, species, mask, cutoff, volume if normalize == "cell" else None)


@quantities(cutoff="angstrom", bin_width="angstrom")
def check_bins(cutoff: float, bin_width: float, name: str = "") -> None:
    """What can be said of the bins without a structure.

    Args:
        cutoff: largest distance in Å.
        bin_width: in Å.
        name: put before the names of the two, for the error ("rdf_").

    Raises:
        InputError: a width below 0.0001 Å or above the cutoff.

    Example:
        >>> check_bins(10.0, 0.05)
    """
    number(cutoff, f"{name}cutoff", above=0, unit="Å", hint="for example 10")
    number(bin_width, f"{name}bin_width", _LEAST_WIDTH, cutoff, unit="Å", hint="the cutoff")


def _normalized(counts, numbers, species, mask, cutoff, volume) -> RadialDistribution:
    n_species, _, n_bins = counts.shape
    edges = np.linspace(0.0, cutoff, n_bins + 1)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    centers = np.bincount(species[mask], minlength=n_species)
    neighbors = np.bincount(species, minlength=n_species)
    if volume is None:
        found = counts.sum(axis=(0, 2)) / (centers.sum() * shells.sum())
        density = np.tile(found, (n_species, 1))
        total_density = found.sum()
    else:
        density = (neighbors[None, :] - np.eye(n_species)) / volume
        total_density = (neighbors.sum() - 1) / volume
    symbols = tuple(chemical_symbols[z] for z in numbers)
    expected = centers[:, None] * density
    with np.errstate(divide="ignore", invalid="ignore"):
        g = np.where(expected[..., None] > 0, counts / (expected[..., None] * shells), 0.0)
        total = counts.sum(axis=(0, 1)) / (centers.sum() * total_density * shells)
    return RadialDistribution(
        r=(edges[1:] + edges[:-1]) / 2,
        total=np.where(np.isfinite(total), total, 0.0),
        partial={(a, b): g[i, j] for i, a in enumerate(symbols) for j, b in enumerate(symbols)},
        counts=counts,
        species=symbols,
        n_centers=int(centers.sum()),
    )


@njit(error_model="numpy")
def _count(
    first, last, positions, cell, n_boxes, periodic, start, reach, cutoff, species, n_species, n_bins,
    mask, half, counts,
):  # fmt: skip
    """Add the neighbours of the central atoms of some boxes; with ``half`` every pair once."""
    xyz, index = np.empty((3, 1024)), np.empty(1024, np.int64)
    r2, near, near_r = np.empty(1025), np.empty(1025, np.int64), np.empty(1025)
    kind = np.empty(1025, np.int64)
    per_length = n_bins / cutoff
    for b in range(first, last):
        some = False
        for i in range(start[b], start[b + 1]):
            some = some or mask[i]
        if not some:
            continue
        xyz, index, m, home = gather_images(
            b, reach, positions, cell, n_boxes, periodic, start, xyz, index, half
        )
        if m > r2.shape[0] - 1:
            size = 2 * m + 1
            r2, near, near_r = np.empty(size), np.empty(size, np.int64), np.empty(size)
            kind = np.empty(size, np.int64)
        for k in range(m):
            kind[k] = species[index[k]] * n_bins
        for i in range(start[b], start[b + 1]):
            if not mask[i]:
                continue
            itself = home + i - start[b]
            begin = itself + 1 if half else 0
            count = near_images(positions[i], xyz, begin, m, itself, cutoff * cutoff, r2, near, near_r)
            for k in range(count):
                # a pair exactly at the cutoff belongs to the last bin
                near[k] = kind[near[k]] + min(np.int64(np.sqrt(near_r[k]) * per_length), n_bins - 1)
            offset = species[i] * n_species * n_bins
            for k in range(count):
                counts[offset + near[k]] += 1
