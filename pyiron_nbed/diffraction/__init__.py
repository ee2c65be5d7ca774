"""Simulated nanobeam diffraction: volumes and their patterns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import one_of
from pyiron_nbed.containers import instance
from pyiron_nbed.diffraction.kinematic import (
    FLOAT16_LIMIT,
    check_float16,
    kinematic_patterns,
    result_array,
)
from pyiron_nbed.diffraction.scattering import elements_of, scattering_factor
from pyiron_nbed.diffraction.search import VolumeAtoms, VolumeSearch
from pyiron_nbed.diffraction.volumes import (
    Cylinder,
    Ellipsoid,
    OneLayerCluster,
    Volume,
    VolumeRange,
    WeightedVolume,
    as_volume,
)
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.cells import as_centers
from pyiron_nbed.geometry.frames import beam_frame, random_zone_axes
from pyiron_nbed.parallel import thread_count
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.units import electron_wavelength

if TYPE_CHECKING:
    from pyiron_nbed.diffraction.multislice import MultisliceOptions

ENGINES = ("cpu", "torch", "lammps", "multislice")
_PIXELS_AT_ONCE = 256  # patterns on the finer mesh in memory

__all__ = [
    "ENGINES",
    "Cylinder",
    "Ellipsoid",
    "Mesh",
    "OneLayerCluster",
    "Volume",
    "VolumeAtoms",
    "VolumeRange",
    "VolumeSearch",
    "WeightedVolume",
    "as_volume",
    "beam_frame",
    "check_engine",
    "electron_wavelength",
    "patterns_of_volumes",
    "random_zone_axes",
    "scattering_factor",
    "simulate_patterns",
]


def simulate_patterns(
    atoms: Atoms,
    centers: np.ndarray,
    volume: Volume,
    mesh: Mesh | None = None,
    zone_axis: Sequence[float] | np.ndarray = (0, 0, 1),
    engine: str = "cpu",
    dtype: type = np.float32,
    cores: int | None = None,
    out: np.ndarray | None = None,
    empty: str = "error",
    device: str | None = None,
    multislice: MultisliceOptions | Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Diffraction pattern of the atoms inside one interaction volume per centre.

    I(k) = |Σ_j w_j f_j(|k|) exp(2πi k·r_j)|² / Σ_j w_j², k = 1/d without 2π, on the flat slice
    k·zone_axis = 0 or, where the mesh has a beam energy, on the Ewald sphere. The weights w_j are 1
    (1/N in front, as in [Coleman2013]) but for :class:`WeightedVolume`. Image x is the structure's x axis
    projected into the image plane (see :func:`beam_frame`).

    Args:
        atoms: the structure; lengths in Å; any cell and periodicity.
        centers: (P, 3) centres of the volumes in Å; positions of atoms for :class:`OneLayerCluster`.
        volume: :class:`Cylinder`, :class:`Ellipsoid`, :class:`OneLayerCluster` or :class:`WeightedVolume`.
        mesh: nodes; the default is Mesh(k_max=1.0, delta_k=0.015), 133 × 133 pixels.
        zone_axis: Cartesian direction of the beam, (3,) or one for each centre, (P, 3).
        engine: "cpu" (numba), "torch" (CPU or CUDA) or "lammps" (``compute saed``, the reference,
            slow; volumes without weights only; with a beam energy it takes the exact Ewald sphere) or
            "multislice" (abTEM: multiple scattering, a plane wave of the mesh's beam energy or 200 keV;
            volumes without weights only; other choices by ``multislice``).
        dtype: float32 or float64; float16 stores single-precision results rounded.
        cores: threads of the search, the cpu and the multislice engine; None takes all.
        out: C-contiguous (P, n, n) array of ``dtype`` to write to and return; None makes a new one.
        empty: volumes without atoms are an "error", or left out with a warning that counts them
            ("skip": the result then has fewer rows).
        device: of the torch engine, for example "cpu" or "cuda:0"; None takes a GPU if there is one.
        multislice: options of the multislice engine
            (:class:`pyiron_nbed.diffraction.multislice.MultisliceOptions`) or a dict of some of them.

    Returns:
        (P, n, n) raw intensity in Å², rows k_y, columns k_x, 0 outside the disc |k| < k_max.

    Raises:
        InputError: unknown engine or device, unusable centres, zone axis, dtype, cores or out, unknown
            element, more patterns than there is memory for, an intensity that does not fit float16.
        VolumeError: the volume is larger than the cell, or holds no atoms.
        StructureError: unusable structure.
        LammpsError: the lammps engine cannot run.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", cubic=True) * (8, 8, 8)
        >>> simulate_patterns(atoms, [[14.4, 14.4, 14.4]], Cylinder(radius=5, height=20)).shape
        (1, 133, 133)
    """
    check_engine(engine, [volume])
    _check_device(device, engine)
    mesh = Mesh() if mesh is None else as_mesh(mesh)
    cores = thread_count(cores)
    n = len(as_centers(centers))
    out = result_array(out, (n, *mesh.shape), dtype)
    axes = beam_frame(zone_axis)[..., 2, :]
    search = VolumeSearch(atoms, volume, axes.reshape(-1, 3)[0])
    found = search(centers, cores, axes, empty)
    if found.kept is not None:
        warnings.warn(f"{n - len(found.kept)} of {n} volumes hold no atoms and were left out.", stacklevel=2)
        out = None if out is None else out[: len(found.kept)]
    return patterns_of_volumes(found, atoms.numbers, mesh, engine, dtype, cores, out, device, multislice)


