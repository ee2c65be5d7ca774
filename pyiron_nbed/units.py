"""Units, quantities with units, and the one k convention: Å, k = 1/d in Å⁻¹ (no 2π), eV.

A plain number is in the unit that its parameter names. Wherever a parameter is a length, an inverse length,
an energy, a time, a temperature, a rate or an angle, a quantity of `pint` is taken as well, of whatever
registry, alone, in an array or in a list, and is stored as a plain number: 0.5 nm becomes 5 Å, 300 keV
becomes 300e3 eV, 20 °C becomes 293.15 K, 10 K/ps becomes 1e13 K/s.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from functools import update_wrapper
from types import FunctionType
from typing import Any, TypeVar

import numpy as np
from scipy import constants

from pyiron_nbed.errors import InputError

MINIMUM_ENERGY = 1e4  # eV; below, the paraxial form of the Ewald sphere is far from the sphere
# our units by the names that pint knows
SYMBOLS = {
    "angstrom": "Å", "1/angstrom": "Å⁻¹", "eV": "eV", "K": "K", "K/s": "K/s", "ps": "ps", "fs": "fs",
    "mrad": "mrad", "degree": "°", "pixel": "pixels",
}  # fmt: skip
NOUNS = {
    "Å": "a length", "Å⁻¹": "an inverse length", "eV": "an energy", "K": "a temperature", "K/s": "a rate",
    "ps": "a time", "fs": "a time", "mrad": "an angle", "°": "an angle", "pixels": "a distance",
}  # fmt: skip
# Å of the length of each unit style of LAMMPS that has one (lj has none)
LAMMPS_LENGTHS = {
    "metal": 1.0, "real": 1.0, "si": 1e10, "cgs": 1e8, "micro": 1e4, "nano": 10.0,
    "electron": 1e10 * constants.physical_constants["Bohr radius"][0],
}  # fmt: skip
_ATTRIBUTE = "__quantities__"

T = TypeVar("T", bound=Callable)


def is_quantity(value: Any) -> bool:
    """True for a quantity of pint, of any registry; pint itself is not loaded.

    Example:
        >>> is_quantity(5.0)
        False
    """
    return hasattr(value, "_REGISTRY") and hasattr(value, "magnitude")


def to_unit(value: Any, unit: str, name: str) -> Any:
    """A quantity as plain numbers in one of our units; anything else as it is, the very same object.

    Args:
        value: quantity of pint (a number or an array), list or tuple of quantities, or anything.
        unit: one of ``SYMBOLS``.
        name: of the parameter, for the error.

    Returns:
        float, array (float64), or list or tuple of the same shape.

    Raises:
        InputError: a quantity of another dimension, a temperature difference for a temperature, an angle
            per length for k = 1/d, or a number without unit for an angle.

    Example:
        >>> import pint
        >>> units = pint.UnitRegistry()
        >>> to_unit((0.3 * units.nm, 8 * units.angstrom), "angstrom", "radius")
        (3.0, 8.0)
        >>> to_unit(5, "angstrom", "radius")
        5
    """
    if isinstance(value, (list, tuple)):
        converted = [to_unit(item, unit, name) for item in value]
        if all(new is old for new, old in zip(converted, value, strict=True)):
            return value
        return tuple(converted) if isinstance(value, tuple) else converted
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.array(to_unit(value.tolist(), unit, name))
    return _convert(value, unit, name) if is_quantity(value) else value


def _convert(value: Any, unit: str, name: str) -> float | np.ndarray:
    from pint.errors import PintError  # the caller has loaded pint already

    symbol = SYMBOLS[unit]
    try:
        # compared here: the contexts of a registry may turn a temperature into an energy
        valid = value.dimensionality == value._REGISTRY.get_dimensionality(unit)
        turned = "radian" in str(value.to_root_units().units)
        magnitude = value.to(unit).magnitude if valid else None
    except (PintError, TypeError):
        valid = False
    if not valid or turned != (unit in ("mrad", "degree")) or (unit == "K" and "delta_" in str(value.units)):
        noun = NOUNS[symbol] if unit != "1/angstrom" else "an inverse length, k = 1/d without the angle 2π"
        raise InputError(
            f"{name} has the unit {value.units}: give {noun}, as a quantity or as a plain number in {symbol}."
        )
    if np.ndim(magnitude):  # type: ignore[arg-type]
        return np.asarray(magnitude, float)
    plain = float(magnitude)  # type: ignore[arg-type]
    # without the rounding error of the factor: 10 per nm is the mesh 1.0 per Å, not 0.9999999999999999
    return plain if plain == value.magnitude else float(f"{plain:.15g}")


def quantities(**units: str) -> Callable[[T], T]:
    """Decorator: these parameters of a function, method or dataclass take quantities of pint.

    The function gets plain numbers in our units; a dataclass stores them.

    Args:
        units: one of ``SYMBOLS`` for each parameter.

    Raises:
        InputError: when the function is called, as :func:`to_unit`.
        TypeError: the function has no such parameter, or the unit is not ours.

    Example:
        >>> import pint
        >>> @quantities(radius="angstrom")
        ... def area(radius):
        ...     return 3 * radius**2
        >>> area(radius=0.1 * pint.UnitRegistry().nm)
        3.0
    """

    def decorate(function: T) -> T:
        if inspect.isclass(function):
            setattr(function, "__init__", _converting(function.__init__, units))  # noqa: B010  (for mypy)
            setattr(function, _ATTRIBUTE, units)
            return function
        return _converting(function, units)  # type: ignore[return-value]

    return decorate


def _converting(function: Callable, units: Mapping[str, str]) -> Callable:
    names = list(inspect.signature(function).parameters)
    wrong = [name for name, unit in units.items() if name not in names or unit not in SYMBOLS]
    if wrong:
        raise TypeError(f"{function.__qualname__}: no parameter or no unit of ours: {', '.join(wrong)}.")
    places = [(names.index(name), name, unit) for name, unit in units.items()]
    convert = to_unit

    def wrapper(*args, **kwargs):
        for place, name, unit in places:
            if place < len(args):
                value = args[place]
                plain = convert(value, unit, name)
                if plain is not value:
                    args = (*args[:place], plain, *args[place + 1 :])
            elif name in kwargs:
                kwargs[name] = convert(kwargs[name], unit, name)
        return function(*args, **kwargs)

    # a function of the module it is written in: doctest and others leave out those of other modules
    own = FunctionType(wrapper.__code__, function.__globals__, function.__name__, None, wrapper.__closure__)
    setattr(update_wrapper(own, function), _ATTRIBUTE, dict(units))
    return own


def units_of(*declared: Callable) -> dict[str, str]:
    """Units of the parameters that :func:`quantities` declares for functions and classes.

    Args:
        declared: decorated functions or classes.

    Returns:
        {parameter: one of ``SYMBOLS``}.

    Example:
        >>> units_of(electron_wavelength)
        {'beam_energy': 'eV'}
    """
    found: dict[str, str] = {}
    for item in declared:
        found.update(getattr(item, _ATTRIBUTE, {}))
    return found


def plain_values(values: Any, *declared: Callable) -> Any:
    """Values by the name of their parameter, with plain numbers in our units in place of quantities.

    Args:
        values: {some parameters of ``declared``: value}; others, and what is no dict, are left as they are.
        declared: functions and classes under :func:`quantities`.

    Raises:
        InputError: as :func:`to_unit`.

    Example:
        >>> import pint
        >>> plain_values({"beam_energy": 200 * pint.UnitRegistry().keV, "seed": 1}, electron_wavelength)
        {'beam_energy': 200000.0, 'seed': 1}
    """
    if not isinstance(values, Mapping):
        return values
    units = units_of(*declared)
    return {name: to_unit(v, units[name], name) if name in units else v for name, v in values.items()}


@quantities(beam_energy="eV")
def electron_wavelength(beam_energy: float) -> float:
    """Relativistic de Broglie wavelength λ = h / sqrt(2 m E (1 + E / 2mc²)) [Kirkland2010].

    Args:
        beam_energy: kinetic energy E in eV.

    Returns:
        λ in Å.

    Raises:
        InputError: an energy that is no number above 0.

    Example:
        >>> round(electron_wavelength(200e3), 5)
        0.02508
    """
    number = isinstance(beam_energy, numbers.Real) and not isinstance(beam_energy, bool)
    if not number or not 0 < beam_energy < math.inf:
        raise InputError(f"beam_energy is {beam_energy!r}: give an energy above 0 eV, for example 200e3.")
    rest, planck = constants.m_e * constants.c**2, constants.h * constants.c
    energy = beam_energy * constants.e
    return float(1e10 * planck / np.sqrt(energy * (energy + 2 * rest)))
