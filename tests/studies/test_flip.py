"""The flip as a study: KPIs of days, phases and regions agree with the totals, and levers with what they change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.studies.flip.expected import EXPECTED, verdict
from regional_dispatch.studies.flip.page import DAILY, FALLS
from regional_dispatch.studies.flip.study import Flip
from regional_dispatch.studies.framework.kinds import find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.timeline import ON_SHELVES, UNDER_WAY, Phase, Timeline
from regional_dispatch.studies.report import charts
from regional_dispatch.studies.report.closeup import CloseUp
from regional_dispatch.studies.report.findings import Figure, Findings, Table
from regional_dispatch.studies.report.page import save_report
from tests.processes import write_study
from tests.studies.asked import data_of
from tests.worlds import TWO_REGIONS, simulator, small

pytestmark = pytest.mark.slow

KEY = episode_key("tune", 3, 1)
BOUNDARY = TWO_REGIONS["partition"]
LONG = {"warmup_hours": 24, "horizon_hours": 24 * 7, "stock": {"breadth": (0.5, 0.3, 0.3)}}
POLICY = baseline("regional_consolidate")
CHANGES = ({"hour": 72, "partition": BOUNDARY}, {"hour": 120, "partition": {"kind": "national"}})


def nation(changes: tuple[dict[str, Any], ...] = ()) -> Scenario:
    return small(**LONG, partition={"kind": "national", "counted_by": BOUNDARY}, changes=changes)


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    """One episode: a nation for three days, two regions for two, a nation for two."""
    phases = [Phase("before", 1, 3), Phase("after", 3, 5), Phase("all", 1, 7)]
    return Timeline(POLICY, phases).rollout(nation(CHANGES), [KEY])[0]


def test_days_add_up_to_phases(row: dict[str, Any]) -> None:
    """Trucks a day are a mean of days; lanes in use are those of any day, so no fewer than on the busiest."""
    days, phases = row["days"], row["phases"]
    assert len(days["trucks"]) == 6 and set(days) == {*KPIS, UNDER_WAY, ON_SHELVES}
    assert phases["before"]["trucks"] == pytest.approx(np.mean(days["trucks"][:2]))
    assert phases["after"]["trucks"] == pytest.approx(np.mean(days["trucks"][2:4]))
    for name, part in (("before", slice(0, 2)), ("after", slice(2, 4)), ("all", slice(0, 6))):
        used = days["lanes_used"][part]
        assert max(used) <= phases[name]["lanes_used"] <= sum(used)


def test_regions_trucks_are_the_whole_networks(row: dict[str, Any]) -> None:
    whole = np.array(row["days"]["trucks"])
    np.testing.assert_allclose(sum(np.array(region["trucks"]) for region in row["regions"].values()), whole)


def test_before_the_first_change_a_timeline_is_a_nation(row: dict[str, Any]) -> None:
    sim = simulator(nation(), KEY)
    sim.run(POLICY.scorers, until=72)
    for kpi, value in sim.kpis(0).items():
        if kpi not in ("lanes_used", "episode_cost_per_order_usd"):
            assert row["phases"]["before"][kpi] == pytest.approx(value, nan_ok=True), kpi
    assert row["days"][ON_SHELVES][1] == sim.state.stock[0].sum()


def test_a_cut_keeps_more_orders_in_region(row: dict[str, Any]) -> None:
    phases = row["phases"]
    assert phases["after"]["in_region_share"] > phases["before"]["in_region_share"] + 0.02


def test_other_phases_and_policies_are_other_cells() -> None:
    def digest(end: int, policy: str = "least_cost") -> str:
        return Timeline(baseline(policy), [Phase("all", 1, end)]).digest

    assert len({digest(6), digest(7), digest(7, "consolidate")}) == 3 and digest(7) == digest(7)


def write(folder: Path, **changes: Any) -> Path:
    """A flip of the tiny world."""
    data = {
        "question": "What changes?",
        "set": {"stock.breadth": [0.6, 0.4, 0.3], "stock.review_hours": 6, "stock.lead_time_hours": 6}, "episodes": 2,
        "policies": ["least_cost", "regional_consolidate"], "regions": BOUNDARY, "warmup_days": 1, "phase_days": 3,
        "settle_days": 1,
    }  # fmt: skip
    return write_study(folder, "flip", data, changes)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("flip")
    study = load_study(write(folder))
    return study.answer(Lab(folder / "out", study.episodes, study.seed))


def test_the_page_has_every_kpi_of_every_policy(found: Findings) -> None:
    tables = [part for part in found.parts if isinstance(part, Table) and part.name.startswith("phases_")]
    assert [table.title for table in tables] == ["least_cost", "regional_consolidate"]
    for table in tables:
        data = table.data
        assert tuple(data["kpi"]) == DAILY and len(table.rows) == len(DAILY)
        np.testing.assert_allclose(data["regional_mean"] - data["national_mean"], data["change_mean"], atol=1e-12)
        for phase in ("national", "cut_alone", "plus_stock", "regional", "change", "back"):
            assert not (data[f"{phase}_ci_low"] > data[f"{phase}_mean"]).any()  # two episodes have no interval
            assert not (data[f"{phase}_mean"] > data[f"{phase}_ci_high"]).any()
    assert sorted(set(data_of(found, "days")["day"])) == list(range(-3, 12))


def test_steps_add_up_from_one_phase_to_the_next(found: Findings) -> None:
    steps = data_of(found, "steps").set_index(["policy", "kpi"])
    np.testing.assert_allclose(steps[["cut_mean", "stock_mean", "lanes_mean"]].sum(axis=1), steps["change_mean"])
    phases = data_of(found, "phases_least_cost").set_index("kpi").loc[list(FALLS)]
    lead = steps.loc["least_cost"]
    np.testing.assert_allclose(lead["cut_mean"], phases["cut_alone_mean"] - phases["national_mean"], atol=1e-12)
    np.testing.assert_allclose(lead["lanes_mean"], phases["regional_mean"] - phases["plus_stock_mean"], atol=1e-12)
    chart = data_of(found, "waterfall")
    costs = chart[chart["kpi"] == "cost_per_order_usd"].set_index("step")["mean"]
    assert list(costs.index) == ["cut", "stock", "lanes", "all three"]
    assert costs["stock"] == pytest.approx(lead["stock_mean"]["cost_per_order_usd"])


def test_shares_of_levers_add_up_to_what_all_three_change(found: Findings) -> None:
    shares = data_of(found, "shares").set_index("kpi")
    assert tuple(shares.index) == FALLS
    np.testing.assert_allclose(shares[["regions_mean", "stock_mean", "lanes_mean"]].sum(axis=1), shares["change_mean"])
    positions = data_of(found, "positions").set_index(["levers", "kpi"])["mean"]
    whole = positions["regions + stock + lanes"] - positions["nation"]
    np.testing.assert_allclose(whole.loc[list(FALLS)], shares["change_mean"])


def test_positions_that_lose_a_promise_are_named_and_left_out(found: Findings) -> None:
    """In one nation of this world, the lanes of the regions keep no promise of 10 hours to Washington."""
    played = set(data_of(found, "positions")["levers"])
    assert played == {"nation", "regions", "stock", "regions + stock", "regions + lanes", "regions + stock + lanes"}
    text = next(section.text for section in found.sections if section.title == "What each lever brings")
    assert "the 3 of 6 orders that are possible" in text and "is lost: lanes; stock + lanes)" in text


def test_the_answer_and_the_table_say_the_same(found: Findings) -> None:
    share = data_of(found, "phases_least_cost").set_index("kpi").loc["in_region_share"]
    assert f"serve {share['regional_mean']:.1f} % of orders within the region" in found.answer
    assert f"the nation {share['national_mean']:.1f} %" in found.answer
    assert found.headlines[0].value == f"{share['national_mean']:.1f} → {share['regional_mean']:.1f} %"


def test_what_does_not_hold_is_named(found: Findings) -> None:
    expected = data_of(found, "expected")
    assert len(expected) == 2 * len(EXPECTED)
    text = found.sections[1].text
    assert found.sections[1].title.startswith("Whether")
    missing = expected[expected["found"] != "holds"]
    assert len(missing) and text.count("(open,") + text.count("(the opposite,") == len(missing)
    held = [kpi for kpi in EXPECTED if (expected[expected["kpi"] == kpi]["found"] == "holds").all()]
    assert f"Of {len(EXPECTED)} expected changes, {len(held)} hold" in found.answer


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (Interval(-1, -2, -0.1), "holds"),
        (Interval(-1, -2, 0.1), "open"),
        (Interval(1, 0.1, 2), "the opposite"),
        (Interval(0, 0, 0), "open"),
    ],
)
def test_only_a_whole_interval_holds(change: Interval, answer: str) -> None:
    assert verdict("cost_per_order_usd", change) == answer


def test_units_are_counted_in_every_phase(found: Findings) -> None:
    units = data_of(found, "units").set_index(["policy", "phase"])
    assert list(units.loc["least_cost"].index) == ["national", "cut alone", "+ stock", "regional", "national again"]
    assert units.loc[("least_cost", "national"), "percent_mean"] == pytest.approx(100)
    days = data_of(found, "days")
    shelves = days[(days["panel"] == "Units on shelves") & (days["series"] == "least_cost")].set_index("day")["mean"]
    assert units.loc[("least_cost", "+ stock"), "units_mean"] == pytest.approx(shelves[[4, 5]].mean())


def test_the_page_shows_maps_flows_distributions_and_decisions(found: Findings) -> None:
    parts = {part.name: part for part in found.parts}
    both = ("national", "regional")
    assert list(parts)[:7] == ["film", *(f"{kind}_{name}" for kind in ("map", "fill", "spill") for name in both)]
    days = parts["days"].data
    assert days is not None
    spill = days[(days["panel"] == "Spill, %") & (days["series"] == "least_cost")].set_index("day")["mean"]
    for name, own in (("national", spill[spill.index < 0]), ("regional", spill[spill.index.isin(range(6, 9))])):
        data = parts[f"spill_{name}"].data
        assert data is not None
        away = data[data["served_from"] != data["served_to"]]["mean"].sum()
        assert own.min() - 5 < away < own.max() + 5  # the arrows are the spill that KPIs count
    spread = parts["distributions"].data
    assert spread is not None and set(spread["series"]) == {"One nation", "Regions"}
    delivered = spread[spread["panel"] == "Lines delivered by then, %"].groupby("series")["mean"]
    assert delivered.apply(lambda x: x.is_monotonic_increasing).all() and (delivered.max() > 98).all()
    loads = spread[spread["panel"].str.startswith("Trucks")].groupby(["panel", "series"])["mean"].sum()
    assert loads.to_numpy() == pytest.approx(100.0)
    orders = [part for part in found.parts if part.name.startswith("order_")]
    assert orders and all(isinstance(part, Table) and part.prose for part in orders)


def test_the_report_loads_nothing_and_has_a_still_of_its_film(found: Findings, tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    save_report(study, found, provenance("python evaluate.py study flip"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert not any(source.startswith(("http", "//")) for source in loaded)
    kinds = [source.partition(";")[0] for source in loaded if source.startswith("data:")]
    figures = sum(isinstance(part, Figure) for part in found.parts)
    assert kinds.count("data:image/gif") == 1 and kinds.count("data:image/png") == figures
    for name in (source for source in loaded if not source.startswith(("data:", "#"))):
        assert (tmp_path / "out" / name).is_file()
    for anchor in (source[1:] for source in loaded if source.startswith("#")):
        assert f'id="{anchor}"' in page
    assert page.count('class="moving"') == page.count('class="still"') == 1
    for section in found.sections:
        assert f">{section.title}</a>" in page
    with Image.open(tmp_path / "out" / "film.gif") as moving:
        assert getattr(moving, "n_frames", 1) == 48


def test_a_flip_without_animation_films_nothing(
    found: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread = next(part for part in found.parts if part.name == "distributions")
    monkeypatch.setattr(CloseUp, "film", None)
    monkeypatch.setattr(charts, "png", lambda figure: b"")
    monkeypatch.setattr(CloseUp, "maps", lambda self: ())
    monkeypatch.setattr(CloseUp, "distributions", lambda self: spread)
    study = load_study(write(tmp_path, animation=False, episodes=1, policies=["least_cost"]))
    parts = study.answer(Lab(tmp_path / "out", 1, study.seed)).parts
    assert not any(isinstance(part, Figure) and part.gif for part in parts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"map_days": 0}, "map_days = 0: .*greater than or equal to 1"),
        ({"phase_days": 1}, "phase_days = 1: .*greater than or equal to 2"),
        ({"settle_days": 3}, "settle_days = 3: must be below phase_days = 3"),
        ({"phase_days": 160}, "phase_days = 160: 5 phases and warmup_days take 801 days; an episode has 800 at most"),
        ({"order": ["regions", "stock"]}, "order = .*must be regions, stock and lanes in any order, each once"),
        ({"order": ["regions", "stock", "stock"]}, "order = .*each once"),
        ({"order": ["regions", "stock", "prices"]}, "order = .*must be regions, stock and lanes"),
        ({"nation_layout": "heaped"}, "nation_layout.layout = 'heaped': .*'scattered'"),
        ({"regions_layout": {"layout": "table"}}, "regions_layout: layout 'table' needs 'placement'"),
        ({"regions": {"kind": "national"}}, "regions: .*more than one region"),
        ({"regions": {"kind": "balanced"}}, "regions: .*needs 'regions'"),
    ],
)
def test_a_bad_flip_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))


def test_a_boundary_without_a_station_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "cut.csv").write_text("site,region\nDS New York NY,East\n", encoding="utf-8")
    study = load_study(write(tmp_path, regions={"kind": "file", "path": "cut.csv"}))
    with pytest.raises(ScenarioError, match=r"cut\.csv: site = '.*': this station has no region; add a row for it"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_the_shipped_flip_counts_the_regions_it_cuts() -> None:
    study = load_study(find_study("flip"))
    assert isinstance(study, Flip) and study.regions.map == "us8"
