"""What a policy chose while it was learning, logged to TensorBoard under `rollout/`."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3.common.logger import Logger

from regional_dispatch.agents.credit.lanes import Lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS

_COST, _IN_REGION = (SOURCE_FEATURES.index(name) for name in ("cost", "in_region"))
_KIND = [DISPATCH_FEATURES.index(f"is_{kind}") for kind in LANE_KINDS]
_FILL = DISPATCH_FEATURES.index("fill")
_NO_TEXT = ("stdout", "log", "json", "csv")  # outputs that cannot show a histogram


def record_choices(logger: Logger, lines: Lines, lanes: Lanes) -> None:
    """Logs shares and distributions of the decisions of an update.

    Args:
        logger: SB3's.
        lines: sourcing decisions.
        lanes: dispatch decisions.
    """
    rank, in_region = _sourcing(lines)
    if len(rank):
        logger.record("rollout/source_rank", torch.as_tensor(rank), exclude=_NO_TEXT)
        logger.record("rollout/cheapest_share", float((rank == 0).mean()))
        logger.record("rollout/in_region_share", float(in_region.mean()))
    gone = lanes.action == 1
    logger.record("rollout/go_share", float(gone.mean()))
    for kind, column in zip(LANE_KINDS, _KIND, strict=True):
        mine = lanes.x[:, column] > 0
        if mine.any():
            logger.record(f"rollout/go_share_{kind}", float(gone[mine].mean()))
    if gone.any():
        fill = np.minimum(lanes.x[gone, _FILL], 1.0)
        logger.record("rollout/truck_fill", torch.as_tensor(fill), exclude=_NO_TEXT)


def _sourcing(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """For lines with a choice: how many candidates are cheaper than the chosen one (n,), and whether that one is in the
    region (n,).
    """
    row = np.arange(len(lines.action))
    cost, in_region = lines.x[..., _COST], lines.x[row, lines.action, _IN_REGION] > 0
    cheaper = (lines.mask & (cost < cost[row, lines.action, None])).sum(axis=1)
    has_choice = lines.mask.sum(axis=1) > 1
    return cheaper[has_choice], in_region[has_choice]
