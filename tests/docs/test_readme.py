"""The README is one screen: a picture, one table that a command writes, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COMPARISON_KPIS
from regional_dispatch.evaluation.report.pages import END, START, refresh
from tests.processes import write_summary

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 60


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished comparison of one policy."""
    folder = tmp_path / "mine"
    write_summary(folder, "least_cost", "python evaluate.py compare")
    return folder


def test_it_is_one_screen_with_one_table() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    assert README.count("| --- |") == README.count(START) == README.count(END) == 1


def test_links_and_pictures_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_its_kpis_are_rows_of_the_full_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert rows == [kpi for kpi in COMPARISON_KPIS if kpi in rows] != []


def test_the_command_that_writes_its_table_names_these_kpis() -> None:
    page = (ROOT / "docs" / "results" / "us8.md").read_text(encoding="utf-8")
    command = re.search(r"evaluate\.py page runs/readme --kpis (\S+)", page)
    assert command and command[1].split(",") == re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)


def test_a_short_table_has_the_rows_asked_for_as_the_full_one_has_them(tmp_path: Path, run: Path) -> None:
    full, short = tmp_path / "full.md", tmp_path / "short.md"
    for page, kpis in ((full, None), (short, ["on_time_share", "cost_per_order_usd"])):
        page.write_text(f"{START}\n{END}\n", encoding="utf-8")
        refresh(page, tmp_path / "pictures", run, kpis)
    rows = [line for line in short.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["cost_per_order_usd", "on_time_share"]
    assert set(short.read_text(encoding="utf-8").splitlines()) <= set(full.read_text(encoding="utf-8").splitlines())


def test_a_kpi_that_is_not_in_the_table_is_named(tmp_path: Path, run: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{START}\n{END}\n", encoding="utf-8")
    with pytest.raises(InputError, match="KPI 'speed': is not in the table"):
        refresh(page, tmp_path / "pictures", run, ["speed"])
