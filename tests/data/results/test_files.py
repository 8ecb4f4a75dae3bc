"""Results as files: means, intervals and differences that agree in CSV, Parquet and the workbook."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from regional_dispatch.baselines import baseline
from regional_dispatch.data.results.episode import play_episode
from regional_dispatch.data.results.files import WORKBOOK
from regional_dispatch.data.results.spread import differences, spread
from regional_dispatch.data.results.tables import ROWS, Tables, episode_tables
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.rollouts import evaluate_policies
from regional_dispatch.evaluation.statistics import mean_interval, mean_intervals
from tests.processes import TINY, run_here
from tests.worlds import TWO_REGIONS, small


@pytest.fixture(scope="module")
def episodes() -> dict[str, list[Tables]]:
    scenario = small(**TWO_REGIONS)
    network = build_network(scenario)
    return {
        name: [episode_tables(scenario, network, play_episode(scenario, baseline(name), key)) for key in (1, 2, 3)]
        for name in ("least_cost", "regional_nearest")
    }


def test_means_are_over_episodes_and_differences_are_paired(episodes: dict[str, list[Tables]]) -> None:
    means, less = spread(episodes), differences(episodes)
    for name in ("regions", "lanes"):
        column = "total_usd" if name == "regions" else "truck_usd"
        of = {policy: np.array([table[name][column] for table in own]) for policy, own in episodes.items()}
        shown = means[name].set_index("policy")[column]
        for policy, values in of.items():
            assert shown[policy].to_numpy() == pytest.approx(values.mean(axis=0))
        change = (of["regional_nearest"] - of["least_cost"]).mean(axis=0)
        assert less[name][column].to_numpy() == pytest.approx(change)
        known = less[name].dropna(subset=f"{column}_low")
        assert len(known) and (known[f"{column}_low"] <= known[column]).all()
        assert (known[f"{column}_high"] >= known[column]).all()
    assert set(less["regions"]["against"]) == {"least_cost"} and set(less["regions"]["policy"]) == {"regional_nearest"}


def test_one_episode_has_no_interval_and_one_policy_no_difference(episodes: dict[str, list[Tables]]) -> None:
    one = {"least_cost": episodes["least_cost"][:1]}
    assert not [column for column in spread(one)["sites"] if column.endswith(("_low", "_high"))]
    assert differences(one) == {}


def test_many_means_at_once_have_the_intervals_of_one_at_a_time() -> None:
    values = np.random.default_rng(0).normal(10, 3, (8, 5))
    values[2, 4] = np.nan
    mean, low, high = mean_intervals(values)
    for i in range(5):
        assert (mean[i], low[i], high[i]) == pytest.approx(tuple(mean_interval(values[:, i])))
    assert mean[4] == pytest.approx(np.nanmean(values[:, 4]))
    assert np.isnan(mean_intervals(values[:1])[1]).all()


def test_the_command_writes_the_same_numbers_in_all_formats_and_no_old_ones(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    asked = ("--scenario", "tiny.yaml", "--policies", "least_cost,regional_nearest", "--episodes", "2")
    ended = run_here(tmp_path, "evaluate.py", "results", *asked, "--out", "out")
    assert ended.code == 0 and ended.out.endswith(f"results: {Path('out') / WORKBOOK}\n")
    assert "note: up to" in ended.out and "settled at standard cost" in ended.out  # 30 hours are few
    names = [*ROWS, *(f"{name}_differences" for name in ROWS)]
    book = load_workbook(tmp_path / "out" / WORKBOOK)
    assert len(book.sheetnames) == 1 + len(names) and book.sheetnames[0] == "Read me"
    for name, sheet in zip(names, book.worksheets[1:], strict=True):
        table = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        pd.testing.assert_frame_equal(
            pd.read_csv(tmp_path / "out" / f"{name}.csv"), table, check_dtype=False, rtol=1e-12
        )  # fmt: skip
        rows = list(sheet.iter_rows(values_only=True))
        assert list(rows[0]) == table.columns.tolist() and len(rows) == 1 + len(table)
        assert list(rows[1]) == [None if pd.isna(value) else pytest.approx(value) for value in table.iloc[0]]
        assert sheet.freeze_panes and sheet.auto_filter.ref
        assert "total_usd" not in rows[0] or sheet.cell(2, rows[0].index("total_usd") + 1).number_format == "#,##0.00"
    run_here(tmp_path, "evaluate.py", "results", *asked[:3], "least_cost", "--episodes", "1", "--out", "out")
    left = sorted(path.name for path in (tmp_path / "out").glob("[!.]*"))
    assert left == sorted([WORKBOOK, *(f"{name}.{kind}" for name in ROWS for kind in ("csv", "parquet"))])


def test_means_are_those_of_compare(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    asked = ("--scenario", "tiny.yaml", "--policies", "least_cost,regional_nearest", "--episodes", "2")
    assert run_here(tmp_path, "evaluate.py", "results", *asked, "--out", "out").code == 0
    policies = {name: baseline(name) for name in ("least_cost", "regional_nearest")}
    compared = evaluate_policies(load_scenario(str(tmp_path / "tiny.yaml")), policies, 2, 0)
    compared = compared.groupby("policy")[list(KPIS)].mean()
    shown = pd.read_csv(tmp_path / "out" / "network.csv").pivot(index="policy", columns="kpi", values="value")
    pd.testing.assert_frame_equal(shown[list(KPIS)], compared, check_names=False)


def test_a_trace_is_one_sample(tmp_path: Path) -> None:
    rows = "\n".join(f"{3 * i},o{i},DS New York NY,{i % 5},{i % 2},40" for i in range(12))
    (tmp_path / "orders.csv").write_text(f"hour,order,station,sku,units,promise_hours\n{rows}\n", encoding="utf-8")
    text = TINY.replace("kind: generated, orders_per_day: 200", "kind: trace, path: orders.csv, orders_per_day: 8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    ended = run_here(tmp_path, "evaluate.py", "results", "--scenario", "mine.yaml", "--episodes", "2", "--out", "out")
    assert ended.code == 2 and "the orders of a trace are one sample" in ended.err
    ended = run_here(tmp_path, "evaluate.py", "results", "--scenario", "mine.yaml", "--out", "out")
    assert ended.code == 0
    network = pd.read_csv(tmp_path / "out" / "network.csv").set_index("kpi")["value"]
    assert network["orders"] == 5  # of six, one is in the warm-up
    about = pd.read_excel(tmp_path / "out" / WORKBOOK, sheet_name="Read me", header=None)
    told = about[about[0] == "orders left out"]
    assert told[1].tolist() == ["6 rows"] and "returned" in told[2].iloc[0]
