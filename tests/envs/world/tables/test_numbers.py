"""Numbers with one reading are read, with two they are refused or said."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.reading import read_frame
from regional_dispatch.envs.world.tables.schema import Column, Table

TABLE = Table("t", "", "", (Column("a", "number", "", "", ""), Column("b", "text", "", "", "")))


def read(tmp_path: Path, cells: list[str], separator: str, decimal: str | None = None) -> tuple[list[float], Findings]:
    findings, path = Findings(), tmp_path / "t.csv"
    path.write_text("\n".join([f"a{separator}b", *(f'"{cell}"{separator}x' for cell in cells)]), encoding="utf-8")
    return read_frame(path, TABLE, Options(decimal=decimal), findings)["a"].tolist(), findings


@pytest.mark.parametrize(
    ("cells", "separator", "numbers"),
    [
        (["40,5", "7"], ";", [40.5, 7]),
        (["40,5", "1.234"], ";", [40.5, 1234]),
        (["1.234,5"], ";", [1234.5]),
        (["1.234.567"], "\t", [1234567]),
        (["40.5", "1,234"], ",", [40.5, 1234]),
        (["1,234,567"], ",", [1234567]),
        (["40.712"], ",", [40.712]),
        (["0,125"], ";", [0.125]),
        (["1'234.5", "8 000"], ",", [1234.5, 8000]),
        (["1e3", "-2.5E-1", "+4", ".5"], ",", [1000, -0.25, 4, 0.5]),
    ],
)
def test_numbers_of_one_reading(tmp_path: Path, cells: list[str], separator: str, numbers: list[float]) -> None:
    found, findings = read(tmp_path, cells, separator)
    assert found == numbers and not findings.errors


def test_thousands_or_decimals_in_a_semicolon_file_is_asked(tmp_path: Path) -> None:
    _, findings = read(tmp_path, ["1.234", "5.678"], ";")
    assert "row 2: a = '1.234': is it 1.234 or 1234?" in str(findings.errors[0])
    assert read(tmp_path, ["1.234"], ";", ",")[0] == [1234] and read(tmp_path, ["1.234"], ";", ".")[0] == [1.234]


def test_a_thousands_comma_is_said(tmp_path: Path) -> None:
    found, findings = read(tmp_path, ["8,000"], ",")
    assert found == [8000] and "a = '8,000': read as 8000" in str(findings.warnings[0])


@pytest.mark.parametrize(
    "cell", ["x", "nan", "inf", "1e999", "1_000", "0x1F", "30 km", "$5", "1,2,3", "٣", "--5", "1.2.3"]
)
def test_what_is_no_number_is_named(tmp_path: Path, cell: str) -> None:
    _, findings = read(tmp_path, ["1", cell], ",")
    assert f"row 3: a = '{cell}': must be a finite number" in str(findings.errors[0])


def test_many_wrong_rows_are_counted(tmp_path: Path) -> None:
    _, findings = read(tmp_path, ["x"] * 50, ",")
    assert len(findings.errors) == 21 and "and 30 more rows" in str(findings.errors[-1])
