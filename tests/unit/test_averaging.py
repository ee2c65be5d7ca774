"""Camera pixels averaged over the pixels of a mesh: against clipped polygons and analytic patterns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Mesh
from pyiron_nbed.errors import DatasetError
from pyiron_nbed.experiment import Calibration, Descan
from pyiron_nbed.experiment.averaging import mesh_integrals, running_sums, seen_shares
from pyiron_nbed.experiment.onto_mesh import OntoMesh, background_on
from pyiron_nbed.patterns import Recipe

MESH = Mesh(0.8, 0.1)
RECIPE = Recipe(MESH, 0.1)
SHAPE = (68, 72)
POINTS, WEIGHTS = (values / 2 for values in np.polynomial.legendre.leggauss(4))


def clipped(polygon, axis, level, sign):
    """The part of a convex polygon where sign · (coordinate − level) ≥ 0."""
    out = []
    for p, q in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        a, b = sign * (p[axis] - level), sign * (q[axis] - level)
        if a >= 0:
            out.append(p)
        if a * b < 0:
            out.append(p + (q - p) * a / (a - b))
    return out


def area(polygon):
    if len(polygon) < 3:
        return 0.0
    x, y = np.array(polygon).T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def overlaps(polygon, shape):
    """Area of a convex polygon in each pixel, (H, W); x from 0 to W."""
    found = np.zeros(shape)
    for i in range(shape[0]):
        row = clipped(clipped(polygon, 1, i, 1), 1, i + 1, -1)
        for j in range(shape[1]) if row else ():
            found[i, j] = area(clipped(clipped(row, 0, j, 1), 0, j + 1, -1))
    return found


def sums_of(frame, counts=None):
    sums = np.zeros((frame.shape[0], frame.shape[1] + 1))
    counts = np.ones(frame.shape, np.uint8) if counts is None else counts
    assert running_sums(frame, counts, 0, len(frame), 0.0, sums) == -1
    return sums


def corners(x, y, matrix, n, i, j):
    places = np.array([(j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1)]) - 0.5 * n
    return list(np.array([x, y]) + places @ matrix.T)


@pytest.mark.parametrize(
    "matrix",
    [
        [[2.6, 0.0], [0.0, 2.6]],
        [[2.0, -1.7], [1.9, 2.4]],
        [[-1.3, 0.9], [0.7, 1.4]],  # mirrored
        [[0.0, 3.0], [1.5, 0.0]],
        [[3.0, 1e-9], [1e-9, 3.0]],
    ],
)
def test_integrals_are_those_of_clipped_polygons(matrix):
    rng = np.random.default_rng(5)
    frame, matrix = rng.random((11, 12)), np.array(matrix)
    counts = (rng.random(frame.shape) > 0.2).astype(np.uint8)
    disc = np.ones((5, 5), bool)
    disc[0, 3] = False
    absent = np.pad((1 - counts.astype(int)).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for x, y in ((6.0, 5.0), (5.37, 6.81), (1.2, 9.9)):  # the last one reaches far beyond the edge
        found, share = np.empty((5, 5)), np.empty((5, 5))
        mesh_integrals(sums_of(frame, counts), x, y, matrix, disc, found)
        seen_shares(sums_of(np.ones_like(frame), counts), absent, x, y, matrix, disc, share)
        size = abs(np.linalg.det(matrix))
        for i, j in np.ndindex(5, 5):
            inside = overlaps(corners(x, y, matrix, 5, i, j), frame.shape) * disc[i, j]
            assert found[i, j] == pytest.approx(np.sum(inside * frame * counts), abs=1e-11)
            assert share[i, j] == pytest.approx(np.sum(inside * counts) / size, abs=1e-11)


def smooth(kx, ky):
    """A pattern without symmetry: a halo and two spots; no feature is narrower than 0.2 Å⁻¹."""
    k = np.hypot(kx, ky)
    ring = np.exp(-(((k - 0.42) / 0.25) ** 2)) * (1 + 1.5 * (kx**2 - ky**2) + kx * ky)
    spots = 0.5 * np.exp(-((kx - 0.3) ** 2 + (ky + 0.2) ** 2) / 0.08)
    return 300 * (0.4 + ring + spots + 0.3 * np.exp(-((kx + 0.5) ** 2 + (ky - 0.1) ** 2) / 0.08))


def mean_over(function, x, y, half):
    """Mean of a function over squares of side 2 half around x, y, by Gauss's rule (exact to degree 7)."""
    total = 0.0
    for dx, wx in zip(POINTS, WEIGHTS, strict=True):
        for dy, wy in zip(POINTS, WEIGHTS, strict=True):
            total = total + wx * wy * function(x + 2 * half * dx, y + 2 * half * dy)
    return total


