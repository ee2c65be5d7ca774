"""Kinematic patterns against formulas, a direct sum and invariances."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster, WeightedVolume, simulate_patterns
from pyiron_nbed.diffraction import (
    VolumeSearch,
    as_volume,
    electron_wavelength,
    patterns_of_volumes,
    scattering_factor,
)
from pyiron_nbed.errors import InputError, StructureError, VolumeError
from pyiron_nbed.geometry.frames import beam_frame, random_zone_axes

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


def direct(positions, symbols, mesh, weights=None, k_z=None):
    """The sum over atoms in double precision."""
    weights = np.ones(len(positions)) if weights is None else weights
    phase_x = np.exp(2j * np.pi * np.outer(mesh.axis, positions[:, 0]))
    phase_y = weights * np.exp(2j * np.pi * np.outer(mesh.axis, positions[:, 1]))
    amplitude = np.zeros(mesh.shape, complex)
    for symbol in np.unique(symbols):
        own = np.flatnonzero(symbols == symbol)
        k = np.minimum(np.hypot(mesh.k, 0 if k_z is None else k_z), 4.0)
        if k_z is None:
            total = phase_y[:, own] @ phase_x[:, own].T
        else:  # node by node
            total = sum(
                np.outer(phase_y[:, j], phase_x[:, j]) * np.exp(2j * np.pi * k_z * positions[j, 2])
                for j in own
            )
        amplitude += scattering_factor(symbol, k) * total
    return np.where(mesh.disc, np.abs(amplitude) ** 2 / np.sum(weights**2), 0)


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


def random_cluster(seed, n=40, half_height=8.0):
    """Atoms of an open structure that one volume around the origin holds in full."""
    random = np.random.default_rng(seed)
    positions = random.uniform(-1, 1, (n, 3)) * [3.5, 3.5, half_height]
    return Atoms(random.choice(["Cu", "Zr"], n), positions)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10_000), beam_energy=st.sampled_from([20e3, 200e3]), k_max=st.sampled_from([0.8, 1.5])
)
def test_ewald_sphere_against_direct_sum(seed, beam_energy, k_max):
    atoms, mesh = random_cluster(seed), Mesh(k_max, 0.05, beam_energy)
    k_z = electron_wavelength(beam_energy) * mesh.k**2 / 2
    expected = direct(atoms.positions, np.array(atoms.get_chemical_symbols()), mesh, k_z=k_z)
    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-12)):
        pattern = simulate_patterns(atoms, [[0, 0, 0]], Cylinder(5, 20), mesh, dtype=dtype)[0]
        assert np.abs(pattern - expected).max() <= tolerance * expected.max()


def test_paraxial_sphere_is_close_to_the_sphere_at_200_keV():
    atoms, mesh = random_cluster(1), Mesh(1.0, 0.02, 200e3)
    radius = 1 / electron_wavelength(200e3)
    k_z = radius - np.sqrt(radius**2 - np.minimum(mesh.k, 1) ** 2)
    exact = direct(atoms.positions, np.array(atoms.get_chemical_symbols()), mesh, k_z=k_z)
    pattern = simulate_patterns(atoms, [[0, 0, 0]], Cylinder(5, 20), mesh)[0]
    assert np.abs(pattern - exact).max() < 2e-4 * exact.max()


def test_curvature_breaks_friedel_symmetry_and_one_layer_restores_it():
    thick, mesh = random_cluster(2), Mesh(1.0, 0.02, 200e3)
    pattern = simulate_patterns(thick, [[0, 0, 0]], Cylinder(5, 20), mesh)[0]
    assert np.abs(pattern - pattern[::-1, ::-1]).max() > 1e-3 * pattern.max()
    flat = thick.copy()
    flat.positions[:, 2] = 0.0
    pattern = simulate_patterns(flat, [[0, 0, 0]], Cylinder(5, 20), mesh, dtype=np.float64)[0]
    assert np.abs(pattern - pattern[::-1, ::-1]).max() < 1e-12 * pattern.max()


def test_wavelength():
    # Reimer and Kohl, Transmission Electron Microscopy, table 2.2 (pm to three or four digits)
    for energy, wavelength in ((100e3, 0.03701), (200e3, 0.02508), (300e3, 0.01969)):
        assert electron_wavelength(energy) == pytest.approx(wavelength, abs=6e-6)


def test_half_precision_rounds_single_precision(rattled):
    centers = np.random.default_rng(0).uniform(0, 32, (5, 3))
    for mesh in (MESH, Mesh(1.0, 0.05, 200e3)):
        single = simulate_patterns(rattled, centers, Cylinder(5, 20), mesh)
        half = simulate_patterns(rattled, centers, Cylinder(5, 20), mesh, dtype=np.float16)
        assert half.dtype == np.float16
        assert (half == single.astype(np.float16)).all()
        assert (single < 6e-5).any()  # subnormal numbers of float16 are among them


def test_half_precision_refuses_what_it_cannot_hold():
    atoms = bulk("Au", cubic=True) * (8, 8, 8)
    center = atoms.cell.lengths() / 2
    with pytest.raises(InputError, match="does not fit float16"):
        simulate_patterns(atoms, [center], Cylinder(14, 30), Mesh(1, 0.1), dtype=np.float16)


def test_buffers_are_filled_and_returned(rattled):
    found = VolumeSearch(rattled, Cylinder(4, 12))(np.array([[3.0, 3, 3], [20, 9, 1]]))
    symbols = np.array(rattled.get_chemical_symbols())
    for mesh in (MESH, Mesh(1.0, 0.05, 200e3)):
        expected = patterns_of_volumes(found, symbols, mesh)
        out = np.full((2, *mesh.shape), np.nan, np.float32)
        assert patterns_of_volumes(found, symbols, mesh, out=out) is out
        assert (out == expected).all()
    for wrong in (
        np.empty((2, 9, 9), np.float32),
        np.empty((2, 133, 133)),
        np.empty((2, 133, 266), "f4")[..., ::2],
    ):
        with pytest.raises(InputError, match="C-contiguous float32"):
            patterns_of_volumes(found, symbols, MESH, out=wrong)


def test_symbols_and_atomic_numbers_are_the_same(rattled):
    found = VolumeSearch(rattled, Cylinder(4, 12))(np.array([[3.0, 3, 3]]))
    words = np.array(rattled.get_chemical_symbols())
    expected = patterns_of_volumes(found, rattled.numbers, MESH)
    for symbols in (words, words.astype("U9"), words.tolist()):
        assert (patterns_of_volumes(found, symbols, MESH) == expected).all()


def test_threads_change_nothing(rattled):
    centers = np.random.default_rng(0).uniform(0, 32, (700, 3))
    one = simulate_patterns(rattled, centers, Ellipsoid(4, 12), Mesh(1, 0.1), cores=1)
    two = simulate_patterns(rattled, centers, Ellipsoid(4, 12), Mesh(1, 0.1), cores=2)
    assert (one == two).all()


@pytest.mark.parametrize(
    "volume", [Cylinder(4, 14), Ellipsoid(5, 14), WeightedVolume(3, 14), OneLayerCluster()]
)
def test_one_zone_axis_per_centre_equals_one_call_per_axis(rattled, volume):
    axes = random_zone_axes(6, seed=4)
    centers = rattled.positions[[3, 99, 500, 800, 1200, 2000]]
    together = simulate_patterns(rattled, centers, volume, Mesh(1, 0.05), axes)
    for center, axis, pattern in zip(centers, axes, together, strict=True):
        assert (simulate_patterns(rattled, [center], volume, Mesh(1, 0.05), axis)[0] == pattern).all()
    with pytest.raises(InputError, match="5 zone axes for 6 centres"):
        simulate_patterns(rattled, centers, volume, zone_axis=axes[:5])


def test_random_zone_axes_are_uniform():
    axes = random_zone_axes(20_000, seed=1)
    assert np.abs(axes.mean(axis=0)).max() < 4 / np.sqrt(3 * 20_000)
    assert np.allclose(axes.T @ axes / len(axes), np.eye(3) / 3, atol=0.01)
    assert (random_zone_axes(5, seed=1) == axes[:5]).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_one_layer_cluster_is_an_atom_and_its_nearest_neighbours(seed):
    random = np.random.default_rng(seed)
    cell = np.diag([14.0, 15, 16]) + random.uniform(-2, 2, (3, 3))
    shape = np.array([4, 8, 8])
    places = np.stack(np.unravel_index(np.arange(256), shape), axis=1) + random.uniform(-0.3, 0.3, (256, 3))
    atoms = Atoms("Cu256", scaled_positions=places / shape % 1, cell=cell, pbc=True)
    center, axis = int(random.integers(256)), random.normal(size=3)
    found = VolumeSearch(atoms, OneLayerCluster(12))(atoms.positions[[center]], zone_axes=axis)
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T @ cell
    apart = atoms.positions[None] + images[:, None] - atoms.positions[center]
    distances = np.linalg.norm(apart, axis=-1)
    nearest = np.argsort(distances, axis=None)[:13]
    assert found.indices[0] == center
    assert set(found.indices) == set(nearest % 256)
    expected = apart.reshape(-1, 3)[nearest] @ beam_frame(axis).T
    order, own = np.argsort(nearest % 256), np.argsort(found.indices)
    assert np.allclose(found.positions[own], expected[order], atol=1e-9)


def test_one_layer_cluster_of_fcc_is_a_cuboctahedron():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True) * (4, 4, 4)
    pattern = simulate_patterns(
        atoms, atoms.positions[[7]], OneLayerCluster(), Mesh(1, 0.02), dtype=np.float64
    )[0]
    shell = np.array([p for s in (1, -1) for t in (1, -1) for p in ((s, t, 0), (s, 0, t), (0, s, t))]) * 1.8
    expected = direct(np.concatenate([[[0, 0, 0]], shell]), np.array(["Cu"] * 13), Mesh(1, 0.02))
    assert np.abs(pattern - expected).max() < 1e-12 * expected.max()


def test_one_layer_cluster_refuses(rattled):
    with pytest.raises(VolumeError, match="are no atoms"):
        simulate_patterns(rattled, [rattled.positions[0] + 0.3], OneLayerCluster())
    small = bulk("Cu", cubic=True)
    with pytest.raises(VolumeError, match="counted twice"):
        simulate_patterns(small, small.positions[:1], OneLayerCluster())
    with pytest.raises(VolumeError, match="beyond max_distance"):
        simulate_patterns(rattled, rattled.positions[:1], OneLayerCluster(12, max_distance=2.0))
    with pytest.raises(InputError, match="whole number"):
        OneLayerCluster(0)


@pytest.mark.parametrize("profile", ["gaussian", "airy"])
@pytest.mark.parametrize("beam_energy", [None, 200e3])
def test_weighted_volume_against_direct_sum(rattled, profile, beam_energy):
    volume, mesh = WeightedVolume(4, 16, profile), Mesh(1.0, 0.05, beam_energy)
    center = np.array([11.0, 12.0, 13.0])
    positions, symbols = inside(rattled, center, Cylinder(volume.radius, 16), (1, 2, 5))
    rho = np.hypot(positions[:, 0], positions[:, 1])
    weights = volume.weights(positions)
    assert np.interp(2.0, np.sort(rho), weights[np.argsort(rho)] ** 2) == pytest.approx(0.5, abs=0.02)
    expected = direct(positions, symbols, mesh, weights, mesh.curvature * mesh.k**2 if beam_energy else None)
    pattern = simulate_patterns(rattled, center, volume, mesh, (1, 2, 5), dtype=np.float64)[0]
    assert np.abs(pattern - expected).max() < 1e-12 * expected.max()


@pytest.mark.parametrize("profile", ["gaussian", "airy"])
def test_size_of_a_weighted_volume_gives_the_number_density(rattled, profile):
    volume = WeightedVolume(5, 12, profile)
    centers = np.random.default_rng(0).uniform(0, 32, (400, 3))
    density = VolumeSearch(rattled, volume)(centers).norms / volume.size
    assert density.mean() == pytest.approx(len(rattled) / rattled.get_volume(), rel=0.02)


def test_wide_weighted_volume_becomes_a_cylinder(rattled):
    wide = WeightedVolume(width=1e6, thickness=14, cutoff=5)
    a = simulate_patterns(rattled, [[9, 9, 9]], wide, Mesh(1, 0.05))
    b = simulate_patterns(rattled, [[9, 9, 9]], Cylinder(5, 14), Mesh(1, 0.05))
    assert np.abs(a - b).max() < 1e-6 * b.max()


def test_mean_of_a_weighted_volume_counts_atoms_by_intensity():
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [2, 0, 0]])
    found = VolumeSearch(atoms, WeightedVolume(width=4, thickness=5))(np.zeros((1, 3)))
    assert found.mean(np.array([3.0, 0.0])) == pytest.approx([3.0 / 1.5])
    assert found.norms == pytest.approx([1.5])


@pytest.mark.parametrize(
    "volume", [Cylinder(5, 20), Ellipsoid(5, 20), OneLayerCluster(14), WeightedVolume(5, 9, "airy", 7.0)]
)
def test_volumes_have_a_json_form(volume):
    assert as_volume(json.loads(json.dumps(volume.as_dict()))) == volume


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


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"volume": Cylinder(5, 40)}, VolumeError, "cell is only 32.0"),
        ({"volume": Cylinder(17, 5)}, VolumeError, "counted twice"),
        ({"volume": "cylinder"}, InputError, "Cylinder\\(radius=5"),
        ({"engine": "fast"}, InputError, "'cpu', 'torch', 'lammps', 'multislice'"),
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


def test_empty_volumes_can_be_left_out():
    atoms = Atoms("Cu", positions=[[1, 1, 1]], cell=[30] * 3, pbc=True)
    centers = [[20, 20, 20], [1, 1, 1], [9, 20, 20]]
    out = np.empty((3, 19, 19), np.float32)
    with pytest.warns(UserWarning, match="2 of 3 volumes hold no atoms"):
        patterns = simulate_patterns(atoms, centers, Cylinder(5, 10), Mesh(1, 0.1), empty="skip", out=out)
    assert patterns.shape == (1, 19, 19)
    assert np.shares_memory(patterns, out)
    found = VolumeSearch(atoms, Cylinder(5, 10))(np.array(centers), empty="skip")
    assert found.kept.tolist() == [1]
    with pytest.raises(VolumeError, match="1 of 1 volumes hold no atoms"):
        simulate_patterns(atoms, [[20, 20, 20]], Cylinder(5, 10), empty="skip")
    with pytest.raises(InputError, match="'error', 'skip'"):
        simulate_patterns(atoms, centers, Cylinder(5, 10), empty="ignore")


def test_volume_too_wide_for_one_of_the_zone_axes(rattled):
    thin = rattled[(rattled.positions % 32)[:, 2] < 16]
    thin.set_cell([32, 32, 16])
    simulate_patterns(thin, [[5, 5, 5]], Cylinder(4, 24), Mesh(1, 0.1), [[1, 0, 0]])
    with pytest.raises(VolumeError, match="cell axis 2 for the zone axis"):
        simulate_patterns(thin, [[5, 5, 5]] * 2, Cylinder(4, 24), zone_axis=[[1, 0, 0], [1, 0, 1]])


def test_mesh_of_pixels():
    mesh = Mesh.of_pixels(133)
    assert mesh.shape == (133, 133)
    assert mesh.axis[-1] + mesh.delta_k / 2 == pytest.approx(1.0)
    with pytest.raises(InputError, match="odd"):
        Mesh.of_pixels(128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0.1, 5.0), "beam_energy"),
        ((0, 0.01), "k_max"),
        ((1, 2), "below"),
        ((5, 0.1), "beyond"),
        ((1, "a"), "delta_k"),
    ],
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
    with pytest.raises(InputError, match="length above 0 Å"):
        Cylinder(*size)
