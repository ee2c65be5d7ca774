"""Regions along a boundary normal: crystal, amorphous-crystalline transition region (ACTR), interior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed import checks
from pyiron_nbed.errors import InputError, StructureError
from pyiron_nbed.ssro.motifs import is_motif, motif_name, species_mask
from pyiron_nbed.ssro.ovito import CNA_TYPES
from pyiron_nbed.ssro.profiles import Windows, axis_coordinate, check_windows, make_windows, runs
from pyiron_nbed.units import quantities

REGION_TYPES = ("none", "crystal", "ACTR", "interior")
OUTSIDE = "outside the regions"  # what "none" is called in figures and tables
NONE, CRYSTAL, ACTR, INTERIOR = range(4)
_STEP = 0.25  # Å between windows, far below their width


@dataclass(frozen=True)
class Regions:
    """Regions of N atoms along an axis.

    Attributes:
        region: (N,) int64 type of the region of each atom, names in ``REGION_TYPES``; 0 where no
            film was found, and in free surfaces.
        number: (N,) int64 row of ``table`` of each atom, −1 outside all of them.
        table: one row per region in the order of the axis: {"name" ("grain 1", "ACTR 1a",
            "interior 1", "ACTR 1b", ...), "type", "film" (number of the film, 0 for grains), "start",
            "end", "thickness" in Å}. ``end`` exceeds the cell where a region crosses its boundary.
        films: number of films found.
        start_by: what marked the outer end of each ACTR: "motif", or "CNA" where thermal motion
            fills the crystal with the outer motif.
        note: a sentence when no film was found, else "".
    """

    region: np.ndarray
    number: np.ndarray
    table: list[dict[str, Any]]
    films: int
    start_by: list[str] = field(default_factory=list)
    note: str = ""


@quantities(window="angstrom", minimum_thickness="angstrom")
def find_regions(
    atoms: Atoms,
    voronoi_index: np.ndarray,
    cna: np.ndarray,
    axis: int = 0,
    window: float = 3.0,
    emergence: float = 0.5,
    crystal_share: float = 0.5,
    interior_share: float = 0.01,
    minimum_thickness: float = 6.0,
    outer: Sequence[int] = (0, 10, 2, 0),
    inner: Sequence[int] = (0, 2, 10, 0),
    motif_species: str | None = "Cu",
) -> Regions:
    """Find grains, ACTRs and film interiors along a boundary normal.

    An ACTR reaches from where one motif emerges to where another does [WuRupert2026]; the level at which a
    motif has emerged is not published, and an option here.

    All shares are of the atoms in a window that slides along the axis in steps of 0.25 Å. The
    crystal's level of fcc atoms (CNA) is the 90th percentile of their share in the windows that reach
    ``crystal_share``; where the share is above half of that level there is crystal, and a stretch
    between is a film if it is thick enough and holds the inner motif. An ACTR starts where the outer
    motif emerges: walking outward from the maximum of its share between film and crystal, the last
    place where the share still exceeds
    b + emergence · (maximum − b), with b its median share in the crystal. Coming from there, it ends
    where the inner motif first exceeds emergence · (its median share in the film). Where b is above
    half of the maximum (thermal motion turns <0,12,0,0> into <0,10,2,0> everywhere in a hot crystal) the
    ACTR starts where the fcc share has fallen by ``emergence`` of the crystal's level instead, and
    ``start_by`` says so. An emergence of 1/2 is the default because smoothing by a window does not
    move the place where an edge passes its half height; a smaller one places sharp edges up to
    (1/2 − emergence) · window farther outside.

    Args:
        atoms: N atoms (Å); two films in a periodic cell, one, or one between open ends.
        voronoi_index: (N, 4).
        cna: (N,) common neighbour analysis, 1 = fcc.
        axis: 0, 1 or 2, the boundary normal.
        window: width of the sliding window in Å; wider windows are smoother but blur the ends.
        emergence: share of a motif's full level at which it emerges, between 0 and 1.
        crystal_share: fcc share that some window must reach, else there is no crystal.
        interior_share: least mean share of the inner motif in a film.
        minimum_thickness: least extent of a film in Å, measured at half of the crystal's level.
        outer: motif whose emergence starts the ACTR.
        inner: motif whose emergence ends it.
        motif_species: element of the centres of both motifs; None or "all" for every atom.

    Returns:
        The :class:`Regions`; with ``films`` = 0 and a ``note`` where there is crystal but no film.

    Raises:
        StructureError: no window reaches ``crystal_share``: a film that touches no crystal.
        InputError: unknown species, arrays that do not match, parameters out of range.

    Example:
        >>> from pyiron_nbed import bicrystal
        >>> from pyiron_nbed.ssro import common_neighbors, voronoi_index
        >>> atoms = bicrystal()
        >>> find_regions(atoms, voronoi_index(atoms), common_neighbors(atoms)).films
        0
    """
    check_region_options(window, emergence, crystal_share, interior_share, minimum_thickness, outer, inner)
    _check_arrays(atoms, voronoi_index, cna)
    central = species_mask(atoms, motif_species)
    windows = make_windows(atoms, axis, window, _STEP)
    fcc = np.nan_to_num(windows.share(np.asarray(cna) == CNA_TYPES.index("fcc")))
    outer_share = np.nan_to_num(windows.share(central & is_motif(voronoi_index, outer)))
    inner_share = np.nan_to_num(windows.share(central & is_motif(voronoi_index, inner)))
    if fcc.max() < crystal_share:
        raise StructureError(
            f"No crystal was found along axis {axis}: at most {fcc.max():.2f} of the atoms in a window are "
            f"fcc and {crystal_share:g} are needed, so a film would touch no crystal; choose the axis of "
            "the boundary normal, or use a minimised structure."
        )
    level = float(np.percentile(fcc[fcc >= crystal_share], 90))
    crystal = fcc > level / 2
    step = windows.length / len(crystal)
    films = [
        _Film(first, last)
        for first, last in runs(~crystal & (windows.n_atoms > 0), windows.periodic)
        if (last - first) * step >= minimum_thickness
        and inner_share[np.arange(first, last) % len(crystal)].mean() >= interior_share
    ]
    if not films:
        none = np.zeros(len(atoms), np.int64)
        note = (
            f"No film was found along axis {axis}: no stretch of at least {minimum_thickness:g} Å without "
            f"crystal holds {interior_share:g} of its atoms as {motif_name(inner)}."
        )
        return Regions(none, none - 1, [], 0, [], note)
    background = float(np.median(outer_share[fcc > (1 - emergence) * level]))
    shares = (fcc / level, outer_share, inner_share)
    for number, film in enumerate(films):
        neighbors = (films[number - 1], films[(number + 1) % len(films)])
        for side in (0, 1):
            film.find_side(side, neighbors[side], shares, background, emergence, windows.periodic)
    return _assemble(atoms, axis, windows, films)


class _Film:
    """A stretch of windows without crystal, and how far its two ACTRs reach."""

    def __init__(self, first: int, last: int):
        self.first, self.last = first, last
        self.outer: list[int | None] = [None, None]  # windows; sides without crystal stay None
        self.inner = [first, last - 1]
        self.start_by = ["", ""]

    def find_side(self, side, neighbor, shares, background, emergence, periodic) -> None:
        """Both ends of the ACTR on one side, as window numbers (not wrapped)."""
        fcc, outer, inner = shares
        n = len(fcc)
        middle = (self.first + self.last - 1) // 2
        # half-way into the grain: what lies beyond belongs to the next film
        if side:
            gap = (neighbor.first - self.last) % n if periodic else self._open_gap(neighbor, n, side)
            path = np.arange(middle, self.last + gap // (2 if gap < n else 1))
        else:
            gap = (self.first - neighbor.last) % n if periodic else self._open_gap(neighbor, n, side)
            path = np.arange(middle, self.first - gap // (2 if gap < n else 1) - 1, -1)
        if not periodic:
            path = path[(path >= 0) & (path < n)]
        at = path % n
        if fcc[at].max() < 1 - emergence:
            return
        half = int(np.flatnonzero(fcc[at] > 0.5)[0])
        # single atoms of the outer motif deep in the crystal are no transition
        reached = int(np.flatnonzero(fcc[at] >= min(0.95, fcc[at].max()))[0])
        peak = int(np.argmax(outer[at[: reached + 1]]))
        height = outer[at][peak]
        if height > 0 and background <= 0.5 * height:
            enough = outer[at] > background + emergence * (height - background)
            leaves = np.flatnonzero(~enough[peak:])
            start = peak + (int(leaves[0]) if len(leaves) else len(at) - peak) - 1
            self.start_by[side] = "motif"
        else:
            start = int(np.flatnonzero(fcc[at] > 1 - emergence)[0]) - 1
            self.start_by[side] = "CNA"
        core = np.arange(self.first, self.last) % n
        core = core[fcc[core] < 0.1] if (fcc[core] < 0.1).any() else core
        emerged = np.flatnonzero(inner[at[: max(start, half) + 1]] > emergence * np.median(inner[core]))
        end = int(emerged[-1]) if len(emerged) else 0
        start = max(start, end)
        self.outer[side], self.inner[side] = int(path[start]), int(path[end])

    def _open_gap(self, neighbor, n, side) -> int:
        if side:
            return neighbor.first - self.last if neighbor.first > self.first else n
        return self.first - neighbor.last if neighbor.first < self.first else n


def _assemble(atoms: Atoms, axis: int, windows: Windows, films: list[_Film]) -> Regions:
    """Rows of the table and the regions of the atoms, from the ends of all films."""
    step = windows.length / len(windows.position)
    origin = windows.position[0] - step / 2
    if all(reach is None for film in films for reach in film.outer):
        raise StructureError(
            "A film touches no crystal on either side along this axis: choose the axis of the boundary "
            "normal."
        )

    def edge(window: float) -> float:
        return float(origin + window * step)

    rows: list[dict[str, Any]] = []
    low, high = edge(0), edge(len(windows.position))
    for number, film in enumerate(films, 1):
        left, right = film.outer
        inside = (edge(film.inner[0]), edge(film.inner[1] + 1))
        if left is not None:
            rows.append(_row(f"ACTR {number}a", "ACTR", number, edge(left), inside[0]))
        rows.append(_row(f"interior {number}", "interior", number, *inside))
        if right is not None:
            rows.append(_row(f"ACTR {number}b", "ACTR", number, inside[1], edge(right + 1)))
    rows = _with_grains(rows, films, windows, low, high)
    coordinate, length, periodic = axis_coordinate(atoms, axis)
    region, of_row = np.zeros(len(atoms), np.int64), np.full(len(atoms), -1)
    for position, row in enumerate(rows):
        place = (coordinate - row["start"]) % length if periodic else coordinate - row["start"]
        closed = not periodic and row["end"] >= high
        inside = (place >= 0) & ((place <= row["thickness"]) if closed else (place < row["thickness"]))
        region[inside], of_row[inside] = REGION_TYPES.index(row["type"]), position
    start_by = [how for film in films for how in film.start_by if how]
    return Regions(region, of_row, rows, len(films), start_by)


def _with_grains(rows, films, windows, low, high):
    """Add the grains between the films; grain 1 is the one at the beginning of the axis."""
    length = windows.length
    grains = []
    for number in range(len(films)):
        last_row = [row for row in rows if row["film"] == number + 1][-1]
        following = next(row for row in rows if row["film"] == (number + 1) % len(films) + 1)
        if number + 1 < len(films):
            end = following["start"]
        else:
            end = following["start"] + length if windows.periodic else high
        shift = length if windows.periodic and end <= last_row["end"] else 0.0
        if films[number].outer[1] is not None and end + shift - last_row["end"] > 1e-9:
            grains.append(_row("", "crystal", 0, last_row["end"], end + shift))
    first_start = rows[0]["start"]
    if not windows.periodic and films[0].outer[0] is not None and first_start - low > 1e-9:
        grains.insert(0, _row("", "crystal", 0, low, first_start))
    if windows.periodic:
        for row in rows + grains:
            shift = math.floor(row["start"] / length) * length
            row["start"], row["end"] = row["start"] - shift, row["end"] - shift
        # a grain that crosses the boundary of the cell is where the axis begins
        grains.sort(key=lambda row: row["start"] if row["end"] <= length else -1.0)
    for number, grain in enumerate(grains, 1):
        grain["name"] = f"grain {number}"
    return sorted(rows + grains, key=lambda row: row["start"])


def _row(name: str, kind: str, film: int, start: float, end: float) -> dict[str, Any]:
    return {"name": name, "type": kind, "film": film, "start": start, "end": end, "thickness": end - start}


def region_table(atoms: Atoms, regions: Regions, disorder: np.ndarray) -> list[dict[str, Any]]:
    """The table of regions with what is in them.

    Args:
        atoms: N atoms.
        regions: of these atoms.
        disorder: (N,) d_i, by the signed sum or by its modulus.

    Returns:
        Rows of ``regions.table`` with "n_atoms", "mean_disorder", "median_disorder" (NaN where
        empty) and "composition" {element: atomic fraction} added.

    Raises:
        InputError: arrays that do not match.

    Example:
        >>> none = Regions(np.zeros(2, int), np.zeros(2, int) - 1, [], 0)
        >>> region_table(Atoms("Cu2"), none, [0.1, 0.2])
        []
    """
    disorder = checks.real_array(disorder, "disorder", (None,), "the d_i of the atoms", finite=False)
    if not len(disorder) == len(atoms) == len(regions.number):
        raise InputError(
            f"{len(atoms)} atoms, regions of {len(regions.number)} and d_i of {len(disorder)}: give arrays "
            "of one structure."
        )
    elements = {int(z): Atoms([int(z)]).get_chemical_symbols()[0] for z in np.unique(atoms.numbers)}
    table = []
    for number, row in enumerate(regions.table):
        inside = regions.number == number
        some = bool(inside.any())
        known = disorder[inside & ~np.isnan(disorder)]
        table.append(
            {
                **row,
                "n_atoms": int(inside.sum()),
                "mean_disorder": float(known.mean()) if len(known) else float("nan"),
                "median_disorder": float(np.median(known)) if len(known) else float("nan"),
                "composition": {
                    symbol: float((atoms.numbers[inside] == z).mean()) if some else float("nan")
                    for z, symbol in elements.items()
                },
            }
        )
    return table


def actr_asymmetry(table: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Difference between the two ACTRs of each film.

    Args:
        table: of :func:`region_table`.

    Returns:
        One row per film with two ACTRs: {"film", "first" and "second" mean d_i, "difference" second
        minus first}.

    Example:
        >>> rows = [{"name": n, "type": "ACTR", "film": 1, "mean_disorder": d}
        ...         for n, d in (("ACTR 1a", 0.277), ("ACTR 1b", 0.390))]
        >>> round(actr_asymmetry(rows)[0]["difference"], 3)
        0.113
    """
    means: dict[int, list[tuple[str, float]]] = {}
    for row in table:
        if row["type"] == "ACTR":
            means.setdefault(row["film"], []).append((row["name"], row["mean_disorder"]))
    result = []
    for film, pair in sorted(means.items()):
        if len(pair) == 2:
            (_, first), (_, second) = sorted(pair)
            result.append({"film": film, "first": first, "second": second, "difference": second - first})
    return result


