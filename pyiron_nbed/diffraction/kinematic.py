"""Kinematic patterns on CPU: phase recurrence, one real matrix product per element on a quadrant.

With A, B = cos, sin(2π n Δk x) and C, D = cos, sin(2π m Δk y) the structure factor of the node
(n, m) is Σ f [(AC − BD) + i (AD + BC)], and that of (n, −m) is Σ f [(AC + BD) + i (BC − AD)]. So
the four products on the quadrant n, m ≥ 0 give half of the image, and I(k) = I(−k) the rest.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from threadpoolctl import threadpool_limits

from pyiron_nbed.diffraction.scattering import Mesh, factors_on_quadrant
from pyiron_nbed.diffraction.volumes import VolumeAtoms
from pyiron_nbed.geometry import run_in_threads

_CHUNK = 32  # patterns per call of a thread


def kinematic_patterns(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    dtype: type = np.float32,
    cores: int | None = None,
) -> np.ndarray:
    """Kinematic intensity I(k) = |Σ_j f_j(|k|) exp(2πi k·r_j)|² / N of each volume.

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols.
        mesh: the nodes.
        dtype: float32 or float64, of the products and the result.
        cores: threads; None takes all.

    Returns:
        (P, n, n) raw intensity in Å², rows k_y, columns k_x, 0 outside the disc.
    """
    names, species = np.unique(np.asarray(symbols), return_inverse=True)
    factors: np.ndarray = factors_on_quadrant([str(s) for s in names], mesh).astype(dtype)
    # sorted by element inside each volume, so that each product reads consecutive columns
    volume_of = np.repeat(np.arange(len(volumes.counts)), volumes.counts)
    atom_species = species[volumes.indices]
    order = np.lexsort((atom_species, volume_of))
    x = np.ascontiguousarray(volumes.positions[order, 0])
    y = np.ascontiguousarray(volumes.positions[order, 1])
    kinds = np.ascontiguousarray(atom_species[order])
    n = 2 * mesh.half + 1
    out: np.ndarray = np.zeros((len(volumes.counts), n, n), dtype)
    widest = int(volumes.counts.max(initial=0))

    def work(start: int, stop: int) -> None:
        _intensities(start, stop, volumes.offsets, x, y, kinds, factors, float(mesh.delta_k), widest, out)

    # more BLAS threads inside these threads would only fight each other
    with threadpool_limits(1, user_api="blas"):
        run_in_threads(work, len(out), cores, _CHUNK)
    return out


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _phases(coordinate, step, n_nodes, cosine, sine, c_step, s_step, c_now, s_now):
    n = coordinate.shape[0]
    for j in range(n):
        angle = 2.0 * np.pi * step * coordinate[j]
        c_step[j] = np.cos(angle)
        s_step[j] = np.sin(angle)
        c_now[j] = 1.0
        s_now[j] = 0.0
    for k in range(n_nodes):
        for j in range(n):
            c, s = c_now[j], s_now[j]
            cosine[k, j] = c
            sine[k, j] = s
            c_now[j] = c * c_step[j] - s * s_step[j]
            s_now[j] = c * s_step[j] + s * c_step[j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _intensities(first, last, offsets, x, y, kinds, factors, delta_k, widest, out):
    n_species, nodes = factors.shape[0], factors.shape[1]
    half = nodes - 1
    left = np.empty(2 * nodes * widest, out.dtype)
    right = np.empty(2 * nodes * widest, out.dtype)
    product = np.empty((2 * nodes, 2 * nodes), out.dtype)
    same_re = np.empty((nodes, nodes), out.dtype)
    same_im = np.empty((nodes, nodes), out.dtype)
    cross_re = np.empty((nodes, nodes), out.dtype)
    cross_im = np.empty((nodes, nodes), out.dtype)
    work = np.empty((4, widest))
    for p in range(first, last):
        begin, end = offsets[p], offsets[p + 1]
        same_re[:] = 0
        same_im[:] = 0
        cross_re[:] = 0
        cross_im[:] = 0
        at = begin
        for kind in range(n_species):
            stop = at
            while stop < end and kinds[stop] == kind:
                stop += 1
            n = stop - at
            if n == 0:
                continue
            rows = left[: 2 * nodes * n].reshape((2 * nodes, n))
            columns = right[: 2 * nodes * n].reshape((2 * nodes, n))
            _phases(y[at:stop], delta_k, nodes, rows[:nodes], rows[nodes:],
                    work[0], work[1], work[2], work[3])  # fmt: skip
            _phases(x[at:stop], delta_k, nodes, columns[:nodes], columns[nodes:],
                    work[0], work[1], work[2], work[3])  # fmt: skip
            np.dot(rows, columns.T, product)
            for m in range(nodes):
                for k in range(nodes):
                    f = factors[kind, m, k]
                    cc, cs = product[m, k], product[m, nodes + k]
                    sc, ss = product[nodes + m, k], product[nodes + m, nodes + k]
                    same_re[m, k] += f * (cc - ss)
                    same_im[m, k] += f * (cs + sc)
                    cross_re[m, k] += f * (cc + ss)
                    cross_im[m, k] += f * (cs - sc)
            at = stop
        norm = out.dtype.type(1.0 / (end - begin))
        image = out[p]
        for m in range(nodes):
            for k in range(nodes):
                same = (same_re[m, k] * same_re[m, k] + same_im[m, k] * same_im[m, k]) * norm
                cross = (cross_re[m, k] * cross_re[m, k] + cross_im[m, k] * cross_im[m, k]) * norm
                image[half + m, half + k] = same
                image[half - m, half - k] = same
                image[half - m, half + k] = cross
                image[half + m, half - k] = cross
