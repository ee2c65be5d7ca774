"""Figures of a complexion run; each function returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from pyiron_nbed.checks import number
from pyiron_nbed.containers import columns, with_entries
from pyiron_nbed.figures.style import PREDICTED, TRUE, new_figure


def composition_profile(profile: Mapping[str, np.ndarray], minority: str = "Zr") -> Figure:
    """Minority fraction and median d_i across the boundaries of a bicrystal.

    Args:
        profile: (B,) arrays position (Å), minority_fraction and disorder, as
            :func:`pyiron_nbed.ssro.film.film_summary` and ``ComplexionMDMC`` give them.
        minority: name of the element.

    Returns:
        The figure.

    Raises:
        InputError: an entry is absent, or no column of numbers.
    """
    names = ("position", "minority_fraction", "disorder")
    with_entries(profile, "profile", names, "the profile of film_summary or of a ComplexionMDMC")
    columns(finite=False, **{name: profile[name] for name in names})
    figure = new_figure(figsize=(5.6, 3.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.step(
        profile["position"], 100 * np.asarray(profile["minority_fraction"]), where="mid", color=PREDICTED
    )
    upper.set(ylabel=f"{minority} (at.%)", ylim=(0, None))
    lower.step(profile["position"], profile["disorder"], where="mid", color=TRUE)
    highest = float(np.nanmax(profile["disorder"], initial=0.0))
    lower.set(xlabel="x (Å)", ylabel="median $d_i$", ylim=(0, max(1.0, 1.05 * highest)))
    return figure


def control_history(history: Mapping[str, np.ndarray], target: float) -> Figure:
    """Chemical potential, composition and acceptance of a hybrid MD/MC run.

    Args:
        history: (n,) arrays step, chemical_potential (eV), zr_fraction and acceptance, as
            ``ComplexionMDMC.output.history``.
        target: fraction asked for.

    Returns:
        The figure.

    Raises:
        InputError: an entry is absent, no column of numbers, or a target that is no fraction.
    """
    names = ("step", "chemical_potential", "zr_fraction", "acceptance")
    with_entries(history, "history", names, "job.get_history() of a ComplexionMDMC")
    columns(finite=False, **{name: history[name] for name in names})
    number(target, "target", 0, 1)
    figure = new_figure(figsize=(5.6, 5.0), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    rows = (
        ("chemical_potential", 1, "Δμ (eV)", TRUE),
        ("zr_fraction", 100, "composition (at.%)", PREDICTED),
        ("acceptance", 100, "accepted (%)", TRUE),
    )
    for axis, (name, factor, label, color) in zip(axes, rows, strict=True):
        axis.plot(history["step"], factor * np.asarray(history[name]), "o-", color=color, ms=3, lw=1)
        axis.set_ylabel(label)
    axes[1].axhline(100 * target, color=TRUE, lw=0.8, ls="--")
    axes[2].set(xlabel="MD step", ylim=(0, None))
    return figure
