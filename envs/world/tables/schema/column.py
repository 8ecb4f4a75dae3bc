"""What is known of a column, and of a table."""

from __future__ import annotations

from typing import Literal, NamedTuple

# How a cell is read: text; a finite number; a number of 0 or more; a whole one; a date with a time; a time of the day.
Kind = Literal["text", "number", "positive", "whole", "time", "clock", "yes_no"]
MILES_PER_KM = 0.621371


class Column(NamedTuple):
    """One column of a table."""

    name: str
    kind: Kind
    text: str  # what it holds
    example: str
    missing: str  # what happens without it, or where a cell is empty; empty where nothing is to be said
    unit: str = ""
    required: bool = False  # a table without it is refused, and so is an empty cell
    also: tuple[str, ...] = ()  # other names of the same column
    scaled: tuple[tuple[str, float], ...] = ()  # names of the same column in another unit, and the factor to this one
    instead: tuple[str, ...] = ()  # columns any of which takes its place
    low: float = float("-inf")
    high: float = 100_000_000  # what is made of it, per tick, fits into the kernel's 32-bit integers
    mend: str = ""  # what to do about a value out of these bounds


class Table(NamedTuple):
    """One table."""

    name: str
    field: str  # of the scenario, that names its file
    text: str  # what a row is
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """A column by name."""
        return next(column for column in self.columns if column.name == name)

    def required(self) -> list[str]:
        """Names of the columns that must be there."""
        return [column.name for column in self.columns if column.required]
