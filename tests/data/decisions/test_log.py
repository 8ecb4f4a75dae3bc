"""The decision log agrees with what is played, and its dollars with a plain count of the order's packages."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.data.decisions import log
from regional_dispatch.data.decisions.seen import PARTS, worth
from regional_dispatch.data.decisions.table import COLUMNS, SCHEMA
from regional_dispatch.data.decisions.words import explain
from regional_dispatch.envs.kernel.decisions.features import SOURCE_FEATURES
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.policy import ScorerPolicy, scores
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policy
from tests.processes import TINY, run_here
from tests.traces import drawn_orders
from tests.traces import written as written_orders
from tests.worlds import EVENTFUL, FEW_SLOTS, LEVERS, SCARCE, TWO_REGIONS, WAITING, simulator, small

KEY = 5
SCENARIOS: dict[str, dict[str, Any]] = {
    "scarce": SCARCE, "few slots": FEW_SLOTS, "waiting": WAITING, "levers": LEVERS, "events": EVENTFUL,
}  # fmt: skip
POLICIES: dict[str, ScorerPolicy] = {
    "least_cost": baseline("least_cost"), "consolidate": baseline("regional_consolidate"),
    "shadow_price": baseline("shadow_price"), "pretrained/us8": resolve_policy("pretrained/us8", small()),
}  # fmt: skip


def written(path: Path, scenario: Scenario, policy: ScorerPolicy) -> list[dict[str, Any]]:
    """The rows of an episode's log."""
    assert log.write_log(path, scenario, policy, KEY, {"scenario": "small"}) > 0
    table = pq.read_table(path)
    assert table.schema.names == SCHEMA.names
    return table.to_pylist()


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("by", POLICIES)
def test_what_is_logged_is_what_is_played(name: str, by: str, tmp_path: Path) -> None:
    """The compiled episode, step by step: the route of every line's package, and the candidate chosen before."""
    scenario, policy = small(**SCENARIOS[name]), POLICIES[by]
    rows = {(row["order"], row["line"]): row for row in written(tmp_path / "log.parquet", scenario, policy)}
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, KEY)
    routes, placed = sim.world.net.routes, defaultdict(int)
    while sim.tick(0) < scenario.horizon_ticks:
        sim.begin(0)
        sim.decide(0, policy.scorers)
        chosen = []
        for r in range(sim.regions):
            for j in range(int(sim.state.slots[0, r])):
                at = r, (sim.state.line_first[0, r] + j) % sim.state.line.shape[2]
                chosen.append((at, sim.state.candidate[0, r, j, sim.state.line[0][at]["choice"]]))
        sim.finish(0)
        for at, route in chosen:
            line = sim.state.line[0][at]
            placed[line["order"]] += 1
            row = rows.pop((int(line["order"]), placed[line["order"]]))
            served = sim.state.package[0]["route"][line["package"]] if line["package"] >= 0 else -1
            assert row["tick"] == sim.tick(0) - 1 and row["units"] == line["units"] and row["sku"] == line["sku"]
            assert row["served_route"] == served
            assert row["chosen_route"] in (None, route)
            assert row["replanned"] == ((-1 if row["chosen_route"] is None else row["chosen_route"]) != served)
            if served >= 0:
                assert row["served_fc"] == sim.network.sites["name"].iloc[int(routes["fc"][served])]
    assert not rows


def package_usd(sim: Any, row: dict[str, Any], route: int) -> dict[str, float]:
    """A package of one line on a route, by hand; lanes have no price here."""
    record, rules = sim.world.net.routes[route], sim.world.rules
    due = round((row["placed_hour"] + row["promise_hours"]) / rules.tick_hours)
    return {
        "trucks": float(record["rest_cost"][0]), "picking": rules.costs.pick_pack_usd,
        "sorting": rules.costs.sort_usd * (int(record["legs"]) - 1),
        "lateness": late_usd(rules, row["tick"] + 1 + int(record["rest"][0]) - due),
    }  # fmt: skip


