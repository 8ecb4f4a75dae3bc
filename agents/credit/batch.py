"""Recorders of several networks side by side, so that the policy decides for all of them in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.concatenate import concatenate
from regional_dispatch.agents.credit.lane_prices import PriceRecorder
from regional_dispatch.agents.credit.lanes import LaneRecorder, Lanes
from regional_dispatch.agents.credit.lines import LineRecorder, Lines
from regional_dispatch.envs.simulator import Simulator, part, prefixed

Recorder = TypeVar("Recorder", LineRecorder, LaneRecorder)
# Of us8, in the mean; settings of PPO, such as its clip of gradients, are for dollars of this size.
ROUTE_USD, TRUCK_USD = 4.0, 3.0


class Recorders(Generic[Recorder]):
    """What `LineRecorders` and `LaneRecorders` have in common.

    Args:
        each: one recorder per network.
    """

    def __init__(self, each: list[Recorder]) -> None:
        self.each: list[Recorder] = each
        self._ends = np.zeros(0, np.int64)

    def pack(self) -> tuple[np.ndarray, ...]:
        """Decisions to take in all networks; see `LineRecorder.pack` and `LaneRecorder.pack`."""
        found, self._ends = _joined([recorder.pack() for recorder in self.each])
        return found

    def clear(self) -> None:
        """Drops everything; call when the copies are reset."""
        for recorder in self.each:
            recorder.clear()

    def snapshot(self) -> dict[str, np.ndarray]:
        """What each recorder keeps, as arrays; call between two updates."""
        return prefixed({f"{i}.": recorder.snapshot() for i, recorder in enumerate(self.each)})

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continues from a snapshot of the same number of networks; see each recorder's `restore`."""
        for i, recorder in enumerate(self.each):
            recorder.restore(part(arrays, f"{i}."))


class LineRecorders(Recorders[LineRecorder]):
    """One `LineRecorder` per network, packed and taken together.

    Args:
        sims: the networks, all with the same number of candidates per line.
        charges: what lines are charged with.
        ticks: room at the start for the open decisions of so many busiest ticks; it grows when needed.
    """

    def __init__(self, sims: Sequence[Simulator], charges: Charges = Charges(), ticks: int = 64) -> None:  # noqa: B008
        self.sims = list(sims)
        super().__init__([LineRecorder(sim, ticks * sim.world.rules.order_slots, charges) for sim in sims])
        self._units = [np.float32(unit) for unit in _units([sim.world.net.routes["cost"] for sim in sims], ROUTE_USD)]

    def unpack(self, action: np.ndarray, log_prob: np.ndarray) -> None:
        """Applies the choices of the lines just packed; see `LineRecorder.unpack`."""
        for recorder, *own in zip(self.each, *_split(self._ends, action, log_prob), strict=True):
            recorder.unpack(*own)

    def take(self) -> Lines:
        """All decisions closed since the last call, with their returns in the units of their networks."""
        closed = [recorder.take() for recorder in self.each]
        return concatenate([
            lines._replace(reward=lines.reward / unit) for lines, unit in zip(closed, self._units, strict=True)
        ])  # fmt: skip


class LaneRecorders(Recorders[LaneRecorder]):
    """One `LaneRecorder` per network, packed and taken together.

    Args:
        sims: the networks.
        charges: what lanes are charged with.
    """

    def __init__(self, sims: Sequence[Simulator], charges: Charges = Charges()) -> None:  # noqa: B008
        units = _units([sim.world.net.lanes["cost"] for sim in sims], TRUCK_USD)
        super().__init__([LaneRecorder(sim, charges, unit) for sim, unit in zip(sims, units, strict=True)])

    def unpack(self, action: np.ndarray, log_prob: np.ndarray, value: np.ndarray) -> None:
        """Applies go or hold to the lanes just packed."""
        for recorder, *own in zip(self.each, *_split(self._ends, action, log_prob, value), strict=True):
            recorder.unpack(*own)

    def take(self, gamma: float, gae_lambda: float) -> tuple[Lanes, np.ndarray, np.ndarray]:
        """Decisions, advantages and returns; see `LaneRecorder.take`. Chain numbers repeat between networks."""
        lanes, advantages, returns = zip(*(recorder.take(gamma, gae_lambda) for recorder in self.each), strict=True)
        return concatenate(list(lanes)), np.concatenate(advantages), np.concatenate(returns)


class PriceRecorders:
    """One `PriceRecorder` per network, taken together.

    Args:
        sims: the networks.
    """

    def __init__(self, sims: Sequence[Simulator]) -> None:
        self.each = [PriceRecorder(sim) for sim in sims]

    def take(self) -> tuple[np.ndarray, ...]:
        """All samples since the last call; see `PriceRecorder.take`."""
        return _joined([recorder.take() for recorder in self.each])[0]


def _units(costs: Sequence[np.ndarray], usual: float) -> list[float]:
    """What a dollar of each network is divided by: 1 where there is one, else such that all have costs of usual size.

    Otherwise a network whose trucks cost a hundred times as much would outweigh all others.
    """
    return [1.0] if len(costs) == 1 else [max(float(cost.mean()), 1e-9) / usual for cost in costs]


def _joined(parts: list[tuple[np.ndarray, ...]]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The parts concatenated array by array, and where each part but the last ends. A single part is not copied."""
    ends = np.cumsum([len(part[0]) for part in parts])[:-1]
    if len(parts) == 1:
        return parts[0], ends
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True)), ends


def _split(ends: np.ndarray, *arrays: np.ndarray) -> list[list[np.ndarray]]:
    return [np.split(array, ends) for array in arrays]
