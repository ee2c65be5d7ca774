"""What is written where standard error is no terminal."""

import itertools
import os
import re
import subprocess
import sys

CODE = (
    "import time\n"
    "from pyiron_nbed import progress\n"
    "progress._LINES_AFTER = {after}\n"
    "with progress.progress_bar(400, 'train', 'pattern') as bar:\n"
    "    bar.update(100)\n"  # by an earlier run
    "    time.sleep(0.1)\n"
    "    for _ in range(100):\n"
    "        bar.update(3)\n"
    "        bar.set_postfix(mae='0.01')\n"
    "        time.sleep(0.005)\n"
)


def written(after, **environment):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(after=after)], check=True, capture_output=True, text=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert not done.stdout
    return done.stderr.splitlines()


def test_a_line_for_each_tenth_with_the_time_left():
    lines = written(0.05)
    assert 7 <= len(lines) <= 8
    shares = [int(re.match(r"train: +(\d+) %", line).group(1)) for line in lines]
    assert all(9 <= b - a <= 12 for a, b in itertools.pairwise(shares))
    assert all("00:00 so far, 00:00 left, mae=0.01" in line for line in lines[1:-1])


def test_short_work_and_silence_write_nothing():
    assert written(60) == []
    assert written(0.05, NBED_SILENT="1") == []
