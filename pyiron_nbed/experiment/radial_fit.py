"""Centre and ellipse of a pattern by least angular variance: the fit of I(ρ) with a free radial profile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.splines import band_matrix, evaluate, normal_equations, slope_of

_SPACINGS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the knots in pixels
_PATCHES = 14  # along the longer side of a frame, for standard errors
_HUBER = 4.0  # standard deviations beyond which a pixel counts less
_UNEVEN = 0.01  # standard deviation of what the camera's response varies by, from the middle to the rim


@dataclass(frozen=True)
class Pixels:
    """Pixels of a pattern that take part in a fit.

    Attributes:
        x, y: (n,) column and row in camera pixels.
        values: (n,) intensity.
        weights: (n,) relative weight, such as the number of frames behind a value.
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def of_frame(
        cls, frame: np.ndarray, valid: np.ndarray, weights: np.ndarray | None = None, bin: int = 1
    ) -> Pixels:
        """Valid pixels of a frame, whose pixels are ``bin`` camera pixels wide."""
        y, x = np.nonzero(valid)
        values = frame[y, x].astype(float)
        count = np.ones(len(values)) if weights is None else weights[y, x].astype(float)
        return cls(x * bin + (bin - 1) / 2, y * bin + (bin - 1) / 2, values, count)

    def where(self, chosen: np.ndarray) -> Pixels:
        """Some of the pixels."""
        return Pixels(self.x[chosen], self.y[chosen], self.values[chosen], self.weights[chosen])


