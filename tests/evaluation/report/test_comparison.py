"""A comparison's tables, on the terminal and as Markdown."""

from __future__ import annotations

from rich.console import Console

from regional_dispatch.baselines import baseline
from regional_dispatch.evaluation.compare import compare_policies
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.report.comparison import cost_differences, kpi_rows, markdown_table, print_comparison
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
REGIONAL, NATIONAL = baseline("regional_nearest"), baseline("national_nearest+immediate")


def test_tables_show_percent_mark_the_best_and_keep_the_sign_of_differences() -> None:
    policies = {name: baseline(name) for name in ("regional_nearest", "national_nearest+immediate")}
    summary = compare_policies(WORLD, policies, episodes=2, seed=0, command="python evaluate.py").summary
    rows = {row.kpi: row for row in kpi_rows(summary)}
    share = summary["policies"]["regional_nearest"]["in_region_share"]["mean"]
    assert rows["in_region_share"].unit == "%"
    assert rows["in_region_share"].cells[0] == f"{100 * share:.1f}"
    assert rows["truck_fill"].best == [True, False]
    assert rows["click_to_delivery_hours"].best == [False, True]
    (difference,) = cost_differences(summary)
    sign = "−" if summary["paired"]["regional_nearest - national_nearest+immediate"][COST]["mean"] < 0 else "+"
    assert difference.pair == "regional_nearest − national_nearest+immediate"
    assert difference.usd.startswith(sign)
    assert difference.percent.startswith(sign)
    text = markdown_table(summary)
    assert f"| `truck_fill` | % | **{rows['truck_fill'].cells[0]}** | {rows['truck_fill'].cells[1]} |" in text
    console = Console(record=True, width=120)
    print_comparison(summary, console)
    assert difference.usd in console.export_text()


def test_reevaluation_is_for_every_policy_and_named_in_the_table() -> None:
    slow = small(horizon_hours=48, warmup_hours=12, capacity={"pick_headroom": 0.4, "backlog_limit_hours": 100})
    policies = {"regional_nearest": REGIONAL, "national_nearest+immediate": NATIONAL}
    found = {on: compare_policies(slow, policies, episodes=2, seed=0, reevaluate=on) for on in (False, True)}
    for name in policies:
        means = [found[on].summary["policies"][name]["mended_share"]["mean"] for on in (False, True)]
        assert means[0] == 0 < means[1]
    assert "merged hourly" in markdown_table(found[True].summary)
    assert "merged hourly" not in markdown_table(found[False].summary)
