"""The torch engine gives what the cpu engine gives."""

import numpy as np
import pytest
import torch

from pyiron_nbed import Cylinder, Mesh, OneLayerCluster, WeightedVolume, simulate_patterns
from pyiron_nbed.diffraction import VolumeSearch, accelerator
from pyiron_nbed.errors import InputError
from pyiron_nbed.geometry.frames import random_zone_axes

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mesh", [Mesh(), Mesh(1.2, 0.04, 200e3)])
@pytest.mark.parametrize("volume", [Cylinder(5, 20), WeightedVolume(4, 15), OneLayerCluster()])
def test_agrees_with_the_cpu_engine(rattled, volume, mesh, device):
    centers, axes = rattled.positions[:9], random_zone_axes(9, seed=2)
    for dtype, tolerance in ((np.float32, 3e-6), (np.float64, 1e-12)):
        cpu = simulate_patterns(rattled, centers, volume, mesh, axes, dtype=dtype)
        other = simulate_patterns(rattled, centers, volume, mesh, axes, "torch", dtype, device=device)
        assert other.dtype == dtype
        assert np.abs(cpu - other).max() < tolerance * cpu.max()


def test_batches_and_precision_settings_change_nothing(rattled):
    found = VolumeSearch(rattled, Cylinder(4, 12))(rattled.positions[:7])
    symbols = np.array(rattled.get_chemical_symbols())
    whole = accelerator.torch_patterns(found, symbols, Mesh(), np.empty((7, 133, 133), "f4"), "cpu")
    torch.set_float32_matmul_precision("medium")
    try:
        parts = accelerator.torch_patterns(
            found, symbols, Mesh(), np.empty((7, 133, 133), "f4"), "cpu", 2**20
        )
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert len(list(accelerator.pattern_batches(found, symbols, Mesh(), "cpu", memory=2**20))) > 1
    assert np.abs(whole - parts).max() < 2e-6 * whole.max()


def test_volumes_without_one_of_the_elements():
    from ase import Atoms

    atoms = Atoms("CuZrCu", positions=[[0, 0, 0], [30, 0, 0], [31, 0, 2]])
    centers = [[0, 0, 0], [30, 0, 0]]
    cpu = simulate_patterns(atoms, centers, Cylinder(5, 10))
    other = simulate_patterns(atoms, centers, Cylinder(5, 10), engine="torch", device="cpu")
    assert np.abs(cpu - other).max() < 2e-6 * cpu.max()


def test_half_precision_and_its_limit(rattled):
    single = simulate_patterns(rattled, [[9, 9, 9]], Cylinder(4, 12), engine="torch", device="cpu")
    half = simulate_patterns(rattled, [[9, 9, 9]], Cylinder(4, 12), engine="torch", dtype="f2", device="cpu")
    assert (half == single.astype(np.float16)).all()
    heavy = rattled.copy()
    heavy.numbers[:] = 79
    with pytest.raises(InputError, match="float16"):
        simulate_patterns(
            heavy, [[16, 16, 16]], Cylinder(15.9, 31), Mesh(1, 0.1), engine="torch", dtype="f2", device="cpu"
        )


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_absent_device(rattled, device):
    with pytest.raises(InputError, match="cannot be used"):
        simulate_patterns(rattled, [[9, 9, 9]], Cylinder(4, 12), engine="torch", device=device)