@dataclass(frozen=True)
class Shape:
    """Centre and ellipse: ρ = |exp(−S)(r − c)| with the traceless symmetric S = [[s1, s2], [s2, −s1]].

    Attributes:
        x, y: centre in pixels.
        s1, s2: of S, whose eigenvalues are ± ½ ln(1 + e).
    """

    x: float
    y: float
    s1: float = 0.0
    s2: float = 0.0

    @property
    def ellipticity(self) -> float:
        """e = a/b − 1."""
        return float(np.expm1(2 * np.hypot(self.s1, self.s2)))

    @property
    def angle(self) -> float:
        """Of the long axis in degrees, −90 to 90."""
        return float(np.rad2deg(0.5 * np.arctan2(self.s2, self.s1)))

    @classmethod
    def of_ellipse(cls, x: float, y: float, ellipticity: float, angle: float) -> Shape:
        """From e and the angle of the long axis in degrees."""
        s = 0.5 * np.log1p(ellipticity)
        return cls(x, y, s * np.cos(2 * np.deg2rad(angle)), s * np.sin(2 * np.deg2rad(angle)))

    def radius(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """ρ in pixels at camera pixels."""
        a, b, c = _metric(self.s1, self.s2)
        dx, dy = x - self.x, y - self.y
        return np.sqrt(np.maximum(a * dx * dx + 2 * b * dx * dy + c * dy * dy, 0))

    def derivatives(self, x: np.ndarray, y: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """(n, 4) ∂ρ/∂(x, y, s1, s2)."""
        a, b, c = _metric(self.s1, self.s2)
        dx, dy, over = x - self.x, y - self.y, 1 / np.maximum(rho, 0.25)
        columns = [-(a * dx + b * dy) * over, -(b * dx + c * dy) * over]
        step = 1e-5
        for d1, d2 in ((step, 0), (0, step)):
            high, low = _metric(self.s1 + d1, self.s2 + d2), _metric(self.s1 - d1, self.s2 - d2)
            da, db, dc = ((h - low_) / (2 * step) for h, low_ in zip(high, low, strict=True))
            columns.append(0.5 * over * (da * dx * dx + 2 * db * dx * dy + dc * dy * dy))
        return np.stack(columns, axis=-1)


def _metric(s1: float, s2: float) -> tuple[float, float, float]:
    # exp(−2S), the squared metric of ρ
    s = float(np.hypot(s1, s2))
    even, odd = np.cosh(2 * s), np.sinh(2 * s) / s if s > 1e-12 else 2.0
    return even - odd * s1, -odd * s2, even + odd * s1


@dataclass(frozen=True)
class Fit:
    """Result of :func:`fit_shape`.

    Attributes:
        shape: centre and ellipse.
        covariance: (4, 4) of x, y, s1, s2; 0 for what was held fixed.
        start, spacing: first knot and distance of the knots of the profile, in pixels.
        coefficients: of its cubic B-splines.
        deviation: (n,) standard deviation of the pixels about the profile, at weight 1.
        pixels: that took part, without the slow variation.
    """

    shape: Shape
    covariance: np.ndarray
    start: float
    spacing: float
    coefficients: np.ndarray
    pixels: Pixels = field(repr=False)
    deviation: np.ndarray = field(repr=False)

    def profile(self, rho: np.ndarray) -> np.ndarray:
        """Intensity at distances ρ in pixels."""
        return evaluate(np.asarray(rho, float).ravel(), self.start, self.spacing, self.coefficients)

    def deviation_at(self, rho: np.ndarray) -> np.ndarray:
        """Standard deviation of a pixel about the profile at distances ρ in pixels."""
        own = self.shape.radius(self.pixels.x, self.pixels.y)
        order = np.argsort(own)
        return np.interp(rho, own[order], self.deviation[order])

    def slope(self, rho: np.ndarray) -> np.ndarray:
        """Its derivative per pixel."""
        return slope_of(np.asarray(rho, float).ravel(), self.start, self.spacing, self.coefficients)


def fit_shape(
    pixels: Pixels,
    start: Shape,
    spacing: float | None = None,
    ellipse: bool = True,
    steps: int = 12,
    patch: float | None = None,
) -> Fit:
    """Centre and ellipse for which the intensity depends on ρ alone: least angular variance.

    Σ w (I − f(ρ))² is made least over the centre, the ellipse and the profile f, a cubic spline, by
    Gauss-Newton steps; f may be multiplied by a slow variation over the frame of about a hundredth, which the
    response of cameras has and which otherwise moves the centre of a smooth decay where there are electrons
    enough to see it; w is the inverse of the mean square deviation in each ring, less for pixels that are
    far off (Huber). Standard errors come from the sums of the derivatives over patches of the frame
    (a sandwich estimate), so they hold for counted electrons as for speckle and texture of the size of a few
    pixels.

    Args:
        pixels: at least some hundred.
        start: within the width of a ring of the truth.
        spacing: of the knots in pixels; None: the one of least Bayesian information criterion.
        ellipse: fit it too; False holds that of ``start``.
        steps: of Gauss-Newton at most.
        patch: side of a patch in pixels; None: a 14th of the frame.

    Returns:
        The fit.

    Example:
        >>> y, x = np.mgrid[:61, :61]
        >>> rings = 5 + np.exp(-((Shape.of_ellipse(29.3, 31.8, 0.05, 30).radius(x, y) - 15) ** 2) / 18)
        >>> found = fit_shape(Pixels.of_frame(rings, rings > 0), Shape(30, 31)).shape
        >>> round(found.x, 2), round(found.y, 2), round(found.ellipticity, 3), round(found.angle)
        (29.3, 31.8, 0.05, 30)
    """
    if spacing is None:
        rough = fit_shape(pixels, start, 3.0, ellipse, steps, patch)
        spacing = _best_spacing(pixels, rough)
        start = rough.shape
    shape, weights = start, pixels.weights
    rho = shape.radius(pixels.x, pixels.y)
    if not rho.size:
        raise InputError(
            "No pixel is left to fit the centre to: check beam_stop, or calibrate with descan='none'."
        )
    first = float(rho.min())
    count = int(np.ceil((rho.max() * 1.02 + 2 - first) / spacing)) + 3
    coefficients, _ = _spline(rho, pixels.values, weights, first, spacing, count)
    free = 4 if ellipse else 2
    deviation = np.ones(len(rho))
    uneven = np.zeros(len(rho))
    for step in range(steps):
        rho = np.maximum(shape.radius(pixels.x, pixels.y), first)
        residual = pixels.values - uneven - evaluate(rho, first, spacing, coefficients)
        deviation = _deviation(rho, residual * np.sqrt(pixels.weights), max(2.0, spacing))
        weights = _robust(residual, deviation, pixels.weights)
        change, coefficients, uneven = _step(pixels, shape, rho, weights, first, spacing, coefficients, free)
        reach = max(np.hypot(*change[:2]) / 2.0, np.abs(change[2:]).max(initial=0.0) / 0.03, 1.0)
        change = change / reach
        x, y, s1, s2 = np.array([shape.x, shape.y, shape.s1, shape.s2]) + np.pad(change, (0, 4 - free))
        shape = Shape(float(x), float(y), float(s1), float(s2))
        if step > 2 and np.hypot(*change[:2]) < 1e-4 and np.abs(change[2:]).max(initial=0.0) < 1e-6:
            break
    rho = np.maximum(shape.radius(pixels.x, pixels.y), first)
    even = replace_values(pixels, pixels.values - uneven)
    coefficients, _ = _spline(rho, even.values, weights, first, spacing, count)
    fit = Fit(shape, np.zeros((4, 4)), first, spacing, coefficients, even, deviation)
    return replace(fit, covariance=_covariance(fit, weights, free, patch))


def replace_values(pixels: Pixels, values: np.ndarray) -> Pixels:
    """The same pixels with other values."""
    return Pixels(pixels.x, pixels.y, values, pixels.weights)


def information(
    fit: Fit, pixels: Pixels, shape: Shape, deviation: np.ndarray, amplitude: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the centre of another pattern with the same profile, and its information matrix.

    Args:
        fit: with the profile.
        pixels: of the other pattern.
        shape: its centre so far, and the ellipse.
        deviation: (n,) of its pixels.
        amplitude: of its profile against that of the fit.

    Returns:
        (2,) change of the centre, and (2, 2) inverse of its covariance for independent pixels.
    """
    rho = np.maximum(shape.radius(pixels.x, pixels.y), fit.start)
    slopes = shape.derivatives(pixels.x, pixels.y, rho)[:, :2] * (amplitude * fit.slope(rho))[:, None]
    residual = pixels.values - amplitude * fit.profile(rho)
    weights = _robust(residual, deviation, pixels.weights)
    # the amplitude is free: what it takes up is not taken for a shift
    model = fit.profile(rho)
    slopes = slopes - np.outer(model, (weights * model) @ slopes / max((weights * model**2).sum(), 1e-300))
    matrix = (slopes * weights[:, None]).T @ slopes
    matrix += 1e-12 * np.trace(matrix) * np.eye(2) + 1e-300 * np.eye(2)
    return np.linalg.solve(matrix, slopes.T @ (weights * residual)), matrix


def projected(fit: Fit, weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Columns (n, q) without what a change of the radial profile or a slow variation can explain."""
    pixels, count = fit.pixels, len(fit.coefficients)
    rho = np.maximum(fit.shape.radius(pixels.x, pixels.y), fit.start)
    every = np.concatenate([columns, _slow(pixels, fit.shape, rho, fit.profile(rho))], axis=1)
    band, _ = normal_equations(rho, every[:, 0], weights, fit.start, fit.spacing, count)
    solved = cho_solve(
        cho_factor(band_matrix(band)), _sides(rho, every, weights, fit.start, fit.spacing, count)
    )
    for number, taken in enumerate(solved.T):
        every[:, number] -= evaluate(rho, fit.start, fit.spacing, np.ascontiguousarray(taken))
    asked, slow = every[:, : columns.shape[1]], every[:, columns.shape[1] :]
    weighted = slow * weights[:, None]
    matrix = weighted.T @ slow + np.eye(slow.shape[1]) / _UNEVEN**2
    return asked - slow @ np.linalg.solve(matrix, weighted.T @ asked)


def patch_sums(pixels: Pixels, scores: np.ndarray, patch: float | None) -> np.ndarray:
    """(q, q) Σ over patches of the outer product of the sums of scores (n, q): their covariance."""
    if patch is None:
        patch = max(np.ptp(pixels.x), np.ptp(pixels.y)) / _PATCHES
    columns = (pixels.x // patch).astype(int)
    rows = (pixels.y // patch).astype(int)
    _, number = np.unique(rows * (columns.max() + 1) + columns, return_inverse=True)
    sums = np.stack([np.bincount(number, s) for s in scores.T], axis=-1)
    return sums.T @ sums * len(sums) / max(len(sums) - scores.shape[1] - 1, 1)


def _covariance(fit: Fit, weights: np.ndarray, free: int, patch: float | None) -> np.ndarray:
    pixels, shape = fit.pixels, fit.shape
    rho = np.maximum(shape.radius(pixels.x, pixels.y), fit.start)
    slopes = shape.derivatives(pixels.x, pixels.y, rho)[:, :free] * fit.slope(rho)[:, None]
    slopes = projected(fit, weights, slopes)
    matrix = (slopes * weights[:, None]).T @ slopes
    residual = pixels.values - fit.profile(rho)
    middle = patch_sums(pixels, slopes * (weights * residual)[:, None], patch)
    inverse = np.linalg.pinv(matrix)
    covariance = np.zeros((4, 4))
    covariance[:free, :free] = inverse @ middle @ inverse
    return covariance


def _best_spacing(pixels: Pixels, rough: Fit) -> float:
    rho = np.maximum(rough.shape.radius(pixels.x, pixels.y), rough.start)
    weights = pixels.weights / rough.deviation**2
    best, least = 3.0, np.inf
    for spacing in _SPACINGS:
        count = int(np.ceil((rho.max() - rough.start + 2) / spacing)) + 3
        coefficients, _ = _spline(rho, pixels.values, weights, rough.start, spacing, count)
        rest = pixels.values - evaluate(rho, rough.start, spacing, coefficients)
        squares = np.minimum(weights * rest**2, _HUBER**2 * 4).sum()
        criterion = len(rho) * np.log(squares) + count * np.log(len(rho))
        if criterion < least:
            best, least = spacing, criterion
    return best


def _step(pixels, shape, rho, weights, first, spacing, coefficients, free):
    model = evaluate(rho, first, spacing, coefficients)
    slopes = shape.derivatives(pixels.x, pixels.y, rho)[:, :free]
    slopes = slopes * slope_of(rho, first, spacing, coefficients)[:, None]
    slow = _slow(pixels, shape, rho, model)
    columns = np.concatenate([slopes, slow], axis=1)
    count = len(coefficients)
    band, right = normal_equations(rho, pixels.values, weights, first, spacing, count)
    cross = _sides(rho, columns, weights, first, spacing, count)
    solved = cho_solve(cho_factor(band_matrix(band)), np.column_stack([right, cross]))
    matrix = (columns * weights[:, None]).T @ columns - cross.T @ solved[:, 1:]
    side = columns.T @ (weights * pixels.values) - cross.T @ solved[:, 0]
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    prior = np.concatenate([np.full(free, 1e-6), np.full(slow.shape[1], 1 / _UNEVEN**2) / scale[free:] ** 2])
    matrix = matrix / np.outer(scale, scale) + np.diag(prior)
    change = np.linalg.solve(matrix, side / scale) / scale
    return change[:free], solved[:, 0] - solved[:, 1:] @ change, slow @ change[free:]


def _slow(pixels: Pixels, shape: Shape, rho: np.ndarray, model: np.ndarray) -> np.ndarray:
    # the profile times slopes and saddles that are 1 at the rim
    u, v = (d / max(float(rho.max()), 1e-9) for d in (pixels.x - shape.x, pixels.y - shape.y))
    return model[:, None] * np.stack([u, v, u * u - v * v, 2 * u * v], axis=-1)


def _sides(rho, columns, weights, first, spacing, count):
    parts = [
        normal_equations(rho, np.ascontiguousarray(c), weights, first, spacing, count)[1] for c in columns.T
    ]
    return np.stack(parts, axis=-1)


def _robust(residual: np.ndarray, deviation: np.ndarray, weights: np.ndarray) -> np.ndarray:
    off = np.abs(residual) * np.sqrt(weights) / deviation
    return weights / deviation**2 * np.minimum(1, _HUBER / np.maximum(off, 1e-12))


def _deviation(rho: np.ndarray, residual: np.ndarray, width: float) -> np.ndarray:
    place = (rho - rho.min()) / width
    ring = place.astype(int)
    counts = np.maximum(np.bincount(ring), 1)
    squares = residual**2
    found = np.bincount(ring, squares) / counts
    for _ in range(2):
        kept = squares < 25 * found[ring]
        number = np.maximum(np.bincount(ring, kept, len(counts)), 1)
        found = np.bincount(ring, squares * kept, len(counts)) / number
    # rings of few pixels lean on their neighbours
    total, amount = (np.convolve(v, np.ones(3), "same") for v in (found * counts, counts.astype(float)))
    found = total / amount
    floor = 1e-6 * np.median(found) + 1e-12 * found.max() + 1e-300
    middles = np.arange(len(found)) + 0.5
    return np.sqrt(np.interp(place, middles, np.maximum(found, floor)))


def _spline(rho, values, weights, first, spacing, count):
    band, right = normal_equations(rho, values, weights, first, spacing, count)
    return cho_solve(cho_factor(band_matrix(band)), right), band
