import numpy as np
import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyiron_nbed import Mesh
from pyiron_nbed.experiment import (
    Calibration,
    ObservablePass,
    Observables,
    correlation_table,
    scan_observables,
)
from pyiron_nbed.experiment.angular import AngularOrders
from pyiron_nbed.experiment.first_ring import principal_strain
from pyiron_nbed.experiment.fluctuation import KINDS

MESH = Mesh(1.0, 0.045)
MASK = MESH.disc & (MESH.k >= 0.1)
KX, KY = np.meshgrid(MESH.axis, MESH.axis)
PHI = np.arctan2(KY, KX)
WIDE = (0.4, 0.6)


def ring(stretch=((0, 0), (0, 0)), mesh=MESH):
    """A ring at 0.42 Å⁻¹ on a slope, moved by k → (1 + K) k."""
    inverse = np.linalg.inv(np.eye(2) + np.asarray(stretch, float))
    k = np.stack(np.meshgrid(mesh.axis, mesh.axis), axis=-1) @ inverse.T
    k = np.hypot(k[..., 0], k[..., 1])
    return np.exp(-((k - 0.42) ** 2) / (2 * 0.05**2)) + 0.15 * np.exp(-k / 0.3) + 0.02


def test_a_constant_has_no_variance_and_no_orders():
    found = scan_observables(np.full((12, *MESH.shape), 3.0), MESH, (3, 4))
    assert np.abs(np.nan_to_num(found.fluctuation)).max() < 1e-12
    assert np.abs(found.variance).max() < 1e-12
    assert found.symmetry.max() < 1e-20
    assert found.radial == pytest.approx(3)
    assert found.total == pytest.approx(3 * MESH.disc.sum())
    assert np.isnan(found.ring_radius).all()
    assert "no maximum" in found.warnings[0]
    assert not found.corrected


def test_counting_alone_leaves_nothing():
    counts = np.random.default_rng(1).poisson(2.5, (400, *MESH.shape)) / 5  # 5 electrons per unit
    found = scan_observables(counts, MESH, (20, 20), mask=MASK, electrons_per_unit=5)
    raw = scan_observables(counts, MESH, (20, 20), mask=MASK)
    for kind in KINDS:
        v, error = found.curve(kind=kind)
        v, error = v[found.ring_pixels > 20], error[found.ring_pixels > 20]
        assert (np.abs(v) < 6 * error + 0.004).all(), kind
        noise = 1 / 2.5 if kind != "annular_mean" else 1 / (2.5 * found.ring_pixels[found.ring_pixels > 20])
        assert raw.curve(kind=kind)[0][raw.ring_pixels > 20] == pytest.approx(noise, rel=0.4), kind
        assert (v < 0.3 * noise).all()
    power = found.symmetry.reshape(400, -1)
    assert (np.abs(power.mean(axis=0)) < 6 * power.std(axis=0) / 20).all()
    assert (raw.symmetry.reshape(400, -1).mean(axis=0) > 6 * power.std(axis=0) / 20).all()
    assert abs(found.variance.mean()) < 6 * found.variance.std() / 20 + 0.002
    assert not any("thick" in text for text in found.warnings)


def test_speckle_has_variance_one():
    speckle = np.random.default_rng(2).exponential(7, (900, *MESH.shape))
    found = scan_observables(speckle, MESH)
    many = found.ring_pixels > 50
    for kind in ("pattern", "ensemble", "image"):
        v, error = found.curve(kind=kind)
        assert v[many] == pytest.approx(1, abs=0.06)
        assert (error[many] < 0.03).all()
    assert found.curve(kind="annular_mean")[0][many] * found.ring_pixels[many] == pytest.approx(1, abs=0.3)


def test_kinds_are_what_they_say():
    """Every formula once more, position by position and pixel by pixel."""
    random = np.random.default_rng(3)
    patterns = random.gamma(2, 1, (30, *MESH.shape)) * random.uniform(0.5, 2, (30, 1, 1))
    region = np.arange(30) % 3 == 0
    found = scan_observables(patterns, MESH, mask=MASK, regions={"third": region}, electrons_per_unit=4)
    number = np.rint(MESH.k / MESH.delta_k).astype(int)
    rings = np.unique(number[MASK])
    for name, own in (("all", patterns), ("third", patterns[region])):
        for place, n in enumerate(rings):
            x = own[:, MASK & (number == n)]
            m, m2, pixel = x.mean(axis=1), (x**2).mean(axis=1), x.mean(axis=0)
            expected = [
                (m**2).mean() / m.mean() ** 2 - 1 - 1 / (4 * x.shape[1] * m.mean()),
                (m2 / m**2 - 1 - 1 / (4 * m)).mean(),
                m2.mean() / m.mean() ** 2 - 1 - 1 / (4 * m.mean()),
                ((x**2).mean(axis=0) / pixel**2 - 1 - 1 / (4 * pixel)).mean(),
            ]
            got = [found.curve(name, kind)[0][place] for kind in KINDS]
            assert got == pytest.approx(expected, abs=1e-10)
    assert found.mean_pattern[MASK] == pytest.approx(patterns.mean(axis=0)[MASK])
    assert found.variance_pattern[MASK] == pytest.approx(patterns.var(axis=0)[MASK])
    assert np.isnan(found.mean_pattern[~MASK]).all()


