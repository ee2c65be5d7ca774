"""GeometrySweep: which probe geometry predicts the label best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from ase import Atoms

from pyiron_nbed import figures, learning
from pyiron_nbed.checks import number, one_of, shown
from pyiron_nbed.dataset.labels import ATOM_LABELS, check_labels
from pyiron_nbed.dataset.plan import plan_scans
from pyiron_nbed.dataset.splits import KINDS as SPLITS
from pyiron_nbed.diffraction import Cylinder, Ellipsoid, check_engine
from pyiron_nbed.errors import InputError, NBEDError
from pyiron_nbed.geometry.cells import check_atoms
from pyiron_nbed.jobs.base import AtomsJob
from pyiron_nbed.jobs.compare import compare
from pyiron_nbed.jobs.dataset import as_axes
from pyiron_nbed.jobs.freshness import warn_of_used, was_made_again
from pyiron_nbed.jobs.inputs import (
    references_input,
    same,
    sources_input,
    structures_input,
    take_old_sources,
)
from pyiron_nbed.jobs.references import to_reference
from pyiron_nbed.jobs.sources import builtin, last_structures, to_sources
from pyiron_nbed.locking import locked
from pyiron_nbed.patterns.mesh import Mesh, as_mesh
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import structure_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VOLUMES = {"Cylinder": Cylinder, "Ellipsoid": Ellipsoid}
_SCAN = ("step", "mesh", "zone_axis", "engine", "species")


def get_table(job: GeometrySweep) -> pd.DataFrame:
    """One row per finished training; see :func:`pyiron_nbed.jobs.compare.compare`."""
    if "table" not in job.output:
        raise InputError("This sweep has no table yet: run it first.")
    table = pd.DataFrame(builtin(job.output.table))
    if not job.allow_stale and was_made_again(held := job.held_sources()):
        warn_of_used(held, job.job_name)
        table["stale"] = True
    return table


def plot_rmse(job: GeometrySweep) -> Figure:
    """RMSE over radius and height, one map per network (as published, Fig. 7 of the study)."""
    return figures.geometry_heatmap(get_table(job), "rmse")


def plot_skill(job: GeometrySweep, region: str = "interior") -> Figure:
    """Skill inside a region over radius and height; of all test patterns where none lies in it."""
    table, inside = get_table(job), f"skill_{region}"
    return figures.geometry_heatmap(table, inside if inside in table else "skill")


class GeometrySweep(AtomsJob):
    """Datasets and trained networks for every radius and height, one after the other.

    ``sources`` as for NBEDDataset, ``test_sources`` to test on (without it ``input.training["split"]``
    decides), ``input.radii`` and ``input.heights`` (Å), ``input.kind`` ("Cylinder" or "Ellipsoid"),
    ``input.networks``, ``input.seeds``, ``input.label``; ``input.training`` is a dict of further inputs of
    NBEDRegressor, also its ``preset`` (start weights "imagenet" go to "resnet18", the other networks start
    from random weights).
    ``test_structures`` and ``test_references`` are earlier names of ``test_sources``.

    The jobs go to the sub-project :attr:`children`. Those that have finished with the same input are kept, so
    that a sweep that was killed goes on when it is run again. Where one fails the others still run;
    ``output.failed`` has its reason and the sweep ends aborted.
    """

    source_inputs = ("sources", "test_sources")
    units = dict.fromkeys(("radii", "heights", "step"), "angstrom")
    test_sources = sources_input("test_sources")
    test_structures = structures_input("test_sources")
    test_references = references_input("test_sources")

    def defaults(self):
        """Sources, geometries and how to train."""
        return {
            **super().defaults(), "test_sources": None,
            "radii": [3, 5, 8], "heights": [10, 20, 30], "kind": "Cylinder", "networks": ["cnn", "resnet18"],
            "label": "disorder_parameter", "step": 2.5, "mesh": Mesh().as_dict(), "zone_axis": [0, 0, 1],
            "engine": "cpu", "training": {}, "seeds": [0],
        }  # fmt: skip

    def take_old_inputs(self, stored):
        """The sources to test on had two names."""
        super().take_old_inputs(stored)
        take_old_sources(self.input, "test_", stored)

    def plain_input(self):
        """Sources and mesh as dicts."""
        super().plain_input()
        if self.input.test_sources is not None:
            self.input.test_sources = self.anchored(to_sources(self.input.test_sources))
        self.input.mesh = as_mesh(builtin(self.input.mesh)).as_dict()

    @property
    def children(self) -> Any:
        """The sub-project with the datasets and regressors."""
        return self.project.open(f"{self.job_name}_jobs")

    def check_input(self):
        """Sources, every volume in every structure, networks and training; before anything runs."""
        train, test = self.source_structures(), self.held_out()
        for name in ("radii", "heights", "networks", "seeds"):
            values = builtin(self.input[name])
            if not isinstance(values, (list, tuple, np.ndarray)) or not len(values):
                raise InputError(f"{name} is {shown(values)}: give a list that is not empty.")
            if len({str(value) for value in values}) < len(values):
                raise InputError(f"{name} is {shown(values)}: give each value once.")
        check_engine(self.input.engine)
        check_labels(self.labels(), sorted({str(symbol) for atoms in train for symbol in atoms.symbols}))
        check_training(self.further(), self.regressors())
        volumes = [volume for _, _, volume in self.geometries()]
        axes = as_axes(builtin(self.input.zone_axis))
        for atoms in (*train, *test):
            check_atoms(atoms, minimum_distance=0.5)
        for structures in filter(None, (train, test)):
            plan_scans(structures, volumes, axes, step=builtin(self.input.step), cores=self.server.cores)
        if common := {structure_id(atoms) for atoms in train} & {structure_id(atoms) for atoms in test}:
            raise InputError(
                f"The structure {min(common)} is among the sources and the test_sources: test on other "
                "structures, "
                "or give no test_sources, and a split."
            )

    def compute(self):
        """Run what has not finished; the table as columns, and the reasons of what failed."""
        with locked(self.folder):
            table, failed = run_children(self)
        output = {"table": table.to_dict("list"), "failed": failed}
        if failed:
            self.output.update(output)
            self.to_hdf()
            reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise NBEDError(f"{len(failed)} jobs of the sweep did not finish; {reasons}")
        return output

    def held_out(self) -> list[Atoms]:
        """The last frame (Å) of every source to test on; empty where the split decides."""
        if self.input.test_sources is None:
            return []
        self.plain_input()
        given = self.located("test_sources")
        return last_structures(given or (), type(self).__name__, builtin(self.input.species), "test_sources")

    get_table = get_table
    plot_rmse = plot_rmse
    plot_skill = plot_skill

    def geometries(self) -> Iterator[tuple[float, float, Any]]:
        """Radius, height and volume of every combination."""
        kind = VOLUMES[one_of(builtin(self.input.kind), "kind", VOLUMES)]
        for radius in builtin(self.input.radii):
            for height in builtin(self.input.heights):
                yield radius, height, kind(radius=radius, height=height)

    def labels(self) -> list[str]:
        """Names of the labels to regress."""
        label = builtin(self.input.label)
        return list(label) if isinstance(label, (list, tuple)) else [label]

    def further(self) -> dict[str, Any]:
        """``input.training`` as a dict."""
        training = builtin(self.input.training)
        if training is None or training == []:  # what pyiron makes of an empty dict
            training = {}
        if not isinstance(training, Mapping):
            raise InputError(f"training is {shown(training)}: give a dict of inputs of NBEDRegressor.")
        return dict(training)

    def regressors(self) -> dict[str, dict[str, Any]]:
        """Inputs of the regressor of every network and seed; in their names, {} stands for the geometry."""
        training = self.further()
        preset = training.pop("preset", None)
        wanted = {}
        for network in builtin(self.input.networks):
            own = {**training, "label": builtin(self.input.label), "network": network}
            if network != "resnet18" and own.get("weights", "imagenet") == "imagenet":
                own["weights"] = None
            if preset is not None:
                settings = learning.Training().as_dict()
                named = {name: value for name, value in own.items() if name in settings}
                own |= learning.with_preset({**settings, **named}, preset)
                del own["cores"]
            for seed in builtin(self.input.seeds):
                wanted[f"fit_{network}_{{}}_s{seed}"] = {**own, "seed": seed}
        return wanted


def check_training(further: Mapping[str, Any], regressors: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise InputError or ModelError for inputs of NBEDRegressor that cannot work.

    Args:
        further: ``input.training``.
        regressors: all inputs of each regressor.
    """
    settings, split = set(learning.Training().as_dict()) - {"cores"}, {"split", "test_fraction"}
    allowed = (settings | split | {"preset"}) - {"network", "seed"}
    if unknown := [name for name in further if name not in allowed]:
        raise InputError(
            f"training holds {', '.join(map(str, unknown))}: give inputs of NBEDRegressor "
            f"({', '.join(sorted(allowed))}); networks, seeds and the label are inputs of the sweep."
        )
    one_of(further.get("split", "block"), "The split", SPLITS)
    number(further.get("test_fraction", 0.2), "test_fraction", above=0, below=1)
    for own in regressors.values():
        learning.Training.from_dict({name: own[name] for name in settings & set(own)}).check_network()


