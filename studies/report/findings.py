"""What a study found, before it is a page: headlines, sections, figures and tables."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.statistics import Interval

_SCREEN_DPI = 100.0  # of pictures that do not give theirs


def flat(record: Any) -> dict[str, Any]:
    """A named tuple or mapping as a row of a table: an interval `x` becomes `x_mean`, `x_ci_low` and `x_ci_high`."""
    row: dict[str, Any] = {}
    for name, value in (record if isinstance(record, Mapping) else record._asdict()).items():
        parts = value._asdict() if isinstance(value, Interval) else {"": value}
        row |= {f"{name}_{part}" if part else name: x for part, x in parts.items()}
    return row


def file_stem(policy: str) -> str:
    """A policy's display name as part of a file's name."""
    return policy.replace("/", "_").replace("+", "_")


class Headline(NamedTuple):
    """A main number of the study."""

    value: str  # with its unit
    text: str  # what it is


class Figure(NamedTuple):
    """A picture and the numbers in it."""

    name: str  # of its files, without ending
    title: str
    caption: str
    png: bytes
    data: pd.DataFrame | None = None  # None: a map, which shows no numbers
    gif: bytes | None = None  # the same, animated; the PNG replaces it in print and where motion is turned off

    @property
    def inches(self) -> float:
        """Width as drawn, at which text has the size of its font. Unit: inches."""
        picture = Image.open(io.BytesIO(self.png))
        return float(picture.width / picture.info.get("dpi", (_SCREEN_DPI, 0))[0])


class Table(NamedTuple):
    """Numbers as text, and as numbers."""

    name: str  # of its file, without ending
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: pd.DataFrame
    note: str = ""
    prose: bool = False  # cells are sentences: they wrap, and are stacked on a phone


class Section(NamedTuple):
    """A part of the page."""

    title: str
    text: str  # paragraphs, an empty line between two
    parts: tuple[Figure | Table, ...] = ()
    page_only: bool = False  # left out of report.md, which the docs show


class Place(NamedTuple):
    """A world for the close-up."""

    title: str
    scenario: Scenario


class Findings(NamedTuple):
    """A whole study."""

    answer: str  # one or two sentences
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    method: str  # paragraphs
    places: Mapping[str, Place] = MappingProxyType({})  # of the close-up, by name as in files; the same orders

    @property
    def parts(self) -> list[Figure | Table]:
        """Every figure and table, in the order of the page."""
        return [part for section in self.sections for part in section.parts]