def test_standard_errors_of_variance_are_those_of_new_draws():
    random = np.random.default_rng(4)
    draws, stated = [], []
    for _ in range(30):
        found = scan_observables(random.exponential(1, (160, *MESH.shape)), MESH, rings=[])
        draws.append(found.fluctuation[0])
        stated.append(found.fluctuation_error[0])
    many = found.ring_pixels > 50
    ratio = np.mean(stated, axis=0)[:, many] / np.std(draws, axis=0)[:, many]
    assert ratio.mean(axis=1) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("order", range(2, 13))
@pytest.mark.parametrize("integrate", [1, 3])
def test_a_cosine_is_exactly_its_order(order, integrate):
    mesh = Mesh(1.0, 0.045, integrate=integrate)
    fine = mesh.fine
    phi = np.arctan2(fine.axis[:, None], fine.axis[None, :])
    wave = (4 * (1 + 0.3 * np.cos(order * phi + 0.7)))[None]
    pattern = wave if integrate == 1 else mesh.averaged(wave)
    found = scan_observables(pattern, mesh, rings=[WIDE]).symmetry[0, 0]
    expected = np.zeros(11)
    expected[order - 2] = 0.3**2 / 4
    assert found == pytest.approx(expected, abs=1e-12)


def test_orders_behind_a_beam_stop():
    waves = 2 + 0.4 * np.cos(6 * PHI) + 0.2 * np.sin(3 * PHI)
    expected = np.zeros(11)
    expected[[1, 4]] = 0.1**2 / 4, 0.2**2 / 4
    for width in (0.03, 0.06):
        seen = MASK & ~((np.abs(KY) < width) & (KX > 0))
        hidden = np.where(seen, waves, np.nan)[None]
        found = scan_observables(hidden, MESH, mask=MASK, seen=seen, rings=[WIDE])
        assert found.symmetry[0, 0] == pytest.approx(expected, abs=1e-12)
    seen = MASK & ~((np.abs(KY) < 0.15) & (KX > 0))
    found = scan_observables((2 + 0.4 * np.cos(6 * PHI))[None], MESH, seen=seen, rings=[WIDE])
    assert found.symmetry[0, 0, ::2] == pytest.approx([0, 0, 0.01, 0, 0, 0], abs=1e-12)
    assert np.isnan(found.symmetry[0, 0, 1::2]).all()
    assert "odd orders" in found.warnings[0]
    # filled with I(−k), taken as measured, the threefold wave behind the stop is bent
    filled = np.where(seen, waves, waves[::-1, ::-1])[None]
    assert scan_observables(filled, MESH, rings=[WIDE]).symmetry[0, 0, 1] < 0.9 * expected[1]


@settings(max_examples=12, deadline=None)
@given(turn=st.floats(0, 360), seed=st.integers(0, 999))
def test_nothing_but_directions_changes_when_patterns_turn(turn, seed):
    mesh = Mesh(1.0, 0.02)
    kx, ky = np.meshgrid(mesh.axis, mesh.axis)
    random = np.random.default_rng(seed)
    weights, phases = random.normal(size=5) * 0.1, random.uniform(0, 2 * np.pi, 5)

    def pattern(angle):
        k, phi = np.hypot(kx, ky), np.arctan2(ky, kx) - np.deg2rad(angle)
        bright = 1 + sum(
            w * np.cos((n + 2) * phi + p) for n, (w, p) in enumerate(zip(weights, phases, strict=True))
        )
        shift = 1 + 0.02 * np.cos(2 * phi)
        return bright * np.exp(-((k / shift - 0.42) ** 2) / (2 * 0.06**2)) + 0.1

    one, two = (scan_observables(np.stack([pattern(a), pattern(a + 90)]), mesh) for a in (0.0, turn))
    assert two.symmetry == pytest.approx(one.symmetry, rel=0.05, abs=2e-4)
    assert two.ring_radius == pytest.approx(one.ring_radius, rel=2e-4)
    assert two.variance == pytest.approx(one.variance, abs=0.01)
    assert principal_strain(two.strain)[0] == pytest.approx(principal_strain(one.strain)[0], abs=5e-4)