@quantities(window="angstrom", minimum_thickness="angstrom")
def check_region_options(
    window: float = 3.0,
    emergence: float = 0.5,
    crystal_share: float = 0.5,
    interior_share: float = 0.01,
    minimum_thickness: float = 6.0,
    outer: Sequence[int] = (0, 10, 2, 0),
    inner: Sequence[int] = (0, 2, 10, 0),
) -> None:
    """What can be said of the options of :func:`find_regions` without a structure.

    Raises:
        InputError: a value out of range.

    Example:
        >>> check_region_options(emergence=0.4)
    """
    check_windows(0, window, _STEP)
    motif_name(outer), motif_name(inner)
    for name, value in (
        ("emergence", emergence),
        ("crystal_share", crystal_share),
        ("interior_share", interior_share),
    ):
        checks.number(value, name, above=0, below=1)
    checks.number(minimum_thickness, "minimum_thickness", above=0, unit="Å")


def _check_arrays(atoms, voronoi_index, cna) -> None:
    for name, values in (("voronoi_index", voronoi_index), ("cna", cna)):
        if np.shape(values)[:1] != (len(atoms),):
            raise InputError(
                f"{name} has the shape {np.shape(values)} but there are {len(atoms)} atoms: compute it for "
                "this structure."
            )
    if np.ndim(cna) != 1 or not set(np.unique(cna)) <= set(range(len(CNA_TYPES))):
        raise InputError(
            f"cna holds other values than 0 to {len(CNA_TYPES) - 1}: compute it with common_neighbors."
        )
