"""Two views on the shipped models fit where Binder runs them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from cold_start import MEMORY, peak_memory


def test_two_views_of_2000_samples_stay_below_one_and_a_half_gigabytes():
    peak, shown = peak_memory()
    assert shown == "((2000, 2), (2000, 2), 18816)", "the largest layer was shown"
    assert 0.2e9 < peak < MEMORY
