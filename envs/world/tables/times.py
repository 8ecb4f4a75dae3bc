"""Cells as points in time: with an offset, or on the clock of a time zone.

Dates are read as ISO 8601 (2024-11-02 18:30, with T, seconds, Z or +01:00). Dates with slashes or points are read where
only one order of day and month fits the whole column; `time_format` says it where both do.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.names import as_text
from regional_dispatch.envs.world.tables.numbers import say_cells
from regional_dispatch.envs.world.tables.source import Batch

_DATE = (
    r"^(?P<a>\d{1,4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,4})"
    r"(?:[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<offset>Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?$"
)
_NUMBER = r"^[+-]?\d+(\.\d+)?$"
_DATED = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
UNIX_SECONDS, UNIX_MILLISECONDS, EXCEL_DAYS = "unix_seconds", "unix_milliseconds", "excel_days"
FIRST_YEAR, LAST_YEAR = 1900, 2200
# What a number in place of a date may count: name → unit, zero, and the range in which a number is taken for it.
NUMBER_FORMATS: dict[str, tuple[str, str, float, float]] = {
    UNIX_SECONDS: ("s", "1970-01-01", 5e8, 5e9),
    UNIX_MILLISECONDS: ("ms", "1970-01-01", 5e11, 5e12),
    EXCEL_DAYS: ("D", "1899-12-30", 25_000, 80_000),
}


def looks_like_dates(column: pa.Array) -> bool:
    """Whether the first cells of a column that are not empty are dates."""
    if not pa.types.is_dictionary(column.type):
        return pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    texts = [text for text in column.dictionary[:20].to_pylist() if text]
    return bool(texts) and all(pc.match_substring_regex(pa.array(texts), _DATED).to_pylist())


def counts_what(numbers: np.ndarray) -> str:
    """The format of `NUMBER_FORMATS` that numbers look like; empty where there is none."""
    known = numbers[np.isfinite(numbers)]
    for name, (_, _, low, high) in NUMBER_FORMATS.items():
        if len(known) and low <= known.min() and known.max() <= high:
            return name
    return ""


def read_times(
    file: Path, batch: Batch, name: str, zone: str, time_format: str | None, findings: Findings, required: bool = False
) -> np.ndarray:
    """A column's cells as points in time, NaT where they are empty or wrong: (n,) datetime64[us], in UTC.

    Args:
        file: for findings.
        batch: holds the column.
        name: of the column.
        zone: IANA name of the clock that times without an offset are read on.
        time_format: as `datetime.strptime` takes it, or one of `NUMBER_FORMATS`. Default: found out.
        findings: what is no time, or has two readings, is added.
        required: whether empty cells are errors.
    """
    column = batch.columns[name]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        local, utc = _typed(column)
        empty = np.isnat(local) & np.isnat(utc)
        wrong = np.zeros(len(batch), dtype=bool)
    else:
        encoded = as_text(column)
        texts = encoded.dictionary
        chosen = time_format or _format(file, batch, name, texts, findings)
        at = encoded.indices.to_numpy()
        local, utc = (part[at] for part in _parsed(texts, chosen))
        empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)[at] if len(texts) else np.ones(len(at), dtype=bool)
        wrong = np.isnat(local) & np.isnat(utc) & ~empty
        if chosen == "?":  # said already
            wrong[:] = False
    far = _far(local) | _far(utc)
    if far.any():
        mend = "correct it, or say how times are written with time_format"
        say_cells("error", file, batch, name, far, f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}", mend, findings)
        local, utc = (np.where(far, np.datetime64("NaT"), part) for part in (local, utc))
    if wrong.any():
        shape = (
            f"as time_format {time_format!r} says"
            if time_format
            else "such as 2024-11-02 18:30 or 2024-11-02T18:30+01:00"
        )
        say_cells("error", file, batch, name, wrong, "must be a date with a time", f"write it {shape}", findings)
    if required and empty.any():
        say_cells("error", file, batch, name, empty, "is empty", "", findings)
    on_clock = ~np.isnat(local)
    if on_clock.any():
        utc[on_clock] = _to_utc(file, batch, name, local, on_clock, zone, findings)
    return utc


def _far(times: np.ndarray) -> np.ndarray:
    """Which times lie in no year that can be meant: (n,) bool."""
    return ~np.isnat(times) & ((times < np.datetime64(f"{FIRST_YEAR}")) | (times >= np.datetime64(f"{LAST_YEAR + 1}")))


def _to_utc(
    file: Path, batch: Batch, name: str, local: np.ndarray, chosen: np.ndarray, zone: str, findings: Findings
) -> np.ndarray:
    """Times on a clock in UTC. An hour that the clock shows twice is taken for the first, and said; one that it skips
    is an hour later."""
    clock = pd.Series(local[chosen])
    first = clock.dt.tz_localize(ZoneInfo(zone), ambiguous=np.ones(len(clock), bool), nonexistent="shift_forward")
    second = clock.dt.tz_localize(
        ZoneInfo(zone), ambiguous=np.zeros(len(clock), bool), nonexistent=pd.Timedelta(hours=1)
    )
    gap = clock.dt.tz_localize(ZoneInfo(zone), ambiguous=np.ones(len(clock), bool), nonexistent="NaT").isna().to_numpy()
    utc = second.where(pd.Series(gap), first).dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    twice = (first != second).to_numpy() & ~gap
    for rows, what in (
        (twice, "the clock shows this hour twice; the first is taken"),
        (gap, "the clock skips this hour; an hour later is taken"),
    ):
        if rows.any():
            where = np.zeros(len(batch), dtype=bool)
            where[np.flatnonzero(chosen)[rows]] = True
            at = int(where.argmax())
            count = f"{int(rows.sum()):,} times: " if rows.sum() > 1 else ""
            findings.warning(
                file, f"{count}{what} ({zone})", "write times with an offset, such as -05:00", row=int(batch.rows[at]),
                column=name, value=str(local[at])[:16].replace("T", " "),
            )  # fmt: skip
    return np.asarray(utc)


def _typed(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Times of a Parquet file on a clock, and in UTC: (n,) each, one of the two NaT."""
    zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    plain = pc.cast(column, pa.timestamp("us", "UTC" if zoned else None), safe=False)
    times = pc.cast(plain, pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy().view("datetime64[us]").copy()
    nothing = np.full(len(times), np.datetime64("NaT"), "datetime64[us]")
    return (nothing, times) if zoned else (times, nothing)


def _format(file: Path, batch: Batch, name: str, texts: pa.Array, findings: Findings) -> str:
    """How a column's dates are written: `day` or `month` first where no year is, or a key of `NUMBER_FORMATS`; `?`
    where it has two readings."""
    filled = texts.filter(pc.not_equal(texts, ""))
    if len(filled) and pc.all(pc.match_substring_regex(filled, _NUMBER)).as_py():
        guess = counts_what(pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False))
        if guess:
            local, utc = _parsed(filled[:1], guess)
            shown = f"{_shown(local[0])}" if guess == EXCEL_DAYS else f"{_shown(utc[0])} UTC"
            mend = f"set time_format: {guess} if that is meant"
            _say_first(file, batch, name, f"a number; as {guess} it is {shown}", mend, findings)
            return "?"
    parts = pc.extract_regex(filled, _DATE)
    parts = parts.filter(pc.and_(parts.is_valid(), pc.less(pc.utf8_length(pc.struct_field(parts, "a")), 3)))
    if not len(parts):
        return "day"  # every date starts with its year
    first, second = (pc.max(pc.cast(pc.struct_field(parts, part), pa.int32())).as_py() for part in ("a", "b"))
    if first <= 12 and second <= 12:
        mend = "set time_format: '%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'"
        _say_first(file, batch, name, "day or month first?", mend, findings)
        return "?"
    return "day" if first > 12 else "month"


