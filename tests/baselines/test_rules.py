"""Every baseline does what its name says: seen in the decisions, tick by tick."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from regional_dispatch.baselines import DISPATCH_RULES, SOURCE_RULES, BaselineError, baseline, baseline_names
from regional_dispatch.baselines.pricing import price
from regional_dispatch.baselines.rules import parameters
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.scorers import NEAREST_IN_REGION, Scorers
from regional_dispatch.envs.observation import empty_observation, fill_observation
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import SCARCE, TWO_REGIONS, Reader, small

KEY = episode_key("evaluate", 0, 0)
SHORT = {"horizon_hours": 96, "warmup_hours": 0}
# Trucks of eight leave time to see a lane wait.
WORLD = small(**{**TWO_REGIONS, **SHORT, "trucks": {"capacity_packages": 8}, "demand": {"orders_per_day": 300}})


class Choice(NamedTuple):
    """One line's decision: candidates' features by name, and which one was chosen."""

    features: dict[str, np.ndarray]
    chosen: int
    hour: int


class Departure(NamedTuple):
    """One lane's decision: features by name, and whether a truck goes."""

    features: dict[str, float]
    go: bool
    hour: int
    slack_ticks: int | None  # until the most urgent package must leave, from its own due date; None: all are late


def decided_ticks(sim: Simulator, scorers: Scorers) -> Iterator[int]:
    """An episode of row 0, paused each tick between the compiled decisions and what comes of them."""
    sim.reset(0, KEY)
    for tick in range(sim.world.rules.horizon_tick):
        sim.begin(0)
        sim.decide(0, scorers)
        yield tick
        sim.finish(0)


def watch(world: Any, source: str, dispatch: str) -> tuple[list[Choice], list[Departure]]:
    """Every decision of an episode, with what the decider saw."""
    sim = Simulator(world)
    choices, departures = [], []
    for _ in decided_ticks(sim, baseline(f"{source}+{dispatch}").scorers):
        choices += list(_choices(sim))
        departures += list(_departures(sim))
    return choices, departures


def _hour(sim: Simulator) -> int:
    return int(sim.state.row["week_tick"][0] + sim.tick(0)) % 24


def _seen(sim: Simulator) -> dict[str, np.ndarray]:
    out = empty_observation(sim, sim.regions)
    for region in range(sim.regions):
        fill_observation(sim, 0, region, out, region)
    return out


def _choices(sim: Simulator) -> Iterator[Choice]:
    s, seen = sim.state, _seen(sim)
    for r in range(sim.regions):
        for j in range(int(s.slots[0, r])):
            x = seen["orders"][r, j][seen["order_mask"][r, j] == 1]
            line = s.line[0, r, (s.line_first[0, r] + j) % s.line.shape[2]]
            if s.candidate[0, r, j, 0] >= 0:
                yield Choice(dict(zip(SOURCE_FEATURES, x.T, strict=True)), int(line["choice"]), _hour(sim))


def _departures(sim: Simulator) -> Iterator[Departure]:
    s, net, seen, read = sim.state, sim.network.net, _seen(sim), Reader(sim, 0)
    for lane in s.active[0, : s.row["active"][0]]:
        region, slot = net.lanes[lane]["region"], net.lanes[lane]["slot"]
        if seen["lane_mask"][region, slot, 1]:
            packages = read.package[list(read.chain(s.lane["head"][0, lane]))]
            rest = net.routes["rest"][packages["route"], packages["leg"]]
            slack = packages["due"] - rest - sim.tick(0)
            features = dict(zip(DISPATCH_FEATURES, seen["lanes"][region, slot].tolist(), strict=True))
            assert features["fill"] * sim.world.rules.truck_packages == pytest.approx(len(packages))
            urgent = int(slack.min()) if slack.min() >= 0 else None
            yield Departure(features, bool(s.go[0, lane]), _hour(sim), urgent)


# ------------------------------------------------------------------------------------------------------------ names


@pytest.fixture(scope="module")
def sim() -> Simulator:
    """One copy of the world."""
    return Simulator(WORLD)


@pytest.mark.parametrize("name", baseline_names())
def test_every_pair_runs_an_episode(name: str, sim: Simulator) -> None:
    policy = baseline(name)
    assert policy.name == name
    sim.reset(0, KEY)
    sim.run(policy.scorers)
    kpis = sim.kpis(0)
    assert sim.packages_under_way(0) == 0
    assert 2 < kpis["cost_per_order_usd"] < 100
    assert kpis["trucks"] > 0


