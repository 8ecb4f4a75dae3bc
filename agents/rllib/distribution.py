"""The choices of all slots of a region as one RLlib distribution."""

from __future__ import annotations

import gymnasium
import torch
from ray.rllib.core.distribution.distribution import Distribution
from ray.rllib.core.distribution.torch.torch_distribution import TorchDeterministic
from torch.distributions import Categorical, kl_divergence


class SlotChoices(Distribution):
    """Independent choices: one of K candidates per line slot, and hold or go per lane slot.

    RLlib's own distribution of a `MultiDiscrete` space has an object per slot, and us8_spread has 276 slots.

    Args:
        logits: (N, M·K + L·2), very negative where a choice is forbidden.
        slots: M, line slots.
        candidates: K, candidates of a line.
    """

    def __init__(self, logits: torch.Tensor, slots: int, candidates: int) -> None:
        super().__init__()
        lines, lanes = logits[:, : slots * candidates], logits[:, slots * candidates :]
        self.kinds = (
            Categorical(logits=lines.reshape(len(logits), slots, candidates), validate_args=False),
            Categorical(logits=lanes.reshape(len(logits), -1, 2), validate_args=False),
        )
        self.slots = slots

    @classmethod
    def from_logits(cls, logits: torch.Tensor, **sizes: int) -> SlotChoices:
        """The distribution with these logits; `sizes` are `slots` and `candidates`."""
        return cls(logits, **sizes)

    @staticmethod
    def required_input_dim(space: gymnasium.spaces.MultiDiscrete, **sizes: int) -> int:
        """Number of logits of an action space."""
        return int(space.nvec.sum())

    def sample(self) -> torch.Tensor:
        """(N, M + L) int64."""
        return torch.cat([kind.sample() for kind in self.kinds], dim=-1)

    def rsample(self) -> torch.Tensor:
        """Choices have no gradient."""
        raise NotImplementedError("choices of slots cannot be reparameterised")

    def logp(self, value: torch.Tensor) -> torch.Tensor:
        """Log-probability of joint actions (N, M + L): (N,)."""
        parts = value[:, : self.slots], value[:, self.slots :]
        return sum((kind.log_prob(part).sum(-1) for kind, part in zip(self.kinds, parts, strict=True)), torch.zeros(()))

    def entropy(self) -> torch.Tensor:
        """Sum over all slots: (N,)."""
        return sum((kind.entropy().sum(-1) for kind in self.kinds), torch.zeros(()))

    def kl(self, other: SlotChoices) -> torch.Tensor:
        """Kullback-Leibler divergence to another distribution, as a sum over all slots: (N,)."""
        pairs = zip(self.kinds, other.kinds, strict=True)
        return sum((kl_divergence(mine, theirs).sum(-1) for mine, theirs in pairs), torch.zeros(()))

    def to_deterministic(self) -> TorchDeterministic:
        """The most likely choice of every slot."""
        return TorchDeterministic(loc=torch.cat([kind.logits.argmax(-1) for kind in self.kinds], dim=-1))