def run_children(sweep: GeometrySweep) -> tuple[pd.DataFrame, dict[str, str]]:
    """Run the jobs of a sweep that have not finished.

    Args:
        sweep: a job whose input was checked.

    Returns:
        (table of the finished regressors, {name of a failed job: reason}).
    """
    train, test = ({"sources": sweep.located(name)} for name in ("sources", "test_sources"))
    train_ids, test_ids = (
        [structure_id(atoms) for atoms in group] for group in (sweep.source_structures(), sweep.held_out())
    )
    # the other labels would cost time in every dataset
    labels = [n for n in ATOM_LABELS if n == "disorder_parameter" or n in sweep.labels()]
    scan = {**sweep._values(_SCAN), "labels": labels}
    regressors = sweep.regressors()
    geometries = list(sweep.geometries())
    fits, failed = [], {}
    with progress_bar(len(geometries) * len(regressors), sweep.job_name, "training") as bar:
        for radius, height, volume in geometries:
            where = f"r{radius:g}_h{height:g}".replace(".", "d")
            name = f"train_{where}"
            try:
                shape = {**scan, "volume": volume.as_dict()}
                data = [_dataset(sweep, name, {**shape, **train}, train_ids)]
                if test_ids:
                    name = f"test_{where}"
                    data.append(_dataset(sweep, name, {**shape, **test}, test_ids))
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
                bar.update(len(regressors))
                continue
            for pattern, own in regressors.items():
                name = pattern.format(where)
                try:
                    fits.append(_regressor(sweep, name, own, data))
                except Exception as error:
                    failed[name] = f"{type(error).__name__}: {error}"
                bar.update(1)
    return compare(fits), failed