def test_order_is_kept_by_quarter_turns_exactly():
    patterns = np.random.default_rng(5).exponential(1, (4, *MESH.shape))
    one = scan_observables(patterns, MESH)
    two = scan_observables(np.rot90(patterns, 1, (1, 2)), MESH)
    assert two.symmetry == pytest.approx(one.symmetry, abs=1e-12)
    assert two.radial == pytest.approx(one.radial)
    assert two.fluctuation == pytest.approx(one.fluctuation, nan_ok=True)


@pytest.mark.parametrize(("e", "angle"), [(0.01, 0), (0.035, 30), (0.05, 100), (0.02, 170)])
def test_ellipse_of_a_calibration_is_found_back(e, angle):
    n = MESH.half
    cal = Calibration((n, n), MESH.delta_k, MESH.shape, ellipticity=e, angle=float(angle))
    stretch = cal.matrix * MESH.delta_k - np.eye(2)
    found = scan_observables(np.stack([ring(stretch)] * 2), MESH, mask=MASK)
    assert found.ellipticity == pytest.approx(e, rel=0.02)
    assert found.angle == pytest.approx(angle, abs=0.5)
    # the same ellipse everywhere is no strain
    assert np.abs(found.strain).max() < 1e-6


def test_strain_of_each_position():
    random = np.random.default_rng(6)
    stretch = random.normal(size=(200, 2, 2)) * 0.008
    stretch = (stretch + stretch.swapaxes(1, 2)) / 2
    found = scan_observables(np.array([ring(k) for k in stretch]), MESH, (10, 20), mask=MASK)
    strain = np.linalg.inv(np.eye(2) + stretch) - np.eye(2)
    expected = np.stack([strain[:, 0, 0], strain[:, 1, 1], strain[:, 0, 1]], axis=1)
    expected -= expected.mean(axis=0)
    ours = found.strain.reshape(-1, 3) - found.strain.reshape(-1, 3).mean(axis=0)
    assert ours == pytest.approx(expected, abs=5e-4)
    larger = np.trace(stretch, axis1=1, axis2=2) / 2
    radius = found.ring_radius.ravel() / found.mean_radius - 1
    assert radius - radius.mean() == pytest.approx(larger - larger.mean(), abs=3e-4)
    assert found.mean_radius == pytest.approx(0.4207, abs=1e-3)
    # pulled along x the ring is short there: the larger strain points along x
    pulled = scan_observables(np.stack([ring(), ring([[-0.02, 0], [0, 0]])]), MESH, mask=MASK)
    values, direction = principal_strain(pulled.strain[1] - pulled.strain[0])
    assert direction % 180 == pytest.approx(0, abs=1) or direction == pytest.approx(180, abs=1)
    assert values == pytest.approx([1 / 0.98 - 1, 0], abs=1e-3)


@pytest.mark.parametrize("dose", [20, 500])
def test_counting_errors_cover_the_scatter(dose):
    counts = np.random.default_rng(7).poisson(dose * ring(), (1500, *MESH.shape)) / 10
    found = scan_observables(counts, MESH, mask=MASK, electrons_per_unit=10)
    assert np.isfinite(found.ring_radius).all()
    z = (found.ring_radius - found.ring_radius.mean()) / found.ring_radius_error
    assert 0.85 < (np.abs(z) < 1.645).mean() < 0.94
    z = (found.strain - found.strain.mean(axis=0)) / found.strain_error
    assert ((np.abs(z) < 1.645).mean(axis=0) > 0.86).all()
    assert ((np.abs(z) < 1.645).mean(axis=0) < 0.94).all()


def test_odd_orders_warn():
    clean = np.stack([1 + 0.3 * np.cos(4 * PHI) + odd * np.cos(5 * PHI) for odd in (0, 0.25)] * 50)
    counts = np.random.default_rng(8).poisson(50 * clean)
    found = scan_observables(counts, MESH, (10, 10), rings=[WIDE], electrons_per_unit=1)
    assert "odd orders have 42%" in " ".join(found.warnings)
    assert found.thick[:, 1::2].mean() > 0.95
    assert found.thick[:, ::2].mean() < 0.05
    assert found.odd_to_even.ravel()[1::2].mean() == pytest.approx(6 / 5 * (0.25 / 0.3) ** 2, rel=0.05)
    # without electrons nobody can tell noise from odd orders
    silent = scan_observables(counts, MESH, (10, 10), rings=[WIDE])
    assert not silent.thick.any()
    assert not any("odd" in text for text in silent.warnings)
    assert np.isnan(silent.odd_to_even_error).all()


