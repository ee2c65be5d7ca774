"""The chemical-potential control of a hybrid MD/MC run: what it needs, and the history it leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from pyiron_nbed.checks import number, real_array, whole
from pyiron_nbed.errors import InputError, PotentialError
from pyiron_nbed.potentials import Potential

_CUTOFFS_PER_RANK = 4  # fix sgcmc refuses less
# the first LAMMPS version, as year month day, whose fix sgcmc divides the variance constraint by kT (lammps
# pull request 5181 of 8 September 2026); the last stable release and update that was looked at, and does not
VARIANCE_REPAIRED = 20260909
_LAST_WITHOUT = (20250722, 4)
_VERSION_LINE = re.compile(r"^LAMMPS \((\d+ \w{3} \d{4})(.*)\)")
_KAPPA_LINE = re.compile(r"^\s*SGC - Kappa: (\S+)", re.MULTILINE)


def cutoff_of(potential: Potential) -> float:
    """Cutoff of an eam/fs or eam/alloy potential in Å.

    Raises:
        PotentialError: another pair style, for which ``fix sgcmc`` would recompute all energies at
            every trial, or a file that cannot be read.

    Example:
        >>> from pyiron_nbed.potentials import find_potential
        >>> cutoff_of(find_potential())
        7.6
    """
    styles = [line.split()[1] for line in potential.config if line.split()[:1] == ["pair_style"]]
    if len(styles) != 1 or styles[0] not in ("eam/fs", "eam/alloy"):
        raise PotentialError(
            f"The potential {potential.name} has the pair style {styles}: hybrid MD/MC needs eam/fs or "
            "eam/alloy."
        )
    try:
        with open(potential.files[0]) as file:
            header = [next(file) for _ in range(5)]
        return float(header[4].split()[4])
    except (OSError, StopIteration, ValueError, IndexError) as error:
        raise PotentialError(
            f"{potential.files[0]} is not an {styles[0]} table (its fifth line must be Nrho, drho, Nr, dr, "
            f"cutoff): {error}."
        ) from error


def rank_grid(lengths: Sequence[float], cutoff: float, ranks: int) -> tuple[int, int, int]:
    """MPI ranks along x, y, z such that each spans at least four cutoffs along every side.

    Args:
        lengths: (3,) sides of the cell in Å.
        cutoff: of the potential in Å.
        ranks: number of MPI ranks.

    Returns:
        The grid whose ranks have the least surface.

    Raises:
        InputError: a side is too short for any number of ranks, or there is no such grid; the
            message names the side or the numbers of ranks that fit.

    Example:
        >>> rank_grid((131, 61.8, 30.9), 7.6, 2)
        (2, 1, 1)
    """
    ranks = whole(ranks, "ranks", 1)
    number(cutoff, "cutoff", above=0, unit="Å")
    sides, shortest = (
        real_array(lengths, "lengths", (3,), "the three sides of a cell in Å"),
        _CUTOFFS_PER_RANK * cutoff,
    )
    fit = np.floor(sides / shortest).astype(int)
    if (fit < 1).any():
        axis = int(sides.argmin())
        raise InputError(
            f"The cell is {sides[axis]:.1f} Å along {'xyz'[axis]}, but fix sgcmc needs 4 × cutoff = "
            f"{shortest:.1f} Å per rank and side: make the cell longer along {'xyz'[axis]}."
        )
    grids = [
        (px, py, ranks // (px * py))
        for px in range(1, fit[0] + 1)
        for py in range(1, fit[1] + 1)
        if ranks % (px * py) == 0 and ranks // (px * py) <= fit[2]
    ]
    if not grids:
        usable = sorted({x * y * z for x in range(1, fit[0] + 1) for y in range(1, fit[1] + 1)
                         for z in range(1, fit[2] + 1)})  # fmt: skip
        raise InputError(
            f"{ranks} MPI ranks do not fit a cell of {' × '.join(f'{s:.1f}' for s in sides)} Å, because fix "
            f"sgcmc needs 4 × cutoff = {shortest:.1f} Å per rank and side: at most {fit[0]}, {fit[1]} and "
            f"{fit[2]} ranks fit along x, y and z; set server.cores to one of "
            f"{', '.join(map(str, usable[:24]))}."
        )

    def surface(grid: tuple[int, int, int]) -> float:
        a, b, c = sides / np.array(grid)
        return float(a * b + b * c + c * a)

    return min(grids, key=surface)


def check_species(atoms: Atoms, potential: Potential, seeded: bool) -> None:
    """Type 1 is the majority, type 2 the minority species that the MC makes.

    Raises:
        PotentialError: the potential has not two species, or the structure holds another element.
        InputError: the minority of the structure is type 1 of the potential.
    """
    if len(potential.species) != 2:
        raise PotentialError(
            f"The potential {potential.name} has the species {', '.join(potential.species)}: hybrid MD/MC "
            "of a complexion needs exactly two, the majority first."
        )
    symbols = np.array(atoms.get_chemical_symbols())
    potential.check_elements(symbols)
    if (symbols == potential.species[0]).mean() < 0.5:
        raise InputError(
            f"The majority of the structure is {potential.species[1]}, but it must be "
            f"{potential.species[0]}, the first species of the potential {potential.name}: change the "
            "structure, or reorder the elements of the potential."
        )
    if seeded and tuple(potential.species) != ("Cu", "Zr"):
        raise PotentialError(
            f"A seeded film is Zr in Cu, but the potential {potential.name} has the species "
            f"{', '.join(potential.species)}: use one with Cu, Zr, or the preset 'published'."
        )


def read_history(path: Path) -> pd.DataFrame:
    """History of the control, one row per adjustment of the chemical potential.

    Args:
        path: ``history.txt`` as the input writes it.

    Returns:
        Columns step, chemical_potential (eV, in force during the interval that ends at step),
        zr_fraction (mean of the interval), acceptance (accepted / tried), temperature (K),
        potential_energy (eV), volume (Å³). Of steps written twice, by a run that was resumed, the
        last. Empty where there is no file.
    """
    columns = ["step", "chemical_potential", "zr_fraction", "acceptance", "temperature",
               "potential_energy", "volume"]  # fmt: skip
    rows = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                values = [float(word) for word in line.split()]
            except ValueError:
                continue  # the header, or a line cut off by a kill
            if len(values) == len(columns):
                rows.append(values)
    table = pd.DataFrame(rows, columns=columns).astype({"step": "int64"})
    return table.drop_duplicates("step", keep="last").sort_values("step", ignore_index=True)


def write_history(path: Path, table: pd.DataFrame) -> None:
    """Write a history back, in the form that :func:`read_history` reads."""
    table.to_csv(path, sep=" ", index=False, float_format="%.10g")


def kappa_of_log(text: str) -> float:
    """The strength of the variance constraint that LAMMPS was given, from its log; NaN where there was no MC.

    Example:
        >>> kappa_of_log("  SGC - Kappa: 86.2")
        86.2
    """
    found = _KAPPA_LINE.search(text)
    return float(found.group(1)) if found else float("nan")


def variance_note(line: str) -> str:
    """Whether the version of LAMMPS tells how its fix sgcmc reads the variance constraint.

    The date of a development version or of an update of a stable release is that of the release.

    Args:
        line: the first line of a log.

    Returns:
        A sentence where it does not tell, else "".

    Example:
        >>> variance_note("LAMMPS (22 Jul 2025 - Update 4)")
        ''
    """
    found = _VERSION_LINE.match(line)
    if found is None:
        return ""
    day = int(datetime.strptime(found.group(1), "%d %b %Y").strftime("%Y%m%d"))
    update = re.search(r"Update (\d+)", found.group(2))
    known = (day, int(update.group(1)) if update else 0) <= _LAST_WITHOUT or day >= VARIANCE_REPAIRED
    if known or not (update or "Development" in found.group(2) or "Maintenance" in found.group(2)):
        return ""
    return (
        f"The date of {line.strip()} does not tell whether its fix sgcmc divides the variance constraint by "
        "kT (lammps pull request 5181): if it does, the constraint was stiffer than input.kappa by 1/kT."
    )
