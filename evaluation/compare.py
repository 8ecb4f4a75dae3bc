"""Policies compared on the same orders: means, paired differences, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd
import yaml

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.reading import read_json
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, part_of
from regional_dispatch.evaluation.backtest.split import split_text
from regional_dispatch.evaluation.bounds import Bound, evaluate_bounds, join_bounds
from regional_dispatch.evaluation.doubts import doubts
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.intervals import few_samples, shown_difference
from regional_dispatch.evaluation.output import NOT_A_NUMBER, staged
from regional_dispatch.evaluation.periods import is_trace
from regional_dispatch.evaluation.policy_kinds import untuned_rules
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.evaluation.rollouts import (
    Playable,
    evaluate_policies,
    evaluation_keys,
    play,
    seconds_per_decision,
)
from regional_dispatch.evaluation.statistics import Interval, mean_interval, paired_difference
from regional_dispatch.evaluation.submission.objects import as_playable
from regional_dispatch.evaluation.weeks import compare_weeks

Summary = dict[str, Any]


class Comparison(NamedTuple):
    """The result of a comparison."""

    scenario: Scenario
    policies: Mapping[str, Playable]
    frame: pd.DataFrame  # one row per policy × episode; see `evaluate_policies` and `join_bounds`
    summary: Summary  # see `summarise`, plus `meta` and, with bounds, `gaps` (see `gap_summary`)
    weeks: pd.DataFrame | None = None  # of a trace; see `evaluation.weeks.compare_weeks`


def compare_policies(
    scenario: Scenario,
    policies: Mapping[str, Any],
    episodes: int,
    seed: int,
    command: str = "",
    progress: Callable[[str], None] | None = None,
    reevaluate: bool = False,
    bound: Bound | None = None,
    stream: str = "evaluate",
    transfers: str | None = None,
    threads: int = 1,
) -> Comparison:
    """Plays every policy through the same episodes and summarises.

    Args:
        scenario: the world.
        policies: name → policy, in the order of the tables; any object with `predict()` is one, see
            `baselines.predict_player`.
        episodes: E ≥ 1. Fewer than three have no intervals. A trace is one sample of demand: it is played once,
            whatever this says, and intervals are over its weeks.
        seed: of the orders, ≥ 0.
        command: the command line, kept in the summary.
        progress: called with the policy's name after each of its episodes, with "bound" after each bound.
        reevaluate: merge the unpicked packages of split orders once an hour, under every policy.
        bound: computes a lower bound on each episode's dollars. Default: no bounds.
        stream: of the orders; default, the held-out ones.
        transfers: name of the rule that moves stock between regions, under every policy; default, none.
        threads: on which the regions decide; the numbers are the same for any.

    Raises:
        BaselineError: no such rule.
        InputError: a policy was trained or tuned on these orders, or an object has no `predict()`.
        PlayerError: a policy's answer is no action.
        ScenarioError: the scenario's tables cannot be used.
        BoundError: a bound cannot be computed.
        ValueError: no episodes, or a negative seed.
    """
    policies = {name: as_playable(name, policy) for name, policy in policies.items()}
    check_unseen(policies, stream, seed)
    if is_trace(scenario):
        return _with_doubts(_compare_trace(
            scenario, policies, seed, stream, command, progress, reevaluate, bound, transfers, threads
        ))  # fmt: skip
    frame = evaluate_policies(
        scenario,
        policies,
        episodes,
        seed,
        progress,
        reevaluate=reevaluate,
        stream=stream,
        transfers=transfers,
        threads=threads,
    )
    summary = summarise(frame)
    if bound is not None:
        bounds = evaluate_bounds(scenario, evaluation_keys(episodes, seed, stream), bound, progress)
        frame = join_bounds(frame, bounds)
        summary["gaps"] = gap_summary(frame, bounds, untuned_rules(policies))
    facts = {
        "scenario": scenario.name, "stream": stream, "seed": seed, "episodes": episodes, "reevaluate": reevaluate,
        "transfers": transfers, "money": scenario.money,
    }  # fmt: skip
    return _with_doubts(Comparison(scenario, policies, frame, {**summary, "meta": {**facts, **provenance(command)}}))


def _with_doubts(comparison: Comparison) -> Comparison:
    """The same with what to know before its numbers are believed."""
    weeks, meta = comparison.weeks, comparison.summary["meta"]
    samples = (meta["episodes"], "episodes") if weeks is None else (meta["weeks"], "weeks")
    found = [*few_samples(*samples), *doubts(comparison.scenario, comparison.policies, comparison.frame)]
    pace = seconds_per_decision(comparison.frame)
    timed = {"seconds_per_decision": pace} if pace else {}
    return comparison._replace(summary={**comparison.summary, **timed, "doubts": found})


def _compare_trace(
    scenario: Scenario, policies: Mapping[str, Playable], seed: int, stream: str, command: str,
    progress: Callable[[str], None] | None, reevaluate: bool, bound: Bound | None, transfers: str | None, threads: int,
) -> Comparison:  # fmt: skip
    """`compare_policies` on the part of a trace that a stream is."""
    scenario = part_of(scenario, stream)
    frame, weeks, summary = compare_weeks(scenario, policies, progress, reevaluate, transfers, threads)
    if bound is not None:
        bounds = evaluate_bounds(scenario, evaluation_keys(1, 0), bound, progress)
        frame = join_bounds(frame, bounds)
        summary["gaps"] = gap_summary(frame, bounds, untuned_rules(policies))
    facts = {
        "scenario": scenario.name, "stream": stream, "seed": seed, "episodes": 1, "reevaluate": reevaluate,
        "transfers": transfers, "money": scenario.money, "weeks": int(weeks.groupby("policy")["whole"].sum().max()),
        "split": split_text(scenario, stream),
    }  # fmt: skip
    return Comparison(scenario, policies, frame, {**summary, "meta": {**facts, **provenance(command)}}, weeks)


class Learned(Protocol):
    """A policy that knows which orders it was trained or tuned on."""

    @property
    def seen(self) -> frozenset[tuple[str, int]]:
        """(stream, seed) of those orders."""


def check_unseen(policies: Mapping[str, Learned], stream: str, seed: int) -> None:
    """Checks that no policy is measured on orders it was trained or tuned on.

    Raises:
        InputError: one was trained or tuned on this stream and seed.
    """
    for name, policy in policies.items():
        if (stream, seed) in policy.seen:
            free = next(s for s in count() if all((stream, s) not in other.seen for other in policies.values()))
            raise InputError(
                f"policy '{name}': was trained or tuned on stream '{stream}', seed {seed}, so it would look better "
                f"there than it is; use another seed, such as --seed {free}, or the held-out orders (--stream evaluate)"
            )


def summarise(frame: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None = None) -> Summary:
    """Means over episodes with 95 % intervals (`evaluation.statistics.mean_interval`).

    Args:
        frame: one row per policy × episode; see `evaluate_policies`.
        pairs: (A, B) to take differences of. Default: each A that stands before B in the frame.

    Returns:
        `{"policies": {name: {kpi: {"mean", "ci_low", "ci_high"}}}, "paired": {"A - B": {kpi: {…}}}}`. The intervals of
        `paired` are those of the per-episode differences. What is not known is None: the ends of fewer than three
        episodes, or of numbers that are mostly the same, and the mean of what no episode has.
    """
    names = list(frame["policy"].unique())
    values = {
        name: frame[frame["policy"] == name].sort_values("episode").set_index("episode")[list(KPIS)] for name in names
    }
    return {
        "policies": {name: {kpi: mean_interval(values[name][kpi]).facts() for kpi in KPIS} for name in names},
        "paired": {
            f"{a} - {b}": {
                kpi: shown_difference(kpi, paired_difference(values[a][kpi], values[b][kpi]).facts()) for kpi in KPIS
            }
            for a, b in (combinations(names, 2) if pairs is None else pairs)
        },
    }


def save_comparison(comparison: Comparison, folder: Path, config: Mapping[str, Any] | None = None) -> None:
    """Writes results.csv, summary.json, map.png, for a trace weeks.csv and, with a config, config.yaml: all or none.

    Args:
        comparison: to write.
        folder: to write to; created if it is missing.
        config: the contents of config.yaml. Default: it is not written.

    Raises:
        InputError: the folder cannot be written to.
    """
    with staged(folder) as files:
        comparison.frame.to_csv(files / "results.csv", index=False, na_rep=NOT_A_NUMBER)
        if comparison.weeks is not None:
            comparison.weeks.to_csv(files / "weeks.csv", index=False, na_rep=NOT_A_NUMBER)
        text = json.dumps(comparison.summary, indent=2, allow_nan=False, ensure_ascii=False)
        (files / "summary.json").write_text(text + "\n", encoding="utf-8")
        if config is not None:
            text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
            (files / "config.yaml").write_text(text, encoding="utf-8")
        draw_first_policy(comparison, files / "map.png")


def draw_first_policy(comparison: Comparison, path: Path) -> None:
    """The map of the first policy's first episode, in its last tick, while trucks are still on the road."""
    from regional_dispatch.envs.render.map import save_map  # pulls in matplotlib

    name, policy = next(iter(comparison.policies.items()))
    meta = comparison.summary["meta"]
    key = evaluation_keys(1, meta["seed"], meta["stream"])[0]
    last = max(1, comparison.scenario.horizon_ticks - 1)
    sim = play(comparison.scenario, policy, key, until=last, reevaluate=meta["reevaluate"], transfers=meta["transfers"])
    save_map(sim, path, title=f"{comparison.scenario.name}: {name}")


def read_summary(path: Path) -> Summary:
    """A summary.json.

    Raises:
        InputError: it is missing, or is no summary.
    """
    try:
        summary: Summary = read_json(path)
    except ScenarioError as error:
        raise InputError(f"{error}; give the summary.json of a comparison") from None
    if not _is_summary(summary):
        raise InputError(f"{path}: not the summary of a comparison; give the summary.json that `compare` wrote")
    return summary


def _is_summary(data: Any) -> bool:
    """Does a parsed JSON have the parts and KPIs that the tables show?"""
    try:
        cells = [kpis[kpi] for part in ("policies", "paired") for kpis in data[part].values() for kpi in KPIS]
        complete = all(
            isinstance(cell["mean"], float | int | None) and set(Interval._fields) <= set(cell) for cell in cells
        )
        return complete and bool(data["policies"]) and {"scenario", "seed", "episodes"} <= set(data["meta"])
    except (AttributeError, KeyError, TypeError):
        return False
