"""Where jobs take their atoms from: any mix in one input, earlier names, jobs of an older version."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyiron_base.jobs.job.template import TemplateJob

from pyiron_nbed import Cylinder, Mesh, random_alloy
from pyiron_nbed.errors import InputError
from pyiron_nbed.provenance import structure_id
from pyiron_nbed.ssro.export import write_dump
from pyiron_nbed.structures.file import atoms_to_dict, read_atoms, write_atoms

SCAN = {"volume": Cylinder(4, 12), "mesh": Mesh(1.0, 0.1), "step": 8, "labels": ["q6"]}


@pytest.fixture
def atoms():
    return [random_alloy(n, 0.36, seed=n) for n in (864, 1372, 2048)]


def ssro(project, name, sources, **inputs):
    job = project.create.job.SSRO(name)
    job.sources = sources
    job.input.update({"analyses": [], **inputs})
    job.run()
    return job


def dump(folder, atoms, names=True):
    path = folder / "a.dump"
    write_dump(path, atoms, "species", step=7)
    if not names:  # the types are numbered only
        text = path.read_text().replace(" element ", " mass ")
        path.write_text(text.replace(" Cu ", " 63.5 ").replace(" Zr ", " 91.2 "))
    return path


def test_any_mix_of_sources(project, in_folder, atoms):
    described = ssro(project, "described", atoms[1])
    job = project.create.job.NBEDDataset("patterns")
    job.input.update(SCAN)
    job.sources = [atoms[0], described, dump(in_folder, atoms[2], names=False)]
    with pytest.raises(InputError, match="does not name them"):
        job.run()
    job.input.species = ["Cu", "Zr"]
    job.run()
    job = project.load("patterns")
    assert [len(item) for item in job.source_structures()] == [864, 1372, 2048]
    own, reference, path = job.sources
    assert own == atoms[0]
    assert reference.job_name == "described"
    assert path == in_folder / "a.dump"
    assert job.structures is job.structure is job.references is job.reference is None  # none holds all
    found = job.dataset.structures
    assert found[0]["origin"] == structure_id(atoms[0])
    assert found[1]["origin"].endswith("/described")
    assert found[2]["origin"] == str(in_folder / "a.dump")
    assert [item["structure_id"] for item in found[:2]] == [structure_id(item) for item in atoms[:2]]


def test_a_job_with_several_sources_passes_each_on(project, in_folder, atoms):
    first = ssro(project, "first", [atoms[0], atoms[1]])
    second = ssro(project, "second", [first, dump(in_folder, atoms[2])])
    assert second.get_time_series()["source"].tolist() == [0, 1, 2]
    assert [len(item) for item in second.get_structures()] == [864, 1372, 2048]
    assert (second.disorder_parameter == second.get_structures()[2].arrays["disorder_parameter"]).all()
    job = project.create.job.NBEDDataset("patterns")
    job.input.update(SCAN)
    job.sources = second
    job.run()
    names = [item["origin"] for item in job.dataset.structures]
    assert [name.split("/", 1)[1] for name in names[:2]] == ["first/0", "first/1"]
    assert names[2] == str(in_folder / "a.dump")
    other = project.create.job.SSRO("other")
    other.sources, other.input.frame = second, 0
    with pytest.raises(InputError, match="'second' has 2 sources of its own"):
        other.run()


def test_frames_of_several_files_are_counted_through(project, in_folder, atoms):
    path = dump(in_folder, atoms[0])
    for number, noise in enumerate((0.1, 0.3)):
        moved = atoms[0].copy()
        moved.rattle(noise, seed=number)
        moved.wrap()
        write_dump(in_folder / f"{number}.dump", moved, "species", step=10 * number)
    both = in_folder / "both.dump"
    both.write_text("".join((in_folder / f"{n}.dump").read_text() for n in range(2)))
    job = ssro(project, "series", [both, path], frame="all")
    series = project.load("series").get_time_series()
    assert series["source"].tolist() == [0, 0, 1]
    assert series["step"].tolist() == [0, 10, 7]
    last = job.get_structures()
    assert len(last) == 2
    assert np.allclose(last[0].positions, moved.positions, atol=1e-5)


def test_earlier_names_set_the_same_input(project, atoms):
    done = ssro(project, "done", atoms[0])
    job = project.create.job.NBEDDataset("job")
    job.structure = atoms[0]
    assert job.sources == [job.structure] == job.structures == [atoms[0]]
    job.reference = done
    assert job.structure is job.structures is None
    assert [item.job_name for item in (job.reference, *job.references, *job.sources)] == ["done"] * 3
    job.structures = atoms
    assert job.structures == atoms
    assert job.structure is None  # there are three
    with pytest.raises(InputError, match=r"must be an ase\.Atoms, not SSRO"):
        job.structures = [done]
    with pytest.raises(InputError, match=r"A reference must be a job, not Atoms"):
        job.references = atoms
    job.sources = None
    assert job.sources is job.structures is job.references is None
    sweep = project.create.job.GeometrySweep("sweep")
    sweep.test_references = [done]
    assert [item.job_name for item in sweep.test_sources] == ["done"]
    assert sweep.test_structures is None


def test_earlier_names_among_the_inputs(project, in_folder, atoms):
    done = ssro(project, "done", atoms[0])
    path = dump(in_folder, atoms[1], names=False)
    job = project.create.job.SSRO("job")
    job.input.update({"file": str(path), "elements": ["Cu", "Zr"], "analyses": []})
    job.run()
    assert project.load("job").sources == [path]
    assert len(job.disorder_parameter) == 1372
    patterns = project.create.job.NBEDDataset("patterns")
    patterns.input.update({**SCAN, "references": [done], "region": [(0, 12), None, None]})
    patterns.run()
    patterns = project.load("patterns")
    assert patterns.reference.job_name == "done"
    assert patterns.dataset.centers[:, 0].max() <= 12
    twice = project.create.job.NBEDDataset("twice")
    twice.input.update({**SCAN, "structures": atoms, "references": [done]})
    with pytest.raises(InputError, match="inputs structures and references are set"):
        twice.run()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (3, "not int"),
        ([random_alloy(100), None], "not NoneType"),
        ("absent.dump", "absent.dump does not exist"),
        ([], "empty list of sources"),
    ],
)
def test_sources_that_cannot_be(project, given, match):
    for kind in ("SSRO", "NBEDDataset", "GlassQuench"):
        job = getattr(project.create.job, kind)("job")
        job.input.sources = given
        if kind == "NBEDDataset":
            job.input.update(SCAN)
        with pytest.raises(InputError, match=match):
            job.run()
        assert not list(Path(project.path).rglob("*.h5"))


def test_a_job_without_structures_is_no_source(project, atoms):
    job = project.create.job.NBEDDataset("patterns")
    job.input.update(SCAN)
    job.sources = atoms[0]
    job.run()
    other = project.create.job.SSRO("other")
    other.sources = job
    with pytest.raises(InputError, match="'patterns' is a NBEDDataset, which holds no structure"):
        other.run()


def test_a_quench_starts_from_another_job(project, atoms):
    described = ssro(project, "described", atoms[0])
    job = project.create.job.GlassQuench("quench")
    job.sources = [described, atoms[1]]
    with pytest.raises(InputError, match="starts from one structure, and its sources hold 2"):
        job.run()
    job.sources = described
    job.input.update({"melt_time": 0.02, "cooling_rate": 1e17, "minimize": False})
    job.run()
    assert job.output.structure_id["start"] == structure_id(atoms[0])


# stored by an older version ------------------------------------------------------------------------------


def store_old(job, old, gone):
    """Write the job as the version before `sources` did: with the inputs that it had."""
    if job.status.initialized:
        job.save()
    for name in gone:
        del job.input[name]
    for name, value in old.items():
        job.input[name] = value
    TemplateJob.to_hdf(job)


ONE = {"structure": None, "structures": None, "reference": None, "references": None}
NEW = ("sources", "species")


def test_an_older_ssro_job(project, in_folder, atoms):
    path = dump(in_folder, atoms[0], names=False)
    job = ssro(project, "job", path, species=["Cu", "Zr"], motif_species="Zr", analyses=["voronoi"])
    old = {"structure": None, "reference": None, "file": str(path), "elements": ["Cu", "Zr"], "species": "Zr"}
    del job.output["time_series"]["source"]
    store_old(job, old, ("sources", "motif_species"))
    loaded = project.load("job")
    assert loaded.input.species == ["Cu", "Zr"]
    assert loaded.input.motif_species == "Zr"
    assert loaded.sources == [path]
    assert "file" not in loaded.input
    assert [len(item) for item in loaded.get_structures()] == [864]
    again = loaded.copy_to(new_job_name="again", input_only=True, new_database_entry=False)
    again.run()
    assert again.output.motifs["species"] == "Zr"
    # a job that takes its atoms from it knows the file
    patterns = project.create.job.NBEDDataset("patterns")
    patterns.input.update(SCAN)
    patterns.sources = loaded
    patterns.run()
    assert patterns.dataset.structures[0]["origin"] == str(path)


def test_an_older_dataset_job(project, atoms):
    job = project.create.job.NBEDDataset("patterns")
    job.input.update({**SCAN, "origins": ["one", "two"], "limits": [(0, 12), None, None]})
    job.sources = atoms[:2]
    job.run()
    job = project.load("patterns")
    old = {**ONE, "structures": [atoms_to_dict(item) for item in atoms[:2]], "region": [(0, 12), None, None]}
    store_old(job, {**old, "sources": ["one", "two"]}, (*NEW, "origins", "limits"))
    loaded = project.load("patterns")
    assert loaded.input.origins == ["one", "two"]
    assert loaded.input.limits[0] == (0, 12) or list(loaded.input.limits[0]) == [0, 12]
    assert loaded.structures == atoms[:2]
    assert not {*ONE, "region"} & set(loaded.input.keys())
    again = loaded.copy_to(new_job_name="again", input_only=True, new_database_entry=False)
    again.run()
    assert again.dataset.input_hash == loaded.dataset.input_hash
    assert len(loaded.plot_scan(label="q6").axes) > 1  # its atoms are there


def test_an_older_reference_that_waits_is_run(project, atoms):
    done = ssro(project, "done", atoms[0])
    job = project.create.job.NBEDDataset("patterns")
    job.input.update({**SCAN, "volume": SCAN["volume"].as_dict(), "mesh": SCAN["mesh"].as_dict()})
    reference = {"project": os.path.abspath(project.path), "job_name": "done"}
    store_old(
        job, {**ONE, "reference": reference, "sources": None, "region": None}, (*NEW, "origins", "limits")
    )
    job = project.load("patterns")
    assert job.reference.job_name == done.job_name
    job.run()
    assert job.status.finished
    assert job.dataset.structures[0]["origin"].endswith("/done")


def test_older_lammps_and_sweep_jobs(project, atoms):
    job = project.create.job.GlassQuench("quench")
    store_old(job, {"structure": atoms_to_dict(atoms[0])}, NEW)
    assert project.load("quench").structure == atoms[0]
    sweep = project.create.job.GeometrySweep("sweep")
    old = {**ONE, "structures": [atoms_to_dict(atoms[0])], "test_structures": [atoms_to_dict(atoms[1])]}
    store_old(sweep, {**old, "test_references": None}, (*NEW, "test_sources"))
    loaded = project.load("sweep")
    assert loaded.sources == [atoms[0]]
    assert loaded.test_sources == [atoms[1]]
    assert set(loaded.input.keys()) == set(loaded.defaults())


def test_atoms_in_a_job_and_in_a_file_have_one_form(in_folder, atoms):
    given = atoms[0]
    given.set_array("frozen", np.arange(len(given)) < 7)
    given.set_array("vector", np.ones((len(given), 3)))
    given.info["temperature"] = 300.0
    write_atoms("a.h5", given)
    found = read_atoms("a.h5")
    assert found == given
    assert found.info == {"temperature": 300.0}
    assert set(found.arrays) == {"numbers", "positions", "frozen", "vector"}
    one, other = atoms_to_dict(given), atoms_to_dict(found)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert found.arrays["frozen"].dtype == bool


def test_inputs_with_units_are_stored_as_plain_numbers(project, atoms):
    units = pytest.importorskip("pint").UnitRegistry()
    job = project.create.job.NBEDDataset("patterns")
    job.sources = atoms[0]
    job.input.update({**SCAN, "step": 0.8 * units.nm, "limits": [(0 * units.nm, 1.2 * units.nm), None, None]})
    job.run()
    job = project.load("patterns")
    assert job.input.step == pytest.approx(8.0)
    assert job.dataset.centers[:, 0].max() <= 12
    job = project.create.job.GlassQuench("quench")
    job.sources = atoms[0]
    job.input.update(
        {"melt_time": 20 * units.fs, "cooling_rate": 1e5 * units.K / units.ps, "minimize": False}
    )
    job.run()
    job = project.load("quench")
    assert job.input.melt_time == pytest.approx(0.02)
    assert job.output.cooling_rate == pytest.approx(1e17)
    job = project.create.job.SSRO("ssro")
    job.sources = atoms[0]
    job.input.window = 3 * units.K
    with pytest.raises(InputError, match="window has the unit kelvin: give a length"):
        job.run()


LIGHT = """
import importlib, sys
HEAVY = {"torch", "torchvision", "matplotlib"}
for name in %r:
    importlib.import_module(f"pyiron_nbed.jobs.{name}")
    assert not HEAVY & set(sys.modules), (name, HEAVY & set(sys.modules))
from pyiron_base import Project
from pyiron_nbed import examples
job = Project("light").create.job.SSRO("ssro")
job.sources = examples.load("complexion_a")
job.run()
assert not HEAVY & set(sys.modules), HEAVY & set(sys.modules)
job.plot_rdf(), job.plot_profile(), job.plot_motifs(), job.plot_boxes(), job.plot_slice()
assert "matplotlib" in sys.modules
assert not {"torch", "torchvision"} & set(sys.modules)
"""


def test_torch_is_loaded_by_no_job_module_and_by_no_ssro_figure(in_folder):
    import pyiron_nbed.jobs

    names = sorted(path.stem for path in Path(pyiron_nbed.jobs.__file__).parent.glob("[!_]*.py"))
    assert {"ssro", "regressor", "sweep"} < set(names)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIGHT % names],
        env={**os.environ, "NBED_SILENT": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
