"""Say in words why an order is served from where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from regional_dispatch.commands.options import Overrides, at_least, parse_overrides
from regional_dispatch.data.decisions.log import play_order, read_about, read_order
from regional_dispatch.data.decisions.words import explain
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.scenario.parts import part_of
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.evaluation.rollouts import evaluation_keys


@dataclass(frozen=True)
class Command:
    """Say in words why an order is served from where it is.

    Of each of its lines: the way chosen, the next best one, the difference in dollars by component, what the policy's
    score weighs most, and all other candidates. The order is looked up in a log of decisions (--log), or played.
    """

    order: tyro.conf.Positional[str]
    """Name of the order in the file of orders; where orders are generated, its number in the episode, from 0."""
    log: Path | None = None
    """A log that `results --decisions` wrote. Default: the order is played, as the options below say."""
    scenario: str = "us8"
    """A scenario file, or the name of a shipped one; without --log."""
    policy: str = "least_cost"
    """The policy that decides, as in `compare`; without --log."""
    episode: int = 0
    """Number of the episode, from 0, as in `compare`; without --log."""
    seed: int = 0
    """Seed of the orders, as in `compare`; without --log."""
    stream: Literal["evaluate", "tune"] = "evaluate"
    """Which orders: evaluate, the held-out ones; tune, those on which settings are chosen; without --log."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Looks the order up or plays it, and prints."""
        if self.log is not None:
            name, found = read_about(self.log)["policy"], read_order(self.log, self.order)
        else:
            at_least("--episode", self.episode, 0)
            at_least("--seed", self.seed, 0)
            scenario = part_of(load_scenario(self.scenario, parse_overrides(self.overrides)), self.stream)
            policy = resolve_policy(self.policy, scenario)
            key = evaluation_keys(self.episode + 1, self.seed, self.stream)[-1]
            name, found = policy.name, play_order(scenario, policy, key, self.order)
        if not found:
            raise InputError(f"order '{self.order}': no such order was decided on; give the name or number of another")
        print(explain(found, name))
