"""One network shared over the actions of a decision: scores, values, and the way into the compiled kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.streams.layout import BASE, COLUMN_COUNT, DISPATCH_COLUMNS, GO, LANE, LEGAL, SOURCE_COLUMNS


class Decisions(NamedTuple):
    """Decisions as tensors, all of a kind together."""

    legal: torch.Tensor  # (n, K) bool
    lane: torch.Tensor  # (n,) bool, about a lane
    base: torch.Tensor  # (n, K) float32, 1 for what the base rule would do
    go: torch.Tensor  # (n, K) float32
    source: torch.Tensor  # (lines, K, SOURCE_COUNT)
    dispatch: torch.Tensor  # (lanes, DISPATCH_COUNT)


def decisions_of(observation: torch.Tensor) -> Decisions:
    """Reads observations of `RegionalDecision-v0`, as tables or as vectors."""
    x = observation.reshape(len(observation), -1, COLUMN_COUNT)
    lane = x[:, 0, LANE] > 0
    return Decisions(
        x[..., LEGAL] > 0, lane, x[..., BASE], x[..., GO], x[~lane][..., SOURCE_COLUMNS],
        x[lane][:, 0, DISPATCH_COLUMNS],
    )  # fmt: skip


class ActionScores(nn.Module):
    """A score for each action: a network for candidates, and one for go against hold, whose score is 0.

    Args:
        hidden: width of both networks.
        base_score: added to what the base rule would do, and learned from there; 0 where there is no base rule.
        last_gain: scale of the last layers at the start.
    """

    def __init__(self, hidden: int, base_score: float = 0.0, last_gain: float = 0.01) -> None:
        super().__init__()
        self.source = ScorerNet(SOURCE_COUNT, hidden, last_gain=last_gain)
        self.dispatch = ScorerNet(DISPATCH_COUNT, hidden, last_gain=last_gain)
        self.base = nn.Parameter(torch.full((2,), base_score)) if base_score else None  # of lines, of lanes

    def forward(self, x: Decisions) -> torch.Tensor:
        """(n, K)."""
        out = torch.zeros_like(x.go)
        out[~x.lane] = self.source(x.source, _first_group(x.source))
        out[x.lane] = x.go[x.lane] * self.dispatch(x.dispatch, _first_group(x.dispatch))[:, None]
        return out if self.base is None else out + self.base[x.lane.long()][:, None] * x.base

    def export(self) -> Scorers:
        """The networks as the compiled kernel reads them.

        Raises:
            ValueError: they choose relative to a base rule, which the kernel does not know.
        """
        if self.base is not None:
            raise ValueError("a policy relative to a base rule cannot be exported; play it with JointPolicy")
        return Scorers(self.source.export(), self.dispatch.export())


class ActionValues(nn.Module):
    """A value for each action: a network for candidates, and one for lanes that is told which action it is.

    Args:
        hidden: width of both networks.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.source = ScorerNet(SOURCE_COUNT, hidden, last_gain=0.01)  # values are hundredths of a unit of reward
        self.dispatch = ScorerNet(DISPATCH_COUNT + 1, hidden, last_gain=0.01)

    def forward(self, x: Decisions) -> torch.Tensor:
        """(n, K)."""
        out = torch.zeros_like(x.go)
        out[~x.lane] = self.source(x.source, _first_group(x.source))
        go = x.go[x.lane][..., None]
        told = torch.cat([x.dispatch[:, None].expand(-1, go.shape[1], -1), go], dim=-1)
        out[x.lane] = self.dispatch(told, _first_group(told))
        return out

    def export(self) -> Scorers:
        """The greedy policy as the compiled kernel reads it: a truck goes if its value is above that of holding."""
        return Scorers(self.source.export(), _go_less_hold(self.dispatch.export()))


def _first_group(x: torch.Tensor) -> torch.Tensor:
    """All decisions share one set of weights."""
    return torch.zeros(len(x), dtype=torch.int64, device=x.device)


def _go_less_hold(both: Scorer) -> Scorer:
    """The difference of a scorer at 1 and at 0 of its last input, as one scorer of the other inputs."""
    w1, told = both.w1[:, :-1], both.w1[:, -1]
    nothing = np.zeros_like(both.w2)
    rows = [np.concatenate([both.w2, nothing], axis=2), np.concatenate([nothing, both.w2], axis=2)]
    zeros = np.zeros_like(both.weight[:, :-1])
    return Scorer(
        weight=zeros, bias=both.weight[:, -1].copy(), step_weight=zeros.copy(), step_at=zeros.copy(),
        w1=np.concatenate([w1, w1], axis=2), b1=np.concatenate([both.b1 + told, both.b1], axis=1),
        w2=np.concatenate(rows, axis=1), b2=np.concatenate([both.b2, both.b2], axis=1),
        w3=np.concatenate([both.w3, -both.w3], axis=1),
    )  # fmt: skip
