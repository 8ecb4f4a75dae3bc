"""Plays episode after episode under audit, until so many packages were followed from order to doorstep.

Episode i of a campaign is the same whenever it is played: its world, policy, rules and orders depend on i alone. So a
campaign can be stopped and goes on with the next episode.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import price
from regional_dispatch.baselines.random_play import RANDOM
from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.envs.audit.auditor import AuditError
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.compiled import KERNEL
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.generator import random_scenario
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.shipped import CONFIGS
from regional_dispatch.evaluation.policies import resolve_policy

POLICIES = (RANDOM, "least_cost", "regional_nearest", "pretrained/networks", "least_cost+hybrid")
RANDOM_WORLD, WIDE_WORLD, BUSY_WORLD = "random networks", "random networks, wide ranges", "us8, ten times the orders"
_BUSY = {"demand.orders_per_day": "60000", "stock.skus": "4000", "trucks.capacity_packages": "60"}
_TOO_LARGE = "us_full"  # its state is copied before every tick, which takes more than 5 GiB
_EVERY_REEVALUATED, _EVERY_TRANSFERRED = 3, 4  # one episode in so many


class Episode(NamedTuple):
    """What is played."""

    number: int
    world: str  # a shipped scenario, or a kind of random network
    policy: str
    reevaluate: bool
    transfers: bool


def shipped() -> list[str]:
    """Names of the shipped scenarios, without the one of the whole country."""
    return sorted({path.stem for path in (CONFIGS / "scenarios").glob("*.yaml")} - {_TOO_LARGE})


def episode(number: int) -> Episode:
    """The campaign's episode of that number: shipped scenarios in turn, a busy one, a random network of each kind."""
    worlds = [*shipped(), BUSY_WORLD, RANDOM_WORLD, WIDE_WORLD]
    turn = number // len(worlds)
    world = worlds[number % len(worlds)]
    # Turns go through the policies; the worlds of a turn have different ones.
    policy = POLICIES[(turn + number % len(worlds)) % len(POLICIES)]
    return Episode(number, world, policy, turn % _EVERY_REEVALUATED == 1, number % _EVERY_TRANSFERRED == 3)


def scenario_of(one: Episode) -> Scenario:
    """Its world."""
    if one.world in (RANDOM_WORLD, WIDE_WORLD):
        return random_scenario(one.number, "tune", wide=one.world == WIDE_WORLD)
    if one.world == BUSY_WORLD:
        return load_scenario("us8", _BUSY)
    return load_scenario(one.world)


class Campaign:
    """Counts of a campaign; they go on from where they stood.

    Args:
        folder: for the files of violations.
        counts: of an earlier part, as `counts` returns them.
    """

    def __init__(self, folder: Path, counts: dict[str, Any] | None = None) -> None:
        self.folder = folder
        counts = counts or {}
        self.packages, self.ticks, self.next = (int(counts.get(name, 0)) for name in ("packages", "ticks", "next"))
        self.cpu_seconds = float(counts.get("cpu_seconds", 0.0))
        self.by_world: dict[str, int] = dict(counts.get("packages_by_world", {}))
        self.by_policy: dict[str, int] = dict(counts.get("packages_by_policy", {}))
        self.reevaluated, self.transferred = (int(counts.get(name, 0)) for name in ("reevaluated", "transferred"))
        self.violations: list[str] = list(counts.get("violations", []))

    def counts(self) -> dict[str, Any]:
        """Everything counted so far."""
        return {
            "packages": self.packages, "ticks": self.ticks, "episodes": self.next, "violations": self.violations,
            "cpu_seconds": round(self.cpu_seconds, 1),
            "packages_per_cpu_second": round(self.packages / max(self.cpu_seconds, 1e-9)),
            "packages_by_world": self.by_world, "packages_by_policy": self.by_policy,
            "reevaluated": self.reevaluated, "transferred": self.transferred,
            "next": self.next, "kernel": source_digest([KERNEL]),
        }  # fmt: skip

    def run(self, packages: float, told: Callable[[], None] | None = None) -> None:
        """Plays until so many packages are audited in all; `told` is called after each episode."""
        while self.packages < packages:
            self._play(episode(self.next))
            self.next += 1
            if told is not None:
                told()

    def _play(self, one: Episode) -> None:
        """One episode; a violation ends it, and is noted."""
        begun = time.process_time()
        scenario = scenario_of(one)
        sim = Simulator(
            scenario, reevaluate=one.reevaluate, transfers=transfer_rule("threshold") if one.transfers else None,
            audit=self.folder,
        )  # fmt: skip
        try:
            _play(sim, one.policy, scenario, one.number)
        except AuditError as error:
            self.violations.append(f"episode {one.number}: {error}")
        packages = int(sim.state.row["packages_made"][0])
        self.packages += packages
        self.ticks += _ticks(sim)
        for table, name in ((self.by_world, one.world), (self.by_policy, one.policy)):
            table[name] = table.get(name, 0) + packages
        self.reevaluated += packages * one.reevaluate
        self.transferred += packages * one.transfers
        self.cpu_seconds += time.process_time() - begun


def _ticks(sim: Simulator) -> int:
    assert sim.auditor is not None
    return sim.auditor.ticks


def _play(sim: Simulator, policy: str, scenario: Scenario, number: int) -> None:
    """One episode, in row 0."""
    sim.reset(0, episode_key("tune", 19, number))
    if policy == RANDOM:
        _play_at_random(sim, number)
        return
    found: ScorerPolicy = resolve_policy(policy, scenario)
    price(sim, found.pricing)
    sim.run(found.scorers)


def _play_at_random(sim: Simulator, number: int) -> None:
    """Random decisions, candidates that are none among them, and a new urge to send trucks in every tick."""
    rng, rules, done = np.random.default_rng(number), sim.world.rules, False
    while not done:
        sim.begin(0)
        sim.decide(0, DEFAULT_BACKGROUND)  # finds the candidates
        state = sim.state
        state.line["choice"][0] = rng.integers(rules.candidates, size=state.line.shape[1:])
        lanes = state.active[0, : state.row["active"][0]]
        state.go[0, lanes] = rng.random(len(lanes)) < rng.choice([0.0, 0.2, 0.7, 1.0])
        done = sim.finish(0)
