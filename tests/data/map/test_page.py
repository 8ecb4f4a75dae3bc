"""The page of a map: what is in it, and that it can reach nothing outside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines.rules import baseline
from regional_dispatch.data.map.contents import contents
from regional_dispatch.data.map.page import HERE, difference_map, page, played_map, unpacked
from regional_dispatch.data.map.played import Played, play
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError
from tests.worlds import TWO_REGIONS, small

POLICY = baseline("regional_nearest+immediate")


@pytest.fixture(scope="module")
def played() -> Played:
    return play(small(**TWO_REGIONS), POLICY, hours=24)


@pytest.fixture(scope="module")
def fewer() -> Played:
    """The same day with an FC less."""
    return play(small(**TWO_REGIONS, network={"fulfillment_centers": 3}), POLICY, hours=24)


def test_a_page_holds_every_truck_and_dollar(played: Played, tmp_path: Path) -> None:
    path = tmp_path / "maps" / "day.html"
    played_map(played, path)
    found = unpacked(path.read_text(encoding="utf-8"))
    (flow,), lanes = found["flows"], found["lanes"]
    assert sum(flow["trucks"]) == played.trucks.sum() and sum(flow["packages"]) == played.packages.sum()
    assert sum(flow["usd"]) == pytest.approx(played.usd.sum(), abs=0.01 * played.usd.astype(bool).sum())
    used = played.trucks.any(axis=0)
    assert lanes["name"] == played.lanes["name"][used].tolist()
    assert len(flow["trucks"]) == used.sum() * 24
    by_lane = np.array(flow["packages"]).reshape(used.sum(), 24)
    np.testing.assert_array_equal(by_lane, played.packages[:, used].T)
    assert path.stat().st_size < 1.3e6


def test_lanes_start_and_end_at_their_sites(played: Played) -> None:
    found = contents([played])
    names = np.array(found["sites"]["name"])
    used = played.lanes[played.trucks.any(axis=0)]
    assert names[found["lanes"]["from"]].tolist() == used["origin"].tolist()
    assert names[found["lanes"]["to"]].tolist() == used["destination"].tolist()


def test_the_page_asks_for_nothing(played: Played) -> None:
    text = page([played])
    assert "default-src 'none'" in text
    own = text.replace((HERE / "vendor" / "deck.min.js").read_text(encoding="utf-8"), "")
    assert len(own) < len(text)
    assert not re.search(r"https?://|<link|<img|src=|@import|url\(", own)


def test_names_are_text_whatever_characters_they_hold(played: Played) -> None:
    nasty = "</script><script>alert('1')</script> & \"Zürich\" @@DATA@@"
    sites = played.sites.assign(name=played.sites["name"].where(played.sites.index > 0, nasty))
    lanes = played.lanes.replace({column: {played.sites["name"][0]: nasty} for column in ("origin", "destination")})
    text = page([played._replace(scenario=nasty, sites=sites, lanes=lanes)])
    assert "<script>alert" not in text
    found = unpacked(text)
    assert found["title"] == nasty and found["sites"]["name"][0] == nasty


def test_a_difference_knows_what_each_run_has(played: Played, fewer: Played, tmp_path: Path) -> None:
    difference_map(played, fewer, tmp_path / "difference.html")
    found = unpacked((tmp_path / "difference.html").read_text(encoding="utf-8"))
    before, after = found["sites"]["runs"]
    gone = [name for name, a, b in zip(found["sites"]["name"], before, after, strict=True) if a and not b]
    assert gone == sorted(set(played.sites["name"]) - set(fewer.sites["name"]))
    assert len(gone) == 1
    for run, flow in zip((played, fewer), found["flows"], strict=True):
        assert sum(flow["packages"]) == run.packages.sum()
    lost = sum(value for value, lane in zip(found["flows"][0]["trucks"], each_tick(found), strict=True) if lane in gone)
    sent = played.trucks[:, (played.lanes["origin"] == gone[0]).to_numpy()]
    assert lost == sent.sum() > 0


def each_tick(found: dict[str, Any]) -> list[str]:
    """The origin of the lane of every number of a flow."""
    names = found["sites"]["name"]
    return [names[site] for site in found["lanes"]["from"] for _ in found["ticks"]]


def test_a_moved_site_is_one_that_went_and_one_that_came(played: Played) -> None:
    sites = played.sites.copy()
    sites.loc[0, "latitude"] += 2.0
    found = contents([played, played._replace(sites=sites)])
    assert found["sites"]["name"].count(played.sites["name"][0]) == 2
    assert np.array(found["sites"]["runs"]).sum(axis=0).tolist().count(1) == 2


def test_a_difference_of_nothing(played: Played) -> None:
    found = contents([played, played])
    assert found["flows"][0] == found["flows"][1] and len(found["sites"]["name"]) == len(played.sites)
    assert all(kpi["values"][0] == kpi["values"][1] for kpi in found["kpis"])


def test_runs_of_other_hours_cannot_be_compared(played: Played, tmp_path: Path) -> None:
    shorter = play(small(**TWO_REGIONS), POLICY, hours=12)
    with pytest.raises(InputError, match="24 ticks of 1 hours from hour 30 of the week and 12 ticks"):
        difference_map(played, shorter, tmp_path / "difference.html")
    assert not list(tmp_path.iterdir())


def test_hours_without_trucks_make_a_page(played: Played) -> None:
    nothing = np.zeros_like(played.trucks)
    found = contents([played._replace(trucks=nothing, packages=nothing, usd=nothing.astype(float))])
    assert found["lanes"]["name"] == [] and len(found["sites"]["name"]) == len(played.sites)


def test_days_and_hours_have_names(played: Played) -> None:
    labels = [tick["label"] for tick in contents([played])["ticks"]]
    assert labels[0] == "Tue 06:00" and labels[-1] == "Wed 05:00"
    late = contents([played._replace(hour_of_week=np.arange(167, 191) % 168.0)])["ticks"]
    assert [late[0]["label"], late[1]["label"]] == ["Sun 23:00", "Mon, week 2 00:00"]


def test_with_a_calendar_hours_have_dates_and_follow_the_clock() -> None:
    """The clock of New York goes from 2:00 to 3:00 on 2026-03-08."""
    calendar = {"start": "2026-03-06", "time_zone": "America/New_York"}
    ticks = contents([play(small(calendar=calendar), POLICY, first_hour=47, hours=5)])["ticks"]
    clock = [(tick["day"], tick["hour"]) for tick in ticks]
    assert clock[:2] == [("Sat 2026-03-07", 23), ("Sun 2026-03-08", 0)]
    assert [hour for _, hour in clock[2:]] == [1, 3, 4]
    assert ticks[-1]["label"] == "Sun 2026-03-08 04:00"


def test_a_kpi_without_orders_is_a_dash(played: Played) -> None:
    nothing = played._replace(kpis=dict.fromkeys(played.kpis, float("nan")))
    assert {value for kpi in contents([nothing])["kpis"] for value in kpi["values"]} == {"–"}


def test_amounts_are_in_the_scenarios_currency() -> None:
    euros = load_scenario("examples/networks/germany_fashion_shop/scenario.yaml", {"horizon_hours": "60"})
    found = contents([play(euros, baseline("least_cost"), hours=12)])
    assert found["money"] == "EUR"
    assert next(kpi for kpi in found["kpis"] if kpi["name"] == "Cost per order")["values"][0].startswith("EUR ")