def test_names_are_all_pairs_of_rules() -> None:
    names = baseline_names()
    assert len(set(names)) == len(names) == (len(SOURCE_RULES) - 1) * (len(DISPATCH_RULES) - 1)
    assert {"shadow_price+control_limit", "spillover_limit+time", "backpressure+backpressure"} <= set(names)
    assert not any("linear" in name for name in names)


@pytest.mark.parametrize(
    ("bare", "pair"),
    [
        ("national_nearest", "national_nearest+last_safe_hour"),
        ("regional_nearest", "regional_nearest+last_safe_hour"),
        ("hybrid", "regional_nearest+hybrid"),
        ("immediate", "regional_nearest+immediate"),
        ("consolidate", "consolidate+last_safe_hour"),
        ("backpressure", "backpressure+backpressure"),
    ],
)
def test_a_bare_name_stands_for_a_pair(bare: str, pair: str) -> None:
    scorers, wanted = baseline(bare).scorers, baseline(pair).scorers
    for ours, theirs in zip((*scorers.source, *scorers.dispatch), (*wanted.source, *wanted.dispatch), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "name", ["nearest", "", "+", "hybrid+regional_nearest", "regional_nearest+hybird", "a+b+c",
             "regional_nearest+hybrid+hybrid", "+hybrid"],
)  # fmt: skip
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(BaselineError, match=re.escape(f"'{name}'")) as error:
        baseline(name)
    for known in (*SOURCE_RULES, *DISPATCH_RULES):
        assert known in str(error.value)


# ----------------------------------------------------------------------------------------------------------- source


@pytest.fixture(scope="module", params=["ample stock", "scarce stock"])
def choices(request: pytest.FixtureRequest) -> dict[str, list[Choice]]:
    """Source rule → its choices."""
    world = WORLD if request.param == "ample stock" else small(**{**SCARCE, **SHORT})
    return {name: watch(world, name, "last_safe_hour")[0] for name in SOURCE_RULES if name != "linear"}


def test_national_nearest_takes_the_fewest_miles(choices: dict[str, list[Choice]]) -> None:
    some = [c for c in choices["national_nearest"] if len(c.features["air_miles"]) > 1]
    assert len(some) > 100
    for choice in some:
        assert choice.features["air_miles"][choice.chosen] == choice.features["air_miles"].min()


def test_regional_nearest_stays_in_the_region_where_it_can(choices: dict[str, list[Choice]]) -> None:
    some = choices["regional_nearest"]
    inside = [c.features["in_region"] for c in some]
    assert any(x.any() and not x.all() for x in inside)
    assert not all(x.any() for x in inside)  # some lines must spill
    for choice in some:
        here = choice.features["in_region"] == choice.features["in_region"].max()
        assert here[choice.chosen]
        assert choice.features["air_miles"][choice.chosen] == choice.features["air_miles"][here].min()


def test_the_nearest_fc_of_all_is_always_a_candidate() -> None:
    """So `national_nearest` means the nearest of all FCs with units, and not of the few routes shown."""
    world = small(**{**TWO_REGIONS, **SHORT, "network": {"fulfillment_centers": 10}, "slots": {"candidates": 5}})
    sim = Simulator(world)
    for _ in decided_ticks(sim, baseline("national_nearest").scorers):
        s, routes = sim.state, sim.network.net.routes
        for r in range(2):
            for j in range(int(s.slots[0, r])):
                line = s.line[0, r, (s.line_first[0, r] + j) % s.line.shape[2]]
                route = int(s.candidate[0, r, j, line["choice"]])
                if route >= 0:
                    near = sim.network.net.by_distance["path"][0, line["station"]]
                    able = [p for p in near if p >= 0 and s.stock[0, line["sku"], routes["fc"][p]] >= line["units"]]
                    assert routes["air_miles"][route] == min(routes["air_miles"][p] for p in able)


# --------------------------------------------------------------------------------------------------------- dispatch


@pytest.fixture(scope="module")
def departures() -> dict[str, list[Departure]]:
    """Dispatch rule → its decisions."""
    return {name: watch(WORLD, "regional_nearest", name)[1] for name in DISPATCH_RULES if name != "linear"}


def test_every_rule_but_the_extremes_both_holds_and_goes(departures: dict[str, list[Departure]]) -> None:
    for name in ("scheduled", "last_safe_hour", "hybrid", "time", "quantity", "control_limit", "backpressure"):
        assert {d.go for d in departures[name]} == {True, False}


