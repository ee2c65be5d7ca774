"""A simulated scan as the file of a microscope, with what is true of it beside."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyiron_nbed.checks import flag
from pyiron_nbed.containers import instance
from pyiron_nbed.dataset.labels import atom_values, check_labels, volume_labels
from pyiron_nbed.diffraction import VolumeSearch
from pyiron_nbed.errors import DatasetError, InputError
from pyiron_nbed.experiment.simulation import SimulatedScan
from pyiron_nbed.experiment.truth import ScanTruth
from pyiron_nbed.experiment.writing.formats import format_of, layout_of, usual_type
from pyiron_nbed.experiment.writing.layout import Target
from pyiron_nbed.experiment.writing.writer import ScanWriter
from pyiron_nbed.files import as_path, check_target
from pyiron_nbed.progress import progress_bar
from pyiron_nbed.provenance import hash_of, structure_id, versions

_AT_ONCE = 4096  # positions whose labels are computed together
_BLOCK = 1 << 25  # bytes of frames between two points from which an interrupted run goes on
_EXACT = 2**24  # electrons that float32 holds
LABELS = ("disorder_parameter",)


def truth_path(path: str | os.PathLike) -> Path:
    """Name of the file that holds what is true of a scan.

    Example:
        >>> truth_path("glass.mib").name
        'glass.truth.h5'
    """
    return as_path(path).with_suffix(".truth.h5")


def scan_truth(
    scan: SimulatedScan, labels: Sequence[str] | None = LABELS, cores: int | None = None
) -> ScanTruth:
    """What is true of a simulated scan.

    The labels are means over the atoms of each volume, weighted by the intensity of the probe, as those of
    pattern files.

    Args:
        scan: of :func:`pyiron_nbed.experiment.simulate_scan`.
        labels: names as of :func:`pyiron_nbed.dataset.build_dataset`; None: all. Density and composition
            always.
        cores: threads; None takes every core.

    Returns:
        The :class:`ScanTruth`.

    Raises:
        InputError: an unknown label.
        StructureError: atoms without a value.

    Example:
        >>> from ase.build import bulk
        >>> from pyiron_nbed import Cylinder
        >>> from pyiron_nbed.experiment import Camera, simulate_scan
        >>> atoms = bulk("Cu", cubic=True) * (8, 8, 8)
        >>> scan = simulate_scan(atoms, Cylinder(5, 20), Camera((64, 64), 0.03), step=9)
        >>> float(scan_truth(scan)["fraction_Cu"].mean())
        1.0
    """
    instance(scan, "The scan", SimulatedScan, "the scan that simulate_scan gives")
    atoms, names = scan.atoms, check_labels(labels)
    values = atom_values(atoms, names, cores)
    search = VolumeSearch(atoms, scan.volume, scan.zone_axis)
    symbols = np.array(atoms.get_chemical_symbols())
    elements, centers = sorted(set(symbols)), scan.positions.reshape(-1, 3)
    parts = []
    for i in range(0, len(centers), _AT_ONCE):
        found_atoms = search(centers[i : i + _AT_ONCE], cores)
        parts.append(volume_labels(found_atoms, values, symbols, elements, scan.volume))
    shape = scan.shape[:2]
    found = {name: np.concatenate([part[name] for part in parts]).reshape(shape) for name in parts[0]}
    return ScanTruth(found, scan.positions, scan.calibration, scan.camera, _facts(scan))


def write_simulated_scan(
    path: str | os.PathLike,
    scan: SimulatedScan,
    labels: Sequence[str] | None = LABELS,
    format: str | None = None,
    overwrite: bool = False,
    progress: str | None = "frames",
    cores: int | None = None,
) -> ScanTruth:
    """Write a simulated scan to the file of a microscope, and what is true of it to ``<name>.truth.h5``.

    A run that was killed goes on from the last frames that were written when the same call is made again,
    with the same bytes in the end; a scan that is complete is left as it is.

    Args:
        path: of the file; the suffix says the format (:class:`pyiron_nbed.experiment.ScanWriter`).
        scan: of :func:`pyiron_nbed.experiment.simulate_scan`.
        labels, cores: as of :func:`scan_truth`.
        format: where it is to be said.
        overwrite: replace files of another scan.
        progress: description of the progress bar; None shows none.

    Returns:
        The :class:`ScanTruth` that was written.

    Raises:
        InputError: what the format does not hold, or files that would be lost; nothing is written then.
        DatasetError: no room on the disc.
    """
    instance(scan, "The scan", SimulatedScan, "the scan that simulate_scan gives")
    path, overwrite = as_path(path), flag(overwrite, "overwrite")
    dtype, format = check_format(path, scan, format)
    truth = scan_truth(scan, labels, cores)
    source = hash_of([scan.fingerprint, sorted(truth.labels), truth.facts])
    truth.facts["source"] = source
    beside = truth_path(path)
    same = _source_of(beside) == source
    if same and path.exists():
        return truth
    check_target(path, overwrite)
    check_target(beside, overwrite or same)
    size = max(1, _BLOCK // int(np.prod(scan.shape[2:]) * 4))
    facts = {name: scan.facts[name] for name in ("beam_energy",) if name in scan.facts}
    with ScanWriter(
        path, scan.shape, dtype, format, scan.step, scan.delta_k, facts, overwrite, source
    ) as writer:  # fmt: skip
        truth.save(beside, overwrite=True)
        bar = None if progress is None else progress_bar(writer.count, progress, "frame")
        try:
            if bar is not None:
                bar.update(writer.done)
            while writer.done < writer.count:
                start = writer.done
                writer.write(start, scan.read(start, min(start + size, writer.count)))
                if bar is not None:
                    bar.update(writer.done - start)
        finally:
            if bar is not None:
                bar.close()
    return truth


def check_format(
    path: str | os.PathLike, scan: SimulatedScan, format: str | None = None
) -> tuple[np.dtype, str]:
    """Type of the pixels in a file, and its format.

    Raises:
        InputError: a format that does not hold the frames.
    """
    path = as_path(path)
    format = format_of(path, format)
    dtype = usual_type(format, scan.dtype)
    layout_of(Target(path, scan.shape, dtype, scan.step, scan.delta_k), format)  # type: ignore[arg-type]
    camera = scan.camera
    if dtype == np.float32 and camera.dose is not None:
        most = min(2.0 ** (camera.bits or 32) - 1, 2 * camera.dose)
        if most > _EXACT:
            raise InputError(
                f"A file of {format} holds counts as float32, exact up to {_EXACT:,}, and the dose is "
                f"{camera.dose:g} electrons: give the camera bits=24, or take another format."
            )
    return dtype, format


def _facts(scan: SimulatedScan) -> dict[str, Any]:
    return {
        "structure": structure_id(scan.atoms), "name": str(scan.atoms.info.get("name", "")),
        "volume": scan.volume.as_dict(), "zone_axis": list(scan.zone_axis), "engine": scan.engine,
        "step": scan.step, "seed": scan.camera.seed, "scan": scan.fingerprint, "versions": versions(),
    }  # fmt: skip


def _source_of(path: Path) -> str | None:
    with contextlib.suppress(DatasetError, InputError):
        return ScanTruth.load(path).facts.get("source")
    return None
