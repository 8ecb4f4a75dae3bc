"""Plays a model of single decisions in `RegionalDispatch-v0`, so that it can be compared with any policy."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.policy import Observation, ScorerPolicy
from regional_dispatch.envs.streams.layout import (
    BASE,
    COLUMN_COUNT,
    DISPATCH_COLUMNS,
    GO,
    HOLD_GO,
    LANE,
    LEGAL,
    SOURCE_COLUMNS,
)


class DecisionModel(Protocol):
    """Decides single decisions: any model of stable-baselines3 that was trained on `RegionalDecision-v0`."""

    def predict(self, observation: np.ndarray, deterministic: bool = True) -> tuple[np.ndarray, Any]:
        """The actions of observations: (n, …) → (n,)."""
        ...


class JointPolicy:
    """All decisions of a tick, each made by a model of single decisions; a policy like any other.

    Args:
        model: was trained on `RegionalDecision-v0` with observations as vectors.
        base: policy that action 0 stands for, if it was trained with one.
    """

    def __init__(self, model: DecisionModel, base: ScorerPolicy | None = None) -> None:
        self.model, self.base = model, base

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """A candidate per line slot, then go (1) or hold (0) per lane slot: (…, M + L) int64."""
        tables = _tables(observation)
        rows = tables.reshape(-1, *tables.shape[-2:])
        order = self._order(observation, rows)
        rows = np.take_along_axis(rows, order[..., None], axis=1)
        if self.base is not None:
            rows[:, 0, BASE] = 1
        open_rows = np.flatnonzero(rows[..., LEGAL].sum(axis=1) > 1)
        chosen = np.zeros(len(rows), np.int64)
        if len(open_rows):
            asked = rows[open_rows].reshape(len(open_rows), -1)
            chosen[open_rows], _ = self.model.predict(asked, deterministic=deterministic)
        legal = np.take_along_axis(rows[..., LEGAL], chosen[:, None], axis=1)[:, 0] > 0
        action = np.take_along_axis(order, np.where(legal, chosen, 0)[:, None], axis=1)
        return action.reshape(tables.shape[:-2]), state

    def _order(self, observation: Observation, rows: np.ndarray) -> np.ndarray:
        """The slot's own action behind each of the model's actions: (decisions, K) int64."""
        own = np.tile(np.arange(rows.shape[1]), (len(rows), 1))
        if self.base is None:
            return own
        first = self.base.predict(observation)[0].reshape(-1, 1)
        return np.argsort(own != first, axis=1, kind="stable")


def _tables(observation: Observation) -> np.ndarray:
    """What every slot shows, as a decision of `RegionalDecision-v0`: (…, M + L, K, COLUMN_COUNT) float32."""
    order_mask, lane_mask = np.asarray(observation["order_mask"]), np.asarray(observation["lane_mask"])
    slots, candidates = order_mask.shape[-2:]
    lanes = lane_mask.shape[-2]
    out = np.zeros((*order_mask.shape[:-2], slots + lanes, max(candidates, HOLD_GO), COLUMN_COUNT), np.float32)
    lines, of_lanes = out[..., :slots, :candidates, :], out[..., slots:, :HOLD_GO, :]
    lines[..., LEGAL] = order_mask
    lines[..., SOURCE_COLUMNS] = np.reshape(observation["orders"], (*order_mask.shape, SOURCE_COUNT))
    of_lanes[..., LEGAL] = lane_mask
    of_lanes[..., LANE] = of_lanes[..., 1, GO, None] = 1
    of_lanes[..., DISPATCH_COLUMNS] = np.reshape(observation["lanes"], (*lane_mask.shape[:-1], 1, DISPATCH_COUNT))
    return out
