"""Writes a map as one HTML file that opens without a network: data, styles and deck.gl are in it.

The page forbids itself every request (its Content-Security-Policy), so nothing in it can reach out.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regional_dispatch.data.map.contents import contents
from regional_dispatch.data.map.played import Played
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.output import write_file

HERE = Path(__file__).parent
PARTS = {"STYLE": "page.css", "DECK": "vendor/deck.min.js", "SCRIPT": "page.js"}
_MARK = re.compile(r"@@([A-Z]+)@@")


def played_map(played: Played, path: Path) -> None:
    """Writes the map of one run.

    Args:
        played: some hours of an episode (`data.map.played.play`).
        path: the HTML file; an existing one is replaced.

    Raises:
        InputError: it cannot be written.
    """
    write_file(path, page([played]))


def difference_map(before: Played, after: Played, path: Path) -> None:
    """Writes the map of what a change did: lanes that gain or lose packages, trucks or dollars, sites that come or go.

    Args:
        before: without the change.
        after: with it, in the same hours of the same orders.
        path: the HTML file; an existing one is replaced.

    Raises:
        InputError: the two are not of the same hours, or the file cannot be written.
    """
    spans = [(run.tick_hours, run.hour_of_week.tolist()) for run in (before, after)]
    if spans[0] != spans[1]:
        raise InputError(
            f"the runs to compare have other hours: {_span(before)} and {_span(after)}; play the same hours of both"
        )
    write_file(path, page([before, after]))


def page(runs: Sequence[Played]) -> str:
    """The HTML of a map, of one run or of the difference between two."""
    found = contents(runs)
    parts = {name: (HERE / file).read_text(encoding="utf-8") for name, file in PARTS.items()}
    parts["TITLE"] = html.escape(found["title"])
    parts["DATA"] = packed(found)
    return _MARK.sub(lambda mark: parts[mark[1]], (HERE / "page.html").read_text(encoding="utf-8"))


def packed(found: dict[str, Any]) -> str:
    """JSON, compressed, as text that HTML can hold."""
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpacked(text: str) -> dict[str, Any]:
    """The contents of a page, from its HTML."""
    data = re.search(r'<script id="data"[^>]*>([^<]*)</script>', text)
    if data is None:
        raise ValueError("not a page of this project: it has no data")
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(data[1])))
    return found


def _span(run: Played) -> str:
    return f"{len(run.trucks)} ticks of {run.tick_hours:g} hours from hour {run.hour_of_week[0]:g} of the week"
