"""How coverage is measured: known coverages are found, and what is said of few samples is what was measured."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.evaluation.intervals import HOLDS, few_samples
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.reliability.coverage.measure import SAMPLES, as_rows, crossed_coverage, mean_coverage, measure
from regional_dispatch.reliability.coverage.page import coverage_page
from regional_dispatch.reliability.coverage.populations import POLICIES, REAL_KPIS, Population, of_episodes, weeks

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "intervals.md"
META = {
    "repetitions": 200,
    "episodes": 40,
    "seed": 0,
    "command": "c",
    "versions": {},
    "cpu": {"count": 1, "model": "m"},
}


def frames() -> dict[str, pd.DataFrame]:
    """Forty made-up episodes of each policy on one world."""
    draws = np.random.default_rng(0)
    parts = [
        pd.DataFrame({kpi: draws.lognormal(size=40) for kpi in {*REAL_KPIS, EPISODE_COST}}).assign(
            policy=policy, episode=range(40)
        )
        for policy in POLICIES
    ]
    parts[1][EPISODE_COST] += 9.0  # the rule against which a gap is closed is the dearest
    return {"small": pd.concat(parts, ignore_index=True)}


def test_students_t_alone_holds_normal_means_as_often_as_it_says_and_skewed_ones_less() -> None:
    draws = np.random.default_rng(1)
    normal = Population("normal", False, draws.normal(size=100_000))
    skewed = Population("skewed", False, draws.lognormal(0, 1, 100_000))
    found = [mean_coverage(population, 8, 4000, draws) for population in (normal, skewed)]
    assert found[0].alone == pytest.approx(0.95, abs=0.012) and found[0].held > 0.95
    assert found[1].alone < 0.86 < found[1].held
    assert found[0].error == pytest.approx(0.0035, abs=0.001) and found[0].withheld == 0


def test_samples_without_an_interval_are_counted_apart() -> None:
    rare = Population("rare", False, np.array([1.0] * 95 + [0.0] * 5))
    found = mean_coverage(rare, 8, 2000, np.random.default_rng(2))
    assert found.withheld > 0.95 and found.held is None
    assert mean_coverage(rare, 2, 200, np.random.default_rng(2)).withheld == 1


def test_few_seeds_have_none() -> None:
    draws = np.random.default_rng(3)
    effects = (Population("effect", False, draws.normal(size=9999)),) * 2
    assert crossed_coverage("x", effects, 2, 8, 1.0, 100, draws).withheld == 1
    assert crossed_coverage("x", effects, 5, 32, 1.0, 3000, draws).held > 0.93


def test_weeks_are_as_alike_as_their_days() -> None:
    for correlation, low, high in ((0.0, -0.05, 0.05), (0.8, 0.3, 0.5)):
        found = weeks(np.random.default_rng(4), 3000, 2, correlation)
        assert low < np.corrcoef(found)[0, 1] < high


def test_every_interval_is_measured_and_written_down() -> None:
    found = measure(frames(), 200, 0)
    assert {c.kind for c in found} == {"mean", "ratio", "crossed", "weeks"} and {c.samples for c in found} == {*SAMPLES}
    names = [population.name for population in of_episodes(frames())]
    assert "small, on_time_share, least_cost" in names
    assert not [name for name in names if "settled_share" in name and "−" in name]  # has no interval
    json.dumps(as_rows(found), allow_nan=False)
    page = coverage_page(found, META)
    assert "| small, `on_time_share`, differences | – |" in page and "nan" not in page


def test_what_is_said_of_few_samples_is_what_was_measured() -> None:
    """The numbers in the code are those of the page that the command wrote."""
    page = PAGE.read_text(encoding="utf-8")
    table = {row[0]: row[1:] for row in re.findall(r"^\| (.+?) \|" + r" (\S+) \|" * 7 + "$", page, re.MULTILINE)}
    least = [min(float(table[row][i]) for row in ("means over episodes", "gap closed")) for i in (1, 2, 3)]
    assert [math.floor(x + 0.05) for x in least] == pytest.approx(list(HOLDS["episodes"].values()), abs=1)
    over_weeks = [row for name, row in table.items() if name.startswith("days correlated")]
    for i, n in enumerate((3, 4, 5), start=1):
        assert HOLDS["weeks"][n] <= min(float(row[i]) for row in over_weeks)
        assert HOLDS["episodes"][n] <= least[i - 1]
    seeds = re.findall(r"^\| seeds × \d+ episodes \| – \| (\S+) \| (\S+) \| (\S+) \|", page, re.MULTILINE)
    for i, n in enumerate((3, 4, 5)):
        assert HOLDS["seeds"][n] == math.floor(min(float(row[i]) for row in seeds))


def test_few_samples_are_said_and_many_are_not() -> None:
    assert few_samples(6) == few_samples(8) == []
    assert few_samples(1) == ["1 episode: too few for an interval, which needs 3"]
    assert f"{HOLDS['seeds'][5]} % at the least" in few_samples(5, "seeds")[0]