@pytest.mark.parametrize("by", ["least_cost", "consolidate"])
def test_dollars_are_a_count_of_the_orders_packages(by: str, tmp_path: Path) -> None:
    """Each candidate: the whole order's packages with this line moved, less those of the order as it was decided."""
    scenario, sim, several = small(**WAITING), simulator(small(**WAITING), KEY), 0
    orders: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in written(tmp_path / "log.parquet", scenario, POLICIES[by]):
        orders[row["order"]].append(row)
    for rows in list(orders.values())[:300]:
        own = [row["chosen_route"] for row in rows]
        for i, row in enumerate(rows):
            for candidate in row["candidates"]:
                usd: list[dict[str, float]] = []
                for routes in (own, [*own[:i], candidate["route"], *own[i + 1 :]]):
                    packages = {route: package_usd(sim, row, route) for route in routes if route is not None}
                    parts = {part: sum(one.get(part, 0.0) for one in packages.values()) for part in PARTS}
                    usd.append({**parts, "packages": len(packages)})
                more = sum(usd[1][part] - usd[0][part] for part in PARTS if part not in ("units", "lanes"))
                if candidate["route"] == row["next_route"]:
                    several += len(rows) > 1
                    parts = [row[f"{part}_usd"] for part in PARTS if part not in ("units", "lanes")]
                    assert sum(parts) == pytest.approx(more, abs=1e-4)
                    assert row["difference_usd"] == pytest.approx(more + row["units_usd"] + row["lanes_usd"], abs=1e-4)
                    assert candidate["more_usd"] == pytest.approx(row["difference_usd"], abs=1e-5)
                    assert [row["chosen_packages"], row["next_packages"]] == [one["packages"] for one in usd]
                if candidate["route"] == row["chosen_route"]:
                    assert candidate["more_usd"] == 0
    assert several > 50


@pytest.mark.parametrize("by", POLICIES)
def test_the_chosen_has_the_highest_score_and_a_linear_score_is_the_sum_of_what_matters(
    by: str, tmp_path: Path
) -> None:
    policy = POLICIES[by]
    rows = [row for row in written(tmp_path / "log.parquet", small(**TWO_REGIONS), policy) if row["candidates"]]
    for row in rows:
        best = max(candidate["score"] for candidate in row["candidates"])
        assert row["chosen_score"] == pytest.approx(best, abs=1e-3)
        assert row["margin"] is None or row["margin"] >= -1e-3
    assert {feature["feature"] for row in rows for feature in row["features"]} <= set(SOURCE_FEATURES)
    x = np.random.default_rng(0).random((2, 50, len(SOURCE_FEATURES))).astype(np.float32)
    region = np.zeros(50, np.int64)
    lead = [scores(policy.scorers.source, region, one[:, None])[:, 0] for one in x]
    added = worth(policy.scorers.source, region, *x).sum(axis=1)
    assert np.allclose(added, lead[0] - lead[1], atol=1e-3) == (by != "pretrained/us8")


def test_a_log_is_written_in_pieces_and_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = written(tmp_path / "whole.parquet", small(), POLICIES["least_cost"])
    monkeypatch.setattr(log, "GROUP_ROWS", 50)
    assert written(tmp_path / "log.parquet", small(), POLICIES["least_cost"]) == whole
    file = pq.ParquetFile(tmp_path / "log.parquet")
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert len(sizes) > 5 and max(sizes) < 150
    about = log.read_about(tmp_path / "log.parquet")
    assert about == {"policy": "least_cost", "key": hex(KEY), "scenario": "small"}


def test_every_column_is_explained() -> None:
    plain = {name.replace("chosen_", "…_").replace("next_", "…_") for name in SCHEMA.names}
    assert {name for name in plain if not name.startswith("order_")} <= set(COLUMNS)


