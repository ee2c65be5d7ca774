"""How the centre of the pattern wanders over the camera while the probe is scanned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyiron_nbed.checks import one_of, real_array
from pyiron_nbed.containers import read_only

KINDS_OF_DESCAN = {"none": 0, "plane": 2, "parabola": 5}  # numbers for each of x and y


@dataclass(frozen=True)
class Descan:
    """How the centre wanders over the camera while the probe is scanned.

    With u = ix − (Nx − 1)/2 and v = iy − (Ny − 1)/2 the shift in pixels is a_1 u + a_2 v for a plane, and
    a_1 u + a_2 v + a_3 u² + a_4 u v + a_5 v² for a parabola, for x and for y.

    Args:
        kind: "none", "plane" or "parabola".
        coefficients: (2, 0), (2, 2) or (2, 5): a_1, a_2, … of x, then of y, in pixels.

    Raises:
        InputError: another kind, or other numbers than the kind takes.

    Example:
        >>> Descan("plane", [[0.1, 0.0], [0.0, 0.2]]).shift(0, 4, (5, 5)).tolist()
        [0.2, -0.4]
    """

    kind: str = "none"
    coefficients: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))

    def __post_init__(self) -> None:
        one_of(self.kind, "Descan: kind", KINDS_OF_DESCAN)
        count = KINDS_OF_DESCAN[self.kind]
        what = f"(2, {count}) numbers in pixels for a descan of kind {self.kind!r}"
        values = real_array(self.coefficients, "Descan: coefficients", (2, count), what)
        object.__setattr__(self, "coefficients", read_only(values))

    def shift(self, iy: Any, ix: Any, scan_shape: tuple[int, int]) -> np.ndarray:
        """Shift of the centre at positions of the scan.

        Args:
            iy, ix: rows and columns of the scan, whole numbers or arrays of one shape.
            scan_shape: (Ny, Nx).

        Returns:
            (…, 2) x and y in pixels.
        """
        v, u = (np.asarray(i, float) - (n - 1) / 2 for i, n in zip((iy, ix), scan_shape, strict=True))
        u, v = np.broadcast_arrays(u, v)
        terms = np.stack([u, v, u * u, u * v, v * v], axis=-1)[..., : KINDS_OF_DESCAN[self.kind]]
        return terms @ self.coefficients.T

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Descan)
            and self.kind == other.kind
            and np.array_equal(self.coefficients, other.coefficients)
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.coefficients.tobytes()))
