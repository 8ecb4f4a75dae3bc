"""The networks as an RLlib RLModule: one scorer for candidates, one for lanes, shared by all regions, and a critic."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule

from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.agents.rllib.distribution import SlotChoices
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    DISPATCH_LABELS,
    REGION_COUNT,
    SOURCE_COUNT,
    SOURCE_LABELS,
)
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

FORBIDDEN = -1e9  # logit of a masked choice
_ALL = torch.zeros(0)  # the regions that share weights: all


class ScorerModule(TorchRLModule, ValueFunctionAPI):
    """Logits of all slots of a region, and the value of what it sees.

    The observation is that of `RegionalDispatchParallelEnv` with `tables=True`; its masks forbid choices.
    `model_config`: `hidden` and `critic_hidden`, widths; `source_prior` and `dispatch_prior`, linear weights at the
    start by feature, where `bias` is the constant.
    """

    def setup(self) -> None:
        """Builds the networks; called by RLlib."""
        hidden, critic = self.model_config["hidden"], self.model_config["critic_hidden"]
        self.source = ScorerNet(SOURCE_COUNT, hidden, last_gain=0.01)
        self.dispatch = ScorerNet(DISPATCH_COUNT, hidden, last_gain=0.01)
        self.source.start_from(SOURCE_LABELS, self.model_config["source_prior"])
        self.dispatch.start_from(DISPATCH_LABELS, self.model_config["dispatch_prior"])
        # The value of a region is that of its features and, summed, of its lanes.
        self.region_critic = ScorerNet(REGION_COUNT, critic, last_gain=0.1)
        self.lane_critic = ScorerNet(DISPATCH_COUNT, critic, last_gain=0.01)
        slots, candidates = self.observation_space["order_mask"].shape
        self.action_dist_cls = SlotChoices.get_partial_dist_cls(slots=slots, candidates=candidates)

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        seen = batch[Columns.OBS]
        order_mask, lane_mask = seen["order_mask"].bool(), seen["lane_mask"].bool()
        choice = order_mask & (order_mask.sum(-1, keepdim=True) > 1)
        lines = torch.zeros(order_mask.shape).masked_fill(~order_mask, FORBIDDEN)
        lines[choice] = self.source(seen["orders"][choice], _ALL)  # few slots have a choice: score those alone
        lanes = torch.zeros(lane_mask.shape).masked_fill(~lane_mask, FORBIDDEN)
        may_go = lane_mask[..., 1]
        lanes[..., 1][may_go] = self.dispatch(seen["lanes"][may_go], _ALL)
        return {Columns.ACTION_DIST_INPUTS: torch.cat([lines.flatten(1), lanes.flatten(1)], dim=-1)}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> torch.Tensor:
        """The value of every observation: (N,)."""
        seen = batch[Columns.OBS]
        waiting = seen["lane_mask"][..., 1].bool()
        lanes = torch.zeros(waiting.shape)
        lanes[waiting] = self.lane_critic(seen["lanes"][waiting], _ALL)
        return self.region_critic(seen["region"], _ALL) + lanes.sum(-1)

    def scorers(self) -> Scorers:
        """The policy as the kernel reads it."""
        return Scorers(self.source.export(), self.dispatch.export())
