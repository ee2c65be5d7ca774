"""Kinematic patterns on CPU: phase recurrence, one real matrix product per element.

Flat slice: with A, B = cos, sin(2π n Δk x) and C, D = cos, sin(2π m Δk y) the structure factor of the
node (n, m) is Σ w f [(AC − BD) + i (AD + BC)], and that of (n, −m) is Σ w f [(AC + BD) + i (BC − AD)]. So
the four products on the quadrant n, m ≥ 0 give half of the image, and I(k) = I(−k) the rest.

Ewald sphere: k_z = λ(k_x² + k_y²)/2 multiplies the phase of each axis by exp(πi λ n²Δk² z), and every
node needs its own value: the same products over n, m = −half … half.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from scipy.linalg import cython_blas  # noqa: F401  (what the kernels use: loaded, so that its threads are known)
from threadpoolctl import ThreadpoolController

from pyiron_nbed.checks import memory, shown
from pyiron_nbed.diffraction.scattering import elements_of, factors_on_quadrant
from pyiron_nbed.diffraction.search import VolumeAtoms
from pyiron_nbed.errors import InputError
from pyiron_nbed.kernels import njit
from pyiron_nbed.parallel import run_in_threads
from pyiron_nbed.patterns.mesh import Mesh

_CHUNK = 32  # patterns per call of a thread
FLOAT16_LIMIT = 65520.0  # from here on float16 rounds to infinity
DTYPES = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def kinematic_patterns(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    dtype: type = np.float32,
    cores: int | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Kinematic intensity I(k) = |Σ_j w_j f_j(|k|) exp(2πi k·r_j)|² / Σ_j w_j² of each volume [Coleman2013].

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols or atomic numbers.
        mesh: the nodes.
        dtype: float64 computes in double precision; float32 and float16 compute in single
            precision, float16 rounds the result.
        cores: threads; None takes all.
        out: array to write to, see :func:`result_array`.

    Returns:
        (P, n, n) raw intensity in Å², rows k_y, columns k_x, 0 outside the disc.

    Raises:
        InputError: unknown element, unusable ``out``, or an intensity beyond float16.
    """
    n_volumes, n = len(volumes.counts), 2 * mesh.half + 1
    out = result_array(out, (n_volumes, n, n), dtype)
    names, kinds = elements_of(symbols, volumes.indices)
    single = out.dtype != np.float64
    factors = factors_on_quadrant(names, mesh).astype(np.float32 if single else np.float64)
    reach = np.count_nonzero(mesh.disc[mesh.half :, mesh.half :], axis=1)  # columns inside the disc per row
    norms = volumes.norms
    weights = np.empty(0) if volumes.weights is None else volumes.weights
    widest = int(volumes.counts.max(initial=0))
    halves = out.dtype == np.float16
    target = out.view(np.uint16) if halves else out  # numba has no float16 on CPU
    beyond = np.zeros(n_volumes, np.bool_)
    kernel = _flat if mesh.curvature == 0 else _curved
    positions = np.ascontiguousarray(volumes.positions, dtype=float)

    def work(start: int, stop: int) -> None:
        kernel(
            start, stop, volumes.offsets, kinds, positions, weights, norms, factors, reach,
            float(mesh.delta_k), mesh.curvature, widest, halves, target, beyond,
        )  # fmt: skip

    # more BLAS threads inside these threads would only fight each other
    with _one_blas_thread():
        run_in_threads(work, n_volumes, cores, _CHUNK)
    check_float16(beyond)
    return out


_limit_lock = threading.Lock()
_limit: dict = {"calls": 0, "limiter": None}


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # the limit holds for the whole process: of calls side by side the first sets it, the last takes it back
    with _limit_lock:
        if not _limit["calls"]:
            _limit["limiter"] = _blas_threads().limit(limits=1)
        _limit["calls"] += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit["calls"] -= 1
            if not _limit["calls"]:
                _limit["limiter"].restore_original_limits()


@lru_cache(maxsize=1)
def _blas_threads() -> ThreadpoolController:
    # looks through all libraries of the process: milliseconds. OpenMP's are left alone: its numbers of
    # threads belong to the calling thread, and the one that takes the limit back may be another
    return ThreadpoolController().select(user_api="blas")


