"""Why the pattern of a position is not trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyiron_nbed.checks import symbol
from pyiron_nbed.containers import listed
from pyiron_nbed.errors import InputError
from pyiron_nbed.experiment.observables_result import Observables


def least_dose(card: Mapping[str, Any]) -> float | None:
    """Electrons in the mask below which the model was never trained; None: it saw patterns without noise.

    Example:
        >>> least_dose({"training": {"detector": {"dose": [1e3, 1e7]}}})
        1000.0
    """
    dose = ((card.get("training") or {}).get("detector") or {}).get("dose")
    return None if dose is None else float(np.min(dose))


def unknown_elements(elements: Sequence[str] | None, card: Mapping[str, Any]) -> list[str]:
    """Elements of the specimen that the training of a model never saw.

    Args:
        elements: symbols; None: not known.
        card: of the model.

    Raises:
        InputError: symbols that are no elements.

    Example:
        >>> unknown_elements(["Cu", "Al"], {"elements": ["Cu", "Zr"]})
        ['Al']
    """
    if elements is None:
        return []
    if isinstance(elements, str):
        raise InputError(f"elements is {elements!r}: give a list of symbols, for example ['Cu', 'Zr'].")
    given = [symbol(one, "elements") for one in listed(elements, "elements", "symbols of elements")]
    known = card.get("elements")
    return [] if known is None else [one for one in given if one not in known]


def map_flags(
    mean: np.ndarray,
    distrust: np.ndarray | None,
    electrons: np.ndarray,
    observables: Observables | None,
    card: Mapping[str, Any],
    elements: Sequence[str] | None = None,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Flags of a map, and sentences about those that are of the map as a whole.

    Args:
        mean: (Ny, Nx) predictions, NaN for patterns without intensity.
        distrust: (Ny, Nx) or None.
        electrons: (Ny, Nx) in the mask, NaN where not known.
        observables: of the same patterns, or None.
        card: of the model: its "training", "first_ring" (lowest and highest |k| in Å⁻¹ of the first ring of
            structures like those of the training) and "elements".
        elements: of the specimen.

    Returns:
        {flag: (Ny, Nx) bool}, and the sentences.
    """
    none = np.zeros(mean.shape, bool)
    flags, notes = {"vacuum": ~np.isfinite(mean)}, []
    least = least_dose(card)
    with np.errstate(invalid="ignore"):
        flags["few electrons"] = none.copy() if least is None else electrons < least
        flags["unlike"] = none.copy() if distrust is None else distrust > 1
    flags["thick"] = none.copy() if observables is None else observables.thick.any(axis=-1)
    flags["first ring"], ring = none.copy(), card.get("first_ring")
    if observables is not None and ring is not None:
        radius = observables.mean_radius
        if not ring[0] <= radius <= ring[1]:  # NaN is not
            flags["first ring"][:] = True
            found = "is not found" if np.isnan(radius) else f"lies at {radius:.4f} Å⁻¹"
            notes.append(
                f"The first ring of the map {found} and those of the training lie between {ring[0]:.4f} and "
                f"{ring[1]:.4f} Å⁻¹: the scale of the calibration is wrong, or it is another material."
            )
    unknown = unknown_elements(elements, card)
    flags["elements"] = np.full(mean.shape, bool(unknown))
    if unknown:
        notes.append(
            f"The specimen holds {', '.join(unknown)} and the model was trained on "
            f"{', '.join(card['elements'])} alone: its predictions are not to be trusted."
        )
    return flags, notes
