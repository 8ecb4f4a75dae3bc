"""Hooks of mkdocs: adds the generated pages, fills in the summary of results, and checks links into the code."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import generate
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

SUMMARY = "<!-- findings of all pages: written when the site is built -->"
RESULTS = "results/"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are written from the code."""
    for path, write in generate.PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """Fills in the summary, and turns links to files outside the docs into their names."""
    if SUMMARY in markdown:
        markdown = markdown.replace(SUMMARY, "\n".join(generate.findings(_results(files, config))))
    here = Path(config.docs_dir) / os.path.dirname(page.file.src_uri)
    return LINK.sub(lambda link: _outside(link, here, Path(config.docs_dir), page.file.src_uri), markdown)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Keeps the tables of results out of the search index; their headings and text stay in it."""
    return html.replace("<table>", "<table data-search-exclude>") if page.file.src_uri.startswith(RESULTS) else html


def _results(files: Files, config: MkDocsConfig) -> dict[str, str]:
    """Name of each page of results → its Markdown, in the order of the navigation."""
    order = re.findall(rf"{RESULTS}(\w+\.md)", str(config.nav))
    return {name: files.src_uris[RESULTS + name].content_string for name in order if name != "index.md"}


def _outside(link: re.Match[str], here: Path, docs: Path, page: str) -> str:
    """A link as it is, or its text alone where it leads out of the docs: the site has no copy of the code.

    Raises:
        PluginError: there is no such file in the repository.
    """
    target = Path(os.path.normpath(here / link[2]))
    if target.is_relative_to(docs):
        return link[0]
    if not target.exists():
        raise PluginError(f"{page}: links to '{link[2]}', which is not in the repository")
    return link[1]
