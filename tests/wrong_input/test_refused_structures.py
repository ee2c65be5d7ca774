"""Wrong input of the builders of structures and of what every function asks of a structure."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from refusal import assert_refused
from scipy.spatial.transform import Rotation

from pyiron_nbed import bicrystal, composite, examples, random_alloy
from pyiron_nbed.geometry.cells import as_centers, check_atoms, check_orthogonal, closest_pair
from pyiron_nbed.geometry.frames import beam_frame, random_zone_axes
from pyiron_nbed.structures.bicrystal import boundary_positions, mark_slab
from pyiron_nbed.structures.lattice import fcc_copper
from pyiron_nbed.structures.seeded_film import seed_film

CU = bulk("Cu", cubic=True) * (3, 3, 3)
GRAINS = bicrystal()
FLAT = [[5, 0, 0], [5, 0, 0], [0, 0, 5]]


def changed(**attributes) -> Atoms:
    atoms = CU.copy()
    for name, value in attributes.items():
        setattr(atoms, name, value)
    return atoms


def with_info(**info) -> Atoms:
    atoms = GRAINS.copy()
    atoms.info.update(info)
    return atoms


ALLOY = {
    "no atoms": ({"n_atoms": 0}, "n_atoms is 0"),
    "half an atom": ({"n_atoms": 10.5}, "whole number"),
    "text for a number": ({"n_atoms": "4000"}, "n_atoms is '4000'"),
    "more atoms than there is memory for": ({"n_atoms": 10**12}, "GB of memory"),
    "an endless number": ({"n_atoms": float("inf")}, "n_atoms is inf"),
    "fraction above one": ({"zr_fraction": 36}, "from 0 to 1"),
    "negative fraction": ({"zr_fraction": -0.1}, "from 0 to 1"),
    "fraction as text": ({"zr_fraction": "0.36"}, "zr_fraction is '0.36'"),
    "fraction is NaN": ({"zr_fraction": np.nan}, "zr_fraction is nan"),
    "an element for a fraction": ({"zr_fraction": "Zr"}, "zr_fraction is 'Zr'"),
    "negative seed": ({"seed": -1}, "seed is -1"),
    "seed as text": ({"seed": "a"}, "seed is 'a'"),
    "no seed": ({"seed": None}, "seed is None"),
    "seed is a list": ({"seed": [1, 2]}, "seed is"),
    "lattice constant as text": ({"lattice_constant": "3.6"}, "lattice_constant is '3.6'"),
    "lattice constant in nm": ({"lattice_constant": 0.3639}, "from 1 to 20"),
    "lattice constant in pm": ({"lattice_constant": 363.9}, "from 1 to 20"),
    "lattice constant 0": ({"lattice_constant": 0.0}, "from 1 to 20"),
    "lattice constants of three axes": ({"lattice_constant": (3.6, 3.6, 3.6)}, "lattice_constant is"),
}
COMPOSITE = {
    "radius as text": ({"radius": "14"}, "radius is '14'"),
    "radius 0": ({"radius": 0}, "above 0"),
    "negative radius": ({"radius": -14.5}, "above 0"),
    "radius is NaN": ({"radius": np.nan}, "radius is nan"),
    "radius is a flag": ({"radius": True}, "radius is True"),
    "radii for other crystals": ({"radius": [8.0, 9.0]}, "above 0 Å, or 1 of them"),
    "radius beyond the cell": ({"radius": 100.0}, "does not fit"),
    "radii as text": ({"radius": ["8", "9"], "n_crystals": 2}, "radius is"),
    "half a cell": ({"cells": 2.5}, "cells is 2.5"),
    "cells as text": ({"cells": "10"}, "cells is '10'"),
    "no cells": ({"cells": 0}, "cells is 0"),
    "two axes": ({"cells": (10, 10)}, r"cells is \(10, 10\)"),
    "four axes": ({"cells": (10, 10, 10, 10)}, "or three"),
    "a negative axis": ({"cells": (10, -10, 10)}, "cells is"),
    "cells is a flag": ({"cells": True}, "cells is True"),
    "cells is nothing": ({"cells": None}, "cells is None"),
    "more cells than there is memory for": ({"cells": 100_000}, "GB of memory"),
    "no crystals": ({"n_crystals": 0}, "n_crystals is 0"),
    "half a crystal": ({"n_crystals": 1.5}, "n_crystals is 1.5"),
    "more crystals than atoms": ({"n_crystals": 10**9}, "n_crystals is"),
    "crystals that do not fit": ({"radius": 14.0, "n_crystals": 9, "positions": "random"}, "fit at random"),
    "unknown positions": ({"positions": "hexagonal"}, "'grid', 'random'"),
    "positions are numbers as text": ({"positions": [["a", "b", "c"]]}, "positions is"),
    "positions of two axes": ({"positions": [[0.1, 0.2]]}, "shape"),
    "positions with NaN": ({"positions": [[0.1, 0.2, np.nan]]}, "finite"),
    "positions of several lengths": ({"positions": [[0.1, 0.2, 0.3], [0.1]]}, "positions is"),
    "no positions": ({"positions": np.empty((0, 3))}, "number of positions is 0"),
    "positions are a number": ({"positions": 5}, "positions is 5"),
    "crystals that overlap": (
        {"radius": 9.0, "positions": [[0, 0, 0], [0.2, 0, 0]]},
        "less than their two radii",
    ),
    "fraction above one": ({"zr_fraction": 1.5}, "from 0 to 1"),
    "fraction as text": ({"zr_fraction": "0.5"}, "zr_fraction is '0.5'"),
    "rotated as text": ({"rotated": "yes"}, "Rotation of 1"),
    "rotations of other crystals": ({"rotated": Rotation.identity(2)}, "Rotation of 1"),
    "rotated by an angle": ({"rotated": 45.0}, "Rotation of 1"),
    "negative seed": ({"seed": -3}, "seed is -3"),
    "seed as text": ({"seed": "1"}, "seed is '1'"),
    "lattice constant as text": ({"lattice_constant": "a"}, "lattice_constant is 'a'"),
    "lattice constant is NaN": ({"lattice_constant": np.nan}, "lattice_constant is nan"),
    "negative distance": ({"minimum_distance": -1}, "minimum_distance is -1"),
    "distance that leaves nothing": ({"minimum_distance": 50.0}, "nearest-neighbour distance"),
    "distance as text": ({"minimum_distance": "2"}, "minimum_distance is '2'"),
}
GRAIN_PAIR = {
    "length in nm": ({"length": 13}, "at least 30"),
    "length as text": ({"length": "130"}, "length is '130'"),
    "length 0": ({"length": 0}, "length is 0"),
    "length is endless": ({"length": float("inf")}, "length is inf"),
    "longer than there is memory for": ({"length": 1e12}, "GB of memory"),
    "wider than there is memory for": ({"width": 1e12}, "GB of memory"),
    "negative width": ({"width": -60.0}, "width is -60"),
    "height is NaN": ({"height": np.nan}, "height is nan"),
    "height is a list": ({"height": [31.0]}, "height is"),
    "directions not orthogonal": ({"orientation_1": ((1, 1, 0), (1, 0, 0))}, "not orthogonal"),
    "directions of halves": ({"orientation_2": ((1.5, 1, 0), (0, 0, 1))}, "whole numbers"),
    "directions as text": ({"orientation_1": ("110", "001")}, "whole numbers"),
    "directions of zeros": ({"orientation_2": ((0, 0, 0), (0, 0, 1))}, "whole numbers"),
    "one direction": ({"orientation_1": ((1, 1, 0),)}, "whole numbers"),
    "an orientation is a number": ({"orientation_2": 5}, "whole numbers"),
    "high indices": ({"orientation_1": ((1, 99, 0), (0, 0, 1))}, "up to 20"),
    "no period": ({"max_mismatch": 1e-6}, "raise max_mismatch"),
    "mismatch in per cent": ({"max_mismatch": 2}, "from 0 to 0.1"),
    "mismatch as text": ({"max_mismatch": "0.002"}, "max_mismatch is"),
    "strained unknown": ({"strained": "all"}, "choose one of"),
    "strained is a number": ({"strained": 1}, "strained is 1"),
    "distance of neighbours": ({"minimum_distance": 3.0}, "nearest-neighbour"),
    "shift of three": ({"shift": (1, 2, 3)}, "two lengths"),
    "shift as text": ({"shift": ("1", "2")}, "two lengths"),
    "shift is a number": ({"shift": 1.0}, "two lengths"),
    "shift is NaN": ({"shift": (0, np.nan)}, "finite"),
    "slab beyond a grain": ({"slab": 80.0}, "half of the length"),
    "slab 0": ({"slab": 0}, "slab is 0"),
    "slab as text": ({"slab": "thin"}, "slab is 'thin'"),
    "slab of an unknown boundary": ({"slab": 10.0, "slab_boundaries": "third"}, "choose one of"),
    "unknown boundary without a slab": ({"slab_boundaries": "third"}, "choose one of"),
    "lattice constant as text": ({"lattice_constant": "3.6"}, "lattice_constant is"),
    "lattice constant in nm": ({"lattice_constant": 0.36}, "from 1 to 20"),
}
FILM = {
    "fraction 0": ({"zr_fraction": 0}, "zr_fraction is 0"),
    "fraction in per cent": ({"zr_fraction": 10}, "zr_fraction is 10"),
    "fraction as text": ({"zr_fraction": "0.1"}, "zr_fraction is '0.1'"),
    "film fraction 1": ({"film_fraction": 1}, "film_fraction is 1"),
    "a film that leaves no grain": ({"zr_fraction": 0.5}, "leaves no grains"),
    "a film as rich as a crystal": ({"film_fraction": 0.9}, "allowed are 0.05 to 0.7"),
    "unknown boundaries": ({"boundaries": "left"}, "choose one of"),
    "negative seed": ({"seed": -1}, "seed is -1"),
    "seed as text": ({"seed": "x"}, "seed is 'x'"),
}
ROWS = {
    **{f"random_alloy: {k}": (lambda a=a: random_alloy(**a), part) for k, (a, part) in ALLOY.items()},
    **{f"composite: {k}": (lambda a=a: composite(**{"cells": 10, "radius": 8.0, **a}), part)
       for k, (a, part) in COMPOSITE.items()},
    **{f"bicrystal: {k}": (lambda a=a: bicrystal(**a), part) for k, (a, part) in GRAIN_PAIR.items()},
    **{f"seed_film: {k}": (lambda a=a: seed_film(GRAINS, **a), part) for k, (a, part) in FILM.items()},
    "seed_film: no structure": (lambda: seed_film("Cu"), "must be an ase.Atoms, not str"),
    "seed_film: no bicrystal": (lambda: seed_film(CU), "where its grain boundaries are"),
    "seed_film: Zr already": (lambda: seed_film(changed(numbers=np.full(108, 40))), "where its grain"),
    "boundaries as text": (lambda: boundary_positions(with_info(boundaries=["a", "b"])), "boundaries"),
    "one boundary": (lambda: boundary_positions(with_info(boundaries=[5.0])), "boundaries"),
    "boundaries of no structure": (lambda: boundary_positions(None), "not NoneType"),
    "mark_slab: thickness as text": (lambda: mark_slab(GRAINS.copy(), "10"), "slab is '10'"),
    "mark_slab: too thick": (lambda: mark_slab(GRAINS.copy(), 500.0), "leaves nothing"),
    "mark_slab: unknown boundary": (lambda: mark_slab(GRAINS.copy(), 10.0, 1), "choose one of"),
    "mark_slab: no bicrystal": (lambda: mark_slab(CU.copy(), 10.0), "where its grain boundaries are"),
    "fcc_copper: halves": (lambda: fcc_copper((1.5, 2, 2)), "repeat is 1.5"),
    "fcc_copper: text": (lambda: fcc_copper("222"), "repeat is '222'"),
    "fcc_copper: two axes": (lambda: fcc_copper((2, 2)), "repeat is"),
    "fcc_copper: none": (lambda: fcc_copper((0, 2, 2)), "repeat is 0.0"),
    "an unknown example": (lambda: examples.load("glass"), "choose one of"),
    "an example by its number": (lambda: examples.load(3), "choose one of"),
    "an example by its path": (lambda: examples.load("../data"), "choose one of"),
    "provenance of an unknown example": (lambda: examples.provenance("glass"), "choose one of"),
    "structure: a path": (lambda: check_atoms("atoms.xyz"), "not str"),
    "structure: a list of one": (lambda: check_atoms([CU]), "not list"),
    "structure: one atom of ase": (lambda: check_atoms(CU[0]), "one Atom of it"),
    "structure: empty": (lambda: check_atoms(Atoms()), "no atoms"),
    "structure: NaN": (lambda: check_atoms(changed(positions=np.full((108, 3), np.nan))), "NaN or infinite"),
    "structure: cell is NaN": (lambda: check_atoms(Atoms("Cu", cell=np.full((3, 3), np.nan))), "cell "
    "holds NaN"),
    "structure: far away": (lambda: check_atoms(changed(positions=CU.positions + 1e10)), "from the origin"),
    "structure: endless cell": (lambda: check_atoms(Atoms("Cu", cell=[1e12] * 3)), "cell vectors reach"),
    "structure: periodic without a cell": (lambda: check_atoms(Atoms("Cu", pbc=True)), "is zero"),
    "structure: flat cell": (lambda: check_atoms(Atoms("Cu", cell=FLAT)), "no volume"),
    "structure: overlapping": (lambda: check_atoms(Atoms("Cu2"), 0.5), "0.000 Å apart"),
    "structure: distance as text": (lambda: check_atoms(CU, "0.5"), "minimum_distance is '0.5'"),
    "structure: negative distance": (lambda: check_atoms(CU, -1), "minimum_distance is -1"),
    "not orthogonal": (lambda: check_orthogonal(bulk("Cu")), "not orthogonal"),
    "not periodic": (lambda: check_orthogonal(Atoms("Cu", cell=[5, 5, 5])), "periodicity"),
    "orthogonal: no structure": (lambda: check_orthogonal("Cu"), "not str"),
    "closest pair within text": (lambda: closest_pair(CU, "3"), "within is '3'"),
    "closest pair within nothing": (lambda: closest_pair(CU, -1.0), "within is -1"),
    "centres as text": (lambda: as_centers("abc"), "finite positions"),
    "centres of two axes": (lambda: as_centers([[1, 2]]), "finite positions"),
    "centres with NaN": (lambda: as_centers([1, 2, np.nan]), "finite positions"),
    "no centres": (lambda: as_centers([]), "finite positions"),
    "centres are numbers as text": (lambda: as_centers([["1", "2", "3"]]), "finite positions"),
    "beam along nothing": (lambda: beam_frame((0, 0, 0)), "not all zero"),
    "beam as text": (lambda: beam_frame("001"), "three numbers"),
    "no axes": (lambda: random_zone_axes(0, 1), "number of zone axes is 0"),
    "axes with a negative seed": (lambda: random_zone_axes(3, -1), "seed is -1"),
    "axes with a seed as text": (lambda: random_zone_axes(3, "a"), "seed is 'a'"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)
