"""LAMMPS ``compute saed`` as the reference engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from pyiron_nbed.diffraction.search import VolumeAtoms
from pyiron_nbed.errors import InputError, LammpsError
from pyiron_nbed.executable import lammps_command
from pyiron_nbed.lammps.protocol import INPUT_FILE
from pyiron_nbed.lammps.run import render, run_lammps
from pyiron_nbed.patterns.mesh import S_MAX, Mesh
from pyiron_nbed.units import electron_wavelength

_NODES = 3  # nodes on each side of the sphere between which the intensity is interpolated
_STEPS = 32  # nodes along k_z per 1/thickness: the finest fringes along k_z


def saed_patterns(volumes: VolumeAtoms, symbols: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Patterns from LAMMPS ``compute saed`` [Coleman2013]: the flat slice or the exact Ewald sphere.

    The reference, not for production. The flat slice is that of the whole sphere of nodes (Zone 0 0 0),
    some 3 s for 100 atoms on the standard mesh. With a beam energy LAMMPS evaluates the nodes next to
    the sphere k_z = 1/λ − sqrt(1/λ² − k_x² − k_y²) (Zone 0 0 1) with a fine spacing δ along k_z, and
    the intensity on the sphere is interpolated by a polynomial through three nodes on each side. With
    δ = 1/(32 t), t the thickness of the volume, this is exact to 1e-8 of the maximum. The other engines
    have the paraxial form of the sphere, k_z = λ(k_x² + k_y²)/2 (2e-7 of the maximum away at 200 keV).

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols.
        mesh: the nodes.

    Returns:
        (P, n, n) float64 raw intensity in Å², rows k_y, columns k_x, 0 outside the disc.

    Raises:
        LammpsError: LAMMPS is missing, lacks the DIFFRACTION package or stops with an error.
        InputError: volumes with weights, which it cannot do, or nodes beyond the scattering table.
    """
    if volumes.weights is not None:
        raise InputError(
            "The lammps engine cannot weigh atoms: take engine 'cpu' or 'torch' for a WeightedVolume."
        )
    symbols = np.asarray(symbols)
    one = _flat if mesh.beam_energy is None else _sphere
    return np.array(
        [
            one(volumes.positions[begin:end], symbols[volumes.indices[begin:end]], mesh)
            for begin, end in zip(volumes.offsets[:-1], volumes.offsets[1:], strict=True)
        ]
    )


def _flat(positions: np.ndarray, symbols: np.ndarray, mesh: Mesh) -> np.ndarray:
    d = mesh.delta_k
    values = _run(positions, symbols, wavelength=0.0251, k_max=mesh.k_max, spacing=(d, d, d), slab=None)
    # compute saed lists the nodes with k_z slowest and k_x fastest
    reach = int(np.ceil(mesh.k_max / mesh.delta_k))
    k = np.arange(-reach, reach + 1) * mesh.delta_k
    inside = (k[None, None, :] ** 2 + k[None, :, None] ** 2 + k[:, None, None] ** 2) < mesh.k_max**2
    full = np.zeros(inside.shape)
    full[inside] = values
    trim = reach - mesh.half
    layer = full[reach]
    return layer[trim : len(layer) - trim, trim : len(layer) - trim] if trim else layer


def _sphere(positions: np.ndarray, symbols: np.ndarray, mesh: Mesh) -> np.ndarray:
    assert mesh.beam_energy is not None
    wavelength = electron_wavelength(mesh.beam_energy)
    radius = 1 / wavelength
    top = radius - np.sqrt(radius**2 - mesh.k_max**2)
    step = 1 / (_STEPS * max(float(np.ptp(positions[:, 2])), 1.0))
    slab = (_NODES + 0.01) * step
    # LAMMPS drops nodes with |k| ≥ Kmax; on the sphere, those at the edge of the disc are longer than k_max
    k_max = float(np.hypot(mesh.k_max, top + (_NODES + 1) * step))
    if k_max > 2 * S_MAX:
        raise InputError(
            f"The Ewald sphere reaches |k| = {k_max:.3f} Å⁻¹ for k_max = {mesh.k_max} Å⁻¹: the scattering "
            f"table ends at {2 * S_MAX} Å⁻¹, so lower k_max."
        )
    spacing = (mesh.delta_k, mesh.delta_k, step)
    values = _run(positions, symbols, wavelength, k_max, spacing, slab)

    # the same nodes again: candidates around the sphere, and of these what LAMMPS keeps
    reach = int(np.ceil(k_max / mesh.delta_k))
    plane = np.arange(-reach, reach + 1) * mesh.delta_k
    k2 = plane[:, None] ** 2 + plane[None, :] ** 2
    sphere = radius - np.sqrt(np.maximum(radius**2 - k2, 0))
    first = np.floor(sphere / step).astype(int) - 2 * _NODES
    layers = first[..., None] + np.arange(4 * _NODES + 2)
    z = layers * step
    distance = np.sqrt(k2[..., None] + (z - radius) ** 2) - radius
    kept = (np.abs(distance) < slab) & (k2[..., None] + z**2 < k_max**2)
    rows, columns, entries = np.nonzero(kept)
    order = np.lexsort((columns, rows, layers[kept]))
    if len(order) != len(values):
        raise LammpsError(
            f"LAMMPS evaluated {len(values)} nodes where {len(order)} lie next to the Ewald sphere: change "
            "delta_k or k_max a little."
        )
    full = np.full(kept.shape, np.nan)
    full[rows[order], columns[order], entries[order]] = values

    middle = np.arange(reach - mesh.half, reach + mesh.half + 1)
    cut = np.ix_(middle, middle)
    start = _NODES + 1  # entry 2·_NODES is the node just below the sphere
    nodes = full[cut][..., start : start + 2 * _NODES]
    position = sphere[cut] / step - (first[cut] + start)
    return np.where(mesh.disc, _interpolated(nodes, position), 0.0)


def _interpolated(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Lagrange polynomial through values (..., n) at 0, 1, …, n − 1, at one position each (...)."""
    n = values.shape[-1]
    result = np.zeros(position.shape)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        result += values[..., i] * np.prod([(position - j) / (i - j) for j in others], axis=0)
    return result


def _run(positions, symbols, wavelength, k_max, spacing, slab) -> np.ndarray:
    """Intensity at the nodes LAMMPS keeps: within ``slab`` (Å⁻¹) of the Ewald sphere, all if it is None."""
    names, types = np.unique(symbols, return_inverse=True)
    side = 2 * float(np.abs(positions).max()) + 20.0
    with tempfile.TemporaryDirectory(prefix="nbed_saed_") as folder:
        script = render(
            "saed.lmp.j2",
            side=side,
            symbols=[str(s) for s in names],
            atoms=[(int(kind) + 1, *r) for kind, r in zip(types, positions.tolist(), strict=True)],
            wavelength=wavelength,
            k_max=k_max,
            spacing=spacing,
            slab=slab,
        )
        (Path(folder) / INPUT_FILE).write_text(script)
        run_lammps(Path(folder), [*lammps_command(), "-in", INPUT_FILE])
        return np.loadtxt(Path(folder) / "saed.txt", skiprows=4, usecols=1)
