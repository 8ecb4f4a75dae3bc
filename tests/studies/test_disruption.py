"""Disruptions: what an event costs a nation and its regions, and when it has recovered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.studies.disruption.study import Disruption
from regional_dispatch.studies.framework.kinds import find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.shock import recovery_days
from regional_dispatch.studies.report.findings import Findings
from tests.processes import write_study

NOTHING = {"kind": "lane", "origin": "FC Dallas TX", "destination": "DS Dallas TX", "start_hour": 0, "hours": 1}
CASES = [
    {
        "name": "FC down",
        "events": [{"kind": "capacity", "site": "FC New York NY", "share": 0, "start_hour": 0, "hours": 48}],
    },
    {
        "name": "cut off",
        "map": True,
        "events": [{"kind": "region", "region": "Region 02", "start_hour": 0, "hours": 30}],
    },
    {"name": "an hour of one lane", "events": [NOTHING]},
]


def write(folder: Path, **changes: Any) -> Path:
    """Disruptions of the tiny world."""
    data = {
        "question": "What breaks?", "episodes": 2, "policies": ["least_cost", "regional_nearest"], "cases": CASES,
        "regions": {"kind": "balanced", "regions": 2}, "warmup_days": 2, "calm_days": 1, "after_days": 5,
    }  # fmt: skip
    return write_study(folder, "disruption", data, changes)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Disruption, Findings]:
    folder = tmp_path_factory.mktemp("disruption")
    study = load_study(write(folder))
    assert isinstance(study, Disruption)
    return study, study.run(Lab(folder / "out", study.episodes, study.seed))


def test_a_longer_outage_costs_more_and_is_later(found: tuple[Disruption, Findings]) -> None:
    table = found[1].parts[0].data
    assert table is not None and len(table) == 2 * 3 * 2
    for policy in ("least_cost", "regional_nearest"):
        for partition in ("national", "regional"):
            own = table[(table["policy"] == policy) & (table["partition"] == partition)].set_index("case")
            assert own["cost_mean"]["FC down"] > abs(own["cost_mean"]["an hour of one lane"])
            assert own["on_time_mean"]["FC down"] < -1 and own["under_way_most_mean"]["FC down"] > 10
            assert own["on_time_worst_mean"]["FC down"] < own["on_time_worst_mean"]["an hour of one lane"]
            assert own["recovery_days"]["an hour of one lane"] == 0
            assert own["recovery_days"]["FC down"] != 0


def test_days_are_equal_before_and_different_during_it(found: tuple[Disruption, Findings]) -> None:
    study, findings = found
    assert study.window_days == 7
    days = next(part.data for part in findings.parts if part.name == "days_fc_down")
    assert days is not None and sorted(set(days["day"])) == list(range(-1, 7))
    assert (days.loc[days["day"] < 0, "mean"] == 0).all()
    late = days[(days["panel"] == "Change: On time, points") & (days["series"] == "national")].set_index("day")["mean"]
    assert late.min() < -5 and late.idxmin() in range(4)


def test_only_marked_cases_are_on_a_map(found: tuple[Disruption, Findings]) -> None:
    assert [part.name for part in found[1].parts if part.name.startswith("map_")] == ["map_cut_off"]


def test_the_contrast_is_the_difference_of_the_differences(found: tuple[Disruption, Findings]) -> None:
    study, findings = found
    outcomes, contrasts = (findings.parts[i].data for i in (0, 1))
    assert outcomes is not None and contrasts is not None
    cost = outcomes.set_index(["policy", "case", "partition"])["cost_mean"]
    orders = study.base().demand.orders_per_day * study.window_days
    for _, row in contrasts.iterrows():
        nation, regions = (cost[row["policy"], row["case"], name] for name in ("national", "regional"))
        assert row["change_mean"] == pytest.approx(regions - nation)
        assert row["during_mean"] - row["without_mean"] == pytest.approx(row["change_mean"])
        assert row["total_mean"] == pytest.approx(row["change_mean"] * orders / 1000)
        assert not row["change_ci_low"] > row["change_mean"] and not row["change_mean"] > row["change_ci_high"]


def test_recovery_is_the_first_good_day() -> None:
    assert recovery_days(np.array([[False, True, True], [True, True, True], [False, False, True]])) == 1
    assert recovery_days(np.zeros((2, 3), bool)) is None


def test_the_shipped_study_hits_the_sites_it_says() -> None:
    """The FC that most demand is nearest to, and its way to its own customers; sites and regions that there are."""
    study = load_study(find_study("disruption"))
    assert isinstance(study, Disruption)
    network = build_network(study.divided("regional", 20))
    names, net = network.sites["name"], network.net
    fc, sort, lane, region = (case.events[0] for case in study.cases)
    assert fc.kind == sort.kind == "capacity" and lane.kind == "lane" and region.kind == "region"
    assert fc.site == names[int(network.fc_share.argmax())]
    assert lane.origin == fc.site and lane.destination == fc.site.replace("FC", "DS")
    assert sort.site in names[net.fcs : net.fcs + net.scs].tolist()
    assert region.region in network.region_names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cases": []}, "cases = .*at least 1"),
        ({"cases": [CASES[0], {**CASES[1], "name": "fc, down!"}]}, "FC down, fc, down!: names must differ"),
        ({"cases": [{"name": "x", "events": [{**NOTHING, "hours": 0}]}]}, r"cases.0.events.0.hours = 0"),
        ({"cases": [{"name": "x", "events": []}]}, r"cases.0.events = "),
        ({"after_days": 0}, "after_days = 0"),
        ({"regions": {"kind": "national"}}, "regions: .*more than one region"),
    ],
)
def test_a_bad_disruption_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))


def test_an_unknown_site_is_named_with_its_case(tmp_path: Path) -> None:
    case = {"name": "Atlantis sinks", "events": [{**CASES[0]["events"][0], "site": "FC Atlantis"}]}
    study = load_study(write(tmp_path, cases=[case]))
    with pytest.raises(ScenarioError, match=r"case 'Atlantis sinks': .*tiny.yaml: events.0.site = 'FC Atlantis'"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
