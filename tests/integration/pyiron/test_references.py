"""Jobs that refer to others: found again after copies, moves and renames, and compared with what was used."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.io import write
from pyiron_base import Project

from pyiron_nbed import Cylinder, Mesh, random_alloy
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.inputs import same
from pyiron_nbed.jobs.references import find, load_job
from pyiron_nbed.provenance import structure_id

SCAN = {"volume": Cylinder(4, 12), "mesh": Mesh(1.0, 0.1), "step": 8, "labels": ["q6"]}
FIRST, OTHER = random_alloy(864, 0.36, seed=1), random_alloy(864, 0.36, seed=2)


def described(project, name="described", atoms=FIRST, again=False, **inputs):
    job = project.create.job.SSRO(name, delete_existing_job=again)
    job.sources = atoms
    job.input.update({"analyses": [], **inputs})
    job.run()
    return job


def patterns(project, source, name="patterns"):
    job = project.create.job.NBEDDataset(name)
    job.input.update(SCAN)
    job.sources = source
    job.run()
    return job


def trained(project, data, name="fit"):
    job = project.create.job.NBEDRegressor(name)
    job.datasets = data
    job.input.update({"network": "cnn", "weights": None, "epochs": 1, "split": "random", "baselines": False})
    job.input.label = "q6"
    job.run()
    return job


def folders(path):
    return sorted(str(found) for found in Path(path).rglob("*") if found.is_dir())


def test_a_reference_says_where_and_what(project):
    first = described(project)
    second = described(project.open("sub"), "second", first)
    (stored,) = Project(second.project.path).load("second").input.sources
    assert stored["job_name"] == "described"
    assert stored["relative"] == ".."
    assert stored["project"] == os.path.normpath(project.path)
    assert stored["hash"] == first.output.hash
    table = project.job_table(all_columns=True).set_index("job")
    assert table["parentid"]["second"] == table["id"]["described"]
    assert np.isnan(float(table["parentid"]["described"] or "nan"))


def test_a_copied_project_uses_its_own_jobs(project, in_folder):
    described(project.open("sub"))
    described(project, "second", project.open("sub").load("described"))
    copy = Project(str(in_folder / "copy"))
    project.copy_to(copy)
    shutil.rmtree(project.path)
    assert copy.load("second").reference.project.path == copy.open("sub").path
    assert not os.path.exists(project.path)  # looking made no folder


def test_a_copied_job_finds_the_original_until_it_has_its_own(project, in_folder):
    first = described(project)
    second = described(project, "second", first)
    other = Project(str(in_folder / "other"))
    copy = second.copy_to(project=other)
    assert copy.reference.project.path == project.path
    table = other.job_table(all_columns=True)
    assert table["parentid"].tolist() == [first.job_id]
    first.copy_to(project=other)
    assert other.load("second").reference.project.path == other.path


def test_a_moved_job_and_a_moved_project(project, in_folder):
    described(project, "second", described(project))
    project.load("described").move_to(project.open("elsewhere"))
    assert project.load("second").reference.project.path == project.open("elsewhere").path
    moved = Project(str(in_folder / "moved"))
    project.move_to(moved)
    assert moved.load("second").reference.project.path == moved.open("elsewhere").path


def test_a_renamed_job_is_found(project):
    described(project, "second", described(project))
    project.load("described").rename("glass_a")
    described(project, "third", OTHER)
    second = project.load("second")
    assert second.reference.job_name == "glass_a"
    second.run(delete_existing_job=True)
    assert project.load("second").input.sources[0]["job_name"] == "glass_a"


def test_a_folder_moved_by_hand(project, in_folder):
    described(project, "second", described(project))
    shutil.move(project.path, in_folder / "moved")
    moved = Project(str(in_folder / "moved"))
    reference = {"job_name": "described", "project": os.path.normpath(project.path), "relative": "."}
    job = load_job(find(reference, moved.path))  # without a row in the job table
    assert job.status.finished
    assert structure_id(job.get_structure()) == structure_id(FIRST)
    assert moved.nbed.adopt() == ["described", "second"]
    assert moved.nbed.adopt() == []
    second = moved.load("second")
    assert second.status.finished
    assert second.reference.project.path == moved.path
    assert not os.path.exists(project.path)


def test_a_job_that_is_gone_is_named_with_where_it_was_looked_for(project, in_folder):
    described(project, "second", described(project))
    shutil.move(project.path, in_folder / "moved")
    moved = Project(str(in_folder / "moved"))
    moved.nbed.adopt()
    moved.load("described").remove()
    before = folders(in_folder)
    with pytest.raises(InputError, match=r"'described' does not exist in .*/moved or in .*/project: run it"):
        _ = moved.load("second").reference
    assert folders(in_folder) == before


def test_old_references_are_read(project):
    first = described(project)
    second = described(project, "second", first)
    second.input.sources = [{"project": os.path.abspath(project.path), "job_name": "described"}]
    assert second.reference.job_name == "described"
    described(project, atoms=OTHER, again=True)
    assert second.reference.job_name == "described"  # what it used is not known


def test_a_pattern_file_in_a_job_moves_with_it(project, in_folder):
    data = patterns(project, FIRST)
    fit = trained(project, data.dataset)  # the file, not the job
    shutil.move(project.path, in_folder / "moved")
    moved = Project(str(in_folder / "moved"))
    moved.nbed.adopt()
    fit = moved.load("fit")
    assert [str(item.path) for item in fit.datasets] == [str(moved.load("patterns").dataset.path)]
    fit.input.epochs = 2
    with pytest.raises(InputError, match=r"finished with another input \(epochs is 2 and was 1\)"):
        fit.run()


# run again since ------------------------------------------------------------------------------------------


def test_a_source_that_was_run_again_is_not_drawn_under_old_patterns(project):
    data = patterns(project, described(project))
    described(project, again=True)  # with the same result
    assert project.load("patterns").reference.job_name == "described"
    described(project, atoms=OTHER, again=True)
    again = (
        "'described' in .* was run again since 'patterns' used it: run 'patterns' again .*allow_stale=True"
    )
    data = project.load("patterns")
    for use in (data.source_structures, lambda: data.plot_scan(label="q6"), lambda: data.sources, data.run):
        with pytest.raises(InputError, match=again):
            use()
    assert len(data.dataset)  # the patterns are what they were
    data.allow_stale = True
    assert structure_id(data.source_structures()[0]) == structure_id(OTHER)
    data.run()
    fresh = project.create.job.NBEDDataset("patterns")
    fresh.run(delete_existing_job=True)
    assert fresh.dataset.structures[0]["structure_id"] == structure_id(OTHER)
    assert project.load("patterns").source_structures()


def test_a_model_of_a_dataset_that_was_made_again(project):
    data = patterns(project, described(project))
    fit = trained(project, data)
    assert fit.predict(data).mean.shape == (len(data.dataset),)
    described(project, atoms=OTHER, again=True)
    new = project.create.job.NBEDRegressor("new")
    new.datasets = data
    new.input.update({"network": "cnn", "weights": None, "epochs": 1, "label": "q6", "split": "random"})
    with pytest.raises(InputError, match=r"'described' in .* was run again since 'patterns' used it"):
        new.run()  # the chain behind it
    assert new.status.initialized
    shown = "'described' in .* was run again since 'patterns' used it: what 'fit' shows is the old result"
    fit = project.load("fit")
    with pytest.raises(InputError, match="since 'patterns' used it"):
        fit.predict(data.dataset.patterns[:2])
    for show in (fit.report, fit.get_test, fit.get_metrics, fit.plot_parity, fit.plot_history):
        with pytest.warns(UserWarning, match=shown) as told:
            show()
        assert [warning.filename for warning in told] == [__file__]
    assert project.nbed.compare()["stale"].tolist() == [True]
    project.load("patterns").run(delete_existing_job=True)
    fit = project.load("fit")
    with pytest.raises(InputError, match=r"'patterns' in .* was run again since 'fit' used it"):
        fit.predict(data.dataset.patterns[:2])
    assert project.nbed.compare()["stale"].tolist() == [True]
    fit.allow_stale = True
    assert fit.predict(data.dataset.patterns[:2]).mean.shape == (2,)
    shutil.rmtree(data.folder)  # nothing to compare with
    assert project.load("fit").model is not None


def test_a_file_that_was_changed_since_it_was_used(project, in_folder):
    file = in_folder / "glass.xyz"
    write(file, FIRST)
    described(project, atoms=file)
    data = patterns(project, project.load("described"))
    os.utime(file)  # the same content: nothing to say
    assert project.load("described").sources == [file]
    shutil.copytree(project.path, in_folder / "copied")
    write(file, OTHER)
    again = f"The file {file} was changed since 'described' used it: run 'described' again"
    job = project.load("described")
    for use in (job.source_structures, lambda: job.sources, job.run):
        with pytest.raises(InputError, match=again):
            use()
    new = project.create.job.NBEDDataset("new")
    new.sources = job
    new.input.update(SCAN)
    with pytest.raises(InputError, match=again):
        new.run()  # the chain behind it
    job.allow_stale = True
    assert structure_id(job.source_structures()[0]) == structure_id(OTHER)
    described(project, atoms=file, again=True)
    assert project.load("described").sources == [file]
    with pytest.raises(InputError, match=r"'described' in .* was run again since 'patterns' used it"):
        project.load(data.job_name).source_structures()
    file.unlink()  # nothing to compare with
    assert project.load("described").get_structure() is not None


def test_a_sweep_of_a_source_that_was_run_again(project):
    sweep = project.create.job.GeometrySweep("sweep")
    sweep.sources = described(project)
    sweep.input.update(
        {"radii": [4], "heights": [12], "networks": ["cnn"], "mesh": Mesh(1.0, 0.1), "step": 8}
    )
    sweep.input.training = {"epochs": 1, "split": "random", "baselines": False}
    sweep.run()
    assert sweep.get_table()["stale"].tolist() == [False]
    described(project, atoms=OTHER, again=True)
    sweep = project.load("sweep")
    with pytest.warns(UserWarning, match=r"'described' in .* since 'sweep' used it: .* the old result"):
        assert sweep.get_table()["stale"].tolist() == [True]
    sweep.allow_stale = True
    assert len(sweep.get_table()) == 1


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (np.zeros(3), None, False),
        (None, np.zeros(3), False),
        (np.zeros(3), [0, 0, 0], True),
        (np.zeros((2, 3)), np.zeros(3), False),
        (pd.DataFrame({"Name": ["a"]}), pd.DataFrame({"Name": ["a"]}), True),
        (pd.DataFrame({"Name": ["a"]}), "a", False),
        ({"file": "a.h5", "hash": "1"}, {"file": "a.h5", "relative": "a.h5"}, True),
        ({"file": "a", "hash": "1", "size": 1, "mtime": 2}, {"file": "a", "hash": "2"}, True),
        ({"job_name": "a", "project": "p", "hash": "1"}, {"job_name": "b", "project": "p"}, False),
        ({"job_name": "a", "project": "p"}, [1], False),
    ],
)
def test_which_inputs_are_the_same(one, other, equal):
    assert same(one, other) is equal
    assert same(other, one) is equal


def test_a_finished_job_with_another_input_says_so(project):
    described(project)
    same = project.create.job.SSRO("described")
    same.sources, same.input.analyses = FIRST, []
    same.run()
    other = project.create.job.SSRO("described")
    other.input.l, other.sources = 4, OTHER
    with pytest.raises(
        InputError, match=r"another input \(sources is .864 atoms. .*; l is 4 and was 6\): .*delete"
    ):
        other.run()
    other.run(delete_existing_job=True)
    assert project.load("described").input.l == 4
