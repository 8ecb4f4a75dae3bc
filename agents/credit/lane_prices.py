"""Samples of what packages cost their lanes, for the network that prices lanes (`envs.kernel.decisions.lane_price`)."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.simulator import Simulator


class PriceRecorder:
    """Keeps samples of what packages have cost their lanes.

    Args:
        sim: the network copies, which take samples from now on.
        room: samples kept of each copy between two calls of `collect`; further ones are dropped.
    """

    def __init__(self, sim: Simulator, room: int = 8192) -> None:
        self.sim = sim
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        sim.sample_lanes(room)

    def collect(self, copy: int) -> None:
        """Moves a copy's samples here; call before it starts a new episode."""
        state = self.sim.state
        n = min(state.row["samples"][copy], state.sample_usd.shape[1])
        self._kept.append((state.sample[copy, :n].copy(), state.sample_usd[copy, :n].copy()))
        state.row["samples"][copy] = 0

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples since the last call: features (n, LANE_PRICE_COUNT), USD beyond the standard cost (n,), float32."""
        for copy in range(self.sim.copies):
            self.collect(copy)
        x, usd = (np.concatenate(arrays) for arrays in zip(*self._kept, strict=True))
        self._kept = []
        return x, usd
