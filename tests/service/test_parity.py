"""The service decides as the simulator does, when it is told of everything that happens there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regional_dispatch.evaluation.policies import resolve_policy
from tests.service.played import Played, play
from tests.worlds import EVENTFUL, SCARCE, TIGHT, TWO_REGIONS, WAITING, small

TICKS = 72
# With dates, and sites in several time zones.
DATED = {**WAITING, "calendar": {"start": "2026-03-01T18:00", "time_zone": "America/Chicago"}}
# What sourcing and dispatch are decided from.
LANE_FIELDS = ("count", "safe", "late", "inbound", "inflow", "inflow_tick")


def check_state(played: Played) -> None:
    """Shelves, lanes, sites and trucks stand as in the simulator."""
    ours, theirs = played.live.sim.state, played.sim.state
    for field in LANE_FIELDS:
        np.testing.assert_array_equal(ours.lane[field], theirs.lane[field], err_msg=field)
    np.testing.assert_array_equal(ours.stock, theirs.stock)
    np.testing.assert_array_equal(ours.queue["lines"], theirs.queue["lines"])
    np.testing.assert_array_equal(ours.onward, theirs.onward)
    np.testing.assert_array_equal(ours.trucks_home, theirs.trucks_home)
    np.testing.assert_array_equal(ours.site_capacity, theirs.site_capacity)
    np.testing.assert_array_equal(ours.cut, theirs.cut)


def check_choices(played: Played) -> int:
    """Candidates and choices of every line are the simulator's; returns how many lines there were."""
    state, routes = played.sim.state, played.live.answers
    lines = [line for answer in played.answers for line in answer["lines"]]
    for (at, _), line in zip(played.waiting_lines(), lines, strict=True):
        r, ring = at
        j = (ring - int(state.line_first[0, r])) % state.line.shape[2]
        paths = [int(path) for path in state.candidate[0, r, j] if path >= 0]
        assert [candidate["route"] for candidate in line["candidates"]] == [routes.route(path) for path in paths]
        choice = int(state.line[0, r, ring]["choice"])
        if paths and not line["lost"] and line["candidates"][choice]["chosen"]:
            assert line["route"] == routes.route(paths[choice])
    return len(lines)


def check_lanes(played: Played, go: np.ndarray) -> None:
    """Go and hold are the simulator's, lane by lane."""
    decided = played.live.decide_lanes()
    waiting = np.flatnonzero(played.sim.state.lane["count"][0])
    assert [played.live.answers.lane(int(lane)) for lane in waiting] == [
        {key: lane[key] for key in ("origin", "destination", "mode")} for lane in decided
    ]
    trucks = played.sim.state.trucks_home[0].copy()
    for number, lane in zip(waiting, decided, strict=True):
        site = played.sim.world.net.lanes["origin"][number]
        leaves = bool(go[number]) and (trucks[site] > 0 or played.sim.world.rules.spot_allowed)
        trucks[site] -= leaves
        assert (lane["decision"] == "go") == leaves, lane


@pytest.mark.parametrize(
    ("world", "policy"),
    [
        (TWO_REGIONS, "pretrained/small"),
        (WAITING, "least_cost+control_limit"),
        (TIGHT, "pretrained/small"),
        (SCARCE, "least_cost+last_safe_hour"),
        (EVENTFUL, "pretrained/small"),
        (DATED, "pretrained/small"),
    ],
)  # fmt: skip
def test_every_choice_is_the_simulators(world: dict[str, Any], policy: str) -> None:
    scenario = small(**world)
    lines = 0
    for played in play(scenario, resolve_policy(policy, scenario), TICKS):
        check_state(played)
        check_lanes(played, played.decide())
        played.order()
        lines += check_choices(played)
    assert lines > 200
