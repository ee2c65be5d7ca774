"""What the authors of the study have released: their patterns with labels, and their trained networks.

[WuRupert2026]. Their files hold the order parameter 1 − d_i; everything here is d_i.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from pyiron_nbed.checks import direction, number, shown
from pyiron_nbed.containers import row_numbers
from pyiron_nbed.dataset import schema
from pyiron_nbed.dataset.storage import RowWriter, create_file, is_written_as
from pyiron_nbed.diffraction import Cylinder, Volume, as_volume
from pyiron_nbed.errors import DatasetError, InputError, ModelError, VolumeError
from pyiron_nbed.files import as_path, check_target, replaced
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import file_hash, hash_of, versions
from pyiron_nbed.ssro.regions import REGION_TYPES

if TYPE_CHECKING:
    from pyiron_nbed.learning.model import Model

VOLUME = Cylinder(radius=5, height=20)  # of their ResNet-18
MESH = Mesh(k_max=1.0, delta_k=0.015)
FACE_DISTANCE = 5.0  # Å
_PREFIX = "model."  # their network is an attribute of this name
_BATCH = 256  # patterns in memory at a time


def study_limits(
    atoms: Atoms,
    volume: Volume = VOLUME,
    zone_axis: Sequence[float] = (0, 0, 1),
    distance: float = FACE_DISTANCE,
) -> list[tuple[float, float] | None]:
    """Where the study puts volumes: along the beam their ends stay away from the faces of the cell.

    LAMMPS ``compute saed`` does not wrap a volume into the next periodic image. Across the beam nothing is
    left out.

    Args:
        atoms: an orthogonal cell; lengths in Å.
        volume: interaction volume.
        zone_axis: the beam, along a cell axis.
        distance: in Å, of the ends of the volume from the faces.

    Returns:
        (lowest, highest) centre in Å along each cell axis, None for the whole axis: the limits of a scan.

    Raises:
        InputError: a beam along no cell axis, or an unusable volume or distance.
        StructureError: unusable structure.
        VolumeError: a cell without room for the volume.

    Example:
        >>> from ase.build import bulk
        >>> atoms = bulk("Cu", cubic=True, a=4.0) * (5, 10, 10)
        >>> study_limits(atoms, zone_axis=(0, 1, 0))
        [None, (15.0, 25.0), None]
    """
    check_atoms(atoms)
    volume, distance = as_volume(volume), number(distance, "distance", 0, unit="Å")
    cell = np.asarray(atoms.cell.array)
    unit = direction(zone_axis, "The zone axis")
    if unit.ndim > 1:
        raise InputError(f"The zone axis is {shown(zone_axis)}: give three numbers.")
    lengths = np.linalg.norm(cell, axis=1)
    along = np.abs(cell @ unit) > (1 - 1e-6) * lengths
    if along.sum() != 1:
        raise InputError(
            f"The zone axis {tuple(zone_axis)} is not along one axis of the cell: choose one that is."
        )
    axis = int(np.flatnonzero(along)[0])
    end = float(volume.half_extent(unit, unit)) + distance
    if 2 * end > lengths[axis]:
        raise VolumeError(
            f"{volume} has no room in a cell of {lengths[axis]:.1f} Å with {distance} Å to its faces: take a "
            "larger structure, a lower volume or a smaller distance."
        )
    limits: list[tuple[float, float] | None] = [None, None, None]
    limits[axis] = (end, float(lengths[axis]) - end)
    return limits


def study_scale(patterns: str | os.PathLike, rows: np.ndarray | None = None) -> float:
    """The one number of the study's recipe: the largest log(max(I, 1)) of a data set.

    Args:
        patterns: their ``X_data.pt``.
        rows: (P,) of its patterns; None takes all. The authors left out the volumes near the faces of the
            cell first, which only their ``saed_geometry_log.pkl`` tells.

    Returns:
        The number.

    Raises:
        DatasetError: an absent, damaged or foreign file.

    Example:
        >>> study_scale("absent.pt")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.DatasetError: The file absent.pt does not exist.
    """
    intensity, rows = _intensity(as_path(patterns, "patterns"), rows)
    largest = np.max([intensity[part].max() for part in _pieces(rows)])  # NaN where one is
    if not np.isfinite(largest):
        raise DatasetError(f"{patterns} holds NaN or infinite intensity: get it again.")
    return float(np.log(max(largest, 1.0)))


def read_study_patterns(
    patterns: str | os.PathLike,
    order: str | os.PathLike,
    path: str | os.PathLike,
    volume: Volume = VOLUME,
    rows: np.ndarray | None = None,
    overwrite: bool = False,
) -> int:
    """Write the patterns that the authors released into a pattern file.

    Their files say nothing of the structures: centres and zone axes are NaN in the file, numbers of atoms 0,
    and the cell is 0. So it can be trained on and predicted, and be split at random as the authors did, but not
    by block. Its recipe is that of the study, over the largest value of whatever is trained on.

    Args:
        patterns: their ``X_data.pt``, (N, 133, 133) raw intensity.
        order: their ``y_avg_orderparam.pt``, (N,) mean order parameter 1 − d_i.
        path: pattern file to write, under a temporary name first; another pattern file there is replaced.
        volume: interaction volume that the patterns were made with.
        rows: (P,) patterns to take; None takes all.
        overwrite: replace a file of something else too.

    Returns:
        Number of patterns in the file.

    Raises:
        DatasetError: absent, damaged or foreign files, NaN, negative intensity, labels outside 0 ≤ d_i ≤ 2, or
            no room on the disc.

    Example:
        >>> read_study_patterns("saed_geometry_log.pkl", "y_avg_orderparam.pt", "study.h5")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.DatasetError: saed_geometry_log.pkl is a pickle, which can run any code when it is opened: it is not read; give X_data.pt, y_avg_orderparam.pt or checkpoint_<epoch>.pt.
    """  # noqa: E501
    patterns, order = as_path(patterns, "patterns"), as_path(order, "order")
    path = check_target(path, overwrite, is_ours=lambda old: is_written_as(old, format=schema.FORMAT))
    volume = as_volume(volume)
    intensity, rows = _intensity(patterns, rows)
    values = np.asarray(_load(order), np.float64).ravel()
    if len(values) != len(intensity):
        raise DatasetError(
            f"{order} holds {len(values)} labels and {patterns} {len(intensity)} patterns: give two "
            "files of one data set."
        )
    disorder = 1 - values[rows]
    possible = (disorder >= 0) & (disorder <= 2)
    if not possible.all():
        raise DatasetError(
            f"{order} holds {values[rows][~possible][0]:.4g}, and an order parameter lies from −1 to 1: give "
            "the file of the order parameter."
        )
    n = len(rows)
    arrays = schema.row_arrays(n, MESH.shape, "float32", ["disorder_parameter"])
    unknown = {"centers": np.nan, "zone_axes": np.nan, "position": -1, "sample": np.arange(n)}
    columns = {}
    for name, (shape, kind) in arrays.items():
        if name != "patterns":
            value = np.asarray(unknown.get(name, 0), kind)
            columns[name] = np.broadcast_to(value.reshape(-1, *[1] * (len(shape) - 1)), shape)
    with replaced(path) as partial:
        create_file(partial, arrays, _attributes(patterns, order, volume, rows))
        with RowWriter(partial) as writer, progress_bar(n, "patterns", "pattern") as bar:
            writer.write(0, {**columns, "labels/disorder_parameter": disorder})
            disc, row = MESH.disc, 0
            for part in _pieces(rows):
                images = np.array(intensity[part], np.float32)
                images[:, ~disc] = 0
                if not (np.isfinite(images).all() and (images >= 0).all()):
                    raise DatasetError(
                        f"{patterns} holds NaN, infinite or negative intensity inside the disc."
                    )
                writer.write(row, {"patterns": images})
                row += len(part)
                bar.update(len(part))
            writer.complete(n)
    return n


def load_study_model(
    checkpoint: str | os.PathLike,
    patterns: str | os.PathLike | None = None,
    scale: float | None = None,
    volume: Volume = VOLUME,
) -> Model:
    """A network that the authors released, as a model that predicts d_i.

    Its images are log(max(I, 1)) divided by one number, the largest value of the data set it was trained on;
    the checkpoint does not hold it. How sure the network is, is not known: the standard uncertainties are NaN.

    Args:
        checkpoint: their ``checkpoint_<epoch>.pt``, of which the weights in ``model_state_dict`` are taken, or
            a file with these weights alone.
        patterns: their ``X_data.pt``, from which the number is found by :func:`study_scale`.
        scale: the number itself, in place of ``patterns``.
        volume: interaction volume that it was trained on.

    Returns:
        The :class:`pyiron_nbed.learning.Model`, which can be saved.

    Raises:
        InputError: neither or both of ``patterns`` and ``scale``.
        ModelError: absent, damaged or foreign checkpoint, or one that could run code.
        DatasetError: a damaged or foreign ``X_data.pt``.

    Example:
        >>> load_study_model("checkpoint_400.pt")
        Traceback (most recent call last):
        ...
        pyiron_nbed.errors.InputError: The recipe of the study divides by the largest log(max(I, 1)) of its data set, and a checkpoint does not hold it: give patterns = 'X_data.pt' or scale, one of the two.
    """  # noqa: E501
    if (patterns is None) == (scale is None):
        raise InputError(
            "The recipe of the study divides by the largest log(max(I, 1)) of its data set, and a checkpoint "
            "does not hold it: give patterns = 'X_data.pt' or scale, one of the two."
        )
    from pyiron_nbed.learning.model import Model

    checkpoint, volume = as_path(checkpoint, "The checkpoint"), as_volume(volume)
    recipe = Recipe.study(MESH, study_scale(patterns) if scale is None else scale)  # type: ignore[arg-type]
    state = _state(checkpoint)
    training = Training.study()
    card = {
        "network": training.network,
        "labels": ["disorder_parameter"],
        "scale": {"mean": [1.0], "standard_deviation": [-1.0]},  # it gives 1 − d_i
        "n_parameters": 1,
        "members": 1,
        "mesh": MESH.as_dict(),
        "recipe": recipe.as_dict(),
        "volumes": [volume.as_dict()],
        "ranges": {},
        "source": None,
        "released": {"checkpoint": checkpoint.name, "hash": file_hash(checkpoint)},
        "training": training.as_dict(),
        "datasets": [],
        "split": {"kind": "random", "validation": "the test patterns"},
        "calibration": {"disorder_parameter": {"factor": float("nan"), "coverage": None, "n": 0}},
        "versions": versions(),
    }
    try:
        return Model.from_states([state], card)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{checkpoint} holds no ResNet-18 of one channel and one output ({reason}): give a checkpoint of "
            "the study."
        ) from None


def _state(checkpoint: Path) -> dict[str, Any]:
    found = _load(checkpoint, ModelError)
    state = found.get("model_state_dict", found) if isinstance(found, dict) else None
    if not state or not all(isinstance(name, str) and name.startswith(_PREFIX) for name in state):
        raise ModelError(
            f"{checkpoint} holds no weights under the names 'model.conv1.weight' …: give "
            "checkpoint_<epoch>.pt."
        )
    return {name.removeprefix(_PREFIX): values for name, values in state.items()}


def _load(path: Path, kind: type[Exception] = DatasetError) -> Any:
    """What a file of torch holds, without anything that could run code; tensors are mapped from disc."""
    import torch

    if not path.is_file() and path.suffix not in (".pkl", ".pickle"):
        raise kind(f"The file {path} does not exist.")
    if path.suffix in (".pkl", ".pickle"):
        raise kind(
            f"{path} is a pickle, which can run any code when it is opened: it is not read; give X_data.pt, "
            "y_avg_orderparam.pt or checkpoint_<epoch>.pt."
        )
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # a file in the format of before torch 1.6 cannot be mapped
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0].split(". ")[0]
        raise kind(
            f"{path} holds more than tensors, which could run code when it is opened ({reason}): it is not "
            "read."
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise kind(f"{path} is not a whole file of torch.save ({reason}): get it again.") from None


def _intensity(path: Path, rows: np.ndarray | None) -> tuple[Any, np.ndarray]:
    # (N, n, n) mapped from disc, and the rows to take
    import torch

    tensor = _load(path)
    side = MESH.shape[0]
    if isinstance(tensor, torch.Tensor) and tensor.ndim == 4 and tensor.shape[1] == 1:
        tensor = tensor[:, 0]
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape[1:]) != (side, side) or not len(tensor):
        found = (
            f"a tensor {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        )
        raise DatasetError(
            f"{path} holds {found}: expected a tensor (N, {side}, {side}) of intensities, X_data.pt."
        )
    values = tensor.numpy()
    rows = row_numbers(rows, len(values))
    if not len(rows):
        raise InputError("rows is empty: give numbers of patterns, or None for all.")
    return values, rows


def _pieces(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]


def _attributes(patterns: Path, order: Path, volume: Volume, rows: np.ndarray) -> dict[str, Any]:
    made = {"patterns": file_hash(patterns), "order": file_hash(order), "rows": hash_of(rows.tolist())}
    name = "unknown:" + hash_of(made)
    structure = {"structure_id": name, "origin": name, "temperature": None, "cell": np.zeros((3, 3)).tolist(),
                 "pbc": [False] * 3}  # fmt: skip
    attributes = {
        "format": schema.FORMAT,
        "schema_version": schema.SCHEMA_VERSION,
        "mesh": json.dumps(MESH.as_dict()),
        "volumes": json.dumps([volume.as_dict()]),
        "recipe": json.dumps(Recipe.study(MESH).as_dict()),
        "region_types": json.dumps(REGION_TYPES),
        "structures": json.dumps([structure]),
        "scans": json.dumps([]),
        "provenance": json.dumps({"versions": versions(), "engine": "lammps", "files": made}),
    }
    return {**attributes, "input_hash": hash_of(attributes)}
