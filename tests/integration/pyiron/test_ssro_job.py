"""The SSRO job: its sources, frames, results and exports."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

from pyiron_nbed import examples, random_alloy
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro import disorder_parameter
from pyiron_nbed.ssro.export import write_dump
from pyiron_nbed.structures.dump import read_frames


@pytest.fixture
def job(project):
    return project.create.job.SSRO("ssro")


def refused(job, match):
    with pytest.raises(InputError, match=match):
        job.run()
    assert job.status.initialized
    assert not list(Path(job.project.path).rglob("*.h5"))


def test_complexion_gives_regions_figures_and_exports(project, job, in_folder):
    atoms = examples.load("complexion_a")
    job.structure = atoms
    job.input.bond_orders = [4]
    job.input.region_options = {"window": 4.0}
    job.run()
    job = project.load("ssro")
    regions = job.get_regions()
    assert regions["type"].tolist().count("ACTR") == 4
    assert regions["n_atoms"].sum() == len(atoms)
    assert job.output.regions["types"]["interior"]["median"] > 0.8
    assert job.get_motifs()["motif"][0] == "<0,12,0,0>"
    assert set(job.get_structure().arrays) >= {"q4", "q6", "cna", "region", "region_number", "voronoi_index"}
    plots = (job.plot_profile, job.plot_motifs, job.plot_rdf, job.plot_boxes, job.plot_slice)
    for plot in plots:
        assert isinstance(plot(), Figure)
    assert isinstance(job.plot_slice("cna", thickness=3.0), Figure)
    frame = next(read_frames(Path(job.write_dump()), ["Cu", "Zr"]))
    assert np.array_equal(frame.numbers, atoms.numbers)
    assert "disorder_parameter" in Path(job.write_extxyz(in_folder / "a.xyz")).read_text()[:3000]
    assert job.to_ovito("species").compute().particles.count == len(atoms)


def test_job_with_the_modulus_says_so(project, job, in_folder):
    atoms = examples.load("boundary_4")
    job.structure, job.input.modulus = atoms, "yes"
    refused(job, "modulus is 'yes'")
    job.input.modulus = True
    job.run()
    job = project.load("ssro")
    expected = disorder_parameter(atoms, modulus=True)
    assert (job.disorder_parameter == expected).all()
    assert "disorder_parameter" not in job.get_structure().arrays
    assert "disorder_parameter" not in job.output
    assert job.output.disorder_modulus["mean"] == pytest.approx(expected.mean())
    regions = job.get_regions().set_index("name")
    assert regions.loc["interior 1", "median_disorder"] < 0.85
    assert job.get_time_series()["mean_disorder"][0] == pytest.approx(expected.mean())
    for plot in (job.plot_profile, job.plot_boxes):
        assert plot().axes[0].get_ylabel() == r"$d_i^\mathrm{mod}$"
    assert job.plot_slice().axes[1].get_xlabel() == r"$d_i^\mathrm{mod}$"
    for path in (job.write_dump(), job.write_extxyz(in_folder / "a.xyz")):
        start = Path(path).read_text()[:3000]
        assert "disorder_modulus" in start
        assert "disorder_parameter" not in start
    assert "disorder_modulus" in job.to_ovito().compute().particles


def test_job_stored_before_there_was_a_choice(project, job):
    job.structure = random_alloy(500, 0.36, seed=3)
    job.input.modulus, job.input.analyses = True, ["profiles"]
    job.run()
    values = job.disorder_parameter
    # such a job had no input `modulus`, called the modulus "disorder_parameter" and its files had no version
    del job.input["modulus"]
    for part in (job.output, job.output.profiles):
        part["disorder_parameter"] = part.pop("disorder_modulus")
    job.to_hdf()
    with h5py.File(job.folder / job.output.file, "r+") as file:
        file.move("disorder_modulus", "disorder_parameter")
        del file.attrs["version"]
    old = project.load("ssro")
    assert old.input.modulus is True
    assert (old.get_structure().arrays["disorder_modulus"] == values).all()
    assert (old.disorder_parameter == values).all()
    assert "disorder_parameter" not in old.output
    assert old.output.disorder_modulus["mean"] == pytest.approx(values.mean())
    assert old.plot_profile().axes[0].get_ylabel() == r"$d_i^\mathrm{mod}$"
    # run again it gives the same, not the signed sum
    old.run(delete_existing_job=True)
    assert (project.load("ssro").disorder_parameter == values).all()


def trajectory(folder):
    """A dump of three frames, each more disordered."""
    frames = []
    for number, noise in enumerate((0.05, 0.2, 0.35)):
        atoms = random_alloy(500, 0.36, seed=3)
        atoms.rattle(noise, seed=number)
        atoms.wrap()
        frames.append(atoms)
        write_dump(folder / f"{number}.dump", atoms, "species", step=100 * number)
    path = folder / "all.dump"
    path.write_text("".join((folder / f"{n}.dump").read_text() for n in range(3)))
    return path, frames


def test_frames_of_a_dump_make_a_time_series(project, job, in_folder):
    path, frames = trajectory(in_folder)
    job.input.file = str(path)
    job.input.frame = "all"
    job.run()
    job = project.load("ssro")
    series = job.get_time_series()
    assert series["step"].tolist() == [0, 100, 200]
    expected = [np.median(disorder_parameter(atoms)) for atoms in frames]
    assert series["median_disorder"].tolist() == pytest.approx(expected, abs=1e-5)
    assert series["median_disorder"].is_monotonic_increasing
    assert (series["films"] == 0).all()
    for number, atoms in enumerate(frames):
        assert job.get_structure(number).positions == pytest.approx(atoms.positions, abs=1e-6)
    assert job.output.disorder_parameter["median"] == pytest.approx(expected[-1], abs=1e-5)
    assert "No crystal" in job.output.regions["note"]
    with pytest.raises(InputError, match="the job has 3"):
        job.get_structure(3)
    one = project.create.job.SSRO("one")
    one.input.file, one.input.frame, one.input.analyses = str(path), 1, ["cna"]
    one.run()
    assert one.disorder_parameter == pytest.approx(disorder_parameter(frames[1]), abs=1e-4)
    with pytest.raises(InputError, match="run it with 'profiles'"):
        one.plot_profile()


def test_frames_of_another_job(project, job):
    first = project.create.job.SSRO("first")
    first.structure = random_alloy(500, 0.36, seed=3)
    first.input.analyses = []
    first.run()
    job.reference = first
    job.input.frame = [0, -1]
    job.input.analyses = []
    job.run()
    assert len(job.get_time_series()) == 2
    assert (job.disorder_parameter == first.disorder_parameter).all()


def test_sources_that_cannot_be_used(job, in_folder):
    refused(job, "has no sources")
    path, _ = trajectory(in_folder)
    job.input.file = str(in_folder / "absent.dump")
    refused(job, "does not exist")
    job.input.file = str(path)
    job.input.frame = "hot"
    refused(job, "have no names")
    job.input.frame = 0.5
    refused(job, "give a number, a name")
    job.input.frame = -1
    text = path.read_text().replace(" element ", " mass ").replace(" Cu ", " 63.5 ").replace(" Zr ", " 91.2 ")
    path.write_text(text)
    refused(job, "does not name them")
    job.input.structure = random_alloy(500)
    job.input.file = str(path)
    refused(job, "inputs structure and file are set")
    job.sources = random_alloy(500)  # takes the place of both
    job.input.frame = 2
    refused(job, "A structure has one frame")


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("analyses", ["rdff"], "'rdff' is unknown"),
        ("motif_species", "Al", "'Al', of which the structure has no atoms"),
        ("species", "Cu", "give the element of each LAMMPS type as a list"),
        ("region_options", {"emergance": 0.5}, "no option 'emergance'"),
        ("bond_orders", [5], "degree l is 5"),
    ],
)
def test_inputs_that_cannot_be_used(job, name, value, match):
    job.structure = random_alloy(500)
    job.input[name] = value
    refused(job, match)


def test_the_trajectory_of_a_quench_is_a_time_series(project, job):
    quench = project.create.job.GlassQuench("quench")
    quench.structure = random_alloy(500, 0.36, seed=3)
    quench.input.update({"melt_time": 0.1, "cooling_rate": 2e16, "trajectory_every": 20, "minimize": False})
    quench.run()
    job.reference = quench
    job.input.frame = "all"
    job.input.analyses = []
    job.run()
    series = project.load("ssro").get_time_series()
    assert series["step"].tolist() == list(range(0, sum(quench.output.steps.values()) + 1, 20))
    last = disorder_parameter(list(quench.get_trajectory())[-1])
    assert np.allclose(np.median(last), np.median(job.disorder_parameter))

    other = project.create.job.SSRO("other")
    other.reference = job
    other.input.frame = "all"
    with pytest.raises(InputError, match="frames of a SSRO cannot be listed"):
        other.run()
