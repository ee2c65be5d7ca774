"""Wrong input of the functions of short-range order."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused

from pyiron_nbed.ssro import (
    bond_order,
    common_neighbors,
    cutoff_neighbors,
    disorder_and_bond_order,
    disorder_of,
    disorder_parameter,
    find_regions,
    motif_class,
    motif_density,
    motif_name,
    motif_statistics,
    nearest_neighbors,
    population_threshold,
    radial_distribution,
    region_table,
    short_range_order,
    sliding_profile,
    voronoi_index,
)
from pyiron_nbed.ssro.colors import atom_colors, color_name
from pyiron_nbed.ssro.export import to_ovito, write_dump, write_extxyz
from pyiron_nbed.ssro.film import film_summary
from pyiron_nbed.ssro.motifs import frequent_motifs, is_motif, species_mask
from pyiron_nbed.ssro.profiles import make_windows
from pyiron_nbed.ssro.regions import Regions

CU = bulk("Cu", cubic=True) * (3, 3, 3)
AL = Atoms(np.full(108, 13), CU.positions, cell=CU.cell, pbc=True)
OPEN = Atoms(CU.numbers, CU.positions)
INDEX = np.tile([0, 12, 0, 0], (108, 1))
CNA = np.ones(108, int)
NOTHING = Regions(np.zeros(108, int), np.full(108, -1), [], 0)


def per_function(functions, cases, **given):
    return {
        f"{function.__name__}: {name}": (lambda f=function, a=arguments: f(CU, **{**given, **a}), part)
        for function in functions
        for name, (arguments, part) in cases.items()
    }


def named(function, cases, *first):
    return {
        f"{function.__name__}: {name}": (lambda a=arguments: function(*first, **a), part)
        for name, (arguments, part) in cases.items()
    }


SEARCH = {
    "cores 0": ({"cores": 0}, "cores is 0"),
    "negative cores": ({"cores": -1}, "cores is -1"),
    "cores as text": ({"cores": "2"}, "cores is '2'"),
    "half a core": ({"cores": 1.5}, "cores is 1.5"),
    "distance as text": ({"minimum_distance": "0.5"}, "minimum_distance is '0.5'"),
    "negative distance": ({"minimum_distance": -0.5}, "minimum_distance is -0.5"),
    "distance is NaN": ({"minimum_distance": np.nan}, "minimum_distance is nan"),
    "distance of neighbours": ({"minimum_distance": 2.6}, "2.553 Å apart"),
}
NEIGHBORS = {
    "no neighbours": ({"n_neighbors": 0}, "n_neighbors is 0"),
    "5000 neighbours": ({"n_neighbors": 5000}, "from 1 to 500"),
    "half a neighbour": ({"n_neighbors": 12.5}, "n_neighbors is 12.5"),
    "neighbours as text": ({"n_neighbors": "12"}, "n_neighbors is '12'"),
    "neighbours a list": ({"n_neighbors": [12]}, r"n_neighbors is \[12\]"),
    "neighbours a flag": ({"n_neighbors": True}, "n_neighbors is True"),
}
HARMONICS = {
    "odd degree": ({"l": 5}, "even number"),
    "degree 0": ({"l": 0}, "even number"),
    "degree 22": ({"l": 22}, "even number"),
    "degree as text": ({"l": "6"}, "even number"),
    "a list of degrees": ({"l": [4, 6]}, "even number"),
    "unknown backend": ({"backend": "gpu"}, "'numba', 'pyscal3'"),
    "no backend": ({"backend": None}, "'numba', 'pyscal3'"),
}
PAIRS = {
    "cutoff 0": ({"cutoff": 0}, "cutoff is 0"),
    "negative cutoff": ({"cutoff": -3.0}, "cutoff is -3"),
    "cutoff as text": ({"cutoff": "10"}, "cutoff is '10'"),
    "endless cutoff": ({"cutoff": float("inf")}, "cutoff is inf"),
    "cutoff beyond the memory": ({"cutoff": 1e5}, "GB of memory"),
    "cutoff of several": ({"cutoff": [3, 4]}, "cutoff is"),
}
OVITO = {
    "unknown backend": ({"backend": "numba"}, "'ovito', 'pyscal3'"),
    "distance as text": ({"minimum_distance": "0.5"}, "minimum_distance is"),
    "distance of neighbours": ({"minimum_distance": 2.6}, "2.553 Å apart"),
}
WINDOWS = {
    "axis by its letter": ({"axis": "x"}, "axis is 'x'"),
    "fourth axis": ({"axis": 3}, "axis is 3"),
    "negative axis": ({"axis": -1}, "axis is -1"),
    "axis a direction": ({"axis": (1, 0, 0)}, "axis is"),
    "axis a flag": ({"axis": True}, "axis is True"),
    "window 0": ({"window": 0}, "window is 0"),
    "negative window": ({"window": -2}, "window is -2"),
    "window as text": ({"window": "2"}, "window is '2'"),
    "window is NaN": ({"window": np.nan}, "window is nan"),
    "window wider than the cell": ({"window": 500}, "extent of the structure"),
    "step 0": ({"step": 0}, "step is 0"),
    "step as text": ({"step": "1"}, "step is '1'"),
    "step beyond the cell": ({"step": 1e9}, "extent of the structure"),
    "step far below an atom": ({"step": 1e-9}, "step is 1e-09"),
}
EVERYTHING = {
    "further degrees a number": ({"bond_orders": 4}, "bond_orders is 4"),
    "further degrees as text": ({"bond_orders": "4"}, "bond_orders is '4'"),
    "further degrees odd": ({"bond_orders": [4, 5]}, "even number"),
    "no further degrees": ({"bond_orders": None}, "bond_orders is None"),
    "analyses as text": ({"analyses": "voronoi"}, "give a list of names"),
    "unknown analysis": ({"analyses": ["voroni"]}, "'voroni' is unknown"),
    "regions alone": ({"analyses": ["regions"]}, "needs voronoi and cna"),
    "analyses a flag": ({"analyses": True}, "analyses is True"),
    "threshold of edges as text": ({"edge_threshold": "0.6"}, "edge_threshold is"),
    "threshold of edges in pm": ({"edge_threshold": 60}, "from 0 to 3"),
    "no motifs": ({"top_motifs": 0}, "top_motifs is 0"),
    "motifs as text": ({"top_motifs": "all"}, "top_motifs is 'all'"),
    "options of regions a list": ({"region_options": ["emergence"]}, "give a dict"),
    "unknown option of regions": ({"region_options": {"emergnce": 0.5}}, "no option 'emergnce'"),
    "option of regions out of range": ({"region_options": {"emergence": 2}}, "emergence is 2"),
    "motif of regions": ({"region_options": {"outer": (0, 10)}}, "shape"),
    "cutoff of the RDF": ({"rdf_cutoff": -1}, "rdf_cutoff is -1"),
    "bins of the RDF": ({"rdf_bin_width": 0}, "rdf_bin_width is 0"),
    "bins wider than the cutoff": ({"rdf_bin_width": 50.0}, "rdf_bin_width is 50"),
    "modulus as text": ({"modulus": "yes"}, "modulus is 'yes'"),
    "an atomic number for an element": ({"motif_species": 29}, "motif_species is 29"),
    "an element that is not there": ({"motif_species": "Zr"}, "choose one of 'Cu', or 'all'"),
    "a list of elements": ({"motif_species": ["Cu"]}, "motif_species is"),
}
REGIONS = {
    "axis by its letter": ({"axis": "z"}, "axis is 'z'"),
    "window 0": ({"window": 0}, "window is 0"),
    "emergence 1": ({"emergence": 1}, "emergence is 1"),
    "emergence as text": ({"emergence": "0.5"}, "emergence is '0.5'"),
    "crystal_share 1.5": ({"crystal_share": 1.5}, "crystal_share is 1.5"),
    "interior_share negative": ({"interior_share": -0.1}, "interior_share is -0.1"),
    "thickness 0": ({"minimum_thickness": 0}, "minimum_thickness is 0"),
    "motif of three": ({"outer": (0, 10, 2)}, "shape"),
    "motif as text": ({"inner": "icosahedron"}, "shape"),
    "motif of halves": ({"inner": (0, 0.5, 12, 0)}, "type float64"),
    "species not there": ({"motif_species": "Zr"}, "choose one of 'Cu'"),
    "indices of other atoms": ({"voronoi_index": INDEX[:5]}, r"voronoi_index has the shape \(5, 4\)"),
    "indices are none": ({"voronoi_index": None}, "voronoi_index has the shape"),
    "cna of other atoms": ({"cna": CNA[:5]}, r"cna has the shape \(5,\)"),
    "cna of other numbers": ({"cna": CNA * 9}, "other values than 0 to 4"),
    "cna as names": ({"cna": np.full(108, "fcc")}, "other values"),
}
FILM = {
    "minority by its number": ({"minority": 40}, "minority is 40"),
    "minority misspelt": ({"minority": "zr"}, "minority is 'zr'"),
    "axis by its letter": ({"axis": "x"}, "axis is 'x'"),
    "bins 0": ({"bin_width": 0}, "bin_width is 0"),
    "bins far below an atom": ({"bin_width": 1e-7}, "bin_width is 1e-07"),
    "bins as text": ({"bin_width": "2"}, "bin_width is '2'"),
    "cores -1": ({"cores": -1}, "cores is -1"),
}
THRESHOLD = {
    "empty": ({"low": [], "high": [1.0]}, "at least one"),
    "NaN": ({"low": [np.nan], "high": [1.0]}, "some are NaN"),
    "text": ({"low": ["0.1"], "high": [1.0]}, "low is"),
    "a number": ({"low": 0.1, "high": [1.0]}, "low is 0.1"),
    "unknown weights": ({"low": [0.1], "high": [1.0], "weights": "sizes"}, "'rates', 'counts'"),
}
RDF = {
    "bins 0": ({"bin_width": 0}, "bin_width is 0"),
    "bins beyond the cutoff": ({"bin_width": 11.0}, "the cutoff"),
    "bins far below an atom": ({"bin_width": 1e-12}, "bin_width is 1e-12"),
    "bins as text": ({"bin_width": "a"}, "bin_width is 'a'"),
    "mask of other atoms": ({"mask": np.ones(3, bool)}, "108 booleans"),
    "mask of numbers": ({"mask": np.ones(108)}, "type float64"),
    "mask of indices": ({"mask": [0, 1, 2]}, "108 booleans"),
    "mask that selects nothing": ({"mask": np.zeros(108, bool)}, "selects no atom"),
    "unknown norm": ({"normalize": "bulk"}, "'cell', 'local'"),
}
DENSITY = {
    "motifs of three": ({"motifs": [(0, 12, 0)]}, "shape"),
    "motif, not a list": ({"motifs": (0, 12, 0, 0)}, "shape"),
    "no motifs listed": ({"top": 0}, "top is 0"),
    "species not there": ({"motif_species": "Zr"}, "choose one of"),
    "species by its number": ({"motif_species": 29}, "motif_species is 29"),
}
ROWS = {
    **per_function([disorder_parameter, bond_order, disorder_and_bond_order], SEARCH | NEIGHBORS | HARMONICS),
    **per_function([nearest_neighbors], SEARCH | NEIGHBORS),
    **per_function([cutoff_neighbors], SEARCH | PAIRS, cutoff=3.0),
    **per_function([radial_distribution], SEARCH | PAIRS | RDF),
    **per_function([voronoi_index, common_neighbors], OVITO),
    **per_function([short_range_order], NEIGHBORS | WINDOWS | EVERYTHING),
    **named(make_windows, WINDOWS, CU),
    **named(sliding_profile, WINDOWS, CU, np.ones(108)),
    **named(motif_density, WINDOWS | DENSITY, CU, INDEX),
    **per_function([find_regions], REGIONS, voronoi_index=INDEX, cna=CNA),
    **named(film_summary, FILM, CU),
    **named(population_threshold, THRESHOLD),
    "film_summary: open along the axis": (lambda: film_summary(OPEN), "open along axis 0"),
    "film_summary: no structure": (lambda: film_summary([CU]), "not list"),
    "disorder_parameter: modulus as text": (lambda: disorder_parameter(CU, modulus="a"), "modulus is 'a'"),
    "disorder_parameter: a path": (lambda: disorder_parameter("atoms.dump"), "not str"),
    "disorder_parameter: a list of structures": (lambda: disorder_parameter([CU, CU]), "not list"),
    "disorder_parameter: too few atoms": (lambda: disorder_parameter(OPEN[:12]), "at least 13 atoms"),
    "disorder_parameter: pyscal3 of a cluster": (
        lambda: disorder_parameter(OPEN, backend="pyscal3"), "periodic in all directions"),
    "voronoi_index: threshold as text": (lambda: voronoi_index(CU, "0.6"), "edge_threshold is '0.6'"),
    "voronoi_index: negative threshold": (lambda: voronoi_index(CU, -1), "edge_threshold is -1"),
    "voronoi_index: threshold in pm": (lambda: voronoi_index(CU, 60), "from 0 to 3"),
    "voronoi_index: no structure": (lambda: voronoi_index(None), "not NoneType"),
    "common_neighbors: empty": (lambda: common_neighbors(Atoms()), "no atoms"),
    "radial_distribution: no cell": (lambda: radial_distribution(OPEN), "normalize='local'"),
    "short_range_order: Al": (lambda: short_range_order(AL), "motif_species is 'Cu'"),
    "short_range_order: a path": (lambda: short_range_order("atoms.dump"), "not str"),
    "short_range_order: cores -1": (lambda: short_range_order(CU, cores=-1), "cores is -1"),
    "sliding_profile: values as text": (lambda: sliding_profile(CU, ["1"] * 108), "each of the 108 atoms"),
    "sliding_profile: other values": (lambda: sliding_profile(CU, [1.0]), "each of the 108 atoms"),
    "sliding_profile: vectors": (lambda: sliding_profile(CU, CU.positions), "each of the 108 atoms"),
    "sliding_profile: NaN": (lambda: sliding_profile(CU, np.full(108, np.nan)), "108 of 108 values are NaN"),
    "sliding_profile: no structure": (lambda: sliding_profile(None, [1.0]), "not NoneType"),
    "make_windows: all in one plane": (lambda: make_windows(Atoms("Cu2", [[0] * 3, [0, 0, 3]])), "one plane"),
    "motif_class: halves": (lambda: motif_class(INDEX / 2), "whole numbers"),
    "motif_class: of five": (lambda: motif_class(np.ones((3, 5), int)), "whole numbers"),
    "motif_class: text": (lambda: motif_class("<0,12,0,0>"), "whole numbers"),
    "motif_class: negative": (lambda: motif_class(-INDEX), "between 0 and 63"),
    "motif_class: several lengths": (lambda: motif_class([[0, 12, 0, 0], [0, 12]]), "whole numbers"),
    "motif_name: of three": (lambda: motif_name((0, 12, 0)), "whole numbers"),
    "motif_name: text": (lambda: motif_name("abcd"), "whole numbers"),
    "is_motif: of three": (lambda: is_motif(INDEX, (0, 12, 0)), "whole numbers"),
    "frequent_motifs: none": (lambda: frequent_motifs(INDEX, 0), "top is 0"),
    "frequent_motifs: text": (lambda: frequent_motifs(INDEX, "8"), "None for all"),
    "motif_statistics: other atoms": (lambda: motif_statistics(CU, INDEX[:4]), "4 rows but there are 108"),
    "motif_statistics: not there": (lambda: motif_statistics(AL, INDEX), "choose one of 'Al', or 'all'"),
    "species_mask: a number": (lambda: species_mask(CU, 29), "motif_species is 29"),
    "region_table: other atoms": (lambda: region_table(CU, NOTHING, [0.1]), "arrays of one structure"),
    "region_table: text": (lambda: region_table(CU, NOTHING, ["a"] * 108), "d_i of the atoms"),
    "disorder_of: nothing": (lambda: disorder_of({}), "compute it first"),
    "color_name: not computed": (lambda: color_name(CU), "compute it first"),
    "color_name: unknown": (lambda: color_name(CU, "energy"), "choose one of"),
    "color_name: a number": (lambda: color_name(CU, 1), "choose one of"),
    "atom_colors: not computed": (lambda: atom_colors(CU, "cna"), "no array 'cna'"),
    "to_ovito: not computed": (lambda: to_ovito(CU), "compute it first"),
    "to_ovito: no structure": (lambda: to_ovito("Cu", "species"), "not str"),
    "write_dump: a foreign file": (lambda: write_dump(__file__, CU, "species"), "overwrite=True"),
    "write_extxyz: a foreign file": (lambda: write_extxyz(__file__, CU), "overwrite=True"),
    "write_dump: no such folder": (lambda: write_dump("no/a.dump", CU, "species"), "its folder does not"),
    "write_extxyz: no such folder": (lambda: write_extxyz("absent/a.xyz", CU), "its folder does not exist"),
    "write_dump: a folder": (lambda: write_dump(".", CU, "species"), "which is a folder"),
    "write_extxyz: a folder": (lambda: write_extxyz("..", CU), "which is a folder"),
    "write_dump: no path": (lambda: write_dump(None, CU, "species"), "path is None"),
    "write_extxyz: no path": (lambda: write_extxyz(5, CU), "path is 5"),
    "write_dump: overwrite as text": (lambda: write_dump("a.dump", CU, "species", overwrite="no"), "True or"),
    "write_dump: step as text": (lambda: write_dump("a.dump", CU, "species", step="a"), "step is 'a'"),
    "write_dump: not computed": (lambda: write_dump("a.dump", CU), "compute it first"),
    "write_dump: no cell": (lambda: write_dump("a.dump", OPEN, "species"), "cell with a volume"),
    "write_dump: no structure": (lambda: write_dump("a.dump", [CU], "species"), "not list"),
    "write_extxyz: no structure": (lambda: write_extxyz("a.xyz", [CU]), "not list"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)
