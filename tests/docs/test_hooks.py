"""What happens to pages when the site is built."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[2]
CONFIG: Any = SimpleNamespace(docs_dir=str(ROOT / "docs"), nav=[])


def page(path: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=path))


def rendered(hooks: ModuleType, markdown: str) -> str:
    return hooks.on_page_markdown(markdown, page("how-to/a.md"), CONFIG, SimpleNamespace())


def test_links_into_the_code_become_text(hooks: ModuleType) -> None:
    assert rendered(hooks, "see [`train.py`](../../train.py) and [b](../results/b.md)") == (
        "see `train.py` and [b](../results/b.md)"
    )


def test_a_link_to_a_file_that_is_gone_stops_the_build(hooks: ModuleType) -> None:
    with pytest.raises(PluginError, match=r"how-to/a\.md: links to '\.\./\.\./gone\.py'"):
        rendered(hooks, "[x](../../gone.py)")


def test_only_tables_of_results_are_left_out_of_the_search(hooks: ModuleType) -> None:
    assert hooks.on_page_content("<table>", page("results/a.md")) == "<table data-search-exclude>"
    assert hooks.on_page_content("<table>", page("reference/a.md")) == "<table>"
