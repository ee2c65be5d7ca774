"""A training written down in a folder, so that this process, or several through torchrun, can do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from pyiron_nbed.checks import whole
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.errors import NBEDError
from pyiron_nbed.files import check_folder, replaced
from pyiron_nbed.learning.files import CHECKPOINT_FILE, HISTORY_FILE, SPLIT_FILE, TASK_FILE, TEST_FILE
from pyiron_nbed.learning.loop import process_rank
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.learning.source import PatternSource
from pyiron_nbed.learning.training import train
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.structures.file import read_atoms


@dataclass(frozen=True)
class TrainingTask:
    """What :func:`pyiron_nbed.learning.train` is to be called with.

    Args:
        datasets, test_datasets: paths of pattern files.
        source: in place of ``datasets``: {"structures": paths of structure files, "volumes", "mesh",
            "zone_axes"} of a :class:`PatternSource`; its seed and batch size are those of the training.
        training: settings as :meth:`Training.as_dict` gives them.
        split, test_fraction, label: as of :func:`pyiron_nbed.learning.train`.
    """

    datasets: Sequence[str]
    training: dict
    test_datasets: Sequence[str] = ()
    split: str = "block"
    test_fraction: float = 0.2
    label: str | Sequence[str] = "disorder_parameter"
    source: dict | None = None

    def run(self, folder: str | os.PathLike, processes: int = 1, keep_checkpoint: bool = False) -> None:
        """Train; the model, its card, ``test.csv``, ``history.csv`` and ``split.h5`` go to the folder.

        Args:
            folder: exists; a training that was interrupted there goes on.
            processes: of a distributed training, started with torchrun, one GPU each where there are GPUs.
            keep_checkpoint: leave the checkpoint where it is, so that the same call ends at once.

        Raises:
            NBEDError: a process of a distributed training failed.
            InputError, ModelError: as of :func:`pyiron_nbed.learning.train`.
        """
        folder, processes = check_folder(folder), whole(processes, "processes", 1)
        with replaced(folder / TASK_FILE) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2))
        if processes == 1:
            run_task(folder)
        else:
            _launch(folder, processes)
        if not keep_checkpoint:
            (folder / CHECKPOINT_FILE).unlink(missing_ok=True)

    def draw(self, training: Training) -> PatternSource:
        """The source of endless patterns."""
        settings = dict(self.source or {})
        structures = [read_atoms(path) for path in settings.pop("structures")]
        mesh = Mesh(**settings.pop("mesh"))
        return PatternSource(
            structures, mesh=mesh, labels=self.label, seed=training.seed, batch_size=training.batch_size,
            cores=training.cores, **settings,
        )  # fmt: skip


def run_task(folder: str | os.PathLike) -> None:
    """Do the training that is written down in a folder; every process of a distributed one calls this.

    Args:
        folder: with ``training.json``.
    """
    folder = Path(folder)
    task = TrainingTask(**json.loads((folder / TASK_FILE).read_text()))
    training = Training.from_dict(task.training)
    tests = [PatternDataset(path) for path in task.test_datasets]
    patterns = (
        [PatternDataset(path) for path in task.datasets] if task.source is None else task.draw(training)
    )
    trained = train(patterns, training, task.split, task.test_fraction, tests, task.label, folder)
    if process_rank()[0]:
        return
    for name, table in ((TEST_FILE, trained.test), (HISTORY_FILE, trained.history)):
        with replaced(folder / name) as partial:
            table.to_csv(partial, index=False)
    trained.split.save(folder / SPLIT_FILE)
    trained.model.save(folder)


def _launch(folder: Path, processes: int) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    with open(folder / "torchrun.log", "w") as log:
        done = subprocess.run(
            [*command, "-m", "pyiron_nbed.learning.task", str(folder)], stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode:
        lines = (folder / "torchrun.log").read_text().splitlines()
        reasons = [line for line in lines if "Error" in line] or lines[-1:] or ["it said nothing"]
        raise NBEDError(
            f"A process of the distributed training failed ({reasons[0].strip()}): see "
            f"{folder / 'torchrun.log'}."
        )


def main() -> None:
    """One process of a distributed training: ``torchrun … -m pyiron_nbed.learning.task FOLDER``."""
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        run_task(sys.argv[1])
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