def camera_frame(cal, number, function=smooth):
    """What a camera shows at a position: the mean over each pixel."""
    iy, ix = divmod(number, cal.scan_shape[1])
    x, y = np.arange(cal.frame_shape[1])[None, :], np.arange(cal.frame_shape[0])[:, None]
    return mean_over(lambda u, v: function(*cal.to_k(u, v, iy, ix)), x, y, 0.5)


def on_mesh(mesh, function=smooth):
    return mean_over(function, mesh.axis[None, :], mesh.axis[:, None], mesh.delta_k / 2)


calibrations = st.builds(
    lambda x, y, pixels, e, angle, rotation, flip, ax, ay: Calibration(
        (70.5 + x, 66.5 + y), MESH.delta_k / pixels, (136, 142), (3, 5), e, angle, rotation, flip,
        Descan("plane", [[ax, -0.2], [0.1, ay]]),
    ),
    st.floats(-1, 1), st.floats(-1, 1), st.floats(6.2, 7.1), st.floats(0, 0.08), st.floats(-180, 180),
    st.floats(-180, 180), st.booleans(), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4),
)  # fmt: skip


@given(calibrations, st.integers(0, 14))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_preparing_is_the_inverse_of_the_camera(cal, number):
    found = OntoMesh(cal, RECIPE)(camera_frame(cal, number)[None], np.array([number]))[0]
    wanted = on_mesh(MESH)
    assert np.abs(found - wanted)[RECIPE.mask].max() < 1e-3 * wanted.max()


def test_what_remains_is_the_width_of_the_camera_pixels():
    errors = []
    for fine in (1, 2, 4):
        cal = Calibration(
            (fine * 35.8, fine * 33.1), 0.03 / fine, (fine * 68, fine * 72), ellipticity=0.04, angle=20,
            rotation=33,
        )  # fmt: skip
        found = OntoMesh(cal, RECIPE)(camera_frame(cal, 0)[None], np.array([0]))[0]
        wanted = on_mesh(MESH)
        errors.append(np.abs(found / wanted - 1)[RECIPE.mask].max())
    assert errors[2] < 1e-3
    assert errors[0] > 2 * errors[1] > 4 * errors[2]  # between first and second order


