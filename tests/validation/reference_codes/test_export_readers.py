"""Exported files are opened by HyperSpy with pyxem and by py4DSTEM, each in an environment of its own.

py4DSTEM needs numpy < 2 and HyperSpy brings zarr 2, so neither fits beside the package. ``.ci/nightly`` makes
the environments; by hand: ``python -m venv hs``, ``hs/bin/pip install hyperspy pyxem`` and
``NBED_HYPERSPY_PYTHON=hs/bin/python``; the other one has ``pip install py4DSTEM "numpy<2"`` and is named by
``NBED_PY4DSTEM_PYTHON``.
"""

import json
import os
import subprocess

import numpy as np
import pytest

from pyiron_nbed import Cylinder, Mesh
from pyiron_nbed.dataset import PatternDataset, build_dataset, find_scan
from pyiron_nbed.dataset.export import write_hyperspy, write_py4dstem

pytestmark = pytest.mark.slow
MESH = Mesh(1.0, 0.05, beam_energy=200e3)

HYPERSPY = """
import json, sys
import hyperspy.api as hs, numpy as np
import hyperspy, pyxem
out = {"versions": {"hyperspy": hyperspy.__version__, "pyxem": pyxem.__version__}}
for lazy in (False, True):
    s = hs.load(sys.argv[1], lazy=lazy)
    first = s.inav[3, 2, 1]
    if lazy:
        first.compute()
    axes = [[a.name, str(a.units), a.size, a.scale, a.offset] for a in s.axes_manager._axes]
    energy = s.metadata.Acquisition_instrument.TEM.beam_energy
    out[str(lazy)] = {
        "class": type(s).__name__, "axes": axes, "energy": energy, "pattern": first.data.tolist(),
        "dtype": str(s.data.dtype), "label": float(s.metadata.pyiron_nbed.labels.q6[1, 2, 3]),
        "volume": s.metadata.pyiron_nbed.volume.as_dictionary(),
    }
s = hs.load(sys.argv[1])
out["radial"] = type(s.get_azimuthal_integral1d(npt=10)).__name__
print(json.dumps(out))
"""

PY4DSTEM = """
import json, sys
import numpy as np
import py4DSTEM
cube = py4DSTEM.read(sys.argv[1])
c = cube.calibration
ring = ((19, 19), (3.8, 11.8))
virtual = cube.get_virtual_image(mode="annulus", geometry=ring, name="ring", returncalc=True)
mean = cube.get_dp_mean()
facts = cube.metadata["pyiron_nbed"]
print(json.dumps({
    "versions": {"py4DSTEM": py4DSTEM.__version__, "numpy": np.__version__},
    "class": type(cube).__name__, "shape": list(cube.data.shape), "dtype": str(cube.data.dtype),
    "Q": [c.get_Q_pixel_size(), c.get_Q_pixel_units()], "R": [c.get_R_pixel_size(), c.get_R_pixel_units()],
    "origin": [float(np.mean(v)) for v in c.get_origin()], "pattern": cube.data[2, 3].tolist(),
    "mean": np.asarray(mean.data).tolist(), "ring": np.asarray(getattr(virtual, "data", virtual)).tolist(),
    "q6": float(facts["labels"]["q6"][2, 3]), "radius": float(facts["volume"]["radius"]),
}))
"""


def read_by(variable, script, path):
    """What a script prints in the environment of another package."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(
            f"{variable} does not name the Python of an environment with that package: see .ci/nightly"
        )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run([python, "-c", script, path], capture_output=True, text=True, env=clean)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.strip().splitlines()[-1])
    print(found["versions"])
    return found


@pytest.fixture
def dataset(in_folder, rattled):
    build_dataset("a.h5", [rattled], [Cylinder(4, 12)], MESH, step=(5, 8, 11), labels=["q6"])
    return PatternDataset("a.h5")


def test_hyperspy_and_pyxem_open_it(dataset):
    rows = find_scan(dataset).rows
    write_hyperspy("a.hspy", dataset, rows=rows)
    found = read_by("NBED_HYPERSPY_PYTHON", HYPERSPY, "a.hspy")
    assert found["False"]["class"] == "ElectronDiffraction2D"
    assert found["True"]["class"] == "LazyElectronDiffraction2D"
    for own in (found["False"], found["True"]):
        assert [axis[:3] for axis in own["axes"]] == [
            ["z", "Å", 3], ["y", "Å", 4], ["x", "Å", 7], ["ky", "1/Å", 39], ["kx", "1/Å", 39],
        ]  # fmt: skip
        steps = np.array([axis[3:] for axis in own["axes"]])
        assert steps == pytest.approx(
            np.array([[32 / 3, 0], [8, 0], [32 / 7, 0], [0.05, -0.95], [0.05, -0.95]])
        )
        assert own["energy"] == 200
        assert own["dtype"] == "float32"
        assert np.array_equal(own["pattern"], dataset.patterns[rows[1, 2, 3]].astype(np.float32))
        assert own["label"] == dataset.label("q6")[rows[1, 2, 3]]
        assert own["volume"] == {"type": "Cylinder", "radius": 4.0, "height": 12.0}
    assert found["radial"] == "ElectronDiffraction1D"  # the calibration is enough for pyxem


@pytest.mark.filterwarnings("ignore:The scan steps:UserWarning")
def test_py4dstem_opens_it(dataset):
    rows = find_scan(dataset).rows[1]
    write_py4dstem("a_py4d.h5", dataset, rows=rows)
    found = read_by("NBED_PY4DSTEM_PYTHON", PY4DSTEM, "a_py4d.h5")
    patterns = dataset.patterns[rows.ravel()].reshape(4, 7, 39, 39).astype(np.float32)
    assert (found["class"], found["shape"], found["dtype"]) == ("DataCube", [4, 7, 39, 39], "float32")
    assert found["Q"] == [0.05, "A^-1"]
    assert found["R"] == [pytest.approx(np.sqrt(8 * 32 / 7)), "A"]
    assert found["origin"] == [19, 19]
    assert np.array_equal(found["pattern"], patterns[2, 3])
    assert np.allclose(found["mean"], patterns.mean(axis=(0, 1)), rtol=1e-5)
    k = np.hypot(*np.meshgrid(np.arange(39) - 19, np.arange(39) - 19))
    ring = patterns[:, :, (k > 3.8) & (k < 11.8)].sum(axis=-1)
    assert np.allclose(found["ring"], ring, rtol=1e-4)
    assert found["q6"] == dataset.label("q6")[rows[2, 3]]
    assert found["radius"] == 4
