"""The named exceptions of the package. Each message says what was given, what is allowed, what to do."""


class NBEDError(Exception):
    """Base class of all errors raised on purpose by pyiron_nbed."""


class StructureError(NBEDError, ValueError):
    """A structure cannot be used: no atoms, NaN positions, overlapping atoms, unsuitable cell."""


class PotentialError(NBEDError, ValueError):
    """An interatomic potential is unknown, absent, damaged or does not know an element."""


class LammpsError(NBEDError, RuntimeError):
    """LAMMPS is missing or stopped with an error."""


class VolumeError(NBEDError, ValueError):
    """An interaction volume does not fit the cell or holds no atoms."""


class DatasetError(NBEDError, ValueError):
    """A pattern file is absent, truncated, foreign or does not match what is asked of it."""


class ModelError(NBEDError, ValueError):
    """A trained model cannot be read or does not match the patterns given to it."""


class InputError(NBEDError, ValueError):
    """An input value of a job or function is missing, unknown or out of range."""
