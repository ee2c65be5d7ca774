"""Options of the short-range order of a structure, checked before anything is computed."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyiron_nbed import checks
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.harmonics import harmonic_coefficients
from pyiron_nbed.geometry.search import check_n_neighbors
from pyiron_nbed.ssro.disorder import disorder_name
from pyiron_nbed.ssro.ovito import LARGEST_EDGE_THRESHOLD
from pyiron_nbed.ssro.profiles import check_windows
from pyiron_nbed.ssro.rdf import check_bins
from pyiron_nbed.ssro.regions import check_region_options, find_regions
from pyiron_nbed.units import quantities

ANALYSES = ("voronoi", "cna", "regions", "profiles", "rdf")
_BY_OVITO = ("voronoi", "cna", "regions")
_NEEDS = {"regions": ("voronoi", "cna")}
REGION_OPTIONS = tuple(
    name for name in inspect.signature(find_regions).parameters
    if name not in ("atoms", "voronoi_index", "cna", "axis", "motif_species")
)  # fmt: skip


@quantities(
    edge_threshold="angstrom", window="angstrom", step="angstrom", rdf_cutoff="angstrom",
    rdf_bin_width="angstrom",
)  # fmt: skip
def check_options(
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    bond_orders: Sequence[int] = (),
    analyses: Sequence[str] | None = None,
    edge_threshold: float = 0.6,
    axis: int = 0,
    window: float = 2.0,
    step: float = 1.0,
    top_motifs: int = 20,
    region_options: Mapping[str, Any] | None = None,
    rdf_cutoff: float = 10.0,
    rdf_bin_width: float = 0.05,
    modulus: bool = False,
) -> list[str]:
    """What can be said of the options of :func:`short_range_order` without a structure.

    Returns:
        The analyses, as :func:`check_analyses`.

    Raises:
        InputError: a value out of range, or an unknown one.

    Example:
        >>> check_options(analyses=["rdf"], rdf_cutoff=8.0)
        ['rdf']
    """
    if isinstance(bond_orders, str) or not isinstance(bond_orders, (Sequence, np.ndarray)):
        raise InputError(f"bond_orders is {bond_orders!r}: give a list of even degrees, such as [4].")
    for degree in (l, *bond_orders):
        harmonic_coefficients(degree)
    check_n_neighbors(n_neighbors)
    checks.number(edge_threshold, "edge_threshold", 0, LARGEST_EDGE_THRESHOLD, unit="Å")
    check_windows(axis, window, step)
    checks.whole(top_motifs, "top_motifs", 1)
    check_bins(rdf_cutoff, rdf_bin_width, "rdf_")
    disorder_name(modulus)
    if not isinstance(region_options, (Mapping, type(None))):
        raise InputError(f"region_options is {region_options!r}: give a dict, or None for the defaults.")
    wanted = check_analyses(analyses, region_options or {})
    check_region_options(**(region_options or {}))
    return wanted


def check_analyses(analyses: Sequence[str] | None, region_options: Mapping[str, Any]) -> list[str]:
    """The analyses in the order in which they are done.

    Raises:
        InputError: an unknown one, one that needs another or OVITO, or an unknown option of the regions.

    Example:
        >>> check_analyses(["cna", "voronoi"], {})
        ['voronoi', 'cna']
    """
    if isinstance(analyses, str) or not isinstance(analyses, (Sequence, type(None))):
        raise InputError(
            f"analyses is {analyses!r}: give a list of names, such as ['voronoi'], or None for all."
        )
    analyses = ANALYSES if analyses is None else analyses
    for name in analyses:
        if name not in ANALYSES:
            raise InputError(f"The analysis {name!r} is unknown: choose from {', '.join(ANALYSES)}.")
        missing = [need for need in _NEEDS.get(name, ()) if need not in analyses]
        if missing:
            raise InputError(f"The analysis {name!r} needs {' and '.join(missing)} as well: add them.")
    by_ovito = [name for name in analyses if name in _BY_OVITO]
    if by_ovito and importlib.util.find_spec("ovito") is None:
        raise InputError(
            f"OVITO is not installed, which {' and '.join(by_ovito)} need: `pip install ovito`, or leave "
            "them out of the analyses."
        )
    for name in region_options:
        if name not in REGION_OPTIONS:
            raise InputError(f"Regions have no option {name!r}: choose from {', '.join(REGION_OPTIONS)}.")
    return [name for name in ANALYSES if name in analyses]
