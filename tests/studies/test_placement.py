"""The study of placements: more orders in region where it is played, and a page that agrees with its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.stock import place_stock, stock_table
from regional_dispatch.planning.stock.market import build_market
from regional_dispatch.planning.stock.placements import optimise
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.placement.layout import BASE, OPTIMISED
from regional_dispatch.studies.report.findings import Findings
from tests.processes import write_study
from tests.studies.asked import data_of
from tests.worlds import TWO_REGIONS, small

BOUNDARY = TWO_REGIONS["partition"]


def test_a_table_is_the_placement_it_was_written_from(tmp_path: Path) -> None:
    world = small(**TWO_REGIONS)
    network = build_network(world)
    base = place_stock(world, network)
    best = optimise(build_market(world, network), base.sum(axis=0, dtype=np.int64)).base
    path = tmp_path / "placement.csv"
    stock_table(network, best).to_csv(path, index=False)
    read = small(**TWO_REGIONS, stock={"placement": str(path)})
    np.testing.assert_array_equal(place_stock(read, build_network(read)), best)


def write(folder: Path, **changes: Any) -> Path:
    """The tiny world with narrow stock, in two regions."""
    data = {
        "question": "Which SKU where?",
        "set": {"network.fulfillment_centers": 8, "stock.breadth": [0.5, 0.4, 0.25]}, "episodes": 3,
        "policies": ["regional_consolidate", "least_cost"], "regions": BOUNDARY, "warmup_days": 1, "days": 3,
        "breadths": {"B": [0.125, 1.0], "C": [0.5]}, "storage": [0.95, 1.0, 1.3],
    }  # fmt: skip
    return write_study(folder, "placement", data, changes)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    folder = tmp_path_factory.mktemp("placement")
    study = load_study(write(folder))
    return folder / "out", study.run(Lab(folder / "out", study.episodes, study.seed))


def test_an_optimised_placement_serves_more_orders_in_region(found: tuple[Path, Findings]) -> None:
    kpis = data_of(found[1], "kpis_regional_consolidate_regional").set_index(["kpi", "world"])
    before, after = (kpis.loc["in_region_share", f"{name}, regional"] for name in (BASE, OPTIMISED))
    assert after["change_mean"] > 5
    assert after["change_mean"] == pytest.approx(after["value_mean"] - before["value_mean"])
    assert before["change_mean"] == 0


def test_the_page_says_what_its_tables_say(found: tuple[Path, Findings]) -> None:
    placements = data_of(found[1], "placements").set_index("name")
    assert placements.loc[OPTIMISED, "lines"] <= placements.loc[OPTIMISED, "bound"] + 1e-6
    assert placements.loc[OPTIMISED, "units"] <= placements.loc[BASE, "units"]
    covered = found[1].headlines[1]
    assert covered.value == f"{placements.loc[BASE, 'lines']:.1f} → {placements.loc[OPTIMISED, 'lines']:.1f} %"
    classes = data_of(found[1], "classes")
    for name, own in classes.groupby("placement"):
        assert own["units"].sum() == placements.loc[name, "units"]
    storage = data_of(found[1], "storage")
    assert (storage["lines"] <= storage["bound"] + 1e-6).all() and storage["bound"].is_monotonic_increasing


def test_more_breadth_covers_more(found: tuple[Path, Findings]) -> None:
    rows = data_of(found[1], "breadths").drop_duplicates("world").set_index("world")
    base = data_of(found[1], "placements").set_index("name").loc[BASE]
    assert rows.loc["B in 12.5 % of FCs", "lines"] < base["lines"] < rows.loc["B in 100 % of FCs", "lines"]
    assert base["lines"] < rows.loc["C in 50 % of FCs", "lines"]


def test_a_user_can_take_the_placement(found: tuple[Path, Findings]) -> None:
    out, findings = found
    placements = data_of(findings, "placements").set_index("name")
    for name, file in ((BASE, "as_it_is"), (OPTIMISED, "optimised")):
        assert pd.read_csv(out / "worlds" / f"{file}.csv")["units"].sum() == placements.loc[name, "units"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"breadths": {"D": [0.5]}}, "breadths"),
        ({"breadths": {"A": [0.5, 0.2]}}, "breadths.A.*ascending"),
        ({"breadths": {"A": [0.5, 1.2]}}, "breadths.*shares of FCs"),
        ({"storage": [1.0]}, "storage"),
        ({"storage": [0, 1]}, "storage.*above 0"),
        ({"days": 0}, "days = 0"),
        ({"breadth": [1]}, "breadth = .*unknown field"),
    ],
)
def test_a_bad_study_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))


def test_an_impossible_placement_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("sku,site,units\n0,FC New York NY,5\n", encoding="utf-8")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"storage": [0.1, 1.0]}, r"storage = 0.1: storage of .* units: found no place for every SKU"),
        (
            {"set": {"stock.placement": str(tmp_path / "own.csv")}},
            "breadths: stock.placement says which FC carries what",
        ),
        ({"set": {"stock.safety_factor": -1}}, "stock.safety_factor = -1: must be 0 or more"),
    ]
    for changes, message in cases:
        study = load_study(write(tmp_path, **changes))
        with pytest.raises(ScenarioError, match=message):
            study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out").exists()
