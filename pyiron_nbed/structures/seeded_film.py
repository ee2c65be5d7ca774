"""Seeded films: Zr dissolved in slabs around the boundaries of a bicrystal, with room to melt."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import number, one_of, seed_number
from pyiron_nbed.errors import InputError
from pyiron_nbed.structures.bicrystal import BOUNDARIES, boundary_positions
from pyiron_nbed.structures.lattice import LATTICE_CONSTANT_CU
from pyiron_nbed.structures.random_alloy import substitute

# Å³ per atom that a slab has to melt in; measured volumes (864 atoms, 10 to 50 at.% Zr) are in the docstring.
# Kept as they are: recipes of examples name the structures that follow from them
MELT_VOLUMES = {"Cu": 12.6, "Zr": 22.4}
_FRACTIONS = (0.05, 0.7)  # films outside are crystals of another kind


def seed_film(
    atoms: Atoms,
    zr_fraction: float = 0.10,
    film_fraction: float = 0.30,
    boundaries: str = "both",
    seed: int = 1,
) -> Atoms:
    """Put all Zr of the wanted composition at random into slabs around the boundaries.

    A slab that the structure already marks is used as it is (its Zr fraction follows from its
    size); else the atoms nearest to the boundaries become slab until it has ``film_fraction``. Each
    slab is then stretched along x to about the volume of a melt of its composition, 12.6 Å³ for each Cu and
    22.4 Å³ for each Zr. Melts at 1000 K and no pressure take 12.5 and 24.0 Å³ with the potential of 2019,
    12.7 and 23.6 with that of 2007: a film of 30 at.% Zr starts 2 % too dense, and the pressure control of
    the run takes it from there.

    Args:
        atoms: pure Cu bicrystal, N atoms, with ``arrays["slab"]`` (N,) bool or without.
        zr_fraction: atomic fraction of Zr in the whole cell.
        film_fraction: atomic fraction of Zr in the slab (ignored where a slab is marked).
        boundaries: "both", "first" or "second" boundary gets a film (ignored where a slab is marked).
        seed: of the random choice of the Zr sites.

    Returns:
        A copy with Zr, ``arrays["slab"]`` (N,) bool, a longer cell and moved
        ``info["boundaries"]``.

    Raises:
        InputError: Zr in the structure already, a film fraction outside 0.05 to 0.7, films that
            leave nothing of a grain.

    Example:
        >>> from pyiron_nbed import bicrystal
        >>> film = seed_film(bicrystal(), zr_fraction=0.10, film_fraction=0.3)
        >>> round(float((film.numbers == 40).mean()), 4), round(float(film.arrays["slab"].mean()), 2)
        (0.1, 0.34)
    """
    places = boundary_positions(atoms)
    if (atoms.numbers != 29).any():
        raise InputError(
            f"The structure holds {int((atoms.numbers != 29).sum())} atoms that are not Cu: a seeded film "
            "starts from pure Cu; use the preset 'published' to go on with a structure that has Zr."
        )
    for name, value in (("zr_fraction", zr_fraction), ("film_fraction", film_fraction)):
        number(value, name, above=0, below=1)
    result = atoms.copy()
    side, random = float(atoms.cell.lengths()[0]), np.random.default_rng(seed_number(seed))
    chosen = BOUNDARIES[one_of(boundaries, "boundaries", BOUNDARIES)]
    offsets = atoms.positions[:, :1] - np.array(places)
    offsets -= np.round(offsets / side) * side
    n_zr = round(zr_fraction * len(atoms))
    if "slab" not in atoms.arrays:
        n_slab = round(n_zr / film_fraction)
        distance = np.abs(offsets[:, chosen]).min(axis=1)
        if n_slab >= len(atoms):
            raise InputError(
                f"A film of {film_fraction:g} Zr in a cell of {zr_fraction:g} Zr leaves no grains: raise "
                "film_fraction or lower zr_fraction."
            )
        result.set_array("slab", distance <= np.partition(distance, n_slab)[n_slab])
    slab = result.arrays["slab"].astype(bool)
    fraction = n_zr / max(1, int(slab.sum()))
    if not _FRACTIONS[0] <= fraction <= _FRACTIONS[1]:
        raise InputError(
            f"{n_zr} Zr atoms in a slab of {int(slab.sum())} atoms make a film of {fraction:.2f} Zr: "
            f"allowed are {_FRACTIONS[0]} to {_FRACTIONS[1]}; change zr_fraction or the slab."
        )
    nearest = np.abs(offsets).argmin(axis=1)
    thickness = np.zeros(2)
    for boundary in (0, 1):
        here = np.abs(offsets[slab & (nearest == boundary), boundary])
        thickness[boundary] = 2 * here.max() if len(here) else 0.0
    gap = places[1] - places[0]
    free = min(gap, side - gap) - thickness.sum() / 2
    if free < 15.0:
        raise InputError(
            f"Films of {thickness[0]:.0f} and {thickness[1]:.0f} Å leave {free:.0f} Å of a grain, less "
            "than 15 Å: take a longer cell, a higher film_fraction or a lower zr_fraction."
        )
    substitute(result, slab, fraction, random)
    volume = (1 - fraction) * MELT_VOLUMES["Cu"] + fraction * MELT_VOLUMES["Zr"]
    stretch = max(1.0, volume / (LATTICE_CONSTANT_CU**3 / 4)) - 1
    _stretch(result, np.array(places), thickness, stretch)
    return result


def _stretch(atoms: Atoms, places: np.ndarray, thickness: np.ndarray, strain: float) -> None:
    """Stretch the slabs by ``strain`` along x about their boundaries; the grains move apart."""
    side = float(atoms.cell.lengths()[0])
    x = atoms.positions[:, 0] % side
    moved = x.copy()
    for place, thick in zip(places, thickness, strict=True):
        moved += strain * np.clip(x - (place - thick / 2), 0, thick)
    atoms.positions[:, 0] = moved
    cell = atoms.cell.array.copy()
    cell[0, 0] += strain * thickness.sum()
    atoms.set_cell(cell)
    before = np.concatenate([[0.0], np.cumsum(strain * thickness)[:-1]])
    atoms.info["boundaries"] = (places + before + strain * thickness / 2).tolist()
