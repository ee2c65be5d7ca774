"""What every job does around its function: attributes, display, completion, signals."""

import gc
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pyiron_nbed import Mesh, random_alloy
from pyiron_nbed.errors import InputError
from pyiron_nbed.jobs.base import NBEDJob

ATOMS = random_alloy(864, 0.36, seed=1)
KINDS = (
    "SSRO",
    "NBEDDataset",
    "NBEDRegressor",
    "GlassQuench",
    "CompositeQuench",
    "ComplexionMDMC",
    "GeometrySweep",
)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("refrence", r"did you mean job\.reference\?"),
        ("source", r"did you mean job\.sources\?"),
        ("step", r"set job\.input\.step"),
        ("zone_axes", r"did you mean job\.input\.zone_axis\?"),
        ("colour", "the inputs of a job are set as"),
    ],
)
def test_an_attribute_that_there_is_not(project, name, hint):
    job = project.create.job.NBEDDataset("job")
    with pytest.raises(InputError, match=rf"NBEDDataset has no attribute '{name}'.*{hint}"):
        setattr(job, name, 3)
    assert not hasattr(job, name) or name == "step"


@pytest.mark.parametrize("kind", KINDS)
def test_what_pyiron_and_subclasses_set_stays_theirs(project, kind):
    job = getattr(project.create.job, kind)("job")
    project.create_job(kind, "old_way")  # sets job.user
    job.server.cores = 2
    job.server = job.server
    job.interactive_cache = None
    job.restart_file_list = []
    job._own = 1
    copy = job.copy()
    assert copy.input.keys() == job.input.keys()

    class Own(type(job)):
        def __init__(self, project, job_name):
            super().__init__(project, job_name)
            self.colour = "blue"

    own = Own(job.project_hdf5.open(".."), "own")
    assert own.colour == "blue"


def test_the_input_is_shown_without_arrays_and_with_the_preset(project):
    job = project.create.job.NBEDDataset("job")
    job.sources, job.input.points = ATOMS, np.zeros((500, 3))
    job.input.mesh = Mesh(1.0, 0.1)
    text = repr(job.input)
    assert "Input of the NBEDDataset 'job':" in text
    assert "[864 atoms]" in text
    assert "array of shape (500, 3)" in text
    assert "[0." not in text
    assert max(map(len, text.splitlines())) < 150
    assert job.input._repr_html_().startswith("<pre>Input of")
    fit = project.create.job.NBEDRegressor("fit")
    fit.input.preset = "study"
    lines = {line.split()[0]: line for line in repr(fit.input).splitlines()[1:]}
    assert lines["patience"].split()[1] == "20"
    assert lines["patience"].endswith("(preset 'study')")
    assert "preset" not in lines["seed"]
    complexion = project.create.job.ComplexionMDMC("complexion")
    assert "None" not in next(x for x in repr(complexion.input).splitlines() if " zr_fraction " in x)


def test_an_input_that_was_shown_is_stored_as_before(project):
    job = project.create.job.SSRO("job")
    repr(job.input)
    job.sources, job.input.analyses = ATOMS, []
    job.run()
    from h5io_browser.base import _read_hdf

    kind = _read_hdf(job.project_hdf5.file_name, "/job/storage/input__index_0/TYPE")
    assert kind == "<class 'pyiron_base.storage.datacontainer.DataContainer'>"
    shown = project.load("job").input
    gc.collect()  # nothing else holds the job
    assert repr(shown).startswith("Input of the SSRO 'job'")
    assert job.content["storage/input"]["l"] == 6


COMPLETE = """
import IPython
from IPython.core.completer import provisionalcompleter
shell = IPython.core.interactiveshell.InteractiveShell.instance()
shell.run_cell("import pyiron_nbed\\nfrom pyiron_base import Project")
shell.run_cell("pr = Project('p')\\njob = pr.create.job.NBEDDataset('d')")
def texts(code):
    with provisionalcompleter():
        return {found.text.rpartition(".")[2] for found in shell.Completer.completions(code, len(code))}
names = {"NBEDDataset", "NBEDMap", "NBEDRegressor", "NBEDScan"}
for shell.Completer.use_jedi in {shell.Completer.use_jedi, False}:
    assert texts("pr.create.job.NBED") == names, texts("pr.create.job.NBED")
    assert texts("job.input.zo") == {"zone_axis"}, texts("job.input.zo")
    assert "compare" in texts("pr.nbed.co")
    assert "sources" in texts("job.sou")
shell.run_cell("from pyiron_atomistics import Project as Other")
shell.run_cell("other = Other('p')")
for shell.Completer.use_jedi in {shell.Completer.use_jedi, False}:
    assert texts("other.create.job.NBED") == names
"""


