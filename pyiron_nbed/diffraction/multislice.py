"""Dynamical patterns: the multislice algorithm [Kirkland2010] of abTEM [Madsen2021].

Optional: ``pip install "pyiron_nbed[multislice]"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

import numpy as np
from scipy import constants
from scipy.fft import next_fast_len

from pyiron_nbed.checks import flag, number, seed_number, shown, whole
from pyiron_nbed.containers import known_fields
from pyiron_nbed.diffraction.scattering import elements_of, scattering_factor
from pyiron_nbed.diffraction.search import VolumeAtoms
from pyiron_nbed.errors import InputError
from pyiron_nbed.parallel import available_cores
from pyiron_nbed.patterns.mesh import S_MAX, Mesh
from pyiron_nbed.units import electron_wavelength, quantities

BEAM_ENERGY = 200e3  # eV, of a mesh without one
_BLOCK = 16  # slices in memory
_VACUUM = 10.0  # Å around the atoms, beside what the beam spreads: the potential of an atom ends within 3 Å
# h²/(2π m e) in V Å²: the projected potential of an atom in Fourier space is this times f(k) [Kirkland2010]
_POTENTIAL = 1e20 * constants.h**2 / (2 * np.pi * constants.m_e * constants.e)


@quantities(semiangle="mrad", slice_thickness="angstrom", sampling="angstrom", displacement="angstrom")
@dataclass(frozen=True)
class MultisliceOptions:
    """How the multislice engine computes.

    Args:
        semiangle: convergence semiangle of the probe in mrad; 0 is a plane wave. The probe is focused at
            the middle of the volume, on its axis.
        slice_thickness: largest thickness of a slice in Å.
        sampling: largest distance between points in real space in Å; None: 0.1 Å or 1/(6 k), whichever
            is smaller, k the larger of k_max and the aperture's edge. The wave is kept up to
            |k| = 1/(3 sampling).
        frozen_phonons: number of configurations of displaced atoms whose intensities are averaged; 0: none.
        displacement: standard deviation of the displacement along each axis in Å.
        seed: of the displacements; each volume starts from it anew, so that its pattern does not depend
            on the other volumes of the call.
        direct_beam: True keeps the incident wave in the pattern; False takes the scattered wave only.

    Raises:
        InputError: a value out of range.

    Example:
        >>> MultisliceOptions(frozen_phonons=8, displacement=0.08, seed=1).slice_thickness
        1.0
    """

    semiangle: float = 0.0
    slice_thickness: float = 1.0
    sampling: float | None = None
    frozen_phonons: int = 0
    displacement: float = 0.1
    seed: int = 0
    direct_beam: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = f"MultisliceOptions: {field.name}", getattr(self, field.name)
            if field.name == "seed":
                value = seed_number(value, name)
            elif field.name == "frozen_phonons":
                value = whole(value, name)
            elif field.name == "direct_beam":
                value = flag(value, name)
            elif field.name in ("semiangle", "displacement"):
                value = number(value, name, 0, unit="mrad" if field.name == "semiangle" else "Å")
            elif value is not None or field.name != "sampling":
                value = number(value, name, above=0, unit="Å")
            object.__setattr__(self, field.name, value)


def multislice_options(
    given: MultisliceOptions | Mapping[str, Any] | None, engine: str = "multislice", mesh: Mesh | None = None
) -> MultisliceOptions | None:
    """Checked options of the multislice engine from their plain form.

    Args:
        given: the options, a dict of some of them, or None for the defaults.
        engine: the engine that will be used.
        mesh: on which the sampling is checked; None leaves that out.

    Returns:
        The options; None for another engine.

    Raises:
        InputError: an unknown name, a value out of range, a sampling too coarse for the mesh, or options for
            another engine.

    Example:
        >>> multislice_options({"semiangle": 1.5}).semiangle
        1.5
        >>> multislice_options(None, "cpu") is None
        True
    """
    if engine != "multislice":
        if given:
            raise InputError(
                f"multislice is {shown(given)}, and the engine is {engine!r}: set engine = 'multislice', or "
                "multislice = None."
            )
        return None
    if isinstance(given, MultisliceOptions):
        options = given
    else:
        options = MultisliceOptions(
            **known_fields({} if given is None else given, "multislice", MultisliceOptions)
        )
    if mesh is not None:
        _sampling(mesh, electron_wavelength(mesh.beam_energy or BEAM_ENERGY), options)
    return options


def multislice_patterns(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    options: MultisliceOptions | None = None,
    dtype: type = np.float32,
    cores: int | None = 1,
) -> np.ndarray:
    """Diffraction patterns with multiple scattering, of the atoms of each volume in vacuum.

    The electron wave ψ passes the volume slice by slice: ψ ← p ⊗ (ψ exp(iσV)), V the projected potential
    of the atoms of a slice, p the Fresnel propagator to the next one (abTEM). With the scattered wave
    ψ_s = ψ − ψ_0, the exit wave less the incident wave in vacuum,

        I(k) = |∫ ψ_s(r) exp(−2πi k·r) d²r|² / ((γλ)² Σ_j |ψ_0(r_j)|²)

    To first order ψ_s = iσV, and σV(k) = γλ Σ_j f_j exp(−2πi k·r_j): σ holds the relativistic mass γm,
    while f is tabulated for the rest mass (V(k) = h²/(2π m e) f(k)). So the division by (γλ)² leaves the
    kinematic intensity |Σ_j f_j exp(2πi k·r_j)|²/N of the other engines, in Å², for a weak object, with
    their scattering factors and on their Ewald sphere (the beam comes from the side the zone axis points
    to). Without a beam energy in the mesh 200 keV are taken: a multislice pattern is never flat.

    The incident wave is 1 for a plane wave. A probe (semiangle above 0) counts as in
    :class:`WeightedVolume`: ψ_0(r_j) is its amplitude at each atom, at its focus, so that a weak object
    gives |Σ_j ψ_0(r_j) f_j exp(2πi k·r_j)|²/Σ_j|ψ_0(r_j)|². Without ``direct_beam`` the disc of the
    direct beam holds the scattered wave only, for plane waves and probes alike.

    The super cell is a whole multiple of 1/Δk wide, so that nodes of the mesh are its reciprocal lattice
    and nothing is interpolated. Each atom lies in one slice with the projection of all its height: atoms
    are far thinner than the depth of field. The potential is built in Fourier space, exact for positions
    between the points, from the five Gaussians of the other engines up to |k| = 4 Å⁻¹.

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å), without weights.
        symbols: (number of atoms of the structure,) chemical symbols or atomic numbers.
        mesh: the nodes and the beam energy.
        options: see :class:`MultisliceOptions`; None takes its defaults.
        dtype: float64 computes in double precision, others in single precision.
        cores: threads of the Fourier transforms.

    Returns:
        (P, n, n) float64 raw intensity in Å², rows k_y, columns k_x, 0 outside the disc.

    Raises:
        InputError: abTEM is not installed, weighted volumes, a sampling too coarse for k_max, unknown
            element.

    Example:
        >>> from ase import Atoms
        >>> from pyiron_nbed.diffraction import Cylinder, VolumeSearch
        >>> atoms = Atoms("Cu", positions=[[0, 0, 0]])
        >>> found = VolumeSearch(atoms, Cylinder(5, 20))([[0, 0, 0]])
        >>> multislice_patterns(found, atoms.numbers, Mesh(1.0, 0.05)).shape
        (1, 39, 39)
    """
    options = MultisliceOptions() if options is None else options
    if volumes.weights is not None:
        raise InputError(
            "The multislice engine has a beam of its own and cannot weigh atoms: take Cylinder or Ellipsoid "
            "with MultisliceOptions(semiangle=…), or engine 'cpu' or 'torch' for a WeightedVolume."
        )
    abtem = import_abtem()
    settings = {
        "precision": "float64" if np.dtype(dtype) == np.float64 else "float32",
        "fftw.planning_effort": "FFTW_ESTIMATE",  # its default measures for a minute where n is no power of 2
        "fftw.threads": cores or available_cores(),
        "diagnostics.progress_bar": False,
        "device": "cpu",
    }
    names, kinds = elements_of(symbols, volumes.indices)
    with abtem.config.set(settings):
        return np.array(
            [
                _pattern(abtem, volumes.positions[a:b], names, kinds[a:b], mesh, options)
                for a, b in zip(volumes.offsets[:-1], volumes.offsets[1:], strict=True)
            ]
        )


def import_abtem() -> ModuleType:
    """abTEM, or an InputError that says how to install it."""
    try:
        import abtem
    except ImportError as error:
        raise InputError(
            "The multislice engine needs abTEM, which is not installed: `pip install "
            '"pyiron_nbed[multislice]"`, or take engine "cpu".'
        ) from error
    return abtem


def _pattern(abtem, positions, names, kinds, mesh: Mesh, options: MultisliceOptions) -> np.ndarray:
    energy = BEAM_ENERGY if mesh.beam_energy is None else mesh.beam_energy
    wavelength = electron_wavelength(energy)
    gamma = 1 + energy * constants.e / (constants.m_e * constants.c**2)
    sampling = _sampling(mesh, wavelength, options)
    # the beam runs along +z of abTEM; in our frame it comes from the side of the zone axis
    positions = positions * (1, 1, -1)
    depth = max(float(np.ptp(positions[:, 2])), 1e-3)
    multiple = _super_cell(positions, depth, mesh, wavelength, options)
    side = multiple / mesh.delta_k
    points = next_fast_len(int(np.ceil(side / sampling)), real=True)

    focus, entrance = _incident(abtem, energy, depth, side, points, options)
    norm = np.sum(np.abs(_values_at(focus, positions[:, :2] / side)) ** 2)
    slices = max(int(np.ceil(depth / options.slice_thickness)), 1)
    middle = positions[:, 2].min() + depth / 2
    factors = _fourier_potentials(names, side, points)

    def through(waves, potential: np.ndarray, thickness: float):
        field = abtem.PotentialArray(potential, slice_thickness=thickness, extent=(side, side))
        return waves.multislice(field)

    def exit_wave(moved: np.ndarray) -> np.ndarray:
        number = np.clip(((moved[:, 2] - middle) / depth + 0.5) * slices, 0, slices - 1).astype(int)
        waves = abtem.Waves(entrance.copy(), energy=energy, extent=(side, side))
        for first in range(0, slices, _BLOCK):
            potential = np.zeros((min(_BLOCK, slices - first), points, points), entrance.real.dtype)
            for i in np.unique(number[(number >= first) & (number < first + _BLOCK)]):
                inside = number == i
                potential[i - first] = _projected(moved[inside, :2] / side, kinds[inside], factors)
            waves = through(waves, potential, depth / slices)
        return waves.array

    vacuum = 0.0
    if not options.direct_beam:
        waves = abtem.Waves(entrance.copy(), energy=energy, extent=(side, side))
        vacuum = through(waves, np.zeros((1, points, points), entrance.real.dtype), depth).array
    random = np.random.default_rng(options.seed)
    total = np.zeros(mesh.shape)
    for _ in range(max(options.frozen_phonons, 1)):
        moved = positions
        if options.frozen_phonons:
            moved = positions + random.normal(0.0, options.displacement, positions.shape)
        spectrum = np.fft.fft2(exit_wave(moved) - vacuum)
        nodes = np.arange(-mesh.half, mesh.half + 1) * multiple
        total += np.abs(spectrum[np.ix_(nodes, nodes)].T) ** 2  # abTEM's first axis is x
    total *= (side / points) ** 4 / ((gamma * wavelength) ** 2 * norm * max(options.frozen_phonons, 1))
    return np.where(mesh.disc, total, 0.0)


def _sampling(mesh: Mesh, wavelength: float, options: MultisliceOptions) -> float:
    """Largest distance between points, checked against the disc and the aperture."""
    reach = max(mesh.k_max, 1e-3 * options.semiangle / wavelength)
    finest = 1 / (6 * reach)
    sampling = min(0.1, finest) if options.sampling is None else options.sampling
    if sampling > finest:
        raise InputError(
            f"MultisliceOptions: sampling is {sampling} Å: a wave up to {reach:.2f} Å⁻¹ needs at most "
            f"{finest:.3f} Å, so that electrons scattered twice are kept."
        )
    return sampling


def _super_cell(positions, depth: float, mesh: Mesh, wavelength: float, options: MultisliceOptions) -> int:
    """Side of the super cell in units of 1/Δk: what leaves one side must not reach the atoms again."""
    angle = max(mesh.k_max * wavelength, 1e-3 * options.semiangle)
    width = 2 * (np.hypot(positions[:, 0], positions[:, 1]).max() + depth * angle) + _VACUUM
    if options.semiangle:
        width += 4 * 0.61 * wavelength / (1e-3 * options.semiangle)  # tails of the probe
    return int(np.ceil(width * mesh.delta_k))


def _incident(abtem, energy, depth, side, points, options) -> tuple[np.ndarray, np.ndarray]:
    """Incident wave (points, points), 1 on the axis in its focus: there, and half the depth before it."""
    if options.semiangle == 0:
        wave = abtem.PlaneWave(extent=side, gpts=points, energy=energy).build(lazy=False).array
        return wave, wave
    probe = abtem.Probe(semiangle_cutoff=options.semiangle, extent=side, gpts=points, energy=energy)
    focus = probe.build(scan=(side / 2, side / 2), lazy=False).array
    focus = focus / np.abs(focus).max()
    k2 = np.add.outer(*[np.fft.fftfreq(points, side / points) ** 2] * 2)
    back = np.exp(0.5j * np.pi * electron_wavelength(energy) * k2 * depth)
    return focus, np.fft.ifft2(np.fft.fft2(focus) * back).astype(focus.dtype)


def _phases(positions: np.ndarray, points: int, sign: float) -> np.ndarray:
    """exp(± 2πi n x) of the n of a discrete Fourier transform, x from the middle in units of the side."""
    return np.exp(sign * 2j * np.pi * np.outer(np.fft.fftfreq(points, 1 / points), positions + 0.5))


def _values_at(wave: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The wave at positions (N, 2) between its points, in units of the side, from its Fourier series."""
    points = len(wave)
    spectrum = np.fft.fft2(wave) / points**2
    x, y = (_phases(positions[:, axis], points, 1) for axis in (0, 1))
    return np.sum((spectrum.T @ x) * y, axis=0)


def _fourier_potentials(names: list[str], side: float, points: int) -> np.ndarray:
    """(S, points, points//2 + 1) projected potential of an atom at 0 in V Å² per area of a point.

    Zero beyond what abTEM keeps of a wave, and beyond the table.
    """
    n = np.fft.fftfreq(points, 1 / points), np.fft.rfftfreq(points, 1 / points)
    k = np.hypot.outer(*n) / side
    kept = k <= min(2 * S_MAX, points / side / 3)
    scale = _POTENTIAL * (points / side) ** 2
    return (
        np.array([np.where(kept, scattering_factor(s, np.where(kept, k, 0.0)), 0.0) for s in names]) * scale
    )


def _projected(positions: np.ndarray, kinds: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Projected potential (points, points) in V Å of the atoms of a slice; positions in units of the side."""
    points = factors.shape[1]
    total = np.zeros(factors.shape[1:], complex)
    for kind in np.unique(kinds):
        x, y = (_phases(positions[kinds == kind, axis], points, -1) for axis in (0, 1))
        total += factors[kind] * (x @ y[: factors.shape[2]].T)
    return np.fft.irfft2(total, s=(points, points))
