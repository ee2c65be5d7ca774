"""Where and how often a figure is shown: notebooks, windows, threads and scripts without a display."""

import os
import subprocess
import sys

import pytest

NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
class Shell(InteractiveShell):
    def enable_gui(self, gui=None):
        pass
shell = Shell.instance()
results = []
shell.displayhook.write_format_data = lambda data, metadata=None: results.append(data)
def pictures(code):
    results.clear()
    with capture_output() as shown:
        assert shell.run_cell(code).success
    return sum("image/png" in data for data in [*results, *(output.data for output in shown.outputs)])
assert pictures("%matplotlib inline\\nimport numpy as np\\nfrom matplotlib import pyplot\\n"
                "from pyiron_nbed import figures\\nt = np.arange(9.0)") == 0
assert pictures("figures.parity(t, t)") == 1           # the result of the cell
assert pictures("figure = figures.parity(t, t)") == 1  # at the end of the cell
assert pictures("figure") == 1                         # once more, where asked for
assert pictures("figure = figures.parity(t, t); pyplot.show()") == 1
assert pictures("for i in range(3): figures.parity(t, t + i)") == 3
assert pictures("assert not pyplot.get_fignums()") == 0
"""
MANY = """
import threading, warnings
import numpy as np
from matplotlib import pyplot
from pyiron_nbed import figures
warnings.simplefilter("error")
t = np.arange(9.0)
made = []
worker = threading.Thread(target=lambda: made.append(figures.parity(t, t)))
worker.start(); worker.join()
assert made and not pyplot.get_fignums()
for i in range(30):
    figures.style.new_figure().savefig("a.png")
print(len(pyplot.get_fignums()))
"""


def run(code, folder, backend):
    environment = {**os.environ, "MPLBACKEND": backend}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_notebook_shows_each_figure_once(in_folder):
    pytest.importorskip("IPython")
    run(NOTEBOOK, in_folder, "module://matplotlib_inline.backend_inline")


@pytest.mark.parametrize(
    ("backend", "kept"),
    [("agg", "0"), ("tkagg", "0"), ("module://matplotlib_inline.backend_inline", "20")],
    ids=["agg", "no-display", "notebook"],
)
def test_long_loops_and_threads_keep_no_more_figures_than_pyplot_allows(backend, kept, in_folder):
    if "inline" in backend:
        pytest.importorskip("matplotlib_inline")
    assert run(MANY, in_folder, backend) == kept
