"""A policy for PPO and MaskablePPO that scores every action of a decision with one network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule

from regional_dispatch.agents.stock.scores import ActionScores, ActionValues, decisions_of
from regional_dispatch.envs.kernel.decisions.scorers import Scorers


class CandidatePolicy(MaskableActorCriticPolicy):
    """Give it as `policy=` to stable-baselines3's PPO or sb3-contrib's MaskablePPO.

    The legal actions are in the observation, so actions are masked with either algorithm. The value of a decision is
    the mean of its actions' values over the policy's probabilities.

    Args:
        observation_space: of `RegionalDecision-v0`.
        action_space: of `RegionalDecision-v0`.
        lr_schedule: learning rate by progress remaining.
        hidden: width of the networks that score.
        critic_hidden: width of the networks that value.
        base_score: with an environment that has a base rule: the score that its action starts with.
        kwargs: other arguments of stable-baselines3's policies; only `optimizer_class` and `optimizer_kwargs` are used.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        hidden: int = 32,
        critic_hidden: int = 32,
        base_score: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.sizes = {"hidden": hidden, "critic_hidden": critic_hidden, "base_score": base_score}
        kwargs.pop("use_sde", None)  # PPO gives it to every policy
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        self.actor = ActionScores(int(self.sizes["hidden"]), self.sizes["base_score"])
        self.critic = ActionValues(int(self.sizes["critic_hidden"]))
        options: dict[str, Any] = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **options)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), **self.sizes}

    def _decide(
        self, obs: PyTorchObs, action_masks: np.ndarray | torch.Tensor | None
    ) -> tuple[MaskableDistribution, torch.Tensor]:
        """The distribution over the legal actions, and the value of each decision (n, 1)."""
        assert isinstance(obs, torch.Tensor)
        x = decisions_of(obs.float())
        legal = x.legal
        if action_masks is not None:
            legal = legal & torch.as_tensor(action_masks, device=legal.device).bool().reshape(legal.shape)
        distribution = self.action_dist.proba_distribution(action_logits=self.actor(x))
        distribution.apply_masking(legal.cpu().numpy())
        chosen: Any = distribution.distribution
        return distribution, (chosen.probs.detach() * self.critic(x)).sum(dim=-1, keepdim=True)

    def forward(  # type: ignore[override]
        self, obs: PyTorchObs, deterministic: bool = False, action_masks: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions (n,), values (n, 1) and log-probabilities (n,)."""
        distribution, values = self._decide(obs, action_masks)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(  # type: ignore[override]
        self, obs: PyTorchObs, actions: torch.Tensor, action_masks: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values (n, 1), log-probabilities (n,) and entropies (n,)."""
        distribution, values = self._decide(obs, action_masks)
        entropy = distribution.entropy()
        assert entropy is not None
        return values, distribution.log_prob(actions), entropy

    def get_distribution(self, obs: PyTorchObs, action_masks: np.ndarray | None = None) -> MaskableDistribution:
        """The distribution over the legal actions."""
        return self._decide(obs, action_masks)[0]

    def predict_values(self, obs: PyTorchObs) -> torch.Tensor:
        """The value of each decision: (n, 1)."""
        return self._decide(obs, None)[1]

    def scorers(self) -> Scorers:
        """The policy as the compiled kernel reads it.

        Raises:
            ValueError: it chooses relative to a base rule.
        """
        return self.actor.export()