@given(calibrations, st.sampled_from(["u1", "<u2", ">u2", "<i4", ">u4", "<f4", ">f4", "<f8", "f2", "u8"]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_constant_frame_stays_constant(cal, dtype):
    rng = np.random.default_rng(1)
    cal = cal.replaced(hidden=rng.random(cal.frame_shape) < 0.02)
    frames = np.full((2, *cal.frame_shape), 7, dtype)
    frames[:, cal.hidden] = 99
    patterns = OntoMesh(cal, RECIPE)(frames, np.array([0, 14]))
    assert patterns.dtype == np.float32
    assert np.ptp(patterns[:, RECIPE.mask]) < 1e-6
    assert float(patterns[0][RECIPE.mask].mean()) == pytest.approx(7, rel=1e-7)
    assert not patterns[:, ~MESH.disc].any()


@given(calibrations)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_sum_is_kept(cal):
    frame = np.zeros(cal.frame_shape)
    x, y = np.round(cal.center_at(1, 2)).astype(int)
    frame[y - 9 : y + 10, x - 9 : x + 10] = np.random.default_rng(0).random((19, 19))
    pattern = OntoMesh(cal, Recipe.simulation(MESH))(frame[None], np.array([7]))[0]
    area_of_pixel = (MESH.delta_k / cal.delta_k) ** 2
    assert pattern.sum(dtype=float) * area_of_pixel == pytest.approx(frame.sum(), rel=1e-6)


def test_types_of_frames_give_one_result():
    rng = np.random.default_rng(3)
    cal = Calibration((35.2, 33.9), 0.03, SHAPE, ellipticity=0.03, rotation=12)
    frames = rng.poisson(20, (3, *SHAPE))
    one = OntoMesh(cal, RECIPE)(frames.astype(np.float64), np.zeros(3, int))
    for dtype in ("u1", "i2", ">u2", ">u4", "f4", ">f4", "i8", "u8"):
        np.testing.assert_array_equal(OntoMesh(cal, RECIPE)(frames.astype(dtype), np.zeros(3, int)), one)
    every_second = np.repeat(frames, 2, axis=2)[:, :, ::2]  # not one number after another
    np.testing.assert_array_equal(OntoMesh(cal, RECIPE)(every_second, np.zeros(3, int)), one)


def test_threads_do_not_change_the_result():
    cal = Calibration((35.2, 33.9), 0.03, SHAPE, (1, 50), descan=Descan("plane", [[0.05, 0], [0.02, 0]]))
    frames = np.random.default_rng(3).poisson(3, (50, *SHAPE)).astype(np.uint16)
    one, two = (OntoMesh(cal, RECIPE, cores=cores)(frames, np.arange(50)) for cores in (1, 3))
    np.testing.assert_array_equal(one, two)


def test_dark_pixels_are_dark_beside_a_saturated_beam():
    cal = Calibration((35.2, 33.9), 0.03, SHAPE, rotation=7)
    frame = np.zeros(SHAPE, np.uint32)
    frame[30:38, 31:40] = 2**32 - 1
    pattern = OntoMesh(cal, RECIPE)(frame[None], np.array([0]))[0]
    assert pattern[7, 7] > 1e9
    far = MESH.disc & (MESH.k > 0.45)
    assert not pattern[far].any()


def test_hidden_pixels_take_the_value_of_the_opposite_one_or_of_their_ring():
    cal = Calibration((35.5, 33.5), 0.03, SHAPE)

    def odd(kx, ky):
        return 10 + 3 * kx + 2 * ky + 5 * np.hypot(kx, ky)

    x = np.arange(SHAPE[1])[None, :] - 35.5 + np.zeros(SHAPE)
    bar = (np.abs(np.arange(SHAPE[0])[:, None] - 33.5) < 3) & (x > -3)
    frame = camera_frame(cal, 0, odd)
    frame[bar] = np.nan  # whatever it holds
    onto = OntoMesh(cal.replaced(hidden=bar), RECIPE)
    pattern = onto(frame[None], np.array([0]))[0]
    hidden = RECIPE.mask & (onto.share(0) < 0.5)
    assert 5 < hidden.sum() < 25
    opposite = hidden & (onto.share(0)[::-1, ::-1] >= 0.5)
    np.testing.assert_array_equal(pattern[opposite], pattern[::-1, ::-1][opposite])
    coverage = onto.coverage(0)
    share = onto.share(0)
    partly = RECIPE.mask & (share >= 0.5) & (share < 0.75) & (share[::-1, ::-1] > 0.75)  # seen better at −k
    np.testing.assert_array_equal(pattern[partly], pattern[::-1, ::-1][partly])
    assert coverage.friedel == opposite.sum() + partly.sum()
    assert coverage.seen + coverage.friedel == coverage.wanted == RECIPE.mask.sum()
    assert not pattern[7, 7]  # nearer than k_min and hidden

    across = bar | bar[:, ::-1]
    onto = OntoMesh(cal.replaced(hidden=across), RECIPE)
    pattern = onto(frame[None], np.array([0]))[0]
    rings = np.rint(MESH.k / MESH.delta_k)
    for i, j in np.argwhere(RECIPE.mask & (onto.share(0) < 0.5)):
        ring = RECIPE.mask & (rings == rings[i, j]) & (onto.share(0) >= 0.5)
        assert pattern[i, j] == pytest.approx(pattern[ring].mean(), rel=1e-6)
    assert onto.coverage(0).ring == (RECIPE.mask & (onto.share(0) < 0.5)).sum()


def test_partly_hidden_pixels_are_means_over_what_is_seen():
    cal = Calibration((35.5, 33.5), 0.02, SHAPE)  # pixels of the mesh are 5 × 5 of the camera
    mesh = Mesh(0.6, 0.1)
    recipe = Recipe(mesh, 0.1)
    frame = np.arange(np.prod(SHAPE), dtype=float).reshape(SHAPE)
    dead = np.zeros(SHAPE, bool)
    dead[31:36, 44] = True  # one of five columns of a pixel of the mesh
    onto = OntoMesh(cal.replaced(dead=dead), recipe)
    found = onto(np.where(dead, 1e9, frame)[None], np.array([0]))[0]
    centre = mesh.half
    inside = overlaps(corners(36.0, 34.0, np.eye(2) * 5, mesh.shape[0], centre, centre + 2), SHAPE) * ~dead
    assert 19 < inside.sum() < 21
    assert found[centre, centre + 2] == pytest.approx(np.sum(inside * frame) / inside.sum(), rel=1e-6)


def test_background_is_subtracted_and_means_of_rings_are_kept():
    profile = 8 * np.exp(-((np.arange(80) / 25) ** 2))
    cal = Calibration((35.4, 33.6), 0.03, SHAPE, (40, 1), 0.05, 30, 10, background=profile)

    def halo(kx, ky):
        return np.interp(np.hypot(kx, ky) / 0.03, np.arange(80), profile)

    def signal(kx, ky):
        return 6 * np.exp(-((np.hypot(kx, ky) - 0.5) ** 2) / 0.02)

    both = camera_frame(cal, 0, lambda kx, ky: halo(kx, ky) + signal(kx, ky))
    found = OntoMesh(cal, RECIPE, background=True)(both[None], np.array([0]))[0]
    assert np.abs(found - on_mesh(MESH, signal))[RECIPE.mask].max() < 0.05
    noisy = np.random.default_rng(0).poisson(np.broadcast_to(both / 10, (40, *SHAPE)))
    weak = cal.replaced(background=profile / 10)
    patterns = OntoMesh(weak, RECIPE, background=True)(noisy, np.arange(40))
    assert patterns.min() == 0
    rings = np.rint(MESH.k / MESH.delta_k)
    raw = OntoMesh(weak, RECIPE)(noisy, np.arange(40)) - background_on(weak, RECIPE)
    for r in range(2, 8):
        ring = RECIPE.mask & (rings == r)
        np.testing.assert_allclose(
            patterns[:, ring].mean(axis=1), np.maximum(raw[:, ring].mean(axis=1), 0), atol=1e-5
        )


def test_broken_frames_are_named():
    cal = Calibration((35.5, 33.5), 0.03, SHAPE, (3, 4))
    frames = np.ones((12, *SHAPE), np.float32)
    frames[7, 40, 3] = np.nan
    with pytest.raises(DatasetError, match=r"Row 40 of the frame at position \(1, 3\) holds NaN"):
        OntoMesh(cal, RECIPE)(frames, np.arange(12))
    dead = np.zeros(SHAPE, bool)
    dead[40, 3] = True
    assert OntoMesh(cal.replaced(dead=dead), RECIPE)(frames, np.arange(12)).shape == (12, *MESH.shape)
    disc = np.hypot(np.arange(72)[None] - 35.5, np.arange(68)[:, None] - 33.5) < 8
    with pytest.raises(DatasetError, match=r"position \(0, 0\) is hidden all around"):
        OntoMesh(cal.replaced(hidden=disc), RECIPE)(frames[:1], np.arange(1))