def patterns_of_volumes(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    engine: str = "cpu",
    dtype: type = np.float32,
    cores: int | None = None,
    out: np.ndarray | None = None,
    device: str | None = None,
    multislice: MultisliceOptions | Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Patterns of atoms that were found already.

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols or atomic numbers.
        mesh, engine, dtype, cores, out, device, multislice: as :func:`simulate_patterns`.

    Returns:
        (P, n, n) raw intensity in Å².

    Raises:
        InputError, LammpsError: as :func:`simulate_patterns`.

    Example:
        >>> atoms = Atoms("Cu", positions=[[0, 0, 0]])
        >>> found = VolumeSearch(atoms, Cylinder(5, 20))([[0, 0, 0]])
        >>> patterns_of_volumes(found, atoms.numbers, Mesh(1.0, 0.05)).shape
        (1, 39, 39)
    """
    from pyiron_nbed.diffraction.multislice import multislice_options, multislice_patterns

    check_engine(engine)
    _check_device(device, engine)
    mesh = as_mesh(mesh)
    instance(volumes, "volumes", VolumeAtoms, "the VolumeAtoms that a VolumeSearch finds")
    options = multislice_options(multislice, engine)
    if mesh.integrate > 1:
        out = result_array(out, (len(volumes.counts), *mesh.shape), dtype)
        for start in range(0, len(out), _PIXELS_AT_ONCE):
            part = volumes.part(start, min(start + _PIXELS_AT_ONCE, len(out)))
            exact = np.float64 if out.dtype == np.float64 else np.float32
            fine = patterns_of_volumes(
                part, symbols, mesh.fine, engine, exact, cores, None, device, multislice
            )
            patterns = mesh.averaged(fine)
            if out.dtype == np.float16:
                check_float16(patterns.max(axis=(1, 2)) >= FLOAT16_LIMIT)
            out[start : start + _PIXELS_AT_ONCE] = patterns
        return out
    if engine == "cpu":
        return kinematic_patterns(volumes, symbols, mesh, dtype, cores, out)
    out = result_array(out, (len(volumes.counts), *mesh.shape), dtype)
    if engine == "torch":
        from pyiron_nbed.diffraction.accelerator import torch_patterns

        return torch_patterns(volumes, symbols, mesh, out, device)
    if engine == "multislice":
        patterns = multislice_patterns(volumes, symbols, mesh, options, out.dtype.type, cores)
    else:
        from pyiron_nbed.diffraction.saed import saed_patterns

        names, kinds = elements_of(symbols, np.arange(len(symbols)))
        patterns = saed_patterns(volumes, np.array(names)[kinds], mesh)
    if out.dtype == np.float16:
        check_float16(patterns.max(axis=(1, 2)) >= FLOAT16_LIMIT)
    out[:] = patterns
    return out


def _check_device(device: str | None, engine: str) -> None:
    if engine != "torch" and device not in (None, "cpu"):
        raise InputError(
            f"device is {device!r}, and the engine is {engine!r}: set engine = 'torch', or device = None."
        )


def check_engine(engine: str, volumes: Sequence[Volume] = ()) -> None:
    """Raise InputError for an engine that is unknown, not installed or cannot do one of the volumes."""
    one_of(engine, "The engine", ENGINES)
    if engine in ("lammps", "multislice") and any(isinstance(v, WeightedVolume) for v in volumes):
        raise InputError(
            f"The {engine} engine cannot weigh atoms: take engine 'cpu' or 'torch' for a WeightedVolume."
        )
    if engine == "multislice":
        from pyiron_nbed.diffraction.multislice import import_abtem

        import_abtem()