def test_an_order_is_found_and_other_files_are_refused(tmp_path: Path) -> None:
    rows = written(tmp_path / "log.parquet", small(), POLICIES["least_cost"])
    number = rows[len(rows) // 2]["order"]
    found = log.read_order(tmp_path / "log.parquet", str(number))
    assert [one.line for one in found] == [row["line"] for row in rows if row["order"] == number]
    assert found == log.play_order(small(), POLICIES["least_cost"], KEY, str(number))
    assert log.read_order(tmp_path / "log.parquet", "none") == []
    pq.write_table(pq.read_table(tmp_path / "log.parquet").replace_schema_metadata({}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("text", encoding="utf-8")
    for name, problem in (("missing", "no such file"), ("other", "no log of decisions"), ("text", "not readable")):
        with pytest.raises(InputError, match=problem):
            log.read_order(tmp_path / f"{name}.parquet", "1")


def test_orders_and_skus_of_a_file_keep_their_names(tmp_path: Path) -> None:
    """Whatever characters they hold; an order's number is no name of one."""
    table = drawn_orders(days=3, per_day=40)
    table["order"], table["sku"] = table["order"].replace("A000020", "#20, Köln"), "x " + table["sku"]
    scenario = written_orders(tmp_path / "orders.csv", table)
    rows = written(tmp_path / "log.parquet", scenario, POLICIES["least_cost"])
    logged = {(row["order_name"], row["sku_name"], row["units"]) for row in rows}
    placed = dict(zip(table["order"], table["time"].dt.tz_localize("UTC"), strict=True))
    assert {row["placed_time"] - placed[row["order_name"]].floor("h") for row in rows} == {pd.Timedelta(0)}
    assert logged == set(zip(table["order"], table["sku"], table["units"], strict=True))
    found = log.read_order(tmp_path / "log.parquet", "#20, Köln")
    own = table[table["order"] == "#20, Köln"]
    assert len(found) == len(own) > 0 and {one.station for one in found} == set(own["station"])
    assert found == log.play_order(scenario, POLICIES["least_cost"], KEY, "#20, Köln")
    assert (
        log.read_order(tmp_path / "log.parquet", "20")
        == log.play_order(scenario, POLICIES["least_cost"], KEY, "20")
        == []
    )
    assert f"placed at {own['time'].iloc[0].floor('h'):%Y-%m-%d %H:%M} UTC" in explain(found, "least_cost")
    assert "Order #20, Köln (number " in explain(found, "least_cost") and own["sku"].iloc[0] in explain(
        found, "least_cost"
    )


def test_an_order_of_hundreds_of_lines_with_two_promises(tmp_path: Path) -> None:
    """Its packages as decided: one per route and promise."""
    table = drawn_orders(days=2, per_day=20, skus=200)
    lines = {"sku": [f"{i:05d}" for i in range(200)], "promise_hours": np.where(np.arange(200) % 3 == 0, 12, 60)}
    big = pd.DataFrame({"order": "BIG", "time": table["time"].iloc[9], "station": table["station"].iloc[0], **lines})
    scenario = written_orders(tmp_path / "orders.csv", pd.concat([table, big.assign(units=1)], ignore_index=True))
    rows = pd.DataFrame(written(tmp_path / "log.parquet", scenario, POLICIES["consolidate"])).query(
        "order_name == 'BIG'"
    )
    assert sorted(rows["line"]) == list(range(1, 201)) and set(rows["promise_hours"]) == {12, 60}
    served = rows.dropna(subset=["chosen_route"])
    assert len(served) > 150 and served["chosen_packages"].nunique() == 1
    assert served["chosen_packages"].iloc[0] == served.groupby(["chosen_route", "promise_hours"]).ngroups


def test_words_say_who_serves_what_else_there_was_and_why(tmp_path: Path) -> None:
    for by, said in (("least_cost", "puts"), ("pretrained/us8", "above the next")):
        rows = written(tmp_path / "log.parquet", small(**SCARCE), POLICIES[by])
        lost = next(row["order"] for row in rows if row["chosen_route"] is None)
        text = explain(log.read_order(tmp_path / "log.parquet", str(lost)), by)
        assert "No FC has the units; the line is lost." in text
        row = next(row for row in rows if row["next_fc"] and abs(row["difference_usd"]) > 0.1 and not row["replanned"])
        text = explain(log.read_order(tmp_path / "log.parquet", str(row["order"])), by)
        for part in (row["station"], row["chosen_path"], row["next_path"], "USD", said, "no unit", "on hand"):
            assert part in text


def test_the_commands_agree(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    ended = run_here(
        tmp_path, "evaluate.py", "results", "--scenario", "tiny.yaml", "--policies", "least_cost", "--episodes", "1",
        "--decisions", "--out", "out",
    )  # fmt: skip
    assert ended.code == 0 and "order lines: out/decisions_least_cost.parquet" in ended.out
    logged = run_here(tmp_path, "evaluate.py", "explain", "20", "--log", "out/decisions_least_cost.parquet")
    played = run_here(tmp_path, "evaluate.py", "explain", "20", "--scenario", "tiny.yaml")
    assert logged.code == played.code == 0 and logged.out == played.out and "Order 20 to" in logged.out
    missing = run_here(tmp_path, "evaluate.py", "explain", "99999", "--scenario", "tiny.yaml")
    assert missing.code == 2 and "order '99999': no such order was decided on" in missing.err
