"""LAMMPS ``compute saed`` as the reference engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from pyiron_nbed.diffraction.scattering import Mesh
from pyiron_nbed.diffraction.search import VolumeAtoms
from pyiron_nbed.errors import InputError
from pyiron_nbed.lammps.executable import lammps_command
from pyiron_nbed.lammps.protocol import INPUT_FILE
from pyiron_nbed.lammps.run import render, run_lammps


def saed_patterns(volumes: VolumeAtoms, symbols: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Patterns from LAMMPS ``compute saed`` (Zone 0 0 0, slice k_z = 0 of the whole mesh).

    The reference, not for production: it evaluates the whole sphere of nodes, some 3 s for 100
    atoms on the standard mesh.

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols.
        mesh: the nodes.

    Returns:
        (P, n, n) float64 raw intensity in Å², rows k_y, columns k_x, 0 outside the disc.

    Raises:
        LammpsError: LAMMPS is missing, lacks the DIFFRACTION package or stops with an error.
        InputError: a mesh on the Ewald sphere or volumes with weights, which it cannot do.
    """
    if mesh.beam_energy is not None:
        raise InputError(
            "The lammps engine gives the flat slice only (compute saed knows the nodes of a mesh, not "
            "those on the Ewald sphere): take Mesh(beam_energy=None), or engine 'cpu' or 'torch'."
        )
    if volumes.weights is not None:
        raise InputError(
            "The lammps engine counts every atom once: take engine 'cpu' or 'torch' for a WeightedVolume."
        )
    symbols = np.asarray(symbols)
    return np.array(
        [
            _one(volumes.positions[begin:end], symbols[volumes.indices[begin:end]], mesh)
            for begin, end in zip(volumes.offsets[:-1], volumes.offsets[1:], strict=True)
        ]
    )


def _one(positions: np.ndarray, symbols: np.ndarray, mesh: Mesh) -> np.ndarray:
    names, types = np.unique(symbols, return_inverse=True)
    side = 2 * float(np.abs(positions).max()) + 20.0
    with tempfile.TemporaryDirectory(prefix="nbed_saed_") as folder:
        script = render(
            "saed.lmp.j2",
            side=side,
            symbols=[str(s) for s in names],
            atoms=[(int(kind) + 1, *r) for kind, r in zip(types, positions.tolist(), strict=True)],
            k_max=mesh.k_max,
            delta_k=mesh.delta_k,
        )
        (Path(folder) / INPUT_FILE).write_text(script)
        run_lammps(Path(folder), [*lammps_command(), "-in", INPUT_FILE])
        values = np.loadtxt(Path(folder) / "saed.txt", skiprows=4, usecols=1)
    # compute saed lists the nodes with k_z slowest and k_x fastest
    reach = int(np.ceil(mesh.k_max / mesh.delta_k))
    k = np.arange(-reach, reach + 1) * mesh.delta_k
    inside = (k[None, None, :] ** 2 + k[None, :, None] ** 2 + k[:, None, None] ** 2) < mesh.k_max**2
    full = np.zeros(inside.shape)
    full[inside] = values
    trim = reach - mesh.half
    layer = full[reach]
    return layer[trim : len(layer) - trim, trim : len(layer) - trim] if trim else layer
