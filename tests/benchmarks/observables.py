"""Core-seconds of the observables of a scan of 256 × 256 patterns of 45 × 45 pixels.

python tests/benchmarks/observables.py
"""

import time

import numpy as np

from pyiron_nbed import Mesh
from pyiron_nbed.experiment import scan_observables
from pyiron_nbed.patterns.recipe import Recipe

SIDE = 256


def main() -> None:
    """Print the time."""
    recipe = Recipe.experiment(Mesh(1.0, 0.045, integrate=3))
    patterns = np.random.default_rng().exponential(1, (SIDE**2, *recipe.mesh.shape)).astype(np.float32)
    half = np.zeros((SIDE, SIDE), bool)
    half[:, : SIDE // 2] = True
    begin = time.process_time()
    found = scan_observables(
        patterns, recipe.mesh, (SIDE, SIDE), mask=recipe.mask, electrons_per_unit=100,
        regions={"left": half, "right": ~half},
    )  # fmt: skip
    print(f"{len(patterns):,} patterns: {time.process_time() - begin:.1f} core-seconds, {found}")


if __name__ == "__main__":
    main()
