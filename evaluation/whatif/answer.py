"""Both networks played on the same orders: KPIs with paired differences, and flows by lane and site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, part_of
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.envs.world.what_if import before
from regional_dispatch.envs.world.what_if.stock import Moved, stock_moves
from regional_dispatch.evaluation.doubts import doubts
from regional_dispatch.evaluation.intervals import few_samples, over_samples, shown_difference
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.periods import Period, is_trace, joined, play_samples, whole_weeks
from regional_dispatch.evaluation.statistics import mean_interval

SIDES = ("before", "after")
_LANE_KEYS = ["origin", "destination", "mode"]


class Side(NamedTuple):
    """One of the two networks."""

    scenario: Scenario
    network: Network
    units: np.ndarray  # (F,) base-stock units
    samples: Mapping[str, Sequence[Period]]  # policy → a period per episode, or per part of a trace


class Answer(NamedTuple):
    """What a what-if changes."""

    before: Side
    after: Side
    kpis: dict[str, dict[str, dict[str, Any]]]  # policy → KPI → `before`, `after`, `difference`; see `over_samples`
    moved: list[Moved]
    assumed: list[str]  # sentences
    doubts: list[str]  # of either side; see `evaluation.doubts`


def answer(
    scenario: Scenario, policies: Mapping[str, ScorerPolicy], episodes: int, seed: int,
    progress: Callable[[str], None] | None = None,
) -> Answer:  # fmt: skip
    """Plays every policy in the network before and after, on the same orders.

    Args:
        scenario: with a `what_if`.
        policies: name → policy.
        episodes: of generated orders; a trace is played once, and weeks of its part for evaluation are compared.
        seed: of the orders, ≥ 0.
        progress: called with a policy's name after each of its episodes, on either side.

    Raises:
        ScenarioError: a site that is named does not exist, or a station is left without a route.
    """
    from regional_dispatch.evaluation.whatif.assumed import assumptions

    scenario = part_of(scenario, "evaluate")
    worlds = before(scenario), scenario
    built = [(world, build_network(world)) for world in worlds]
    sides = [
        Side(
            world, network, place_stock(world, network).sum(axis=0, dtype=np.int64),
            {name: _play(world, policy, name, episodes, seed, progress) for name, policy in policies.items()},
        )
        for world, network in built
    ]  # fmt: skip
    moved = stock_moves(scenario, built[1][1])
    kpis = {name: _compared(sides[0], sides[1], name) for name in policies}
    known = dict.fromkeys([
        *few_samples(*_samples(sides[0])),
        *(doubt for side in sides for doubt in doubts(side.scenario, policies, _frame(side))),
    ])  # fmt: skip
    return Answer(sides[0], sides[1], kpis, moved, assumptions(sides[0], sides[1], moved), list(known))


def _frame(side: Side) -> pd.DataFrame:
    """The KPIs of every policy and sample."""
    return pd.DataFrame(
        {"policy": name, **period.kpis()} for name, samples in side.samples.items() for period in samples
    )


def _samples(side: Side) -> tuple[int, str]:
    """How many samples there are, and of what."""
    periods = next(iter(side.samples.values()))
    return (len(whole_weeks(periods)), "weeks") if is_trace(side.scenario) else (len(periods), "episodes")


def _play(
    world: Scenario, policy: ScorerPolicy, name: str, episodes: int, seed: int, progress: Callable[[str], None] | None
) -> list[Period]:
    return play_samples(world, policy, episodes, seed, progress=None if progress is None else lambda: progress(name))


def _compared(was: Side, now: Side, policy: str) -> dict[str, dict[str, Any]]:
    """KPI → before, after and difference."""
    trace = is_trace(was.scenario)
    sides = [_values(side.samples[policy], trace) for side in (was, now)]
    (values_a, whole_a), (values_b, whole_b) = sides
    return {
        kpi: {
            "before": over_samples([row[kpi] for row in values_a], whole_a[kpi], trace),
            "after": over_samples([row[kpi] for row in values_b], whole_b[kpi], trace),
            "difference": shown_difference(kpi, over_samples(
                [b[kpi] - a[kpi] for a, b in zip(values_a, values_b, strict=True)],
                whole_b[kpi] - whole_a[kpi], trace,
            )),
        }
        for kpi in KPIS
        if kpi != EPISODE_COST
    }  # fmt: skip


def _values(samples: Sequence[Period], trace: bool) -> tuple[list[dict[str, float]], dict[str, float]]:
    """KPIs of each sample, and of all: their mean over episodes, or those of the whole trace."""
    rows = [period.kpis() for period in (whole_weeks(samples) if trace else samples)]
    if trace:
        return rows, joined(samples).kpis()
    return rows, {kpi: mean_interval([row[kpi] for row in rows]).mean for kpi in KPIS}


# --------------------------------------------------------------------------------------------------------------- tables


def kpi_table(found: Answer) -> pd.DataFrame:
    """One row per policy and KPI: before, after, difference and its interval."""
    rows = [
        {
            "policy": policy, "kpi": kpi, "unit": KPIS[kpi].unit, "before": cells["before"]["mean"],
            "after": cells["after"]["mean"], "difference": cells["difference"]["mean"],
            "ci_low": cells["difference"]["ci_low"], "ci_high": cells["difference"]["ci_high"],
        }
        for policy, kpis in found.kpis.items()
        for kpi, cells in kpis.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def lane_table(found: Answer) -> pd.DataFrame:
    """One row per policy and lane of either network: miles, trucks, packages, fill and dollars a day, before and after.

    Dollars are those of trucks at the lane's cost; the premium of hired ones is in the KPIs alone.
    """
    frames = [
        _beside([_lanes(side, policy) for side in (found.before, found.after)], _LANE_KEYS, policy)
        for policy in found.kpis
    ]
    return pd.concat(frames, ignore_index=True)


def site_table(found: Answer) -> pd.DataFrame:
    """One row per policy and FC or sort center of either network: capacity, trucks, stock and packages a day."""
    frames = [
        _beside([_sites(side, policy) for side in (found.before, found.after)], ["site", "kind"], policy)
        for policy in found.kpis
    ]
    return pd.concat(frames, ignore_index=True)


def _beside(sides: Sequence[pd.DataFrame], keys: list[str], policy: str) -> pd.DataFrame:
    """Two tables side by side; what a side does not have is 0 there."""
    values = [column for column in sides[0] if column not in keys]
    both = sides[0].merge(sides[1], on=keys, how="outer", suffixes=("_before", "_after")).fillna(0.0)
    columns = [f"{column}_{side}" for column in values for side in SIDES]
    return both[[*keys, *columns]].assign(policy=policy)[["policy", *keys, *columns]]


def _per_day(side: Side, policy: str) -> Period:
    """What happens in a day on average."""
    whole = joined(side.samples[policy])
    days = sum(period.hours for period in side.samples[policy]) / 24
    arrays = ("lane_trucks", "lane_packages", "site_packages")
    return whole._replace(**{name: getattr(whole, name) / days for name in arrays})


def _lanes(side: Side, policy: str) -> pd.DataFrame:
    net, day = side.network.net, _per_day(side, policy)
    names, room = side.network.sites["name"].to_numpy(), np.maximum(day.lane_trucks * net.lanes["room"], 1e-12)
    return pd.DataFrame({
        "origin": names[net.lanes["origin"]], "destination": names[net.lanes["dest"]], "mode": side.network.lane_modes,
        "miles": net.lanes["miles"], "trucks_per_day": day.lane_trucks, "packages_per_day": day.lane_packages,
        "fill": day.lane_packages / room, "usd_per_day": day.lane_trucks * net.lanes["cost"],
    })  # fmt: skip


def _sites(side: Side, policy: str) -> pd.DataFrame:
    net, day = side.network.net, _per_day(side, policy)
    own = slice(0, net.fcs + net.scs)
    sites = side.network.sites.iloc[own]
    return pd.DataFrame({
        "site": sites["name"], "kind": sites["kind"],
        "capacity_per_hour": net.site_capacity[own] / side.scenario.tick_hours, "trucks": net.fleet[own],
        "stock_units": np.concatenate([side.units, np.zeros(net.scs)]), "packages_per_day": day.site_packages[own],
    })  # fmt: skip
