"""The steps of ``measure.py``; each writes its rows as it goes and ends in time."""

import subprocess
import threading
import time
from functools import partial
from itertools import product

import agreement
import numpy as np
import torch
from throughput import (
    EFFECTS,
    PRECISIONS,
    constant_steps,
    engine_rate,
    flop_per_image,
    loop_parts,
    loop_rate,
    peak,
    precision,
    prediction_rate,
    quick_model,
    rate,
    volumes_of,
)

from pyiron_nbed import Cylinder, Ellipsoid, Mesh, OneLayerCluster
from pyiron_nbed.dataset import PatternDataset, build_dataset
from pyiron_nbed.diffraction import VolumeSearch
from pyiron_nbed.examples import load
from pyiron_nbed.learning import Augmentation, PatternSource, Training, train
from pyiron_nbed.patterns.recipe import Recipe

MESHES = {45: Mesh(1.0, 0.045), 133: Mesh()}


def prepare(results, options):
    """Pattern files that the other steps read, and what a plain matrix product reaches."""
    for pixels, path in options.files.items():
        with results.case(f"pattern file {pixels}²"):
            begin = time.perf_counter()
            step = 8.0 if options.short else 4.0
            count = build_dataset(
                path, [load("complexion_b")], [Cylinder(5, 20)], MESHES[pixels], (step, step, 12),
                labels=["disorder_parameter"],
            )  # fmt: skip
            results.add("files", pixels=pixels, patterns=count, seconds=time.perf_counter() - begin)
    size = 512 if options.short else 8192
    for name in PRECISIONS:
        with results.case(f"matrix product {name}"), precision(name) as fast:
            kind = torch.bfloat16 if fast else torch.float32
            a, b = (torch.rand(size, size, device=options.device, dtype=kind) for _ in range(2))
            tflops = rate(lambda a=a, b=b: a @ b, 2 * size**3, options.seconds, options.device) / 1e12
            top = peak(options.device, name, options.peak)
            results.add("matrix product", size=size, precision=name, tflops=tflops, peak=top,
                        share_of_peak=top and tflops / top)  # fmt: skip


def training(results, options):
    """Training and prediction: constant tensors on the device, and the loop from a file."""
    batches = (8,) if options.short else (512, 64, 2048)
    pixel_counts = (45,) if options.short else (133, 45)
    kinds = ("float32", "bfloat16") if options.short else ("bfloat16", "tf32", "float32")
    flop = {}
    for batch in batches:
        _rates(results, options, batch, pixel_counts, kinds, flop)
        if batch == batches[0]:
            _parts(results, options, batch, pixel_counts)


