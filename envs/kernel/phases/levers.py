"""The setting of the levers that is in force: regions, stock levels and lanes."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined


@inlined
def enter_setting(w: Any, s: Any, b: int) -> None:
    """Puts the setting in force that begins with the row's tick. Packages under way keep their routes."""
    row, first = s.row[b], w.net.first_tick
    following = row.setting + 1
    if following < len(first) and first[following] <= row.tick:
        row.setting = following
        for sku in range(s.moved.shape[1]):
            s.moved[b, sku] = 1  # levels may have risen
