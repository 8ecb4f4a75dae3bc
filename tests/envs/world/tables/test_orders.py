"""Orders of a file: which are played, where they go, what is left out, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.everything import read_network
from regional_dispatch.envs.world.tables.orders import Orders, read_orders
from tests.envs.world.tables.writing import ORDERS, SITES, scenario

CALENDAR = {"start": "2024-11-02", "time_zone": "America/New_York"}
HEAD = "order,hour,station,sku,units,promise_hours\n"


def read(folder: Path, orders: str | bytes = ORDERS, **changes: Any) -> tuple[Orders, Findings]:
    world, findings = scenario(folder, orders=orders, **changes), Findings()
    sites = read_network(world, Findings())[0]
    return read_orders(world, sites, findings), findings


def rows(orders: Orders) -> list[tuple[Any, ...]]:
    """Every line as hour, order, station, SKU, units, promise."""
    of = np.repeat(np.arange(len(orders.hours)), np.diff(orders.first_line))
    return [
        (orders.hours[o], orders.names[o], int(orders.station[o]), orders.sku_names[s], int(u), float(p))
        for o, s, u, p in zip(of, orders.sku, orders.units, orders.promise_hours, strict=True)
    ]


def test_orders_are_in_memory_as_they_were_placed(tmp_path: Path) -> None:
    orders, findings = read(tmp_path)
    assert not findings.errors and not findings.warnings
    assert rows(orders) == [(1.5, "a", 0, "007", 1, 28), (2.0, "b", 1, "7", 2, 28), (30.0, "c", 0, "007", 3, 60)]
    assert orders.sku_names == ("007", "7")  # by units, and with their zeros
    assert (orders.source == -1).all() and np.isnan(orders.shipped_hours).all() and orders.left_out == {}


@pytest.mark.parametrize("name", ["#1001", 'o"1', "😀", "007", "NaN", "a,b", "=1+1"])
def test_names_are_text_of_any_characters_that_show(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    orders, findings = read(tmp_path, HEAD + f"{quoted},0,DS P,{quoted},1,10\n")
    assert not findings.errors and orders.names[0] == name and orders.sku_names == (name,)


def test_an_order_of_any_size_with_promises_and_skus_of_its_own(tmp_path: Path) -> None:
    text = HEAD + "".join(f"big,3,DS P,S{i % 300},1,{10 + i}\n" for i in range(700))
    orders, _ = read(tmp_path, text)
    assert len(orders.hours) == 1 and orders.first_line.tolist() == [0, 700]
    assert orders.promise_hours.tolist() == list(range(10, 710)) and len(orders.sku_names) == 300


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    lines = [f"o{i % 7},{i % 3},DS {'PQR'[i % 3]},S{i},1,10\n" for i in range(60)]
    expected, _ = read(tmp_path, HEAD + "".join(sorted(lines)))
    mixed, _ = read(tmp_path, HEAD + "".join(np.random.default_rng(0).permutation(lines)))
    assert sorted(rows(mixed)) == sorted(rows(expected)) and mixed.names.tolist() == expected.names.tolist()


def test_one_name_at_two_times_is_two_orders_and_said(tmp_path: Path) -> None:
    orders, findings = read(tmp_path, HEAD + "a,0,DS P,1,1,20\na,24,DS P,2,1,20\na,0,DS P,3,1,48\n")
    assert orders.first_line.tolist() == [0, 2, 3]
    assert "order = 'a': 1 order names stand at several times" in str(findings.warnings[0])


def test_returns_cancellations_and_other_days_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "order,hour,station,sku,units,cancelled\n" + "".join(
        f"o{i},{hour},DS P,1,{units},{cancelled}\n"
        for i, (hour, units, cancelled) in enumerate(
            [(1, 1, ""), (1, -1, ""), (1, 0, "no"), (1, 1, "Yes"), (-5, 1, ""), (48, 1, ""), (500, 1, "")]
        )
    )
    orders, findings = read(tmp_path, text)
    assert list(orders.left_out.values()) == [2, 1, 1, 2] and len(orders.hours) == 1
    said = "\n".join(map(str, findings.warnings))
    for part in ("row 3: units = '-1': 2 of 7", "row 5: cancelled", "row 6: hour = '-5'", "row 7: hour = '48': 2 of 7"):
        assert part in said


@pytest.mark.parametrize(
    ("hours", "guess"),
    [((0, 1000, 2800), "are they minutes?"), ((1.7e9, 1.7e9 + 9), "are they seconds since 1970?")],
)
def test_hours_in_another_unit_are_asked(tmp_path: Path, hours: tuple[float, ...], guess: str) -> None:
    _, findings = read(tmp_path, HEAD + "".join(f"o{hour},{hour:g},DS P,1,1,9\n" for hour in hours))
    assert any(guess in str(finding) for finding in findings)


def test_dates_in_a_column_of_hours_are_times(tmp_path: Path) -> None:
    text = HEAD + "a,2024-11-02 12:15:00,DS P,1,1,9\n"
    _, findings = read(tmp_path, text)
    assert "add calendar: {start: 2024-11-02, time_zone:" in str(findings.errors[0])
    assert read(tmp_path, text, calendar=CALENDAR)[0].hours.tolist() == [12.25]


def test_times_promises_and_what_was_done(tmp_path: Path) -> None:
    text = (
        "Order No,ordered_at,Station,SKU,Qty,promised_by,source,shipped_at,delivered_at\n"
        "a,2024-11-03 06:00,DS P,1,1,2024-11-03 12:00,fc b,2024-11-03 08:00,2024-11-03T16:00Z\n"
        "b,2024-11-03T08:00-05:00,DS Q,1,1,,FC Z,,\n"
    )
    orders, findings = read(tmp_path, text, calendar=CALENDAR, demand={"columns": {"order": "Order No"}})
    assert (
        orders.hours.tolist() == [31.0, 33.0] and orders.promise_hours[0] == 6.0 and np.isnan(orders.promise_hours[1])
    )
    assert orders.source.tolist() == [1, -1]
    assert orders.shipped_hours[0] == 33.0 and orders.delivered_hours[0] == 36.0
    assert any("source = 'FC Z': no FC of this network" in str(warning) for warning in findings.warnings)


def test_a_customer_is_served_by_the_nearest_station_or_the_longest_prefix(tmp_path: Path) -> None:
    text = "order,hour,lat,lon,sku,units\na,0,40,-75,1,1\nb,0,39,-77,1,1\nc,0,51,0,1,1\n"
    orders, findings = read(tmp_path, text)
    assert orders.station.tolist() == [1, 2, 0]
    assert "row 4: latitude = '51': more than 300 miles from every station" in str(findings.warnings[0])
    sites = SITES.replace("population\n", "population,postal\n").replace("8000000", "8000000,1 07")
    sites = sites.replace("1500000", "1500000,100;19").replace("NJ,\n", "NJ,,\n").replace("MD,\n", "MD,,\n")
    text = "order,hour,zip,sku,units\na,0,10023,1,1\nb,0,11201,1,1\nc,0,07030,1,1\nd,0,94107,1,1\n"
    orders, findings = read(tmp_path, text, sites=sites)
    assert orders.station.tolist() == [1, 0, 0]
    assert "row 5: postal = '94107': no station serves it" in str(findings.errors[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "a,0,DS X,1,1,9\n", "row 2: station = 'DS X': no such station"),
        (HEAD + "a,0,,1,1,9\n", "row 2: station = '': is empty"),
        (HEAD + "a,0,DS P,,1,9\n", "row 2: sku = '': is empty"),
        (HEAD + "a,0,DS P,1,1.5,9\n", "row 2: units = '1.5': must be a whole number"),
        (HEAD + "a,0,DS P,1,1,-9\n", "row 2: promise_hours = '-9'"),
        (HEAD + "a,25:10:00,DS P,1,1,9\n", "row 2: hour = '25:10:00'"),
        (HEAD + "a,nan,DS P,1,1,9\n", "row 2: hour = 'nan'"),
        (HEAD + "a,1e300,DS P,1,1,9\n", "row 2: hour = '1e300'"),
        (HEAD + "a,0,DS P,1,-1,9\n", "no order is left to play"),
        (HEAD, "has no rows"),
        ("order,station,sku,units\na,DS P,1,1\n", "neither 'time' nor 'hour' is there"),
        ("order,hour,sku,units\na,0,1,1\n", "there is no station"),
        ("order,hour,station,sku\na,0,DS P,1\n", "column 'units' is missing"),
    ],
)
def test_what_cannot_be_an_order_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in str(error) for error in read(tmp_path, text)[1].errors)


def test_all_errors_are_raised_as_one(tmp_path: Path) -> None:
    world = scenario(tmp_path, orders=HEAD + "a,0,DS X,1,1,9\nb,x,DS P,1,1,9\n")
    with pytest.raises(ScenarioError) as error:
        read_orders(world, read_network(world, Findings())[0])
    assert "row 2: station" in str(error.value) and "row 3: hour" in str(error.value)


def test_parquet_in_batches_is_the_same_as_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, count = np.random.default_rng(1), 400
    frame = pd.DataFrame(
        {
            "order": [f"o{i}" for i in rng.integers(0, 150, count)],
            "hour": rng.integers(0, 60, count) * 0.5,
            "station": rng.choice(["DS P", "DS Q", "DS R"], count),
            "sku": [f"{i:03d}" for i in rng.integers(0, 30, count)],
            "units": rng.integers(-1, 4, count),
            "promise_hours": rng.integers(5, 50, count),
        }
    )
    expected, _ = read(tmp_path, frame.to_csv(index=False))
    frame.to_parquet(tmp_path / "orders.parquet", index=False)
    monkeypatch.setattr("regional_dispatch.envs.world.tables.source._BATCH_ROWS", 37)
    found, _ = read(tmp_path, demand={"path": "orders.parquet"})
    assert found.names.tolist() == expected.names.tolist() and found.left_out == expected.left_out
    assert found.sku_names == expected.sku_names
    for name in ("hours", "station", "first_line", "sku", "units", "promise_hours", "source"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("sku", pd.array([7, None], "Int64")),
        ("sku", [7.0, 8.0]),
        ("units", pd.array([1, 2], "UInt8")),
        ("units", ["1", "2"]),
        ("units", pd.array([1, None], "Int64")),
        ("promise_hours", [10.0, np.nan]),
        ("promise_hours", [None, None]),
        ("promise_hours", [[1.0], [2.0]]),
        ("cancelled", [True, False]),
        ("time", pd.to_datetime(["2024-11-02 06:30", None])),
        ("time", pd.to_datetime(["2024-11-02 06:30", "2024-11-03 08:00"]).tz_localize("Europe/Paris")),
        ("time", [dt.date(2024, 11, 2), dt.date(2024, 11, 3)]),
        ("time", [dt.time(6), dt.time(7)]),
        ("time", ["2024-11-02 06:30", None]),
        ("station", pd.Categorical(["DS P", "DS Q"])),
        ("station", ["DS P", None]),
        ("order", [b"a", b"b"]),
    ],
)
def test_any_type_of_a_parquet_column_is_read_or_refused(tmp_path: Path, column: str, values: Any) -> None:
    base: dict[str, Any] = {"order": ["a", "b"], "station": ["DS P", "DS Q"], "sku": ["1", "2"], "units": [1, 1]}
    base |= {} if column == "time" else {"hour": [1.0, 2.0]}
    pd.DataFrame({**base, column: values}).to_parquet(tmp_path / "orders.parquet", index=False)
    orders, findings = read(tmp_path, demand={"path": "orders.parquet"}, calendar=CALENDAR)
    played = len(orders.hours) + sum(orders.left_out.values())
    assert played == 2 or findings.errors
    if column == "sku" and played == 2:
        assert set(orders.sku_names) == {"7", "8"}


@pytest.mark.parametrize("sku", ["8.51E+04", "8,51E+04"])
def test_a_sku_that_a_spreadsheet_rounded_is_said(tmp_path: Path, sku: str) -> None:
    _, findings = read(tmp_path, HEAD + f'a,0,DS P,"{sku}",1,9\n')
    assert f"sku = '{sku}': looks like a number that a spreadsheet has rounded" in str(findings.warnings[0])


@pytest.mark.parametrize("time_format", ["%Q", "dd/mm/yyyy", "unix"])
def test_a_time_format_that_means_nothing_is_refused(tmp_path: Path, time_format: str) -> None:
    with pytest.raises(ValueError, match="time_format"):
        scenario(tmp_path, demand={"time_format": time_format})


def test_one_name_at_two_stations_is_two_orders(tmp_path: Path) -> None:
    orders, _ = read(tmp_path, HEAD + "a,0,DS Q,1,1,20\na,0,DS P,2,1,20\na,0,DS Q,3,1,20\n")
    assert orders.station.tolist() == [0, 1] and orders.first_line.tolist() == [0, 1, 3]
