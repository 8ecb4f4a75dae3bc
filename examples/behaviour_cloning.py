"""Behaviour cloning: learns a policy from a data set of another policy's decisions, without the simulator.

    python evaluate.py record --scenario small --policies least_cost --episodes 64 --out runs/offline
    python examples/behaviour_cloning.py runs/offline/regional-dispatch/small-v0/data --teacher least_cost

One small network scores every candidate of an order line, another one whether a truck goes; both are shared by all
lines, lanes and regions. The clone is then played beside its teacher on held-out orders that neither has seen.
"""

from __future__ import annotations

import argparse
import sys

import minari
import numpy as np
import torch
from torch import nn

from regional_dispatch import ScorerPolicy, compare_policies, load_scenario, resolve_policies
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.evaluation.text import interval, times

HIDDEN, BATCH, LEARNING_RATE = 32, 512, 3e-3


def decisions(path: str, teacher: str) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """The teacher's decisions with more than one legal choice.

    Args:
        path: of the data set.
        teacher: the policy whose episodes are read; the set may have others beside them.

    Returns:
        Lines: features (n, K, F), legal candidates (n, K) and the chosen one (n,); lanes: features (m, F) and go (m,).
    """
    dataset = minari.MinariDataset(path)
    policies = [about["policy"] for about in dataset.storage.get_episode_metadata(range(dataset.total_episodes))]
    if teacher not in policies:
        sys.exit(f"error: --teacher {teacher}: the data set has episodes of {', '.join(sorted(set(policies)))}")
    lines, lanes = [], []
    for episode in dataset.iterate_episodes([i for i, policy in enumerate(policies) if policy == teacher]):
        seen = {name: table[:-1] for name, table in episode.observations.items()}  # the last one has no action
        steps, slots, candidates = seen["order_mask"].shape
        chosen, go = np.split(episode.actions, [slots], axis=1)
        open_lines, open_lanes = seen["order_mask"].sum(axis=2) > 1, seen["lane_mask"].all(axis=2)
        features = seen["orders"].reshape(steps, slots, candidates, -1)
        lines.append((features[open_lines], seen["order_mask"][open_lines] > 0, chosen[open_lines]))
        features = seen["lanes"].reshape(steps, go.shape[1], -1)
        lanes.append((features[open_lanes], go[open_lanes].astype(np.float32)))
    return tuple(
        tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*kind, strict=True)) for kind in (lines, lanes)
    )  # type: ignore[return-value]


def fit(net: nn.Module, data: tuple[torch.Tensor, ...], loss_of: nn.Module, epochs: int) -> None:
    """Trains a scorer on batches of decisions in random order, with a learning rate that falls to zero."""
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    batches = -(-len(data[0]) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for _ in range(epochs):
        for batch in torch.randperm(len(data[0])).split(BATCH):
            x, *legal, target = (part[batch] for part in data)
            score = net(x, torch.zeros(len(batch), dtype=torch.long))
            if legal:
                score = score.masked_fill(~legal[0], -1e9)
            optimizer.zero_grad()
            loss_of(score, target).backward()
            optimizer.step()
            schedule.step()


def main() -> None:
    """Reads, learns, and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a data set that `evaluate.py record` wrote")
    parser.add_argument("--teacher", default="least_cost", help="the policy to learn from, one in the data set")
    parser.add_argument("--scenario", default="small", help="the scenario it was made on")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the data")
    parser.add_argument("--episodes", type=int, default=32, help="held-out episodes to compare on")
    parser.add_argument("--seed", type=int, default=0, help="of the network and of the held-out orders")
    asked = parser.parse_args()

    torch.manual_seed(asked.seed)
    torch.set_num_threads(1)
    lines, lanes = decisions(asked.data, asked.teacher)
    source, dispatch = ScorerNet(lines[0].shape[-1], HIDDEN), ScorerNet(lanes[0].shape[-1], HIDDEN)
    fit(source, lines, nn.CrossEntropyLoss(), asked.epochs)
    fit(dispatch, lanes, nn.BCEWithLogitsLoss(), asked.epochs)

    scenario = load_scenario(asked.scenario)
    teacher = resolve_policies([asked.teacher], scenario)
    price = teacher[asked.teacher].scorers.price  # of lanes, as the data set shows them
    clone = ScorerPolicy(Scorers(source.export(), dispatch.export(), price), "clone")
    summary = compare_policies(scenario, {"clone": clone, **teacher}, asked.episodes, asked.seed).summary
    cost = {name: kpis["cost_per_order_usd"]["mean"] for name, kpis in summary["policies"].items()}
    gap = summary["paired"][f"clone - {asked.teacher}"]["cost_per_order_usd"]
    print(f"{len(lines[0]):,} decisions on lines and {len(lanes[0]):,} on trucks")
    print(", ".join(f"{name} {usd:.4f} USD an order" for name, usd in cost.items()))
    print(f"clone − {asked.teacher}: {interval(times(gap, 100 / cost[asked.teacher]), 2)} %")


if __name__ == "__main__":
    main()
