"""Everything about the short-range order of one structure: values per atom, and what sums them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from pyiron_nbed import checks
from pyiron_nbed.errors import StructureError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro.disorder import (
    DISORDER_NAMES,
    bond_order,
    disorder_and_bond_order,
    disorder_modulus,
    disorder_name,
    disorder_of,
)
from pyiron_nbed.ssro.motifs import motif_class, motif_density, motif_statistics, species_mask
from pyiron_nbed.ssro.options import check_options
from pyiron_nbed.ssro.ovito import CNA_TYPES, common_neighbors, voronoi_index
from pyiron_nbed.ssro.profiles import make_windows, profile_in_windows
from pyiron_nbed.ssro.rdf import radial_distribution
from pyiron_nbed.ssro.regions import (
    REGION_TYPES,
    Regions,
    actr_asymmetry,
    find_regions,
    region_table,
)
from pyiron_nbed.ssro.threshold import population_threshold
from pyiron_nbed.units import quantities

# rough core-seconds per million atoms, for the progress bar only
_WEIGHTS = {"disorder": 3, "voronoi": 10, "cna": 4, "regions": 1, "profiles": 1, "rdf": 10}
FCC_BELOW = 0.01  # d_i under which the method calls an fcc atom undisturbed


@quantities(
    edge_threshold="angstrom", window="angstrom", step="angstrom", rdf_cutoff="angstrom",
    rdf_bin_width="angstrom",
)  # fmt: skip
def short_range_order(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    bond_orders: Sequence[int] = (),
    analyses: Sequence[str] | None = None,
    edge_threshold: float = 0.6,
    motif_species: str | None = "Cu",
    axis: int = 0,
    window: float = 2.0,
    step: float = 1.0,
    top_motifs: int = 20,
    region_options: Mapping[str, Any] | None = None,
    rdf_cutoff: float = 10.0,
    rdf_bin_width: float = 0.05,
    cores: int | None = None,
    modulus: bool = False,
) -> tuple[Atoms, dict[str, Any]]:
    """d_i, Q_l, Voronoi motifs, common neighbours, regions, profiles and RDFs of a structure.

    Args:
        atoms: N atoms (Å).
        l: even degree of d_i and Q_l.
        n_neighbors: nearest neighbours of both.
        bond_orders: further degrees whose Q_l is computed, such as (4,).
        analyses: what to compute beside d_i and Q_l, of ``ANALYSES``; "regions" needs "voronoi" and "cna".
            None takes all.
        edge_threshold: of the Voronoi edges in Å.
        motif_species: element of the centres of the motifs; None or "all" counts every atom.
        axis: 0, 1 or 2: of the profiles, and the boundary normal of the regions.
        window: width of the sliding window of the profiles in Å.
        step: of the profiles in Å.
        top_motifs: most frequent motifs listed.
        region_options: other arguments of :func:`pyiron_nbed.ssro.regions.find_regions`.
        rdf_cutoff: Å.
        rdf_bin_width: Å.
        cores: threads; None takes all.
        modulus: take d_i = 1 − |Σ_j s_ij| / n instead of the signed sum; it is then called "disorder_modulus"
            instead of "disorder_parameter" in the structure, the summary and the profiles.

    Returns:
        A copy of the structure with ``arrays`` "disorder_parameter" (or "disorder_modulus"), "q6" (``q<l>``),
        "voronoi_index" (N, 4), "motif_class", "cna", "region" and "region_number" (see
        :class:`pyiron_nbed.ssro.regions.Regions`), and a summary: "n_atoms", "structure_id", "composition",
        "isolated" (atoms whose neighbours are too far for a d_i, NaN, left out of all that follows),
        "disorder_parameter" (or "disorder_modulus") and "one_minus_q6" {"median", "mean", "percentile_5",
        "percentile_95"}, "one_minus_q4" of further degrees; "motifs", "motif_classes", "motif_profile",
        "threshold" (ordered against disordered motifs); "cna"; "fcc_below" share of the fcc
        atoms with d_i under 0.01; "regions" {"films", "note", "start_by", "table", "types",
        "asymmetry", "threshold"}; "profiles"; "rdf". What cannot be had (a glass has no crystal, a
        crystal no disordered motifs) is explained in a "note".

    Raises:
        StructureError: unusable structure.
        InputError: unknown analysis, species or option, or a value out of range; before anything is computed.

    Example:
        >>> from ase.build import bulk
        >>> _, summary = short_range_order(bulk("Cu", cubic=True) * (6, 4, 4), analyses=["voronoi", "cna"])
        >>> round(summary["one_minus_q6"]["median"], 4), summary["cna"]["fcc"]
        (0.4255, 384)
    """
    wanted = check_options(
        l, n_neighbors, bond_orders, analyses, edge_threshold, axis, window, step, top_motifs, region_options,
        rdf_cutoff, rdf_bin_width, modulus,
    )  # fmt: skip
    checks.threads(cores)
    check_atoms(atoms)
    central = species_mask(atoms, motif_species if "voronoi" in wanted else None)
    name = disorder_name(modulus)
    stages = ["disorder", *wanted]
    result = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, info=dict(atoms.info))
    for kept, values in atoms.arrays.items():
        if kept not in ("numbers", "positions", *DISORDER_NAMES):
            result.set_array(kept, values)
    summary: dict[str, Any] = {
        "n_atoms": len(atoms),
        "structure_id": structure_id(atoms),
        "composition": _composition(atoms),
    }
    with progress_bar(sum(_WEIGHTS[stage] for stage in stages), "Short-range order", "") as bar:
        disorder, q = disorder_and_bond_order(atoms, l, n_neighbors, cores)
        disorder = disorder_modulus(disorder) if modulus else disorder
        result.set_array(name, disorder)
        result.set_array(f"q{l}", q)
        summary["isolated"] = int(np.isnan(disorder).sum())
        summary[name], summary[f"one_minus_q{l}"] = _describe(disorder), _describe(1 - q)
        for degree in bond_orders:
            other = bond_order(atoms, degree, n_neighbors, cores)
            result.set_array(f"q{degree}", other)
            summary[f"one_minus_q{degree}"] = _describe(1 - other)
        bar.update(_WEIGHTS["disorder"])
        for stage in wanted:
            bar.set_postfix_str(stage)
            if stage == "voronoi":
                result.set_array("voronoi_index", voronoi_index(atoms, edge_threshold))
                summary.update(_motifs(result, central, motif_species, axis, window, step, top_motifs))
            elif stage == "cna":
                result.set_array("cna", common_neighbors(atoms))
                summary.update(_common_neighbors(result))
            elif stage == "regions":
                summary["regions"] = _regions(result, axis, motif_species, region_options or {})
            elif stage == "profiles":
                summary["profiles"] = _profiles(result, l, axis, window, step)
            elif stage == "rdf":
                summary["rdf"] = _radial_distributions(result, rdf_cutoff, rdf_bin_width, cores)
            bar.update(_WEIGHTS[stage])
    return result, summary


def time_series(summaries: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """What changes from frame to frame.

    Args:
        summaries: of T frames, each with "step" added.

    Returns:
        Arrays (T,): "step", "median_disorder", "mean_disorder", "median_one_minus_q6" (``q<l>``) and, where
        they were computed, "fraction_<motif class>", "fcc", "films", "median_disorder_<region>" and
        "thickness_interior" (Å, mean of the films); NaN where a frame has no such region.

    Example:
        >>> from ase.build import bulk
        >>> _, summary = short_range_order(bulk("Cu", cubic=True) * (3, 3, 3), analyses=[])
        >>> sorted(time_series([{**summary, "step": 0}]))
        ['mean_disorder', 'median_disorder', 'median_one_minus_q6', 'step']
    """
    rows = []
    for summary in summaries:
        disorder = disorder_of(summary)[1]
        order = next(name for name in summary if name.startswith("one_minus_q"))  # of the degree of d_i
        row = {
            "step": summary["step"],
            "median_disorder": disorder["median"],
            "mean_disorder": disorder["mean"],
            f"median_{order}": summary[order]["median"],
        }
        for name, values in summary.get("motif_classes", {}).items():
            row[f"fraction_{name}"] = values["fraction"]
        if "cna" in summary:
            row["fcc"] = summary["cna"]["fcc"] / summary["n_atoms"]
        if "regions" in summary:
            regions = summary["regions"]
            row["films"] = regions["films"]
            for name in REGION_TYPES[1:]:
                row[f"median_disorder_{name}"] = regions["types"].get(name, {}).get("median", np.nan)
            thickness = [r["thickness"] for r in regions["table"] if r["type"] == "interior"]
            row["thickness_interior"] = float(np.mean(thickness)) if thickness else np.nan
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _motifs(atoms, central, motif_species, axis, window, step, top) -> dict[str, Any]:
    index, disorder = atoms.arrays["voronoi_index"], disorder_of(atoms.arrays)[1]
    classes = motif_class(index)
    atoms.set_array("motif_class", classes)
    statistics = motif_statistics(atoms, index, motif_species, top)
    of_class = {}
    for number, name in enumerate(statistics["class_count"]):
        inside = central & (classes == number)
        of_class[name] = {
            "n_atoms": statistics["class_count"][name],
            "fraction": statistics["class_fraction"][name],
            **_describe(disorder[inside]),
        }
    listed = ("species", "n_atoms", "motif", "index", "count", "fraction")
    return {
        "motifs": {key: statistics[key] for key in listed},
        "motif_classes": of_class,
        "motif_profile": motif_density(atoms, index, None, axis, window, step, motif_species),
        "threshold": _threshold(disorder, central & (classes == 1), central & (classes == 2),
                                "ordered motifs", "disordered motifs"),
    }  # fmt: skip


def _common_neighbors(atoms) -> dict[str, Any]:
    cna, disorder = atoms.arrays["cna"], disorder_of(atoms.arrays)[1]
    counts = np.bincount(cna, minlength=len(CNA_TYPES)).tolist()
    fcc = disorder[(cna == CNA_TYPES.index("fcc")) & ~np.isnan(disorder)]
    below = float((fcc < FCC_BELOW).mean()) if len(fcc) else float("nan")
    return {"cna": dict(zip(CNA_TYPES, counts, strict=True)), "fcc_below": below}


def _regions(atoms, axis, motif_species, options) -> dict[str, Any]:
    arrays, disorder = atoms.arrays, disorder_of(atoms.arrays)[1]
    try:
        found = find_regions(
            atoms, arrays["voronoi_index"], arrays["cna"], axis, motif_species=motif_species, **options
        )
    except StructureError as error:  # a glass or a composite: said in the summary, the rest goes on
        none = np.zeros(len(atoms), np.int64)
        found = Regions(none, none - 1, [], 0, [], str(error))
    atoms.set_array("region", found.region)
    atoms.set_array("region_number", found.number)
    table = region_table(atoms, found, disorder)
    types = {
        name: {"n_atoms": int((found.region == number).sum()), **_describe(disorder[found.region == number])}
        for number, name in enumerate(REGION_TYPES)
        if number and (found.region == number).any()
    }
    return {
        "films": found.films,
        "note": found.note,
        "start_by": found.start_by,
        "table": table,
        "types": types,
        "asymmetry": actr_asymmetry(table),
        "threshold": _threshold(disorder, found.region == REGION_TYPES.index("ACTR"),
                                found.region == REGION_TYPES.index("interior"), "ACTR", "interior"),
    }  # fmt: skip


def _profiles(atoms, l, axis, window, step) -> dict[str, Any]:  # noqa: E741
    windows = make_windows(atoms, axis, window, step)
    name, disorder = disorder_of(atoms.arrays)
    values = {
        name: disorder,
        f"one_minus_q{l}": 1 - atoms.arrays[f"q{l}"],
        **{f"fraction_{symbol}": atoms.numbers == Atoms(symbol).numbers[0] for symbol in _composition(atoms)},
    }
    return {
        "axis": axis,
        "window": window,
        **{name: profile_in_windows(windows, np.asarray(value, float)) for name, value in values.items()},
    }


def _radial_distributions(atoms, cutoff, bin_width, cores) -> dict[str, Any]:
    """RDFs of the whole structure, or around the atoms of each type of region.

    Around a region's atoms the density is that of their surroundings ("local"), since crystal and film
    differ in composition.
    """
    region = atoms.arrays.get("region", np.zeros(len(atoms), np.int64))
    groups: dict[str, np.ndarray | None] = {
        name: region == number
        for number, name in enumerate(REGION_TYPES)
        if number and (region == number).any()
    }
    result: dict[str, Any] = {"cutoff": cutoff, "bin_width": bin_width}
    for name, inside in (groups or {"all": None}).items():
        found = radial_distribution(
            atoms,
            cutoff,
            bin_width,
            mask=inside,
            normalize="cell" if inside is None else "local",
            cores=cores,
        )
        result["r"] = found.r
        partial = {f"{a}-{b}": g for (a, b), g in found.partial.items()}
        result[name] = {"total": found.total, "first_peak": found.first_peak, **partial}
    return result


def _threshold(disorder, low, high, low_name, high_name) -> dict[str, Any]:
    low, high = low & ~np.isnan(disorder), high & ~np.isnan(disorder)
    if not low.any() or not high.any():
        absent = low_name if not low.any() else high_name
        return {"note": f"No threshold: the structure has no {absent}."}
    return {"note": "", **population_threshold(disorder[low], disorder[high])}


def _composition(atoms: Atoms) -> dict[str, float]:
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    symbols = Atoms(numbers).get_chemical_symbols()
    return {symbol: float(n / len(atoms)) for symbol, n in zip(symbols, counts, strict=True)}


def _describe(values: np.ndarray) -> dict[str, float]:
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return dict.fromkeys(("median", "mean", "percentile_5", "percentile_95"), float("nan"))
    low, median, high = np.percentile(values, [5, 50, 95])
    return {
        "median": float(median),
        "mean": float(values.mean()),
        "percentile_5": float(low),
        "percentile_95": float(high),
    }
