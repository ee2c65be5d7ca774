"""Writes recorded.json: V(k) and angular powers by pyxem. Run it where pyxem is installed (it is GPL).

python record.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pyxem.signals import Diffraction2D
from speckle import GAIN, K_MAX, K_RANGE, ORDERS, PIXELS, RING_PIXELS, RINGS, SCAN, speckle_patterns

WIDTH = RING_PIXELS * 2 * K_MAX / PIXELS
METHODS = {"annular_mean": "Omega", "pattern": "r", "ensemble": "re", "image": "VImage"}


def main() -> None:
    """Compute and write."""
    signal = Diffraction2D(speckle_patterns().reshape(*SCAN, PIXELS, PIXELS))
    signal.calibration(units="k_A^-1", scale=2 * K_MAX / PIXELS, center=None)
    # rings whose middles are whole multiples of their width
    first, last = (round(k / WIDTH) for k in K_RANGE)
    options = {"npt": last - first + 1, "radial_range": ((first - 0.5) * WIDTH, (last + 0.5) * WIDTH)}
    found = {name: signal.get_variance(method=method, **options).data for name, method in METHODS.items()}
    # only these two of pyxem's corrections subtract 1/electrons for every pixel or ring of each pattern
    found |= {
        f"{name}_corrected": signal.get_variance(method=METHODS[name], gain=GAIN, **options).data
        for name in ("annular_mean", "pattern")
    }
    power = []
    for ring in RINGS:
        polar = signal.get_azimuthal_integral2d(npt=1, npt_azim=360, radial_range=ring, mean=True)
        spectrum = polar.get_angular_power().data.reshape(*SCAN, -1)
        power.append(spectrum[..., list(ORDERS)] / spectrum[..., :1])
    values = {
        "codes": {name: version(name) for name in ("pyxem", "hyperspy", "numpy")},
        "k": [n * WIDTH for n in range(first, last + 1)],
        "variance": {name: np.ravel(v).astype(float).round(7).tolist() for name, v in found.items()},
        "power": np.array(power).reshape(len(RINGS), -1, len(ORDERS)).round(9).tolist(),
    }
    path = Path(__file__).with_name("recorded.json")
    path.write_text(json.dumps(values) + "\n", encoding="utf-8")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
