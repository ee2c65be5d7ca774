"""CUDA against CPU: pattern engine, detector, networks, and a training that is stopped and goes on."""

import os
import signal
from functools import partial

import numpy as np
import torch
from throughput import EFFECTS, precision, volumes_of

from pyiron_nbed import Cylinder, Mesh, OneLayerCluster, WeightedVolume, simulate_patterns
from pyiron_nbed.dataset import PatternDataset
from pyiron_nbed.diffraction import patterns_of_volumes
from pyiron_nbed.errors import InputError
from pyiron_nbed.examples import load
from pyiron_nbed.learning import PatternSource, Training, train
from pyiron_nbed.learning.networks import NETWORKS
from pyiron_nbed.patterns import detector
from pyiron_nbed.patterns.recipe import Recipe

CPU = torch.device("cpu")


def engine(results, options):
    """Largest difference of the torch engine from the numba engine, in units of the brightest pixel."""
    atoms = load("complexion_c")
    centers = atoms.positions[:: len(atoms) // (8 if options.short else 64)]
    inside = centers[(np.abs(centers - atoms.cell.lengths() / 2) < atoms.cell.lengths() / 2 - 1).all(axis=1)]
    for mesh in (Mesh(), Mesh(beam_energy=200e3), Mesh(1.0, 0.045)):
        for volume in (Cylinder(5, 20), WeightedVolume(4, 15), OneLayerCluster()):
            for dtype, allowed in ((np.float32, 3e-6), (np.float64, 1e-12)):
                what = f"{type(volume).__name__}, {mesh.shape[0]}², {'Ewald' if mesh.curvature else 'flat'}"
                with results.case(f"engine {what}"):
                    common = (atoms, inside, volume, mesh)
                    cpu = simulate_patterns(*common, dtype=dtype)
                    with precision("tf32"):  # as a training may have left it
                        other = simulate_patterns(
                            *common, engine="torch", dtype=dtype, device=str(options.device)
                        )
                    _compare(
                        results, "engine torch against cpu", f"{what}, {np.dtype(dtype)}", cpu, other, allowed
                    )


def effects(results, options):
    """Detector effects with the same parameters on both devices; draws by their statistics."""
    rng = np.random.default_rng(0)
    for mesh in (Mesh(1.0, 0.045), Mesh()):
        count, n = (8, mesh.shape[0]) if options.short else (64, mesh.shape[0])
        symbols, found = volumes_of("complexion_c", Cylinder(5, 20), count)
        patterns, recipe = (
            torch.from_numpy(patterns_of_volumes(found, symbols, mesh)),
            Recipe.simulation(mesh),
        )
        angle, shift = rng.uniform(0, 180, count), rng.uniform(-2, 2, (count, 2))
        some = rng.uniform(0.1, 1, count)
        d, mask, blind = mesh.delta_k, torch.from_numpy(mesh.disc), Recipe.experiment(mesh)
        bent = (shift, 1.03, angle, 1.02)
        same = {
            "convergence": (
                partial(detector.converge, semiangle=3 * some, wavelength=0.0251, delta_k=d),
                1e-5,
            ),
            "blur": (partial(detector.blur, sigma=2 * some), 1e-5),
            "background": (partial(_lit, share=some, delta_k=d, mask=mask), 1e-5),
            "distortion": (lambda p, bent=bent: detector.distort(p, *bent), 1e-5),
            "undistortion": (lambda p, bent=bent: detector.undistort(p, *bent), 1e-5),
            "beam stop": (partial(_shadow, n=n, width=some, angle=angle, delta_k=d), 0.0),
            "continuation": (partial(detector.continued, mesh=mesh, margin=4), 0.0),
            "image, simulation": (recipe, 1e-5),
            "image, experiment": (blind, 1e-5),
        }
        for name, (change, allowed) in same.items():
            with results.case(f"{name} {n}²"):
                there = change(patterns.to(options.device)).cpu()
                _compare(
                    results,
                    "detector and images, deterministic",
                    f"{name}, {n}²",
                    change(patterns),
                    there,
                    allowed,
                )
        with results.case(f"all effects {n}²"):
            twice = [
                EFFECTS["all"](
                    patterns.to(options.device), recipe, torch.Generator(options.device).manual_seed(1)
                )
                for _ in range(2)
            ]
            equal = bool(torch.equal(*twice) and torch.isfinite(twice[0]).all())
            results.add("detector and images, deterministic", what=f"all effects twice with one seed, {n}²",
                        difference=float((twice[0] - twice[1]).abs().max()), allowed=0.0,
                        ok=equal)  # fmt: skip
        for device in dict.fromkeys((CPU, options.device)):
            with results.case(f"draws on {device} {n}²"):
                _draws(results, patterns[:1].to(device), 64 if options.short else 512, f"{device.type}, {n}²")


def _lit(patterns, share, delta_k, mask):
    return detector.add_background(patterns, share, 0.3, delta_k, 0.2, mask.to(patterns.device))


def _shadow(patterns, n, width, angle, delta_k):
    return detector.bar_shadow(n, 0.2 * width, angle, delta_k, patterns.device).float()


def _draws(results, pattern, count, what):
    # counts of many exposures of one pattern, in standard deviations and variances of Poisson numbers
    generator = torch.Generator(pattern.device).manual_seed(0)
    for dose in (1e4, 1e7):
        counts = detector.expose(pattern.expand(count, -1, -1).contiguous(), dose, generator).double()
        mean = (pattern * (dose / pattern.sum())).double()
        bright = mean[0] * count > 100
        z = ((counts.mean(dim=0) - mean[0]) / (mean[0] / count).sqrt())[bright]
        ratio = float((counts.var(dim=0) / mean[0])[bright].mean())
        pixels = int(bright.sum())
        width, tolerance = (
            float((z**2).mean().sqrt()),
            6 / np.sqrt(pixels),
        )  # both have a relative error of 1/√pixels
        ok = abs(width - 1) < tolerance and abs(ratio - 1) < 2 * tolerance
        results.add("detector, drawn", what=f"dose {dose:.0e}, {what}", rms_z_of_the_mean=width,
                    variance_over_mean=ratio, pixels=pixels, allowed=float(tolerance),
                    ok=bool(ok))  # fmt: skip
    hot = detector.add_hot_pixels(torch.ones_like(pattern).expand(count, -1, -1), 1e-3, 5.0, generator) == 5
    expected = 1e-3 * hot.numel()
    z = float((hot.sum() - expected) / np.sqrt(expected))
    results.add("detector, drawn", what=f"hot pixels, {what}", z_of_the_sum=z, ok=abs(z) < 5)


def networks(results, options):
    """Largest difference of the predictions of every network, in units of the spread of the labels."""
    dataset = PatternDataset(options.files[45])
    rows = np.arange(min(len(dataset), 64 if options.short else 512))
    for name in NETWORKS:
        with results.case(f"predictions of {name}", needs=5) as go:
            if not go:
                continue
            training = Training(
                network=name,
                weights=None,
                epochs=1 if options.short else 4,
                device=str(options.device),
                baselines=False,
            )
            model = train([dataset], training, "random", 0.5).model
            with precision("float32"):
                cpu = model.predict(dataset, device="cpu", rows=rows).mean
            # what bfloat16 costs is no matter of the device: reported only
            for kind, allowed in (("float32", 1e-3), ("tf32", 2e-2), ("bfloat16", None)):
                with precision(kind) as fast:
                    other = model.predict(dataset, device=str(options.device), rows=rows, bfloat16=fast).mean
                difference = float(np.abs(cpu - other).max() / dataset.label().std())
                results.add("predictions, CPU float32 against the device", network=name, precision=kind,
                            difference=difference, allowed=allowed,
                            ok=None if allowed is None else difference <= allowed)  # fmt: skip


class Stopping(PatternSource):
    """A source that asks the process to end (SIGTERM) once, before a batch is taken."""

    at = None

    def batches(self, start=0, stop=None, prefetch=None):
        """As of PatternSource."""
        for number, batch in enumerate(super().batches(start, stop, prefetch), start):
            if number == self.at:
                self.at = None
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch


def resume(results, options):
    """Weights of a deterministic training, uninterrupted and stopped in between: the same to the last bit."""
    if options.device.type == "cuda":  # a product before the training: what a session does
        torch.rand(64, 64, device=options.device) @ torch.rand(64, 64, device=options.device)
    steps, dataset = 4, PatternDataset(options.files[45])
    cases = [("polar", steps - 1), ("polar", steps + 1), ("resnet18", steps - 1), ("cnn", steps - 1),
             ("rotation_invariant", steps - 1)]  # fmt: skip
    source = Stopping(
        [load("complexion_b")], [Cylinder(5, 20)], Mesh(1.0, 0.045), zone_axes=[(0, 0, 1)],
        batch_size=16 if options.short else 128, engine="torch", device=str(options.device),
    )  # fmt: skip
    for number, (name, at) in enumerate(cases):
        what = f"{name}, stopped after {at + 1} of {3 * steps} steps"
        with results.case(f"resume {what}", needs=5) as go:
            if not go:
                continue
            training = Training(
                network=name, weights=None, epochs=3, steps_per_epoch=steps, device=str(options.device),
                deterministic=True, baselines=False,
            )  # fmt: skip
            source.at = None
            whole = train(source, training, test_datasets=[dataset]).model.networks[0].state_dict()
            folder = options.work / f"resume_{number}"
            folder.mkdir()
            source.at = at
            try:
                train(source, training, test_datasets=[dataset], folder=folder)
                raise InputError("The training was not stopped.")
            except SystemExit:
                pass
            rest = (
                train(source, training, test_datasets=[dataset], folder=folder).model.networks[0].state_dict()
            )
            difference = max(float((whole[key].double() - rest[key].double()).abs().max()) for key in whole)
            results.add("deterministic training, uninterrupted against resumed", what=what,
                        difference=difference, allowed=0.0, ok=difference == 0)  # fmt: skip


def _compare(results, table, what, one, other, allowed):
    one, other = (torch.as_tensor(values).double() for values in (one, other))
    difference = float((one - other).abs().max() / one.abs().max())
    results.add(table, what=what, difference=difference, allowed=allowed, ok=difference <= allowed)


PARTS = (engine, resume, networks, effects)
