"""Quantities of pint: every unit of a kind gives the same number in ours, and nothing else is touched."""

import dataclasses
import doctest
import inspect
import json
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pint
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from pyiron_nbed import (
    Cylinder,
    Ellipsoid,
    Mesh,
    OneLayerCluster,
    VolumeRange,
    WeightedVolume,
    bicrystal,
    composite,
    random_alloy,
    simulate_patterns,
)
from pyiron_nbed.diffraction.multislice import MultisliceOptions
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry import cells
from pyiron_nbed.lammps.complexion import Complexion
from pyiron_nbed.lammps.protocol import MeltQuench
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.provenance import hash_of
from pyiron_nbed.ssro.disorder import disorder_parameter
from pyiron_nbed.ssro.ovito import voronoi_index
from pyiron_nbed.ssro.profiles import sliding_profile
from pyiron_nbed.ssro.rdf import radial_distribution
from pyiron_nbed.units import (
    SYMBOLS,
    electron_wavelength,
    plain_values,
    quantities,
    to_unit,
    units_of,
)

U = pint.UnitRegistry()
# ours: other units of the same kind and how many of ours they are, by hand
OTHERS = {
    "angstrom": {"nm": 10, "pm": 0.01, "m": 1e10, "inch": 2.54e8},
    "1/angstrom": {"1/nm": 0.1, "1/pm": 100, "1/m": 1e-10},
    "eV": {"keV": 1e3, "J": 1 / 1.602176634e-19, "MeV": 1e6},
    "K": {"mK": 1e-3, "kK": 1e3},
    "K/s": {"K/ps": 1e12, "K/ns": 1e9, "kK/ms": 1e6, "delta_degC/s": 1},
    "ps": {"fs": 1e-3, "ns": 1e3, "s": 1e12},
    "fs": {"ps": 1e3, "as": 1e-3},
    "mrad": {"rad": 1e3, "degree": 1e3 * np.pi / 180, "urad": 1e-3},
    "degree": {"rad": 180 / np.pi, "mrad": 0.18 / np.pi, "turn": 360},
    "pixel": {"pixel": 1},
}
PAIRS = [(ours, other, factor) for ours, of in OTHERS.items() for other, factor in of.items()]


@pytest.mark.parametrize(("ours", "other", "factor"), PAIRS)
@given(value=st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-6))
def test_every_unit_gives_the_same_number(ours, other, factor, value):
    assert to_unit(value * U(other).units, ours, "x") == pytest.approx(value * factor, rel=1e-12)
    ours_and_back = U.Quantity(value, ours).to(other)
    assert to_unit(ours_and_back, ours, "x") == pytest.approx(value, rel=1e-12)


def test_all_units_are_tested():
    assert set(OTHERS) == set(SYMBOLS)


@pytest.mark.parametrize("ours", SYMBOLS)
def test_another_dimension_is_refused(ours):
    wrong = [name for kind, of in OTHERS.items() for name in of if kind != ours]
    same = {"ps": ["fs"], "fs": ["ps"], "mrad": ["degree"], "degree": ["mrad"]}.get(ours, [])
    wrong = [name for name in wrong if not any(name in OTHERS[kind] or name == kind for kind in same)]
    wrong = [name for name in wrong if name not in OTHERS[ours] and name != ours]
    for name in [*wrong, "dimensionless", "kg"]:
        with pytest.raises(InputError, match=r"^the_name has the unit .*: give .*plain number in "):
            to_unit(1.0 * U(name).units, ours, "the_name")


def test_temperatures():
    assert to_unit(U.Quantity(20.0, "degC"), "K", "T") == pytest.approx(293.15, abs=1e-12)
    assert to_unit(U.Quantity(68.0, "degF"), "K", "T") == pytest.approx(293.15, abs=1e-9)
    assert MeltQuench(final_temperature=U.Quantity(26.85, "degC")).final_temperature == pytest.approx(300)
    with pytest.raises(InputError, match=r"T has the unit delta_degree_Celsius: give a temperature"):
        to_unit(U.Quantity(20.0, "delta_degC"), "K", "T")