def result_array(out: np.ndarray | None, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """The array to write patterns to: ``out`` if it fits, a new one if it is None.

    The pages of a new large array cost the operating system time (6 % of the patterns in docs/benchmarks.md),
    so that a caller who computes in batches gains from giving the same array again.

    Args:
        out: C-contiguous array of the shape and type, or None.
        shape: of the patterns.
        dtype: float16, float32 or float64.

    Returns:
        The array; its content is undefined.

    Raises:
        InputError: unknown dtype, an ``out`` that does not fit, or more than this machine's memory.
    """
    try:
        wanted: np.dtype | None = np.dtype(dtype)
    except TypeError:
        wanted = None
    if wanted not in DTYPES:
        raise InputError(f"dtype is {shown(dtype)}: give numpy.float16, numpy.float32 or numpy.float64.")
    if out is None:
        size = float(np.prod(shape, dtype=float)) * wanted.itemsize  # type: ignore[union-attr]
        memory(
            size, f"{shape[0]:,} patterns of {shape[1]:,} × {shape[2]:,} pixels", "ask for fewer at a time"
        )
        return np.empty(shape, wanted)
    if (
        not isinstance(out, np.ndarray)
        or out.shape != shape
        or out.dtype != wanted
        or not out.flags.c_contiguous
    ):
        what = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out is {what}: give a C-contiguous {wanted} array of shape {shape}.")
    return out


def check_float16(beyond: np.ndarray) -> None:
    """Raise InputError where patterns (P,) are marked as beyond the range of float16."""
    if beyond.any():
        raise InputError(
            f"The intensity of {int(beyond.sum())} of {len(beyond)} patterns does not fit float16 (up to "
            "65504 Å²): take float32, or a smaller volume."
        )


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def _cos_sin(turns, cosine, sine):
    # cos and sin of 2π·turns, in loops that the compiler can vectorise (the C library's cannot be):
    # Taylor series of the half angle, |angle| ≤ π/2, to 1e-17
    for j in range(turns.shape[0]):
        h = np.pi * (turns[j] - np.floor(turns[j] + 0.5))
        q = h * h
        s = 1 - q / 420 * (1 - q / 506)
        s = 1 - q / 272 * (1 - q / 342 * s)
        s = 1 - q / 156 * (1 - q / 210 * s)
        s = 1 - q / 72 * (1 - q / 110 * s)
        s = h * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * s)))
        c = 1 - q / 380 * (1 - q / 462)
        c = 1 - q / 240 * (1 - q / 306 * c)
        c = 1 - q / 132 * (1 - q / 182 * c)
        c = 1 - q / 56 * (1 - q / 90 * c)
        c = 1 - q / 2 * (1 - q / 12 * (1 - q / 30 * c))
        cosine[j] = 1 - 2 * s * s
        sine[j] = 2 * s * c


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def _phases(turns, weight, n, cosine, sine, work):
    # weight·exp(2πi k·turns), k = 0 … by recurrence in double precision
    _cos_sin(turns[:n], work[0], work[1])
    for j in range(n):
        work[2, j] = weight[j]
        work[3, j] = 0.0
    for k in range(cosine.shape[0]):
        for j in range(n):
            c, s = work[2, j], work[3, j]
            cosine[k, j] = c
            sine[k, j] = s
            work[2, j] = c * work[0, j] - s * work[1, j]
            work[3, j] = c * work[1, j] + s * work[0, j]


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def _curved_phases(turns, bend, weight, half, cosine, sine, work):
    # weight·exp(2πi (n·turns + n²·bend)), n = −half … half; each step turns 2·bend more than the last
    n = turns.shape[0]
    for sign in (1, -1):
        c_step, s_step, c_now, s_now = work[0, :n], work[1, :n], work[2, :n], work[3, :n]
        c_more, s_more = work[4, :n], work[5, :n]
        c_now[:] = sign * turns + bend
        _cos_sin(c_now, c_step, s_step)
        s_now[:] = 2 * bend
        _cos_sin(s_now, c_more, s_more)
        c_now[:] = weight
        s_now[:] = 0.0
        for k in range(half + 1):
            row_c, row_s = cosine[half + sign * k], sine[half + sign * k]
            for j in range(n):
                c, s = c_now[j], s_now[j]
                row_c[j] = c
                row_s[j] = s
                c_now[j] = c * c_step[j] - s * s_step[j]
                s_now[j] = c * s_step[j] + s * c_step[j]
                c = c_step[j]
                c_step[j] = c * c_more[j] - s_step[j] * s_more[j]
                s_step[j] = c * s_more[j] + s_step[j] * c_more[j]


@njit(error_model="numpy")
def _gather(kind, begin, end, kinds, positions, weights, turns, delta_k):
    n = 0
    for j in range(begin, end):
        if kinds[j] == kind:
            turns[0, n] = delta_k * positions[j, 0]
            turns[1, n] = delta_k * positions[j, 1]
            turns[2, n] = positions[j, 2]
            turns[3, n] = weights[j] if weights.shape[0] else 1.0
            n += 1
    return n


@intrinsic
def _float16_bits(context, value):
    # numba has no float16 on CPU; the compiler below it has
    def generate(context, builder, signature, arguments):
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), generate


