"""Real spherical harmonics of bonds, averaged over the bonds of an atom."""

from __future__ import annotations

import math

import numpy as np

from pyiron_nbed.checks import is_whole
from pyiron_nbed.errors import InputError
from pyiron_nbed.kernels import njit

L_MAX = 20


def harmonic_coefficients(l: int) -> np.ndarray:  # noqa: E741  (the field's own name)
    """Coefficients of the real spherical harmonics of degree l as polynomials in z.

    With unit vector (x, y, z): R_lm = Σ_p c[m, p] z^p · Re or Im (x + iy)^m, normalised so
    that Σ_m R_lm(u) R_lm(v) = (2l+1)/4π P_l(u·v).

    Args:
        l: even degree, 2 to 20 (beyond, the terms of the polynomials cancel to fewer than
            ten digits).

    Returns:
        (l + 1, l + 1) float64, row m, column power of z.

    Raises:
        InputError: l is odd or out of range.

    Example:
        >>> harmonic_coefficients(2).shape
        (3, 3)
    """
    if not is_whole(l) or l % 2 or not 2 <= l <= L_MAX:
        raise InputError(f"The degree l is {l!r}: give an even number from 2 to {L_MAX} (the method uses 6).")
    l = int(l)  # noqa: E741
    legendre = np.polynomial.legendre.Legendre.basis(l).convert(kind=np.polynomial.Polynomial)
    table = np.zeros((l + 1, l + 1))
    for m in range(l + 1):
        coefficients = np.asarray(legendre.deriv(m).coef if m else legendre.coef, float)
        norm = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - m) / math.factorial(l + m))
        table[m, : len(coefficients)] = coefficients * norm * (math.sqrt(2.0) if m else 1.0)
    return table


@njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def mean_harmonics(vectors, coefficients, work, out):
    """q̄_lm of one atom; ``vectors`` (3, n) to its neighbours, ``work`` (4, n), ``out`` (2l + 1,)."""
    l = coefficients.shape[0] - 1  # noqa: E741
    n = vectors.shape[1]
    x, y, z = vectors[0], vectors[1], vectors[2]
    z2, value, real, imag = work[0], work[1], work[2], work[3]
    for k in range(n):
        inverse = 1.0 / np.sqrt(x[k] * x[k] + y[k] * y[k] + z[k] * z[k])
        x[k] *= inverse
        y[k] *= inverse
        z[k] *= inverse
        z2[k] = z[k] * z[k]
        real[k] = 1.0
        imag[k] = 0.0
    for m in range(l + 1):
        top = l - m  # highest power of z; lower ones go in steps of two
        highest = coefficients[m, top]
        for k in range(n):
            value[k] = highest
        for p in range(top - 2, -1, -2):
            lower = coefficients[m, p]
            for k in range(n):
                value[k] = value[k] * z2[k] + lower
        if top % 2:
            for k in range(n):
                value[k] *= z[k]
        if m == 0:
            total = 0.0
            for k in range(n):
                total += value[k]
            out[0] = total / n
        else:
            cosine, sine = 0.0, 0.0
            for k in range(n):
                a = real[k] * x[k] - imag[k] * y[k]
                imag[k] = real[k] * y[k] + imag[k] * x[k]
                real[k] = a
                cosine += value[k] * a
                sine += value[k] * imag[k]
            out[2 * m - 1] = cosine / n
            out[2 * m] = sine / n
