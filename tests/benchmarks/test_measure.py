"""Statistics of timings, and processes that are timed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measure import ChildError, cpu_seconds, exponent, run_python, spread


def test_an_exact_power_law_is_found_without_error() -> None:
    slope, error = exponent([1, 2, 4, 8], [3 * size**0.7 for size in (1, 2, 4, 8)])
    assert slope == pytest.approx(0.7)
    assert error == pytest.approx(0, abs=1e-9)


def test_the_standard_error_covers_the_noise() -> None:
    rng = np.random.default_rng(0)
    sizes = np.geomspace(1, 64, 7)
    fits = [exponent(sizes.tolist(), (sizes * np.exp(0.1 * rng.normal(size=7))).tolist()) for _ in range(400)]
    slopes, errors = np.transpose(fits)
    assert slopes.mean() == pytest.approx(1, abs=0.01)
    assert np.sqrt((errors**2).mean()) == pytest.approx(slopes.std(), rel=0.15)


@pytest.mark.parametrize(("sizes", "seconds"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 0, 2])])
def test_an_exponent_needs_three_positive_points(sizes: list[float], seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="three sizes or more, all values positive"):
        exponent(sizes, seconds)


def test_median_and_quartiles() -> None:
    assert spread([5, 1, 2, 4, 3]) == {"median": 3, "q1": 2, "q3": 4, "repeats": 5}


def test_warm_up_and_preparation_are_not_among_the_repeats() -> None:
    done: list[str] = []
    seconds = cpu_seconds(lambda: done.append("work"), 3, warm_up=2, prepare=lambda: done.append("prepare"))
    assert len(seconds) == 3
    assert done == ["prepare", "work"] * 5


def test_a_process_reports_its_own_cpu_time_and_memory() -> None:
    used = run_python(["-c", "x = b'x' * (600 << 20)\nsum(range(5_000_000))\nprint('noise')\nprint('[1]')"])
    assert used.answer == [1]
    assert used.peak_mib > 600
    assert used.cpu_seconds > 0.02


def test_an_error_of_a_process_is_told() -> None:
    with pytest.raises(ChildError, match="ModuleNotFoundError: No module named 'absent'"):
        run_python(["-c", "import absent"])
