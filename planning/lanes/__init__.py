"""Which lanes run, chosen from expected flows, and what each of them costs."""

from __future__ import annotations

from regional_dispatch.planning.lanes.plan import LanePlan, lanes_table, plan_lanes

__all__ = ["LanePlan", "lanes_table", "plan_lanes"]
