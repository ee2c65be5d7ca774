"""Pooling to a fixed number of bins, with a gradient of the same bits each time on GPUs too.

torch's adaptive pooling adds up its gradient in whatever order the threads of a GPU come, and so is refused
in a deterministic training there.
"""

from __future__ import annotations

import torch
from torch import nn


class Pool(nn.Module):
    """Mean or maximum over bins that cover the last dimensions, as torch's adaptive pooling.

    Bin i of m holds the positions ⌊i n / m⌋ to ⌈(i + 1) n / m⌉ − 1 of the n along a dimension: neighbouring
    bins share one where m does not divide n.

    Args:
        bins: m.
        kind: "mean" or "max".
        dims: 1 for (…, n) → (…, m), 2 for (…, n, n') → (…, m, m).

    Example:
        >>> Pool(2, "max", dims=1)(torch.tensor([[1.0, 5.0, 2.0, 3.0]]))
        tensor([[5., 3.]])
    """

    def __init__(self, bins: int, kind: str, dims: int) -> None:
        super().__init__()
        self.bins, self.kind, self.dims = bins, kind, dims

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Pooled values."""
        for dim in range(-self.dims, 0):
            n, m = values.shape[dim], self.bins
            parts = [values.narrow(dim, i * n // m, -(-(i + 1) * n // m) - i * n // m) for i in range(m)]
            pooled = [part.mean(dim) if self.kind == "mean" else part.amax(dim) for part in parts]
            values = torch.stack(pooled, dim)
        return values
