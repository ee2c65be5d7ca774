"""Bicrystals: two fcc grains of any orientation in a periodic cell, so with two grain boundaries."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from pyiron_nbed.checks import number, one_of, real_array, shown
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.structures.lattice import LATTICE_CONSTANT_CU, check_atoms_fit, check_lattice_constant
from pyiron_nbed.units import quantities

# Miller directions along x (the boundary normal) and z; y = z × x
Orientation = tuple[Sequence[int], Sequence[int]]
PUBLISHED_TILT = (((1, 1, 0), (1, -1, 0)), ((0, 0, -1), (1, -1, 0)))
_LARGEST_INDEX = 20
_LEAST_LENGTH = 30.0  # Å; grains of less than half of it are all boundary
_STRAINED = {"both": (0.5, 0.5), "grain_1": (1.0, 0.0), "grain_2": (0.0, 1.0)}
BOUNDARIES = {"both": (0, 1), "first": (0,), "second": (1,)}


@quantities(
    length="angstrom", width="angstrom", height="angstrom", minimum_distance="angstrom", shift="angstrom",
    slab="angstrom", lattice_constant="angstrom",
)  # fmt: skip
def bicrystal(
    length: float = 130.0,
    width: float = 60.0,
    height: float = 31.0,
    orientation_1: Orientation = PUBLISHED_TILT[0],
    orientation_2: Orientation = PUBLISHED_TILT[1],
    max_mismatch: float = 0.002,
    strained: str = "both",
    minimum_distance: float = 2.0,
    shift: Sequence[float] = (0.0, 0.0),
    slab: float | None = None,
    slab_boundaries: str = "both",
    lattice_constant: float = LATTICE_CONSTANT_CU,
) -> Atoms:
    """Two fcc Cu grains with plane boundaries normal to x, periodic in all directions.

    Grain 2 fills the middle of the cell. The extents are those nearest to the wanted ones: along x
    whole planes of each grain (half the length each), along y and z whole periods of both grains
    that agree within ``max_mismatch``. The default pair is the tilt of [WuRupert2026]: [110] of grain 1 and
    [00-1] of grain 2 along x, <110> common along z; 17 a of grain 1 against 24 a/√2 of grain 2
    along y (0.17 %).

    Args:
        length: wanted extent along x in Å, at least 30 (there 1040.7).
        width: wanted extent along y in Å (there 62.8).
        height: wanted extent along z in Å (there 417.1).
        orientation_1: Miller directions of grain 1 along x and along z, orthogonal to each other.
        orientation_2: the same of grain 2.
        max_mismatch: largest |difference| / mean of the two grains' periods along y and along z.
        strained: who takes up the mismatch: "both" (half each), "grain_1" or "grain_2".
        minimum_distance: of a pair of atoms of different grains that is closer, that of grain 2
            is removed; Å.
        shift: rigid displacement of grain 2 along y and z in Å.
        slab: thickness in Å of the slabs marked around the boundaries; None marks none.
        slab_boundaries: "both", "first" or "second" boundary gets a slab.
        lattice_constant: of fcc Cu in Å.

    Returns:
        ``ase.Atoms``, N atoms, with ``arrays["grain"]`` (N,) 1 or 2, with a slab also
        ``arrays["slab"]`` (N,) bool, and ``info``: "boundaries" [x, x] in Å, "mismatch" {"y", "z"},
        "strain" {"grain_1": [y, z], "grain_2": [y, z]}, "periods" {"grain_1": [y, z], "grain_2":
        [y, z]}, "n_removed".

    Raises:
        InputError: directions that are not orthogonal, no commensurate period near the wanted
            extent, a value out of range, or more atoms than fit the memory.

    Example:
        >>> atoms = bicrystal(length=130, height=31)
        >>> atoms.info["periods"]["grain_1"], atoms.info["periods"]["grain_2"]
        ([17, 12], [24, 12])
    """
    check_lattice_constant(lattice_constant)
    number(length, "length", _LEAST_LENGTH, unit="Å", hint="for two grains of half of it each")
    for name, value in (("width", width), ("height", height)):
        number(value, name, above=0, unit="Å")
    check_atoms_fit(4 * float(length) * float(width) * float(height) / lattice_constant**3)
    number(max_mismatch, "max_mismatch", 0, 0.1)
    one_of(strained, "strained", _STRAINED)
    nearest = lattice_constant / math.sqrt(2)
    hint = "the nearest-neighbour distance"
    number(minimum_distance, "minimum_distance", 0, below=nearest, unit="Å", hint=hint)
    displacement = real_array(shift, "shift", (2,), "two lengths in Å, along y and z")
    one_of(slab_boundaries, "slab_boundaries", BOUNDARIES)
    if slab is not None:
        number(slab, "slab", above=0, below=length / 2, unit="Å", hint="half of the length")

    axes = [
        _axes(o, name) for o, name in ((orientation_1, "orientation_1"), (orientation_2, "orientation_2"))
    ]
    # axes are in units of half a lattice constant, in which all fcc sites are whole numbers
    periods = [np.linalg.norm(a, axis=1) * lattice_constant / 2 for a in axes]
    share = np.array(_STRAINED[strained])
    repeats, extents, strain, mismatch = [], [], np.empty((2, 2)), {}
    for axis, wanted in ((1, width), (2, height)):
        one, two = periods[0][axis], periods[1][axis]
        n_one, n_two = _commensurate(one, two, float(wanted), max_mismatch, "xyz"[axis])
        sides = np.array([n_one * one, n_two * two])
        side = float(sides @ share[::-1])  # a grain that takes all strain gets the other's side
        repeats.append((n_one, n_two))
        extents.append(side)
        strain[:, axis - 1] = side / sides - 1
        mismatch["xyz"[axis]] = float(abs(sides[0] - sides[1]) / sides.mean())

    grains, thickness = [], []
    for grain, (axis_set, period) in enumerate(zip(axes, periods, strict=True)):
        basis, levels = _sites(axis_set)
        n_planes = max(1, round(length / 2 / (period[0] / levels)))
        counts = (math.ceil(n_planes / levels), repeats[0][grain], repeats[1][grain])
        positions = _tile(basis, counts, (period[0], extents[0] / counts[1], extents[1] / counts[2]))
        spacing = period[0] / levels
        positions = positions[positions[:, 0] < (n_planes - 0.5) * spacing]
        positions[:, 0] += spacing / 2  # half a spacing on each side of a boundary
        grains.append(positions)
        thickness.append(n_planes * spacing)
    cell = np.array([sum(thickness), *extents])
    grains[0][:, 0] = (grains[0][:, 0] - thickness[0] / 2) % cell[0]
    grains[1][:, 0] += thickness[0] / 2
    grains[1][:, 1:] = (grains[1][:, 1:] + displacement) % cell[1:]
    boundaries = [float(thickness[0] / 2), float(thickness[0] / 2 + thickness[1])]

    keep = _keep(grains, boundaries, cell, minimum_distance)
    positions = np.concatenate([grains[0], grains[1][keep]])
    atoms = Atoms(np.full(len(positions), 29), positions=positions, cell=cell, pbc=True)
    atoms.set_array("grain", np.repeat([1, 2], [len(grains[0]), int(keep.sum())]))
    atoms.info.update(
        boundaries=boundaries,
        mismatch=mismatch,
        strain={f"grain_{g + 1}": strain[g].tolist() for g in (0, 1)},
        periods={f"grain_{g + 1}": [n[g] for n in repeats] for g in (0, 1)},
        n_removed=int((~keep).sum()),
    )
    if slab is not None:
        mark_slab(atoms, slab, slab_boundaries)
    return atoms


def boundary_positions(atoms: Atoms) -> list[float]:
    """Where the boundaries of a bicrystal are along x.

    Args:
        atoms: with ``info["boundaries"]``, or else with ``arrays["grain"]`` (N,) 1 or 2 where grain
            2 fills the middle of the cell.

    Returns:
        [x of the first, x of the second] in Å.

    Raises:
        InputError: neither is there.

    Example:
        >>> [round(x, 1) for x in boundary_positions(bicrystal())]
        [32.8, 98.3]
    """
    check_atoms(atoms)
    if "boundaries" in atoms.info:
        given, name = atoms.info["boundaries"], "atoms.info['boundaries']"
        return real_array(given, name, (2,), "where the two boundaries are along x, in Å").tolist()
    if "grain" not in atoms.arrays:
        raise InputError(
            "The structure does not say where its grain boundaries are: make it with "
            "pyiron_nbed.bicrystal(...), or set atoms.info['boundaries'] = [x, x] in Å."
        )
    x = atoms.positions[:, 0]
    middle = x[atoms.arrays["grain"] == 2]
    rest = x[atoms.arrays["grain"] == 1]
    below, above = rest[rest < middle.min()], rest[rest > middle.max()]
    if len(below) == 0 or len(above) == 0 or len(below) + len(above) < len(rest):
        raise InputError(
            "arrays['grain'] does not hold grain 2 in the middle of the cell between two parts of grain 1: "
            "set atoms.info['boundaries'] = [x, x] in Å."
        )
    return [float(below.max() + middle.min()) / 2, float(middle.max() + above.min()) / 2]


@quantities(thickness="angstrom")
def mark_slab(atoms: Atoms, thickness: float, boundaries: str = "both") -> None:
    """Mark the atoms around the boundaries as ``arrays["slab"]`` (N,) bool, in place.

    Args:
        atoms: bicrystal, changed in place.
        thickness: of each slab in Å, centred on its boundary.
        boundaries: "both", "first" or "second".

    Raises:
        InputError: thickness out of range or an unknown choice of boundaries.

    Example:
        >>> atoms = bicrystal()
        >>> mark_slab(atoms, 30.0, "first")
        >>> round(float(atoms.arrays["slab"].mean()), 2)
        0.22
    """
    one_of(boundaries, "boundaries", BOUNDARIES)
    places = boundary_positions(atoms)
    side = float(atoms.cell.lengths()[0])
    room = min(places[1] - places[0], side - (places[1] - places[0]))
    number(thickness, "slab", above=0, unit="Å")
    if thickness >= room:
        raise InputError(
            f"A slab of {thickness:.1f} Å leaves nothing of a grain of {room:.1f} Å: take a thinner slab "
            "or a longer cell."
        )
    slab = np.zeros(len(atoms), bool)
    for boundary in BOUNDARIES[boundaries]:
        offset = atoms.positions[:, 0] - places[boundary]
        slab |= np.abs(offset - np.round(offset / side) * side) <= thickness / 2
    atoms.set_array("slab", slab)


def _axes(orientation: Orientation, name: str) -> np.ndarray:
    """(3, 3) shortest fcc lattice vectors along x, y, z in units of half a lattice constant."""
    try:
        x, z = (np.asarray(d) for d in orientation)
        valid = all(d.shape == (3,) and d.dtype.kind in "iu" and d.any() for d in (x, z))
    except (TypeError, ValueError):
        valid = False
    if not valid or max(np.abs(x).max(), np.abs(z).max()) > _LARGEST_INDEX:
        raise InputError(
            f"{name} is {shown(orientation)}: give two Miller directions of whole numbers up to "
            f"{_LARGEST_INDEX}, along x and along z, for example ((1, 1, 0), (1, -1, 0))."
        )
    if x @ z != 0:
        raise InputError(
            f"{name}: the directions {x.tolist()} along x and {z.tolist()} along z are not orthogonal "
            f"(their product is {int(x @ z)}): choose orthogonal ones."
        )
    axes = np.array([x, np.cross(z, x), z], np.int64)
    axes //= np.gcd.reduce(axes, axis=1)[:, None]
    return axes * np.where(axes.sum(axis=1) % 2, 2, 1)[:, None]


def _commensurate(one: float, two: float, wanted: float, limit: float, axis: str) -> tuple[int, int]:
    n_one = np.arange(1, math.ceil(max(4 * wanted, 40 * one) / one) + 1)
    n_two = np.maximum(1, np.round(n_one * one / two)).astype(int)
    mismatch = np.abs(n_one * one - n_two * two) / ((n_one * one + n_two * two) / 2)
    fits = np.flatnonzero(mismatch <= limit)
    if len(fits) == 0:
        best = int(mismatch.argmin())
        raise InputError(
            f"Up to {n_one[-1] * one:.0f} Å no periods of the two grains along {axis} ({one:.3f} and "
            f"{two:.3f} Å) agree within max_mismatch = {limit:g}; the best is {mismatch[best]:.2g} at "
            f"{n_one[best] * one:.1f} Å: raise max_mismatch or choose other orientations."
        )
    nearest = fits[np.abs(n_one[fits] * one - wanted).argmin()]
    return int(n_one[nearest]), int(n_two[nearest])


def _sites(axes: np.ndarray) -> tuple[np.ndarray, int]:
    """(n, 3) fcc sites of the orthogonal cell as fractions, and the number of planes along x."""
    norms = (axes**2).sum(axis=1)
    low, high = np.minimum(axes, 0).sum(axis=0), np.maximum(axes, 0).sum(axis=0)
    grid = np.stack(np.meshgrid(*[np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]), axis=-1)
    grid = grid.reshape(-1, 3)
    grid = grid[grid.sum(axis=1) % 2 == 0]
    # the axes are orthogonal: whole-number products give exact fractions
    fractions = np.unique((grid @ axes.T) % norms, axis=0)
    return fractions / norms, len(np.unique(fractions[:, 0]))


def _tile(basis: np.ndarray, counts: tuple[int, int, int], periods: Sequence[float]) -> np.ndarray:
    nx, ny, nz = counts
    positions = np.empty((nx, ny, nz, len(basis), 3))
    for axis, (count, period) in enumerate(zip(counts, periods, strict=True)):
        shape = [1, 1, 1, 1]
        shape[axis] = count
        positions[..., axis] = (np.arange(count).reshape(shape) + basis[:, axis]) * period
    return positions.reshape(-1, 3)


def _keep(grains: list[np.ndarray], boundaries: list[float], cell: np.ndarray, distance: float) -> np.ndarray:
    """(n,) bool: atoms of grain 2 that are not too close to one of grain 1."""
    keep = np.ones(len(grains[1]), bool)
    if distance <= 0:
        return keep
    near = [np.flatnonzero(_reach(g[:, 0], boundaries, cell[0]) <= distance) for g in grains]
    if len(near[0]) and len(near[1]):
        tree = cKDTree(grains[0][near[0]] % cell, boxsize=cell)
        found = tree.query(grains[1][near[1]] % cell, distance_upper_bound=distance)[0]
        keep[near[1][np.isfinite(found)]] = False
    return keep


def _reach(x: np.ndarray, boundaries: list[float], side: float) -> np.ndarray:
    offset = x[:, None] - np.asarray(boundaries)
    return np.abs(offset - np.round(offset / side) * side).min(axis=1)
