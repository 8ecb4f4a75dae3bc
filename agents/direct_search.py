"""Direct policy search: CMA-ES on the linear weights of a trained policy, by the cost of whole episodes.

PPO follows the costs that the ledger credits to single decisions. What a decision does to others is charged by estimate
(`agents.credit.charges`) or not at all, such as a truck that is missing at another lane. The search sees everything: it
shifts the linear weights of both actors, plays whole episodes in the compiled kernel, and keeps what they cost least.
All policies of a generation play the same orders, and each generation plays new ones. The method, CMA-ES (Hansen 2016,
"The CMA Evolution Strategy: A Tutorial"), is the one that tunes the rules (`evaluation.tuning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario

FIRST_EPISODE = 1_000_000  # of the training stream: PPO never plays as many
CHECK_EPISODES = 8  # of the choice at the end
COST = "cost_per_order_usd"

# Standard deviation of the first generation's shifts, by the feature's label. Unit: logits per unit of the feature.
DISPATCH_STEP = 0.15
SOURCE_STEPS = {
    "cost": 1.0, "surcharge": 0.5, "transit": 0.5, "air_miles": 0.25, "cover": 0.25, "spill_cover": 0.25,
    "shadow_price": 0.25, "order_plan": 0.15, "in_region": 0.15, "direct": 0.15, "late": 0.15, "slack": 0.15,
    "lane_fill": 0.15, "lane_cost_now": 0.25, "sc_backlog": 0.5, "fc_backlog": 0.5, "order_share": 0.15,
    "fewest_packages": 0.15, "on_hand": 0.25,
}  # fmt: skip


class Found(NamedTuple):
    """The result of a search."""

    scorers: Scorers
    before_usd: float  # cost per order of the policy it started from, on the check's episodes
    after_usd: float  # of `scorers`
    episodes: int  # played


def search(worlds: Sequence[Scenario], scorers: Scorers, pricing: Pricing | None, episodes: int, seed: int) -> Found:
    """Searches around a policy.

    Args:
        worlds: scenarios that are played in turn, one each generation.
        scorers: the policy to start from.
        pricing: how it wants units priced.
        episodes: budget, without those of the check.
        seed: of the orders and of CMA-ES.

    Returns:
        The cheaper of the start and the final mean of the search, by further episodes that both play.
    """
    import cma  # pulls in matplotlib where there is one

    game = _Game(worlds, pricing, seed)
    rng = np.random.default_rng(seed)
    options = {"verbose": -10, "verb_log": 0, "seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape)}
    strategy = cma.CMAEvolutionStrategy(np.zeros(len(_steps())), 1.0, options)
    generation = CHECK_EPISODES
    while game.played < episodes and not strategy.stop():
        shifts = strategy.ask()
        strategy.tell(shifts, [game.cost(shifted(scorers, shift), generation) for shift in shifts])
        generation += 1
    played = game.played
    candidates = [scorers, shifted(scorers, strategy.result.xfavorite)]
    costs = [float(np.mean([game.cost(of, i) for i in range(CHECK_EPISODES)])) for of in candidates]
    best = int(np.argmin(costs))
    return Found(candidates[best], costs[0], costs[best], played)


def shifted(scorers: Scorers, shift: np.ndarray) -> Scorers:
    """The policy with its linear weights shifted by so many steps each: (1 + dispatch + source features,)."""
    change = np.asarray(shift * _steps(), np.float32)
    source, dispatch = scorers.source, scorers.dispatch
    split = 1 + len(DISPATCH_LABELS)
    of_source = source.weight.copy()
    of_source[:, [SOURCE_LABELS.index(name) for name in SOURCE_STEPS]] += change[split:]
    return scorers._replace(
        source=source._replace(weight=of_source),
        dispatch=dispatch._replace(bias=dispatch.bias + change[0], weight=dispatch.weight + change[1:split]),
    )


def _steps() -> np.ndarray:
    return np.array([DISPATCH_STEP] * (1 + len(DISPATCH_LABELS)) + list(SOURCE_STEPS.values()))


class _Game:
    """Plays episodes, each in a simulator that is kept."""

    def __init__(self, worlds: Sequence[Scenario], pricing: Pricing | None, seed: int) -> None:
        self._worlds, self._pricing, self._seed = worlds, pricing, seed
        self._sims: dict[int, Simulator] = {}
        self.played = 0

    def cost(self, scorers: Scorers, episode: int) -> float:
        """Cost per order of a policy in an episode, USD."""
        number = episode % len(self._worlds)
        if number not in self._sims:
            self._sims[number] = simulator_for(self._worlds[number], self._pricing)
        sim = self._sims[number]
        sim.reset(0, episode_key("train", self._seed, FIRST_EPISODE + episode))
        sim.run(scorers)
        self.played += 1
        return float(sim.kpis(0)[COST])
