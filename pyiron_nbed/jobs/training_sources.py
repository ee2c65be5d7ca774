"""What a training job learns from: pattern files, or structures as a source of endless patterns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.diffraction.volumes import as_volume_or_range
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import builtin
from pyiron_nbed.jobs.source import ManyStructuresSource, load_reference, to_reference
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.structures.file import write_atoms

_STRUCTURES = ("structure", "structures", "reference", "references")


class TrainingSources(ManyStructuresSource):
    """A job with ``datasets`` and ``test_datasets``, or that draws patterns from ``structure(s)`` or
    ``reference(s)``, see ``PatternSource``.
    """

    @property
    def datasets(self) -> list[PatternDataset]:
        """Pattern files to train on; assign NBEDDataset jobs, paths or PatternDatasets."""
        return [_open(source) for source in builtin(self.input.datasets)]

    @datasets.setter
    def datasets(self, sources: Any) -> None:
        self.input.datasets = [_locate(source) for source in as_list(sources)]

    @property
    def test_datasets(self) -> list[PatternDataset]:
        """Pattern files to test on; empty: the split decides."""
        return [_open(source) for source in builtin(self.input.test_datasets)]

    @test_datasets.setter
    def test_datasets(self, sources: Any) -> None:
        self.input.test_datasets = [_locate(source) for source in as_list(sources)]

    @staticmethod
    def source_defaults() -> dict[str, Any]:
        """Structures, volumes (also :class:`VolumeRange`), mesh, zone axes ("random" or directions)."""
        mesh = Mesh().as_dict()
        return {
            **dict.fromkeys(_STRUCTURES),
            "volumes": None,
            "mesh": mesh,
            "zone_axes": "random",
            "turned": True,
        }

    @property
    def has_source(self) -> bool:
        """Whether structures are given to draw patterns from."""
        return any(self.input[name] is not None for name in _STRUCTURES)

    def plain_source(self) -> None:
        """Volumes and mesh in a form that HDF5 can hold."""
        if self.input.volumes is not None:
            self.input.volumes = [as_volume_or_range(v).as_dict() for v in builtin(self.input.volumes)]
        if isinstance(self.input.mesh, Mesh):
            self.input.mesh = self.input.mesh.as_dict()

    def make_source(self, label: Any, batch_size: int) -> Any:
        """The ``PatternSource`` of the job; raises the named errors of its input."""
        from pyiron_nbed.learning import PatternSource

        if self.input.volumes is None:
            raise InputError(
                f"{type(self).__name__} draws patterns from structures and needs input.volumes: assign for "
                "example job.input.volumes = [Cylinder(radius=5, height=20)]."
            )
        settings = {name: builtin(self.input[name]) for name in ("volumes", "zone_axes", "turned", "seed")}
        mesh = Mesh(**builtin(self.input.mesh))
        return PatternSource(
            self.source_structures(), mesh=mesh, labels=label, batch_size=batch_size, cores=1, **settings
        )

    def written_source(self, folder: Path) -> dict[str, Any]:
        """What ``TrainingTask`` needs; the structures go to files in the folder."""
        files = []
        for number, atoms in enumerate(self.source_structures()):
            files.append(str(folder / f"structure_{number}.h5"))
            write_atoms(files[-1], atoms)
        settings = {name: builtin(self.input[name]) for name in ("volumes", "mesh", "zone_axes", "turned")}
        return {"structures": files, **settings}


def as_list(sources: Any) -> list:
    """One source, or several, as a list."""
    if hasattr(sources, "job_name") or isinstance(sources, (str, os.PathLike, PatternDataset)):
        return [sources]
    return list(sources)


def _locate(source: Any) -> dict[str, str]:
    if isinstance(source, PatternDataset):
        return {"file": str(source.path.resolve())}
    if isinstance(source, (str, os.PathLike)):
        return {"file": str(Path(source).resolve())}
    return to_reference(source)


def _open(source: dict[str, str]) -> PatternDataset:
    if "file" in source:
        return PatternDataset(source["file"])
    job = load_reference(source)
    if not hasattr(job, "dataset"):
        raise InputError(
            f"The job {job.job_name!r} is a {type(job).__name__}, which holds no patterns: assign "
            "NBEDDataset jobs."
        )
    return job.dataset
