"""Kinematic patterns with torch, on CPU or CUDA: the same sums as the cpu engine, in batches.

The atoms of each element are padded to the largest number in the batch with weight 0. Phases
exp(2πi n t), t = Δk x, are products of coarse and fine steps, whose angles are reduced
to one turn in double precision, so that single precision loses nothing for atoms far from the centre.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pyiron_nbed.checks import shown
from pyiron_nbed.diffraction.kinematic import FLOAT16_LIMIT, check_float16
from pyiron_nbed.diffraction.scattering import elements_of, factors_on_quadrant
from pyiron_nbed.diffraction.search import VolumeAtoms
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.mesh import Mesh

# CUDA reads this at its first matrix product, and a deterministic training later needs it; on an H100 it is
# what torch takes anyway
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

CPU_MEMORY = 2**25  # bytes of a batch: stays near the caches
CUDA_MEMORY = 2**33


def torch_patterns(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    out: np.ndarray,
    device: str | None = None,
    memory: int | None = None,
) -> np.ndarray:
    """Kinematic intensity of each volume, written to an array; see :func:`simulate_patterns`.

    Args:
        volumes: the atoms of P volumes (:class:`VolumeAtoms`; Å).
        symbols: (number of atoms of the structure,) chemical symbols or atomic numbers.
        mesh: the nodes.
        out: (P, n, n) array of float16, float32 or float64; the last is computed in double precision.
        device: as of torch, for example "cpu" or "cuda:0"; None takes CUDA if there is any.
        memory: bytes that a batch may take; None: a size that suits the device.

    Returns:
        ``out``: raw intensity in Å².

    Raises:
        InputError: the device is absent, unknown element, or an intensity beyond float16.
    """
    dtype = torch.float64 if out.dtype == np.float64 else torch.float32
    beyond = np.zeros(len(out), bool)
    for rows, patterns in pattern_batches(volumes, symbols, mesh, device, dtype, memory):
        if out.dtype == np.float16:
            beyond[rows] = (patterns.amax(dim=(1, 2)) >= FLOAT16_LIMIT).cpu().numpy()
            patterns = patterns.half()
        torch.from_numpy(out[rows]).copy_(patterns)
    check_float16(beyond)
    return out


def pattern_batches(
    volumes: VolumeAtoms,
    symbols: np.ndarray,
    mesh: Mesh,
    device: str | None = None,
    dtype: torch.dtype = torch.float32,
    memory: int | None = None,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Patterns batch by batch, left on the device.

    Args:
        volumes, symbols, mesh, device, memory: as :func:`torch_patterns`.
        dtype: torch.float32 or torch.float64.

    Returns:
        Iterator of (rows, patterns): a slice of the volumes and their raw intensity
        (rows, n, n) in Å².

    Raises:
        InputError: the device is absent, or unknown element.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> from pyiron_nbed.diffraction import VolumeSearch
        >>> atoms = bulk("Cu", cubic=True) * (6, 6, 6)
        >>> found = VolumeSearch(atoms, Cylinder(5, 15))(np.full((3, 3), 10.0))
        >>> batches = pattern_batches(found, np.array(atoms.get_chemical_symbols()), Mesh(1.0, 0.05), "cpu")
        >>> [tuple(patterns.shape) for rows, patterns in batches]
        [(3, 39, 39)]
    """
    if mesh.integrate > 1:
        for rows, patterns in pattern_batches(volumes, symbols, mesh.fine, device, dtype, memory):
            yield rows, mesh.averaged(patterns)
        return
    where = torch_device(device)
    names, kinds = elements_of(symbols, volumes.indices)
    factors = torch.as_tensor(factors_on_quadrant(names, mesh), dtype=dtype, device=where)
    if memory is None:
        memory = CPU_MEMORY
        if where.type == "cuda":
            memory = min(CUDA_MEMORY, torch.cuda.mem_get_info(where)[0] // 2)
    nodes = 2 * mesh.half + 1 if mesh.curvature else mesh.half + 1
    item = torch.empty((), dtype=dtype).element_size()
    widest = int(volumes.counts.max(initial=1))
    size = max(1, memory // (item * (16 * nodes * widest + 16 * nodes**2)))
    norms = volumes.norms
    for start in range(0, len(volumes.counts), size):
        stop = min(start + size, len(volumes.counts))
        atoms = slice(int(volumes.offsets[start]), int(volumes.offsets[stop]))
        weights = np.ones(atoms.stop - atoms.start) if volumes.weights is None else volumes.weights[atoms]
        data = np.column_stack([volumes.positions[atoms], weights])
        with torch.no_grad(), _full_precision():
            patterns = _intensities(
                torch.as_tensor(data, device=where),
                torch.as_tensor(kinds[atoms], device=where),
                torch.as_tensor(volumes.counts[start:stop], device=where),
                torch.as_tensor(norms[start:stop], dtype=dtype, device=where),
                factors,
                mesh,
            )
        yield slice(start, stop), patterns


def torch_device(device: str | None) -> torch.device:
    """The torch device of a name; None takes CUDA if there is any, else the CPU.

    Args:
        device: "cpu", "cuda", "cuda:1" or None.

    Returns:
        The device.

    Raises:
        InputError: unknown, or not on this machine.

    Example:
        >>> torch_device("cpu")
        device(type='cpu')
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(device)
        torch.zeros(1, device=where).cpu()  # "meta" holds no numbers
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0].split(". ")[0].strip(".:, ")
        raise InputError(
            f"The torch device {shown(device)} cannot be used ({reason}): choose 'cpu', 'cuda' where "
            "there is a GPU, or None for what there is."
        ) from None
    return where


@contextmanager
def _full_precision() -> Iterator[None]:
    # products in TF32 or bfloat16, which a training may have switched on, are wrong by 1e-3
    products: Any = ()
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # set by ``fp32_precision`` of torch.backends, which this cannot tell (torch 2.9)
        before = None
        products = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
        single = [part.fp32_precision for part in products]
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        if before is not None:
            torch.set_float32_matmul_precision(before)
        else:
            for part, value in zip(products, single, strict=True):
                part.fp32_precision = value


def _turn(turns: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    angle = (2 * np.pi * (turns - torch.round(turns))).to(dtype)
    return torch.cos(angle), torch.sin(angle)


def _steps(nodes: int) -> int:
    # fine steps per coarse step: few rows to compute, little beyond the last node
    return min(range(4, 33), key=lambda b: b * -(-nodes // b) + 0.1 * (b + -(-nodes // b)))


def _phases(turns: torch.Tensor, first: int, nodes: int, weights: torch.Tensor) -> torch.Tensor:
    # weight·exp(2πi n·turns), n = first, first + 1 …: (B, w) double → (B, 2, rows ≥ nodes, w), cos and sin
    dtype, block = weights.dtype, _steps(nodes)
    n = torch.arange(max(block, -(-nodes // block)), dtype=turns.dtype, device=turns.device)[:, None]
    c, s = (p[:, None] for p in _turn(turns[:, None] * n[:block], dtype))
    coarse = _turn(turns[:, None] * (first + block * n[: -(-nodes // block)]), dtype)
    c_coarse, s_coarse = ((p * weights[:, None])[:, :, None] for p in coarse)
    phases = c.new_empty(len(turns), 2, c_coarse.shape[1], block, turns.shape[1])
    torch.mul(c_coarse, c, out=phases[:, 0]).addcmul_(s_coarse, s, value=-1)
    torch.mul(c_coarse, s, out=phases[:, 1]).addcmul_(s_coarse, c)
    return phases.flatten(2, 3)


def _bent(phases: torch.Tensor, first: int, bend: torch.Tensor) -> torch.Tensor:
    # times exp(2πi n²·bend)
    n = first + torch.arange(phases.shape[2], dtype=bend.dtype, device=bend.device)[:, None]
    c, s = _turn(bend[:, None] * n**2, phases.dtype)
    return torch.stack([phases[:, 0] * c - phases[:, 1] * s, phases[:, 0] * s + phases[:, 1] * c], dim=1)


def _padded(data: torch.Tensor, volume: torch.Tensor, n_volumes: int) -> torch.Tensor:
    # (M, 4) rows, sorted by volume → (B, 4, w), zeros where a volume has fewer atoms
    counts = torch.bincount(volume, minlength=n_volumes)
    first = torch.cumsum(counts, 0) - counts
    rank = torch.arange(len(volume), device=volume.device) - first[volume]
    table = data.new_zeros(n_volumes, int(counts.max()), 4)
    table[volume, rank] = data
    return table.transpose(1, 2)


def _intensities(data, kinds, counts, norms, factors, mesh: Mesh) -> torch.Tensor:
    dtype, n_volumes, half = factors.dtype, len(counts), mesh.half
    volume = torch.repeat_interleave(
        torch.arange(n_volumes, device=data.device), counts, output_size=len(kinds)
    )  # the size is known here: a GPU need not be waited for
    curved = mesh.curvature > 0
    if curved:
        factors = torch.cat([factors.flip(1)[:, :-1], factors], dim=1)
        factors = torch.cat([factors.flip(2)[:, :, :-1], factors], dim=2)
    first, nodes = (-half, 2 * half + 1) if curved else (0, half + 1)
    sums: list[torch.Tensor] = []
    for kind in range(len(factors)):
        own = torch.nonzero(kinds == kind)[:, 0]
        if not len(own):
            continue
        x, y, z, weights = _padded(data[own], volume[own], n_volumes).unbind(1)
        weights = weights.to(dtype)
        right = _phases(x * mesh.delta_k, first, nodes, torch.ones_like(weights))
        left = _phases(y * mesh.delta_k, first, nodes, weights)
        if curved:
            bend = mesh.curvature * mesh.delta_k**2 * z
            right, left = _bent(right, first, bend), _bent(left, first, bend)
        product = torch.bmm(left.flatten(1, 2), right.flatten(1, 2).transpose(1, 2))
        product = product.unflatten(2, (2, -1)).unflatten(1, (2, -1))[:, :, :nodes, :, :nodes]
        cc, cs, sc, ss = product[:, 0, :, 0], product[:, 0, :, 1], product[:, 1, :, 0], product[:, 1, :, 1]
        parts = [cc - ss, cs + sc] if curved else [cc - ss, cs + sc, cc + ss, cs - sc]
        if not sums:
            sums = [part.mul_(factors[kind]) for part in parts]
        else:
            for total, part in zip(sums, parts, strict=True):
                total.addcmul_(part, factors[kind])
    scale = (1 / norms)[:, None, None]
    same = sums[0].square_().addcmul_(sums[1], sums[1]).mul_(scale)
    if curved:
        return same
    cross = sums[2].square_().addcmul_(sums[3], sums[3]).mul_(scale)
    patterns = same.new_empty(n_volumes, 2 * half + 1, 2 * half + 1)
    patterns[:, half:, half:] = same
    patterns[:, half:, :half] = cross[:, :, 1:].flip(2)
    patterns[:, :half] = patterns[:, half + 1 :].flip(1, 2)
    return patterns
