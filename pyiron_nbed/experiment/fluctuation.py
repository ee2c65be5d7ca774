"""V(k) of fluctuation electron microscopy from moments of the intensity, with its shot noise taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyiron_nbed.checks import number
from pyiron_nbed.containers import instance
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import Mesh

KINDS = ("annular_mean", "pattern", "ensemble", "image")
PARTS = 16  # runs of positions that the jackknife leaves out one by one


@dataclass(frozen=True)
class Rings:
    """Pixels sorted by the ring round(|k| / width) that they belong to.

    Attributes:
        pixels: (M,) flat numbers of the pixels that count, ring by ring.
        first: (B,) place in ``pixels`` where each ring starts.
        counts: (B,) pixels of each ring.
        k: (B,) mean |k| of the pixels of each ring in Å⁻¹.
    """

    pixels: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    k: np.ndarray

    @classmethod
    def of_mask(cls, mesh: Mesh, mask: np.ndarray, width: float | None = None) -> Rings:
        """The rings of the pixels where a mask is True.

        Args:
            mesh: of the patterns.
            mask: (n, n) bool.
            width: of a ring in Å⁻¹, at least Δk; None: Δk.

        Raises:
            InputError: no mesh, or another width.

        Example:
            >>> mesh = Mesh(1.0, 0.1)
            >>> Rings.of_mask(mesh, mesh.disc).counts[:3].tolist()
            [1, 8, 12]
        """
        mesh = instance(mesh, "mesh", Mesh, "a Mesh")
        pixels = np.flatnonzero(mask)
        k = mesh.k.ravel()[pixels]
        if width is None:
            width = mesh.delta_k
        hint = "the mesh's delta_k and k_max"
        number(width, "ring_width", mesh.delta_k, mesh.k_max, unit="Å⁻¹", hint=hint)
        ring = np.rint(k / width).astype(int)
        order = np.argsort(ring, kind="stable")
        _, first, counts = np.unique(ring[order], return_index=True, return_counts=True)
        return cls(pixels[order], first, counts, np.add.reduceat(k[order], first) / counts)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over each ring.

        Args:
            values: (…, M) of the pixels in the order of ``pixels``.

        Returns:
            (…, B).
        """
        return np.add.reduceat(values, self.first, axis=-1) / self.counts


@dataclass
class Moments:
    """Sums over positions from which V(k) is computed.

    Attributes:
        n: number of positions.
        mean, mean_square, square: (B,) sums over the positions of the annular mean m, of m², and of the
            annular mean of I².
        variance, n_variance: (B,) sum of ⟨I²⟩/⟨I⟩² − 1 of each position, corrected, and the number of those
            where something is scattered.
        pixel, pixel_square: (M,) sums of I and of I² in every pixel.
    """

    n: Any
    mean: np.ndarray
    mean_square: np.ndarray
    square: np.ndarray
    variance: np.ndarray
    n_variance: np.ndarray
    pixel: np.ndarray
    pixel_square: np.ndarray

    def __sub__(self, other: Moments) -> Moments:
        return Moments(
            *(mine - its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True))
        )


