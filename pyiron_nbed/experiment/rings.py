"""Å⁻¹ per pixel from the rings of a polycrystal, or from the first ring of a glass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import least_squares, nnls
from scipy.signal import find_peaks
from scipy.stats import chi2

from pyiron_nbed.checks import real_array
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.radial_fit import Fit, patch_sums

# lattice parameters in Å at 20-25 °C [Wyckoff1963]
FCC = {"Ag": 4.0862, "Al": 4.04958, "Au": 4.07825, "Cu": 3.61496, "Ni": 3.52387, "Pd": 3.8898, "Pt": 3.9231}
_LARGEST_SUM = 60  # of h² + k² + l²
_WIDTHS = (1.0, 1.8, 3.0, 5.0)  # of rings in pixels, for the search
_STEP = 0.006  # of ln Δk in the search
_KNOTS = 7  # of the background, evenly in ln ρ
_SEEN = 0.5  # of a ring that must lie in the frame
_WHOLE = 0.8  # of a ring that is looked at by itself, against the others
_LEAST_RINGS = 2
_INNER, _MISSING = 6, 4.0  # rings that should be there, and what it costs when they are not
_STARTS = 6  # of the fit of all parameters
_BELOW = 0.6  # of the radius of the first ring, from where on rings are fitted
_APART = 2.5  # standard deviations between rings that are told from each other


@dataclass(frozen=True)
class RingFit:
    """Scale from rings.

    Attributes:
        delta_k: Å⁻¹ per pixel.
        error: its standard error.
        k: (n,) of the rings in the frame, in Å⁻¹.
        radii: (n,) where each is found by itself, in pixels; NaN where it cannot be told from its neighbours.
        errors: (n,) standard errors of the radii.
        heights: (n,) of the rings over the background.
        width: standard deviation of a ring in pixels.
        explained: share of the variation about the background that the rings explain.
    """

    delta_k: float
    error: float
    k: np.ndarray
    radii: np.ndarray
    errors: np.ndarray
    heights: np.ndarray
    width: float
    explained: float


def ring_distances(rings: str | Sequence[float]) -> np.ndarray:
    """k = 1/d of the rings of a powder, ascending.

    Args:
        rings: a face-centred cubic element ("Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"), or distances d of
            lattice planes in Å.

    Returns:
        (n,) in Å⁻¹.

    Raises:
        InputError: another name, or no two distances above 0.

    Example:
        >>> ring_distances("Au")[:3].round(4).tolist()
        [0.4247, 0.4904, 0.6935]
        >>> ring_distances([2.0, 4.0]).tolist()
        [0.25, 0.5]
    """
    if isinstance(rings, str):
        if rings not in FCC:
            raise InputError(
                f"rings is {rings!r}: choose one of {', '.join(FCC)}, 'glass', or give distances d in Å."
            )
        every = range(int(np.sqrt(_LARGEST_SUM)) + 1)
        sums = {h * h + k * k + m * m for h, k, m in product(every, repeat=3) if h % 2 == k % 2 == m % 2} - {
            0
        }
        return np.sqrt(sorted(s for s in sums if s <= _LARGEST_SUM)) / FCC[rings]
    what = "the name of an element, 'glass', or distances of lattice planes in Å, two at least"
    spacings = real_array(rings, "rings", (None,), what)
    if len(np.unique(spacings)) < _LEAST_RINGS or (spacings <= 0).any():
        raise InputError(f"rings holds {spacings.tolist()[:5]}: give {what}, all above 0.")
    return np.sort(1 / np.unique(spacings))


def fit_rings(fit: Fit, k: np.ndarray, guess: float | None = None, inner: float = 0.0) -> RingFit:
    """Å⁻¹ per pixel for which all rings fit together.

    The radial profile is a smooth background and a peak at each k/Δk in the frame, of free height ≥ 0 and of
    one width that may grow with the radius: √(r/ρ) times a Gaussian and a Lorentzian of one half width, in
    shares that are fitted (pseudo-Voigt); √(r/ρ) is what a blur in the plane of the camera does to a ring.
    Rings that overlap are fitted together, so that none pulls the other. Δk is searched over all values that
    bring two rings into the frame. Where the rings one by one deviate from the common scale by more than
    their noise, the standard error grows with that.

    Args:
        fit: centre, ellipse and pixels of the mean pattern.
        k: (n,) of the rings in Å⁻¹, ascending.
        guess: Å⁻¹ per pixel to a tenth; None: no idea.
        inner: pixels from the centre within which nothing is looked at (the unscattered disc).

    Returns:
        The fit.

    Raises:
        InputError: no two rings in the frame, or nothing that looks like rings.
    """
    profile = _Profile(fit, inner)
    low, high = k[0] / profile.rho[-1], k[0] / max(profile.rho[0], 3.0)
    low = max(low, k[_LEAST_RINGS - 1] / profile.rho[-1])
    if guess is not None:
        low, high = max(low, guess * 0.85), min(high, guess * 1.15)
    if high <= low:
        raise InputError(
            f"No two of the rings at {k[0]:.3f} to {k[-1]:.3f} Å⁻¹ lie in the frame"
            f"{'' if guess is None else f' at about {guess:g} Å⁻¹ per pixel'}: check rings and delta_k."
        )
    best, least = None, np.inf
    for delta_k, width in _search(profile, k, low, high):
        tune = _tuned(profile, k, [np.log(delta_k), np.log(width), 0.005, 0.2], low, high)
        criterion = profile.criterion(k, np.exp(tune.x[0]), _Peak(np.exp(tune.x[1]), *tune.x[2:]))
        if criterion < least:
            best, least = tune.x, criterion
    if best is None:
        raise InputError("No rings were found in the mean pattern: check rings, or give delta_k.")
    first = k[k / np.exp(best[0]) > profile.rho[0]][0] / np.exp(best[0])
    nearer = max(inner, min(_BELOW * first, first - 5 * float(np.exp(best[1]))))
    if nearer > profile.rho[0] + 1:  # the steep decay far below the first ring says nothing of rings
        profile = _Profile(fit, nearer)
        best = _tuned(profile, k, best, low, high).x
    return profile.result(k, float(np.exp(best[0])), _Peak(float(np.exp(best[1])), *map(float, best[2:])))


def _tuned(profile: _Profile, k: np.ndarray, start: Any, low: float, high: float) -> Any:
    return least_squares(
        lambda p: profile.misfit(k, np.exp(p[0]), _Peak(np.exp(p[1]), p[2], p[3])),
        np.clip(start, [-np.inf, -0.9, 1e-6, 1e-3], [np.inf, 2.7, 0.099, 0.999]),
        x_scale=[1e-3, 0.1, 0.01, 0.2], max_nfev=40,
        bounds=([np.log(low * 0.98), np.log(0.4), 0, 0], [np.log(high * 1.02), np.log(15.0), 0.1, 1]),
    )  # fmt: skip


def glass_ring(fit: Fit, inner: float = 0.0) -> float:
    """Radius of the first ring of a glass in pixels: the first maximum of ρ·I(ρ) that stands out.

    Args:
        fit: centre, ellipse and pixels of the mean pattern.
        inner: pixels from the centre within which nothing is looked at.

    Raises:
        InputError: no ring stands out.
    """
    profile = _Profile(fit, inner)
    rho = np.arange(profile.rho[0], profile.rho[-1], 0.25)
    smooth = fit.profile(rho)
    tilted = np.log(np.maximum(smooth, 1e-6 * smooth.max()) * rho)
    peaks, _ = find_peaks(tilted, prominence=0.08)
    if not len(peaks):
        raise InputError(
            "No ring of a glass stands out in the mean pattern: give delta_k, and no first_ring."
        )
    place = int(peaks[0])
    # the top of I itself, close by, and not that of ρ·I
    near = np.abs(rho - rho[place]) < 0.3 * rho[place]
    tops, _ = find_peaks(np.where(near, smooth, 0))
    if len(tops):
        place = int(tops[np.argmin(np.abs(tops - place))])
    return float(rho[place])


@dataclass(frozen=True)
class _Peak:
    """Shape of a ring: standard deviation in pixels, its growth per pixel, and the share of a Lorentzian."""

    width: float
    spread: float = 0.0
    share: float = 0.0

    def sigma(self, radii: np.ndarray) -> np.ndarray:
        """Standard deviation at the radii of rings."""
        return np.hypot(self.width, self.spread * radii)

    def values(self, rho: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """(m, n) of rings of height 1."""
        z = (rho[:, None] - radii) / self.sigma(radii)
        shape = (1 - self.share) * np.exp(-(z**2) / 2) + self.share / (1 + z**2 / (2 * np.log(2)))
        return np.sqrt(radii / rho[:, None]) * shape


class _Profile:
    """The radial profile in bins, and models of it."""

    def __init__(self, fit: Fit, inner: float) -> None:
        self.fit = fit
        pixels = fit.pixels
        self.radius = fit.shape.radius(pixels.x, pixels.y)
        self.weights = pixels.weights / fit.deviation**2
        size = 0.5
        number = (self.radius / size).astype(int)
        counts = np.bincount(number)
        whole = 2 * np.pi * (np.arange(len(counts)) + 0.5) * size * size
        area = (np.median(np.diff(np.unique(pixels.x))) if len(pixels.x) > 1 else 1.0) ** 2
        seen = (counts * area > _SEEN * whole) & (np.arange(len(counts)) * size >= inner) & (counts > 3)
        last = np.flatnonzero(seen)
        if len(last) < 40:
            raise InputError("Too little of the frame shows rings: check the beam stop and the masks.")
        self.cover = (counts * area / whole)[last]
        total = np.bincount(number, self.weights)[last]
        self.rho = np.bincount(number, self.weights * self.radius)[last] / total
        self.mean = np.bincount(number, self.weights * pixels.values)[last] / total
        self.weight = np.sqrt(total)
        edges = np.linspace(np.log(self.rho[0]), np.log(self.rho[-1]), _KNOTS - 1)
        knots = np.concatenate([[edges[0]] * 3, edges, [edges[-1]] * 3])
        inside = np.clip(np.log(self.rho), edges[0], edges[-1] - 1e-12)
        self.smooth = BSpline.design_matrix(inside, knots, 3).toarray()
        self.scale = np.median(self.mean)

    def peaks(self, k: np.ndarray, delta_k: float, peak: _Peak) -> tuple[np.ndarray, np.ndarray]:
        """(m, n) peaks of the n rings in reach, and which those are."""
        radii = k / delta_k
        reach = 1.5 * peak.sigma(radii)
        chosen = (radii > self.rho[0] - reach) & (radii < self.rho[-1] + reach)
        return peak.values(self.rho, radii[chosen]), chosen

    def criterion(self, k: np.ndarray, delta_k: float, peak: _Peak) -> float:
        """Bayesian information criterion, with a penalty for inner rings that are missing.

        Twice the true Δk puts rings of higher order on all that is seen, and leaves those in between empty.
        """
        peaks, chosen = self.peaks(k, delta_k, peak)
        heights, residual = self.solve(peaks)
        inside = np.flatnonzero(k[chosen] / delta_k > self.rho[0] + peak.width)[:_INNER]
        missing = [heights[i] < 0.03 * heights[i:].max() for i in inside]
        free = peaks.shape[1] * np.log(len(self.rho))
        lack = _MISSING * len(self.rho) * float(np.mean(missing)) if missing else 0.0
        return len(self.rho) * np.log(float(residual @ residual)) + free + lack

    def solve(self, peaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heights of the peaks (≥ 0) and of the background; and the weighted residual."""
        weight = self.weight[:, None]
        columns = np.concatenate([peaks * self.scale, self.smooth * self.scale], 1)
        wanted = columns * weight
        right = self.mean * self.weight
        # the background is free in sign: what it explains is taken out of both sides first
        q, _ = np.linalg.qr(wanted[:, peaks.shape[1] :])
        rest = wanted[:, : peaks.shape[1]] - q @ (q.T @ wanted[:, : peaks.shape[1]])
        aim = right - q @ (q.T @ right)
        heights, _ = nnls(rest, aim, maxiter=50 * (peaks.shape[1] + 1))
        return heights * self.scale, rest @ heights - aim

    def misfit(self, k: np.ndarray, delta_k: float, peak: _Peak) -> np.ndarray:
        """Weighted residual of the best model."""
        return self.solve(self.peaks(k, delta_k, peak)[0])[1]

    def result(self, k: np.ndarray, delta_k: float, peak: _Peak) -> RingFit:
        """All rings at once, and each by itself, with standard errors."""
        peaks, chosen = self.peaks(k, delta_k, peak)
        heights, residual = self.solve(peaks)
        nothing = self.solve(np.zeros((len(self.rho), 1)))[1]
        explained = 1 - float(residual @ residual) / max(float(nothing @ nothing), 1e-300)
        radii = k[chosen] / delta_k
        sigma = peak.sigma(radii)
        there = heights > 0
        step = 1e-3
        slopes = heights * (peak.values(self.rho, radii + step) - peak.values(self.rho, radii - step)) / 2e-3
        scale = -(slopes * radii).sum(axis=1)  # by ln Δk
        wider = [
            self._model(heights, radii, changed) - self._model(heights, radii, peak)
            for changed in (
                _Peak(peak.width * 1.001, peak.spread, peak.share),
                _Peak(peak.width, peak.spread + 1e-4, peak.share),
                _Peak(peak.width, peak.spread, peak.share + 1e-3),
            )
        ]
        nuisance = np.concatenate([peaks[:, there], self.smooth, np.stack(wider, axis=-1)], axis=1)
        rest = residual / -self.weight
        _, error = self._shifts(scale[:, None], nuisance, rest)
        found, errors = np.full(len(radii), np.nan), np.full(len(radii), np.nan)
        cover = np.minimum(*(np.interp(r, self.rho, self.cover) for r in (radii, radii + sigma)))
        inside = np.flatnonzero(
            there
            & (radii > self.rho[0])
            & (radii + sigma < self.rho[-1])
            & (cover > _WHOLE * np.median(self.cover))
        )
        if not len(inside):
            raise InputError("No ring stands out in the mean pattern: check rings, or give delta_k.")
        # rings that overlap are moved together, by one factor
        apart = np.diff(radii[inside]) > _APART * sigma[inside][1:]
        group = np.concatenate([[0], np.cumsum(apart)])
        columns = np.stack(
            [(slopes * radii)[:, inside[group == g]].sum(axis=1) for g in range(group[-1] + 1)], axis=-1
        )
        change, each = self._shifts(columns, nuisance, rest)
        good = each < 0.005
        if good.sum() > 1:
            excess = float(np.sum((change[good] / each[good]) ** 2)) / (good.sum() - 1)
            if excess * (good.sum() - 1) > chi2.ppf(0.999, good.sum() - 1):
                error = error * np.sqrt(excess)
        kept = good[group]
        found[inside[kept]] = (radii[inside] * (1 + change[group]))[kept]
        errors[inside[kept]] = (radii[inside] * each[group])[kept]
        width = float(peak.width)
        return RingFit(
            delta_k, delta_k * float(error[0]), k[chosen], found, errors, heights, width, explained
        )

    def _model(self, heights: np.ndarray, radii: np.ndarray, peak: _Peak) -> np.ndarray:
        return peak.values(self.rho, radii) @ heights

    def _without(self, columns: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        weight = self.weight[:, None]
        size = np.linalg.norm(nuisance * weight, axis=0)
        base = (nuisance * weight)[:, size > 0] / size[size > 0]
        # those that repeat others must not be divided by nothing
        u, s, _ = np.linalg.svd(base, full_matrices=False)
        u = u[:, s > 1e-6 * s[0]]
        wanted = columns * weight
        return (wanted - u @ (u.T @ wanted)) / weight

    def _shifts(
        self, columns: np.ndarray, nuisance: np.ndarray, rest: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        own = self._without(columns, nuisance)
        weighted = own * self.weight[:, None]
        matrix = weighted.T @ weighted
        inverse = np.linalg.pinv(matrix, rcond=1e-8)
        change = inverse @ (weighted.T @ (rest * self.weight))
        middle = patch_sums(self.fit.pixels, self._scores(own), None)
        return change, np.sqrt(np.maximum(np.diag(inverse @ middle @ inverse), 0))

    def _scores(self, own: np.ndarray) -> np.ndarray:
        # the residual of each pixel about the mean profile: what the model misses is no noise
        pixels = self.fit.pixels
        rest = pixels.values - np.interp(self.radius, self.rho, self.mean)
        inside = (self.radius >= self.rho[0]) & (self.radius <= self.rho[-1])
        factor = np.where(inside, self.weights * rest, 0)
        return np.stack([np.interp(self.radius, self.rho, c) * factor for c in own.T], axis=-1)


def _search(profile: _Profile, k: np.ndarray, low: float, high: float) -> list[tuple[float, float]]:
    """Å⁻¹ per pixel and width of the rings: the best of a grid, none beside a better one."""
    grid = np.exp(np.arange(np.log(low), np.log(high) + _STEP, _STEP))
    found = []
    for delta_k in grid:
        least, best = np.inf, _WIDTHS[0]
        for width in _WIDTHS:
            peaks, _ = profile.peaks(k, delta_k, _Peak(width))
            if peaks.shape[1] < _LEAST_RINGS:
                continue
            criterion = profile.criterion(k, delta_k, _Peak(width))
            if criterion < least:
                least, best = criterion, width
        found.append((least, best))
    values = np.array([value for value, _ in found])
    padded = np.pad(values, 2, constant_values=np.inf)
    lowest = np.min([padded[i : i + len(values)] for i in range(5)], axis=0)
    places = np.flatnonzero(np.isfinite(values) & (values <= lowest))
    places = places[np.argsort(values[places])][:_STARTS]
    return [(float(grid[place]), found[place][1]) for place in places]
