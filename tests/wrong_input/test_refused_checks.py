"""Wrong values of the checks themselves."""

import numpy as np
import pytest
from refusal import assert_refused

from pyiron_nbed import checks

ROWS = {
    "number as text": (lambda: checks.number("1", "cutoff", above=0, unit="Å"), "cutoff is '1'"),
    "number is a flag": (lambda: checks.number(True, "cutoff"), "cutoff is True"),
    "number is NaN": (lambda: checks.number(np.nan, "cutoff"), "finite"),
    "whole is half": (lambda: checks.whole(0.5, "seed"), "whole number"),
    "interval in the wrong order": (lambda: checks.interval((3, 1), "radius"), "lowest, highest"),
    "one_of another": (lambda: checks.one_of("gpu", "engine", ("cpu", "torch")), "'cpu', 'torch'"),
    "flag as text": (lambda: checks.flag("yes", "minimize"), "True or False"),
    "direction of zeros": (lambda: checks.direction((0, 0, 0), "zone_axis"), "not all zero"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(row, in_folder):
    assert_refused(*row, in_folder)
