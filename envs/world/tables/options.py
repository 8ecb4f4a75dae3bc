"""What a scenario says about how a table is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from regional_dispatch.envs.world.tables.schema import Table


class Options(NamedTuple):
    """How one table is to be read."""

    columns: Mapping[str, str] = {}  # name of a column here → its name in the file
    encoding: str | None = None  # default: found out
    decimal: str | None = None  # "." or ","; default: found out
    distance: str = "miles"  # unit of distances whose column does not name it
    money: str = "USD"  # currency of costs


def options_of(group: Any, table: Table) -> Options:
    """The options of a table.

    Args:
        group: `network`, `demand`, `stock` or another group of fields of a scenario; it need not have such fields.
        table: of that group.
    """
    columns = getattr(group, "columns", None) or {}
    if any(isinstance(names, Mapping) for names in columns.values()):
        columns = columns.get(table.name, {})  # a group with several tables has names for each
    units = getattr(group, "units", None)
    return Options(
        columns,
        getattr(group, "encoding", None),
        getattr(group, "decimal", None),
        getattr(units, "distance", "miles"),
        getattr(units, "money", "USD"),
    )
