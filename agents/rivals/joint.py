"""PPO with one summed reward: all decisions of a region and tick share it. The comparison for credit per decision.

Reward, advantage and critic belong to a region, as in an off-the-shelf algorithm; actors, features, priors and the
decisions themselves are those of `RegionalPPO`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from regional_dispatch.agents.credit.batch import LaneRecorders, LineRecorders
from regional_dispatch.agents.credit.checked import checked
from regional_dispatch.agents.credit.concatenate import concatenate
from regional_dispatch.agents.credit.lanes import Lanes, checked_lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.engines.engine import LineValues, no_values
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.envs.kernel.compiled import compiled
from regional_dispatch.envs.kernel.decisions.features import REGION_COUNT, SOURCE_COUNT, region_features
from regional_dispatch.envs.simulator import Simulator, part, prefixed

REWARD_USD = 100.0  # USD per unit of reward
CRITIC_HIDDEN = 64  # width of the critic's layers


class Tick(NamedTuple):
    """What every region saw and decided in a tick. A row is a region of a network copy."""

    seen: np.ndarray  # (rows, REGION_COUNT) float32
    accrued: np.ndarray  # (rows,) float64, USD booked from the start of the episode until this tick
    started: np.ndarray  # (rows,) bool, True in the first tick of an episode
    lines: Lines
    line_row: np.ndarray  # (n,) row of each line
    lanes: Lanes
    lane_row: np.ndarray  # (n,) row of each lane


class JointPPO(RegionalPPO):
    """`RegionalPPO` with a region's summed reward in place of the credit per decision; one network only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ticks: list[Tick] = []
        self._critic: ScorerNet | None = None
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_ticks", "_critic", "_critic_optimizer"]

    def networks(self) -> dict[str, nn.Module]:
        return {**super().networks(), **({} if self._critic is None else {"critic": self._critic})}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {**super().optimizers(), **({} if self._critic is None else {"critic": self._critic_optimizer})}

    def snapshot(self) -> dict[str, np.ndarray]:
        """See `RegionalPPO.snapshot`; also the last tick, which waits for its advantage."""
        return {
            **super().snapshot(),
            **prefixed({f"tick.{i}.": _as_arrays(tick) for i, tick in enumerate(self._ticks)}),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See `RegionalPPO.restore`; with the last tick there is a critic."""
        super().restore(arrays)
        waiting = part(arrays, "tick.0.")
        self._ticks = [_as_tick(waiting, self._sims()[0])] if waiting else []
        if waiting and self._critic is None:
            self._make_critic()

    def _make_critic(self) -> None:
        self._critic = ScorerNet(REGION_COUNT, CRITIC_HIDDEN)
        self._critic_optimizer = torch.optim.Adam(self._critic.parameters(), self.lr_schedule(1.0))

    def _decide(self, lines: LineRecorders, lanes: LaneRecorders) -> None:
        sim = lines.sims[0]
        seen = np.zeros((sim.copies * sim.regions, REGION_COUNT), np.float32)
        _fill_region_features(sim.world, sim.state, seen)
        accrued = sim.state.accrual.sum(axis=2).ravel()
        started = np.repeat(sim.state.row["tick"] == 0, sim.regions)
        super()._decide(lines, lanes)
        of_lines, line_copy = lines.each[0].latest()
        of_lanes, lane_copy = lanes.each[0].latest()
        rows = line_copy * sim.regions + of_lines.region, lane_copy * sim.regions + of_lanes.region
        self._ticks.append(Tick(seen, accrued, started, of_lines, rows[0], of_lanes, rows[1]))

    def _credited(
        self, lines: LineRecorders, lanes: LaneRecorders
    ) -> tuple[Lines, LineValues, Lanes, np.ndarray, np.ndarray]:
        lines.take()
        lanes.take(self.gamma, self.gae_lambda)
        ticks, self._ticks = self._ticks[:-1], self._ticks[-1:]
        if not ticks:
            return super()._credited(lines, lanes)
        advantage = self._advantages([*ticks, *self._ticks])
        own = concatenate([t.lines._replace(reward=a[t.line_row]) for t, a in zip(ticks, advantage, strict=True)])
        lane_advantage = np.concatenate([a[t.lane_row] for t, a in zip(ticks, advantage, strict=True)])
        return own, no_values(own), concatenate([t.lanes for t in ticks]), lane_advantage, lane_advantage

    def _advantages(self, ticks: list[Tick]) -> list[np.ndarray]:
        """Generalised advantages of every tick but the last, (rows,) float32 each; fits the critic to the returns."""
        seen = torch.as_tensor(np.stack([t.seen for t in ticks]))
        if self._critic is None:
            self._make_critic()
        with torch.no_grad():
            value = self._value(seen).numpy()
        advantage, after = np.zeros_like(value), np.zeros_like(value[0])
        for t in range(len(ticks) - 2, -1, -1):
            cut = ticks[t + 1].started  # t ends an episode; its dollars include the settlement and are left out
            reward = np.where(cut, 0.0, ticks[t].accrued - ticks[t + 1].accrued) / REWARD_USD
            delta = reward + self.gamma * value[t + 1] - value[t]
            after = np.where(cut, 0.0, delta + self.gamma * self.gae_lambda * after).astype(np.float32)
            advantage[t] = after
        self._fit(seen[:-1], torch.as_tensor(advantage[:-1] + value[:-1]))
        return list(advantage[:-1])

    def _value(self, seen: torch.Tensor) -> torch.Tensor:
        assert self._critic is not None
        return self._critic(seen, torch.zeros(len(seen), dtype=torch.int64))

    def _fit(self, seen: torch.Tensor, returns: torch.Tensor) -> None:
        for _ in range(10 * self.n_epochs):
            loss = torch.nn.functional.mse_loss(self._value(seen), returns)
            self._critic_optimizer.zero_grad()
            loss.backward()
            self._critic_optimizer.step()


_PARTS = ("lines", "lanes")  # fields of a tick that are records themselves


def _as_arrays(tick: Tick) -> dict[str, np.ndarray]:
    own = {name: array for name, array in tick._asdict().items() if name not in _PARTS}
    return {**own, **prefixed({f"{name}.": getattr(tick, name)._asdict() for name in _PARTS})}


def _as_tick(arrays: Mapping[str, np.ndarray], sim: Simulator) -> Tick:
    """The reverse of `_as_arrays`.

    Raises:
        KeyError: an array is missing.
        ValueError: an array is of another size or kind, or out of bounds.
    """
    rows, k = sim.copies * sim.regions, sim.world.rules.candidates
    lines, lanes = part(arrays, "lines."), part(arrays, "lanes.")
    n, m = len(lines["x"]), len(lanes["x"])
    return Tick(
        checked("tick.seen", arrays["seen"], np.float32, (rows, REGION_COUNT)),
        checked("tick.accrued", arrays["accrued"], np.float64, (rows,)),
        checked("tick.started", arrays["started"], bool, (rows,)),
        Lines(
            checked("tick.lines.x", lines["x"], np.float32, (n, k, SOURCE_COUNT)),
            checked("tick.lines.mask", lines["mask"], bool, (n, k)),
            checked("tick.lines.region", lines["region"], np.int64, (n,), 0, sim.regions),
            checked("tick.lines.action", lines["action"], np.int64, (n,), 0, k),
            checked("tick.lines.log_prob", lines["log_prob"], np.float32, (n,)),
            checked("tick.lines.reward", lines["reward"], np.float32, (n,)),
        ),
        checked("tick.line_row", arrays["line_row"], np.int64, (n,), 0, rows),
        checked_lanes(lanes, sim.regions),
        checked("tick.lane_row", arrays["lane_row"], np.int64, (m,), 0, rows),
    )


@compiled
def _fill_region_features(w: Any, s: Any, seen: np.ndarray) -> None:
    """Fills (copies × regions, REGION_COUNT) with what every region of every copy sees."""
    for row in range(len(seen)):
        region_features(w, s, row // w.net.regions, row % w.net.regions, seen[row])
