"""Hostile tables are refused in lines that name file, row and mend, in little time and memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables import read_frame
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import LANES, ORDERS, SITES, STOCK, Table

HEAD = "name,kind,latitude,longitude\n"
ROW = "FC A,fc,40,-75\n"


def read(path: Path, table: Table = SITES) -> list[str]:
    """Reads a table; the texts of its errors."""
    begun, findings = time.process_time(), Findings()
    read_frame(path, table, Options(), findings)
    assert time.process_time() - begun < 3
    texts = [str(finding) for finding in findings.errors]
    assert all(str(path) in text and len(text) < 1000 and text.isprintable() for text in texts)
    return texts


CSV = {
    "an escape": (HEAD + "FC \x1b[31m,fc,40,-75\n", "row 2: name = 'FC \\x1b[31m': holds line breaks or other"),
    "a change of direction": (HEAD + "FC\u202eA,fc,40,-75\n", "not shown; remove them"),
    "a zero": (HEAD + "FC\x00A,fc,40,-75\n", "not shown; remove them"),
    "a line break": (HEAD + '"FC\nA",fc,40,-75\n', "not shown; remove them"),
    "a long cell": (HEAD + f"{'x' * 40_000},fc,40,-75\n", "holds more than 32,767 characters"),
    "a long row of other length": (HEAD + f"{'x' * 200_000},fc,40\n", "characters and another number of cells"),
    "a long quoted row": (HEAD + f'"{"x" * 200_000}",fc,40\n', "characters and another number of cells"),
    "many columns": (",".join(f"c{i}" for i in range(9000)) + "\n" + ROW, "9,000 columns; a table may have 1,000"),
    "a header without an end": ("x" * 100_000, "the header has more than 65,536 bytes"),
    "no header": ("\n" * 100_000, "is empty"),
    "an open quotation mark": (HEAD + '"FC A,fc,40,-75\n' + ROW * 1000, "is not closed"),
    "too large a number": (HEAD + "FC A,fc,1e999,-75\n", "latitude = '1e999': must be a finite number"),
    "infinity": (HEAD + "FC A,fc,inf,-75\n", "must be a finite number"),
    "no number": (HEAD + "FC A,fc,nan,-75\n", "must be a finite number"),
    "a long number": (HEAD + f"FC A,fc,{'9' * 5000},-75\n", "must be a finite number"),
    "a hexadecimal number": (HEAD + "FC A,fc,0x10,-75\n", "must be a finite number"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CSV)
def test_a_hostile_csv_is_refused(tmp_path: Path, kind: str) -> None:
    text, message = CSV[kind]
    path = tmp_path / "sites.csv"
    path.write_text(text, encoding="utf-8")
    errors = read(path)
    assert any(message in error for error in errors), errors


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        (SITES, {"name": "A", "kind": "fc", "latitude": 1, "longitude": 1, "trucks": "2147483648"}, "trucks"),
        (SITES, {"name": "A", "kind": "fc", "latitude": 1, "longitude": 1, "per_hour": "1e18"}, "per_hour"),
        (SITES, {"name": "A", "kind": "fc", "latitude": 1, "longitude": 1, "population": "1e300"}, "population"),
        (LANES, {"origin": "A", "destination": "B", "miles": "1e9"}, "miles"),
        (LANES, {"origin": "A", "destination": "B", "transit_hours": "2147483640"}, "transit_hours"),
        (LANES, {"origin": "A", "destination": "B", "capacity": "0"}, "capacity"),
        (LANES, {"origin": "A", "destination": "B", "departure_usd": "1e300"}, "departure_usd"),
        (STOCK, {"site": "A", "sku": "1", "on_hand": "32768"}, "on_hand"),
        (STOCK, {"site": "A", "sku": "1", "on_hand": "2147483648"}, "on_hand"),
        (ORDERS, {"order": "1", "hour": "1e300", "station": "S", "sku": "1", "units": "1"}, "hour"),
        (ORDERS, {"order": "1", "hour": "1", "station": "S", "sku": "1", "units": "4294967297"}, "units"),
        (ORDERS, {"order": "1", "hour": "1", "station": "S", "sku": "1", "units": "1", "promise_hours": "2147483640"},
         "promise_hours"),
    ],
)  # fmt: skip
def test_a_number_that_the_kernel_cannot_count_is_refused(
    tmp_path: Path, table: Table, row: dict[str, object], message: str
) -> None:
    pd.DataFrame([row]).to_csv(tmp_path / "t.csv", index=False)
    errors = read(tmp_path / "t.csv", table)
    assert len(errors) == 1 and f"row 2: {message} = " in errors[0], errors


# ---------------------------------------------------------------------------------------------------------- Parquet


def sites(**columns: pa.Array) -> pa.Table:
    plain = {"name": ["FC A"], "kind": ["fc"], "latitude": [40.0], "longitude": [-75.0]}
    return pa.table({**plain, **columns})


PARQUET = {
    "a list": (sites(name=pa.array([["FC A"]])), "has values of type list"),
    "a group": (sites(name=pa.array([{"a": 1}])), "has values of type struct"),
    "a map": (sites(name=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))), "has values of type map"),
    "bytes": (sites(name=pa.array([b"FC A"])), "has values of type binary"),
    "a duration": (sites(name=pa.array([5], pa.duration("s"))), "has values of type duration"),
    "an escape": (sites(name=pa.array(["\x1b[31m"])), "not shown; remove them"),
    "a long cell": (sites(name=pa.array(["x" * 40_000])), "holds more than 32,767 characters"),
    "infinity": (sites(latitude=pa.array([np.inf])), "must be a finite number"),
    "a large number": (sites(latitude=pa.array([2**63], pa.uint64())), "must lie in -90"),
    "no rows": (sites().slice(0, 0), "has no rows"),
    "many columns": (sites(**{f"c{i}": pa.array([1]) for i in range(1200)}), "1,204 columns; a table may have 1,000"),
}


@pytest.mark.parametrize("kind", PARQUET)
def test_a_hostile_parquet_file_is_refused(tmp_path: Path, kind: str) -> None:
    table, message = PARQUET[kind]
    path = tmp_path / "sites.parquet"
    pq.write_table(table, path)
    errors = read(path)
    assert any(message in error for error in errors), errors


def test_a_parquet_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "sites.parquet"
    names = pa.array(["x" * 30_000] * 4_000)  # 120 MB
    rest = {"kind": ["fc"] * len(names), "latitude": [40.0] * len(names), "longitude": [-75.0] * len(names)}
    pq.write_table(
        pa.table({"name": names, **rest}), path, compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert path.stat().st_size < 200_000
    assert any("bytes in one row group" in error for error in read(path))


@pytest.mark.parametrize("cut", [4, 12, 100, -9, -5, -1])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "sites.parquet"
    pq.write_table(sites(), path)
    path.write_bytes(path.read_bytes()[:cut])
    assert any("not readable as Parquet" in error for error in read(path))


def test_a_footer_that_claims_ten_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sites.parquet"
    pq.write_table(sites(), path)
    data = path.read_bytes()
    path.write_bytes(data[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1")
    assert any("not readable as Parquet" in error for error in read(path))


def test_every_flipped_byte_of_a_parquet_file_is_survived(tmp_path: Path) -> None:
    path, rng = tmp_path / "sites.parquet", np.random.default_rng(0)
    pq.write_table(sites(), path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(300):
        flipped = data.copy()
        flipped[rng.integers(len(data), size=3)] ^= rng.integers(1, 256, size=3).astype(np.uint8)
        path.write_bytes(flipped.tobytes())
        read_frame(path, SITES, Options(), Findings())


# ------------------------------------------------------------------------------------------------------ odd places


def test_a_path_that_is_no_table_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for path, message in (
        (tmp_path / "pipe.csv", "is a pipe or device"), (Path("/dev/zero"), "is a pipe or device"),
        (tmp_path / "loop.csv", "leads back to itself"), (tmp_path, "is a folder"),
        (tmp_path / ("x" * 300), "the name is too long"), (tmp_path / "none.csv", "no such file"),
    ):  # fmt: skip
        [error] = read(path)
        assert message in error and "a CSV or Parquet file with columns name, kind" in error


def test_a_workbook_and_an_archive_are_named(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    assert "is a workbook; save the sheet as CSV UTF-8" in read(tmp_path / "book.xlsx")[0]
    (tmp_path / "packed.csv").write_bytes(b"\x1f\x8b\x08\x00" + bytes(range(256)))
    assert read(tmp_path / "packed.csv")
