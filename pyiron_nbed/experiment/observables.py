"""Observables of a scan beside d_i, in one pass over its patterns: V(k), symmetry, strain, dark field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyiron_nbed.checks import interval, shown, whole
from pyiron_nbed.containers import instance
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.angular import ORDERS, AngularOrders, check_orders, odd_to_even
from pyiron_nbed.experiment.first_ring import RingWeights, fit_rings
from pyiron_nbed.experiment.fluctuation import (
    KINDS,
    PARTS,
    Moments,
    Rings,
    annular_variance,
    pixel_noise,
    with_errors,
)
from pyiron_nbed.experiment.observables_input import (
    detectors_of,
    pixels_of,
    positions_of,
    runs_of,
)
from pyiron_nbed.experiment.observables_result import WHOLE, Observables
from pyiron_nbed.patterns.mesh import Mesh, check_patterns
from pyiron_nbed.patterns.recipe import unmasked
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.units import quantities

FIRST_RING = (0.3, 0.6)  # Å⁻¹, where metallic glasses have it
ODD_LIMIT = 0.1  # of odd to even orders; the rest of the allowance is three standard errors
_RING_WIDTH = 0.1  # Å⁻¹ of the rings of the symmetry orders
_ROWS = 256  # patterns in memory at a time


class ObservablePass:
    """Takes the patterns of a scan batch by batch and gives their observables.

    Nothing but the pixels that were ``seen`` within ``mask`` is looked at.

    Args:
        mesh: of the patterns.
        positions: (Ny, Nx) of the scan, or their number.
        mask: (n, n) bool, the pixels that count, such as ``recipe.mask``; None: the whole disc.
        seen: (n, n) bool, pixels that were measured; False for those that preparation filled with I(−k),
            which would force odd orders to 0 and count noise twice. None: all.
        ring: (k_1, k_2) in Å⁻¹ around the first maximum, of strain, variance map and dark field.
        rings: (R, 2) in Å⁻¹ of the symmetry orders; None: those 0.1 Å⁻¹ wide that fill ``ring``, without
            those that are hidden too far.
        orders: of the symmetry.
        dark_fields: {name: (k_1, k_2) in Å⁻¹ or (n, n) bool}; None: {"first ring": ring}.
        regions: {name: (Ny, Nx) bool} positions whose V(k) is wanted beside that of all.
        electrons_per_unit: electrons that an intensity of 1 in one pixel means; None: not known, no
            correction for shot noise and no counting errors.
        pixel_variance: variance of a pixel over that of counting its electrons, below 1 where preparation
            shared the electrons of a camera's pixel among neighbours.
        ring_width: of the rings of I(k) and V(k) in Å⁻¹; None: delta_k.

    Raises:
        InputError: an argument out of range, or a ring that is hidden too far.

    Example:
        >>> mesh = Mesh(1.0, 0.05)
        >>> patterns = np.random.default_rng(0).exponential(3, (40, *mesh.shape))
        >>> collected = ObservablePass(mesh, (5, 8))
        >>> collected.add(0, patterns[:30])
        >>> collected.add(30, patterns[30:])
        >>> found = collected.finish()
        >>> found.total.shape, found.symmetry.shape
        ((5, 8), (5, 8, 3, 11))
    """

    @quantities(ring="1/angstrom", rings="1/angstrom", ring_width="1/angstrom")
    def __init__(
        self,
        mesh: Mesh,
        positions: int | Sequence[int],
        mask: np.ndarray | None = None,
        seen: np.ndarray | None = None,
        ring: Sequence[float] = FIRST_RING,
        rings: Any = None,
        orders: Sequence[int] = ORDERS,
        dark_fields: Mapping[str, Any] | None = None,
        regions: Mapping[str, np.ndarray] | None = None,
        electrons_per_unit: float | None = None,
        pixel_variance: float = 1.0,
        ring_width: float | None = None,
    ) -> None:
        self.mesh = instance(mesh, "mesh", Mesh, "a Mesh, for example Mesh(1.0, 0.045)")
        self.positions = positions_of(positions)
        self.count = int(np.prod(self.positions))
        self._noise = pixel_noise(electrons_per_unit, pixel_variance)
        self._electrons, self._pixel_variance = electrons_per_unit, pixel_variance
        used = self.mesh.disc & pixels_of(mask, "mask", self.mesh)
        used = used & pixels_of(seen, "seen", self.mesh)
        if not used.any():
            raise InputError("No pixel is seen within the mask: give a mask with pixels that count.")
        self._rings = Rings.of_mask(self.mesh, used, ring_width)
        self._place = np.full(used.size, -1)
        self._place[self._rings.pixels] = np.arange(len(self._rings.pixels))
        self.warnings: list[str] = []

        self.ring = interval(ring, "ring", 0, self.mesh.k_max, unit="Å⁻¹", hint="k_max of the mesh")
        self._first = RingWeights.of_ring(self.mesh, used, self.ring)
        self.orders = check_orders(orders)
        self._angular = self._angular_orders(used, rings)
        for angular in self._angular:
            if angular.even_only:
                low, high = angular.ring
                self.warnings.append(
                    f"Too much of the ring ({low:.3g}, {high:.3g}) Å⁻¹ is hidden for odd "
                    "orders: they are NaN, and even ones take I(k) = I(−k) for granted."
                )
        fields = {"first ring": self.ring} if dark_fields is None else dark_fields
        found = detectors_of(fields, self.mesh, used)
        self._fields = {name: self._place[pixels] for name, pixels in found.items()}
        self._regions = runs_of(regions, self.positions, WHOLE)

        n_rings, pixels = len(self._rings.k), len(self._rings.pixels)
        shape = (len(self._regions), PARTS, pixels)
        self._state = {
            "done": np.zeros(self.count, bool),
            "mean": np.zeros((self.count, n_rings)),
            "square": np.zeros((self.count, n_rings)),
            "dark_field": np.zeros((self.count, len(self._fields))),
            "power": np.zeros((self.count, len(self._angular), len(self.orders))),
            "noise": np.zeros((self.count, len(self._angular), len(self.orders))),
            "harmonics": np.zeros((self.count, 3, len(self._first.nodes))),
            "pixel": np.zeros(shape),
            "pixel_square": np.zeros(shape),
        }

    def add(self, start: int, patterns: np.ndarray) -> None:
        """Take a batch.

        Args:
            start: number of its first position, iy · Nx + ix.
            patterns: (B, n, n) raw intensity ≥ 0 of positions that follow each other.

        Raises:
            InputError: patterns of another shape, beyond the scan, or of positions that were taken before.
            DatasetError: NaN, infinite or negative intensity in a pixel that counts.
        """
        size = check_patterns(patterns, self.mesh)[0]
        start = whole(start, "start", 0, self.count - 1)
        if start + size > self.count:
            raise InputError(
                f"There are {size} patterns from position {start} on and the scan has {self.count} "
                "positions: give as many patterns as are left."
            )
        if (taken := np.flatnonzero(self._state["done"][start : start + size])).size:
            raise InputError(f"Position {start + taken[0]} was taken before: give each position once.")
        values = np.take(unmasked(patterns).reshape(size, -1), self._rings.pixels, axis=1).astype(float)
        # NaN fails both comparisons
        if not (values.min(initial=0) >= 0 and values.max(initial=0) < np.inf):
            bad = start + int(np.argmin(((values >= 0) & (values < np.inf)).all(axis=1)))
            raise DatasetError(
                f"The pattern of position {bad} holds NaN, infinite or negative intensity in a pixel that "
                "counts: prepare the scan again, or leave such pixels out of the mask."
            )
        for first in range(0, size, _ROWS):
            self._take(start + first, values[first : first + _ROWS])

    def state(self) -> dict[str, np.ndarray]:
        """What was found up to now, for :meth:`restore`; the arrays are those that are worked on."""
        return dict(self._state)

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from the state of a pass with the same arguments.

        Raises:
            InputError: the state of another pass.
        """
        valid = isinstance(state, Mapping) and set(state) == set(self._state)
        if not valid or any(np.shape(state[name]) != own.shape for name, own in self._state.items()):
            raise InputError("The state is one of another pass: give what state() gave for these arguments.")
        self._state = {name: np.array(state[name], own.dtype) for name, own in self._state.items()}

    def finish(self) -> Observables:
        """The observables of all positions.

        Raises:
            DatasetError: positions are missing.
        """
        state, grid = self._state, self.positions
        if not state["done"].all():
            raise DatasetError(
                f"{self.count - state['done'].sum():,} of {self.count:,} positions are missing, the first is "
                f"{int(np.argmin(state['done']))}: add their patterns first."
            )
        warnings = list(self.warnings)
        single = annular_variance(state["mean"], state["square"], self._noise)
        single[:, self._rings.counts < 2] = np.nan
        curves, errors = self._curves(single)
        pixel = state["pixel"][0].sum(axis=0) / self.count
        square = state["pixel_square"][0].sum(axis=0) / self.count
        fit = fit_rings(
            state["harmonics"], self._first, pixel[self._place[self._first.pixels]], self._full_noise
        )
        if not fit.found:
            warnings.append(
                f"The mean pattern has no maximum between {self.ring[0]:g} and {self.ring[1]:g} Å⁻¹: radius "
                "and strain are NaN, give the ring in which the first maximum lies."
            )
        ratio, ratio_error, thick = self._odd(warnings)
        if dark := int((state["mean"].max(axis=1) == 0).sum()):
            warnings.append(f"{dark:,} patterns are dark: they have no variance, symmetry or ring.")

        def scan(values: np.ndarray) -> np.ndarray:
            return values.reshape(*grid, *values.shape[1:])

        return Observables(
            k=self._rings.k, ring_pixels=self._rings.counts, radial=scan(state["mean"]),
            total=scan(state["mean"] @ self._rings.counts), variance=scan(self._variance_map(single)),
            dark_field=scan(state["dark_field"]), symmetry=scan(state["power"]), odd_to_even=scan(ratio),
            odd_to_even_error=scan(ratio_error), thick=scan(thick), ring_radius=scan(fit.radius),
            ring_radius_error=scan(fit.radius_error), strain=scan(fit.strain),
            strain_error=scan(fit.strain_error), mean_pattern=self._image(pixel),
            variance_pattern=self._image(np.maximum(square - pixel**2, 0)), fluctuation=curves,
            fluctuation_error=errors, ring=np.array(self.ring),
            rings=np.array([a.ring for a in self._angular]).reshape(-1, 2), orders=np.array(self.orders),
            regions=tuple(self._regions), kinds=KINDS, dark_fields=tuple(self._fields),
            mean_radius=fit.mean_radius, ellipticity=fit.ellipticity, angle=fit.angle,
            electrons_per_unit=None if self._electrons is None else float(self._electrons),
            corrected=self._noise is not None, warnings=tuple(warnings),
        )  # fmt: skip

    @property
    def _full_noise(self) -> float | None:
        # of sums over many pixels: what pixels share of each other's electrons is in them
        return None if self._electrons is None else 1 / self._electrons

    def _take(self, start: int, values: np.ndarray) -> None:
        rows, state, square = slice(start, start + len(values)), self._state, values**2
        state["mean"][rows] = self._rings.mean(values)
        state["square"][rows] = self._rings.mean(square)
        for number, places in enumerate(self._fields.values()):
            state["dark_field"][rows, number] = values[:, places].sum(axis=1)
        for number, angular in enumerate(self._angular):
            power, noise = angular.power(values[:, self._place[angular.pixels]], self._full_noise)
            state["power"][rows, number] = power
            if noise is not None:
                state["noise"][rows, number] = noise
        weights = self._first.weights
        around = values[:, self._place[self._first.pixels]]
        state["harmonics"][rows] = (around @ weights.reshape(-1, weights.shape[-1]).T).reshape(
            -1, *weights.shape[:2]
        )
        for number, part in enumerate(self._regions.values()):
            own = part[rows]
            for p in np.unique(own[own >= 0]):
                chosen = slice(None) if (own == p).all() else own == p
                state["pixel"][number, p] += values[chosen].sum(axis=0)
                state["pixel_square"][number, p] += square[chosen].sum(axis=0)
        state["done"][rows] = True

    def _curves(self, single: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = []
        mean, square = self._state["mean"], self._state["square"]
        for number, part in enumerate(self._regions.values()):
            moments = []
            for p in range(part.max() + 1):
                own = np.flatnonzero(part == p)
                moments.append(Moments(
                    len(own), mean[own].sum(axis=0), (mean[own] ** 2).sum(axis=0), square[own].sum(axis=0),
                    np.nansum(single[own], axis=0), np.isfinite(single[own]).sum(axis=0),
                    self._state["pixel"][number, p], self._state["pixel_square"][number, p],
                ))  # fmt: skip
            found.append(with_errors(moments, self._rings, self._electrons, self._pixel_variance))
        curves, errors = (np.array(values) for values in zip(*found, strict=True))
        return curves, errors

    def _variance_map(self, single: np.ndarray) -> np.ndarray:
        within = (self._rings.k >= self.ring[0]) & (self._rings.k < self.ring[1]) & (self._rings.counts > 1)
        counts = self._rings.counts[within]
        if not len(counts):  # rings as wide as that
            return np.full(len(single), np.nan)
        # NaN where a ring is dark: the map says so
        return single[:, within] @ counts / counts.sum()

    def _odd(self, warnings: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        power = self._state["power"]
        noise = None if self._noise is None else self._state["noise"]
        ratio, error = odd_to_even(power, noise, self.orders)
        if noise is None:
            return ratio, error, np.zeros(ratio.shape, bool)
        thick = ratio - 3 * error > ODD_LIMIT
        lit = np.isfinite(power).all(axis=2)  # nowhere, where odd orders are hidden
        for number, angular in enumerate(self._angular):
            own = power[lit[:, number], number], noise[lit[:, number], number]
            if not len(own[0]):
                continue
            # of the mean over the scan: its noise is that of the mean
            whole_scan, of_it = odd_to_even(own[0].mean(axis=0), own[1].mean(axis=0), self.orders)
            if whole_scan - 3 * of_it / np.sqrt(len(own[0])) > ODD_LIMIT:
                low, high = angular.ring
                warnings.append(
                    f"On the ring ({low:.3g}, {high:.3g}) Å⁻¹ odd orders have {whole_scan:.0%} of the power "
                    "of even ones, more than one scattering and noise allow: the specimen is thick, or the "
                    "centre is off."
                )
        return ratio, error, thick

    def _angular_orders(self, used: np.ndarray, rings: Any) -> list[AngularOrders]:
        if rings is not None:
            if isinstance(rings, np.ndarray):
                rings = rings.tolist()
            if not isinstance(rings, (list, tuple)):
                raise InputError(f"rings is {shown(rings)}: give a list of (k_1, k_2) in Å⁻¹, or None.")
            return [AngularOrders.of_ring(self.mesh, used, ring, self.orders) for ring in rings]
        low, high = self.ring
        edges = np.linspace(low, high, max(1, round((high - low) / _RING_WIDTH)) + 1)
        found = []
        for pair in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            try:
                found.append(AngularOrders.of_ring(self.mesh, used, pair, self.orders))
            except InputError as error:
                self.warnings.append(f"No symmetry orders on one ring: {error}")
        return found

    def _image(self, values: np.ndarray) -> np.ndarray:
        image = np.full(self.mesh.shape, np.nan)
        image.ravel()[self._rings.pixels] = values
        return image


def scan_observables(patterns: Any, mesh: Mesh, positions: Any = None, **options: Any) -> Observables:
    """Observables of all patterns of an array, read piece by piece.

    Args:
        patterns: (P, n, n) raw intensity ≥ 0.
        mesh: of the patterns.
        positions: (Ny, Nx) of the scan; None: P positions.
        options: of :class:`ObservablePass`.

    Returns:
        The observables.

    Raises:
        InputError, DatasetError: as :class:`ObservablePass`; another number of patterns than positions.

    Example:
        >>> mesh = Mesh(1.0, 0.05)
        >>> speckle = np.random.default_rng(0).exponential(3, (64, *mesh.shape))
        >>> found = scan_observables(speckle, mesh, (8, 8))
        >>> v, error = found.curve(kind="image")
        >>> bool(abs(v[10] - 1) < 5 * error[10])
        True
    """
    count = check_patterns(patterns, instance(mesh, "mesh", Mesh, "a Mesh, for example Mesh(1.0, 0.045)"))[0]
    collected = ObservablePass(mesh, count if positions is None else positions, **options)
    if collected.count != count:
        raise InputError(
            f"There are {count} patterns and {collected.count} positions: give one pattern for each position."
        )
    with progress_bar(count, "observables", "pattern") as bar:
        for start in range(0, count, _ROWS):
            batch = patterns[start : start + _ROWS]
            collected.add(start, batch if np.ma.isMaskedArray(batch) else np.asarray(batch))
            bar.update(len(batch))
    return collected.finish()
