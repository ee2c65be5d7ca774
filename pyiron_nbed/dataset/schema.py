"""Every key of a pattern file with its shape and unit: the one home of the schema."""

from __future__ import annotations

from collections.abc import Sequence

FORMAT = "pyiron_nbed patterns"
SCHEMA_VERSION = 3
# 1: without `position`, `scans` and the origin of a structure
# 1 and 2: `disorder_parameter` was the mean of 1 − |Σ_j s_ij| / 12, now called `disorder_modulus`;
#     no `sample` and `view`; `origin` of a structure was called `source`, and scans did not say theirs

# P patterns of n × n pixels, S structures, V volumes
KEYS = {
    "patterns": "(P, n, n) float16 or float32, raw intensity in Å², rows k_y, columns k_x",
    "centers": "(P, 3) float64, centre of the interaction volume in Å, NaN where not known",
    "zone_axes": "(P, 3) float64, direction of the beam, Cartesian, as given; NaN where not known",
    "n_atoms": "(P,) int32, atoms in the interaction volume; 0 where not known",
    "structure": "(P,) int32, row in the attribute `structures`",
    "volume": "(P,) int32, row in the attribute `volumes`",
    "region": "(P,) int32, type of the region most atoms are in, row in the attribute `region_types`",
    "position": "(P,) int32, place in the order of its scan; empty volumes that were left out have no row",
    "sample": "(P,) int32, which volume: patterns of equal number are views of the same one",
    "view": "(P,) int32, number of the view of that volume",
    "n_complete": "(1,) int64, rows that hold patterns; fewer than P in a file that was interrupted",
}
LABELS = {
    "disorder_parameter": "(P,) float64, mean signed d_i = 1 − (1/12) Σ_j s_ij of the atoms, dimensionless",
    "disorder_modulus": "(P,) float64, mean 1 − |Σ_j s_ij| / 12 of the atoms, dimensionless",
    "q6": "(P,) float64, mean Q_6 of the atoms, dimensionless",
    "q4": "(P,) float64, mean Q_4 of the atoms, dimensionless",
    "motif_FCC": "(P,) float64, fraction of the atoms with the Voronoi motif <0,12,0,0>",
    "motif_ordered": "(P,) float64, fraction with an ordered motif",
    "motif_disordered": "(P,) float64, fraction with a disordered motif",
    "motif_intermediate": "(P,) float64, fraction with any other motif",
    "number_density": "(P,) float64, atoms per Å³ of the interaction volume; NaN for one-layer clusters",
}
COMPOSITION_PREFIX = "fraction_"  # fraction_Cu, …: (P,) float64, atomic fraction in the volume

ATTRIBUTES = {
    "format": "str, FORMAT",
    "schema_version": "int",
    "mesh": "JSON, {k_max, delta_k in Å⁻¹, beam_energy in eV or null for the flat slice}",
    "volumes": "JSON list of V volumes, lengths in Å",
    "structures": "JSON list of S {structure_id, origin, temperature, cell (3, 3) in Å, pbc}; origin: what "
    "it comes from; temperature of the frame in K, 0 where minimised, null where not known",
    "scans": "JSON list of {structure, volume, zone_axis, shape, step and origin in Å, order, first: row, "
    "n: rows}; one-layer clusters have none",
    "region_types": "JSON list of names",
    "recipe": "JSON, fields of a Recipe: what a training takes unless told otherwise",
    "input_hash": "str, of all that decides the content; a run that goes on checks it",
    "provenance": "JSON: versions, engine, scan: its options, n_skipped: empty volumes left out, "
    "multislice: options of that engine",
}


def row_arrays(
    total: int, shape: Sequence[int], dtype: str, labels: Sequence[str]
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of every array of a file.

    Args:
        total: number of patterns.
        shape: of a pattern.
        dtype: of the patterns.
        labels: names of the labels.

    Example:
        >>> row_arrays(7, (39, 39), "<f2", ["q6"])["labels/q6"]
        ((7,), '<f8')
    """
    whole = ("n_atoms", "structure", "volume", "region", "position", "sample", "view")
    return {
        "patterns": ((total, *shape), dtype),
        "centers": ((total, 3), "<f8"),
        "zone_axes": ((total, 3), "<f8"),
        **dict.fromkeys(whole, ((total,), "<i4")),
        **{f"labels/{name}": ((total,), "<f8") for name in labels},
    }
