"""The actor-critic policy: a scorer of candidates, a scorer of lanes, and a critic for each kind of decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    DISPATCH_LABELS,
    REGION_FEATURES,
    REGION_INDEX_SCALE,
    SOURCE_COUNT,
    SOURCE_LABELS,
)
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT, NO_PRICE
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

_FORBIDDEN = -1e9  # logit of a masked candidate


class _Deciders(nn.Module):
    """The networks that are exported and evaluated: all but the critics."""

    def __init__(self, source: ScorerNet, dispatch: ScorerNet, price: ScorerNet | None) -> None:
        super().__init__()
        self.source, self.dispatch, self.price = source, dispatch, price


class DispatchPolicy(ActorCriticPolicy):
    """Policy of `RegionalPPO`. Training uses the methods for packed decisions, `predict()` those for padded ones.

    Args:
        observation_space: of `RegionalDispatchEnv`.
        action_space: of `RegionalDispatchEnv`.
        lr_schedule: learning rate by progress remaining.
        hidden: width of the two actor networks.
        critic_hidden: width of the two critics.
        groups: sets of actor weights: 1, or one per region.
        source_prior: feature → weight of the source scorer at the start; empty starts from random choices.
        dispatch_prior: the same for the dispatch scorer, where `bias` is its constant.
        price_hidden: width of the network that prices lanes (`envs.kernel.decisions.lane_price`); 0 for none.
        averaging: share of the previous average in the moving average of weights that `predict` and `scorers` use; 0
            for the latest weights.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.MultiDiscrete,
        lr_schedule: Schedule,
        hidden: int = 32,
        critic_hidden: int = 64,
        groups: int = 1,
        source_prior: Mapping[str, float] | None = None,
        dispatch_prior: Mapping[str, float] | None = None,
        price_hidden: int = 0,
        averaging: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.sizes = {"hidden": hidden, "critic_hidden": critic_hidden, "groups": groups}
        self.price_hidden = price_hidden
        self.averaging = averaging
        self.priors = {"source_prior": dict(source_prior or {}), "dispatch_prior": dict(dispatch_prior or {})}
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        hidden, critic, groups = (self.sizes[k] for k in ("hidden", "critic_hidden", "groups"))
        self.source_actor = ScorerNet(SOURCE_COUNT, hidden, groups, last_gain=0.01)
        self.dispatch_actor = ScorerNet(DISPATCH_COUNT, hidden, groups, last_gain=0.01)
        # The source critic values each candidate; the value of a line is the mean over the policy's probabilities.
        self.source_critic = ScorerNet(SOURCE_COUNT, critic)
        self.dispatch_critic = ScorerNet(DISPATCH_COUNT, critic)
        # What lanes cost beyond the standard cost: 0 at the start.
        self.lane_price = ScorerNet(LANE_PRICE_COUNT, self.price_hidden, last_gain=0.0) if self.price_hidden else None
        self.source_actor.start_from(SOURCE_LABELS, self.priors["source_prior"])
        self.dispatch_actor.start_from(DISPATCH_LABELS, self.priors["dispatch_prior"])
        fused = {"fused": True} if self.optimizer_class is torch.optim.Adam else {}  # one pass over all weights
        options = {**fused, **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **options)  # type: ignore[call-arg]
        mean = get_ema_multi_avg_fn(self.averaging)
        self.average = AveragedModel(self._latest(), multi_avg_fn=mean) if self.averaging else None

    def _latest(self) -> _Deciders:
        return _Deciders(self.source_actor, self.dispatch_actor, self.lane_price)

    def average_weights(self) -> None:
        """Adds the latest weights to the average, if there is one; call once per update."""
        if self.average is not None:
            self.average.update_parameters(self._latest())

    def _get_constructor_parameters(self) -> dict[str, Any]:
        data = super()._get_constructor_parameters()
        for name in ("net_arch", "activation_fn", "ortho_init", "use_sde", "log_std_init", "full_std", "use_expln",
                     "squash_output", "features_extractor_class", "features_extractor_kwargs"):  # fmt: skip
            data.pop(name, None)
        return {**data, **self.sizes, **self.priors, "price_hidden": self.price_hidden, "averaging": self.averaging}

    # ------------------------------------------------------------------------------------- packed decisions

    def source_logits(self, x: torch.Tensor, mask: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of the candidates: x (n, K, features), mask (n, K) → (n, K)."""
        return torch.log_softmax(self.source_actor(x, region).masked_fill(~mask, _FORBIDDEN), dim=-1)

    def source_values(self, x: torch.Tensor, log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Value of each candidate (n, K), and of each line under the policy (n,)."""
        q = self.source_critic(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))
        return q, (log_probs.exp() * q).sum(dim=-1)

    def dispatch_logits(self, x: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        """Logit of go against hold: (n, features) → (n,)."""
        return self.dispatch_actor(x, region)

    def dispatch_values(self, x: torch.Tensor) -> torch.Tensor:
        """Value of each lane: (n, features) → (n,)."""
        return self.dispatch_critic(x, torch.zeros(len(x), dtype=torch.int64, device=x.device))

    def scorers(self, latest: bool = False) -> Scorers:
        """The actors as the kernel reads them.

        Args:
            latest: the latest weights, which collect experience, also where the policy averages them.
        """
        deciders = self._deciding(latest)
        price = NO_PRICE if deciders.price is None else deciders.price.export()
        return Scorers(deciders.source.export(), deciders.dispatch.export(), price)

    def _deciding(self, latest: bool) -> _Deciders:
        return self._latest() if latest or self.average is None else cast(_Deciders, self.average.module)

    # ----------------------------------------------------------------------------------- padded observations

    def _unpad(self, obs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        order_mask, lane_mask = obs["order_mask"].bool(), obs["lane_mask"].bool()
        orders = obs["orders"].reshape(*order_mask.shape, SOURCE_COUNT).float()
        lanes = obs["lanes"].reshape(*lane_mask.shape[:-1], DISPATCH_COUNT).float()
        region = (obs["region"][:, REGION_FEATURES.index("index")] * REGION_INDEX_SCALE).round().long()
        return orders, order_mask, lanes, lane_mask, region

    def _distributions(
        self, obs: dict[str, torch.Tensor], latest: bool = True
    ) -> tuple[torch.distributions.Categorical, torch.distributions.Categorical, torch.Tensor]:
        """Choices per line slot (N, M, K) and per lane slot (N, L, 2), and the sum of the decisions' values (N,)."""
        orders, order_mask, lanes, lane_mask, region = self._unpad(obs)
        deciders = self._deciding(latest)
        source = deciders.source(orders, region).masked_fill(~order_mask, _FORBIDDEN)
        go = deciders.dispatch(lanes, region)
        dispatch = torch.stack([torch.zeros_like(go), go], dim=-1).masked_fill(~lane_mask, _FORBIDDEN)
        lines = torch.distributions.Categorical(logits=source)
        _, line_values = self.source_values(orders, lines.logits)
        used = (order_mask.sum(-1) > 1).float(), lane_mask[..., 1].float()
        values = (line_values * used[0]).sum(-1) + (self.dispatch_values(lanes) * used[1]).sum(-1)
        return lines, torch.distributions.Categorical(logits=dispatch), values

    def forward(self, obs: Any, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions (N, M + L), values (N,) and log-probabilities (N,)."""
        lines, lanes, values = self._distributions(obs)
        picks = _picks(lines, lanes, deterministic)
        log_prob = lines.log_prob(picks[0]).sum(-1) + lanes.log_prob(picks[1]).sum(-1)
        return torch.cat(picks, dim=-1), values, log_prob

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        lines, lanes, _ = self._distributions(observation, latest=False)
        return torch.cat(_picks(lines, lanes, deterministic), dim=-1)

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Sum of the values of all decisions of an observation: (N,)."""
        return self._distributions(obs)[2]

    def evaluate_actions(self, obs: Any, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values (N,), log-probabilities (N,) and entropies (N,) of padded actions."""
        lines, lanes, values = self._distributions(obs)
        slots = lines.logits.shape[1]
        log_prob = lines.log_prob(actions[:, :slots]).sum(-1) + lanes.log_prob(actions[:, slots:]).sum(-1)
        return values, log_prob, lines.entropy().sum(-1) + lanes.entropy().sum(-1)


def _picks(
    lines: torch.distributions.Categorical, lanes: torch.distributions.Categorical, deterministic: bool
) -> list[torch.Tensor]:
    """A choice for every line slot (N, M) and lane slot (N, L)."""
    return [d.probs.argmax(-1) if deterministic else d.sample() for d in (lines, lanes)]
