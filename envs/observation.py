"""Observations with their masks, and actions, as Gymnasium and stable-baselines3 take them.

They are padded: shapes are fixed, and a slot without a decision has one legal action. The learner of this project reads
one row per decision instead (`envs.kernel.decisions.observe`).
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, LIMIT, REGION_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.observe import apply_choices, fill_tables
from regional_dispatch.envs.simulator import Simulator


def observation_space(sim: Simulator, tables: bool = False) -> spaces.Dict:
    """What one region sees; `tables` keeps `orders` and `lanes` as tables instead of flat vectors."""
    slots, candidates, lanes = _sizes(sim)
    shapes = {"orders": (slots, candidates, SOURCE_COUNT), "lanes": (lanes, DISPATCH_COUNT), "region": (REGION_COUNT,)}
    boxes = {
        name: spaces.Box(-LIMIT, LIMIT, shape if tables else (int(np.prod(shape)),), np.float32)
        for name, shape in shapes.items()
    }
    masks = {"order_mask": spaces.MultiBinary([slots, candidates]), "lane_mask": spaces.MultiBinary([lanes, 2])}
    return spaces.Dict({**boxes, **masks})


def action_space(sim: Simulator) -> spaces.MultiDiscrete:
    """One of K candidates per line slot, then hold (0) or go (1) per lane slot."""
    slots, candidates, lanes = _sizes(sim)
    return spaces.MultiDiscrete([candidates] * slots + [2] * lanes)


def _sizes(sim: Simulator) -> tuple[int, int, int]:
    rules = sim.world.rules
    return rules.order_slots, rules.candidates, sim.world.net.slot_lane.shape[1]


def empty_observation(sim: Simulator, rows: int) -> dict[str, np.ndarray]:
    """Arrays for `fill_observation`, one row per region observed, as tables."""
    slots, candidates, lanes = _sizes(sim)
    return {
        "orders": np.zeros((rows, slots, candidates, SOURCE_COUNT), np.float32),
        "lanes": np.zeros((rows, lanes, DISPATCH_COUNT), np.float32),
        "region": np.zeros((rows, REGION_COUNT), np.float32),
        "order_mask": np.zeros((rows, slots, candidates), np.int8),
        "lane_mask": np.zeros((rows, lanes, 2), np.int8),
    }


def fill_observation(sim: Simulator, copy: int, region: int, out: dict[str, np.ndarray], row: int) -> None:
    """Writes what a region of a network copy sees into one row of `empty_observation`'s arrays."""
    orders, lanes, region_row, order_mask, lane_mask = (
        out[name][row] for name in ("orders", "lanes", "region", "order_mask", "lane_mask")
    )
    orders[:], lanes[:], order_mask[:], lane_mask[:] = 0, 0, 0, 0
    order_mask[:, 0] = lane_mask[:, 0] = 1  # a slot without a decision has one legal value
    fill_tables(sim.world, sim.state, copy, region, orders, lanes, region_row, order_mask, lane_mask)


def flat(out: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`orders` and `lanes` as vectors, one per row."""
    flattened = {name: out[name].reshape(len(out[name]), -1) for name in ("orders", "lanes")}
    return {**out, **flattened}


def apply_action(sim: Simulator, copy: int, region: int, action: np.ndarray) -> None:
    """Writes a region's padded action into the kernel's decisions. It is checked here: compiled code checks no index.

    Raises:
        gymnasium.error.ResetNeeded: the copy's episode has not begun, or has ended.
        gymnasium.error.InvalidAction: the action is not in the action space.
    """
    if not sim.state.row["waiting_for_decisions"][copy]:
        raise ResetNeeded("step() before reset(), or after the end of the episode; call reset() first")
    apply_choices(sim.world, sim.state, copy, region, _checked(np.asarray(action), *_sizes(sim)))


def _checked(action: np.ndarray, slots: int, candidates: int, lanes: int) -> np.ndarray:
    """The action as the kernel reads it: (M + L,) int64."""
    if action.shape != (slots + lanes,):
        raise InvalidAction(
            f"action of shape {action.shape}: must be ({slots + lanes},), a candidate for each of {slots} order slots, "
            f"then hold (0) or go (1) for each of {lanes} lane slots"
        )
    if action.dtype.kind not in "iub":
        raise InvalidAction(f"action of dtype {action.dtype}: must be integers")
    for name, part, first, options in (
        ("order", action[:slots], 0, candidates),
        ("lane", action[slots:], slots, 2),
    ):
        wrong = np.flatnonzero((part < 0) | (part >= options))
        if len(wrong):
            at = int(wrong[0])
            raise InvalidAction(f"action[{first + at}] = {part[at]}: the {name} slot {at} takes 0…{options - 1}")
    return np.ascontiguousarray(action, dtype=np.int64)
