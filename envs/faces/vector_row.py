"""One row of the vector environment, for Gymnasium's `call`, `get_attr` and `set_attr`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gymnasium import spaces

from regional_dispatch.envs.faces.infos import region_kpis
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

if TYPE_CHECKING:
    from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv

SHARED = ("background", "metadata", "render_mode", "scenario", "sim", "spec", "tables")  # the same in all rows


class Row:
    """What a row has of `RegionalDispatchEnv`, and what users set on it.

    Args:
        envs: the batch.
        number: of the row.
    """

    def __init__(self, envs: RegionalDispatchVectorEnv, number: int) -> None:
        self._envs, self._number = envs, number

    def __getattr__(self, name: str) -> Any:
        if name in SHARED:
            return getattr(self._envs, name)
        raise AttributeError(f"a row of the vector environment has no attribute {name!r}")

    @property
    def region(self) -> int:
        """Number of the region."""
        return int(self._envs.region_rows.region_of[self._number])

    @property
    def copy(self) -> int:
        """Number of the network copy."""
        return int(self._envs.region_rows.copy_of[self._number])

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """Of one row."""
        return self._envs.single_observation_space

    @property
    def action_space(self) -> spaces.Space[Any]:
        """Of one row."""
        return self._envs.single_action_space

    def kpis(self) -> dict[str, float | None]:
        """All KPIs of the region since the warm-up, None where there is nothing to measure yet."""
        return region_kpis(self._envs.sim, self.copy, self.region)


def set_on_rows(rows: Sequence[Row], name: str, values: Any) -> None:
    """Sets an attribute of every row: a list or tuple has one value per row, anything else is for all.

    Raises:
        ValueError: the list has another length.
        AttributeError: the attribute is part of the world, which cannot be changed by row.
    """
    if name in SHARED or hasattr(Row, name):
        raise AttributeError(f"{name!r} cannot be set on rows of the vector environment; make another one")
    listed = list(values) if isinstance(values, list | tuple) else [values] * len(rows)
    if len(listed) != len(rows):
        raise ValueError(f"{name!r}: {len(listed)} values for {len(rows)} rows; give one per row, or a single one")
    for row, value in zip(rows, listed, strict=True):
        setattr(row, name, value)


def common_background(values: Any) -> Scorers:
    """The one background of all rows, given once or once per row.

    Raises:
        ValueError: rows would differ; they share networks.
    """
    listed = [values] if isinstance(values, Scorers) else list(values)
    if not all(isinstance(one, Scorers) and one is listed[0] for one in listed):
        raise ValueError("'background': must be the same Scorers for all rows, which share networks")
    return listed[0]
