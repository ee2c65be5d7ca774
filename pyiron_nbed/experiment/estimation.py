"""Calibrate a scan from its own frames: centre, descan, ellipse, scale, and the pixels that count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyiron_nbed.checks import flag, number, one_of, shown, warn
from pyiron_nbed.containers import instance
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.center import Disc, find_center, find_disc
from pyiron_nbed.experiment.defects import Defects, find_defects
from pyiron_nbed.experiment.descan import KINDS_OF_DESCAN
from pyiron_nbed.experiment.measured import MeasuredScan
from pyiron_nbed.experiment.radial_fit import Fit, Pixels, Shape, fit_shape
from pyiron_nbed.experiment.scale import Scale, diffuse_background, scale_source
from pyiron_nbed.experiment.stop import find_hidden
from pyiron_nbed.experiment.sums import Sums, sums_of_scan
from pyiron_nbed.experiment.wander import Wander, fit_descan
from pyiron_nbed.units import MINIMUM_ENERGY, electron_wavelength, quantities

_SMALLEST = 32  # pixels along a side of a frame
_FEWEST = 300  # pixels that count
_FAR_ENERGY = 0.02  # by which two energies may differ
_FAR_ANGLE = 0.1
_ROUNDS = 4  # of centre and beam stop in turn


@quantities(
    delta_k="1/angstrom", beam_energy="eV", semiangle="mrad", rotation="degree", delta_k_error="1/angstrom",
    first_ring="1/angstrom",
)  # fmt: skip
def calibrate(
    scan: MeasuredScan,
    delta_k: float | None = None,
    rings: Any = None,
    beam_stop: Any = "auto",
    descan: str = "plane",
    *,
    delta_k_error: float | None = None,
    first_ring: float | None = None,
    camera_length: float | None = None,
    pixel_size: float | None = None,
    beam_energy: float | None = None,
    semiangle: float | None = None,
    rotation: float | None = None,
    flip: bool | None = None,
    background: bool = False,
    like: Calibration | None = None,
) -> Calibration:
    """Which k each pixel of a camera sees, and which pixels count, from one pass over a scan.

    Hot and dead pixels stand out from their surroundings (:func:`.defects.find_defects`), a beam stop is
    darker than its rings (:func:`.stop.find_hidden`), the centre is searched over the whole frame
    (:func:`.center.find_center`) and refined with the ellipse by least angular variance
    (:func:`.radial_fit.fit_shape`), the descan is a robust fit to the centres of parts of the scan
    (:func:`.wander.fit_descan`). The unscattered disc, where it is visible, helps with the centre and gives
    the semiangle. The scale comes from one of: ``rings``, ``delta_k``, ``camera_length`` with ``pixel_size``
    and ``beam_energy``, another calibration (``like``), or the file (with a warning: files are often wrong).

    Args:
        scan: MeasuredScan of frames of at least 32 × 32 pixels.
        delta_k: Å⁻¹ per pixel; with the rings of a crystal: to a tenth, where to look for them.
        rings: "Ag", "Al", "Au", "Cu", "Ni", "Pd" or "Pt" (a powder), distances d of lattice planes in Å, or
            "glass" (rough: the first ring of a glass is at ``first_ring``).
        beam_stop: "auto": find what is hidden, also outside a round field of view; (H, W) bool, True where
            hidden; None: nothing is hidden.
        descan: "none", "plane" or "parabola" over the scan.
        delta_k_error: standard error of ``delta_k`` in Å⁻¹.
        first_ring: k of the first ring of the glass in Å⁻¹, which checks any other source of the scale.
        camera_length: in mm.
        pixel_size: of the camera in µm.
        beam_energy: in eV; None: as the file says.
        semiangle: of convergence in mrad; None: from the unscattered disc where it is visible.
        rotation: of the camera's image against the scan in degrees; None: 0, or as ``like``.
        flip: the camera sees the mirror image; None: no, or as ``like``.
        background: estimate the diffuse intensity too.
        like: calibration of another scan by the same camera (gold first, glass after): its scale, ellipse,
            rotation, flip, energy and semiangle are taken, its centre, descan and masks are not.

    Returns:
        The calibration; ``facts`` hold how things were found, rings, and the warnings.

    Raises:
        InputError: an argument out of range, arguments that contradict each other, no scale, or frames that
            show no pattern.

    Example:
        >>> y, x = np.mgrid[:64, :64]
        >>> r = np.hypot(x - 30.4, y - 33.1)
        >>> ring = 40 * np.exp(-((r - 18) ** 2) / 16)
        >>> frames = np.random.default_rng(0).poisson(20 * np.exp(-r / 20) + ring)
        >>> cal = calibrate(MeasuredScan.from_array(frames[None, None]), delta_k=0.02, descan="none")
        >>> bool(np.hypot(cal.center[0] - 30.4, cal.center[1] - 33.1) < 0.3)
        True
    """
    instance(scan, "The scan", MeasuredScan, "a MeasuredScan, as read_scan gives it")
    shape = (int(scan.shape[2]), int(scan.shape[3]))
    if min(shape) < _SMALLEST:
        raise InputError(
            f"The frames have {shape[0]} × {shape[1]} pixels: calibration needs {_SMALLEST} × {_SMALLEST} at "
            "least."
        )
    one_of(descan, "descan", KINDS_OF_DESCAN)
    flag(background, "background")
    stop = _stop(beam_stop, shape)
    if like is not None:
        instance(like, "like", Calibration, "the Calibration of another scan, or None")
        if like.frame_shape != shape:
            raise InputError(
                f"like is of frames of {like.frame_shape} pixels and the scan has {shape}: give the "
                "calibration of a scan by the same camera with the same binning."
            )
    warnings: list[str] = []
    energy = _energy(beam_energy, scan, like, warnings)
    given = _angle(semiangle)
    turn = number(_first(rotation, like.rotation if like else 0.0), "rotation", -360, 360, unit="°")
    mirror = flag(_first(flip, like.flip if like else False), "flip")
    source = scale_source(
        delta_k, delta_k_error, rings, first_ring, camera_length, pixel_size, energy, like, scan.delta_k
    )
    found = _Found.of(sums_of_scan(scan), stop, descan, like)
    scale = source.measure(found.wander.fit, found.inner)
    warnings += source.warnings + found.warnings(descan) + scale.warnings
    angle = _semiangle(given, found.disc, scale, energy, like, warnings)
    calibration = found.calibration(
        scan, scale, rotation=turn, flip=mirror, beam_energy=energy, semiangle=angle, like=like,
        background=diffuse_background(found.wander.fit, shape) if background else None, warnings=warnings,
    )  # fmt: skip
    for text in warnings:
        warn(text)
    # what cal.plot() draws; a file of the calibration does not hold it
    object.__setattr__(calibration, "_drawn", found.drawn())
    return calibration


@dataclass
class _Found:
    """What the frames tell of the geometry and of the pixels."""

    sums: Sums
    defects: Defects
    hidden: np.ndarray
    given: bool
    wander: Wander
    disc: Disc | None
    inner: float
    center: tuple[float, float]
    center_error: float
    by_disc: str

    @classmethod
    def of(cls, sums: Sums, stop: np.ndarray | str | None, descan: str, like: Calibration | None) -> _Found:
        """What is found in the sums of a scan; arguments as of :func:`calibrate`, already checked."""
        if not np.isfinite(sums.mean).any() or np.nanmax(sums.mean) <= 0 or np.ptp(sums.mean) == 0:
            raise InputError("The mean of the frames shows no pattern: check the file and the scan shape.")
        defects = find_defects(sums.mean, sums.variance, sums.frames, sums.parts, sums.integer)
        sound = ~(defects.hot | defects.dead)
        hidden = stop.copy() if isinstance(stop, np.ndarray) else np.zeros(sound.shape, bool)
        place = _seen_center(sums.mean, sound, hidden)
        if isinstance(stop, str):
            place, hidden = _with_stop(sums.mean, sound, place, like)
        valid = sound & ~hidden
        if valid.sum() < _FEWEST:
            raise InputError(
                f"Only {int(valid.sum())} pixels are neither hidden nor hot nor dead: check beam_stop."
            )
        defects = replace(defects, hot=defects.hot & ~hidden, dead=defects.dead & ~hidden)
        held = Shape.of_ellipse(0, 0, like.ellipticity, like.angle) if like else Shape(0, 0)
        place = replace(place, s1=held.s1, s2=held.s2)
        disc = find_disc(sums.mean, valid, place)
        inner = 0.0 if disc is None else 1.6 * disc.radius + 3
        fit = _fit(sums.mean, valid, place, inner, like is None)
        wander = fit_descan(sums, valid, fit, descan, like is None, inner)
        disc = find_disc(wander.frame, wander.weights > 0.3, wander.fit.shape)
        found = cls(
            sums, defects, hidden, not isinstance(stop, str), wander, disc, inner, (0.0, 0.0), 0.0, ""
        )
        found._choose()
        return found

    def _choose(self) -> None:
        """Centre of the rings, of the disc, or the mean of both by their errors."""
        rings, noise = np.array(self.wander.center), np.trace(self.wander.covariance) / 2
        self.center, self.center_error, self.by_disc = (
            (float(rings[0]), float(rings[1])), float(np.sqrt(noise)), "rings",
        )  # fmt: skip
        if self.disc is None:
            return
        y, x = np.mgrid[: self.sums.mean.shape[0], : self.sums.mean.shape[1]]
        near = np.hypot(x - self.disc.x, y - self.disc.y) < 2 * self.disc.radius + 2
        chosen = near & (self.wander.weights > 0.3)
        start = Shape(self.disc.x, self.disc.y)
        if chosen.sum() < 30:
            return
        fit = fit_shape(Pixels.of_frame(self.wander.frame, chosen), start, 1.0, False, patch=2.5)
        own = np.trace(fit.covariance) / 2 + 0.01**2
        if np.hypot(fit.shape.x - start.x, fit.shape.y - start.y) > 0.5:
            return  # too small or too lumpy for a fit
        self.disc = replace(self.disc, x=fit.shape.x, y=fit.shape.y)
        apart = np.array([fit.shape.x, fit.shape.y]) - (self.wander.fit.shape.x, self.wander.fit.shape.y)
        if np.hypot(*apart) > 3 * np.sqrt(own + noise) + 0.1 and noise < 0.3**2:
            return  # the rings are what is measured
        share = noise / (own + noise)
        center = rings + share * apart
        self.center = (float(center[0]), float(center[1]))
        self.center_error, self.by_disc = float(np.sqrt(own * noise / (own + noise))), "rings and disc"

    def warnings(self, descan: str) -> list[str]:
        """What a person should look at."""
        texts = []
        rows, columns = self.sums.mean.shape
        x, y = self.center
        if not (0.1 * columns < x < 0.9 * columns and 0.1 * rows < y < 0.9 * rows):
            texts.append(f"The centre ({x:.1f}, {y:.1f}) lies near the edge of the frame: look at plot().")
        if self.center_error > 0.5:
            texts.append(
                f"The centre is known to ± {self.center_error:.1f} pixels only: the mean pattern has few "
                "electrons or no rings."
            )
        if self.disc is not None and "disc" not in self.by_disc:
            apart = float(
                np.hypot(self.disc.x - self.wander.fit.shape.x, self.disc.y - self.wander.fit.shape.y)
            )
            if apart > 1:
                texts.append(
                    f"The unscattered disc lies {apart:.1f} pixels beside the centre of the rings, which was "
                    "taken: look at plot()."
                )
        share = float(self.hidden.mean())
        if share > 0.7:
            texts.append(f"{100 * share:.0f} % of the frame is hidden: look at plot(), or give beam_stop.")
        if self.wander.fit.shape.ellipticity > 0.1:
            texts.append(
                f"The ellipticity is {self.wander.fit.shape.ellipticity:.2f}: more than lenses make, look at "
                "plot()."
            )
        lost = 1 - float(np.mean(self.wander.kept))
        if lost > 0.25:
            texts.append(
                f"{100 * lost:.0f} % of the parts of the scan have a centre off the descan {descan!r}: "
                "look at plot()."
            )
        if descan == "parabola" and not self.wander.descan.coefficients[:, 2:].any():
            texts.append("The scan is too small for the parabola of its descan, which was left out.")
        if n := self.saturated():
            texts.append(
                f"{n} pixels reach {self.sums.top:g}, the largest value of a frame: they may be saturated."
            )
        return texts

    def saturated(self) -> int:
        """Pixels that reach the largest value of the type, not hot ones."""
        return int(((self.sums.maximum >= self.sums.top) & ~self.defects.hot).sum())

    def calibration(
        self, scan: MeasuredScan, scale: Scale, like: Calibration | None, warnings: list[str], **more: Any
    ) -> Calibration:
        """All of it together."""
        fit = self.wander.fit
        e_error, angle_error = _ellipse_errors(fit)
        ellipse: dict[str, Any] = {
            "ellipticity": fit.shape.ellipticity, "angle": fit.shape.angle, "ellipticity_error": e_error,
            "angle_error": angle_error,
        }  # fmt: skip
        if like is not None:
            ellipse = {name: getattr(like, name) for name in ellipse}
        facts: dict[str, Any] = {
            "center_by": self.by_disc, "scale_by": scale.by, "warnings": warnings,
            "file_delta_k": None if scan.delta_k is None else float(scan.delta_k), "rings": scale.rings,
            "spacing": fit.spacing, "dead_rows": self.defects.rows, "dead_columns": self.defects.columns,
            "saturated": self.saturated(), "parts": len(self.sums.counts),
            "parts_off_descan": int((~self.wander.kept).sum()),
            "beam_stop": "given" if self.given else "found",
            "disc": None if self.disc is None else {
                "x": float(self.disc.x), "y": float(self.disc.y), "radius": float(self.disc.radius),
            },
        }  # fmt: skip
        return Calibration(
            self.center, scale.delta_k, self.sums.mean.shape, (int(scan.shape[0]), int(scan.shape[1])),
            descan=self.wander.descan, hidden=_some(self.hidden), hot=_some(self.defects.hot),
            dead=_some(self.defects.dead), center_error=self.center_error, delta_k_error=scale.error,
            facts=facts, **ellipse, **more,
        )  # fmt: skip

    def drawn(self) -> dict[str, Any]:
        """What a figure needs beside the calibration."""
        terms = self.sums.terms
        slopes = self.wander.descan.coefficients
        model = np.array(self.center) + terms[:, : slopes.shape[1]] @ slopes.T
        return {
            "mean": self.sums.mean, "rest": self.wander.centers - model, "kept": self.wander.kept,
            "terms": terms,
        }  # fmt: skip


def _fit(frame: np.ndarray, valid: np.ndarray, place: Shape, inner: float, ellipse: bool) -> Fit:
    pixels = Pixels.of_frame(frame, valid)
    pixels = pixels.where(place.radius(pixels.x, pixels.y) >= inner)
    return fit_shape(pixels, place, ellipse=ellipse)


def _seen_center(frame: np.ndarray, sound: np.ndarray, hidden: np.ndarray) -> Shape:
    if (sound & ~hidden).sum() < _FEWEST:
        raise InputError("beam_stop hides all but a few pixels: True must stand where the frame is hidden.")
    return find_center(frame, sound & ~hidden)


def _with_stop(
    frame: np.ndarray, sound: np.ndarray, place: Shape, like: Calibration | None
) -> tuple[Shape, np.ndarray]:
    """Centre and hidden pixels in turn, until neither changes."""
    hidden = np.zeros(frame.shape, bool)
    for _ in range(_ROUNDS):
        new = find_hidden(frame, sound, place)
        if (sound & ~new).sum() < _FEWEST or np.array_equal(new, hidden):
            break
        hidden = new
        place = find_center(frame, sound & ~hidden)
    return place, hidden


def _ellipse_errors(fit: Fit) -> tuple[float, float]:
    """Standard errors of e and of the angle in degrees."""
    s1, s2 = fit.shape.s1, fit.shape.s2
    size, own = float(np.hypot(s1, s2)), fit.covariance[2:, 2:]
    along = np.array([s1, s2]) / size if size > 0 else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    e_error = 2 * (1 + fit.shape.ellipticity) * float(np.sqrt(along @ own @ along))
    turned = 0.5 * float(np.sqrt(across @ own @ across)) / max(size, 1e-12)
    return e_error, min(float(np.rad2deg(turned)), 90.0)


def _some(pixels: np.ndarray) -> np.ndarray | None:
    return pixels if pixels.any() else None


def _first(value: Any, other: Any) -> Any:
    return other if value is None else value


def _stop(value: Any, shape: tuple[int, int]) -> np.ndarray | str | None:
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    if not isinstance(value, np.ndarray) or value.dtype != bool or value.shape != shape:
        raise InputError(
            f"beam_stop is {shown(value)}: give 'auto', None, or an array of shape {shape} that is True "
            "where the frame is hidden."
        )
    return value


def _energy(value: Any, scan: MeasuredScan, like: Calibration | None, warnings: list[str]) -> float | None:
    file = scan.facts.get("beam_energy")
    known = {"the file": file, "like": like.beam_energy if like else None}
    if value is not None:
        value = float(number(value, "beam_energy", MINIMUM_ENERGY, hint="in eV, for example 200e3"))
    for name, other in known.items():
        if not isinstance(other, (int, float)) or other < MINIMUM_ENERGY:
            continue
        if value is None:
            value = float(other)
        elif abs(value / other - 1) > _FAR_ENERGY:
            if name == "like" and like is not None and file == value:
                raise InputError(
                    f"The scan is of {value:g} eV and like of {other:g} eV: give the calibration of a scan "
                    "at the same energy."
                )
            warnings.append(
                f"The beam energy is {value:g} eV here and {other:g} eV in {name}: the former was taken."
            )
    return value


def _angle(value: Any) -> float | None:
    return None if value is None else float(number(value, "semiangle", above=0, high=200, hint="in mrad"))


def _semiangle(
    given: float | None, disc: Disc | None, scale: Scale, energy: float | None, like: Calibration | None,
    warnings: list[str],
) -> float | None:  # fmt: skip
    seen = None
    # the disc is blurred by a pixel: what is smaller tells no angle
    if disc is not None and energy is not None and disc.radius > 1.5:
        seen = 1e3 * disc.radius * scale.delta_k * electron_wavelength(energy)
    if given is None and like is not None:
        given = like.semiangle
    if given is not None and seen is not None and abs(seen / given - 1) > _FAR_ANGLE:
        warnings.append(
            f"The semiangle is {given:.3g} mrad, and the radius of the unscattered disc says {seen:.3g} "
            "mrad: check semiangle, beam_energy and the scale."
        )
    return _first(given, seen)
