"""Uniform legal play: the floor of every table."""

from __future__ import annotations

import numpy as np

from regional_dispatch.baselines.tick_player import TickPlayer
from regional_dispatch.envs.observation import apply_actions, empty_observation, fill_observation
from regional_dispatch.envs.simulator import Simulator

RANDOM = "random"


class RandomPlay(TickPlayer):
    """Takes each candidate of a line that is legal, and go or hold of a lane, with the same probability.

    The same episode is played the same again.
    """

    def __init__(self) -> None:
        super().__init__(RANDOM, RANDOM)

    def decide(self, sim: Simulator) -> None:
        """Draws the decisions of the tick; the draws belong to the episode and the tick."""
        seen = empty_observation(sim, sim.regions)
        fill_observation(sim, 0, seen)
        rng = np.random.default_rng([int(sim.state.row["key"][0]), sim.tick(0)])
        drawn = [_uniform(seen[name], rng) for name in ("order_mask", "lane_mask")]
        apply_actions(sim, 0, np.concatenate(drawn, axis=1))


def _uniform(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the legal options of each slot: (rows, slots) from a mask (rows, slots, options)."""
    drawn: np.ndarray = np.where(mask > 0, rng.random(mask.shape), -1.0).argmax(axis=-1)
    return drawn
