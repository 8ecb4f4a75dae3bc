"""The study of the number of regions: its best count, its close-ups, and the cells it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.evaluation import cells
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.region_count.page import selection_in_region
from regional_dispatch.studies.report.closeup import CloseUp
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.report.page import report_markdown
from tests.studies.asked import data_of, write_count
from tests.worlds import TWO_REGIONS, small


@pytest.fixture(scope="module")
def counted(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    folder = tmp_path_factory.mktemp("count")
    study = load_study(write_count(folder))
    return folder, study.answer(Lab(folder / "out", study.episodes, study.seed))


def test_the_best_count_is_the_cheapest_by_the_objective(counted: tuple[Path, Findings]) -> None:
    _, findings = counted
    kpis = data_of(findings, "kpis").pivot_table(index=["series", "regions"], columns="panel", values="mean")
    worth = kpis["Cost per order, USD"] + 0.5 * kpis["Click to delivery, hours"]
    best = data_of(findings, "best")
    for policy in ("least_cost", "regional_nearest"):
        row = best[(best["world"] == "base") & (best["policy"] == policy)].iloc[0]
        assert row["regions"] == worth[policy].idxmin()
        assert row["objective_usd"] == pytest.approx(worth[policy].min())
        assert row["to_first_mean"] == pytest.approx(worth[policy].min() - worth[policy][1])
        assert row["low"] <= row["regions"] <= row["high"]
    assert set(best["world"]) == {"base", "busy"}


def test_a_study_asked_again_plays_nothing(counted: tuple[Path, Findings], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, findings = counted
    monkeypatch.setattr(cells, "compute", None)
    monkeypatch.setattr(CloseUp, "around", lambda self, findings, *_: findings)  # its maps are no cells
    study = load_study(folder / "count.yaml")
    again = study.answer(Lab(folder / "out", study.episodes, study.seed))
    assert (again.answer, again.headlines) == (findings.answer, findings.headlines)
    pd.testing.assert_frame_equal(data_of(again, "kpis"), data_of(findings, "kpis"))


def test_the_worlds_a_study_names_are_shown_closely(counted: tuple[Path, Findings]) -> None:
    """Maps before the rest, decisions last; one region cannot spill."""
    findings = counted[1]
    assert [section.title for section in findings.sections][:1] == ["Maps"]
    assert findings.sections[-1].title == "Decisions, order by order" and findings.sections[-1].parts
    names, shown = [part.name for part in findings.parts], set(findings.places)
    assert "1" in shown and {f"{kind}_{k}" for kind in ("map", "fill") for k in shown} < set(names)
    assert {name for name in names if name.startswith("spill_")} == {f"spill_{k}" for k in shown - {"1"}}
    assert set(data_of(findings, "distributions")["series"]) == {place.title for place in findings.places.values()}
    study = load_study(counted[0] / "count.yaml")
    docs = report_markdown(study, findings, provenance("python evaluate.py study region_count"))
    assert "## The trade-off" in docs and "map_1.png" not in docs and "order by order" not in docs


def test_all_shares_are_in_percent_and_all_intervals_hold_their_mean(counted: tuple[Path, Findings]) -> None:
    kpis = data_of(counted[1], "kpis")
    assert not (kpis["ci_low"] > kpis["mean"]).any() and not (kpis["mean"] > kpis["ci_high"]).any()
    nation = kpis[(kpis["panel"] == "In region, %") & (kpis["regions"] == 1)]
    assert nation["mean"].between(99, 100).all()


def test_selection_in_region_is_the_demand_an_own_fc_can_serve() -> None:
    world = small(**TWO_REGIONS, stock={"breadth": (0.5, 0.3, 0.2)})
    network, stock = build_network(world), place_stock(world, build_network(world))
    net, rank = network.net, np.arange(1, world.stock.skus + 1.0)
    popularity = rank**-world.demand.zipf_exponent
    served = 0.0
    for d in range(net.stations):
        home = net.region_of_site[net.fcs + net.scs + d]
        for sku in range(world.stock.skus):
            has = any(stock[sku, f] > 0 for f in range(net.fcs) if net.region_of_site[f] == home)
            served += has * network.station_share[d] * popularity[sku] / popularity.sum()
    assert selection_in_region(world) == pytest.approx(served)
    assert 0.1 < served < 0.99


def test_more_regions_than_stations_are_refused_before_anything_is_played(tmp_path: Path) -> None:
    study = load_study(write_count(tmp_path, counts=[1, 2, 7]))
    with pytest.raises(ScenarioError, match=r"partition.regions = 7: more regions than stations \(6\)"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_a_plan_made_for_other_regions_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """The shipped us8 runs on lanes planned for its states; under balanced regions they lose promises."""
    study = load_study(Path("configs/studies/region_count.yaml"), {"episodes": 1})
    for k in (1, 6):
        build_network(study._world({}, k))