def _dataset(sweep: GeometrySweep, name: str, inputs: dict[str, Any], structures: list[str]) -> Any:
    """The finished dataset of a geometry."""
    job = _child(sweep, "NBEDDataset", name, inputs)
    if job.status.finished and [s["structure_id"] for s in job.dataset.structures] != structures:
        job = _child(sweep, "NBEDDataset", name, inputs, fresh=True)  # a reference was run again
    return _finished(job)


def _regressor(sweep: GeometrySweep, name: str, inputs: dict[str, Any], data: list[Any]) -> Any:
    """The finished regressor of a geometry, a network and a seed."""
    places = [to_reference(job) for job in data]
    inputs = {**inputs, "datasets": places[:1], "test_datasets": places[1:]}
    job = _child(sweep, "NBEDRegressor", name, inputs)
    if job.status.finished:
        trained_on = [item["hash"] for item in builtin(job.output.card["datasets"])]
        if trained_on != [item.dataset.input_hash for item in data]:
            job = _child(sweep, "NBEDRegressor", name, inputs, fresh=True)
    return _finished(job)


def _child(sweep: GeometrySweep, kind: str, name: str, inputs: dict[str, Any], fresh: bool = False) -> Any:
    """A job of this input: the stored one where its input is the same, else a new one."""
    project = sweep.children
    create = getattr(project.create.job, kind)
    try:
        job = create(name, delete_existing_job=fresh)
    except OSError:
        if project.get_job_status(name) == "finished":
            raise
        # killed while pyiron wrote the file of the job, which HDF5 does not open any more
        Path(project.path, f"{name}.h5").unlink()
        job = create(name, delete_existing_job=True)
    if not job.status.initialized:
        job.plain_input()  # the project may have moved
    wanted = {**job.defaults(), **inputs}
    if not job.status.initialized and not same(builtin(job.input), wanted):
        job = create(name, delete_existing_job=True)
    if job.status.initialized:
        job.input.update(inputs)
        job.server.cores, job.server.gpus = sweep.server.cores, sweep.server.gpus
    return job


def _finished(job: Any) -> Any:
    if not job.status.finished:
        job.run()
    return job
