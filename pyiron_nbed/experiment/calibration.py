"""Where a camera sees which k: centre, scale, ellipse, rotation and the pixels that count."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from pyiron_nbed.checks import flag, number, real_array, shown
from pyiron_nbed.containers import known_fields, read_only
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.descan import Descan
from pyiron_nbed.experiment.pixels import marked, packed, two_sides, unpacked
from pyiron_nbed.files import as_path, check_target, replaced
from pyiron_nbed.units import MINIMUM_ENERGY, electron_wavelength, quantities

FORMAT = "pyiron_nbed calibration"
VERSION = 1


@quantities(
    center="pixel", delta_k="1/angstrom", angle="degree", rotation="degree", beam_energy="eV",
    semiangle="mrad", center_error="pixel", delta_k_error="1/angstrom", angle_error="degree",
)  # fmt: skip
@dataclass(frozen=True, eq=False)
class Calibration:
    """Which k every pixel of a camera sees, which pixels count, and how well this is known.

    x is the column and y the row of a frame as the file holds it, 0 at the middle of the first pixel. What
    has k = (k_x, k_y) in the axes of the scan (x along its fast direction) is seen at

        r = center + descan(iy, ix) + E · R · F · k / Δk

    with F = diag(1, −1) where the camera sees the mirror image, else 1; R the rotation of the camera's image
    against the scan; and E the ellipse that the lenses make of a circle, which stretches by √(1 + e) along
    ``angle`` and by 1/√(1 + e) across, so that areas are kept, as in
    :func:`pyiron_nbed.patterns.detector.distort`. Angles are in degrees from +x towards +y.

    A standard error is such that ± 1.645 of it hold the true value in 90 % of the cases; NaN: not known.

    Args:
        center: (x, y) in pixels where the scan is in its middle.
        delta_k: Å⁻¹ per pixel, the geometric mean of the two axes of the ellipse.
        frame_shape: (H, W) rows and columns of a frame.
        scan_shape: (Ny, Nx) positions.
        ellipticity: e = a/b − 1 ≥ 0 for the axes a ≥ b of the ellipse that a circle becomes.
        angle: of its long axis, in degrees.
        rotation: of the image against the scan, in degrees.
        flip: the camera sees the mirror image.
        descan: :class:`Descan`.
        hidden: (H, W) bool, pixels behind a beam stop; None: none.
        hot: (H, W) bool, pixels that show too much whatever falls on them; None: none.
        dead: (H, W) bool, pixels that show too little; None: none.
        background: (n,) diffuse intensity per frame at the distances 0, 1, 2, … pixels from the centre along
            the mean radius of the ellipse; None: none.
        beam_energy: in eV; None: not known.
        semiangle: of convergence in mrad; None: not known. The unscattered disc has the radius α/λ.
        center_error: standard error of x and of y in pixels.
        delta_k_error: standard error in Å⁻¹.
        ellipticity_error: standard error.
        angle_error: standard error in degrees.
        facts: what was found on the way, JSON values.

    Raises:
        InputError: a value out of range, or pixels of another shape.

    Example:
        >>> cal = Calibration((31.5, 30.0), 0.02, (64, 64), (3, 3), ellipticity=0.04, angle=90.0)
        >>> cal.to_pixels([0.0, 0.2], [0.0, 0.0]).round(3).tolist()
        [[31.5, 30.0], [41.306, 30.0]]
        >>> kx, ky = cal.to_k(*cal.to_pixels(0.1, -0.3))
        >>> round(float(kx), 9), round(float(ky), 9)
        (0.1, -0.3)
    """

    center: tuple[float, float]
    delta_k: float
    frame_shape: tuple[int, int]
    scan_shape: tuple[int, int] = (1, 1)
    ellipticity: float = 0.0
    angle: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    descan: Descan = field(default_factory=Descan)
    hidden: np.ndarray | None = None
    hot: np.ndarray | None = None
    dead: np.ndarray | None = None
    background: np.ndarray | None = None
    beam_energy: float | None = None
    semiangle: float | None = None
    center_error: float = np.nan
    delta_k_error: float = np.nan
    ellipticity_error: float = np.nan
    angle_error: float = np.nan
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in _checked(given).items():
            object.__setattr__(self, name, value)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, the pixels that count: neither hidden nor hot nor dead."""
        bad = np.zeros(self.frame_shape, bool)
        for pixels in (self.hidden, self.hot, self.dead):
            if pixels is not None:
                bad |= pixels
        return ~bad

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2) E · R · F / Δk: pixels from k in Å⁻¹."""
        turn, along = np.deg2rad(self.rotation), np.deg2rad(self.angle)
        stretch = np.diag([np.sqrt(1 + self.ellipticity), 1 / np.sqrt(1 + self.ellipticity)])
        ellipse = _turned(along) @ stretch @ _turned(-along)
        return ellipse @ _turned(turn) @ np.diag([1.0, -1.0 if self.flip else 1.0]) / self.delta_k

    @property
    def disc_radius(self) -> float | None:
        """α/λ in Å⁻¹, the radius of the unscattered disc; None where one of the two is not known."""
        if self.semiangle is None or self.beam_energy is None:
            return None
        return 1e-3 * self.semiangle / electron_wavelength(self.beam_energy)

    def center_at(self, iy: Any, ix: Any) -> np.ndarray:
        """Centre of the pattern at positions of the scan.

        Args:
            iy, ix: rows and columns of the scan, whole numbers or arrays of one shape.

        Returns:
            (…, 2) x and y in pixels.
        """
        return np.asarray(self.center) + self.descan.shift(iy, ix, self.scan_shape)

    def to_pixels(self, kx: Any, ky: Any, iy: Any = None, ix: Any = None) -> np.ndarray:
        """Where a camera sees k.

        Args:
            kx, ky: in Å⁻¹, numbers or arrays of one shape.
            iy, ix: position of the scan; None: its middle.

        Returns:
            (…, 2) x and y in pixels.
        """
        k = np.stack(np.broadcast_arrays(np.asarray(kx, float), np.asarray(ky, float)), axis=-1)
        return self._center(iy, ix) + k @ self.matrix.T

    def to_k(self, x: Any, y: Any = None, iy: Any = None, ix: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """k that a camera sees at a place: inverse of :meth:`to_pixels`.

        Args:
            x, y: columns and rows in pixels, numbers or arrays of one shape.
            iy, ix: position of the scan; None: its middle.

        Returns:
            k_x and k_y in Å⁻¹.
        """
        r = np.stack(np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float)), axis=-1)
        k = (r - self._center(iy, ix)) @ np.linalg.inv(self.matrix).T
        return k[..., 0], k[..., 1]

    def k(self, iy: Any = None, ix: Any = None) -> np.ndarray:
        """|k| in Å⁻¹ of the middle of every pixel, (H, W).

        Args:
            iy, ix: position of the scan; None: its middle.
        """
        rows, columns = self.frame_shape
        return np.hypot(*self.to_k(np.arange(columns)[None, :], np.arange(rows)[:, None], iy, ix))

    def replaced(self, **changes: Any) -> Calibration:
        """A copy with other values of some fields.

        Example:
            >>> Calibration((9, 9), 0.1, (19, 19)).replaced(delta_k=0.05).delta_k
            0.05
        """
        return replace(self, **known_fields(changes, "The changes", Calibration))

    def as_dict(self) -> dict[str, Any]:
        """JSON form; pixels are packed bits in base 64."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["descan"] = {"kind": self.descan.kind, "coefficients": self.descan.coefficients.tolist()}
        for name in _PIXELS:
            values[name] = None if values[name] is None else packed(values[name])
        if self.background is not None:
            values["background"] = self.background.tolist()
        for name in _ERRORS:
            values[name] = None if np.isnan(values[name]) else values[name]
        for name in ("center", "frame_shape", "scan_shape"):
            values[name] = list(values[name])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Inverse of :meth:`as_dict`.

        Raises:
            InputError: an unknown field, a missing one, or a value out of range.
        """
        given = known_fields(values, "The calibration", cls)
        if missing := [name for name in ("center", "delta_k", "frame_shape") if name not in given]:
            raise InputError(f"The calibration holds no {missing[0]!r}: give a file written by save().")
        if "descan" in given:
            given["descan"] = Descan(**known_fields(given["descan"], "The descan", Descan))
        shape = two_sides(given["frame_shape"], "Calibration: frame_shape")
        for name in _PIXELS:
            if given.get(name) is not None:
                given[name] = unpacked(given[name], f"Calibration: {name}", shape)
        for name in _ERRORS:
            if given.get(name, 0) is None:
                given[name] = np.nan
        return cls(**given)

    def plot(self, scan: Any = None) -> Any:
        """Everything drawn over the mean pattern, so that one sees whether it fits.

        Args:
            scan: the scan, whose mean frame is drawn; None: the one that ``calibrate`` has just read.

        Returns:
            Figure of matplotlib, of :func:`pyiron_nbed.figures.scan_calibration`.

        Raises:
            InputError: no scan for a calibration that was loaded or changed, or one of another shape.
        """
        from pyiron_nbed.figures.calibration import scan_calibration  # draws: loaded when it is asked for

        drawn = getattr(self, "_drawn", None)
        if scan is None and drawn is None:
            raise InputError("This calibration was loaded or changed: give plot() the scan to draw over.")
        if scan is not None and not callable(getattr(scan, "mean", None)):
            raise InputError(f"scan is {shown(scan)}: give a MeasuredScan, or None.")
        mean = scan.mean() if drawn is None or scan is not None else drawn["mean"]
        return scan_calibration(self, mean, drawn)

    def save(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write a JSON file.

        Args:
            path: of the file.
            overwrite: replace a file that is there.

        Raises:
            InputError: no such folder, or a file that would be lost.
        """
        target = check_target(path, overwrite)
        text = json.dumps({"format": FORMAT, "version": VERSION, **self.as_dict()}, indent=1, allow_nan=False)
        with replaced(target) as partial:
            partial.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike) -> Calibration:
        """Read a file that :meth:`save` wrote.

        Raises:
            DatasetError: no such file, another file, or one of a newer version.

        Example:
            >>> Calibration((9, 9), 0.1, (19, 19)).save("gold.json")
            >>> Calibration.load("gold.json").frame_shape
            (19, 19)
        """
        path = as_path(path)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DatasetError(
                f"The calibration {path} cannot be read ({error.strerror}): give the path of a file "
                "written by Calibration.save."
            ) from None
        except ValueError:
            values = None
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise DatasetError(f"The file {path} is no calibration: give one written by Calibration.save.")
        if (version := values.pop("version", None)) != VERSION:
            raise DatasetError(
                f"The calibration {path} has version {shown(version)}, and this pyiron_nbed reads version "
                f"{VERSION}: update pyiron_nbed or calibrate again."
            )
        return cls.from_dict(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self.as_dict() == other.as_dict()

    def __repr__(self) -> str:
        def error(value: float, form: str = ".2g") -> str:
            return "" if np.isnan(value) else f" ± {value:{form}}"

        x, y = self.center
        parts = [
            f"centre ({x:.2f}, {y:.2f}){error(self.center_error)} px",
            f"{self.delta_k:.5f}{error(self.delta_k_error)} Å⁻¹ per px",
            f"ellipticity {self.ellipticity:.4f}{error(self.ellipticity_error)} at {self.angle:.0f}°",
        ]
        if self.descan.kind != "none":
            parts.append(f"descan {self.descan.kind}")
        parts += [
            f"{int(pixels.sum())} {name} px"
            for name in _PIXELS
            if (pixels := getattr(self, name)) is not None and pixels.any()
        ]
        return f"Calibration({', '.join(parts)})"

    def _center(self, iy: Any, ix: Any) -> np.ndarray:
        if iy is None and ix is None:
            return np.asarray(self.center)
        if iy is None or ix is None:
            raise InputError("Only one of iy and ix was given: give both, the row and column in the scan.")
        return self.center_at(iy, ix)


_PIXELS = ("hidden", "hot", "dead")
_ERRORS = ("center_error", "delta_k_error", "ellipticity_error", "angle_error")


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    name = "Calibration: {}".format
    values: dict[str, Any] = {}
    center = real_array(given["center"], name("center"), (2,), "x and y in pixels")
    values["center"] = (float(center[0]), float(center[1]))
    values["frame_shape"] = shape = two_sides(given["frame_shape"], name("frame_shape"))
    values["scan_shape"] = two_sides(given["scan_shape"], name("scan_shape"))
    values["delta_k"] = number(given["delta_k"], name("delta_k"), above=0, unit="Å⁻¹")
    values["ellipticity"] = number(given["ellipticity"], name("ellipticity"), 0, 1)
    for angle in ("angle", "rotation"):
        values[angle] = number(given[angle], name(angle), -360, 360, unit="°")
    values["flip"] = flag(given["flip"], name("flip"))
    if not isinstance(given["descan"], Descan):
        raise InputError(f"Calibration: descan is {shown(given['descan'])}: give a Descan.")
    for pixels in _PIXELS:
        values[pixels] = marked(given[pixels], name(pixels), shape)
    if given["background"] is not None:
        what = "the diffuse intensity at 0, 1, 2, … pixels from the centre, or None"
        values["background"] = read_only(real_array(given["background"], name("background"), (None,), what))
    for known, low in (("beam_energy", MINIMUM_ENERGY), ("semiangle", 0)):
        if given[known] is not None:
            values[known] = number(given[known], name(known), low, hint="or None")
    for error in _ERRORS:
        if not (isinstance(given[error], float) and np.isnan(given[error])):
            values[error] = number(given[error], name(error), 0, hint="or NaN where it is not known")
    if not isinstance(given["facts"], dict):
        raise InputError(f"Calibration: facts is {shown(given['facts'])}: give a dict.")
    return values


def _turned(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