def test_immediate_sends_everything_every_tick(departures: dict[str, list[Departure]]) -> None:
    assert departures["immediate"]
    assert all(d.go for d in departures["immediate"])


def test_full_truck_never_sends_less(departures: dict[str, list[Departure]], sim: Simulator) -> None:
    assert departures["full_truck"]
    assert not any(d.go for d in departures["full_truck"])  # a full load leaves before the rule is asked
    sim.reset(0, KEY)
    sim.run(baseline("full_truck").scorers)
    assert sim.kpis(0)["truck_fill"] == 1
    assert sim.kpis(0)["trucks"] > 0


def test_scheduled_goes_at_the_scenarios_hours(departures: dict[str, list[Departure]]) -> None:
    for decision in departures["scheduled"]:
        assert decision.go == (decision.hour in WORLD.trucks.scheduled_hours)


def test_last_safe_hour_waits_until_holding_makes_a_package_late(departures: dict[str, list[Departure]]) -> None:
    """Holding makes one late, or later, if the most urgent must leave now or already should have left."""
    for decision in departures["last_safe_hour"]:
        assert decision.go == (decision.slack_ticks is None or decision.slack_ticks == 0)


def test_hybrid_goes_at_a_fill_or_at_a_slack(departures: dict[str, list[Departure]]) -> None:
    fills, slacks = set(), set()
    for decision in departures["hybrid"]:
        slack = -1 if decision.slack_ticks is None else decision.slack_ticks
        packages = round(decision.features["fill"] * 8)
        assert decision.go == (packages / 8 >= 0.7 or slack <= 6)
        fills.add(packages)
        slacks.add(slack)
    assert {5, 6} <= fills  # 0.625 and 0.75 lie on either side of θ
    assert {6, 7} <= slacks  # on τ and just above


@pytest.mark.parametrize("tick_hours", [0.5, 1, 2])
@pytest.mark.parametrize(("fill", "slack_hours"), [(0.5, 4.0), (0.75, 0.0), (1.0, 12.0), (1.2, 24.0)])
def test_hybrid_meets_its_thresholds_exactly(fill: float, slack_hours: float, tick_hours: float) -> None:
    """θ itself and τ itself go; a package less and a tick more hold."""
    settings = {"dispatch.fill": fill, "dispatch.slack_hours": slack_hours}
    rule = baseline("hybrid", settings).scorers.dispatch
    x = np.zeros(len(DISPATCH_FEATURES), np.float32)

    def goes(packages: float, slack_ticks: float) -> bool:
        x[DISPATCH_FEATURES.index("fill")] = np.float32(packages) * np.float32(1 / 8)
        x[DISPATCH_FEATURES.index("slack")] = np.float32(slack_ticks * tick_hours / 24)
        return bool(rule.bias[0] + (x >= rule.step_at[0]) @ rule.step_weight[0] > 0)

    full, urgent = math.ceil(fill * 8), slack_hours / tick_hours
    assert goes(full, urgent + 20)
    assert not goes(full - 1, urgent + 1)
    assert goes(0, urgent)
    assert goes(0, -1)
    assert goes(full, urgent)


def test_the_default_of_other_regions_is_regional_nearest() -> None:
    assert baseline("regional_nearest").scorers.source is NEAREST_IN_REGION


def test_time_goes_when_the_oldest_package_has_waited_long_enough(departures: dict[str, list[Departure]]) -> None:
    for decision in departures["time"]:
        assert decision.go == (decision.features["age"] >= 0.5)  # days; 12 hours by default


def test_quantity_goes_at_a_fill(departures: dict[str, list[Departure]]) -> None:
    for decision in departures["quantity"]:
        assert decision.go == (decision.features["fill"] >= np.float32(0.7))


def test_control_limits_differ_by_the_kind_of_lane() -> None:
    limits = {"direct": 0.2, "fc_to_sc": 0.5, "sc_to_sc": 0.8, "sc_to_station": 1.1}
    settings = {f"dispatch.{kind}": limit for kind, limit in limits.items()} | {"dispatch.slack_hours": 0.0}
    sim = Simulator(WORLD)
    seen = {kind: set() for kind in limits}
    for _ in decided_ticks(sim, baseline("control_limit", settings).scorers):
        for decision in _departures(sim):
            kind = next(kind for kind in limits if decision.features[f"is_{kind}"])
            urgent = decision.slack_ticks is None or decision.slack_ticks <= 0
            assert decision.go == (urgent or decision.features["fill"] > limits[kind])
            seen[kind].add(decision.go)
    assert seen["direct"] == seen["fc_to_sc"] == {True, False}