def test_an_angle_per_length_is_not_k():
    """2π/d in rad/Å would pass for k = 1/d, since pint takes radians for plain numbers."""
    with pytest.raises(InputError, match=r"k_max has the unit radian / angstrom: .*without the angle 2π"):
        Mesh(k_max=U.Quantity(6.28, "rad/angstrom"), delta_k=0.01)


def test_contexts_of_a_registry_change_nothing():
    registry = pint.UnitRegistry()
    with registry.context("boltzmann"), pytest.raises(InputError, match="give a temperature"):
        to_unit(registry.Quantity(0.1, "eV"), "K", "T")
    with registry.context("sp"), pytest.raises(InputError, match="give an energy"):
        Mesh(beam_energy=registry.Quantity(2.5, "pm"))


def test_any_registry_and_number():
    other = pint.UnitRegistry()
    other.define("fcc_cell = 3.6 * angstrom")
    assert to_unit(2 * other.fcc_cell, "angstrom", "x") == pytest.approx(7.2)
    exact = pint.UnitRegistry(non_int_type=Fraction)
    assert to_unit(exact.Quantity(Fraction(1, 2), "nm"), "angstrom", "x") == 5.0
    assert type(to_unit(U.Quantity(np.float32(5), "angstrom"), "angstrom", "x")) is float
    assert type(to_unit(U.Quantity(5, "angstrom"), "angstrom", "x")) is float


def test_lists_ranges_and_arrays():
    nm = U.nm
    assert to_unit([1 * nm, [2 * nm, 3]], "angstrom", "x") == [10.0, [20.0, 3]]
    assert to_unit((1 * nm, None), "angstrom", "x") == (10.0, None)
    array = to_unit(U.Quantity(np.arange(6).reshape(2, 3), "nm"), "angstrom", "x")
    assert array.dtype == float
    assert array.tolist() == [[0, 10, 20], [30, 40, 50]]
    mixed = np.empty(2, object)
    mixed[:] = [1 * nm, 2 * U.pm]
    assert to_unit(mixed, "angstrom", "x").tolist() == [10.0, 0.02]


@pytest.mark.parametrize(
    "value", [5, 5.0, "5", None, True, [1, 2.5], (1, None), np.arange(3.0), {"a": 1}, bulk("Cu")], ids=type
)
def test_all_else_is_the_very_same_object(value):
    assert to_unit(value, "angstrom", "x") is value


