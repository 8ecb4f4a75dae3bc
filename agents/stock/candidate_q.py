"""A policy for DQN that values every action of a decision with one network."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork

from regional_dispatch.agents.stock.scores import ActionValues, decisions_of
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

_NEVER = -1e6  # value of an action that is not legal


class CandidateQNetwork(QNetwork):
    """Values of all actions; those that are not legal are never the best.

    Args:
        hidden: width of the networks.
        kwargs: see stable-baselines3's `QNetwork`.
    """

    def __init__(self, *args: Any, hidden: int = 32, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_net = ActionValues(hidden)  # type: ignore[assignment]

    def forward(self, obs: PyTorchObs) -> torch.Tensor:
        """(n, K)."""
        assert isinstance(obs, torch.Tensor)
        x = decisions_of(obs.float())
        return self.q_net(x).masked_fill(~x.legal, _NEVER)


class CandidateQPolicy(DQNPolicy):
    """Give it as `policy=` to stable-baselines3's DQN.

    Args:
        hidden: width of the networks.
        kwargs: see stable-baselines3's `DQNPolicy`.
    """

    def __init__(self, *args: Any, hidden: int = 32, **kwargs: Any) -> None:
        self.hidden = hidden
        super().__init__(*args, **kwargs)

    def make_q_net(self) -> CandidateQNetwork:
        """A new network; DQN makes two."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return CandidateQNetwork(hidden=self.hidden, **arguments).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "hidden": self.hidden}

    def scorers(self) -> Scorers:
        """The greedy policy as the compiled kernel reads it."""
        values: Any = self.q_net.q_net
        return values.export()
