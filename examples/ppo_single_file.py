"""PPO in one file, on one decision a step: everything the algorithm does can be read from top to bottom.

    python examples/ppo_single_file.py --scenario us8 --seconds 120

After CleanRL's PPO (Huang et al. 2022), with two differences. An action is a row of a table, and one network scores
every row. And an episode is one decision (`credit="own"`), so its advantage is its reward less its value: there is no
bootstrapping.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import gymnasium
import numpy as np
import torch
from torch import nn

import regional_dispatch  # registers the environments
from regional_dispatch.agents.export import save_policy
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.streams.layout import DISPATCH_COLUMNS, GO, LANE, LEGAL, SOURCE_COLUMNS
from regional_dispatch.envs.world.facts import world_facts

STREAMS, STEPS = 1024, 16  # decisions a step, steps a rollout
MINIBATCH, EPOCHS = 2048, 4
LEARNING_RATE, CLIP, ENTROPY, VALUE, MAX_GRADIENT = 3e-3, 0.2, 0.01, 0.5, 0.5
EVALUATIONS = 12


class Network(nn.Module):
    """Scores every row of a table, for order lines and for trucks. Holding a truck has score 0."""

    def __init__(self, last_gain: float) -> None:
        super().__init__()
        source = SOURCE_COLUMNS.stop - SOURCE_COLUMNS.start
        dispatch = DISPATCH_COLUMNS.stop - DISPATCH_COLUMNS.start
        self.source = ScorerNet(source, 32, last_gain=last_gain)
        self.dispatch = ScorerNet(dispatch, 32, last_gain=last_gain)
        self.hold = ScorerNet(dispatch, 32, last_gain=last_gain)

    def forward(self, x: torch.Tensor, holds: bool = False) -> torch.Tensor:
        one_group = torch.zeros(len(x), dtype=torch.long)
        lines = self.source(x[..., SOURCE_COLUMNS], one_group)
        lane = x[:, 0, DISPATCH_COLUMNS]
        of_lanes = x[..., GO] * self.dispatch(lane, one_group)[:, None]
        if holds:  # values differ between lanes also where a truck holds; scores need only the difference
            of_lanes = of_lanes + (1 - x[..., GO]) * self.hold(lane, one_group)[:, None]
        return torch.where(x[:, :1, LANE] > 0, of_lanes, lines)


class Agent(nn.Module):
    """Actor and critic. The value of a decision is the mean value of its actions under the actor."""

    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = Network(last_gain=0.01), Network(last_gain=1.0)

    def decide(self, x: torch.Tensor) -> tuple[torch.distributions.Categorical, torch.Tensor]:
        logits = self.actor(x).masked_fill(x[..., LEGAL] == 0, -1e9)
        choice = torch.distributions.Categorical(logits=logits)
        return choice, (choice.probs.detach() * self.critic(x, holds=True)).sum(-1)

    def scorers(self) -> Scorers:
        return Scorers(self.actor.source.export(), self.actor.dispatch.export())


def update(
    agent: Agent, optimizer: torch.optim.Optimizer, x: torch.Tensor, action: torch.Tensor, log_prob: torch.Tensor,
    reward: torch.Tensor, value: torch.Tensor,
) -> None:  # fmt: skip
    """A few passes over a rollout with PPO's clipped loss."""
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(MINIBATCH):
            choice, new_value = agent.decide(x[batch])
            advantage = reward[batch] - value[batch]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            ratio = (choice.log_prob(action[batch]) - log_prob[batch]).exp()
            policy_loss = -torch.min(advantage * ratio, advantage * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
            value_loss = (new_value - reward[batch]).square().mean()
            loss = policy_loss - ENTROPY * choice.entropy().mean() + VALUE * value_loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), MAX_GRADIENT)
            optimizer.step()


def tuning_cost(agent: Agent, scenario: regional_dispatch.Scenario, seed: int, episodes: int = 4) -> float:
    """Mean cost per order of the greedy policy on tuning episodes, which are neither for training nor for results."""
    from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout

    rows = rollout(regional_dispatch.Simulator(scenario), agent.scorers(), evaluation_keys(episodes, seed, "tune"))
    return float(np.mean([row["cost_per_order_usd"] for row in rows]))


def main() -> None:
    """Trains for a budget of CPU time, and writes the policy and its learning curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="us8", help="a scenario file, or a shipped name")
    parser.add_argument("--seconds", type=float, default=120, help="CPU time of learning, without evaluations")
    parser.add_argument("--seed", type=int, default=0, help="of orders, weights and exploration")
    parser.add_argument("--out", type=Path, default=Path("runs/ppo_single_file"), help="folder of the results")
    asked = parser.parse_args()

    torch.manual_seed(asked.seed)
    torch.set_num_threads(1)
    scenario = regional_dispatch.load_scenario(asked.scenario)
    envs = gymnasium.make_vec(
        "RegionalDecision-v0", num_envs=STREAMS, vectorization_mode="vector_entry_point", scenario=scenario,
        tables=True, credit="own", background=regional_dispatch.baseline("least_cost").scorers,
    )  # fmt: skip
    agent = Agent()
    optimizer = torch.optim.Adam(agent.parameters(), LEARNING_RATE)

    seen, _ = envs.reset(seed=asked.seed)
    decisions, curve, apart, begun = 0, [], 0.0, time.process_time()
    while (learned := time.process_time() - begun - apart) < asked.seconds or not curve:
        if learned >= len(curve) * asked.seconds / EVALUATIONS:
            curve.append((decisions, round(learned, 1), tuning_cost(agent, scenario, asked.seed)))
            print(f"{decisions:9,} decisions, {learned:5.0f} s: {curve[-1][2]:.3f} USD an order", flush=True)
            apart += time.process_time() - begun - apart - learned
        rollout: list[list[torch.Tensor]] = []
        for _ in range(STEPS):
            x = torch.from_numpy(seen)
            with torch.no_grad():
                choice, value = agent.decide(x)
                action = choice.sample()
            seen, reward, _, _, _ = envs.step(action.numpy())
            rollout.append([x, action, choice.log_prob(action), torch.from_numpy(reward).float(), value])
            decisions += STREAMS
        update(agent, optimizer, *(torch.cat(part) for part in zip(*rollout, strict=True)))

    curve.append((decisions, round(asked.seconds, 1), tuning_cost(agent, scenario, asked.seed)))
    seen_orders = [["train", asked.seed], ["tune", asked.seed]]
    about = {"scenario": scenario.name, "world": world_facts(scenario), "seed": asked.seed, "seen": seen_orders}
    save_policy(asked.out / "policy.safetensors", agent.scorers(), about)
    with (asked.out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("decisions", "seconds", "cost_per_order_usd"), *curve])
    print(f"wrote {asked.out}; next: python evaluate.py compare --scenario {asked.scenario} "
          f"--policies {asked.out},least_cost --episodes 32")  # fmt: skip


if __name__ == "__main__":
    main()
