"""Commands that take structures: ``info``, ``ssro`` and ``patterns``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pyiron_nbed.cli.options import (
    FIGURES,
    PATH,
    check_outputs,
    cores_option,
    figure_option,
    frame_option,
    open_dataset,
    open_model,
    open_structure,
    option,
    output_option,
    overwrite_option,
    species_option,
    write_figure,
)
from pyiron_nbed.errors import NBEDError
from pyiron_nbed.files import replaced

if TYPE_CHECKING:
    from ase import Atoms

ATOMS = (".csv", ".dump", ".xyz")


@click.command()
@click.argument("path", required=False, type=PATH)
@species_option
def info(path: Path | None, species: list[str] | None) -> None:
    """What is installed here, or what PATH holds.

    PATH is a structure, a pattern file or the folder of a model.

    \b
      pyiron-nbed info
      pyiron-nbed info patterns.h5
    """
    if path is None:
        click.echo("\n".join(f"{name:14} {value}" for name, value in _installed().items()))
    elif path.is_dir():
        click.echo(repr(open_model(path)))
    elif is_hdf5(path):
        click.echo(repr(open_dataset(path)))
    else:
        click.echo(_described(open_structure(path, species, -1)))


@click.command()
@click.argument("file", type=PATH)
@output_option("order.csv", "Values of every atom: .csv, .dump (LAMMPS, OVITO opens it coloured) or .xyz.")
@figure_option
@species_option
@frame_option
@option("--axis", type=click.Choice("xyz"), default="x", help="Normal of boundaries, for the regions.")
@option("--motif-species", default="all", help="Element of the centres of motifs, or all.")
@cores_option
@overwrite_option
def ssro(
    file: Path, output: Path, figure: Path | None, species: list[str] | None, frame: int, axis: str,
    motif_species: str, cores: int | None, overwrite: bool,
) -> None:  # fmt: skip
    """Short-range order of every atom of the structure in FILE.

    The local disorder parameter d_i is 0 in a perfect crystal and grows with disorder. Written are d_i, the
    bond order Q6, the Voronoi index <n3,n4,n5,n6> with its motif class, the common-neighbour type, and the
    region (crystal, ACTR, interior) where the structure has amorphous films across --axis. A summary is
    printed.

    \b
      pyiron-nbed ssro dump.lammpstrj --species Cu,Zr
      pyiron-nbed ssro boundary.data -o order.dump --figure slice.png
    """
    from pyiron_nbed.ssro import export
    from pyiron_nbed.ssro.summary import short_range_order

    check_outputs(overwrite, (output, ATOMS), (figure, FIGURES))
    atoms = open_structure(file, species, frame)
    found, summary = short_range_order(
        atoms, axis="xyz".index(axis), motif_species=motif_species, analyses=("voronoi", "cna", "regions"),
        cores=cores,
    )  # fmt: skip
    with replaced(output) as partial:
        if output.suffix == ".csv":
            export.atom_table(found).to_csv(partial, index=False, float_format="%.6g")
        else:
            write = export.write_dump if output.suffix == ".dump" else export.write_extxyz
            write(partial, found)
    click.echo(f"{_described(found)}\n{_summed_up(summary)}\nwritten: {output}")
    if figure is not None:
        from pyiron_nbed import figures

        write_figure(figures.structure_slice(found), figure)


@click.command()
@click.argument("files", type=PATH, nargs=-1, required=True)
@output_option("patterns.h5", "Pattern file (HDF5).")
@figure_option
@option("--radius", type=float, default=5.0, help="Radius of the volumes in Å.")
@option("--height", type=float, default=20.0, help="Height of the volumes along the beam in Å.")
@click.option("--ellipsoid", is_flag=True, help="Ellipsoids in place of cylinders.")
@option("--step", type=float, default=2.5, help="Distance between volumes along each cell axis in Å.")
@click.option("--plane", is_flag=True, help="One plane across z in place of the whole cell.")
@option("--k-max", type=float, default=1.0, help="Radius of the pattern in 1/Å.")
@option("--delta-k", type=float, default=0.015, help="Size of a pixel in 1/Å; 0.045 trains 5 times as fast.")
@option("--zone-axis", type=float, nargs=3, default=(0, 0, 1), help="Direction of the beam.")
@species_option
@frame_option
@cores_option
@overwrite_option
def patterns(
    files: Sequence[Path], output: Path, figure: Path | None, radius: float, height: float, ellipsoid: bool,
    step: float, plane: bool, k_max: float, delta_k: float, zone_axis: tuple[float, float, float],
    species: list[str] | None, frame: int, cores: int | None, overwrite: bool,
) -> None:  # fmt: skip
    """Simulate the diffraction patterns of a scan over the structures in FILES.

    A volume is cut out around each position, and its kinematic pattern is stored with the labels of the
    atoms in it: mean d_i, Q6, density, composition. A run that was stopped goes on.

    \b
      pyiron-nbed patterns quench.dump --species Cu,Zr --radius 5 --height 20
      pyiron-nbed patterns a.data b.data -o two.h5 --delta-k 0.045 --step 4
    """
    from pyiron_nbed.dataset import build_dataset
    from pyiron_nbed.diffraction import Cylinder, Ellipsoid
    from pyiron_nbed.patterns.mesh import Mesh

    check_outputs(overwrite, (output, (".h5", ".hdf5")), (figure, FIGURES))
    volume = (Ellipsoid if ellipsoid else Cylinder)(radius, height)
    structures = [open_structure(file, species, frame) for file in files]
    build_dataset(
        output, structures, [volume], Mesh(k_max, delta_k), (step, step, None) if plane else step,
        [zone_axis], cores=cores,
    )  # fmt: skip
    dataset = open_dataset(output)
    click.echo(f"{dataset!r}\nwritten: {output}")
    if figure is not None:
        from pyiron_nbed import figures

        values = dataset.label()
        rows = np.argsort(values, kind="stable")[np.unique(np.linspace(0, len(values) - 1, 8).astype(int))]
        write_figure(figures.pattern_gallery(dataset.patterns[rows], values[rows], dataset.mesh), figure)


def is_hdf5(path: Path) -> bool:
    """Whether a file is one of HDF5, by its first bytes."""
    import h5py

    return path.is_file() and bool(h5py.is_hdf5(path))


def _described(atoms: Atoms) -> str:
    symbols = np.array(atoms.get_chemical_symbols())
    shares = [f"{name} {100 * np.mean(symbols == name):.1f} %" for name in np.unique(symbols)]
    sides = " × ".join(f"{side:.2f}" for side in atoms.cell.lengths())
    return f"{len(atoms):,} atoms ({', '.join(shares)}) in a cell of {sides} Å"


def _summed_up(summary: dict[str, Any]) -> str:
    found = summary["disorder_parameter"]
    lines = [
        f"d_i: median {found['median']:z.3f}, mean {found['mean']:z.3f}, 90 % of the atoms from "
        f"{found['percentile_5']:z.3f} to {found['percentile_95']:z.3f}"
    ]
    classes = [f"{name} {100 * own['fraction']:.1f} %" for name, own in summary["motif_classes"].items()]
    lines.append(f"motifs: {', '.join(classes)}")
    kinds = [f"{name} {100 * n / summary['n_atoms']:.1f} %" for name, n in summary["cna"].items() if n]
    lines.append(f"common neighbours: {', '.join(kinds)}")
    regions = summary["regions"]
    if not regions["table"]:
        lines.append(f"regions: none. {regions['note']}".rstrip())
    for row in regions["table"]:
        lines.append(
            f"region {row['type']}: {row['start']:.1f} to {row['end']:.1f} Å, {row['n_atoms']:,} atoms, "
            f"median d_i {row['median_disorder']:z.3f}"
        )
    return "\n".join(lines)


def _installed() -> dict[str, str]:
    from pyiron_nbed import examples
    from pyiron_nbed.executable import lammps_command
    from pyiron_nbed.parallel import available_cores
    from pyiron_nbed.provenance import versions

    try:
        lammps = lammps_command()[0]
    except NBEDError as error:
        lammps = str(error)
    return {
        **versions(), "LAMMPS": lammps, "CPU cores": str(available_cores()),
        "examples": examples.overview(),
    }  # fmt: skip
