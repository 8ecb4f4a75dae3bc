"""Gaps to the hindsight bound: arithmetic on hand-made numbers, labels, and bounds that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.bounds.bound import HindsightBound
from regional_dispatch.commands.compare import Command as Compare
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.evaluation.bounds import InvalidBoundError, bound_row, join_bounds
from regional_dispatch.evaluation.compare import compare_policies, read_summary
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.policy_kinds import cheapest, tuned_rules, untuned_rules
from regional_dispatch.evaluation.report.comparison import markdown_table, print_comparison
from regional_dispatch.evaluation.report.gaps import gap_notes, gap_rows, gap_title
from regional_dispatch.evaluation.statistics import ratio_of_means
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)


def costs(**policies: list[float]) -> pd.DataFrame:
    rows = [
        {"policy": name, "episode": episode, "seed": "0x1", EPISODE_COST: value}
        for name, values in policies.items()
        for episode, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def bounds_of(*usd: float, kinds: tuple[str, ...] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "episode": range(len(usd)), "bound_per_order_usd": usd, "bound_seconds": 2.0,
            "bound_kind": kinds or ("exact",) * len(usd),
        }
    )  # fmt: skip


FRAME = costs(rule=[5.0, 7.0, 100.0], other=[6.0, 8.0, 0.0], tuned=[4.0, 4.0, 100.0])


# ------------------------------------------------------------------------------------------------------- arithmetic


def test_gaps_and_shares_are_those_of_hand_made_numbers() -> None:
    found = gap_summary(FRAME, bounds_of(2.0, 4.0), ["rule", "other"])
    assert (found["label"], found["kinds"], found["best_untuned"]) == ("optimum", {"exact": 2}, "rule")
    assert (found["usd_per_order"]["mean"], found["seconds"]) == (3, 2)
    tuned = found["policies"]["tuned"]
    assert (tuned["cost_usd"]["mean"], tuned["gaps_usd"]) == (4, [2, 0])
    assert tuned["gap_usd"] == {"mean": 1, "ci_low": None, "ci_high": None}  # of two episodes
    assert tuned["gap_percent"]["mean"] == pytest.approx(100 / 3)
    assert tuned["share_closed"]["mean"] == pytest.approx((6 - 4) / (6 - 3))
    assert found["policies"]["rule"]["share_closed"] == {"mean": 0, "ci_low": None, "ci_high": None}
    assert found["policies"]["other"]["share_closed"]["mean"] == pytest.approx(-1 / 3)
    assert [row["bound_kind"] for row in found["episodes"]] == ["exact", "exact"]


def test_without_an_untuned_rule_or_a_gap_there_is_no_share() -> None:
    found = gap_summary(FRAME, bounds_of(2.0, 4.0), [])
    assert (found["best_untuned"], found["policies"]["tuned"]["share_closed"]) == (None, None)
    assert "no share" in gap_notes(found)
    assert len(gap_rows(found)[0]) == 4
    at_the_bound = gap_summary(costs(rule=[2.0, 4.0]), bounds_of(2.0, 4.0), ["rule"])
    assert at_the_bound["policies"]["rule"]["share_closed"] is None
    assert gap_rows(at_the_bound)[0][-1] == "–"


def test_a_ratio_takes_both_together() -> None:
    draws = np.random.default_rng(1)
    bottom = draws.uniform(1, 9, 20)
    near = ratio_of_means(0.3 * bottom + draws.normal(0, 1e-6, 20), bottom)
    wide = ratio_of_means(draws.permutation(0.3 * bottom), bottom)
    assert near is not None and wide is not None
    np.testing.assert_allclose(near, 0.3, atol=1e-6)
    assert wide.ci_low < 0.28 < wide.mean < 0.32 < wide.ci_high
    assert ratio_of_means([1.0, 2.0], [0.0, 0.0]) is None
    same = ratio_of_means([0.0, 1.0, 2.0], [0.0, 2.0, 4.0])
    assert same is not None and same.mean == 0.5 and np.isnan(same.ci_low)  # nothing says how it would vary


# ----------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("kinds", "label"),
    [
        (("exact", "exact"), "hindsight optimum (exact)"),
        (("relaxation", "relaxation"), "hindsight lower bound (relaxation)"),
        (("exact", "time limit"), "hindsight lower bound (1 exact, 1 time limit)"),
    ],
)
def test_only_exact_bounds_are_called_optimal(kinds: tuple[str, ...], label: str) -> None:
    found = gap_summary(FRAME, bounds_of(2.0, 4.0, kinds=kinds), ["rule"])
    assert label in gap_title(found)
    assert ("optimum" in gap_title(found)) == (kinds == ("exact", "exact"))


def test_rules_with_their_defaults_are_untuned_and_other_weights_are_not() -> None:
    settings = {"source.scale": 2.0}
    policies = {
        "hybrid": baseline("hybrid"),
        "linear": baseline("linear"),
        "tuned_shadow_price": baseline("shadow_price", settings),
        "shadow_price": baseline("shadow_price", settings),  # a folder of that name
        "backpressure": baseline("backpressure"),
        "mine": ScorerPolicy(baseline("hybrid").scorers),
    }
    assert untuned_rules(policies) == ["hybrid", "backpressure"]
    assert tuned_rules(policies) == ["linear", "tuned_shadow_price", "shadow_price", "mine"]
    assert cheapest(FRAME, ["rule", "other"], EPISODE_COST) == "other"
    assert cheapest(FRAME, [], EPISODE_COST) is None


# --------------------------------------------------------------------------------------------------- wrong bounds


def test_a_bound_above_a_policy_is_refused_and_named() -> None:
    with pytest.raises(
        InvalidBoundError, match=r"'tuned' costs 4.000000 .* episode 1, below the 'exact' bound of 4.01"
    ):
        join_bounds(FRAME, bounds_of(2.0, 4.01))
    joined = join_bounds(FRAME, bounds_of(2.0, 4.0 + 1e-6))  # what sums of floats may differ by
    assert joined["bound_per_order_usd"].isna().sum() == 3
    assert len(joined) == len(FRAME)
    with pytest.raises(InvalidBoundError, match="seed 0x"):
        compare_policies(
            WORLD, {"hybrid": baseline("hybrid")}, 1, 0, bound=lambda *_: HindsightBound(9e9, 1, "exact", 0, {})
        )


def test_an_episode_without_orders_has_no_bound_and_no_gap() -> None:
    assert np.isnan(float(bound_row(HindsightBound(0.0, 0, "exact", 0.1, {}))["bound_per_order_usd"]))
    found = gap_summary(costs(rule=[4.0, np.nan, 5.0, 7.0]), bounds_of(2.0, np.nan, 3.0, 4.0), ["rule"])
    assert found["usd_per_order"]["mean"] == 3
    assert found["policies"]["rule"]["gap_percent"]["mean"] == pytest.approx(700 / 9)
    json.dumps(found, allow_nan=False)


# ------------------------------------------------------------------------------------------------------- comparison


def test_a_comparison_with_bounds_shows_them_everywhere(tmp_path: Path) -> None:
    large = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12, demand={"orders_per_day": 900})  # for the optimum
    (tmp_path / "tiny.yaml").write_text(large.model_dump_json(exclude_none=True), encoding="utf-8")
    out = tmp_path / "out"
    Compare(
        scenario=str(tmp_path / "tiny.yaml"), policies="regional_nearest,immediate", episodes=3, out=out, bound=True
    ).run()
    summary = read_summary(out / "summary.json")
    assert (summary["gaps"]["label"], summary["gaps"]["best_untuned"]) == ("lower bound", "regional_nearest")
    usd = summary["gaps"]["usd_per_order"]["mean"]
    frame = pd.read_csv(out / "results.csv")
    assert frame["bound_per_order_usd"].mean() == pytest.approx(usd)
    assert 2.5 < usd < frame[EPISODE_COST].min()  # every order is picked at least
    assert set(frame["bound_kind"]) == {"relaxation"}
    text, console = markdown_table(summary), Console(record=True, width=160)
    print_comparison(summary, console)
    for shown in (text, console.export_text()):
        assert f"hindsight lower bound (relaxation): {usd:.3f}" in shown
        assert "gap closed, %" in shown
        assert "0.0 [–]" in shown  # the rule against itself
        assert "the best untuned rule here, to the lower bound" in shown
