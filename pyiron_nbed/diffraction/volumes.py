"""Interaction volumes [WuRupert2026]: which atoms the beam sees at each position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import j0, j1

from pyiron_nbed.checks import interval, number, one_of, shown, whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.units import quantities


def _check_lengths(volume: object, *names: str) -> None:
    for name in names:
        full = f"{type(volume).__name__}: {name}"
        value = number(getattr(volume, name), full, above=0, unit="Å", hint="for example 5")
        object.__setattr__(volume, name, value)


def half_extents(
    direction: np.ndarray,
    zone_axis: np.ndarray,
    radius: float | np.ndarray,
    height: float | np.ndarray,
    ellipsoid: bool | np.ndarray,
) -> np.ndarray:
    """Half the width of cylinders and ellipsoids along directions (their support functions).

    With a and c the parts of the direction across and along the zone axis: r a + h c / 2 of a cylinder,
    √((r a)² + (h c / 2)²) of an ellipsoid.

    Args:
        direction: (..., 3) vectors, any length.
        zone_axis: (..., 3) unit vectors.
        radius, height: in Å, (...) or one number.
        ellipsoid: True where the volume is an ellipsoid, (...) or one.

    Returns:
        (...) in Å times the length of ``direction``.

    Example:
        >>> half_extents(np.eye(3), np.array([0.0, 0, 1]), 5.0, 20.0, False).tolist()
        [5.0, 5.0, 10.0]
    """
    along = np.abs(np.sum(direction * zone_axis, axis=-1))
    across = radius * np.sqrt(np.maximum(np.sum(direction**2, axis=-1) - along**2, 0.0))
    along = 0.5 * height * along
    return np.where(ellipsoid, np.sqrt(across**2 + along**2), across + along)


@dataclass(frozen=True)
class _AxialVolume:
    radius: float
    height: float

    def __post_init__(self) -> None:
        _check_lengths(self, "radius", "height")

    @property
    def nyquist_delta_k(self) -> float:
        """Largest Δk in Å⁻¹ whose mesh loses nothing, 1/(2 D) with D the diameter: I(k) has no finer
        detail."""
        return 1 / (4 * self.radius)

    def half_extent(self, direction: np.ndarray, zone_axis: np.ndarray) -> np.ndarray:
        """Half the width of the volume along directions (its support function).

        Args:
            direction: (..., 3) vectors, any length.
            zone_axis: (3,) unit vector, or (..., 3) of them.

        Returns:
            (...) in Å times the length of ``direction``.
        """
        return half_extents(direction, zone_axis, self.radius, self.height, isinstance(self, Ellipsoid))

    @property
    def size(self) -> float:
        """Content of the volume in Å³."""
        raise NotImplementedError

    def as_dict(self) -> dict:
        """JSON form: {"type": ..., "radius": Å, "height": Å}."""
        return {"type": type(self).__name__, "radius": float(self.radius), "height": float(self.height)}


@quantities(radius="angstrom", height="angstrom")
@dataclass(frozen=True)
class Cylinder(_AxialVolume):
    """Cylinder whose axis is the zone axis: radius ~ probe radius, height ~ thickness.

    Args:
        radius: in Å (standard 5).
        height: full length along the zone axis in Å (standard 20).

    Raises:
        InputError: a length that is not positive.

    Example:
        >>> Cylinder(radius=5, height=20).as_dict()
        {'type': 'Cylinder', 'radius': 5.0, 'height': 20.0}
    """

    @property
    def size(self) -> float:
        """π r² h in Å³."""
        return float(np.pi * self.radius**2 * self.height)


@quantities(radius="angstrom", height="angstrom")
@dataclass(frozen=True)
class Ellipsoid(_AxialVolume):
    """Ellipsoid of revolution around the zone axis.

    Args:
        radius: semi-axis in the image plane in Å.
        height: full length along the zone axis (twice that semi-axis) in Å, so that a cylinder
            and an ellipsoid of the same numbers share width and thickness.

    Raises:
        InputError: a length that is not positive.

    Example:
        >>> Ellipsoid(radius=8, height=30).height
        30
    """

    @property
    def size(self) -> float:
        """(2/3) π r² h in Å³."""
        return float(2 / 3 * np.pi * self.radius**2 * self.height)


@quantities(max_distance="angstrom", tolerance="angstrom")
@dataclass(frozen=True)
class OneLayerCluster:
    """An atom and its nearest neighbours; the centre is an atom, the label is that of this atom.

    Args:
        n_neighbors: number of neighbours (12 in the method).
        max_distance: neighbours farther than this many Å are an error; it also bounds the extent of
            the cluster where splits keep a gap.
        tolerance: a centre is taken for the atom that lies within this many Å of it.

    Raises:
        InputError: a number of neighbours below 1, or lengths that are not positive.

    Example:
        >>> OneLayerCluster(n_neighbors=12).n_neighbors
        12
    """

    n_neighbors: int = 12
    max_distance: float = 6.0
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        n_neighbors = whole(self.n_neighbors, "OneLayerCluster: n_neighbors", 1)
        object.__setattr__(self, "n_neighbors", n_neighbors)
        _check_lengths(self, "max_distance", "tolerance")

    def half_extent(self, direction: np.ndarray, zone_axis: np.ndarray) -> np.ndarray:
        """Largest half width along directions: max_distance, whatever the zone axis.

        Args:
            direction: (..., 3) vectors, any length.
            zone_axis: (3,) unit vector, or (..., 3) of them.

        Returns:
            (...) in Å times the length of ``direction``.
        """
        length = np.sqrt(np.sum(np.square(direction), axis=-1))
        return np.broadcast_to(
            self.max_distance * length, np.broadcast_shapes(length.shape, np.shape(zone_axis)[:-1])
        ).copy()

    @property
    def size(self) -> float:
        """NaN: a cluster is a number of atoms, its content in Å³ is not defined."""
        return float("nan")

    def as_dict(self) -> dict:
        """JSON form: {"type": "OneLayerCluster", "n_neighbors": int, "max_distance": Å, "tolerance": Å}."""
        return {
            "type": "OneLayerCluster", "n_neighbors": int(self.n_neighbors),
            "max_distance": float(self.max_distance), "tolerance": float(self.tolerance),
        }  # fmt: skip


PROFILES = ("gaussian", "airy")
_AIRY_HALF = 1.6163399  # 2 J1(x)/x = 1/√2: half of the largest intensity
_AIRY_SECOND_ZERO = 7.0155867


@quantities(width="angstrom", thickness="angstrom", cutoff="angstrom")
@dataclass(frozen=True)
class WeightedVolume:
    """Probe of smooth profile times a thickness: the amplitude w of the beam weighs each atom.

    I(k) = |Σ_j w_j f_j exp(2πi k·r_j)|² / Σ_j w_j², which is the method's 1/N where all w_j are 1.
    With the distance ρ from the axis and the full width at half maximum b of the intensity w²:

    * ``"gaussian"``: w = exp(−2 ln2 ρ² / b²), cut by default at ρ = 1.82 b, where w² = 1e-4;
    * ``"airy"``: w = 2 J1(x)/x, x = 3.2327 ρ/b, the probe of a round aperture [BornWolf1999]; cut by default
      at the second dark ring, ρ = 2.17 b, inside which 1 − J0²(x) − J1²(x) = 91 % of the intensity lies.

    Along the zone axis w is constant over the thickness and 0 beyond. Labels are weighted by w².

    A probe of 6 to 15 Å reaches 2 · 11 to 2 · 33 Å, and its patterns hold details that the mesh must resolve:
    see :attr:`nyquist_delta_k`.

    Args:
        width: full width at half maximum of the probe's intensity in Å.
        thickness: of the specimen along the zone axis in Å.
        profile: "gaussian" or "airy".
        cutoff: distance from the axis in Å beyond which w = 0; None: as above.

    Raises:
        InputError: unknown profile, or a length that is not positive.

    Example:
        >>> WeightedVolume(width=6, thickness=20).weights(np.array([[3.0, 0, 0]])).round(4)
        array([0.7071])
    """

    width: float
    thickness: float
    profile: str = "gaussian"
    cutoff: float | None = None

    def __post_init__(self) -> None:
        _check_lengths(self, "width", "thickness", *(["cutoff"] if self.cutoff is not None else []))
        one_of(self.profile, "WeightedVolume: profile", PROFILES)

    @property
    def radius(self) -> float:
        """Distance from the axis in Å beyond which w = 0."""
        if self.cutoff is not None:
            return float(self.cutoff)
        if self.profile == "gaussian":
            return float(self.width * np.sqrt(4 * np.log(10) / (4 * np.log(2))))
        return float(self.width * _AIRY_SECOND_ZERO / (2 * _AIRY_HALF))

    @property
    def nyquist_delta_k(self) -> float:
        """Largest Δk in Å⁻¹ whose mesh loses nothing, 1/(2 D) with D the diameter within which w > 0."""
        return 1 / (4 * self.radius)

    @property
    def height(self) -> float:
        """The thickness in Å."""
        return float(self.thickness)

    def weights(self, positions: np.ndarray) -> np.ndarray:
        """Amplitude of the beam at atoms inside the volume.

        Args:
            positions: (M, 3) in Å relative to the centre, zone axis last.

        Returns:
            (M,) float64, 1 on the axis.
        """
        rho = np.hypot(positions[:, 0], positions[:, 1]) / self.width
        if self.profile == "gaussian":
            return np.exp(-2 * np.log(2) * rho**2)
        x = np.maximum(2 * _AIRY_HALF * rho, 1e-9)
        return 2 * j1(x) / x

    def half_extent(self, direction: np.ndarray, zone_axis: np.ndarray) -> np.ndarray:
        """Half the width along directions, that of the cylinder outside which w = 0.

        Args:
            direction: (..., 3) vectors, any length.
            zone_axis: (3,) unit vector, or (..., 3) of them.

        Returns:
            (...) in Å times the length of ``direction``.
        """
        return Cylinder(self.radius, self.thickness).half_extent(direction, zone_axis)

    @property
    def size(self) -> float:
        """∫ w² dV in Å³, so that Σ w² / size is the number density."""
        if self.profile == "gaussian":
            share = 1 - np.exp(-4 * np.log(2) * (self.radius / self.width) ** 2)
            return float(np.pi * self.width**2 / (4 * np.log(2)) * share * self.thickness)
        x = 2 * _AIRY_HALF * self.radius / self.width
        share = 1 - j0(x) ** 2 - j1(x) ** 2
        return float(np.pi * (self.width / _AIRY_HALF) ** 2 * share * self.thickness)

    def as_dict(self) -> dict:
        """JSON form: {"type", "width": Å, "thickness": Å, "profile", "cutoff": Å or None}."""
        return {
            "type": "WeightedVolume", "width": float(self.width), "thickness": float(self.thickness),
            "profile": self.profile, "cutoff": None if self.cutoff is None else float(self.cutoff),
        }  # fmt: skip


@quantities(radius="angstrom", height="angstrom")
@dataclass(frozen=True)
class VolumeRange:
    """Cylinders or ellipsoids of many sizes: radius and height are drawn uniformly, for each pattern anew.

    Args:
        kind: :class:`Cylinder` or :class:`Ellipsoid`, or its name.
        radius: (lowest, highest) in Å.
        height: (lowest, highest) in Å.

    Raises:
        InputError: another kind, or limits that are not positive or not in order.

    Example:
        >>> VolumeRange(Cylinder, radius=(3, 8), height=(10, 30)).largest
        Cylinder(radius=8.0, height=30.0)
    """

    kind: type[Cylinder] | type[Ellipsoid]
    radius: tuple[float, float]
    height: tuple[float, float]

    def __post_init__(self) -> None:
        kinds: dict = {name: kind for kind in (Cylinder, Ellipsoid) for name in (kind, kind.__name__)}
        try:
            object.__setattr__(self, "kind", kinds[self.kind])
        except (KeyError, TypeError):
            raise InputError(
                f"VolumeRange: kind is {shown(self.kind)}: choose Cylinder or Ellipsoid."
            ) from None
        for name in ("radius", "height"):
            full = f"VolumeRange: {name}"
            limits = interval(getattr(self, name), full, above=0, unit="Å", hint="for example (3, 8)")
            object.__setattr__(self, name, limits)

    @property
    def largest(self) -> Cylinder | Ellipsoid:
        """The volume of the largest radius and height."""
        return self.kind(self.radius[1], self.height[1])

    def as_dict(self) -> dict:
        """JSON form: {"type": "VolumeRange", "kind": ..., "radius": [Å, Å], "height": [Å, Å]}."""
        return {
            "type": "VolumeRange", "kind": self.kind.__name__, "radius": list(self.radius),
            "height": list(self.height),
        }  # fmt: skip


Volume = Cylinder | Ellipsoid | OneLayerCluster | WeightedVolume
VOLUME_TYPES: dict[str, type[Cylinder] | type[Ellipsoid] | type[OneLayerCluster] | type[WeightedVolume]] = {
    kind.__name__: kind for kind in (Cylinder, Ellipsoid, OneLayerCluster, WeightedVolume)
}


def as_volume(volume: Volume | dict) -> Volume:
    """A volume from itself or from its JSON form.

    Args:
        volume: a volume, or {"type": "Cylinder", "radius": 5, "height": 20}.

    Returns:
        The volume.

    Raises:
        InputError: anything else.

    Example:
        >>> as_volume({"type": "Cylinder", "radius": 5, "height": 20})
        Cylinder(radius=5, height=20)
    """
    if isinstance(volume, (Cylinder, Ellipsoid, OneLayerCluster, WeightedVolume)):
        return volume
    try:
        values = dict(volume)
        return VOLUME_TYPES[values.pop("type")](**values)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The volume is {shown(volume)}: give Cylinder(radius=5, height=20), Ellipsoid(radius=8, "
            "height=30), "
            "OneLayerCluster(n_neighbors=12) or WeightedVolume(width=6, thickness=20), lengths in Å."
        ) from None


def as_volume_or_range(volume: Volume | VolumeRange | dict) -> Volume | VolumeRange:
    """As :func:`as_volume`, with :class:`VolumeRange` as well.

    Example:
        >>> as_volume_or_range(VolumeRange("Ellipsoid", (3, 8), (10, 30)).as_dict()).largest
        Ellipsoid(radius=8.0, height=30.0)
    """
    if isinstance(volume, dict) and volume.get("type") == "VolumeRange":
        try:
            return VolumeRange(**{key: value for key, value in volume.items() if key != "type"})
        except TypeError:
            raise InputError(f"The volume is {shown(volume)}: give kind, radius and height.") from None
    return volume if isinstance(volume, VolumeRange) else as_volume(volume)