def _rates(results, options, batch, pixel_counts, kinds, flop):
    for pixels, name, kind in product(pixel_counts, ("resnet18", "polar"), kinds):
        what = {"network": name, "pixels": pixels, "precision": kind, "batch": batch}
        with results.case(str(what), needs=3 + 4 * options.seconds) as go, precision(kind) as fast:
            if not go:
                continue
            if (name, pixels) not in flop:
                flop[name, pixels] = flop_per_image(name, pixels)
            if options.device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(options.device)
            learn, use = constant_steps(name, pixels, batch, options.device, fast)
            bare = rate(learn, batch, options.seconds, options.device)
            used = rate(use, batch, options.seconds, options.device)
            dataset = PatternDataset(options.files[pixels])
            steps = max(4, round(1.5 * bare * options.seconds / batch))
            loop = loop_rate(name, dataset, batch, min(steps, 400_000 // batch), options.device, fast)
            top = peak(options.device, kind, options.peak)
            done = [r * f / 1e12 for r, f in zip((bare, used), flop[name, pixels], strict=True)]
            memory = None
            if options.device.type == "cuda":
                memory = torch.cuda.max_memory_allocated(options.device) / 2**30
            results.add(
                "images per second", **what, constant=bare, tflops=done[0],
                share_of_peak=top and done[0] / top, loop=loop, share_loop_of_constant=loop / bare,
                constant_prediction=used,
                tflops_prediction=done[1], share_of_peak_prediction=top and done[1] / top, gib=memory,
            )  # fmt: skip


def _parts(results, options, batch, pixel_counts):
    for pixels in pixel_counts:
        with results.case(f"parts of the loop {pixels}²", needs=4 * options.seconds) as go:
            if go:
                dataset = PatternDataset(options.files[pixels])
                for part, per_second in loop_parts(dataset, batch, options.device, options.seconds / 2):
                    results.add("parts of the loop, each alone", part=part, pixels=pixels, batch=batch,
                                patterns_per_second=per_second,
                                milliseconds=1e3 * batch / per_second)  # fmt: skip


def agree(results, options):
    """The device against the CPU."""
    for part in agreement.PARTS:
        with results.case(part.__name__, needs=2) as go:
            if go:
                part(results, options)


def engine(results, options):
    """Patterns per second of the torch engine, and of detector effects on the device."""
    count = 64 if options.short else 30_000
    volumes = [Cylinder(4.6, 20), Ellipsoid(8, 30), Cylinder(9, 20), OneLayerCluster()]
    meshes = [Mesh(), Mesh(beam_energy=200e3), Mesh(1.0, 0.045)]
    top = peak(options.device, "float32", options.peak)
    for volume in volumes[:2] if options.short else volumes:
        symbols = found = None
        for mesh in meshes:
            slice_ = "Ewald sphere" if mesh.curvature else "flat"
            what = f"{type(volume).__name__} {volume.as_dict()} {mesh.shape[0]}² {slice_}"
            with results.case(what, needs=1 + 2 * options.seconds) as go:
                if not go:
                    continue
                if found is None:
                    symbols, found = _found(volume, count)
                per_second, tflops = engine_rate(symbols, found, mesh, options.device, options.seconds)
                results.add(
                    "patterns per second, left on the device", volume=type(volume).__name__,
                    atoms=float(found.counts.mean()), pixels=mesh.shape[0], slice=slice_,
                    patterns_per_second=per_second, tflops=tflops, share_of_peak=top and tflops / top,
                    gigabytes_per_second=per_second * 4 * mesh.shape[0] ** 2 / 1e9,
                )  # fmt: skip
    batch = 16 if options.short else 512
    for (name, change), mesh in product(EFFECTS.items(), (MESHES[45],) if options.short else MESHES.values()):
        with results.case(f"effect {name}", needs=2 * options.seconds) as go:
            if not go:
                continue
            patterns = torch.rand(batch, *mesh.shape, device=options.device)
            generator = torch.Generator(options.device).manual_seed(0)
            call = partial(change, patterns, Recipe.simulation(mesh), generator)
            per_second = rate(call, batch, options.seconds / 2, options.device)
            results.add("detector effects", effect=name, pixels=mesh.shape[0], batch=batch,
                        patterns_per_second=per_second, microseconds=1e6 / per_second)  # fmt: skip


def _found(volume, count):
    if not isinstance(volume, OneLayerCluster):
        return volumes_of("complexion_a", volume, count)
    atoms = load("complexion_a")
    rows = np.random.default_rng(0).integers(len(atoms), size=count)
    return np.array(atoms.get_chemical_symbols()), VolumeSearch(atoms, volume)(atoms.positions[rows], None)


def scan(results, options):
    """A scan of 256 × 256 places predicted, from a pattern file to labels."""
    count, step = (16 * 16, 6.0) if options.short else (256 * 256, 0.6)
    for pixels in (45,) if options.short else (133, 45):
        path = options.work / f"scan_{pixels}.h5"
        with results.case(f"scan {pixels}²", needs=10) as go:
            if not go:
                continue
            begin = time.perf_counter()
            build_dataset(
                path, [load("complexion_c")], [Cylinder(5, 20)], MESHES[pixels], (step, step, 12),
                labels=["disorder_parameter"],
            )  # fmt: skip
            built = time.perf_counter() - begin
            dataset = PatternDataset(path)
            rows = np.arange(count) % len(dataset)
            for name, fast in product(("resnet18", "polar"), (False, True)):
                with results.case(f"scan {pixels}² {name}", needs=5) as go:
                    if not go:
                        continue
                    model = quick_model(name, PatternDataset(options.files[pixels]), options.device)
                    prediction_rate(model, dataset, options.device, fast, rows[: count // 16])
                    per_second, seconds = prediction_rate(model, dataset, options.device, fast, rows)
                    results.add("predicted", places=count, pixels=pixels, network=name,
                                bfloat16=fast, seconds=seconds, patterns_per_second=per_second,
                                patterns_in_file=len(dataset), seconds_to_simulate=built)  # fmt: skip
            path.unlink()


class Clocked(PatternSource):
    """A source that notes when its batches were taken."""

    def __init__(self, *args, **kwargs):
        self.taken = []
        super().__init__(*args, **kwargs)

    def batches(self, start=0, stop=None, prefetch=None):
        """As of PatternSource."""
        for batch in super().batches(start, stop, prefetch):
            self.taken.append(time.perf_counter())
            yield batch

    def rate(self, skip=5):
        """Patterns per second and (begin, end) of the batches taken, the first left out."""
        taken = self.taken[skip:]
        return self.batch_size * (len(taken) - 1) / (taken[-1] - taken[0]), (taken[0], taken[-1])


class Utilisation:
    """Samples of the GPU's use, read from ``nvidia-smi`` twice a second."""

    def __init__(self, device):
        self._rows, self._process = [], None
        if device.type != "cuda":
            return
        try:
            self._process = subprocess.Popen(
                ["nvidia-smi", f"--id={device.index or 0}", "--loop-ms=500", "--format=csv,noheader,nounits",
                 "--query-gpu=utilization.gpu,power.draw"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        except OSError:
            return
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            try:
                self._rows.append([time.perf_counter(), *map(float, line.split(","))])
            except ValueError:  # "[N/A]"
                continue

    def mean(self, begin, end):
        """Mean use (0 to 1) and power in W between two times; None where nothing was read."""
        rows = [row[1:] for row in list(self._rows) if begin <= row[0] <= end]
        if not rows:
            return None, None
        use, power = np.mean(rows, axis=0)
        return float(use) / 100, float(power)

    def stop(self):
        """End the sampling."""
        if self._process is not None:
            self._process.kill()


def source(results, options):
    """Trainings on an endless source; the test error on an unseen boundary before and after."""
    names = ["complexion_a"] if options.short else [
        "complexion_a", "complexion_b", *(f"boundary_{i}" for i in range(1, 9))
    ]  # fmt: skip
    structures = [load(name) for name in names]
    mesh, test_path = MESHES[45], options.work / "complexion_c.h5"
    step = 10.0 if options.short else 3.0
    build_dataset(test_path, [load("complexion_c")], [Cylinder(5, 20)], mesh, (step, step, 12),
                  labels=["disorder_parameter"])  # fmt: skip
    test = PatternDataset(test_path)
    device, spread = str(options.device), float(test.label().std())
    use = Utilisation(options.device)
    plans = [("torch", 120.0, 0.7), ("cpu", 30.0, 0.6)]
    for engine_, wanted, share in plans:
        with results.case(f"source, engine {engine_}", needs=6 + 8 * options.seconds) as go:
            if not go:
                continue
            seconds = min(8 * options.seconds if options.short else wanted, share * results.left())
            stream = Clocked(
                structures, [Cylinder(5, 20)], mesh, zone_axes=[(0, 0, 1)], turned=True, engine=engine_,
                batch_size=32 if options.short else 512, device=device,
            )  # fmt: skip
            common = {
                "network": "polar", "weights": None, "device": device, "baselines": False,
                "schedule": "one_cycle", "optimizer": "adamw", "augmentation": Augmentation(rotation=0.0),
            }  # fmt: skip
            warm = 12 if options.short else 60  # a learning rate that changes nothing: the error before
            first = Training(**common, epochs=1, steps_per_epoch=warm, learning_rate=1e-12)
            before = train(stream, first, test_datasets=[test]).test
            estimate, _ = stream.rate()
            stream.taken.clear()
            steps = max(2, round(seconds * estimate / stream.batch_size / 5))
            second = Training(**common, epochs=5, steps_per_epoch=steps, learning_rate=3e-3)
            trained = train(stream, second, test_datasets=[test])
            per_second, span = stream.rate()
            busy, watt = use.mean(*span)
            results.add(
                "training on an endless source", engine=engine_, network="polar", pixels=45,
                batch=stream.batch_size, seconds=span[1] - span[0], images=5 * steps * stream.batch_size,
                images_per_second=per_second, share_gpu_busy=busy, watt=watt, rmse_before=_rmse(before),
                rmse_after=_rmse(trained.test), spread_of_the_label=spread, test_patterns=len(test),
                ok=options.short or _rmse(trained.test) < _rmse(before),
            )  # fmt: skip
    use.stop()


def _rmse(table):
    return float(np.sqrt(((table["true"] - table["predicted"]) ** 2).mean()))


def extras(results, options):
    """Where the time of the loop goes, and what other settings would give; only with what time is left."""
    pixels, batch = (45, 8) if options.short else (133, 512)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if options.device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    for name, size in (("resnet18", pixels), ("polar", 45)):
        with results.case(f"profile {name}", needs=5) as go:
            if not go:
                continue
            dataset = PatternDataset(options.files[size])
            with torch.profiler.profile(activities=kinds) as profile:
                loop_rate(name, dataset, batch, 4 if options.short else 20, options.device, True)
            by = "self_device_time_total" if options.device.type == "cuda" else "self_cpu_time_total"
            with (options.out / "profile.txt").open("a") as file:
                table = profile.key_averages().table(sort_by=by, row_limit=30, max_name_column_width=70)
                file.write(f"training loop, {name}, {size}², batches of {batch}, bfloat16\n{table}\n")
    trials = {"cudnn.benchmark": False, "torch.compile": True}
    if options.short:
        del trials["torch.compile"]  # minutes of a C++ compiler
    for (name, size), (trial, compiled) in product((("resnet18", pixels), ("polar", 45)), trials.items()):
        with results.case(f"{trial} {name}", needs=8 if not compiled else 40) as go:
            if not go:
                continue
            torch.backends.cudnn.benchmark = not compiled
            learn, _ = constant_steps(name, size, batch, options.device, True, compiled)
            bare = rate(learn, batch, options.seconds, options.device, warm=6)
            results.add("constant tensors with other settings, bfloat16", network=name, pixels=size,
                        batch=batch, setting=trial, images_per_second=bare)  # fmt: skip
    torch.backends.cudnn.benchmark = False


STEPS = {
    "prepare": prepare, "training": training, "agreement": agree, "engine": engine, "scan": scan,
    "source": source, "extras": extras,
}  # fmt: skip
