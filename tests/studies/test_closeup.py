"""Close-ups of a policy: flows agree with the KPIs of the episode, and the decision log with what the kernel does."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regional_dispatch.baselines import baseline
from regional_dispatch.data.decisions.decision import Decision
from regional_dispatch.data.decisions.reasons import WORDS
from regional_dispatch.data.decisions.words import why
from regional_dispatch.data.events import lines_up
from regional_dispatch.envs.kernel.decisions.features import SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.studies.report.decision_log import KINDS, log_orders, sample_orders
from regional_dispatch.studies.report.decision_words import log_tables
from regional_dispatch.studies.report.film import FRAMES_A_TICK, film
from regional_dispatch.studies.report.flows import MILES_STEP, Flows, Watch, flows_of, watch
from regional_dispatch.studies.report.spill_map import SpillMap, served
from tests.worlds import FEW_SLOTS, SCARCE, TWO_REGIONS, lane_price, simulator, small

KEY, UNTIL = 5, 100
POLICY = baseline("regional_nearest")
BALANCED = TWO_REGIONS["partition"]
SEEN: dict[str, dict[str, Any]] = {
    "two regions": TWO_REGIONS,
    "a nation that counts two": {"partition": {"kind": "national", "counted_by": BALANCED}},
    "lost and replanned lines": SCARCE,
    "lines that wait": FEW_SLOTS,
}


def seen(scenario: Scenario, policy: ScorerPolicy = POLICY) -> tuple[Simulator, Flows]:
    sim = simulator(scenario, KEY)
    return sim, watch(sim, policy.scorers, UNTIL)


# -------------------------------------------------------------------------------------------------------------- flows


@pytest.mark.parametrize("name", SEEN)
def test_what_is_seen_of_an_episode_is_what_its_kpis_say(name: str) -> None:
    scenario = small(**SEEN[name])
    sim, flows = seen(scenario)
    alone = simulator(scenario, KEY)
    alone.run(POLICY.scorers, UNTIL)
    kpis = sim.kpis(0)
    assert kpis == alone.kpis(0)  # looking on changes nothing

    room, ticks = np.arange(flows.loads.shape[1]), np.arange(len(flows.ticks))
    assert flows.spill_share == pytest.approx(kpis["spill_share"])
    assert flows.lost / (flows.lines.sum() + flows.lost) == pytest.approx(kpis["lost_line_share"])
    assert (flows.loads @ room).sum() / (flows.loads.sum() * room[-1]) == pytest.approx(kpis["truck_fill"])
    assert (flows.loads[0] @ room) / (flows.loads[0].sum() * room[-1]) == pytest.approx(kpis["direct_truck_fill"])
    assert flows.loads.sum() == pytest.approx(kpis["trucks"] * sim.totals(0).days)
    hours = scenario.tick_hours * (flows.ticks @ ticks) / flows.ticks.sum()
    assert hours == pytest.approx(kpis["click_to_delivery_hours"])
    miles = MILES_STEP * (flows.miles @ (np.arange(len(flows.miles)) + 0.5)) / flows.miles.sum()
    assert miles == pytest.approx(kpis["miles_per_package"], abs=MILES_STEP / 2)


def test_flows_between_regions_are_those_of_their_fcs() -> None:
    sim, flows = seen(small(**TWO_REGIONS))
    region = sim.world.net.region_of_site[: sim.world.net.fcs]
    np.testing.assert_array_equal(flows.lines.sum(axis=1), np.bincount(region, flows.fc_lines, 2))
    for r in range(2):  # a region's spill is what others serve its customers
        own, kept = flows.lines[:, r], 1 - sim.kpis(0, [r])["lost_line_share"]
        assert (own.sum() - own[r]) / own.sum() == pytest.approx(sim.kpis(0, [r])["spill_share"] / kept)


def test_flows_survive_the_cell_they_are_kept_in() -> None:
    scenario = small(**TWO_REGIONS)
    kept = flows_of(Watch(POLICY, UNTIL).rollout(scenario, [KEY])[0])
    for name, value in seen(scenario)[1]._asdict().items():
        np.testing.assert_array_equal(getattr(kept, name), value)
    assert Watch(POLICY, UNTIL).digest != Watch(POLICY, UNTIL + 1).digest != Watch(baseline("least_cost"), 101).digest


# ---------------------------------------------------------------------------------------------------------- spill map


def test_arrows_are_drawn_for_what_is_served_and_nothing_else() -> None:
    sim, flows = seen(small(partition={"kind": "balanced", "regions": 3}))
    shares = served(flows)
    assert shares.spill == pytest.approx(flows.spill_share)
    assert (
        shares.between.sum() == pytest.approx(shares.by_fc.sum()) == pytest.approx(1 - sim.kpis(0)["lost_line_share"])
    )
    one_way = np.diag(np.diag(shares.between))
    one_way[2, 0] = 0.25
    view = SpillMap(sim, shares._replace(between=one_way), 0.25)
    assert view.arrows() == [(2, 0, 0.25)]
    none = SpillMap(sim, shares._replace(between=np.diag(np.diag(shares.between))), 0.25)
    assert none.arrows() == []
    with_one, without = view.frame(), none.frame()
    assert (with_one != without).any() and with_one.shape == (800, 1280, 3)
    legend = slice(800 - 122, 800 - 106)
    assert (with_one[legend] != without[legend]).any()  # the key of arrows, where there are any


# ------------------------------------------------------------------------------------------------------- decision log


def everything(scenario: Scenario, policy: ScorerPolicy, first: int = 30, until: int = 60) -> list[Decision]:
    """Every decision of some ticks."""
    sim = simulator(scenario, KEY)
    sim.run(policy.scorers, first)
    return log_orders(sim, policy, range(100_000), until)


PRICED = ScorerPolicy(Scorers(*POLICY.scorers[:2], lane_price(full_load=0.5, fill=-0.4)), "priced")
POLICIES: Mapping[str, ScorerPolicy] = {
    "regional_nearest": POLICY, "least_cost": baseline("least_cost"), "consolidate": baseline("regional_consolidate"),
    "priced": PRICED, "pretrained/us8": resolve_policy("pretrained/us8", small()),
}  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
def test_the_log_says_what_the_kernel_does(name: str) -> None:
    """Of every line: FC and route of the package it then travels in, or that another had to serve it."""
    scenario, policy = small(**SCARCE), POLICIES[name]
    log = {(line.order, line.line): line for line in everything(scenario, policy)}
    sim = simulator(scenario, KEY)
    sim.run(policy.scorers, 30)
    checked = replanned = lost = 0
    while sim.tick(0) < 60:
        sim.begin(0)
        sim.decide(0, policy.scorers)
        up = lines_up(sim)
        slots = (up[1] - sim.state.line_first[0][up[0]]) % sim.state.line.shape[2]
        candidates = sim.state.candidate[0][up[0], slots]
        fcs = [len(set(sim.world.net.routes["fc"][own[own >= 0]].tolist())) for own in candidates]
        sim.finish(0)
        place: dict[int, int] = {}
        for line, able in zip(sim.state.line[0][up], fcs, strict=True):
            order = int(line["order"])
            place[order] = place.get(order, 0) + 1
            logged = log.pop((order, place[order]))
            route = int(sim.state.package[0]["route"][line["package"]]) if line["package"] >= 0 else -1
            stands = logged.chosen is not None and logged.chosen.route == route
            assert stands != logged.replanned or (route < 0 and logged.chosen is None)
            fc = sim.network.sites["name"].iloc[sim.world.net.routes["fc"][route]] if route >= 0 else ""
            assert logged.served == fc
            named = {way.fc for way in (logged.chosen, logged.other) if way is not None}
            assert len(named) == min(able, 2)  # the next best is another FC wherever there is one
            checked, lost = checked + 1, lost + (route < 0)
            replanned += logged.replanned and route >= 0
            if logged.replanned:
                assert "Replanned" in why(logged, policy.name)
    assert not log and checked > 200 and lost > 0
    assert replanned == sim.state.count[0, :, N.lines_replanned].sum()
    assert replanned > 0 or name == "pretrained/us8"  # which leaves last units alone


@pytest.mark.parametrize("name", POLICIES)
def test_dollars_are_those_the_policy_sees(name: str) -> None:
    """An order of one line: the difference is that of route costs, lateness, lanes' prices and units' worth."""
    policy, sim = POLICIES[name], simulator(small(**TWO_REGIONS), KEY)
    log = everything(small(**TWO_REGIONS), policy)
    lines = {line.order: [other for other in log if other.order == line.order] for line in log}
    routes, rules, alone, lanes = sim.world.net.routes, sim.world.rules, 0, 0.0
    for line in log:
        a, b = line.chosen, line.other
        if len(lines[line.order]) > 1 or a is None or b is None:
            continue
        alone, lanes = alone + 1, lanes + abs(line.parts()["lanes"])
        late = [late_usd(rules, round((way.hours - line.promise_hours) / rules.tick_hours)) for way in (a, b)]
        expected = routes["cost"][b.route] + late[1] - routes["cost"][a.route] - late[0]
        own = line.parts()
        assert line.difference_usd == pytest.approx(expected + own["lanes"] + own["units"], abs=1e-4)
        assert line.margin >= -1e-3  # no policy ranks the next above the chosen
        if abs(line.difference_usd) >= 0.005:
            assert f"USD {'cheaper' if line.difference_usd > 0 else 'more expensive'}" in why(line, policy.name)
    assert alone > 50 and (lanes > 0) == (name in ("priced", "pretrained/us8"))


def test_an_order_in_one_package_pays_for_a_second_one() -> None:
    policy = baseline("consolidate")
    log = everything(small(**TWO_REGIONS), policy)
    kept = [line for line in log if line.chosen and line.other and line.chosen.packages < line.other.packages]
    assert kept
    for line in kept:
        assert line.parts()["picking"] == pytest.approx(2.5)
        assert "instead of" in why(line, policy.name)


def test_a_rule_is_said_to_rank_what_it_ranks() -> None:
    log = [line for line in everything(small(**TWO_REGIONS), POLICY) if line.chosen and line.other and line.reason]
    nearest, own = (WORDS[name] for name in ("air_miles", "in_region"))
    assert {line.reason for line in log} == {nearest, own}
    for line in log:
        assert line.chosen and line.other
        assert (line.reason == own) == (line.chosen.local and not line.other.local)
    costlier = [one for one in log if one.difference_usd < -0.005 and one.reason == nearest and not one.replanned]
    assert costlier and all(f"{POLICY.name} puts the nearest FC first" in why(line, POLICY.name) for line in costlier)
    assert set(WORDS) == set(SOURCE_FEATURES)


def test_sample_orders_are_of_their_kind_and_the_same_in_every_world() -> None:
    nation = small(partition={"kind": "national", "counted_by": BALANCED}, stock={"breadth": (0.5, 0.4, 0.25)})
    regions = small(**TWO_REGIONS, stock={"breadth": (0.5, 0.4, 0.25)})

    def at_noon(scenario: Scenario) -> Simulator:
        sim = simulator(scenario, KEY)
        sim.run(POLICY.scorers, 36)
        return sim

    kinds = sample_orders(at_noon(nation), POLICY, 60, seed=1)
    assert kinds == sample_orders(at_noon(nation), POLICY, 60, seed=1) != sample_orders(at_noon(nation), POLICY, 60, 2)
    assert list(kinds) == list(KINDS) and len(set(kinds.values())) == len(kinds)
    orders = list(kinds.values())
    logs = {name: log_orders(at_noon(w), POLICY, orders, 60) for name, w in (("a", nation), ("b", regions))}
    for log in logs.values():
        assert {line.order for line in log} == set(orders)
    own = {kind: [line for line in logs["a"] if line.order == order] for kind, order in kinds.items()}
    assert len(own["plain"]) == 1 and own["plain"][0].chosen is not None
    assert own["plain"][0].chosen.region == own["plain"][0].region
    assert len(own["together"]) > 1 and len({line.chosen.route for line in own["together"] if line.chosen}) == 1
    assert len({line.chosen.route for line in own["split"] if line.chosen}) > 1
    assert any(line.chosen.region != line.region for line in own["spilled"] if line.chosen)

    tables = log_tables(kinds, logs, POLICY)
    assert [table.name for table in tables] == [f"order_{kind}" for kind in KINDS]
    for table, order in zip(tables, orders, strict=True):
        assert f"order {order}," in table.title and len(table.rows) == len(table.data)
        assert set(table.data["under"]) == {"a", "b"} and (table.data["order"] == order).all()
        np.testing.assert_array_equal(table.data["served_from"], table.data["chosen_fc"])


# --------------------------------------------------------------------------------------------------------------- film


def test_a_film_has_its_frames_and_they_move() -> None:
    sims = {name: simulator(small(**TWO_REGIONS), key) for name, key in (("One", 5), ("Other", 6))}
    for sim in sims.values():
        sim.run(POLICY.scorers, 48)
    shot = film({name: (sim, POLICY.scorers) for name, sim in sims.items()}, hours=6)
    moving, still = Image.open(io.BytesIO(shot.gif)), Image.open(io.BytesIO(shot.still))
    assert (moving.format, moving.n_frames, still.format) == ("GIF", 6 * FRAMES_A_TICK, "PNG")
    assert moving.size == still.size
    frames = []
    for i in range(moving.n_frames):
        moving.seek(i)
        frames.append(np.asarray(moving.convert("RGB")).astype(int))
    half = moving.width // 2
    for one, following in pairwise(frames):
        moved = (one != following).any(axis=2)
        assert moved[60:, :half].any() and moved[60:, half:].any()  # trucks of both worlds
        assert moved.mean() < 0.2  # and nothing else
    assert [sim.tick(0) for sim in sims.values()] == [54, 54]
