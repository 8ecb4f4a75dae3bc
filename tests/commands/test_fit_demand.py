"""`evaluate.py fit-demand` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario, scenario_yaml
from regional_dispatch.evaluation.rollouts import evaluate_policies
from tests.processes import run_here
from tests.traces import drawn_orders, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of four weeks as trace.yaml, and a finished fit in `out`."""
    folder = tmp_path_factory.mktemp("fit")
    scenario = written(folder / "orders.csv", drawn_orders())
    (folder / "trace.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")
    ended = run_here(folder, "evaluate.py", "fit-demand", "trace.yaml", "--out", "out")
    assert ended.code == 0, ended.err
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    return folder


def test_every_file_is_written(folder: Path) -> None:
    names = {"days.csv", "fit.json", "fit.md", "fit.png", "lanes.csv", "scenario.yaml", "sites.csv", "skus.csv"}
    assert {path.name for path in (folder / "out").glob("[!.]*")} == names
    assert (folder / "out" / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert pd.read_csv(folder / "out" / "skus.csv", dtype={"sku": str})["sku"].str.len().eq(5).all()


def test_what_was_fitted_on_and_held_out_is_said(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    assert "Fitted on 21 whole days, 2024-11-04 to 2024-11-24" in printed
    assert "Held out, later and not seen: 7 whole days" in printed
    assert "bought together" in printed


def test_the_scenario_has_the_buildings_of_the_trace(folder: Path) -> None:
    trace, fit = (build_network(load_scenario(folder / name)) for name in ("trace.yaml", "out/scenario.yaml"))
    assert fit.net.site_capacity.tolist() == trace.net.site_capacity.tolist()
    assert fit.net.fleet.tolist() == trace.net.fleet.tolist()
    assert fit.net.lanes["cost"] == pytest.approx(trace.net.lanes["cost"])
    assert fit.net.lanes["ticks"].tolist() == trace.net.lanes["ticks"].tolist()


def test_the_scenario_can_be_played(folder: Path) -> None:
    frame = evaluate_policies(load_scenario(folder / "out" / "scenario.yaml"), {"rule": baseline("least_cost")}, 1, 0)
    assert frame["cost_per_order_usd"].iloc[0] > 0


def test_generated_demand_is_refused(folder: Path) -> None:
    ended = run_here(folder, "evaluate.py", "fit-demand", "us8", "--out", "none")
    assert ended.code == 2
    assert "nothing to fit" in ended.err


def test_holding_out_everything_is_refused(folder: Path) -> None:
    ended = run_here(folder, "evaluate.py", "fit-demand", "trace.yaml", "--hold-out-weeks", "4", "--out", "none")
    assert ended.code == 2
    assert "leaves none to fit on" in ended.err


def test_a_network_from_tables_stays_the_same_network(tmp_path: Path) -> None:
    """Whatever way the user's tables are written: kilometres, decimal commas, opening hours, timetables."""
    sites = """Lager;kind;latitude;longitude;population;time_zone;opens;closes;lines_per_hour;trucks
Depot;fc;48,1;11,6;;Europe/Berlin;06:00;22:00;60;9
Hub;sc;48,4;11,2;;Europe/Berlin;;;;
Nord;station;49,5;11,1;500;Europe/Berlin;;;;
Süd;station;47,9;11,5;300;Europe/Berlin;;;;
"""
    lanes = """origin;destination;km;departures
Depot;Hub;60,5;Mo-Fr 06:00;
Hub;Nord;140;
Depot;Süd;30,25;
Depot;Nord;190;
"""
    rng = np.random.default_rng(0)
    hours = np.sort(rng.uniform(0, 24 * 14, 400))
    orders = pd.DataFrame({
        "order": np.arange(400), "hour": hours.round(3), "station": rng.choice(["Nord", "Süd"], 400),
        "sku": rng.choice(["a", "b", "c"], 400, p=[0.6, 0.3, 0.1]), "units": 1,
    })  # fmt: skip
    (tmp_path / "sites.csv").write_bytes(sites.encode("cp1252"))
    (tmp_path / "lanes.csv").write_bytes(lanes.replace("06:00;\n", "06:00\n").encode("cp1252"))
    orders.to_csv(tmp_path / "orders.csv", index=False)
    (tmp_path / "trace.yaml").write_text(
        """name: bayern
horizon_hours: 336
calendar: {start: 2024-11-04, time_zone: Europe/Berlin}
network: {kind: tables, sites: sites.csv, lanes: lanes.csv, encoding: cp1252, columns: {sites: {name: Lager}}}
demand: {kind: trace, path: orders.csv}
""",
        encoding="utf-8",
    )
    ended = run_here(tmp_path, "evaluate.py", "fit-demand", "trace.yaml", "--out", "out")
    assert ended.code == 0, ended.err
    as_long = {"horizon_hours": "336"}
    trace, fit = (
        build_network(load_scenario(tmp_path / name, as_long)) for name in ("trace.yaml", "out/scenario.yaml")
    )
    assert fit.net.fleet.tolist() == trace.net.fleet.tolist()
    assert fit.net.lanes["room"].tolist() == trace.net.lanes["room"].tolist()  # trucks as large as the trace has them
    assert fit.net.lanes["cost"] == pytest.approx(trace.net.lanes["cost"])
    assert fit.sites["name"].tolist() == trace.sites["name"].tolist()
    assert fit.net.site_capacity == pytest.approx(trace.net.site_capacity)
    assert fit.net.lanes["miles"] == pytest.approx(trace.net.lanes["miles"])
    assert fit.net.lanes["ticks"].tolist() == trace.net.lanes["ticks"].tolist()
    assert all(np.array_equal(a, b) for a, b in zip(fit.clock, trace.clock, strict=True))  # timetables, opening hours
