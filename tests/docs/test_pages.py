"""Pages as they are committed: links lead somewhere, and tables can be refreshed by the command that the page names."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from regional_dispatch.evaluation.report.pages import END, START

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
RESULTS = [page for page in sorted((DOCS / "results").glob("*.md")) if page.name != "index.md"]
PLACE = re.compile(r"<!-- results(?: of (\w+))?: written by evaluate\.py page -->")


def name(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_a_file_or_a_generated_page(page: Path, generate: ModuleType) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    inside = [page.parent / link for link in links if "://" not in link]
    generated = {(DOCS / path).resolve() for path in generate.PAGES}
    assert [link for link in inside if not link.exists() and link.resolve() not in generated] == []


@pytest.mark.parametrize("page", RESULTS, ids=name)
def test_each_place_for_results_has_an_end_and_the_command_that_fills_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    runs = PLACE.findall(text)
    assert len(runs) == text.count(END) > 0
    commands = re.findall(r"evaluate\.py page (\S+) --page (\S+)", text)
    assert commands and {path for _, path in commands} == {f"docs/{name(page)}"}
    if START not in text:
        assert {Path(folder).name for folder, _ in commands} == set(runs)


@pytest.mark.parametrize("page", RESULTS, ids=name)
def test_a_page_of_results_is_in_the_navigation(page: Path) -> None:
    assert f": {name(page)}\n" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_every_picture_is_shown() -> None:
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in (DOCS / "results").glob("*.png") if path.name not in shown] == []