def test_batches_and_a_second_start_change_nothing():
    patterns = np.random.default_rng(9).exponential(1, (70, *MESH.shape)).astype(np.float32)
    patterns[:, ~MASK] = np.nan  # what is not looked at may be anything
    options = {"mask": MASK, "electrons_per_unit": 100.0}
    whole = scan_observables(patterns, MESH, (7, 10), **options)
    first = ObservablePass(MESH, (7, 10), **options)
    first.add(0, patterns[:33])
    second = ObservablePass(MESH, (7, 10), **options)
    second.restore(first.state())
    first.add(33, patterns[33:])
    second.add(33, patterns[33:])
    again, alone = first.finish().as_arrays(), second.finish().as_arrays()
    for name, values in whole.as_arrays().items():
        assert np.array_equal(again[name], alone[name], equal_nan=values.dtype.kind == "f"), name
        if name != "facts":  # text
            assert again[name] == pytest.approx(values, nan_ok=True), name


def test_arrays_go_and_come_back():
    patterns = np.random.default_rng(10).exponential(1, (6, *MESH.shape))
    found = scan_observables(patterns, MESH, (2, 3), regions={"erste Zeile ä": np.arange(6) < 3})
    back = Observables.from_arrays(found.as_arrays())
    for name, value in vars(found).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(getattr(back, name), value, equal_nan=value.dtype.kind == "f"), name
            assert getattr(back, name).dtype == value.dtype
        else:
            assert getattr(back, name) == value or (np.isnan(value) and np.isnan(getattr(back, name)))
    assert "2 × 3 positions" in repr(back)
    assert "not known" in repr(back)


def test_detectors_and_units():
    patterns = np.random.default_rng(11).exponential(1, (5, *MESH.shape))
    own = KX > 0.5
    nm = 1 / pint.UnitRegistry().nm
    found = scan_observables(
        patterns,
        MESH,
        mask=MASK,
        dark_fields={"annulus": (4 * nm, 7 * nm), "right": own},
        ring=(3 * nm, 6 * nm),
    )
    inside = MASK & (MESH.k >= 0.4) & (MESH.k < 0.7)
    assert found.dark_field[:, 0] == pytest.approx(patterns[:, inside].sum(axis=1))
    assert found.dark_field[:, 1] == pytest.approx(patterns[:, own & MASK].sum(axis=1))
    assert found.ring.tolist() == [0.3, 0.6]


def test_dark_patterns_say_so():
    patterns = np.array([ring()] * 5)
    patterns[2] = 0
    found = scan_observables(patterns, MESH, electrons_per_unit=1000)
    assert "1 patterns are dark" in " ".join(found.warnings)
    for values in (found.variance, found.ring_radius, found.symmetry[:, 0, 0]):
        assert np.isnan(values).tolist() == [False, False, True, False, False]
    assert np.isfinite(found.curve(kind="pattern")[0][found.ring_pixels > 1]).all()


def test_noise_amplification_is_one_all_round():
    assert AngularOrders.of_ring(MESH, MESH.disc, WIDE).amplification == pytest.approx(1, abs=0.1)


def test_correlations_know_blocks():
    random = np.random.default_rng(12)
    smooth = np.kron(random.normal(size=(6, 6)), np.ones((8, 8)))
    d = smooth + 0.1 * random.normal(size=smooth.shape)
    other = np.kron(random.normal(size=(6, 6)), np.ones((8, 8)))
    d[0, 0] = np.nan
    table = correlation_table({"same": 1e6 * np.exp(smooth), "other": other, "flat": np.ones((48, 48))}, d)
    table = table.set_index("observable")
    assert table["n_positions"].tolist() == [48 * 48 - 1] * 3
    assert table["n_blocks"].tolist() == [36] * 3
    assert table.loc["same", "spearman"] > 0.98 > table.loc["same", "pearson"]
    assert (
        table.loc["other", "pearson_low"] < table.loc["other", "pearson"] < table.loc["other", "pearson_high"]
    )
    both = np.isfinite(d)
    expected = np.corrcoef(d[both], other[both])[0, 1]
    assert table.loc["other", "pearson"] == pytest.approx(expected)
    wide = table.loc["other", "pearson_high"] - table.loc["other", "pearson_low"]
    narrow = correlation_table({"other": other}, d, block=1)
    assert wide > 3 * (narrow["pearson_high"] - narrow["pearson_low"]).iloc[0]
    assert np.isnan(table.loc["flat", "pearson"])
