"""Rates of networks, training loop and pattern engine: shared by the benchmarks and ``tests/gpu``.

Everything works on any torch device; work on a GPU is waited for before the clock is read.
"""

import copy
import time
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from pyiron_nbed.diffraction import VolumeSearch
from pyiron_nbed.diffraction.accelerator import pattern_batches
from pyiron_nbed.examples import load
from pyiron_nbed.learning import Training, build_network, train
from pyiron_nbed.learning.data import DatasetBatches
from pyiron_nbed.learning.loop import Checkpoint, fit, training_images
from pyiron_nbed.patterns import DetectorEffects
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.patterns.scan import scan_grid

WARM = 3  # steps that are not timed

# dense TFLOP/s of the data sheets: float32 outside the tensor cores, TF32, bfloat16
PEAKS = {
    "H200": (66.9, 494.7, 989.4),
    "H100 PCIe": (51.2, 378.0, 756.0),
    "H100 NVL": (60.0, 417.5, 835.5),
    "H100": (66.9, 494.7, 989.4),
    "A100": (19.5, 156.0, 312.0),
}
PRECISIONS = ("float32", "tf32", "bfloat16")

EFFECTS = {
    "convergence": DetectorEffects(semiangle=(0.5, 3), beam_energy=200e3),
    "background": DetectorEffects(background=(0, 0.3)),
    "shift and ellipticity": DetectorEffects(shift=(0, 2), ellipticity=(0.97, 1.03)),
    "blur": DetectorEffects(blur=(0, 1.5)),
    "dose": DetectorEffects(dose=(1e4, 1e6)),
    "hot pixels": DetectorEffects(hot_pixels=(0, 0.001)),
    "beam stop": DetectorEffects(beam_stop=(0, 0.1)),
    "all": DetectorEffects(
        semiangle=(0.5, 3),
        background=(0, 0.3),
        shift=(0, 2),
        ellipticity=(0.97, 1.03),
        scale=(0.97, 1.03),
        blur=(0, 1.5),
        dose=(1e4, 1e6),
        hot_pixels=(0, 1e-3),
        beam_stop=(0, 0.1),
        beam_energy=200e3,
    ),
}


def peak(device, precision, given=None):
    """TFLOP/s that a device can do at most in a precision, or None where nothing is known of it.

    Args:
        device: torch device.
        precision: one of ``PRECISIONS``.
        given: three numbers in the order of ``PRECISIONS``, in place of the table's.
    """
    if given is None and device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        given = next((values for part, values in PEAKS.items() if all(w in name for w in part.split())), None)
    return None if given is None else given[PRECISIONS.index(precision)]


@contextmanager
def precision(name):
    """Numbers inside matrix products and convolutions: "float32", "tf32" or "bfloat16" (whose rest is TF32).

    Yields True where autocast to bfloat16 has to be switched on by whom it concerns.
    """
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = name != "float32"
    torch.set_float32_matmul_precision("highest" if name == "float32" else "high")
    try:
        yield name == "bfloat16"
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


def synchronize(device):
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate(call, items, seconds, device, warm=WARM):
    """Items per second of a repeated call: median over blocks of calls.

    Args:
        call: without arguments.
        items: of one call.
        seconds: to measure for, about; a block is at least one call and a fifth of it.
        device: waited for at both ends of a block.
        warm: calls before.
    """
    for _ in range(warm):
        call()
    rates, end = [], time.perf_counter() + seconds
    while not rates or time.perf_counter() < end:
        synchronize(device)
        begin, calls = time.perf_counter(), 0
        while not calls or time.perf_counter() - begin < seconds / 5:
            call()
            calls += 1
            if calls % 4 == 0:  # a GPU must not run far behind the clock
                synchronize(device)
        synchronize(device)
        rates.append(calls * items / (time.perf_counter() - begin))
    return float(np.median(rates))


def flop_per_image(name, pixels):
    """FLOPs of convolutions and matrix products for one image: (a training step, a prediction)."""
    with torch.device("meta"):  # counts shapes, computes nothing
        network, images, counts = build_network(name, None), torch.rand(2, 1, pixels, pixels), []
    for train_mode in (True, False):
        with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(train_mode):
            output = network.train(train_mode)(images)
            if train_mode:
                output.sum().backward()
        counts.append(counter.get_total_flops() / len(images))
    return counts


