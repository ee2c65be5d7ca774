"""A structure with its order parameters, and the numbers that summarise them."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro.disorder import disorder_and_bond_order


def with_order_parameters(
    atoms: Atoms,
    l: int = 6,  # noqa: E741
    n_neighbors: int = 12,
    cores: int | None = None,
) -> tuple[Atoms, dict]:
    """Copy of a structure with d_i and Q_l as arrays, and a summary.

    Args:
        atoms: N atoms (Å).
        l: even degree; the array is named ``q<l>``.
        n_neighbors: nearest neighbours.
        cores: threads; None takes all.

    Returns:
        The copy with ``arrays["disorder_parameter"]`` and ``arrays["q6"]``, and {"n_atoms",
        "structure_id", "disorder_parameter": {"median", "mean", "percentile_5",
        "percentile_95"}, "one_minus_q": {the same of 1 − Q_l}}.

    Example:
        >>> from ase.build import bulk
        >>> _, summary = with_order_parameters(bulk("Cu", cubic=True) * (3, 3, 3))
        >>> round(summary["one_minus_q"]["median"], 4)
        0.4255
    """
    disorder, q = disorder_and_bond_order(atoms, l, n_neighbors, cores)
    result = atoms.copy()
    result.set_array("disorder_parameter", disorder)
    result.set_array(f"q{l}", q)
    return result, {
        "n_atoms": len(atoms),
        "structure_id": structure_id(atoms),
        "disorder_parameter": _describe(disorder),
        "one_minus_q": _describe(1 - q),
    }


def _describe(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, [5, 50, 95])
    return {
        "median": float(median),
        "mean": float(values.mean()),
        "percentile_5": float(low),
        "percentile_95": float(high),
    }
