"""Small ReLU networks with the layout of `envs.kernel.decisions.score.Scorer`, so weights are exported as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from regional_dispatch.envs.kernel.decisions.score import Scorer


class ScorerNet(nn.Module):
    """One score per feature vector: bias + skip·x + w3·relu(w2·relu(w1·x + b1) + b2).

    Args:
        features: length of a feature vector.
        hidden: H, width of both layers.
        groups: G, sets of weights: 1 shared by all regions, or one per region.
        last_gain: scale of the last layer at the start; a small one makes a policy start close to random choices.
    """

    def __init__(self, features: int, hidden: int, groups: int = 1, last_gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(groups, features))
        self.bias = nn.Parameter(torch.zeros(groups))
        self.w1 = nn.Parameter(_orthogonal(groups, features, hidden, math.sqrt(2)))
        self.b1 = nn.Parameter(torch.zeros(groups, hidden))
        self.w2 = nn.Parameter(_orthogonal(groups, hidden, hidden, math.sqrt(2)))
        self.b2 = nn.Parameter(torch.zeros(groups, hidden))
        self.w3 = nn.Parameter(_orthogonal(groups, hidden, 1, last_gain).squeeze(-1))

    def start_from(self, labels: tuple[str, ...], prior: Mapping[str, float]) -> None:
        """Sets linear weights by the features' labels; `bias` is the constant."""
        with torch.no_grad():
            for name, value in prior.items():
                (self.bias if name == "bias" else self.weight[:, labels.index(name)]).fill_(value)

    def forward(self, x: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        """Scores of x (rows, …, features) under the weights of region (rows,): (rows, …)."""
        groups = len(self.bias)
        if groups == 1:
            return self._score(0, x)
        out = torch.empty(x.shape[:-1], dtype=x.dtype, device=x.device)
        for g in range(groups):
            mine = region == g
            if bool(mine.any()):
                out[mine] = self._score(g, x[mine])
        return out

    def _score(self, g: int, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(x @ self.w1[g] + self.b1[g])
        hidden = torch.relu(hidden @ self.w2[g] + self.b2[g])
        return hidden @ self.w3[g] + x @ self.weight[g] + self.bias[g]

    def export(self) -> Scorer:
        """The weights as the kernel reads them."""
        arrays = {name: p.detach().cpu().numpy().astype(np.float32).copy() for name, p in self.named_parameters()}
        no_steps = np.zeros_like(arrays["weight"])
        return Scorer(step_weight=no_steps, step_at=no_steps.copy(), **arrays)


def _orthogonal(groups: int, rows: int, columns: int, gain: float) -> torch.Tensor:
    out = torch.empty(groups, rows, columns)
    for g in range(groups):
        nn.init.orthogonal_(out[g], gain)
    return out