def constant_steps(name, pixels, batch, device, bfloat16, compiled=False):
    """Two calls: one training step of a network on constant tensors of the device, and one prediction."""
    network = build_network(name, None).to(device).to(memory_format=torch.channels_last).train()
    user = copy.deepcopy(network).eval()
    optimizer = torch.optim.Adam(network.parameters())
    images = torch.rand(batch, 1, pixels, pixels, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.rand(batch, 1, device=device)
    run = torch.compile(network) if compiled else network

    def learn():
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            output = run(images)
        loss = (output.float() - labels).abs().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def use():
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            user(images)

    return learn, use


class _Clocked:
    """Batches that note when each was taken, and how many patterns it holds."""

    def __init__(self, batches):
        self._batches, self.taken = batches, []

    def __getattr__(self, name):
        return getattr(self._batches, name)

    def ahead(self, epoch, step):
        for batch in self._batches.ahead(epoch, step):
            self.taken.append((time.perf_counter(), len(batch[1])))
            yield batch


def _batches(dataset, batch, steps):
    rows = np.arange(steps * batch) % len(dataset)
    labels = dataset.label()[rows][:, None]
    order = np.argsort(rows, kind="stable")
    return DatasetBatches([dataset], rows[order], labels[order], batch, 0), labels


def loop_parts(dataset, batch, device, seconds):
    """Patterns per second of each part of the training loop alone, beside the network.

    Args:
        dataset: ``PatternDataset``.
        batch: patterns per step.
        device: torch device.
        seconds: of each measurement, about.

    Yields:
        (name, patterns per second).
    """
    batches, _ = _batches(dataset, batch, 64)
    numbers = iter(range(10**9))
    yield (
        "reading from the file",
        rate(lambda: batches.batch(1, next(numbers) % 64), batch, seconds, torch.device("cpu")),
    )
    host = batches.batch(1, 0)[0]
    yield "copy to the device", rate(lambda: host.to(device, non_blocking=True), batch, seconds, device)
    if device.type == "cuda":
        for kind, pinned in (("float32", host.pin_memory()), ("float16", host.half().pin_memory())):
            call = lambda p=pinned: p.to(device, non_blocking=True)  # noqa: E731
            yield f"copy to the device, {kind}, pinned memory", rate(call, batch, seconds, device)
    there, recipe, training = host.to(device), Recipe.simulation(dataset.mesh), Training(weights=None)
    generator = torch.Generator(device).manual_seed(0)
    yield "images", rate(lambda: recipe(there), batch, seconds, device)
    yield "images without a look for NaN", rate(lambda: recipe(there, check=False), batch, seconds, device)
    yield (
        "images and augmentation",
        rate(lambda: training_images(there, recipe, training, generator), batch, seconds, device),
    )


def loop_rate(name, dataset, batch, steps, device, bfloat16):
    """Images per second of the training loop of :func:`pyiron_nbed.learning.train` on a pattern file.

    Args:
        name: network.
        dataset: ``PatternDataset``; its rows are repeated as often as needed.
        batch: patterns per step.
        steps: timed, after ``WARM`` others.
        device: torch device.
        bfloat16: mixed precision.
    """
    plain, labels = _batches(dataset, batch, WARM + steps)
    batches = _Clocked(plain)
    training = Training(network=name, weights=None, epochs=1, batch_size=batch, bfloat16=bfloat16)
    scale, recipe = (labels.mean(axis=0), labels.std(axis=0)), Recipe.simulation(dataset.mesh)
    fit(build_network(name, None), batches, training, recipe, device, Checkpoint(None, ""), scale)
    end = time.perf_counter()  # the loop has waited for the device
    return sum(count for _, count in batches.taken[WARM:]) / (end - batches.taken[WARM][0])


def quick_model(name, dataset, device):
    """A model of a network that has seen a tenth of a pattern file once."""
    training = Training(network=name, weights=None, epochs=1, device=str(device), baselines=False)
    return train([dataset], training, "random", 0.9).model


def prediction_rate(model, dataset, device, bfloat16, rows=None):
    """(patterns per second, seconds) of ``Model.predict``, from file to labels; ``rows`` None takes all."""
    count = len(dataset) if rows is None else len(rows)
    begin = time.perf_counter()
    model.predict(dataset, device=str(device), rows=rows, bfloat16=bfloat16)
    seconds = time.perf_counter() - begin
    return count / seconds, seconds


def volumes_of(name, volume, count, seed=0):
    """Symbols of an example structure and the atoms of ``count`` volumes drawn from its 2.5 Å scan."""
    atoms = load(name)
    centers = scan_grid(atoms, 2.5).centers
    rows = np.random.default_rng(seed).integers(len(centers), size=count)
    return np.array(atoms.get_chemical_symbols()), VolumeSearch(atoms, volume)(centers[rows], None)


def engine_rate(symbols, found, mesh, device, seconds):
    """(patterns per second, TFLOP/s) of the torch engine, patterns left on the device.

    FLOPs are those of the real matrix products: 2 (2 n)² for each atom, n nodes along a half axis, or along
    the whole axis on the Ewald sphere.
    """

    def call():
        for _, patterns in pattern_batches(found, symbols, mesh, str(device)):
            patterns.sum()

    nodes = 2 * (2 * mesh.half + 1 if mesh.curvature else mesh.half + 1)
    per_second = rate(call, len(found.counts), seconds, device, warm=1)
    return per_second, per_second * 2 * nodes**2 * float(found.counts.mean()) / 1e12