def test_backpressure_leaves_where_more_waits_than_ahead_while_trucks_last() -> None:
    world = small(**{**TWO_REGIONS, **SHORT, "trucks": {"capacity_packages": 6, "fleet_headroom": 0.3},
                     "demand": {"orders_per_day": 400}})  # fmt: skip
    kinds = set()
    for decision in watch(world, "backpressure", "backpressure")[1]:
        x = decision.features
        pressure = x["fill"] - 0.3 * x["next_fill"] - 0.6 * x["dest_backlog"]
        if abs(pressure - 0.7) > 1e-5:
            assert decision.go == bool(x["late_if_held"] or (x["truck_left"] and pressure > 0.7))
        kinds.add((decision.go, bool(x["truck_left"]), bool(x["late_if_held"])))
    assert {(True, True, False), (False, True, False), (False, False, False), (True, False, True)} <= kinds


def test_least_cost_and_consolidate_follow_the_plans_of_the_order(choices: dict[str, list[Choice]]) -> None:
    for rule, plan in (("least_cost", "order_plan"), ("consolidate", "fewest_packages")):
        assert len(choices[rule]) > 100
        assert all(choice.features[plan][choice.chosen] for choice in choices[rule])


def test_regional_consolidate_is_consolidate_within_the_region(choices: dict[str, list[Choice]]) -> None:
    """It never leaves the region while a candidate of the region is left, and follows the plan of fewest packages."""
    assert len(choices["regional_consolidate"]) > 100
    for choice in choices["regional_consolidate"]:
        worth = 10 * choice.features["in_region"] + choice.features["fewest_packages"]
        assert worth[choice.chosen] == worth.max()


def test_consolidate_makes_the_fewest_packages(sim: Simulator) -> None:
    packages = {}
    for name in ("regional_nearest", "least_cost", "consolidate"):
        sim.reset(0, KEY)
        sim.run(baseline(name).scorers)
        packages[name] = sim.kpis(0)["packages_per_order"]
    assert packages["consolidate"] <= packages["least_cost"] < packages["regional_nearest"]


def test_spillover_limit_spares_shelves_below_the_threshold() -> None:
    """A line that spills takes an FC with cover if there is one, and the cheapest of its kind."""
    thin = {"network": {"fulfillment_centers": 12}, "stock": {"safety_factor": 0, "breadth": (0.4, 0.3, 0.2)}}
    world = small(**{**TWO_REGIONS, **SHORT, **thin, "demand": {"orders_per_day": 400}})
    settings = {"source.cover_days": 2.7}
    sim, spilled = Simulator(world), 0
    for _ in decided_ticks(sim, baseline("spillover_limit", settings).scorers):
        for x, chosen, _ in _choices(sim):
            usd, inside = x["cost"] + 0.5 * x["late"], x["in_region"] == 1
            covered = x["cover"] >= np.float32(0.27)
            allowed = covered if covered.any() else np.ones_like(covered)
            if inside.any():  # cover is no matter there
                allowed = inside
            assert allowed[chosen] and usd[chosen] == pytest.approx(usd[allowed].min())
            spilled += not inside.any() and covered.any() and not covered.all()
    assert spilled > 5


def test_shadow_price_follows_the_priced_plan() -> None:
    """Priced by the LP, the plan of least cost is another one than without; the rule follows it."""
    sim, moved = Simulator(small(**{**SCARCE, **SHORT})), 0
    price(sim, baseline("shadow_price").pricing)
    for _ in decided_ticks(sim, baseline("shadow_price").scorers):
        for x, chosen, _ in _choices(sim):
            assert x["order_plan"][chosen]
            moved += x["cost"][chosen] > x["cost"].min() and x["order_rest"][0] == 0 and not x["late"].any()
    assert moved > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source.charm": 1.0}, "no parameter 'source.charm'; it has: source.cover_days, dispatch.fill"),
        ({"source.cover_days": 99.0}, r"source.cover_days = 99.0: must lie in 0…15"),
        ({"source.cover_days": float("nan")}, "source.cover_days = nan: must lie"),
    ],
)
def test_settings_that_cannot_be_say_why(settings: dict[str, float], message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        baseline("spillover_limit+quantity", settings)


def test_defaults_lie_within_their_bounds() -> None:
    for name in (*baseline_names(), "linear"):
        for key, parameter in parameters(name).items():
            assert parameter.low <= parameter.default <= parameter.high and parameter.step > 0, (name, key)
