"""Descan: how the centre wanders while the probe is scanned, from the mean frames of parts of the scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import shift as shifted

from pyiron_nbed.experiment.descan import KINDS_OF_DESCAN, Descan
from pyiron_nbed.experiment.radial_fit import Fit, Pixels, fit_shape, information
from pyiron_nbed.experiment.sums import Sums, binned

_ROUNDS = 8
_FURTHEST = 2.0  # pixels within a round
_TUKEY = 4.7  # standard deviations beyond which a part of the scan does not count
_DONE = 0.01  # pixels


@dataclass(frozen=True)
class Wander:
    """What was found of the descan.

    Attributes:
        descan: the model.
        fit: mean centre, ellipse and profile of the mean frame without descan.
        center: x and y at the middle of the scan.
        covariance: (2, 2) of the centre at the middle of the scan.
        centers: (B, 2) x and y of each part of the scan.
        errors: (B,) standard error of each by its noise.
        kept: (B,) bool, the parts that follow the model.
        frame, weights: (H, W) mean frame without descan, and share of the frames that see each pixel there.
    """

    descan: Descan
    fit: Fit
    center: tuple[float, float]
    covariance: np.ndarray
    centers: np.ndarray
    errors: np.ndarray
    kept: np.ndarray
    frame: np.ndarray
    weights: np.ndarray


def fit_descan(sums: Sums, valid: np.ndarray, fit: Fit, kind: str, ellipse: bool, inner: float) -> Wander:
    """Plane or parabola through the centres of the parts of a scan.

    The centre of each part is that of least squared deviation from the common radial profile, of free
    height; the model is fitted to the centres with the information each of them has, and without parts that
    are far off (Tukey's biweight), in turn with the profile of the frame from which the descan is taken.

    Args:
        sums: of the scan.
        valid: (H, W) bool, pixels that count.
        fit: of the mean frame.
        kind: "none", "plane" or "parabola"; terms that the scan is too small for are left out.
        ellipse: fit it; False holds that of ``fit``.
        inner: pixels from the centre that are left out (the unscattered disc).

    Returns:
        What was found.
    """
    count = len(sums.counts)
    terms = _terms(sums, kind)
    middle = (sums.counts @ terms) / sums.counts.sum()
    used = _usable(terms - middle)
    empty = np.zeros((2, terms.shape[1]))
    if not len(used):
        covariance = fit.covariance[:2, :2]
        alone = np.full((count, 2), [fit.shape.x, fit.shape.y])
        errors = np.full(count, float(np.sqrt(np.trace(covariance) / 2)))
        every = np.ones(count, bool)
        return Wander(
            Descan(kind, empty), fit, (fit.shape.x, fit.shape.y), covariance, alone, errors, every,
            np.where(valid, sums.mean, 0), valid.astype(float),
        )  # fmt: skip
    seen = binned(valid.astype(float), sums.bin) > 0.999
    design = np.concatenate([np.ones((count, 1)), (terms - middle)[:, used]], axis=1)
    coefficients = np.zeros((2, design.shape[1]))
    coefficients[:, 0] = fit.shape.x, fit.shape.y
    frame, weights = sums.mean, valid.astype(float)
    for round_ in range(_ROUNDS):
        before = design @ coefficients.T
        moves, matrices = _moves(sums, seen, fit, before, inner)
        coefficients, covariance, kept, errors = _regression(design, before + moves, matrices)
        after = design @ coefficients.T
        change = float(np.abs(after - before).max())
        place = replace(fit.shape, x=float(coefficients[0, 0]), y=float(coefficients[1, 0]))
        if round_ % 2 or change < _DONE:
            frame, weights = aligned(sums, valid, after - coefficients[:, 0])
            chosen = weights > 0.3
            pixels = Pixels.of_frame(frame, chosen, weights)
            pixels = pixels.where(place.radius(pixels.x, pixels.y) >= inner)
            fit = fit_shape(pixels, place, None if change < _DONE else fit.spacing, ellipse)
            coefficients[:, 0] = fit.shape.x, fit.shape.y
        if change < _DONE and round_ > 1:
            break
    found = empty.copy()
    found[:, used] = coefficients[:, 1:]
    # from the mean over the positions to the middle of the scan
    lever = middle[used]
    center = coefficients[:, 0] - coefficients[:, 1:] @ lever
    q = len(used) + 1
    own = (slice(1, q), slice(q + 1, 2 * q))  # of x and of y
    spread = np.array([lever @ covariance[axis, axis] @ lever for axis in own])
    noise = fit.covariance[:2, :2] + np.diag(spread)
    return Wander(
        Descan(kind, found), fit, (float(center[0]), float(center[1])), noise, before + moves, errors, kept,
        frame, weights,
    )  # fmt: skip


def _terms(sums: Sums, kind: str) -> np.ndarray:
    return sums.terms[:, : KINDS_OF_DESCAN[kind]]


def _usable(terms: np.ndarray) -> np.ndarray:
    """Terms that are no combination of those before them."""
    used: list[int] = []
    for number in range(terms.shape[1]):
        column = terms[:, number]
        if used:
            others = terms[:, used]
            column = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
        if np.linalg.norm(column) > 1e-6 * (1 + np.linalg.norm(terms[:, number])):
            if len(used) + 2 > len(terms):
                break
            used.append(number)
    return np.array(used, int)


def _moves(sums: Sums, seen: np.ndarray, fit: Fit, centers: np.ndarray, inner: float):
    moves, matrices = np.zeros((len(centers), 2)), np.zeros((len(centers), 2, 2))
    frames = sums.counts.sum()
    # beyond the pixels of the fit its profile means nothing
    reach = float(fit.shape.radius(fit.pixels.x, fit.pixels.y).max())
    for number, (x, y) in enumerate(centers):
        shape = replace(fit.shape, x=float(x), y=float(y))
        pixels = Pixels.of_frame(sums.binned[number], seen, bin=sums.bin)
        rho = shape.radius(pixels.x, pixels.y)
        used = (rho >= inner) & (rho <= reach)
        pixels, rho = pixels.where(used), rho[used]
        model = fit.profile(np.maximum(rho, fit.start))
        over = np.maximum(model, 1e-6 * model.max())
        amplitude = float((pixels.values * model / over).sum() / (model * model / over).sum())
        if not amplitude > 0:
            continue
        # that of the mean frame: one part alone tells too little of it
        deviation = fit.deviation_at(rho) * np.sqrt(amplitude * frames / sums.counts[number]) / sums.bin
        move, matrices[number] = information(fit, pixels, shape, deviation, amplitude)
        moves[number] = move / max(1.0, float(np.hypot(*move)) / _FURTHEST)
    return moves, matrices


def _regression(design: np.ndarray, centers: np.ndarray, matrices: np.ndarray):
    """Robust generalised least squares of x and y together."""
    count, q = design.shape
    weights = np.ones(count)
    for _ in range(12):
        weighted = matrices * weights[:, None, None]
        left = np.einsum("bij,bp,bq->ipjq", weighted, design, design).reshape(2 * q, 2 * q)
        right = np.einsum("bij,bp,bj->ip", weighted, design, centers).reshape(2 * q)
        scale = np.sqrt(np.maximum(np.diag(left), 1e-300))
        inverse = np.linalg.pinv(left / np.outer(scale, scale), rcond=1e-10) / np.outer(scale, scale)
        coefficients = (inverse @ right).reshape(2, q)
        rest = centers - design @ coefficients.T
        apart = np.sqrt(np.maximum(np.einsum("bi,bij,bj->b", rest, matrices, rest), 0))
        # 1.18 is the median of the length of two normal numbers
        size = max(float(np.median(apart[matrices[:, 0, 0] > 0])) / 1.18, 1e-6) * np.sqrt(
            count / max(count - q, 0.5)
        )
        weights = np.maximum(1 - (apart / (_TUKEY * size)) ** 2, 0) ** 2
        if count < q + 3:
            weights = np.ones(count)
            break
    errors = np.array([np.sqrt(np.trace(np.linalg.pinv(m)) / 2) for m in matrices])
    return coefficients, inverse * max(size, 1.0) ** 2, weights > 0.05, errors


def aligned(sums: Sums, valid: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean frame after each part is moved back by its shift, and the share of frames that see each pixel.

    Args:
        sums: of the scan.
        valid: (H, W) bool, pixels that count.
        shifts: (B, 2) x and y of each part in pixels.

    Returns:
        (H, W) mean where a pixel is seen, else 0; and (H, W) share.
    """
    if np.abs(shifts).max(initial=0) < 0.02:
        return np.where(valid, sums.mean, 0), valid.astype(float)
    total, number = np.zeros(valid.shape), np.zeros(valid.shape)
    good = valid.astype(float)
    for part, count, (x, y) in zip(sums.parts, sums.counts, shifts, strict=True):
        seen = shifted(good, (-y, -x), order=1, cval=0.0)
        whole = seen > 0.999  # a pixel beside a hidden one would be made of fewer, off its middle
        total += np.where(whole, shifted(np.where(valid, part, 0), (-y, -x), order=1, cval=0.0), 0) * count
        number += whole * float(count)
    return np.where(number > 0, total / np.maximum(number, 1), 0), number / sums.counts.sum()
