"""What a policy prefers where a feature ranks a candidate first, in words."""

from __future__ import annotations

WORDS = {
    "cost": "a low standard cost", "in_region": "FCs of the region in force", "direct": "direct trucks",
    "air_miles": "the nearest FC", "transit": "short transit", "slack": "time to spare", "late": "being in time",
    "on_hand": "full shelves", "cover": "shelves that last", "last_unit": "sparing last units",
    "order_share": "FCs that hold the rest of the order", "order_rest": "the order's size",
    "order_plan": "the order's cheapest plan", "lane_fill": "lanes with packages waiting",
    "lane_age": "how long the lane has waited", "lane_inflow": "lanes that fill soon",
    "lane_inbound": "lanes with packages coming", "lane_cost_now": "trucks that would leave cheaply",
    "fc_backlog": "FCs without a backlog", "sc_backlog": "sort centers without a backlog",
    "fewest_packages": "the order's plan with the fewest packages", "spill_cover": "spilling to full shelves only",
    "surcharge": "the lanes' own price", "shadow_price": "units that are worth little elsewhere",
}  # fmt: skip
