"""Where Å⁻¹ per pixel comes from: rings, a number, the camera length, another calibration, or the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from pyiron_nbed.checks import number
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.radial_fit import Fit
from pyiron_nbed.experiment.rings import fit_rings, glass_ring, ring_distances
from pyiron_nbed.units import electron_wavelength

_DIFFERENT = 0.03  # beyond which two scales contradict each other
_ROUGH = 0.02  # relative standard error of a scale by the first ring of a glass
_POOR = 0.5  # share of the variation that rings must explain
_LIKELY = (1e-5, 0.5)  # Å⁻¹ per pixel that a file may mean


@dataclass(frozen=True)
class Scale:
    """Å⁻¹ per pixel, its standard error, how it was found, the rings, and warnings."""

    delta_k: float
    error: float
    by: str
    rings: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScaleSource:
    """One source of the scale, checked before the frames are read.

    Args:
        by: "rings", "glass", "given", "camera length", "like" or "file".
        delta_k: Å⁻¹ per pixel where it is known before; with rings: where to look for them.
        error: its standard error; NaN: not known.
        k: of the rings in Å⁻¹.
        first_ring: of the glass in Å⁻¹; None: no check.
        name: of the rings.
        warnings: of the choice.
    """

    by: str
    delta_k: float | None = None
    error: float = np.nan
    k: np.ndarray | None = None
    first_ring: float | None = None
    name: str = ""
    warnings: list[str] = field(default_factory=list)

    def measure(self, fit: Fit, inner: float) -> Scale:
        """The scale of a pattern.

        Args:
            fit: of the mean frame.
            inner: pixels from the centre that are not looked at.

        Raises:
            InputError: rings that are not found.
        """
        if self.k is not None:
            return self._by_rings(fit, inner)
        if self.by == "glass":
            radius, ring = glass_ring(fit, inner), float(self.first_ring or 0)
            found = ring / radius
            row = {"k": ring, "radius": radius, "radius_error": _ROUGH * radius, "deviation": 0.0}
            return Scale(found, _ROUGH * found, "first ring of a glass", [row])
        delta_k = float(self.delta_k or 0)
        rows: list[dict[str, Any]] = []
        warnings: list[str] = []
        if self.first_ring is not None:
            radius = glass_ring(fit, inner)
            apart = radius * delta_k / self.first_ring - 1
            rows = [{"k": self.first_ring, "radius": radius, "radius_error": None, "deviation": apart}]
            if abs(apart) > _DIFFERENT:
                warnings = [
                    f"The first ring of the glass lies at {radius * delta_k:.3f} Å⁻¹ with {delta_k:.5g} Å⁻¹ "
                    f"per pixel, {100 * apart:+.1f} % from first_ring = {self.first_ring:g} Å⁻¹: check the "
                    "scale."
                ]
        return Scale(delta_k, self.error, self.by, rows, warnings)

    def _by_rings(self, fit: Fit, inner: float) -> Scale:
        found = fit_rings(fit, np.asarray(self.k), self.delta_k, inner)
        rows = [
            {
                "k": float(k), "radius": float(r), "radius_error": float(error),
                "deviation": float(r * found.delta_k / k - 1),
            }
            for k, r, error in zip(found.k, found.radii, found.errors, strict=True)
            if np.isfinite(r)
        ]  # fmt: skip
        warnings = []
        if not len(rows):
            raise InputError(f"No ring of {self.name} stands out in the mean pattern: give delta_k instead.")
        if len(rows) < 3 or found.explained < _POOR:
            warnings.append(
                f"{len(rows)} rings were told apart, and the rings of {self.name} explain "
                f"{100 * found.explained:.0f} % of what varies: see in plot() whether they are indexed right."
            )
        worst = max(abs(row["deviation"]) for row in rows)
        if worst > 0.015:
            warnings.append(
                f"A ring deviates by {100 * worst:.1f} % from those of {self.name}: look at plot()."
            )
        if self.delta_k is not None and abs(found.delta_k / self.delta_k - 1) > _DIFFERENT:
            warnings.append(
                f"The rings say {found.delta_k:.5g} Å⁻¹ per pixel, delta_k is {self.delta_k:g} Å⁻¹: the "
                "rings were taken."
            )
        if self.first_ring is not None:
            warnings.append("first_ring was not used: the scale is that of rings of a crystal.")
        return Scale(found.delta_k, found.error, f"rings of {self.name}", rows, warnings)


def scale_source(
    delta_k: Any, delta_k_error: Any, rings: Any, first_ring: Any, camera_length: Any, pixel_size: Any,
    beam_energy: float | None, like: Calibration | None, file: float | None,
) -> ScaleSource:  # fmt: skip
    """The one source that the arguments of ``calibrate`` name.

    Raises:
        InputError: two of them, none, or values out of range.

    Example:
        >>> scale_source(0.01, None, None, None, None, None, None, None, None).by
        'given'
    """
    named = {
        "rings": rings is not None, "camera_length": camera_length is not None or pixel_size is not None,
        "like": like is not None,
    }  # fmt: skip
    chosen = [name for name, there in named.items() if there]
    if delta_k is not None:
        delta_k = float(number(delta_k, "delta_k", above=0, high=1, unit="Å⁻¹"))
        chosen = [*(name for name in chosen if name != "rings"), "delta_k"]
        if rings is not None and isinstance(rings, str) and rings == "glass":
            raise InputError(
                "delta_k and rings='glass' were both given: give delta_k with first_ring for a check, or "
                "rings='glass' with first_ring."
            )
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} were both given: give one source of the scale.")
    if delta_k_error is not None:
        if delta_k is None or rings is not None:
            raise InputError("delta_k_error was given without delta_k: give both, or neither.")
        delta_k_error = float(number(delta_k_error, "delta_k_error", 0, delta_k, unit="Å⁻¹"))
    if first_ring is not None:
        first_ring = float(number(first_ring, "first_ring", 0.05, 2, unit="Å⁻¹"))
    if rings is not None:
        return _by_rings(rings, delta_k, first_ring)
    if named["camera_length"]:
        return _by_camera_length(camera_length, pixel_size, beam_energy, first_ring)
    if like is not None:
        return ScaleSource("like", like.delta_k, like.delta_k_error, first_ring=first_ring)
    if delta_k is not None:
        error = np.nan if delta_k_error is None else delta_k_error
        return ScaleSource("given", delta_k, error, first_ring=first_ring)
    if file is None or not _LIKELY[0] < file < _LIKELY[1]:
        says = "says nothing" if file is None else f"says {file:.3g} Å⁻¹ per pixel, which cannot be"
        raise InputError(
            f"No scale was given and the file {says}: give delta_k, rings, camera_length or like."
        )
    text = (
        f"The scale is that of the file, {file:.5g} Å⁻¹ per pixel, which files often have wrong: give rings, "
        "delta_k or like."
    )
    return ScaleSource("file", float(file), first_ring=first_ring, warnings=[text])


def _by_rings(rings: Any, delta_k: float | None, first_ring: float | None) -> ScaleSource:
    if isinstance(rings, str) and rings == "glass":
        if first_ring is None:
            raise InputError("rings is 'glass' without first_ring: give k of its first ring in Å⁻¹.")
        return ScaleSource("glass", first_ring=first_ring)
    name = rings if isinstance(rings, str) else "the distances given"
    return ScaleSource("rings", delta_k, k=ring_distances(rings), first_ring=first_ring, name=name)


def _by_camera_length(
    camera_length: Any, pixel_size: Any, beam_energy: float | None, first_ring: float | None
) -> ScaleSource:
    if camera_length is None or pixel_size is None:
        missing = "pixel_size in µm" if pixel_size is None else "camera_length in mm"
        raise InputError(
            f"The scale by the camera length needs {missing}: give camera_length and pixel_size."
        )
    if beam_energy is None:
        raise InputError(
            "The scale by the camera length needs beam_energy, which the file does not say: give it."
        )
    length = number(camera_length, "camera_length", above=0, high=1e6, hint="in mm")
    size = number(pixel_size, "pixel_size", above=0, high=1e4, hint="in µm")
    return ScaleSource(
        "camera length", 1e-3 * size / length / electron_wavelength(beam_energy), first_ring=first_ring
    )


def diffuse_background(fit: Fit, shape: tuple[int, int]) -> np.ndarray:
    """Diffuse intensity below the rings: the largest convex function of ρ below log I(ρ) that never rises.

    Args:
        fit: with the radial profile.
        shape: (H, W) of the frame.

    Returns:
        (n,) at 0, 1, 2, … pixels from the centre, to the far corner of the frame.
    """
    reach = int(np.ceil(np.hypot(*shape))) + 1
    own = fit.shape.radius(fit.pixels.x, fit.pixels.y)
    rho = np.arange(np.ceil(own.min()), np.floor(own.max()))
    values = fit.profile(rho)
    level = np.log(np.maximum(values, 1e-6 * values.max()))
    points = np.stack([rho, level], axis=-1)
    try:
        corners = np.sort(ConvexHull(points).vertices)
    except QhullError:
        corners = np.array([0, len(rho) - 1])
    # corners below the line from the first to the last, and those two
    line = np.interp(rho[corners], rho[[0, -1]], level[[0, -1]])
    lower = corners[(level[corners] <= line + 1e-12)]
    return np.exp(np.minimum.accumulate(np.interp(np.arange(reach), rho[lower], level[lower])))
