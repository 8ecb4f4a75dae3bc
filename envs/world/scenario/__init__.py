"""What a scenario file may say.

A file of this folder holds one group of fields; `model` puts them together. A scenario is one YAML file read into
frozen pydantic models. Every field has its unit, default and bounds and, where it is a real-world figure, its source;
"Ours" marks a choice of this project. Unknown fields are errors. `load_scenario` turns every problem into one
`ScenarioError` that names file, field, value and fix.
"""

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.levers import Boundary, Change, Layout, Partition, RunningLanes
from regional_dispatch.envs.world.scenario.calendar import Calendar, Holiday, known_zone
from regional_dispatch.envs.world.scenario.capacity import Capacity
from regional_dispatch.envs.world.scenario.costs import Costs
from regional_dispatch.envs.world.scenario.demand import HOURLY_SHARES, WEEKDAY_SHARES, GeneratedDemand, Surge
from regional_dispatch.envs.world.scenario.events import CapacityEvent, Event, LaneEvent, RegionEvent
from regional_dispatch.envs.world.scenario.files import (
    find_scenario,
    load_scenario,
    read_scenario,
    rounded_hours,
    scenario_yaml,
)
from regional_dispatch.envs.world.scenario.model import LONGEST_HORIZON_HOURS, Scenario, Slots
from regional_dispatch.envs.world.scenario.network import DATA_DIR, MOST_METROS, CityNetwork, TableNetwork
from regional_dispatch.envs.world.scenario.parts import part_of, window
from regional_dispatch.envs.world.scenario.stock import Stock
from regional_dispatch.envs.world.scenario.trace import TraceDemand, TraceWeeks
from regional_dispatch.envs.world.scenario.trucks import Transfers, Trucks
from regional_dispatch.envs.world.scenario.what_if import AddedSite, StockMove, WhatIf
from regional_dispatch.envs.world.yaml_files import explain, override, read_yaml

__all__ = [
    "DATA_DIR",
    "HOURLY_SHARES",
    "LONGEST_HORIZON_HOURS",
    "MOST_METROS",
    "WEEKDAY_SHARES",
    "AddedSite",
    "Boundary",
    "Calendar",
    "Capacity",
    "CapacityEvent",
    "Change",
    "CityNetwork",
    "Costs",
    "Event",
    "GeneratedDemand",
    "Holiday",
    "LaneEvent",
    "Layout",
    "Partition",
    "RegionEvent",
    "RunningLanes",
    "Scenario",
    "ScenarioError",
    "Slots",
    "Stock",
    "StockMove",
    "Surge",
    "TableNetwork",
    "TraceDemand",
    "TraceWeeks",
    "Transfers",
    "Trucks",
    "WhatIf",
    "explain",
    "find_scenario",
    "known_zone",
    "load_scenario",
    "override",
    "part_of",
    "read_scenario",
    "read_yaml",
    "rounded_hours",
    "scenario_yaml",
    "window",
]
