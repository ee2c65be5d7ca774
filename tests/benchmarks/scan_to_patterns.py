"""From a file of a scan to patterns on a mesh: seconds, core seconds and peak memory; a script, not a test.

    python tests/benchmarks/scan_to_patterns.py [--size 1] [--cores 2] [--folder .] [--known] [--stop]

Writes a scan of N × N positions of 256² uint16 (256 × 256 positions are 8 GB, ``--size 8``) as .npy with an
ellipse, a descan and, on request, a beam stop; then reads, calibrates and prepares all of it in a process of
its own. With ``--known`` the calibration with which the file was written is taken in place of one that is
found, which shows what reading and preparing alone cost. The file is removed at the end; it is read from the
cache of the system where the memory holds it. Memory is that of the process ("own"), and with the pages of a
mapped file, which the system takes back where it needs them ("peak").
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from pyiron_nbed.experiment import Calibration, Descan, MeasuredScan, prepare, read_scan
from pyiron_nbed.patterns import Recipe

FRAME = (256, 256)
BYTES = 2 * FRAME[0] * FRAME[1]


def truth(n, stop):
    """The calibration with which a scan of n × n positions is written; descan over 4 pixels."""
    hidden = np.zeros(FRAME, bool)
    if stop:
        hidden[120:136, 122:] = True
    slopes = Descan("plane", np.array([[4.0, -1.0], [0.5, 3.0]]) / n)
    return Calibration(
        (126.8, 128.3), 0.0085, FRAME, (n, n), ellipticity=0.03, angle=25, descan=slopes,
        hidden=hidden if stop else None, beam_energy=200e3, semiangle=1.0,
    )  # fmt: skip


def write(path, cal):
    """Glassy rings with speckle under noise: of each position one of 64 frames at its centre."""
    rng = np.random.default_rng(0)
    ny, nx = cal.scan_shape
    file = np.lib.format.open_memmap(path, "w+", np.uint16, (ny, nx, *FRAME))
    k = cal.k()
    speckle = 1 + 0.3 * rng.standard_normal((64, *FRAME))
    mean = 2 + 60 * np.exp(-(((k - 0.42) / 0.05) ** 2)) + 20 * np.exp(-(((k - 0.72) / 0.07) ** 2))
    mean = mean + 3000 * np.exp(-((k / 0.04) ** 2))
    frames = rng.poisson(np.clip(mean * speckle, 0, None)).astype(np.uint16)
    for iy in range(ny):
        shifts = np.rint(cal.descan.shift(iy, np.arange(nx), cal.scan_shape)).astype(int)
        for ix, (dx, dy) in enumerate(shifts):
            file[iy, ix] = np.roll(frames[(iy * nx + ix) % 64], (dy, dx), (0, 1)) * cal.mask
    file.flush()


class Clock:
    """Prints the seconds, core seconds and peak memory of each step."""

    def __init__(self):
        self._wall, self._core = time.perf_counter(), time.process_time()
        self.total = np.zeros(2)

    def step(self, name):
        wall, core = time.perf_counter(), time.process_time()
        spent = np.array([wall - self._wall, core - self._core])
        self._wall, self._core = wall, core
        self.total += spent
        self.show(name, spent)

    @staticmethod
    def show(name, spent):
        times = f"{name:10} {spent[0]:7.2f} s {spent[1]:7.2f} core-s"
        print(f"{times}   own {memory('RssAnon'):6.0f} MB   peak {memory('VmHWM'):6.0f} MB", flush=True)


def memory(kind):
    """MB: "RssAnon" without pages of files, "VmHWM" the largest so far with them."""
    return int(Path("/proc/self/status").read_text().split(f"{kind}:")[1].split()[0]) / 1024


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--size", type=float, default=1.0, help="GB of the file")
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--folder", default=None, help="where the file is written; default: temporary")
    options.add_argument("--known", action="store_true", help="no calibration: it is known")
    options.add_argument("--stop", action="store_true", help="a beam stop hides a part")
    given = options.parse_args()
    n = max(2, round((given.size * 2**30 / BYTES) ** 0.5))
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "scan.npy"
        write(path, truth(n, given.stop))
        print(f"{n} × {n} frames of {FRAME[0]}², {path.stat().st_size / 2**30:.2f} GB, {given.cores} cores")
        # what was written must not count: a process of its own
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=measured, args=(path, n, given.stop, given.known, given.cores))
        process.start()
        process.join()


def measured(path, n, stop, known, cores):
    """Read, calibrate and prepare the file, and print what it costs."""
    cal = truth(n, stop)
    small = prepare(MeasuredScan.from_array(np.ones((1, 1, *FRAME), np.uint16)), CENTRED, Recipe.experiment())
    small.array(progress=False)  # kernels are compiled before the clock starts
    clock = Clock()
    clock.show("before", np.zeros(2))
    scan = read_scan(path)
    clock.step("open")
    if not known:
        from pyiron_nbed.experiment import calibrate

        cal = calibrate(scan, delta_k=cal.delta_k)
        clock.step("calibrate")
    patterns = prepare(scan, cal, Recipe.experiment(), cores=cores)
    clock.step("check")
    total, own = 0.0, 0.0
    for _, block in patterns.blocks():
        total += float(block.sum())
        own = max(own, memory("RssAnon"))
    clock.step("prepare")
    clock.show("together", clock.total)
    print(patterns, f"{1e3 * clock.total[1] / n**2:.3f} core-ms per pattern, own memory at most {own:.0f} MB")


CENTRED = Calibration((127.5, 127.5), 0.0085, FRAME)

if __name__ == "__main__":
    main()
