"""Everything that has to be known of this package on a GPU, in eight minutes; start it by ``run.sh``.

    python tests/gpu/measure.py --check                   # what this machine lacks, and how to bring it along
    python tests/gpu/measure.py --device cuda --out gpu_results
    python tests/gpu/measure.py --device cpu --short      # rehearsal of the same code without a GPU

Each step is a process of its own with a time of its own, so that no error or hang of one stops the others:
they are forked from a process that has loaded all modules (once) and never touches the GPU.
In the output folder: ``results.jsonl`` (one JSON object a line, as soon as it is known), ``log.txt``,
``profile.txt`` and, rewritten after every step, ``results.md`` (tables for docs/benchmarks.md). The exit code
is 1 where a step failed or the device and the CPU disagree.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for folder in (HERE.parent / "benchmarks", ROOT):  # the checkout's package need not be installed
    sys.path.insert(0, str(folder))

NEEDED = [
    "ase", "h5py", "lazy_loader", "numba", "numpy", "pandas", "safetensors", "scipy", "threadpoolctl",
    "torch", "torchvision", "tqdm",
]  # fmt: skip
# most important first: seconds that a step may take
BUDGETS = {
    "prepare": 45, "training": 100, "agreement": 80, "engine": 30, "scan": 40, "source": 185, "extras": 60
}  # fmt: skip
FULL, GRACE = 455.0, 8.0  # seconds for all steps; seconds that a step may take beyond its time
REHEARSAL = 600.0  # for a step, and not the sizes, so that a busy machine ends it too


def check():
    """0 where all that is needed is here and torch sees a GPU; else says what to do and gives 2."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    if {"torch", "torchvision"} & set(missing):
        print(
            "torch or torchvision is not installed for this Python. Their CUDA wheels take more than 2 GB: "
            "use a Python, image or module that has them (PYTHON=/path/to/python3 tests/gpu/run.sh)."
        )
    light = [name for name in missing if name not in ("torch", "torchvision")]
    if light:
        version, kind = ".".join(platform.python_version_tuple()[:2]), platform.machine()
        print(
            f"Missing: {', '.join(light)}. On a machine with network, in the root of the checkout:\n"
            f"  python3 -m pip download --no-deps --only-binary=:all: --python-version {version} "
            "--implementation cp \\\n"
            f"    --platform manylinux_2_28_{kind} --platform manylinux_2_17_{kind} "
            f"--platform manylinux2014_{kind} -d wheels {' '.join(light)}\n"
            "then bring the folder wheels/ along; run.sh installs what is in it."
        )
    if missing:
        return 2
    import torch

    print(f"torch {torch.__version__}, CUDA of torch {torch.version.cuda}", end="")
    if not torch.cuda.is_available():
        print(": sees no GPU. Look at nvidia-smi (driver?) and whether this torch was built for CUDA; "
              "--device cpu --short rehearses without one.")  # fmt: skip
        return 2
    gib = torch.cuda.get_device_properties(0).total_memory / 2**30
    print(f", {torch.cuda.get_device_name()}, {gib:.0f} GiB")
    return 0


def head(device):
    """(name, value) pairs that the results begin with; found by other processes, see above."""
    name, cuda, cudnn, driver = "CPU", "", "", ""
    if device != "cpu":
        code = (
            "import torch, sys; print(torch.cuda.get_device_name(sys.argv[1]));"
            "print(torch.version.cuda); print(torch.backends.cudnn.version())"
        )
        name, cuda, cudnn = _output([sys.executable, "-c", code, device], 120).split("\n")[:3]
        query = "--query-gpu=driver_version,memory.total,power.limit,clocks.max.sm"
        driver = _output(["nvidia-smi", query, "--format=csv,noheader"])
    commit = _output(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]).strip()
    return [
        ("date", datetime.date.today().isoformat()), ("device", name),
        ("driver, memory, power limit, largest clock", driver.split("\n")[0]),
        ("torch", importlib.metadata.version("torch")), ("CUDA", cuda), ("cuDNN", cudnn),
        ("Python", platform.python_version()),
        ("cores", os.cpu_count()), ("commit", commit),
        ("command", "tests/gpu/run.sh " + " ".join(sys.argv[1:])),
    ]  # fmt: skip


def _output(command, timeout=20):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout).stdout or "\n\n\n\n"
    except (OSError, subprocess.TimeoutExpired):
        return "\n\n\n\n"


def run_all(options):
    """Run the steps one after the other; 0 where all went well."""
    import results as writing

    end = time.monotonic() + (len(BUDGETS) * REHEARSAL if options.short else options.seconds)
    options.out.mkdir(parents=True, exist_ok=True)
    lines, failed = options.out / "results.jsonl", []
    lines.write_text("")
    for name in ("log.txt", "profile.txt"):
        (options.out / name).unlink(missing_ok=True)
    os.environ.setdefault("TQDM_DISABLE", "1")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(head, options.device)
        import steps  # noqa: F401  (loads torch and the package before the processes are forked)

        top = waiting.result()
    with tempfile.TemporaryDirectory() as work:
        options.work = Path(work)
        for step, budget in BUDGETS.items():
            if options.steps and step not in {"prepare", *options.steps}:
                continue
            seconds = min(REHEARSAL if options.short else budget, end - time.monotonic() - GRACE)
            begin = time.monotonic()
            code = "left out: no time" if seconds < 5 else _step(step, seconds, options)
            took = {"seconds": round(time.monotonic() - begin, 1), "ok": code == 0}
            if code != 0:
                failed.append(step)
            writing.Results(lines, step, 0).add("step", **took, exit=str(code))
            rows = [json.loads(line) for line in lines.read_text().splitlines()]
            partial = options.out / "results.md.partial"
            partial.write_text(writing.markdown(rows, top))
            os.replace(partial, options.out / "results.md")
    print(f"results in {options.out}; " + (f"failed: {', '.join(failed)}" if failed else "all went well"))
    return 1 if failed else 0


def _step(step, seconds, options):
    # exit code of the process of a step, or what happened to it
    process = multiprocessing.get_context("fork").Process(target=run_step, args=(step, seconds, options))
    process.start()
    try:
        process.join(seconds + GRACE)
        return f"killed after {seconds + GRACE:.0f} s" if process.is_alive() else process.exitcode
    finally:
        process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started
        process.join()


def run_step(step, seconds, options):
    """One step, in a process of its own, which it ends."""
    os.setsid()
    log = os.open(options.out / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import results as writing
    import steps
    import torch

    results = writing.Results(options.out / "results.jsonl", step, seconds)
    with results.case(step):
        options.device = torch.device(options.device)
        if options.device.type == "cuda" and options.device.index is None:
            options.device = torch.device("cuda", torch.cuda.current_device())
        options.files = {
            n: options.work / f"patterns_{n}.h5" for n in ((45,) if options.short else (133, 45))
        }
        options.seconds = 0.2 if options.short else 1.0  # of one measurement, about
        steps.STEPS[step](results, options)
    sys.exit(int(results.failed))


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="say what is missing, and end")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--short", action="store_true", help="small sizes, under 90 s on two cores")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "gpu_results"))
    parser.add_argument("--steps", nargs="+", help='only these, after "prepare"')
    parser.add_argument("--seconds", type=float, default=FULL, help="for all steps together")
    parser.add_argument("--peak", nargs=3, type=float, metavar=("FLOAT32", "TF32", "BFLOAT16"),
                        help="TFLOP/s of the device, where throughput.py lacks it")  # fmt: skip
    options = parser.parse_args()
    if options.check:
        return check()
    return run_all(options)


if __name__ == "__main__":
    sys.exit(main())
