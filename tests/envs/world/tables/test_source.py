"""Tables as spreadsheets save them: every form gives the same network, or is refused with its row."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.everything import read_network
from tests.envs.world.tables.writing import LANES, SITES, scenario

UMLAUT = SITES.replace("FC A", "FC Zürich"), LANES.replace("FC A", "FC Zürich")


def network(folder: Path, **tables: Any) -> tuple[pd.DataFrame, pd.DataFrame, Findings]:
    findings = Findings()
    sites, lanes = read_network(scenario(folder, **tables), findings)
    assert lanes is not None
    return sites, lanes, findings


def same(folder: Path, sites: Any, lanes: Any = UMLAUT[1]) -> list[str]:
    """Asserts that tables are read as `UMLAUT`; the warnings."""
    expected = network(folder, sites=UMLAUT[0], lanes=UMLAUT[1])
    found = network(folder, sites=sites, lanes=lanes)
    assert not found[2].errors, [str(error) for error in found[2].errors]
    for wanted, frame in zip(expected[:2], found[:2], strict=True):
        pd.testing.assert_frame_equal(frame.reset_index(drop=True), wanted.reset_index(drop=True))
    return [str(warning) for warning in found[2].warnings]


def spaced(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(
        ["", " , ".join(lines[0].upper().split(",")), "", *(f"{line} " for line in lines[1:]), ",,,,,", ""]
    )


def decimal_comma(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(tmp_path: Path, encoding: str, ending: str) -> None:
    assert not same(tmp_path, UMLAUT[0].replace("\n", ending).encode(encoding))


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace(",", "|"),
        lambda text: "sep=;\n" + text.replace(",", ";"),
        decimal_comma,
        lambda text: decimal_comma(text).replace("8000000", "8.000.000"),
        lambda text: text.replace("8000000", '"8,000,000"'),
        lambda text: text.replace("8000000", "8 000 000").replace("1500000", "1\u202f500\u00a0000"),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: "# Exported on Monday.\n" + text,
        lambda text: text.replace("\n", ",\n"),
        lambda text: text.replace("\n", ",,,\n"),
        lambda text: text.replace(",700000", ",700000,,"),
        lambda text: text.replace("name,kind", "Name, Kind ").replace("latitude", "LAT"),
        lambda text: text.replace("FC Zürich", '"FC Zürich"').replace("fc,", "Fulfilment Centre,"),
        lambda text: text.replace("-74.4", "−74.4"),
        lambda text: text.replace("DS P", "DS P\u00a0"),
        spaced,
    ],
)
def test_other_forms_of_the_same_table(tmp_path: Path, changed: Any) -> None:
    assert not same(tmp_path, changed(UMLAUT[0]))


def test_windows_1252_is_read_and_said_with_its_row(tmp_path: Path) -> None:
    [warning] = same(tmp_path, UMLAUT[0].encode("cp1252"))
    assert "sites.csv: row 2: 'FC Zürich,fc" in warning and "read as Windows-1252" in warning


@settings(max_examples=40)
@given(
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    ending=st.sampled_from(["\n", "\r\n"]),
    separator=st.sampled_from([",", ";", "\t"]),
    comma=st.booleans(),
    blank=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_any_mix_gives_the_same_network(
    tmp_path_factory: pytest.TempPathFactory,
    encoding: str,
    ending: str,
    separator: str,
    comma: bool,
    blank: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    rows = [line.split(",") for line in UMLAUT[0].splitlines()]
    if comma and separator != ",":
        rows = [[cell.replace(".", ",") for cell in row] for row in rows]
    for _ in range(blank):
        rows.insert(int(rng.integers(1, len(rows) + 1)), [""] * int(rng.integers(1, 7)))
    rows = [[cell + " " * int(rng.integers(0, 3)) for cell in row] for row in rows]
    text = ending.join(separator.join(row) for row in rows) + ending
    same(tmp_path_factory.mktemp("mix"), text.encode(encoding))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("DS R,station,38.9,-77.0,DC,700000", "DS R,station,38.9,-77.0,DC,700000,5", r"row 7: '5': has 7 cells"),
        ("DS R,station,38.9,-77.0,DC,700000", "DS R,station,38.9", r"row 7: longitude = '': is empty"),
        ("DS R,station", '"DS R,station', r"row 7: .*a quotation mark is not closed"),
        ("FC A,fc,40.5", 'FC A,fc,"40,5"', r"row 2: latitude = '40,5': has a decimal comma"),
        ("FC B,fc,39.3", '"FC B,fc,39.3', r"row 3: .*a quotation mark is not closed"),
        ("FC A,fc", "#REF!,fc", r"row 2: name = '#REF!': is a spreadsheet's error"),
        ("population", "latitude", r"latitude: the column is there twice"),
        ("population", "", r"row 5: '8000000': column 6 has no name"),
        ("population", "populaton", r"populaton: unknown column; is it population\?"),
    ],
)
def test_a_row_or_header_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    findings = network(tmp_path, sites=SITES.replace(old, new, 1))[2]
    assert pd.Series([str(error) for error in findings.errors]).str.contains(rf"sites\.csv: {message}").any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (SITES.splitlines()[0].encode(), "has no rows"),
        (b"PK\x03\x04 and more", "is a workbook"),
        (UMLAUT[0].encode() + "FC Gödöllő,fc,1,1,,\n".encode("cp1250"), "some of it is UTF-8, and some is not"),
    ],
)
def test_a_file_without_a_table_says_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    findings = network(tmp_path, sites=content)[2]
    assert [message in str(error) for error in findings.errors] == [True], findings.errors


def test_a_missing_file_is_named_once(tmp_path: Path) -> None:
    findings = network(tmp_path, network={"sites": "nosuch.csv"})[2]
    assert [error.problem for error in findings.errors] == ["no such file"]


def test_parquet_gives_the_same_network(tmp_path: Path) -> None:
    frame = pd.read_csv(pd.io.common.StringIO(UMLAUT[0]))
    frame.to_parquet(tmp_path / "sites.parquet", index=False)
    expected, found = network(tmp_path, sites=UMLAUT[0]), network(tmp_path, network={"sites": "sites.parquet"})
    pd.testing.assert_frame_equal(found[0], expected[0])


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    text = SITES.replace("name,kind", "Lager,Art")
    columns = {"sites": {"name": "lager", "kind": "Art"}}
    assert network(tmp_path, sites=text, network={"columns": columns})[0]["name"].tolist()[0] == "FC A"
    wrong = network(tmp_path, sites=text, network={"columns": {"sites": {"name": "Lage", "sort": "Art"}}})[2]
    assert ["there is no column 'Lage'" in str(error) for error in wrong.errors].count(True) == 1
    assert any("'sort' is no column of sites" in str(error) for error in wrong.errors)


def test_columns_that_are_not_read_are_said_in_one_line(tmp_path: Path) -> None:
    text = SITES.replace("\n", ",1,x\n").replace("population,1,x", "population,sqft,note")
    [warning] = network(tmp_path, sites=text)[2].warnings
    assert "not read: sqft, note" in str(warning)


def test_an_open_quotation_mark_in_a_large_file_is_found(tmp_path: Path) -> None:
    far = "".join(f"DS {i},station,{30 + i % 20},{-70 - i % 40},,1\n" for i in range(60_000))
    findings = network(tmp_path, sites=SITES + 'DS "X,station,1,1,,\n"DS Y,station,1,1,,\n' + far)[2]
    assert "row 9: " in str(findings.errors[0]) and "quotation mark is not closed" in str(findings.errors[0])


def test_two_open_quotation_marks_do_not_swallow_the_rows_between_them(tmp_path: Path) -> None:
    text = SITES.replace("FC B,fc", '"FC B,fc').replace(
        "DS Q,station,39.95,-75.2,PA,1500000", '",station,39.95,-75.2,PA,1'
    )
    findings = network(tmp_path, sites=text)[2]
    assert any("row 3" in str(error) and "quotation mark" in str(error) for error in findings.errors)


def test_an_encoding_that_python_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'utf-9' is no encoding"):
        network(tmp_path, network={"encoding": "utf-9"})
    polish = SITES.replace("FC A", "FC Łódź").encode("cp1250"), LANES.replace("FC A", "FC Łódź").encode("cp1250")
    sites, _, findings = network(tmp_path, sites=polish[0], lanes=polish[1], network={"encoding": "cp1250"})
    assert sites["name"].iloc[0] == "FC Łódź" and not findings.warnings
