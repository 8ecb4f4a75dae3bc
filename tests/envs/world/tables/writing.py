"""A network in three small tables, as a user may save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.scenario import Scenario

SITES = """name,kind,latitude,longitude,state,population
FC A,fc,40.5,-74.4,NJ,
FC B,fc,39.3,-76.6,MD,
SC X,sc,40.7,-74.2,NJ,
DS P,station,40.7,-74.0,NY,8000000
DS Q,station,39.95,-75.2,PA,1500000
DS R,station,38.9,-77.0,DC,700000
"""
LANES = """origin,destination,miles
FC A,SC X,20
FC A,DS P,30
FC A,DS Q,60
FC B,SC X,190
FC B,DS R,40
FC B,DS Q,100
SC X,DS P,15
SC X,DS Q,95
SC X,DS R,230
"""
ORDERS = """order,hour,station,sku,units,promise_hours
a,1.5,DS P,007,1,28
b,2,DS Q,7,2,28
c,30,DS P,007,3,60
"""


def scenario(folder: Path, **changes: Any) -> Scenario:
    """The tables of this file in a folder, and a scenario that names them.

    Args:
        folder: to write to.
        changes: `sites`, `lanes` and `orders` replace a table, as text or bytes; other names are fields.
    """
    tables = {"sites": SITES, "lanes": LANES, "orders": ORDERS}
    for name in tables:
        text = changes.pop(name, tables[name])
        (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    fields: dict[str, Any] = {
        "name": "mine",
        "horizon_hours": 48,
        "warmup_hours": 0,
        "network": {"sites": "sites.csv", "lanes": "lanes.csv"},
        "demand": {"path": "orders.csv"},
        "source_file": str(folder / "mine.yaml"),
    }
    for name, value in changes.items():
        fields[name] = {**fields.get(name, {}), **value} if isinstance(value, dict) else value
    for name, kind in (("network", "tables"), ("demand", "trace")):
        fields[name] = {"kind": kind, **fields[name]}
    return Scenario.model_validate(fields)
