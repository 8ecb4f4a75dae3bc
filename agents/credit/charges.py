"""What decisions are charged with beyond their own costs, so that a learner sees what they do to other decisions."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import linear

BACKLOG_HOURS = 12.0  # hours of queued work per unit of the lane price's `backlog` feature


class Charges(NamedTuple):
    """The charges, under the names of the PPO file (`agents.config.PpoConfig`)."""

    load_credit: float = 0.0  # credit of a lane per package it sends: share of a full truck's cost per package
    handover_charge: float = 0.0  # charge of a lane: share of the next lanes' price of what it sends
    truck_charge: Literal["marginal", "average"] = "average"  # which packages pay for a truck less than full
    congestion_usd_per_hour: float = 0.0  # charge of a line, per hour of work queued at the FC and sort centers it uses
    unit_charge: float = 1.0  # charge of a line: share of the shadow price of the units it takes
    settlement: bool = True  # what is under way at the horizon is charged at standard cost; else it costs nothing

    def with_congestion(self, price: Scorer) -> Scorer:
        """The price of lanes, plus the charge for the work queued at each lane's origin."""
        if not self.congestion_usd_per_hour:
            return price
        if not price.bias.size:
            price = linear(LANE_PRICE_FEATURES)
        weight = price.weight.copy()
        weight[:, LANE_PRICE_FEATURES.index("backlog")] += np.float32(BACKLOG_HOURS * self.congestion_usd_per_hour)
        return price._replace(weight=weight)
