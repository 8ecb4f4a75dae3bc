"""Fields of `demand` where orders are replayed from the user's file."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from regional_dispatch.envs.world.levers import Frozen
from regional_dispatch.envs.world.scenario.calendar import known_zone
from regional_dispatch.envs.world.scenario.network import Encoding


class TraceWeeks(Frozen):
    """How a trace is split by time: first weeks to train on, then weeks to tune on; the rest evaluates."""

    train: float = Field(0.0, ge=0, le=1000, description="First weeks, on which policies are trained. Unit: weeks.")
    tune: float = Field(0.0, ge=0, le=1000, description="Weeks after those, on which settings are chosen. Unit: weeks.")


class TraceDemand(Frozen):
    """Orders replayed from the user's file, CSV or Parquet. See docs/reference/tables.md."""

    kind: Literal["trace"] = Field(description="Which of the two ways to describe demand this is.")
    path: str = Field(
        description="CSV or Parquet with one row per order line: order, time or hour, station (or latitude and "
        "longitude, or postal), sku, units; optional promise_hours or promised_by, source, shipped_at, delivered_at, "
        "cancelled; relative to the scenario file."
    )
    orders_per_day: float | None = Field(
        None, ge=1e-6, le=50e6,
        description="Mean of the trace; sizes stock and capacity. Default: that of the orders played. "
        "Unit: orders per day.",
    )  # fmt: skip
    weeks: TraceWeeks | None = Field(
        None, description="Weeks of the trace for training, tuning and evaluation. Default: it is not split, and what "
        "is learned is measured on the same orders.",
    )  # fmt: skip
    promise_hours: float = Field(
        60.0, gt=0, le=24 * 365, description="Promise of lines for which the file has none. Unit: hours. Ours."
    )
    size_from_days: float | None = Field(
        None, ge=1e-3, le=800,
        description="Shelves, and capacities that no table gives, are sized from the first days of the "
        "trace. Default: from all of it, which knows what will be ordered. Unit: days.",
    )  # fmt: skip
    columns: dict[str, str] = Field(
        {}, description="Names of columns in the file where they differ: `{order: Order No, units: Menge}`."
    )
    time_zone: str | None = Field(
        None, description="Clock of times that name no offset. Default: `calendar.time_zone`. Unit: IANA name."
    )
    time_format: str | None = Field(
        None, description="How times are written, such as `%d/%m/%Y %H:%M`, or `unix_seconds`, `unix_milliseconds` or "
        "`excel_days`. Default: ISO 8601, or as found where there is one reading alone.",
    )  # fmt: skip
    encoding: Encoding = Field(
        None, description="Encoding of the file, as Python names it. Default: UTF-8, UTF-16 or Windows-1252, as found."
    )
    decimal: Literal[".", ","] | None = Field(None, description="Decimal sign of the file. Default: as found.")

    @field_validator("time_format")
    @classmethod
    def _a_format(cls, text: str | None) -> str | None:
        counted = ("unix_seconds", "unix_milliseconds", "excel_days")
        try:
            if text is not None and text not in counted:
                dt.datetime.strptime(dt.datetime(2024, 11, 2, 18, 30, tzinfo=dt.UTC).strftime(text), text)
                pd.to_datetime([""], format=text, errors="coerce")  # which reads the file, and takes fewer formats
        except (ValueError, re.error):  # the second where a part stands twice
            text = ""
        if text is not None and text not in counted and "%" not in text:
            raise ValueError(f"must be written as datetime.strptime takes it, such as '%d/%m/%Y %H:%M', or {counted}")
        return text

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            known_zone(name)
        return name
