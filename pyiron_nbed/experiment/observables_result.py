"""What the observables of a scan are held in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from pyiron_nbed.checks import shown
from pyiron_nbed.containers import with_entries
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.first_ring import principal_strain

WHOLE = "all"  # the region of all positions
_JSON = "facts"
# maps of one number for each position: what it is, and its unit
MAPS = {
    "total": ("sum of the intensity", ""),
    "variance": ("normalised variance in the first ring", ""),
    "ring_radius": ("radius of the first ring", "Å$^{-1}$"),
    "strain_first": ("larger principal strain", "%"),
    "strain_second": ("smaller principal strain", "%"),
    "strain_angle": ("direction of the larger strain", "°"),
}


@dataclass(frozen=True, eq=False)
class Observables:
    """Observables of a scan; each array that starts with the axes of the scan has (Ny, Nx), or (P,), there.

    Attributes:
        k, ring_pixels: (B,) mean |k| in Å⁻¹ and number of pixels of the rings.
        radial: (Ny, Nx, B) radial mean I(k) of each position.
        total: (Ny, Nx) sum of the intensity over the pixels that were seen.
        variance: (Ny, Nx) normalised variance ⟨I²⟩/⟨I⟩² − 1 on the rings of I(k), the mean over those in
            ``ring``; less the shot noise where ``corrected``.
        dark_field: (Ny, Nx, D) sums over the detectors ``dark_fields``.
        symmetry: (Ny, Nx, R, O) \\|I_n\\|²/\\|I_0\\|² on the ``rings`` for the ``orders``; less the shot
            noise where ``corrected``.
        odd_to_even, odd_to_even_error: (Ny, Nx, R) mean power of the odd orders over that of the even ones.
        thick: (Ny, Nx, R) bool, odd orders are larger than one scattering in a thin specimen and noise allow.
        ring_radius, ring_radius_error: (Ny, Nx) of the first ring in Å⁻¹.
        strain, strain_error: (Ny, Nx, 3) E_xx, E_yy, E_xy against the mean of the map.
        mean_pattern, variance_pattern: (n, n) mean and variance of the intensity over the positions, NaN
            where not seen.
        fluctuation, fluctuation_error: (G, 4, B) V(k) and its standard error for ``regions`` and ``kinds``.
        ring, rings: (2,) and (R, 2) in Å⁻¹.
        orders: (O,).
        regions, kinds, dark_fields: names.
        mean_radius, ellipticity, angle: ring of the mean pattern in Å⁻¹, e = a/b − 1 and its long axis in °.
        electrons_per_unit: that was given, or None.
        corrected: shot noise was subtracted.
        warnings: sentences.
    """

    k: np.ndarray
    ring_pixels: np.ndarray
    radial: np.ndarray
    total: np.ndarray
    variance: np.ndarray
    dark_field: np.ndarray
    symmetry: np.ndarray
    odd_to_even: np.ndarray
    odd_to_even_error: np.ndarray
    thick: np.ndarray
    ring_radius: np.ndarray
    ring_radius_error: np.ndarray
    strain: np.ndarray
    strain_error: np.ndarray
    mean_pattern: np.ndarray
    variance_pattern: np.ndarray
    fluctuation: np.ndarray
    fluctuation_error: np.ndarray
    ring: np.ndarray
    rings: np.ndarray
    orders: np.ndarray
    regions: tuple[str, ...]
    kinds: tuple[str, ...]
    dark_fields: tuple[str, ...]
    mean_radius: float
    ellipticity: float
    angle: float
    electrons_per_unit: float | None = None
    corrected: bool = False
    warnings: tuple[str, ...] = field(default=())

    @property
    def shape(self) -> tuple[int, ...]:
        """(Ny, Nx), or (P,)."""
        return self.total.shape

    def curve(self, region: str = WHOLE, kind: str = "image") -> tuple[np.ndarray, np.ndarray]:
        """V(k) of a region and its standard error, (B,) each.

        Args:
            region: one of ``regions``.
            kind: one of ``kinds``.

        Raises:
            InputError: another name.
        """
        for name, value, known in (("region", region, self.regions), ("kind", kind, self.kinds)):
            if value not in known:
                raise InputError(f"{name} is {shown(value)}: give one of {', '.join(map(repr, known))}.")
        place = self.regions.index(region), self.kinds.index(kind)
        return self.fluctuation[place], self.fluctuation_error[place]

    def maps(self) -> dict[str, np.ndarray]:
        """Everything that is one number for each position, by name: (Ny, Nx) or (P,) each.

        Strains are in %, angles in °. "dark_field first ring" is the sum over that detector, "symmetry 6 in
        0.4-0.5" the power of order 6 on the ring from 0.4 to 0.5 Å⁻¹, and "odd_to_even in 0.4-0.5" the ratio.
        """
        values, angle = principal_strain(self.strain)
        found = {
            "total": self.total, "variance": self.variance, "ring_radius": self.ring_radius,
            "strain_first": 100 * values[..., 0], "strain_second": 100 * values[..., 1],
            "strain_angle": angle,
        }  # fmt: skip
        for number, name in enumerate(self.dark_fields):
            found[f"dark_field {name}"] = self.dark_field[..., number]
        for ring, (low, high) in enumerate(self.rings):
            where = f"in {low:.3g}-{high:.3g}"
            for place, order in enumerate(self.orders):
                found[f"symmetry {order} {where}"] = self.symmetry[..., ring, place]
            found[f"odd_to_even {where}"] = self.odd_to_even[..., ring]
        return found

    def as_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name; what is no array is JSON in "facts" (bytes as uint8)."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        rest = {name: value for name, value in values.items() if name not in arrays}
        text = json.dumps(_plain(rest), ensure_ascii=False, allow_nan=False)
        return {**arrays, _JSON: np.frombuffer(text.encode(), np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Observables:
        """Inverse of :meth:`as_arrays`.

        Args:
            arrays: by name; more than needed is left out.

        Raises:
            InputError: one is missing, or the facts are no JSON.
        """
        where = "the arrays that Observables.as_arrays gave"
        with_entries(arrays, "arrays", [_JSON], where)
        try:
            rest = json.loads(np.asarray(arrays[_JSON], np.uint8).tobytes().decode())
        except (ValueError, TypeError):
            rest = None
        if not isinstance(rest, dict):
            raise InputError(f"arrays holds facts that are no JSON: give {where}.")
        names = [item.name for item in fields(cls)]
        with_entries({**arrays, **rest}, "arrays", names, where)
        values: dict[str, Any] = {
            name: rest[name] if name in rest else np.asarray(arrays[name]) for name in names
        }
        for name in ("regions", "kinds", "dark_fields", "warnings"):
            values[name] = tuple(values[name])
        for name in ("mean_radius", "ellipticity", "angle"):
            values[name] = np.nan if values[name] is None else values[name]
        return cls(**values)

    def __repr__(self) -> str:
        where = " × ".join(map(str, self.shape))
        noise = (
            "less the shot noise" if self.corrected else "shot noise included: its electrons are not known"
        )
        ring = "not found" if np.isnan(self.mean_radius) else f"at {self.mean_radius:.4f} Å⁻¹"
        warned = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"Observables({where} positions, first ring {ring}, variances {noise}{warned})"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, tuple):
            return list(value)
        return None if isinstance(value, float) and np.isnan(value) else value

    return {name: one(value) for name, value in values.items()}
