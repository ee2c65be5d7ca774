#!/usr/bin/env bash
# Measures and checks this package on one GPU (written for an H100 or H200) in eight minutes, most important
# first: training and prediction, CUDA against the CPU, the pattern engine, a scan, an endless source.
#
# 1. On the GPU's machine, first of all (a minute; nothing is measured):
#        tests/gpu/run.sh --check
#    It says which packages its Python lacks and gives the `pip download` command for exactly this Python.
#    torch and torchvision with CUDA must be installed already (their wheels take more than 2 GB); where they are
#    not, this script ends with code 2 and measures nothing. Another Python: PYTHON=/path/to/python3 tests/gpu/run.sh
# 2. Without network there: on a machine with network run that command in the root of the checkout (for a Python
#    3.12 with torch, numba, h5py, pandas, scipy and safetensors it is no more than
#        python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
#            --platform manylinux_2_28_x86_64 -d wheels ase
#    3 MB) and bring the folder wheels/ along with the checkout. They are installed into a temporary folder.
#    pyiron, LAMMPS and OVITO are not needed.
# 3. tests/gpu/run.sh                     at most 8 minutes; give it 9 where a limit has to be named
#    Results, complete after every step: results.md (for docs/benchmarks.md), results.jsonl, log.txt, profile.txt in
#    the folder $OUT, or gpu_results; --out names another one. The end of results.md is printed too.
#    Only some steps: --steps agreement source. Exit code: 0, 1 where a step failed or CUDA and CPU disagree, 2 where
#    something is missing.
#
# Rehearsal of the same code without a GPU, under 90 s on two cores: tests/gpu/run.sh --device cpu --short
set -u
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
if compgen -G "wheels/*.whl" >/dev/null; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$site" wheels/*.whl || exit 2
    export PYTHONPATH="$PYTHONPATH:$site"
fi
case " $* " in
    *" --check "* | *" --device cpu "* | *" --device=cpu "*) ;;
    *) "$python" tests/gpu/measure.py --check || exit 2 ;;
esac
"$python" tests/gpu/measure.py "$@"