DATACLASSES = [
    (Cylinder(5.0, 20.0), Cylinder(0.5 * U.nm, 2000 * U.pm)),
    (Ellipsoid(5, 20), Ellipsoid(height=2 * U.nm, radius=5)),
    (OneLayerCluster(12, 6.0, 0.05), OneLayerCluster(12, 0.6 * U.nm, 5 * U.pm)),
    (WeightedVolume(6, 20), WeightedVolume(0.6 * U.nm, 20)),
    (WeightedVolume(6, 20, "airy", 12.0), WeightedVolume(6, 20, "airy", 1.2 * U.nm)),
    (VolumeRange(Cylinder, (3, 8), (10, 30)), VolumeRange(Cylinder, (0.3 * U.nm, 8), [1, 3] * U.nm)),
    (Mesh(2.0, 0.02, 300e3), Mesh(0.02 / U.pm, 0.2 / U.nm, 300 * U.keV)),
    (Mesh.of_pixels(65, 1.0, 200e3), Mesh.of_pixels(65, 10 / U.nm, 0.2 * U.MeV)),
    (
        MeltQuench(cooling_rate=1e13, melt_time=20.0, timestep=1.0, release_temperature=800),
        MeltQuench(cooling_rate=10 * U.K / U.ps, melt_time=0.02 * U.ns, timestep=1e-3 * U.ps,
                   release_temperature=0.8 * U.kK),
    ),
    (
        Complexion(temperature=900, chemical_potential=3.5, gain=100, final_time=3),
        Complexion(temperature=900 * U.K, chemical_potential=3500 * U.meV, gain=0.1 * U.keV,
                   final_time=3000 * U.fs),
    ),
    (
        MultisliceOptions(1.5, 2.0, 0.05, displacement=0.08),
        MultisliceOptions(1.5e-3 * U.rad, 0.2 * U.nm, 5 * U.pm, displacement=8 * U.pm),
    ),
    (
        DetectorEffects(semiangle=(0.5, 2), background_width=0.2, beam_stop=(0.0, 0.1), beam_energy=3e5),
        DetectorEffects(semiangle=[500, 2000] * U.urad, background_width=2 / U.nm,
                        beam_stop=(0, 1 / U.nm), beam_energy=300 * U.keV),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plain", "given_with_units"), DATACLASSES, ids=lambda d: type(d).__name__)
def test_dataclasses_store_plain_numbers(plain, given_with_units):
    def close(a, b):
        if isinstance(a, (tuple, list)):
            return len(a) == len(b) and all(map(close, a, b))
        return a == pytest.approx(b, rel=1e-12) if isinstance(a, float) else a == b

    assert all(map(close, dataclasses.astuple(plain), dataclasses.astuple(given_with_units)))
    values = (plain.as_dict if hasattr(plain, "as_dict") else lambda: dataclasses.asdict(plain))()
    assert json.loads(json.dumps(values)).keys() == values.keys()
    # the same numbers as quantities in our own units: equal, of the same hash and the same text
    units, fields = units_of(type(plain)), dataclasses.asdict(plain)
    wrapped = {
        name: U.Quantity(value, units[name]) if name in units and np.ndim(value) == 0 and value is not None
        else value for name, value in fields.items()
    }  # fmt: skip
    again = type(plain)(**wrapped)
    assert again == plain
    assert hash(again) == hash(plain)
    assert hash_of(dataclasses.asdict(again)) == hash_of(
        {name: float(v) if name in units and isinstance(v, int) else v for name, v in fields.items()}
    )
    assert dataclasses.replace(again) == plain


@pytest.mark.parametrize("make", [
    lambda: Cylinder(5 * U.K, 20), lambda: VolumeRange(Cylinder, (3 * U.eV, 8), (10, 30)),
    lambda: MeltQuench(cooling_rate=5 * U.K), lambda: Complexion(temperature=1 * U.eV),
    lambda: DetectorEffects(beam_energy=200 * U.kV), lambda: MultisliceOptions(sampling=1 / U.nm),
    lambda: bicrystal(length=5 * U.s), lambda: random_alloy(lattice_constant=3.6 * U.eV),
    lambda: radial_distribution(bulk("Cu", cubic=True), 5 * U.kg), lambda: electron_wavelength(3 * U.nm),
    lambda: Mesh(k_max=1 * U.angstrom),
])  # fmt: skip
def test_a_wrong_dimension_names_the_parameter(make):
    with pytest.raises(InputError, match=r"^[a-z_]+ has the unit .*\.$"):
        make()


def test_a_quantity_where_there_is_no_unit():
    with pytest.raises(InputError, match="zr_fraction is <Quantity"):
        random_alloy(zr_fraction=0.3 * U.nm)
    with pytest.raises(InputError, match="seed is <Quantity"):
        MeltQuench(seed=1 * U.s)


def test_functions():
    for plain, other in (
        (bicrystal(100, 40, 31, slab=10), bicrystal(10 * U.nm, 4 * U.nm, height=3.1 * U.nm, slab=1 * U.nm)),
        (composite(8, 9.0), composite(8, 0.9 * U.nm)),
        (composite(12, [9.0, 5.0], 2), composite(12, [0.9, 0.5] * U.nm, 2)),
        (random_alloy(500, lattice_constant=3.7), random_alloy(500, lattice_constant=370 * U.pm)),
    ):
        assert np.abs(plain.positions - other.positions).max() < 1e-9
        assert (plain.numbers == other.numbers).all()
    atoms = random_alloy(500)
    atoms.rattle(0.1, seed=0)
    one = radial_distribution(atoms, 8.0, 0.25)
    two = radial_distribution(atoms, 0.8 * U.nm, 25 * U.pm)
    assert np.array_equal(one.counts, two.counts)
    assert np.array_equal(disorder_parameter(atoms), disorder_parameter(atoms, minimum_distance=10 * U.pm))
    mean = [sliding_profile(atoms, atoms.numbers, window=w)["mean"] for w in (4.0, 0.4 * U.nm)]
    assert mean[0] == pytest.approx(mean[1])
    centers = np.array([[9.0, 9, 9], [5, 6, 7]])
    patterns = [
        simulate_patterns(atoms, c, Cylinder(4, 10), Mesh(1.0, 0.1))
        for c in (centers, centers / 10 * U.nm, [list(row / 10 * U.nm) for row in centers])
    ]
    assert patterns[0] == pytest.approx(patterns[1], rel=1e-4, abs=1e-3)
    assert np.array_equal(patterns[1], patterns[2])
    widths = (to_unit(2 / U.nm, "1/angstrom", "width"), 2 / U.nm)
    rings = [radial_profile(patterns[0], Mesh(1.0, 0.1), w).mean for w in widths]
    assert np.array_equal(*rings)
    assert electron_wavelength(200 * U.keV) == electron_wavelength(200e3)


def test_edge_threshold():
    atoms = random_alloy(500)
    atoms.rattle(0.1, seed=0)
    assert np.array_equal(voronoi_index(atoms, 1.0), voronoi_index(atoms, 0.1 * U.nm))
    assert not np.array_equal(voronoi_index(atoms, 1.0), voronoi_index(atoms, 0.2))


def test_declarations():
    assert units_of(MeltQuench)["cooling_rate"] == "K/s"
    assert units_of(Mesh, MultisliceOptions)["beam_energy"] == "eV"
    values = plain_values({"cooling_rate": 1 * U.K / U.ps, "seed": 5, "melt_time": None}, MeltQuench)
    assert values == {"cooling_rate": 1e12, "seed": 5, "melt_time": None}
    with pytest.raises(TypeError, match="radius"):
        quantities(radius="angstrom")(lambda height: height)
    with pytest.raises(TypeError, match="height"):
        quantities(height="furlong")(lambda height: height)


def test_a_decorated_function_still_is_of_its_module():
    """Else its example would not be run with those of the module."""
    found = {test.name for test in doctest.DocTestFinder().find(cells) if test.examples}
    assert {"pyiron_nbed.geometry.cells.check_atoms", "pyiron_nbed.geometry.cells.closest_pair"} <= found
    assert list(inspect.signature(Cylinder).parameters) == ["radius", "height"]
    assert inspect.signature(bicrystal).parameters["length"].default == 130.0
    assert bicrystal.__doc__
    assert bicrystal.__module__ == "pyiron_nbed.structures.bicrystal"


def test_pint_is_loaded_by_those_who_use_it_only():
    code = (
        "import sys\n"
        "from pyiron_nbed import Cylinder, Mesh, bicrystal, random_alloy, simulate_patterns\n"
        "from pyiron_nbed.lammps.protocol import MeltQuench\n"
        "Cylinder(5, 20), Mesh(1.0, 0.1), MeltQuench(), random_alloy(100), bicrystal(slab=5.0)\n"
        "loaded = 'pint' in sys.modules\n"
        "import pyiron_nbed.units\n"
        "assert not loaded, [m for m in sys.modules if 'pyiron' in m]\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    blocked = "import sys\nfor name in ('pyiron_base', 'pyiron_atomistics'): sys.modules[name] = None\n"
    subprocess.run([sys.executable, "-c", blocked + code], check=True, env=environment)


def test_units_leave_no_rounding_error():
    # meshes and recipes are compared as they are
    assert Mesh(10 / U.nm, 0.45 / U.nm) == Mesh(1.0, 0.045)
    assert Mesh(1.0, 0.05, 0.2 * U.MeV) == Mesh(1.0, 0.05, 200e3)
    assert Recipe.experiment(Mesh(1.0, 0.05), 1 / U.nm) == Recipe.experiment(Mesh(1.0, 0.05), 0.1)
