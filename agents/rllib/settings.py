"""Settings of a run with RLlib's PPO, under RLlib's names where it has them."""

from __future__ import annotations

from dataclasses import dataclass

from regional_dispatch.envs.world.errors import ScenarioError


@dataclass(frozen=True)
class RllibSettings:
    """Hyperparameters; what is not here is RLlib's default. A joint action is all decisions of a region in a tick."""

    num_envs: int = 4
    """Network copies played side by side; each has an agent per region."""
    ticks: int = 24
    """Ticks played in each copy between two updates. Unit: ticks."""
    num_minibatches: int = 3
    """Minibatches that the joint actions of an update are split into, of RLlib's minibatch_size each."""
    num_epochs: int = 4
    """Passes over the joint actions of an update."""
    lr: float = 2e-3
    """Adam's learning rate."""
    gamma: float = 0.98
    """Discount per tick."""
    gae_lambda: float = 0.9
    """RLlib's lambda_, of generalised advantage estimation, per tick."""
    clip_param: float = 0.3
    """Clip of the ratio of probabilities of a joint action."""
    entropy_coeff: float = 0.0
    """Weight of the entropy bonus, which is a sum over all decisions of a joint action."""
    hidden: int = 32
    """Width of the two layers of both scorers."""
    critic_hidden: int = 64
    """Width of the two layers of both critics."""
    shared_reward: bool = False
    """Gives every agent the mean reward of all regions in place of its own."""
    eval_every: int = 10
    """Updates between two evaluations on the tuning episodes. Unit: updates."""
    eval_episodes: int = 4
    """Length of each evaluation. Unit: episodes."""

    def actions(self, regions: int) -> int:
        """Joint actions of an update, where a copy has this many regions."""
        return self.num_envs * self.ticks * regions

    def check(self, regions: int) -> None:
        """Refuses what RLlib would refuse later, or take and fail on.

        Args:
            regions: agents in a copy.

        Raises:
            ScenarioError: a value is out of its range.
        """
        for name in ("num_envs", "ticks", "num_minibatches", "num_epochs", "hidden", "critic_hidden", "eval_every",
                     "eval_episodes"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ScenarioError(f"--rllib.{name.replace('_', '-')} = {getattr(self, name)}: must be 1 or more")
        actions = self.actions(regions)
        if self.num_minibatches > actions:
            raise ScenarioError(
                f"--rllib.num-minibatches = {self.num_minibatches}: an update has {actions} joint actions "
                f"({self.num_envs} copies × {self.ticks} ticks × {regions} regions); give that or less"
            )
        for name, high in (("lr", 1.0), ("gamma", 1.0), ("gae_lambda", 1.0), ("clip_param", 1.0)):
            if not 0 < getattr(self, name) <= high:
                raise ScenarioError(f"--rllib.{name.replace('_', '-')} = {getattr(self, name):g}: must be above 0, "
                                 f"at most {high:g}")  # fmt: skip
        if not 0 <= self.entropy_coeff < 100:
            raise ScenarioError(f"--rllib.entropy-coeff = {self.entropy_coeff:g}: must be 0 or more, below 100")
