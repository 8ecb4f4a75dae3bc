"""The flip of a partition as a study: KPIs of days, phases and regions agree with the totals."""

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
from regional_dispatch.evaluation.cells import Worlds
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.studies.flip.page import DAILY
from regional_dispatch.studies.flip.study import Flip
from regional_dispatch.studies.framework.kinds import find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.timeline import UNDER_WAY, Phase, Switch, Timeline
from regional_dispatch.studies.report import charts
from regional_dispatch.studies.report.closeup import CloseUp
from regional_dispatch.studies.report.findings import Figure, Findings, Table
from regional_dispatch.studies.report.page import save_report
from tests.processes import write_study
from tests.worlds import TWO_REGIONS, simulator, small

pytestmark = pytest.mark.slow

KEY = episode_key("tune", 3, 1)
BOUNDARY = TWO_REGIONS["partition"]
LONG = {"warmup_hours": 24, "horizon_hours": 24 * 7, "stock": {"breadth": (0.5, 0.3, 0.3)}}
POLICY = baseline("regional_consolidate")


def nation() -> Scenario:
    return small(**LONG, partition={"kind": "national", "counted_by": BOUNDARY})


@pytest.fixture(scope="module")
def row() -> dict[str, Any]:
    """One episode: a nation for three days, two regions for two, a nation for two."""
    switches = [Switch(3, small(**LONG, partition=BOUNDARY)), Switch(5, nation())]
    phases = [Phase("before", 1, 3), Phase("after", 3, 5), Phase("all", 1, 7)]
    return Timeline(POLICY, switches, phases, Worlds()).rollout(nation(), [KEY])[0]


def test_days_add_up_to_phases(row: dict[str, Any]) -> None:
    """Trucks a day are a mean of days; lanes in use are those of any day, so no fewer than on the busiest."""
    days, phases = row["days"], row["phases"]
    assert len(days["trucks"]) == 6 and set(days) == {*KPIS, UNDER_WAY}
    assert phases["before"]["trucks"] == pytest.approx(np.mean(days["trucks"][:2]))
    assert phases["after"]["trucks"] == pytest.approx(np.mean(days["trucks"][2:4]))
    for name, part in (("before", slice(0, 2)), ("after", slice(2, 4)), ("all", slice(0, 6))):
        used = days["lanes_used"][part]
        assert max(used) <= phases[name]["lanes_used"] <= sum(used)


def test_regions_trucks_are_the_whole_networks(row: dict[str, Any]) -> None:
    whole = np.array(row["days"]["trucks"])
    np.testing.assert_allclose(sum(np.array(region["trucks"]) for region in row["regions"].values()), whole)


def test_before_the_first_flip_a_timeline_is_a_nation(row: dict[str, Any]) -> None:
    sim = simulator(nation(), KEY)
    sim.run(POLICY.scorers, until=72)
    for kpi, value in sim.kpis(0).items():
        if kpi not in ("lanes_used", "episode_cost_per_order_usd"):
            assert row["phases"]["before"][kpi] == pytest.approx(value), kpi


def test_a_cut_keeps_more_orders_in_region(row: dict[str, Any]) -> None:
    phases = row["phases"]
    assert phases["after"]["in_region_share"] > phases["before"]["in_region_share"] + 0.02


def test_switches_on_other_days_are_other_cells() -> None:
    def digest(day: int, policy: str = "least_cost") -> str:
        switch = Switch(day, small(**LONG, partition=BOUNDARY))
        return Timeline(baseline(policy), [switch], [Phase("all", 1, 7)], worlds).digest

    worlds = Worlds()
    assert len({digest(3), digest(4), digest(3, "consolidate")}) == 3 and digest(3) == digest(3)


def write(folder: Path, **changes: Any) -> Path:
    """A flip of the tiny world."""
    data = {
        "question": "What changes?",
        "set": {"stock.breadth": [0.6, 0.4, 0.3]}, "episodes": 2, "policies": ["regional_consolidate", "least_cost"],
        "regions": BOUNDARY, "warmup_days": 1, "national_days": 2, "regional_days": 2, "back_days": 2,
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
    assert [table.title for table in tables] == ["regional_consolidate", "least_cost"]
    for table in tables:
        assert tuple(table.data["kpi"]) == DAILY and len(table.rows) == len(DAILY)
        change = table.data["regional_mean"] - table.data["national_mean"]
        np.testing.assert_allclose(table.data["change_mean"], change)
    days = next(part.data for part in found.parts if part.name == "days")
    assert days is not None and sorted(set(days["day"])) == [-2, -1, 0, 1, 2, 3]


def test_the_answer_and_the_table_say_the_same(found: Findings) -> None:
    table = next(part for part in found.parts if isinstance(part, Table))
    share = table.data.set_index("kpi").loc["in_region_share"]
    assert f"from {share['national_mean']:.1f} to {share['regional_mean']:.1f} %" in found.answer
    assert found.headlines[0].value == f"{share['national_mean']:.1f} → {share['regional_mean']:.1f} %"


def test_the_page_shows_maps_flows_distributions_and_decisions(found: Findings) -> None:
    parts = {part.name: part for part in found.parts}
    both = ("national", "regional")
    assert list(parts)[:7] == ["film", *(f"{kind}_{name}" for kind in ("map", "fill", "spill") for name in both)]
    days = parts["days"].data
    assert days is not None
    spill = days[(days["panel"] == "Spill, %") & (days["series"] == "regional_consolidate")].set_index("day")["mean"]
    for name, own in (("national", spill[spill.index < 0]), ("regional", spill[spill.index.isin([0, 1])])):
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
        ({"national_days": 1}, "national_days = 1: .*greater than or equal to 2"),
        ({"settle_days": 2}, "settle_days = 2: leaves no day of a phase of 2"),
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
    with pytest.raises(ScenarioError, match=r"cut\.csv: site: station '.*' has no region; add a row for it"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_the_shipped_flip_counts_the_regions_it_cuts() -> None:
    study = load_study(find_study("flip"))
    assert isinstance(study, Flip) and study.regions.map == "us8"
