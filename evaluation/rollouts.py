"""Episodes of policies, all on the same orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.baselines.tick_player import DECISIONS, PACE, SECONDS, TickPlayer
from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator, TransferRule
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario

Playable = ScorerPolicy | TickPlayer


def evaluation_keys(episodes: int, seed: int, stream: str = "evaluate") -> list[int]:
    """The keys of episodes 0…episodes − 1 under a seed.

    Args:
        episodes: how many, ≥ 1.
        seed: the user's, ≥ 0.
        stream: `evaluate`, the held-out orders, which are never used in training or tuning; or another of
            `envs.world.demand.STREAMS`.

    Raises:
        ValueError: no episodes, or a negative seed.
    """
    if episodes < 1 or seed < 0:
        raise ValueError(f"episodes must be 1 or more and seed 0 or more, not {episodes} and {seed}")
    return [episode_key(stream, seed, episode) for episode in range(episodes)]


def rollout(sim: Simulator, scorers: Scorers, keys: Sequence[int], threads: int = 1) -> list[dict[str, float]]:
    """Plays one episode per key to the horizon, as many at a time as the simulator has copies.

    Args:
        sim: is reset; its current episodes are lost.
        scorers: the policy of all regions.
        keys: of the episodes (`envs.world.demand.episode_key`).
        threads: see `envs.simulator.Simulator.run`.

    Returns:
        The KPIs of the whole network per key, in the order of the keys.
    """
    return [kpis for key in batches(keys, sim.copies) for kpis in _rollout_batch(sim, scorers, key, threads)]


def batches(keys: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The keys in order, `size` at a time."""
    return (keys[first : first + size] for first in range(0, len(keys), size))


def _rollout_batch(sim: Simulator, scorers: Scorers, keys: Sequence[int], threads: int) -> list[dict[str, float]]:
    for row in range(sim.copies):
        sim.reset(row, keys[min(row, len(keys) - 1)])  # spare rows repeat the last episode
    sim.run(scorers, threads=threads)
    return [sim.kpis(row) for row in range(len(keys))]


def evaluate_policies(
    scenario: Scenario,
    policies: Mapping[str, Playable],
    episodes: int,
    seed: int,
    progress: Callable[[str], None] | None = None,
    reevaluate: bool = False,
    stream: str = "evaluate",
    transfers: str | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Plays every policy through the same episodes.

    Args:
        scenario: the world.
        policies: name → policy.
        episodes: E ≥ 1.
        seed: of the orders, ≥ 0.
        progress: called with the policy's name after each of its episodes.
        reevaluate: merge the unpicked packages of split orders once an hour.
        stream: of the orders; default, the held-out ones.
        transfers: name of the rule that moves stock between regions (`baselines.transfers.rules`). Default: none.
        threads: on which the regions decide; the numbers are the same for any.

    Returns:
        One row per policy × episode: policy, episode (0…E − 1), seed (the episode's key, hexadecimal), every KPI of
        `envs.kernel.metrics.KPIS`; and if a policy plays its episodes itself, `cpu_seconds` and the number
        of `decisions_made`, empty for the others.

    Raises:
        PlayerError: a policy's answer is no action.
        ScenarioError: the scenario's tables cannot be used.
        ValueError: no episodes, or a negative seed.
    """
    keys = evaluation_keys(episodes, seed, stream)
    results: dict[str, list[dict[str, float]]] = {}
    for name, policy in policies.items():
        sim = simulator_for(scenario, policy.pricing, reevaluate=reevaluate, transfers=_rule(transfers))
        results[name] = []
        for key in keys:
            results[name].append(_episode(sim, policy, key, threads))
            if progress is not None:
                progress(name)
    return results_frame(results, keys)


def _episode(sim: Simulator, policy: Playable, key: int, threads: int) -> dict[str, float]:
    if isinstance(policy, TickPlayer):
        return policy.episode(sim, key)
    return rollout(sim, policy.scorers, [key], threads)[0]


def results_frame(results: Mapping[str, Sequence[Mapping[str, float]]], keys: Sequence[int]) -> pd.DataFrame:
    """KPIs per policy and episode as the table that `evaluate_policies` returns."""
    rows = [
        {"policy": name, "episode": episode, "seed": f"{keys[episode]:#018x}", **kpis}
        for name, episodes in results.items()
        for episode, kpis in enumerate(episodes)
    ]
    timed = PACE if any(SECONDS in row for row in rows) else ()
    return pd.DataFrame(rows, columns=["policy", "episode", "seed", *KPIS, *timed])


def seconds_per_decision(frame: pd.DataFrame) -> dict[str, float]:
    """The processor's time per decision, simulation included, of policies that play their episodes themselves."""
    if SECONDS not in frame:
        return {}
    totals = frame.dropna(subset=[SECONDS]).groupby("policy", sort=False)[list(PACE)].sum()
    return {str(name): float(row[SECONDS] / max(row[DECISIONS], 1)) for name, row in totals.iterrows()}


def advance(sim: Simulator, policy: Playable, until: int | None = None, threads: int = 1) -> None:
    """Plays row 0 on, up to a tick or the horizon."""
    if isinstance(policy, TickPlayer):
        policy.run(sim, until)
    else:
        sim.run(policy.scorers, until, threads)


def play(
    scenario: Scenario,
    policy: Playable,
    key: int,
    until: int | None = None,
    reevaluate: bool = False,
    transfers: str | None = None,
) -> Simulator:
    """Plays one episode and returns the simulator as it stands at the end, for a map.

    Args:
        scenario: the world.
        policy: the policy of all regions.
        key: of the episode.
        until: tick to stop at. Default: the horizon, where the episode is settled and no truck is on the road; one
            tick earlier there still are.
        reevaluate: merge the unpicked packages of split orders once an hour.
        transfers: name of the rule that moves stock between regions.
    """
    sim = simulator_for(scenario, policy.pricing, reevaluate=reevaluate, transfers=_rule(transfers))
    sim.reset(0, key)
    advance(sim, policy, until)
    return sim


def _rule(transfers: str | None) -> TransferRule | None:
    return None if transfers is None else transfer_rule(transfers)
