"""Worlds from the user's own orders: what they are sized from, and what must not change the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.envs.world.trace import trace_of

SITES = """name,kind,latitude,longitude,population
FC East,fc,40.7,-74,
FC Mid,fc,41.9,-87.6,
FC West,fc,34,-118,
Boston,station,42.4,-71.1,100
Chicago,station,41.8,-87.7,100
Denver,station,39.7,-105,100
San Diego,station,32.7,-117.2,100
"""


def shop(folder: Path, name: str = "{}", sites: str = SITES, more: str = "", days: int = 6, most: int = 3) -> Scenario:
    """Orders of a small shop; SKU n is sold more than SKU n + 1, and named by the pattern."""
    rng = np.random.default_rng(5)
    rows = ["order,hour,station,sku,quantity,promise_hours"]
    stations = ("Boston", "Chicago", "Denver", "San Diego")
    for order in range(40 * days):
        hour, station = order * 0.6, stations[rng.integers(4)]
        for _ in range(rng.integers(1, most + 1)):
            sku = min(int(rng.exponential(6)), 39)
            rows.append(f'{order},{hour},{station},"{name.format(sku)}",1,{rng.choice([30, 60])}')
    (folder / "orders.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "sites.csv").write_text(sites, encoding="utf-8")
    (folder / "shop.yaml").write_text(
        f"name: shop\nhorizon_hours: {24 * days}\nwarmup_hours: 24\n"
        "network: {kind: tables, sites: sites.csv}\ndemand: {kind: trace, path: orders.csv}\n" + more
    )
    return load_scenario(folder / "shop.yaml")


def cost(scenario: Scenario, policy: str = "least_cost+last_safe_hour") -> float:
    sim = Simulator(scenario)
    sim.reset(0, 1)
    sim.run(baseline(policy).scorers)
    assert int(sim.state.row["orders"][0]) == len(trace_of(scenario).hours)
    np.testing.assert_allclose(sim.state.cash[0].sum(axis=0), sim.state.accrual[0].sum(axis=0), atol=1e-6)
    return sim.kpis(0)["cost_per_order_usd"]


def test_how_skus_are_named_changes_nothing(tmp_path: Path) -> None:
    """Shelves are sized from what is ordered, not from a number taken for a rank."""
    found = []
    for i, name in enumerate(("{}", "{:05d}", "SKU {:03d} ½ “#”")):
        folder = tmp_path / str(i)
        folder.mkdir()
        found.append(cost(shop(folder, name)))
    backwards = tmp_path / "backwards"
    backwards.mkdir()
    scenario = shop(backwards)
    text = (backwards / "orders.csv").read_text().splitlines()
    swapped = [",".join([*row.split(",")[:3], f'"{39 - int(row.split(",")[3].strip(chr(34)))}"', *row.split(",")[4:]])
               for row in text[1:]]  # fmt: skip
    (backwards / "orders.csv").write_text("\n".join([text[0], *swapped]) + "\n")
    found.append(cost(load_scenario(backwards / "shop.yaml")))
    # SKUs of equal sales are ranked by name, so FCs may be drawn otherwise; the dollars stay within that.
    assert max(found) / min(found) < 1.02, found
    assert scenario.stock.skus == len(trace_of(scenario).sku_names) < 40


def test_shelves_are_sized_from_each_skus_own_orders(tmp_path: Path) -> None:
    scenario = shop(tmp_path)
    orders, sim = trace_of(scenario), Simulator(scenario)
    units = np.bincount(orders.sku, orders.units)
    assert (np.diff(units) <= 0).all()  # numbered by units ordered
    level = sim.world.base_stock[0].sum(axis=1)
    assert level[0] > 3 * level[-1]
    first = load_scenario(tmp_path / "shop.yaml", {"demand.size_from_days": "1"})
    assert place_stock(first, sim.network).sum() != sim.world.base_stock[0].sum()


def test_a_fc_without_lanes_changes_nothing(tmp_path: Path) -> None:
    lanes = "origin,destination,miles\n" + "".join(
        f"{fc},{to},{miles}\n" for fc in ("FC East", "FC Mid", "FC West")
        for to, miles in (("Boston", 900), ("Chicago", 700), ("Denver", 800), ("San Diego", 1100))
    )  # fmt: skip
    answers = []
    for name, extra in (("without", ""), ("with", "FC Idle,fc,39.7,-105,\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "lanes.csv").write_text(lanes)
        shop(folder, sites=SITES.replace("FC West", extra + "FC West", 1))
        text = (folder / "shop.yaml").read_text().replace("sites.csv}", "sites.csv, lanes: lanes.csv}")
        (folder / "shop.yaml").write_text(text)
        answers.append(cost(load_scenario(folder / "shop.yaml")))
    assert answers[0] == answers[1]


def test_orders_of_hundreds_of_lines_travel_as_few_packages(tmp_path: Path) -> None:
    rows = ["order,hour,station,sku,quantity,promise_hours", *(f"big,1,Boston,{n},1,60" for n in range(700))]
    shop(tmp_path)
    (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "stock.csv").write_text("sku,site,units\n" + "".join(f"{n},FC East,3\n" for n in range(700)))
    scenario = load_scenario(tmp_path / "shop.yaml", {"stock.placement": "stock.csv", "warmup_hours": "0"})
    sim = Simulator(scenario)
    sim.reset(0, 1)
    sim.run(baseline("least_cost+last_safe_hour").scorers)
    kpis = sim.kpis(0)
    assert kpis["packages_per_order"] == 1 and kpis["lost_line_share"] == 0
    assert int(sim.state.row["lines"][0]) == 700


def test_lines_of_an_order_with_their_own_promises_travel_together_by_the_earliest(tmp_path: Path) -> None:
    rows = ["order,hour,station,sku,quantity,promise_hours", "o,0,Boston,a,1,60", "o,0,Boston,b,1,4"]
    shop(tmp_path)
    (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "stock.csv").write_text("sku,site,units\na,FC East,3\nb,FC East,3\n")
    (tmp_path / "lanes.csv").write_text("origin,destination,miles,transit_hours\n" + "".join(
        f"FC East,{to},100,5\n" for to in ("Boston", "Chicago", "Denver", "San Diego")
    ))  # fmt: skip
    scenario = load_scenario(tmp_path / "shop.yaml", {
        "stock.placement": "stock.csv", "warmup_hours": "0", "network.lanes": "lanes.csv",
    })  # fmt: skip
    sim = Simulator(scenario)
    sim.reset(0, 1)
    sim.run(baseline("least_cost+last_safe_hour").scorers)
    kpis = sim.kpis(0)
    assert kpis["packages_per_order"] == 1 and kpis["late_per_order_usd"] == pytest.approx(5 + 0.1 * 2)
    assert sim.cash(0)["late"] == pytest.approx(float(sim.state.accrual[0].sum(axis=0)[4]))


def test_a_snapshot_is_what_is_on_the_shelves_at_the_start(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "now.csv").write_text("site,sku,on_hand,base_stock\nFC East,0,7,9\nFC Mid,0,0,\n")
    scenario = load_scenario(tmp_path / "shop.yaml", {"stock.snapshot": "now.csv"})
    sim = Simulator(scenario)
    sim.reset(0, 1)
    number = trace_of(scenario).sku_names.index("0")
    assert sim.state.stock[0, number].tolist() == [7, 0, 0] and sim.state.stock[0].sum() == 7
    assert sim.world.base_stock[0, number, 0] == 9


def test_trucks_are_sized_to_the_volume_unless_said(tmp_path: Path) -> None:
    scenario = shop(tmp_path)
    assert scenario.demand.orders_per_day == 40 and scenario.trucks.capacity_packages == 2  # 40 / 4 stations / 6.3
    said = load_scenario(tmp_path / "shop.yaml", {"trucks.capacity_packages": "2000"})
    assert said.trucks.capacity_packages == 2000
