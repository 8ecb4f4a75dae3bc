"""Observations with their masks, and actions, as Gymnasium and stable-baselines3 take them.

They are padded: shapes are fixed, and a slot without a decision has one legal action. The learner of this project reads
one row per decision instead (`envs.kernel.decisions.observe`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from regional_dispatch.envs.faces.action_space import MaskedMultiDiscrete, checked_actions
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, LIMIT, REGION_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.observe import apply_choices, fill_tables
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.needs import check_memory, observation_parts


def observation_space(sim: Simulator, tables: bool = False) -> spaces.Dict:
    """What one region sees; `tables` keeps `orders` and `lanes` as tables instead of flat vectors."""
    slots, candidates, lanes = action_sizes(sim)
    shapes = {"orders": (slots, candidates, SOURCE_COUNT), "lanes": (lanes, DISPATCH_COUNT), "region": (REGION_COUNT,)}
    boxes = {
        name: spaces.Box(-LIMIT, LIMIT, shape if tables else (int(np.prod(shape)),), np.float32)
        for name, shape in shapes.items()
    }
    masks = {"order_mask": spaces.MultiBinary([slots, candidates]), "lane_mask": spaces.MultiBinary([lanes, 2])}
    return spaces.Dict({**boxes, **masks})


def action_space(sim: Simulator, rows: int | None = None) -> MaskedMultiDiscrete:
    """One of K candidates per line slot, then hold (0) or go (1) per lane slot; of one region, or of `rows`."""
    slots, candidates, lanes = action_sizes(sim)
    options = np.array([candidates] * slots + [2] * lanes)
    return MaskedMultiDiscrete(options if rows is None else np.tile(options, (rows, 1)))


def action_sizes(sim: Simulator) -> tuple[int, int, int]:
    """M order slots, K candidates, L lane slots."""
    rules = sim.world.rules
    return rules.order_slots, rules.candidates, sim.world.net.slot_lane.shape[1]


def empty_observation(sim: Simulator, rows: int) -> dict[str, np.ndarray]:
    """Arrays for `fill_observation`, one row per region observed, as tables.

    Raises:
        ScenarioError: the machine has too little memory for them.
    """
    slots, candidates, lanes = action_sizes(sim)
    needs = observation_parts(rows, slots, candidates, SOURCE_COUNT)
    check_memory(needs, sim.scenario, f"observations of {rows:,} regions")
    return {
        "orders": np.zeros((rows, slots, candidates, SOURCE_COUNT), np.float32),
        "lanes": np.zeros((rows, lanes, DISPATCH_COUNT), np.float32),
        "region": np.zeros((rows, REGION_COUNT), np.float32),
        "order_mask": np.zeros((rows, slots, candidates), np.int8),
        "lane_mask": np.zeros((rows, lanes, 2), np.int8),
    }


def fill_observation(sim: Simulator, first: int, out: dict[str, np.ndarray]) -> None:
    """Writes what regions see into blank arrays of `empty_observation`, one row each.

    Args:
        sim: the network copies.
        first: region of the first row, counted on from copy to copy: region r of copy b is b · R + r.
        out: every row is filled.
    """
    fill_tables(
        sim.world, sim.state, first, out["orders"], out["lanes"], out["region"], out["order_mask"], out["lane_mask"]
    )


def flat(out: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`orders` and `lanes` as vectors, one per row."""
    flattened = {name: out[name].reshape(len(out[name]), -1) for name in ("orders", "lanes")}
    return {**out, **flattened}


def masks_of(out: dict[str, np.ndarray]) -> np.ndarray:
    """The legal values of every row's slots, one slot after the other: (rows, M·K + 2·L) int8."""
    return np.concatenate([out[name].reshape(len(out[name]), -1) for name in ("order_mask", "lane_mask")], axis=1)


def apply_actions(sim: Simulator, first: int, actions: Any, rows: int | None = None) -> None:
    """Writes regions' padded actions into the kernel's decisions. Checked here: compiled code checks no index.

    Args:
        sim: the network copies.
        first: region of the first row, as for `fill_observation`.
        actions: (rows, M + L).
        rows: how many there must be; default, any number.

    Raises:
        gymnasium.error.ResetNeeded: a copy's episode has not begun, or has ended.
        gymnasium.error.InvalidAction: an action is not in the action space.
    """
    checked = checked_actions(actions, rows, *action_sizes(sim))
    need_decisions(sim, first // sim.regions, (first + len(checked) - 1) // sim.regions + 1)
    apply_choices(sim.world, sim.state, first, checked)


def need_decisions(sim: Simulator, first: int, end: int) -> None:
    """Raises ResetNeeded unless all copies from `first` to before `end` wait for decisions."""
    if not sim.state.row["waiting_for_decisions"][first:end].all():
        raise ResetNeeded("step() before reset(), or after the end of the episode; call reset() first")