@njit(error_model="numpy")
def _store(row, halves, target, p, at, opposite):
    # one row of the image and, reversed, the one opposite (−1: none); True if beyond float16
    n = row.shape[0]
    beyond = 0
    if halves:
        for k in range(n):
            target[p, at, k] = _float16_bits(np.float32(row[k]))  # type: ignore[call-arg]
            beyond |= row[k] >= FLOAT16_LIMIT
    else:
        for k in range(n):
            target[p, at, k] = row[k]
    if opposite >= 0:
        for k in range(n):
            target[p, opposite, k] = target[p, at, n - 1 - k]
    return beyond != 0


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def _flat(
    first, last, offsets, kinds, positions, weights, norms, factors, reach, delta_k, curvature,
    widest, halves, target, beyond,
):  # fmt: skip
    n_species, nodes = factors.shape[0], factors.shape[1]
    half = nodes - 1
    dtype = factors.dtype
    left, right = np.empty(2 * nodes * widest, dtype), np.empty(2 * nodes * widest, dtype)
    product = np.empty((n_species, 2 * nodes, 2 * nodes), dtype)
    present = np.empty(n_species, np.int64)
    sums = np.empty(4 * nodes, dtype)
    row = np.zeros(2 * half + 1, dtype)
    work, turns = np.empty((4, widest)), np.empty((4, widest))
    one = np.ones(widest)
    for p in range(first, last):
        n_present = 0
        for kind in range(n_species):
            n = _gather(kind, offsets[p], offsets[p + 1], kinds, positions, weights, turns, delta_k)
            if n == 0:
                continue
            rows = left[: 2 * nodes * n].reshape((2 * nodes, n))
            columns = right[: 2 * nodes * n].reshape((2 * nodes, n))
            _phases(turns[1], turns[3], n, rows[:nodes], rows[nodes:], work)
            _phases(turns[0], one, n, columns[:nodes], columns[nodes:], work)
            np.dot(rows, columns.T, product[n_present])
            present[n_present] = kind
            n_present += 1
        norm = dtype.type(1.0 / norms[p])
        for m in range(nodes):
            inside = reach[m]
            for k in range(4 * nodes):
                sums[k] = 0
            for q in range(n_present):
                kind = present[q]
                for k in range(inside):
                    f = factors[kind, m, k]
                    cc, cs = product[q, m, k], product[q, m, nodes + k]
                    sc, ss = product[q, nodes + m, k], product[q, nodes + m, nodes + k]
                    sums[k] += f * (cc - ss)
                    sums[nodes + k] += f * (cs + sc)
                    sums[2 * nodes + k] += f * (cc + ss)
                    sums[3 * nodes + k] += f * (cs - sc)
            for k in range(nodes):
                re, im = sums[2 * nodes + k], sums[3 * nodes + k]
                row[half - k] = (re * re + im * im) * norm
            for k in range(nodes):
                re, im = sums[k], sums[nodes + k]
                row[half + k] = (re * re + im * im) * norm
            beyond[p] |= _store(row, halves, target, p, half + m, half - m)


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def _curved(
    first, last, offsets, kinds, positions, weights, norms, factors, reach, delta_k, curvature,
    widest, halves, target, beyond,
):  # fmt: skip
    n_species, half = factors.shape[0], factors.shape[1] - 1
    nodes = 2 * half + 1
    dtype = factors.dtype
    left, right = np.empty(2 * nodes * widest, dtype), np.empty(2 * nodes * widest, dtype)
    product = np.empty((n_species, 2 * nodes, 2 * nodes), dtype)
    present = np.empty(n_species, np.int64)
    sums = np.empty(2 * nodes, dtype)
    row = np.zeros(nodes, dtype)
    work, turns = np.empty((6, widest)), np.empty((4, widest))
    one = np.ones(widest)
    full = np.empty((n_species, half + 1, nodes), dtype)  # scattering factors of rows k_y ≥ 0
    for k in range(nodes):
        full[:, :, k] = factors[:, :, abs(k - half)]
    for p in range(first, last):
        n_present = 0
        for kind in range(n_species):
            n = _gather(kind, offsets[p], offsets[p + 1], kinds, positions, weights, turns, delta_k)
            if n == 0:
                continue
            rows = left[: 2 * nodes * n].reshape((2 * nodes, n))
            columns = right[: 2 * nodes * n].reshape((2 * nodes, n))
            bend = turns[2, :n] * (curvature * delta_k * delta_k)
            _curved_phases(turns[1, :n], bend, turns[3, :n], half, rows[:nodes], rows[nodes:], work)
            _curved_phases(turns[0, :n], bend, one[:n], half, columns[:nodes], columns[nodes:], work)
            np.dot(rows, columns.T, product[n_present])
            present[n_present] = kind
            n_present += 1
        norm = dtype.type(1.0 / norms[p])
        for m in range(nodes):
            for k in range(2 * nodes):
                sums[k] = 0
            for q in range(n_present):
                for k in range(nodes):
                    f = full[present[q], abs(m - half), k]
                    sums[k] += f * (product[q, m, k] - product[q, nodes + m, nodes + k])
                    sums[nodes + k] += f * (product[q, m, nodes + k] + product[q, nodes + m, k])
            for k in range(nodes):
                row[k] = (sums[k] * sums[k] + sums[nodes + k] * sums[nodes + k]) * norm
            beyond[p] |= _store(row, halves, target, p, m, -1)
