"""Options that several commands share."""

from __future__ import annotations

import pytest

from regional_dispatch.commands.options import at_least, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError


def test_overrides_reach_the_scenario() -> None:
    overrides = parse_overrides(["demand.orders_per_day=9000", "name=a=b", "stock.breadth=[1, 1, 0.5]"])
    scenario = load_scenario("us8", overrides)
    assert (scenario.demand.orders_per_day, scenario.name, scenario.stock.breadth) == (9000, "a=b", (1, 1, 0.5))


@pytest.mark.parametrize("setting", ["tick_hours", "=3", "a..b=3", "slots=[", "stock.={}"])
def test_overrides_that_say_nothing_are_refused(setting: str) -> None:
    with pytest.raises(InputError, match=f"--set {setting}".replace("[", r"\[")):
        parse_overrides([setting])


def test_a_number_below_its_bound_is_named() -> None:
    assert at_least("--episodes", 1, 1) == 1
    with pytest.raises(InputError, match="--episodes = 0: must be 1 or more"):
        at_least("--episodes", 0, 1)