def test_tab_completion(in_folder):
    pytest.importorskip("IPython", "9.3")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPLETE], capture_output=True, text=True,
        env={**os.environ, "HOME": str(in_folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# results that are not there --------------------------------------------------------------------------------


def test_results_before_the_run(project):
    fit, ssro = project.create.job.NBEDRegressor("fit"), project.create.job.SSRO("ssro")
    for use in (
        fit.get_metrics, fit.get_test, fit.get_history, fit.get_splits, fit.plot_parity, fit.plot_history,
        lambda: fit.model, lambda: fit.predict(np.zeros((1, 3, 3))),
        ssro.get_structure, ssro.get_regions, ssro.get_time_series, ssro.plot_profile,
    ):  # fmt: skip
        with pytest.raises(InputError, match="has the status 'initialized' and no result: run it"):
            use()
    with pytest.raises(
        InputError, match=r"no frame 99: choose a number from 0 to 1, -1 for the last, or one of"
    ):
        project.create.job.GlassQuench("quench").get_structure(99)


def test_one_job_where_several_can_be(project):
    done = project.create.job.SSRO("done")
    done.structures, done.input.analyses = ATOMS, []
    done.run()
    job = project.create.job.NBEDDataset("job")
    job.references = done
    assert [item.job_name for item in job.references] == ["done"]
    job.input.file = 5
    with pytest.raises(InputError, match=r"A source must be .*, not int"):
        job.run()
    del job.input.file
    job.input.update({"region": [(0, 9), None, None], "limits": [(0, 5), None, None]})
    with pytest.raises(InputError, match="limits and region are set, and region is its earlier name"):
        job.run()
    with pytest.raises(InputError, match="allow_stale is 'yes': give True or False"):
        job.allow_stale = "yes"


# ended from outside ----------------------------------------------------------------------------------------

SLOW = """
import sys, time
from pyiron_base import Project
import pyiron_nbed
from pyiron_nbed import random_alloy
from pyiron_nbed.jobs import {module} as module

def slow(*given, **options):
    open({started!r}, "w").close()
    while True:
        time.sleep(0.01)

module.{function} = slow
project = Project({path!r})
job = project.create.job.{kind}("job")
{setup}
{run}
"""
SETUPS = {
    "SSRO": ("ssro", "short_range_order", "job.structure = random_alloy(500)"),
    "NBEDDataset": (
        "dataset", "build_dataset",
        "job.structure = random_alloy(864)\njob.input.volume = pyiron_nbed.Cylinder(4, 12)\n"
        "job.input.step = 8",
    ),
    "GlassQuench": ("quench", "simulate_melt_quench", "job.structure = random_alloy(500)"),
    "GeometrySweep": (
        "dataset", "build_dataset",
        "job.structure = random_alloy(2048)\njob.input.update({'radii': [3], 'heights': [10], 'step': 8, "
        "'networks': ['cnn'], 'training': {'split': 'random'}})",
    ),
}  # fmt: skip
WRAPPED = (
    "job.server.run_mode.manual = True; job.run()\n"
    "from pyiron_base.jobs.job.wrapper import job_wrapper_function\n"
    "job_wrapper_function(job.working_directory, job.job_id)"
)


def started(project, in_folder, kind, run):
    module, function, setup = SETUPS[kind]
    code = SLOW.format(
        module=module, function=function, setup=setup, path=project.path, kind=kind, run=run,
        started=str(in_folder / "started"),
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    for _ in range(600):
        if (in_folder / "started").exists():
            return process
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it did not begin")


@pytest.mark.parametrize(
    ("kind", "number", "run"),
    [
        ("SSRO", signal.SIGTERM, "job.run()"),
        ("SSRO", signal.SIGINT, "job.run()"),
        ("NBEDDataset", signal.SIGTERM, WRAPPED),
        ("GlassQuench", signal.SIGTERM, WRAPPED),
        ("GeometrySweep", signal.SIGTERM, "job.run()"),
    ],
)
def test_a_signal_is_told_with_what_to_do(project, in_folder, kind, number, run, caplog):
    process = started(project, in_folder, kind, run)
    process.send_signal(number)
    # a shell calls what Ctrl-C ends 130
    assert process.wait(timeout=60) in ((143,) if number == signal.SIGTERM else (130, -signal.SIGINT))
    assert set(project.job_table()["status"]) == {"aborted"}
    text = (Path(project.path) / "job_hdf5" / "job" / "error.txt").read_text()
    assert text.startswith(f"ended by signal {number.value} (SIG")
    assert text.endswith("run() goes on\n")
    if kind != "SSRO":
        return
    with caplog.at_level(logging.WARNING):
        job = project.create.job.SSRO("job")
    assert "please remove it" not in caplog.text
    job.input.analyses = []  # what was changed since is taken
    job.run()
    assert project.load("job").status.finished
    assert project.load("job").input.analyses in ([], None) or not len(project.load("job").input.analyses)
    assert not (job.folder / "error.txt").exists()


def test_a_job_at_work_is_not_begun_a_second_time(project, in_folder):
    process = started(project, in_folder, "SSRO", "job.run()")
    try:
        job = project.create.job.SSRO("job")
        job.run()
        assert not job.status.finished
        assert project.get_job_status("job") == "running"
    finally:
        process.kill()
        process.wait()
    job = project.create.job.SSRO("job")
    job.input.analyses = []
    job.run()  # killed: it begins again
    assert job.status.finished


def test_who_listened_to_signals_does_so_after_a_run(project):
    heard = []
    interrupt = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background of a shell
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        job = project.create.job.SSRO("job")
        job.sources, job.input.analyses = ATOMS, []
        job.run()
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [1]
        assert signal.getsignal(signal.SIGINT) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


def test_every_job_is_of_the_one_base(project):
    for kind in KINDS:
        job = getattr(project.create.job, kind)(kind.lower())
        assert isinstance(job, NBEDJob)
        assert set(job.source_inputs) <= set(job.defaults())
        assert set(job.effective_input()) == set(job.defaults())