def annular_variance(mean: np.ndarray, square: np.ndarray, noise: float | None = None) -> np.ndarray:
    """⟨I²⟩/⟨I⟩² − 1 on the rings of single patterns, less the shot noise.

    Args:
        mean: (…, B) annular means ⟨I⟩.
        square: (…, B) annular means ⟨I²⟩.
        noise: variance of a pixel over its mean intensity; None: no correction.

    Returns:
        (…, B); NaN where nothing is scattered.

    Example:
        >>> annular_variance(np.array([2.0]), np.array([6.0]), noise=1.0).tolist()
        [0.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = square / mean**2 - 1
        if noise is not None:
            found = found - noise / mean
        return np.where(mean > 0, found, np.nan)


def variance_curves(
    moments: Moments, rings: Rings, electrons_per_unit: float | None = None, pixel_variance: float = 1.0
) -> np.ndarray:
    """V(k) of a set of positions in its four kinds [Daulton2010].

    With φ the average over the pixels of a ring and r that over the positions:

    * "annular_mean", the variance of annular means: V_Ω = ⟨⟨I⟩_φ²⟩_r / ⟨⟨I⟩_φ⟩_r² − 1; speckles average out
      within a ring of N pixels, so that it is the smallest by about that factor;
    * "pattern", of each pattern and then averaged: V_r̄ = ⟨⟨I²⟩_φ / ⟨I⟩_φ²⟩_r − 1; it is blind to thickness
      that varies over the scan;
    * "ensemble", over pixels and positions at once: V_r̃ = ⟨⟨I²⟩_φ⟩_r / ⟨⟨I⟩_φ⟩_r² − 1;
    * "image", the annular mean of the variance image: V_image = ⟨⟨I²⟩_r / ⟨I⟩_r² − 1⟩_φ.

    The second and third hold the slope of I(k) across a ring of width w as well, about (w ∂ln I/∂k)²/12,
    which is large beside the direct beam. pyxem calls the four Omega, r, re and VImage. Shot noise of pixels
    that count electrons one by one adds 1/⟨I⟩ to each (I in electrons; 1/(N ⟨I⟩) to the first)
    [TreacyGibson1996] [VoylesMuller2002], which is subtracted where the electrons are known. As in those
    references no n/(n − 1) is put to the variance: with P positions the first and the last are low by the
    share 1/P, with N pixels in a ring the second by 1/N.

    Args:
        moments: sums over the positions.
        rings: their pixels.
        electrons_per_unit: electrons that an intensity of 1 in one pixel means; None: no correction.
        pixel_variance: variance of a pixel over that of counting its electrons; below 1 where neighbouring
            pixels share electrons since they were interpolated.

    Returns:
        (4, B) in the order of ``KINDS``; NaN where nothing is scattered or a ring has one pixel ("pattern").

    Raises:
        InputError: electrons or a variance that are not above 0.
    """
    noise = pixel_noise(electrons_per_unit, pixel_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = moments.mean / moments.n
        means = (moments.mean_square / moments.n) / mean**2 - 1
        pattern = np.where(rings.counts > 1, moments.variance / moments.n_variance, np.nan)
        ensemble = (moments.square / moments.n) / mean**2 - 1
        pixel = moments.pixel / moments.n
        image = (moments.pixel_square / moments.n) / pixel**2 - 1
        if noise is not None:
            # a sum over a ring has the noise of all its electrons, shared by pixels or not
            means = means - 1 / (electrons_per_unit * rings.counts * mean)
            ensemble = ensemble - noise / mean
            image = image - noise / pixel
        # a pixel that was always dark has no variance, and tells nothing about its ring
        lit = np.where(pixel > 0, 1.0, 0.0)
        lit_mean = np.add.reduceat(np.where(pixel > 0, image, 0.0), rings.first) / np.add.reduceat(
            lit, rings.first
        )
        curves = np.stack([means, pattern, ensemble, lit_mean])
    return np.where(np.isfinite(curves), curves, np.nan)


def with_errors(
    parts: list[Moments], rings: Rings, electrons_per_unit: float | None = None, pixel_variance: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """V(k) and its standard error by the jackknife over runs of positions.

    Probes of neighbouring positions overlap: leaving out whole runs knows that, leaving out single positions
    would not.

    Args:
        parts: moments of the runs, those without positions left out.
        rings: their pixels.
        electrons_per_unit, pixel_variance: as of :func:`variance_curves`.

    Returns:
        V (4, B) and its standard error (4, B), NaN for fewer than four runs.

    Raises:
        InputError: no runs.
    """
    if not parts:
        raise InputError("There are no positions to compute V(k) from: give a region with positions.")
    total = Moments(*(sum(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))
    curves = variance_curves(total, rings, electrons_per_unit, pixel_variance)
    if len(parts) < 4:
        return curves, np.full_like(curves, np.nan)
    left = np.stack(
        [variance_curves(total - part, rings, electrons_per_unit, pixel_variance) for part in parts]
    )
    return curves, np.sqrt((len(parts) - 1) * left.var(axis=0))


def pixel_noise(electrons_per_unit: float | None, pixel_variance: float = 1.0) -> float | None:
    """Variance of the intensity of a pixel over its mean intensity; None where no electrons are known.

    Args:
        electrons_per_unit: electrons that an intensity of 1 in one pixel means, or None.
        pixel_variance: variance of a pixel over that of counting its electrons.

    Raises:
        InputError: a value that is not above 0, or a variance above 1.

    Example:
        >>> pixel_noise(4.0), pixel_noise(4.0, 0.5), pixel_noise(None)
        (0.25, 0.125, None)
    """
    share = number(pixel_variance, "pixel_variance", high=1, above=0, hint="1 for independent pixels")
    if electrons_per_unit is None:
        return None
    hint = "or None where it is not known"
    return float(share / number(electrons_per_unit, "electrons_per_unit", above=0, hint=hint))