def _say_first(file: Path, batch: Batch, name: str, problem: str, mend: str, findings: Findings) -> None:
    findings.error(file, problem, mend, row=int(batch.rows[0]), column=name, value=batch.columns[name][0].as_py())


def _shown(time: np.datetime64) -> str:
    return str(time)[:16].replace("T", " ")


def _parsed(texts: pa.Array, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Distinct texts as times on a clock, and in UTC: (distinct,) datetime64[us] each, NaT where they are not."""
    nothing = np.full(len(texts), np.datetime64("NaT"), "datetime64[us]")
    if how == "?" or not len(texts):
        return nothing, nothing.copy()
    if how in NUMBER_FORMATS:
        unit, zero, _, _ = NUMBER_FORMATS[how]
        numbers = pd.to_numeric(pd.Series(texts.to_pylist(), dtype=object), errors="coerce")
        since = pd.to_timedelta(numbers, unit=unit, errors="coerce")  # type: ignore[call-overload]
        times = (pd.Timestamp(zero) + since).to_numpy("datetime64[us]")
        return (times, nothing) if how == EXCEL_DAYS else (nothing, times)
    if how in ("day", "month"):
        return _dates(texts, how == "day")
    zoned, written = "%z" in how, pd.Series(texts.to_pylist(), dtype=object)
    times = pd.to_datetime(written, format=how, errors="coerce", utc=zoned)
    plain = (times.dt.tz_localize(None) if zoned else times).to_numpy("datetime64[us]")
    return (nothing, plain) if zoned else (plain, nothing)


def _dates(texts: pa.Array, day_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """As `_parsed`, of dates in digits."""
    parts = pc.extract_regex(texts, _DATE)
    matched = parts.is_valid().to_numpy(zero_copy_only=False)

    def numbers(part: str, empty: str = "0") -> np.ndarray:
        text = pc.replace_substring(pc.fill_null(pc.struct_field(parts, part), ""), ",", ".")
        filled = pc.if_else(pc.equal(text, ""), empty, text)
        return np.asarray(pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False))

    def text(part: str) -> np.ndarray:
        found = pc.fill_null(pc.struct_field(parts, part), "")
        return np.asarray(found.to_numpy(zero_copy_only=False)).astype(str)

    first, second, third = numbers("a"), numbers("b"), numbers("c")
    year_first = first > 99
    year = np.where(year_first, first, np.where(third < 100, third + 2000, third)).astype(int)
    month = np.where(year_first, second, second if day_first else first).astype(int)
    day = np.where(year_first, third, first if day_first else second).astype(int)
    hour, half = numbers("hour"), np.char.lower(text("half"))
    afternoon, morning = np.char.startswith(half, "p"), np.char.startswith(half, "a")
    good = matched & (year > 1900) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24)
    good &= ~((afternoon | morning) & ((hour < 1) | (hour > 12)))
    hour = np.where(afternoon | morning, hour % 12 + 12 * afternoon, hour)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    date = months.astype("datetime64[D]") + np.where(good, day - 1, 0)
    good &= (date.astype("datetime64[M]") == months) & (numbers("minute") < 60) & (numbers("second") < 60)
    seconds = hour * 3600 + numbers("minute") * 60 + numbers("second")
    times = date.astype("datetime64[us]") + np.round(np.where(good, seconds, 0) * 1e6).astype("timedelta64[us]")
    times[~good] = np.datetime64("NaT")
    offset = text("offset")
    zoned = offset != ""
    ahead = np.zeros(len(times), "timedelta64[m]")
    for distinct in np.unique(offset[zoned]):
        ahead[offset == distinct] = _minutes(str(distinct))
    nothing = np.datetime64("NaT")
    return np.where(zoned, nothing, times), np.where(zoned, times - ahead, nothing)


def _minutes(offset: str) -> np.timedelta64:
    """How far a clock is ahead of UTC: Z, +01, +0100 or +01:00."""
    digits = offset.replace(":", "")
    if digits[0] not in "+-":
        return np.timedelta64(0, "m")
    minutes = int(digits[1:3]) * 60 + int(digits[3:5] or 0)
    return np.timedelta64(minutes if digits[0] == "+" else -minutes, "m")


def elapsed_hours(times: np.ndarray, start: dt.datetime) -> np.ndarray:
    """Hours from a start (aware) to points in time (UTC), NaN for NaT: (n,) float64."""
    zero = np.datetime64(start.astimezone(dt.UTC).replace(tzinfo=None), "us")
    hours = (times - zero) / np.timedelta64(1, "us") / 3.6e9
    return np.where(np.isnat(times), np.nan, hours)
