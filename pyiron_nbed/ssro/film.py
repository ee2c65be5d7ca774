"""Where a bicrystal is film and where it is grain, and how the minority species divides between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import number, one_of, symbol, threads
from pyiron_nbed.errors import StructureError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.ssro.disorder import DISORDER_NAMES, disorder_parameter
from pyiron_nbed.ssro.profiles import runs
from pyiron_nbed.units import quantities

# median d_i of a bin; atoms above 1 have a modulus above 0.5 as well, so that both find the same films
FILM_ABOVE, GRAIN_BELOW = 0.5, 0.2


@quantities(bin_width="angstrom")
def film_summary(
    atoms: Atoms, minority: str = "Zr", axis: int = 0, bin_width: float = 2.0, cores: int | None = None
) -> dict[str, Any]:
    """Profile across the boundaries, and film against grains.

    The cell is cut into bins along an axis. A bin whose median d_i is above 0.5 is film, below 0.2
    grain, between them transition. This needs d_i alone and holds for melts and hot crystals too; the regions
    that the method defines by motifs, with their transition regions, come from
    :func:`pyiron_nbed.ssro.regions.find_regions`.

    Args:
        atoms: N atoms, periodic; lengths in Å. Where they hold d_i in an array, by the signed sum or by its
            modulus, it is taken; else it is computed, signed.
        minority: element whose fraction is reported.
        axis: 0, 1 or 2, the boundary normal.
        bin_width: wanted width of the bins in Å.
        cores: threads; None takes all.

    Returns:
        {"disorder_name": "disorder_parameter" or "disorder_modulus", which d_i it is;
        "profile": {"position" (B,) Å, "minority_fraction" (B,), "disorder" (B,) median d_i,
        "n_atoms" (B,)}, "film" and "grains": {"n_atoms", "median_disorder", "minority_fraction"},
        "film_thickness": Å of each film, "segregation": minority fraction of the film over that of
        the grains}; NaN where there is no film or no grain.

    Raises:
        StructureError: unusable structure, or one that is open along the axis.
        InputError: another axis, a width below 0.01 Å, or no symbol of an element.

    Example:
        >>> from pyiron_nbed import bicrystal
        >>> film_summary(bicrystal())["film"]["n_atoms"]
        0
    """
    one_of(axis, "axis", (0, 1, 2), "for x, y, z")
    number(bin_width, "bin_width", 0.01, unit="Å")
    symbol(minority, "minority")
    threads(cores)
    check_atoms(atoms)
    if not atoms.pbc[axis]:
        raise StructureError(f"The structure is open along axis {axis}: set atoms.pbc[{axis}] = True.")
    name = next((name for name in DISORDER_NAMES if name in atoms.arrays), None)
    disorder = disorder_parameter(atoms, cores=cores) if name is None else atoms.arrays[name]
    side = float(atoms.cell.lengths()[axis])
    n_bins = max(1, round(side / bin_width))
    place = atoms.get_scaled_positions(wrap=True)[:, axis]
    of_bin = np.minimum((place * n_bins).astype(int), n_bins - 1)
    is_minority = np.array(atoms.get_chemical_symbols()) == minority
    count = np.bincount(of_bin, minlength=n_bins)
    known = ~np.isnan(disorder)  # isolated atoms have no d_i
    median = np.full(n_bins, np.nan)
    for b in np.unique(of_bin[known]):
        median[b] = np.median(disorder[known & (of_bin == b)])
    fraction = np.bincount(of_bin, is_minority, n_bins) / np.maximum(count, 1)
    kinds = {"film": median > FILM_ABOVE, "grains": median < GRAIN_BELOW}
    result: dict[str, Any] = {
        "disorder_name": name or DISORDER_NAMES[0],
        "profile": {
            "position": (np.arange(n_bins) + 0.5) * side / n_bins,
            "minority_fraction": fraction,
            "disorder": median,
            "n_atoms": count,
        },
        "film_thickness": [(b - a) * side / n_bins for a, b in runs(kinds["film"])],
    }
    for kind, bins in kinds.items():
        inside = bins[of_bin]
        some = bool(inside.any())
        result[kind] = {
            "n_atoms": int(inside.sum()),
            "median_disorder": float(np.nanmedian(disorder[inside])) if some else float("nan"),
            "minority_fraction": float(is_minority[inside].mean()) if some else float("nan"),
        }
    grain = result["grains"]["minority_fraction"]
    result["segregation"] = result["film"]["minority_fraction"] / grain if grain else float("inf")
    return result
