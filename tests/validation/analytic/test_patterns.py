"""Kinematic patterns against formulas, a direct sum and invariances."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch, beam_frame, scan_grid, scattering_factor
from pyiron_nbed.errors import InputError, StructureError, VolumeError

MESH = Mesh(1.0, 0.015)


def inside(atoms, center, volume, zone_axis):
    """(M, 3) positions in the beam frame and elements of the atoms of a volume: images by brute force."""
    frame = beam_frame(zone_axis)
    images = [range(-2, 3) if p else [0] for p in atoms.pbc]
    found, symbols = [], []
    for shift in np.array(np.meshgrid(*images)).reshape(3, -1).T:
        local = (atoms.positions + shift @ atoms.cell.array - center) @ frame.T
        u, v, w = local.T
        if isinstance(volume, Cylinder):
            hit = (u**2 + v**2 <= volume.radius**2) & (abs(w) <= volume.height / 2)
        else:
            hit = (u**2 + v**2) / volume.radius**2 + (2 * w / volume.height) ** 2 <= 1
        found.append(local[hit])
        symbols += np.array(atoms.get_chemical_symbols())[hit].tolist()
    return np.concatenate(found), np.array(symbols)


def direct(positions, symbols, mesh):
    phase_x = np.exp(2j * np.pi * np.outer(mesh.axis, positions[:, 0]))
    phase_y = np.exp(2j * np.pi * np.outer(mesh.axis, positions[:, 1]))
    amplitude = np.zeros(mesh.shape, complex)
    for symbol in np.unique(symbols):
        own = symbols == symbol
        f = scattering_factor(symbol, np.minimum(mesh.k, mesh.k_max))
        amplitude += f * (phase_y[:, own] @ phase_x[:, own].T)
    return np.where(mesh.disc, np.abs(amplitude) ** 2 / len(positions), 0)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cylinder=st.booleans(),
    pbc=st.tuples(*[st.booleans()] * 3),
    k_max=st.sampled_from([0.8, 1.0, 1.5]),
    delta_k=st.sampled_from([0.015, 0.04, 0.05]),
)
def test_against_direct_sum(seed, cylinder, pbc, k_max, delta_k):
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(22, 26, 3)) + random.uniform(-3, 3, (3, 3))
    atoms = Atoms(
        numbers=random.choice([29, 40, 13], 700), scaled_positions=random.random((700, 3)), cell=cell, pbc=pbc
    )
    volume = (Cylinder if cylinder else Ellipsoid)(random.uniform(3, 5), random.uniform(8, 14))
    zone_axis = random.normal(size=3)
    center = np.array([0.5, 0.5, 0.5]) @ cell + random.uniform(-2, 2, 3)
    mesh = Mesh(k_max, delta_k)
    positions, symbols = inside(atoms, center, volume, zone_axis)
    if not len(positions):
        return
    found = VolumeSearch(atoms, volume, zone_axis)(center)
    assert found.counts[0] == len(positions)
    expected = direct(positions, symbols, mesh)
    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-12)):
        pattern = simulate_patterns(atoms, center, volume, mesh, zone_axis, dtype=dtype)[0]
        assert pattern.dtype == dtype
        assert np.abs(pattern - expected).max() <= tolerance * expected.max()


def test_single_atom_gives_the_squared_scattering_factor():
    atoms = Atoms("Zr", positions=[[5.0, 5.0, 5.0]], cell=[10, 10, 10], pbc=True)
    pattern = simulate_patterns(atoms, [[5.3, 4.9, 5.0]], Cylinder(3, 8), dtype=np.float64)[0]
    expected = np.where(MESH.disc, scattering_factor("Zr", np.minimum(MESH.k, 1.0)) ** 2, 0)
    assert np.abs(pattern - expected).max() < 1e-10 * expected.max()


def test_two_atoms_give_fringes():
    distance = 4.0
    atoms = Atoms("Cu2", positions=[[8, 10, 10], [8 + distance, 10, 10]], cell=[20] * 3, pbc=True)
    pattern = simulate_patterns(atoms, [[10, 10, 10]], Cylinder(4, 8), dtype=np.float64)[0]
    row = pattern[MESH.half]  # k_y = 0
    f = scattering_factor("Cu", np.abs(MESH.axis))
    assert row == pytest.approx(2 * f**2 * np.cos(np.pi * MESH.axis * distance) ** 2, abs=1e-9)
    column = pattern[:, MESH.half]  # no phase difference along y
    assert column == pytest.approx(2 * f**2, abs=1e-9)


def test_friedel_centre_and_disc(rattled):
    found = VolumeSearch(rattled, Cylinder(5, 20))(np.array([[16.0, 16.0, 16.0]]))
    pattern = simulate_patterns(rattled, [[16, 16, 16]], Cylinder(5, 20))[0]
    assert (pattern == pattern[::-1, ::-1]).all()
    symbols = np.array(rattled.get_chemical_symbols())[found.indices]
    total = sum(scattering_factor(s, 0.0) for s in symbols)
    assert pattern[66, 66] == pytest.approx(total**2 / len(symbols), rel=1e-6)
    assert pattern.shape == (133, 133)
    assert MESH.disc.sum() == 13_965
    assert (pattern[~MESH.disc] == 0).all()


def test_translation_of_structure_and_centre_changes_nothing(rattled):
    moved = rattled.copy()
    moved.translate([3.7, -81.0, 12.1])
    a = simulate_patterns(rattled, [[16, 16, 16]], Cylinder(5, 20), dtype=np.float64)
    b = simulate_patterns(moved, [[19.7, -65, 28.1]], Cylinder(5, 20), dtype=np.float64)
    assert np.abs(a - b).max() < 1e-9 * a.max()


def test_quarter_turn_of_the_structure_turns_the_pattern(rattled):
    turned = rattled.copy()
    rotation = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    turned.positions = turned.positions @ rotation.T
    turned.set_cell(turned.cell.array @ rotation.T)
    center = np.array([16.0, 15.0, 14.0])
    a = simulate_patterns(rattled, [center], Cylinder(5, 20), dtype=np.float64)[0]
    b = simulate_patterns(turned, [rotation @ center], Cylinder(5, 20), dtype=np.float64)[0]
    # rows k_y, columns k_x: (k_x, k_y) of the old pattern is at (−k_y, k_x) of the new one
    assert np.abs(np.rot90(a, 1)[::-1, ::-1] - b).max() < 1e-9 * a.max()


@pytest.mark.parametrize(
    ("zone_axis", "spots"),
    [((0, 0, 1), [(2, 0, 0), (0, 2, 0), (2, 2, 0)]), ((1, 1, 0), [(1, -1, 1), (0, 0, 2), (2, -2, 0)])],
)
def test_fcc_spots_are_at_reciprocal_lattice_points(zone_axis, spots):
    a = 3.615
    atoms = bulk("Cu", "fcc", a=a, cubic=True) * (12, 12, 12)
    center = atoms.cell.lengths() / 2
    pattern = simulate_patterns(atoms, [center], Cylinder(12, 30), zone_axis=zone_axis)[0]
    frame = beam_frame(zone_axis)
    for spot in spots:
        kx, ky = (frame @ (np.array(spot) / a))[:2]
        window = (MESH.axis[None, :] - kx) ** 2 + (MESH.axis[:, None] - ky) ** 2 < 0.06**2
        masked = np.where(window, pattern, 0)
        row, column = np.unravel_index(masked.argmax(), masked.shape)
        assert abs(MESH.axis[column] - kx) < 0.012
        assert abs(MESH.axis[row] - ky) < 0.012
        assert masked.max() > 0.02 * pattern.max()


def test_beam_frame_is_right_handed_and_keeps_x():
    for axis in np.random.default_rng(0).normal(size=(50, 3)):
        frame = beam_frame(axis)
        assert np.allclose(frame @ frame.T, np.eye(3))
        assert np.linalg.det(frame) == pytest.approx(1)
        assert np.allclose(frame[2], axis / np.linalg.norm(axis))


def test_scan_covers_a_periodic_cell_evenly(rattled):
    scan = scan_grid(rattled, 2.5)
    assert scan.shape == (13, 13, 13)
    assert scan.step == pytest.approx((32 / 13,) * 3)
    assert len(scan.centers) == 13**3


def test_scan_of_an_open_structure_stays_inside():
    atoms = Atoms("Cu50", positions=np.random.default_rng(1).uniform(3, 23, (50, 3)))
    scan = scan_grid(atoms, 3.0, margin=2.0)
    assert (scan.centers.min(axis=0) >= atoms.positions.min(axis=0) + 2).all()
    assert (scan.centers.max(axis=0) <= atoms.positions.max(axis=0) - 2).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"volume": Cylinder(5, 40)}, VolumeError, "cell is only 32.0"),
        ({"volume": Cylinder(17, 5)}, VolumeError, "counted twice"),
        ({"volume": "cylinder"}, InputError, "Cylinder\\(radius=5"),
        ({"engine": "fast"}, InputError, "'cpu', 'lammps'"),
        ({"zone_axis": (0, 0, 0)}, InputError, "zone axis"),
        ({"centers": [[1, 2]]}, InputError, "shape"),
        ({"centers": [[1, 2, np.nan]]}, InputError, "finite"),
        ({"dtype": np.int32}, InputError, "float32"),
        ({"atoms": Atoms()}, StructureError, "no atoms"),
    ],
)
def test_bad_input(rattled, arguments, error, message):
    given_arguments = {"atoms": rattled, "centers": [[16, 16, 16]], "volume": Cylinder(5, 20), **arguments}
    with pytest.raises(error, match=message):
        simulate_patterns(**given_arguments)


def test_empty_volume_lists_its_centres():
    atoms = Atoms("Cu", positions=[[1, 1, 1]], cell=[30] * 3, pbc=True)
    with pytest.raises(VolumeError, match=r"1 of 2 volumes hold no atoms.*20\."):
        simulate_patterns(atoms, [[1, 1, 1], [20, 20, 20]], Cylinder(5, 10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 0.01), "k_max"), ((1, 2), "below"), ((5, 0.1), "beyond"), ((1, "a"), "delta_k")],
)
def test_mesh_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Mesh(*arguments)


def test_mesh_leaves_out_nodes_on_the_rim():
    assert Mesh(1.0, 0.05).half == 19
    assert Mesh(1.0, 0.015).shape == (133, 133)


def test_unknown_element():
    with pytest.raises(InputError, match="'X'"):
        simulate_patterns(Atoms("X", cell=[20] * 3, pbc=True), [[0, 0, 0]], Cylinder(5, 10))


@pytest.mark.parametrize("size", [(0, 1), (1, -1), (np.nan, 1), (True, 1)])
def test_volume_refuses(size):
    with pytest.raises(InputError, match="positive length"):
        Cylinder(*size)
