"""What handling costs: the scenario's rates as compiled code reads them, and the formula that everything shares."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from regional_dispatch.envs.world.scenario import Costs

# One field per field of the scenario's `costs`, so that a new rate needs no second list.
Rates = namedtuple("Rates", list(Costs.model_fields))  # type: ignore[misc]


def rates(costs: Costs) -> Any:
    """The rates of a scenario as a named tuple of floats, USD."""
    return Rates(**{name: float(value) for name, value in costs.model_dump().items()})


def handling_usd(costs: Any, sorts: Any) -> Any:
    """Picking, packing and all sorts of a package, USD; `sorts` may be an array."""
    return costs.pick_pack_usd + costs.sort_usd * sorts
