"""What a map counts is what the books and the KPIs say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines.rules import baseline
from regional_dispatch.data.map.played import Played, play
from regional_dispatch.envs.kernel.ledger import USD
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout
from tests.worlds import TWO_REGIONS, WORLDS, small

POLICY = baseline("regional_nearest+last_safe_hour")
KEY = evaluation_keys(1, 0)[0]
BEFORE_END = {"first_hour": 30.0, "hours": 80.0}  # the settlement at the horizon pays for trucks that never left


def books(scenario: Scenario, first_hour: float, hours: float) -> tuple[np.ndarray, np.ndarray]:
    """Dollars by component and KPI counters of some hours."""
    sim, found = Simulator(scenario), []
    sim.reset(0, KEY)
    for hour in (first_hour, first_hour + hours):
        sim.run(POLICY.scorers, round(hour / scenario.tick_hours))
        found.append((sim.state.cash[0].sum(axis=0), sim.state.count[0].sum(axis=0)))
    return found[1][0] - found[0][0], found[1][1] - found[0][1]


WATCHED = ("small fleet, spot trucks", "tight fleet, no spot trucks", "two-hour ticks", "events", "levers change")


@pytest.mark.parametrize("name", WATCHED)
def test_trucks_packages_and_dollars_of_the_lanes_are_those_of_the_books(name: str) -> None:
    scenario = small(**WORLDS[name])
    played, (usd, count) = play(scenario, POLICY, KEY, **BEFORE_END), books(scenario, **BEFORE_END)
    assert played.trucks.sum() == count[N.trucks] > 0
    assert played.packages.sum() == count[N.truck_packages]
    assert played.usd.sum() == pytest.approx(usd[USD.truck] + usd[USD.spot])
    assert (usd[USD.spot] > 0) == (name == "small fleet, spot trucks" or count[N.spot_trucks] > 0)
    used = played.trucks.any(axis=0)
    assert used.sum() == count[N.lanes_used]
    assert (played.packages[:, ~used] == 0).all() and (played.usd[:, ~used] == 0).all()


def test_work_is_what_was_paid_for() -> None:
    scenario = small(demand={"lines_per_order": (1,)}, **TWO_REGIONS)
    played, (usd, _) = play(scenario, POLICY, KEY, **BEFORE_END), books(scenario, **BEFORE_END)
    kind = played.sites["kind"].to_numpy()
    assert played.worked[:, kind == "fc"].sum() == pytest.approx(usd[USD.pick] / scenario.costs.pick_pack_usd)
    assert played.worked[:, kind == "sc"].sum() == pytest.approx(usd[USD.sort] / scenario.costs.sort_usd)
    assert usd[USD.sort] > 0
    assert (played.worked[:, kind == "station"] == 0).all()
    assert (played.worked <= played.capacity).all()


def test_capacity_follows_events() -> None:
    down = {"kind": "capacity", "site": "FC New York NY", "share": 0, "start_hour": 40, "hours": 5}
    played = play(small(events=[down]), POLICY, KEY, first_hour=38, hours=10)
    hit = played.sites["name"].tolist().index("FC New York NY")
    assert (played.capacity[:, hit] == 0).tolist() == [False] * 2 + [True] * 5 + [False] * 3


def test_by_default_all_hours_after_the_warm_up_and_their_kpis() -> None:
    scenario = small()
    played = play(scenario, POLICY, KEY)
    assert len(played.trucks) == 90 and played.hour_of_week[0] == 30
    whole = rollout(Simulator(scenario), POLICY.scorers, [KEY])[0]
    assert played.kpis == pytest.approx(
        {name: value for name, value in whole.items() if name != EPISODE_COST}, nan_ok=True
    )


def test_names_of_lanes_and_sites_are_the_networks() -> None:
    played = play(small(), POLICY, KEY, hours=5)
    assert set(played.lanes["origin"]) | set(played.lanes["destination"]) <= set(played.sites["name"])
    assert len(played.lanes) == played.trucks.shape[1] and len(played.sites) == played.worked.shape[1]
    assert set(played.lanes["region"]) == set(played.regions) == {"National"}


def test_fill_is_packages_over_room() -> None:
    played: Played = play(small(), POLICY, KEY, hours=20)
    left = played.trucks > 0
    assert np.isnan(played.fill[~left]).all()
    assert (played.fill[left] > 0).all() and (played.fill[left] <= 1).all()


@pytest.mark.parametrize("hours", [{"first_hour": 29}, {"hours": 0}, {"hours": 91}, {"first_hour": 120, "hours": 1}])
def test_hours_without_kpis_are_refused(hours: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"warmup_hours = 30 and horizon_hours = 120"):
        play(small(), POLICY, KEY, **hours)


def test_lanes_have_trucks_of_their_own_size(tmp_path: Path) -> None:
    sites = (
        "name,kind,latitude,longitude,population",
        "FC A,fc,40,-75,0",
        "DS 1,station,41,-75,9",
        "DS 2,station,40,-76,9",
    )
    lanes = ("origin,destination,miles,capacity", "FC A,DS 1,80,4000", "FC A,DS 2,70,2000")
    for name, rows in (("sites", sites), ("lanes", lanes)):
        (tmp_path / f"{name}.csv").write_text("\n".join(rows), encoding="utf-8")
    network = {"kind": "tables", "sites": str(tmp_path / "sites.csv"), "lanes": str(tmp_path / "lanes.csv")}
    played = play(small(network=network, demand={"orders_per_day": 2000}), baseline("national_nearest+full_truck"), KEY)
    assert played.lanes["truck_packages"].tolist() == [6, 3]
    assert np.nanmax(played.fill) == 1.0
