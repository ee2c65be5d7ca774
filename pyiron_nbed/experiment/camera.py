"""A simulated camera: what it makes of the patterns of a specimen, and the calibration that is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from pyiron_nbed.checks import is_whole, number, one_of, seed_number, shown, whole
from pyiron_nbed.containers import instance, known_fields
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.calibration import Calibration
from pyiron_nbed.experiment.camera_pixels import area_means, spline_coefficients
from pyiron_nbed.experiment.descan import Descan
from pyiron_nbed.experiment.pixels import marked, packed, two_sides, unpacked
from pyiron_nbed.units import quantities

STOPS = ("bar", "disc")
_FRAME, _PIXELS = 1, 0  # what random numbers are drawn for, so that no two streams are one
_SPREAD = 5  # standard deviations of the point spread, beyond which nothing arrives
_EXACT = 2**24  # up to which float32 holds all whole numbers


@quantities(
    delta_k="1/angstrom", center="pixel", angle="degree", rotation="degree", blur="pixel",
    background_width="1/angstrom", stop_width="pixel", stop_angle="degree", beam_energy="eV",
    semiangle="mrad",
)  # fmt: skip
@dataclass(frozen=True, eq=False)
class Camera:
    """A camera that sees patterns where a calibration says, and counts electrons.

    What has k is seen at r = center + descan(iy, ix) + E · R · F · k / Δk, as
    :class:`pyiron_nbed.experiment.Calibration` says, which :meth:`calibration` gives. A pixel shows the mean
    of the intensity over its area. Then follow, as the electrons meet them: diffuse background, point spread,
    counting, hot and dead pixels, the limit of the counter, the beam stop. Each frame draws from a generator
    of the seed and its number, so that it depends on no other frame.

    Args:
        frame_shape: (H, W) rows and columns of a frame.
        delta_k: Å⁻¹ per pixel.
        center: (x, y) in pixels where the scan is in its middle; None: the middle of the frame.
        ellipticity: e = a/b − 1 ≥ 0 for the axes a ≥ b of the ellipse that a circle becomes.
        angle: of its long axis, in degrees from +x towards +y.
        rotation: of the image against the scan, in degrees.
        flip: the camera sees the mirror image.
        descan: :class:`Descan`; None: none.
        blur: standard deviation of the point spread in pixels.
        dose: electrons of a frame, the mean number that would be counted if nothing were hidden, hot or
            dead; None: no counting, the intensity in Å² as float32.
        background: share of the electrons that is diffuse, 0 to 1: a Gaussian around k = 0.
        background_width: standard deviation of that Gaussian in Å⁻¹.
        stop: "bar", which comes from beyond the edge and ends round behind the centre, "disc" around it, or
            (H, W) bool of the hidden pixels; None: none. Hidden pixels show 0.
        stop_width: of the bar, or diameter of the disc, in pixels.
        stop_angle: direction from which the bar comes in degrees from +x towards +y.
        hot: number of hot pixels, drawn from the seed, or (H, W) bool. They show the same in all frames, also
            behind a stop.
        hot_value: what they show: electrons, or Å² without a dose; None: ten times the mean number of
            electrons in a pixel with a dose, and at least 100.
        dead: number of dead pixels, which show 0, or (H, W) bool.
        bits: of the counter, 1 to 32: no pixel shows more than 2^bits − 1; None: 32.
        beam_energy: in eV; None: not known, and the Ewald sphere flat.
        semiangle: of convergence in mrad, a fact for the calibration: the volume makes the probe; None: not
            known.
        seed: of all that is drawn.

    Raises:
        InputError: a value out of range, or pixels of another shape.

    Example:
        >>> camera = Camera((64, 64), 0.03, ellipticity=0.02, dose=1e5, stop="disc", stop_width=7)
        >>> camera.calibration((3, 4))
        Calibration(centre (31.50, 31.50) ± 0 px, 0.03000 ± 0 Å⁻¹ per px, ellipticity 0.0200 ± 0 at 0°, \
32 hidden px)
        >>> camera.dtype
        dtype('uint32')
    """

    frame_shape: tuple[int, int]
    delta_k: float
    center: tuple[float, float] | None = None
    ellipticity: float = 0.0
    angle: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    descan: Descan | None = None
    blur: float = 0.0
    dose: float | None = None
    background: float = 0.0
    background_width: float = 0.2
    stop: str | np.ndarray | None = None
    stop_width: float = 0.0
    stop_angle: float = 0.0
    hot: int | np.ndarray = 0
    hot_value: float | None = None
    dead: int | np.ndarray = 0
    bits: int | None = None
    beam_energy: float | None = None
    semiangle: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in _checked(self).items():
            object.__setattr__(self, name, value)
        calibration = Calibration(
            self._center, self.delta_k, self.frame_shape, (1, 1), self.ellipticity, self.angle, self.rotation,
            self.flip, Descan() if self.descan is None else self.descan, beam_energy=self.beam_energy,
            semiangle=self.semiangle,
        )  # fmt: skip
        for name, value in {"flip": calibration.flip, "_geometry": calibration}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_hidden", self._shadow())
        hot, dead = self._marked()
        object.__setattr__(self, "_bad", (hot, dead))

    @property
    def dtype(self) -> np.dtype:
        """Of a frame: float32 without a dose, else the smallest whole numbers that hold the counter's."""
        if self.dose is None:
            return np.dtype(np.float32)
        bits = 32 if self.bits is None else self.bits
        return np.dtype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)

    @property
    def hidden(self) -> np.ndarray:
        """(H, W) bool, pixels behind the beam stop."""
        return self._hidden  # type: ignore[attr-defined]

    @property
    def hot_pixels(self) -> np.ndarray:
        """(H, W) bool, those that are hot."""
        return self._bad[0]  # type: ignore[attr-defined]

    @property
    def dead_pixels(self) -> np.ndarray:
        """(H, W) bool, those that are dead."""
        return self._bad[1]  # type: ignore[attr-defined]

    def calibration(self, scan_shape: tuple[int, int]) -> Calibration:
        """The calibration that is true of the scans of this camera.

        Its standard errors are 0. The background is known where there is a dose: all frames have the same.

        Args:
            scan_shape: (Ny, Nx) positions.

        Returns:
            The :class:`Calibration`.

        Raises:
            InputError: no two whole numbers.
        """
        scan_shape = two_sides(scan_shape, "scan_shape")
        profile = None
        if self.background and self.dose is not None:
            far = np.hypot(*self.frame_shape) + self._wander(scan_shape)
            profile = self._diffuse(np.arange(int(np.ceil(2 * far)) + 1)) * self.background * self.dose
        pixels = {"hidden": self.hidden, "hot": self.hot_pixels, "dead": self.dead_pixels}
        return self._geometry.replaced(  # type: ignore[attr-defined]
            scan_shape=scan_shape, background=profile, center_error=0.0, delta_k_error=0.0,
            ellipticity_error=0.0, angle_error=0.0, facts={"how": "true of a simulated camera"},
            **{name: marks if marks.any() else None for name, marks in pixels.items()},
        )  # fmt: skip

    def reach(self, scan_shape: tuple[int, int]) -> float:
        """Largest \\|k\\| in Å⁻¹ that a pixel sees, or the point spread brings in, at any position.

        Args:
            scan_shape: (Ny, Nx) positions.
        """
        true, (height, width) = self.calibration(scan_shape), self.frame_shape
        iy, ix = np.indices(true.scan_shape).reshape(2, -1)
        edge = 0.5 + self._margin
        corners = [(x, y) for x in (-edge, width - 1 + edge) for y in (-edge, height - 1 + edge)]
        return float(max(np.hypot(*true.to_k(x, y, iy, ix)).max() for x, y in corners))

    def image(
        self, pattern: np.ndarray, delta_k: float, center: Any, points: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Mean intensity over the area of each pixel, with background and point spread, before counting.

        Args:
            pattern: (m, m) intensity on a fine mesh, k = 0 in the middle.
            delta_k: of that mesh in Å⁻¹.
            center: (x, y) where the camera sees k = 0, in pixels.
            points: of :func:`pyiron_nbed.experiment.camera_pixels.gauss_points`.

        Returns:
            (H, W) float64: electrons, or Å² without a dose.
        """
        x, y = center
        margin, (height, width) = self._margin, self.frame_shape
        out = np.empty((height + 2 * margin, width + 2 * margin))
        inverse = np.linalg.inv(self._geometry.matrix) / delta_k  # type: ignore[attr-defined]
        area_means(spline_coefficients(pattern), x + margin, y + margin, inverse, *points, out)
        if self.blur:
            out = gaussian_filter(out, self.blur, truncate=_SPREAD, mode="nearest")
            out = out[margin : margin + height, margin : margin + width]
        total = out.sum()
        electrons = total if self.dose is None else self.dose
        if total > 0:
            out = out * ((1 - self.background) * electrons / total)
        if self.background:
            shift = np.asarray(center) - self._center
            k = self._geometry.to_k(  # type: ignore[attr-defined]
                np.arange(width)[None, :] - shift[0], np.arange(height)[:, None] - shift[1]
            )
            out = out + self.background * electrons * self._diffuse(np.hypot(*k) / self.delta_k)
        return out

    def expose(self, image: np.ndarray, number: int) -> np.ndarray:
        """A frame of the camera.

        Args:
            image: (H, W) of :meth:`image`.
            number: of the frame, iy · Nx + ix.

        Returns:
            (H, W) of :attr:`dtype`.
        """
        if self.dose is None:
            frame = image.astype(np.float32)
            shown_by_hot = self.hot_value or 0.0
        else:
            counts = np.random.default_rng([self.seed, _FRAME, number]).poisson(image)
            most = 2 ** (32 if self.bits is None else self.bits) - 1
            frame = np.minimum(counts, most).astype(self.dtype)
            value = self.hot_value
            if value is None:
                value = max(100, 10 * self.dose / image.size)
            shown_by_hot = min(round(value), most)
        frame[self.hidden | self.dead_pixels] = 0
        if self.hot_pixels.any():
            frame[self.hot_pixels] = shown_by_hot
        return frame

    def replaced(self, **changes: Any) -> Camera:
        """A copy with other values of some fields.

        Example:
            >>> Camera((64, 64), 0.03).replaced(dose=1e4).dose
            10000.0
        """
        return replace(self, **known_fields(changes, "The changes", Camera))

    def as_dict(self) -> dict[str, Any]:
        """JSON form; pixels are packed bits in base 64."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("stop", "hot", "dead"):
            if isinstance(values[name], np.ndarray):
                values[name] = {"pixels": packed(values[name])}
        if self.descan is not None:
            values["descan"] = {
                "kind": self.descan.kind, "coefficients": self.descan.coefficients.tolist()
            }  # fmt: skip
        for name in ("center", "frame_shape"):
            values[name] = None if values[name] is None else list(values[name])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Camera:
        """The camera of a dict of its fields, also that of :meth:`as_dict`.

        Raises:
            InputError: an unknown field, a missing one, or a value out of range.

        Example:
            >>> Camera.from_dict({"frame_shape": [64, 64], "delta_k": 0.03}).dose is None
            True
        """
        given = known_fields(values, "The camera", cls)
        for name in ("frame_shape", "delta_k"):
            if name not in given:
                raise InputError(f"The camera has no {name}: give frame_shape (H, W) and delta_k in Å⁻¹.")
        if isinstance(given.get("descan"), Mapping):
            given["descan"] = Descan(**known_fields(given["descan"], "The descan", Descan))
        for name in ("stop", "hot", "dead"):
            if isinstance(given.get(name), Mapping):
                shape = two_sides(given["frame_shape"], "Camera: frame_shape")
                given[name] = unpacked(given[name].get("pixels"), f"Camera: {name}", shape)
        return cls(**given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Camera) and self.as_dict() == other.as_dict()

    @property
    def _center(self) -> tuple[float, float]:
        height, width = self.frame_shape
        return ((width - 1) / 2, (height - 1) / 2) if self.center is None else self.center

    @property
    def _margin(self) -> int:
        return int(np.ceil(_SPREAD * self.blur)) + 1 if self.blur else 0

    def _wander(self, scan_shape: tuple[int, int]) -> float:
        if self.descan is None:
            return 0.0
        iy, ix = np.indices(scan_shape).reshape(2, -1)
        return float(np.abs(self.descan.shift(iy, ix, scan_shape)).max())

    def _diffuse(self, distance: np.ndarray) -> np.ndarray:
        # share of the diffuse electrons in a pixel; the point spread and the pixel itself widen it
        width = np.sqrt((self.background_width / self.delta_k) ** 2 + self.blur**2 + 1 / 12)
        return np.exp(-0.5 * (distance / width) ** 2) / (2 * np.pi * width**2)

    def _shadow(self) -> np.ndarray:
        height, width = self.frame_shape
        if self.stop is None:
            return np.zeros(self.frame_shape, bool)
        if not isinstance(self.stop, str):
            return self.stop
        x, y = np.arange(width)[None, :] - self._center[0], np.arange(height)[:, None] - self._center[1]
        distance = np.hypot(x, y)
        if self.stop == "bar":
            turn = np.deg2rad(self.stop_angle)
            along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
            distance = np.where(along >= 0, np.abs(across), distance)
        return distance <= self.stop_width / 2

    def _marked(self) -> tuple[np.ndarray, np.ndarray]:
        # those that are given stay, others are drawn among the rest
        given = [
            np.zeros(self.frame_shape, bool) if is_whole(m) else np.array(m) for m in (self.hot, self.dead)
        ]
        counts = [m if is_whole(m) else 0 for m in (self.hot, self.dead)]
        free = np.flatnonzero(~(given[0] | given[1]))
        drawn = np.random.default_rng([self.seed, _PIXELS]).permutation(free)
        given[0].flat[drawn[: counts[0]]] = True
        given[1].flat[drawn[counts[0] : sum(counts)]] = True
        return given[0], given[1]


def _checked(camera: Camera) -> dict[str, Any]:
    # geometry is checked by the calibration that is made of it
    name = "Camera: {}".format
    values: dict[str, Any] = {}
    values["frame_shape"] = shape = two_sides(camera.frame_shape, name("frame_shape"))
    values["delta_k"] = float(number(camera.delta_k, name("delta_k"), above=0, unit="Å⁻¹"))
    if camera.center is not None:
        found = np.asarray(camera.center, object)
        if found.shape != (2,):
            raise InputError(f"Camera: center is {shown(camera.center)}: give x and y in pixels, or None.")
        values["center"] = tuple(float(number(c, name("center"), -1e5, 1e5)) for c in found)
    values["ellipticity"] = float(number(camera.ellipticity, name("ellipticity"), 0, 1))
    for angle in ("angle", "rotation", "stop_angle"):
        values[angle] = float(number(getattr(camera, angle), name(angle), -360, 360, unit="°"))
    if camera.descan is not None:
        instance(camera.descan, name("descan"), Descan, "a Descan, or None")
    values["blur"] = float(number(camera.blur, name("blur"), 0, 100, unit="pixels"))
    if camera.dose is not None:
        values["dose"] = float(number(camera.dose, name("dose"), 0, 1e15, hint="or None for no counting"))
    values["background"] = float(number(camera.background, name("background"), 0, 1))
    narrowest = values["delta_k"] if values["background"] else 0.0
    width = number(camera.background_width, name("background_width"), narrowest, 100, unit="Å⁻¹")
    values["background_width"] = float(width)
    values |= _stop(camera, shape)
    pixels = int(np.prod(shape))
    for marks in ("hot", "dead"):
        given = getattr(camera, marks)
        if isinstance(given, (np.ndarray, list)):
            values[marks] = marked(given, name(marks), shape)
        else:
            hint = "or (H, W) of True and False"
            values[marks] = whole(given, name(marks), 0, pixels // 10, hint=hint)
    if camera.bits is not None:
        values["bits"] = whole(camera.bits, name("bits"), 1, 32, hint="or None for 32")
        if camera.dose is None:
            raise InputError(
                "Camera: bits are those of a counter and there is no dose: give one, or bits=None."
            )
    if camera.hot_value is not None:
        shown_by_hot = number(camera.hot_value, name("hot_value"), 0, _EXACT, hint="or None")
        values["hot_value"] = float(shown_by_hot)
    elif camera.dose is None and np.any(values["hot"]):
        raise InputError("Camera: there are hot pixels and no dose: give hot_value in Å².")
    values["seed"] = seed_number(camera.seed, name("seed"))
    return values


def _stop(camera: Camera, shape: tuple[int, int]) -> dict[str, Any]:
    width = float(number(camera.stop_width, "Camera: stop_width", 0, unit="pixels"))
    if camera.stop is None or not isinstance(camera.stop, str):
        if width:
            raise InputError(
                f"Camera: stop_width is {width:g} and stop no name: give stop='bar' or 'disc', or leave "
                "stop_width out."
            )
        return {"stop": marked(camera.stop, "Camera: stop", shape), "stop_width": width}
    kind = one_of(camera.stop, "Camera: stop", STOPS, "or give (H, W) of True and False, or None")
    if not width:
        raise InputError(f"Camera: stop is {kind!r} and stop_width 0: give its width in pixels.")
    return {"stop": kind, "stop_width": width}
